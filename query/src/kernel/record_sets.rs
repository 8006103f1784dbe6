//! Functions that return a set of records for each row of arguments: the entries of access lists and of option lists, and
//! the elements of an array with their numbers.
//!
//! Invariant: the columns of a set are equally long; null, which is no rows, where the argument is null.

use crate::kernel::call::{Arg, Call};
use crate::kernel::json::{SetColumn, is_populated_set, populate_each};
use crate::kernel::list::each;
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use types::Datum;

/// The columns of a function that returns a set of records.
pub(crate) fn set_columns(proc: Oid) -> Option<&'static [SetColumn]> {
    if let Some(columns) = crate::kernel::json::set_columns(proc) {
        return Some(columns);
    }
    let row = catalog::builtin::proc(proc).filter(|row| row.returns_set)?;
    if is_populated_set(row.source) {
        return Some(&[("populate_recordset", populate_each)]);
    }
    Some(match row.name {
        "_pg_expandarray" => &[
            ("_pg_expandarray.x", |c, a| column(c, a, elements, 0)),
            ("_pg_expandarray.n", |c, a| column(c, a, elements, 1)),
        ],
        "aclexplode" => &[
            ("aclexplode.grantor", |c, a| column(c, a, grants, 0)),
            ("aclexplode.grantee", |c, a| column(c, a, grants, 1)),
            ("aclexplode.privilege_type", |c, a| column(c, a, grants, 2)),
            ("aclexplode.is_grantable", |c, a| column(c, a, grants, 3)),
        ],
        "pg_options_to_table" => &[
            ("pg_options_to_table.option_name", |c, a| column(c, a, options, 0)),
            ("pg_options_to_table.option_value", |c, a| column(c, a, options, 1)),
        ],
        _ => return None,
    })
}

/// Rows of records from the items of a list.
type Records = fn(Vec<Datum>) -> Result<Vec<Vec<Datum>>>;

/// One column of the set of each row, as a list.
fn column(call: &Call<'_>, args: &[Arg], records: Records, place: usize) -> Result<ArrayRef> {
    each(call, args, |mut row| match row.pop() {
        Some(Datum::List(items)) => {
            let rows = records(items.into_items())?;
            let cells = rows.into_iter().map(|row| row.into_iter().nth(place).unwrap_or(Datum::Null));
            Ok(Datum::list(cells.collect()))
        }
        _ => Ok(Datum::Null),
    })
}

fn elements(items: Vec<Datum>) -> Result<Vec<Vec<Datum>>> {
    Ok((1..).zip(items).map(|(n, item)| vec![item, Datum::Int32(n)]).collect())
}

/// `name=value`; a name alone has no value.
fn options(items: Vec<Datum>) -> Result<Vec<Vec<Datum>>> {
    let texts = items.into_iter().filter_map(|item| match item {
        Datum::Text(text) => Some(text),
        _ => None,
    });
    let split = texts.map(|text| match text.split_once('=') {
        Some((name, value)) => vec![Datum::Text(name.to_owned()), Datum::Text(value.to_owned())],
        None => vec![Datum::Text(text), Datum::Null],
    });
    Ok(split.collect())
}

/// Letters of access lists and the privileges that they stand for.
pub(crate) const PRIVILEGES: &[(char, &str)] = &[
    ('a', "INSERT"),
    ('r', "SELECT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('X', "EXECUTE"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('T', "TEMPORARY"),
    ('c', "CONNECT"),
    ('s', "SET"),
    ('A', "ALTER SYSTEM"),
];

/// `grantee=letters/grantor` as a row for each letter; a star behind a letter is the right to grant it on.
fn grants(items: Vec<Datum>) -> Result<Vec<Vec<Datum>>> {
    let mut rows = Vec::new();
    for item in items {
        let Datum::Text(item) = item else { continue };
        let (grantee, rest) = item.split_once('=').ok_or_else(|| invalid(&item))?;
        let (letters, grantor) = rest.split_once('/').ok_or_else(|| invalid(&item))?;
        let (grantee, grantor) = (role(grantee)?, role(grantor)?);
        let mut letters = letters.chars().peekable();
        while let Some(letter) = letters.next() {
            let grantable = letters.next_if_eq(&'*').is_some();
            let known = PRIVILEGES.iter().find(|(own, _)| *own == letter);
            let (_, name) = known.ok_or_else(|| invalid(&item))?;
            rows.push(vec![
                Datum::UInt32(grantor),
                Datum::UInt32(grantee),
                Datum::Text((*name).to_owned()),
                Datum::Bool(grantable),
            ]);
        }
    }
    Ok(rows)
}

/// The OID of a role; 0 is everybody.
fn role(name: &str) -> Result<u32> {
    if name.is_empty() {
        return Ok(0);
    }
    let role = catalog::builtin::role_named(name);
    role.map(|role| role.0).ok_or_else(|| {
        let message = format!("role \"{name}\" does not exist");
        Error::new(ErrorKind::UndefinedObject, message)
    })
}

fn invalid(item: &str) -> Error {
    Error::new(ErrorKind::InvalidText, format!("invalid access list entry: \"{item}\""))
}
