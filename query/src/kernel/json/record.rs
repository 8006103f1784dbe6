//! Columns of the records that json_to_record and its like make, whose types stand behind the call.
//!
//! Invariant: a value is read by the input function of its column's type, but for JSON, which is kept, and arrays and rows,
//! whose elements and fields are read one by one.

use super::get::invalid;
use crate::kernel::call::{Arg, Call};
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use types::json::{Content, Part};
use types::list::too_many_dimensions;
use types::sql_type::{RowField, oid};
use types::{Datum, Dimension, Form, IoSettings, List, SqlType};

/// Whether a function makes records of JSON, and whether of each element of an array.
pub(crate) fn record_set(proc: Oid) -> Option<bool> {
    match catalog::builtin::proc(proc)?.source {
        "json_to_record" | "jsonb_to_record" => Some(false),
        "json_to_recordset" | "jsonb_to_recordset" => Some(true),
        _ => None,
    }
}

/// The values of one column in the record of each row, as a list: of a JSON and the column's name.
pub(crate) fn of_one(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    columns(call, args, vec![Datum::Null], |part, name, target, io| match part.content {
        Content::Object(_) => Ok(vec![value(part.field(name), name, target, io)?]),
        _ => Err(no_object(part)),
    })
}

/// The same of each element of an array.
pub(crate) fn of_each(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let binary = call.arg(0)?.oid == oid::JSONB;
    let called = if binary { "jsonb_to_recordset" } else { "json_to_recordset" };
    columns(call, args, Vec::new(), |part, name, target, io| {
        let what = match &part.content {
            Content::Array(items) => {
                let values = items.iter().map(|item| match item.content {
                    Content::Object(_) => value(item.field(name), name, target, io),
                    _ => Err(no_objects(called)),
                });
                return values.collect();
            }
            _ => no_array(called, part, binary),
        };
        Err(what)
    })
}

/// What has fields is an object.
pub(super) fn no_object(part: &Part<'_>) -> Error {
    let what = if matches!(part.content, Content::Array(_)) { "an array" } else { "a scalar" };
    invalid(&format!("cannot call populate_composite on {what}"))
}

pub(super) fn no_objects(called: &str) -> Error {
    invalid(&format!("argument of {called} must be an array of objects"))
}

/// What a function takes for each row is an array.
pub(super) fn no_array(called: &str, part: &Part<'_>, binary: bool) -> Error {
    let what = match part.content {
        _ if binary => "a non-array",
        Content::Object(_) => "an object",
        _ => "a scalar",
    };
    invalid(&format!("cannot call {called} on {what}"))
}

fn columns(
    call: &Call<'_>,
    args: &[Arg],
    of_null: Vec<Datum>,
    values: impl Fn(&Part<'_>, &str, &SqlType, &IoSettings) -> Result<Vec<Datum>>,
) -> Result<ArrayRef> {
    let [json, name, ..] = args else { return Err(Error::internal("a record without a column")) };
    let (json_ty, name_ty, target) = (call.arg(0)?, call.arg(1)?, call.arg(2)?);
    let mut out = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let datum = types::array::get(&json_ty.form, &json.array, json.index(row))?;
        let Datum::Text(name) = types::array::get(&name_ty.form, &name.array, name.index(row))? else {
            return Err(Error::internal("a column of a record without a name"));
        };
        out.push(match datum {
            Datum::Text(text) | Datum::Jsonb(text) => {
                Datum::list(values(&Part::read(&text)?, &name, target, &call.statement.io)?)
            }
            _ => Datum::list(of_null.clone()),
        });
    }
    types::array::from_data(&call.ret.form, &out)
}

/// The value of a type that a part of JSON gives; a row keeps the fields of `base` that it has none for.
pub(super) fn value_over(
    part: &Part<'_>,
    key: &str,
    target: &SqlType,
    base: Option<&Datum>,
    io: &IoSettings,
) -> Result<Datum> {
    match (&part.content, &target.form) {
        (Content::Null, _) => Ok(Datum::Null),
        (Content::String(_), Form::Row(_)) => leaf(part, target, io),
        (_, Form::Row(fields)) => row(part, fields, base, io),
        _ => value(Some(part), key, target, io),
    }
}

/// An object as a row.
pub(super) fn row(
    part: &Part<'_>,
    fields: &[RowField],
    base: Option<&Datum>,
    io: &IoSettings,
) -> Result<Datum> {
    if !matches!(part.content, Content::Object(_)) {
        return Err(no_object(part));
    }
    let base = match base {
        Some(Datum::Row(values)) => values.as_slice(),
        _ => &[],
    };
    let values = fields.iter().enumerate().map(|(place, field)| {
        let base = base.get(place);
        match part.field(&field.name) {
            None => Ok(base.cloned().unwrap_or(Datum::Null)),
            Some(part) => value_over(part, &field.name, &field.ty, base, io),
        }
    });
    values.collect::<Result<_>>().map(Datum::Row)
}

fn value(part: Option<&Part<'_>>, key: &str, target: &SqlType, io: &IoSettings) -> Result<Datum> {
    let Some(part) = part.filter(|part| part.content != Content::Null) else { return Ok(Datum::Null) };
    match (&part.content, &target.form) {
        (Content::Array(items), Form::Array(_)) => array(items, key, target, io),
        (Content::String(_), Form::Array(_)) => leaf(part, target, io),
        (_, Form::Array(_)) => Err(expected_array(&format!("See the value of key \"{key}\"."))),
        (_, Form::Row(_)) => value_over(part, key, target, None, io),
        _ => leaf(part, target, io),
    }
}

fn expected_array(hint: &str) -> Error {
    Error::new(ErrorKind::InvalidText, "expected JSON array").with_hint(hint)
}

/// A value that is no array, by the input function of its type.
fn leaf(part: &Part<'_>, target: &SqlType, io: &IoSettings) -> Result<Datum> {
    match (part.plain(), target.oid) {
        (_, oid::JSON | oid::JSONB) => types::parse_text(target, part.written, io),
        (None, _) => Ok(Datum::Null),
        (Some(text), _) => types::parse_text(target, text, io),
    }
}

/// What has been read of an array.
struct Reading<'a> {
    element: SqlType,
    key: &'a str,
    io: &'a IoSettings,
    items: Vec<Datum>,
    /// The length of each dimension, as far as one was read to its end.
    lengths: Vec<Option<i32>>,
    /// How deep the elements are, once one was read.
    depth: Option<usize>,
}

fn array(parts: &[Part<'_>], key: &str, target: &SqlType, io: &IoSettings) -> Result<Datum> {
    let mut element = target.element().ok_or_else(|| Error::internal("an array of unknown elements"))?;
    element.typmod = target.typmod;
    let mut reading = Reading { element, key, io, items: Vec::new(), lengths: Vec::new(), depth: None };
    reading.level(parts, &mut Vec::new())?;
    if reading.items.is_empty() {
        return Ok(Datum::list(Vec::new()));
    }
    let dimensions = reading.lengths.iter().map(|length| Dimension { lower: 1, length: length.unwrap_or(0) });
    List::with_dimensions(reading.items, dimensions.collect()).map(Datum::List)
}

impl Reading<'_> {
    /// Reads the parts of an array that stands at a path of subscripts within the whole.
    fn level(&mut self, parts: &[Part<'_>], path: &mut Vec<usize>) -> Result<()> {
        let level = path.len();
        if self.lengths.len() == level {
            self.lengths.push(None);
            if self.lengths.len() > types::list::DIMENSIONS_MAX {
                return Err(too_many_dimensions(self.lengths.len()));
            }
        }
        for (place, part) in parts.iter().enumerate() {
            let innermost = self.depth == Some(level);
            match &part.content {
                Content::Array(inner) if !innermost => {
                    path.push(place);
                    self.level(inner, path)?;
                    path.pop();
                }
                _ if innermost || self.depth.is_none() => {
                    self.depth = Some(level);
                    self.items.push(value_over(part, self.key, &self.element, None, self.io)?);
                }
                _ => {
                    let places: String = path.iter().map(|place| format!("[{place}]")).collect();
                    let hint = format!("See the array element {places}[{place}] of key \"{}\".", self.key);
                    return Err(expected_array(&hint));
                }
            }
        }
        let count = i32::try_from(parts.len()).map_err(|_| types::list::too_large())?;
        match self.lengths.get_mut(level) {
            Some(length) if length.is_some_and(|length| length != count) => {
                Err(Error::new(ErrorKind::InvalidText, "malformed JSON array")
                    .with_detail("Multidimensional arrays must have sub-arrays with matching dimensions."))
            }
            Some(length) => {
                *length = Some(count);
                Ok(())
            }
            None => Err(Error::internal("a dimension got lost")),
        }
    }
}
