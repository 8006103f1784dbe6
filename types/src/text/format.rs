//! Text output of single values, dispatched by type; the writers are shared with the column-wise encoder.

use super::settings::{ByteaOutput, IoSettings};
use super::{float, list};
use crate::datum::Datum;
use crate::pgnum::PgNum;
use crate::sql_type::{Form, SqlType, is_registry, oid};
use arrow::datatypes::i256;
use base::id::Oid;
use base::{Error, Result};
use std::fmt::Write;

/// Appends `datum`, which must not be null, as the output function of its type prints it.
pub fn format_text(ty: &SqlType, datum: &Datum, settings: &IoSettings, out: &mut String) -> Result<()> {
    format_form(ty.oid, &ty.form, datum, settings, out)
}

pub(crate) fn format_form(
    oid: Oid,
    form: &Form,
    datum: &Datum,
    settings: &IoSettings,
    out: &mut String,
) -> Result<()> {
    match (form, datum) {
        (Form::Bool, Datum::Bool(v)) => write_bool(*v, out),
        (Form::Int16, Datum::Int16(v)) => write_integer(i64::from(*v), out),
        (Form::Int32, Datum::Int32(v)) => write_integer(i64::from(*v), out),
        (Form::Int64, Datum::Int64(v)) => write_integer(*v, out),
        (Form::Enum, Datum::Int64(v)) => out.push_str(&settings.enum_label(oid, *v)?),
        (Form::UInt32, Datum::UInt32(v)) => write_oid(oid, *v, settings, out),
        (Form::Float32, Datum::Float32(v)) => float::write_f32(*v, settings.extra_float_digits, out),
        (Form::Float64, Datum::Float64(v)) => float::write_f64(*v, settings.extra_float_digits, out),
        (Form::Decimal128 { scale }, Datum::Decimal128(v)) => write_decimal(*v, *scale, out),
        (Form::Decimal256 { scale }, Datum::Decimal256(v)) => write_decimal256(*v, *scale, out)?,
        (Form::PgNum, Datum::PgNum(v)) => PgNum::from_bytes(v)?.format(out),
        (Form::Text, Datum::Text(v)) => out.push_str(v),
        (Form::Bytes, Datum::Bytes(v)) => write_bytea(v, settings.bytea_output, out),
        (Form::Uuid, Datum::Uuid(v)) => write_uuid(v, out),
        (Form::Jsonb, Datum::Jsonb(v)) => out.push_str(v),
        (Form::Time, Datum::Time(v)) => super::write_time(*v, out),
        (Form::TimeTz, Datum::TimeTz(v)) => super::write_timetz(*v, out),
        (Form::Date, Datum::Date(v)) => super::write_date(*v, settings, out),
        (Form::Timestamp, Datum::Timestamp(v)) => super::write_timestamp(*v, settings, out),
        (Form::TimestampTz, Datum::TimestampTz(v)) => super::write_timestamptz(*v, settings, out),
        (Form::Interval, Datum::Interval(v)) => super::write_interval(*v, settings.interval_style, out),
        (Form::Row(fields), Datum::Row(values)) => super::row::write_row(fields, values, settings, out)?,
        (Form::Array(element), Datum::List(items)) => list::write_list(oid, element, items, settings, out)?,
        _ => return Err(Error::internal(format!("value {datum:?} is not of form {form:?}"))),
    }
    Ok(())
}

pub(crate) fn write_bool(value: bool, out: &mut String) {
    out.push(if value { 't' } else { 'f' });
}

pub(crate) fn write_integer(value: i64, out: &mut String) {
    let _ = write!(out, "{value}");
}

/// Appends with at least `width` digits; the value must not be negative.
pub(crate) fn write_integer_padded(value: i64, width: usize, out: &mut String) {
    let _ = write!(out, "{value:0width$}");
}

/// reg* types print the name of the object, `-` for none, and the number where nothing has it.
pub(crate) fn write_oid(ty: Oid, value: u32, settings: &IoSettings, out: &mut String) {
    if !is_registry(ty) {
        return write_integer(i64::from(value), out);
    }
    let name = settings.names.as_ref().filter(|_| value != 0).and_then(|names| names.name(ty, Oid(value)));
    match name {
        _ if value == 0 && matches!(ty, oid::REGOPER | oid::REGOPERATOR) => out.push('0'),
        _ if value == 0 => out.push('-'),
        Some(name) => out.push_str(&name),
        None => write_integer(i64::from(value), out),
    }
}

/// Appends value * 10^-scale with all `scale` digits.
pub(crate) fn write_decimal(value: i128, scale: u8, out: &mut String) {
    if value < 0 {
        out.push('-');
    }
    let magnitude = value.unsigned_abs();
    let Some(unit) = 10_u128.checked_pow(u32::from(scale)) else {
        let _ = write!(out, "0.{magnitude:0width$}", width = usize::from(scale));
        return;
    };
    match (u64::try_from(magnitude), u64::try_from(unit)) {
        // 64-bit division is several times as fast, and nearly all values are small.
        (Ok(small), Ok(unit)) => drop(write!(out, "{}", small / unit)),
        _ => drop(write!(out, "{}", magnitude / unit)),
    }
    if scale > 0 {
        let _ = write!(out, ".{:0width$}", magnitude % unit, width = usize::from(scale));
    }
}

pub(crate) fn write_decimal256(value: i256, scale: u8, out: &mut String) -> Result<()> {
    match value.to_i128() {
        Some(small) => write_decimal(small, scale, out),
        None => PgNum::from_i256(value, scale)?.format(out),
    }
    Ok(())
}

pub(crate) fn write_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }));
        }
    }
}

pub(crate) fn write_bytea(value: &[u8], style: ByteaOutput, out: &mut String) {
    match style {
        ByteaOutput::Hex => {
            out.reserve(2 + 2 * value.len());
            out.push_str("\\x");
            write_hex(value, out);
        }
        ByteaOutput::Escape => {
            for byte in value {
                match byte {
                    b'\\' => out.push_str("\\\\"),
                    0x20..=0x7e => out.push(char::from(*byte)),
                    _ => drop(write!(out, "\\{byte:03o}")),
                }
            }
        }
    }
}

pub(crate) fn write_uuid(value: &[u8], out: &mut String) {
    for (i, byte) in value.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        write_hex(&[*byte], out);
    }
}
