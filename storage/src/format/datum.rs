//! Forms of types and single data as bytes.
//!
//! Invariants: the tag of a datum is that of its form (enums have that of the number they are held as); nesting is bounded.

use super::codec::{Reader, Writer};
use arrow::datatypes::i256;
use base::Result;
use base::id::Oid;
use types::list::{bounds_from_bytes, bounds_to_bytes};
use types::sql_type::{DEPTH_MAX, RowField};
use types::{Datum, Form, Interval, List, SqlType, TimeTz, user_type};

pub(crate) fn encode_form(writer: &mut Writer, form: &Form) {
    match form {
        Form::Bool => writer.u8(1),
        Form::Int16 => writer.u8(2),
        Form::Int32 => writer.u8(3),
        Form::Int64 => writer.u8(4),
        Form::UInt32 => writer.u8(5),
        Form::Float32 => writer.u8(6),
        Form::Float64 => writer.u8(7),
        Form::Decimal128 { scale } => {
            writer.u8(8);
            writer.u8(*scale);
        }
        Form::Decimal256 { scale } => {
            writer.u8(9);
            writer.u8(*scale);
        }
        Form::PgNum => writer.u8(10),
        Form::Text => writer.u8(11),
        Form::Bytes => writer.u8(12),
        Form::Uuid => writer.u8(13),
        Form::Date => writer.u8(14),
        Form::Timestamp => writer.u8(15),
        Form::TimestampTz => writer.u8(16),
        Form::Interval => writer.u8(17),
        Form::Array(element) | Form::List(element) => {
            writer.u8(18);
            encode_form(writer, element);
        }
        Form::Jsonb => writer.u8(19),
        Form::Time => writer.u8(20),
        Form::TimeTz => writer.u8(21),
        Form::Enum => writer.u8(24),
        Form::Row(fields) => {
            writer.u8(23);
            writer.count(fields.len());
            for RowField { name, ty } in fields.iter() {
                writer.string(name);
                encode_sql_type(writer, ty);
            }
        }
    }
}

/// In the place of a form's tag: the type is a domain, whose OID comes before its form.
const DOMAIN: u8 = 25;

pub(super) fn encode_sql_type(writer: &mut Writer, ty: &SqlType) {
    writer.u32(ty.oid.0);
    writer.i32(ty.typmod);
    if let Some(domain) = ty.domain {
        writer.u8(DOMAIN);
        writer.u32(domain.0);
    }
    encode_form(writer, &ty.form);
}

/// The inverse of `encode_sql_type`.
pub(super) fn decode_sql_type(reader: &mut Reader<'_>) -> Result<SqlType> {
    decode_nested_type(reader, DEPTH_MAX)
}

fn decode_nested_type(reader: &mut Reader<'_>, depth: u8) -> Result<SqlType> {
    let (oid, typmod) = (Oid(reader.u32()?), reader.i32()?);
    let domain = match reader.peek()? {
        DOMAIN => {
            reader.u8()?;
            let domain = Oid(reader.u32()?);
            if !user_type::of_domain(domain) {
                return Err(reader.bad("a domain with the OID of another type"));
            }
            Some(domain)
        }
        _ => None,
    };
    Ok(SqlType { oid, typmod, form: decode_nested_form(reader, depth)?, domain })
}

/// The inverse of `encode_form`.
pub(crate) fn decode_form(reader: &mut Reader<'_>) -> Result<Form> {
    decode_nested_form(reader, DEPTH_MAX)
}

fn decode_nested_form(reader: &mut Reader<'_>, depth: u8) -> Result<Form> {
    Ok(match reader.u8()? {
        1 => Form::Bool,
        2 => Form::Int16,
        3 => Form::Int32,
        4 => Form::Int64,
        5 => Form::UInt32,
        6 => Form::Float32,
        7 => Form::Float64,
        8 => Form::Decimal128 { scale: reader.u8()? },
        9 => Form::Decimal256 { scale: reader.u8()? },
        10 => Form::PgNum,
        11 => Form::Text,
        12 => Form::Bytes,
        13 => Form::Uuid,
        14 => Form::Date,
        15 => Form::Timestamp,
        16 => Form::TimestampTz,
        17 => Form::Interval,
        18 if depth > 0 => Form::Array(Box::new(decode_nested_form(reader, depth - 1)?)),
        19 => Form::Jsonb,
        20 => Form::Time,
        21 => Form::TimeTz,
        24 => Form::Enum,
        23 if depth > 0 => {
            let fields = reader
                .list(10, |r| Ok(RowField { name: r.string()?, ty: decode_nested_type(r, depth - 1)? }))?;
            Form::Row(fields.into())
        }
        _ => return Err(reader.bad("unknown form of a type")),
    })
}

pub(super) fn encode_data(writer: &mut Writer, data: &[Datum]) {
    writer.count(data.len());
    for datum in data {
        encode_datum(writer, datum);
    }
}

/// One value with a tag that says its form; tag 0 is null. Tags are those of forms.
pub(crate) fn encode_datum(writer: &mut Writer, datum: &Datum) {
    match datum {
        Datum::Null => writer.u8(0),
        Datum::Bool(v) => tagged(writer, 1, &[u8::from(*v)]),
        Datum::Int16(v) => tagged(writer, 2, &v.to_le_bytes()),
        Datum::Int32(v) => tagged(writer, 3, &v.to_le_bytes()),
        Datum::Int64(v) => tagged(writer, 4, &v.to_le_bytes()),
        Datum::UInt32(v) => tagged(writer, 5, &v.to_le_bytes()),
        Datum::Float32(v) => tagged(writer, 6, &v.to_bits().to_le_bytes()),
        Datum::Float64(v) => tagged(writer, 7, &v.to_bits().to_le_bytes()),
        Datum::Decimal128(v) => tagged(writer, 8, &v.to_le_bytes()),
        Datum::Decimal256(v) => tagged(writer, 9, &v.to_le_bytes()),
        Datum::PgNum(v) => tagged_bytes(writer, 10, v),
        Datum::Text(v) => tagged_bytes(writer, 11, v.as_bytes()),
        Datum::Bytes(v) => tagged_bytes(writer, 12, v),
        Datum::Uuid(v) => tagged(writer, 13, v),
        Datum::Date(v) => tagged(writer, 14, &v.to_le_bytes()),
        Datum::Timestamp(v) => tagged(writer, 15, &v.to_le_bytes()),
        Datum::TimestampTz(v) => tagged(writer, 16, &v.to_le_bytes()),
        Datum::Interval(v) => {
            tagged(writer, 17, &v.months.to_le_bytes());
            writer.raw(&v.days.to_le_bytes());
            writer.raw(&v.micros.to_le_bytes());
        }
        Datum::Row(values) => {
            writer.u8(23);
            encode_data(writer, values);
        }
        Datum::List(list) => {
            if list.bounds().is_empty() {
                writer.u8(18);
            } else {
                writer.u8(22);
                writer.bytes(&bounds_to_bytes(list.bounds()));
            }
            encode_data(writer, list);
        }
        Datum::Jsonb(v) => tagged_bytes(writer, 19, v.as_bytes()),
        Datum::Time(v) => tagged(writer, 20, &v.to_le_bytes()),
        Datum::TimeTz(v) => tagged(writer, 21, &v.to_bytes()),
    }
}

fn tagged(writer: &mut Writer, tag: u8, value: &[u8]) {
    writer.u8(tag);
    writer.raw(value);
}

fn tagged_bytes(writer: &mut Writer, tag: u8, value: &[u8]) {
    writer.u8(tag);
    writer.bytes(value);
}

pub(crate) fn decode_datum(reader: &mut Reader<'_>) -> Result<Datum> {
    decode_nested_datum(reader, DEPTH_MAX)
}

fn decode_nested_datum(reader: &mut Reader<'_>, depth: u8) -> Result<Datum> {
    Ok(match reader.u8()? {
        0 => Datum::Null,
        1 => Datum::Bool(reader.bool()?),
        2 => Datum::Int16(i16::from_le_bytes(reader.array()?)),
        3 => Datum::Int32(i32::from_le_bytes(reader.array()?)),
        4 => Datum::Int64(i64::from_le_bytes(reader.array()?)),
        5 => Datum::UInt32(reader.u32()?),
        6 => Datum::Float32(f32::from_bits(reader.u32()?)),
        7 => Datum::Float64(f64::from_bits(reader.u64()?)),
        8 => Datum::Decimal128(i128::from_le_bytes(reader.array()?)),
        9 => Datum::Decimal256(i256::from_le_bytes(reader.array()?)),
        10 => Datum::PgNum(reader.bytes()?.to_vec()),
        11 => Datum::Text(reader.string()?),
        12 => Datum::Bytes(reader.bytes()?.to_vec()),
        13 => Datum::Uuid(reader.array()?),
        14 => Datum::Date(i32::from_le_bytes(reader.array()?)),
        15 => Datum::Timestamp(i64::from_le_bytes(reader.array()?)),
        16 => Datum::TimestampTz(i64::from_le_bytes(reader.array()?)),
        17 => Datum::Interval(Interval {
            months: i32::from_le_bytes(reader.array()?),
            days: i32::from_le_bytes(reader.array()?),
            micros: i64::from_le_bytes(reader.array()?),
        }),
        18 if depth > 0 => Datum::list(reader.list(1, |r| decode_nested_datum(r, depth - 1))?),
        19 => Datum::Jsonb(reader.string()?),
        20 => Datum::Time(i64::from_le_bytes(reader.array()?)),
        21 => Datum::TimeTz(TimeTz::from_bytes(&reader.array::<{ TimeTz::BYTES }>()?)?),
        22 if depth > 0 => {
            let bounds = reader.bytes()?.to_vec();
            let items = reader.list(1, |r| decode_nested_datum(r, depth - 1))?;
            let bounds = bounds_from_bytes(&bounds, items.len()).map_err(|e| reader.bad(e.message()))?;
            Datum::List(List::with_dimensions(items, bounds)?)
        }
        23 if depth > 0 => Datum::Row(reader.list(1, |r| decode_nested_datum(r, depth - 1))?),
        _ => return Err(reader.bad("unknown form of a value")),
    })
}
