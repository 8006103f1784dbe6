//! Set-returning functions of constants: generate_series, unnest, several arrays of it side by side, and functions whose
//! rows are a list.
//!
//! Must not know where the rows go. Invariants: a series is made piece by piece and never held whole, a list is; a piece
//! that is shorter than asked for is the last.

use crate::kernel::regexp::functions::{match_list, part_list};
use crate::kernel::{array_shape, strings};
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use types::{Datum, Form, Interval, IoSettings, PgNum, SqlType, datetime};

/// The rows of series side by side that are still to come; where one has ended, nulls go on.
#[derive(Clone, Debug)]
pub(crate) struct SeriesRows {
    columns: Vec<Series>,
}

impl SeriesRows {
    /// The rows of a set-returning function: one series of all its arguments, or each argument's own when there are
    /// several columns. None for a function that is unknown here.
    pub(crate) fn of(
        proc: Oid,
        columns: usize,
        types: &[SqlType],
        args: &[Datum],
        io: &IoSettings,
    ) -> Result<Option<Self>> {
        let Some(function) = table_function(proc) else { return Ok(None) };
        let own = |(ty, arg)| function(std::slice::from_ref(ty), std::slice::from_ref(arg), io);
        let columns = if columns == 1 {
            vec![function(types, args, io)?]
        } else {
            types.iter().zip(args).map(own).collect::<Result<_>>()?
        };
        Ok(Some(Self { columns }))
    }

    /// One array per column of the next rows, at least one row and at most `rows_max`; None at the end.
    pub(crate) fn next(&mut self, rows_max: usize) -> Result<Option<Vec<ArrayRef>>> {
        let pieces = self.columns.iter_mut().map(|series| series.next_data(rows_max));
        let mut pieces = pieces.collect::<Result<Vec<_>>>()?;
        let rows = pieces.iter().map(Vec::len).max().unwrap_or(0);
        if rows == 0 {
            return Ok(None);
        }
        let mut arrays = Vec::with_capacity(pieces.len());
        for (series, data) in self.columns.iter().zip(&mut pieces) {
            data.resize(rows, Datum::Null);
            arrays.push(types::array::from_data(&series.element, data)?);
        }
        Ok(Some(arrays))
    }
}

/// The rows of a set-returning function that are still to come; they are in one column.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    element: Form,
    rest: Rest,
}

#[derive(Clone, Debug)]
enum Rest {
    Done,
    Integers { next: i64, stop: i64, step: i64 },
    Timestamps { next: i64, stop: i64, step: Interval, io: IoSettings },
    Numerics { next: PgNum, stop: PgNum, step: PgNum },
    Items(Vec<Datum>),
}

/// The rows of a function's arguments as a list; null where there are none because an argument is null.
pub(crate) type ListFunction = fn(&[Datum]) -> Result<Datum>;

/// How a function is computed whose rows are a list, by the name of PostgreSQL's implementation.
pub(crate) fn list_function(source: &str) -> Option<(ListFunction, Form)> {
    let text = || Form::Text;
    Some(match source {
        "generate_subscripts" | "generate_subscripts_nodir" => {
            (|args| Ok(array_shape::subscripts(None, args)), Form::Int32)
        }
        "regexp_matches" | "regexp_matches_no_flags" => (match_list, Form::Array(Box::new(text()))),
        "regexp_split_to_table" | "regexp_split_to_table_no_flags" => (part_list, text()),
        "text_to_table" | "text_to_table_null" => (strings::split, text()),
        // No table is a partition of another in PostgreSQL's sense.
        "pg_partition_ancestors" => (|_| Ok(Datum::list(Vec::new())), Form::UInt32),
        _ => return None,
    })
}

/// Starts the series for a function's arguments. Errors: 22023 for a step of zero.
pub(crate) type TableFunction = fn(&[SqlType], &[Datum], &IoSettings) -> Result<Series>;

pub(crate) fn table_function(proc: Oid) -> Option<TableFunction> {
    let row = catalog::builtin::proc(proc).filter(|row| row.returns_set)?;
    Some(match row.source {
        "generate_series_int4" | "generate_series_step_int4" => integers,
        "generate_series_int8" | "generate_series_step_int8" => integers,
        "generate_series_timestamp" | "generate_series_timestamptz" => timestamps,
        "generate_series_numeric" | "generate_series_step_numeric" => numerics,
        "array_unnest" => unnest,
        "generate_subscripts" => |_, args, _| listed("generate_subscripts", args),
        "generate_subscripts_nodir" => |_, args, _| listed("generate_subscripts_nodir", args),
        "regexp_matches" | "regexp_matches_no_flags" => |_, args, _| listed("regexp_matches", args),
        "regexp_split_to_table" | "regexp_split_to_table_no_flags" => {
            |_, args, _| listed("regexp_split_to_table", args)
        }
        "text_to_table" | "text_to_table_null" => |_, args, _| listed("text_to_table", args),
        "pg_partition_ancestors" => |_, args, _| listed("pg_partition_ancestors", args),
        _ => return None,
    })
}

fn listed(source: &str, args: &[Datum]) -> Result<Series> {
    let (function, element) =
        list_function(source).ok_or_else(|| Error::internal("a function whose rows are no list"))?;
    let rest = match function(args)? {
        Datum::List(list) => Rest::Items(list.into_items()),
        _ => Rest::Done,
    };
    Ok(Series { element, rest })
}

impl Series {
    /// The next values, at most `rows_max`; none at the end.
    pub(crate) fn next_data(&mut self, rows_max: usize) -> Result<Vec<Datum>> {
        let mut data = Vec::new();
        while data.len() < rows_max {
            match &mut self.rest {
                Rest::Done => break,
                Rest::Items(items) => {
                    let behind = items.split_off(rows_max.min(items.len()));
                    data = std::mem::replace(items, behind);
                    if items.is_empty() {
                        self.rest = Rest::Done;
                    }
                    break;
                }
                Rest::Integers { next, stop, step } => {
                    if if *step > 0 { next > stop } else { next < stop } {
                        self.rest = Rest::Done;
                        continue;
                    }
                    data.push(match self.element {
                        Form::Int32 => i32::try_from(*next).map_or(Datum::Null, Datum::Int32),
                        _ => Datum::Int64(*next),
                    });
                    match next.checked_add(*step) {
                        Some(following) => *next = following,
                        None => self.rest = Rest::Done,
                    }
                }
                Rest::Numerics { next, stop, step } => {
                    let order = next.compare(stop);
                    if if step.is_negative() { order.is_lt() } else { order.is_gt() } {
                        self.rest = Rest::Done;
                        continue;
                    }
                    data.push(Datum::PgNum(next.to_bytes()));
                    match next.add(step) {
                        Ok(following) => *next = following,
                        // What is beyond the range of numerics is beyond the end.
                        Err(_) => self.rest = Rest::Done,
                    }
                }
                Rest::Timestamps { next, stop, step, io } => {
                    if if datetime::interval_order(*step) > 0 { next > stop } else { next < stop } {
                        self.rest = Rest::Done;
                        continue;
                    }
                    let (value, following) = match self.element {
                        Form::TimestampTz => (
                            Datum::TimestampTz(*next),
                            datetime::timestamptz_add(*next, *step, &io.time_zone)?,
                        ),
                        _ => (Datum::Timestamp(*next), datetime::timestamp_add(*next, *step)?),
                    };
                    data.push(value);
                    *next = following;
                }
            }
        }
        Ok(data)
    }
}

fn zero_step() -> Error {
    Error::new(ErrorKind::InvalidParameterValue, "step size cannot equal zero")
}

fn integers(types: &[SqlType], args: &[Datum], _io: &IoSettings) -> Result<Series> {
    let Some(ty) = types.first() else { return Err(Error::internal("a series without bounds")) };
    let element = ty.form.clone();
    let mut numbers = Vec::with_capacity(3);
    for arg in args {
        match arg {
            Datum::Int32(v) => numbers.push(i64::from(*v)),
            Datum::Int64(v) => numbers.push(*v),
            Datum::Null => return Ok(Series { element, rest: Rest::Done }),
            _ => return Err(Error::internal("a series of something that is no integer")),
        }
    }
    let (next, stop, step) = match numbers.as_slice() {
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        _ => return Err(Error::internal("a series has two or three arguments")),
    };
    if step == 0 {
        return Err(zero_step());
    }
    Ok(Series { element, rest: Rest::Integers { next, stop, step } })
}

fn numerics(_types: &[SqlType], args: &[Datum], _io: &IoSettings) -> Result<Series> {
    const NAMES: [&str; 3] = ["start value", "stop value", "step size"];
    let element = Form::PgNum;
    let mut numbers = Vec::with_capacity(3);
    for arg in args {
        match arg {
            Datum::PgNum(bytes) => numbers.push(PgNum::from_bytes(bytes)?),
            Datum::Null => return Ok(Series { element, rest: Rest::Done }),
            _ => return Err(Error::internal("a series of numerics in another form")),
        }
    }
    for (number, name) in numbers.iter().zip(NAMES) {
        let what = match (number.is_nan(), number.is_infinite()) {
            (true, _) => "NaN",
            (_, true) => "infinity",
            _ => continue,
        };
        return Err(Error::new(ErrorKind::InvalidParameterValue, format!("{name} cannot be {what}")));
    }
    let mut numbers = numbers.into_iter();
    let (Some(next), Some(stop)) = (numbers.next(), numbers.next()) else {
        return Err(Error::internal("a series has two or three arguments"));
    };
    let step = numbers.next().unwrap_or_else(|| PgNum::from_i64(1));
    if step.is_zero() {
        return Err(zero_step());
    }
    Ok(Series { element, rest: Rest::Numerics { next, stop, step } })
}

fn timestamps(types: &[SqlType], args: &[Datum], io: &IoSettings) -> Result<Series> {
    let Some(ty) = types.first() else { return Err(Error::internal("a series without bounds")) };
    let element = ty.form.clone();
    let (next, stop, step) = match args {
        [
            Datum::Timestamp(a) | Datum::TimestampTz(a),
            Datum::Timestamp(b) | Datum::TimestampTz(b),
            Datum::Interval(s),
        ] => (*a, *b, *s),
        _ => return Ok(Series { element, rest: Rest::Done }),
    };
    if datetime::interval_order(step) == 0 {
        return Err(zero_step());
    }
    Ok(Series { element, rest: Rest::Timestamps { next, stop, step, io: io.clone() } })
}

fn unnest(types: &[SqlType], args: &[Datum], _io: &IoSettings) -> Result<Series> {
    let Some(Form::Array(element)) = types.first().map(|ty| &ty.form) else {
        return Err(Error::internal("unnest of something that is no array"));
    };
    let rest = match args.first() {
        Some(Datum::List(list)) => Rest::Items(list.to_vec()),
        _ => Rest::Done,
    };
    Ok(Series { element: element.as_ref().clone(), rest })
}
