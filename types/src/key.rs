//! The order-preserving encoding of primary keys, version 1 (byte table in docs/types.md).
//!
//! Invariant: comparing two keys of the same columns byte by byte gives PostgreSQL's order of their values (text by
//! bytes), equal keys are equal values, and no key is the beginning of another. Nulls have no encoding, but for those within
//! arrays and rows, which come last.

use crate::datetime::interval_order;
use crate::datum::{Datum, Interval};
use crate::encode::Column;
use crate::json;
use crate::list::Dimension;
use crate::pgnum::key_of;
use crate::sql_type::Form;
use arrow::array::ArrayRef;
use arrow::datatypes::i256;
use base::{Error, Result};

/// Goes into the header of every format that stores keys.
pub const KEY_VERSION: u8 = 1;

const ESCAPE: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xFF;
const TERMINATOR: u8 = 0x01;

/// Before what is within an array or a row; an array that ends is less than one that goes on, and null is greatest.
const END: u8 = 0;
const PRESENT: u8 = 1;
const ABSENT: u8 = 2;

/// Encoded keys of many rows, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBuffer {
    pub bytes: Vec<u8>,
    /// One more than there are keys; key i is `bytes[offsets[i]..offsets[i + 1]]`.
    pub offsets: Vec<usize>,
}

impl Default for KeyBuffer {
    fn default() -> Self {
        Self { bytes: Vec::new(), offsets: vec![0] }
    }
}

impl KeyBuffer {
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of row `index`; empty beyond the last.
    pub fn key(&self, index: usize) -> &[u8] {
        match (self.offsets.get(index), self.offsets.get(index + 1)) {
            (Some(start), Some(end)) => self.bytes.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.key(i))
    }
}

/// Whether values of the form can be part of a key.
pub fn can_be_key(form: &Form) -> bool {
    match form {
        Form::List(_) => false,
        Form::Array(element) => can_be_key(element),
        Form::Row(fields) => fields.iter().all(|field| can_be_key(&field.ty.form)),
        _ => true,
    }
}

/// Keys of all rows of columns of equal length. A null is an internal error: NOT NULL is checked before.
pub fn encode_keys(columns: &[(Form, ArrayRef)]) -> Result<KeyBuffer> {
    if columns.iter().any(|(_, array)| array.null_count() > 0) {
        return Err(Error::internal("key columns with nulls"));
    }
    encode_present(columns)
}

/// The encodings of the values of each row that are not null, one behind the other; what the tablet hash is taken of.
/// Not a key: two rows may have the same bytes.
pub(crate) fn encode_present(columns: &[(Form, ArrayRef)]) -> Result<KeyBuffer> {
    let rows = columns.first().map_or(0, |(_, array)| array.len());
    let mut cells = Vec::with_capacity(columns.len());
    for (form, array) in columns {
        if !can_be_key(form) {
            return Err(not_a_key(form));
        }
        if array.len() != rows {
            return Err(Error::internal("key columns of unequal length"));
        }
        cells.push((Column::new(form, array)?, array.nulls()));
    }
    let mut keys = KeyBuffer {
        bytes: Vec::with_capacity(rows * 9 * cells.len()),
        offsets: Vec::with_capacity(rows + 1),
    };
    keys.offsets.push(0);
    for row in 0..rows {
        for (column, nulls) in &cells {
            if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                write_cell(column, row, &mut keys.bytes)?;
            }
        }
        keys.offsets.push(keys.bytes.len());
    }
    Ok(keys)
}

fn write_cell(column: &Column, row: usize, out: &mut Vec<u8>) -> Result<()> {
    match column {
        Column::Bool(a) => out.push(u8::from(a.value(row))),
        Column::Int16(a) => write_i16(a.value(row), out),
        Column::Int32(a) => write_i32(a.value(row), out),
        Column::Int64(a) | Column::Enum(a) => write_i64(a.value(row), out),
        Column::UInt32(a) => out.extend_from_slice(&a.value(row).to_be_bytes()),
        Column::Float32(a) => write_f32(a.value(row), out),
        Column::Float64(a) => write_f64(a.value(row), out),
        Column::Decimal128(a, _) => write_i128(a.value(row), out),
        Column::Decimal256(a, _) => write_i256(a.value(row), out),
        Column::PgNum(a) => out.extend_from_slice(key_of(a.value(row))),
        Column::Text(a) => write_bytes(a.value(row).as_bytes(), out),
        Column::Bytes(a) => write_bytes(a.value(row), out),
        Column::Uuid(a) | Column::TimeTz(a) => out.extend_from_slice(a.value(row)),
        Column::Jsonb(a) => json::write_key(a.value(row), out)?,
        Column::Time(a) => write_i64(a.value(row), out),
        Column::Date(a) => write_i32(a.value(row), out),
        Column::Timestamp(a) | Column::TimestampTz(a) => write_i64(a.value(row), out),
        Column::Interval(a) => write_i128(interval_order(Interval::from_bytes(a.value(row))?), out),
        Column::Array(_, elements) => {
            let (items, dimensions) = elements.at(row)?;
            for item in items {
                write_part(&elements.values, item, out)?;
            }
            write_end(&dimensions, out);
        }
        Column::Row(_, fields) => {
            for (_, field) in fields {
                write_part(field, row, out)?;
            }
        }
    }
    Ok(())
}

/// A value within an array or a row, which may be null.
fn write_part(column: &Column, row: usize, out: &mut Vec<u8>) -> Result<()> {
    if column.is_null(row) {
        out.push(ABSENT);
        return Ok(());
    }
    out.push(PRESENT);
    write_cell(column, row, out)
}

/// Behind the elements of an array: what tells arrays of the same elements apart.
fn write_end(dimensions: &[Dimension], out: &mut Vec<u8>) {
    out.push(END);
    // There are six at most.
    out.push(u8::try_from(dimensions.len()).unwrap_or(u8::MAX));
    dimensions.iter().for_each(|dimension| write_i32(dimension.length, out));
    dimensions.iter().for_each(|dimension| write_i32(dimension.lower, out));
}

/// The key of one row.
pub fn encode_key_data(values: &[(Form, Datum)]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(values.len() * 9);
    for (form, datum) in values {
        write_datum(form, datum, &mut out)?;
    }
    Ok(out)
}

fn write_datum(form: &Form, datum: &Datum, out: &mut Vec<u8>) -> Result<()> {
    match (form, datum) {
        (Form::Bool, Datum::Bool(v)) => out.push(u8::from(*v)),
        (Form::Int16, Datum::Int16(v)) => write_i16(*v, out),
        (Form::Int32, Datum::Int32(v)) | (Form::Date, Datum::Date(v)) => write_i32(*v, out),
        (Form::Int64 | Form::Enum, Datum::Int64(v))
        | (Form::Time, Datum::Time(v))
        | (Form::Timestamp, Datum::Timestamp(v))
        | (Form::TimestampTz, Datum::TimestampTz(v)) => write_i64(*v, out),
        (Form::UInt32, Datum::UInt32(v)) => out.extend_from_slice(&v.to_be_bytes()),
        (Form::Float32, Datum::Float32(v)) => write_f32(*v, out),
        (Form::Float64, Datum::Float64(v)) => write_f64(*v, out),
        (Form::Decimal128 { .. }, Datum::Decimal128(v)) => write_i128(*v, out),
        (Form::Decimal256 { .. }, Datum::Decimal256(v)) => write_i256(*v, out),
        (Form::PgNum, Datum::PgNum(v)) => out.extend_from_slice(key_of(v)),
        (Form::Text, Datum::Text(v)) => write_bytes(v.as_bytes(), out),
        (Form::Bytes, Datum::Bytes(v)) => write_bytes(v, out),
        (Form::Uuid, Datum::Uuid(v)) => out.extend_from_slice(v),
        (Form::TimeTz, Datum::TimeTz(v)) => out.extend_from_slice(&v.to_bytes()),
        (Form::Jsonb, Datum::Jsonb(v)) => json::write_key(v, out)?,
        (Form::Interval, Datum::Interval(v)) => write_i128(interval_order(*v), out),
        (Form::Array(element), Datum::List(list)) => {
            list.iter().try_for_each(|item| write_datum_part(element, item, out))?;
            write_end(&list.dimensions(), out);
        }
        (Form::Row(fields), Datum::Row(values)) if fields.len() == values.len() => {
            let mut parts = fields.iter().zip(values);
            parts.try_for_each(|(field, value)| write_datum_part(&field.ty.form, value, out))?;
        }
        (Form::List(_), _) => return Err(not_a_key(form)),
        _ => return Err(Error::internal(format!("value {datum:?} of form {form:?} has no key encoding"))),
    }
    Ok(())
}

fn write_datum_part(form: &Form, datum: &Datum, out: &mut Vec<u8>) -> Result<()> {
    if *datum == Datum::Null {
        out.push(ABSENT);
        return Ok(());
    }
    out.push(PRESENT);
    write_datum(form, datum, out)
}

fn write_i16(value: i16, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value ^ i16::MIN).to_be_bytes());
}

fn write_i32(value: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value ^ i32::MIN).to_be_bytes());
}

fn write_i64(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value ^ i64::MIN).to_be_bytes());
}

fn write_i128(value: i128, out: &mut Vec<u8>) {
    out.extend_from_slice(&(value ^ i128::MIN).to_be_bytes());
}

fn write_i256(value: i256, out: &mut Vec<u8>) {
    let mut bytes = value.to_be_bytes();
    flip_first(&mut bytes);
    out.extend_from_slice(&bytes);
}

fn flip_first(bytes: &mut [u8; 32]) {
    let [first, ..] = bytes;
    *first ^= 0x80;
}

/// NaN is one value above all others; -0 is 0.
fn write_f32(value: f32, out: &mut Vec<u8>) {
    let value = if value.is_nan() { f32::NAN.abs() } else { value + 0.0 };
    let bits = value.to_bits();
    out.extend_from_slice(&(if bits >> 31 == 1 { !bits } else { bits ^ (1 << 31) }).to_be_bytes());
}

fn write_f64(value: f64, out: &mut Vec<u8>) {
    let value = if value.is_nan() { f64::NAN.abs() } else { value + 0.0 };
    let bits = value.to_bits();
    out.extend_from_slice(&(if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) }).to_be_bytes());
}

pub(crate) fn write_bytes(value: &[u8], out: &mut Vec<u8>) {
    let mut parts = value.split(|b| *b == ESCAPE);
    if let Some(first) = parts.next() {
        out.extend_from_slice(first);
    }
    for part in parts {
        out.extend_from_slice(&[ESCAPE, ESCAPED_ZERO]);
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&[ESCAPE, TERMINATOR]);
}

pub(crate) fn read_bytes(rest: &mut &[u8]) -> Result<Vec<u8>> {
    let mut value = Vec::new();
    loop {
        let at = rest.iter().position(|b| *b == ESCAPE).ok_or_else(corrupt)?;
        value.extend_from_slice(rest.get(..at).unwrap_or_default());
        let mark = rest.get(at + 1).copied();
        *rest = rest.get(at + 2..).unwrap_or_default();
        match mark {
            Some(TERMINATOR) => return Ok(value),
            Some(ESCAPED_ZERO) => value.push(0),
            _ => return Err(corrupt()),
        }
    }
}

pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or_else(corrupt)?;
    *rest = tail;
    Ok(*head)
}

pub(crate) fn corrupt() -> Error {
    Error::corruption("a key whose bytes are not of its encoding")
}

fn not_a_key(form: &Form) -> Error {
    Error::internal(format!("values of form {form:?} cannot be part of a key"))
}

#[cfg(test)]
mod tests;
