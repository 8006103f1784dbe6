//! Assignments to a part of a column: an element or a slice of an array, a field of a row.
//!
//! Invariant: what is assigned to the column is the value with that part changed; several parts of one column change it
//! one after the other, and only then a domain looks at what came out.

use crate::binder::{Binder, Scope, Subscripts, Term, fold, subscript_element, type_name};
use crate::bound::{ArrayPart, Expr};
use crate::parse::{PartOfColumn, PartStep, TargetColumn};
use base::{Error, ErrorKind, Result};
use catalog::ColumnDef;
use sqlparser::ast;
use types::sql_type::oid;
use types::{Datum, SqlType};

/// The column as the value sees it that is assigned: of the type of the part, when only a part is meant.
pub(super) fn seen(binder: &Binder<'_>, target: &TargetColumn, column: &ColumnDef) -> Result<ColumnDef> {
    let mut seen = column.clone();
    let Some(PartOfColumn { at, steps }) = &target.part else { return Ok(seen) };
    let mut rest = steps.as_slice();
    while let Some(step) = Step::first(&mut rest) {
        let found = step.part_type(binder, &column.name, &seen.ty);
        seen.ty = found.map_err(|e| {
            let name_at = binder.position(target.name.span.start);
            e.at(if matches!(step, Step::Field(_)) { name_at } else { *at })
        })?;
    }
    Ok(seen)
}

/// What leads to a part: a field, or all subscripts that stand together.
enum Step<'s> {
    Field(&'s ast::Ident),
    Subscripts(Vec<&'s ast::Subscript>),
}

impl<'s> Step<'s> {
    /// The first step of those that are left.
    fn first(rest: &mut &'s [PartStep]) -> Option<Self> {
        let (first, behind) = rest.split_first()?;
        if let PartStep::Field(name) = first {
            *rest = behind;
            return Some(Self::Field(name));
        }
        let subscript = |step: &'s PartStep| match step {
            PartStep::Subscript(subscript) => Some(subscript.as_ref()),
            PartStep::Field(_) => None,
        };
        let subscripts: Vec<_> = rest.iter().map_while(subscript).collect();
        *rest = rest.get(subscripts.len()..).unwrap_or_default();
        Some(Self::Subscripts(subscripts))
    }

    /// The type of the part of a value.
    fn part_type(&self, binder: &Binder<'_>, column: &str, of: &SqlType) -> Result<SqlType> {
        let base = binder.base_type(of);
        match self {
            Step::Field(name) => Ok(field(&base, column, name)?.1),
            Step::Subscripts(_) if base.oid == oid::JSONB => {
                Err(Error::unsupported("assigning to a part of a column is not supported")
                    .with_hint("Assign the whole column, named without its table."))
            }
            Step::Subscripts(subscripts) => {
                subscript_element(base.oid)?;
                if subscripts.iter().any(|s| matches!(s, ast::Subscript::Slice { .. })) {
                    return Ok(base);
                }
                let lost = || Error::internal("an array of elements without a form");
                let element = base.element().ok_or_else(lost)?;
                // The modifier of an array is that of its elements.
                match SqlType::with_typmod(element.oid, base.typmod) {
                    Some(ty) => Ok(ty.as_domain(element.domain)),
                    None => Ok(element),
                }
            }
        }
    }
}

/// The place and type of a field of a composite type.
fn field(of: &SqlType, column: &str, name: &ast::Ident) -> Result<(usize, SqlType)> {
    let name = fold(name);
    let refused = |kind, why: String| {
        let message = format!("cannot assign to field \"{name}\" of column \"{column}\" because {why}");
        Err(Error::new(kind, message))
    };
    let Some(fields) = of.fields() else {
        let of = type_name(of.named());
        return refused(ErrorKind::DatatypeMismatch, format!("its type {of} is not a composite type"));
    };
    match fields.iter().enumerate().find(|(_, field)| field.name == name) {
        Some((index, field)) => Ok((index, field.ty.clone())),
        None => {
            let of = type_name(of.oid);
            refused(ErrorKind::UndefinedColumn, format!("there is no such column in data type {of}"))
        }
    }
}

/// 0A000 for DEFAULT where a part is meant.
pub(super) fn check_default(target: Option<&TargetColumn>) -> Result<()> {
    match target.and_then(|target| target.part.as_ref()).map(|part| part.steps.first()) {
        None => Ok(()),
        Some(Some(PartStep::Field(_))) => Err(Error::unsupported("cannot set a subfield to DEFAULT")),
        Some(_) => Err(Error::unsupported("cannot set an array element to DEFAULT")),
    }
}

/// The value of the whole column, as what its domain is over, of a value of the part that the target names.
pub(super) fn changed(
    binder: &mut Binder<'_>,
    scope: &Scope<'_>,
    target: &TargetColumn,
    column: &ColumnDef,
    current: Expr,
    value: Expr,
) -> Result<Expr> {
    let Some(PartOfColumn { at: _, steps }) = &target.part else { return Ok(value) };
    let base = binder.base_type(&column.ty);
    Change { scope, column: &column.name }.of(binder, steps, &base, current, value)
}

/// The value of a column all of whose parts have been changed.
pub(super) fn whole(binder: &mut Binder<'_>, column: &ColumnDef, changed: Expr) -> Result<Expr> {
    binder.assign(Term { expr: changed, at: 0 }, column)
}

/// A change of a part of a column's value.
struct Change<'s> {
    scope: &'s Scope<'s>,
    column: &'s str,
}

impl Change<'_> {
    /// A value of a type with the part changed that steps lead to.
    fn of(
        &self,
        binder: &mut Binder<'_>,
        mut steps: &[PartStep],
        ty: &SqlType,
        current: Expr,
        value: Expr,
    ) -> Result<Expr> {
        match Step::first(&mut steps) {
            None => binder.in_form(value, ty),
            Some(Step::Field(name)) => {
                let (place, of) = field(ty, self.column, name)?;
                let fields = ty.fields().ok_or_else(|| Error::internal("a row without fields"))?;
                // Fields of a null row are null, and the row with one of them changed is not.
                let mut values = Vec::with_capacity(fields.len());
                for (index, shape) in fields.iter().enumerate() {
                    values.push(match &current {
                        Expr::Const(Datum::Null, _) => Expr::Const(Datum::Null, shape.ty.clone()),
                        current => binder.field_at(current, index)?,
                    });
                }
                if let Some(slot) = values.get_mut(place) {
                    let before = std::mem::replace(slot, Expr::Const(Datum::Null, of.clone()));
                    *slot = self.of(binder, steps, &of, before, value)?;
                }
                Ok(Expr::Row { fields: values, ty: ty.clone() })
            }
            Some(Step::Subscripts(subscripts)) => {
                let subscripts = binder.subscripts(&subscripts, self.scope)?;
                let part = if subscripts.slice { ArrayPart::SetSlice } else { ArrayPart::SetElement };
                let value = match steps {
                    [] => value,
                    steps => self.within_element(binder, steps, ty, (&current, &subscripts), value)?,
                };
                // Elements of an array have the form of the bare type.
                let bare = match value.ty() {
                    row if row.fields().is_some() => row,
                    other => SqlType::of(other.oid)
                        .ok_or_else(|| Error::internal("a part of an array without a form"))?,
                };
                let value = binder.in_form(value, &bare)?;
                let mut args = vec![current, value];
                args.extend(subscripts.args);
                Ok(Expr::ArrayPart { part, args, ty: ty.clone() })
            }
        }
    }

    /// An element of an array with the part changed that steps lead to.
    fn within_element(
        &self,
        binder: &mut Binder<'_>,
        steps: &[PartStep],
        array: &SqlType,
        (current, subscripts): (&Expr, &Subscripts),
        value: Expr,
    ) -> Result<Expr> {
        // The subscripts are evaluated twice.
        let plain = |arg: &Expr| matches!(arg, Expr::Const(..) | Expr::Param { .. } | Expr::Column(_));
        if subscripts.slice || !subscripts.args.iter().all(plain) {
            let message = "assigning to a part of this element of an array is not supported";
            return Err(Error::unsupported(message).with_hint("Assign the whole element."));
        }
        let element = array.element().ok_or_else(|| Error::internal("an array of no elements"))?;
        let mut args = vec![current.clone()];
        args.extend(subscripts.args.iter().cloned());
        let before = Expr::ArrayPart { part: ArrayPart::Element, args, ty: element.clone() };
        self.of(binder, steps, &element, before, value)
    }
}
