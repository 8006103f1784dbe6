//! Transition and combination functions of PostgreSQL's aggregates as it offers them to everybody: sums of values and of
//! squared differences in arrays of three or six numbers.
//!
//! Invariant: the same operations on floats in the same order as PostgreSQL, so that the last digit is the same.

use crate::kernel::call::{Arg, Call, Run, map2};
use crate::kernel::list::each;
use crate::kernel::value::Bool;
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use types::Datum;

/// The numbers of a state; PostgreSQL has no better error for another array.
fn state<const N: usize>(function: &str, datum: Option<&Datum>) -> Result<[f64; N]> {
    let items = match datum {
        Some(Datum::List(list)) => list.into_iter().map(|item| match item {
            Datum::Float64(value) => Some(*value),
            _ => None,
        }),
        _ => return Err(Error::internal("a state that is no array")),
    };
    let numbers: Option<Vec<f64>> = items.collect();
    numbers
        .and_then(|numbers| <[f64; N]>::try_from(numbers).ok())
        .ok_or_else(|| Error::internal(format!("{function}: expected {N}-element float8 array")))
}

fn number(datum: Option<&Datum>) -> Result<f64> {
    match datum {
        Some(Datum::Float64(value)) => Ok(*value),
        _ => Err(Error::internal("a value that is no float8")),
    }
}

fn array<const N: usize>(numbers: [f64; N]) -> Datum {
    Datum::list(numbers.into_iter().map(Datum::Float64).collect())
}

fn overflow() -> Error {
    Error::new(ErrorKind::NumericOutOfRange, "value out of range: overflow")
}

/// Infinite where neither operand was.
fn checked(value: f64, left: f64, right: f64) -> Result<f64> {
    if value.is_infinite() && !left.is_infinite() && !right.is_infinite() {
        Err(overflow())
    } else {
        Ok(value)
    }
}

/// NaN for what became infinite with infinite input.
fn no_infinity(value: f64) -> f64 {
    if value.is_infinite() { f64::NAN } else { value }
}

/// Count, sum and sum of squared differences with a value more.
fn accumulated([count, sum, squares]: [f64; 3], value: f64) -> Result<[f64; 3]> {
    let (n, total) = (count + 1.0, sum + value);
    if count <= 0.0 {
        return Ok([n, total, if value.is_finite() { squares } else { f64::NAN }]);
    }
    let difference = value * n - total;
    let added = squares + difference * difference / (n * count);
    if total.is_infinite() || added.is_infinite() {
        if !sum.is_infinite() && !value.is_infinite() {
            return Err(overflow());
        }
        return Ok([n, total, f64::NAN]);
    }
    Ok([n, total, added])
}

fn combined([n1, x1, xx1]: [f64; 3], [n2, x2, xx2]: [f64; 3]) -> Result<[f64; 3]> {
    if n1 == 0.0 {
        return Ok([n2, x2, xx2]);
    }
    if n2 == 0.0 {
        return Ok([n1, x1, xx1]);
    }
    let n = n1 + n2;
    let x = checked(x1 + x2, x1, x2)?;
    let difference = x1 / n1 - x2 / n2;
    let xx = checked(xx1 + xx2 + n1 * n2 * difference * difference / n, xx1, xx2)?;
    Ok([n, x, xx])
}

/// The same of pairs, with the sum of products of differences.
fn paired(state: [f64; 6], y: f64, x: f64) -> Result<[f64; 6]> {
    let [count, sum_x, xx, sum_y, yy, xy] = state;
    let (n, total_x, total_y) = (count + 1.0, sum_x + x, sum_y + y);
    if count <= 0.0 {
        let both = x.is_finite() && y.is_finite();
        return Ok([
            n,
            total_x,
            if x.is_finite() { xx } else { f64::NAN },
            total_y,
            if y.is_finite() { yy } else { f64::NAN },
            if both { xy } else { f64::NAN },
        ]);
    }
    let (of_x, of_y) = (x * n - total_x, y * n - total_y);
    let scale = 1.0 / (n * count);
    let (new_xx, new_yy, new_xy) =
        (xx + of_x * of_x * scale, yy + of_y * of_y * scale, xy + of_x * of_y * scale);
    let (finite_x, finite_y) =
        (!sum_x.is_infinite() && !x.is_infinite(), !sum_y.is_infinite() && !y.is_infinite());
    if (total_x.is_infinite() || new_xx.is_infinite()) && finite_x
        || (total_y.is_infinite() || new_yy.is_infinite()) && finite_y
        || new_xy.is_infinite() && finite_x && finite_y
    {
        return Err(overflow());
    }
    Ok([n, total_x, no_infinity(new_xx), total_y, no_infinity(new_yy), no_infinity(new_xy)])
}

fn pairs_combined(left: [f64; 6], right: [f64; 6]) -> Result<[f64; 6]> {
    let [n1, x1, xx1, y1, yy1, xy1] = left;
    let [n2, x2, xx2, y2, yy2, xy2] = right;
    if n1 == 0.0 {
        return Ok(right);
    }
    if n2 == 0.0 {
        return Ok(left);
    }
    let n = n1 + n2;
    let x = checked(x1 + x2, x1, x2)?;
    let of_x = x1 / n1 - x2 / n2;
    let xx = checked(xx1 + xx2 + n1 * n2 * of_x * of_x / n, xx1, xx2)?;
    let y = checked(y1 + y2, y1, y2)?;
    let of_y = y1 / n1 - y2 / n2;
    let yy = checked(yy1 + yy2 + n1 * n2 * of_y * of_y / n, yy1, yy2)?;
    let xy = checked(xy1 + xy2 + n1 * n2 * of_x * of_y / n, xy1, xy2)?;
    Ok([n, x, xx, y, yy, xy])
}

/// Of rows without nulls; the functions are strict.
fn rows(call: &Call<'_>, args: &[Arg], f: impl Fn(&[Datum]) -> Result<Datum>) -> Result<ArrayRef> {
    each(call, args, |row| if row.iter().any(Datum::is_null) { Ok(Datum::Null) } else { f(&row) })
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("booland_statefunc", |c, a| map2::<Bool, Bool, Bool, _>(c, a, |x, y| Ok(x && y))),
    ("boolor_statefunc", |c, a| map2::<Bool, Bool, Bool, _>(c, a, |x, y| Ok(x || y))),
    ("float8_accum", |c, a| {
        rows(c, a, |row| Ok(array(accumulated(state("float8_accum", row.first())?, number(row.get(1))?)?)))
    }),
    ("float8_combine", |c, a| {
        let of = |datum: Option<&Datum>| state("float8_combine", datum);
        rows(c, a, |row| Ok(array(combined(of(row.first())?, of(row.get(1))?)?)))
    }),
    ("float8_regr_accum", |c, a| {
        rows(c, a, |row| {
            let state = state("float8_regr_accum", row.first())?;
            Ok(array(paired(state, number(row.get(1))?, number(row.get(2))?)?))
        })
    }),
    ("float8_regr_combine", |c, a| {
        let of = |datum: Option<&Datum>| state("float8_regr_combine", datum);
        rows(c, a, |row| Ok(array(pairs_combined(of(row.first())?, of(row.get(1))?)?)))
    }),
];
