//! What aggregates by group share whose state is the column of their argument's type.

use crate::failure::into_datafusion;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use base::{Error, Result};
use datafusion::common::Result as PlanResult;
use std::sync::Arc;

/// The one argument.
pub(super) fn argument<T: ArrowPrimitiveType>(values: &[ArrayRef]) -> PlanResult<&PrimitiveArray<T>> {
    values
        .first()
        .and_then(|array| array.as_primitive_opt::<T>())
        .ok_or_else(|| into_datafusion(Error::internal("an aggregate was given another type")))
}

/// Gives `add` the group and the value of each row that is not null and that FILTER keeps.
pub(super) fn each_kept<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    groups: &[usize],
    filter: Option<&BooleanArray>,
    mut add: impl FnMut(usize, T::Native) -> Result<()>,
) -> PlanResult<()> {
    for (row, group) in groups.iter().enumerate() {
        let kept = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        if kept && values.is_valid(row) {
            add(*group, values.value(row)).map_err(into_datafusion)?;
        }
    }
    Ok(())
}

/// The state of each row as a group of its own: its value, or null when FILTER drops it.
pub(super) fn rows_as_state<T: ArrowPrimitiveType>(
    values: &[ArrayRef],
    filter: Option<&BooleanArray>,
) -> PlanResult<Vec<ArrayRef>> {
    let values = argument::<T>(values)?;
    let Some(filter) = filter else { return Ok(vec![Arc::new(values.clone())]) };
    let kept = filter.iter().map(|keep| keep == Some(true)).collect::<NullBuffer>();
    let nulls = NullBuffer::union(values.nulls(), Some(&kept));
    let masked = PrimitiveArray::<T>::new(values.values().clone(), nulls);
    Ok(vec![Arc::new(masked.with_data_type(values.data_type().clone()))])
}
