//! Arithmetic on decimals of fixed scale, held as unscaled 128-bit numbers.
//!
//! Values of 18 digits and fewer are the rule; a batch of them is computed by 64-bit multiplications without a check
//! per row. Invariant: a result beyond 38 digits is 22003 with a hint, because PostgreSQL would have gone on; the value
//! of a null row decides nothing.

use crate::kernel::call::{Arg, Call, arg};
use crate::kernel::numbers::{nulls_of, primitive2};
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::Decimal128Type;
use base::{Error, ErrorKind, Result};
use std::sync::Arc;
use types::Form;

/// The least number of more than 38 digits.
pub(crate) const DECIMAL_BOUND: i128 = 10_i128.pow(38);
/// Powers of ten up to this exponent times any 64-bit number, twice, stay below `DECIMAL_BOUND`.
const NARROW_EXPONENT_MAX: u8 = 18;

fn too_many_digits() -> Error {
    Error::new(ErrorKind::NumericOutOfRange, "numeric field overflow")
        .with_detail("the result has more than 38 digits")
        .with_hint("compute in double precision, or with columns of type numeric without precision and scale")
}

/// A decimal of at most 38 digits.
pub(crate) fn checked_decimal(value: Option<i128>) -> Result<i128> {
    value.filter(|v| v.unsigned_abs() < DECIMAL_BOUND.unsigned_abs()).ok_or_else(too_many_digits)
}

/// Whether all values fit into 64 bits.
pub(crate) fn all_narrow(values: &[i128]) -> bool {
    // Bit 63 and the bits above it are all alike in such a number.
    values.iter().fold(0, |differs, v| differs | ((v >> 63) ^ (v >> 127))) == 0
}

/// The product of two numbers that fit into 64 bits; always of 38 digits at most.
#[expect(clippy::cast_possible_truncation, reason = "the caller checked that both fit")]
fn narrow_product(a: i128, b: i128) -> i128 {
    i128::from(a as i64) * i128::from(b as i64)
}

fn power_of_ten(exponent: u8) -> Option<i128> {
    10_i128.checked_pow(u32::from(exponent))
}

/// To a scale that is not smaller; None for other forms.
pub(crate) fn rescale(call: &Call<'_>, args: &[Arg]) -> Option<Result<ArrayRef>> {
    let from = call.args.first()?;
    let (Form::Decimal128 { scale: from }, Form::Decimal128 { scale: to }) = (&from.form, &call.ret.form)
    else {
        return None;
    };
    let factor = power_of_ten(to.checked_sub(*from)?)?;
    Some(multiplied(call, args, factor))
}

/// One column times a constant.
fn multiplied(call: &Call<'_>, args: &[Arg], factor: i128) -> Result<ArrayRef> {
    let argument = arg(args, 0)?;
    let column = column(argument)?;
    let nulls = nulls_of(&[argument], call.rows);
    let mut values = Vec::with_capacity(call.rows);
    if !argument.constant && all_narrow(column.values()) && all_narrow(&[factor]) {
        values.extend(column.values().iter().map(|v| narrow_product(*v, factor)));
    } else {
        for row in 0..call.rows {
            let valid = !argument.is_null(row);
            values.push(match valid {
                true => checked_decimal(column.value(argument.index(row)).checked_mul(factor))?,
                false => 0,
            });
        }
    }
    Ok(decimals(call, values, nulls))
}

/// Addition or subtraction, given checked and unchecked; None for other forms.
pub(crate) fn linear(
    call: &Call<'_>,
    args: &[Arg],
    checked: fn(i128, i128) -> Option<i128>,
    unchecked: impl Fn(i128, i128) -> i128,
) -> Option<Result<ArrayRef>> {
    let (a, b, r) = scales(call).filter(|(a, b, r)| r == a.max(b))?;
    let (up_a, up_b) = (power_of_ten(r - a)?, power_of_ten(r - b)?);
    if (r - a).max(r - b) <= NARROW_EXPONENT_MAX {
        let narrow = narrow2(call, args, |x, y| unchecked(narrow_product(x, up_a), narrow_product(y, up_b)));
        if let Some(done) = narrow {
            return Some(Ok(done));
        }
    }
    Some(primitive2::<Decimal128Type>(call, args, |x, y| {
        let (x, y) = (x.checked_mul(up_a), y.checked_mul(up_b));
        checked_decimal(x.zip(y).and_then(|(x, y)| checked(x, y)))
    }))
}

/// Multiplication; None for other forms.
pub(crate) fn product(call: &Call<'_>, args: &[Arg]) -> Option<Result<ArrayRef>> {
    scales(call).filter(|(a, b, r)| u16::from(*a) + u16::from(*b) == u16::from(*r))?;
    if let Some(done) = narrow2(call, args, narrow_product) {
        return Some(Ok(done));
    }
    Some(primitive2::<Decimal128Type>(call, args, |x, y| checked_decimal(x.checked_mul(y))))
}

/// Applies `f`, which cannot fail on 64-bit numbers, when all of them are.
fn narrow2(call: &Call<'_>, args: &[Arg], f: impl Fn(i128, i128) -> i128) -> Option<ArrayRef> {
    let (a, b) = (args.first()?, args.get(1)?);
    let (x, y) = (column(a).ok()?.values(), column(b).ok()?.values());
    if !all_narrow(x) || !all_narrow(y) {
        return None;
    }
    let values: Vec<i128> = match (a.constant, b.constant) {
        (false, false) => x.iter().zip(y).map(|(x, y)| f(*x, *y)).collect(),
        (true, false) => x.first().map(|x| y.iter().map(|y| f(*x, *y)).collect())?,
        (false, true) => y.first().map(|y| x.iter().map(|x| f(*x, *y)).collect())?,
        (true, true) => return None,
    };
    (values.len() == call.rows).then(|| decimals(call, values, nulls_of(&[a, b], call.rows)))
}

fn decimals(call: &Call<'_>, values: Vec<i128>, nulls: Option<arrow::buffer::NullBuffer>) -> ArrayRef {
    let array = PrimitiveArray::<Decimal128Type>::new(values.into(), nulls);
    Arc::new(array.with_data_type(call.ret.form.arrow()))
}

fn column(argument: &Arg) -> Result<&PrimitiveArray<Decimal128Type>> {
    argument.array.as_primitive_opt().ok_or_else(|| Error::internal("a decimal of another form"))
}

/// Scales of both arguments and the result.
fn scales(call: &Call<'_>) -> Option<(u8, u8, u8)> {
    let [a, b] = call.args else { return None };
    match (&a.form, &b.form, &call.ret.form) {
        (Form::Decimal128 { scale: a }, Form::Decimal128 { scale: b }, Form::Decimal128 { scale: r }) => {
            Some((*a, *b, *r))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_is_what_fits_into_64_bits() {
        let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
        assert!(all_narrow(&[0, 1, -1, least, most]));
        for wide in [least - 1, most + 1, i128::MIN, i128::MAX] {
            assert!(!all_narrow(&[0, wide, 0]), "{wide}");
        }
    }

    #[test]
    fn narrow_results_have_at_most_38_digits() {
        let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
        assert!(narrow_product(least, least) < DECIMAL_BOUND);
        let up = power_of_ten(NARROW_EXPONENT_MAX).unwrap();
        assert!(narrow_product(most, up) + narrow_product(most, up) < DECIMAL_BOUND);
        assert!(narrow_product(least, up) + narrow_product(least, up) > -DECIMAL_BOUND);
    }
}
