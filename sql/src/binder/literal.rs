//! Constants: number literals, and text read as a value of a type.
//!
//! Invariant: a numeric constant keeps the scale it was written with.

use super::names::located;
use super::type_name::held;
use super::{Binder, Term};
use crate::bound::{CastHow, Expr};
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use sqlparser::ast;
use types::sql_type::oid;
use types::{Datum, Form, IoSettings, SqlType};

/// Digits that 128 bits surely hold.
const DECIMAL128_DIGITS: usize = 38;

pub(super) fn unknown_type() -> SqlType {
    SqlType { oid: oid::UNKNOWN, typmod: -1, form: Form::Text, domain: None }
}

/// A number literal, by size int4, int8 or numeric; `text` may have a sign.
pub(super) fn number(text: &str) -> Result<Expr> {
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        if let Ok(n) = text.parse::<i32>() {
            return Ok(Expr::Const(Datum::Int32(n), held(oid::INT4, -1)?));
        }
        if let Ok(n) = text.parse::<i64>() {
            return Ok(Expr::Const(Datum::Int64(n), held(oid::INT8, -1)?));
        }
    }
    match decimal(text) {
        Some((value, scale)) => Ok(Expr::Const(Datum::Decimal128(value), SqlType::numeric_at_scale(scale))),
        None => {
            let ty = held(oid::NUMERIC, -1)?;
            let datum = types::text::parse_text(&ty, text, &types::text::IoSettings::default())?;
            Ok(Expr::Const(datum, ty))
        }
    }
}

/// Value and scale of a decimal number that fits a 128-bit decimal; `None` for all else.
pub(super) fn decimal(text: &str) -> Option<(i128, u8)> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let negative = mantissa.starts_with('-');
    let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().count() == 0 || !digits().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let shift = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let significant = digits().skip_while(|b| *b == b'0').count();
    let padding = usize::try_from((-shift).max(0)).ok()?;
    if significant + padding > DECIMAL128_DIGITS || shift > 38 {
        return None;
    }
    let mut value = digits().try_fold(0_i128, |v, b| v.checked_mul(10)?.checked_add(i128::from(b - b'0')))?;
    for _ in 0..padding {
        value = value.checked_mul(10)?;
    }
    Some((if negative { -value } else { value }, u8::try_from(shift.max(0)).ok()?))
}

/// B'..' or X'..'
fn bit_string(kind: char, digits: &str, at: usize) -> Result<Expr> {
    let bits = types::bits::parse(&format!("{kind}{digits}")).map_err(|e| located(e, at))?;
    Ok(Expr::Const(Datum::Text(bits), held(oid::BIT, -1)?))
}

impl Binder<'_> {
    pub(super) fn value(&mut self, value: &ast::ValueWithSpan) -> Result<Term> {
        let ast::ValueWithSpan { value, span } = value;
        let at = self.at(*span);
        let expr = match value {
            ast::Value::Number(text, false) => number(text).map_err(|e| located(e, at))?,
            ast::Value::SingleQuotedString(s)
            | ast::Value::EscapedStringLiteral(s)
            | ast::Value::UnicodeStringLiteral(s)
            | ast::Value::NationalStringLiteral(s) => Expr::Const(Datum::Text(s.clone()), unknown_type()),
            ast::Value::DollarQuotedString(ast::DollarQuotedString { value, tag: _ }) => {
                Expr::Const(Datum::Text(value.clone()), unknown_type())
            }
            ast::Value::Boolean(b) => Expr::Const(Datum::Bool(*b), held(oid::BOOL, -1)?),
            ast::Value::Null => Expr::Const(Datum::Null, unknown_type()),
            ast::Value::Placeholder(name) => return self.parameter(name, at),
            ast::Value::SingleQuotedByteStringLiteral(digits) => bit_string('b', digits, at)?,
            ast::Value::HexStringLiteral(digits) => bit_string('x', digits, at)?,
            other => {
                let message = format!("syntax error at or near \"{other}\"");
                return Err(located(Error::new(ErrorKind::Syntax, message), at));
            }
        };
        Ok(Term { expr, at })
    }

    /// Text as a constant of a type, as the type's input reads it.
    pub(super) fn constant(&self, text: &str, ty: &SqlType, at: usize) -> Result<Expr> {
        if ty.oid == oid::NUMERIC
            && ty.typmod == -1
            && let Some((value, scale)) = decimal(text)
        {
            return Ok(Expr::Const(Datum::Decimal128(value), SqlType::numeric_at_scale(scale)));
        }
        if let Some(found) = self.object_constant(text, ty, at)? {
            return Ok(Expr::Const(found, ty.clone()));
        }
        match self.parsed(text, ty) {
            // Its offset is that of the session's zone today: it is read when the statement runs.
            Err(error) if ty.oid == oid::TIMETZ && error.kind() == ErrorKind::Unsupported => {
                let text = Expr::Const(Datum::Text(text.to_owned()), held(oid::TEXT, -1)?);
                Ok(Expr::Cast { how: CastHow::InOut, arg: Box::new(text), ty: ty.clone() })
            }
            datum => Ok(Expr::Const(datum.map_err(|e| located(e, at))?, ty.clone())),
        }
    }

    /// As PostgreSQL, `'today'` is the day on which the statement is bound.
    fn parsed(&self, text: &str, ty: &SqlType) -> Result<Datum> {
        let datum = types::text::parse_text(ty, text, &self.context.io);
        let Some(now) = self.context.now else { return datum };
        match datum {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                let io = IoSettings { now: Some(now.transaction_us()), ..self.context.io.clone() };
                types::text::parse_text(ty, text, &io)
            }
            datum => datum,
        }
    }

    /// $1, $2, ..: of the declared or of the so far inferred type, else unknown.
    fn parameter(&mut self, name: &str, at: usize) -> Result<Term> {
        if let Some(own) = self.frame_parameter(name, at) {
            return own;
        }
        let index = name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok()).filter(|n| *n > 0);
        let index = index.filter(|n| *n <= base::limits::PARAMETERS_MAX).ok_or_else(|| {
            located(Error::new(ErrorKind::UndefinedParameter, format!("there is no parameter {name}")), at)
        })?;
        if self.parameters.len() < index {
            self.parameters.resize(index, None);
        }
        let declared = self.context.parameter_types.get(index - 1).copied().flatten();
        let known = self.parameters.get(index - 1).cloned().flatten();
        let ty = match (known, declared) {
            (Some(ty), _) => ty,
            (None, Some(declared)) if declared != oid::UNKNOWN && declared.0 != 0 => {
                let ty = self.type_of(declared, -1).map_err(|e| located(e, at))?;
                self.set_parameter(index, &ty);
                ty
            }
            (None, _) => unknown_type(),
        };
        // Of a domain it is one by what it is held as.
        let expr = self.with_checked_fields(Expr::Param { index, ty: ty.clone().as_domain(None) })?;
        match ty.domain {
            None => Ok(Term { expr, at }),
            Some(_) => self.coerce_to_domain(Term { expr, at }, &ty, CastContext::Assignment),
        }
    }

    pub(super) fn set_parameter(&mut self, index: usize, ty: &SqlType) {
        if let Some(slot) = index.checked_sub(1).and_then(|i| self.parameters.get_mut(i)) {
            *slot = Some(ty.clone());
        }
    }

    /// Types of the parameters after binding, in order; 42P18 when one was never given a type.
    pub fn parameter_types(&self) -> Result<Vec<SqlType>> {
        let count = self.parameters.len().max(self.context.parameter_types.len());
        (0..count)
            .map(|i| match (self.parameters.get(i).cloned().flatten(), self.context.parameter_types.get(i)) {
                (Some(ty), _) => Ok(ty),
                (None, Some(Some(declared))) if declared.0 != 0 && *declared != oid::UNKNOWN => {
                    self.type_of(*declared, -1)
                }
                _ => {
                    let message = format!("could not determine data type of parameter ${}", i + 1);
                    Err(Error::new(ErrorKind::IndeterminateDatatype, message))
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_keep_their_scale() {
        assert_eq!(decimal("1.50"), Some((150, 2)));
        assert_eq!(decimal("-.5"), Some((-5, 1)));
        assert_eq!(decimal("1e3"), Some((1000, 0)));
        assert_eq!(decimal("1.5e-3"), Some((15, 4)));
        assert_eq!(decimal("1."), Some((1, 0)));
        assert_eq!(decimal("NaN"), None);
        assert_eq!(decimal("1e40"), None);
    }
}
