//! One open database directory.

use crate::background;
use crate::check;
use crate::core::{Core, Pinned};
use crate::inspect::{self, HistoryInfo, JobInfo, PinInfo, SegmentInfo, TabletInfo};
use crate::recover;
use crate::scan::ReadView;
use crate::settings::StorageSettings;
use crate::transaction::Transaction;
use crate::view::View;
use base::Result;
use base::clock::{Clock, HybridClock};
use base::fs::FileSystem;
use base::id::{CommitTs, DatabaseId, SchemaId, TableId, TabletId, TxnId};
use base::random::Random;
use catalog::{CatalogState, MaterializedDef, TableDef};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// An open database. Cheap to clone; all clones are the same database.
#[derive(Clone, Debug)]
pub struct Database {
    core: Arc<Core>,
}

/// A reader's pinned commit timestamp and the state at it. Dropping it unpins.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pinned: Pinned,
    catalog: Arc<CatalogState>,
    of_the_past: bool,
    batch_rows: usize,
}

/// What `nyala check` found.
#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    pub files: u64,
    pub rows: u64,
    /// One sentence per violated invariant, naming the file.
    pub problems: Vec<String>,
}

impl Database {
    /// Opens or creates the database in `fs`, recovering from the log. `ObjectInUse` when another process has it,
    /// `Corruption` naming the file when it is damaged, `Unsupported` when its format is newer.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        clock: Arc<dyn Clock>,
        random: Arc<Random>,
        settings: StorageSettings,
    ) -> Result<Self> {
        let core = Arc::new(recover::open(fs, clock, &random, settings)?);
        if core.settings.background {
            background::start(&core)?;
            core.signal.notify();
        }
        Ok(Self { core })
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Identity of the data directory.
    pub fn id(&self) -> DatabaseId {
        self.core.database
    }

    /// The clock that commit timestamps come from; SQL's now() reads it.
    pub fn clock(&self) -> &Arc<HybridClock> {
        &self.core.clock
    }

    /// The newest committed state.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_for("snapshot")
    }

    /// The same, with a name for who reads it.
    pub fn snapshot_for(&self, owner: &str) -> Snapshot {
        let pinned = self.core.pin_for(&Arc::from(owner));
        let catalog = Arc::clone(pinned.state.catalog());
        Snapshot { pinned, catalog, of_the_past: false, batch_rows: self.core.settings.batch_rows }
    }

    /// The state at a commit timestamp of the past, with the catalog of that time. `InvalidParameterValue` for a time
    /// that has not come. Reading a table whose rows of that time were collected is `SnapshotTooOld`.
    pub fn snapshot_at(&self, ts: CommitTs) -> Result<Snapshot> {
        self.snapshot_at_for(ts, "snapshot")
    }

    /// The same, with a name for who reads it.
    pub fn snapshot_at_for(&self, ts: CommitTs, owner: &str) -> Result<Snapshot> {
        let pinned = self.core.pin_at(ts, &Arc::from(owner))?;
        let state = &pinned.state;
        let catalog = Arc::new(state.past().catalog_at(state.catalog(), ts));
        Ok(Snapshot { pinned, catalog, of_the_past: true, batch_rows: self.core.settings.batch_rows })
    }

    pub fn begin(&self) -> Transaction {
        self.begin_for("transaction")
    }

    /// The same, with a name for who reads and writes in it.
    pub fn begin_for(&self, owner: &str) -> Transaction {
        Transaction::begin(Arc::clone(&self.core), Arc::from(owner))
    }

    /// Waits until a transaction that `Transaction::blocked_by` named has ended. False when the time ran out first.
    pub fn wait_for_end(&self, txn: TxnId, timeout: Duration) -> bool {
        self.core.locks.wait_for_end(txn, timeout)
    }

    /// Flushes every memtable to segments. Blocks.
    pub fn flush(&self) -> Result<()> {
        self.core.flush_all()
    }

    /// Writes a checkpoint and drops the log before it. Blocks.
    pub fn checkpoint(&self) -> Result<()> {
        self.core.checkpoint()
    }

    /// Rewrites segments of a table and its indexes that hold dead rows or are too many; all of them when `full`. Ends
    /// early, with `Cancelled`, when `cancelled` says so; it is asked every few thousand rows. Blocks.
    pub fn compact(
        &self,
        table: TableId,
        full: bool,
        cancelled: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> Result<()> {
        self.core.note_time();
        let state = self.core.newest();
        let catalog = state.catalog();
        let tables = catalog.table(table).into_iter().flat_map(|def| def.with_indexes());
        for tablet in tables.filter_map(|id| catalog.table(id)).flat_map(|def| &def.tablets) {
            self.core.flush_tablet(tablet.id)?;
            for _ in 0..self.core.passes(tablet.id, full) {
                self.core.compact_tablet(tablet.id, full, &cancelled)?;
            }
        }
        self.core.collect().map(|_| ())
    }

    /// Compacts the tablet that needs it most. False when none does. Runs by itself too; blocks.
    pub fn compact_due(&self) -> Result<bool> {
        self.core.compact_most_urgent()
    }

    /// Lets go what is too old to be kept, or too much. Runs by itself too; blocks.
    pub fn collect(&self) -> Result<()> {
        self.core.note_time();
        self.core.collect().map(|_| ())
    }

    /// How far back a table can be read. None when it does not exist.
    pub fn history(&self, table: TableId) -> Result<Option<HistoryInfo>> {
        inspect::history(&self.core, table)
    }

    /// A definition of a table that was dropped and can be had back, by schema and name; the newest one.
    /// Its schema is `schema`, even when that has only the name of the one that the table was in. With what made it a materialized
    /// view, when it was one.
    pub fn dropped_table(
        &self,
        schema: SchemaId,
        name: &str,
    ) -> Option<(Arc<TableDef>, Option<MaterializedDef>)> {
        let state = self.core.newest();
        let past = state.past();
        let found = past.dropped_named(state.catalog(), schema, name)?;
        let def = TableDef { schema, ..found.def.as_ref().clone() };
        Some((Arc::new(def), past.dropped_materialized(found).cloned()))
    }

    /// The definition that a tablet of a dropped table or partition belonged to last.
    pub fn dropped_definition(&self, tablet: TabletId) -> Option<Arc<TableDef>> {
        self.core.newest().past().definition_of(tablet).map(Arc::clone)
    }

    pub fn tablets(&self) -> Result<Vec<TabletInfo>> {
        inspect::tablets(&self.core)
    }

    /// May block on segments that were not read before.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>> {
        inspect::segments(&self.core)
    }

    pub fn pins(&self) -> Vec<PinInfo> {
        self.core.pins.list()
    }

    pub fn jobs(&self) -> Vec<JobInfo> {
        self.core.jobs.list()
    }

    /// Locks that running transactions hold on keys.
    pub fn locked_keys(&self) -> usize {
        self.core.locks.keys_held()
    }

    /// What the last background flush, checkpoint or compaction failed with; it is tried again with the next commit.
    pub fn background_failure(&self) -> Option<String> {
        self.core.signal.failure().or_else(|| self.core.compaction_signal.failure())
    }

    /// Verifies every checksum, reference and invariant of a directory that no process has open.
    pub fn check(fs: Arc<dyn FileSystem>) -> Result<CheckReport> {
        check::check(&fs)
    }

    /// Stops background work and writes a checkpoint, so that the next open has nothing to replay.
    pub fn close(&self) -> Result<()> {
        self.core.stopping.store(true, Ordering::Relaxed);
        self.core.signal.stop_and_wait();
        self.core.compaction_signal.stop_and_wait();
        self.core.settle_counters()?;
        self.core.checkpoint()
    }
}

impl Snapshot {
    pub fn commit_ts(&self) -> CommitTs {
        self.pinned.ts()
    }

    pub fn catalog(&self) -> &Arc<CatalogState> {
        &self.catalog
    }

    pub fn view(&self) -> ReadView {
        let view = View {
            pinned: self.pinned.clone(),
            catalog: Arc::clone(&self.catalog),
            own: None,
            generation: 0,
            batch_rows: self.batch_rows,
            of_the_past: self.of_the_past,
        };
        ReadView { view: Arc::new(view) }
    }

    /// Sum modulo 2^128 over hashes of the table's live rows (types and values), whatever file they are in.
    pub fn fingerprint(&self, table: TableId) -> Result<u128> {
        self.view().fingerprint(table)
    }
}
