//! The seam to storage: who opens scans. `storage::ReadView` does; tests put a table in memory in its place.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use base::Result;
use base::id::{ColumnId, TableId};
use futures::stream::BoxStream;
use std::fmt;
use std::sync::Arc;
use storage::{Changes, ChangesSpec, ReadView, ScanMetrics, ScanSpec};
use types::Datum;

/// A consistent state of the tables.
pub trait TableReader: Send + Sync + fmt::Debug {
    /// Plans a scan. The rows that come out satisfy the whole predicate of the spec.
    fn open(&self, spec: &ScanSpec) -> Result<OpenedScan>;
    /// Live rows of a table, exact.
    fn live_rows(&self, table: TableId) -> Result<u64>;
    /// Least and greatest value of a column, roughly; for choosing plans only.
    fn rough_bounds(&self, table: TableId, column: ColumnId) -> Result<Option<(Datum, Datum)>>;
    /// What changed in a table up to this state. Blocks.
    fn changes(&self, spec: &ChangesSpec) -> Result<Changes>;
}

/// A planned scan, cut into splits that run independently.
#[derive(Debug)]
pub struct OpenedScan {
    /// Projected columns, then the row address when asked for.
    pub schema: SchemaRef,
    pub splits: Vec<Split>,
    pub metrics: Arc<ScanMetrics>,
    /// Upper bound of the rows in the splits before the predicate.
    pub rows_estimate: u64,
}

type Open = dyn Fn() -> BoxStream<'static, Result<RecordBatch>> + Send + Sync;

/// A part of a scan.
#[derive(Clone)]
pub struct Split(Arc<Open>);

impl Split {
    pub fn new(open: impl Fn() -> BoxStream<'static, Result<RecordBatch>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    pub(crate) fn stream(&self) -> BoxStream<'static, Result<RecordBatch>> {
        (self.0)()
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Split")
    }
}

impl TableReader for ReadView {
    fn open(&self, spec: &ScanSpec) -> Result<OpenedScan> {
        let scan = self.scan(spec)?;
        let splits = scan.splits.into_iter().map(|split| Split::new(move || split.stream())).collect();
        Ok(OpenedScan {
            schema: scan.schema,
            splits,
            metrics: scan.metrics,
            rows_estimate: scan.rows_estimate,
        })
    }

    fn live_rows(&self, table: TableId) -> Result<u64> {
        self.row_count(table)
    }

    fn rough_bounds(&self, table: TableId, column: ColumnId) -> Result<Option<(Datum, Datum)>> {
        self.rough_bounds(table, column)
    }

    fn changes(&self, spec: &ChangesSpec) -> Result<Changes> {
        self.changes(spec)
    }
}
