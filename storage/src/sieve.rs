//! The part of a predicate that storage cannot tell in its own terms, and what becomes known while a scan runs.
//!
//! Whoever scans implements it: functions, patterns, the keys that the other side of a join has.

use crate::predicate::Predicate;
use arrow::array::BooleanArray;
use arrow::record_batch::RecordBatch;
use base::Result;
use base::id::ColumnId;
use std::fmt;

/// Drops rows of a scan after their columns are decoded and before any other column is.
pub trait Sieve: Send + Sync + fmt::Debug {
    /// The columns it reads, each once; the same as long as it lives.
    fn columns(&self) -> &[ColumnId];

    /// Which of these rows come out; `None` for all. A null drops its row. The batch holds the columns above, each
    /// named by its id in decimal. An error ends the scan.
    fn keep(&self, rows: &RecordBatch) -> Result<Option<BooleanArray>>;

    /// What is now known to be true of every row that it keeps. Parts of the table that cannot hold such a row are
    /// not read. It may become narrower while the scan runs, never wider.
    fn bounds(&self) -> Option<Predicate>;
}
