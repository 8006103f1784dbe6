//! Aggregates WITHIN GROUP: percentiles, mode, and ranks of a row that is not there.
//!
//! Invariant: rows come in the order of WITHIN GROUP; their direct arguments, which come first, are the same in all.

use crate::kernel::aggregate::collect::{SortBy, compare};
use crate::kernel::list::order_key;
use base::{Error, ErrorKind, Result};
use std::cmp::Ordering;
use types::{Datum, SqlType, datetime};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OrderedSet {
    /// percentile_cont: between values.
    Between,
    /// percentile_disc: one of the values.
    Among,
    Mode,
    Rank,
    DenseRank,
    PercentRank,
    CumeDist,
}

impl OrderedSet {
    /// By the name of the aggregate.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "percentile_cont" => OrderedSet::Between,
            "percentile_disc" => OrderedSet::Among,
            "mode" => OrderedSet::Mode,
            "rank" => OrderedSet::Rank,
            "dense_rank" => OrderedSet::DenseRank,
            "percent_rank" => OrderedSet::PercentRank,
            "cume_dist" => OrderedSet::CumeDist,
            _ => return None,
        })
    }

    /// The argument without which a row does not count.
    pub(crate) fn skipped_when_null(self) -> Option<usize> {
        match self {
            OrderedSet::Between | OrderedSet::Among => Some(1),
            OrderedSet::Mode => Some(0),
            OrderedSet::Rank | OrderedSet::DenseRank | OrderedSet::PercentRank | OrderedSet::CumeDist => None,
        }
    }
}

pub(crate) fn compute(
    set: OrderedSet,
    types: &[SqlType],
    rows: &[&Vec<Datum>],
    sorts: &[SortBy],
) -> Result<Datum> {
    match set {
        OrderedSet::Between | OrderedSet::Among => match rows.first().and_then(|row| row.first()) {
            None => Ok(Datum::Null),
            Some(Datum::List(wanted)) => {
                let values = wanted.iter().map(|wanted| percentile(set, wanted, rows));
                wanted.with_items(values.collect::<Result<Vec<_>>>()?).map(Datum::List)
            }
            Some(wanted) => percentile(set, wanted, rows),
        },
        OrderedSet::Mode => Ok(mode(types, rows)),
        OrderedSet::Rank | OrderedSet::DenseRank | OrderedSet::PercentRank | OrderedSet::CumeDist => {
            Ok(rank(set, rows, sorts))
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "places among the rows"
)]
fn percentile(set: OrderedSet, wanted: &Datum, rows: &[&Vec<Datum>]) -> Result<Datum> {
    let wanted = match wanted {
        Datum::Float64(wanted) => *wanted,
        _ => return Ok(Datum::Null),
    };
    if !(0.0..=1.0).contains(&wanted) {
        let message = format!("percentile value {wanted} is not between 0 and 1");
        return Err(Error::new(ErrorKind::NumericOutOfRange, message));
    }
    let value = |place: usize| rows.get(place).and_then(|row| row.get(1)).cloned().unwrap_or(Datum::Null);
    if set == OrderedSet::Among {
        let place = (wanted * rows.len() as f64).ceil() as usize;
        return Ok(value(place.max(1) - 1));
    }
    let exact = wanted * (rows.len() - 1) as f64;
    let (low, high) = (exact.floor(), exact.ceil());
    if low == high {
        return Ok(value(low as usize));
    }
    let share = exact - low;
    match (value(low as usize), value(high as usize)) {
        (Datum::Float64(low), Datum::Float64(high)) => Ok(Datum::Float64(low + share * (high - low))),
        (Datum::Interval(low), Datum::Interval(high)) => {
            let part = datetime::interval_mul(datetime::interval_sub(high, low)?, share)?;
            datetime::interval_add(low, part).map(Datum::Interval)
        }
        _ => Err(Error::internal("a percentile between values that are no numbers")),
    }
}

/// The value that most rows have; of several, the first in order.
fn mode(types: &[SqlType], rows: &[&Vec<Datum>]) -> Datum {
    let Some(ty) = types.first() else { return Datum::Null };
    let mut best: Option<(usize, &Datum)> = None;
    let mut run: Option<(usize, &Datum, Vec<u8>)> = None;
    for value in rows.iter().filter_map(|row| row.first()) {
        let key = order_key(ty, value);
        let count = match &mut run {
            Some((count, _, known)) if *known == key => {
                *count += 1;
                *count
            }
            _ => {
                run = Some((1, value, key));
                1
            }
        };
        if best.is_none_or(|(most, _)| count > most)
            && let Some((_, first, _)) = &run
        {
            best = Some((count, *first));
        }
    }
    best.map_or(Datum::Null, |(_, value)| value.clone())
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows, as PostgreSQL divides by it")]
fn rank(set: OrderedSet, rows: &[&Vec<Datum>], sorts: &[SortBy]) -> Datum {
    let keys = sorts.len();
    // The row that is not there against one that is.
    let order = |row: &[Datum]| {
        let orders = sorts.iter().enumerate().map(|(i, sort)| compare(row.get(keys + i), row.get(i), *sort));
        orders.fold(Ordering::Equal, Ordering::then)
    };
    let before: Vec<&&Vec<Datum>> = rows.iter().filter(|row| order(row).is_lt()).collect();
    let whole = |count: usize| Datum::Int64(i64::try_from(count).unwrap_or(i64::MAX));
    match set {
        OrderedSet::Rank => whole(before.len() + 1),
        OrderedSet::DenseRank => {
            let differs = |pair: &[&&Vec<Datum>]| match pair {
                [a, b] => sorts
                    .iter()
                    .enumerate()
                    .any(|(i, sort)| compare(a.get(keys + i), b.get(keys + i), *sort).is_ne()),
                _ => false,
            };
            let steps = before.windows(2).filter(|pair| differs(pair)).count();
            whole(if before.is_empty() { 1 } else { steps + 2 })
        }
        OrderedSet::PercentRank if rows.is_empty() => Datum::Float64(0.0),
        OrderedSet::PercentRank => Datum::Float64(before.len() as f64 / rows.len() as f64),
        _ => {
            let up_to = rows.iter().filter(|row| order(row).is_le()).count();
            Datum::Float64((up_to + 1) as f64 / (rows.len() + 1) as f64)
        }
    }
}
