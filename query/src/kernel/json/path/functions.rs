//! The functions and operators that take a jsonpath.

use super::super::get::invalid;
use super::items::Item;
use super::{Failure, Run};
use crate::kernel::call;
use crate::kernel::call::{Arg, Call};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use types::json::Value;
use types::jsonpath::{self, JsonPath};
use types::{Datum, IoSettings};

/// The arguments of one call, made ready.
struct Search {
    target: Value,
    /// An object; null where none can be given: variables are null then.
    vars: Value,
    silent: bool,
}

impl Search {
    /// Of a target, a path, variables and silence; None when one is null. Operators have the first two and are silent.
    fn of(row: &[Datum]) -> Result<Option<Self>> {
        let (target, vars, silent) = match row {
            [Datum::Jsonb(target), Datum::Text(_)] => (target, None, true),
            [Datum::Jsonb(target), Datum::Text(_), Datum::Jsonb(vars), Datum::Bool(silent)] => {
                (target, Some(vars), *silent)
            }
            _ => return Ok(None),
        };
        let vars = match vars {
            Some(text) => types::json::parse(text)?,
            None => Value::Null,
        };
        if !matches!((&vars, row.get(2)), (Value::Object(_), _) | (Value::Null, None)) {
            return Err(invalid("\"vars\" argument is not an object").with_detail(
                "Jsonpath parameters should be encoded as key-value pairs of \"vars\" object.",
            ));
        }
        Ok(Some(Self { target: types::json::parse(target)?, vars, silent }))
    }

    fn ready<'v>(&'v self, path: &JsonPath, zoned: bool, io: &'v IoSettings) -> Run<'v> {
        let (root, vars) = (&self.target, &self.vars);
        Run { root, vars, lax: path.lax, forgiving: path.lax, silent: self.silent, last: None, zoned, io }
    }

    /// None for an error that a silent search passes over.
    fn unless_silent<T>(&self, result: Result<T, Failure>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Failure::Soft(_)) if self.silent => Ok(None),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// The items; of a silent search those before the error.
    fn items(&self, path: &JsonPath, zoned: bool, io: &IoSettings) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        let done = self.ready(path, zoned, io).expr(&path.expr, &Item::of(&self.target), &mut |item| {
            found.push(item.into_value());
            Ok(true)
        });
        self.unless_silent(done)?;
        Ok(found)
    }

    fn exists(&self, path: &JsonPath, zoned: bool, io: &IoSettings) -> Result<Datum> {
        let done = self.ready(path, zoned, io).finds(&path.expr, &Item::of(&self.target));
        Ok(self.unless_silent(done)?.map_or(Datum::Null, Datum::Bool))
    }

    fn matches(&self, path: &JsonPath, zoned: bool, io: &IoSettings) -> Result<Datum> {
        match self.items(path, zoned, io)?.as_slice() {
            [Value::Bool(truth)] => Ok(Datum::Bool(*truth)),
            [Value::Null] => Ok(Datum::Null),
            _ if self.silent => Ok(Datum::Null),
            _ => Err(Error::new(ErrorKind::SingletonJsonItemRequired, "single boolean result is expected")),
        }
    }

    fn array(&self, path: &JsonPath, zoned: bool, io: &IoSettings) -> Result<Datum> {
        Ok(Datum::Jsonb(Value::Array(self.items(path, zoned, io)?).text()))
    }

    fn first(&self, path: &JsonPath, zoned: bool, io: &IoSettings) -> Result<Datum> {
        let items = self.items(path, zoned, io)?;
        Ok(items.first().map_or(Datum::Null, |value| Datum::Jsonb(value.text())))
    }
}

/// The items that jsonb_path_query gives for a row of arguments; None when an argument is null.
pub(in crate::kernel::json) fn query_items(
    row: &[Datum],
    zoned: bool,
    io: &IoSettings,
) -> Result<Option<Vec<Datum>>> {
    let (Some(search), Some(Datum::Text(path))) = (Search::of(row)?, row.get(1)) else { return Ok(None) };
    let items = search.items(&jsonpath::parse(path)?, zoned, io)?;
    Ok(Some(items.into_iter().map(|value| Datum::Jsonb(value.text())).collect()))
}

type Answer = fn(&Search, &JsonPath, bool, &IoSettings) -> Result<Datum>;

fn each(call: &Call<'_>, args: &[Arg], zoned: bool, answer: Answer) -> Result<ArrayRef> {
    let mut out = Vec::with_capacity(call.rows);
    // A path is mostly the same for all rows.
    let mut ready: Option<(String, JsonPath)> = None;
    for index in 0..call.rows {
        let mut row = Vec::with_capacity(args.len());
        for (arg, ty) in args.iter().zip(call.args) {
            row.push(types::array::get(&ty.form, &arg.array, arg.index(index))?);
        }
        let (Some(search), Some(Datum::Text(text))) = (Search::of(&row)?, row.get(1)) else {
            out.push(Datum::Null);
            continue;
        };
        let path = match ready.take() {
            Some((known, path)) if known == *text => path,
            _ => jsonpath::parse(text)?,
        };
        out.push(answer(&search, &path, zoned, &call.statement.io)?);
        ready = Some((text.clone(), path));
    }
    types::array::from_data(&call.ret.form, &out)
}

/// By the name of PostgreSQL's implementation.
pub(in crate::kernel::json) const KERNELS: &[(&str, call::Run)] = &[
    ("jsonb_path_exists_opr", |c, a| each(c, a, false, Search::exists)),
    ("jsonb_path_match_opr", |c, a| each(c, a, false, Search::matches)),
    ("jsonb_path_exists", |c, a| each(c, a, false, Search::exists)),
    ("jsonb_path_exists_tz", |c, a| each(c, a, true, Search::exists)),
    ("jsonb_path_match", |c, a| each(c, a, false, Search::matches)),
    ("jsonb_path_match_tz", |c, a| each(c, a, true, Search::matches)),
    ("jsonb_path_query_array", |c, a| each(c, a, false, Search::array)),
    ("jsonb_path_query_array_tz", |c, a| each(c, a, true, Search::array)),
    ("jsonb_path_query_first", |c, a| each(c, a, false, Search::first)),
    ("jsonb_path_query_first_tz", |c, a| each(c, a, true, Search::first)),
];
