//! Arithmetic on integers and numerics, and numerics from one form to another.
//!
//! Invariant: an integer result outside its type is 22003.

use crate::kernel::call::{Arg, Call, Run, arg, map1, map2};
use crate::kernel::decimals;
use crate::kernel::udf::Kernel;
use crate::kernel::value::{Input, Int2, Int4, Int8, Num};
use crate::lower::StatementContext;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::ArrowPrimitiveType;
use base::{Error, ErrorKind, Result};
use std::sync::Arc;
use types::pgnum::{self, Fit, PgNum};
use types::{Datum, Form, SqlType};

pub(crate) fn out_of_range(ty: &str) -> Error {
    Error::new(ErrorKind::NumericOutOfRange, format!("{ty} out of range"))
}

pub(crate) fn division_by_zero() -> Error {
    Error::new(ErrorKind::DivisionByZero, "division by zero")
}

/// The kernel that changes the form of a numeric and keeps its value.
pub(crate) fn reform(from: &SqlType, to: &SqlType, statement: &Arc<StatementContext>) -> Kernel {
    Kernel {
        name: "numeric_form",
        oid: 0,
        run: reformed,
        args: vec![from.clone()],
        ret: to.clone(),
        volatile: false,
        statement: Arc::clone(statement),
    }
}

fn reformed(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    if let Some(result) = decimals::rescale(call, args) {
        return result;
    }
    if call.arg(0)?.form == Form::Int64 {
        return map1::<Int8, Num, _>(call, args, |v| Ok(PgNum::from_i64(v)));
    }
    map1::<Num, Num, _>(call, args, Ok)
}

/// The greatest decimal at `scale` that is not above a numeric constant, and whether it is the constant itself.
pub(crate) fn floor_at(constant: &Datum, form: &Form, scale: u8) -> Option<(Datum, bool)> {
    let value = match (constant, form) {
        (Datum::Decimal128(v), Form::Decimal128 { scale }) => PgNum::from_i128(*v, *scale),
        (Datum::Decimal256(v), Form::Decimal256 { scale }) => PgNum::from_i256(*v, *scale).ok()?,
        (Datum::PgNum(bytes), Form::PgNum) => PgNum::from_bytes(bytes).ok()?,
        (Datum::Int16(v), _) => PgNum::from_i64(i64::from(*v)),
        (Datum::Int32(v), _) => PgNum::from_i64(i64::from(*v)),
        (Datum::Int64(v), _) => PgNum::from_i64(*v),
        _ => return None,
    };
    if !value.is_finite() {
        return None;
    }
    let mut below = value.trunc(i32::from(scale));
    let exact = below.same_value(&value);
    if !exact && value.is_negative() {
        below = below.sub(&PgNum::from_i128(1, scale)).ok()?;
    }
    let fit = Fit { precision: 38, scale: i16::from(scale) };
    Some((Datum::Decimal128(below.to_decimal128(fit).ok()?), exact))
}

/// Sum and number of rows to average; null over no rows.
pub(crate) fn average(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    if call.arg(0)?.form == Form::Int64 {
        return map2::<Int8, Int8, Num, _>(call, args, |sum, rows| {
            if rows == 0 { Ok(None) } else { pgnum::average(&PgNum::from_i64(sum), rows).map(Some) }
        });
    }
    map2::<Num, Int8, Num, _>(call, args, |sum, rows| {
        if rows == 0 { Ok(None) } else { pgnum::average(&sum, rows).map(Some) }
    })
}

/// Two arguments of any primitive types, vectorised as far as there are no nulls.
pub(crate) fn primitive2<T: ArrowPrimitiveType>(
    call: &Call<'_>,
    args: &[Arg],
    f: impl Fn(T::Native, T::Native) -> Result<T::Native>,
) -> Result<ArrayRef>
where
    T::Native: Default,
{
    let (a, b) = (arg(args, 0)?, arg(args, 1)?);
    let wrong = || Error::internal("an arithmetic kernel was given another type");
    let left = a.array.as_primitive_opt::<T>().ok_or_else(wrong)?;
    let right = b.array.as_primitive_opt::<T>().ok_or_else(wrong)?;
    let nulls = nulls_of(&[a, b], call.rows);
    let mut values = Vec::with_capacity(call.rows);
    match (&nulls, a.constant, b.constant) {
        (None, false, false) => {
            for (x, y) in left.values().iter().zip(right.values()) {
                values.push(f(*x, *y)?);
            }
        }
        (None, true, false) => {
            let x = left.value(0);
            for y in right.values() {
                values.push(f(x, *y)?);
            }
        }
        (None, false, true) => {
            let y = right.value(0);
            for x in left.values() {
                values.push(f(*x, y)?);
            }
        }
        _ => {
            for row in 0..call.rows {
                let valid = !a.is_null(row) && !b.is_null(row);
                values.push(match valid {
                    true => f(left.value(a.index(row)), right.value(b.index(row)))?,
                    false => T::Native::default(),
                });
            }
        }
    }
    Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_data_type(call.ret.form.arrow())))
}

/// The rows in which any argument is null; None when there are none.
pub(crate) fn nulls_of(args: &[&Arg], rows: usize) -> Option<NullBuffer> {
    let mut nulls: Option<NullBuffer> = None;
    for argument in args.iter().filter(|a| a.array.null_count() > 0) {
        let of_one = match argument.constant {
            true => Some(NullBuffer::new_null(rows)),
            false => argument.array.logical_nulls(),
        };
        nulls = NullBuffer::union(nulls.as_ref(), of_one.as_ref());
    }
    nulls
}

fn numeric_add(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let fast = decimals::linear(call, args, i128::checked_add, i128::wrapping_add);
    fast.unwrap_or_else(|| map2::<Num, Num, Num, _>(call, args, |x, y| x.add(&y)))
}

fn numeric_sub(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let fast = decimals::linear(call, args, i128::checked_sub, i128::wrapping_sub);
    fast.unwrap_or_else(|| map2::<Num, Num, Num, _>(call, args, |x, y| x.sub(&y)))
}

fn numeric_mul(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let fast = decimals::product(call, args);
    fast.unwrap_or_else(|| map2::<Num, Num, Num, _>(call, args, |x, y| x.mul(&y)))
}

fn num1(call: &Call<'_>, args: &[Arg], f: impl Fn(PgNum) -> Result<PgNum>) -> Result<ArrayRef> {
    map1::<Num, Num, _>(call, args, f)
}

fn num2(call: &Call<'_>, args: &[Arg], f: impl Fn(PgNum, PgNum) -> Result<PgNum>) -> Result<ArrayRef> {
    map2::<Num, Num, Num, _>(call, args, f)
}

fn integer<T: ArrowPrimitiveType>(
    call: &Call<'_>,
    args: &[Arg],
    f: impl Fn(i64, i64) -> Result<Option<i64>>,
    name: &str,
) -> Result<ArrayRef>
where
    T::Native: Default + TryFrom<i64> + Into<i64>,
{
    primitive2::<T>(call, args, |a, b| {
        let result = f(a.into(), b.into())?;
        result.and_then(|r| T::Native::try_from(r).ok()).ok_or_else(|| out_of_range(name))
    })
}

type Checked = fn(i64, i64) -> Result<Option<i64>>;

const ADD: Checked = |a, b| Ok(a.checked_add(b));
const SUB: Checked = |a, b| Ok(a.checked_sub(b));
const MUL: Checked = |a, b| Ok(a.checked_mul(b));
const DIV: Checked = |a, b| if b == 0 { Err(division_by_zero()) } else { Ok(a.checked_div(b)) };
/// The least number modulo -1 is 0, though its quotient overflows.
const MOD: Checked = |a, b| if b == 0 { Err(division_by_zero()) } else { Ok(Some(a.wrapping_rem(b))) };

fn small(call: &Call<'_>, args: &[Arg], f: Checked) -> Result<ArrayRef> {
    integer::<arrow::datatypes::Int16Type>(call, args, f, "smallint")
}

fn medium(call: &Call<'_>, args: &[Arg], f: Checked) -> Result<ArrayRef> {
    integer::<arrow::datatypes::Int32Type>(call, args, f, "integer")
}

fn large(call: &Call<'_>, args: &[Arg], f: Checked) -> Result<ArrayRef> {
    integer::<arrow::datatypes::Int64Type>(call, args, f, "bigint")
}

/// Integers of two widths, computed in the result's.
fn mixed<A: Input, B: Input>(call: &Call<'_>, args: &[Arg], f: Checked) -> Result<ArrayRef>
where
    for<'a> A::Value<'a>: Into<i64>,
    for<'a> B::Value<'a>: Into<i64>,
{
    match call.ret.form {
        Form::Int32 => map2::<A, B, Int4, _>(call, args, |a, b| {
            let result = f(a.into(), b.into())?;
            result.and_then(|r| i32::try_from(r).ok()).ok_or_else(|| out_of_range("integer"))
        }),
        _ => map2::<A, B, Int8, _>(call, args, |a, b| {
            f(a.into(), b.into())?.ok_or_else(|| out_of_range("bigint"))
        }),
    }
}

fn gcd(a: i64, b: i64) -> Option<i64> {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i64::try_from(a).ok()
}

fn lcm(a: i64, b: i64) -> Option<i64> {
    if a == 0 || b == 0 {
        return Some(0);
    }
    gcd(a, b).and_then(|g| (a / g).checked_mul(b)).and_then(i64::checked_abs)
}

/// The bits of a shift that count, as the machine takes them.
fn places_of(shift: i32) -> u32 {
    shift.cast_unsigned() & 31
}

#[expect(clippy::cast_possible_truncation, reason = "a shift drops what leaves the type")]
fn low_half(value: i32) -> i16 {
    value as i16
}

/// Whole places of a numeric's argument, which PostgreSQL clamps as here.
fn places(scale: i32) -> i32 {
    scale.clamp(-131_073, 16_383)
}

fn round_to(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Num, Int4, Num, _>(call, args, |v, s| v.round(places(s)).checked())
}

fn trunc_to(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Num, Int4, Num, _>(call, args, |v, s| Ok(v.trunc(places(s))))
}

/// The number of digits behind the point, which a column of fixed scale knows.
fn scale(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Num, Int4, _>(call, args, |v| Ok(v.is_finite().then(|| i32::from(v.scale()))))
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("int2pl", |c, a| small(c, a, ADD)),
    ("int2mi", |c, a| small(c, a, SUB)),
    ("int2mul", |c, a| small(c, a, MUL)),
    ("int2div", |c, a| small(c, a, DIV)),
    ("int2mod", |c, a| small(c, a, MOD)),
    ("int4pl", |c, a| medium(c, a, ADD)),
    ("int4mi", |c, a| medium(c, a, SUB)),
    ("int4mul", |c, a| medium(c, a, MUL)),
    ("int4div", |c, a| medium(c, a, DIV)),
    ("int4mod", |c, a| medium(c, a, MOD)),
    ("int8pl", |c, a| large(c, a, ADD)),
    ("int8mi", |c, a| large(c, a, SUB)),
    ("int8mul", |c, a| large(c, a, MUL)),
    ("int8div", |c, a| large(c, a, DIV)),
    ("int8mod", |c, a| large(c, a, MOD)),
    ("int24pl", |c, a| mixed::<Int2, Int4>(c, a, ADD)),
    ("int24mi", |c, a| mixed::<Int2, Int4>(c, a, SUB)),
    ("int24mul", |c, a| mixed::<Int2, Int4>(c, a, MUL)),
    ("int24div", |c, a| mixed::<Int2, Int4>(c, a, DIV)),
    ("int42pl", |c, a| mixed::<Int4, Int2>(c, a, ADD)),
    ("int42mi", |c, a| mixed::<Int4, Int2>(c, a, SUB)),
    ("int42mul", |c, a| mixed::<Int4, Int2>(c, a, MUL)),
    ("int42div", |c, a| mixed::<Int4, Int2>(c, a, DIV)),
    ("int28pl", |c, a| mixed::<Int2, Int8>(c, a, ADD)),
    ("int28mi", |c, a| mixed::<Int2, Int8>(c, a, SUB)),
    ("int28mul", |c, a| mixed::<Int2, Int8>(c, a, MUL)),
    ("int28div", |c, a| mixed::<Int2, Int8>(c, a, DIV)),
    ("int82pl", |c, a| mixed::<Int8, Int2>(c, a, ADD)),
    ("int82mi", |c, a| mixed::<Int8, Int2>(c, a, SUB)),
    ("int82mul", |c, a| mixed::<Int8, Int2>(c, a, MUL)),
    ("int82div", |c, a| mixed::<Int8, Int2>(c, a, DIV)),
    ("int48pl", |c, a| mixed::<Int4, Int8>(c, a, ADD)),
    ("int48mi", |c, a| mixed::<Int4, Int8>(c, a, SUB)),
    ("int48mul", |c, a| mixed::<Int4, Int8>(c, a, MUL)),
    ("int48div", |c, a| mixed::<Int4, Int8>(c, a, DIV)),
    ("int84pl", |c, a| mixed::<Int8, Int4>(c, a, ADD)),
    ("int84mi", |c, a| mixed::<Int8, Int4>(c, a, SUB)),
    ("int84mul", |c, a| mixed::<Int8, Int4>(c, a, MUL)),
    ("int84div", |c, a| mixed::<Int8, Int4>(c, a, DIV)),
    ("int2um", |c, a| {
        map1::<Int2, Int2, _>(c, a, |v: i16| v.checked_neg().ok_or_else(|| out_of_range("smallint")))
    }),
    ("int4um", |c, a| {
        map1::<Int4, Int4, _>(c, a, |v: i32| v.checked_neg().ok_or_else(|| out_of_range("integer")))
    }),
    ("int8um", |c, a| {
        map1::<Int8, Int8, _>(c, a, |v: i64| v.checked_neg().ok_or_else(|| out_of_range("bigint")))
    }),
    ("int2up", |c, a| map1::<Int2, Int2, _>(c, a, |v: i16| Ok(v))),
    ("int4up", |c, a| map1::<Int4, Int4, _>(c, a, |v: i32| Ok(v))),
    ("int8up", |c, a| map1::<Int8, Int8, _>(c, a, |v: i64| Ok(v))),
    ("int2abs", |c, a| {
        map1::<Int2, Int2, _>(c, a, |v: i16| v.checked_abs().ok_or_else(|| out_of_range("smallint")))
    }),
    ("int4abs", |c, a| {
        map1::<Int4, Int4, _>(c, a, |v: i32| v.checked_abs().ok_or_else(|| out_of_range("integer")))
    }),
    ("int8abs", |c, a| {
        map1::<Int8, Int8, _>(c, a, |v: i64| v.checked_abs().ok_or_else(|| out_of_range("bigint")))
    }),
    ("int2and", |c, a| small(c, a, |x, y| Ok(Some(x & y)))),
    ("int4and", |c, a| medium(c, a, |x, y| Ok(Some(x & y)))),
    ("int8and", |c, a| large(c, a, |x, y| Ok(Some(x & y)))),
    ("int2or", |c, a| small(c, a, |x, y| Ok(Some(x | y)))),
    ("int4or", |c, a| medium(c, a, |x, y| Ok(Some(x | y)))),
    ("int8or", |c, a| large(c, a, |x, y| Ok(Some(x | y)))),
    ("int2xor", |c, a| small(c, a, |x, y| Ok(Some(x ^ y)))),
    ("int4xor", |c, a| medium(c, a, |x, y| Ok(Some(x ^ y)))),
    ("int8xor", |c, a| large(c, a, |x, y| Ok(Some(x ^ y)))),
    ("int4gcd", |c, a| medium(c, a, |x, y| Ok(gcd(x, y)))),
    ("int8gcd", |c, a| large(c, a, |x, y| Ok(gcd(x, y)))),
    ("int4lcm", |c, a| medium(c, a, |x, y| Ok(lcm(x, y)))),
    ("int8lcm", |c, a| large(c, a, |x, y| Ok(lcm(x, y)))),
    ("int2not", |c, a| map1::<Int2, Int2, _>(c, a, |v: i16| Ok(!v))),
    ("int4not", |c, a| map1::<Int4, Int4, _>(c, a, |v: i32| Ok(!v))),
    ("int8not", |c, a| map1::<Int8, Int8, _>(c, a, |v: i64| Ok(!v))),
    ("int2shl", |c, a| {
        map2::<Int2, Int4, Int2, _>(c, a, |v: i16, n: i32| Ok(low_half(i32::from(v) << places_of(n))))
    }),
    ("int2shr", |c, a| {
        map2::<Int2, Int4, Int2, _>(c, a, |v: i16, n: i32| Ok(low_half(i32::from(v) >> places_of(n))))
    }),
    ("int4shl", |c, a| {
        map2::<Int4, Int4, Int4, _>(c, a, |v: i32, n: i32| Ok(v.wrapping_shl(n.cast_unsigned())))
    }),
    ("int4shr", |c, a| {
        map2::<Int4, Int4, Int4, _>(c, a, |v: i32, n: i32| Ok(v.wrapping_shr(n.cast_unsigned())))
    }),
    ("int8shl", |c, a| {
        map2::<Int8, Int4, Int8, _>(c, a, |v: i64, n: i32| Ok(v.wrapping_shl(n.cast_unsigned())))
    }),
    ("int8shr", |c, a| {
        map2::<Int8, Int4, Int8, _>(c, a, |v: i64, n: i32| Ok(v.wrapping_shr(n.cast_unsigned())))
    }),
    ("numeric_add", numeric_add),
    ("numeric_sub", numeric_sub),
    ("numeric_mul", numeric_mul),
    ("numeric_div", |c, a| num2(c, a, |x, y| x.div(&y))),
    ("numeric_div_trunc", |c, a| num2(c, a, |x, y| x.div_integer(&y))),
    ("numeric_mod", |c, a| num2(c, a, |x, y| x.rem(&y))),
    ("numeric_uminus", |c, a| num1(c, a, |v| Ok(v.neg()))),
    ("numeric_uplus", |c, a| num1(c, a, Ok)),
    ("numeric_abs", |c, a| num1(c, a, |v| Ok(v.abs()))),
    ("numeric_sign", |c, a| num1(c, a, |v| Ok(v.sign()))),
    ("numeric_ceil", |c, a| num1(c, a, |v| v.ceil())),
    ("numeric_floor", |c, a| num1(c, a, |v| v.floor())),
    ("numeric_round", round_to),
    ("numeric_trunc", trunc_to),
    ("numeric_sqrt", |c, a| num1(c, a, |v| v.sqrt())),
    ("numeric_power", |c, a| num2(c, a, |x, y| x.power(&y))),
    ("numeric_scale", scale),
    ("numeric_min_scale", |c, a| {
        map1::<Num, Int4, _>(c, a, |v| Ok(v.is_finite().then(|| i32::from(v.scale_min()))))
    }),
    ("numeric_exp", |c, a| num1(c, a, |v| v.exp())),
    ("numeric_ln", |c, a| num1(c, a, |v| v.ln())),
    ("numeric_log", |c, a| num2(c, a, |b, v| b.log(&v))),
    ("numeric_gcd", |c, a| num2(c, a, |x, y| x.gcd(&y))),
    ("numeric_lcm", |c, a| num2(c, a, |x, y| x.lcm(&y))),
    ("numeric_fac", |c, a| map1::<Int8, Num, _>(c, a, PgNum::factorial)),
    ("numeric_inc", |c, a| num1(c, a, |v| v.add(&PgNum::from_i64(1)))),
    ("numeric_trim_scale", |c, a| num1(c, a, |v| Ok(v.trim_scale()))),
];

/// Functions that pg_proc has in SQL.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    // round(numeric), trunc(numeric)
    (1708, |c, a| num1(c, a, |v| v.round(0).checked())),
    (1710, |c, a| num1(c, a, |v| Ok(v.trunc(0)))),
    // log(numeric), log10(numeric)
    (1741, |c, a| num1(c, a, |v| PgNum::from_i64(10).log(&v))),
    (1481, |c, a| num1(c, a, |v| PgNum::from_i64(10).log(&v))),
];
