//! The parts of an open database and how they are wired.
//!
//! Must not know SQL. Order of locks: `maintenance`, `structure`, then those of the sequencer; lock tables and pins
//! are leaves.

use crate::background::Signal;
use crate::checkpointing::Maintenance;
use crate::format::LogRecord;
use crate::ids::IdSource;
use crate::locks::Locks;
use crate::log::Appended;
use crate::pins::{Pin, Pins};
use crate::sequencer::Sequencer;
use crate::settings::StorageSettings;
use crate::state::{DatabaseState, Edit};
use crate::tablet::SegmentStore;
use base::Result;
use base::clock::HybridClock;
use base::fs::FileSystem;
use base::id::{CommitTs, DatabaseId, Epoch, MemtableId, TabletId};
use base::sync::{Mutex, PoisonError, RwLock};
use std::collections::HashMap;
use std::sync::Arc;

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
    pub(crate) sequencer: Sequencer,
    pub(crate) store: Arc<SegmentStore>,
    /// Held for reading from the moment a commit resolves row addresses until it is appended to the log, for
    /// writing while a memtable gives way to segments: an address in a log record is valid at its position.
    structure: RwLock<()>,
    /// Which memtable takes the next new rows of a tablet.
    open: Mutex<HashMap<TabletId, MemtableId>>,
    /// One flush or checkpoint at a time.
    pub(crate) maintenance: Mutex<Maintenance>,
    pub(crate) signal: Arc<Signal>,
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
            let last = p.state.tablets().filter_map(|t| t.memtables().last().map(|m| (t.id(), m.id())));
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
            sequencer: parts.sequencer,
            store: parts.store,
            structure: RwLock::new(()),
            open: Mutex::new(open),
            maintenance: Mutex::new(parts.maintenance),
            signal: Arc::default(),
            _directory: parts.directory,
        }
    }

    /// The newest committed state, pinned.
    pub(crate) fn pin(&self) -> Pinned {
        // The pin is registered before anything newer can be published.
        self.sequencer
            .published(|p| Pinned { pin: Arc::new(self.pins.pin(p.ts)), state: Arc::clone(&p.state) })
    }

    /// The newest committed state, for probes that read only what is alive now.
    pub(crate) fn newest(&self) -> Arc<DatabaseState> {
        self.sequencer.published(|p| Arc::clone(&p.state))
    }

    /// No reader needs rows that died at this time or before.
    pub(crate) fn horizon(&self) -> CommitTs {
        self.sequencer.published(|p| self.pins.horizon(p.ts))
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
        Ok(appended.commit_ts)
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
        self.sequencer.append(record, edit)
    }

    fn wake_when_due(&self) {
        if self.settings.background {
            self.signal.notify_at(self.sequencer.appended_bytes());
        }
    }
}
