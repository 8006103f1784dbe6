//! What changed in a table between two times: net per commit and key, in commit order.
//!
//! Must not know SQL. First `tally` finds of which commits the versions tell themselves what was done; then `events`
//! finds which versions began and ended in the window, of the other commits with the hashes of their keys; then these are
//! paired, and all are put in order; rows that were not kept on the way are fetched batch by batch.
//! Invariants: a version that begins where another of its key ends is an update; what a commit did and undid itself is
//! not seen.

mod events;
mod tally;
mod window;

use crate::detail::time_text;
use crate::layout::Layout;
use crate::view::View;
use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommitTs, TableId};
use base::{Error, ErrorKind, Result};
use events::{Event, Found, Source};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of one batch.
const BATCH_ROWS: usize = 8_192;

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
    batches: Box<dyn Iterator<Item = Result<RecordBatch>> + Send>,
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

/// What a row that comes out says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Insert,
    Update,
    UpdateOld,
    Delete,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Operation::Insert => "insert",
            Operation::Update => "update",
            Operation::UpdateOld => "update_old",
            Operation::Delete => "delete",
        }
    }
}

/// One row that comes out.
#[derive(Clone, Copy, Debug)]
struct Change {
    operation: Operation,
    ts: CommitTs,
    source: usize,
    row: u32,
}

/// Finds the changes that a view can tell.
pub(crate) fn changes(view: &Arc<View>, spec: &ChangesSpec) -> Result<Changes> {
    let layout = view.layout(spec.table)?;
    check_window(view, &layout, spec)?;
    let Found { settled, mut open, sources } = events::find(view, &layout, spec)?;
    open.sort_unstable_by_key(|e| (e.ts, e.key, !e.end));
    let changes = in_order(settled, paired(&open, spec.old_images));
    drop(open);
    let schema = output_schema(&layout, &spec.projection)?;
    let reader = Reader { view: Arc::clone(view), layout, projection: spec.projection.clone(), sources };
    let mut at = 0_usize;
    let output = Arc::clone(&schema);
    let batches = std::iter::from_fn(move || {
        let end = changes.len().min(at.saturating_add(BATCH_ROWS));
        let batch = changes.get(at..end).filter(|c| !c.is_empty())?;
        at = end;
        Some(reader.batch(&output, batch))
    });
    Ok(Changes { schema, batches: Box::new(batches) })
}

fn check_window(view: &View, layout: &Layout, spec: &ChangesSpec) -> Result<()> {
    if spec.after > spec.until {
        let message = format!(
            "changes from {} to {}: the first time is the later one",
            time_text(spec.after),
            time_text(spec.until)
        );
        return Err(Error::new(ErrorKind::InvalidParameterValue, message));
    }
    if spec.until > view.ts() {
        return Err(Error::internal("changes after the time of their view"));
    }
    let oldest = view.pinned.state.oldest_readable(spec.table);
    if oldest > spec.after {
        return Err(crate::view::snapshot_too_old(&layout.def().name, spec.after, oldest));
    }
    Ok(())
}

/// What happened to one key at one time: one row, or the row as it was and as it became.
#[derive(Clone, Copy, Debug)]
struct Pair {
    first: Change,
    second: Option<Change>,
}

/// Events in order of time, key, ends first, as changes.
fn paired(events: &[Event], old_images: bool) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(events.len());
    for together in events.chunk_by(|a, b| (a.ts, a.key) == (b.ts, b.key)) {
        let change = |operation, e: &Event| Change { operation, ts: e.ts, source: e.source, row: e.row };
        match together {
            [old, new] if old.end && !new.end => {
                let new = change(Operation::Update, new);
                pairs.push(match old_images {
                    true => Pair { first: change(Operation::UpdateOld, old), second: Some(new) },
                    false => Pair { first: new, second: None },
                });
            }
            others => {
                let named = |e: &Event| change(if e.end { Operation::Delete } else { Operation::Insert }, e);
                pairs.extend(others.iter().map(|e| Pair { first: named(e), second: None }));
            }
        }
    }
    pairs
}

/// All changes in order of time. Those of one commit come in the order of their places, so that rows are read one after
/// the other.
fn in_order(mut settled: Vec<Change>, mut pairs: Vec<Pair>) -> Vec<Change> {
    let place = |change: &Change| (change.ts, change.source, change.row);
    if pairs.is_empty() {
        settled.sort_unstable_by_key(place);
        return settled;
    }
    pairs.extend(settled.into_iter().map(|first| Pair { first, second: None }));
    pairs.sort_unstable_by_key(|pair| place(&pair.first));
    pairs.into_iter().flat_map(|pair| [Some(pair.first), pair.second]).flatten().collect()
}

fn output_schema(layout: &Layout, projection: &[ColumnId]) -> Result<SchemaRef> {
    let mut fields = Vec::with_capacity(projection.len() + 2);
    for id in projection {
        let form = layout.form(*id);
        let form =
            form.ok_or_else(|| Error::internal(format!("table {} has no column {id}", layout.table())))?;
        fields.push(types::array::field(&id.to_string(), form));
    }
    fields.push(Field::new("operation", DataType::Utf8View, false));
    fields.push(Field::new("commit_ts", DataType::Int64, false));
    Ok(Arc::new(Schema::new(fields)))
}

/// Gets the rows of changes.
struct Reader {
    /// Keeps what the sources refer to.
    view: Arc<View>,
    layout: Arc<Layout>,
    projection: Vec<ColumnId>,
    sources: Vec<Source>,
}

impl Reader {
    fn batch(&self, schema: &SchemaRef, changes: &[Change]) -> Result<RecordBatch> {
        debug_assert!(changes.iter().all(|c| c.ts <= self.view.ts()));
        let mut by_source: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        // Nobody needs rows without columns.
        let wanted = changes.iter().enumerate().filter(|_| !self.projection.is_empty());
        for (index, change) in wanted {
            by_source.entry(change.source).or_default().push(index);
        }
        let mut batches = Vec::with_capacity(by_source.len());
        let mut places = vec![(0, 0); changes.len()];
        for (source, indexes) in by_source {
            let rows: Vec<u32> = indexes.iter().filter_map(|i| changes.get(*i)).map(|c| c.row).collect();
            let missing = || Error::internal("a change without its rows");
            let batch =
                self.sources.get(source).ok_or_else(missing)?.rows(&self.layout, &rows, &self.projection)?;
            for (row, index) in indexes.into_iter().enumerate() {
                if let Some(place) = places.get_mut(index) {
                    *place = (batches.len(), row);
                }
            }
            batches.push(batch);
        }
        let mut columns: Vec<ArrayRef> = match batches.as_slice() {
            [] => Vec::new(),
            // All out of one source, in its order.
            [only] => only.columns().to_vec(),
            several => {
                let gathered = interleave_record_batch(&several.iter().collect::<Vec<_>>(), &places);
                gathered.map_err(|e| Error::internal(format!("gather changes: {e}")))?.columns().to_vec()
            }
        };
        columns.push(Arc::new(StringViewArray::from_iter_values(changes.iter().map(|c| c.operation.name()))));
        let ts = |c: &Change| i64::try_from(c.ts.0).unwrap_or(i64::MAX);
        columns.push(Arc::new(Int64Array::from_iter_values(changes.iter().map(ts))));
        RecordBatch::try_new(Arc::clone(schema), columns)
            .map_err(|e| Error::internal(format!("changes do not fit their columns: {e}")))
    }
}
