//! Columns between our stored forms and the Arrow types of Parquet files: exactly, or refused.
//!
//! Must not know files. Invariant: a value is never rounded, cut or wrapped on its way.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, FixedSizeBinaryBuilder, ListArray, PrimitiveArray,
    StringViewArray, StringViewBuilder, StructArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, Fields, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, i256,
};
use base::{Error, ErrorKind, Result};
use std::sync::Arc;
use types::array::{array_of_lists, array_of_rows, parts_of_array};
use types::encode::TextEncoder;
use types::sql_type::{RowField, array_element, oid};
use types::text::{IntervalStyle, IoSettings, apply_typmod, parse_text};
use types::{Datum, Form, SqlType, datetime};

const UUID_BYTES: i32 = 16;

/// The column of a file that holds values of `ty`.
pub(crate) fn file_field(name: &str, ty: &SqlType) -> Result<Field> {
    let data_type = match &ty.form {
        Form::Decimal128 { scale } => {
            let precision = precision_of(ty).unwrap_or(38);
            DataType::Decimal128(precision, small(*scale)?)
        }
        Form::Decimal256 { scale } => {
            let precision = precision_of(ty).unwrap_or(76);
            DataType::Decimal256(precision, small(*scale)?)
        }
        // A scale per value (and NaN, infinity) has no place in Parquet's decimals.
        Form::PgNum => DataType::Utf8View,
        // The labels: positions mean nothing outside.
        Form::Enum => DataType::Utf8View,
        // Parquet's times have no offset.
        Form::TimeTz => DataType::Utf8View,
        Form::Uuid => DataType::FixedSizeBinary(UUID_BYTES),
        // Parquet's interval has milliseconds only.
        Form::Interval => DataType::Utf8View,
        Form::Array(_) => DataType::List(Arc::new(file_field("element", &element_of(ty)?)?)),
        Form::Row(fields) => DataType::Struct(file_fields(fields)?),
        form => form.arrow(),
    };
    Ok(Field::new(name, data_type, true))
}

/// The fields of a struct that holds rows; those of a row may have one name, which a file's may not.
fn file_fields(fields: &[RowField]) -> Result<Fields> {
    let alike = |(place, field): (usize, &RowField)| fields.iter().take(place).any(|f| f.name == field.name);
    if fields.is_empty() || fields.iter().enumerate().any(alike) {
        return Err(Error::unsupported("rows without fields, or with fields of one name, in Parquet files")
            .with_hint("Write their fields as columns."));
    }
    fields.iter().map(|field| file_field(&field.name, &field.ty)).collect()
}

fn precision_of(ty: &SqlType) -> Option<u8> {
    ty.numeric_precision_scale().and_then(|(precision, _)| u8::try_from(precision).ok())
}

fn small(scale: u8) -> Result<i8> {
    i8::try_from(scale).map_err(|_| Error::internal("a decimal's scale is beyond 127"))
}

/// An array of `ty`'s form as `file_field` describes it.
pub(crate) fn to_file_array(ty: &SqlType, array: &ArrayRef, settings: &IoSettings) -> Result<ArrayRef> {
    let arrow = crate::failure::from_arrow;
    Ok(match &ty.form {
        Form::Decimal128 { scale } => {
            let decimals = array.as_primitive::<Decimal128Type>().clone();
            let precision = precision_of(ty).unwrap_or(38);
            Arc::new(decimals.with_precision_and_scale(precision, small(*scale)?).map_err(arrow)?)
        }
        Form::Decimal256 { scale } => {
            let decimals = array.as_primitive::<Decimal256Type>().clone();
            let precision = precision_of(ty).unwrap_or(76);
            Arc::new(decimals.with_precision_and_scale(precision, small(*scale)?).map_err(arrow)?)
        }
        Form::PgNum | Form::TimeTz | Form::Interval | Form::Enum => {
            // In the style of no session, so that every session reads it back.
            let plain = IoSettings { interval_style: IntervalStyle::Postgres, ..settings.clone() };
            let encoder = TextEncoder::new(ty, array, &plain)?;
            let mut builder = StringViewBuilder::with_capacity(array.len());
            let mut text = Vec::new();
            for row in 0..array.len() {
                if encoder.is_null(row) {
                    builder.append_null();
                    continue;
                }
                text.clear();
                encoder.write(row, &mut text)?;
                let text = std::str::from_utf8(&text)
                    .map_err(|_| Error::internal("the text of a value is not UTF-8"))?;
                builder.append_value(text);
            }
            Arc::new(builder.finish())
        }
        Form::Array(_) => {
            let element = element_of(ty)?;
            let (lists, bounds) = parts_of_array(array)?;
            if bounds.iter().zip(lists.iter()).any(|(bounds, list)| bounds.is_some() && list.is_some()) {
                return Err(Error::unsupported("Parquet files hold arrays of one dimension only")
                    .with_hint("Write the array as text, or its elements as rows."));
            }
            let lists = &lists;
            let values = to_file_array(&element, lists.values(), settings)?;
            Arc::new(with_values(lists, file_field("element", &element)?, values)?)
        }
        Form::Row(fields) => {
            let rows = array.as_struct();
            let columns = fields.iter().zip(rows.columns());
            let columns = columns.map(|(field, column)| to_file_array(&field.ty, column, settings));
            let columns = columns.collect::<Result<_>>()?;
            let nulls = rows.nulls().cloned();
            Arc::new(StructArray::try_new(file_fields(fields)?, columns, nulls).map_err(arrow)?)
        }
        Form::Uuid => {
            let mut builder = FixedSizeBinaryBuilder::with_capacity(array.len(), UUID_BYTES);
            for value in array.as_binary_view() {
                match value {
                    Some(bytes) => builder.append_value(bytes).map_err(arrow)?,
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        _ => Arc::clone(array),
    })
}

/// Whether values of a file's type can become values of `ty` at all.
pub(crate) fn is_convertible(from: &DataType, ty: &SqlType) -> bool {
    let from = match from {
        DataType::Dictionary(_, value) => value,
        other => other,
    };
    let is_text = matches!(from, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match &ty.form {
        Form::Bool => *from == DataType::Boolean,
        Form::Int16 | Form::Int32 | Form::Int64 | Form::UInt32 => from.is_integer(),
        Form::Float32 => matches!(from, DataType::Float32 | DataType::Float16),
        Form::Float64 => matches!(from, DataType::Float64 | DataType::Float32 | DataType::Float16),
        Form::Decimal128 { .. } | Form::Decimal256 { .. } => is_decimal(from) || from.is_integer(),
        Form::PgNum => is_decimal(from) || from.is_integer() || is_text,
        Form::Text | Form::Jsonb | Form::TimeTz => is_text,
        Form::Time => matches!(from, DataType::Time32(_) | DataType::Time64(_)),
        Form::Bytes => matches!(
            from,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
        ),
        Form::Uuid => *from == DataType::FixedSizeBinary(UUID_BYTES),
        Form::Date => *from == DataType::Date32,
        Form::Timestamp => matches!(from, DataType::Timestamp(_, None)),
        Form::TimestampTz => matches!(from, DataType::Timestamp(_, Some(_))),
        Form::Interval | Form::Enum => is_text,
        Form::List(_) => false,
        // By name, each field of the row.
        Form::Row(fields) => match from {
            DataType::Struct(own) if own.len() == fields.len() => fields.iter().all(|field| {
                let found = own.iter().find(|own| *own.name() == field.name);
                found.is_some_and(|own| is_convertible(own.data_type(), &field.ty))
            }),
            _ => false,
        },
        Form::Array(_) => match from {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                element_of(ty).is_ok_and(|element| is_convertible(item.data_type(), &element))
            }
            _ => false,
        },
    }
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

/// A file's array as an array of `ty`'s form. The types were found convertible; a value that does not fit is an error.
pub(crate) fn from_file_array(array: &ArrayRef, ty: &SqlType, settings: &IoSettings) -> Result<ArrayRef> {
    let array = match array.data_type() {
        DataType::Dictionary(_, value) => &cast(array, value)?,
        _ => array,
    };
    match &ty.form {
        Form::Bool | Form::Float32 | Form::Float64 | Form::Date | Form::Bytes => {
            cast(array, &ty.form.arrow())
        }
        Form::Int16 => integers(array, &DataType::Int16, "smallint"),
        Form::Int32 => integers(array, &DataType::Int32, "integer"),
        Form::Int64 => integers(array, &DataType::Int64, "bigint"),
        Form::UInt32 => integers(array, &DataType::UInt32, "oid"),
        Form::Decimal128 { scale } => decimals128(array, ty, *scale),
        Form::Decimal256 { .. } | Form::PgNum => through_text(array, ty, settings),
        Form::Text if matches!(ty.oid, oid::JSON | oid::JSONPATH | oid::BIT | oid::VARBIT) => {
            through_text(array, ty, settings)
        }
        Form::Text => text(array, ty),
        Form::Jsonb | Form::TimeTz | Form::Interval | Form::Enum => through_text(array, ty, settings),
        Form::Time => times(array, ty),
        Form::Uuid => Ok(Arc::new(array.as_fixed_size_binary().iter().collect::<BinaryViewArray>())),
        Form::Timestamp => Ok(Arc::new(micros(array)?)),
        Form::TimestampTz => Ok(Arc::new(micros(array)?.with_timezone("UTC"))),
        Form::Array(_) => lists(array, ty, settings),
        Form::Row(fields) => {
            let lost = || Error::internal("a struct without one of its fields");
            let rows = array.as_struct_opt().ok_or_else(lost)?;
            let columns = fields.iter().map(|field| {
                let column = rows.column_by_name(&field.name).ok_or_else(lost)?;
                from_file_array(column, &field.ty, settings)
            });
            array_of_rows(fields, columns.collect::<Result<_>>()?, rows.len(), rows.nulls().cloned())
        }
        Form::List(_) => Err(Error::internal("a file has no values of this form")),
    }
}

/// The type of the elements of an array type.
fn element_of(ty: &SqlType) -> Result<SqlType> {
    match (&ty.form, array_element(ty.oid)) {
        (Form::Array(form), Some(oid)) => {
            Ok(SqlType { oid, typmod: ty.typmod, form: form.as_ref().clone(), domain: None })
        }
        _ => Err(Error::internal("an array type without elements")),
    }
}

/// Lists of any kind with their elements converted.
fn lists(array: &ArrayRef, ty: &SqlType, settings: &IoSettings) -> Result<ArrayRef> {
    let item = match array.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => item,
        other => return Err(Error::internal(format!("arrays from {other}"))),
    };
    let array = cast(array, &DataType::List(Arc::clone(item)))?;
    let lists = array.as_list::<i32>();
    let element = element_of(ty)?;
    let values = from_file_array(lists.values(), &element, settings)?;
    array_of_lists(with_values(lists, Field::new("item", element.form.arrow(), true), values)?)
}

/// The same lists over other values.
fn with_values(lists: &ListArray, field: Field, values: ArrayRef) -> Result<ListArray> {
    let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
    ListArray::try_new(Arc::new(field), offsets, values, nulls).map_err(crate::failure::from_arrow)
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(crate::failure::from_arrow)
}

/// Between integers Arrow's checked cast is exact.
fn integers(array: &ArrayRef, to: &DataType, name: &str) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options)
        .map_err(|_| Error::new(ErrorKind::NumericOutOfRange, format!("{name} out of range")))
}

fn decimals128(array: &ArrayRef, ty: &SqlType, scale: u8) -> Result<ArrayRef> {
    let wide = match array.data_type() {
        data_type if data_type.is_integer() => cast(array, &DataType::Decimal256(76, 0))?,
        DataType::Decimal32(_, s) | DataType::Decimal64(_, s) | DataType::Decimal128(_, s)
            if *s == small(scale)? =>
        {
            let same = cast(array, &DataType::Decimal128(38, *s))?;
            check_digits(same.as_primitive::<Decimal128Type>(), ty, scale)?;
            return Ok(same);
        }
        DataType::Decimal32(_, s)
        | DataType::Decimal64(_, s)
        | DataType::Decimal128(_, s)
        | DataType::Decimal256(_, s) => cast(array, &DataType::Decimal256(76, *s))?,
        other => return Err(Error::internal(format!("decimals from {other}"))),
    };
    let from_scale = match wide.data_type() {
        DataType::Decimal256(_, s) => *s,
        _ => 0,
    };
    let values = wide.as_primitive::<Decimal256Type>();
    let converted: PrimitiveArray<Decimal128Type> = values
        .iter()
        .map(|value| value.map(|v| rescaled(v, from_scale, small(scale)?)).transpose())
        .collect::<Result<Vec<Option<i128>>>>()?
        .into_iter()
        .collect();
    check_digits(&converted, ty, scale)?;
    let typed = converted.with_precision_and_scale(38, small(scale)?).map_err(crate::failure::from_arrow)?;
    Ok(Arc::new(typed))
}

/// `value` at another scale; digits that would be lost are an error.
fn rescaled(value: i256, from: i8, to: i8) -> Result<i128> {
    let overflow = || Error::new(ErrorKind::NumericOutOfRange, "numeric field overflow");
    let steps = u32::from(from.abs_diff(to));
    let factor = i256::from_i128(10).checked_pow(steps).ok_or_else(overflow)?;
    let result = if to >= from {
        value.checked_mul(factor).ok_or_else(overflow)?
    } else {
        let rest = value.checked_rem(factor).ok_or_else(overflow)?;
        if rest != i256::ZERO {
            let message = format!("a value has more than {to} digits behind the point");
            return Err(Error::new(ErrorKind::NumericOutOfRange, message)
                .with_hint("load into a numeric column with the scale of the file"));
        }
        value.checked_div(factor).ok_or_else(overflow)?
    };
    result.to_i128().ok_or_else(overflow)
}

/// 22003 for a value with more digits than the column's precision.
fn check_digits(values: &PrimitiveArray<Decimal128Type>, ty: &SqlType, scale: u8) -> Result<()> {
    let precision = u32::from(precision_of(ty).unwrap_or(38));
    let limit = 10_u128.checked_pow(precision).unwrap_or(u128::MAX);
    if values.iter().flatten().all(|v| v.unsigned_abs() < limit) {
        return Ok(());
    }
    let whole = precision.saturating_sub(u32::from(scale));
    let power = if whole == 0 { "1".to_owned() } else { format!("10^{whole}") };
    Err(Error::new(ErrorKind::NumericOutOfRange, "numeric field overflow").with_detail(format!(
        "A field with precision {precision}, scale {scale} must round to an absolute value less than {power}."
    )))
}

/// Times of day of any unit; 22008 when they would be cut or lie outside the day.
fn times(array: &ArrayRef, ty: &SqlType) -> Result<ArrayRef> {
    let nanos = cast(array, &DataType::Time64(TimeUnit::Nanosecond))?;
    let data = nanos.as_primitive::<Time64NanosecondType>().iter().map(|value| {
        let Some(nanos) = value else { return Ok(Datum::Null) };
        if nanos % 1_000 != 0 {
            return Err(Error::new(
                ErrorKind::DatetimeOverflow,
                "a time has nanoseconds that a column cannot hold",
            )
            .with_hint("round the file's times to microseconds"));
        }
        if !(0..=datetime::MICROS_PER_DAY).contains(&(nanos / 1_000)) {
            return Err(Error::new(ErrorKind::DatetimeOverflow, "time out of range"));
        }
        apply_typmod(ty, Datum::Time(nanos / 1_000), false)
    });
    types::array::from_data(&ty.form, &data.collect::<Result<Vec<_>>>()?)
}

/// Forms that Parquet has as text: wide decimals and free numerics (rare, so the text form does), jsonb, and texts of
/// which not every one is a value.
fn through_text(array: &ArrayRef, ty: &SqlType, settings: &IoSettings) -> Result<ArrayRef> {
    let text = cast(array, &DataType::Utf8View)?;
    let data = text
        .as_string_view()
        .iter()
        .map(|value| match value {
            None => Ok(Datum::Null),
            Some(text) => parse_text(ty, text, settings),
        })
        .collect::<Result<Vec<_>>>()?;
    types::array::from_data(&ty.form, &data)
}

fn text(array: &ArrayRef, ty: &SqlType) -> Result<ArrayRef> {
    let views = cast(array, &DataType::Utf8View)?;
    let strings = views.as_string_view();
    if strings.iter().flatten().any(|s| s.contains('\0')) {
        let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
        return Err(Error::new(ErrorKind::CharacterNotInRepertoire, message));
    }
    if ty.length_max().is_none() {
        return Ok(views);
    }
    let fitted = strings
        .iter()
        .map(|value| {
            value
                .map(|text| match apply_typmod(ty, Datum::Text(text.to_owned()), false)? {
                    Datum::Text(text) => Ok(text),
                    other => Err(Error::internal(format!("text became {other:?}"))),
                })
                .transpose()
        })
        .collect::<Result<Vec<Option<String>>>>()?;
    Ok(Arc::new(fitted.iter().map(Option::as_deref).collect::<StringViewArray>()))
}

/// Microseconds of any unit; 22008 when they do not fit or would be cut.
fn micros(array: &ArrayRef) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    let DataType::Timestamp(unit, _) = array.data_type() else {
        return Err(Error::internal("timestamps from another type"));
    };
    let too_far = || Error::new(ErrorKind::DatetimeOverflow, "timestamp out of range");
    let times = |value: i64, factor: i64| value.checked_mul(factor).ok_or_else(too_far);
    match unit {
        TimeUnit::Microsecond => Ok(array.as_primitive::<TimestampMicrosecondType>().clone()),
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().try_unary(|v| times(v, 1_000_000)),
        TimeUnit::Millisecond => {
            array.as_primitive::<TimestampMillisecondType>().try_unary(|v| times(v, 1_000))
        }
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().try_unary(|v| {
            if v % 1_000 == 0 {
                return Ok(v / 1_000);
            }
            Err(Error::new(
                ErrorKind::DatetimeOverflow,
                "a timestamp has nanoseconds that a column cannot hold",
            )
            .with_hint("round the file's timestamps to microseconds"))
        }),
    }
}
