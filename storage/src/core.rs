//! The parts of an open database and how they are wired.
//!
//! Must not know SQL. Order of locks: `compacting`, `maintenance`, `structure`, then those of the sequencer; lock tables and pins
//! are leaves.

use crate::background::Signal;
use crate::checkpointing::Maintenance;
use crate::counters::Counters;
use crate::format::LogRecord;
use crate::ids::IdSource;
use crate::jobs::Jobs;
use crate::locks::Locks;
use crate::log::Appended;
use crate::pins::{Pin, Pins};
use crate::pressure::Pressure;
use crate::retention::RunningTime;
use crate::sequencer::Sequencer;
use crate::settings::StorageSettings;
use crate::state::{DatabaseState, Edit};
use crate::tablet::SegmentStore;
use crate::turn::Turns;
use base::clock::HybridClock;
use base::fs::FileSystem;
use base::id::{CommitTs, DatabaseId, Epoch, MemtableId, TableId, TabletId};
use base::plant::{Flaw, planted};
use base::sync::{Mutex, PoisonError, RwLock};
use base::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// An open database.
pub(crate) struct Core {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) clock: Arc<HybridClock>,
    pub(crate) settings: StorageSettings,
    pub(crate) database: DatabaseId,
    pub(crate) epoch: Epoch,
    pub(crate) ids: IdSource,
    pub(crate) pins: Arc<Pins>,
    pub(crate) locks: Locks,
    pub(crate) counters: Counters,
    pub(crate) sequencer: Sequencer,
    pub(crate) running: RunningTime,
    pub(crate) store: Arc<SegmentStore>,
    /// Held for reading from the moment a commit resolves row addresses until it is appended to the log, for
    /// writing while a memtable gives way to segments: an address in a log record is valid at its position.
    structure: RwLock<()>,
    /// Which memtable takes the next new rows of a tablet.
    open: Mutex<HashMap<TabletId, MemtableId>>,
    /// One flush, checkpoint or collection at a time.
    pub(crate) maintenance: Mutex<Maintenance>,
    /// One compaction at a time; taken before any other lock.
    pub(crate) compacting: Turns,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) pressure: Pressure,
    /// Long work is to give up.
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) compaction_signal: Arc<Signal>,
    /// The exclusive right to the directory.
    pub(crate) _directory: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("database", &self.database)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// What `Core::new` is made of.
pub(crate) struct CoreParts {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) clock: Arc<HybridClock>,
    pub(crate) settings: StorageSettings,
    pub(crate) database: DatabaseId,
    pub(crate) epoch: Epoch,
    pub(crate) sequencer: Sequencer,
    pub(crate) running: RunningTime,
    pub(crate) store: Arc<SegmentStore>,
    pub(crate) ids: IdSource,
    pub(crate) maintenance: Maintenance,
    pub(crate) directory: Box<dyn Send + Sync>,
}

/// A pinned commit timestamp and the state at it.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    pub(crate) pin: Arc<Pin>,
    pub(crate) state: Arc<DatabaseState>,
}

impl Pinned {
    pub(crate) fn ts(&self) -> CommitTs {
        self.pin.ts()
    }
}

impl Core {
    pub(crate) fn new(parts: CoreParts) -> Self {
        // Recovered memtables go on taking rows.
        let open = parts.sequencer.published(|p| {
            let used = p.state.tablets().filter(|t| t.dropped_at() == CommitTs::MAX);
            let last = used.filter_map(|t| t.memtables().last().map(|m| (t.id(), m.id())));
            last.collect::<HashMap<_, _>>()
        });
        Self {
            fs: parts.fs,
            clock: parts.clock,
            settings: parts.settings,
            database: parts.database,
            epoch: parts.epoch,
            ids: parts.ids,
            pins: Arc::default(),
            locks: Locks::new(),
            counters: Counters::default(),
            sequencer: parts.sequencer,
            running: parts.running,
            store: parts.store,
            structure: RwLock::new(()),
            open: Mutex::new(open),
            maintenance: Mutex::new(parts.maintenance),
            compacting: Turns::default(),
            jobs: Arc::default(),
            pressure: Pressure::default(),
            stopping: Arc::default(),
            signal: Arc::default(),
            compaction_signal: Arc::default(),
            _directory: parts.directory,
        }
    }

    /// The newest committed state, pinned for somebody.
    pub(crate) fn pin_for(&self, owner: &Arc<str>) -> Pinned {
        let now = self.clock.wall_us();
        // The pin is registered before anything newer can be published.
        self.sequencer.published(|p| Pinned {
            pin: Arc::new(self.pins.pin(p.ts, owner, now)),
            state: Arc::clone(&p.state),
        })
    }

    /// The newest state, pinned at a time of the past. Commits after `ts` get later times.
    pub(crate) fn pin_at(&self, ts: CommitTs, owner: &Arc<str>) -> Result<Pinned> {
        if ts > self.sequencer.published(|p| p.ts) {
            if ts.0 > self.clock.wall_us().max(self.clock.last().0) {
                let message = "cannot read as of a time in the future";
                return Err(Error::new(ErrorKind::InvalidParameterValue, message));
            }
            // What got a time up to `ts` was appended before this; it has to be seen.
            self.clock.observe(ts);
            self.sequencer.drain()?;
        }
        let now = self.clock.wall_us();
        Ok(self.sequencer.published(|p| Pinned {
            pin: Arc::new(self.pins.pin(ts, owner, now)),
            state: Arc::clone(&p.state),
        }))
    }

    /// The newest committed state, for probes that read only what is alive now.
    pub(crate) fn newest(&self) -> Arc<DatabaseState> {
        self.sequencer.published(|p| Arc::clone(&p.state))
    }

    /// No reader needs rows that died at this time or before.
    pub(crate) fn horizon(&self) -> CommitTs {
        self.sequencer.published(|p| self.pins.horizon(p.ts))
    }

    /// Rows of a table that died at this time or before need not be kept: neither readers nor its retention ask for
    /// them.
    pub(crate) fn keep_after(&self, state: &DatabaseState, table: TableId) -> CommitTs {
        let options = state.layout(table).map(|l| l.def().options).unwrap_or_default();
        self.kept_for(options.history_retention_us.unwrap_or(self.settings.history_retention_us))
    }

    /// The same for what has no retention of its own.
    pub(crate) fn usual_keep_after(&self) -> CommitTs {
        self.kept_for(self.settings.history_retention_us)
    }

    /// The same for a retention in microseconds.
    pub(crate) fn kept_for(&self, retention_us: u64) -> CommitTs {
        if planted(Flaw::ExpireHistoryEarly) {
            return self.sequencer.published(|p| p.ts);
        }
        let horizon = self.horizon();
        if retention_us == 0 { horizon } else { self.running.before(retention_us).min(horizon) }
    }

    /// The memtable that takes new rows of a tablet.
    pub(crate) fn open_memtable(&self, tablet: TabletId) -> MemtableId {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open.entry(tablet).or_insert_with(|| self.ids.memtable())
    }

    /// Makes commits that resolve their addresses from now on use another memtable than `sealed`.
    pub(crate) fn seal(&self, tablet: TabletId, sealed: MemtableId) -> Result<()> {
        let _structure = self.structure.write().unwrap_or_else(PoisonError::into_inner);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&tablet) == Some(&sealed) {
            open.remove(&tablet);
        }
        drop(open);
        // What was appended before may still go to the sealed memtable; after this it is there.
        self.sequencer.drain().map(|_| ())
    }

    /// Appends a commit whose addresses `build` resolves against the state given, and makes it durable and visible.
    pub(crate) fn commit(
        &self,
        build: impl FnOnce(&Arc<DatabaseState>) -> Result<(LogRecord, Edit)>,
    ) -> Result<CommitTs> {
        let appended = {
            let _structure = self.structure.read().unwrap_or_else(PoisonError::into_inner);
            let (record, edit) = build(&self.newest())?;
            self.append(&record, edit)?
        };
        self.sequencer.finish(appended.seq)?;
        self.wake_when_due();
        self.wait_for_room();
        Ok(appended.commit_ts)
    }

    /// Makes a record durable and visible that says nothing of rows.
    pub(crate) fn record(&self, record: &LogRecord, edit: Edit) -> Result<()> {
        let appended = {
            let _structure = self.structure.read().unwrap_or_else(PoisonError::into_inner);
            self.append(record, edit)?
        };
        self.sequencer.finish(appended.seq)?;
        self.wake_when_due();
        Ok(())
    }

    /// Appends a record that moves rows. `build` sees every earlier record applied, and no commit resolves an
    /// address until the record is applied too.
    pub(crate) fn swap(
        &self,
        build: impl FnOnce(&Arc<DatabaseState>) -> Result<Option<(LogRecord, Edit)>>,
    ) -> Result<bool> {
        let _structure = self.structure.write().unwrap_or_else(PoisonError::into_inner);
        self.sequencer.drain()?;
        let Some((record, edit)) = build(&self.newest())? else { return Ok(false) };
        let appended = self.append(&record, edit)?;
        self.sequencer.finish(appended.seq)?;
        Ok(true)
    }

    /// Runs `with` while nothing is appended and everything that was is applied.
    pub(crate) fn quiesced<T>(&self, with: impl FnOnce(base::id::LogSeq) -> Result<T>) -> Result<T> {
        let _structure = self.structure.write().unwrap_or_else(PoisonError::into_inner);
        with(self.sequencer.drain()?)
    }

    fn append(&self, record: &LogRecord, edit: Edit) -> Result<Appended> {
        if let Edit::Commit(commit) = &edit {
            self.pressure.add(commit.row_bytes());
        }
        self.sequencer.append(record, edit)
    }

    /// After a commit is durable and visible: slows its session down when flushes do not keep up.
    fn wait_for_room(&self) {
        let limit = self.settings.memtable_bytes_max;
        let delay = self.pressure.delay(limit);
        if self.settings.background && !delay.is_zero() {
            let _job = self.jobs.start("throttle", None, 0, self.clock.wall_us());
            self.signal.notify();
            self.pressure.wait(limit, delay);
        }
    }

    fn wake_when_due(&self) {
        if self.settings.background {
            self.signal.notify_at(self.sequencer.appended_bytes());
        }
    }
}
