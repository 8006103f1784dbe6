//! Casts: between numbers, through text, and to a type modifier.
//!
//! Invariant: a cast rounds as PostgreSQL does: floats to integers half to even, numerics half away from zero.

use crate::kernel::call::{Arg, Call, Run, arg, map1};
use crate::kernel::floats;
use crate::kernel::numbers::out_of_range;
use crate::kernel::value::{Bool, Double, Id, Int2, Int4, Int8, Num, Real, Text};
use arrow::array::{ArrayRef, StringViewBuilder};
use base::{Error, ErrorKind, Result};
use std::sync::Arc;
use types::pgnum::PgNum;
use types::{Datum, Form, SqlType};

/// Every value as its type's output function prints it.
pub(crate) fn to_text(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let (value, ty) = (arg(args, 0)?, call.arg(0)?);
    let mut out = StringViewBuilder::with_capacity(call.rows);
    let mut text = String::new();
    for row in 0..call.rows {
        match types::array::get(&ty.form, &value.array, value.index(row))? {
            Datum::Null => out.append_null(),
            datum => {
                text.clear();
                types::format_text(ty, &datum, &call.statement.io, &mut text)?;
                out.append_value(&text);
            }
        }
    }
    let array: ArrayRef = Arc::new(out.finish());
    match call.ret.length_max() {
        Some(_) => each(
            call,
            &[Arg { array, constant: false }],
            |datum| types::apply_typmod(call.ret, datum, true),
            &Form::Text,
        ),
        None => Ok(array),
    }
}

/// Text as the target's input function reads it.
pub(crate) fn from_text(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    each(
        call,
        args,
        |datum| match datum {
            Datum::Text(text) => types::parse_text(call.ret, &text, &call.statement.io),
            other => Err(Error::internal(format!("text that is {other:?}"))),
        },
        &Form::Text,
    )
}

/// Unlike the constant, a text names a relation also when it is a number.
fn relation_of_text(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Text, Text, _>(call, args, |text| {
        match !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            true => Err(Error::new(ErrorKind::UndefinedTable, format!("relation \"{text}\" does not exist"))),
            false => Ok(text.to_owned()),
        }
    })?;
    from_text(call, args)
}

/// integer and oid are the same bits.
pub(crate) fn relabelled(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    match call.ret.form {
        Form::UInt32 => map1::<Int4, Id, _>(call, args, |v| Ok(v.cast_unsigned())),
        _ => map1::<Id, Int4, _>(call, args, |v| Ok(v.cast_signed())),
    }
}

/// Out by one type's text, in by another's.
pub(crate) fn through_text(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let ty = call.arg(0)?;
    each(
        call,
        args,
        |datum| {
            let mut text = String::new();
            types::format_text(ty, &datum, &call.statement.io, &mut text)?;
            types::parse_text(call.ret, &text, &call.statement.io)
        },
        &ty.form,
    )
}

pub(crate) fn typmod(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    modified(call, args, false)
}

pub(crate) fn typmod_explicit(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    modified(call, args, true)
}

fn modified(call: &Call<'_>, args: &[Arg], explicit: bool) -> Result<ArrayRef> {
    let from = call.arg(0)?;
    if let Some((precision, scale)) = call.ret.numeric_precision_scale() {
        // The scale may be negative, which the 11 bits of the modifier keep in two's complement.
        let scale = i16::try_from(if scale > 1_023 { i32::from(scale) - 2_048 } else { i32::from(scale) })
            .map_err(|_| Error::internal("a scale that does not fit"))?;
        let fit = types::pgnum::Fit { precision, scale };
        return map1::<Num, Num, _>(call, args, |v| v.fitted(fit));
    }
    each(call, args, |datum| types::apply_typmod(call.ret, datum, explicit), &from.form)
}

/// Applies a function of data to every row that is not null.
fn each(call: &Call<'_>, args: &[Arg], f: impl Fn(Datum) -> Result<Datum>, from: &Form) -> Result<ArrayRef> {
    let value = arg(args, 0)?;
    let mut out = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        out.push(match types::array::get(from, &value.array, value.index(row))? {
            Datum::Null => Datum::Null,
            datum => f(datum)?,
        });
    }
    types::array::from_data(&call.ret.form, &out)
}

/// A float rounded half to even, if it lies in [low, high).
#[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
fn whole(value: f64, low: f64, high: f64, name: &str) -> Result<i64> {
    let rounded = value.round_ties_even();
    if rounded >= low && rounded < high { Ok(rounded as i64) } else { Err(out_of_range(name)) }
}

fn to_small(value: f64) -> Result<i16> {
    let v = whole(value, -32_768.0, 32_768.0, "smallint")?;
    i16::try_from(v).map_err(|_| out_of_range("smallint"))
}

fn to_medium(value: f64) -> Result<i32> {
    let v = whole(value, -2_147_483_648.0, 2_147_483_648.0, "integer")?;
    i32::try_from(v).map_err(|_| out_of_range("integer"))
}

fn to_large(value: f64) -> Result<i64> {
    whole(value, -9_223_372_036_854_775_808.0, 9_223_372_036_854_775_808.0, "bigint")
}

#[expect(clippy::cast_possible_truncation, reason = "rounded to real; what leaves its range is refused")]
fn to_real(value: f64) -> Result<f32> {
    let real = value as f32;
    if real.is_infinite() && value.is_finite() {
        return Err(floats::overflow());
    }
    if real == 0.0 && value != 0.0 { Err(floats::underflow()) } else { Ok(real) }
}

fn fits<T: TryFrom<i64>>(value: i64, name: &str) -> Result<T> {
    T::try_from(value).map_err(|_| out_of_range(name))
}

#[expect(clippy::cast_precision_loss, reason = "the nearest float, as the cast is defined")]
const fn double_of(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "the nearest float, as the cast is defined")]
const fn real_of(value: i64) -> f32 {
    value as f32
}

fn num_to<R>(value: &PgNum, convert: fn(&PgNum) -> Result<R>, name: &str) -> Result<R> {
    if value.is_nan() {
        return Err(Error::unsupported(format!("cannot convert NaN to {name}")));
    }
    if value.is_infinite() {
        return Err(Error::unsupported(format!("cannot convert infinity to {name}")));
    }
    convert(value)
}

/// The byte of a "char", with its highest bit as a sign. One that is not ASCII is held as backslash and octal digits.
fn code_of_char(text: &str) -> i32 {
    let octal = text.strip_prefix('\\').filter(|digits| digits.len() == 3);
    let byte = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
    i32::from(byte.or_else(|| text.bytes().next()).unwrap_or(0).cast_signed())
}

fn char_of_code(code: i32) -> Result<String> {
    let byte = i8::try_from(code).map_err(|_| out_of_range("\"char\""))?.cast_unsigned();
    Ok(match byte {
        0 => String::new(),
        1..=127 => char::from(byte).to_string(),
        128.. => format!("\\{byte:03o}"),
    })
}

fn oid_out_of_range() -> Error {
    Error::new(ErrorKind::NumericOutOfRange, "OID out of range")
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("text_regclass", relation_of_text),
    ("text_char", from_text),
    ("chartoi4", |c, a| map1::<Text, Int4, _>(c, a, |v| Ok(code_of_char(v)))),
    ("i4tochar", |c, a| map1::<Int4, Text, _>(c, a, char_of_code)),
    ("i2toi4", |c, a| match c.ret.form {
        // smallint to oid is this function with its result relabelled.
        Form::UInt32 => map1::<Int2, Id, _>(c, a, |v| Ok(i32::from(v).cast_unsigned())),
        _ => map1::<Int2, Int4, _>(c, a, |v| Ok(i32::from(v))),
    }),
    ("int28", |c, a| map1::<Int2, Int8, _>(c, a, |v| Ok(i64::from(v)))),
    ("int48", |c, a| map1::<Int4, Int8, _>(c, a, |v| Ok(i64::from(v)))),
    ("i4toi2", |c, a| map1::<Int4, Int2, _>(c, a, |v| fits::<i16>(i64::from(v), "smallint"))),
    ("int82", |c, a| map1::<Int8, Int2, _>(c, a, |v| fits::<i16>(v, "smallint"))),
    ("int84", |c, a| map1::<Int8, Int4, _>(c, a, |v| fits::<i32>(v, "integer"))),
    ("i2tod", |c, a| map1::<Int2, Double, _>(c, a, |v| Ok(f64::from(v)))),
    ("i4tod", |c, a| map1::<Int4, Double, _>(c, a, |v| Ok(f64::from(v)))),
    ("i8tod", |c, a| map1::<Int8, Double, _>(c, a, |v| Ok(double_of(v)))),
    ("i2tof", |c, a| map1::<Int2, Real, _>(c, a, |v| Ok(f32::from(v)))),
    ("i4tof", |c, a| map1::<Int4, Real, _>(c, a, |v| Ok(real_of(i64::from(v))))),
    ("i8tof", |c, a| map1::<Int8, Real, _>(c, a, |v| Ok(real_of(v)))),
    ("dtoi2", |c, a| map1::<Double, Int2, _>(c, a, to_small)),
    ("dtoi4", |c, a| map1::<Double, Int4, _>(c, a, to_medium)),
    ("dtoi8", |c, a| map1::<Double, Int8, _>(c, a, to_large)),
    ("ftoi2", |c, a| map1::<Real, Int2, _>(c, a, |v| to_small(f64::from(v)))),
    ("ftoi4", |c, a| map1::<Real, Int4, _>(c, a, |v| to_medium(f64::from(v)))),
    ("ftoi8", |c, a| map1::<Real, Int8, _>(c, a, |v| to_large(f64::from(v)))),
    ("ftod", |c, a| map1::<Real, Double, _>(c, a, |v| Ok(f64::from(v)))),
    ("dtof", |c, a| map1::<Double, Real, _>(c, a, to_real)),
    ("int2_numeric", |c, a| map1::<Int2, Num, _>(c, a, |v| Ok(PgNum::from_i64(i64::from(v))))),
    ("int4_numeric", |c, a| map1::<Int4, Num, _>(c, a, |v| Ok(PgNum::from_i64(i64::from(v))))),
    ("int8_numeric", |c, a| map1::<Int8, Num, _>(c, a, |v| Ok(PgNum::from_i64(v)))),
    ("float8_numeric", |c, a| map1::<Double, Num, _>(c, a, PgNum::from_f64)),
    ("float4_numeric", |c, a| map1::<Real, Num, _>(c, a, PgNum::from_f32)),
    ("numeric_int2", |c, a| map1::<Num, Int2, _>(c, a, |v| num_to(&v, PgNum::to_i16, "smallint"))),
    ("numeric_int4", |c, a| map1::<Num, Int4, _>(c, a, |v| num_to(&v, PgNum::to_i32, "integer"))),
    ("numeric_int8", |c, a| map1::<Num, Int8, _>(c, a, |v| num_to(&v, PgNum::to_i64, "bigint"))),
    ("numeric_float8", |c, a| map1::<Num, Double, _>(c, a, |v| v.to_f64())),
    ("numeric_float4", |c, a| map1::<Num, Real, _>(c, a, |v| v.to_f32())),
    ("int4_bool", |c, a| map1::<Int4, Bool, _>(c, a, |v| Ok(v != 0))),
    ("bool_int4", |c, a| map1::<Bool, Int4, _>(c, a, |v| Ok(i32::from(v)))),
    ("booltext", |c, a| map1::<Bool, Text, _>(c, a, |v| Ok(if v { "true" } else { "false" }.to_owned()))),
    ("i8tooid", |c, a| map1::<Int8, Id, _>(c, a, |v| u32::try_from(v).map_err(|_| oid_out_of_range()))),
    ("oidtoi8", |c, a| map1::<Id, Int8, _>(c, a, |v| Ok(i64::from(v)))),
];

/// The value of a setting-dependent type as text, for functions that take any type.
pub(crate) fn text_of(ty: &SqlType, datum: &Datum, call: &Call<'_>) -> Result<String> {
    let mut text = String::new();
    types::format_text(ty, datum, &call.statement.io, &mut text)?;
    Ok(text)
}
