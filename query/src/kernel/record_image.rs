//! Comparisons of rows by the bytes that PostgreSQL holds their fields as: `*=`, `*<` and their like.
//!
//! Must not know the equality of types. Invariant: what has other bytes in PostgreSQL is not equal here; an order is told
//! only of fields whose bytes are known.

use crate::kernel::call::{Arg, Call, Run};
use crate::kernel::list::each;
use crate::kernel::system::format_type;
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use std::cmp::Ordering;
use types::datetime::{DATE_INFINITY, DATE_NEG_INFINITY, TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY};
use types::sql_type::{RowField, oid};
use types::{Datum, List, SqlType};

/// Between 1970 and 2000, from when PostgreSQL counts.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

fn same(a: &Datum, b: &Datum) -> bool {
    match (a, b) {
        (Datum::Float32(a), Datum::Float32(b)) => a.to_bits() == b.to_bits(),
        (Datum::Float64(a), Datum::Float64(b)) => a.to_bits() == b.to_bits(),
        (Datum::Row(a), Datum::Row(b)) => all_same(a.iter(), b.iter()),
        (Datum::List(a), Datum::List(b)) => {
            let items = |list: &List| list.iter().count();
            a.dimensions() == b.dimensions() && items(a) == items(b) && all_same(a.iter(), b.iter())
        }
        (a, b) => a == b,
    }
}

fn all_same<'d>(mut a: impl Iterator<Item = &'d Datum>, mut b: impl Iterator<Item = &'d Datum>) -> bool {
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) if same(a, b) => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// The order of two fields: that of the numbers that hold them, without sign, or of their bytes.
fn compared(ty: &SqlType, a: &Datum, b: &Datum) -> Result<Ordering> {
    match (a, b) {
        (Datum::Null, Datum::Null) => return Ok(Ordering::Equal),
        (Datum::Null, _) => return Ok(Ordering::Greater),
        (_, Datum::Null) => return Ok(Ordering::Less),
        _ => {}
    }
    if same(a, b) {
        return Ok(Ordering::Equal);
    }
    if let (Some(a), Some(b)) = (number(ty, a), number(ty, b)) {
        return Ok(a.cmp(&b));
    }
    match (ty.oid, a, b) {
        (oid::TEXT | oid::VARCHAR | oid::NAME | oid::JSON, Datum::Text(a), Datum::Text(b)) => {
            Ok(a.as_bytes().cmp(b.as_bytes()))
        }
        (oid::BYTEA, Datum::Bytes(a), Datum::Bytes(b)) => Ok(a.cmp(b)),
        (oid::UUID, Datum::Uuid(a), Datum::Uuid(b)) => Ok(a.cmp(b)),
        _ => {
            let message = format!(
                "the order of the bytes of type {} is not supported",
                format_type(ty.named().0, None)
            );
            Err(Error::unsupported(message).with_hint("Compare the rows with < or >, or with *= or *<>."))
        }
    }
}

/// What PostgreSQL holds a value of a type as that goes by value.
#[expect(clippy::cast_sign_loss, reason = "PostgreSQL compares the bits without their sign")]
fn number(ty: &SqlType, value: &Datum) -> Option<u64> {
    let signed = match (ty.oid, value) {
        (oid::BOOL, Datum::Bool(value)) => i64::from(*value),
        (oid::INT2, Datum::Int16(value)) => i64::from(*value),
        (oid::INT4, Datum::Int32(value)) => i64::from(*value),
        (oid::INT8, Datum::Int64(value)) => *value,
        (oid::OID, Datum::UInt32(value)) => i64::from(*value),
        (oid::FLOAT4, Datum::Float32(value)) => i64::from(value.to_bits().cast_signed()),
        (oid::FLOAT8, Datum::Float64(value)) => value.to_bits().cast_signed(),
        (oid::DATE, Datum::Date(value)) => i64::from(match *value {
            DATE_INFINITY | DATE_NEG_INFINITY => *value,
            days => days.saturating_sub(EPOCH_DAYS),
        }),
        (oid::TIME, Datum::Time(value)) => *value,
        (oid::TIMESTAMP, Datum::Timestamp(value)) | (oid::TIMESTAMPTZ, Datum::TimestampTz(value)) => {
            match *value {
                TIMESTAMP_INFINITY | TIMESTAMP_NEG_INFINITY => *value,
                micros => micros.saturating_sub(EPOCH_MICROS),
            }
        }
        _ => return None,
    };
    Some(signed as u64)
}

fn fields(call: &Call<'_>, place: usize) -> Result<Vec<RowField>> {
    let fields = call.arg(place)?.fields().map(|fields| fields.to_vec());
    fields.ok_or_else(|| Error::internal("a row without fields"))
}

/// Compares rows field by field, up to the first pair of which `decided` says that it is unequal.
fn by_fields(
    call: &Call<'_>,
    args: &[Arg],
    decided: impl Fn(&SqlType, &Datum, &Datum) -> Result<Ordering>,
    holds: impl Fn(Ordering) -> bool,
) -> Result<ArrayRef> {
    let mismatch = |message: String| Err(Error::new(ErrorKind::DatatypeMismatch, message));
    let (left, right) = (fields(call, 0)?, fields(call, 1)?);
    each(call, args, |row| {
        let [Datum::Row(a), Datum::Row(b)] = row.as_slice() else { return Ok(Datum::Null) };
        let shapes = left.iter().zip(&right);
        for (number, ((a, b), (left, right))) in (1..).zip(a.iter().zip(b).zip(shapes)) {
            if left.ty.oid != right.ty.oid {
                let (a, b) = (format_type(left.ty.oid.0, None), format_type(right.ty.oid.0, None));
                return mismatch(format!(
                    "cannot compare dissimilar column types {a} and {b} at record column {number}"
                ));
            }
            let found = decided(&left.ty, a, b)?;
            if found != Ordering::Equal {
                return Ok(Datum::Bool(holds(found)));
            }
        }
        if left.len() != right.len() {
            let message = "cannot compare record types with different numbers of columns";
            return mismatch(message.to_owned());
        }
        Ok(Datum::Bool(holds(Ordering::Equal)))
    })
}

fn equal(call: &Call<'_>, args: &[Arg], wanted: bool) -> Result<ArrayRef> {
    let decided =
        |_: &SqlType, a: &Datum, b: &Datum| Ok(if same(a, b) { Ordering::Equal } else { Ordering::Less });
    by_fields(call, args, decided, |found| found.is_eq() == wanted)
}

fn ordered(call: &Call<'_>, args: &[Arg], holds: fn(Ordering) -> bool) -> Result<ArrayRef> {
    by_fields(call, args, compared, holds)
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("record_image_eq", |c, a| equal(c, a, true)),
    ("record_image_ne", |c, a| equal(c, a, false)),
    ("record_image_lt", |c, a| ordered(c, a, Ordering::is_lt)),
    ("record_image_gt", |c, a| ordered(c, a, Ordering::is_gt)),
    ("record_image_le", |c, a| ordered(c, a, Ordering::is_le)),
    ("record_image_ge", |c, a| ordered(c, a, Ordering::is_ge)),
];
