//! Set-returning functions whose arguments differ from row to row: each row's set as a list.
//!
//! Invariant: the list of a row has the rows that the function has for the row's arguments, in their order; null where
//! it has none because an argument is null.

use crate::kernel::call::{Arg, Call, Run};
use crate::kernel::list::each;
use crate::kernel::regexp::functions::{match_list, part_list};
use crate::kernel::{array_shape, series, strings};
use arrow::array::{ArrayRef, AsArray, Int64Builder, ListArray, ListBuilder};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use std::sync::Arc;
use types::Datum;

/// Values that the lists of one batch may have together.
const VALUES_MAX: usize = 20_000_000;
/// pg_proc OIDs that stand for all series of their type; the function goes by the types of its arguments.
const SERIES_OF_INT8: Oid = Oid(1069);
const SERIES_OF_TIMESTAMPS: Oid = Oid(938);
const SERIES_OF_NUMERIC: Oid = Oid(3260);

/// How a row's set is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowSet {
    /// The elements of the argument.
    Argument,
    Computed(Run),
}

/// How a set-returning function is computed row by row.
pub(crate) fn row_set(proc: Oid) -> Option<RowSet> {
    let row = catalog::builtin::proc(proc).filter(|row| row.returns_set)?;
    Some(match row.source {
        "generate_series_int4"
        | "generate_series_step_int4"
        | "generate_series_int8"
        | "generate_series_step_int8" => RowSet::Computed(|call, args| lists(SERIES_OF_INT8, call, args)),
        "generate_series_timestamp" | "generate_series_timestamptz" => {
            RowSet::Computed(|call, args| lists(SERIES_OF_TIMESTAMPS, call, args))
        }
        "generate_series_numeric" | "generate_series_step_numeric" => {
            RowSet::Computed(|call, args| lists(SERIES_OF_NUMERIC, call, args))
        }
        "array_unnest" => RowSet::Argument,
        "generate_subscripts" | "generate_subscripts_nodir" => RowSet::Computed(|call, args| {
            each(call, args, |row| Ok(array_shape::subscripts(call.args.first(), &row)))
        }),
        "regexp_matches" | "regexp_matches_no_flags" => {
            RowSet::Computed(|call, args| each(call, args, |row| match_list(&row)))
        }
        "regexp_split_to_table" | "regexp_split_to_table_no_flags" => {
            RowSet::Computed(|call, args| each(call, args, |row| part_list(&row)))
        }
        "text_to_table" | "text_to_table_null" => {
            RowSet::Computed(|call, args| each(call, args, |row| strings::split(&row)))
        }
        "pg_partition_ancestors" => {
            RowSet::Computed(|call, args| each(call, args, |_| Ok(Datum::list(Vec::new()))))
        }
        _ => return None,
    })
}

fn lists(series: Oid, call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let function = series::table_function(series).ok_or_else(|| Error::internal("a series that is none"))?;
    let mut out = Vec::with_capacity(call.rows);
    let mut values = 0_usize;
    for row in 0..call.rows {
        let mut data = Vec::with_capacity(args.len());
        for (arg, ty) in args.iter().zip(call.args) {
            data.push(types::array::get(&ty.form, &arg.array, arg.index(row))?);
        }
        if data.contains(&Datum::Null) {
            out.push(Datum::Null);
            continue;
        }
        let items = function(call.args, &data, &call.statement.io)?.next_data(VALUES_MAX - values + 1)?;
        values += items.len();
        if values > VALUES_MAX {
            return Err(Error::new(ErrorKind::LimitExceeded, "series are too long")
                .with_hint(format!("those of one batch of rows may have {VALUES_MAX} values together")));
        }
        out.push(Datum::list(items));
    }
    types::array::from_data(&call.ret.form, &out)
}

/// The numbers from 1 to the length of the longest of some lists, as a list.
pub(crate) fn numbered(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let not_a_list = || Error::internal("a set that is no list");
    let lists: Vec<&ListArray> =
        args.iter().map(|a| a.array.as_list_opt::<i32>().ok_or_else(not_a_list)).collect::<Result<_>>()?;
    let mut builder = ListBuilder::new(Int64Builder::new());
    for row in 0..call.rows {
        let mut longest = 0;
        for (arg, list) in args.iter().zip(&lists) {
            if !arg.is_null(row) {
                longest = longest.max(list.value_length(arg.index(row)));
            }
        }
        builder.values().extend((1..=i64::from(longest)).map(Some));
        builder.append(true);
    }
    Ok(Arc::new(builder.finish()))
}
