//! Single values from PostgreSQL's binary receive formats.
//!
//! Invariant: every byte is consumed and every value is one that text input could have given.

use super::binary::{
    JSONB_VERSION, JSONPATH_VERSION, SIGN_INFINITY, SIGN_NAN, SIGN_NEG_INFINITY, SIGN_NEGATIVE,
};
use crate::bits;
use crate::datetime::{
    EPOCH_2000_DAYS, EPOCH_2000_MICROS, MICROS_PER_DAY, check_date, check_timestamp, date_is_finite,
    timestamp_is_finite,
};
use crate::datum::{Datum, Interval, TimeTz};
use crate::json;
use crate::jsonpath;
use crate::list::{DIMENSIONS_MAX, Dimension, List, count_of, too_many_dimensions};
use crate::pgnum::{PgNum, SCALE_MAX};
use crate::sql_type::{Form, RowField, SqlType, array_element, oid};
use crate::text::{IoSettings, apply_typmod, numeric_datum};
use base::{Error, ErrorKind, Result};

/// Reads a value that is not null from its binary format and applies the type's modifier. Malformed bytes are 22P03.
pub fn decode_binary(ty: &SqlType, bytes: &[u8], settings: &IoSettings) -> Result<Datum> {
    let mut input = Input(bytes);
    let datum = match &ty.form {
        Form::Bool => Datum::Bool(input.array::<1>()? != [0]),
        Form::Int16 => Datum::Int16(i16::from_be_bytes(input.array()?)),
        Form::Int32 => Datum::Int32(i32::from_be_bytes(input.array()?)),
        Form::Int64 => Datum::Int64(i64::from_be_bytes(input.array()?)),
        Form::Enum => Datum::Int64(settings.enum_position(ty.oid, &utf8(input.rest())?)?),
        Form::UInt32 => Datum::UInt32(u32::from_be_bytes(input.array()?)),
        Form::Float32 => Datum::Float32(f32::from_be_bytes(input.array()?)),
        Form::Float64 => Datum::Float64(f64::from_be_bytes(input.array()?)),
        Form::Decimal128 { .. } | Form::Decimal256 { .. } | Form::PgNum => {
            let value = numeric(&mut input)?;
            input.end()?;
            return numeric_datum(ty, &value);
        }
        Form::Text if ty.oid == oid::CHAR => match input.array::<1>()? {
            [0] => Datum::Text(String::new()),
            [byte] if byte.is_ascii() => Datum::Text(char::from(byte).to_string()),
            [byte] => Datum::Text(format!("\\{byte:03o}")),
        },
        Form::Text if matches!(ty.oid, oid::BIT | oid::VARBIT) => {
            let count = i32::from_be_bytes(input.array()?);
            Datum::Text(bits::read_binary(count, input.rest())?)
        }
        Form::Text if ty.oid == oid::JSONPATH => match u8::from_be_bytes(input.array()?) {
            JSONPATH_VERSION => Datum::Text(jsonpath::canonical(&utf8(input.rest())?)?),
            other => return Err(Error::internal(format!("unsupported jsonpath version number: {other}"))),
        },
        Form::Text if ty.oid == oid::JSON => {
            let text = utf8(input.rest())?;
            json::check(&text)?;
            Datum::Text(text)
        }
        Form::Text => Datum::Text(utf8(input.rest())?),
        Form::Jsonb => match u8::from_be_bytes(input.array()?) {
            JSONB_VERSION => Datum::Jsonb(json::canonical(&utf8(input.rest())?)?),
            other => return Err(Error::internal(format!("unsupported jsonb version number {other}"))),
        },
        Form::Time => Datum::Time(time(i64::from_be_bytes(input.array()?))?),
        Form::TimeTz => {
            let micros = time(i64::from_be_bytes(input.array()?))?;
            let west = i32::from_be_bytes(input.array()?);
            if west.unsigned_abs() >= ZONE_SECONDS_MAX {
                let message = "time zone displacement out of range";
                return Err(Error::new(ErrorKind::TimeZoneDisplacement, message));
            }
            Datum::TimeTz(TimeTz { micros, west })
        }
        Form::Bytes => Datum::Bytes(input.rest().to_vec()),
        Form::Uuid => Datum::Uuid(input.array()?),
        Form::Date => Datum::Date(date(i32::from_be_bytes(input.array()?))?),
        Form::Timestamp => Datum::Timestamp(timestamp(i64::from_be_bytes(input.array()?))?),
        Form::TimestampTz => Datum::TimestampTz(timestamp(i64::from_be_bytes(input.array()?))?),
        Form::Interval => {
            let micros = i64::from_be_bytes(input.array()?);
            let days = i32::from_be_bytes(input.array()?);
            Datum::Interval(Interval { months: i32::from_be_bytes(input.array()?), days, micros })
        }
        Form::Array(element) => list(ty, element, &mut input, settings)?,
        Form::Row(fields) => row(ty, fields, &mut input, settings)?,
        Form::List(_) => return Err(Error::internal("a list within a plan has no encoding")),
    };
    input.end()?;
    apply_typmod(ty, datum, false)
}

/// Bytes not yet read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (head, tail) = self
            .0
            .split_at_checked(len)
            .ok_or_else(|| Error::new(ErrorKind::ProtocolViolation, "insufficient data left in message"))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| malformed("incorrect binary data format"))
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed("incorrect binary data format")) }
    }
}

fn malformed(message: &str) -> Error {
    Error::new(ErrorKind::InvalidBinary, message)
}

fn utf8(bytes: &[u8]) -> Result<String> {
    let wrong = |at: usize| {
        let shown: Vec<String> = bytes.iter().skip(at).take(1).map(|b| format!("0x{b:02x}")).collect();
        let message = format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" "));
        Error::new(ErrorKind::CharacterNotInRepertoire, message)
    };
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        return Err(wrong(at));
    }
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|e| wrong(e.valid_up_to()))
}

/// Offsets from UTC are below 16 hours.
const ZONE_SECONDS_MAX: u32 = 16 * 3_600;

fn time(micros: i64) -> Result<i64> {
    if (0..=MICROS_PER_DAY).contains(&micros) {
        Ok(micros)
    } else {
        Err(Error::new(ErrorKind::DatetimeOverflow, "time out of range"))
    }
}

fn date(days: i32) -> Result<i32> {
    if date_is_finite(days) { check_date(i64::from(days) + i64::from(EPOCH_2000_DAYS)) } else { Ok(days) }
}

fn timestamp(micros: i64) -> Result<i64> {
    if !timestamp_is_finite(micros) {
        return Ok(micros);
    }
    check_timestamp(i128::from(micros) + i128::from(EPOCH_2000_MICROS))
}

fn numeric(input: &mut Input<'_>) -> Result<PgNum> {
    let count = u16::from_be_bytes(input.array()?);
    let weight = i16::from_be_bytes(input.array()?);
    let sign = u16::from_be_bytes(input.array()?);
    let scale = u16::from_be_bytes(input.array()?);
    if scale > SCALE_MAX {
        return Err(malformed("invalid scale in external \"numeric\" value"));
    }
    let mut groups = Vec::new();
    for _ in 0..count {
        let group = u16::from_be_bytes(input.array()?);
        if group >= 10_000 {
            return Err(malformed("invalid digit in external \"numeric\" value"));
        }
        groups.push(group);
    }
    match sign {
        0 | SIGN_NEGATIVE => {
            // Digits behind the scale are cut, as PostgreSQL does.
            let value = PgNum::from_groups(sign != 0, i32::from(weight), scale, groups);
            Ok(value.trunc(i32::from(scale)))
        }
        SIGN_NAN => Ok(PgNum::NAN),
        SIGN_INFINITY => Ok(PgNum::INFINITY),
        SIGN_NEG_INFINITY => Ok(PgNum::NEG_INFINITY),
        _ => Err(malformed("invalid sign in external \"numeric\" value")),
    }
}

fn list(ty: &SqlType, element: &Form, input: &mut Input<'_>, settings: &IoSettings) -> Result<Datum> {
    let dimensions = i32::from_be_bytes(input.array()?);
    let flags = i32::from_be_bytes(input.array()?);
    let sent = u32::from_be_bytes(input.array()?);
    let element_oid = array_element(ty.oid).unwrap_or(oid::TEXT);
    if !matches!(flags, 0 | 1) {
        return Err(malformed("invalid array flags"));
    }
    if sent != element_oid.0 {
        let message =
            format!("binary data has array element type {sent} instead of expected {}", element_oid.0);
        return Err(Error::new(ErrorKind::DatatypeMismatch, message));
    }
    if dimensions < 0 {
        return Err(malformed(&format!("invalid number of dimensions: {dimensions}")));
    }
    let number = usize::try_from(dimensions).unwrap_or(usize::MAX);
    if number > DIMENSIONS_MAX {
        return Err(too_many_dimensions(number));
    }
    let mut dimensions = Vec::with_capacity(number);
    for _ in 0..number {
        let length = i32::from_be_bytes(input.array()?);
        dimensions.push(Dimension { lower: i32::from_be_bytes(input.array()?), length });
    }
    if crate::sql_type::is_vector(ty.oid) {
        match dimensions.as_mut_slice() {
            [] => {}
            // A vector counts from 0, which goes without saying in the form it is held in.
            [one] if one.lower == 0 => one.lower = 1,
            _ => return Err(malformed(&format!("invalid {} data", vector_name(ty.oid)))),
        }
    }
    let count = count_of(&dimensions)?;
    let element = SqlType { oid: element_oid, typmod: ty.typmod, form: element.clone(), domain: None };
    let mut items = Vec::new();
    for _ in 0..count {
        let len = i32::from_be_bytes(input.array()?);
        items.push(match usize::try_from(len) {
            Ok(len) => decode_binary(&element, input.take(len)?, settings)?,
            Err(_) if len == -1 => Datum::Null,
            Err(_) => return Err(malformed("incorrect binary data format")),
        });
    }
    Ok(Datum::List(List::with_dimensions(items, dimensions)?))
}

/// The number of fields, then the type of each, its length, -1 for null, and its value.
fn row(ty: &SqlType, fields: &[RowField], input: &mut Input<'_>, settings: &IoSettings) -> Result<Datum> {
    if ty.oid == oid::RECORD {
        return Err(Error::unsupported("input of anonymous composite types is not implemented"));
    }
    let mismatch = |message: String| Error::new(ErrorKind::DatatypeMismatch, message);
    let count = i32::from_be_bytes(input.array()?);
    if usize::try_from(count).ok() != Some(fields.len()) {
        return Err(mismatch(format!("wrong number of columns: {count}, expected {}", fields.len())));
    }
    let mut values = Vec::with_capacity(fields.len());
    for (number, field) in (1..).zip(fields) {
        let sent = u32::from_be_bytes(input.array()?);
        if sent != field.ty.named().0 {
            let names = settings.names.as_ref();
            let name = |ty| names.and_then(|names| names.name(oid::REGTYPE, ty)).unwrap_or("???".to_owned());
            let wanted = field.ty.named();
            return Err(mismatch(format!(
                "binary data has type {sent} ({}) instead of expected {wanted} ({}) in record column {number}",
                name(base::id::Oid(sent)),
                name(wanted)
            )));
        }
        let len = i32::from_be_bytes(input.array()?);
        let lacking = |_| malformed("insufficient data left in message");
        values.push(match usize::try_from(len) {
            Ok(len) => decode_binary(&field.ty, input.take(len).map_err(lacking)?, settings)?,
            Err(_) if len == -1 => Datum::Null,
            Err(_) => return Err(malformed("insufficient data left in message")),
        });
    }
    Ok(Datum::Row(values))
}

fn vector_name(oid: base::id::Oid) -> &'static str {
    if oid == oid::OIDVECTOR { "oidvector" } else { "int2vector" }
}
