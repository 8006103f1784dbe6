//! One tablet's memtables and references to segments.
//!
//! Must not know the log or transactions' rules. Invariants: at any commit timestamp a key has at most one live row
//! over all memtables and references; the list of parts never changes, a changed tablet is a new value.

mod files;
mod reference;

pub(crate) use crate::segment::{SEGMENT_DIRECTORY, segment_named, segment_path};
pub(crate) use files::SegmentStore;
pub(crate) use reference::{Reference, ReferenceMeta};

use crate::format::RowAddress;
use crate::layout::Key;
use crate::memtable::{Memtable, NEVER};
use base::id::{CommitTs, MemtableId, ReferenceId, TableId, TabletId};
use base::{Error, Result};
use std::sync::Arc;

/// A tablet's parts.
#[derive(Clone, Debug)]
pub(crate) struct TabletState {
    table: TableId,
    id: TabletId,
    /// Oldest first; the last one takes new rows.
    memtables: Vec<Arc<Memtable>>,
    references: Vec<Arc<Reference>>,
    /// Rows that ended at this time or before it may be gone.
    oldest: CommitTs,
    /// When it was dropped; `CommitTs::MAX` while it is in use.
    dropped: CommitTs,
}

/// The newest live version of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LiveRow {
    pub(crate) address: RowAddress,
    pub(crate) begin: CommitTs,
}

impl TabletState {
    pub(crate) fn empty(table: TableId, id: TabletId) -> Self {
        Self::new(table, id, Vec::new(), Vec::new())
    }

    /// A tablet in use, of which nothing is gone.
    pub(crate) fn new(
        table: TableId,
        id: TabletId,
        memtables: Vec<Arc<Memtable>>,
        references: Vec<Arc<Reference>>,
    ) -> Self {
        Self { table, id, memtables, references, oldest: CommitTs::ZERO, dropped: CommitTs::MAX }
    }

    /// The same tablet with other bounds of its history.
    pub(crate) fn bounded(self, oldest: CommitTs, dropped: CommitTs) -> Self {
        Self { oldest: self.oldest.max(oldest), dropped, ..self }
    }

    pub(crate) fn table(&self) -> TableId {
        self.table
    }

    pub(crate) fn id(&self) -> TabletId {
        self.id
    }

    pub(crate) fn memtables(&self) -> &[Arc<Memtable>] {
        &self.memtables
    }

    pub(crate) fn references(&self) -> &[Arc<Reference>] {
        &self.references
    }

    pub(crate) fn memtable(&self, id: MemtableId) -> Option<&Arc<Memtable>> {
        self.memtables.iter().rev().find(|m| m.id() == id)
    }

    pub(crate) fn reference(&self, id: ReferenceId) -> Option<&Arc<Reference>> {
        self.references.iter().find(|r| r.id() == id)
    }

    pub(crate) fn require(&self, id: ReferenceId) -> Result<&Arc<Reference>> {
        self.reference(id).ok_or_else(|| Error::internal(format!("tablet {} has no reference {id}", self.id)))
    }

    /// Rows that ended at this time or before it may be gone.
    pub(crate) fn oldest(&self) -> CommitTs {
        self.oldest
    }

    /// When it was dropped; `CommitTs::MAX` while it is in use.
    pub(crate) fn dropped_at(&self) -> CommitTs {
        self.dropped
    }

    /// The tablet can be read at this time and later.
    pub(crate) fn oldest_readable(&self) -> CommitTs {
        self.references.iter().map(|r| r.deletes_since()).max().unwrap_or_default().max(self.oldest)
    }

    pub(crate) fn with_memtable(&self, memtable: Arc<Memtable>) -> Self {
        let mut with = self.clone();
        with.memtables.push(memtable);
        with
    }

    pub(crate) fn without_memtable(&self, id: MemtableId) -> Self {
        let mut without = self.clone();
        without.memtables.retain(|m| m.id() != id);
        without
    }

    pub(crate) fn with_references(&self, more: impl IntoIterator<Item = Arc<Reference>>) -> Self {
        let mut with = self.clone();
        with.references.extend(more);
        with
    }

    /// Without some references; `Internal` when it does not have one of them.
    pub(crate) fn without_references(&self, gone: &[ReferenceId]) -> Result<Self> {
        for id in gone {
            self.require(*id)?;
        }
        let mut without = self.clone();
        without.references.retain(|r| !gone.contains(&r.id()));
        Ok(without)
    }

    /// All rows end at `ts`, where they do not have an end already. Rows of memtables one by one, those of segments
    /// with their reference.
    pub(crate) fn truncated(&self, ts: CommitTs) -> Result<Self> {
        for memtable in &self.memtables {
            memtable.kill_all(ts.0);
        }
        let mut truncated = self.clone();
        for reference in &mut truncated.references {
            if reference.may_live()? {
                *reference = Arc::new(reference.detached(ts));
            }
        }
        Ok(truncated)
    }

    /// Memory of the memtables, in bytes.
    pub(crate) fn memtable_bytes(&self) -> usize {
        self.memtables.iter().map(|m| m.bytes()).sum()
    }

    /// Ends rows at `ts`.
    pub(crate) fn kill(&self, dead: &[RowAddress], ts: CommitTs) -> Result<()> {
        let mut of_reference: Option<(ReferenceId, Vec<u32>)> = None;
        for address in dead {
            match address {
                RowAddress::Memtable { memtable, number } => {
                    let missing =
                        || Error::internal(format!("tablet {} has no memtable {memtable}", self.id));
                    self.memtable(*memtable).ok_or_else(missing)?.kill(*number, ts.0)?;
                }
                RowAddress::Segment { reference, ordinal } => match &mut of_reference {
                    Some((id, ordinals)) if id == reference => ordinals.push(*ordinal),
                    _ => {
                        self.kill_ordinals(of_reference.take(), ts)?;
                        of_reference = Some((*reference, vec![*ordinal]));
                    }
                },
            }
        }
        self.kill_ordinals(of_reference, ts)
    }

    fn kill_ordinals(&self, dead: Option<(ReferenceId, Vec<u32>)>, ts: CommitTs) -> Result<()> {
        match dead {
            Some((reference, ordinals)) => self.require(reference)?.kill(&ordinals, ts),
            None => Ok(()),
        }
    }

    /// Whether an address still names a part of this tablet.
    pub(crate) fn has(&self, address: &RowAddress) -> bool {
        match address {
            RowAddress::Memtable { memtable, .. } => self.memtable(*memtable).is_some(),
            RowAddress::Segment { reference, .. } => self.reference(*reference).is_some(),
        }
    }

    /// The live version of each key now; `keys` in any order, answers in the same.
    pub(crate) fn live(&self, keys: &[Key]) -> Result<Vec<Option<LiveRow>>> {
        self.find(keys, None)
    }

    /// The version of each key that lived at `ts`.
    pub(crate) fn live_at(&self, keys: &[Key], ts: CommitTs) -> Result<Vec<Option<LiveRow>>> {
        self.find(keys, Some(ts))
    }

    fn find(&self, keys: &[Key], at: Option<CommitTs>) -> Result<Vec<Option<LiveRow>>> {
        let mut found: Vec<Option<LiveRow>> =
            keys.iter().map(|key| self.find_in_memtables(key, at)).collect();
        // Segments are asked in key order: one pass over the key run.
        let mut open: Vec<usize> =
            (0..keys.len()).filter(|i| found.get(*i).is_some_and(Option::is_none)).collect();
        if open.is_empty() || self.references.is_empty() {
            return Ok(found);
        }
        let key_at = |i: usize| keys.get(i).map_or(&[][..], |k| k.as_ref());
        open.sort_by(|a, b| key_at(*a).cmp(key_at(*b)));
        for reference in self.references.iter().rev() {
            if open.is_empty() {
                break;
            }
            let wanted: Vec<&[u8]> = open.iter().map(|i| key_at(*i)).collect();
            let rows = reference.find(&wanted, at)?;
            let mut rest = Vec::with_capacity(open.len());
            for (index, row) in open.into_iter().zip(rows) {
                match (row, found.get_mut(index)) {
                    (Some((ordinal, begin)), Some(place)) => {
                        let address = RowAddress::Segment { reference: reference.id(), ordinal };
                        *place = Some(LiveRow { address, begin });
                    }
                    _ => rest.push(index),
                }
            }
            open = rest;
        }
        Ok(found)
    }

    fn find_in_memtables(&self, key: &[u8], at: Option<CommitTs>) -> Option<LiveRow> {
        self.memtables.iter().rev().find_map(|memtable| {
            let version = match at {
                None => memtable.newest(key).filter(|v| v.end == NEVER),
                Some(ts) => memtable.version_at(key, ts.0),
            }?;
            let address = RowAddress::Memtable { memtable: memtable.id(), number: version.row };
            Some(LiveRow { address, begin: CommitTs(version.begin) })
        })
    }
}
