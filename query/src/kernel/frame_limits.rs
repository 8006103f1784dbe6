//! Limits of RANGE frames: the value of a row's order with an offset added or taken away, as PostgreSQL's in_range
//! functions compute it.
//!
//! Must not know frames. Invariants: nothing wraps, so that the limit of a time may lie outside the day; where an infinite
//! value meets an infinite offset that leads back, everything is within the limit; a negative offset is 22013.

use crate::kernel::call::{Arg, Call, Run, map1, map2};
use crate::kernel::value::{Clock, ClockZone, Double, Int8, Num, Span, Wide};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use types::{Form, PgNum, TimeTz};

/// Which limit of a frame is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    /// Whether the offset is taken away.
    pub(crate) subtracts: bool,
    /// Whether values of the frame are not below it.
    pub(crate) lowest: bool,
}

/// The form that limits of values of a form have, the values in that form, and the limit of a value and an offset.
pub(crate) fn kernels(form: &Form, side: Side) -> Option<(Form, Run, Run)> {
    let limit = |runs: [Run; 4]| {
        let [highest, lowest, highest_below, lowest_below] = runs;
        match (side.subtracts, side.lowest) {
            (false, false) => highest,
            (false, true) => lowest,
            (true, false) => highest_below,
            (true, true) => lowest_below,
        }
    };
    let whole = Form::Decimal128 { scale: 0 };
    match form {
        Form::Int64 => Some((whole, integers, if side.subtracts { integers_below } else { integers_above })),
        Form::Time => Some((whole, times, if side.subtracts { times_below } else { times_above })),
        Form::TimeTz => Some((whole, zoned, if side.subtracts { zoned_below } else { zoned_above })),
        Form::Float64 => {
            let runs: [Run; 4] = [
                doubles::<false, false>,
                doubles::<false, true>,
                doubles::<true, false>,
                doubles::<true, true>,
            ];
            Some((Form::Float64, same_double, limit(runs)))
        }
        Form::PgNum | Form::Decimal128 { .. } | Form::Decimal256 { .. } => {
            let runs: [Run; 4] = [
                numerics::<false, false>,
                numerics::<false, true>,
                numerics::<true, false>,
                numerics::<true, true>,
            ];
            Some((Form::PgNum, same_numeric, limit(runs)))
        }
        _ => None,
    }
}

fn invalid() -> Error {
    Error::new(ErrorKind::InvalidFrameOffset, "invalid preceding or following size in window function")
}

fn checked(is_valid: bool) -> Result<()> {
    if is_valid { Ok(()) } else { Err(invalid()) }
}

/// An interval that is no negative one.
pub(crate) fn interval(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Span, Span, _>(call, args, |offset| {
        checked(types::datetime::interval_order(offset) >= 0)?;
        Ok(offset)
    })
}

fn integers(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Int8, Wide, _>(call, args, |value| Ok(i128::from(value)))
}

fn integers_above(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Int8, Int8, Wide, _>(call, args, |value, offset| {
        checked(offset >= 0)?;
        Ok(i128::from(value) + i128::from(offset))
    })
}

fn integers_below(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Int8, Int8, Wide, _>(call, args, |value, offset| {
        checked(offset >= 0)?;
        Ok(i128::from(value) - i128::from(offset))
    })
}

fn times(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Clock, Wide, _>(call, args, |value| Ok(i128::from(value)))
}

/// Months and days of the offset do not count for times.
fn times_above(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Clock, Span, Wide, _>(call, args, |value, offset| {
        checked(offset.micros >= 0)?;
        Ok(i128::from(value) + i128::from(offset.micros))
    })
}

fn times_below(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Clock, Span, Wide, _>(call, args, |value, offset| {
        checked(offset.micros >= 0)?;
        Ok(i128::from(value) - i128::from(offset.micros))
    })
}

/// Orders as times with zones do: by the time in UTC, then by the zone.
fn zoned_key(value: TimeTz, offset: i128) -> i128 {
    const ZONES: i128 = 1 << 32;
    let utc = i128::from(value.micros) + offset + i128::from(value.west) * 1_000_000;
    utc * ZONES + i128::from(value.west)
}

fn zoned(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<ClockZone, Wide, _>(call, args, |value| Ok(zoned_key(value, 0)))
}

fn zoned_above(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<ClockZone, Span, Wide, _>(call, args, |value, offset| {
        checked(offset.micros >= 0)?;
        Ok(zoned_key(value, i128::from(offset.micros)))
    })
}

fn zoned_below(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<ClockZone, Span, Wide, _>(call, args, |value, offset| {
        checked(offset.micros >= 0)?;
        Ok(zoned_key(value, -i128::from(offset.micros)))
    })
}

fn same_double(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Double, Double, _>(call, args, Ok)
}

fn doubles<const BELOW: bool, const LOWEST: bool>(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Double, Double, Double, _>(call, args, |value, offset| {
        checked(offset >= 0.0)?;
        let limit = if BELOW { value - offset } else { value + offset };
        // Only opposite infinities make a NaN of what is none.
        Ok(match limit.is_nan() && !value.is_nan() {
            true if LOWEST => f64::NEG_INFINITY,
            true => f64::INFINITY,
            false => limit,
        })
    })
}

fn same_numeric(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Num, Num, _>(call, args, Ok)
}

fn numerics<const BELOW: bool, const LOWEST: bool>(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Num, Num, Num, _>(call, args, |value, offset| {
        checked(!offset.is_nan() && !offset.is_negative())?;
        let limit = if BELOW { value.sub(&offset)? } else { value.add(&offset)? };
        if !limit.is_nan() || value.is_nan() {
            return Ok(limit);
        }
        PgNum::parse(if LOWEST { "-Infinity" } else { "Infinity" })
    })
}
