//! The log record and the edit of parts of a tablet that give way to others.
//!
//! Must not know why they do. Invariant: record and edit say the same.

use crate::delete_vector::DeleteVector;
use crate::format::{Attach, AttachedSegment, DeletePlace, LogRecord, SegmentDeletes, SwapRecord};
use crate::state::{Edit, SwapEdit};
use crate::tablet::{Reference, TabletState};
use base::Result;
use base::id::{CommitTs, MemtableId, ReferenceId, TableId, TabletId};
use base::plant::{Flaw, planted};
use std::sync::Arc;

/// A delete vector, and where it is written down, if it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    pub(crate) vector: DeleteVector,
    pub(crate) place: Option<DeletePlace>,
}

/// A swap under construction.
#[derive(Debug)]
pub(crate) struct Swap {
    table: TableId,
    tablet: TabletId,
    pub(crate) memtable: Option<MemtableId>,
    pub(crate) removed: Vec<ReferenceId>,
    oldest: CommitTs,
    added: Vec<AttachedSegment>,
    deletes: Vec<SegmentDeletes>,
    attach: Vec<Arc<Reference>>,
}

impl Swap {
    /// A swap of nothing. Rows that ended at `oldest` or before may be gone afterwards.
    pub(crate) fn new(tablet: &TabletState, oldest: CommitTs) -> Self {
        let oldest = if planted(Flaw::ForgetOldestReadable) { CommitTs::ZERO } else { oldest };
        Self {
            table: tablet.table(),
            tablet: tablet.id(),
            memtable: None,
            removed: Vec::new(),
            oldest,
            added: Vec::new(),
            deletes: Vec::new(),
            attach: Vec::new(),
        }
    }

    /// Adds a written segment whose rows have begins of their own.
    pub(crate) fn add(&mut self, reference: &Arc<Reference>, deletes: DeleteVector) -> Result<()> {
        let dead = if deletes.is_empty() { None } else { Some((None, deletes.encode()?)) };
        self.add_with(reference, deletes, dead);
        Ok(())
    }

    /// Adds a written segment whose delete vector is `packed` at a place, and the rest of it after that.
    pub(crate) fn add_packed(
        &mut self,
        reference: &Arc<Reference>,
        packed: &Packed,
        rest: &[(CommitTs, u32)],
    ) -> Result<()> {
        let mut deletes = packed.vector.clone();
        deletes.add_all(rest)?;
        let mut tail = DeleteVector::default();
        tail.add_all(rest)?;
        let dead = Some((packed.place, tail.encode()?)).filter(|_| !deletes.is_empty());
        self.add_with(reference, deletes, dead);
        Ok(())
    }

    fn add_with(
        &mut self,
        reference: &Arc<Reference>,
        deletes: DeleteVector,
        dead: Option<(Option<DeletePlace>, Vec<u8>)>,
    ) {
        let meta = reference.meta();
        self.added.push(AttachedSegment {
            table: self.table,
            tablet: self.tablet,
            reference: meta.id,
            segment: meta.segment,
            file_bytes: meta.file_bytes,
            rows: meta.rows,
            attach: Attach::Since(meta.attach_ts),
            content_hash: meta.content_hash,
            lives: meta.lives,
        });
        if let Some((place, dead)) = dead {
            self.deletes.push(SegmentDeletes { reference: meta.id, place, dead });
        }
        self.attach.push(Arc::new(reference.with_deletes(deletes)));
    }

    pub(crate) fn finish(self) -> (LogRecord, Edit) {
        let Self { table, tablet, memtable, removed, oldest, added, deletes, attach } = self;
        let record = SwapRecord {
            table,
            tablet,
            memtable,
            removed: removed.clone(),
            new_references: added,
            deletes,
            oldest,
        };
        let edit = SwapEdit { tablet, memtable, removed, attach, oldest };
        (LogRecord::Swap(record), Edit::Swap(edit))
    }
}
