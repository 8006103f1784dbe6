//! Aggregates that DataFusion's own do not compute as PostgreSQL does.
//!
//! Must not know bound trees. Invariant: sums are checked; whatever depends on order sorts its rows itself.

mod collect;
mod extreme;
mod finish;
mod first;
mod groups;
mod moments;
mod numeric;
mod ordered_set;
mod regression;
mod sum;

pub(crate) use collect::{CollectUdaf, SortBy};
pub(crate) use extreme::{ExtremeUdaf, Extremity};
pub(crate) use finish::Finish;
pub(crate) use first::FirstUdaf;
pub(crate) use moments::{Moment, MomentUdaf};
pub(crate) use numeric::NumericSumUdaf;
pub(crate) use ordered_set::OrderedSet;
pub(crate) use regression::Regression;
pub(crate) use sum::SumUdaf;
