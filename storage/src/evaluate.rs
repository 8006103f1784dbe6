//! Predicates over Arrow batches and over bounds of columns.
//!
//! Semantics are SQL's: three-valued, floats with NaN above all and -0 equal to 0, text and bytea by bytes, interval by
//! its length. Must not know where batches come from: their fields are named by column id in decimal.

use crate::predicate::{CompareOp, Predicate};
use arrow::array::{Array, ArrayAccessor, ArrayRef, AsArray, BooleanArray};
use arrow::compute::kernels::boolean::{and_kleene, is_not_null, is_null, not, or_kleene};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type,
    Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use arrow::record_batch::RecordBatch;
use base::id::ColumnId;
use base::{Error, Result};
use std::cmp::Ordering;
use types::datetime::interval_order;
use types::datum::Interval;
use types::pgnum::key_of;
use types::{Datum, Form};

/// Bounds of a column's values over some rows. Bounds may be wider than the values, never narrower.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ColumnStats {
    /// Not above any value; `None` when unknown or when there is no value.
    pub(crate) min: Option<Datum>,
    /// Not below any value; `None` when unknown or when there is no value.
    pub(crate) max: Option<Datum>,
    pub(crate) null_count: u64,
    pub(crate) rows: u64,
}

/// The truth of `predicate` for each row; null is unknown.
/// `Internal` for a column that the batch lacks or a value of another form, `Unsupported` for arrays.
pub(crate) fn evaluate(predicate: &Predicate, batch: &RecordBatch) -> Result<BooleanArray> {
    match predicate {
        Predicate::Compare { column, op, value } => compare_column(column_of(batch, *column)?, *op, value),
        Predicate::In { column, values } => in_column(column_of(batch, *column)?, values),
        Predicate::IsNull { column } => is_null(column_of(batch, *column)?).map_err(failed),
        Predicate::IsNotNull { column } => is_not_null(column_of(batch, *column)?).map_err(failed),
        Predicate::And(parts) => fold(parts, batch, true, and_kleene),
        Predicate::Or(parts) => fold(parts, batch, false, or_kleene),
        Predicate::Not(part) => not(&evaluate(part, batch)?).map_err(failed),
    }
}

/// Columns that `predicate` reads, each once, in order of their ids.
pub(crate) fn columns_of(predicate: &Predicate) -> Vec<ColumnId> {
    fn visit(predicate: &Predicate, out: &mut Vec<ColumnId>) {
        match predicate {
            Predicate::Compare { column, .. }
            | Predicate::In { column, .. }
            | Predicate::IsNull { column }
            | Predicate::IsNotNull { column } => out.push(*column),
            Predicate::And(parts) | Predicate::Or(parts) => parts.iter().for_each(|part| visit(part, out)),
            Predicate::Not(part) => visit(part, out),
        }
    }
    let mut out = Vec::new();
    visit(predicate, &mut out);
    out.sort_unstable();
    out.dedup();
    out
}

/// Whether a row within these bounds can make `predicate` true. `stats` answers `None` for an unknown column.
pub(crate) fn may_match<'a>(
    predicate: &Predicate,
    stats: &dyn Fn(ColumnId) -> Option<&'a ColumnStats>,
) -> bool {
    may_be(predicate, stats, true)
}

/// Whether `predicate` can be `wanted` for a row within the bounds.
fn may_be<'a>(
    predicate: &Predicate,
    stats: &dyn Fn(ColumnId) -> Option<&'a ColumnStats>,
    wanted: bool,
) -> bool {
    match predicate {
        Predicate::Compare { column, op, value } => {
            let op = if wanted { *op } else { op.negated() };
            !value.is_null() && stats(*column).is_none_or(|s| s.may_compare(op, value))
        }
        Predicate::In { column, values } => stats(*column).is_none_or(|s| {
            if wanted {
                values.iter().any(|v| s.may_compare(CompareOp::Equal, v))
            } else {
                values.iter().all(|v| s.may_compare(CompareOp::NotEqual, v))
            }
        }),
        Predicate::IsNull { column } => stats(*column).is_none_or(|s| s.may_be_null(wanted)),
        Predicate::IsNotNull { column } => stats(*column).is_none_or(|s| s.may_be_null(!wanted)),
        Predicate::And(parts) if wanted => parts.iter().all(|part| may_be(part, stats, true)),
        Predicate::And(parts) => parts.iter().any(|part| may_be(part, stats, false)),
        Predicate::Or(parts) if wanted => parts.iter().any(|part| may_be(part, stats, true)),
        Predicate::Or(parts) => parts.iter().all(|part| may_be(part, stats, false)),
        Predicate::Not(part) => may_be(part, stats, !wanted),
    }
}

impl ColumnStats {
    /// Bounds of rows that all have one value.
    pub(crate) fn of(value: &Datum) -> Self {
        let bound = Some(value.clone()).filter(|value| !value.is_null());
        Self { min: bound.clone(), max: bound, null_count: u64::from(value.is_null()), rows: 1 }
    }

    fn may_be_null(&self, wanted: bool) -> bool {
        if wanted { self.null_count > 0 } else { self.null_count < self.rows }
    }

    fn may_compare(&self, op: CompareOp, value: &Datum) -> bool {
        if self.null_count >= self.rows {
            return false;
        }
        let (Some(min), Some(max)) = (&self.min, &self.max) else {
            return true;
        };
        let (Some(low), Some(high)) = (compare(min, value), compare(max, value)) else {
            return true;
        };
        match op {
            CompareOp::Equal => low.is_le() && high.is_ge(),
            CompareOp::NotEqual => !(low.is_eq() && high.is_eq()),
            CompareOp::Less => low.is_lt(),
            CompareOp::LessOrEqual => low.is_le(),
            CompareOp::Greater => high.is_gt(),
            CompareOp::GreaterOrEqual => high.is_ge(),
        }
    }
}

impl CompareOp {
    /// The operator that is true where this one is false.
    pub(crate) fn negated(self) -> Self {
        match self {
            CompareOp::Equal => CompareOp::NotEqual,
            CompareOp::NotEqual => CompareOp::Equal,
            CompareOp::Less => CompareOp::GreaterOrEqual,
            CompareOp::LessOrEqual => CompareOp::Greater,
            CompareOp::Greater => CompareOp::LessOrEqual,
            CompareOp::GreaterOrEqual => CompareOp::Less,
        }
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            CompareOp::Equal => ordering.is_eq(),
            CompareOp::NotEqual => ordering.is_ne(),
            CompareOp::Less => ordering.is_lt(),
            CompareOp::LessOrEqual => ordering.is_le(),
            CompareOp::Greater => ordering.is_gt(),
            CompareOp::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// SQL's order of two values of one form; `None` for nulls, different forms, arrays and jsonb.
pub(crate) fn compare(a: &Datum, b: &Datum) -> Option<Ordering> {
    Some(match (a, b) {
        (Datum::Bool(a), Datum::Bool(b)) => a.cmp(b),
        (Datum::Int16(a), Datum::Int16(b)) => a.cmp(b),
        (Datum::Int32(a), Datum::Int32(b)) => a.cmp(b),
        (Datum::Int64(a), Datum::Int64(b)) => a.cmp(b),
        (Datum::UInt32(a), Datum::UInt32(b)) => a.cmp(b),
        (Datum::Float32(a), Datum::Float32(b)) => float_key(f64::from(*a)).cmp(&float_key(f64::from(*b))),
        (Datum::Float64(a), Datum::Float64(b)) => float_key(*a).cmp(&float_key(*b)),
        (Datum::Decimal128(a), Datum::Decimal128(b)) => a.cmp(b),
        (Datum::Decimal256(a), Datum::Decimal256(b)) => a.cmp(b),
        (Datum::PgNum(a), Datum::PgNum(b)) => key_of(a).cmp(key_of(b)),
        (Datum::Text(a), Datum::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Datum::Bytes(a), Datum::Bytes(b)) => a.cmp(b),
        (Datum::Uuid(a), Datum::Uuid(b)) => a.cmp(b),
        (Datum::TimeTz(a), Datum::TimeTz(b)) => a.to_bytes().cmp(&b.to_bytes()),
        (Datum::Time(a), Datum::Time(b)) => a.cmp(b),
        (Datum::Date(a), Datum::Date(b)) => a.cmp(b),
        (Datum::Timestamp(a), Datum::Timestamp(b)) | (Datum::TimestampTz(a), Datum::TimestampTz(b)) => {
            a.cmp(b)
        }
        (Datum::Interval(a), Datum::Interval(b)) => interval_order(*a).cmp(&interval_order(*b)),
        _ => return None,
    })
}

/// A number in the order of PostgreSQL's floats: NaN above infinity and equal to itself, -0 equal to 0.
pub(crate) fn float_key(value: f64) -> i64 {
    if value.is_nan() {
        return i64::MAX;
    }
    let bits = (value + 0.0).to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

fn column_of(batch: &RecordBatch, column: ColumnId) -> Result<&ArrayRef> {
    batch
        .column_by_name(&column.to_string())
        .ok_or_else(|| Error::internal(format!("a predicate reads column {column}, which the batch lacks")))
}

fn failed(error: arrow::error::ArrowError) -> Error {
    Error::internal(format!("could not evaluate a predicate: {error}"))
}

type Kleene = fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, arrow::error::ArrowError>;

fn fold(parts: &[Predicate], batch: &RecordBatch, empty: bool, combine: Kleene) -> Result<BooleanArray> {
    let mut parts = parts.iter();
    let Some(first) = parts.next() else {
        return Ok(constant(Some(empty), batch.num_rows()));
    };
    parts.try_fold(evaluate(first, batch)?, |so_far, part| {
        combine(&so_far, &evaluate(part, batch)?).map_err(failed)
    })
}

fn constant(value: Option<bool>, rows: usize) -> BooleanArray {
    match value {
        Some(value) => BooleanArray::new(
            if value {
                arrow::buffer::BooleanBuffer::new_set(rows)
            } else {
                arrow::buffer::BooleanBuffer::new_unset(rows)
            },
            None,
        ),
        None => BooleanArray::new_null(rows),
    }
}

/// What to do with each value of a column, as a key of one type in SQL's order.
enum Test<'a> {
    Compare(CompareOp, &'a Datum),
    In(&'a [Datum]),
}

fn compare_column(array: &ArrayRef, op: CompareOp, value: &Datum) -> Result<BooleanArray> {
    if value.is_null() {
        return Ok(constant(None, array.len()));
    }
    test_column(array, value, &Test::Compare(op, value))
}

fn in_column(array: &ArrayRef, values: &[Datum]) -> Result<BooleanArray> {
    let Some(first) = values.first() else {
        return Ok(constant(Some(false), array.len()));
    };
    test_column(array, first, &Test::In(values))
}

fn test_column(array: &ArrayRef, shape: &Datum, test: &Test<'_>) -> Result<BooleanArray> {
    macro_rules! native {
        ($arrow:ty, $variant:ident) => {{
            let key = |d: &Datum| if let Datum::$variant(v) = d { Some(*v) } else { None };
            run(primitive::<$arrow>(array)?, |v| v, key, test)
        }};
    }
    macro_rules! bytes {
        ($array:expr, $value:expr, $variant:ident) => {{
            fn key(d: &Datum) -> Option<&[u8]> {
                if let Datum::$variant(v) = d { Some(v.as_ref()) } else { None }
            }
            run($array.ok_or_else(|| mismatch(array))?, $value, key, test)
        }};
    }
    match shape {
        Datum::Bool(_) => {
            let key = |d: &Datum| if let Datum::Bool(v) = d { Some(*v) } else { None };
            run(array.as_boolean_opt().ok_or_else(|| mismatch(array))?, |v| v, key, test)
        }
        Datum::Int16(_) => native!(Int16Type, Int16),
        Datum::Int32(_) => native!(Int32Type, Int32),
        Datum::Int64(_) => native!(Int64Type, Int64),
        Datum::UInt32(_) => native!(UInt32Type, UInt32),
        Datum::Decimal128(_) => native!(Decimal128Type, Decimal128),
        Datum::Decimal256(_) => native!(Decimal256Type, Decimal256),
        Datum::Date(_) => native!(Date32Type, Date),
        Datum::Timestamp(_) => native!(TimestampMicrosecondType, Timestamp),
        Datum::TimestampTz(_) => native!(TimestampMicrosecondType, TimestampTz),
        Datum::Float32(_) => {
            let key =
                |d: &Datum| if let Datum::Float32(v) = d { Some(float_key(f64::from(*v))) } else { None };
            run(primitive::<Float32Type>(array)?, |v| float_key(f64::from(v)), key, test)
        }
        Datum::Float64(_) => {
            let key = |d: &Datum| if let Datum::Float64(v) = d { Some(float_key(*v)) } else { None };
            run(primitive::<Float64Type>(array)?, float_key, key, test)
        }
        Datum::Interval(_) => {
            let key = |d: &Datum| if let Datum::Interval(v) = d { Some(interval_order(*v)) } else { None };
            let spans = array.as_fixed_size_binary_opt().ok_or_else(|| mismatch(array))?;
            if *array.data_type() != Form::Interval.arrow() {
                return Err(mismatch(array));
            }
            // The width is that of intervals, so each value is one.
            run(spans, |v| Interval::from_bytes(v).map_or(0, interval_order), key, test)
        }
        Datum::Text(_) => bytes!(array.as_string_view_opt(), str::as_bytes, Text),
        Datum::Bytes(_) => bytes!(array.as_binary_view_opt(), |v| v, Bytes),
        Datum::Uuid(_) => bytes!(array.as_binary_view_opt(), |v| v, Uuid),
        Datum::PgNum(_) => {
            fn key(d: &Datum) -> Option<&[u8]> {
                if let Datum::PgNum(v) = d { Some(key_of(v)) } else { None }
            }
            run(array.as_binary_view_opt().ok_or_else(|| mismatch(array))?, key_of, key, test)
        }
        Datum::Time(_) => native!(Time64MicrosecondType, Time),
        Datum::TimeTz(_) => {
            let key = |d: &Datum| if let Datum::TimeTz(v) = d { Some(v.to_bytes().to_vec()) } else { None };
            run(array.as_binary_view_opt().ok_or_else(|| mismatch(array))?, <[u8]>::to_vec, key, test)
        }
        Datum::Jsonb(_) | Datum::List(_) | Datum::Row(_) => {
            Err(Error::unsupported("storage cannot compare arrays, rows and jsonb"))
        }
        Datum::Null => Err(Error::internal("a null among the values of IN")),
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<&arrow::array::PrimitiveArray<T>> {
    array.as_primitive_opt::<T>().ok_or_else(|| mismatch(array))
}

fn mismatch(array: &ArrayRef) -> Error {
    let data_type: &DataType = array.data_type();
    Error::internal(format!("a predicate compares a column of {data_type} with a value of another form"))
}

fn run<'d, A: ArrayAccessor, K: Ord>(
    array: A,
    value_key: impl Fn(A::Item) -> K,
    datum_key: impl Fn(&'d Datum) -> Option<K>,
    test: &Test<'d>,
) -> Result<BooleanArray> {
    let foreign = || Error::internal("the values of a predicate are of different forms");
    match test {
        Test::Compare(op, value) => {
            let wanted = datum_key(value).ok_or_else(foreign)?;
            // One loop per operator, so that the operator is not looked at for each row.
            Ok(match op {
                CompareOp::Equal => BooleanArray::from_unary(array, |v| value_key(v) == wanted),
                CompareOp::NotEqual => BooleanArray::from_unary(array, |v| value_key(v) != wanted),
                CompareOp::Less => BooleanArray::from_unary(array, |v| value_key(v) < wanted),
                op => BooleanArray::from_unary(array, |v| op.holds(value_key(v).cmp(&wanted))),
            })
        }
        Test::In(values) => {
            let mut keys =
                values.iter().map(|v| datum_key(v).ok_or_else(foreign)).collect::<Result<Vec<K>>>()?;
            keys.sort_unstable();
            Ok(BooleanArray::from_unary(array, |v| keys.binary_search(&value_key(v)).is_ok()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::Schema;
    use std::sync::Arc;

    fn truth(form: &Form, data: &[Datum], predicate: &Predicate) -> Vec<Option<bool>> {
        let schema = Schema::new(vec![types::array::field("1", form)]);
        let batch =
            RecordBatch::try_new(Arc::new(schema), vec![types::array::from_data(form, data).unwrap()])
                .unwrap();
        evaluate(predicate, &batch).unwrap().iter().collect()
    }

    fn is(op: CompareOp, value: Datum) -> Predicate {
        Predicate::Compare { column: ColumnId(1), op, value }
    }

    #[test]
    fn floats_compare_as_in_postgresql() {
        let data = [f64::NAN, f64::INFINITY, 1.0, 0.0, -0.0, f64::NEG_INFINITY].map(Datum::Float64);
        let of = |op, value| truth(&Form::Float64, &data, &is(op, Datum::Float64(value)));
        assert_eq!(of(CompareOp::Equal, -f64::NAN), [true, false, false, false, false, false].map(Some));
        assert_eq!(of(CompareOp::Equal, 0.0), [false, false, false, true, true, false].map(Some));
        assert_eq!(
            of(CompareOp::Greater, f64::INFINITY),
            [true, false, false, false, false, false].map(Some)
        );
        assert_eq!(of(CompareOp::Less, -0.0), [false, false, false, false, false, true].map(Some));
        let list = Predicate::In {
            column: ColumnId(1),
            values: vec![Datum::Float64(f64::NAN), Datum::Float64(-0.0)],
        };
        assert_eq!(truth(&Form::Float64, &data, &list), [true, false, false, true, true, false].map(Some));
    }

    #[test]
    fn unknown_is_neither_true_nor_false() {
        let data = [Datum::Null, Datum::Int32(1)];
        let one = is(CompareOp::Equal, Datum::Int32(1));
        let null = is(CompareOp::Equal, Datum::Null);
        let of = |predicate: &Predicate| truth(&Form::Int32, &data, predicate);
        assert_eq!(of(&one), [None, Some(true)]);
        assert_eq!(of(&Predicate::Not(Box::new(one.clone()))), [None, Some(false)]);
        assert_eq!(of(&null), [None, None]);
        assert_eq!(of(&Predicate::Or(vec![null.clone(), one.clone()])), [None, Some(true)]);
        assert_eq!(of(&Predicate::And(vec![null, one])), [None, None]);
        assert_eq!(of(&Predicate::IsNull { column: ColumnId(1) }), [Some(true), Some(false)]);
        assert_eq!(of(&Predicate::In { column: ColumnId(1), values: vec![] }), [Some(false), Some(false)]);
        assert_eq!(of(&Predicate::And(vec![])), [Some(true), Some(true)]);
    }

    #[test]
    fn intervals_compare_by_length() {
        let month = Datum::Interval(Interval { months: 1, days: 0, micros: 0 });
        let days = Datum::Interval(Interval { months: 0, days: 30, micros: 0 });
        assert_eq!(compare(&month, &days), Some(Ordering::Equal));
        assert_eq!(truth(&Form::Interval, &[days], &is(CompareOp::GreaterOrEqual, month)), [Some(true)]);
    }

    #[test]
    fn bounds_prune() {
        let stats =
            ColumnStats { min: Some(Datum::Int32(5)), max: Some(Datum::Int32(9)), null_count: 0, rows: 3 };
        let may = |predicate: &Predicate| may_match(predicate, &|_| Some(&stats));
        assert!(!may(&is(CompareOp::Less, Datum::Int32(5))));
        assert!(may(&is(CompareOp::LessOrEqual, Datum::Int32(5))));
        assert!(!may(&is(CompareOp::Equal, Datum::Int32(10))));
        assert!(!may(&Predicate::Not(Box::new(is(CompareOp::Less, Datum::Int32(10))))));
        assert!(!may(&Predicate::IsNull { column: ColumnId(1) }));
        assert!(!may(&is(CompareOp::Equal, Datum::Null)));
        let none = ColumnStats { min: None, max: None, null_count: 3, rows: 3 };
        assert!(!may_match(&is(CompareOp::NotEqual, Datum::Int32(1)), &|_| Some(&none)));
    }
}
