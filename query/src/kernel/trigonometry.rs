//! Angles in degrees, hyperbolic functions, and buckets of numbers.
//!
//! Invariant: angles in degrees give exact results where there are, such as 0.5 for the sine of 30.

use crate::kernel::call::{Arg, Call, Run, map1, map2, map4};
use crate::kernel::floats::underflow;
use crate::kernel::list;
use crate::kernel::value::{Double, Int4, Num};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use std::f64::consts::LN_2;
use types::{Datum, PgNum};

/// Radians of a degree.
const DEGREE: f64 = std::f64::consts::PI / 180.0;

fn out_of_range() -> Error {
    Error::new(ErrorKind::NumericOutOfRange, "input is out of range")
}

fn double1(call: &Call<'_>, args: &[Arg], f: impl Fn(f64) -> Result<f64>) -> Result<ArrayRef> {
    map1::<Double, Double, _>(call, args, f)
}

/// A function of angles; infinite ones have no value.
fn of_angle(value: f64, f: impl Fn(f64) -> f64) -> Result<f64> {
    if value.is_infinite() { Err(out_of_range()) } else { Ok(f(value)) }
}

/// An inverse of sine or cosine.
fn of_ratio(value: f64, f: impl Fn(f64) -> f64) -> Result<f64> {
    if value.is_nan() || (-1.0..=1.0).contains(&value) { Ok(f(value)) } else { Err(out_of_range()) }
}

fn sine_to_30(degrees: f64) -> f64 {
    (degrees * DEGREE).sin() / (30.0 * DEGREE).sin() / 2.0
}

fn cosine_to_60(degrees: f64) -> f64 {
    let rest = 1.0 - (degrees * DEGREE).cos();
    1.0 - rest / (1.0 - (60.0 * DEGREE).cos()) / 2.0
}

/// Sine within the first quadrant.
fn sine_to_90(degrees: f64) -> f64 {
    if degrees <= 30.0 { sine_to_30(degrees) } else { cosine_to_60(90.0 - degrees) }
}

fn cosine_to_90(degrees: f64) -> f64 {
    if degrees <= 60.0 { cosine_to_60(degrees) } else { sine_to_30(90.0 - degrees) }
}

/// An angle brought to the first quadrant, with the signs of its sine and cosine.
fn first_quadrant(degrees: f64) -> (f64, f64, f64) {
    let (mut angle, mut sine, mut cosine) = (degrees % 360.0, 1.0, 1.0);
    if angle < 0.0 {
        (angle, sine) = (-angle, -sine);
    }
    if angle > 180.0 {
        (angle, sine) = (360.0 - angle, -sine);
    }
    if angle > 90.0 {
        (angle, cosine) = (180.0 - angle, -cosine);
    }
    (angle, sine, cosine)
}

fn sine(degrees: f64) -> f64 {
    let (angle, sign, _) = first_quadrant(degrees);
    sign * sine_to_90(angle)
}

fn cosine(degrees: f64) -> f64 {
    let (angle, _, sign) = first_quadrant(degrees);
    sign * cosine_to_90(angle)
}

/// Zero without a sign.
fn unsigned_zero(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

fn tangent(degrees: f64) -> f64 {
    let (angle, sine, cosine) = first_quadrant(degrees);
    let of_45 = sine_to_90(45.0) / cosine_to_90(45.0);
    unsigned_zero(sine * cosine * (sine_to_90(angle) / cosine_to_90(angle) / of_45))
}

fn cotangent(degrees: f64) -> f64 {
    let (angle, sine, cosine) = first_quadrant(degrees);
    let of_45 = cosine_to_90(45.0) / sine_to_90(45.0);
    unsigned_zero(sine * cosine * (cosine_to_90(angle) / sine_to_90(angle) / of_45))
}

/// The angle of a sine from 0 to 1.
fn arc_of_sine(ratio: f64) -> f64 {
    match ratio <= 0.5 {
        true => ratio.asin() / 0.5_f64.asin() * 30.0,
        false => 90.0 - ratio.acos() / 0.5_f64.acos() * 60.0,
    }
}

fn arc_of_cosine(ratio: f64) -> f64 {
    match ratio <= 0.5 {
        true => 90.0 - ratio.asin() / 0.5_f64.asin() * 30.0,
        false => ratio.acos() / 0.5_f64.acos() * 60.0,
    }
}

fn arc_sine(ratio: f64) -> f64 {
    if ratio >= 0.0 { arc_of_sine(ratio) } else { -arc_of_sine(-ratio) }
}

fn arc_cosine(ratio: f64) -> f64 {
    if ratio >= 0.0 { arc_of_cosine(ratio) } else { 90.0 + arc_of_sine(-ratio) }
}

/// Beyond this the square of a number swallows one.
const LARGE: f64 = 268_435_456.0;

fn area_sine(value: f64) -> f64 {
    let size = value.abs();
    let area = if !size.is_finite() || size < 1.0 / LARGE {
        return value;
    } else if size > LARGE {
        size.ln() + LN_2
    } else if size > 2.0 {
        (2.0 * size + 1.0 / ((size * size + 1.0).sqrt() + size)).ln()
    } else {
        let square = size * size;
        (size + square / (1.0 + (1.0 + square).sqrt())).ln_1p()
    };
    area.copysign(value)
}

fn area_cosine(value: f64) -> Result<f64> {
    if value < 1.0 {
        return Err(out_of_range());
    }
    Ok(if !value.is_finite() {
        value
    } else if value > LARGE {
        value.ln() + LN_2
    } else if value > 2.0 {
        let square = value * value;
        (2.0 * value - 1.0 / (value + (square - 1.0).sqrt())).ln()
    } else {
        let above = value - 1.0;
        (above + (2.0 * above + above * above).sqrt()).ln_1p()
    })
}

fn area_tangent(value: f64) -> Result<f64> {
    // NaN passes.
    if value.abs() > 1.0 {
        return Err(out_of_range());
    }
    let size = value.abs();
    let area = if size.is_nan() || size < 1.0 / LARGE {
        return Ok(value);
    } else if size == 1.0 {
        f64::INFINITY
    } else if size < 0.5 {
        let twice = size + size;
        0.5 * (twice + twice * size / (1.0 - size)).ln_1p()
    } else {
        0.5 * ((size + size) / (1.0 - size)).ln_1p()
    };
    Ok(area.copysign(value))
}

fn hyperbolic_cosine(value: f64) -> Result<f64> {
    let result = value.cosh();
    if result == 0.0 { Err(underflow()) } else { Ok(result) }
}

fn bad_bucket(message: &str) -> Error {
    Error::new(ErrorKind::InvalidWidthBucketArgument, message)
}

fn behind(count: i32) -> Result<i32> {
    count.checked_add(1).ok_or_else(|| Error::new(ErrorKind::NumericOutOfRange, "integer out of range"))
}

/// The number of the bucket among `count` between two bounds; 0 before and `count` + 1 behind them.
#[expect(clippy::cast_possible_truncation, reason = "a part of the count")]
fn bucket(operand: f64, low: f64, high: f64, count: i32) -> Result<i32> {
    if count <= 0 {
        return Err(bad_bucket("count must be greater than zero"));
    }
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return Err(bad_bucket("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(bad_bucket("lower and upper bounds must be finite"));
    }
    let part = |from: f64, to: f64, operand: f64| {
        let place = f64::from(count) * (operand - from) / (to - from) + 1.0;
        match (-2_147_483_648.0..2_147_483_648.0).contains(&place) {
            true => Ok(place as i32),
            // PostgreSQL gives a number that means nothing.
            false => Err(Error::unsupported("buckets between bounds so far apart are not supported")),
        }
    };
    match low.partial_cmp(&high) {
        Some(std::cmp::Ordering::Less) if operand < low => Ok(0),
        Some(std::cmp::Ordering::Less) if operand >= high => behind(count),
        Some(std::cmp::Ordering::Less) => part(low, high, operand),
        Some(std::cmp::Ordering::Greater) if operand > low => Ok(0),
        Some(std::cmp::Ordering::Greater) if operand <= high => behind(count),
        Some(std::cmp::Ordering::Greater) => part(-low, -high, -operand),
        _ => Err(bad_bucket("lower bound cannot equal upper bound")),
    }
}

fn numeric_bucket(operand: PgNum, low: PgNum, high: PgNum, count: i32) -> Result<i32> {
    if count <= 0 {
        return Err(bad_bucket("count must be greater than zero"));
    }
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return Err(bad_bucket("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(bad_bucket("lower and upper bounds must be finite"));
    }
    let order = low.compare(&high);
    if order.is_eq() {
        return Err(bad_bucket("lower bound cannot equal upper bound"));
    }
    let (operand, low, high) =
        if order.is_lt() { (operand, low, high) } else { (operand.neg(), low.neg(), high.neg()) };
    if operand.compare(&low).is_lt() {
        return Ok(0);
    }
    if operand.compare(&high).is_ge() {
        return behind(count);
    }
    let total = PgNum::from_i64(i64::from(count));
    let place = operand.sub(&low)?.mul(&total)?.div(&high.sub(&low)?)?;
    place.add(&PgNum::from_i64(1))?.floor()?.to_i32()
}

/// How many of an array's thresholds, which are in order, are not above the operand.
fn bucket_of_thresholds(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    list::each(call, args, |row| match row.as_slice() {
        [operand, Datum::List(thresholds)] if !operand.is_null() => {
            if thresholds.bounds().len() > 1 {
                let message = "thresholds must be one-dimensional array";
                return Err(Error::new(ErrorKind::ArraySubscript, message));
            }
            if thresholds.contains(&Datum::Null) {
                return Err(Error::new(ErrorKind::NullNotAllowed, "thresholds array must not contain NULLs"));
            }
            let key = list::order_key(ty, operand);
            let below = thresholds.partition_point(|threshold| list::order_key(ty, threshold) <= key);
            Ok(i32::try_from(below).map_or(Datum::Null, Datum::Int32))
        }
        _ => Ok(Datum::Null),
    })
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("dacos", |c, a| double1(c, a, |x| of_ratio(x, f64::acos))),
    ("dasin", |c, a| double1(c, a, |x| of_ratio(x, f64::asin))),
    ("dcot", |c, a| double1(c, a, |x| of_angle(x, |x| 1.0 / x.tan()))),
    ("dacosd", |c, a| double1(c, a, |x| of_ratio(x, arc_cosine))),
    ("dasind", |c, a| double1(c, a, |x| of_ratio(x, arc_sine))),
    ("datand", |c, a| double1(c, a, |x| Ok(x.atan() / 1.0_f64.atan() * 45.0))),
    ("datan2d", |c, a| {
        map2::<Double, Double, Double, _>(c, a, |y, x| Ok(y.atan2(x) / 1.0_f64.atan() * 45.0))
    }),
    ("dsind", |c, a| double1(c, a, |x| of_angle(x, sine))),
    ("dcosd", |c, a| double1(c, a, |x| of_angle(x, cosine))),
    ("dtand", |c, a| double1(c, a, |x| of_angle(x, tangent))),
    ("dcotd", |c, a| double1(c, a, |x| of_angle(x, cotangent))),
    ("dsinh", |c, a| double1(c, a, |x| Ok(x.sinh()))),
    ("dcosh", |c, a| double1(c, a, hyperbolic_cosine)),
    ("dtanh", |c, a| double1(c, a, |x| Ok(x.tanh()))),
    ("dasinh", |c, a| double1(c, a, |x| Ok(area_sine(x)))),
    ("dacosh", |c, a| double1(c, a, area_cosine)),
    ("datanh", |c, a| double1(c, a, area_tangent)),
    // Detached: dcbrt, whose last digit is the C library's own.
    ("width_bucket_float8", |c, a| map4::<Double, Double, Double, Int4, Int4, _>(c, a, bucket)),
    ("width_bucket_numeric", |c, a| map4::<Num, Num, Num, Int4, Int4, _>(c, a, numeric_bucket)),
    ("width_bucket_array", bucket_of_thresholds),
];
