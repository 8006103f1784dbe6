//! Comparisons as DataFusion's own operators, on values or on keys, so that joins, pruning and simplification see them.
//!
//! Invariant: both sides have one Arrow type whose order is PostgreSQL's.

use crate::failure::from_datafusion;
use crate::kernel::system::format_type;
use crate::kernel::udf::{Kernel, KernelUdf};
use crate::kernel::{dates, key, numbers, strings};
use crate::lower::literals;
use crate::lower::scope::Lowering;
use arrow::datatypes::DataType;
use base::{Error, ErrorKind, Result};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr as PlanExpr, Operator};
use std::sync::Arc;
use types::datetime;
use types::sql_type::{RowField, oid};
use types::{Datum, Form, SqlType};

/// An expression and its type.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) expr: PlanExpr,
    pub(crate) ty: SqlType,
}

pub(crate) fn binary(left: PlanExpr, op: Operator, right: PlanExpr) -> PlanExpr {
    PlanExpr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// A widening cast that cannot fail; a literal is cast now.
pub(crate) fn widen(expr: PlanExpr, to: DataType) -> Result<PlanExpr> {
    match expr {
        PlanExpr::Literal(scalar, metadata) => {
            Ok(PlanExpr::Literal(scalar.cast_to(&to).map_err(from_datafusion)?, metadata))
        }
        other => Ok(PlanExpr::Cast(Cast::new(Box::new(other), to))),
    }
}

impl Lowering<'_> {
    /// `left op right` for one of = <> < <= > >= and IS [NOT] DISTINCT FROM.
    pub(crate) fn comparison(&self, left: Typed, op: Operator, right: Typed) -> Result<PlanExpr> {
        let (left, right) = (without_form(left), without_form(right));
        if let Some(expr) = against_constant(&left, op, &right)? {
            return Ok(expr);
        }
        if let Some(swapped) = op.swap()
            && let Some(expr) = against_constant(&right, swapped, &left)?
        {
            return Ok(expr);
        }
        let (left, right) = self.common(left, right)?;
        Ok(binary(left, op, right))
    }

    /// Both sides in one type that compares as PostgreSQL does.
    pub(crate) fn common(&self, left: Typed, right: Typed) -> Result<(PlanExpr, PlanExpr)> {
        let target = common_type(&left.ty, &right.ty)?;
        Ok((self.comparable(left, &target)?, self.comparable(right, &target)?))
    }

    /// An expression in a type that groups, sorts and joins as PostgreSQL does.
    pub(crate) fn key(&self, value: Typed) -> Result<PlanExpr> {
        let ty = value.ty.clone();
        self.comparable(value, &ty)
    }

    /// Whether values of a type are their own keys.
    pub(crate) fn is_own_key(ty: &SqlType) -> bool {
        key::key_type(&ty.form).is_none() && ty.oid != oid::BPCHAR
    }

    fn comparable(&self, value: Typed, target: &SqlType) -> Result<PlanExpr> {
        let Typed { expr, ty } = self.converted(value, target)?;
        let statement = &self.context.statement;
        if ty.oid == oid::BPCHAR {
            // Trailing spaces of char(n) do not count.
            return literals::call(strings::unpadded(&ty, statement), vec![expr]);
        }
        match key::kernel(&ty, statement) {
            Some(kernel) => literals::call(kernel, vec![expr]),
            None => Ok(expr),
        }
    }

    /// The value in the form of `target`, exactly.
    fn converted(&self, value: Typed, target: &SqlType) -> Result<Typed> {
        if value.ty.form == target.form {
            return Ok(value);
        }
        let statement = Arc::clone(&self.context.statement);
        let expr = match (&value.ty.form, &target.form) {
            // Names of fields do not matter, and `common_type` checked the rest.
            (Form::Row(_), Form::Row(_)) => value.expr,
            (Form::Int16 | Form::Int32 | Form::UInt32, Form::Int32 | Form::Int64)
            | (Form::Float32, Form::Float64) => widen(value.expr, target.form.arrow())?,
            (
                Form::Decimal128 { .. } | Form::Decimal256 { .. } | Form::PgNum,
                Form::Decimal128 { .. } | Form::Decimal256 { .. } | Form::PgNum,
            ) => literals::call(numbers::reform(&value.ty, target, &statement), vec![value.expr])?,
            (Form::Date | Form::Timestamp | Form::TimestampTz, Form::Timestamp | Form::TimestampTz) => {
                literals::call(dates::reform(&value.ty, target, &statement), vec![value.expr])?
            }
            (from, to) => {
                return Err(Error::internal(format!("comparison of {from:?} as {to:?}")));
            }
        };
        Ok(Typed { expr, ty: target.clone() })
    }

    /// The values of a kernel that SQL cannot name, applied.
    pub(crate) fn internal(&self, kernel: Kernel, args: Vec<PlanExpr>) -> Result<PlanExpr> {
        literals::call(kernel, args)
    }
}

/// The value below changes of form that keep it: the narrower type is the better one to compare in.
fn without_form(value: Typed) -> Typed {
    let PlanExpr::ScalarFunction(call) = &value.expr else { return value };
    let Some(kernel) = call.func.inner().downcast_ref::<KernelUdf>().map(KernelUdf::kernel) else {
        return value;
    };
    match (kernel.keeps_value(), kernel.args.first(), call.args.first()) {
        (true, Some(ty), Some(inner)) => without_form(Typed { expr: inner.clone(), ty: ty.clone() }),
        _ => value,
    }
}

/// The type in which two types are compared.
/// 42804 for rows whose fields are not of the same types.
fn check_rows(left: &[RowField], right: &[RowField]) -> Result<()> {
    let wrong = |message: String| Err(Error::new(ErrorKind::DatatypeMismatch, message));
    for (number, (a, b)) in (1..).zip(left.iter().zip(right)) {
        if a.ty.oid != b.ty.oid {
            let (a, b) = (format_type(a.ty.oid.0, None), format_type(b.ty.oid.0, None));
            return wrong(format!(
                "cannot compare dissimilar column types {a} and {b} at record column {number}"
            ));
        }
        if let (Form::Row(a), Form::Row(b)) = (&a.ty.form, &b.ty.form) {
            check_rows(a, b)?;
        }
    }
    if left.len() == right.len() {
        return Ok(());
    }
    wrong("cannot compare record types with different numbers of columns".to_owned())
}

fn common_type(left: &SqlType, right: &SqlType) -> Result<SqlType> {
    let form = match (&left.form, &right.form) {
        (a, b) if a == b => {
            // char(n) against text compares as text, spaces and all.
            let ty = if left.oid == oid::BPCHAR { right } else { left };
            return Ok(ty.clone());
        }
        (Form::Row(a), Form::Row(b)) => {
            check_rows(a, b)?;
            return Ok(left.clone());
        }
        (Form::Int16, Form::Int32) | (Form::Int32, Form::Int16) => Form::Int32,
        (
            Form::Int16 | Form::Int32 | Form::Int64 | Form::UInt32,
            Form::Int16 | Form::Int32 | Form::Int64 | Form::UInt32,
        ) => Form::Int64,
        (Form::Float32 | Form::Float64, Form::Float32 | Form::Float64) => Form::Float64,
        (Form::Decimal128 { scale: a }, Form::Decimal128 { scale: b })
        | (Form::Decimal128 { scale: a } | Form::Decimal256 { scale: a }, Form::Decimal256 { scale: b })
        | (Form::Decimal256 { scale: a }, Form::Decimal128 { scale: b })
            if (*a).max(*b) <= 38 =>
        {
            // 38 digits at the smaller scale need up to 38 more behind the point.
            Form::Decimal256 { scale: (*a).max(*b) }
        }
        (
            Form::Decimal128 { .. } | Form::Decimal256 { .. } | Form::PgNum,
            Form::Decimal128 { .. } | Form::Decimal256 { .. } | Form::PgNum,
        ) => Form::PgNum,
        (Form::Date, Form::Timestamp) | (Form::Timestamp, Form::Date) => Form::Timestamp,
        (
            Form::Date | Form::Timestamp | Form::TimestampTz,
            Form::Date | Form::Timestamp | Form::TimestampTz,
        ) => Form::TimestampTz,
        (a, b) => return Err(Error::internal(format!("comparison of {a:?} with {b:?}"))),
    };
    Ok(SqlType { oid: left.oid, typmod: -1, form, domain: None })
}

/// Comparisons of a fixed-scale decimal or a date with a constant of a wider type, told in the narrow type, so that
/// they can be pushed into the scan. None when the rule does not apply.
fn against_constant(side: &Typed, op: Operator, constant: &Typed) -> Result<Option<PlanExpr>> {
    if matches!(side.expr, PlanExpr::Literal(..)) || side.ty.form == constant.ty.form {
        return Ok(None);
    }
    let Some(datum) = literals::datum_of(&constant.expr, &constant.ty.form) else { return Ok(None) };
    let below = match (&side.ty.form, &datum) {
        (Form::Decimal128 { scale }, _) => numbers::floor_at(&datum, &constant.ty.form, *scale),
        (Form::Date, Datum::Timestamp(micros)) if datetime::timestamp_is_finite(*micros) => {
            let (days, rest) = datetime::split_timestamp(*micros);
            i32::try_from(days).ok().map(|days| (Datum::Date(days), rest == 0))
        }
        _ => None,
    };
    let Some((below, exact)) = below else { return Ok(None) };
    let narrow = literals::literal(&below, &side.ty)?;
    // With `below` the greatest narrow value not above the constant, and the constant itself not representable:
    // x < c is x <= below, x >= c is x > below; equality never holds.
    let op = match (op, exact) {
        (op, true) => op,
        (Operator::Lt | Operator::LtEq, false) => Operator::LtEq,
        (Operator::Gt | Operator::GtEq, false) => Operator::Gt,
        (Operator::Eq | Operator::NotEq, false) => {
            let never = PlanExpr::Literal(ScalarValue::Boolean(Some(op == Operator::NotEq)), None);
            let null = PlanExpr::Literal(ScalarValue::Boolean(None), None);
            let present = PlanExpr::IsNotNull(Box::new(side.expr.clone()));
            let case =
                datafusion::logical_expr::when(present, never).otherwise(null).map_err(from_datafusion)?;
            return Ok(Some(case));
        }
        _ => return Ok(None),
    };
    Ok(Some(binary(side.expr.clone(), op, narrow)))
}
