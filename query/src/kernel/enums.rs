//! Functions over the labels of an enum: enum_first(), enum_last(), enum_range().
//!
//! Invariant: the value of the argument counts only as a bound; its type says which enum is meant.

use crate::kernel::call::{Arg, Call, Run, arg};
use arrow::array::ArrayRef;
use base::{Error, Result};
use types::sql_type::array_element;
use types::{Datum, Form};

/// Positions of the labels of the enum that a call is about, in order.
fn positions(call: &Call<'_>) -> Result<Vec<i64>> {
    let ty = array_element(call.ret.oid).unwrap_or(call.ret.oid);
    let def = call.statement.catalog.type_of(ty);
    let def = def.ok_or_else(|| Error::internal(format!("cache lookup failed for type {ty}")))?;
    Ok(def.labels().iter().map(|label| label.position).collect())
}

/// A label that is given out; null when there is none.
fn used(call: &Call<'_>, position: Option<&i64>) -> Result<Datum> {
    let Some(position) = position else { return Ok(Datum::Null) };
    let ty = array_element(call.ret.oid).unwrap_or(call.ret.oid);
    if let Some(names) = &call.statement.io.names {
        names.check_label(ty, *position)?;
    }
    Ok(Datum::Int64(*position))
}

fn every_row(call: &Call<'_>, datum: &Datum) -> Result<ArrayRef> {
    types::array::from_data(&call.ret.form, &vec![datum.clone(); call.rows])
}

fn first(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    every_row(call, &used(call, positions(call)?.first())?)
}

fn last(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    every_row(call, &used(call, positions(call)?.last())?)
}

fn all(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    let labels: Result<Vec<Datum>> = positions(call)?.iter().map(|p| used(call, Some(p))).collect();
    every_row(call, &Datum::list(labels?))
}

/// Null stands for the end that it is at.
fn between(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let (lower, upper) = (arg(args, 0)?, arg(args, 1)?);
    let positions = positions(call)?;
    let bound = |arg: &Arg, row| match types::array::get(&Form::Enum, &arg.array, arg.index(row))? {
        Datum::Int64(position) => Ok(Some(position)),
        Datum::Null => Ok(None),
        other => Err(Error::internal(format!("a label that is {other:?}"))),
    };
    let mut out = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let (low, high) = (bound(lower, row)?, bound(upper, row)?);
        let inside = |p: &&i64| low.is_none_or(|low| **p >= low) && high.is_none_or(|high| **p <= high);
        let labels: Result<Vec<Datum>> =
            positions.iter().filter(inside).map(|p| used(call, Some(p))).collect();
        out.push(Datum::list(labels?));
    }
    types::array::from_data(&call.ret.form, &out)
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] =
    &[("enum_first", first), ("enum_last", last), ("enum_range_all", all), ("enum_range_bounds", between)];
