//! How a scan is cut into splits and what a split does.
//!
//! Must not know where a view comes from. Invariants: every row that the view sees and no prune excluded is in
//! exactly one split; a split holds all it needs, so that splits run in any order on any thread.

use crate::address::PartNumber;
use crate::delete_vector::DeadRows;
use crate::evaluate::{ColumnStats, columns_of, evaluate};
use crate::layout::Layout;
use crate::memtable::Chunk;
use crate::predicate::Predicate;
use crate::private::Part;
use crate::routing::{Router, exact_key};
use crate::scan::{Scan, ScanMetrics, ScanSpec, ScanSplit};
use crate::segment::{ScanColumn, SegmentScan};
use crate::sieve::Sieve;
use crate::tablet::Reference;
use crate::view::{TableView, View, addresses, scan_columns};
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatchOptions};
use arrow::compute::{filter, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommitTs, TableId, TabletId};
use base::{Error, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows of a segment in one split.
const SPLIT_ROWS: u32 = 262_144;
/// Chunks of a memtable in one split; a full chunk has 8,192 rows.
const SPLIT_CHUNKS: usize = 32;
/// Name of the column of addresses.
const ROW_ADDRESS: &str = "row_address";

/// What all splits of a scan share.
#[derive(Debug)]
pub(crate) struct Work {
    view: Arc<View>,
    table: TableView,
    projection: Vec<ColumnId>,
    columns: Vec<ScanColumn>,
    /// Columns that only the predicate reads.
    filter_columns: Vec<ScanColumn>,
    /// Bounds of the columns in segments that lack them.
    missing: Vec<(ColumnId, ColumnStats)>,
    predicate: Option<Predicate>,
    sieve: Option<Arc<dyn Sieve>>,
    row_address: bool,
    schema: SchemaRef,
    metrics: Arc<ScanMetrics>,
}

/// Which rows a split reads.
#[derive(Clone, Debug)]
pub(crate) enum SplitPart {
    Memtable { number: PartNumber, chunks: Vec<Arc<Chunk>>, dead: Arc<HashSet<u32>> },
    Segment { number: PartNumber, reference: Arc<Reference>, rows: Range<u32>, excluded: Arc<DeadRows> },
}

/// Plans a scan of a table.
pub(crate) fn plan(view: &Arc<View>, spec: &ScanSpec) -> Result<Scan> {
    let table = view.table(spec.table)?;
    let metrics = Arc::<ScanMetrics>::default();
    let columns = scan_columns(&table.layout, &spec.projection)?;
    let mut only_read: Vec<ColumnId> =
        spec.predicate.as_ref().map(columns_of).unwrap_or_default().into_iter().collect();
    only_read.extend(spec.sieve.as_ref().map(|sieve| sieve.columns()).unwrap_or_default());
    only_read.sort_unstable();
    only_read.dedup();
    only_read.retain(|id| !spec.projection.contains(id));
    let schema = output_schema(&columns, spec.row_address);
    let filter_columns = scan_columns(&table.layout, &only_read)?;
    let work = Arc::new(Work {
        missing: columns.iter().chain(&filter_columns).map(|c| (c.id, ColumnStats::of(&c.missing))).collect(),
        filter_columns,
        view: Arc::clone(view),
        table,
        projection: spec.projection.clone(),
        columns,
        predicate: spec.predicate.clone(),
        sieve: spec.sieve.clone(),
        row_address: spec.row_address,
        schema: Arc::clone(&schema),
        metrics: Arc::clone(&metrics),
    });
    let mut splits = Vec::new();
    let mut rows_estimate = 0_u64;
    let tablets = wanted_tablets(&work)?;
    for (number, part) in work.table.parts()? {
        if !tablets.contains(&part.tablet) {
            continue;
        }
        let parts = match &part.part {
            Part::Memtable(memtable) => memtable_splits(&work, number, memtable.id().0, memtable.chunks()),
            Part::Segment(reference) => segment_splits(&work, number, reference)?,
        };
        for part in parts {
            rows_estimate = rows_estimate.saturating_add(part.rows(work.stamp(number)));
            splits.push(ScanSplit { work: Arc::clone(&work), part });
        }
    }
    Ok(Scan { schema, splits, metrics, rows_estimate })
}

/// Rows of a table that a view sees.
pub(crate) fn row_count(view: &Arc<View>, table: TableId) -> Result<u64> {
    let spec = ScanSpec { table, projection: Vec::new(), predicate: None, sieve: None, row_address: false };
    let scan = plan(view, &spec)?;
    let mut rows = 0_u64;
    for split in &scan.splits {
        // A part whose rows all began early enough is counted without being read.
        rows = rows.saturating_add(match split.part.exact_rows(&split.work)? {
            Some(exact) => exact,
            None => {
                crate::wait::block_on(split.stream().fold(Ok(0_u64), |sum: Result<u64>, batch| async move {
                    let rows = u64::try_from(batch?.num_rows()).unwrap_or(u64::MAX);
                    Ok(sum?.saturating_add(rows))
                }))?
            }
        });
    }
    Ok(rows)
}

/// Runs a split.
pub(crate) fn stream(work: Arc<Work>, part: SplitPart) -> BoxStream<'static, Result<RecordBatch>> {
    match part {
        SplitPart::Memtable { number, chunks, dead } => {
            let batches =
                chunks.into_iter().flat_map(move |chunk| match read_chunk(&work, number, &chunk, &dead) {
                    Ok(Some(batch)) => slices(&batch, work.view.batch_rows),
                    Ok(None) => Vec::new(),
                    Err(e) => vec![Err(e)],
                });
            stream::iter(batches).boxed()
        }
        SplitPart::Segment { number, reference, rows, excluded } => {
            let segment = match reference.segment() {
                Ok(segment) => segment,
                Err(e) => return stream::iter([Err(e)]).boxed(),
            };
            let scan = SegmentScan {
                columns: work.columns.clone(),
                filter_columns: work.filter_columns.clone(),
                predicate: work.predicate.clone(),
                sieve: work.sieve.clone(),
                excluded: Some(excluded),
                begin_at_most: Some(CommitTs(work.stamp(number))),
                end_above: Some(CommitTs(work.stamp(number))),
                ordinal: work.row_address,
                batch_rows: work.view.batch_rows,
                metrics: Arc::clone(&work.metrics),
                ..SegmentScan::of_rows(rows)
            };
            segment.scan(&scan).map(move |batch| work.finish_segment(number, &batch?)).boxed()
        }
    }
}

fn output_schema(columns: &[ScanColumn], row_address: bool) -> SchemaRef {
    let mut fields: Vec<Field> =
        columns.iter().map(|c| types::array::field(&c.id.to_string(), &c.form)).collect();
    if row_address {
        fields.push(Field::new(ROW_ADDRESS, DataType::UInt64, false));
    }
    Arc::new(Schema::new(fields))
}

/// Tablets that can hold rows of the predicate.
fn wanted_tablets(work: &Work) -> Result<HashSet<TabletId>> {
    let layout = &work.table.layout;
    let kept = Router::new(layout)?.prune(work.predicate.as_ref())?;
    let total = layout.def().tablets.len();
    count(&work.metrics.tablets_total, total);
    count(&work.metrics.tablets_pruned, total.saturating_sub(kept.len()));
    Ok(kept)
}

fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed);
}

fn memtable_splits(work: &Work, number: PartNumber, id: u64, chunks: Vec<Arc<Chunk>>) -> Vec<SplitPart> {
    let dead: Arc<HashSet<u32>> = Arc::new(work.table.dead(id, work.view.stamp()).into_iter().collect());
    let split = |chunks: &[Arc<Chunk>]| SplitPart::Memtable {
        number,
        chunks: chunks.to_vec(),
        dead: Arc::clone(&dead),
    };
    chunks.chunks(SPLIT_CHUNKS).map(split).collect()
}

fn segment_splits(work: &Work, number: PartNumber, reference: &Arc<Reference>) -> Result<Vec<SplitPart>> {
    count(&work.metrics.segments_total, 1);
    let stamp = CommitTs(work.stamp(number));
    let pruned = || {
        count(&work.metrics.segments_pruned, 1);
        Ok(Vec::new())
    };
    if !reference.may_be_seen_at(stamp)? {
        return pruned();
    }
    let segment = reference.segment()?;
    if work.predicate.as_ref().is_some_and(|p| !segment.may_match(p, &work.missing)) {
        return pruned();
    }
    let ranges = match work.predicate.as_ref().and_then(|p| exact_key(&work.table.layout, p)) {
        // All key columns are given: the key run says where the row is. Of a row of the past it may hold several
        // versions.
        Some(key) if !segment.meta().history => match segment.lookup_keys(&[key?.as_ref()])?.first() {
            Some(Some(ordinal)) => std::iter::once(*ordinal..ordinal.saturating_add(1)).collect(),
            _ => return pruned(),
        },
        _ => segment.split_ranges(SPLIT_ROWS),
    };
    let excluded = work.table.excluded(&work.view, number, reference);
    let split = |rows| SplitPart::Segment {
        number,
        reference: Arc::clone(reference),
        rows,
        excluded: Arc::clone(&excluded),
    };
    Ok(ranges.into_iter().map(split).collect())
}

impl SplitPart {
    /// Upper bound of the rows that come out without predicate.
    fn rows(&self, stamp: u64) -> u64 {
        match self {
            SplitPart::Memtable { chunks, .. } => chunks.iter().map(|c| c.rows_at(stamp)).sum(),
            SplitPart::Segment { rows, excluded, .. } => {
                let dead = excluded.range_cardinality(rows.clone());
                u64::from(rows.end.saturating_sub(rows.start)).saturating_sub(dead)
            }
        }
    }

    /// The rows that come out without predicate, where that is known without reading them.
    fn exact_rows(&self, work: &Work) -> Result<Option<u64>> {
        match self {
            SplitPart::Memtable { number, dead, .. } => {
                Ok(dead.is_empty().then(|| self.rows(work.stamp(*number))))
            }
            SplitPart::Segment { number, reference, .. } => {
                let segment = reference.segment()?;
                let stamp = CommitTs(work.stamp(*number));
                let plain = !segment.meta().history && segment.facts().begin_max <= stamp;
                Ok(plain.then(|| self.rows(stamp.0)))
            }
        }
    }
}

impl Work {
    /// The stamp at which rows of a part are read: a commit timestamp, or a command number.
    fn stamp(&self, number: PartNumber) -> u64 {
        match number {
            PartNumber::Committed(_) => self.view.ts().0,
            PartNumber::Own(_) => u64::from(self.view.stamp()),
        }
    }

    /// A segment's batch as the scan gives it: addresses instead of ordinals.
    fn finish_segment(&self, number: PartNumber, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = batch.columns().iter().take(self.columns.len()).cloned().collect();
        if self.row_address {
            let ordinals =
                batch.columns().get(self.columns.len()).and_then(|c| c.as_primitive_opt::<UInt32Type>());
            let ordinals =
                ordinals.ok_or_else(|| Error::internal("a scan without the ordinals asked for"))?;
            columns.push(addresses(number, self.view.generation, ordinals.values().iter().copied()));
        }
        self.output(columns, batch.num_rows())
    }

    fn output(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        count(&self.metrics.rows_output, rows);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|e| Error::internal(format!("rows do not fit their scan: {e}")))
    }
}

/// The rows of a chunk that the view sees and the predicate keeps.
fn read_chunk(
    work: &Work,
    number: PartNumber,
    chunk: &Chunk,
    dead: &HashSet<u32>,
) -> Result<Option<RecordBatch>> {
    let stamp = work.stamp(number);
    let mut seen: BooleanArray =
        (0..chunk.len()).map(|i| Some(chunk.lives_at(i, stamp) && !dead.contains(&chunk.row(i)))).collect();
    count(&work.metrics.rows_read, seen.true_count());
    if seen.true_count() == 0 {
        return Ok(None);
    }
    let layout = &work.table.layout;
    let rows = layout.aligned(chunk.batch())?;
    if let Some(predicate) = &work.predicate {
        // Rows nobody sees are compared too: cheaper than cutting them out first.
        let kept = evaluate(predicate, &rows)?;
        seen = seen
            .iter()
            .zip(kept.iter())
            .map(|(seen, kept)| Some(seen == Some(true) && kept == Some(true)))
            .collect();
        if seen.true_count() == 0 {
            return Ok(None);
        }
    }
    if let Some(sieve) = &work.sieve {
        seen = sifted(layout, sieve.as_ref(), &rows, seen)?;
        if seen.true_count() == 0 {
            return Ok(None);
        }
    }
    let projected = layout.project(&rows, &work.projection)?;
    let all = seen.true_count() == chunk.len();
    let failed = |e| Error::internal(format!("filter rows: {e}"));
    let batch = if all { projected } else { filter_record_batch(&projected, &seen).map_err(failed)? };
    let rows = seen.true_count();
    let mut columns = batch.columns().to_vec();
    if work.row_address {
        let every = addresses(number, work.view.generation, (0..chunk.len()).map(|i| chunk.row(i)));
        columns.push(if all { every } else { filter(&every, &seen).map_err(failed)? });
    }
    work.output(columns, rows).map(Some)
}

/// Those of the rows `seen` that a sieve keeps; it sees no others.
fn sifted(
    layout: &Layout,
    sieve: &dyn Sieve,
    rows: &RecordBatch,
    seen: BooleanArray,
) -> Result<BooleanArray> {
    let failed = |e| Error::internal(format!("filter rows: {e}"));
    let columns = layout.project(rows, sieve.columns())?;
    let Some(kept) = sieve.keep(&filter_record_batch(&columns, &seen).map_err(failed)?)? else {
        return Ok(seen);
    };
    let mut kept = kept.iter();
    Ok(seen.iter().map(|seen| Some(seen == Some(true) && kept.next().flatten() == Some(true))).collect())
}

fn slices(batch: &RecordBatch, rows_max: usize) -> Vec<Result<RecordBatch>> {
    let step = rows_max.max(1);
    (0..batch.num_rows())
        .step_by(step)
        .map(|at| Ok(batch.slice(at, step.min(batch.num_rows() - at))))
        .collect()
}

/// Live rows of one table through a view's scan, for callers inside storage. Blocks.
pub(crate) fn read_all(
    view: &Arc<View>,
    spec: &ScanSpec,
    mut each: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    for split in plan(view, spec)?.splits {
        let mut batches = split.stream();
        while let Some(batch) = crate::wait::block_on(batches.next()) {
            each(batch?)?;
        }
    }
    Ok(())
}
