//! Stored forms of numeric while planning: which results keep a fixed scale, and conversions between forms.
//!
//! Invariant: both sides of a comparison, and both terms of a sum, have one form.

use super::Binder;
use super::record::is_row;
use crate::bound::{CastHow, Expr};
use base::Result;
use catalog::builtin::Proc;
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

/// Largest scale of a 128-bit decimal.
const SCALE_MAX: u8 = 38;

/// What a call of a function over numerics takes and gives.
#[derive(Debug)]
enum Rule {
    /// Arguments in one form; the result has it too.
    Same,
    /// Arguments in one form; the result is not a numeric, or has the form of its own type.
    Compare,
    /// The scales add up.
    Product,
    /// The argument's form, whatever it is.
    Keep,
    /// Any form in, scale per value out.
    Average,
    /// Scale per value.
    PerValue,
}

fn rule(name: &str) -> Rule {
    match name {
        "numeric_add" | "numeric_sub" | "numeric_larger" | "numeric_smaller" => Rule::Same,
        "numeric_eq" | "numeric_ne" | "numeric_lt" | "numeric_le" | "numeric_gt" | "numeric_ge"
        | "numeric_cmp" => Rule::Compare,
        "numeric_mul" => Rule::Product,
        "numeric_uminus" | "numeric_uplus" | "numeric_abs" | "abs" | "sum" | "min" | "max" | "count"
        | "lag" | "lead" | "first_value" | "last_value" | "nth_value" => Rule::Keep,
        "avg" => Rule::Average,
        _ => Rule::PerValue,
    }
}

pub(super) fn per_value() -> SqlType {
    SqlType { oid: oid::NUMERIC, typmod: -1, form: Form::PgNum, domain: None }
}

/// The type of a cast's result: an integer becomes a numeric of scale 0.
pub(super) fn cast_result(source: &SqlType, target: &SqlType) -> SqlType {
    match source.oid {
        oid::INT2 | oid::INT4 | oid::INT8 if target.oid == oid::NUMERIC => SqlType::numeric_at_scale(0),
        _ => target.clone(),
    }
}

/// The one form for several numerics that are compared or added.
pub(super) fn aligned(types: &[SqlType]) -> Form {
    let mut scale = 0;
    let mut wide = false;
    for ty in types {
        match ty.form {
            Form::Decimal128 { scale: s } => scale = scale.max(s),
            Form::Decimal256 { scale: s } => {
                scale = scale.max(s);
                wide = true;
            }
            _ => return Form::PgNum,
        }
    }
    if wide { Form::Decimal256 { scale } } else { Form::Decimal128 { scale } }
}

impl Binder<'_> {
    /// The expression in the form and with the type of `ty`, value unchanged.
    pub(crate) fn in_form(&self, expr: Expr, ty: &SqlType) -> Result<Expr> {
        let own = expr.ty();
        if own.form == ty.form {
            return Ok(expr);
        }
        if is_row(own.oid) && own.form.arrow() == ty.form.arrow() {
            // The names of fields are those of the first.
            return Ok(super::coerce::relabel(expr, ty));
        }
        match &expr {
            Expr::Const(Datum::Null, _) => return Ok(Expr::Const(Datum::Null, ty.clone())),
            Expr::Const(Datum::Decimal128(value), _) => {
                if let Some(folded) = self.constant_in_form(*value, &own, ty)? {
                    return Ok(folded);
                }
            }
            _ => {}
        }
        Ok(Expr::Cast { how: CastHow::NumericForm, arg: Box::new(expr), ty: ty.clone() })
    }

    fn constant_in_form(&self, value: i128, own: &SqlType, ty: &SqlType) -> Result<Option<Expr>> {
        let Form::Decimal128 { scale } = own.form else { return Ok(None) };
        match ty.form {
            Form::Decimal128 { scale: wanted } if wanted >= scale => {
                let factor = 10_i128.checked_pow(u32::from(wanted - scale));
                let scaled = factor.and_then(|f| value.checked_mul(f));
                Ok(scaled.map(|v| Expr::Const(Datum::Decimal128(v), ty.clone())))
            }
            Form::PgNum => {
                let mut text = String::new();
                types::text::format_text(own, &Datum::Decimal128(value), &self.context.io, &mut text)?;
                let datum = types::text::parse_text(&per_value(), &text, &self.context.io)?;
                Ok(Some(Expr::Const(datum, ty.clone())))
            }
            _ => Ok(None),
        }
    }

    /// Brings the numeric arguments of a call into the forms its function takes; gives them and the result's type.
    pub(super) fn numeric_call(
        &self,
        proc: &Proc,
        args: Vec<Expr>,
        result: SqlType,
    ) -> Result<(Vec<Expr>, SqlType)> {
        // NULL has no scale of its own.
        let has_value = |e: &&Expr| !matches!(e, Expr::Const(Datum::Null, _));
        let numerics: Vec<SqlType> =
            args.iter().filter(has_value).map(Expr::ty).filter(|t| t.oid == oid::NUMERIC).collect();
        let in_form = |args: Vec<Expr>, target: &SqlType| -> Result<Vec<Expr>> {
            let formed = |a: Expr| if a.ty().oid == oid::NUMERIC { self.in_form(a, target) } else { Ok(a) };
            args.into_iter().map(formed).collect()
        };
        if numerics.is_empty() {
            return Ok((in_form(args, &per_value())?, result));
        }
        let is_numeric = result.oid == oid::NUMERIC;
        let (arg_form, result) = match rule(proc.name) {
            Rule::Same | Rule::Compare => {
                let form = aligned(&numerics);
                let ty = if is_numeric { SqlType { form: form.clone(), ..per_value() } } else { result };
                // Sums over 76-digit decimals are left to the exact form.
                match form {
                    Form::Decimal256 { .. } if is_numeric => (Some(Form::PgNum), per_value()),
                    form => (Some(form), ty),
                }
            }
            Rule::Product => {
                let scales: Option<Vec<u8>> = numerics
                    .iter()
                    .map(|t| match t.form {
                        Form::Decimal128 { scale } => Some(scale),
                        _ => None,
                    })
                    .collect();
                let sum = scales.and_then(|s| s.iter().try_fold(0_u8, |a, b| a.checked_add(*b)));
                match sum.filter(|s| *s <= SCALE_MAX) {
                    Some(scale) => (None, SqlType::numeric_at_scale(scale)),
                    None => (Some(Form::PgNum), per_value()),
                }
            }
            Rule::Keep => {
                let first = numerics.first().map_or(Form::PgNum, |t| t.form.clone());
                let form = if numerics.iter().all(|t| t.form == first) { first } else { Form::PgNum };
                let ty = if is_numeric { SqlType { form: form.clone(), ..per_value() } } else { result };
                (Some(form), ty)
            }
            Rule::Average => (None, if is_numeric { per_value() } else { result }),
            Rule::PerValue => (Some(Form::PgNum), if is_numeric { per_value() } else { result }),
        };
        let Some(form) = arg_form else { return Ok((args, result)) };
        let target = SqlType { form, ..per_value() };
        Ok((in_form(args, &target)?, result))
    }
}
