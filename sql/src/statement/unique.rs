//! UNIQUE: which columns of a new table are unique, and which columns can be.
//!
//! Must not know how that is kept.
//! Invariant: no two constraints are over the same columns in the same order.

use crate::binder::{Binder, lacks_order, type_name};
use crate::bound::{AddedUnique, NewUnique, Rel};
use base::id::ColumnId;
use base::{Error, ErrorKind, Result};
use catalog::TableDef;
use types::sql_type::oid;
use types::{Form, SqlType};

/// Adds a constraint; one that says nothing new gives no more than its name.
pub(super) fn add(all: &mut Vec<NewUnique>, key: (&[usize], &mut Option<String>), new: NewUnique) {
    let (key, key_name) = key;
    let known = all.iter_mut().find(|unique| unique.columns == new.columns).map(|unique| &mut unique.name);
    match known.or_else(|| (key == new.columns).then_some(key_name)) {
        Some(name) if name.is_none() => *name = new.name,
        Some(_) => {}
        None => all.push(new),
    }
}

/// Columns of a table that is there, to become unique.
pub(super) fn added(
    binder: &mut Binder<'_>,
    table: &TableDef,
    name: Option<String>,
    columns: Vec<ColumnId>,
    constraint: bool,
) -> AddedUnique {
    let (scan, _) = binder.scan_table(table, None, false);
    let kept = scan.columns.iter().filter(|(id, _)| columns.contains(id) || table.primary_key.contains(id));
    let entries = kept.map(|(_, typed)| typed.col).collect();
    AddedUnique { name, columns, constraint, rows: Rel::Scan(scan), entries }
}

/// An error for a column that cannot be compared as keys are. `what` is a constraint over it.
pub(super) fn check_column((name, ty): (&str, &SqlType), what: &str, at: usize) -> Result<()> {
    if of_any_length(ty) {
        let message = format!("a {what} over column \"{name}\" is not supported, because of its type bpchar");
        let hint = "Use char(n), whose blanks at the end are always as many, or text.";
        return Err(Error::unsupported(message).at(at).with_hint(hint));
    }
    let Some(part) = lacks_order(ty) else { return Ok(()) };
    if part == ty.oid {
        let message = format!(
            "data type {} has no default operator class for access method \"btree\"",
            type_name(part)
        );
        return Err(Error::new(ErrorKind::UndefinedObject, message).with_hint(
            "You must specify an operator class for the index or define a default operator class for the data type.",
        ));
    }
    // PostgreSQL finds out with the second row.
    let message = format!(
        "a {what} over column \"{name}\" is not supported, because values of type {} within it have no order",
        type_name(part)
    );
    Err(Error::unsupported(message).at(at).with_hint("Use columns whose parts can be compared."))
}

/// Whether values are equal that have more and fewer blanks at their end, which keys keep.
fn of_any_length(ty: &SqlType) -> bool {
    match (&ty.form, ty.element()) {
        (Form::Row(fields), _) => fields.iter().any(|field| of_any_length(&field.ty)),
        // The length of an array's elements is the array's modifier.
        (_, Some(element)) => of_any_length(&SqlType { typmod: ty.typmod, ..element }),
        _ => ty.oid == oid::BPCHAR && ty.typmod < 0,
    }
}

/// 0A000 for a table partitioned by range.
pub(super) fn of_ranges(at: usize) -> Error {
    Error::unsupported("a unique constraint on a table partitioned by range is not supported")
        .at(at)
        .with_hint("Partition the table by HASH, or make the columns its PRIMARY KEY.")
}
