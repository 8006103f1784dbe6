//! jsonb with a value set or inserted at a path.

use super::build::each;
use super::get::invalid;
use crate::kernel::call::Run;
use crate::kernel::jsonb::index_of;
use base::{Error, ErrorKind, Result};
use types::json::{Value, parse};
use types::{Datum, IoSettings, SqlType};

/// What becomes of the place at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// The value there is replaced.
    Replace,
    /// It is replaced, or comes to be.
    Create,
    InsertBefore,
    InsertAfter,
    Delete,
}

impl Change {
    fn inserts(self) -> bool {
        matches!(self, Change::InsertBefore | Change::InsertAfter)
    }

    /// Whether it puts a value where there is none.
    fn creates(self) -> bool {
        self == Change::Create || self.inserts()
    }
}

/// Changes the value at the end of `path`, which begins `depth` steps down.
fn change(value: &mut Value, path: &[Option<String>], depth: usize, new: &Value, how: Change) -> Result<()> {
    let Some((step, rest)) = path.split_first() else { return Ok(()) };
    let Some(step) = step else {
        let message = format!("path element at position {} is null", depth + 1);
        return Err(Error::new(ErrorKind::NullNotAllowed, message));
    };
    match value {
        Value::Object(_) => change_object(value, step, rest, depth, new, how),
        Value::Array(items) => change_array(items, step, rest, depth, new, how),
        _ => Ok(()),
    }
}

fn change_object(
    value: &mut Value,
    step: &str,
    rest: &[Option<String>],
    depth: usize,
    new: &Value,
    how: Change,
) -> Result<()> {
    let Value::Object(pairs) = value else { return Ok(()) };
    match pairs.iter().position(|(key, _)| key == step) {
        Some(_) if rest.is_empty() && how.inserts() => Err(invalid("cannot replace existing key")
            .with_hint("Try using the function jsonb_set to replace key value.")),
        Some(at) if rest.is_empty() && how == Change::Delete => {
            pairs.remove(at);
            Ok(())
        }
        Some(at) => match pairs.get_mut(at) {
            Some((_, inner)) if rest.is_empty() => {
                *inner = new.clone();
                Ok(())
            }
            Some((_, inner)) => change(inner, rest, depth + 1, new, how),
            None => Ok(()),
        },
        None if rest.is_empty() && how.creates() => {
            let mut all = std::mem::take(pairs);
            all.push((step.to_owned(), new.clone()));
            *value = Value::object(all);
            Ok(())
        }
        None => Ok(()),
    }
}

fn change_array(
    items: &mut Vec<Value>,
    step: &str,
    rest: &[Option<String>],
    depth: usize,
    new: &Value,
    how: Change,
) -> Result<()> {
    let index = index_of(step).ok_or_else(|| {
        let message = format!("path element at position {} is not an integer: \"{step}\"", depth + 1);
        Error::new(ErrorKind::InvalidText, message)
    })?;
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from_start = if index < 0 { count + index } else { index };
    let place = usize::try_from(from_start).ok();
    let last = rest.is_empty();
    if let Some(at) = place.filter(|at| *at < items.len()) {
        match (how, last) {
            (Change::Delete, true) => drop(items.remove(at)),
            (Change::InsertBefore, true) => items.insert(at, new.clone()),
            (Change::InsertAfter, true) => items.insert(at + 1, new.clone()),
            (Change::Replace | Change::Create, true) => {
                if let Some(slot) = items.get_mut(at) {
                    *slot = new.clone();
                }
            }
            (_, false) => {
                if let Some(inner) = items.get_mut(at) {
                    change(inner, rest, depth + 1, new, how)?;
                }
            }
        }
    } else if last && how.creates() {
        // Before the beginning is the beginning, behind the end is the end.
        items.insert(if place.is_none() { 0 } else { items.len() }, new.clone());
    }
    Ok(())
}

fn path_of(datum: &Datum) -> Result<Vec<Option<String>>> {
    let Datum::List(items) = datum else { return Err(Error::internal("a path that is no list")) };
    Ok(items
        .iter()
        .map(|item| if let Datum::Text(text) = item { Some(text.clone()) } else { None })
        .collect())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(pairs) => pairs.is_empty(),
        _ => false,
    }
}

fn changed(target: &str, path: &Datum, new: &Value, how: Change) -> Result<Datum> {
    let mut value = parse(target)?;
    if value.is_scalar() {
        let verb = if how == Change::Delete { "delete" } else { "set" };
        return Err(invalid(&format!("cannot {verb} path in scalar")));
    }
    if !is_empty(&value) || how.creates() {
        change(&mut value, &path_of(path)?, 0, new, how)?;
    }
    let text = value.text();
    if text.len() > base::limits::VALUE_BYTES_MAX {
        return Err(Error::new(ErrorKind::LimitExceeded, "the JSON made is too long"));
    }
    Ok(Datum::Jsonb(text))
}

fn set(_types: &[SqlType], row: &[Datum], _io: &IoSettings) -> Result<Datum> {
    let [Datum::Jsonb(target), path @ Datum::List(_), Datum::Jsonb(new), Datum::Bool(create)] = row else {
        return Ok(Datum::Null);
    };
    changed(target, path, &parse(new)?, if *create { Change::Create } else { Change::Replace })
}

fn insert(_types: &[SqlType], row: &[Datum], _io: &IoSettings) -> Result<Datum> {
    let [Datum::Jsonb(target), path @ Datum::List(_), Datum::Jsonb(new), Datum::Bool(after)] = row else {
        return Ok(Datum::Null);
    };
    changed(target, path, &parse(new)?, if *after { Change::InsertAfter } else { Change::InsertBefore })
}

const TREATMENTS: &str = "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \
                          \"raise_exception\"";

fn set_lax(_types: &[SqlType], row: &[Datum], _io: &IoSettings) -> Result<Datum> {
    let [Datum::Jsonb(target), path @ Datum::List(_), new, Datum::Bool(create), treatment] = row else {
        return Ok(Datum::Null);
    };
    let Datum::Text(treatment) = treatment else { return Err(invalid(TREATMENTS)) };
    let how = if *create { Change::Create } else { Change::Replace };
    match (new, treatment.as_str()) {
        (Datum::Jsonb(new), _) => changed(target, path, &parse(new)?, how),
        (_, "raise_exception") => {
            Err(Error::new(ErrorKind::NullNotAllowed, "JSON value must not be null")
                .with_detail("Exception was raised because null_value_treatment is \"raise_exception\".")
                .with_hint(
                    "To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.",
                ))
        }
        (_, "use_json_null") => changed(target, path, &Value::Null, how),
        (_, "delete_key") => changed(target, path, &Value::Null, Change::Delete),
        (_, "return_target") => Ok(Datum::Jsonb(target.clone())),
        _ => Err(invalid(TREATMENTS)),
    }
}

/// By the name of PostgreSQL's implementation.
pub(super) const KERNELS: &[(&str, Run)] = &[
    ("jsonb_set", |c, a| each(c, a, set)),
    ("jsonb_set_lax", |c, a| each(c, a, set_lax)),
    ("jsonb_insert", |c, a| each(c, a, insert)),
];
