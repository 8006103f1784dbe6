//! What an aggregate computes from its rows once it has them all.

use crate::kernel::aggregate::collect::SortBy;
use crate::kernel::aggregate::moments::{Moment, Moments};
use crate::kernel::aggregate::ordered_set::{self, OrderedSet};
use crate::kernel::aggregate::regression::{Regression, Sums};
use crate::kernel::json::{self, Kind};
use crate::kernel::{array_shape, floats};
use base::{Error, ErrorKind, Result};
use types::pgnum::PgNum;
use types::{Datum, Form, Interval, IoSettings, SqlType, datetime};

/// An aggregate over collected rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Finish {
    ArrayAgg,
    StringAgg,
    Sum,
    Avg,
    /// Sample or population variance, or its root.
    Variance {
        sample: bool,
        root: bool,
    },
    BitAnd,
    BitOr,
    BitXor,
    JsonArray(Kind),
    JsonObject(Kind),
    /// Of pairs of floats.
    Regression(Regression),
    /// WITHIN GROUP: the arguments in front of the ordered ones come first.
    OrderedSet(OrderedSet),
}

impl Finish {
    /// Whether a row does not count, because of a null among its arguments.
    pub(crate) fn skips(self, row: &[Datum]) -> bool {
        let is_null = |index: usize| row.get(index).is_none_or(Datum::is_null);
        match self {
            Finish::ArrayAgg | Finish::JsonArray(_) | Finish::JsonObject(_) => false,
            Finish::Regression(_) => is_null(0) || is_null(1),
            Finish::OrderedSet(set) => set.skipped_when_null().is_some_and(is_null),
            _ => is_null(0),
        }
    }

    /// `io` says how values are written where the result is made of their texts.
    pub(crate) fn compute(
        self,
        types: &[SqlType],
        ret: &SqlType,
        rows: &[&Vec<Datum>],
        io: &IoSettings,
        sorts: &[SortBy],
    ) -> Result<Datum> {
        let Some(ty) = types.first() else { return Err(Error::internal("an aggregate without arguments")) };
        match self {
            Finish::OrderedSet(set) => return ordered_set::compute(set, types, rows, sorts),
            Finish::Regression(wanted) => return regression(wanted, rows),
            _ if rows.is_empty() => return Ok(Datum::Null),
            _ => {}
        }
        let firsts = || rows.iter().filter_map(|row| row.first());
        match self {
            Finish::ArrayAgg if ty.oid == ret.oid => array_shape::aggregated(firsts()),
            Finish::ArrayAgg => Ok(Datum::list(firsts().cloned().collect())),
            Finish::StringAgg => string_agg(rows),
            Finish::Sum => sum(ty, ret, firsts()),
            Finish::Avg => average(ty, ret, firsts(), rows.len()),
            Finish::Variance { sample, root } => variance(ty, ret, firsts(), rows.len(), sample, root),
            Finish::BitAnd => bits(firsts(), |a, b| a & b),
            Finish::JsonArray(kind) => json::aggregate_array(kind, ty, rows, io),
            Finish::JsonObject(kind) => json::aggregate_object(kind, types, rows, io),
            Finish::BitOr => bits(firsts(), |a, b| a | b),
            Finish::BitXor => bits(firsts(), |a, b| a ^ b),
            Finish::Regression(_) | Finish::OrderedSet(_) => Err(Error::internal("an aggregate was left")),
        }
    }
}

fn regression(wanted: Regression, rows: &[&Vec<Datum>]) -> Result<Datum> {
    if wanted == Regression::Count {
        return Ok(i64::try_from(rows.len()).map_or(Datum::Null, Datum::Int64));
    }
    let mut sums = Sums::default();
    for row in rows {
        let (Some(Datum::Float64(y)), Some(Datum::Float64(x))) = (row.first(), row.get(1)) else {
            return Err(Error::internal("a regression of something that is no float"));
        };
        sums.add(*y, *x)?;
    }
    Ok(sums.finish(wanted))
}

/// The value as a numeric; None for types that are none.
fn numeric(ty: &SqlType, datum: &Datum) -> Result<Option<PgNum>> {
    Ok(Some(match (datum, &ty.form) {
        (Datum::Int16(v), _) => PgNum::from_i64(i64::from(*v)),
        (Datum::Int32(v), _) => PgNum::from_i64(i64::from(*v)),
        (Datum::Int64(v), _) => PgNum::from_i64(*v),
        (Datum::Decimal128(v), Form::Decimal128 { scale }) => PgNum::from_i128(*v, *scale),
        (Datum::Decimal256(v), Form::Decimal256 { scale }) => PgNum::from_i256(*v, *scale)?,
        (Datum::PgNum(v), _) => PgNum::from_bytes(v)?,
        _ => return Ok(None),
    }))
}

/// A numeric in the form of a type.
fn into_form(value: &PgNum, ret: &SqlType) -> Result<Datum> {
    use types::pgnum::Fit;
    Ok(match &ret.form {
        Form::PgNum => Datum::PgNum(value.to_bytes()),
        Form::Decimal128 { scale } => {
            Datum::Decimal128(value.to_decimal128(Fit { precision: 38, scale: i16::from(*scale) })?)
        }
        Form::Decimal256 { scale } => {
            Datum::Decimal256(value.to_decimal256(Fit { precision: 76, scale: i16::from(*scale) })?)
        }
        Form::Int64 => Datum::Int64(
            value.to_i64().map_err(|_| Error::new(ErrorKind::NumericOutOfRange, "bigint out of range"))?,
        ),
        other => return Err(Error::internal(format!("an aggregate of form {other:?}"))),
    })
}

fn sum<'d>(ty: &SqlType, ret: &SqlType, values: impl Iterator<Item = &'d Datum>) -> Result<Datum> {
    let mut total: Option<Datum> = None;
    let mut exact: Option<PgNum> = None;
    for value in values {
        if let Some(number) = numeric(ty, value)? {
            exact = Some(match exact {
                None => number,
                Some(sum) => sum.add(&number)?,
            });
            continue;
        }
        total = Some(match (total, value) {
            (None, first) => first.clone(),
            (Some(Datum::Float64(a)), Datum::Float64(b)) => Datum::Float64(floats::add(a, *b)?),
            (Some(Datum::Float32(a)), Datum::Float32(b)) => Datum::Float32(floats::add_real(a, *b)?),
            (Some(Datum::Interval(a)), Datum::Interval(b)) => Datum::Interval(datetime::interval_add(a, *b)?),
            _ => return Err(Error::internal(format!("a sum of form {:?}", ty.form))),
        });
    }
    match exact {
        Some(sum) => into_form(&sum, ret),
        None => Ok(total.unwrap_or(Datum::Null)),
    }
}

fn average<'d>(
    ty: &SqlType,
    ret: &SqlType,
    values: impl Iterator<Item = &'d Datum>,
    count: usize,
) -> Result<Datum> {
    let exact = matches!(ty.form, Form::Int16 | Form::Int32 | Form::Int64)
        || matches!(ty.form, Form::Decimal128 { .. } | Form::Decimal256 { .. } | Form::PgNum);
    if exact {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let whole =
            SqlType { oid: types::sql_type::oid::NUMERIC, typmod: -1, form: Form::PgNum, domain: None };
        let Datum::PgNum(total) = sum(ty, &whole, values)? else { return Ok(Datum::Null) };
        return into_form(&types::pgnum::average(&PgNum::from_bytes(&total)?, count)?, ret);
    }
    if matches!(ty.form, Form::Float32 | Form::Float64) {
        return moment(values, Moment::Average);
    }
    #[expect(clippy::cast_precision_loss, reason = "a row count, as PostgreSQL divides by it")]
    match sum(ty, ret, values)? {
        Datum::Interval(total) => Ok(Datum::Interval(interval_average(total, count as f64)?)),
        _ => Err(Error::internal(format!("an average of form {:?}", ty.form))),
    }
}

/// A moment of floats.
fn moment<'d>(values: impl Iterator<Item = &'d Datum>, moment: Moment) -> Result<Datum> {
    let mut moments = Moments::default();
    for value in values {
        match value {
            Datum::Float64(value) => moments.add(*value)?,
            Datum::Float32(value) => moments.add(f64::from(*value))?,
            _ => return Err(Error::internal("an average of floats was given another type")),
        }
    }
    Ok(moments.finish(moment).map_or(Datum::Null, Datum::Float64))
}

fn interval_average(total: Interval, count: f64) -> Result<Interval> {
    datetime::interval_div(total, count)
}

fn string_agg(rows: &[&Vec<Datum>]) -> Result<Datum> {
    let mut text = String::new();
    let mut bytes = Vec::new();
    let mut binary = false;
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            match row.get(1) {
                Some(Datum::Text(delimiter)) => text.push_str(delimiter),
                Some(Datum::Bytes(delimiter)) => bytes.extend_from_slice(delimiter),
                _ => {}
            }
        }
        match row.first() {
            Some(Datum::Text(value)) => text.push_str(value),
            Some(Datum::Bytes(value)) => {
                binary = true;
                bytes.extend_from_slice(value);
            }
            _ => return Err(Error::internal("string_agg of something that is no string")),
        }
        if text.len().max(bytes.len()) > base::limits::VALUE_BYTES_MAX {
            return Err(Error::new(ErrorKind::LimitExceeded, "the result of string_agg is too long")
                .with_hint(format!("a value holds at most {} bytes", base::limits::VALUE_BYTES_MAX)));
        }
    }
    Ok(if binary { Datum::Bytes(bytes) } else { Datum::Text(text) })
}

fn variance<'d>(
    ty: &SqlType,
    ret: &SqlType,
    values: impl Iterator<Item = &'d Datum>,
    count: usize,
    sample: bool,
    root: bool,
) -> Result<Datum> {
    if sample && count < 2 {
        return Ok(Datum::Null);
    }
    if ret.form == Form::Float64 {
        return moment(values, Moment::Variance { sample, root });
    }
    let mut total = PgNum::zero(0);
    let mut squares = PgNum::zero(0);
    for value in values {
        let number =
            numeric(ty, value)?.ok_or_else(|| Error::internal("a variance of something not numeric"))?;
        squares = squares.add(&number.times(&number))?;
        total = total.add(&number)?;
    }
    if !total.is_finite() || !squares.is_finite() {
        return into_form(&PgNum::NAN, ret);
    }
    let n = PgNum::from_i64(i64::try_from(count).unwrap_or(i64::MAX));
    let numerator = n.times(&squares).sub(&total.times(&total))?;
    let one_less = PgNum::from_i64(i64::try_from(count).unwrap_or(i64::MAX).saturating_sub(1));
    if numerator.is_negative() || numerator.is_zero() {
        return into_form(&PgNum::zero(0), ret);
    }
    let denominator = if sample { n.mul(&one_less)? } else { n.mul(&n)? };
    let value = numerator.div(&denominator)?;
    into_form(&if root { value.sqrt_at(i32::from(value.scale()))? } else { value }, ret)
}

fn bits<'d>(values: impl Iterator<Item = &'d Datum>, combine: fn(i64, i64) -> i64) -> Result<Datum> {
    let mut result: Option<Datum> = None;
    for value in values {
        result = Some(match (result, value) {
            (None, first) => first.clone(),
            (Some(Datum::Int64(a)), Datum::Int64(b)) => Datum::Int64(combine(a, *b)),
            (Some(Datum::Int32(a)), Datum::Int32(b)) => {
                Datum::Int32(i32::try_from(combine(i64::from(a), i64::from(*b))).unwrap_or(0))
            }
            (Some(Datum::Int16(a)), Datum::Int16(b)) => {
                Datum::Int16(i16::try_from(combine(i64::from(a), i64::from(*b))).unwrap_or(0))
            }
            _ => return Err(Error::internal("a bit aggregate of something that is no integer")),
        });
    }
    Ok(result.unwrap_or(Datum::Null))
}
