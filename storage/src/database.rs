//! One open database directory.

use crate::background;
use crate::check;
use crate::core::{Core, Pinned};
use crate::inspect::{HistoryInfo, JobInfo, PinInfo, SegmentInfo, TabletInfo};
use crate::recover;
use crate::scan::ReadView;
use crate::settings::StorageSettings;
use crate::transaction::Transaction;
use crate::view::View;
use base::clock::{Clock, HybridClock};
use base::fs::FileSystem;
use base::id::{CommitTs, DatabaseId, SchemaId, TableId, TxnId};
use base::random::Random;
use base::{Error, Result};
use catalog::{CatalogState, TableDef};
use std::sync::Arc;
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
        Snapshot { pinned: self.core.pin(), batch_rows: self.core.settings.batch_rows }
    }

    /// The state at a commit timestamp of the past, with the catalog of that time. `InvalidParameterValue` for a time
    /// that has not come. Reading a table whose rows of that time were collected is `SnapshotTooOld`.
    pub fn snapshot_at(&self, _ts: CommitTs) -> Result<Snapshot> {
        Err(Error::unsupported("reading the past"))
    }

    pub fn begin(&self) -> Transaction {
        Transaction::begin(Arc::clone(&self.core))
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

    /// Rewrites segments of a table that hold dead rows or are too many; all of them when `full`. Ends early, with
    /// `Cancelled`, when `cancelled` says so. Blocks.
    pub fn compact(&self, _table: TableId, _full: bool, _cancelled: &dyn Fn() -> bool) -> Result<()> {
        Err(Error::unsupported("VACUUM"))
    }

    /// How far back a table can be read. None when it does not exist.
    pub fn history(&self, _table: TableId) -> Option<HistoryInfo> {
        None
    }

    /// A definition of a table that was dropped and can be had back, by schema and name; the newest one.
    pub fn dropped_table(&self, _schema: SchemaId, _name: &str) -> Option<Arc<TableDef>> {
        None
    }

    pub fn tablets(&self) -> Vec<TabletInfo> {
        Vec::new()
    }

    /// May block on segments that were not read before.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>> {
        Ok(Vec::new())
    }

    pub fn pins(&self) -> Vec<PinInfo> {
        Vec::new()
    }

    pub fn jobs(&self) -> Vec<JobInfo> {
        Vec::new()
    }

    /// Locks that running transactions hold on keys.
    pub fn locked_keys(&self) -> usize {
        self.core.locks.keys_held()
    }

    /// What the last background flush or checkpoint failed with; it is tried again with the next commit.
    pub fn background_failure(&self) -> Option<String> {
        self.core.signal.failure()
    }

    /// Verifies every checksum, reference and invariant of a directory that no process has open.
    pub fn check(fs: Arc<dyn FileSystem>) -> Result<CheckReport> {
        check::check(&fs)
    }

    /// Stops background work and writes a checkpoint, so that the next open has nothing to replay.
    pub fn close(&self) -> Result<()> {
        self.core.signal.stop_and_wait();
        self.core.checkpoint()
    }
}

impl Snapshot {
    pub fn commit_ts(&self) -> CommitTs {
        self.pinned.ts()
    }

    pub fn catalog(&self) -> &Arc<CatalogState> {
        self.pinned.state.catalog()
    }

    pub fn view(&self) -> ReadView {
        let view = View {
            pinned: self.pinned.clone(),
            catalog: Arc::clone(self.pinned.state.catalog()),
            own: None,
            generation: 0,
            batch_rows: self.batch_rows,
        };
        ReadView { view: Arc::new(view) }
    }

    /// Sum modulo 2^128 over hashes of the table's live rows (types and values), whatever file they are in.
    pub fn fingerprint(&self, table: TableId) -> Result<u128> {
        self.view().fingerprint(table)
    }
}
