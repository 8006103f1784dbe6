//! References: a segment as part of a tablet, from its attach time to its detach time, with its own delete vector.
//!
//! Must not know the log. Invariant: a row of a reference lives from the later of its begin and the attach time until
//! its ordinal enters the delete vector, its own end (in a segment of history), or the detach time, whichever is first.

use super::files::SegmentFile;
use crate::delete_vector::{DeadRows, DeleteVector};
use crate::format::{Lives, Origin};
use crate::segment::{ScanColumn, Segment, SegmentScan, segment_path};
use crate::wait::block_on;
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;
use base::id::{CommitTs, ReferenceId, SegmentId};
use base::plant::{Flaw, planted};
use base::sync::{PoisonError, RwLock, RwLockReadGuard};
use base::{Error, Result};
use futures::StreamExt;
use std::sync::Arc;

/// What is known of a reference without opening its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReferenceMeta {
    pub(crate) id: ReferenceId,
    pub(crate) segment: SegmentId,
    pub(crate) file_bytes: u64,
    pub(crate) rows: u32,
    pub(crate) content_hash: u64,
    pub(crate) attach_ts: CommitTs,
    /// `CommitTs::MAX` while attached.
    pub(crate) detach_ts: CommitTs,
    /// None when whoever wrote it down did not say.
    pub(crate) lives: Option<Lives>,
}

/// One attachment of a segment to a tablet.
#[derive(Debug)]
pub(crate) struct Reference {
    meta: ReferenceMeta,
    file: Arc<SegmentFile>,
    /// The newest version; readers take what they need out of it at once.
    deletes: RwLock<DeleteVector>,
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

    /// The same reference as a commit at `ts` detaches it.
    pub(crate) fn detached(&self, ts: CommitTs) -> Self {
        let ts = if planted(Flaw::IgnoreDetach) { self.meta.detach_ts } else { ts };
        let meta = ReferenceMeta { detach_ts: ts, ..self.meta };
        Self::new(meta, Arc::clone(&self.file), self.deletes())
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

    /// The open segment. Blocks when it is not open. Whoever keeps it keeps its file open.
    pub(crate) fn segment(&self) -> Result<Arc<Segment>> {
        let segment = self.file.open()?;
        self.check(&segment)?;
        Ok(segment)
    }

    /// The file is the one that the reference means.
    fn check(&self, segment: &Segment) -> Result<()> {
        if segment.rows() != self.meta.rows || segment.facts().file_bytes != self.meta.file_bytes {
            let path = segment_path(self.meta.segment);
            return Err(Error::corruption(format!(
                "segment \"{path}\" is not the file that the database refers to"
            )));
        }
        Ok(())
    }

    /// The file, to be shared with another reference.
    pub(crate) fn file(&self) -> &Arc<SegmentFile> {
        &self.file
    }

    /// When its rows began and ended. Blocks when the file has to be opened for it.
    pub(crate) fn lives(&self) -> Result<Lives> {
        if let Some(lives) = self.meta.lives {
            return Ok(lives);
        }
        let segment = self.segment()?;
        let facts = segment.facts();
        Ok(Lives {
            history: segment.meta().history,
            begin_min: facts.begin_min,
            begin_max: facts.begin_max,
            end_min: facts.end_min,
            end_max: facts.end_max,
        })
    }

    /// Whether rows of it can live now.
    pub(crate) fn may_live(&self) -> Result<bool> {
        Ok(self.meta.detach_ts == CommitTs::MAX && !self.lives()?.history)
    }

    /// Whether rows of it can be seen at `ts`, as far as is known without its delete vector.
    pub(crate) fn may_be_seen_at(&self, ts: CommitTs) -> Result<bool> {
        if self.meta.attach_ts > ts || self.meta.detach_ts <= ts {
            return Ok(false);
        }
        let lives = self.lives()?;
        Ok(lives.begin_min <= ts && ts < lives.end_max)
    }

    /// It is part of a state: the file stays.
    pub(crate) fn enter(&self) {
        self.file.enter();
    }

    /// It is part of the newest state no more: the file goes with its last reader, unless another reference has it.
    pub(crate) fn leave(&self) {
        self.file.leave();
        if planted(Flaw::DiscardTooEarly) {
            self.file.remove();
        }
    }

    /// Reads what the file says of itself, and forgets it again: it may not be needed for long.
    pub(crate) fn probe(&self) -> Result<()> {
        self.check(self.file.probe()?.as_ref())
    }

    /// The delete vector as it is now.
    pub(crate) fn deletes(&self) -> DeleteVector {
        self.read_deletes().clone()
    }

    fn read_deletes(&self) -> RwLockReadGuard<'_, DeleteVector> {
        self.deletes.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the delete vector says of times before it is not what was.
    pub(crate) fn deletes_since(&self) -> CommitTs {
        self.read_deletes().base_ts()
    }

    /// Rows that are dead now.
    pub(crate) fn dead_rows(&self) -> u64 {
        self.read_deletes().len()
    }

    /// Deaths after one time up to another, oldest first.
    pub(crate) fn deaths_between(&self, after: CommitTs, until: CommitTs) -> Vec<(CommitTs, u32)> {
        self.read_deletes().deaths_between(after, until)
    }

    /// When and how a row began that says so of itself. One that is as old as a transaction's command came with the
    /// commit that attached it; an older one was there before, elsewhere.
    pub(crate) fn began(&self, begin: u64, origin: Origin) -> (CommitTs, Origin) {
        let attached = self.meta.attach_ts;
        let elsewhere = u64::from(u32::MAX) < begin && begin < attached.0;
        (CommitTs(begin).max(attached), if elsewhere { Origin::New } else { origin })
    }

    /// Forgets the times of deletes that no reader can tell apart.
    pub(crate) fn forget_before(&self, horizon: CommitTs) {
        self.deletes.write().unwrap_or_else(PoisonError::into_inner).forget_before(horizon);
    }

    /// Ends rows at `ts`.
    pub(crate) fn kill(&self, ordinals: &[u32], ts: CommitTs) -> Result<()> {
        if let Some(beyond) = ordinals.iter().find(|o| **o >= self.meta.rows) {
            let message =
                format!("row {beyond} of segment {} with {} rows dies", self.meta.segment, self.meta.rows);
            return Err(Error::internal(message));
        }
        let mut deletes = self.deletes.write().unwrap_or_else(PoisonError::into_inner);
        deletes.add(ts, ordinals).map_err(|e| e.within(format_args!("segment {}", self.meta.segment)))
    }

    /// Ordinals dead at `ts`.
    pub(crate) fn dead_at(&self, ts: CommitTs) -> Arc<DeadRows> {
        self.read_deletes().dead_at(ts)
    }

    /// No row of the reference began later.
    pub(crate) fn begin_max(&self) -> Result<CommitTs> {
        Ok(self.lives()?.begin_max.max(self.meta.attach_ts))
    }

    /// When a row began.
    pub(crate) fn begin(&self, ordinal: u32) -> Result<CommitTs> {
        let segment = self.segment()?;
        let facts = segment.facts();
        if facts.begin_min == facts.begin_max || facts.begin_max <= self.meta.attach_ts {
            return self.begin_max();
        }
        let rows = ordinal..ordinal.saturating_add(1);
        let scan = SegmentScan { lives: true, batch_rows: 1, ..SegmentScan::of_rows(rows) };
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
        let late = at.is_some_and(|ts| self.meta.attach_ts > ts);
        let over = self.meta.detach_ts != CommitTs::MAX && at.is_none_or(|ts| self.meta.detach_ts <= ts);
        if late || over || self.meta.rows == 0 || self.lives()?.history {
            return Ok(vec![None; keys.len()]);
        }
        let segment = self.segment()?;
        let facts = segment.facts();
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

    /// Removes the file once nobody refers to it any more; of a reference that was never part of a state.
    pub(crate) fn discard(&self) {
        self.file.discard();
        if planted(Flaw::DiscardTooEarly) {
            self.file.remove();
        }
    }
}
