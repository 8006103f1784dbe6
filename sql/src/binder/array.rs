//! Arrays in expressions: constructors, subscripts and slices, and assignments to them.
//!
//! Invariant: subscripts in a row are one access; when one of them is a slice all are, and a plain one begins with 1.

use super::names::located;
use super::record::is_row;
use super::type_name::{held, type_name};
use super::{Binder, Scope, Term};
use crate::bound::{ArrayPart, Expr};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use sqlparser::ast;
use types::list::{DIMENSIONS_MAX, too_many_dimensions};
use types::sql_type::{array_element, array_of, is_vector, oid};
use types::{Datum, SqlType, user_type};

/// pg_proc OID of jsonb_extract_path.
const JSONB_EXTRACT_PATH: Oid = Oid(3217);

/// Subscripts as `Expr::ArrayPart` has them.
pub(crate) struct Subscripts {
    pub(crate) slice: bool,
    pub(crate) args: Vec<Expr>,
}

impl Binder<'_> {
    /// `value[..][..]`, all subscripts that stand together.
    pub(super) fn subscripted(
        &mut self,
        value: Term,
        subscripts: &[&ast::Subscript],
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let ty = value.expr.ty().oid;
        if ty == oid::JSONB {
            return self.jsonb_subscripts(value, subscripts, scope);
        }
        let of = self.base_type(&value.expr.ty());
        let element = subscript_element(ty).map_err(|e| located(e, value.at))?;
        let Subscripts { slice, args } = self.subscripts(subscripts, scope)?;
        let (part, result) = match slice {
            // A slice of a vector is an array, which counts from 1.
            true if is_vector(ty) => (ArrayPart::Slice, held(array_of(element).unwrap_or(ty), -1)?),
            true => (ArrayPart::Slice, SqlType { typmod: -1, ..of }),
            false => (
                ArrayPart::Element,
                match of.element() {
                    Some(element) => element,
                    None => held(element, -1)?,
                },
            ),
        };
        let mut all = vec![value.expr];
        all.extend(args);
        Ok(Term { expr: Expr::ArrayPart { part, args: all, ty: result }, at: value.at })
    }

    /// Subscripts of an array.
    pub(crate) fn subscripts(
        &mut self,
        subscripts: &[&ast::Subscript],
        scope: &Scope<'_>,
    ) -> Result<Subscripts> {
        if subscripts.len() > DIMENSIONS_MAX {
            return Err(too_many_dimensions(subscripts.len()));
        }
        let slice = subscripts.iter().any(|s| matches!(s, ast::Subscript::Slice { .. }));
        let mut args = Vec::with_capacity(subscripts.len());
        for subscript in subscripts {
            match subscript {
                ast::Subscript::Index { index } => {
                    if slice {
                        args.push(Expr::Const(Datum::Int32(1), held(oid::INT4, -1)?));
                    }
                    args.push(self.subscript(index, scope)?);
                }
                ast::Subscript::Slice { lower_bound, upper_bound, stride: None } => {
                    args.push(self.bound_of_slice(lower_bound.as_ref(), scope)?);
                    args.push(self.bound_of_slice(upper_bound.as_ref(), scope)?);
                }
                ast::Subscript::Slice { lower_bound: _, upper_bound: _, stride: Some(stride) } => {
                    let at = self.start(stride);
                    return Err(located(
                        Error::new(ErrorKind::Syntax, "a slice has two bounds, no stride"),
                        at,
                    ));
                }
            }
        }
        Ok(Subscripts { slice, args })
    }

    fn bound_of_slice(&mut self, bound: Option<&ast::Expr>, scope: &Scope<'_>) -> Result<Expr> {
        match bound {
            Some(bound) => self.subscript(bound, scope),
            None => Ok(Expr::Const(Datum::Null, held(oid::VOID, -1)?)),
        }
    }

    fn subscript(&mut self, index: &ast::Expr, scope: &Scope<'_>) -> Result<Expr> {
        let index = self.expr(index, scope)?;
        let from = index.expr.ty().oid;
        if !super::coerce::can_coerce(from, oid::INT4, CastContext::Assignment) {
            let error = Error::new(ErrorKind::DatatypeMismatch, "array subscript must have type integer");
            return Err(located(error, index.at));
        }
        Ok(self.coerce(index, &held(oid::INT4, -1)?, CastContext::Assignment)?.expr)
    }

    /// `jsonb[key][key]` is a path.
    fn jsonb_subscripts(
        &mut self,
        value: Term,
        subscripts: &[&ast::Subscript],
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let mut steps = Vec::with_capacity(subscripts.len());
        for subscript in subscripts {
            let ast::Subscript::Index { index } = subscript else {
                let message = "jsonb subscript does not support slices";
                return Err(located(Error::new(ErrorKind::DatatypeMismatch, message), value.at));
            };
            steps.push(self.jsonb_step(index, scope)?);
        }
        let path = Expr::Array { elements: steps, ty: held(oid::TEXT_ARRAY, -1)? };
        let expr = self.call(JSONB_EXTRACT_PATH, vec![value.expr, path], oid::JSONB, value.at)?;
        Ok(Term { expr, at: value.at })
    }

    fn jsonb_step(&mut self, index: &ast::Expr, scope: &Scope<'_>) -> Result<Expr> {
        let index = self.expr(index, scope)?;
        let at = index.at;
        let ty = index.expr.ty().oid;
        let implicit = |target| super::coerce::path(ty, target, CastContext::Implicit).is_some();
        if ty != oid::UNKNOWN && implicit(oid::INT4) == implicit(oid::TEXT) {
            let message = format!("subscript type {} is not supported", type_name(ty));
            let error = Error::new(ErrorKind::DatatypeMismatch, message)
                .with_hint("jsonb subscript must be coercible to either integer or text.");
            return Err(located(error, at));
        }
        let index = match ty != oid::UNKNOWN && implicit(oid::INT4) {
            true => self.coerce(index, &held(oid::INT4, -1)?, CastContext::Implicit)?,
            false => index,
        };
        Ok(self.coerce(index, &held(oid::TEXT, -1)?, CastContext::Assignment)?.expr)
    }

    /// ARRAY[..]; `target` is the array type when the array is cast at once.
    pub(super) fn array(
        &mut self,
        elements: &[ast::Expr],
        target: Option<Oid>,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let bare = |e: &ast::Expr| matches!(e, ast::Expr::Array(ast::Array { elem: _, named: false }));
        // Brackets stand beside brackets only.
        let brackets = elements.first().is_some_and(bare);
        if let Some(other) = elements.iter().find(|e| bare(e) != brackets) {
            let at = self.start(other);
            return Err(located(Error::new(ErrorKind::Syntax, "syntax error in the parts of an array"), at));
        }
        let mut terms = Vec::with_capacity(elements.len());
        let mut nested = false;
        for element in elements {
            terms.push(match element {
                ast::Expr::Array(ast::Array { elem, named: _ }) => {
                    nested = true;
                    let at = self.start(element);
                    self.array(elem, target, at, scope)?
                }
                element => self.expr(element, scope)?,
            });
        }
        if target.is_none() {
            self.refuse_domains_of_arrays(&terms)?;
        }
        nested |= terms.iter().any(|term| is_true_array(term.expr.ty().oid));
        if terms.is_empty() && target.is_none() {
            let error = Error::new(ErrorKind::IndeterminateDatatype, "cannot determine type of empty array")
                .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[].");
            return Err(located(error, at));
        }
        let (elements, part) = match target {
            Some(target) => {
                let part = if nested { Some(target) } else { array_element(target) };
                let part = self.type_of(part.unwrap_or(target), -1)?;
                let cast: Result<Vec<Expr>> = terms
                    .into_iter()
                    .map(|t| self.coerce(t, &part, CastContext::Explicit).map(|t| t.expr))
                    .collect();
                (cast?, part)
            }
            None => {
                let common = self.common_type(&terms, "ARRAY")?;
                self.unify(terms, common, "ARRAY")?
            }
        };
        if nested && array_element(part.oid).is_none() {
            let message = format!("could not find element type for data type {}", type_name(part.oid));
            return Err(located(Error::new(ErrorKind::UndefinedObject, message), at));
        }
        // Elements of an array have the form of the bare type.
        let bare = if is_row(part.oid) { part.clone() } else { held(part.oid, -1)?.as_domain(part.domain) };
        let array = if nested { Some(bare.clone()) } else { bare.array() };
        let array = array.ok_or_else(|| self.unsupported("an array of this type", at))?;
        let elements = elements.into_iter().map(|e| self.in_form(e, &bare)).collect::<Result<Vec<_>>>()?;
        Ok(Term { expr: Expr::Array { elements, ty: array }, at })
    }
}

impl Binder<'_> {
    /// 0A000 for values of a domain over arrays as elements: PostgreSQL keeps them apart.
    fn refuse_domains_of_arrays(&self, terms: &[Term]) -> Result<()> {
        let found = terms.iter().find(|term| {
            let ty = term.expr.ty();
            ty.domain.is_some_and(user_type::is_domain) && is_true_array(ty.oid)
        });
        match found {
            None => Ok(()),
            Some(term) => Err(self.unsupported("an array of values of a domain over arrays", term.at)),
        }
    }
}

fn is_true_array(ty: Oid) -> bool {
    array_element(ty).is_some() && !is_vector(ty)
}

/// The element type of a type with subscripts; 42804 for one without.
pub(crate) fn subscript_element(ty: Oid) -> Result<Oid> {
    array_element(ty).ok_or_else(|| {
        let message =
            format!("cannot subscript type {} because it does not support subscripting", type_name(ty));
        Error::new(ErrorKind::DatatypeMismatch, message)
    })
}
