//! An open segment: what is in it, fetches by ordinal, key lookups, verification. `scan` reads ranges of it.
//!
//! Opening reads the trailer, the header, the index and the footer of the rows; everything else is read when it is
//! asked for. Must not know which rows are dead or which commit a reader sees: callers say.
//! A column that the segment was written without has one value in all rows, which the caller gives.

use super::container::{CheckedFile, Identity, damaged};
use super::content::ContentHasher;
use super::filter::{FilterBuilder, passes};
use super::index::{decode_facts, decode_header};
use super::key_run::KeyRun;
use super::scan::{ScanColumn, SegmentScan, Shape};
use super::vortex::{Chosen, ChunkCache, FORMAT, RowChoice, RowsReader, block_on};
use super::writer::{SegmentMeta, WrittenSegment, timestamps_hash};
use crate::evaluate::{ColumnStats, may_match};
use crate::format::Reader;
use crate::predicate::Predicate;
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use base::fs::FileSystem;
use base::id::{ColumnId, SegmentId};
use base::{Error, Result};
use futures::StreamExt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use types::Datum;

/// Rows that bounds are kept for; ranges begin at multiples of it where possible.
pub(super) const ZONE_ROWS: u64 = 8_192;

/// One key of so many was looked for in vain when a filter is made.
const MISSES_PER_FILTER: u64 = 8;

/// An open segment. Shared by all readers.
#[derive(Debug)]
pub(crate) struct Segment {
    file: Arc<CheckedFile>,
    meta: SegmentMeta,
    facts: WrittenSegment,
    keys: KeyRun,
    rows: RowsReader,
    cache: Arc<ChunkCache>,
    /// Keys looked for in vain since there was a filter.
    missed: AtomicU64,
}

impl Segment {
    /// Opens a file. `Corruption` when it is damaged or not the one of `identity`. Blocks.
    pub(crate) fn open(
        fs: &dyn FileSystem,
        path: &str,
        identity: Identity,
        cache: &Arc<ChunkCache>,
    ) -> Result<Arc<Self>> {
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
        let rows = RowsReader::open(&file, sections.rows, cache)?;
        if rows.rows() != facts.rows || keys.len() != facts.rows || facts.stats.len() != meta.columns.len() {
            return Err(damaged(identity.segment, "its parts do not fit together"));
        }
        Ok(Arc::new(Self {
            file,
            meta,
            facts,
            keys,
            rows,
            cache: Arc::clone(cache),
            missed: AtomicU64::new(0),
        }))
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

    pub(super) fn row_reader(&self) -> &RowsReader {
        &self.rows
    }

    /// Bytes of the encoded rows, without keys and index.
    pub(super) fn row_bytes(&self) -> u64 {
        self.file.sections().rows.len
    }

    /// Bounds of a column; `None` when the segment was written without it.
    pub(crate) fn stats(&self, column: ColumnId) -> Option<&ColumnStats> {
        let position = self.meta.columns.iter().position(|(id, _)| *id == column)?;
        self.facts.stats.get(position)
    }

    /// Whether any row can make `predicate` true, by the bounds of whole columns; of columns that the segment lacks they
    /// are those in `missing`.
    pub(crate) fn may_match(&self, predicate: &Predicate, missing: &[(ColumnId, ColumnStats)]) -> bool {
        let lacked = |column| missing.iter().find(|(id, _)| *id == column).map(|(_, stats)| stats);
        self.facts.rows > 0 && may_match(predicate, &|column| self.stats(column).or_else(|| lacked(column)))
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
        let Some(filter) = self.cache.filter(self.id()) else {
            let found = self.keys.lookup(&self.file, &self.cache, keys)?;
            self.note_missed(found.iter().filter(|o| o.is_none()).count() as u64)?;
            return Ok(found);
        };
        let mut places = Vec::new();
        let mut wanted = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            if passes(&filter, key) {
                places.push(place);
                wanted.push(*key);
            }
        }
        let mut found = vec![None; keys.len()];
        let ordinals = self.keys.lookup(&self.file, &self.cache, &wanted)?;
        for (place, ordinal) in places.into_iter().zip(ordinals) {
            if let Some(found) = found.get_mut(place) {
                *found = ordinal;
            }
        }
        Ok(found)
    }

    /// Makes a filter once so many keys were looked for in vain that it is worth reading all keys.
    fn note_missed(&self, missed: u64) -> Result<()> {
        let before = self.missed.fetch_add(missed, Ordering::Relaxed);
        let enough = before.saturating_add(missed) >= self.facts.rows / MISSES_PER_FILTER;
        if missed == 0 || !enough || !self.cache.keeps() {
            return Ok(());
        }
        self.missed.store(0, Ordering::Relaxed);
        let mut filter = FilterBuilder::new(usize::try_from(self.facts.rows).unwrap_or(usize::MAX));
        self.keys.each(&self.file, &self.cache, |key| filter.add(key))?;
        self.cache.keep_filter(self.id(), filter.finish());
        Ok(())
    }

    /// Encoded keys of a range of ordinals, in order. Blocks.
    #[cfg_attr(not(test), expect(dead_code, reason = "compaction will read it"))]
    pub(crate) fn keys(&self, ordinals: Range<u32>) -> Result<Vec<Vec<u8>>> {
        self.keys.keys(&self.file, u64::from(ordinals.start)..u64::from(ordinals.end))
    }

    /// Whole rows at strictly increasing `ordinals`: the columns, and nothing of their lives. Blocks.
    pub(crate) fn fetch(&self, ordinals: &[u32], columns: &[ScanColumn]) -> Result<RecordBatch> {
        if !ordinals.is_sorted_by(|a, b| a < b) || ordinals.last().is_some_and(|last| *last >= self.rows()) {
            return Err(Error::internal("ordinals to fetch are not increasing or outside of the segment"));
        }
        let shape = Shape::new(self, columns)?;
        let reader = self.rows.columns(shape.stored())?;
        let mut batches = Vec::new();
        for group in ordinals.chunk_by(|a, b| u64::from(*a) / ZONE_ROWS == u64::from(*b) / ZONE_ROWS) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else {
                continue;
            };
            let range = u64::from(*first)..u64::from(*last) + 1;
            let chosen = Chosen::of(range, RowChoice::Only(group))?;
            let stored = block_on(reader.read(&chosen))?;
            batches.push(shape.batch(stored, chosen.rows())?);
        }
        concat_batches(shape.schema(), &batches)
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
            lives: true,
            batch_rows: usize::MAX,
            ..SegmentScan::of_rows(0..self.rows())
        };
        let mut hashers: Vec<ContentHasher> = Vec::new();
        hashers.resize_with(self.meta.columns.len() + 3, ContentHasher::default);
        let mut batches = self.scan(&scan);
        let mut rows = 0;
        while let Some(batch) = block_on(batches.next()) {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            for (hasher, array) in hashers.iter_mut().zip(batch.columns()) {
                hasher.update(array)?;
            }
        }
        let Some((columns, [begin, more @ ..])) = hashers.split_at_checked(self.meta.columns.len()) else {
            return Err(Error::internal("a segment without timestamps"));
        };
        let (end, origins) =
            if self.meta.history { (more.first(), more.get(1)) } else { (None, more.first()) };
        let stamps = timestamps_hash(begin, end, origins.filter(|_| self.meta.origins));
        let differs = |what: &str| damaged(self.id(), &format!("its {what} differ from what was written"));
        if rows != self.facts.rows {
            return Err(differs("rows"));
        }
        if stamps != self.facts.timestamps_hash {
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
}
