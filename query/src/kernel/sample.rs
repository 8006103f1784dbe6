//! The condition of TABLESAMPLE .. REPEATABLE.
//!
//! Invariant: a row's answer depends on the part, the seed and the row's values alone.

use crate::kernel::call::{Arg, Call, arg};
use crate::kernel::udf::repeated;
use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::Float64Type;
use base::{Error, Result};
use std::sync::Arc;

/// Bits of a hash that a float holds exactly.
const BITS: u32 = 53;

/// Whether the hash of a seed and of columns is in the first part of all hashes: the part, the seed, the columns.
pub(crate) fn is_sampled(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let part = arg(args, 0)?;
    let part = part
        .array
        .as_primitive_opt::<Float64Type>()
        .and_then(|values| values.iter().flatten().next())
        .ok_or_else(|| Error::internal("a sample without its part"))?;
    let mut columns = Vec::with_capacity(args.len());
    for (arg, ty) in args.iter().zip(call.args).skip(1) {
        let array = if arg.constant { repeated(&arg.array, call.rows)? } else { Arc::clone(&arg.array) };
        columns.push((ty.form.clone(), array));
    }
    #[expect(clippy::cast_precision_loss, reason = "so many bits fit")]
    let place = |hash: u64| (hash >> (u64::BITS - BITS)) as f64 / (1_u64 << BITS) as f64;
    let hashes = types::hash::hash_rows(&columns)?;
    Ok(Arc::new(BooleanArray::from_iter(hashes.into_iter().map(|hash| Some(place(hash) < part)))))
}
