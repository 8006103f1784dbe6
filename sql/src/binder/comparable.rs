//! Which types can be grouped and which can be sorted: those with an operator of their own, arrays and rows of them.
//!
//! Invariant: what lacks the operator is refused when a statement is bound; PostgreSQL tells it of rows, and of arrays that
//! are compared, when it compares the first two.

use super::names::located;
use super::resolve;
use super::type_name::type_name;
use crate::bound::Expr;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::Proc;
use types::{Form, SqlType};

/// Functions of arrays that look for equal elements.
const SEARCHES: &[&str] = &["array_position", "array_positions", "array_remove", "array_replace"];

/// The type of which values, or parts of them, lack an operator.
fn lacking(operator: &str, ty: &SqlType) -> Option<Oid> {
    match (&ty.form, ty.element()) {
        (Form::Row(fields), _) => fields.iter().find_map(|field| lacking(operator, &field.ty)),
        (_, Some(element)) => lacking(operator, &element),
        _ => resolve::operator(operator, &[ty.oid, ty.oid]).is_err().then_some(ty.oid),
    }
}

/// The type of which values, or parts of them, have no order, so that they are no keys. Vectors are compared by their length
/// first, which no key does.
pub(crate) fn lacks_order(ty: &SqlType) -> Option<Oid> {
    if types::sql_type::is_vector(ty.oid) { Some(ty.oid) } else { lacking("<", ty) }
}

fn has_rows(ty: &SqlType) -> bool {
    matches!(ty.form, Form::Row(_)) || ty.element().is_some_and(|element| has_rows(&element))
}

fn missing(what: &str, ty: Oid) -> Error {
    let message = format!("could not identify {what} for type {}", type_name(ty));
    Error::new(ErrorKind::UndefinedFunction, message)
}

fn check(operator: &str, what: &str, ty: &SqlType) -> Result<()> {
    match lacking(operator, ty) {
        None => Ok(()),
        Some(part) if has_rows(ty) => Err(missing("a comparison function", part)),
        Some(_) => Err(missing(what, ty.oid)),
    }
}

/// 42883 for values that cannot be told apart.
pub(super) fn check_equality(ty: &SqlType, at: usize) -> Result<()> {
    check("=", "an equality operator", ty).map_err(|e| located(e, at))
}

/// 42883 for values without order.
pub(super) fn check_order(ty: &SqlType, at: usize) -> Result<()> {
    let hint = "Use an explicit ordering operator or modify the query.";
    check("<", "an ordering operator", ty).map_err(|e| located(e.with_hint(hint), at))
}

/// What an aggregate takes each value of once: PostgreSQL sorts it.
pub(super) fn check_distinct_argument(ty: &SqlType, at: usize) -> Result<()> {
    check_equality(ty, at)?;
    let detail = "Aggregates with DISTINCT must be able to sort their inputs.";
    check("<", "an ordering operator", ty).map_err(|e| located(e.with_detail(detail), at))
}

/// PARTITION BY, for which PostgreSQL sorts as well.
pub(super) fn check_partition(ty: &SqlType, at: usize) -> Result<()> {
    check_equality(ty, at)?;
    check("<", "", ty).map_err(|_| {
        Error::unsupported("could not implement window PARTITION BY")
            .with_detail("Window partitioning columns must be of sortable datatypes.")
    })
}

/// GREATEST and LEAST, which compare values as wholes.
pub(super) fn check_compared_whole(ty: &SqlType, at: usize) -> Result<()> {
    check("<", "a comparison function", ty).map_err(|e| located(e, at))
}

/// An operator that compares arrays or rows compares their parts.
pub(super) fn check_compared(name: &str, args: &[Expr], at: usize) -> Result<()> {
    let (operator, what) = match name {
        "=" | "<>" | "@>" | "<@" | "&&" => ("=", "an equality operator"),
        "<" | "<=" | ">" | ">=" => ("<", "a comparison function"),
        _ => return Ok(()),
    };
    check_parts(operator, what, args, at)
}

/// The same of functions that compare parts of arrays.
pub(super) fn check_searched(proc: &Proc, args: &[Expr], at: usize) -> Result<()> {
    match proc.name {
        name if SEARCHES.contains(&name) => check_parts("=", "an equality operator", args, at),
        "array_agg" if args.iter().any(|arg| types::sql_type::is_vector(arg.ty().oid)) => {
            let message = format!(
                "array is not a valid {}",
                type_name(args.first().map_or(Oid(0), |arg| arg.ty().oid))
            );
            Err(located(Error::new(ErrorKind::DatatypeMismatch, message), at))
        }
        "max" | "min" => check_parts("<", "a comparison function", args, at),
        _ => Ok(()),
    }
}

fn check_parts(operator: &str, what: &str, args: &[Expr], at: usize) -> Result<()> {
    let parts = |ty: &SqlType| has_rows(ty) || ty.element().is_some();
    let found = args.iter().map(Expr::ty).filter(parts).find_map(|ty| lacking(operator, &ty));
    found.map_or(Ok(()), |part| Err(located(missing(what, part), at)))
}
