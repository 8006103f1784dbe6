//! Between single values and Arrow arrays: build an array of data, read one value.

use crate::datum::{Datum, Interval, TimeTz};
use crate::list::{Dimension, List, bounds_from_bytes, bounds_to_bytes};
use crate::sql_type::{Form, INTERVAL_BYTES, RowField, item_field, row_fields};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BinaryViewBuilder, BooleanBuilder, FixedSizeBinaryBuilder,
    ListArray, PrimitiveBuilder, StringViewBuilder, StructArray, UInt32Array, new_empty_array,
    new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Fields, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
    UInt32Type,
};
use base::{Error, Result};
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
        Form::Int64 | Form::Enum => {
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
            let mut builder = interval_builder(data.len());
            for datum in data {
                match datum {
                    Datum::Null => builder.append_null(),
                    Datum::Interval(v) => append_interval(&mut builder, *v)?,
                    other => return Err(mismatch(form, other)),
                }
            }
            Ok(Arc::new(builder.finish()))
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
        Form::Array(element) => arrays(element, data),
        Form::Row(fields) => rows(fields, data),
        Form::List(element) => Ok(Arc::new(lists(element, data)?)),
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

fn arrays(element: &Form, data: &[Datum]) -> Result<ArrayRef> {
    let mut bounds = BinaryViewBuilder::with_capacity(data.len());
    for datum in data {
        match datum {
            Datum::List(list) if !list.bounds().is_empty() => {
                bounds.append_value(bounds_to_bytes(list.bounds()));
            }
            _ => bounds.append_null(),
        }
    }
    array_of_parts(lists(element, data)?, bounds.finish())
}

fn lists(element: &Form, data: &[Datum]) -> Result<ListArray> {
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
    let values = from_data(element, &elements)?;
    let (offsets, nulls) = (OffsetBuffer::from_lengths(lengths), NullBuffer::from(valid));
    Ok(ListArray::new(item_field(element), offsets, values, Some(nulls)))
}

/// An array of `Form::Array` of its parts; a row is null where its list is.
pub fn array_of_parts(elements: ListArray, bounds: BinaryViewArray) -> Result<ArrayRef> {
    let fields = vec![
        Field::new("elements", elements.data_type().clone(), true),
        Field::new("bounds", DataType::BinaryView, true),
    ];
    let nulls = elements.nulls().cloned();
    StructArray::try_new(Fields::from(fields), vec![Arc::new(elements), Arc::new(bounds)], nulls)
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|e| Error::internal("lists do not fit their bounds").with_source(e))
}

/// Arrays of one dimension that begins with 1.
pub fn array_of_lists(elements: ListArray) -> Result<ArrayRef> {
    let bounds = BinaryViewArray::new_null(elements.len());
    array_of_parts(elements, bounds)
}

/// Elements and bounds of an array of `Form::Array`; the elements are null where the array is.
pub fn parts_of_array(array: &dyn Array) -> Result<(ListArray, &BinaryViewArray)> {
    let foreign = || Error::internal(format!("{} is no array of arrays", array.data_type()));
    let [elements, bounds] = array.as_struct_opt().map(StructArray::columns).unwrap_or_default() else {
        return Err(foreign());
    };
    let (elements, bounds) =
        elements.as_list_opt::<i32>().zip(bounds.as_binary_view_opt()).ok_or_else(foreign)?;
    let nulls = NullBuffer::union(array.nulls(), elements.nulls());
    let (DataType::List(field), offsets) = (elements.data_type(), elements.offsets().clone()) else {
        return Err(foreign());
    };
    let lists = ListArray::try_new(Arc::clone(field), offsets, Arc::clone(elements.values()), nulls)
        .map_err(|e| Error::internal("lists do not fit their arrays").with_source(e))?;
    Ok((lists, bounds))
}

/// Bounds of the array at a row that is not null; none when it is an ordinary one.
pub(crate) fn bounds_at(bounds: &BinaryViewArray, row: usize, count: usize) -> Result<Vec<Dimension>> {
    if bounds.is_null(row) { Ok(Vec::new()) } else { bounds_from_bytes(bounds.value(row), count) }
}

fn items(element: &Form, lists: &ListArray, row: usize) -> Result<Vec<Datum>> {
    let items = lists.value(row);
    (0..items.len()).map(|i| get(element, &items, i)).collect()
}

fn rows(fields: &Arc<[RowField]>, data: &[Datum]) -> Result<ArrayRef> {
    let mut columns = vec![Vec::with_capacity(data.len()); fields.len()];
    for datum in data {
        match datum {
            Datum::Null => columns.iter_mut().for_each(|column| column.push(Datum::Null)),
            Datum::Row(values) if values.len() == fields.len() => {
                columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value.clone()));
            }
            other => return Err(mismatch(&Form::Row(Arc::clone(fields)), other)),
        }
    }
    let arrays = fields.iter().zip(&columns).map(|(field, data)| from_data(&field.ty.form, data));
    let nulls = NullBuffer::from_iter(data.iter().map(|datum| !datum.is_null()));
    array_of_rows(fields, arrays.collect::<Result<_>>()?, data.len(), Some(nulls))
}

/// An array of `Form::Row` of one array per field.
pub fn array_of_rows(
    fields: &[RowField],
    columns: Vec<ArrayRef>,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    if fields.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(rows, nulls)));
    }
    StructArray::try_new(row_fields(fields), columns, nulls)
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|e| Error::internal("columns are not of the form of their row").with_source(e))
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
        Form::Int64 | Form::Enum => Datum::Int64(array.as_primitive::<Int64Type>().value(row)),
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
        Form::Interval => Datum::Interval(Interval::from_bytes(array.as_fixed_size_binary().value(row))?),
        Form::Array(element) => {
            let (lists, bounds) = parts_of_array(array)?;
            let items = items(element, &lists, row)?;
            let bounds = bounds_at(bounds, row, items.len())?;
            Datum::List(if bounds.is_empty() { items.into() } else { List::with_dimensions(items, bounds)? })
        }
        Form::Row(fields) => {
            let columns = array.as_struct_opt().map(StructArray::columns).unwrap_or_default();
            let values = fields.iter().zip(columns).map(|(field, column)| get(&field.ty.form, column, row));
            Datum::Row(values.collect::<Result<_>>()?)
        }
        Form::List(element) => Datum::list(items(element, array.as_list::<i32>(), row)?),
    })
}

/// A builder of a column of intervals.
pub fn interval_builder(rows: usize) -> FixedSizeBinaryBuilder {
    FixedSizeBinaryBuilder::with_capacity(rows, INTERVAL_BYTES)
}

/// Appends one interval.
pub fn append_interval(builder: &mut FixedSizeBinaryBuilder, value: Interval) -> Result<()> {
    builder
        .append_value(value.to_bytes())
        .map_err(|e| Error::internal("a builder of something else than intervals").with_source(e))
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

#[cfg(test)]
mod tests {
    use super::{from_data, get};
    use crate::datum::{Datum, Interval};
    use crate::sql_type::Form;
    use arrow::array::{
        Array, Date32Array, Datum as ArrowDatum, IntervalMonthDayNanoArray, TimestampMicrosecondArray,
    };
    use arrow::compute::can_cast_types;
    use arrow::compute::kernels::{cmp, numeric};
    use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

    fn extremes() -> Vec<Datum> {
        let interval = |months, days, micros| Datum::Interval(Interval { months, days, micros });
        vec![
            interval(i32::MAX, i32::MAX, i64::MAX),
            Datum::Null,
            interval(i32::MIN, i32::MIN, i64::MIN),
            interval(1, -2, 3),
        ]
    }

    #[test]
    fn intervals_have_their_whole_range() {
        let array = from_data(&Form::Interval, &extremes()).unwrap();
        let back: Vec<Datum> =
            (0..array.len()).map(|row| get(&Form::Interval, &array, row).unwrap()).collect();
        assert_eq!(back, extremes());
    }

    /// If Arrow had an idea of the bytes of an interval, microseconds could be taken for nanoseconds.
    #[test]
    fn arrow_can_do_nothing_with_intervals() {
        let ours = Form::Interval.arrow();
        let others = [
            DataType::Utf8,
            DataType::Utf8View,
            DataType::Int64,
            DataType::Float64,
            DataType::Duration(TimeUnit::Microsecond),
            DataType::Duration(TimeUnit::Nanosecond),
            DataType::Interval(IntervalUnit::MonthDayNano),
            DataType::Interval(IntervalUnit::DayTime),
            DataType::Time64(TimeUnit::Microsecond),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Date32,
        ];
        for other in &others {
            assert!(!can_cast_types(&ours, other), "to {other}");
            // Texts become bytes, which are intervals to nobody: their width is their own.
            let is_text = matches!(other, DataType::Utf8 | DataType::Utf8View);
            assert!(is_text || !can_cast_types(other, &ours), "from {other}");
        }
        let intervals = from_data(&Form::Interval, &extremes()).unwrap();
        let stamps = TimestampMicrosecondArray::from(vec![0; 4]);
        let days = Date32Array::from(vec![0; 4]);
        let arrows = IntervalMonthDayNanoArray::from(vec![None; 4]);
        let with: [&dyn ArrowDatum; 4] = [&stamps, &days, &arrows, &intervals];
        for other in with {
            assert!(numeric::add(other, &intervals).is_err());
            assert!(numeric::sub(&intervals, other).is_err());
        }
        assert!(numeric::neg(&intervals).is_err());
        assert!(cmp::lt(&arrows, &intervals).is_err());
    }
}
