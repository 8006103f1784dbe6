//! The state of a database at one log position: the catalog and the tablets.
//!
//! Must not know the log or files. A state is immutable but for the timestamped contents of memtables and delete
//! vectors, in which a reader at a commit timestamp sees only what that timestamp had.
//! Invariants: a state is a fold of edits over the empty one, in log order; `apply` depends on nothing else, so
//! recovery arrives at what the running process had. Every tablet of every table is there, and no other.

use crate::format::{Attach, RowAddress};
use crate::invariants::parts_are_distinct;
use crate::layout::{Key, Layout};
use crate::memtable::Memtable;
use crate::tablet::{Reference, TabletState};
use arrow::record_batch::RecordBatch;
use base::id::{CommitTs, MemtableId, ReferenceId, TableId, TabletId};
use base::{Error, Result};
use catalog::{CatalogEdit, CatalogState};
use std::collections::HashMap;
use std::sync::Arc;

/// A database at one log position.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseState {
    catalog: Arc<CatalogState>,
    layouts: HashMap<TableId, Arc<Layout>>,
    tablets: HashMap<TabletId, Arc<TabletState>>,
}

/// What a log record does to the state.
#[derive(Debug)]
pub(crate) enum Edit {
    Commit(CommitEdit),
    Swap(SwapEdit),
}

/// One transaction.
#[derive(Debug, Default)]
pub(crate) struct CommitEdit {
    pub(crate) catalog: Vec<CatalogEdit>,
    pub(crate) rows: Vec<RowsEdit>,
    pub(crate) attach: Vec<AttachEdit>,
    /// Rows of segments that die at the commit.
    pub(crate) deletes: Vec<DeletesEdit>,
}

/// Rows of one tablet that die and that begin, in this order.
#[derive(Debug)]
pub(crate) struct RowsEdit {
    pub(crate) tablet: TabletId,
    pub(crate) dead: Vec<RowAddress>,
    /// Where new rows go; made when it is not there.
    pub(crate) memtable: MemtableId,
    pub(crate) rows: Option<(RecordBatch, Vec<Key>)>,
}

/// A segment that becomes part of a tablet.
#[derive(Debug)]
pub(crate) struct AttachEdit {
    pub(crate) tablet: TabletId,
    pub(crate) reference: Arc<Reference>,
    pub(crate) attach: Attach,
}

/// Rows of a reference that die together.
#[derive(Debug)]
pub(crate) struct DeletesEdit {
    pub(crate) reference: ReferenceId,
    pub(crate) ordinals: Vec<u32>,
}

/// A flushed memtable gives way to references that bring their delete vectors with them.
#[derive(Debug)]
pub(crate) struct SwapEdit {
    pub(crate) tablet: TabletId,
    pub(crate) memtable: MemtableId,
    pub(crate) attach: Vec<Arc<Reference>>,
}

impl DatabaseState {
    /// A state from its parts. Tablets of the catalog that are not given are empty.
    pub(crate) fn new(
        catalog: Arc<CatalogState>,
        mut tablets: HashMap<TabletId, Arc<TabletState>>,
    ) -> Result<Self> {
        let mut layouts = HashMap::new();
        for def in catalog.tables() {
            layouts.insert(def.id, Arc::new(Layout::new(def)?));
            for tablet in &def.tablets {
                tablets.entry(tablet.id).or_insert_with(|| Arc::new(TabletState::empty(def.id, tablet.id)));
            }
        }
        Ok(Self { catalog, layouts, tablets })
    }

    pub(crate) fn catalog(&self) -> &Arc<CatalogState> {
        &self.catalog
    }

    pub(crate) fn layout(&self, table: TableId) -> Option<&Arc<Layout>> {
        self.layouts.get(&table)
    }

    pub(crate) fn tablet(&self, tablet: TabletId) -> Option<&Arc<TabletState>> {
        self.tablets.get(&tablet)
    }

    pub(crate) fn tablets(&self) -> impl Iterator<Item = &Arc<TabletState>> {
        self.tablets.values()
    }

    /// The state after `edit`, whose commit timestamp is `ts`. The same state when only the contents of memtables
    /// and delete vectors grew.
    pub(crate) fn apply(self: &Arc<Self>, edit: &Edit, ts: CommitTs) -> Result<Arc<Self>> {
        match edit {
            Edit::Commit(commit) => self.apply_commit(commit, ts),
            Edit::Swap(swap) => self.apply_swap(swap),
        }
    }

    fn apply_commit(self: &Arc<Self>, commit: &CommitEdit, ts: CommitTs) -> Result<Arc<Self>> {
        let mut next = Arc::clone(self);
        for edit in &commit.catalog {
            Arc::make_mut(&mut next).apply_catalog(edit)?;
        }
        for change in &commit.rows {
            let tablet = next.require(change.tablet)?;
            tablet.kill(&change.dead, ts)?;
            if let Some((rows, keys)) = &change.rows {
                match tablet.memtable(change.memtable) {
                    Some(memtable) => memtable.append(rows, keys, ts.0)?,
                    None => {
                        let memtable = Arc::new(Memtable::new(change.memtable));
                        let first = memtable.append(rows, keys, ts.0)?;
                        let with = tablet.with_memtable(memtable);
                        Arc::make_mut(&mut next).tablets.insert(change.tablet, Arc::new(with));
                        first
                    }
                };
            }
        }
        for attach in &commit.attach {
            let reference = Arc::new(attach.reference.attached(attach.attach.resolve(ts)));
            let with = next.require(attach.tablet)?.with_references([reference]);
            Arc::make_mut(&mut next).tablets.insert(attach.tablet, Arc::new(with));
        }
        for delete in &commit.deletes {
            next.reference(delete.reference)?.kill(&delete.ordinals, ts)?;
        }
        Ok(next)
    }

    fn apply_swap(self: &Arc<Self>, swap: &SwapEdit) -> Result<Arc<Self>> {
        let tablet = self.require(swap.tablet)?;
        if tablet.memtable(swap.memtable).is_none() {
            let message = format!("tablet {} has no memtable {} to give way", swap.tablet, swap.memtable);
            return Err(Error::internal(message));
        }
        let swapped = tablet.without_memtable(swap.memtable).with_references(swap.attach.iter().cloned());
        debug_assert_eq!(parts_are_distinct(&swapped), None);
        let mut next = self.as_ref().clone();
        next.tablets.insert(swap.tablet, Arc::new(swapped));
        Ok(Arc::new(next))
    }

    fn apply_catalog(&mut self, edit: &CatalogEdit) -> Result<()> {
        let mut catalog = self.catalog.as_ref().clone();
        let dropped = match edit {
            CatalogEdit::DropTable(id) => catalog.table(*id).cloned(),
            CatalogEdit::CreateSchema(_)
            | CatalogEdit::DropSchema(_)
            | CatalogEdit::CreateTable(_)
            | CatalogEdit::AlterTable(_) => None,
        };
        catalog.apply(edit)?;
        self.catalog = Arc::new(catalog);
        if let Some(def) = dropped {
            self.layouts.remove(&def.id);
            for tablet in &def.tablets {
                if let Some(state) = self.tablets.remove(&tablet.id) {
                    state.discard();
                }
            }
        }
        if let CatalogEdit::CreateTable(def) = edit {
            let def = Arc::new(def.as_ref().clone());
            self.layouts.insert(def.id, Arc::new(Layout::new(&def)?));
            for tablet in &def.tablets {
                self.tablets.insert(tablet.id, Arc::new(TabletState::empty(def.id, tablet.id)));
            }
        }
        Ok(())
    }

    fn reference(&self, id: ReferenceId) -> Result<&Arc<Reference>> {
        let missing =
            || Error::internal(format!("a log record changes reference {id}, which does not exist"));
        self.tablets.values().find_map(|t| t.reference(id)).ok_or_else(missing)
    }

    fn require(&self, tablet: TabletId) -> Result<Arc<TabletState>> {
        self.tablets.get(&tablet).cloned().ok_or_else(|| {
            Error::internal(format!("a log record changes tablet {tablet}, which does not exist"))
        })
    }
}
