//! What a kernel is given and how it walks over rows.
//!
//! Must not know DataFusion. Invariant: the walkers here give null for a row in which any argument is null; a kernel
//! that is not strict walks by itself.

use crate::kernel::value::{Input, Output};
use crate::lower::StatementContext;
use arrow::array::{Array, ArrayRef};
use base::{Error, Result};
use types::SqlType;

/// One argument: an array of all rows, or of one row that stands for all.
#[derive(Clone, Debug)]
pub(crate) struct Arg {
    pub(crate) array: ArrayRef,
    pub(crate) constant: bool,
}

impl Arg {
    pub(crate) fn index(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array.is_null(self.index(row))
    }
}

/// The types of a call and its surroundings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) args: &'a [SqlType],
    pub(crate) ret: &'a SqlType,
    pub(crate) rows: usize,
    pub(crate) statement: &'a StatementContext,
}

impl Call<'_> {
    /// The type of an argument.
    pub(crate) fn arg(&self, index: usize) -> Result<&SqlType> {
        self.args.get(index).ok_or_else(missing)
    }
}

/// Computes an array of `call.ret`'s form with `call.rows` rows.
pub(crate) type Run = fn(&Call<'_>, &[Arg]) -> Result<ArrayRef>;

fn missing() -> Error {
    Error::internal("a kernel was called with too few arguments")
}

/// The argument at `index`.
pub(crate) fn arg(args: &[Arg], index: usize) -> Result<&Arg> {
    args.get(index).ok_or_else(missing)
}

pub(crate) fn map0<R: Output>(call: &Call<'_>, f: impl Fn() -> Result<R::Value>) -> Result<ArrayRef> {
    let mut out = R::builder(call.ret, call.rows)?;
    for _ in 0..call.rows {
        R::append(&mut out, f()?)?;
    }
    R::finish(out)
}

pub(crate) fn map1<A: Input, R: Output, X: Into<Option<R::Value>>>(
    call: &Call<'_>,
    args: &[Arg],
    f: impl for<'a> Fn(A::Value<'a>) -> Result<X>,
) -> Result<ArrayRef> {
    let a = arg(args, 0)?;
    let column = A::column(a.array.as_ref())?;
    let mut out = R::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if a.is_null(row) {
            R::append_null(&mut out);
            continue;
        }
        append::<R, X>(&mut out, f(A::value(&column, a.index(row))?)?)?;
    }
    R::finish(out)
}

pub(crate) fn map2<A: Input, B: Input, R: Output, X: Into<Option<R::Value>>>(
    call: &Call<'_>,
    args: &[Arg],
    f: impl for<'a, 'b> Fn(A::Value<'a>, B::Value<'b>) -> Result<X>,
) -> Result<ArrayRef> {
    let (a, b) = (arg(args, 0)?, arg(args, 1)?);
    let (left, right) = (A::column(a.array.as_ref())?, B::column(b.array.as_ref())?);
    let mut out = R::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if a.is_null(row) || b.is_null(row) {
            R::append_null(&mut out);
            continue;
        }
        let result = f(A::value(&left, a.index(row))?, B::value(&right, b.index(row))?)?;
        append::<R, X>(&mut out, result)?;
    }
    R::finish(out)
}

pub(crate) fn map3<A: Input, B: Input, C: Input, R: Output, X: Into<Option<R::Value>>>(
    call: &Call<'_>,
    args: &[Arg],
    f: impl for<'a, 'b, 'c> Fn(A::Value<'a>, B::Value<'b>, C::Value<'c>) -> Result<X>,
) -> Result<ArrayRef> {
    let (a, b, c) = (arg(args, 0)?, arg(args, 1)?, arg(args, 2)?);
    let first = A::column(a.array.as_ref())?;
    let second = B::column(b.array.as_ref())?;
    let third = C::column(c.array.as_ref())?;
    let mut out = R::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if a.is_null(row) || b.is_null(row) || c.is_null(row) {
            R::append_null(&mut out);
            continue;
        }
        let result = f(
            A::value(&first, a.index(row))?,
            B::value(&second, b.index(row))?,
            C::value(&third, c.index(row))?,
        )?;
        append::<R, X>(&mut out, result)?;
    }
    R::finish(out)
}

pub(crate) fn map4<A: Input, B: Input, C: Input, D: Input, R: Output, X: Into<Option<R::Value>>>(
    call: &Call<'_>,
    args: &[Arg],
    f: impl for<'a, 'b, 'c, 'd> Fn(A::Value<'a>, B::Value<'b>, C::Value<'c>, D::Value<'d>) -> Result<X>,
) -> Result<ArrayRef> {
    let (a, b, c, d) = (arg(args, 0)?, arg(args, 1)?, arg(args, 2)?, arg(args, 3)?);
    let first = A::column(a.array.as_ref())?;
    let second = B::column(b.array.as_ref())?;
    let third = C::column(c.array.as_ref())?;
    let fourth = D::column(d.array.as_ref())?;
    let mut out = R::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if a.is_null(row) || b.is_null(row) || c.is_null(row) || d.is_null(row) {
            R::append_null(&mut out);
            continue;
        }
        let result = f(
            A::value(&first, a.index(row))?,
            B::value(&second, b.index(row))?,
            C::value(&third, c.index(row))?,
            D::value(&fourth, d.index(row))?,
        )?;
        append::<R, X>(&mut out, result)?;
    }
    R::finish(out)
}

fn append<R: Output, X: Into<Option<R::Value>>>(out: &mut R::Builder, result: X) -> Result<()> {
    match result.into() {
        Some(value) => R::append(out, value),
        None => {
            R::append_null(out);
            Ok(())
        }
    }
}
