//! Set-returning functions of constants: generate_series and unnest.

use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use types::{Datum, Form, IoSettings, SqlType, datetime};

/// Rows a series may have; more do not belong into memory.
const ROWS_MAX: usize = 20_000_000;

/// Computes the columns of a set-returning function.
pub(crate) type TableFunction = fn(&[SqlType], &[Datum], &IoSettings) -> Result<Vec<ArrayRef>>;

pub(crate) fn table_function(proc: Oid) -> Option<TableFunction> {
    let row = catalog::builtin::proc(proc).filter(|row| row.returns_set)?;
    Some(match row.source {
        "generate_series_int4" | "generate_series_step_int4" => integers,
        "generate_series_int8" | "generate_series_step_int8" => integers,
        "generate_series_timestamp" | "generate_series_timestamptz" => timestamps,
        "array_unnest" => unnest,
        _ => return None,
    })
}

fn zero_step() -> Error {
    Error::new(ErrorKind::InvalidParameterValue, "step size cannot equal zero")
}

fn too_many() -> Error {
    Error::new(ErrorKind::LimitExceeded, "a series is too long")
        .with_hint(format!("it may have {ROWS_MAX} rows"))
}

fn integers(types: &[SqlType], args: &[Datum], _io: &IoSettings) -> Result<Vec<ArrayRef>> {
    let Some(ty) = types.first() else { return Err(Error::internal("a series without bounds")) };
    let mut numbers = Vec::with_capacity(3);
    for arg in args {
        match arg {
            Datum::Int32(v) => numbers.push(i64::from(*v)),
            Datum::Int64(v) => numbers.push(*v),
            Datum::Null => return Ok(vec![types::array::empty(&ty.form)]),
            _ => return Err(Error::internal("a series of something that is no integer")),
        }
    }
    let (start, stop, step) = match numbers.as_slice() {
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        _ => return Err(Error::internal("a series has two or three arguments")),
    };
    if step == 0 {
        return Err(zero_step());
    }
    let mut data = Vec::new();
    let mut next = Some(start);
    while let Some(value) = next.filter(|v| if step > 0 { *v <= stop } else { *v >= stop }) {
        if data.len() == ROWS_MAX {
            return Err(too_many());
        }
        data.push(match ty.form {
            Form::Int32 => i32::try_from(value).map_or(Datum::Null, Datum::Int32),
            _ => Datum::Int64(value),
        });
        next = value.checked_add(step);
    }
    Ok(vec![types::array::from_data(&ty.form, &data)?])
}

fn timestamps(types: &[SqlType], args: &[Datum], io: &IoSettings) -> Result<Vec<ArrayRef>> {
    let Some(ty) = types.first() else { return Err(Error::internal("a series without bounds")) };
    let (start, stop, step) = match args {
        [
            Datum::Timestamp(a) | Datum::TimestampTz(a),
            Datum::Timestamp(b) | Datum::TimestampTz(b),
            Datum::Interval(s),
        ] => (*a, *b, *s),
        _ => return Ok(vec![types::array::empty(&ty.form)]),
    };
    let direction = datetime::interval_order(step);
    if direction == 0 {
        return Err(zero_step());
    }
    let mut data = Vec::new();
    let mut value = start;
    while if direction > 0 { value <= stop } else { value >= stop } {
        if data.len() == ROWS_MAX {
            return Err(too_many());
        }
        let with_zone = ty.form == Form::TimestampTz;
        data.push(if with_zone { Datum::TimestampTz(value) } else { Datum::Timestamp(value) });
        value = match with_zone {
            true => datetime::timestamptz_add(value, step, &io.time_zone)?,
            false => datetime::timestamp_add(value, step)?,
        };
    }
    Ok(vec![types::array::from_data(&ty.form, &data)?])
}

fn unnest(types: &[SqlType], args: &[Datum], _io: &IoSettings) -> Result<Vec<ArrayRef>> {
    let Some(Form::List(element)) = types.first().map(|ty| &ty.form) else {
        return Err(Error::internal("unnest of something that is no array"));
    };
    match args.first() {
        Some(Datum::List(items)) => Ok(vec![types::array::from_data(element, items)?]),
        _ => Ok(vec![types::array::empty(element)]),
    }
}
