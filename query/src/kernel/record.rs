//! Rows as values: made of their fields, and taken apart.
//!
//! Invariant: a field of a null row is null.

use crate::kernel::call::{Arg, Call, arg};
use crate::kernel::udf::repeated;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{is_null, nullif};
use arrow::datatypes::Int32Type;
use base::{Error, Result};
use std::sync::Arc;
use types::Form;

/// ROW(..)
pub(crate) fn construct(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let Form::Row(fields) = &call.ret.form else {
        return Err(Error::internal("a row of something that is no row"));
    };
    let columns = args.iter().map(|arg| match arg.constant {
        true => repeated(&arg.array, call.rows),
        false => Ok(Arc::clone(&arg.array)),
    });
    types::array::array_of_rows(fields, columns.collect::<Result<_>>()?, call.rows, None)
}

/// A field of a row by its place, which is a constant.
pub(crate) fn field(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let (row, place) = (arg(args, 0)?, arg(args, 1)?);
    let missing = || Error::internal("a row without one of its fields");
    let rows = row.array.as_struct_opt().ok_or_else(missing)?;
    let place = place.array.as_primitive_opt::<Int32Type>().filter(|p| p.len() == 1).ok_or_else(missing)?;
    let place = usize::try_from(place.value(0)).map_err(|_| missing())?;
    let column = rows.columns().get(place).ok_or_else(missing)?;
    let column = match rows.null_count() {
        0 => Arc::clone(column),
        _ => {
            let nulls = is_null(rows).map_err(crate::failure::from_arrow)?;
            nullif(column, &nulls).map_err(crate::failure::from_arrow)?
        }
    };
    if row.constant { repeated(&column, call.rows) } else { Ok(column) }
}
