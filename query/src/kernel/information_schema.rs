//! The functions of information_schema, which its views compute lengths and precisions with.
//!
//! Invariant: null for a type that the question has no sense for.

use crate::kernel::call::{Arg, Call, Run, map2};
use crate::kernel::system::{format_type, table};
use crate::kernel::value::{Id, Int2, Int4, Text};
use arrow::array::ArrayRef;
use base::Result;
use base::id::Oid;
use catalog::builtin::{Relation, relation};
use types::sql_type::oid;

/// Bytes of the longest character.
const CHARACTER_BYTES_MAX: i32 = 4;
/// Characters of a text without limit, as the standard's views tell it.
const OCTETS_WITHOUT_LIMIT: i32 = 1 << 30;

fn of_type(call: &Call<'_>, args: &[Arg], answer: impl Fn(Oid, i32) -> Option<i32>) -> Result<ArrayRef> {
    map2::<Id, Int4, Int4, _>(call, args, |ty, typmod| Ok(answer(Oid(ty), typmod)))
}

fn characters_max(ty: Oid, typmod: i32) -> Option<i32> {
    match ty {
        _ if typmod == -1 => None,
        oid::BPCHAR | oid::VARCHAR => Some(typmod - 4),
        oid::BIT | oid::VARBIT => Some(typmod),
        _ => None,
    }
}

fn octets_max(ty: Oid, typmod: i32) -> Option<i32> {
    match ty {
        oid::TEXT | oid::BPCHAR | oid::VARCHAR if typmod == -1 => Some(OCTETS_WITHOUT_LIMIT),
        oid::TEXT | oid::BPCHAR | oid::VARCHAR => {
            characters_max(ty, typmod).map(|n| n.saturating_mul(CHARACTER_BYTES_MAX))
        }
        _ => None,
    }
}

fn precision(ty: Oid, typmod: i32) -> Option<i32> {
    match ty {
        oid::INT2 => Some(16),
        oid::INT4 => Some(32),
        oid::INT8 => Some(64),
        oid::FLOAT4 => Some(24),
        oid::FLOAT8 => Some(53),
        oid::NUMERIC if typmod != -1 => Some(((typmod - 4) >> 16) & 0xffff),
        _ => None,
    }
}

fn radix(ty: Oid, _typmod: i32) -> Option<i32> {
    match ty {
        oid::INT2 | oid::INT4 | oid::INT8 | oid::FLOAT4 | oid::FLOAT8 => Some(2),
        oid::NUMERIC => Some(10),
        _ => None,
    }
}

fn scale(ty: Oid, typmod: i32) -> Option<i32> {
    match ty {
        oid::INT2 | oid::INT4 | oid::INT8 => Some(0),
        oid::NUMERIC if typmod != -1 => Some((typmod - 4) & 0xffff),
        _ => None,
    }
}

fn seconds_precision(ty: Oid, typmod: i32) -> Option<i32> {
    match ty {
        oid::DATE => Some(0),
        oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ if typmod < 0 => Some(6),
        oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ => Some(typmod),
        oid::INTERVAL if typmod < 0 || typmod & 0xffff == 0xffff => Some(6),
        oid::INTERVAL => Some(typmod & 0xffff),
        _ => None,
    }
}

/// The fields that an interval is limited to.
fn interval_fields(ty: Oid, typmod: i32) -> Option<String> {
    if ty != oid::INTERVAL {
        return None;
    }
    let name = format_type(ty.0, Some(typmod));
    let behind = name.strip_prefix("interval")?;
    let fields = behind.trim_start_matches(|c: char| c == '(' || c == ')' || c.is_ascii_digit());
    fields.strip_prefix(' ').map(str::to_ascii_uppercase)
}

/// The place of a column in an index, from 1.
fn index_position(call: &Call<'_>, index: u32, column: i16) -> Option<i32> {
    let key = index.checked_sub(1).and_then(|id| table(call, id)).filter(|def| def.has_primary_key());
    if let Some(def) = key {
        let place = def.primary_key.iter().position(|id| i16::try_from(id.0) == Ok(column));
        return place.and_then(|place| i32::try_from(place + 1).ok());
    }
    let mut unique = call.statement.catalog.tables().flat_map(|def| &def.unique);
    if let Some(unique) = unique.find(|unique| unique.oid == Oid(index)) {
        let place = unique.columns.iter().position(|id| i16::try_from(id.0) == Ok(column));
        return place.and_then(|place| i32::try_from(place + 1).ok());
    }
    let indexes: &'static Relation = relation("pg_index")?;
    let (id, keys) = (indexes.column("indexrelid")?, indexes.column("indkey")?);
    let wanted = index.to_string();
    let row = indexes.rows.iter().find(|row| row.get(id).is_some_and(|v| v.as_deref() == Some(&wanted)))?;
    let column = column.to_string();
    let place = row.get(keys)?.as_deref()?.split(' ').position(|key| key == column)?;
    i32::try_from(place + 1).ok()
}

/// By the function's name.
pub(crate) const BY_NAME: &[(&str, Run)] = &[
    ("_pg_char_max_length", |c, a| of_type(c, a, characters_max)),
    ("_pg_char_octet_length", |c, a| of_type(c, a, octets_max)),
    ("_pg_numeric_precision", |c, a| of_type(c, a, precision)),
    ("_pg_numeric_precision_radix", |c, a| of_type(c, a, radix)),
    ("_pg_numeric_scale", |c, a| of_type(c, a, scale)),
    ("_pg_datetime_precision", |c, a| of_type(c, a, seconds_precision)),
    ("_pg_interval_type", |c, a| {
        map2::<Id, Int4, Text, _>(c, a, |ty, typmod| Ok(interval_fields(Oid(ty), typmod)))
    }),
    ("_pg_index_position", |c, a| {
        map2::<Id, Int2, Int4, _>(c, a, |index, column| Ok(index_position(c, index, column)))
    }),
];
