//! Key functions: for types whose order in Arrow is not PostgreSQL's, a value of another type that orders alike.
//!
//! Invariant: keys are equal exactly when PostgreSQL's `=` holds, and ordered as its `<`; null stays null.

use crate::kernel::call::{Arg, Call, Run, map1};
use crate::kernel::udf::{Kernel, KernelUdf};
use crate::kernel::value::{Bytes, Double, Int8, Real, Span, Text, Wide};
use crate::lower::StatementContext;
use arrow::array::ArrayRef;
use base::Result;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use std::sync::Arc;
use types::datetime::interval_order;
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

const NAME: &str = "key";

/// The type of the keys of a form, or None when values are their own keys.
pub(crate) fn key_type(form: &Form) -> Option<SqlType> {
    if form.arrow_order_is_sql_order() {
        return None;
    }
    let (oid, form) = match form {
        Form::Float32 | Form::Float64 => (oid::INT8, Form::Int64),
        Form::Interval => (oid::NUMERIC, Form::Decimal128 { scale: 0 }),
        _ => (oid::BYTEA, Form::Bytes),
    };
    Some(SqlType { oid, typmod: -1, form, domain: None })
}

/// The kernel that computes the keys of a type that needs them.
pub(crate) fn kernel(ty: &SqlType, statement: &Arc<StatementContext>) -> Option<Kernel> {
    let ret = key_type(&ty.form)?;
    let run: Run = match ty.form {
        Form::Float32 => real_key,
        Form::Float64 => double_key,
        Form::PgNum => numeric_key,
        Form::Interval => interval_key,
        Form::Jsonb => jsonb_key,
        _ => list_key,
    };
    Some(Kernel {
        name: NAME,
        oid: 0,
        run,
        args: vec![ty.clone()],
        ret,
        volatile: false,
        statement: Arc::clone(statement),
    })
}

/// What a key is taken of, when the expression is a key.
pub(crate) fn argument_of(expr: &Expr) -> Option<&Expr> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let udf = call.func.inner().downcast_ref::<KernelUdf>()?;
    if udf.kernel().name == NAME { call.args.first() } else { None }
}

/// A value with the key; None for forms whose values are not found again from their keys.
pub(crate) fn value_of_key(key: &ScalarValue, form: &Form) -> Option<Datum> {
    match (key, form) {
        (ScalarValue::Int64(Some(key)), Form::Float64) => Some(Datum::Float64(double_of_key(*key))),
        #[expect(clippy::cast_possible_truncation, reason = "narrowed only when nothing is lost")]
        (ScalarValue::Int64(Some(key)), Form::Float32) => {
            let wide = double_of_key(*key);
            let narrow = wide as f32;
            (f64::from(narrow) == wide || wide.is_nan()).then_some(Datum::Float32(narrow))
        }
        _ => None,
    }
}

/// Order-preserving: NaN is one value above infinity, -0 is 0.
pub(crate) fn key_of_double(value: f64) -> i64 {
    let bits = match value {
        v if v.is_nan() => f64::NAN.abs().to_bits(),
        0.0 => 0,
        v => v.to_bits(),
    };
    let bits = i64::from_ne_bytes(bits.to_ne_bytes());
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

pub(crate) fn double_of_key(key: i64) -> f64 {
    let bits = if key < 0 { key ^ i64::MAX } else { key };
    f64::from_bits(u64::from_ne_bytes(bits.to_ne_bytes()))
}

fn double_key(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Double, Int8, _>(call, args, |v| Ok(key_of_double(v)))
}

fn real_key(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Real, Int8, _>(call, args, |v| Ok(key_of_double(f64::from(v))))
}

fn numeric_key(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Bytes, Bytes, _>(call, args, |v| Ok(types::pgnum::key_of(v).to_vec()))
}

fn jsonb_key(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Text, Bytes, _>(call, args, types::json::key_of)
}

fn interval_key(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Span, Wide, _>(call, args, |v| Ok(interval_order(v)))
}

/// Lists order by their elements one after the other, null elements last, shorter ones first.
fn list_key(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    crate::kernel::list::keys(call, args)
}
