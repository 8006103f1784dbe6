//! Rust values out of and into arrays, one marker per kind of value.
//!
//! Must not know functions. Invariant: what an `Output` builds has the Arrow type of the form asked for.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryViewArray, BinaryViewBuilder, BooleanArray,
    BooleanBuilder, FixedSizeBinaryArray, FixedSizeBinaryBuilder, PrimitiveArray, PrimitiveBuilder,
    StringViewArray, StringViewBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use base::{Error, Result};
use std::sync::Arc;
use types::array::{append_interval, interval_builder};
use types::pgnum::{Fit, PgNum};
use types::{Form, Interval, SqlType, TimeTz};

/// A kind of value that kernels read.
pub(crate) trait Input {
    type Column<'a>;
    type Value<'a>;
    fn column(array: &dyn Array) -> Result<Self::Column<'_>>;
    /// The value at a row that is in range and not null.
    fn value<'a>(column: &Self::Column<'a>, row: usize) -> Result<Self::Value<'a>>;
}

/// A kind of value that kernels write.
pub(crate) trait Output {
    type Builder;
    type Value;
    fn builder(ty: &SqlType, rows: usize) -> Result<Self::Builder>;
    fn append(builder: &mut Self::Builder, value: Self::Value) -> Result<()>;
    fn append_null(builder: &mut Self::Builder);
    fn finish(builder: Self::Builder) -> Result<ArrayRef>;
}

fn unexpected(array: &dyn Array, wanted: &str) -> Error {
    Error::internal(format!("a kernel for {wanted} was given {}", array.data_type()))
}

macro_rules! primitive {
    ($($name:ident($arrow:ty, $native:ty)),* $(,)?) => {$(
        #[derive(Debug)]
        pub(crate) struct $name;

        impl Input for $name {
            type Column<'a> = &'a PrimitiveArray<$arrow>;
            type Value<'a> = $native;
            fn column(array: &dyn Array) -> Result<Self::Column<'_>> {
                array.as_primitive_opt::<$arrow>().ok_or_else(|| unexpected(array, stringify!($name)))
            }
            fn value<'a>(column: &Self::Column<'a>, row: usize) -> Result<Self::Value<'a>> {
                Ok(column.value(row))
            }
        }

        impl Output for $name {
            type Builder = PrimitiveBuilder<$arrow>;
            type Value = $native;
            fn builder(ty: &SqlType, rows: usize) -> Result<Self::Builder> {
                primitive_builder::<$arrow>(ty.form.arrow(), rows)
            }
            fn append(builder: &mut Self::Builder, value: $native) -> Result<()> {
                builder.append_value(value);
                Ok(())
            }
            fn append_null(builder: &mut Self::Builder) {
                builder.append_null();
            }
            fn finish(mut builder: Self::Builder) -> Result<ArrayRef> {
                Ok(Arc::new(builder.finish()))
            }
        }
    )*};
}

primitive!(
    Int2(Int16Type, i16),
    Int4(Int32Type, i32),
    Int8(Int64Type, i64),
    Id(UInt32Type, u32),
    Real(Float32Type, f32),
    Double(Float64Type, f64),
    Day(Date32Type, i32),
    Stamp(TimestampMicrosecondType, i64),
    Clock(Time64MicrosecondType, i64),
    Wide(Decimal128Type, i128),
);

fn primitive_builder<T: ArrowPrimitiveType>(data_type: DataType, rows: usize) -> Result<PrimitiveBuilder<T>> {
    if std::mem::discriminant(&data_type) != std::mem::discriminant(&T::DATA_TYPE) {
        return Err(Error::internal(format!(
            "a kernel that yields {} was asked for {data_type}",
            T::DATA_TYPE
        )));
    }
    Ok(PrimitiveBuilder::<T>::with_capacity(rows).with_data_type(data_type))
}

/// Intervals.
#[derive(Debug)]
pub(crate) struct Span;

impl Input for Span {
    type Column<'a> = &'a FixedSizeBinaryArray;
    type Value<'a> = Interval;
    fn column(array: &dyn Array) -> Result<Self::Column<'_>> {
        array.as_fixed_size_binary_opt().ok_or_else(|| unexpected(array, "interval"))
    }
    fn value<'a>(column: &Self::Column<'a>, row: usize) -> Result<Self::Value<'a>> {
        Interval::from_bytes(column.value(row))
    }
}

impl Output for Span {
    type Builder = FixedSizeBinaryBuilder;
    type Value = Interval;
    fn builder(ty: &SqlType, rows: usize) -> Result<Self::Builder> {
        match ty.form {
            Form::Interval => Ok(interval_builder(rows)),
            _ => Err(Error::internal("a kernel that yields intervals was asked for another type")),
        }
    }
    fn append(builder: &mut Self::Builder, value: Interval) -> Result<()> {
        append_interval(builder, value)
    }
    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }
    fn finish(mut builder: Self::Builder) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

/// Booleans.
#[derive(Debug)]
pub(crate) struct Bool;

impl Input for Bool {
    type Column<'a> = &'a BooleanArray;
    type Value<'a> = bool;
    fn column(array: &dyn Array) -> Result<Self::Column<'_>> {
        array.as_boolean_opt().ok_or_else(|| unexpected(array, "boolean"))
    }
    fn value<'a>(column: &Self::Column<'a>, row: usize) -> Result<Self::Value<'a>> {
        Ok(column.value(row))
    }
}

impl Output for Bool {
    type Builder = BooleanBuilder;
    type Value = bool;
    fn builder(_ty: &SqlType, rows: usize) -> Result<BooleanBuilder> {
        Ok(BooleanBuilder::with_capacity(rows))
    }
    fn append(builder: &mut BooleanBuilder, value: bool) -> Result<()> {
        builder.append_value(value);
        Ok(())
    }
    fn append_null(builder: &mut BooleanBuilder) {
        builder.append_null();
    }
    fn finish(mut builder: BooleanBuilder) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

/// Text, read borrowed and written owned.
#[derive(Debug)]
pub(crate) struct Text;

impl Input for Text {
    type Column<'a> = &'a StringViewArray;
    type Value<'a> = &'a str;
    fn column(array: &dyn Array) -> Result<Self::Column<'_>> {
        array.as_string_view_opt().ok_or_else(|| unexpected(array, "text"))
    }
    fn value<'a>(column: &Self::Column<'a>, row: usize) -> Result<&'a str> {
        Ok(column.value(row))
    }
}

impl Output for Text {
    type Builder = StringViewBuilder;
    type Value = String;
    fn builder(_ty: &SqlType, rows: usize) -> Result<StringViewBuilder> {
        Ok(StringViewBuilder::with_capacity(rows))
    }
    fn append(builder: &mut StringViewBuilder, value: String) -> Result<()> {
        builder.append_value(value);
        Ok(())
    }
    fn append_null(builder: &mut StringViewBuilder) {
        builder.append_null();
    }
    fn finish(mut builder: StringViewBuilder) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

/// jsonb, read as `Text` and written as canonical text.
#[derive(Debug)]
pub(crate) struct Json;

impl Output for Json {
    type Builder = StringViewBuilder;
    type Value = String;
    fn builder(ty: &SqlType, rows: usize) -> Result<StringViewBuilder> {
        match ty.form {
            Form::Jsonb => Ok(StringViewBuilder::with_capacity(rows)),
            _ => Err(Error::internal("a kernel that yields jsonb was asked for another type")),
        }
    }
    fn append(builder: &mut StringViewBuilder, value: String) -> Result<()> {
        builder.append_value(value);
        Ok(())
    }
    fn append_null(builder: &mut StringViewBuilder) {
        builder.append_null();
    }
    fn finish(mut builder: StringViewBuilder) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

/// Times of day with their offset.
#[derive(Debug)]
pub(crate) struct ClockZone;

impl Input for ClockZone {
    type Column<'a> = &'a BinaryViewArray;
    type Value<'a> = TimeTz;
    fn column(array: &dyn Array) -> Result<Self::Column<'_>> {
        array.as_binary_view_opt().ok_or_else(|| unexpected(array, "timetz"))
    }
    fn value<'a>(column: &Self::Column<'a>, row: usize) -> Result<Self::Value<'a>> {
        TimeTz::from_bytes(column.value(row))
    }
}

impl Output for ClockZone {
    type Builder = BinaryViewBuilder;
    type Value = TimeTz;
    fn builder(_ty: &SqlType, rows: usize) -> Result<BinaryViewBuilder> {
        Ok(BinaryViewBuilder::with_capacity(rows))
    }
    fn append(builder: &mut BinaryViewBuilder, value: TimeTz) -> Result<()> {
        builder.append_value(value.to_bytes());
        Ok(())
    }
    fn append_null(builder: &mut BinaryViewBuilder) {
        builder.append_null();
    }
    fn finish(mut builder: BinaryViewBuilder) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

/// Bytes of bytea, uuid and keys.
#[derive(Debug)]
pub(crate) struct Bytes;

impl Input for Bytes {
    type Column<'a> = &'a BinaryViewArray;
    type Value<'a> = &'a [u8];
    fn column(array: &dyn Array) -> Result<Self::Column<'_>> {
        array.as_binary_view_opt().ok_or_else(|| unexpected(array, "bytea"))
    }
    fn value<'a>(column: &Self::Column<'a>, row: usize) -> Result<&'a [u8]> {
        Ok(column.value(row))
    }
}

impl Output for Bytes {
    type Builder = BinaryViewBuilder;
    type Value = Vec<u8>;
    fn builder(_ty: &SqlType, rows: usize) -> Result<BinaryViewBuilder> {
        Ok(BinaryViewBuilder::with_capacity(rows))
    }
    fn append(builder: &mut BinaryViewBuilder, value: Vec<u8>) -> Result<()> {
        builder.append_value(value);
        Ok(())
    }
    fn append_null(builder: &mut BinaryViewBuilder) {
        builder.append_null();
    }
    fn finish(mut builder: BinaryViewBuilder) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

/// Numerics of every form, worked on as `PgNum`.
#[derive(Debug)]
pub(crate) struct Num;

#[derive(Debug)]
pub(crate) enum NumColumn<'a> {
    Encoded(&'a BinaryViewArray),
    Decimal128(&'a PrimitiveArray<Decimal128Type>, u8),
    Decimal256(&'a PrimitiveArray<Decimal256Type>, u8),
}

impl Input for Num {
    type Column<'a> = NumColumn<'a>;
    type Value<'a> = PgNum;
    fn column(array: &dyn Array) -> Result<NumColumn<'_>> {
        let column = match array.data_type() {
            DataType::BinaryView => array.as_binary_view_opt().map(NumColumn::Encoded),
            DataType::Decimal128(_, scale) => {
                array.as_primitive_opt().map(|a| NumColumn::Decimal128(a, scale.unsigned_abs()))
            }
            DataType::Decimal256(_, scale) => {
                array.as_primitive_opt().map(|a| NumColumn::Decimal256(a, scale.unsigned_abs()))
            }
            _ => None,
        };
        column.ok_or_else(|| unexpected(array, "numeric"))
    }
    fn value<'a>(column: &Self::Column<'a>, row: usize) -> Result<Self::Value<'a>> {
        match column {
            NumColumn::Encoded(array) => PgNum::from_bytes(array.value(row)),
            NumColumn::Decimal128(array, scale) => Ok(PgNum::from_i128(array.value(row), *scale)),
            NumColumn::Decimal256(array, scale) => PgNum::from_i256(array.value(row), *scale),
        }
    }
}

pub(crate) enum NumBuilder {
    Encoded(BinaryViewBuilder),
    Decimal128(PrimitiveBuilder<Decimal128Type>, Fit),
    Decimal256(PrimitiveBuilder<Decimal256Type>, Fit),
}

impl Output for Num {
    type Builder = NumBuilder;
    type Value = PgNum;
    fn builder(ty: &SqlType, rows: usize) -> Result<NumBuilder> {
        let data_type = ty.form.arrow();
        Ok(match &ty.form {
            Form::PgNum => NumBuilder::Encoded(BinaryViewBuilder::with_capacity(rows)),
            Form::Decimal128 { scale } => NumBuilder::Decimal128(
                PrimitiveBuilder::with_capacity(rows).with_data_type(data_type),
                Fit { precision: 38, scale: i16::from(*scale) },
            ),
            Form::Decimal256 { scale } => NumBuilder::Decimal256(
                PrimitiveBuilder::with_capacity(rows).with_data_type(data_type),
                Fit { precision: 76, scale: i16::from(*scale) },
            ),
            other => return Err(Error::internal(format!("a numeric of form {other:?}"))),
        })
    }
    fn append(builder: &mut NumBuilder, value: PgNum) -> Result<()> {
        match builder {
            NumBuilder::Encoded(out) => out.append_value(value.to_bytes()),
            NumBuilder::Decimal128(out, fit) => out.append_value(value.to_decimal128(*fit)?),
            NumBuilder::Decimal256(out, fit) => out.append_value(value.to_decimal256(*fit)?),
        }
        Ok(())
    }
    fn append_null(builder: &mut NumBuilder) {
        match builder {
            NumBuilder::Encoded(out) => out.append_null(),
            NumBuilder::Decimal128(out, _) => out.append_null(),
            NumBuilder::Decimal256(out, _) => out.append_null(),
        }
    }
    fn finish(builder: NumBuilder) -> Result<ArrayRef> {
        Ok(match builder {
            NumBuilder::Encoded(mut out) => Arc::new(out.finish()),
            NumBuilder::Decimal128(mut out, _) => Arc::new(out.finish()),
            NumBuilder::Decimal256(mut out, _) => Arc::new(out.finish()),
        })
    }
}
