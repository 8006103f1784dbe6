//! Scans: what to read and the stream of batches.

use crate::changes::{self, Changes, ChangesSpec};
use crate::fingerprint;
use crate::predicate::Predicate;
use crate::sieve::Sieve;
use crate::split::{self, Work};
use crate::view::View;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use base::Result;
use base::id::{ColumnId, TableId};
use futures::stream::BoxStream;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use types::Datum;

/// A scan of one table.
#[derive(Clone, Debug)]
pub struct ScanSpec {
    pub table: TableId,
    pub projection: Vec<ColumnId>,
    /// Rows for which this is true.
    pub predicate: Option<Predicate>,
    /// Drops more rows, by what storage cannot tell itself.
    pub sieve: Option<Arc<dyn Sieve>>,
    /// Appends a UInt64 column `row_address` behind the projection, valid for the `ReadView` scanned.
    pub row_address: bool,
}

/// What a scan did, counted while it runs.
#[derive(Debug, Default)]
pub struct ScanMetrics {
    pub tablets_total: AtomicU64,
    pub tablets_pruned: AtomicU64,
    pub segments_total: AtomicU64,
    pub segments_pruned: AtomicU64,
    /// Rows whose values were decoded or compared.
    pub rows_read: AtomicU64,
    /// Rows that came out.
    pub rows_output: AtomicU64,
}

/// A consistent state to read: a snapshot, and inside a transaction its own writes before the current command.
#[derive(Clone, Debug)]
pub struct ReadView {
    pub(crate) view: Arc<View>,
}

impl ReadView {
    pub fn catalog(&self) -> &Arc<catalog::CatalogState> {
        &self.view.catalog
    }

    /// Why a table of now is not in this view's catalog, when what it was at the view's time has been collected:
    /// `SnapshotTooOld`. None for a table that can be read at that time, and for a view of the present.
    pub fn collected(&self, table: TableId) -> Option<base::Error> {
        self.view.collected(table)
    }

    /// Plans a scan: prunes tablets and segments, cuts the rest into splits of similar size. May block on a segment
    /// that was not read before. `UndefinedTable` when the view has no such table.
    pub fn scan(&self, spec: &ScanSpec) -> Result<Scan> {
        split::plan(&self.view, spec)
    }

    /// Live rows of a table at this view, exact.
    pub fn row_count(&self, table: TableId) -> Result<u64> {
        split::row_count(&self.view, table)
    }

    /// What changed in a table between two times, read from what this view holds. `SnapshotTooOld` when the first
    /// of them lies before what the table keeps.
    pub fn changes(&self, spec: &ChangesSpec) -> Result<Changes> {
        changes::changes(&self.view, spec)
    }

    /// Least and greatest value of a column, roughly: dead rows included, and not all of very many parts. None when nothing
    /// is known. For choosing plans, never for answers.
    pub fn rough_bounds(&self, table: TableId, column: ColumnId) -> Result<Option<(Datum, Datum)>> {
        self.view.table(table)?.rough_bounds(column)
    }

    /// Bytes that a table takes at this view: its segment files, and the memory of rows that are in none yet.
    pub fn stored_bytes(&self, table: TableId) -> Result<u64> {
        Ok(self.view.table(table)?.bytes())
    }

    /// Sum modulo 2^128 over hashes of the table's live rows (types and values). Blocks.
    pub fn fingerprint(&self, table: TableId) -> Result<u128> {
        fingerprint::fingerprint(self, table)
    }
}

/// A planned scan.
#[derive(Debug)]
pub struct Scan {
    /// Projected columns, then `row_address` when asked for. Field names are the column ids in decimal.
    pub schema: SchemaRef,
    pub splits: Vec<ScanSplit>,
    pub metrics: Arc<ScanMetrics>,
    /// Upper bound of the rows that the splits hold, live and not pruned, before the predicate.
    pub rows_estimate: u64,
}

/// A part of a scan that can run on its own.
#[derive(Clone, Debug)]
pub struct ScanSplit {
    pub(crate) work: Arc<Work>,
    pub(crate) part: split::SplitPart,
}

impl ScanSplit {
    /// Batches of at most `batch_rows` rows. Needs a tokio runtime when polled.
    pub fn stream(&self) -> BoxStream<'static, Result<RecordBatch>> {
        split::stream(Arc::clone(&self.work), self.part.clone())
    }
}
