//! The check that a scalar subquery gave one row at most.

use crate::kernel::call::{Arg, Call, arg};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use base::{Error, ErrorKind, Result};
use std::sync::Arc;

/// The first argument, where the second (the number of rows it was taken from) is 1 at most.
pub(crate) fn single(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let (value, count) = (arg(args, 0)?, arg(args, 1)?);
    let counts = count
        .array
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(|| Error::internal("a number of rows that is no int8"))?;
    for row in 0..counts.len() {
        if counts.is_valid(row) && counts.value(row) > 1 {
            return Err(Error::new(
                ErrorKind::Cardinality,
                "more than one row returned by a subquery used as an expression",
            ));
        }
    }
    match value.constant {
        true => crate::kernel::udf::repeated(&value.array, call.rows),
        false => Ok(Arc::clone(&value.array)),
    }
}
