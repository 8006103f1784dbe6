//! Coercions: which casts exist, how they are written into the tree, and common types.
//!
//! Invariant: a coerced expression has the target's OID; a numeric without modifier keeps its stored form.

use super::names::located;
use super::record::is_row;
use super::type_name::{held, type_name};
use super::{Binder, Term, numeric};
use crate::bound::{CastHow, Expr};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{self, CastContext, CastMethod};
use types::sql_type::{is_registry, is_vector, oid};
use types::{Datum, SqlType, user_type};

/// Pseudo-types that stand for whatever type an argument has.
pub(crate) fn is_polymorphic(ty: Oid) -> bool {
    matches!(ty.0, 2276 | 2277 | 2283 | 2776 | 3500 | 3831 | 4537 | 4538 | 5077..=5080)
}

/// How a value of one type becomes one of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Relabel,
    Function(Oid),
    InOut,
}

pub(super) fn category(ty: Oid) -> char {
    match builtin::type_by_oid(ty) {
        Some(row) => row.category,
        None if user_type::is_enum(ty) => 'E',
        None if user_type::is_array(ty) => 'A',
        None if user_type::is_composite(ty) => 'C',
        None => 'U',
    }
}

pub(super) fn is_preferred(ty: Oid) -> bool {
    builtin::type_by_oid(ty).is_some_and(|t| t.preferred)
}

fn true_array_element(ty: Oid) -> Option<Oid> {
    let built_in = builtin::type_by_oid(ty).filter(|t| t.is_true_array).map(|t| t.element);
    built_in.or_else(|| user_type::array_element(ty))
}

/// The path from a type to another that a context allows; equal types are a relabelling.
pub(crate) fn path(source: Oid, target: Oid, context: CastContext) -> Option<Path> {
    if source == target || is_row_of_record(source, target) {
        return Some(Path::Relabel);
    }
    if let Some(row) = builtin::cast(source, target) {
        if row.context > context {
            return None;
        }
        return Some(match row.method {
            CastMethod::Binary => Path::Relabel,
            CastMethod::InOut => Path::InOut,
            CastMethod::Function(proc) => Path::Function(proc),
        });
    }
    // The vectors would else capture what should go to true arrays.
    if !is_vector(target)
        && let (Some(from), Some(to)) = (true_array_element(source), true_array_element(target))
    {
        return path(from, to, context).map(|p| if p == Path::Relabel { p } else { Path::InOut });
    }
    if context >= CastContext::Assignment && category(target) == 'S' {
        return Some(Path::InOut);
    }
    (context >= CastContext::Explicit && category(source) == 'S').then_some(Path::InOut)
}

/// Whether every value of a type is a row, as record is declared.
fn is_row_of_record(source: Oid, target: Oid) -> bool {
    target == oid::RECORD && user_type::is_composite(source)
}

/// Whether rows become values of a composite type, if their fields do.
fn is_record_for(source: Oid, target: Oid) -> bool {
    source == oid::RECORD && user_type::is_composite(target)
}

/// Whether an argument of one type may be given where another is declared.
pub(crate) fn can_coerce(source: Oid, target: Oid, context: CastContext) -> bool {
    source == target
        || target == oid::ANY
        || is_polymorphic(target)
        || source == oid::UNKNOWN
        || is_record_for(source, target)
        || path(source, target, context).is_some()
}

/// Whether an expression is a literal or parameter whose type is still open.
pub(super) fn is_unknown(expr: &Expr) -> bool {
    expr.ty().oid == oid::UNKNOWN
}

impl Binder<'_> {
    /// The term as a value of `target`; the error is PostgreSQL's `cannot cast type`.
    pub(super) fn coerce(&mut self, term: Term, target: &SqlType, context: CastContext) -> Result<Term> {
        if self.outlines.on && context == CastContext::Explicit {
            return self.spelt_cast(term.expr, target, term.at);
        }
        if target.domain.is_some() {
            return self.coerce_to_domain(term, target, context);
        }
        if is_record_for(term.expr.ty().oid, target.oid) {
            return self.row_as_composite(term, target, context);
        }
        let Term { expr, at } = term;
        let source = expr.ty();
        let bare = if target.typmod == -1 { target.clone() } else { held(target.oid, -1)? };
        let expr = match expr {
            Expr::Const(Datum::Text(text), ty) if ty.oid == oid::UNKNOWN => {
                // Only an interval's modifier changes how the text is read.
                let read_as = if target.oid == oid::INTERVAL { target } else { &bare };
                self.constant(&text, read_as, at)?
            }
            Expr::Const(Datum::Null, ty) if ty.oid == oid::UNKNOWN => {
                Expr::Const(Datum::Null, target.clone())
            }
            Expr::Param { index, ty } if ty.oid == oid::UNKNOWN => self.infer_parameter(index, &bare, at)?,
            expr => {
                // Which bits of an integer become a bit string depends on the length.
                let by_function = matches!(path(source.oid, target.oid, context), Some(Path::Function(_)));
                let to = if target.oid == oid::BIT && by_function { target } else { &bare };
                self.convert(expr, &source, to, context).map_err(|e| located(e, at))?
            }
        };
        let expr = if source.oid == target.oid { expr } else { self.with_checked_fields(expr)? };
        let explicit = context == CastContext::Explicit;
        // A value that does not fit its modifier is an error of execution in PostgreSQL, without position.
        let expr = self.modify(expr, target, explicit)?;
        let ty = expr.ty();
        let expr = match explicit && ty.domain.is_some() {
            true => relabel(expr, &ty.as_domain(None)),
            false => expr,
        };
        Ok(Term { expr, at })
    }

    fn infer_parameter(&mut self, index: usize, ty: &SqlType, at: usize) -> Result<Expr> {
        match self.parameters.get(index - 1).cloned().flatten() {
            Some(known) if known.oid != ty.oid => {
                let message = format!("inconsistent types deduced for parameter ${index}");
                let detail = format!("{} versus {}", type_name(known.oid), type_name(ty.oid));
                Err(located(Error::new(ErrorKind::DatatypeMismatch, message).with_detail(detail), at))
            }
            _ => {
                self.set_parameter(index, ty);
                Ok(Expr::Param { index, ty: ty.clone() })
            }
        }
    }

    /// Changes the type, not the modifier.
    fn convert(&self, expr: Expr, source: &SqlType, target: &SqlType, context: CastContext) -> Result<Expr> {
        if source.oid == target.oid {
            return Ok(expr);
        }
        let Some(path) = path(source.oid, target.oid, context) else {
            let message =
                format!("cannot cast type {} to {}", type_name(source.named()), type_name(target.oid));
            return Err(Error::new(ErrorKind::CannotCoerce, message));
        };
        if let Expr::Const(Datum::Null, _) = expr {
            return Ok(Expr::Const(Datum::Null, target.clone()));
        }
        if let Some(folded) = widened(&expr, target).filter(|_| !self.outlines.on) {
            return Ok(folded);
        }
        if Path::Relabel == path && !self.outlines.on {
            return Ok(relabel(expr, target));
        }
        let ty = numeric::cast_result(source, target);
        let how = match path {
            Path::Relabel => CastHow::Relabel,
            Path::Function(proc) => CastHow::Function(proc),
            Path::InOut => CastHow::InOut,
        };
        Ok(Expr::Cast { how, arg: Box::new(expr), ty })
    }

    /// Applies the target's modifier, when it has one that the expression has not.
    fn modify(&self, expr: Expr, target: &SqlType, explicit: bool) -> Result<Expr> {
        let ty = expr.ty();
        if explicit && target.typmod == -1 && ty.typmod != -1 && ty.oid == target.oid {
            return Ok(relabel(expr, &SqlType { typmod: -1, ..ty }));
        }
        if target.typmod == -1 || ty.typmod == target.typmod {
            return Ok(expr);
        }
        if let Expr::Const(Datum::Null, _) = expr {
            return Ok(Expr::Const(Datum::Null, target.clone()));
        }
        if let Expr::Const(datum, _) = &expr {
            return self.modified_constant(datum, &ty, target, explicit);
        }
        Ok(Expr::Cast { how: CastHow::Typmod { explicit }, arg: Box::new(expr), ty: target.clone() })
    }

    fn modified_constant(
        &self,
        datum: &Datum,
        ty: &SqlType,
        target: &SqlType,
        explicit: bool,
    ) -> Result<Expr> {
        let io = &self.context.io;
        let datum = if target.oid == oid::NUMERIC {
            let mut text = String::new();
            types::text::format_text(ty, datum, io, &mut text)?;
            types::text::parse_text(target, &text, io)?
        } else {
            types::text::apply_typmod(target, datum.clone(), explicit)?
        };
        Ok(Expr::Const(datum, target.clone()))
    }

    /// An argument of a declared type: coerced implicitly, polymorphic declarations left as they are.
    pub(super) fn coerce_argument(&mut self, term: Term, declared: Oid) -> Result<Term> {
        if declared == oid::ANY {
            // Arguments of "any" functions keep their type; an open literal is text.
            return if is_unknown(&term.expr) && !self.outlines.on {
                self.resolve_unknown(term)
            } else {
                Ok(term)
            };
        }
        let source = term.expr.ty().oid;
        if source == declared || is_row(declared) && path(source, declared, CastContext::Implicit).is_some() {
            return Ok(term);
        }
        if declared == oid::RECORD && source == oid::UNKNOWN {
            let message = "input of anonymous composite types is not implemented";
            return Err(located(Error::unsupported(message), term.at));
        }
        let target = self.held_type(declared).map_err(|e| located(e, term.at))?;
        self.coerce(term, &target, CastContext::Implicit)
    }

    /// A literal or parameter that nothing gave a type is text.
    pub(super) fn resolve_unknown(&mut self, term: Term) -> Result<Term> {
        if is_unknown(&term.expr) {
            self.coerce(term, &held(oid::TEXT, -1)?, CastContext::Implicit)
        } else {
            Ok(term)
        }
    }

    /// Coerces to boolean; `clause` names the construct in the error.
    pub(super) fn coerce_boolean(&mut self, term: Term, clause: &str) -> Result<Expr> {
        self.refuse_set_in(&term, clause)?;
        let ty = term.expr.ty().oid;
        if ty != oid::BOOL && ty != oid::UNKNOWN && path(ty, oid::BOOL, CastContext::Assignment).is_none() {
            let message = format!("argument of {clause} must be type boolean, not type {}", type_name(ty));
            return Err(located(Error::new(ErrorKind::DatatypeMismatch, message), term.at));
        }
        Ok(self.coerce(term, &held(oid::BOOL, -1)?, CastContext::Assignment)?.expr)
    }

    /// The type that values of several terms share (UNION, CASE and related constructs); `clause` is for the error.
    pub(super) fn common_type(&self, terms: &[Term], clause: &str) -> Result<Oid> {
        let types: Vec<(Oid, usize)> = terms.iter().map(|t| (t.expr.ty().oid, t.at)).collect();
        common_oid(&types, clause)
    }

    /// Brings terms to one type and one form.
    pub(super) fn unify(
        &mut self,
        terms: Vec<Term>,
        common: Oid,
        clause: &str,
    ) -> Result<(Vec<Expr>, SqlType)> {
        let target = self.common_target(common, &terms)?;
        let mut exprs = Vec::with_capacity(terms.len());
        for (place, term) in terms.into_iter().enumerate() {
            let source = term.expr.ty().oid;
            if !can_coerce(source, common, CastContext::Implicit) {
                // Of CASE the first term is that of ELSE.
                let clause = match (clause, place) {
                    ("CASE", 0) => "CASE/ELSE",
                    ("CASE", _) => "CASE/WHEN",
                    (other, _) => other,
                };
                let message =
                    format!("{clause} could not convert type {} to {}", type_name(source), type_name(common));
                return Err(located(Error::new(ErrorKind::CannotCoerce, message), term.at));
            }
            exprs.push(self.coerce(term, &target, CastContext::Implicit)?.expr);
        }
        self.same_type(exprs, &target)
    }

    /// The common type in the form that the terms are brought to: rows are of one shape, or do not come together.
    pub(super) fn common_target(&self, common: Oid, terms: &[Term]) -> Result<SqlType> {
        if !is_row(common) {
            return held(common, -1);
        }
        let mut rows = terms.iter().filter(|term| !is_unknown(&term.expr));
        if user_type::of_composite(common)
            && let Some(named) = terms.iter().map(|term| term.expr.ty()).find(|ty| ty.oid == common)
        {
            return Ok(named);
        }
        let first = rows.next().ok_or_else(|| Error::internal("rows of no type"))?.expr.ty();
        match rows.find(|term| term.expr.ty().form.arrow() != first.form.arrow()) {
            None => Ok(first),
            Some(other) => Err(self
                .unsupported("rows of different types in one place", other.at)
                .with_hint("Cast the fields to the same types.")),
        }
    }

    /// One modifier and one form for expressions of one type.
    pub(super) fn same_type(&mut self, exprs: Vec<Expr>, target: &SqlType) -> Result<(Vec<Expr>, SqlType)> {
        let mut shared: Option<SqlType> = None;
        let mut form = None;
        let mut has_null = false;
        let mut domain = exprs.first().and_then(|first| first.ty().domain);
        for expr in &exprs {
            domain = domain.filter(|domain| expr.ty().domain == Some(*domain));
            if matches!(expr, Expr::Const(Datum::Null, _)) {
                has_null = true;
                continue;
            }
            let ty = expr.ty();
            form = match form {
                None => Some(ty.form.clone()),
                Some(f) if f == ty.form => Some(f),
                Some(_) => Some(target.form.clone()),
            };
            shared = Some(match shared {
                None => ty,
                Some(s) if s.typmod == ty.typmod => s,
                Some(s) => SqlType { typmod: -1, ..s },
            });
        }
        let typmod = shared.filter(|_| !has_null).map_or(-1, |s| s.typmod);
        let ty =
            SqlType { oid: target.oid, typmod, form: form.unwrap_or_else(|| target.form.clone()), domain };
        let exprs = exprs.into_iter().map(|e| self.in_form(e, &ty)).collect::<Result<Vec<_>>>()?;
        Ok((exprs, ty))
    }
}

/// PostgreSQL's choice of a common type for `types` (OID, position).
pub(super) fn common_oid(types: &[(Oid, usize)], clause: &str) -> Result<Oid> {
    let mut known = types.iter().filter(|(t, _)| *t != oid::UNKNOWN);
    let Some((mut chosen, _)) = known.next().copied() else { return Ok(oid::TEXT) };
    for (ty, at) in known {
        if *ty == chosen {
            continue;
        }
        if category(*ty) != category(chosen) {
            let message =
                format!("{clause} types {} and {} cannot be matched", type_name(chosen), type_name(*ty));
            return Err(located(Error::new(ErrorKind::DatatypeMismatch, message), *at));
        }
        if !is_preferred(chosen)
            && can_coerce(chosen, *ty, CastContext::Implicit)
            && !can_coerce(*ty, chosen, CastContext::Implicit)
        {
            chosen = *ty;
        }
    }
    Ok(chosen)
}

/// The same value seen as another type of the same representation.
pub(super) fn relabel(expr: Expr, target: &SqlType) -> Expr {
    let from_vector = is_vector(expr.ty().oid) && !is_vector(target.oid);
    match expr {
        Expr::Const(Datum::List(list), _) if from_vector => {
            Expr::Const(Datum::List(list.from_vector()), target.clone())
        }
        Expr::Const(datum, _) => Expr::Const(datum, target.clone()),
        expr => Expr::Cast { how: CastHow::Relabel, arg: Box::new(expr), ty: target.clone() },
    }
}

/// An integer constant in a wider type: exact, so it is folded at once.
fn widened(expr: &Expr, target: &SqlType) -> Option<Expr> {
    let Expr::Const(datum, _) = expr else { return None };
    let value = match datum {
        Datum::Int16(v) => i64::from(*v),
        Datum::Int32(v) => i64::from(*v),
        Datum::Int64(v) => *v,
        _ => return None,
    };
    let (datum, ty) = match target.oid {
        oid::INT2 => (Datum::Int16(i16::try_from(value).ok()?), target.clone()),
        oid::INT4 => (Datum::Int32(i32::try_from(value).ok()?), target.clone()),
        oid::INT8 => (Datum::Int64(value), target.clone()),
        oid::NUMERIC => (Datum::Decimal128(i128::from(value)), SqlType::numeric_at_scale(0)),
        id if id == oid::OID || is_registry(id) => {
            (Datum::UInt32(u32::try_from(value).ok()?), target.clone())
        }
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 the conversion is exact")]
        oid::FLOAT8 if value.unsigned_abs() < 1 << 53 => (Datum::Float64(value as f64), target.clone()),
        _ => return None,
    };
    Some(Expr::Const(datum, ty))
}
