//! Operators and casts of jsonb.
//!
//! Invariant: what is written is canonical text.

use crate::kernel::call::{Arg, Call, Run, arg, map1, map2};
use crate::kernel::value::{Bool, Double, Int2, Int4, Int8, Json, Num, Output, Real, Text};
use arrow::array::{ArrayRef, AsArray};
use base::{Error, ErrorKind, Result};
use std::borrow::Cow;
use types::Datum;
use types::json::{Value, scan};
use types::pgnum::PgNum;

fn parse(text: &str) -> Result<Value> {
    types::json::parse(text)
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

/// What ->> gives of a value: strings without quotes, nothing of null.
fn plain(text: Option<&str>) -> Result<Option<String>> {
    match text {
        Some(text) => Ok(scan::plain(text)?.map(Cow::into_owned)),
        None => Ok(None),
    }
}

/// A value that is in nothing counts as an array of one here.
fn element(text: &str, index: i32) -> Option<&str> {
    match scan::is_scalar(text) {
        true => matches!(index, 0 | -1).then_some(text),
        false => scan::element(text, i64::from(index)),
    }
}

/// The value at the end of a path: keys of objects, numbers of elements.
fn at_path<'t>(text: &'t str, path: &[Option<String>]) -> Option<&'t str> {
    path.iter().try_fold(text, |text, step| {
        let step = step.as_deref()?;
        match text.starts_with('{') {
            true => scan::field(text, step),
            false => scan::element(text, index_of(step)?),
        }
    })
}

pub(crate) fn index_of(step: &str) -> Option<i64> {
    let trimmed = step.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    trimmed.parse::<i32>().ok().map(i64::from)
}

/// Walks rows of a json or jsonb and a list of texts; a null of either gives null.
pub(crate) fn with_list<R: Output>(
    call: &Call<'_>,
    args: &[Arg],
    f: impl Fn(&str, &[Option<String>]) -> Result<Option<R::Value>>,
) -> Result<ArrayRef> {
    let (value, list) = (arg(args, 0)?, arg(args, 1)?);
    let texts = value.array.as_string_view_opt().ok_or_else(|| Error::internal("JSON that is no text"))?;
    let (lists, _) = types::array::parts_of_array(&list.array)?;
    let mut out = R::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if value.is_null(row) || list.is_null(row) {
            R::append_null(&mut out);
            continue;
        }
        let items = lists.value(list.index(row));
        let items =
            items.as_string_view_opt().ok_or_else(|| Error::internal("a path that is no list of texts"))?;
        let items: Vec<Option<String>> = items.iter().map(|item| item.map(str::to_owned)).collect();
        match f(texts.value(value.index(row)), &items)? {
            Some(result) => R::append(&mut out, result)?,
            None => R::append_null(&mut out),
        }
    }
    R::finish(out)
}

/// Whether a text is a key of an object, a string in an array, or the string itself.
fn exists(value: &Value, wanted: &str) -> bool {
    let is = |value: &Value| matches!(value, Value::String(text) if text == wanted);
    match value {
        Value::Object(_) => value.field(wanted).is_some(),
        Value::Array(items) => items.iter().any(is),
        scalar => is(scalar),
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.same_value(b),
        (a, b) => a == b,
    }
}

/// Whether a value contains another: objects pair by pair, arrays whatever the order, scalars when equal. Only at the
/// top does an array contain a scalar.
fn contains(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Array(items), scalar) if scalar.is_scalar() => items.iter().any(|item| same(item, scalar)),
        _ => contains_inside(value, wanted),
    }
}

fn contains_inside(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(_), Value::Object(pairs)) => pairs
            .iter()
            .all(|(key, wanted)| value.field(key).is_some_and(|found| contains_inside(found, wanted))),
        (Value::Array(items), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| items.iter().any(|item| contains_inside(item, wanted)))
        }
        (a, b) => a.is_scalar() && b.is_scalar() && same(a, b),
    }
}

/// Objects are merged, all else is put into one array.
fn concatenated(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Object(mut a), Value::Object(b)) => {
            a.extend(b);
            Value::object(a)
        }
        (left, right) => {
            let items = |value| match value {
                Value::Array(items) => items,
                other => vec![other],
            };
            let mut all = items(left);
            all.extend(items(right));
            Value::Array(all)
        }
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidParameterValue, message)
}

/// Without a key of an object or the strings of an array that are among some texts.
fn without(value: Value, gone: impl Fn(&str) -> bool) -> Result<Value> {
    match value {
        Value::Object(mut pairs) => {
            pairs.retain(|(key, _)| !gone(key));
            Ok(Value::Object(pairs))
        }
        Value::Array(mut items) => {
            items.retain(|item| !matches!(item, Value::String(text) if gone(text)));
            Ok(Value::Array(items))
        }
        _ => Err(invalid("cannot delete from scalar")),
    }
}

fn without_element(value: Value, index: i32) -> Result<Value> {
    match value {
        Value::Array(mut items) => {
            if let Some(at) = place(items.len(), i64::from(index)) {
                items.remove(at);
            }
            Ok(Value::Array(items))
        }
        Value::Object(_) => Err(invalid("cannot delete from object using integer index")),
        _ => Err(invalid("cannot delete from scalar")),
    }
}

/// The place of an element counted from 0, or from the end if negative.
fn place(len: usize, index: i64) -> Option<usize> {
    let index = if index < 0 { i64::try_from(len).ok()?.checked_add(index)? } else { index };
    usize::try_from(index).ok().filter(|at| *at < len)
}

/// Removes what is at the end of a path; a path that leads nowhere removes nothing.
fn remove_path(value: &mut Value, path: &[Option<String>], depth: usize) -> Result<()> {
    let Some((Some(step), rest)) = path.split_first() else {
        let message = format!("path element at position {} is null", depth + 1);
        return Err(Error::new(ErrorKind::NullNotAllowed, message));
    };
    match value {
        Value::Object(pairs) => {
            if rest.is_empty() {
                pairs.retain(|(key, _)| key != step);
            } else if let Some((_, inner)) = pairs.iter_mut().find(|(key, _)| key == step) {
                remove_path(inner, rest, depth + 1)?;
            }
        }
        Value::Array(items) => {
            let index = index_of(step).ok_or_else(|| {
                let message = format!("path element at position {} is not an integer: \"{step}\"", depth + 1);
                Error::new(ErrorKind::InvalidText, message)
            })?;
            if let Some(at) = place(items.len(), index) {
                if rest.is_empty() {
                    items.remove(at);
                } else if let Some(inner) = items.get_mut(at) {
                    remove_path(inner, rest, depth + 1)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn without_path(mut value: Value, path: &[Option<String>]) -> Result<Value> {
    if value.is_scalar() {
        return Err(invalid("cannot delete path in scalar"));
    }
    let empty = matches!(&value, Value::Array(items) if items.is_empty())
        || matches!(&value, Value::Object(pairs) if pairs.is_empty());
    if !empty && !path.is_empty() {
        remove_path(&mut value, path, 0)?;
    }
    Ok(value)
}

/// 2202E for a path of several dimensions.
fn refuse_nested_paths(call: &Call<'_>, args: &[Arg]) -> Result<()> {
    let (value, path) = (arg(args, 0)?, arg(args, 1)?);
    let form = &call.arg(1)?.form;
    for row in (0..call.rows).filter(|row| !value.is_null(*row) && !path.is_null(*row)) {
        if let Datum::List(steps) = types::array::get(form, &path.array, path.index(row))?
            && steps.dimensions().len() > 1
        {
            return Err(Error::new(ErrorKind::ArraySubscript, "wrong number of array subscripts"));
        }
    }
    Ok(())
}

fn number(text: &str, ty: &str) -> Result<PgNum> {
    match parse(text)? {
        Value::Number(number) => Ok(number),
        other => Err(cannot_cast(&other, ty)),
    }
}

fn cannot_cast(value: &Value, ty: &str) -> Error {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "numeric",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    invalid(&format!("cannot cast jsonb {kind} to type {ty}"))
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("jsonb_object_field", |c, a| map2::<Text, Text, Json, _>(c, a, |v, key| Ok(owned(scan::field(v, key))))),
    ("jsonb_object_field_text", |c, a| {
        map2::<Text, Text, Text, _>(c, a, |v, key| plain(scan::field(v, key)))
    }),
    ("jsonb_array_element", |c, a| map2::<Text, Int4, Json, _>(c, a, |v, at| Ok(owned(element(v, at))))),
    ("jsonb_array_element_text", |c, a| map2::<Text, Int4, Text, _>(c, a, |v, at| plain(element(v, at)))),
    ("jsonb_extract_path", |c, a| with_list::<Json>(c, a, |v, path| Ok(owned(at_path(v, path))))),
    ("jsonb_extract_path_text", |c, a| with_list::<Text>(c, a, |v, path| plain(at_path(v, path)))),
    ("jsonb_exists", |c, a| map2::<Text, Text, Bool, _>(c, a, |v, key| Ok(exists(&parse(v)?, key)))),
    ("jsonb_exists_any", |c, a| {
        with_list::<Bool>(c, a, |v, keys| {
            let value = parse(v)?;
            Ok(Some(keys.iter().flatten().any(|key| exists(&value, key))))
        })
    }),
    ("jsonb_exists_all", |c, a| {
        with_list::<Bool>(c, a, |v, keys| {
            let value = parse(v)?;
            Ok(Some(keys.iter().flatten().all(|key| exists(&value, key))))
        })
    }),
    ("jsonb_contains", |c, a| {
        map2::<Text, Text, Bool, _>(c, a, |v, wanted| Ok(contains(&parse(v)?, &parse(wanted)?)))
    }),
    ("jsonb_contained", |c, a| {
        map2::<Text, Text, Bool, _>(c, a, |wanted, v| Ok(contains(&parse(v)?, &parse(wanted)?)))
    }),
    ("jsonb_concat", |c, a| {
        map2::<Text, Text, Json, _>(c, a, |x, y| Ok(concatenated(parse(x)?, parse(y)?).text()))
    }),
    ("jsonb_delete", |c, a| {
        map2::<Text, Text, Json, _>(c, a, |v, key| Ok(without(parse(v)?, |found| found == key)?.text()))
    }),
    ("jsonb_delete_idx", |c, a| {
        map2::<Text, Int4, Json, _>(c, a, |v, at| Ok(without_element(parse(v)?, at)?.text()))
    }),
    ("jsonb_delete_array", |c, a| {
        with_list::<Json>(c, a, |v, keys| {
            let gone = |found: &str| keys.iter().flatten().any(|key| key == found);
            Ok(Some(without(parse(v)?, gone)?.text()))
        })
    }),
    ("jsonb_delete_path", |c, a| {
        refuse_nested_paths(c, a)?;
        with_list::<Json>(c, a, |v, path| Ok(Some(without_path(parse(v)?, path)?.text())))
    }),
    ("jsonb_bool", |c, a| {
        map1::<Text, Bool, _>(c, a, |v| match parse(v)? {
            Value::Bool(v) => Ok(v),
            other => Err(cannot_cast(&other, "boolean")),
        })
    }),
    ("jsonb_numeric", |c, a| map1::<Text, Num, _>(c, a, |v| number(v, "numeric"))),
    ("jsonb_int2", |c, a| map1::<Text, Int2, _>(c, a, |v| number(v, "smallint")?.to_i16())),
    ("jsonb_int4", |c, a| map1::<Text, Int4, _>(c, a, |v| number(v, "integer")?.to_i32())),
    ("jsonb_int8", |c, a| map1::<Text, Int8, _>(c, a, |v| number(v, "bigint")?.to_i64())),
    ("jsonb_float4", |c, a| map1::<Text, Real, _>(c, a, |v| number(v, "real")?.to_f32())),
    ("jsonb_float8", |c, a| map1::<Text, Double, _>(c, a, |v| number(v, "double precision")?.to_f64())),
];
