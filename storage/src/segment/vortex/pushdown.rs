//! Which part of a predicate Vortex evaluates.
//!
//! Invariant: what is pushed keeps exactly the rows for which the predicate is true. Negations are pushed down to the
//! leaves first, so that an unknown comparison may count as false everywhere. Floats (NaN, -0), numerics without fixed
//! scale, intervals and arrays are never pushed: Vortex orders them differently or not at all.

use crate::predicate::{CompareOp, Predicate};
use ::vortex::dtype::{DType, DecimalDType, Nullability};
use ::vortex::expr::{
    Expression, and_collect, col, eq, gt, gt_eq, in_list_of, is_not_null, is_null, lit, lt, lt_eq, not_eq,
    or_collect,
};
use ::vortex::scalar::{DecimalValue, Scalar};
use base::id::ColumnId;
use types::{Datum, Form};

/// Longest NOT IN that is pushed: it becomes one comparison per value.
const NOT_IN_MAX: usize = 32;
/// Deepest nesting that is pushed.
const DEPTH_MAX: u32 = 32;

/// A predicate in two parts, both of which must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pushed {
    pub(super) conjuncts: Vec<Expression>,
    /// What Vortex does not evaluate.
    pub(crate) rest: Vec<Predicate>,
}

impl Pushed {
    /// Keeps rows whose stored timestamp column is at most `limit`.
    pub(crate) fn at_most(&mut self, stored: &str, limit: u64) {
        self.conjuncts.push(lt_eq(col(stored), lit(limit)));
    }

    /// Keeps rows whose stored timestamp column is above `limit`.
    pub(crate) fn above(&mut self, stored: &str, limit: u64) {
        self.conjuncts.push(gt(col(stored), lit(limit)));
    }
}

/// Splits `predicate`; `form` answers for columns stored in the segment.
pub(crate) fn push<'a>(predicate: &Predicate, form: &dyn Fn(ColumnId) -> Option<&'a Form>) -> Pushed {
    let mut pushed = Pushed::default();
    let mut pending = vec![predicate];
    while let Some(part) = pending.pop() {
        match part {
            Predicate::And(parts) => pending.extend(parts.iter().rev()),
            part => match convert(part, true, form, 0) {
                Some(expression) => pushed.conjuncts.push(expression),
                None => pushed.rest.push(part.clone()),
            },
        }
    }
    pushed
}

/// The expression that is true exactly where `predicate` is `wanted`.
fn convert<'a>(
    predicate: &Predicate,
    wanted: bool,
    form: &dyn Fn(ColumnId) -> Option<&'a Form>,
    depth: u32,
) -> Option<Expression> {
    if depth > DEPTH_MAX {
        return None;
    }
    let all = |parts: &[Predicate]| {
        parts.iter().map(|part| convert(part, wanted, form, depth + 1)).collect::<Option<Vec<_>>>()
    };
    match predicate {
        Predicate::Compare { column, op, value } => {
            let form = form(*column)?;
            if value.is_null() {
                return Some(lit(false));
            }
            let op = if wanted { *op } else { op.negated() };
            Some(comparison(op, col(column.to_string()), lit(scalar(form, value)?)))
        }
        Predicate::In { column, values } => in_list(*column, values, wanted, form(*column)?),
        Predicate::IsNull { column } | Predicate::IsNotNull { column } => {
            let stored = null_column(*column, form(*column)?);
            let null = matches!(predicate, Predicate::IsNull { .. }) == wanted;
            Some(if null { is_null(col(stored)) } else { is_not_null(col(stored)) })
        }
        Predicate::And(parts) if wanted => Some(and_collect(all(parts)?).unwrap_or_else(|| lit(true))),
        Predicate::And(parts) => Some(or_collect(all(parts)?).unwrap_or_else(|| lit(false))),
        Predicate::Or(parts) if wanted => Some(or_collect(all(parts)?).unwrap_or_else(|| lit(false))),
        Predicate::Or(parts) => Some(and_collect(all(parts)?).unwrap_or_else(|| lit(true))),
        Predicate::Not(part) => convert(part, !wanted, form, depth + 1),
    }
}

fn in_list(column: ColumnId, values: &[Datum], wanted: bool, form: &Form) -> Option<Expression> {
    let mut scalars = values.iter().map(|v| scalar(form, v)).collect::<Option<Vec<_>>>()?;
    let column = || col(column.to_string());
    if wanted {
        let Some(first) = scalars.first() else {
            return Some(lit(false));
        };
        let dtype = first.dtype().clone();
        return in_list_of(column(), dtype, scalars).ok();
    }
    if scalars.len() > NOT_IN_MAX {
        return None;
    }
    let parts = scalars.drain(..).map(|s| not_eq(column(), lit(s)));
    // NOT IN over no values is true of nulls as well.
    Some(and_collect(parts).unwrap_or_else(|| lit(true)))
}

fn comparison(op: CompareOp, column: Expression, value: Expression) -> Expression {
    match op {
        CompareOp::Equal => eq(column, value),
        CompareOp::NotEqual => not_eq(column, value),
        CompareOp::Less => lt(column, value),
        CompareOp::LessOrEqual => lt_eq(column, value),
        CompareOp::Greater => gt(column, value),
        CompareOp::GreaterOrEqual => gt_eq(column, value),
    }
}

/// The stored column whose nulls are the column's.
fn null_column(column: ColumnId, form: &Form) -> String {
    match form {
        Form::Interval => format!("{column}-months"),
        _ => column.to_string(),
    }
}

/// The value as it is stored in a column of `form`; `None` when it must not be compared by Vortex.
fn scalar(form: &Form, value: &Datum) -> Option<Scalar> {
    let never = Nullability::NonNullable;
    Some(match (form, value) {
        (Form::Bool, Datum::Bool(v)) => Scalar::bool(*v, never),
        (Form::Int16, Datum::Int16(v)) => Scalar::primitive(*v, never),
        (Form::Int32, Datum::Int32(v)) | (Form::Date, Datum::Date(v)) => Scalar::primitive(*v, never),
        (Form::Int64 | Form::Enum, Datum::Int64(v))
        | (Form::Time, Datum::Time(v))
        | (Form::Timestamp, Datum::Timestamp(v))
        | (Form::TimestampTz, Datum::TimestampTz(v)) => Scalar::primitive(*v, never),
        (Form::UInt32, Datum::UInt32(v)) => Scalar::primitive(*v, never),
        (Form::Decimal128 { scale }, Datum::Decimal128(v)) => decimal(DecimalValue::I128(*v), 38, *scale)?,
        (Form::Text, Datum::Text(v)) => Scalar::utf8(v.as_str(), never),
        (Form::Bytes, Datum::Bytes(v)) => Scalar::binary(v.clone(), never),
        (Form::Uuid, Datum::Uuid(v)) => Scalar::binary(v.to_vec(), never),
        (Form::TimeTz, Datum::TimeTz(v)) => Scalar::binary(v.to_bytes().to_vec(), never),
        _ => return None,
    })
}

fn decimal(value: DecimalValue, precision: u8, scale: u8) -> Option<Scalar> {
    let decimal_type = DecimalDType::try_new(precision, i8::try_from(scale).ok()?).ok()?;
    Scalar::try_new(DType::Decimal(decimal_type, Nullability::NonNullable), Some(value.into())).ok()
}
