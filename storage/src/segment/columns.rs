//! Between the arrays of a table's columns and the arrays that a segment file stores.
//!
//! Owns the names and types of stored columns. Must not know the file format.
//! A column is stored under its id in decimal. Dates and timestamps are stored as their integers, because infinities are
//! the extreme integers and a format's own calendar types must never compute with them. An interval is stored as three
//! columns, one inside an array as its 16 bytes. A row is stored as the bytes that a log record has of it. An array is stored as
//! its elements and, unless the segment is so old that
//! every array was an ordinary one, a column of bounds. `begin` and `end` hold the commit timestamps of rows, `origin` the codes
//! of how they came about.

use crate::format::{Reader, Writer, decode_datum, encode_datum, interval_from_bytes, interval_to_bytes};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BinaryViewBuilder, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, ListArray, PrimitiveArray, make_array,
};
use arrow::datatypes::{
    DataType, Date32Type, Field, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use base::id::ColumnId;
use base::{Error, Result};
use std::sync::Arc;
use types::array::{array_of_lists, array_of_parts, parts_of_array};
use types::{Datum, Form};

/// Name of the stored column of begin timestamps.
pub(crate) const BEGIN: &str = "begin";
/// Name of the stored column of end timestamps.
pub(crate) const END: &str = "end";
/// Name of the stored column of origins.
pub(crate) const ORIGIN: &str = "origin";

/// Whether a segment of such columns has columns of bounds.
pub(crate) fn have_bounds(columns: &[(ColumnId, Form)]) -> bool {
    columns.iter().any(|(_, form)| matches!(form, Form::Array(_)))
}

/// Fields under which a column is stored; arrays with their bounds if `bounds`. `Unsupported` for arrays of arrays.
pub(crate) fn stored_fields(column: ColumnId, form: &Form, bounds: bool) -> Result<Vec<Field>> {
    let one = |data_type| Ok(vec![Field::new(column.to_string(), data_type, true)]);
    match form {
        Form::Date => one(DataType::Int32),
        Form::Time | Form::Timestamp | Form::TimestampTz => one(DataType::Int64),
        Form::Interval => Ok(vec![
            Field::new(format!("{column}-months"), DataType::Int32, true),
            Field::new(format!("{column}-days"), DataType::Int32, true),
            Field::new(format!("{column}-micros"), DataType::Int64, true),
        ]),
        Form::Array(element) => {
            let elements = match element.as_ref() {
                Form::Interval | Form::Row(_) => DataType::BinaryView,
                Form::Array(_) | Form::List(_) => {
                    return Err(Error::unsupported("a table cannot store arrays of this type")
                        .with_hint("store the elements in rows of their own"));
                }
                other => other.arrow(),
            };
            let mut fields = vec![Field::new(column.to_string(), list_of(elements), true)];
            if bounds {
                fields.push(Field::new(format!("{column}-bounds"), DataType::BinaryView, true));
            }
            Ok(fields)
        }
        Form::Row(_) => one(DataType::BinaryView),
        Form::List(_) => Err(Error::internal("a list within a plan is to be stored")),
        other => one(other.arrow()),
    }
}

/// Fields of the timestamps that rows carry.
pub(crate) fn timestamp_field(name: &str) -> Field {
    Field::new(name, DataType::UInt64, false)
}

/// Field of the codes that say how rows came about.
pub(crate) fn origin_field() -> Field {
    Field::new(ORIGIN, DataType::UInt8, false)
}

/// Appends the stored arrays of a column; `bounds` as in `stored_fields`.
pub(crate) fn to_stored(form: &Form, bounds: bool, array: &ArrayRef, out: &mut Vec<ArrayRef>) -> Result<()> {
    if *array.data_type() != form.arrow() {
        return Err(Error::internal(format!("array of {} is not of form {form:?}", array.data_type())));
    }
    match form {
        Form::Date => out.push(Arc::new(array.as_primitive::<Date32Type>().reinterpret_cast::<Int32Type>())),
        Form::Time => {
            out.push(Arc::new(array.as_primitive::<Time64MicrosecondType>().reinterpret_cast::<Int64Type>()));
        }
        Form::Timestamp | Form::TimestampTz => {
            out.push(Arc::new(
                array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast::<Int64Type>(),
            ));
        }
        Form::Interval => {
            let intervals = array.as_primitive::<IntervalMonthDayNanoType>();
            if intervals.iter().flatten().any(|v| v.nanoseconds % 1_000 != 0) {
                return Err(Error::internal("an interval with nanoseconds"));
            }
            let months: Int32Array = intervals.unary(|v| v.months);
            let days: Int32Array = intervals.unary(|v| v.days);
            let micros: Int64Array = intervals.unary(|v| v.nanoseconds / 1_000);
            out.push(Arc::new(months));
            out.push(Arc::new(days));
            out.push(Arc::new(micros));
        }
        Form::Array(element) => {
            let (lists, of_lists) = parts_of_array(array)?;
            out.push(match element.as_ref() {
                Form::Interval => {
                    let intervals = lists.values().as_primitive::<IntervalMonthDayNanoType>();
                    let bytes: BinaryViewArray = intervals.iter().map(|v| v.map(interval_to_bytes)).collect();
                    Arc::new(with_values(&lists, Arc::new(bytes))?)
                }
                Form::Row(_) => Arc::new(with_values(&lists, rows_to_bytes(element, lists.values())?)?),
                _ => Arc::new(lists),
            });
            match bounds {
                true => out.push(Arc::new(of_lists.clone())),
                false if of_lists.null_count() == of_lists.len() => {}
                false => return Err(Error::internal("bounds of arrays where there is no place for them")),
            }
        }
        Form::Row(_) => out.push(rows_to_bytes(form, array)?),
        _ => out.push(Arc::clone(array)),
    }
    Ok(())
}

/// Takes the stored arrays of a column from `stored` and makes the column's array of them; `bounds` as in
/// `stored_fields`.
pub(crate) fn from_stored(
    form: &Form,
    bounds: bool,
    stored: &mut impl Iterator<Item = ArrayRef>,
) -> Result<ArrayRef> {
    let missing = || Error::internal("a stored column is missing");
    let array = stored.next().ok_or_else(missing)?;
    let foreign = || Error::corruption(format!("a stored column of form {form:?} has another type"));
    Ok(match form {
        Form::Date => {
            let ints = array.as_primitive_opt::<Int32Type>().ok_or_else(foreign)?;
            Arc::new(ints.reinterpret_cast::<Date32Type>())
        }
        Form::Time => {
            let ints = array.as_primitive_opt::<Int64Type>().ok_or_else(foreign)?;
            Arc::new(ints.reinterpret_cast::<Time64MicrosecondType>())
        }
        Form::Timestamp | Form::TimestampTz => {
            let ints = array.as_primitive_opt::<Int64Type>().ok_or_else(foreign)?;
            Arc::new(ints.reinterpret_cast::<TimestampMicrosecondType>().with_data_type(form.arrow()))
        }
        Form::Interval => {
            let days = stored.next().ok_or_else(missing)?;
            let micros = stored.next().ok_or_else(missing)?;
            let months = array.as_primitive_opt::<Int32Type>().ok_or_else(foreign)?;
            let days = days.as_primitive_opt::<Int32Type>().ok_or_else(foreign)?;
            let micros = micros.as_primitive_opt::<Int64Type>().ok_or_else(foreign)?;
            Arc::new(intervals(months, days, micros))
        }
        Form::Array(element) => {
            let lists = elements(element, &array)?.ok_or_else(foreign)?;
            match bounds {
                false => array_of_lists(lists)?,
                true => {
                    let bounds = stored.next().ok_or_else(missing)?;
                    let bounds = bounds.as_binary_view_opt().ok_or_else(foreign)?;
                    array_of_parts(lists, bounds.clone())?
                }
            }
        }
        Form::Row(_) => rows_from_bytes(form, array.as_binary_view_opt().ok_or_else(foreign)?)?,
        _ if *array.data_type() == form.arrow() => array,
        _ => {
            make_array(array.to_data().into_builder().data_type(form.arrow()).build().map_err(|_| foreign())?)
        }
    })
}

/// The lists of an array's elements; none when they have another type.
fn elements(element: &Form, array: &ArrayRef) -> Result<Option<ListArray>> {
    let Some(lists) = array.as_list_opt::<i32>() else { return Ok(None) };
    if *element == Form::Interval {
        let Some(bytes) = lists.values().as_binary_view_opt() else { return Ok(None) };
        let intervals: Option<IntervalMonthDayNanoArray> = bytes
            .iter()
            .map(|v| v.map_or(Some(None), |v| v.try_into().ok().map(interval_from_bytes).map(Some)))
            .collect();
        return intervals.map(|values| with_values(lists, Arc::new(values))).transpose();
    }
    if let Form::Row(_) = element {
        let Some(bytes) = lists.values().as_binary_view_opt() else { return Ok(None) };
        return with_values(lists, rows_from_bytes(element, bytes)?).map(Some);
    }
    let wanted = list_of(element.arrow());
    if *array.data_type() == wanted {
        return Ok(Some(lists.clone()));
    }
    // The names of fields do not matter.
    let data = array.to_data().into_builder().data_type(wanted).build();
    Ok(data.ok().map(ListArray::from))
}

/// Each row as the codec of single data writes it.
fn rows_to_bytes(form: &Form, rows: &ArrayRef) -> Result<ArrayRef> {
    let mut bytes = BinaryViewBuilder::with_capacity(rows.len());
    for row in 0..rows.len() {
        if rows.is_null(row) {
            bytes.append_null();
            continue;
        }
        let mut writer = Writer::new();
        encode_datum(&mut writer, &types::array::get(form, rows, row)?);
        bytes.append_value(writer.into_bytes());
    }
    Ok(Arc::new(bytes.finish()))
}

/// The inverse of `rows_to_bytes`.
fn rows_from_bytes(form: &Form, bytes: &BinaryViewArray) -> Result<ArrayRef> {
    let damaged = |e: Error| Error::corruption(format!("a stored row is damaged: {}", e.message()));
    let datum = |bytes: &[u8]| {
        let mut reader = Reader::new(bytes);
        let datum = decode_datum(&mut reader)?;
        reader.finish()?;
        Ok(datum)
    };
    let data = bytes.iter().map(|value| value.map_or(Ok(Datum::Null), datum));
    let data = data.collect::<Result<Vec<_>>>().map_err(damaged)?;
    types::array::from_data(form, &data).map_err(damaged)
}

fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", element, true)))
}

/// The same lists over other values.
fn with_values(lists: &ListArray, values: ArrayRef) -> Result<ListArray> {
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    ListArray::try_new(field, lists.offsets().clone(), values, lists.nulls().cloned())
        .map_err(|e| Error::internal("lists do not fit their values").with_source(e))
}

fn intervals(
    months: &PrimitiveArray<Int32Type>,
    days: &PrimitiveArray<Int32Type>,
    micros: &PrimitiveArray<Int64Type>,
) -> IntervalMonthDayNanoArray {
    let parts = months.values().iter().zip(days.values()).zip(micros.values());
    let values = parts.map(|((months, days), micros)| {
        IntervalMonthDayNano::new(*months, *days, micros.saturating_mul(1_000))
    });
    IntervalMonthDayNanoArray::new(values.collect(), months.nulls().cloned())
}
