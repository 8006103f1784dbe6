//! Columns to PostgreSQL's binary send formats.
//!
//! Big endian throughout; dates and timestamps count from 2000-01-01, numerics are groups of four digits.

use super::column::{Column, Elements};
use crate::bits;
use crate::datetime::{EPOCH_2000_DAYS, EPOCH_2000_MICROS, date_is_finite, timestamp_is_finite};
use crate::datum::{Interval, TimeTz};
use crate::list::Dimension;
use crate::pgnum::{Class, PgNum};
use crate::sql_type::{SqlType, array_element, oid};
use crate::text::IoSettings;
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};

/// Before the text of a jsonpath.
pub(crate) const JSONPATH_VERSION: u8 = 1;
/// Before the text of a jsonb.
pub(crate) const JSONB_VERSION: u8 = 1;

pub(crate) const SIGN_NEGATIVE: u16 = 0x4000;
pub(crate) const SIGN_NAN: u16 = 0xC000;
pub(crate) const SIGN_INFINITY: u16 = 0xD000;
pub(crate) const SIGN_NEG_INFINITY: u16 = 0xF000;

/// Writes the cells of one column in binary.
#[derive(Clone, Debug)]
pub struct BinaryEncoder {
    oid: Oid,
    column: Column,
    /// None: enums are told by the positions of their labels.
    settings: Option<IoSettings>,
}

impl BinaryEncoder {
    /// An array that is not of the type's form is an internal error.
    pub fn new(ty: &SqlType, array: &ArrayRef, settings: &IoSettings) -> Result<Self> {
        let column = Column::new(&ty.form, array)?;
        Ok(Self { oid: ty.oid, column, settings: Some(settings.clone()) })
    }

    /// Of bytes that depend on nothing but the values as they are stored; no client may see them.
    pub(crate) fn of_stored(ty: &SqlType, array: &ArrayRef) -> Result<Self> {
        Ok(Self { oid: ty.oid, column: Column::new(&ty.form, array)?, settings: None })
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.column.is_null(row)
    }

    /// Appends the bytes of the cell, which must not be null, without a length.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        write_cell(self.oid, &self.column, row, self.settings.as_ref(), out)
    }
}

fn write_cell(
    oid: Oid,
    column: &Column,
    row: usize,
    settings: Option<&IoSettings>,
    out: &mut Vec<u8>,
) -> Result<()> {
    match column {
        Column::Bool(a) => out.push(u8::from(a.value(row))),
        Column::Int16(a) => out.extend_from_slice(&a.value(row).to_be_bytes()),
        Column::Int32(a) => out.extend_from_slice(&a.value(row).to_be_bytes()),
        Column::Int64(a) => out.extend_from_slice(&a.value(row).to_be_bytes()),
        Column::Enum(a) => match settings {
            Some(settings) => out.extend_from_slice(settings.enum_label(oid, a.value(row))?.as_bytes()),
            None => out.extend_from_slice(&a.value(row).to_be_bytes()),
        },
        Column::UInt32(a) => out.extend_from_slice(&a.value(row).to_be_bytes()),
        Column::Float32(a) => out.extend_from_slice(&a.value(row).to_be_bytes()),
        Column::Float64(a) => out.extend_from_slice(&a.value(row).to_be_bytes()),
        Column::Decimal128(a, scale) => write_decimal(a.value(row), *scale, out),
        Column::Decimal256(a, scale) => write_numeric(&PgNum::from_i256(a.value(row), *scale)?, out)?,
        Column::PgNum(a) => write_numeric(&PgNum::from_bytes(a.value(row))?, out)?,
        Column::Text(a) if oid == oid::CHAR => write_char(a.value(row), out),
        Column::Text(a) if matches!(oid, oid::BIT | oid::VARBIT) => bits::write_binary(a.value(row), out)?,
        Column::Text(a) if oid == oid::JSONPATH => {
            out.push(JSONPATH_VERSION);
            out.extend_from_slice(a.value(row).as_bytes());
        }
        Column::Text(a) => out.extend_from_slice(a.value(row).as_bytes()),
        Column::Bytes(a) | Column::Uuid(a) => out.extend_from_slice(a.value(row)),
        Column::Jsonb(a) => {
            out.push(JSONB_VERSION);
            out.extend_from_slice(a.value(row).as_bytes());
        }
        Column::Time(a) => out.extend_from_slice(&a.value(row).to_be_bytes()),
        Column::TimeTz(a) => {
            let value = TimeTz::from_bytes(a.value(row))?;
            out.extend_from_slice(&value.micros.to_be_bytes());
            out.extend_from_slice(&value.west.to_be_bytes());
        }
        Column::Date(a) => {
            let days = a.value(row);
            let days = if date_is_finite(days) { days.saturating_sub(EPOCH_2000_DAYS) } else { days };
            out.extend_from_slice(&days.to_be_bytes());
        }
        Column::Timestamp(a) | Column::TimestampTz(a) => {
            let micros = a.value(row);
            let micros =
                if timestamp_is_finite(micros) { micros.saturating_sub(EPOCH_2000_MICROS) } else { micros };
            out.extend_from_slice(&micros.to_be_bytes());
        }
        Column::Interval(a) => {
            let value = Interval::from_bytes(a.value(row))?;
            out.extend_from_slice(&value.micros.to_be_bytes());
            out.extend_from_slice(&value.days.to_be_bytes());
            out.extend_from_slice(&value.months.to_be_bytes());
        }
        Column::Row(_, columns) => {
            out.extend_from_slice(&length(columns.len())?.to_be_bytes());
            for (oid, column) in columns {
                out.extend_from_slice(&oid.0.to_be_bytes());
                write_with_length(*oid, column, row, settings, out)?;
            }
        }
        Column::Array(_, elements) => write_array(oid, elements, row, settings, out)?,
    }
    Ok(())
}

/// `"char"` is one byte; one that is not ASCII is kept as backslash and octal digits.
fn write_char(text: &str, out: &mut Vec<u8>) {
    let octal = text.strip_prefix('\\').filter(|t| t.len() == 3).and_then(|t| u8::from_str_radix(t, 8).ok());
    out.push(octal.or_else(|| text.bytes().next()).unwrap_or(0));
}

fn write_array(
    oid: Oid,
    elements: &Elements,
    row: usize,
    settings: Option<&IoSettings>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let element_oid = array_element(oid).unwrap_or(oid::TEXT);
    let values = elements.values.as_ref();
    let (rows, mut dimensions) = elements.at(row)?;
    if crate::sql_type::is_vector(oid) {
        dimensions = vec![Dimension { lower: 0, length: length(rows.len())? }];
    }
    let has_null = rows.clone().any(|row| values.is_null(row));
    out.extend_from_slice(&length(dimensions.len())?.to_be_bytes());
    out.extend_from_slice(&i32::from(has_null).to_be_bytes());
    out.extend_from_slice(&element_oid.0.to_be_bytes());
    for dimension in &dimensions {
        out.extend_from_slice(&dimension.length.to_be_bytes());
        out.extend_from_slice(&dimension.lower.to_be_bytes());
    }
    for row in rows {
        write_with_length(element_oid, values, row, settings, out)?;
    }
    Ok(())
}

/// A value behind its length, -1 for null.
fn write_with_length(
    oid: Oid,
    column: &Column,
    row: usize,
    settings: Option<&IoSettings>,
    out: &mut Vec<u8>,
) -> Result<()> {
    if column.is_null(row) {
        out.extend_from_slice(&(-1_i32).to_be_bytes());
        return Ok(());
    }
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write_cell(oid, column, row, settings, out)?;
    let written = length(out.len() - at - 4)?.to_be_bytes();
    if let Some(slot) = out.get_mut(at..at + 4) {
        slot.copy_from_slice(&written);
    }
    Ok(())
}

fn length(len: usize) -> Result<i32> {
    i32::try_from(len)
        .map_err(|_| Error::new(ErrorKind::LimitExceeded, "array size exceeds the maximum allowed"))
}

fn numeric_header(count: usize, weight: i32, sign: u16, scale: u16, out: &mut Vec<u8>) -> Result<()> {
    let wide = |_| Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format");
    out.extend_from_slice(&i16::try_from(count).map_err(wide)?.to_be_bytes());
    out.extend_from_slice(&i16::try_from(weight).map_err(wide)?.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    Ok(())
}

fn write_numeric(value: &PgNum, out: &mut Vec<u8>) -> Result<()> {
    let sign = match value.class() {
        Class::NaN => SIGN_NAN,
        Class::Infinity => SIGN_INFINITY,
        Class::NegInfinity => SIGN_NEG_INFINITY,
        Class::Negative => SIGN_NEGATIVE,
        Class::Positive => 0,
    };
    // PostgreSQL sends its infinities with this scale, a trace of how it stores them.
    let scale = if value.is_infinite() { 0x20 } else { value.scale() };
    numeric_header(value.groups().len(), value.weight(), sign, scale, out)?;
    for group in value.groups() {
        out.extend_from_slice(&group.to_be_bytes());
    }
    Ok(())
}

/// As `write_numeric` of the same value, with the groups on the stack.
fn write_decimal(value: i128, scale: u8, out: &mut Vec<u8>) {
    // 39 digits and a scale that splits groups need at most 11 groups.
    let mut groups = [0_u16; 12];
    let mut count = 0;
    let mut push = |group: u128| {
        if let (Some(slot), Ok(group)) = (groups.get_mut(count), u16::try_from(group)) {
            *slot = group;
            count += 1;
        }
    };
    let mut rest = value.unsigned_abs();
    let part = u32::from(scale % 4);
    if part != 0 {
        let cut = 10_u128.pow(part);
        push(rest % cut * 10_u128.pow(4 - part));
        rest /= cut;
    }
    while u64::try_from(rest).is_err() {
        push(rest % 10_000);
        rest /= 10_000;
    }
    let mut small = u64::try_from(rest).unwrap_or(0);
    while small > 0 {
        push(u128::from(small % 10_000));
        small /= 10_000;
    }
    let lowest = -i32::from(scale.div_ceil(4));
    let digits = groups.get(..count).unwrap_or_default();
    let trailing = digits.iter().take_while(|g| **g == 0).count();
    let leading = digits.iter().rev().take_while(|g| **g == 0).count();
    let kept = digits.get(trailing..count - leading.min(count - trailing)).unwrap_or_default();
    let weight = if kept.is_empty() {
        0
    } else {
        lowest + crate::pgnum::len_i32(digits) - 1 - i32::try_from(leading).unwrap_or(0)
    };
    let sign = if value < 0 { SIGN_NEGATIVE } else { 0 };
    // At most 12 groups and a weight below 12: the header always fits.
    let _ = numeric_header(kept.len(), weight, sign, u16::from(scale), out);
    for group in kept.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}
