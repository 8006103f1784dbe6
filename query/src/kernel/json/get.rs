//! Lengths and kinds of json and jsonb, and values without nulls or with lines.

use crate::kernel::call::{Run, map1};
use crate::kernel::value::{Int4, Json, Text};
use base::{Error, ErrorKind, Result};
use types::json::{Content, Part, Value, parse, write_string};

pub(super) fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidParameterValue, message)
}

fn json_length(text: &str) -> Result<i32> {
    match Part::read(text)?.content {
        Content::Array(items) => Ok(i32::try_from(items.len()).unwrap_or(i32::MAX)),
        Content::Object(_) => Err(invalid("cannot get array length of a non-array")),
        _ => Err(invalid("cannot get array length of a scalar")),
    }
}

fn jsonb_length(text: &str) -> Result<i32> {
    match parse(text)? {
        Value::Array(items) => Ok(i32::try_from(items.len()).unwrap_or(i32::MAX)),
        Value::Object(_) => Err(invalid("cannot get array length of a non-array")),
        _ => Err(invalid("cannot get array length of a scalar")),
    }
}

/// Kinds are told by the first character that is no blank.
fn kind(text: &str) -> &'static str {
    match text.trim_start_matches([' ', '\t', '\n', '\r']).bytes().next() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// Without the keys whose values are null, and without blanks.
fn write_stripped(part: &Part<'_>, out: &mut String) {
    match &part.content {
        Content::Object(pairs) => {
            out.push('{');
            let mut some = false;
            for (key, part) in pairs {
                if part.content == Content::Null {
                    continue;
                }
                if some {
                    out.push(',');
                }
                some = true;
                write_string(key, out);
                out.push(':');
                write_stripped(part, out);
            }
            out.push('}');
        }
        Content::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_stripped(item, out);
            }
            out.push(']');
        }
        Content::String(text) => write_string(text, out),
        Content::Null | Content::Bool | Content::Number => out.push_str(part.written),
    }
}

fn stripped(value: Value) -> Value {
    match value {
        Value::Object(pairs) => Value::Object(
            pairs
                .into_iter()
                .filter(|(_, value)| *value != Value::Null)
                .map(|(key, value)| (key, stripped(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(stripped).collect()),
        other => other,
    }
}

/// With a line for each part, each level four blanks further in.
fn write_pretty(value: &Value, depth: usize, out: &mut String) {
    fn line(depth: usize, out: &mut String) {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", depth));
    }
    match value {
        Value::Object(pairs) => {
            out.push('{');
            for (i, (key, value)) in pairs.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                write_string(key, out);
                out.push_str(": ");
                write_pretty(value, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                write_pretty(item, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        scalar => scalar.write(out),
    }
}

/// By the name of PostgreSQL's implementation.
pub(super) const KERNELS: &[(&str, Run)] = &[
    ("json_array_length", |c, a| map1::<Text, Int4, _>(c, a, json_length)),
    ("jsonb_array_length", |c, a| map1::<Text, Int4, _>(c, a, jsonb_length)),
    ("json_typeof", |c, a| map1::<Text, Text, _>(c, a, |v| Ok(kind(v).to_owned()))),
    ("jsonb_typeof", |c, a| map1::<Text, Text, _>(c, a, |v| Ok(kind(v).to_owned()))),
    ("json_strip_nulls", |c, a| {
        map1::<Text, Text, _>(c, a, |v| {
            let mut out = String::with_capacity(v.len());
            write_stripped(&Part::read(v)?, &mut out);
            Ok(out)
        })
    }),
    ("jsonb_strip_nulls", |c, a| map1::<Text, Json, _>(c, a, |v| Ok(stripped(parse(v)?).text()))),
    ("jsonb_pretty", |c, a| {
        map1::<Text, Text, _>(c, a, |v| {
            let mut out = String::with_capacity(2 * v.len());
            write_pretty(&parse(v)?, 0, &mut out);
            Ok(out)
        })
    }),
];
