//! Values stored in one form and read in another, of columns whose types became wider.
//!
//! Must not know columns. Invariant: a value that a reader may see is the same in both forms; one that does not fit is of
//! a row that came when the type was wider, and is null to a reader of an earlier time.

use arrow::array::ArrayRef;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use base::{Error, Result};
use std::sync::Arc;

/// Kinds of numbers that differ in width only; with their scale.
fn kind(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Int16 | DataType::Int32 | DataType::Int64 => Some((0, 0)),
        DataType::Float32 | DataType::Float64 => Some((1, 0)),
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some((2, *scale)),
        _ => None,
    }
}

/// Whether what is stored as one type can be read as another.
pub(crate) fn converts(stored: &DataType, wanted: &DataType) -> bool {
    stored == wanted || kind(stored).is_some() && kind(stored) == kind(wanted)
}

/// The same values as another type.
pub(crate) fn converted(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    let foreign = || Error::internal(format!("a column of {} is read as {wanted}", array.data_type()));
    if !converts(array.data_type(), wanted) {
        return Err(foreign());
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    cast_with_options(array, wanted, &options).map_err(|e| foreign().with_source(e))
}

#[cfg(test)]
mod tests {
    use super::{converted, converts};
    use arrow::array::{ArrayRef, AsArray, Decimal128Array, Float32Array, Int64Array};
    use arrow::datatypes::{DataType, Float64Type, Int32Type, i256};
    use std::sync::Arc;

    #[test]
    fn values_are_the_same_in_both_widths() {
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![Some(-7), None, Some(1 << 40)]));
        let narrow = converted(&wide, &DataType::Int32).unwrap();
        let found: Vec<_> = narrow.as_primitive::<Int32Type>().iter().collect();
        assert_eq!(found, [Some(-7), None, None]);
        let narrow: ArrayRef = Arc::new(Float32Array::from(vec![0.1_f32, f32::NAN, f32::NEG_INFINITY]));
        let wide = converted(&narrow, &DataType::Float64).unwrap();
        let wide = wide.as_primitive::<Float64Type>();
        assert_eq!(wide.value(0), f64::from(0.1_f32));
        assert!(wide.value(1).is_nan() && wide.value(2) == f64::NEG_INFINITY);
        let narrow: ArrayRef =
            Arc::new(Decimal128Array::from(vec![i128::MAX / 10]).with_precision_and_scale(38, 2).unwrap());
        let wide = converted(&narrow, &DataType::Decimal256(76, 2)).unwrap();
        let wide = wide.as_primitive::<arrow::datatypes::Decimal256Type>();
        assert_eq!(wide.value(0), i256::from_i128(i128::MAX / 10));
        assert!(!converts(&DataType::Int32, &DataType::Date32));
        assert!(!converts(&DataType::Decimal128(38, 2), &DataType::Decimal256(76, 3)));
    }
}
