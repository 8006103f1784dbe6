//! Row codec, version 1: a row of a table as one byte string.
//!
//! A version byte, a bitmap of the columns that are null, then the values of the others in table order.
//! Invariant: rows of equal values have equal bytes, whatever batch they come from.

use super::codec::{Reader, Writer};
use super::datum::{decode_datum, encode_datum};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryViewBuilder, BooleanBuilder, FixedSizeBinaryBuilder,
    PrimitiveBuilder, StringViewBuilder,
};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    SchemaRef, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type, i256,
};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, Result};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use types::array::{append_interval, interval_builder};
use types::{Datum, Form, Interval, TimeTz};

const VERSION: u8 = 1;
const UUID_BYTES: usize = 16;

/// The rows of `batch`, one byte string each, all in one allocation; `forms` are those of its columns, in order.
pub(crate) fn encode_rows(batch: &RecordBatch, forms: &[Form]) -> Result<Vec<Bytes>> {
    if forms.len() != batch.num_columns() {
        return Err(Error::internal(format!("{} forms for {} columns", forms.len(), batch.num_columns())));
    }
    let columns: Vec<_> =
        batch.columns().iter().zip(forms).map(|(array, form)| encoder(array, form)).collect::<Result<_>>()?;
    let mut writer = Writer::new();
    let mut ends = Vec::with_capacity(batch.num_rows());
    let mut bitmap = vec![0_u8; columns.len().div_ceil(8)];
    for row in 0..batch.num_rows() {
        bitmap.fill(0);
        for (index, array) in batch.columns().iter().enumerate() {
            if array.is_null(row)
                && let Some(byte) = bitmap.get_mut(index / 8)
            {
                *byte |= 1 << (index % 8);
            }
        }
        writer.u8(VERSION);
        writer.raw(&bitmap);
        for (array, encode) in batch.columns().iter().zip(&columns) {
            if array.is_valid(row) {
                encode(&mut writer, row)?;
            }
        }
        ends.push(writer.len());
    }
    let mut rest = Bytes::from(writer.into_bytes());
    let mut start = 0;
    let rows = ends.into_iter().map(|end| rest.split_to(end - std::mem::replace(&mut start, end)));
    Ok(rows.collect())
}

/// Rows back into a batch of `schema`, whose columns have `forms`. Bytes that are no such row are `Corruption`.
pub(crate) fn decode_rows<'a>(
    rows: impl IntoIterator<Item = &'a [u8]>,
    forms: &[Form],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let mut columns: Vec<_> = forms.iter().map(decoder).collect();
    let mut count = 0;
    for row in rows {
        decode_row(row, &mut columns)
            .map_err(|e| Error::corruption(format!("stored row is damaged: {}", e.message())))?;
        count += 1;
    }
    let arrays = columns.iter_mut().map(|c| c.finish()).collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new_with_options(
        schema.clone(),
        arrays,
        &RecordBatchOptions::new().with_row_count(Some(count)),
    )
    .map_err(|e| Error::internal("stored rows do not fit their schema").with_source(e))
}

fn decode_row(row: &[u8], columns: &mut [Box<dyn ColumnDecoder>]) -> Result<()> {
    let mut reader = Reader::new(row);
    if reader.u8()? != VERSION {
        return Err(reader.bad("unknown version of the row codec"));
    }
    let bitmap = reader.raw(columns.len().div_ceil(8))?;
    let spare = bitmap.len() * 8 - columns.len();
    if bitmap.last().is_some_and(|last| u32::from(*last) >> (8 - spare) != 0) {
        return Err(reader.bad("null bit of a column that does not exist"));
    }
    for (index, column) in columns.iter_mut().enumerate() {
        if bitmap.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1) {
            column.null();
        } else {
            column.value(&mut reader)?;
        }
    }
    reader.finish()
}

/// Writes the value of a row that is not null.
type Encode<'a> = Box<dyn Fn(&mut Writer, usize) -> Result<()> + 'a>;

fn encoder<'a>(array: &'a ArrayRef, form: &'a Form) -> Result<Encode<'a>> {
    if *array.data_type() != form.arrow() {
        return Err(Error::internal(format!("column of {} is not of form {form:?}", array.data_type())));
    }
    Ok(match form {
        Form::Bool => {
            let array = array.as_boolean();
            Box::new(move |writer, row| {
                writer.bool(array.value(row));
                Ok(())
            })
        }
        Form::Int16 => fixed::<Int16Type, 2>(array, i16::to_le_bytes),
        Form::Int32 => fixed::<Int32Type, 4>(array, i32::to_le_bytes),
        Form::Int64 | Form::Enum => fixed::<Int64Type, 8>(array, i64::to_le_bytes),
        Form::UInt32 => fixed::<UInt32Type, 4>(array, u32::to_le_bytes),
        Form::Float32 => fixed::<Float32Type, 4>(array, |v| v.to_bits().to_le_bytes()),
        Form::Float64 => fixed::<Float64Type, 8>(array, |v| v.to_bits().to_le_bytes()),
        Form::Decimal128 { .. } => fixed::<Decimal128Type, 16>(array, i128::to_le_bytes),
        Form::Decimal256 { .. } => fixed::<Decimal256Type, 32>(array, i256::to_le_bytes),
        Form::Date => fixed::<Date32Type, 4>(array, i32::to_le_bytes),
        Form::Timestamp | Form::TimestampTz => fixed::<TimestampMicrosecondType, 8>(array, i64::to_le_bytes),
        Form::Interval => {
            let array = array.as_fixed_size_binary();
            Box::new(move |writer, row| {
                writer.raw(array.value(row));
                Ok(())
            })
        }
        Form::Time => fixed::<Time64MicrosecondType, 8>(array, i64::to_le_bytes),
        Form::Text | Form::Jsonb => {
            let array = array.as_string_view();
            Box::new(move |writer, row| {
                writer.string(array.value(row));
                Ok(())
            })
        }
        Form::Bytes | Form::PgNum => {
            let array = array.as_binary_view();
            Box::new(move |writer, row| {
                writer.bytes(array.value(row));
                Ok(())
            })
        }
        Form::Uuid | Form::TimeTz => {
            let bytes = if *form == Form::Uuid { UUID_BYTES } else { TimeTz::BYTES };
            let array = array.as_binary_view();
            Box::new(move |writer, row| {
                let value = array.value(row);
                if value.len() != bytes {
                    return Err(Error::internal(format!("{form:?} of {} bytes", value.len())));
                }
                writer.raw(value);
                Ok(())
            })
        }
        Form::List(_) => return Err(Error::internal("a list within a plan is to be stored")),
        Form::Array(_) | Form::Row(_) => Box::new(move |writer, row| {
            encode_datum(writer, &types::array::get(form, array, row)?);
            Ok(())
        }),
    })
}

fn fixed<T: ArrowPrimitiveType, const N: usize>(
    array: &ArrayRef,
    to_bytes: fn(T::Native) -> [u8; N],
) -> Encode<'_> {
    let array = array.as_primitive::<T>();
    Box::new(move |writer, row| {
        writer.raw(&to_bytes(array.value(row)));
        Ok(())
    })
}

/// Builds one column out of encoded values.
trait ColumnDecoder: fmt::Debug {
    fn null(&mut self);
    fn value(&mut self, reader: &mut Reader<'_>) -> Result<()>;
    fn finish(&mut self) -> Result<ArrayRef>;
}

fn decoder(form: &Form) -> Box<dyn ColumnDecoder> {
    match form {
        Form::Bool => Box::new(Bools(BooleanBuilder::new())),
        Form::Int16 => fixed_decoder::<Int16Type, 2>(form, i16::from_le_bytes),
        Form::Int32 => fixed_decoder::<Int32Type, 4>(form, i32::from_le_bytes),
        Form::Int64 | Form::Enum => fixed_decoder::<Int64Type, 8>(form, i64::from_le_bytes),
        Form::UInt32 => fixed_decoder::<UInt32Type, 4>(form, u32::from_le_bytes),
        Form::Float32 => fixed_decoder::<Float32Type, 4>(form, |b| f32::from_bits(u32::from_le_bytes(b))),
        Form::Float64 => fixed_decoder::<Float64Type, 8>(form, |b| f64::from_bits(u64::from_le_bytes(b))),
        Form::Decimal128 { .. } => fixed_decoder::<Decimal128Type, 16>(form, i128::from_le_bytes),
        Form::Decimal256 { .. } => fixed_decoder::<Decimal256Type, 32>(form, i256::from_le_bytes),
        Form::Date => fixed_decoder::<Date32Type, 4>(form, i32::from_le_bytes),
        Form::Timestamp | Form::TimestampTz => {
            fixed_decoder::<TimestampMicrosecondType, 8>(form, i64::from_le_bytes)
        }
        Form::Interval => Box::new(Intervals(interval_builder(0))),
        Form::Time => fixed_decoder::<Time64MicrosecondType, 8>(form, i64::from_le_bytes),
        Form::Text | Form::Jsonb => Box::new(Texts(StringViewBuilder::new())),
        Form::Bytes | Form::PgNum => Box::new(Binaries { builder: BinaryViewBuilder::new(), len: None }),
        Form::Uuid => Box::new(Binaries { builder: BinaryViewBuilder::new(), len: Some(UUID_BYTES) }),
        Form::TimeTz => Box::new(Binaries { builder: BinaryViewBuilder::new(), len: Some(TimeTz::BYTES) }),
        Form::Array(_) | Form::Row(_) | Form::List(_) => {
            Box::new(Nested { form: form.clone(), data: Vec::new() })
        }
    }
}

fn fixed_decoder<T: ArrowPrimitiveType, const N: usize>(
    form: &Form,
    from_bytes: fn([u8; N]) -> T::Native,
) -> Box<dyn ColumnDecoder> {
    let builder = PrimitiveBuilder::<T>::new().with_data_type(form.arrow());
    Box::new(Fixed { builder, from_bytes })
}

struct Fixed<T: ArrowPrimitiveType, const N: usize> {
    builder: PrimitiveBuilder<T>,
    from_bytes: fn([u8; N]) -> T::Native,
}

impl<T: ArrowPrimitiveType, const N: usize> fmt::Debug for Fixed<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixed").field("bytes", &N).finish_non_exhaustive()
    }
}

impl<T: ArrowPrimitiveType, const N: usize> ColumnDecoder for Fixed<T, N> {
    fn null(&mut self) {
        self.builder.append_null();
    }
    fn value(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.builder.append_value((self.from_bytes)(reader.array()?));
        Ok(())
    }
    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(self.builder.finish()))
    }
}

#[derive(Debug)]
struct Bools(BooleanBuilder);

impl ColumnDecoder for Bools {
    fn null(&mut self) {
        self.0.append_null();
    }
    fn value(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.0.append_value(reader.bool()?);
        Ok(())
    }
    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(self.0.finish()))
    }
}

#[derive(Debug)]
struct Texts(StringViewBuilder);

impl ColumnDecoder for Texts {
    fn null(&mut self) {
        self.0.append_null();
    }
    fn value(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let bytes = reader.bytes()?;
        let text = std::str::from_utf8(bytes).map_err(|_| reader.bad("text is not UTF-8"))?;
        self.0.append_value(text);
        Ok(())
    }
    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(self.0.finish()))
    }
}

#[derive(Debug)]
struct Binaries {
    builder: BinaryViewBuilder,
    /// Of every value, when it is fixed; then no length is stored.
    len: Option<usize>,
}

impl ColumnDecoder for Binaries {
    fn null(&mut self) {
        self.builder.append_null();
    }
    fn value(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.builder.append_value(match self.len {
            Some(len) => reader.raw(len)?,
            None => reader.bytes()?,
        });
        Ok(())
    }
    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(self.builder.finish()))
    }
}

#[derive(Debug)]
struct Intervals(FixedSizeBinaryBuilder);

impl ColumnDecoder for Intervals {
    fn null(&mut self) {
        self.0.append_null();
    }
    fn value(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        append_interval(&mut self.0, Interval::from_bytes(reader.raw(Interval::BYTES)?)?)
    }
    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(self.0.finish()))
    }
}

/// Arrays and rows.
#[derive(Debug)]
struct Nested {
    form: Form,
    data: Vec<Datum>,
}

impl ColumnDecoder for Nested {
    fn null(&mut self) {
        self.data.push(Datum::Null);
    }
    fn value(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        match (decode_datum(reader)?, &self.form) {
            (list @ Datum::List(_), Form::Array(_) | Form::List(_)) => self.data.push(list),
            (row @ Datum::Row(_), Form::Row(_)) => self.data.push(row),
            _ => return Err(reader.bad("value of a column of arrays or rows is none")),
        }
        Ok(())
    }
    fn finish(&mut self) -> Result<ArrayRef> {
        let data = std::mem::take(&mut self.data);
        types::array::from_data(&self.form, &data)
            .map_err(|e| Error::corruption(format!("stored row is damaged: {}", e.message())))
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
