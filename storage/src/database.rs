//! One open database directory.

use crate::scan::ReadView;
use crate::settings::StorageSettings;
use crate::transaction::Transaction;
use base::Result;
use base::clock::Clock;
use base::fs::FileSystem;
use base::id::{CommitTs, TableId};
use base::random::Random;
use catalog::CatalogState;
use std::sync::Arc;

/// An open database. Cheap to clone; all clones are the same database.
#[derive(Clone, Debug)]
pub struct Database {}

/// A reader's pinned commit timestamp and the state at it. Dropping it unpins.
#[derive(Clone, Debug)]
pub struct Snapshot {}

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
        _fs: Arc<dyn FileSystem>,
        _clock: Arc<dyn Clock>,
        _random: Arc<Random>,
        _settings: StorageSettings,
    ) -> Result<Self> {
        todo!()
    }
    /// The newest committed state.
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }
    pub fn begin(&self) -> Transaction {
        todo!()
    }
    /// Flushes every memtable to segments.
    pub fn flush(&self) -> Result<()> {
        todo!()
    }
    pub fn checkpoint(&self) -> Result<()> {
        todo!()
    }
    /// Verifies every checksum, reference and invariant of a directory that no process has open.
    pub fn check(_fs: Arc<dyn FileSystem>) -> Result<CheckReport> {
        todo!()
    }
    /// Stops background work, flushes the log and writes a checkpoint.
    pub fn close(&self) -> Result<()> {
        todo!()
    }
}

impl Snapshot {
    pub fn commit_ts(&self) -> CommitTs {
        todo!()
    }
    pub fn catalog(&self) -> &Arc<CatalogState> {
        todo!()
    }
    pub fn view(&self) -> ReadView {
        todo!()
    }
    /// Sum modulo 2^128 over hashes of the table's live rows (types and values), whatever file they are in.
    pub fn fingerprint(&self, _table: TableId) -> Result<u128> {
        todo!()
    }
}
