//! The state of a database at one log position: the catalog and the tablets.
//!
//! Must not know the log or files. A state is immutable but for the timestamped contents of memtables and delete
//! vectors, in which a reader at a commit timestamp sees only what that timestamp had.
//! Invariants: a state is a fold of edits over the empty one, in log order; `apply` depends on nothing else, so
//! recovery arrives at what the running process had. Every tablet of every table is there, and those of dropped tables
//! and partitions until they are forgotten.

use crate::format::{Attach, CountersRecord, ForgetRecord, Origin, RowAddress, RowChange, RowOp};
use crate::invariants::parts_are_distinct;
use crate::layout::{Key, Layout};
use crate::memtable::{Memtable, ROW_BYTES};
use crate::past::Past;
use crate::tablet::{Reference, TabletState};
use crate::tablets::Tablets;
use arrow::record_batch::RecordBatch;
use base::id::{CommitTs, CounterId, MemtableId, ReferenceId, TableId, TabletId};
use base::plant::{Flaw, planted};
use base::{Error, Result};
use catalog::{CatalogEdit, CatalogState, ColumnDef, Position, TableDef};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The newest layout of each table, dropped or not.
pub(crate) type Layouts = HashMap<TableId, Arc<Layout>>;

/// A database at one log position.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseState {
    catalog: Arc<CatalogState>,
    past: Arc<Past>,
    /// Of dropped tables too, as long as a tablet of theirs is there.
    layouts: Layouts,
    tablets: Tablets,
    /// Where sequences go on after a restart, those that can be had back included.
    counters: Arc<BTreeMap<CounterId, Position>>,
}

/// What a log record does to the state.
#[derive(Debug)]
pub(crate) enum Edit {
    Commit(CommitEdit),
    Swap(SwapEdit),
    Forget(ForgetRecord),
    Counters(CountersRecord),
}

/// One transaction.
#[derive(Debug, Default)]
pub(crate) struct CommitEdit {
    pub(crate) catalog: Vec<CatalogEdit>,
    /// Tablets all of whose rows end, before others begin.
    pub(crate) truncated: Vec<TabletId>,
    pub(crate) rows: Vec<RowsEdit>,
    pub(crate) attach: Vec<AttachEdit>,
    /// Rows of segments that die at the commit.
    pub(crate) deletes: Vec<DeletesEdit>,
}

impl CommitEdit {
    /// Roughly what the rows take in memtables.
    pub(crate) fn row_bytes(&self) -> usize {
        let rows = self.rows.iter().filter_map(|change| change.rows.as_ref());
        rows.map(|rows| rows.batch.get_array_memory_size() + rows.keys.len() * ROW_BYTES).sum()
    }
}

/// Rows of one tablet that die and that begin, in this order.
#[derive(Debug)]
pub(crate) struct RowsEdit {
    pub(crate) tablet: TabletId,
    pub(crate) dead: Vec<RowAddress>,
    /// Where new rows go; made when it is not there.
    pub(crate) memtable: MemtableId,
    pub(crate) rows: Option<NewRows>,
}

/// Rows that begin, each with its key and how it came about.
#[derive(Debug)]
pub(crate) struct NewRows {
    pub(crate) batch: RecordBatch,
    pub(crate) keys: Vec<Key>,
    pub(crate) origins: Vec<Origin>,
}

/// How the rows of a record's changes came about: as the changes say.
pub(crate) fn origins(changes: &[RowChange]) -> Vec<Origin> {
    let written = changes.iter().filter(|change| change.row.is_some());
    written.map(|change| Origin::replacing(change.op == RowOp::Update)).collect()
}

impl NewRows {
    fn append_to(self, memtable: &Memtable, ts: CommitTs) -> Result<u32> {
        memtable.append(&self.batch, self.keys, &self.origins, ts.0)
    }
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
    pub(crate) tablet: TabletId,
    pub(crate) reference: ReferenceId,
    pub(crate) ordinals: Vec<u32>,
}

/// Parts of a tablet give way to references that bring their delete vectors with them.
#[derive(Debug)]
pub(crate) struct SwapEdit {
    pub(crate) tablet: TabletId,
    pub(crate) memtable: Option<MemtableId>,
    pub(crate) removed: Vec<ReferenceId>,
    pub(crate) attach: Vec<Arc<Reference>>,
    /// Rows that ended at this time or before it may be gone.
    pub(crate) oldest: CommitTs,
}

/// The layouts of a catalog's tables and of those before them.
pub(crate) fn newest_layouts(catalog: &CatalogState, past: &Past) -> Result<Layouts> {
    // In order of time: the newest stays.
    let defs = past.tables().iter().map(|r| &r.def).chain(catalog.stored_tables());
    defs.map(|def| Ok((def.id, Arc::new(Layout::new(def)?)))).collect()
}

/// How rows are stored from now on, given the newest layouts: with columns that tables have dropped, as long as a
/// definition that has them can be read.
pub(crate) fn stored_layouts(newest: &Layouts, past: &Past) -> Result<Layouts> {
    let mut before: HashMap<TableId, Vec<&Arc<TableDef>>> = HashMap::new();
    for retired in past.tables() {
        before.entry(retired.def.id).or_default().push(&retired.def);
    }
    let stored = newest.iter().map(|(table, layout)| {
        let before = before.get(table).map_or(&[][..], Vec::as_slice);
        Ok((*table, stored_layout(layout, before.iter().copied())?))
    });
    stored.collect()
}

fn stored_layout<'d>(
    newest: &Arc<Layout>,
    before: impl Iterator<Item = &'d Arc<TableDef>> + Clone,
) -> Result<Arc<Layout>> {
    let is_gone = |column: &ColumnDef| newest.def().column(column.id).is_none();
    let needed = before.clone().any(|def| def.columns.iter().any(is_gone));
    if needed && !planted(Flaw::ForgetDroppedColumns) {
        return Layout::storing(newest.def(), before).map(Arc::new);
    }
    Ok(Arc::clone(newest))
}

impl DatabaseState {
    /// A state from its parts: `layouts` are `newest_layouts` of the others. Tablets of the catalog that are not given are
    /// empty.
    pub(crate) fn new(
        catalog: Arc<CatalogState>,
        past: Past,
        layouts: Layouts,
        mut tablets: Tablets,
        counters: BTreeMap<CounterId, Position>,
    ) -> Self {
        for def in catalog.stored_tables() {
            for tablet in def.tablets.iter().map(|t| t.id) {
                if tablets.get(tablet).is_none() {
                    tablets.insert(Arc::new(TabletState::empty(def.id, tablet)));
                }
            }
        }
        tablets.iter().flat_map(|t| t.references()).for_each(|r| r.enter());
        Self { catalog, past: Arc::new(past), layouts, tablets, counters: Arc::new(counters) }
    }

    pub(crate) fn catalog(&self) -> &Arc<CatalogState> {
        &self.catalog
    }

    pub(crate) fn past(&self) -> &Arc<Past> {
        &self.past
    }

    pub(crate) fn counters(&self) -> &Arc<BTreeMap<CounterId, Position>> {
        &self.counters
    }

    /// The newest layout of a table, dropped or not.
    pub(crate) fn layout(&self, table: TableId) -> Option<&Arc<Layout>> {
        self.layouts.get(&table)
    }

    /// How rows of a table are stored from now on; see `stored_layouts`.
    pub(crate) fn stored_layout(&self, table: TableId) -> Result<Option<Arc<Layout>>> {
        let before = self.past.tables().iter().filter(|r| r.def.id == table).map(|r| &r.def);
        self.layouts.get(&table).map(|newest| stored_layout(newest, before)).transpose()
    }

    pub(crate) fn layouts(&self) -> &Layouts {
        &self.layouts
    }

    /// The retention of each table, in microseconds, where it has one of its own.
    pub(crate) fn retentions(&self) -> impl Iterator<Item = Option<u64>> {
        self.layouts.values().map(|layout| layout.def().options.history_retention_us)
    }

    /// A table can be read at this time and later, in all of the tablets that it has or had.
    pub(crate) fn oldest_readable(&self, table: TableId) -> CommitTs {
        let tablets = self.tablets.iter().filter(|t| t.table() == table);
        tablets.map(|t| t.oldest_readable()).max().unwrap_or_default()
    }

    pub(crate) fn tablet(&self, tablet: TabletId) -> Option<&Arc<TabletState>> {
        self.tablets.get(tablet)
    }

    pub(crate) fn tablets(&self) -> impl Iterator<Item = &Arc<TabletState>> {
        self.tablets.iter()
    }

    /// Which tablets have these references. Looks at all of them.
    pub(crate) fn tablets_with(&self, references: &HashSet<ReferenceId>) -> HashMap<ReferenceId, TabletId> {
        let all = self.tablets.iter().flat_map(|t| t.references().iter().map(|r| (r.id(), t.id())));
        all.filter(|(reference, _)| references.contains(reference)).collect()
    }

    /// The state after `edit`, whose commit timestamp is `ts`. The same state when only the contents of memtables
    /// and delete vectors grew.
    pub(crate) fn apply(self: &Arc<Self>, edit: Edit, ts: CommitTs) -> Result<Arc<Self>> {
        match edit {
            Edit::Commit(commit) => self.apply_commit(commit, ts),
            Edit::Swap(swap) => self.apply_swap(&swap, ts),
            Edit::Forget(forget) => Ok(Arc::new(self.forgetting(&forget))),
            Edit::Counters(counters) => {
                let mut next = self.as_ref().clone();
                Arc::make_mut(&mut next.counters).extend(counters);
                Ok(Arc::new(next))
            }
        }
    }

    fn apply_commit(self: &Arc<Self>, commit: CommitEdit, ts: CommitTs) -> Result<Arc<Self>> {
        let mut next = Arc::clone(self);
        for edit in &commit.catalog {
            Arc::make_mut(&mut next).apply_catalog(edit, ts)?;
        }
        for tablet in &commit.truncated {
            let truncated = next.require(*tablet)?.truncated(ts)?;
            Arc::make_mut(&mut next).tablets.insert(Arc::new(truncated));
        }
        for change in commit.rows {
            let tablet = next.require(change.tablet)?;
            tablet.kill(&change.dead, ts)?;
            if let Some(rows) = change.rows {
                match tablet.memtable(change.memtable) {
                    Some(memtable) => rows.append_to(memtable, ts)?,
                    None => {
                        let memtable = Arc::new(Memtable::new(change.memtable));
                        let first = rows.append_to(&memtable, ts)?;
                        let with = tablet.with_memtable(memtable);
                        Arc::make_mut(&mut next).tablets.insert(Arc::new(with));
                        first
                    }
                };
            }
        }
        for attach in &commit.attach {
            let reference = Arc::new(attach.reference.attached(attach.attach.resolve(ts)));
            reference.enter();
            let with = next.require(attach.tablet)?.with_references([reference]);
            Arc::make_mut(&mut next).tablets.insert(Arc::new(with));
        }
        for delete in &commit.deletes {
            next.require(delete.tablet)?.require(delete.reference)?.kill(&delete.ordinals, ts)?;
        }
        Ok(next)
    }

    fn apply_swap(self: &Arc<Self>, swap: &SwapEdit, ts: CommitTs) -> Result<Arc<Self>> {
        let tablet = self.require(swap.tablet)?;
        if let Some(memtable) = swap.memtable.filter(|m| tablet.memtable(*m).is_none()) {
            let message = format!("tablet {} has no memtable {memtable} to give way", swap.tablet);
            return Err(Error::internal(message));
        }
        let mut swapped =
            tablet.without_references(&swap.removed)?.with_references(swap.attach.iter().cloned());
        if let Some(memtable) = swap.memtable {
            swapped = swapped.without_memtable(memtable);
        }
        let swapped = swapped.bounded(swap.oldest.min(ts), tablet.dropped_at());
        debug_assert_eq!(parts_are_distinct(&swapped), None);
        swap.attach.iter().for_each(|r| r.enter());
        for id in &swap.removed {
            tablet.require(*id)?.leave();
        }
        let mut next = self.as_ref().clone();
        next.tablets.insert(Arc::new(swapped));
        Ok(Arc::new(next))
    }

    /// The state without tablets and definitions that nobody can read any more.
    fn forgetting(&self, forget: &ForgetRecord) -> Self {
        let mut next = self.clone();
        for tablet in forget.tablets.iter().filter_map(|id| next.tablets.remove(*id)) {
            tablet.references().iter().for_each(|r| r.leave());
        }
        // What had a definition that is forgotten cannot be read as of that time.
        for (table, until) in Arc::make_mut(&mut next.past).forget(forget) {
            let of_table = next.tablets.iter().filter(|t| t.table() == table);
            let bounded = of_table.map(|t| t.as_ref().clone().bounded(until, t.dropped_at()));
            let bounded: Vec<TabletState> = bounded.collect();
            bounded.into_iter().for_each(|tablet| next.tablets.insert(Arc::new(tablet)));
        }
        let held: HashSet<TableId> = next.tablets.iter().map(|t| t.table()).collect();
        let catalog = Arc::clone(&next.catalog);
        next.layouts.retain(|id, _| held.contains(id) || catalog.table(*id).is_some());
        let known = catalog.sequences().chain(next.past.sequences().iter().map(|r| &r.def));
        let known: HashSet<CounterId> = known.map(|s| s.counter).collect();
        if next.counters.keys().any(|counter| !known.contains(counter)) {
            Arc::make_mut(&mut next.counters).retain(|counter, _| known.contains(counter));
        }
        next
    }

    fn apply_catalog(&mut self, edit: &CatalogEdit, ts: CommitTs) -> Result<()> {
        let before = Arc::clone(&self.catalog);
        let mut catalog = before.as_ref().clone();
        catalog.apply(edit)?;
        self.catalog = Arc::new(catalog);
        Arc::make_mut(&mut self.past).note(&before, edit, ts);
        match edit {
            CatalogEdit::CreateSchema(_) | CatalogEdit::DropSchema(_) => {}
            CatalogEdit::DropTable(id) => {
                let gone = before.table(*id).map_or(&[][..], |def| def.tablets.as_slice());
                self.drop_tablets(gone.iter().map(|t| t.id), ts)?;
                self.forget_uncounted(*id)?;
            }
            CatalogEdit::CreateTable(def) => self.use_tablets(def)?,
            CatalogEdit::AlterTable(def) => {
                let kept: HashSet<TabletId> = def.tablets.iter().map(|t| t.id).collect();
                let had = before.table(def.id).map_or(&[][..], |def| def.tablets.as_slice());
                self.drop_tablets(had.iter().map(|t| t.id).filter(|t| !kept.contains(t)), ts)?;
                self.use_tablets(def)?;
            }
            CatalogEdit::CreateSequence(def, position) | CatalogEdit::AlterSequence(def, Some(position)) => {
                Arc::make_mut(&mut self.counters).insert(def.counter, *position);
            }
            CatalogEdit::AlterSequence(_, None)
            | CatalogEdit::DropSequence(_)
            | CatalogEdit::CreateView(_)
            | CatalogEdit::AlterView(_)
            | CatalogEdit::DropView(_)
            | CatalogEdit::Materialize(..)
            | CatalogEdit::CreateType(_)
            | CatalogEdit::AlterType(_)
            | CatalogEdit::DropType(_)
            | CatalogEdit::CreateFunction(_)
            | CatalogEdit::AlterFunction(_)
            | CatalogEdit::DropFunction(_)
            | CatalogEdit::Comment(..) => {}
        }
        Ok(())
    }

    fn drop_tablets(&mut self, tablets: impl Iterator<Item = TabletId>, ts: CommitTs) -> Result<()> {
        for id in tablets {
            let tablet = self.require(id)?.truncated(ts)?;
            self.tablets.insert(Arc::new(tablet.bounded(CommitTs::ZERO, ts)));
        }
        Ok(())
    }

    /// A definition that a commit gave a table and dropped with it counted at no time: rows stay as the one before has them,
    /// which is what `newest_layouts` finds.
    fn forget_uncounted(&mut self, table: TableId) -> Result<()> {
        let counted = self.past.tables().iter().rev().find(|retired| retired.def.id == table);
        let Some(counted) = counted.map(|retired| Arc::clone(&retired.def)) else { return Ok(()) };
        if self.layout(table).is_some_and(|own| own.def().schema_version != counted.schema_version) {
            self.layouts.insert(table, Arc::new(Layout::new(&counted)?));
        }
        Ok(())
    }

    /// The tablets of a definition are there and in use.
    fn use_tablets(&mut self, def: &TableDef) -> Result<()> {
        let def = Arc::new(def.clone());
        self.layouts.insert(def.id, Arc::new(Layout::new(&def)?));
        for tablet in &def.tablets {
            let state = match self.tablets.get(tablet.id) {
                Some(held) => held.as_ref().clone().bounded(CommitTs::ZERO, CommitTs::MAX),
                None => TabletState::empty(def.id, tablet.id),
            };
            self.tablets.insert(Arc::new(state));
        }
        Ok(())
    }

    fn require(&self, tablet: TabletId) -> Result<Arc<TabletState>> {
        self.tablets.get(tablet).cloned().ok_or_else(|| {
            Error::internal(format!("a log record changes tablet {tablet}, which does not exist"))
        })
    }
}
