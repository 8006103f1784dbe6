//! Functions of sequences: nextval, currval, lastval, setval, and what tells of them.
//!
//! Must not know how values are kept. Invariant: rows are taken in their order.

use crate::kernel::call::{Arg, Call, Run, arg, map0, map1, map2, map3};
use crate::kernel::quoting::quote_ident;
use crate::kernel::system::table;
use crate::kernel::value::{Bool, Id, Input, Int8, Output, Text};
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::{Position, SequenceDef};
use std::sync::Arc;

/// The sequence with an OID; 42P01 or 42809 otherwise.
fn sequence<'c>(call: &Call<'c>, id: u32) -> Result<&'c Arc<SequenceDef>> {
    let catalog = &call.statement.catalog;
    catalog.sequences().find(|s| s.oid == Oid(id)).ok_or_else(|| match table(call, id) {
        Some(def) => Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a sequence", def.name)),
        None => Error::new(ErrorKind::UndefinedTable, format!("relation with OID {id} does not exist")),
    })
}

/// Rows that follow one another with one sequence take their values at once.
fn nextval(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ids = arg(args, 0)?;
    let column = Id::column(ids.array.as_ref())?;
    let mut out = Int8::builder(call.ret, call.rows)?;
    let mut row = 0;
    while row < call.rows {
        if ids.is_null(row) {
            Int8::append_null(&mut out);
            row += 1;
            continue;
        }
        let id = column.value(ids.index(row));
        let same = (row..call.rows).take_while(|r| !ids.is_null(*r) && column.value(ids.index(*r)) == id);
        let count = if ids.constant { call.rows - row } else { same.count() };
        for value in call.statement.sequences.next(sequence(call, id)?, count)? {
            Int8::append(&mut out, value)?;
        }
        row += count;
    }
    Int8::finish(out)
}

fn setval(call: &Call<'_>, id: u32, value: i64, called: bool) -> Result<i64> {
    let def = sequence(call, id)?;
    if value < def.min || value > def.max {
        let (min, max) = (def.min, def.max);
        let message =
            format!("setval: value {value} is out of bounds for sequence \"{}\" ({min}..{max})", def.name);
        return Err(Error::new(ErrorKind::NumericOutOfRange, message));
    }
    call.statement.sequences.set(def, Position { value, called })?;
    Ok(value)
}

fn currval(call: &Call<'_>, id: u32) -> Result<i64> {
    let def = sequence(call, id)?;
    call.statement.sequences.current(def.id).ok_or_else(|| {
        let message = format!("currval of sequence \"{}\" is not yet defined in this session", def.name);
        Error::new(ErrorKind::WrongObjectState, message)
    })
}

fn lastval(call: &Call<'_>) -> Result<i64> {
    let last = call.statement.sequences.last();
    let known = last.filter(|(id, _)| call.statement.catalog.sequence(*id).is_some());
    known
        .map(|(_, value)| value)
        .ok_or_else(|| Error::new(ErrorKind::WrongObjectState, "lastval is not yet defined in this session"))
}

/// Null before the first value.
fn last_value(call: &Call<'_>, id: u32) -> Result<Option<i64>> {
    let at = call.statement.sequences.position(sequence(call, id)?)?;
    Ok(at.called.then_some(at.value))
}

/// The sequence that belongs to a column.
fn serial_sequence(call: &Call<'_>, name: &str, column: &str) -> Result<Option<String>> {
    let catalog = &call.statement.catalog;
    let parts = identifiers(name)?;
    let found = match parts.as_slice() {
        [name] => {
            let path = call.statement.search_path.iter().filter_map(|schema| catalog.schema_named(schema));
            path.into_iter().find_map(|schema| catalog.table_named(schema.id, name))
        }
        [schema, name] => catalog.schema_named(schema).and_then(|s| catalog.table_named(s.id, name)),
        _ => return Err(Error::new(ErrorKind::InvalidText, "invalid name syntax")),
    };
    let def = found.ok_or_else(|| {
        Error::new(ErrorKind::UndefinedTable, format!("relation \"{}\" does not exist", parts.join(".")))
    })?;
    let column = def.column_named(column).ok_or_else(|| {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", def.name);
        Error::new(ErrorKind::UndefinedColumn, message)
    })?;
    let sequence =
        catalog.owned_sequences(def.id).find(|s| s.owner.is_some_and(|owner| owner.column == column.id));
    Ok(sequence.and_then(|s| {
        let schema = catalog.schema(s.schema)?;
        Some(format!("{}.{}", quote_ident(&schema.name), quote_ident(&s.name)))
    }))
}

/// The parts of a dotted name, folded unless they are in quotes.
fn identifiers(text: &str) -> Result<Vec<String>> {
    let invalid = || Error::new(ErrorKind::InvalidText, "invalid name syntax");
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, behind) = match rest.strip_prefix('"') {
            Some(inner) => {
                let mut part = String::new();
                let mut inner = inner;
                loop {
                    let (piece, behind) = inner.split_once('"').ok_or_else(invalid)?;
                    part.push_str(piece);
                    match behind.strip_prefix('"') {
                        Some(more) => {
                            part.push('"');
                            inner = more;
                        }
                        None => break (part, behind),
                    }
                }
            }
            None => {
                let end =
                    rest.find(|c: char| c == '.' || c == '"' || c.is_whitespace()).unwrap_or(rest.len());
                let (part, behind) = rest.split_at_checked(end).ok_or_else(invalid)?;
                (part.to_ascii_lowercase(), behind)
            }
        };
        if part.is_empty() {
            return Err(invalid());
        }
        parts.push(part);
        match behind.trim_start() {
            "" => return Ok(parts),
            more => rest = more.strip_prefix('.').ok_or_else(invalid)?.trim_start(),
        }
    }
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("nextval_oid", nextval),
    ("currval_oid", |c, a| map1::<Id, Int8, _>(c, a, |id| currval(c, id))),
    ("setval_oid", |c, a| map2::<Id, Int8, Int8, _>(c, a, |id, value| setval(c, id, value, true))),
    ("setval3_oid", |c, a| {
        map3::<Id, Int8, Bool, Int8, _>(c, a, |id, value, called| setval(c, id, value, called))
    }),
    ("lastval", |c, _| map0::<Int8>(c, || lastval(c))),
    ("pg_sequence_last_value", |c, a| map1::<Id, Int8, _>(c, a, |id| last_value(c, id))),
    ("pg_get_serial_sequence", |c, a| {
        map2::<Text, Text, Text, _>(c, a, |name, column| serial_sequence(c, name, column))
    }),
];

#[cfg(test)]
mod tests {
    use super::identifiers;

    #[test]
    fn dotted_names_are_folded_and_unquoted() {
        assert_eq!(identifiers(" S . \"a\"\"B.c\" ").unwrap(), ["s", "a\"B.c"]);
        for wrong in ["", "a.", ".a", "\"a", "a b", "\"a\"b", "\"\""] {
            assert!(identifiers(wrong).is_err(), "{wrong}");
        }
    }
}
