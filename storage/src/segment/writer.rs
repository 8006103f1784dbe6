//! Writes a segment file from sorted batches, and reads it back before anyone may rely on it.
//!
//! Invariant: rows stream through; what stays in memory is the format's own buffers, the compressed keys, and one batch.

use super::columns::{BEGIN, END, origin_field, stored_fields, timestamp_field, to_stored};
use super::container::{ContainerWriter, Identity, Section, Sections};
use super::content::{BoundsBuilder, ContentHasher};
use super::index::{encode_facts, encode_header};
use super::key_run::KeyRunWriter;
use super::reader::Segment;
use super::vortex::{ChunkCache, FORMAT, write_rows};
use crate::evaluate::ColumnStats;
use arrow::array::{Array, ArrayRef, BinaryArray, UInt8Array, UInt64Array};
use arrow::compute::{max, min};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::fs::FileSystem;
use base::id::{ColumnId, CommitTs, DatabaseId, SchemaVersion, SegmentId, TableId};
use base::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};
use types::Form;

/// Where the rows begin is a multiple of this, so that buffers inside them keep their alignment.
const ROWS_ALIGNMENT: u64 = 4096;

/// What a segment is, known before its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentMeta {
    pub(crate) database: DatabaseId,
    pub(crate) segment: SegmentId,
    pub(crate) table: TableId,
    pub(crate) schema_version: SchemaVersion,
    /// All columns of the table at that version, in table order.
    pub(crate) columns: Vec<(ColumnId, Form)>,
    /// Whether rows carry end timestamps.
    pub(crate) history: bool,
    /// Whether rows say how they came about; those of header version 1 do not.
    pub(crate) origins: bool,
    /// Whether arrays have a column of their bounds; those of header versions before 3 do not.
    pub(crate) bounds: bool,
}

impl SegmentMeta {
    pub(crate) fn identity(&self) -> Identity {
        Identity { database: self.database, segment: self.segment }
    }
}

/// Consecutive rows of a segment.
#[derive(Clone, Debug)]
pub(crate) struct SegmentRows {
    /// One array per column of the meta, in its order, of its form's Arrow type.
    pub(crate) columns: Vec<ArrayRef>,
    /// Without nulls.
    pub(crate) begin_ts: UInt64Array,
    /// Without nulls; present exactly in history segments.
    pub(crate) end_ts: Option<UInt64Array>,
    /// Codes of `Origin`, without nulls; present exactly when the meta says so.
    pub(crate) origins: Option<UInt8Array>,
    /// Encoded keys, never decreasing within the segment; of rows with one key the newest comes last.
    pub(crate) keys: BinaryArray,
}

/// What was written.
#[derive(Clone, Debug)]
pub(crate) struct WrittenSegment {
    pub(crate) file_bytes: u64,
    pub(crate) rows: u64,
    /// Per column of the meta.
    pub(crate) content_hashes: Vec<u128>,
    /// Over begin and end timestamps and origins.
    pub(crate) timestamps_hash: u128,
    /// Per column of the meta.
    pub(crate) stats: Vec<ColumnStats>,
    /// Empty without rows, as is `last_key`.
    pub(crate) first_key: Vec<u8>,
    pub(crate) last_key: Vec<u8>,
    /// `MAX` without rows.
    pub(crate) begin_min: CommitTs,
    /// `ZERO` without rows.
    pub(crate) begin_max: CommitTs,
    /// `MAX` without end timestamps, as is `end_max` then.
    pub(crate) end_min: CommitTs,
    pub(crate) end_max: CommitTs,
}

/// Writes the file `path`, which must not exist, and syncs its bytes; the caller syncs the directory.
/// Smaller for more work when `compact`. Blocks. On failure the file may be left behind and is garbage. `Internal` for rows that
/// are not as promised.
pub(crate) fn write_segment(
    fs: &dyn FileSystem,
    path: &str,
    meta: &SegmentMeta,
    compact: bool,
    rows: impl Iterator<Item = Result<SegmentRows>> + Send + 'static,
) -> Result<WrittenSegment> {
    let schema = stored_schema(meta)?;
    let mut container = ContainerWriter::new(fs.create(path)?, meta.identity());
    let header = encode_header(meta, FORMAT)?;
    container.append(&header)?;
    let header = Section { offset: 0, len: header.len() as u64 };
    container.align(ROWS_ALIGNMENT)?;
    let rows_offset = container.position();
    let tally = Arc::new(Mutex::new(Tally::new(meta)));
    let counted = Counted { rows, tally: Arc::clone(&tally), schema: Arc::clone(&schema) };
    let mut container = write_rows(container, &schema, compact, counted)?;
    let rows = Section { offset: rows_offset, len: container.position() - rows_offset };
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    let (written, keys, fences) = std::mem::replace(&mut *tally, Tally::new(meta)).finish();
    let keys_offset = container.position();
    container.append(&keys)?;
    let keys = Section { offset: keys_offset, len: keys.len() as u64 };
    let index = encode_facts(&written, &fences)?;
    let index_offset = container.position();
    container.append(&index)?;
    let index = Section { offset: index_offset, len: index.len() as u64 };
    let file_bytes = container.finish(Sections { header, rows, keys, index })?;
    Ok(WrittenSegment { file_bytes, ..written })
}

/// Reads a written segment through the path of queries and compares content hashes and row count.
/// Blocks. `Corruption` when anything differs.
pub(crate) fn verify_segment(
    fs: &dyn FileSystem,
    path: &str,
    meta: &SegmentMeta,
    written: &WrittenSegment,
) -> Result<()> {
    let differs =
        |what: &str| Error::corruption(format!("segment {} read back differs in {what}", meta.segment));
    // Nothing is kept: what is compared has to come from the file.
    let cache = Arc::new(ChunkCache::new(0));
    let segment = Segment::open(fs, path, meta.identity(), &cache)?;
    if segment.meta() != meta {
        return Err(differs("its header"));
    }
    // By their bytes: a bound may be NaN, which does not equal itself.
    if segment.facts().file_bytes != written.file_bytes
        || encode_facts(segment.facts(), &[])? != encode_facts(written, &[])?
    {
        return Err(differs("its index"));
    }
    segment.verify()
}

fn stored_schema(meta: &SegmentMeta) -> Result<SchemaRef> {
    let mut fields = Vec::with_capacity(meta.columns.len() + 2);
    for (id, form) in &meta.columns {
        fields.extend(stored_fields(*id, form, meta.bounds)?);
    }
    fields.push(timestamp_field(BEGIN));
    if meta.history {
        fields.push(timestamp_field(END));
    }
    if meta.origins {
        fields.push(origin_field());
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Rows on their way into the file: counted, then turned into stored batches.
struct Counted<I> {
    rows: I,
    tally: Arc<Mutex<Tally>>,
    schema: SchemaRef,
}

impl<I: Iterator<Item = Result<SegmentRows>>> Iterator for Counted<I> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = match self.rows.next()? {
            Ok(rows) => rows,
            Err(error) => return Some(Err(error)),
        };
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        Some(tally.take(&rows).and_then(|stored| {
            let options = RecordBatchOptions::new().with_row_count(Some(rows.begin_ts.len()));
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), stored, &options)
                .map_err(|e| Error::internal(format!("rows do not fit the segment: {e}")))
        }))
    }
}

/// What is learned of the rows while they pass.
#[derive(Debug)]
struct Tally {
    columns: Vec<(Form, ContentHasher, BoundsBuilder)>,
    begin: TimestampTally,
    end: Option<TimestampTally>,
    origins: Option<ContentHasher>,
    /// Whether arrays are stored with their bounds.
    bounds: bool,
    keys: KeyRunWriter,
    rows: u64,
}

#[derive(Debug)]
pub(crate) struct TimestampTally {
    pub(crate) hash: ContentHasher,
    min: u64,
    max: u64,
}

impl TimestampTally {
    fn new() -> Self {
        Self { hash: ContentHasher::default(), min: u64::MAX, max: 0 }
    }
    fn take(&mut self, timestamps: &UInt64Array) -> Result<()> {
        if timestamps.null_count() > 0 {
            return Err(Error::internal("a row without timestamp"));
        }
        self.hash.update(timestamps)?;
        self.min = self.min.min(min(timestamps).unwrap_or(u64::MAX));
        self.max = self.max.max(max(timestamps).unwrap_or(0));
        Ok(())
    }
}

/// One hash of both timestamp columns and the origins.
pub(crate) fn timestamps_hash(
    begin: &ContentHasher,
    end: Option<&ContentHasher>,
    origins: Option<&ContentHasher>,
) -> u128 {
    let turned =
        |hasher: Option<&ContentHasher>, by| hasher.map_or(0, |hasher| hasher.finish().rotate_left(by));
    begin.finish() ^ turned(end, 1) ^ turned(origins, 2)
}

impl Tally {
    fn new(meta: &SegmentMeta) -> Self {
        let column =
            |(_, form): &(ColumnId, Form)| (form.clone(), ContentHasher::default(), BoundsBuilder::new());
        Self {
            columns: meta.columns.iter().map(column).collect(),
            begin: TimestampTally::new(),
            end: meta.history.then(TimestampTally::new),
            origins: meta.origins.then(ContentHasher::default),
            bounds: meta.bounds,
            keys: KeyRunWriter::default(),
            rows: 0,
        }
    }

    /// Counts rows and returns their stored arrays.
    fn take(&mut self, rows: &SegmentRows) -> Result<Vec<ArrayRef>> {
        let len = rows.begin_ts.len();
        let even = rows.columns.iter().all(|c| c.len() == len)
            && rows.keys.len() == len
            && rows.end_ts.as_ref().is_none_or(|e| e.len() == len)
            && rows.origins.as_ref().is_none_or(|o| o.len() == len && o.null_count() == 0);
        let promised = rows.columns.len() == self.columns.len()
            && rows.end_ts.is_some() == self.end.is_some()
            && rows.origins.is_some() == self.origins.is_some();
        if !even || !promised {
            return Err(Error::internal("rows of a segment have the wrong shape"));
        }
        let mut stored = Vec::with_capacity(rows.columns.len() + 2);
        for ((form, hash, bounds), array) in self.columns.iter_mut().zip(&rows.columns) {
            to_stored(form, self.bounds, array, &mut stored)?;
            hash.update(array)?;
            bounds.update(form, array);
        }
        self.begin.take(&rows.begin_ts)?;
        stored.push(Arc::new(rows.begin_ts.clone()));
        if let (Some(tally), Some(end)) = (&mut self.end, &rows.end_ts) {
            tally.take(end)?;
            stored.push(Arc::new(end.clone()));
        }
        if let (Some(hash), Some(origins)) = (&mut self.origins, &rows.origins) {
            hash.update(origins)?;
            stored.push(Arc::new(origins.clone()));
        }
        for key in &rows.keys {
            let key = key.ok_or_else(|| Error::internal("a row without key"))?;
            if self.keys.last().is_some_and(|last| last > key) {
                return Err(Error::internal("rows of a segment are not sorted by key"));
            }
            self.keys.push(key);
        }
        self.rows += len as u64;
        if self.rows > u64::from(u32::MAX) {
            return Err(Error::internal("too many rows for one segment"));
        }
        Ok(stored)
    }

    /// The facts, the key run and its fences.
    fn finish(self) -> (WrittenSegment, Vec<u8>, Vec<u8>) {
        let first_key = self.keys.first().unwrap_or_default().to_vec();
        let last_key = self.keys.last().unwrap_or_default().to_vec();
        let (keys, fences) = self.keys.finish();
        let end = self.end.as_ref().filter(|_| self.rows > 0);
        let written = WrittenSegment {
            file_bytes: 0,
            rows: self.rows,
            content_hashes: self.columns.iter().map(|(_, hash, _)| hash.finish()).collect(),
            timestamps_hash: timestamps_hash(
                &self.begin.hash,
                self.end.as_ref().map(|e| &e.hash),
                self.origins.as_ref(),
            ),
            stats: self.columns.into_iter().map(|(_, _, bounds)| bounds.finish()).collect(),
            first_key,
            last_key,
            begin_min: CommitTs(self.begin.min),
            begin_max: CommitTs(self.begin.max),
            end_min: end.map_or(CommitTs::MAX, |e| CommitTs(e.min)),
            end_max: end.map_or(CommitTs::MAX, |e| CommitTs(e.max)),
        };
        (written, keys, fences)
    }
}
