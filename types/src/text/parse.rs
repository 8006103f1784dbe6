//! Text input of single values, dispatched by type, and the application of type modifiers.

use super::settings::IoSettings;
use super::{datetime_in, interval_range, list, row};
use crate::bits;
use crate::datum::{Datum, TimeTz};
use crate::json;
use crate::jsonpath;
use crate::pgnum::{Fit, PgNum};
use crate::sql_type::{Form, SqlType, oid};
use base::id::Oid;
use base::{Error, ErrorKind, Result};

/// Bytes of a name that count; the rest is cut.
const NAME_BYTES_MAX: usize = 63;

/// Reads a value as the input function of its type does, modifier applied. A varchar that is too long is 22001.
pub fn parse_text(ty: &SqlType, text: &str, settings: &IoSettings) -> Result<Datum> {
    parse_form(ty, text, settings)
}

pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

pub(crate) fn parse_form(ty: &SqlType, text: &str, settings: &IoSettings) -> Result<Datum> {
    let datum = match &ty.form {
        Form::Bool => Datum::Bool(parse_bool(text)?),
        Form::Int16 => Datum::Int16(parse_integer(text, "smallint")?),
        Form::Int32 => Datum::Int32(parse_integer(text, "integer")?),
        Form::Int64 => Datum::Int64(parse_integer(text, "bigint")?),
        Form::Enum => Datum::Int64(settings.enum_position(ty.oid, text)?),
        Form::UInt32 => Datum::UInt32(parse_oid(ty.oid, text, settings)?),
        Form::Float32 => Datum::Float32(parse_float(text, "real", |v: f32| (v == 0.0, v.is_infinite()))?),
        Form::Float64 => {
            Datum::Float64(parse_float(text, "double precision", |v: f64| (v == 0.0, v.is_infinite()))?)
        }
        Form::Decimal128 { .. } | Form::Decimal256 { .. } | Form::PgNum => {
            return numeric_datum(ty, &PgNum::parse(text)?);
        }
        Form::Text if ty.oid == oid::CHAR => Datum::Text(parse_char(text)),
        Form::Text if ty.oid == oid::NAME => {
            Datum::Text(text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or(text).to_owned())
        }
        Form::Text if matches!(ty.oid, oid::BIT | oid::VARBIT) => Datum::Text(bits::parse(text)?),
        Form::Text if ty.oid == oid::JSONPATH => Datum::Text(jsonpath::canonical(text)?),
        Form::Text if ty.oid == oid::JSON => {
            json::check(text)?;
            Datum::Text(text.to_owned())
        }
        Form::Text => Datum::Text(text.to_owned()),
        Form::Jsonb => Datum::Jsonb(json::canonical(text)?),
        Form::Time => Datum::Time(datetime_in::parse_time(text, settings)?),
        Form::TimeTz => Datum::TimeTz(datetime_in::parse_timetz(text, settings)?),
        Form::Bytes => Datum::Bytes(parse_bytea(text)?),
        Form::Uuid => Datum::Uuid(parse_uuid(text)?),
        Form::Date => Datum::Date(datetime_in::parse_date(text, settings)?),
        Form::Timestamp => Datum::Timestamp(datetime_in::parse_timestamp(text, settings)?),
        Form::TimestampTz => Datum::TimestampTz(datetime_in::parse_timestamptz(text, settings)?),
        Form::Interval => Datum::Interval(interval_range::read_interval(text, ty.typmod, settings)?),
        Form::Array(element) => return list::parse_list(ty, element, text, settings),
        Form::Row(fields) => return row::parse_row(ty, fields, text, settings),
        Form::List(_) => return Err(Error::internal("a list within a plan has no text")),
    };
    fit_modifier(ty, datum, Excess::Refuse)
}

/// What becomes of characters beyond a varchar's or char's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excess {
    /// Input and assignment: 22001 unless they are blanks.
    Refuse,
    /// Explicit cast.
    Cut,
}

/// Applies the modifier of `ty` to a value of its form, as assignment does, or as an explicit cast does (which cuts
/// text that is too long). Decimals are taken to be at the scale of the form already and are checked for precision.
pub fn apply_typmod(ty: &SqlType, datum: Datum, explicit: bool) -> Result<Datum> {
    fit_modifier(ty, datum, if explicit { Excess::Cut } else { Excess::Refuse })
}

fn fit_modifier(ty: &SqlType, datum: Datum, excess: Excess) -> Result<Datum> {
    if ty.typmod < 0 {
        return Ok(datum);
    }
    Ok(match datum {
        Datum::Text(text) if matches!(ty.oid, oid::BIT | oid::VARBIT) => {
            Datum::Text(bits::fitted(ty.oid, ty.typmod, text, excess == Excess::Cut)?)
        }
        Datum::Time(micros) => Datum::Time(round_time(micros, ty.typmod)),
        Datum::TimeTz(time) => Datum::TimeTz(TimeTz { micros: round_time(time.micros, ty.typmod), ..time }),
        Datum::Text(text) => match ty.length_max() {
            Some(limit) => Datum::Text(fit_text(ty.oid, text, limit, excess)?),
            None => Datum::Text(text),
        },
        Datum::PgNum(bytes) => match numeric_fit(ty) {
            Some(fit) => Datum::PgNum(PgNum::from_bytes(&bytes)?.fitted(fit)?.to_bytes()),
            None => Datum::PgNum(bytes),
        },
        Datum::Decimal128(value) => match numeric_fit(ty) {
            Some(fit) => Datum::Decimal128(crate::pgnum::check_precision(value, fit)?),
            None => Datum::Decimal128(value),
        },
        Datum::Timestamp(micros) => Datum::Timestamp(round_micros(micros, ty.typmod)?),
        Datum::TimestampTz(micros) => Datum::TimestampTz(round_micros(micros, ty.typmod)?),
        Datum::Interval(interval) => Datum::Interval(interval_range::restricted(interval, ty.typmod)?),
        Datum::List(list) => {
            let (Form::Array(form), Some(element)) = (&ty.form, crate::sql_type::array_element(ty.oid))
            else {
                return Err(Error::internal("a list of a type that is no array"));
            };
            let element = SqlType { oid: element, typmod: ty.typmod, form: (**form).clone(), domain: None };
            let fitted = list.iter().map(|item| fit_modifier(&element, item.clone(), excess));
            Datum::List(list.with_items(fitted.collect::<Result<_>>()?)?)
        }
        other => other,
    })
}

/// Precision and scale of a numeric's modifier.
pub(crate) fn numeric_fit(ty: &SqlType) -> Option<Fit> {
    if ty.oid != oid::NUMERIC && ty.oid != oid::NUMERIC_ARRAY || ty.typmod < 4 {
        return None;
    }
    let packed = ty.typmod - 4;
    // The scale is a signed number of 11 bits.
    let scale = ((packed & 0x7ff) ^ 1_024) - 1_024;
    Some(Fit { precision: u16::try_from(packed >> 16).ok()?, scale: i16::try_from(scale).ok()? })
}

/// A numeric in the form of `ty`, rounded to its scale and checked against its precision.
pub(crate) fn numeric_datum(ty: &SqlType, value: &PgNum) -> Result<Datum> {
    let fit = numeric_fit(ty);
    match &ty.form {
        Form::Decimal128 { scale } => {
            let fit = fit.unwrap_or(Fit { precision: 38, scale: i16::from(*scale) });
            value.to_decimal128(fit).map(Datum::Decimal128)
        }
        Form::Decimal256 { scale } => {
            let fit = fit.unwrap_or(Fit { precision: 76, scale: i16::from(*scale) });
            value.to_decimal256(fit).map(Datum::Decimal256)
        }
        _ => match fit {
            Some(fit) => Ok(Datum::PgNum(value.fitted(fit)?.to_bytes())),
            None => Ok(Datum::PgNum(value.to_bytes())),
        },
    }
}

fn fit_text(ty: Oid, mut text: String, limit: usize, excess: Excess) -> Result<String> {
    if let Some((cut, _)) = text.char_indices().nth(limit) {
        let blank = text.get(cut..).is_some_and(|rest| rest.bytes().all(|b| b == b' '));
        if excess == Excess::Refuse && !blank {
            let name = if ty == oid::BPCHAR { "character" } else { "character varying" };
            let message = format!("value too long for type {name}({limit})");
            return Err(Error::new(ErrorKind::StringTooLong, message));
        }
        text.truncate(cut);
    } else if ty == oid::BPCHAR {
        let missing = limit - text.chars().count();
        text.extend(std::iter::repeat_n(' ', missing));
    }
    Ok(text)
}

/// Rounds to `digits` behind the second; infinities stay.
fn round_micros(micros: i64, digits: i32) -> Result<i64> {
    if !crate::datetime::timestamp_is_finite(micros) || !(0..6).contains(&digits) {
        return Ok(micros);
    }
    let rounded = round_to(micros, digits);
    crate::datetime::check_timestamp(rounded)
}

fn round_time(micros: i64, digits: i32) -> i64 {
    if !(0..6).contains(&digits) {
        return micros;
    }
    i64::try_from(round_to(micros, digits)).unwrap_or(micros)
}

pub(super) fn round_to(micros: i64, digits: i32) -> i128 {
    let unit = 10_i128.pow(6 - digits.unsigned_abs());
    let wide = i128::from(micros);
    if wide >= 0 { (wide + unit / 2) / unit * unit } else { (wide - unit / 2) / unit * unit }
}

pub(crate) fn invalid(name: &str, text: &str) -> Error {
    invalid_of(ErrorKind::InvalidText, name, text)
}

pub(super) fn invalid_of(kind: ErrorKind, name: &str, text: &str) -> Error {
    Error::new(kind, format!("invalid input syntax for type {name}: \"{text}\""))
}

fn parse_bool(text: &str) -> Result<bool> {
    let word = text.trim_matches(is_space).to_ascii_lowercase();
    let abbreviates = |full: &str, least: usize| word.len() >= least && full.starts_with(&word);
    if abbreviates("true", 1) || abbreviates("yes", 1) || word == "on" || word == "1" {
        Ok(true)
    } else if abbreviates("false", 1) || abbreviates("no", 1) || abbreviates("off", 2) || word == "0" {
        Ok(false)
    } else {
        Err(invalid("boolean", text))
    }
}

fn parse_integer<T: TryFrom<i64>>(text: &str, name: &str) -> Result<T> {
    let trimmed = text.trim_matches(is_space);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid(name, text));
    }
    trimmed.parse::<i64>().ok().and_then(|v| T::try_from(v).ok()).ok_or_else(|| out_of_range(name, text))
}

fn out_of_range(name: &str, text: &str) -> Error {
    Error::new(ErrorKind::NumericOutOfRange, format!("value \"{text}\" is out of range for type {name}"))
}

fn parse_oid(ty: Oid, text: &str, settings: &IoSettings) -> Result<u32> {
    let trimmed = text.trim_matches(is_space);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let numeric = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if ty != oid::OID && ty != oid::XID {
        return match (trimmed, numeric) {
            ("-", _) if !matches!(ty, oid::REGOPER | oid::REGOPERATOR) => Ok(0),
            ("0", _) => Ok(0),
            (_, true) => trimmed.parse().map_err(|_| out_of_range("oid", text)),
            _ => match &settings.names {
                Some(names) => names.object(ty, text).map(|found| found.0),
                None => Err(Error::unsupported(format!("\"{text}\" cannot be looked up here"))
                    .with_hint("write the name as a constant in the statement, or give the number")),
            },
        };
    }
    if !numeric {
        return Err(invalid("oid", text));
    }
    // Negative numbers stand for the upper half, as in PostgreSQL.
    let value: i64 = trimmed.parse().map_err(|_| out_of_range("oid", text))?;
    u32::try_from(value)
        .or_else(|_| i32::try_from(value).map(i32::cast_unsigned))
        .map_err(|_| out_of_range("oid", text))
}

/// `edges` says whether a value is zero and whether it is infinite.
fn parse_float<T: std::str::FromStr + Copy>(
    text: &str,
    name: &str,
    edges: impl Fn(T) -> (bool, bool),
) -> Result<T> {
    let trimmed = text.trim_matches(is_space);
    let value: T = trimmed.parse().map_err(|_| invalid(name, text))?;
    let (zero, infinite) = edges(value);
    let digits = trimmed.split(['e', 'E']).next().unwrap_or_default();
    let has_digits = digits.bytes().any(|b| b.is_ascii_digit());
    let lost = zero && digits.bytes().any(|b| (b'1'..=b'9').contains(&b));
    if lost || (infinite && has_digits) {
        let message = format!("\"{trimmed}\" is out of range for type {name}");
        return Err(Error::new(ErrorKind::NumericOutOfRange, message));
    }
    Ok(value)
}

/// The first byte; one that is not ASCII is kept as backslash and three octal digits, as PostgreSQL prints it.
fn parse_char(text: &str) -> String {
    if let [b'\\', b'0'..=b'3', b'0'..=b'7', b'0'..=b'7'] = text.as_bytes() {
        let code = u8::from_str_radix(text.get(1..).unwrap_or_default(), 8).unwrap_or(0);
        return match code {
            0 => String::new(),
            1..=127 => char::from(code).to_string(),
            128.. => text.to_owned(),
        };
    }
    match text.as_bytes().first() {
        None => String::new(),
        Some(byte) if byte.is_ascii() => char::from(*byte).to_string(),
        Some(byte) => format!("\\{byte:03o}"),
    }
}

fn parse_bytea(text: &str) -> Result<Vec<u8>> {
    let Some(hex) = text.strip_prefix("\\x") else { return parse_escaped_bytea(text) };
    let data = |message: String| Error::new(ErrorKind::InvalidParameterValue, message);
    let mut out = Vec::with_capacity(hex.len() / 2);
    let mut rest = hex.chars();
    while let Some(high) = rest.next() {
        if matches!(high, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let digit = |c: char| {
            c.to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
                .ok_or_else(|| data(format!("invalid hexadecimal digit: \"{c}\"")))
        };
        let high = digit(high)?;
        let low =
            rest.next().ok_or_else(|| data("invalid hexadecimal data: odd number of digits".to_owned()))?;
        out.push(high * 16 + digit(low)?);
    }
    Ok(out)
}

fn parse_escaped_bytea(text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => return Ok(out),
            [b'\\', b'\\', tail @ ..] => {
                out.push(b'\\');
                rest = tail;
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = tail;
            }
            [b'\\', ..] => {
                return Err(Error::new(ErrorKind::InvalidText, "invalid input syntax for type bytea"));
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
}

/// 32 hexadecimal digits, a hyphen allowed behind every four, braces allowed around.
fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    let body = match text.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}').ok_or_else(|| invalid("uuid", text))?,
        None => text,
    };
    let mut value = [0_u8; 16];
    let mut digits = 0_usize;
    let mut hyphen = false;
    for c in body.bytes() {
        if c == b'-' && !hyphen && digits.is_multiple_of(4) && digits > 0 && digits < 32 {
            hyphen = true;
            continue;
        }
        let digit = char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (Some(digit), Some(byte)) = (digit, value.get_mut(digits / 2)) else {
            return Err(invalid("uuid", text));
        };
        *byte = *byte * 16 + digit;
        digits += 1;
        hyphen = false;
    }
    if digits == 32 { Ok(value) } else { Err(invalid("uuid", text)) }
}
