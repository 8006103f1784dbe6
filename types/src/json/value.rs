//! A JSON value in memory and its canonical text.

use crate::pgnum::PgNum;
use std::cmp::Ordering;
use std::fmt::Write;

/// A value as jsonb has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(PgNum),
    String(String),
    Array(Vec<Value>),
    /// Pairs in order of `order_of_keys`, each key once.
    Object(Vec<(String, Value)>),
}

/// Shorter keys come first, keys of one length by their bytes.
fn order_of_keys(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

impl Value {
    /// An object of pairs in any order; of one key the last value counts.
    pub fn object(mut pairs: Vec<(String, Value)>) -> Self {
        pairs.sort_by(|(a, _), (b, _)| order_of_keys(a, b));
        pairs.reverse();
        pairs.dedup_by(|(a, _), (b, _)| a == b);
        pairs.reverse();
        Value::Object(pairs)
    }

    /// The value of a key of an object.
    pub fn field(&self, key: &str) -> Option<&Value> {
        let Value::Object(pairs) = self else { return None };
        let at = pairs.binary_search_by(|(found, _)| order_of_keys(found, key)).ok()?;
        pairs.get(at).map(|(_, value)| value)
    }

    /// The element of an array, counted from 0, or from the end if negative.
    pub fn element(&self, index: i64) -> Option<&Value> {
        let Value::Array(items) = self else { return None };
        let index = if index < 0 { i64::try_from(items.len()).ok()?.checked_add(index)? } else { index };
        items.get(usize::try_from(index).ok()?)
    }

    /// Whether it is neither array nor object.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Value::Array(_) | Value::Object(_))
    }

    /// Appends the canonical text.
    pub fn write(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Number(number) => number.format(out),
            Value::String(text) => write_string(text, out),
            Value::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Value::Object(pairs) => {
                out.push('{');
                for (i, (key, value)) in pairs.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    write_string(key, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

/// Appends a string with quotes, and with escapes where JSON demands them.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 32 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
