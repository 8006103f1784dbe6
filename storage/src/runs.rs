//! Sorted runs: rows written as a segment file, by flushes, by compactions and by transactions that outgrow memory.
//!
//! Must not know why rows are written. Invariant: a run is durable, its directory entry too, and was read back (when
//! the settings say so) before its reference is handed out.

use crate::core::Core;
use crate::delete_vector::DeleteVector;
use crate::format::Lives;
use crate::layout::Layout;
use crate::memtable::{Chunk, Version};
use crate::segment::{SegmentMeta, SegmentRows, WrittenSegment, have_bounds, verify_segment, write_segment};
use crate::tablet::{Reference, ReferenceMeta, SEGMENT_DIRECTORY, segment_path};
use arrow::array::{BinaryArray, UInt8Array, UInt64Array};
use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use base::id::CommitTs;
use base::plant::{Flaw, planted};
use base::{Error, Result};
use std::sync::Arc;

/// Rows handed to the segment writer at a time.
const BATCH_ROWS: usize = 8_192;

/// Rows of some chunks, to be written in order of their keys.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    chunks: Arc<Vec<Arc<Chunk>>>,
    /// Chunk and position in it.
    rows: Vec<(usize, usize)>,
}

impl Run {
    /// The rows that `choose` says, sorted by key; rows of one key in order of age.
    pub(crate) fn new(chunks: &Arc<Vec<Arc<Chunk>>>, choose: impl Fn(&Chunk, usize) -> bool) -> Self {
        let mut rows = Vec::new();
        for (number, chunk) in chunks.iter().enumerate() {
            rows.extend((0..chunk.len()).filter(|i| choose(chunk, *i)).map(|i| (number, i)));
        }
        let key = |(chunk, index): &(usize, usize)| chunks.get(*chunk).and_then(|c| c.keys().get(*index));
        // Most keys differ at their beginning, which is at hand here; the keys themselves are all over the memory.
        let mut begun: Vec<(u64, (usize, usize))> =
            rows.into_iter().map(|row| (key(&row).map_or(0, |k| beginning(k)), row)).collect();
        begun.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| key(left).cmp(&key(right))));
        let rows = begun.into_iter().map(|(_, row)| row).collect();
        Self { chunks: Arc::clone(chunks), rows }
    }

    /// Runs of at most `rows_max` rows.
    pub(crate) fn split(self, rows_max: usize) -> Vec<Run> {
        let part = |rows: &[(usize, usize)]| Run { chunks: Arc::clone(&self.chunks), rows: rows.to_vec() };
        self.rows.chunks(rows_max.max(1)).map(part).collect()
    }

    /// Rows that have died since they were chosen: ordinal in the segment and time.
    pub(crate) fn deaths(&self) -> Vec<(CommitTs, u32)> {
        let mut deaths = Vec::new();
        for ((chunk, index), ordinal) in self.rows.iter().zip(0_u32..) {
            if let Some(chunk) = self.chunks.get(*chunk) {
                let end = chunk.version(chunk.row(*index)).end;
                if end != crate::memtable::NEVER {
                    deaths.push((CommitTs(end), ordinal));
                }
            }
        }
        deaths.sort_unstable();
        deaths
    }

    /// `stored` are the chunks' rows as they are to be written.
    fn batch(&self, stored: &[RecordBatch], rows: &[(usize, usize)], history: bool) -> Result<SegmentRows> {
        let batch = interleave_record_batch(&stored.iter().collect::<Vec<_>>(), rows)
            .map_err(|e| Error::internal(format!("sort rows: {e}")))?;
        let version =
            |(chunk, index): &(usize, usize)| self.chunks.get(*chunk).map(|c| c.version(c.row(*index)));
        let key =
            |(chunk, index): &(usize, usize)| self.chunks.get(*chunk).and_then(|c| c.keys().get(*index));
        let versions: Vec<_> = rows.iter().filter_map(version).collect();
        let begin = |v: &Version| if planted(Flaw::LoseBegin) { 0 } else { v.begin };
        let end = || UInt64Array::from_iter_values(versions.iter().map(|v| v.end));
        Ok(SegmentRows {
            columns: batch.columns().to_vec(),
            begin_ts: UInt64Array::from_iter_values(versions.iter().map(begin)),
            end_ts: history.then(end),
            origins: Some(UInt8Array::from_iter_values(versions.iter().map(|v| v.origin.code()))),
            keys: BinaryArray::from_iter_values(rows.iter().filter_map(key)),
        })
    }

    /// Writes the rows as a segment.
    pub(crate) fn write(self, core: &Core, layout: &Layout, history: bool) -> Result<Arc<Reference>> {
        let stored = self.chunks.iter().map(|c| layout.aligned(c.batch())).collect::<Result<Vec<_>>>()?;
        let mut start = 0_usize;
        let batches = std::iter::from_fn(move || {
            let end = start.saturating_add(BATCH_ROWS).min(self.rows.len());
            let rows = self.rows.get(start..end).filter(|rows| !rows.is_empty())?;
            start = end;
            Some(self.batch(&stored, rows, history))
        });
        write_segment_of(core, layout, history, batches)
    }
}

/// Writes sorted rows as a segment. Its reference has no dead rows and leaves begin to the rows themselves.
pub(crate) fn write_segment_of(
    core: &Core,
    layout: &Layout,
    history: bool,
    batches: impl Iterator<Item = Result<SegmentRows>> + Send + 'static,
) -> Result<Arc<Reference>> {
    let segment = core.ids.segment();
    let path = segment_path(segment);
    let meta = SegmentMeta {
        database: core.database,
        segment,
        table: layout.table(),
        schema_version: layout.def().schema_version,
        columns: layout.columns().to_vec(),
        history,
        origins: true,
        bounds: have_bounds(layout.columns()),
    };
    let written =
        write_file(core, &path, &meta, layout.def().options.compact, batches).inspect_err(|_| {
            // What is left behind otherwise is garbage for the next open.
            let _ = core.fs.remove(&path);
        })?;
    let rows = u32::try_from(written.rows).map_err(|_| Error::internal("too many rows for one segment"))?;
    let meta = ReferenceMeta {
        id: core.ids.reference(),
        segment,
        file_bytes: written.file_bytes,
        rows,
        content_hash: content_hash(&written),
        attach_ts: CommitTs::ZERO,
        detach_ts: CommitTs::MAX,
        lives: Some(lives(&written, history)),
    };
    Ok(Arc::new(Reference::new(meta, core.store.file(segment), DeleteVector::default())))
}

fn write_file(
    core: &Core,
    path: &str,
    meta: &SegmentMeta,
    compact: bool,
    batches: impl Iterator<Item = Result<SegmentRows>> + Send + 'static,
) -> Result<WrittenSegment> {
    let fs = core.fs.as_ref();
    let written = write_segment(fs, path, meta, compact, batches)?;
    if !planted(Flaw::SkipSegmentDirectorySync) {
        fs.sync_directory(SEGMENT_DIRECTORY)?;
    }
    if core.settings.read_back {
        verify_segment(fs, path, meta, &written)?;
    }
    Ok(written)
}

/// The first eight bytes of a key as a number of the same order; zeros behind a shorter one.
fn beginning(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(bytes)
}

/// When the rows of a written segment begin and end.
pub(crate) fn lives(written: &WrittenSegment, history: bool) -> Lives {
    let WrittenSegment { begin_min, begin_max, end_min, end_max, .. } = *written;
    Lives { history, begin_min, begin_max, end_min, end_max }
}

/// One number over the hashes of all columns, as references keep it.
pub(crate) fn content_hash(written: &WrittenSegment) -> u64 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for hash in written.content_hashes.iter().chain([&written.timestamps_hash]) {
        hasher.update(&hash.to_le_bytes());
    }
    hasher.digest()
}
