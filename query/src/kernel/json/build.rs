//! JSON made of values: to_json, arrays and objects of arguments, and the ends of the aggregates.

use super::get::invalid;
use super::render::{Category, category, to_key, to_value, write, write_array, write_row};
use crate::kernel::call::{Arg, Call, Run};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use types::json::{Value, write_string};
use types::sql_type::oid;
use types::{Datum, IoSettings, List, SqlType};

/// Which of the two types is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Json,
    Jsonb,
}

/// Refuses what no column could hold.
fn checked(text: String) -> Result<String> {
    if text.len() > base::limits::VALUE_BYTES_MAX {
        return Err(Error::new(ErrorKind::LimitExceeded, "the JSON made is too long")
            .with_hint(format!("a value holds at most {} bytes", base::limits::VALUE_BYTES_MAX)));
    }
    Ok(text)
}

fn jsonb(value: &Value) -> Result<Datum> {
    checked(value.text()).map(Datum::Jsonb)
}

/// Computes each row from the types and data of its arguments.
pub(super) fn each(
    call: &Call<'_>,
    args: &[Arg],
    f: impl Fn(&[SqlType], &[Datum], &IoSettings) -> Result<Datum>,
) -> Result<ArrayRef> {
    let mut out = Vec::with_capacity(call.rows);
    let mut row = Vec::with_capacity(args.len());
    for index in 0..call.rows {
        row.clear();
        for (arg, ty) in args.iter().zip(call.args) {
            row.push(types::array::get(&ty.form, &arg.array, arg.index(index))?);
        }
        out.push(f(call.args, &row, &call.statement.io)?);
    }
    types::array::from_data(&call.ret.form, &out)
}

fn one<'d>(types: &'d [SqlType], row: &'d [Datum]) -> Result<(&'d SqlType, &'d Datum)> {
    match (types.first(), row.first()) {
        (Some(ty), Some(datum)) => Ok((ty, datum)),
        _ => Err(Error::internal("a function of JSON without its argument")),
    }
}

fn to_json(types: &[SqlType], row: &[Datum], io: &IoSettings) -> Result<Datum> {
    let (ty, datum) = one(types, row)?;
    if datum.is_null() {
        return Ok(Datum::Null);
    }
    let mut out = String::new();
    write(ty, datum, io, &mut out)?;
    checked(out).map(Datum::Text)
}

fn to_jsonb(types: &[SqlType], row: &[Datum], io: &IoSettings) -> Result<Datum> {
    let (ty, datum) = one(types, row)?;
    if datum.is_null() { Ok(Datum::Null) } else { jsonb(&to_value(ty, datum, io)?) }
}

fn row_to_json_lines(types: &[SqlType], row: &[Datum], io: &IoSettings) -> Result<Datum> {
    let (ty, datum) = one(types, row)?;
    let between = match row.get(1) {
        Some(Datum::Bool(true)) => ",\n ",
        Some(Datum::Bool(false)) => ",",
        _ => return Ok(Datum::Null),
    };
    if datum.is_null() {
        return Ok(Datum::Null);
    }
    let mut out = String::new();
    write_row(ty, datum, io, between, &mut out)?;
    checked(out).map(Datum::Text)
}

fn array_to_json_lines(types: &[SqlType], row: &[Datum], io: &IoSettings) -> Result<Datum> {
    let (ty, datum) = one(types, row)?;
    let between = match row.get(1) {
        Some(Datum::Bool(true)) => ",\n ",
        Some(Datum::Bool(false)) => ",",
        _ => return Ok(Datum::Null),
    };
    if datum.is_null() {
        return Ok(Datum::Null);
    }
    let mut out = String::new();
    write_array(ty, datum, io, between, &mut out)?;
    checked(out).map(Datum::Text)
}

fn build_array(types: &[SqlType], row: &[Datum], io: &IoSettings) -> Result<Datum> {
    let mut out = String::from("[");
    for (i, (ty, datum)) in types.iter().zip(row).enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write(ty, datum, io, &mut out)?;
    }
    out.push(']');
    checked(out).map(Datum::Text)
}

fn build_array_jsonb(types: &[SqlType], row: &[Datum], io: &IoSettings) -> Result<Datum> {
    let items = types.iter().zip(row).map(|(ty, datum)| to_value(ty, datum, io));
    jsonb(&Value::Array(items.collect::<Result<_>>()?))
}

/// An argument with its type.
type Argument<'d> = (&'d SqlType, &'d Datum);

/// Keys and values of the arguments of json(b)_build_object.
fn pairs<'d>(
    types: &'d [SqlType],
    row: &'d [Datum],
    kind: Kind,
    io: &IoSettings,
) -> Result<Vec<(String, Argument<'d>)>> {
    if !row.len().is_multiple_of(2) {
        let name = if kind == Kind::Json { "json_build_object()" } else { "jsonb_build_object()" };
        return Err(invalid("argument list must have even number of elements")
            .with_hint(format!("The arguments of {name} must consist of alternating keys and values.")));
    }
    let all: Vec<Argument<'d>> = types.iter().zip(row).collect();
    let mut pairs = Vec::with_capacity(all.len() / 2);
    for (i, pair) in all.chunks(2).enumerate() {
        let [(ty, key), value] = pair else { continue };
        if key.is_null() {
            let at = 2 * i + 1;
            return Err(match kind {
                Kind::Json => {
                    invalid(&format!("argument {at} cannot be null")).with_hint("Object keys should be text.")
                }
                Kind::Jsonb => invalid(&format!("argument {at}: key must not be null")),
            });
        }
        pairs.push((to_key(ty, key, io)?, *value));
    }
    Ok(pairs)
}

fn write_pair(key: &str, (ty, datum): Argument<'_>, io: &IoSettings, out: &mut String) -> Result<()> {
    write_string(key, out);
    out.push_str(" : ");
    write(ty, datum, io, out)
}

fn build_object(types: &[SqlType], row: &[Datum], io: &IoSettings) -> Result<Datum> {
    let mut out = String::from("{");
    for (i, (key, value)) in pairs(types, row, Kind::Json, io)?.into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_pair(&key, value, io, &mut out)?;
    }
    out.push('}');
    checked(out).map(Datum::Text)
}

fn build_object_jsonb(types: &[SqlType], row: &[Datum], io: &IoSettings) -> Result<Datum> {
    let pairs = pairs(types, row, Kind::Jsonb, io)?;
    let values = pairs.into_iter().map(|(key, (ty, datum))| Ok((key, to_value(ty, datum, io)?)));
    jsonb(&Value::object(values.collect::<Result<_>>()?))
}

type TextPairs = Vec<(String, Option<String>)>;

/// Keys and values of one array of both or of an array of each; a value that is missing is null.
fn of_texts(row: &[Datum]) -> Result<Option<TextPairs>> {
    let lists: Option<Vec<&List>> =
        row.iter().map(|d| if let Datum::List(items) = d { Some(items) } else { None }).collect();
    let Some(lists) = lists else { return Ok(None) };
    let uneven = |message: &str| Error::new(ErrorKind::ArraySubscript, message);
    let pairs_of_pairs = |list: &List| match list.dimensions().as_slice() {
        [] | [_] => Ok(()),
        [_, columns] if columns.length == 2 => Ok(()),
        [_, _] => Err(uneven("array must have two columns")),
        _ => Err(uneven("wrong number of array subscripts")),
    };
    if let [both] = lists.as_slice() {
        pairs_of_pairs(both)?;
    } else if lists.iter().any(|list| list.dimensions().len() > 1) {
        return Err(uneven("wrong number of array subscripts"));
    }
    let flat: Vec<(&Datum, &Datum)> = match lists.as_slice() {
        [both] if !both.len().is_multiple_of(2) => {
            return Err(uneven("array must have even number of elements"));
        }
        [both] => both.iter().step_by(2).zip(both.iter().skip(1).step_by(2)).collect(),
        [keys, values] if keys.len() != values.len() => return Err(uneven("mismatched array dimensions")),
        [keys, values] => keys.iter().zip(values.iter()).collect(),
        _ => return Err(Error::internal("json_object of another number of arrays")),
    };
    let text = |datum: &Datum| if let Datum::Text(text) = datum { Some(text.clone()) } else { None };
    let pairs = flat.into_iter().map(|(key, value)| {
        let key = text(key)
            .ok_or_else(|| Error::new(ErrorKind::NullNotAllowed, "null value not allowed for object key"))?;
        Ok((key, text(value)))
    });
    pairs.collect::<Result<_>>().map(Some)
}

fn object_of_texts(_types: &[SqlType], row: &[Datum], _io: &IoSettings) -> Result<Datum> {
    let Some(pairs) = of_texts(row)? else { return Ok(Datum::Null) };
    let mut out = String::from("{");
    for (i, (key, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_string(key, &mut out);
        out.push_str(" : ");
        match value {
            Some(text) => write_string(text, &mut out),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    checked(out).map(Datum::Text)
}

fn object_of_texts_jsonb(_types: &[SqlType], row: &[Datum], _io: &IoSettings) -> Result<Datum> {
    let Some(pairs) = of_texts(row)? else { return Ok(Datum::Null) };
    let values = pairs.into_iter().map(|(key, value)| (key, value.map_or(Value::Null, Value::String)));
    jsonb(&Value::object(values.collect()))
}

/// json_agg and jsonb_agg: the first argument of every row.
pub(crate) fn aggregate_array(
    kind: Kind,
    ty: &SqlType,
    rows: &[&Vec<Datum>],
    io: &IoSettings,
) -> Result<Datum> {
    let items = rows.iter().filter_map(|row| row.first());
    if kind == Kind::Jsonb {
        let items = items.map(|item| to_value(ty, item, io));
        return jsonb(&Value::Array(items.collect::<Result<_>>()?));
    }
    let mut out = String::from("[");
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push_str(", ");
            if matches!(category(ty), Category::Array | Category::Row) && !item.is_null() {
                out.push_str("\n ");
            }
        }
        write(ty, item, io, &mut out)?;
    }
    out.push(']');
    checked(out).map(Datum::Text)
}

/// json_object_agg and jsonb_object_agg: the first argument of every row is the key, the second the value.
pub(crate) fn aggregate_object(
    kind: Kind,
    types: &[SqlType],
    rows: &[&Vec<Datum>],
    io: &IoSettings,
) -> Result<Datum> {
    let [key_type, value_type, ..] = types else {
        return Err(Error::internal("an aggregate of pairs without two arguments"));
    };
    let mut pairs = Vec::with_capacity(rows.len());
    for row in rows {
        let (Some(key), Some(value)) = (row.first(), row.get(1)) else { continue };
        if key.is_null() {
            return Err(invalid("field name must not be null"));
        }
        pairs.push((to_key(key_type, key, io)?, value));
    }
    if kind == Kind::Jsonb {
        let values = pairs.into_iter().map(|(key, value)| Ok((key, to_value(value_type, value, io)?)));
        return jsonb(&Value::object(values.collect::<Result<_>>()?));
    }
    let mut out = String::from("{ ");
    for (i, (key, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_pair(key, (value_type, value), io, &mut out)?;
    }
    out.push_str(" }");
    checked(out).map(Datum::Text)
}

fn empty(call: &Call<'_>, text: &str) -> Result<ArrayRef> {
    let datum =
        if call.ret.oid == oid::JSONB { Datum::Jsonb(text.to_owned()) } else { Datum::Text(text.to_owned()) };
    types::array::from_data(&call.ret.form, &vec![datum; call.rows])
}

/// By the name of PostgreSQL's implementation.
pub(super) const KERNELS: &[(&str, Run)] = &[
    ("to_json", |c, a| each(c, a, to_json)),
    ("to_jsonb", |c, a| each(c, a, to_jsonb)),
    ("array_to_json", |c, a| each(c, a, to_json)),
    ("row_to_json", |c, a| each(c, a, to_json)),
    ("row_to_json_pretty", |c, a| each(c, a, row_to_json_lines)),
    ("array_to_json_pretty", |c, a| each(c, a, array_to_json_lines)),
    ("json_build_array", |c, a| each(c, a, build_array)),
    ("json_build_array_noargs", |c, _| empty(c, "[]")),
    ("jsonb_build_array", |c, a| each(c, a, build_array_jsonb)),
    ("jsonb_build_array_noargs", |c, _| empty(c, "[]")),
    ("json_build_object", |c, a| each(c, a, build_object)),
    ("json_build_object_noargs", |c, _| empty(c, "{}")),
    ("jsonb_build_object", |c, a| each(c, a, build_object_jsonb)),
    ("jsonb_build_object_noargs", |c, _| empty(c, "{}")),
    ("json_object", |c, a| each(c, a, object_of_texts)),
    ("json_object_two_arg", |c, a| each(c, a, object_of_texts)),
    ("jsonb_object", |c, a| each(c, a, object_of_texts_jsonb)),
    ("jsonb_object_two_arg", |c, a| each(c, a, object_of_texts_jsonb)),
];
