//! How many rows a predicate keeps and how many values a column has, guessed from what is known without reading rows.
//!
//! Guesses choose plans; no answer depends on one. Where nothing is known the fractions are those that planners have
//! used since Selinger et al., "Access path selection in a relational database management system" (1979), adjusted to
//! analytic predicates.

use crate::kernel::udf::KernelUdf;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use std::collections::BTreeMap;
use types::{Datum, Form};

/// Part of the rows that equal a constant, in a column of unknown distribution.
const EQUAL: f64 = 0.05;
/// Part of the rows on one side of a constant.
const LESS: f64 = 0.33;
/// Part of the rows that match a pattern.
const LIKE: f64 = 0.1;
/// Part of the rows for which another predicate is true.
const OTHER: f64 = 0.3;
/// Part of the rows in which a column is null.
const NULL: f64 = 0.05;
/// A predicate keeps something: no guess goes below this.
const LEAST: f64 = 1e-7;

/// What is known of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ColumnEstimate {
    pub(crate) bounds: Option<(f64, f64)>,
    pub(crate) distinct: Option<f64>,
}

/// What is known of a relation; columns by their names in the plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RelationEstimate {
    pub(crate) rows: f64,
    /// Rows before predicates dropped some; what `distinct` counts values of.
    pub(crate) rows_unfiltered: f64,
    pub(crate) columns: BTreeMap<String, ColumnEstimate>,
    /// Sets of columns whose values together are there once.
    pub(crate) keys: Vec<Vec<String>>,
}

impl RelationEstimate {
    /// The same with the rows that a predicate keeps.
    pub(crate) fn filtered(mut self, predicate: &Expr) -> Self {
        self.rows = (self.rows * self.part_kept(predicate)).max(1.0);
        self
    }

    /// Part of the rows for which a predicate is true, from 0 to 1.
    pub(crate) fn part_kept(&self, predicate: &Expr) -> f64 {
        let mut ranges: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        let mut part = 1.0;
        let mut pending = vec![predicate];
        while let Some(expr) = pending.pop() {
            match expr {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                    pending.extend([left.as_ref(), right.as_ref()]);
                }
                // Both ends of a range are one predicate.
                other => match self.range(other) {
                    Some((column, low, high)) => {
                        let range = ranges.entry(column).or_insert((0.0, 1.0));
                        *range = (range.0.max(low), range.1.min(high));
                    }
                    None => part *= self.part_of_one(other),
                },
            }
        }
        for (low, high) in ranges.values() {
            part *= (high - low).max(0.0);
        }
        part.clamp(LEAST, 1.0)
    }

    fn part_of_one(&self, predicate: &Expr) -> f64 {
        match predicate {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                let (a, b) = (self.part_kept(left), self.part_kept(right));
                a + b - a * b
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
                Operator::Eq => self.part_equal(left, right),
                Operator::NotEq => 1.0 - self.part_equal(left, right),
                Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => LESS,
                _ => OTHER,
            },
            Expr::InList(list) => {
                let one = self.distinct(&list.expr).map_or(EQUAL, |d| 1.0 / d);
                let part = (one * list.list.len() as f64).min(0.8);
                if list.negated { 1.0 - part } else { part }
            }
            Expr::Not(inner) | Expr::IsNotTrue(inner) => 1.0 - self.part_kept(inner),
            Expr::IsTrue(inner) => self.part_kept(inner),
            Expr::IsNull(_) => NULL,
            Expr::IsNotNull(_) => 1.0 - NULL,
            Expr::Literal(ScalarValue::Boolean(Some(true)), _) => 1.0,
            Expr::Literal(_, _) => LEAST,
            Expr::ScalarFunction(call) => {
                let kernel = call.func.inner().downcast_ref::<KernelUdf>().map(KernelUdf::kernel);
                match kernel.and_then(|k| crate::kernel::patterns::like(k.oid)) {
                    Some(false) => LIKE,
                    Some(true) => 1.0 - LIKE,
                    None => OTHER,
                }
            }
            _ => OTHER,
        }
    }

    fn part_equal(&self, left: &Expr, right: &Expr) -> f64 {
        let distinct = match (self.distinct(left), self.distinct(right)) {
            (Some(a), Some(b)) => Some(f64::max(a, b)),
            (a, b) => a.or(b),
        };
        distinct.map_or(EQUAL, |d| 1.0 / d)
    }

    fn distinct(&self, expr: &Expr) -> Option<f64> {
        let Expr::Column(column) = expr else { return None };
        self.columns.get(&column.name)?.distinct.map(|d| d.max(1.0))
    }

    /// The part of a column's range, from 0 to 1, that a comparison with a constant keeps.
    fn range<'e>(&self, predicate: &'e Expr) -> Option<(&'e str, f64, f64)> {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = predicate else { return None };
        let (column, op, constant) = match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(constant, _)) => (column, *op, constant),
            (Expr::Literal(constant, _), Expr::Column(column)) => (column, op.swap()?, constant),
            _ => return None,
        };
        let (min, max) = self.columns.get(&column.name)?.bounds?;
        let place = ((number_of(constant)? - min) / (max - min).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        match op {
            Operator::Lt | Operator::LtEq => Some((&column.name, 0.0, place)),
            Operator::Gt | Operator::GtEq => Some((&column.name, place, 1.0)),
            _ => None,
        }
    }
}

/// What is known of a column of a table with `rows` rows. `counted`: different values when they were counted last.
pub(crate) fn column(
    form: &Form,
    bounds: Option<(Datum, Datum)>,
    rows: f64,
    is_key: bool,
    counted: Option<u64>,
) -> ColumnEstimate {
    let bounds = bounds.and_then(|(min, max)| Some((number(&min, form)?, number(&max, form)?)));
    // Whole numbers have at most as many values as their range.
    let steps = match form {
        Form::Int16 | Form::Int32 | Form::Int64 | Form::UInt32 | Form::Date => Some(1.0),
        Form::Decimal128 { scale } => Some(10_f64.powi(i32::from(*scale))),
        _ => None,
    };
    let in_range = bounds.zip(steps).map(|((min, max), steps)| (max - min) * steps + 1.0);
    let distinct = match form {
        _ if is_key => Some(rows),
        _ if counted.is_some() => counted.map(|values| (values as f64).min(rows)),
        Form::Bool => Some(2.0),
        _ => in_range.map(|values| values.min(rows)),
    };
    ColumnEstimate { bounds, distinct: distinct.map(|d| d.max(1.0)) }
}

/// A value's place on the line of numbers.
fn number(value: &Datum, form: &Form) -> Option<f64> {
    Some(match (value, form) {
        (Datum::Int16(v), _) => f64::from(*v),
        (Datum::Int32(v) | Datum::Date(v), _) => f64::from(*v),
        (Datum::UInt32(v), _) => f64::from(*v),
        (Datum::Int64(v) | Datum::Timestamp(v) | Datum::TimestampTz(v), _) => *v as f64,
        (Datum::Float32(v), _) => f64::from(*v),
        (Datum::Float64(v), _) => *v,
        (Datum::Decimal128(v), Form::Decimal128 { scale }) => *v as f64 / 10_f64.powi(i32::from(*scale)),
        _ => return None,
    })
}

fn number_of(constant: &ScalarValue) -> Option<f64> {
    Some(match constant {
        ScalarValue::Int16(Some(v)) => f64::from(*v),
        ScalarValue::Int32(Some(v)) | ScalarValue::Date32(Some(v)) => f64::from(*v),
        ScalarValue::UInt32(Some(v)) => f64::from(*v),
        ScalarValue::Int64(Some(v)) | ScalarValue::TimestampMicrosecond(Some(v), _) => *v as f64,
        ScalarValue::Float32(Some(v)) => f64::from(*v),
        ScalarValue::Float64(Some(v)) => *v,
        ScalarValue::Decimal128(Some(v), _, scale) => *v as f64 / 10_f64.powi(i32::from(*scale)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{col, lit};

    fn relation() -> RelationEstimate {
        let column = ColumnEstimate { bounds: Some((0.0, 100.0)), distinct: Some(50.0) };
        RelationEstimate {
            rows: 1000.0,
            rows_unfiltered: 1000.0,
            columns: BTreeMap::from([("c1".to_owned(), column)]),
            keys: Vec::new(),
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn ranges_are_parts_of_the_bounds() {
        let part = |predicate: Expr| relation().part_kept(&predicate);
        assert!(close(part(col("c1").lt(lit(25_i32))), 0.25));
        assert!(close(part(col("c1").gt_eq(lit(25_i32)).and(col("c1").lt(lit(35_i32)))), 0.1));
        assert!(close(part(col("c1").gt(lit(1000_i32))), LEAST));
        assert!(close(part(lit(25_i32).gt(col("c1"))), 0.25));
    }

    #[test]
    fn equality_is_one_value_of_many() {
        let part = |predicate: Expr| relation().part_kept(&predicate);
        assert!(close(part(col("c1").eq(lit(7_i32))), 0.02));
        assert!(close(part(col("c1").not_eq(lit(7_i32))), 0.98));
        assert!(close(part(col("c1").in_list(vec![lit(1_i32), lit(2_i32)], false)), 0.04));
        assert!(close(part(col("c2").eq(lit("x"))), EQUAL));
    }
}
