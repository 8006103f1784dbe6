//! References: a segment as part of a tablet, with its own attach time and delete vector; and the segment files.
//!
//! Must not know the log. Invariants: a row of a reference lives from the later of its begin and the attach time
//! until its ordinal enters the delete vector; a segment file is removed only after it was discarded and the last
//! reference to it is gone.

use crate::delete_vector::DeleteVector;
use crate::segment::{ChunkCache, Identity, ScanColumn, Segment, SegmentScan, segment_path};
use crate::wait::block_on;
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;
use base::fs::FileSystem;
use base::id::{CommitTs, DatabaseId, ReferenceId, SegmentId};
use base::plant::{Flaw, planted};
use base::sync::{Mutex, PoisonError, RwLock};
use base::{Error, Result};
use futures::StreamExt;
use roaring::RoaringBitmap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The segment files of a database.
#[derive(Debug)]
pub(crate) struct SegmentStore {
    fs: Arc<dyn FileSystem>,
    database: DatabaseId,
    cache: Arc<ChunkCache>,
    /// Set once the log is durable: until then a record that drops a file may still be lost.
    removes: AtomicBool,
}

/// A segment file; opened when it is first read, shared by all references to it.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    store: Arc<SegmentStore>,
    segment: SegmentId,
    opened: OnceLock<Arc<Segment>>,
    /// Guards the opening.
    opening: Mutex<()>,
    discarded: AtomicBool,
}

/// What is known of a reference without opening its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReferenceMeta {
    pub(crate) id: ReferenceId,
    pub(crate) segment: SegmentId,
    pub(crate) file_bytes: u64,
    pub(crate) rows: u32,
    pub(crate) content_hash: u64,
    pub(crate) attach_ts: CommitTs,
}

/// One attachment of a segment to a tablet.
#[derive(Debug)]
pub(crate) struct Reference {
    meta: ReferenceMeta,
    file: Arc<SegmentFile>,
    /// The newest version; readers take what they need out of it at once.
    deletes: RwLock<DeleteVector>,
}

impl SegmentStore {
    /// Keeps at most `cache_bytes` of the files in memory.
    pub(crate) fn new(fs: Arc<dyn FileSystem>, database: DatabaseId, cache_bytes: u64) -> Self {
        let cache = Arc::new(ChunkCache::new(cache_bytes));
        Self { fs, database, cache, removes: AtomicBool::new(false) }
    }

    /// From now on discarded files are removed; those discarded before are garbage for the collection of the open.
    pub(crate) fn remove_discarded(&self) {
        self.removes.store(true, Ordering::Release);
    }

    pub(crate) fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    pub(crate) fn database(&self) -> DatabaseId {
        self.database
    }

    /// A file that a log record or checkpoint names.
    pub(crate) fn file(self: &Arc<Self>, segment: SegmentId) -> Arc<SegmentFile> {
        Arc::new(SegmentFile {
            store: Arc::clone(self),
            segment,
            opened: OnceLock::new(),
            opening: Mutex::new(()),
            discarded: AtomicBool::new(false),
        })
    }
}

impl SegmentFile {
    fn open(&self) -> Result<&Arc<Segment>> {
        if let Some(segment) = self.opened.get() {
            return Ok(segment);
        }
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.opened.get().is_none() {
            let identity = Identity { database: self.store.database, segment: self.segment };
            let path = segment_path(self.segment);
            let segment = Segment::open(self.store.fs.as_ref(), &path, identity, &self.store.cache)
                .map_err(|e| name_missing(e, &path))?;
            // Nobody else sets it: the opening is guarded.
            let _ = self.opened.set(segment);
        }
        self.opened.get().ok_or_else(|| Error::internal("an opened segment is gone"))
    }
}

/// A file that the log or a checkpoint names must be there.
fn name_missing(error: Error, path: &str) -> Error {
    if error.kind() == base::ErrorKind::FileMissing {
        return Error::corruption(format!("segment \"{path}\" is missing, but the database refers to it"));
    }
    error
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        if self.discarded.load(Ordering::Acquire) && self.store.removes.load(Ordering::Acquire) {
            // Left behind it is garbage, which the next open collects.
            let _ = self.store.fs.remove(&segment_path(self.segment));
        }
    }
}

impl Reference {
    pub(crate) fn new(meta: ReferenceMeta, file: Arc<SegmentFile>, deletes: DeleteVector) -> Self {
        Self { meta, file, deletes: RwLock::new(deletes) }
    }

    /// The same reference as a commit at `ts` attaches it, without dead rows.
    pub(crate) fn attached(&self, ts: CommitTs) -> Self {
        let meta = ReferenceMeta { attach_ts: ts, ..self.meta };
        Self { meta, file: Arc::clone(&self.file), deletes: RwLock::default() }
    }

    /// The same reference with another delete vector.
    pub(crate) fn with_deletes(&self, deletes: DeleteVector) -> Self {
        Self::new(self.meta, Arc::clone(&self.file), deletes)
    }

    pub(crate) fn id(&self) -> ReferenceId {
        self.meta.id
    }

    pub(crate) fn meta(&self) -> &ReferenceMeta {
        &self.meta
    }

    /// The open segment. Blocks when it is opened for the first time.
    pub(crate) fn segment(&self) -> Result<&Arc<Segment>> {
        let segment = self.file.open()?;
        if segment.rows() != self.meta.rows || segment.facts().file_bytes != self.meta.file_bytes {
            let path = segment_path(self.meta.segment);
            return Err(Error::corruption(format!(
                "segment \"{path}\" is not the file that the database refers to"
            )));
        }
        Ok(segment)
    }

    /// The delete vector as it is now.
    pub(crate) fn deletes(&self) -> DeleteVector {
        self.deletes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the times of deletes that no reader can tell apart.
    pub(crate) fn forget_before(&self, horizon: CommitTs) -> Result<()> {
        let mut deletes = self.deletes.write().unwrap_or_else(PoisonError::into_inner);
        *deletes = deletes.compacted(horizon)?;
        Ok(())
    }

    /// Ends rows at `ts`.
    pub(crate) fn kill(&self, ordinals: &[u32], ts: CommitTs) -> Result<()> {
        if let Some(beyond) = ordinals.iter().find(|o| **o >= self.meta.rows) {
            let message =
                format!("row {beyond} of segment {} with {} rows dies", self.meta.segment, self.meta.rows);
            return Err(Error::internal(message));
        }
        let mut deletes = self.deletes.write().unwrap_or_else(PoisonError::into_inner);
        let dead: RoaringBitmap = ordinals.iter().copied().collect();
        let killed = deletes.with_deletes(ts, &dead)?;
        if usize::try_from(killed.len() - deletes.len()) != Ok(ordinals.len()) {
            return Err(Error::internal(format!("a row of segment {} dies twice", self.meta.segment)));
        }
        *deletes = killed;
        Ok(())
    }

    /// Ordinals dead at `ts`.
    pub(crate) fn dead_at(&self, ts: CommitTs) -> Arc<RoaringBitmap> {
        self.deletes().dead_at(ts)
    }

    /// No row of the reference began later.
    pub(crate) fn begin_max(&self) -> Result<CommitTs> {
        Ok(self.segment()?.facts().begin_max.max(self.meta.attach_ts))
    }

    /// When a row began.
    pub(crate) fn begin(&self, ordinal: u32) -> Result<CommitTs> {
        let segment = self.segment()?;
        let facts = segment.facts();
        if facts.begin_min == facts.begin_max || facts.begin_max <= self.meta.attach_ts {
            return self.begin_max();
        }
        let scan = SegmentScan {
            columns: Vec::new(),
            filter_columns: Vec::new(),
            predicate: None,
            sieve: None,
            excluded: None,
            rows: ordinal..ordinal.saturating_add(1),
            begin_at_most: None,
            end_above: None,
            ordinal: false,
            timestamps: true,
            batch_rows: 1,
            metrics: Arc::default(),
        };
        let batch = block_on(segment.scan(&scan).next()).ok_or_else(|| {
            Error::internal(format!("segment {} has no row {ordinal}", self.meta.segment))
        })??;
        let begin = batch.columns().first().and_then(|c| c.as_primitive_opt::<UInt64Type>());
        let begin = begin.and_then(|b| b.values().first().copied());
        let begin = begin.ok_or_else(|| Error::internal("a scan without the timestamps asked for"))?;
        Ok(CommitTs(begin).max(self.meta.attach_ts))
    }

    /// The row of each key (not decreasing) that lives now, or lived at a time, with a bound of its begin.
    pub(crate) fn find(&self, keys: &[&[u8]], at: Option<CommitTs>) -> Result<Vec<Option<(u32, CommitTs)>>> {
        let segment = self.segment()?;
        let facts = segment.facts();
        let late = at.is_some_and(|ts| self.meta.attach_ts > ts);
        if segment.meta().history || late || facts.rows == 0 {
            return Ok(vec![None; keys.len()]);
        }
        // Keys outside of the segment's range need no look at the file.
        let start = keys.partition_point(|k| *k < facts.first_key.as_slice());
        let end = keys.partition_point(|k| *k <= facts.last_key.as_slice()).max(start);
        let mut found = vec![None; start];
        let inside = keys.get(start..end).unwrap_or_default();
        if !inside.is_empty() {
            let bound = self.begin_max()?;
            let dead = self.dead_at(at.unwrap_or(CommitTs::MAX));
            for ordinal in segment.lookup_keys(inside)? {
                found.push(match ordinal.filter(|o| !dead.contains(*o)) {
                    Some(ordinal) if at.is_none_or(|ts| bound <= ts) => Some((ordinal, bound)),
                    Some(ordinal) => {
                        let begin = self.begin(ordinal)?;
                        at.is_none_or(|ts| begin <= ts).then_some((ordinal, begin))
                    }
                    None => None,
                });
            }
        }
        found.resize(keys.len(), None);
        Ok(found)
    }

    /// Rows at ordinals in any order, also repeated. Blocks.
    pub(crate) fn fetch(&self, ordinals: &[u32], columns: &[ScanColumn]) -> Result<RecordBatch> {
        let mut sorted = ordinals.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let rows = self.segment()?.fetch(&sorted, columns)?;
        if sorted == ordinals {
            return Ok(rows);
        }
        let places =
            ordinals.iter().map(|o| sorted.binary_search(o).ok().and_then(|i| u32::try_from(i).ok()));
        let places: arrow::array::UInt32Array = places.collect();
        arrow::compute::take_record_batch(&rows, &places)
            .map_err(|e| Error::internal(format!("order rows: {e}")))
    }

    /// Removes the file once nobody refers to it any more.
    pub(crate) fn discard(&self) {
        self.file.discarded.store(true, Ordering::Release);
        if planted(Flaw::DiscardTooEarly) {
            let _ = self.file.store.fs.remove(&segment_path(self.meta.segment));
        }
    }
}
