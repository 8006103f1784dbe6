//! Objects of the catalog by their names: to_regclass() and its like.
//!
//! Invariant: what does not exist is null; a text that can name nothing is an error.

use crate::kernel::call::{Arg, Call, Run, map1};
use crate::kernel::value::{Id, Text};
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use types::sql_type::oid;

/// The OID of a schema.
pub(crate) fn schema(call: &Call<'_>, name: &str) -> Option<u32> {
    if let Some(own) = call.statement.catalog.schema_named(name) {
        return Some(own.oid.0);
    }
    let relation = builtin::relation("pg_namespace")?;
    let (oid, place) = (relation.column("oid")?, relation.column("nspname")?);
    let row = relation.rows.iter().find(|row| row.get(place).is_some_and(|v| v.as_deref() == Some(name)))?;
    row.get(oid)?.as_deref()?.parse().ok()
}

/// The object that a text names as a value of a reg* type; the errors of that type's input function.
pub(crate) fn named(call: &Call<'_>, ty: Oid, text: &str) -> Result<Oid> {
    let names = call.statement.io.names.as_ref();
    names.ok_or_else(|| Error::internal("a statement without names of objects"))?.object(ty, text)
}

/// The same, None when there is no such object or more than one.
pub(crate) fn found(call: &Call<'_>, ty: Oid, text: &str) -> Result<Option<u32>> {
    let trimmed = text.trim();
    let is_number = !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit());
    if is_number || trimmed == "-" {
        // Numbers are no names here.
        return Ok(None);
    }
    match named(call, ty, text) {
        Ok(id) => Ok(Some(id.0)),
        Err(error) => match error.kind() {
            ErrorKind::UndefinedTable
            | ErrorKind::UndefinedObject
            | ErrorKind::UndefinedFunction
            | ErrorKind::UndefinedSchema
            | ErrorKind::AmbiguousFunction => Ok(None),
            _ => Err(error),
        },
    }
}

fn to_reg(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Text, Id, _>(call, args, |text| found(call, call.ret.oid, text))
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("to_regclass", to_reg),
    ("to_regtype", to_reg),
    ("to_regproc", to_reg),
    ("to_regprocedure", to_reg),
    ("to_regoper", to_reg),
    ("to_regoperator", to_reg),
    ("to_regnamespace", to_reg),
    ("to_regrole", to_reg),
];

/// pg_class.oid of what a text names, for functions that take a relation's name as text.
pub(crate) fn relation_named(call: &Call<'_>, text: &str) -> Result<u32> {
    named(call, oid::REGCLASS, text).map(|id| id.0)
}
