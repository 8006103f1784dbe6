//! Assignments to a part of a column: an element or a slice of an array.
//!
//! Invariant: what is assigned to the column is the array with that part changed; several parts of one column change it
//! one after the other.

use crate::binder::{Binder, Scope, Term, subscript_element};
use crate::bound::{ArrayPart, Expr};
use crate::parse::{PartOfColumn, TargetColumn};
use base::{Error, ErrorKind, Result};
use catalog::ColumnDef;
use sqlparser::ast;
use types::SqlType;
use types::sql_type::oid;

/// The column as the value sees it that is assigned: of the type of the part, when only a part is meant.
pub(super) fn seen(binder: &Binder<'_>, target: &TargetColumn, column: &ColumnDef) -> Result<ColumnDef> {
    let mut seen = column.clone();
    let base = binder.base_type(&column.ty);
    let (at, subscripts) = match &target.part {
        None => return Ok(seen),
        Some(PartOfColumn { at, subscripts: Some(subscripts) }) if column.ty.oid != oid::JSONB => {
            (*at, subscripts)
        }
        Some(PartOfColumn { at, subscripts: _ }) => {
            return Err(Error::unsupported("assigning to a part of a column is not supported")
                .at(*at)
                .with_hint("Assign the whole column, named without its table."));
        }
    };
    let element = subscript_element(column.ty.oid).map_err(|e| e.at(at))?;
    let slice = subscripts.iter().any(|s| matches!(s, ast::Subscript::Slice { .. }));
    if !slice {
        // The modifier of an array is that of its elements.
        let ty = SqlType::with_typmod(element, column.ty.typmod)
            .ok_or_else(|| Error::internal("an array of elements without a form"))?;
        seen.ty = ty.as_domain(base.domain.and_then(types::user_type::array_element));
    } else {
        seen.ty = base;
    }
    Ok(seen)
}

/// 0A000 for DEFAULT where a part is meant.
pub(super) fn check_default(target: Option<&TargetColumn>) -> Result<()> {
    match target.and_then(|target| target.part.as_ref()) {
        None => Ok(()),
        Some(_) => Err(Error::unsupported("cannot set an array element to DEFAULT")),
    }
}

/// The value of the whole column of a value of the part that the target names.
pub(super) fn whole(
    binder: &mut Binder<'_>,
    scope: &Scope<'_>,
    target: &TargetColumn,
    column: &ColumnDef,
    current: Expr,
    value: Expr,
) -> Result<Expr> {
    let Some(PartOfColumn { at: _, subscripts: Some(subscripts) }) = &target.part else { return Ok(value) };
    let subscripts: Vec<&ast::Subscript> = subscripts.iter().collect();
    let subscripts = binder.subscripts(&subscripts, scope)?;
    let part = if subscripts.slice { ArrayPart::SetSlice } else { ArrayPart::SetElement };
    // Elements of an array have the form of the bare type.
    let bare = SqlType::of(value.ty().oid)
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a part of an array without a form"))?;
    let value = binder.in_form(value, &bare)?;
    let mut args = vec![current, value];
    args.extend(subscripts.args);
    // A domain over arrays looks at the whole of what comes out.
    let whole = Expr::ArrayPart { part, args, ty: binder.base_type(&column.ty) };
    binder.assign(Term { expr: whole, at: 0 }, column)
}
