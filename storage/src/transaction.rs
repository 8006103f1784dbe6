//! Transactions: a snapshot, private writes, key locks and the commit.
//!
//! Blocking calls: run them on threads that may block. Rows given are whole rows: all columns in table order.
//! Invariants: locks are taken before the newest committed state is probed and kept until the commit is visible;
//! a command never sees its own writes; after a failed write nothing of the transaction can be committed.

use crate::conflict::{InsertMode, InsertOutcome};
use crate::core::{Core, Pinned};
use crate::format::RowAddress;
use crate::layout::{Key, KeyHasher};
use crate::locks::{Held, Hold};
use crate::private::Private;
use crate::references::{Left, Missing, Unsettled};
use crate::scan::ReadView;
use crate::tables::PendingAttach;
use crate::tablet::Reference;
use crate::upsert::{Upsert, Upserted};
use crate::view::View;
use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommandNumber, CommitTs, CounterId, Oid, TableId, TabletId, TxnId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, CatalogState, TableDef, UserTypeDef};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A committed row that the transaction killed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KilledRow {
    /// As found when it was killed; found again by key when the part is gone.
    pub(crate) address: RowAddress,
    pub(crate) command: CommandNumber,
}

/// Killed rows of one tablet.
pub(crate) type KilledRows = HashMap<Key, KilledRow, KeyHasher>;

/// Locks held, to release them.
#[derive(Debug, Default)]
pub(crate) struct HeldLocks {
    pub(crate) keys: HashMap<TableId, Vec<(TabletId, Key)>>,
    pub(crate) tables: HashMap<TableId, Hold>,
    pub(crate) catalog: bool,
}

/// A transaction. Dropping it without `commit` rolls back.
#[derive(Debug)]
pub struct Transaction {
    pub(crate) core: Arc<Core>,
    pub(crate) id: TxnId,
    pub(crate) pinned: Pinned,
    pub(crate) catalog: Arc<CatalogState>,
    pub(crate) edits: Vec<CatalogEdit>,
    pub(crate) private: Arc<Private>,
    pub(crate) command: CommandNumber,
    pub(crate) generation: u8,
    pub(crate) held: HeldLocks,
    pub(crate) killed: BTreeMap<TabletId, KilledRows>,
    /// Runs written as segments, which nothing refers to before the commit.
    pub(crate) staged: Vec<Arc<Reference>>,
    /// Tables whose committed rows end at the commit.
    pub(crate) truncated: BTreeSet<TableId>,
    /// Segments that the commit attaches to other tablets too.
    pub(crate) attached: Vec<PendingAttach>,
    /// Keeps what they refer to.
    pub(crate) kept: Vec<Pinned>,
    /// Counters that begin with the commit.
    pub(crate) counters: Vec<CounterId>,
    /// Foreign keys that are to be looked at before the commit.
    pub(crate) unsettled: Unsettled,
    /// A write failed: nothing can be committed after it.
    failed: bool,
    /// What went wrong between two commands, which the next one tells.
    untold: Option<(ErrorKind, String)>,
    blocked_by: Option<TxnId>,
    /// Whose pins its snapshots are.
    pub(crate) owner: Arc<str>,
}

impl Transaction {
    pub(crate) fn begin(core: Arc<Core>, owner: Arc<str>) -> Self {
        let pinned = core.pin_for(&owner);
        let id = core.ids.transaction();
        core.locks.start(id);
        Self {
            id,
            catalog: Arc::clone(pinned.state.catalog()),
            pinned,
            edits: Vec::new(),
            private: Arc::default(),
            command: CommandNumber(1),
            generation: 0,
            held: HeldLocks::default(),
            killed: BTreeMap::new(),
            staged: Vec::new(),
            truncated: BTreeSet::new(),
            attached: Vec::new(),
            kept: Vec::new(),
            counters: Vec::new(),
            unsettled: Unsettled::default(),
            failed: false,
            untold: None,
            blocked_by: None,
            owner,
            core,
        }
    }

    pub fn id(&self) -> TxnId {
        self.id
    }

    /// The catalog with this transaction's own edits.
    pub fn catalog(&self) -> &Arc<CatalogState> {
        &self.catalog
    }

    /// The labels that this transaction added to enums, without those that enums were made with.
    pub fn added_labels(&self) -> BTreeSet<Oid> {
        let labels = |def: &UserTypeDef| def.labels().iter().map(|label| label.oid).collect::<Vec<_>>();
        let mut made_with = BTreeSet::new();
        let mut added = BTreeSet::new();
        for edit in &self.edits {
            match edit {
                CatalogEdit::CreateType(def) => made_with.extend(labels(def)),
                CatalogEdit::AlterType(def) => {
                    // Nobody else changes the catalog meanwhile.
                    let first = self.core.newest().catalog().next_oid();
                    added.extend(
                        labels(def).into_iter().filter(|oid| *oid >= first && !made_with.contains(oid)),
                    );
                }
                _ => {}
            }
        }
        added
    }

    /// The commit timestamp that the current command reads at.
    pub fn snapshot_ts(&self) -> CommitTs {
        self.pinned.ts()
    }

    /// After `LostRace`: the transaction that holds the lock, for `Database::wait_for_end`. None when the race was
    /// lost to a commit, after which a fresh snapshot can be tried at once.
    pub fn blocked_by(&self) -> Option<TxnId> {
        self.blocked_by
    }

    /// READ COMMITTED: the next command reads the newest committed state (own writes stay visible).
    pub fn refresh(&mut self) {
        let pinned = self.core.pin_for(&self.owner);
        if self.edits.is_empty() {
            self.catalog = Arc::clone(pinned.state.catalog());
        }
        let moved = !Arc::ptr_eq(&pinned.state, &self.pinned.state);
        self.pinned = pinned;
        self.generation = self.generation.wrapping_add(1);
        if moved {
            let state = Arc::clone(&self.pinned.state);
            let found = self.find_killed_again(&state);
            self.note_between(found);
        }
    }

    /// Starts a command: what earlier commands wrote becomes visible to `view`.
    pub fn begin_command(&mut self) {
        self.command = CommandNumber(self.command.0.saturating_add(1));
        let staged = self.stage_when_large(false);
        self.note_between(staged);
    }

    /// What the current command reads: the snapshot and the writes of earlier commands.
    pub fn view(&self) -> ReadView {
        ReadView { view: Arc::new(self.current_view()) }
    }

    pub(crate) fn current_view(&self) -> View {
        View {
            pinned: self.pinned.clone(),
            catalog: Arc::clone(&self.catalog),
            own: Some((Arc::clone(&self.private), self.command.0.saturating_sub(1))),
            generation: self.generation,
            batch_rows: self.core.settings.batch_rows,
            of_the_past: false,
        }
    }

    /// Changes the catalog; visible to this transaction at once. `LostRace` when another transaction changes it.
    pub fn edit_catalog(&mut self, edit: CatalogEdit) -> Result<()> {
        let outcome = self.try_edit_catalog(edit);
        self.note(outcome)
    }

    pub(crate) fn try_edit_catalog(&mut self, edit: CatalogEdit) -> Result<()> {
        self.check_usable()?;
        if !self.held.catalog {
            let taken = self.core.locks.take_catalog(self.id);
            self.unless_held(taken)?;
            self.held.catalog = true;
        }
        if self.edits.is_empty() && self.core.newest().catalog().version() != self.catalog.version() {
            return Err(lost_race("the catalog was changed by a concurrent transaction"));
        }
        if let CatalogEdit::DropTable(table) = &edit {
            self.hold_table(*table, Hold::All)?;
            self.forget_table(*table);
        }
        if let CatalogEdit::AlterTable(def) = &edit
            && self.catalog.table(def.id).is_some_and(|before| !before.takes_rows_of(def))
        {
            // Nobody writes to tablets that go, or by an old definition of what a row may be.
            self.hold_table(def.id, Hold::All)?;
        }
        if let CatalogEdit::CreateTable(def) | CatalogEdit::AlterTable(def) = &edit {
            self.hold_referenced(def)?;
        }
        let before = match &edit {
            CatalogEdit::AlterTable(def) => self.catalog.table(def.id).cloned(),
            CatalogEdit::DropTable(table) => self.catalog.table(*table).cloned(),
            _ => None,
        };
        let mut catalog = self.catalog.as_ref().clone();
        catalog.apply(&edit)?;
        if let CatalogEdit::CreateSequence(def, position) | CatalogEdit::AlterSequence(def, Some(position)) =
            &edit
        {
            self.core.counters.begin(def.counter, *position);
            self.counters.push(def.counter);
        }
        self.catalog = Arc::new(catalog);
        let after = match &edit {
            CatalogEdit::CreateTable(def) | CatalogEdit::AlterTable(def) => {
                self.catalog.table(def.id).cloned()
            }
            _ => None,
        };
        self.edits.push(edit);
        self.follow_with_indexes(before.as_deref(), after.as_deref())
    }

    /// A dropped table's rows need not be written any more.
    pub(crate) fn forget_table(&mut self, table: TableId) {
        self.private.forget(table);
        self.truncated.remove(&table);
        self.attached.retain(|a| a.table() != table);
        if let Some(def) = self.catalog.table(table) {
            for tablet in &def.tablets {
                self.killed.remove(&tablet.id);
            }
        }
    }

    /// Ends all rows of a table at the commit, without touching them one by one. `LostRace` when another transaction
    /// writes to the table.
    pub fn truncate(&mut self, table: TableId) -> Result<()> {
        let outcome = self.try_truncate(table);
        self.note(outcome)
    }

    /// Creates the table `def` (its columns those of `source`, with the same ids; tablets with the same buckets and
    /// ranges) with the rows that `source` had at `at`, or has in this transaction's snapshot. Segments are shared. The
    /// new table cannot be used before the commit. `SnapshotTooOld` when those rows are gone.
    pub fn clone_table(&mut self, def: TableDef, source: TableId, at: Option<CommitTs>) -> Result<()> {
        let outcome = self.try_clone(def, source, at);
        self.note(outcome)
    }

    /// Brings a dropped table back as it was when it was dropped, into the schema of `def`, which is what
    /// `Database::dropped_table` said. It cannot be used before the commit. `SnapshotTooOld` when rows of it are gone.
    pub fn undrop_table(&mut self, def: &TableDef) -> Result<()> {
        let outcome = self.try_undrop(def);
        self.note(outcome)
    }

    /// Inserts rows: 23502 for null in NOT NULL, 23514 outside every range, 23505 per `mode`,
    /// `LostRace` when another transaction holds or won a key.
    pub fn insert(&mut self, table: TableId, rows: &RecordBatch, mode: InsertMode) -> Result<InsertOutcome> {
        let outcome = self.try_insert(table, rows, mode);
        self.note(outcome)
    }

    /// Inserts the rows whose keys are new and changes those that exist, keys staying as they are. `Cardinality` when a
    /// row would be changed that this command inserted or changed; else as `insert`.
    pub fn upsert(&mut self, table: TableId, rows: &RecordBatch, upsert: Upsert<'_>) -> Result<Upserted> {
        let outcome = self.try_upsert(table, rows, upsert);
        self.note(outcome)
    }

    /// Address, in the current `ReadView`, of the row that stands in the way of `proposed`, one row of a table with a
    /// primary key, in one of its indexes. `Cardinality` for one that this command wrote; `LostRace` as `insert`.
    pub fn row_with(&mut self, table: TableId, index: TableId, proposed: &RecordBatch) -> Result<u64> {
        let outcome = self.try_row_with(table, index, proposed);
        self.note(outcome)
    }

    /// Replaces the rows at `addresses` (of the current view) by `rows`. A changed key moves the row.
    /// `InvalidParameterValue` never; a row addressed twice is `Cardinality`.
    pub fn update(&mut self, table: TableId, addresses: &[u64], rows: &RecordBatch) -> Result<()> {
        let outcome = self.try_update(table, addresses, rows);
        self.note(outcome)
    }

    /// Deletes the rows at `addresses` (of the current view). Returns how many; a row that this command has
    /// written or deleted already is passed over.
    pub fn delete(&mut self, table: TableId, addresses: &[u64]) -> Result<u64> {
        let outcome = self.try_delete(table, addresses);
        self.note(outcome)
    }

    /// Entries for rows that were there before the index; each row gives the index's columns. 23505 when two rows have the
    /// same values.
    pub fn fill_index(&mut self, index: TableId, rows: &RecordBatch) -> Result<()> {
        let outcome = self.try_fill_index(index, rows);
        self.note(outcome)
    }

    /// The newest committed state with all that this transaction wrote, the current command included. To look at only:
    /// its row addresses are of no use.
    pub fn newest_view(&mut self) -> Result<ReadView> {
        let outcome = self.try_newest_view();
        self.note(outcome)
    }

    /// Referenced values that the writes since the last call took away from tables.
    pub fn take_left(&mut self) -> Vec<Left> {
        self.unsettled.take_left()
    }

    /// Whether some writes are still to be looked at: what `take_left` and `take_missing` give.
    pub fn is_unsettled(&self) -> bool {
        self.unsettled.is_any()
    }

    /// Values that rows were given since the last call and that refer to none, behind all writes of a statement. The rows
    /// need not be there any more.
    pub fn take_missing(&mut self) -> Result<Vec<Missing>> {
        let outcome = self.try_take_missing();
        self.note(outcome)
    }

    /// 23503 when a row that was written refers to none, be it there still or not.
    pub fn settle_references(&mut self) -> Result<()> {
        match self.take_missing()?.first() {
            Some(missing) => self.note(Err(missing.error(&self.catalog, 0))),
            None => Ok(()),
        }
    }

    /// The same for rows that were there before their foreign key; each row gives the key's columns. What refers to none
    /// is told by `settle_references`.
    pub fn check_references(&mut self, table: TableId, foreign_key: Oid, rows: &RecordBatch) -> Result<()> {
        let outcome = self.try_check_references(table, foreign_key, rows);
        self.note(outcome)
    }

    /// Which rows of columns that are a key of a table there are in it, committed or own; none for a null among them.
    pub fn has_keys(
        &mut self,
        table: TableId,
        columns: &[ColumnId],
        values: &[ArrayRef],
    ) -> Result<Vec<bool>> {
        let outcome = self.try_has_keys(table, columns, values);
        self.note(outcome)
    }

    /// Whole rows at `addresses` of the current view, in that order. Fields are named by column id.
    pub fn fetch(&self, table: TableId, addresses: &[u64]) -> Result<RecordBatch> {
        self.fetch_rows(table, addresses)
    }

    /// Whether a commit would change anything.
    pub fn has_writes(&self) -> bool {
        !self.edits.is_empty()
            || !self.truncated.is_empty()
            || !self.killed.is_empty()
            || !self.private.tables().is_empty()
    }

    /// Makes everything durable, then visible. `CommitUnknown` when a sync failed.
    pub fn commit(mut self) -> Result<CommitTs> {
        self.check_usable()?;
        if !self.has_writes() {
            return Ok(self.pinned.ts());
        }
        if self.unsettled.is_any() {
            return Err(Error::internal("foreign keys were not looked at before the commit"));
        }
        let outcome = self.commit_writes();
        let unknown = outcome.as_ref().is_err_and(|e| e.kind() == ErrorKind::CommitUnknown);
        if outcome.is_ok() || unknown {
            // The log may name the files, and the counters.
            self.staged.clear();
            self.counters.clear();
        }
        outcome
    }

    pub fn rollback(self) {
        drop(self);
    }

    /// Remembers that a write failed.
    fn note<T>(&mut self, outcome: Result<T>) -> Result<T> {
        self.failed |= outcome.is_err();
        outcome
    }

    /// The same for what happens between two commands and has nobody to tell yet.
    fn note_between(&mut self, outcome: Result<()>) {
        if let Err(e) = outcome {
            self.failed = true;
            self.untold.get_or_insert((e.kind(), e.message().to_owned()));
        }
    }

    pub(crate) fn check_usable(&self) -> Result<()> {
        if let Some((kind, message)) = &self.untold {
            return Err(Error::new(*kind, message.clone()));
        }
        if self.failed {
            let message = "current transaction is aborted, commands ignored until end of transaction block";
            return Err(Error::new(ErrorKind::FailedTransaction, message));
        }
        Ok(())
    }

    /// A lock of somebody else is a lost race that can be waited for.
    pub(crate) fn unless_held<T>(&mut self, taken: Result<T, Held>) -> Result<T> {
        taken.map_err(|held| {
            self.blocked_by = Some(held.by);
            lost_race("a row or table is being changed by a concurrent transaction")
        })
    }
}

/// 40001 in PostgreSQL's words, with what happened as detail.
pub(crate) fn lost_race(what: &str) -> Error {
    Error::new(ErrorKind::LostRace, "could not serialize access due to concurrent update").with_detail(what)
}

impl Drop for Transaction {
    fn drop(&mut self) {
        for run in &self.staged {
            run.discard();
        }
        self.core.counters.forget(&self.counters);
        let locks = &self.core.locks;
        locks.release_keys(self.id, std::mem::take(&mut self.held.keys).into_values().flatten());
        for table in self.held.tables.keys() {
            locks.release_table(self.id, *table);
        }
        if self.held.catalog {
            locks.release_catalog(self.id);
        }
        locks.end(self.id);
    }
}
