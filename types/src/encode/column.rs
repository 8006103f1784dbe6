//! An array downcast to the type that its form promises.

use crate::array::{bounds_at, parts_of_array};
use crate::list::{Dimension, dimensions_of};
use crate::sql_type::Form;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray,
    StringViewArray, StructArray,
};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use base::id::Oid;
use base::{Error, Result};

#[derive(Clone, Debug)]
pub(crate) enum Column {
    Bool(BooleanArray),
    Int16(PrimitiveArray<Int16Type>),
    Int32(PrimitiveArray<Int32Type>),
    Int64(PrimitiveArray<Int64Type>),
    /// Positions of an enum's labels.
    Enum(PrimitiveArray<Int64Type>),
    UInt32(PrimitiveArray<UInt32Type>),
    Float32(PrimitiveArray<Float32Type>),
    Float64(PrimitiveArray<Float64Type>),
    Decimal128(PrimitiveArray<Decimal128Type>, u8),
    Decimal256(PrimitiveArray<Decimal256Type>, u8),
    PgNum(BinaryViewArray),
    Text(StringViewArray),
    Bytes(BinaryViewArray),
    Uuid(BinaryViewArray),
    Jsonb(StringViewArray),
    Time(PrimitiveArray<Time64MicrosecondType>),
    TimeTz(BinaryViewArray),
    Date(PrimitiveArray<Date32Type>),
    Timestamp(PrimitiveArray<TimestampMicrosecondType>),
    TimestampTz(PrimitiveArray<TimestampMicrosecondType>),
    Interval(FixedSizeBinaryArray),
    /// Elements, bounds, and the values of all elements.
    Array(StructArray, Box<Elements>),
    /// Types and values of the fields.
    Row(StructArray, Vec<(Oid, Column)>),
}

impl Column {
    /// An array that is not of the form is an internal error.
    pub(crate) fn new(form: &Form, array: &ArrayRef) -> Result<Self> {
        if *array.data_type() != form.arrow() {
            return Err(Error::internal(format!("array of {} is not of form {form:?}", array.data_type())));
        }
        Ok(match form {
            Form::Bool => Self::Bool(array.as_boolean().clone()),
            Form::Int16 => Self::Int16(array.as_primitive().clone()),
            Form::Int32 => Self::Int32(array.as_primitive().clone()),
            Form::Int64 => Self::Int64(array.as_primitive().clone()),
            Form::Enum => Self::Enum(array.as_primitive().clone()),
            Form::UInt32 => Self::UInt32(array.as_primitive().clone()),
            Form::Float32 => Self::Float32(array.as_primitive().clone()),
            Form::Float64 => Self::Float64(array.as_primitive().clone()),
            Form::Decimal128 { scale } => Self::Decimal128(array.as_primitive().clone(), *scale),
            Form::Decimal256 { scale } => Self::Decimal256(array.as_primitive().clone(), *scale),
            Form::PgNum => Self::PgNum(array.as_binary_view().clone()),
            Form::Text => Self::Text(array.as_string_view().clone()),
            Form::Bytes => Self::Bytes(array.as_binary_view().clone()),
            Form::Uuid => Self::Uuid(array.as_binary_view().clone()),
            Form::Jsonb => Self::Jsonb(array.as_string_view().clone()),
            Form::Time => Self::Time(array.as_primitive().clone()),
            Form::TimeTz => Self::TimeTz(array.as_binary_view().clone()),
            Form::Date => Self::Date(array.as_primitive().clone()),
            Form::Timestamp => Self::Timestamp(array.as_primitive().clone()),
            Form::TimestampTz => Self::TimestampTz(array.as_primitive().clone()),
            Form::Interval => Self::Interval(array.as_fixed_size_binary().clone()),
            Form::Array(element) => {
                let (lists, bounds) = parts_of_array(array)?;
                let values = Box::new(Self::new(element, lists.values())?);
                let elements = Box::new(Elements { lists, bounds: bounds.clone(), values });
                Self::Array(array.as_struct().clone(), elements)
            }
            Form::Row(fields) => {
                let rows = array.as_struct().clone();
                let columns = fields.iter().zip(rows.columns());
                let columns =
                    columns.map(|(field, array)| Ok((field.ty.oid, Self::new(&field.ty.form, array)?)));
                let columns = columns.collect::<Result<_>>()?;
                Self::Row(rows, columns)
            }
            Form::List(_) => return Err(Error::internal("a list within a plan has no encoding")),
        })
    }

    pub(crate) fn array(&self) -> &dyn Array {
        match self {
            Self::Bool(a) => a,
            Self::Int16(a) => a,
            Self::Int32(a) => a,
            Self::Int64(a) | Self::Enum(a) => a,
            Self::UInt32(a) => a,
            Self::Float32(a) => a,
            Self::Float64(a) => a,
            Self::Decimal128(a, _) => a,
            Self::Decimal256(a, _) => a,
            Self::PgNum(a) | Self::Bytes(a) | Self::Uuid(a) | Self::TimeTz(a) => a,
            Self::Text(a) | Self::Jsonb(a) => a,
            Self::Time(a) => a,
            Self::Date(a) => a,
            Self::Timestamp(a) | Self::TimestampTz(a) => a,
            Self::Interval(a) => a,
            Self::Array(a, _) => a,
            Self::Row(a, _) => a,
        }
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array().is_null(row)
    }
}

/// The elements of a column of arrays.
#[derive(Clone, Debug)]
pub(crate) struct Elements {
    lists: ListArray,
    bounds: BinaryViewArray,
    pub(crate) values: Box<Column>,
}

impl Elements {
    /// The elements of the array at `row`, as rows of the values, and its dimensions.
    pub(crate) fn at(&self, row: usize) -> Result<(std::ops::Range<usize>, Vec<Dimension>)> {
        let offsets = self.lists.value_offsets();
        let bound = |at: usize| offsets.get(at).and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
        let rows = bound(row)..bound(row + 1);
        let bounds = bounds_at(&self.bounds, row, rows.len())?;
        let dimensions = dimensions_of(&bounds, rows.len());
        Ok((rows, dimensions))
    }
}
