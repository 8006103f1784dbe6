//! Sets of the parts of one json or jsonb: pairs, elements, keys.
//!
//! Invariant: the columns of a set are equally long.

use super::get::invalid;
use super::path::query_items;
use crate::kernel::call::{Arg, Call, Run};
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, Result};
use types::Datum;
use types::json::{Content, Part, Value, parse};

/// A function that returns a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// Keys and values.
    Each,
    EachText,
    Elements,
    ElementsText,
    Keys,
    /// What a jsonpath finds, by the session's time zone or not.
    Path {
        zoned: bool,
    },
}

/// A kernel that gives one column of each row's set as a list, and a name that tells it from all others.
pub(crate) type SetColumn = (&'static str, Run);

/// The columns of a function that returns a set of parts.
pub(crate) fn set_columns(proc: Oid) -> Option<&'static [SetColumn]> {
    let row = catalog::builtin::proc(proc).filter(|row| row.returns_set)?;
    Some(match row.source {
        "json_each" | "jsonb_each" => &[
            ("json_each.key", |c, a| lists(Set::Each, 0, c, a)),
            ("json_each.value", |c, a| lists(Set::Each, 1, c, a)),
        ],
        "json_each_text" | "jsonb_each_text" => &[
            ("json_each_text.key", |c, a| lists(Set::EachText, 0, c, a)),
            ("json_each_text.value", |c, a| lists(Set::EachText, 1, c, a)),
        ],
        "json_array_elements" | "jsonb_array_elements" => {
            &[("json_array_elements", |c, a| lists(Set::Elements, 0, c, a))]
        }
        "json_array_elements_text" | "jsonb_array_elements_text" => {
            &[("json_array_elements_text", |c, a| lists(Set::ElementsText, 0, c, a))]
        }
        "json_object_keys" | "jsonb_object_keys" => &[("json_object_keys", |c, a| lists(Set::Keys, 0, c, a))],
        "jsonb_path_query" => &[("jsonb_path_query", |c, a| lists(Set::Path { zoned: false }, 0, c, a))],
        "jsonb_path_query_tz" => &[("jsonb_path_query_tz", |c, a| lists(Set::Path { zoned: true }, 0, c, a))],
        _ => return None,
    })
}

/// One column of the set of each row, as a list; null where the set is of a null.
fn lists(set: Set, column: usize, call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let mut out = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let mut data = Vec::with_capacity(args.len());
        for (arg, ty) in args.iter().zip(call.args) {
            data.push(types::array::get(&ty.form, &arg.array, arg.index(row))?);
        }
        if let Set::Path { zoned } = set {
            out.push(query_items(&data, zoned, &call.statement.io)?.map_or(Datum::Null, Datum::list));
            continue;
        }
        out.push(match data.first() {
            Some(Datum::Null) | None => Datum::Null,
            Some(datum) => set.columns(datum)?.into_iter().nth(column).map_or(Datum::Null, Datum::list),
        });
    }
    types::array::from_data(&call.ret.form, &out)
}

impl Set {
    /// The columns of the set of a value.
    fn columns(self, datum: &Datum) -> Result<Vec<Vec<Datum>>> {
        match datum {
            Datum::Text(text) => self.of_json(text),
            Datum::Jsonb(text) => self.of_jsonb(text),
            _ => Err(Error::internal("a set of something that is no JSON")),
        }
    }

    fn of_json(self, text: &str) -> Result<Vec<Vec<Datum>>> {
        let part = Part::read(text)?;
        let written = |part: &Part<'_>| Datum::Text(part.written.to_owned());
        let plain = |part: &Part<'_>| part.plain().map_or(Datum::Null, |text| Datum::Text(text.to_owned()));
        let give: &dyn Fn(&Part<'_>) -> Datum =
            if matches!(self, Set::EachText | Set::ElementsText) { &plain } else { &written };
        let keys = |pairs: &[(String, Part<'_>)]| -> Vec<Datum> {
            pairs.iter().map(|(key, _)| Datum::Text(key.clone())).collect()
        };
        match (self, &part.content) {
            (Set::Each | Set::EachText, Content::Object(pairs)) => {
                Ok(vec![keys(pairs), pairs.iter().map(|(_, part)| give(part)).collect()])
            }
            (Set::Each | Set::EachText, Content::Array(_)) => {
                Err(invalid("cannot deconstruct an array as an object"))
            }
            (Set::Each | Set::EachText, _) => Err(invalid("cannot deconstruct a scalar")),
            (Set::Elements | Set::ElementsText, Content::Array(items)) => {
                Ok(vec![items.iter().map(give).collect()])
            }
            (Set::Elements | Set::ElementsText, other) => {
                let name =
                    if self == Set::Elements { "json_array_elements" } else { "json_array_elements_text" };
                let what = if matches!(other, Content::Object(_)) { "non-array" } else { "scalar" };
                Err(invalid(&format!("cannot call {name} on a {what}")))
            }
            (Set::Keys, Content::Object(pairs)) => Ok(vec![keys(pairs)]),
            (Set::Keys, Content::Array(_)) => Err(invalid("cannot call json_object_keys on an array")),
            (Set::Keys, _) => Err(invalid("cannot call json_object_keys on a scalar")),
            (Set::Path { .. }, _) => Err(Error::internal("a path in a json")),
        }
    }

    fn of_jsonb(self, text: &str) -> Result<Vec<Vec<Datum>>> {
        let value = parse(text)?;
        let jsonb = |value: &Value| Datum::Jsonb(value.text());
        let plain = |value: &Value| match value {
            Value::Null => Datum::Null,
            Value::String(text) => Datum::Text(text.clone()),
            other => Datum::Text(other.text()),
        };
        let give: &dyn Fn(&Value) -> Datum =
            if matches!(self, Set::EachText | Set::ElementsText) { &plain } else { &jsonb };
        let keys = |pairs: &[(String, Value)]| -> Vec<Datum> {
            pairs.iter().map(|(key, _)| Datum::Text(key.clone())).collect()
        };
        match (self, &value) {
            (Set::Each | Set::EachText, Value::Object(pairs)) => {
                Ok(vec![keys(pairs), pairs.iter().map(|(_, value)| give(value)).collect()])
            }
            (Set::Each, _) => Err(invalid("cannot call jsonb_each on a non-object")),
            (Set::EachText, _) => Err(invalid("cannot call jsonb_each_text on a non-object")),
            (Set::Elements | Set::ElementsText, Value::Array(items)) => {
                Ok(vec![items.iter().map(give).collect()])
            }
            (Set::Elements | Set::ElementsText, Value::Object(_)) => {
                Err(invalid("cannot extract elements from an object"))
            }
            (Set::Elements | Set::ElementsText, _) => Err(invalid("cannot extract elements from a scalar")),
            (Set::Keys, Value::Object(pairs)) => Ok(vec![keys(pairs)]),
            (Set::Keys, Value::Array(_)) => Err(invalid("cannot call jsonb_object_keys on an array")),
            (Set::Keys, _) => Err(invalid("cannot call jsonb_object_keys on a scalar")),
            (Set::Path { .. }, _) => Err(Error::internal("the parts of a path")),
        }
    }
}
