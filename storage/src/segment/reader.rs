//! An open segment: scans, fetches by ordinal, key lookups.
//!
//! Opening reads the trailer, the header, the index and the footer of the rows; everything else is read when it is
//! asked for. Must not know which rows are dead or which commit a reader sees: callers say.
//! A column that the segment was written without has one value in all rows, which the caller gives.

use super::columns::{BEGIN, END, from_stored, stored_fields, timestamp_field};
use super::container::{CheckedFile, Identity, damaged};
use super::content::ContentHasher;
use super::index::{decode_facts, decode_header};
use super::key_run::KeyRun;
use super::vortex::{FORMAT, Pushed, RowChoice, RowsPlan, RowsReader, block_on, push};
use super::writer::{SegmentMeta, WrittenSegment, timestamps_hash};
use crate::evaluate::{ColumnStats, columns_of, filter, may_match};
use crate::format::Reader;
use crate::predicate::Predicate;
use crate::scan::ScanMetrics;
use arrow::array::{ArrayRef, RecordBatchOptions, UInt32Array, new_empty_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use base::fs::FileSystem;
use base::id::{ColumnId, CommitTs, SegmentId};
use base::{Error, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use roaring::RoaringBitmap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use types::{Datum, Form};

/// Rows that bounds are kept for; ranges begin at multiples of it where possible.
const ZONE_ROWS: u64 = 8_192;
/// Most rows decoded in one step.
const STEP_ROWS_MAX: u64 = 131_072;
/// Stored bytes decoded in one step, roughly.
const STEP_BYTES: u64 = 8 << 20;

/// Name of the UInt32 column of ordinals in a scan.
const ORDINAL: &str = "ordinal";

/// A column that a reader wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScanColumn {
    pub(crate) id: ColumnId,
    pub(crate) form: Form,
    /// Value of all rows of segments written before the column existed.
    pub(crate) missing: Datum,
}

/// What to read of a segment.
#[derive(Clone, Debug)]
pub(crate) struct SegmentScan {
    pub(crate) columns: Vec<ScanColumn>,
    /// Columns that `predicate` reads and `columns` lacks.
    pub(crate) filter_columns: Vec<ScanColumn>,
    pub(crate) predicate: Option<Predicate>,
    /// Ordinals that do not come out.
    pub(crate) excluded: Option<Arc<RoaringBitmap>>,
    /// Ordinals to read; clipped to the segment.
    pub(crate) rows: Range<u32>,
    /// Keeps rows that began at or before it.
    pub(crate) begin_at_most: Option<CommitTs>,
    /// Keeps rows that ended after it; for history segments.
    pub(crate) end_above: Option<CommitTs>,
    /// Appends the UInt32 column `ordinal`.
    pub(crate) ordinal: bool,
    /// Appends the UInt64 column `begin`, and in history segments `end`.
    pub(crate) timestamps: bool,
    /// Most rows of a batch.
    pub(crate) batch_rows: usize,
    /// Counts `rows_read`.
    pub(crate) metrics: Arc<ScanMetrics>,
}

/// An open segment. Shared by all readers.
#[derive(Debug)]
pub(crate) struct Segment {
    file: Arc<CheckedFile>,
    meta: SegmentMeta,
    facts: WrittenSegment,
    keys: KeyRun,
    rows: RowsReader,
}

impl Segment {
    /// Opens a file. `Corruption` when it is damaged or not the one of `identity`. Blocks.
    pub(crate) fn open(fs: &dyn FileSystem, path: &str, identity: Identity) -> Result<Arc<Self>> {
        let file = fs.open(path)?;
        let file_bytes = file.len()?;
        let file = Arc::new(CheckedFile::open(file, identity)?);
        let sections = *file.sections();
        let header = file.read(sections.header.offset, sections.header.len)?;
        let meta = decode_header(identity.segment, &header, FORMAT)?;
        if meta.identity() != identity {
            return Err(damaged(identity.segment, "its header names another segment"));
        }
        let index = file.read(sections.index.offset, sections.index.len)?;
        let mut reader = Reader::new(&index);
        let facts = decode_facts(&mut reader, file_bytes)?;
        let keys = KeyRun::decode(sections.keys, &mut reader)?;
        reader.finish()?;
        let rows = RowsReader::open(&file, sections.rows)?;
        if rows.rows() != facts.rows || keys.len() != facts.rows || facts.stats.len() != meta.columns.len() {
            return Err(damaged(identity.segment, "its parts do not fit together"));
        }
        Ok(Arc::new(Self { file, meta, facts, keys, rows }))
    }

    pub(crate) fn id(&self) -> SegmentId {
        self.meta.segment
    }

    pub(crate) fn meta(&self) -> &SegmentMeta {
        &self.meta
    }

    pub(crate) fn facts(&self) -> &WrittenSegment {
        &self.facts
    }

    /// Rows in the file, dead ones included.
    pub(crate) fn rows(&self) -> u32 {
        u32::try_from(self.facts.rows).unwrap_or(u32::MAX)
    }

    /// Bounds of a column; `None` when the segment was written without it.
    pub(crate) fn stats(&self, column: ColumnId) -> Option<&ColumnStats> {
        let position = self.meta.columns.iter().position(|(id, _)| *id == column)?;
        self.facts.stats.get(position)
    }

    /// Whether any row can make `predicate` true, by the bounds of whole columns.
    pub(crate) fn may_match(&self, predicate: &Predicate) -> bool {
        self.facts.rows > 0 && may_match(predicate, &|column| self.stats(column))
    }

    /// Cuts the segment into ranges of about `target_rows` rows.
    pub(crate) fn split_ranges(&self, target_rows: u32) -> Vec<Range<u32>> {
        let rows = self.rows();
        let step = u64::from(target_rows.max(1)).next_multiple_of(ZONE_ROWS);
        let step = u32::try_from(step).unwrap_or(u32::MAX);
        let mut start = 0;
        let mut ranges = Vec::new();
        while start < rows {
            let end = start.saturating_add(step).min(rows);
            ranges.push(start..end);
            start = end;
        }
        ranges
    }

    /// Ordinals of encoded keys, which must not decrease; `None` where a key is absent. Blocks.
    pub(crate) fn lookup_keys(&self, keys: &[&[u8]]) -> Result<Vec<Option<u32>>> {
        self.keys.lookup(&self.file, keys)
    }

    /// Encoded keys of a range of ordinals, in order. Blocks.
    #[cfg_attr(not(test), expect(dead_code, reason = "compaction will read it"))]
    pub(crate) fn keys(&self, ordinals: Range<u32>) -> Result<Vec<Vec<u8>>> {
        self.keys.keys(&self.file, u64::from(ordinals.start)..u64::from(ordinals.end))
    }

    /// Reads rows in order of their ordinals. File reads block the thread that polls; nothing is spawned.
    /// Batches hold the columns of the scan, then `ordinal`, `begin` and `end` as asked.
    pub(crate) fn scan(self: &Arc<Self>, scan: &SegmentScan) -> BoxStream<'static, Result<RecordBatch>> {
        let work = match self.prepare(scan) {
            Ok(work) => work,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let step = self.step_rows();
        let end = scan.rows.end.min(self.rows());
        let state = (Arc::new(work), u64::from(scan.rows.start.min(end)));
        let end = u64::from(end);
        stream::unfold(state, move |(work, start)| async move {
            if start >= end {
                return None;
            }
            let next = (start + 1).next_multiple_of(step).min(end);
            let batches = match work.read(start..next).await {
                Ok(batch) => batch.map_or_else(Vec::new, |batch| sliced(&batch, work.batch_rows)),
                Err(error) => return Some((vec![Err(error)], (work, end))),
            };
            Some((batches, (work, next)))
        })
        .flat_map(stream::iter)
        .boxed()
    }

    /// Whole rows at strictly increasing `ordinals`: the columns, then `begin` and `end` when `timestamps`. Blocks.
    pub(crate) fn fetch(&self, ordinals: &[u32], columns: &[ScanColumn]) -> Result<RecordBatch> {
        if !ordinals.is_sorted_by(|a, b| a < b) || ordinals.last().is_some_and(|last| *last >= self.rows()) {
            return Err(Error::internal("ordinals to fetch are not increasing or outside of the segment"));
        }
        let shape = Shape::new(self, columns, &[], Extra { ordinal: false, timestamps: false })?;
        let plan = self.rows.plan(shape.stored.clone(), &Pushed::default())?;
        let mut batches = Vec::new();
        for group in ordinals.chunk_by(|a, b| u64::from(*a) / ZONE_ROWS == u64::from(*b) / ZONE_ROWS) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else {
                continue;
            };
            let range = u64::from(*first)..u64::from(*last) + 1;
            let stored = block_on(plan.run(range, RowChoice::Only(group), false))?;
            batches.push(shape.batch(stored.columns, stored.rows, None)?);
        }
        concat_batches(&shape.output, &batches)
            .map_err(|e| Error::internal(format!("could not join rows: {e}")))
    }

    /// Reads everything and compares it with the hashes that the index holds. Blocks.
    pub(crate) fn verify(self: &Arc<Self>) -> Result<()> {
        self.file.verify()?;
        let columns = self.meta.columns.iter();
        let columns =
            columns.map(|(id, form)| ScanColumn { id: *id, form: form.clone(), missing: Datum::Null });
        let scan = SegmentScan {
            columns: columns.collect(),
            filter_columns: Vec::new(),
            predicate: None,
            excluded: None,
            rows: 0..self.rows(),
            begin_at_most: None,
            end_above: None,
            ordinal: false,
            timestamps: true,
            batch_rows: usize::MAX,
            metrics: Arc::default(),
        };
        let mut hashers: Vec<ContentHasher> = Vec::new();
        let stamps = if self.meta.history { 2 } else { 1 };
        hashers.resize_with(self.meta.columns.len() + stamps, ContentHasher::default);
        let mut batches = self.scan(&scan);
        let mut rows = 0;
        while let Some(batch) = block_on(batches.next()) {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            for (hasher, array) in hashers.iter_mut().zip(batch.columns()) {
                hasher.update(array)?;
            }
        }
        let Some((columns, stamps)) = hashers.split_at_checked(self.meta.columns.len()) else {
            return Err(Error::internal("a segment without timestamps"));
        };
        let stamps = stamps.first().map(|begin| timestamps_hash(begin, stamps.get(1)));
        let differs = |what: &str| damaged(self.id(), &format!("its {what} differ from what was written"));
        if rows != self.facts.rows {
            return Err(differs("rows"));
        }
        if stamps != Some(self.facts.timestamps_hash) {
            return Err(differs("timestamps"));
        }
        for ((hasher, expected), (id, _)) in
            columns.iter().zip(&self.facts.content_hashes).zip(&self.meta.columns)
        {
            if hasher.finish() != *expected {
                return Err(differs(&format!("values of column {id}")));
            }
        }
        Ok(())
    }

    fn step_rows(&self) -> u64 {
        let row_bytes = (self.file.sections().rows.len / self.facts.rows.max(1)).max(1);
        (STEP_BYTES / row_bytes).clamp(ZONE_ROWS, STEP_ROWS_MAX).next_multiple_of(ZONE_ROWS)
    }

    fn prepare(&self, scan: &SegmentScan) -> Result<Work> {
        let form = |column| self.meta.columns.iter().find(|(id, _)| *id == column).map(|(_, form)| form);
        let mut pushed = scan.predicate.as_ref().map(|p| push(p, &form)).unwrap_or_default();
        if let Some(limit) = scan.begin_at_most.filter(|limit| self.facts.begin_max > *limit) {
            pushed.at_most(BEGIN, limit.0);
        }
        if let Some(limit) = scan.end_above.filter(|limit| self.meta.history && self.facts.end_min <= *limit)
        {
            pushed.above(END, limit.0);
        }
        let rest = std::mem::take(&mut pushed.rest);
        let rest = (!rest.is_empty()).then_some(Predicate::And(rest));
        let mut filter_columns = Vec::new();
        for column in rest.as_ref().map(columns_of).unwrap_or_default() {
            if scan.columns.iter().all(|c| c.id != column) {
                let known = scan.filter_columns.iter().find(|c| c.id == column);
                let known = known
                    .ok_or_else(|| Error::internal(format!("column {column} of a predicate is not given")))?;
                filter_columns.push(known.clone());
            }
        }
        let extra = Extra { ordinal: scan.ordinal, timestamps: scan.timestamps };
        let shape = Shape::new(self, &scan.columns, &filter_columns, extra)?;
        let plan = self.rows.plan(shape.stored.clone(), &pushed)?;
        Ok(Work {
            plan,
            shape,
            rest,
            excluded: scan.excluded.clone().filter(|dead| !dead.is_empty()),
            batch_rows: scan.batch_rows.max(1),
            metrics: Arc::clone(&scan.metrics),
        })
    }
}

/// Cuts a batch into batches of at most `rows` rows, sharing its buffers.
fn sliced(batch: &RecordBatch, rows: usize) -> Vec<Result<RecordBatch>> {
    (0..batch.num_rows())
        .step_by(rows)
        .map(|at| Ok(batch.slice(at, rows.min(batch.num_rows() - at))))
        .collect()
}

/// A prepared scan.
#[derive(Debug)]
struct Work {
    plan: RowsPlan,
    shape: Shape,
    rest: Option<Predicate>,
    excluded: Option<Arc<RoaringBitmap>>,
    batch_rows: usize,
    metrics: Arc<ScanMetrics>,
}

impl Work {
    async fn read(&self, range: Range<u64>) -> Result<Option<RecordBatch>> {
        let choice = self.excluded.as_deref().map_or(RowChoice::All, RowChoice::Except);
        let stored = self.plan.run(range, choice, self.shape.extra.ordinal).await?;
        self.metrics.rows_read.fetch_add(stored.rows_read, Ordering::Relaxed);
        if stored.rows == 0 {
            return Ok(None);
        }
        let batch = self.shape.batch(stored.columns, stored.rows, stored.ordinals)?;
        let Some(rest) = &self.rest else {
            return Ok(Some(batch));
        };
        let kept = filter(rest, &batch)?;
        if kept.num_rows() == 0 {
            return Ok(None);
        }
        kept.project(&self.shape.visible)
            .map(Some)
            .map_err(|e| Error::internal(format!("could not project rows: {e}")))
    }
}

/// Columns besides the table's.
#[derive(Clone, Copy, Debug)]
struct Extra {
    ordinal: bool,
    timestamps: bool,
}

/// How stored arrays become the batch of a scan.
#[derive(Debug)]
struct Shape {
    /// Columns in order of the output; those only for filtering come last.
    columns: Vec<(ScanColumn, bool)>,
    extra: Extra,
    stamps: usize,
    /// What is read.
    stored: Fields,
    /// All columns, the filter's included.
    output: SchemaRef,
    /// Positions in `output` that come out.
    visible: Vec<usize>,
}

impl Shape {
    fn new(
        segment: &Segment,
        columns: &[ScanColumn],
        filter_columns: &[ScanColumn],
        extra: Extra,
    ) -> Result<Self> {
        let mut shape_columns = Vec::new();
        let mut stored = Vec::new();
        let mut output = Vec::new();
        let mut taken = Vec::new();
        for column in columns.iter().chain(filter_columns) {
            let held = segment.meta.columns.iter().find(|(id, _)| *id == column.id);
            if held.is_some_and(|(_, form)| *form != column.form) {
                return Err(Error::unsupported(format!("column {} was stored in another form", column.id)));
            }
            if held.is_some() && !taken.contains(&column.id) {
                stored.extend(stored_fields(column.id, &column.form)?);
            }
            taken.push(column.id);
            output.push(types::array::field(&column.id.to_string(), &column.form));
            shape_columns.push((column.clone(), held.is_some()));
        }
        let mut stamps = 0;
        let mut tail = Vec::new();
        if extra.ordinal {
            tail.push(Field::new(ORDINAL, DataType::UInt32, false));
        }
        if extra.timestamps {
            let names: &[&str] = if segment.meta.history { &[BEGIN, END] } else { &[BEGIN] };
            stamps = names.len();
            stored.extend(names.iter().map(|name| timestamp_field(name)));
            tail.extend(names.iter().map(|name| timestamp_field(name)));
        }
        // The filter's columns go behind everything that comes out.
        let hidden = output.split_off(columns.len());
        output.append(&mut tail);
        let visible = (0..output.len()).collect();
        output.extend(hidden);
        Ok(Self {
            columns: shape_columns,
            extra,
            stamps,
            stored: Fields::from(stored),
            output: Arc::new(Schema::new(output)),
            visible,
        })
    }

    /// All columns of `rows` rows, the filter's included.
    fn batch(&self, stored: Vec<ArrayRef>, rows: usize, ordinals: Option<Vec<u32>>) -> Result<RecordBatch> {
        let stored = if rows == 0 {
            self.stored.iter().map(|f| new_empty_array(f.data_type())).collect()
        } else {
            stored
        };
        let mut stored = stored.into_iter();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.output.fields().len());
        let mut hidden: Vec<ArrayRef> = Vec::new();
        let visible_columns = self.visible.len() - usize::from(self.extra.ordinal) - self.stamps;
        let mut made: Vec<(ColumnId, ArrayRef)> = Vec::new();
        for (position, (column, held)) in self.columns.iter().enumerate() {
            let array = match made.iter().find(|(id, _)| *id == column.id) {
                Some((_, array)) => Arc::clone(array),
                None if *held => from_stored(&column.form, &mut stored)?,
                None => types::array::from_data(&column.form, &vec![column.missing.clone(); rows])?,
            };
            made.push((column.id, Arc::clone(&array)));
            if position < visible_columns { arrays.push(array) } else { hidden.push(array) }
        }
        if self.extra.ordinal {
            let ordinals = ordinals.ok_or_else(|| Error::internal("ordinals were not read"))?;
            arrays.push(Arc::new(UInt32Array::from(ordinals)));
        }
        for _ in 0..self.stamps {
            let stamps = stored.next().ok_or_else(|| Error::internal("timestamps were not read"))?;
            arrays.push(stamps);
        }
        arrays.append(&mut hidden);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.output), arrays, &options)
            .map_err(|e| Error::corruption(format!("stored rows do not fit their columns: {e}")))
    }
}
