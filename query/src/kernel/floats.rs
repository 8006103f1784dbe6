//! Arithmetic on real and double precision.
//!
//! Invariant: finite inputs never give an infinity, nor non-zero ones a zero product; both are 22003.

use crate::kernel::call::{Arg, Call, Run, map1, map2};
use crate::kernel::value::{Double, Output, Real};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};

pub(crate) fn overflow() -> Error {
    Error::new(ErrorKind::NumericOutOfRange, "value out of range: overflow")
}

pub(crate) fn underflow() -> Error {
    Error::new(ErrorKind::NumericOutOfRange, "value out of range: underflow")
}

fn division_by_zero() -> Error {
    Error::new(ErrorKind::DivisionByZero, "division by zero")
}

pub(crate) fn add(a: f64, b: f64) -> Result<f64> {
    bounded(a + b, a.is_infinite() || b.is_infinite())
}

pub(crate) fn add_real(a: f32, b: f32) -> Result<f32> {
    let sum = a + b;
    if sum.is_infinite() && !a.is_infinite() && !b.is_infinite() { Err(overflow()) } else { Ok(sum) }
}

fn bounded(value: f64, infinite_in: bool) -> Result<f64> {
    if value.is_infinite() && !infinite_in { Err(overflow()) } else { Ok(value) }
}

pub(crate) fn multiply(a: f64, b: f64) -> Result<f64> {
    let product = bounded(a * b, a.is_infinite() || b.is_infinite())?;
    if product == 0.0 && a != 0.0 && b != 0.0 { Err(underflow()) } else { Ok(product) }
}

pub(crate) fn divide(a: f64, b: f64) -> Result<f64> {
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    let quotient = bounded(a / b, a.is_infinite())?;
    if quotient == 0.0 && a != 0.0 && !b.is_infinite() { Err(underflow()) } else { Ok(quotient) }
}

/// A double that was computed from reals, as a real.
#[expect(clippy::cast_possible_truncation, reason = "rounded to real; what leaves its range is refused")]
fn narrowed(value: f64, infinite_in: bool, zero_in: bool) -> Result<f32> {
    let real = value as f32;
    if real.is_infinite() && !infinite_in {
        return Err(overflow());
    }
    if real == 0.0 && !zero_in { Err(underflow()) } else { Ok(real) }
}

fn multiply_real(a: f32, b: f32) -> Result<f32> {
    let infinite = a.is_infinite() || b.is_infinite();
    narrowed(f64::from(a * b), infinite, a == 0.0 || b == 0.0)
}

fn divide_real(a: f32, b: f32) -> Result<f32> {
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    narrowed(f64::from(a / b), a.is_infinite(), a == 0.0 || b.is_infinite())
}

fn double1(call: &Call<'_>, args: &[Arg], f: impl Fn(f64) -> Result<f64>) -> Result<ArrayRef> {
    map1::<Double, Double, _>(call, args, f)
}

fn double2(call: &Call<'_>, args: &[Arg], f: impl Fn(f64, f64) -> Result<f64>) -> Result<ArrayRef> {
    map2::<Double, Double, Double, _>(call, args, f)
}

fn real2(call: &Call<'_>, args: &[Arg], f: impl Fn(f32, f32) -> Result<f32>) -> Result<ArrayRef> {
    map2::<Real, Real, Real, _>(call, args, f)
}

fn real_double(call: &Call<'_>, args: &[Arg], f: impl Fn(f64, f64) -> Result<f64>) -> Result<ArrayRef> {
    map2::<Real, Double, Double, _>(call, args, |a, b| f(f64::from(a), b))
}

fn double_real(call: &Call<'_>, args: &[Arg], f: impl Fn(f64, f64) -> Result<f64>) -> Result<ArrayRef> {
    map2::<Double, Real, Double, _>(call, args, |a, b| f(a, f64::from(b)))
}

fn power(a: f64, b: f64) -> Result<f64> {
    let invalid = |message: &str| Err(Error::new(ErrorKind::InvalidPowerArgument, message));
    if a.is_nan() {
        return Ok(if b == 0.0 { 1.0 } else { a });
    }
    if b.is_nan() {
        return Ok(if a == 1.0 { 1.0 } else { b });
    }
    if a == 0.0 && b < 0.0 {
        return invalid("zero raised to a negative power is undefined");
    }
    if a < 0.0 && b.floor() != b {
        return invalid("a negative number raised to a non-integer power yields a complex result");
    }
    let result = a.powf(b);
    if a.is_infinite() || b.is_infinite() {
        return Ok(result);
    }
    if result.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 && a != 0.0 { Err(underflow()) } else { Ok(result) }
}

fn sqrt(value: f64) -> Result<f64> {
    if value < 0.0 {
        return Err(Error::new(
            ErrorKind::InvalidPowerArgument,
            "cannot take square root of a negative number",
        ));
    }
    Ok(value.sqrt())
}

fn logarithm(value: f64, log: fn(f64) -> f64) -> Result<f64> {
    if value == 0.0 {
        return Err(Error::new(ErrorKind::InvalidLogarithmArgument, "cannot take logarithm of zero"));
    }
    if value < 0.0 {
        return Err(Error::new(
            ErrorKind::InvalidLogarithmArgument,
            "cannot take logarithm of a negative number",
        ));
    }
    Ok(log(value))
}

fn exponential(value: f64) -> Result<f64> {
    let result = value.exp();
    if result.is_infinite() && value.is_finite() {
        return Err(overflow());
    }
    if result == 0.0 && value.is_finite() { Err(underflow()) } else { Ok(result) }
}

fn sign(value: f64) -> f64 {
    match value {
        v if v > 0.0 => 1.0,
        v if v < 0.0 => -1.0,
        _ => 0.0,
    }
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("float8pl", |c, a| double2(c, a, add)),
    ("float8mi", |c, a| double2(c, a, |x, y| bounded(x - y, x.is_infinite() || y.is_infinite()))),
    ("float8mul", |c, a| double2(c, a, multiply)),
    ("float8div", |c, a| double2(c, a, divide)),
    ("float4pl", |c, a| real2(c, a, add_real)),
    ("float4mi", |c, a| real2(c, a, |x, y| add_real(x, -y))),
    ("float4mul", |c, a| real2(c, a, multiply_real)),
    ("float4div", |c, a| real2(c, a, divide_real)),
    ("float48pl", |c, a| real_double(c, a, add)),
    ("float48mi", |c, a| real_double(c, a, |x, y| add(x, -y))),
    ("float48mul", |c, a| real_double(c, a, multiply)),
    ("float48div", |c, a| real_double(c, a, divide)),
    ("float84pl", |c, a| double_real(c, a, add)),
    ("float84mi", |c, a| double_real(c, a, |x, y| add(x, -y))),
    ("float84mul", |c, a| double_real(c, a, multiply)),
    ("float84div", |c, a| double_real(c, a, divide)),
    ("float8um", |c, a| double1(c, a, |x| Ok(-x))),
    ("float8up", |c, a| double1(c, a, Ok)),
    ("float8abs", |c, a| double1(c, a, |x| Ok(x.abs()))),
    ("float4um", |c, a| map1::<Real, Real, _>(c, a, |x| Ok(-x))),
    ("float4up", |c, a| map1::<Real, Real, _>(c, a, |x: f32| Ok(x))),
    ("float4abs", |c, a| map1::<Real, Real, _>(c, a, |x| Ok(x.abs()))),
    ("dround", |c, a| double1(c, a, |x| Ok(x.round_ties_even()))),
    ("dceil", |c, a| double1(c, a, |x| Ok(x.ceil()))),
    ("dfloor", |c, a| double1(c, a, |x| Ok(x.floor()))),
    ("dtrunc", |c, a| double1(c, a, |x| Ok(x.trunc()))),
    ("dsign", |c, a| double1(c, a, |x| Ok(if x.is_nan() { 0.0 } else { sign(x) }))),
    ("dsqrt", |c, a| double1(c, a, sqrt)),
    ("dpow", |c, a| double2(c, a, power)),
    ("dexp", |c, a| double1(c, a, exponential)),
    ("dlog1", |c, a| double1(c, a, |x| logarithm(x, f64::ln))),
    ("dlog10", |c, a| double1(c, a, |x| logarithm(x, f64::log10))),
    ("dpi", |c, _| crate::kernel::call::map0::<Double>(c, || Ok(std::f64::consts::PI))),
    ("degrees", |c, a| double1(c, a, |x| divide(x, std::f64::consts::PI / 180.0))),
    ("radians", |c, a| double1(c, a, |x| multiply(x, std::f64::consts::PI / 180.0))),
    ("dsin", |c, a| double1(c, a, |x| trigonometric(x, f64::sin))),
    ("dcos", |c, a| double1(c, a, |x| trigonometric(x, f64::cos))),
    ("dtan", |c, a| double1(c, a, |x| trigonometric(x, f64::tan))),
    ("datan", |c, a| double1(c, a, |x| Ok(x.atan()))),
    ("datan2", |c, a| double2(c, a, |y, x| Ok(y.atan2(x)))),
    ("drandom", random),
];

fn trigonometric(value: f64, function: fn(f64) -> f64) -> Result<f64> {
    match value.is_infinite() {
        true => Err(Error::new(ErrorKind::NumericOutOfRange, "input is out of range")),
        false => Ok(function(value)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
fn random(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    let source = &call.statement.random;
    let mut out = Double::builder(call.ret, call.rows)?;
    for _ in 0..call.rows {
        Double::append(&mut out, (source.next_u64() >> 11) as f64 / (1_u64 << 53) as f64)?;
    }
    Double::finish(out)
}
