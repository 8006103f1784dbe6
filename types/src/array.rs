//! Between single values and Arrow arrays: build an array of data, read one value.

use crate::datum::{Datum, Interval, TimeTz};
use crate::sql_type::Form;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewBuilder, BooleanBuilder, ListArray, PrimitiveBuilder,
    StringViewBuilder, UInt32Array, new_empty_array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use base::{Error, ErrorKind, Result};
use std::sync::Arc;

/// Rows as one array per column.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    pub rows: usize,
    pub columns: Vec<ArrayRef>,
}

/// An array of `form` with one value in all of its rows. A datum of another form is an internal error.
pub fn repeated(form: &Form, value: &Datum, rows: usize) -> Result<ArrayRef> {
    if value.is_null() {
        return Ok(new_null_array(&form.arrow(), rows));
    }
    let one = from_data(form, std::slice::from_ref(value))?;
    arrow::compute::take(&one, &UInt32Array::from_value(0, rows), None)
        .map_err(|e| Error::internal("a value cannot be repeated").with_source(e))
}

/// An array of `form` with one element per datum. A datum of another form is an internal error.
pub fn from_data(form: &Form, data: &[Datum]) -> Result<ArrayRef> {
    match form {
        Form::Bool => {
            let mut builder = BooleanBuilder::with_capacity(data.len());
            for datum in data {
                match datum {
                    Datum::Null => builder.append_null(),
                    Datum::Bool(v) => builder.append_value(*v),
                    other => return Err(mismatch(form, other)),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        Form::Int16 => {
            primitive::<Int16Type>(form, data, |d| if let Datum::Int16(v) = d { Some(*v) } else { None })
        }
        Form::Int32 => {
            primitive::<Int32Type>(form, data, |d| if let Datum::Int32(v) = d { Some(*v) } else { None })
        }
        Form::Int64 => {
            primitive::<Int64Type>(form, data, |d| if let Datum::Int64(v) = d { Some(*v) } else { None })
        }
        Form::UInt32 => {
            primitive::<UInt32Type>(form, data, |d| if let Datum::UInt32(v) = d { Some(*v) } else { None })
        }
        Form::Float32 => {
            primitive::<Float32Type>(form, data, |d| if let Datum::Float32(v) = d { Some(*v) } else { None })
        }
        Form::Float64 => {
            primitive::<Float64Type>(form, data, |d| if let Datum::Float64(v) = d { Some(*v) } else { None })
        }
        Form::Decimal128 { .. } => primitive::<Decimal128Type>(form, data, |d| {
            if let Datum::Decimal128(v) = d { Some(*v) } else { None }
        }),
        Form::Decimal256 { .. } => primitive::<Decimal256Type>(form, data, |d| {
            if let Datum::Decimal256(v) = d { Some(*v) } else { None }
        }),
        Form::Date => {
            primitive::<Date32Type>(form, data, |d| if let Datum::Date(v) = d { Some(*v) } else { None })
        }
        Form::Timestamp => primitive::<TimestampMicrosecondType>(form, data, |d| {
            if let Datum::Timestamp(v) = d { Some(*v) } else { None }
        }),
        Form::TimestampTz => primitive::<TimestampMicrosecondType>(form, data, |d| {
            if let Datum::TimestampTz(v) = d { Some(*v) } else { None }
        }),
        Form::Time => primitive::<Time64MicrosecondType>(form, data, |d| {
            if let Datum::Time(v) = d { Some(*v) } else { None }
        }),
        Form::Interval => {
            let too_long =
                |d: &Datum| matches!(d, Datum::Interval(v) if v.micros.checked_mul(1_000).is_none());
            if data.iter().any(too_long) {
                return Err(Error::new(ErrorKind::DatetimeOverflow, "interval out of range")
                    .with_hint("the time part of an interval is limited to 292 years here"));
            }
            primitive::<IntervalMonthDayNanoType>(form, data, |d| {
                if let Datum::Interval(v) = d {
                    Some(IntervalMonthDayNano::new(v.months, v.days, v.micros.saturating_mul(1_000)))
                } else {
                    None
                }
            })
        }
        Form::Text | Form::Jsonb => {
            let mut builder = StringViewBuilder::with_capacity(data.len());
            for datum in data {
                match (form, datum) {
                    (_, Datum::Null) => builder.append_null(),
                    (Form::Text, Datum::Text(v)) | (Form::Jsonb, Datum::Jsonb(v)) => builder.append_value(v),
                    (_, other) => return Err(mismatch(form, other)),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        Form::Bytes | Form::PgNum | Form::Uuid | Form::TimeTz => {
            let mut builder = BinaryViewBuilder::with_capacity(data.len());
            for datum in data {
                match (form, datum) {
                    (_, Datum::Null) => builder.append_null(),
                    (Form::Bytes, Datum::Bytes(v)) | (Form::PgNum, Datum::PgNum(v)) => {
                        builder.append_value(v)
                    }
                    (Form::Uuid, Datum::Uuid(v)) => builder.append_value(v),
                    (Form::TimeTz, Datum::TimeTz(v)) => builder.append_value(v.to_bytes()),
                    (_, other) => return Err(mismatch(form, other)),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        Form::List(element) => list(element, data),
    }
}

fn primitive<T: ArrowPrimitiveType>(
    form: &Form,
    data: &[Datum],
    get: impl Fn(&Datum) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(data.len()).with_data_type(form.arrow());
    for datum in data {
        match (get(datum), datum) {
            (Some(value), _) => builder.append_value(value),
            (None, Datum::Null) => builder.append_null(),
            (None, other) => return Err(mismatch(form, other)),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn list(element: &Form, data: &[Datum]) -> Result<ArrayRef> {
    let mut elements = Vec::new();
    let mut lengths = Vec::with_capacity(data.len());
    let mut valid = Vec::with_capacity(data.len());
    for datum in data {
        match datum {
            Datum::Null => lengths.push(0),
            Datum::List(items) => {
                lengths.push(items.len());
                elements.extend(items.iter().cloned());
            }
            other => return Err(mismatch(element, other)),
        }
        valid.push(!datum.is_null());
    }
    let field = Arc::new(Field::new("item", element.arrow(), true));
    let values = from_data(element, &elements)?;
    Ok(Arc::new(ListArray::new(
        field,
        OffsetBuffer::from_lengths(lengths),
        values,
        Some(NullBuffer::from(valid)),
    )))
}

fn mismatch(form: &Form, datum: &Datum) -> Error {
    Error::internal(format!("value {datum:?} is not of form {form:?}"))
}

/// The value at `row` (which must be in range) of an array of `form`.
pub fn get(form: &Form, array: &dyn Array, row: usize) -> Result<Datum> {
    if row >= array.len() {
        return Err(Error::internal(format!("row {row} of an array of {}", array.len())));
    }
    if *array.data_type() != form.arrow() {
        return Err(Error::internal(format!("array of {} is not of form {form:?}", array.data_type())));
    }
    if array.is_null(row) {
        return Ok(Datum::Null);
    }
    Ok(match form {
        Form::Bool => Datum::Bool(array.as_boolean().value(row)),
        Form::Int16 => Datum::Int16(array.as_primitive::<Int16Type>().value(row)),
        Form::Int32 => Datum::Int32(array.as_primitive::<Int32Type>().value(row)),
        Form::Int64 => Datum::Int64(array.as_primitive::<Int64Type>().value(row)),
        Form::UInt32 => Datum::UInt32(array.as_primitive::<UInt32Type>().value(row)),
        Form::Float32 => Datum::Float32(array.as_primitive::<Float32Type>().value(row)),
        Form::Float64 => Datum::Float64(array.as_primitive::<Float64Type>().value(row)),
        Form::Decimal128 { .. } => Datum::Decimal128(array.as_primitive::<Decimal128Type>().value(row)),
        Form::Decimal256 { .. } => Datum::Decimal256(array.as_primitive::<Decimal256Type>().value(row)),
        Form::PgNum => Datum::PgNum(array.as_binary_view().value(row).to_vec()),
        Form::Text => Datum::Text(array.as_string_view().value(row).to_owned()),
        Form::Jsonb => Datum::Jsonb(array.as_string_view().value(row).to_owned()),
        Form::Time => Datum::Time(array.as_primitive::<Time64MicrosecondType>().value(row)),
        Form::TimeTz => Datum::TimeTz(TimeTz::from_bytes(array.as_binary_view().value(row))?),
        Form::Bytes => Datum::Bytes(array.as_binary_view().value(row).to_vec()),
        Form::Uuid => Datum::Uuid(
            array
                .as_binary_view()
                .value(row)
                .try_into()
                .map_err(|_| Error::corruption("a uuid that is not 16 bytes long"))?,
        ),
        Form::Date => Datum::Date(array.as_primitive::<Date32Type>().value(row)),
        Form::Timestamp => Datum::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        Form::TimestampTz => Datum::TimestampTz(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        Form::Interval => {
            let v = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            Datum::Interval(Interval { months: v.months, days: v.days, micros: v.nanoseconds / 1_000 })
        }
        Form::List(element) => {
            let items = array.as_list::<i32>().value(row);
            Datum::List((0..items.len()).map(|i| get(element, &items, i)).collect::<Result<_>>()?)
        }
    })
}

/// An empty array of `form`.
pub fn empty(form: &Form) -> ArrayRef {
    new_empty_array(&form.arrow())
}

/// The Arrow field of a column of `form`.
pub fn field(name: &str, form: &Form) -> Field {
    let data_type: DataType = form.arrow();
    Field::new(name, data_type, true)
}
