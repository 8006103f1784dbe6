//! Between the arrays of a table's columns and the arrays that a segment file stores.
//!
//! Owns the names and types of stored columns. Must not know the file format.
//! A column is stored under its id in decimal. Dates and timestamps are stored as their integers, because infinities are
//! the extreme integers and a format's own calendar types must never compute with them. An interval is stored as three
//! columns, one inside an array as its 16 bytes. A row is stored as the bytes that a log record has of it. An array is stored as
//! its elements and, unless the segment is so old that
//! every array was an ordinary one, a column of bounds. `begin` and `end` hold the commit timestamps of rows, `origin` the codes
//! of how they came about.

use crate::format::{Reader, Writer, decode_datum, encode_datum};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BinaryViewBuilder, FixedSizeBinaryArray, Int32Array,
    Int64Array, ListArray, PrimitiveArray, make_array,
};
use arrow::datatypes::{
    DataType, Date32Type, Field, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use base::id::ColumnId;
use base::{Error, Result};
use std::sync::Arc;
use types::array::{append_interval, array_of_lists, array_of_parts, interval_builder, parts_of_array};
use types::{Datum, Form, Interval};

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
            let intervals = array.as_fixed_size_binary();
            let values = intervals.iter().map(|v| v.map_or(Ok(Interval::default()), Interval::from_bytes));
            let values: Vec<Interval> = values.collect::<Result<_>>()?;
            let nulls = || intervals.nulls().cloned();
            let months = values.iter().map(|v| v.months).collect();
            let days = values.iter().map(|v| v.days).collect();
            let micros = values.iter().map(|v| v.micros).collect();
            out.push(Arc::new(Int32Array::new(months, nulls())));
            out.push(Arc::new(Int32Array::new(days, nulls())));
            out.push(Arc::new(Int64Array::new(micros, nulls())));
        }
        Form::Array(element) => {
            let (lists, of_lists) = parts_of_array(array)?;
            out.push(match element.as_ref() {
                Form::Interval => {
                    let bytes: BinaryViewArray = lists.values().as_fixed_size_binary().iter().collect();
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
            Arc::new(intervals(months, days, micros)?)
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
        let mut intervals = interval_builder(bytes.len());
        for value in bytes {
            match value.map(Interval::from_bytes).transpose()? {
                Some(value) => append_interval(&mut intervals, value)?,
                None => intervals.append_null(),
            }
        }
        return with_values(lists, Arc::new(intervals.finish())).map(Some);
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
) -> Result<FixedSizeBinaryArray> {
    let mut intervals = interval_builder(months.len());
    for ((months, days), micros) in months.iter().zip(days.values()).zip(micros.values()) {
        match months {
            Some(months) => {
                append_interval(&mut intervals, Interval { months, days: *days, micros: *micros })?;
            }
            None => intervals.append_null(),
        }
    }
    Ok(intervals.finish())
}
