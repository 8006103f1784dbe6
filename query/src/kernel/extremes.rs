//! GREATEST and LEAST, which ignore nulls.

use crate::kernel::call::{Arg, Call};
use crate::kernel::list::order_key;
use arrow::array::ArrayRef;
use base::Result;
use std::cmp::Ordering;
use types::Datum;

pub(crate) fn greatest(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    extreme(call, args, Ordering::Greater)
}

pub(crate) fn least(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    extreme(call, args, Ordering::Less)
}

fn extreme(call: &Call<'_>, args: &[Arg], wanted: Ordering) -> Result<ArrayRef> {
    let mut out = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let mut best: Option<(Vec<u8>, Datum)> = None;
        for (arg, ty) in args.iter().zip(call.args) {
            let datum = types::array::get(&ty.form, &arg.array, arg.index(row))?;
            if datum.is_null() {
                continue;
            }
            let key = order_key(ty, &datum);
            if best.as_ref().is_none_or(|(other, _)| key.cmp(other) == wanted) {
                best = Some((key, datum));
            }
        }
        out.push(best.map_or(Datum::Null, |(_, datum)| datum));
    }
    types::array::from_data(&call.ret.form, &out)
}
