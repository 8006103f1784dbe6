//! Values of any type as JSON.
//!
//! Invariant: dates and times are ISO 8601 with a T, whatever the session's style; numbers that JSON has no way to
//! write are strings.

use base::{Error, Result};
use types::json::{Value, parse, write_string};
use types::pgnum::PgNum;
use types::sql_type::{RowField, array_element, oid};
use types::text::DateStyle;
use types::{Datum, Form, IoSettings, List, SqlType};

/// What JSON makes of the values of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    Bool,
    Number,
    Time,
    Json,
    Array,
    Row,
    Other,
}

pub(super) fn category(ty: &SqlType) -> Category {
    match ty.oid {
        oid::BOOL => Category::Bool,
        oid::INT2 | oid::INT4 | oid::INT8 | oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC => Category::Number,
        oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ => Category::Time,
        oid::JSON | oid::JSONB => Category::Json,
        _ if matches!(ty.form, Form::Array(_)) => Category::Array,
        _ if matches!(ty.form, Form::Row(_)) => Category::Row,
        _ => Category::Other,
    }
}

/// The type of the elements of an array.
pub(super) fn element_type(ty: &SqlType) -> Result<SqlType> {
    let Form::Array(form) = &ty.form else {
        return Err(Error::internal("elements of something that is no array"));
    };
    let oid = array_element(ty.oid).ok_or_else(|| Error::internal("an array type without elements"))?;
    Ok(SqlType { oid, typmod: -1, form: form.as_ref().clone(), domain: None })
}

/// The text of a value outside quotes.
fn text_of(ty: &SqlType, datum: &Datum, io: &IoSettings) -> Result<String> {
    let mut text = String::new();
    match category(ty) {
        Category::Bool => text.push_str(if *datum == Datum::Bool(true) { "true" } else { "false" }),
        Category::Time => {
            let iso = IoSettings { date_style: DateStyle::Iso, ..io.clone() };
            types::format_text(ty, datum, &iso, &mut text)?;
            return Ok(with_t(&text, ty.oid == oid::TIMESTAMPTZ));
        }
        _ => types::format_text(ty, datum, io, &mut text)?,
    }
    Ok(text)
}

/// `2000-01-01 00:00:00+00 BC` as `2000-01-01T00:00:00+00:00 BC`.
fn with_t(text: &str, zoned: bool) -> String {
    let (body, era) = match text.strip_suffix(" BC") {
        Some(body) => (body, " BC"),
        None => (text, ""),
    };
    let mut out = body.replacen(' ', "T", 1);
    // An offset of whole hours has no minutes otherwise.
    if zoned && out.contains('T') && out.rfind(['+', '-']).is_some_and(|sign| out.len() - sign == 3) {
        out.push_str(":00");
    }
    out.push_str(era);
    out
}

/// Whether a number's text is one in JSON: NaN and the infinities are none.
fn is_number(text: &str) -> bool {
    !text.contains(['N', 'n'])
}

/// Appends a value as to_json writes it.
pub(crate) fn write(ty: &SqlType, datum: &Datum, io: &IoSettings, out: &mut String) -> Result<()> {
    if datum.is_null() {
        out.push_str("null");
        return Ok(());
    }
    match category(ty) {
        Category::Bool => out.push_str(&text_of(ty, datum, io)?),
        Category::Number => match text_of(ty, datum, io)? {
            number if is_number(&number) => out.push_str(&number),
            other => write_string(&other, out),
        },
        Category::Json => types::format_text(ty, datum, io, out)?,
        Category::Array => write_array(ty, datum, io, ",", out)?,
        Category::Row => write_row(ty, datum, io, ",", out)?,
        Category::Time | Category::Other => write_string(&text_of(ty, datum, io)?, out),
    }
    Ok(())
}

/// The fields of a row with their values.
fn fields_of<'a>(
    ty: &'a SqlType,
    datum: &'a Datum,
) -> Result<impl Iterator<Item = (&'a RowField, &'a Datum)>> {
    match (&ty.form, datum) {
        (Form::Row(fields), Datum::Row(values)) => Ok(fields.iter().zip(values)),
        _ => Err(Error::internal("fields of something that is no row")),
    }
}

/// Appends a row as an object with something between its pairs.
pub(super) fn write_row(
    ty: &SqlType,
    datum: &Datum,
    io: &IoSettings,
    between: &str,
    out: &mut String,
) -> Result<()> {
    out.push('{');
    for (place, (field, value)) in fields_of(ty, datum)?.enumerate() {
        if place > 0 {
            out.push_str(between);
        }
        write_string(&field.name, out);
        out.push(':');
        write(&field.ty, value, io, out)?;
    }
    out.push('}');
    Ok(())
}

/// Appends an array with something between its elements.
pub(super) fn write_array(
    ty: &SqlType,
    datum: &Datum,
    io: &IoSettings,
    between: &str,
    out: &mut String,
) -> Result<()> {
    let Datum::List(list) = datum else { return Err(Error::internal("an array that is no list")) };
    let element = element_type(ty)?;
    // The outermost dimension alone has something else between its parts.
    let strides = strides(list);
    if strides.is_empty() {
        out.push_str("[]");
    }
    for (place, item) in (0_usize..).zip(list) {
        if place > 0 {
            let outermost = strides.get(1).is_none_or(|stride| place.is_multiple_of(*stride));
            out.push_str(if outermost { between } else { "," });
        }
        let turning = |place: usize| strides.iter().filter(move |stride| place.is_multiple_of(**stride));
        out.extend(turning(place).map(|_| '['));
        write(&element, item, io, out)?;
        out.extend(turning(place + 1).map(|_| ']'));
    }
    Ok(())
}

/// Elements in one unit of each dimension, outermost first.
fn strides(list: &List) -> Vec<usize> {
    let mut strides: Vec<usize> = Vec::new();
    for dimension in list.dimensions().iter().rev() {
        let inner = strides.last().copied().unwrap_or(1);
        strides.push(inner.saturating_mul(usize::try_from(dimension.length).unwrap_or(1)));
    }
    strides.reverse();
    strides
}

/// A value as to_jsonb makes it.
pub(crate) fn to_value(ty: &SqlType, datum: &Datum, io: &IoSettings) -> Result<Value> {
    if datum.is_null() {
        return Ok(Value::Null);
    }
    Ok(match category(ty) {
        Category::Bool => Value::Bool(*datum == Datum::Bool(true)),
        Category::Number => match text_of(ty, datum, io)? {
            number if is_number(&number) => Value::Number(PgNum::parse(&number)?),
            other => Value::String(other),
        },
        Category::Json => parse(&text_of(ty, datum, io)?)?,
        Category::Array => {
            let Datum::List(list) = datum else { return Err(Error::internal("an array that is no list")) };
            let element = element_type(ty)?;
            let mut values: Vec<Value> =
                list.iter().map(|item| to_value(&element, item, io)).collect::<Result<_>>()?;
            for dimension in list.dimensions().iter().skip(1).rev() {
                let length = usize::try_from(dimension.length).unwrap_or(1).max(1);
                values = values.chunks(length).map(|part| Value::Array(part.to_vec())).collect();
            }
            Value::Array(values)
        }
        Category::Row => {
            let pairs = fields_of(ty, datum)?
                .map(|(field, value)| Ok((field.name.clone(), to_value(&field.ty, value, io)?)));
            Value::object(pairs.collect::<Result<_>>()?)
        }
        Category::Time | Category::Other => Value::String(text_of(ty, datum, io)?),
    })
}

/// A value as the key of an object.
pub(super) fn to_key(ty: &SqlType, datum: &Datum, io: &IoSettings) -> Result<String> {
    match category(ty) {
        Category::Json | Category::Array | Category::Row => {
            Err(super::get::invalid("key value must be scalar, not array, composite, or json"))
        }
        Category::Bool | Category::Number | Category::Time | Category::Other => text_of(ty, datum, io),
    }
}
