//! What changed in a table between two times: net per commit and key, in commit order.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use base::Result;
use base::id::{ColumnId, CommitTs, TableId};

/// Which changes to read.
#[derive(Clone, Debug)]
pub struct ChangesSpec {
    pub table: TableId,
    /// Columns as they are at `until`.
    pub projection: Vec<ColumnId>,
    /// Commits after this one ..
    pub after: CommitTs,
    /// .. up to and with this one.
    pub until: CommitTs,
    /// Whether each update is preceded by a row `update_old` with the row as it was.
    pub old_images: bool,
}

/// The changes, read on demand. Blocks.
pub struct Changes {
    /// The projection, then `operation` (Utf8View: insert, update, delete, update_old) and `commit_ts` (Int64).
    pub schema: SchemaRef,
    pub(crate) batches: Box<dyn Iterator<Item = Result<RecordBatch>> + Send>,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Iterator for Changes {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}
