//! Flaws planted on purpose, to prove that the tests find them.
//!
//! Each stands as one line at its place and is off unless a test turns it on for its own thread. Builds without debug
//! assertions have none. docs/tests.md says which test finds which.

use std::cell::Cell;

/// What can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// A commit is acknowledged when its record was written, not synced.
    AcknowledgeBeforeSync,
    /// A commit is visible before its record is durable.
    VisibleBeforeDurable,
    /// Of two durable records the later is applied first.
    PublishOutOfLogOrder,
    /// A sync that failed is tried again, and believed.
    RetryFailedSync,
    /// A failed write to the log is not told.
    SwallowWriteError,
    /// The name of a new log file is not made durable.
    SkipLogDirectorySync,
    /// The name of a new segment is not made durable.
    SkipSegmentDirectorySync,
    /// The new name of CURRENT is not made durable.
    SkipRootDirectorySync,
    /// A log file gets its name before its bytes are durable.
    SkipLogFileSync,
    /// A segment is named by the log before its bytes are durable.
    SkipSegmentSync,
    /// A checkpoint is named by CURRENT before its bytes are durable.
    SkipCheckpointSync,
    /// A pack of delete vectors is named before its bytes are durable.
    SkipPackSync,
    /// Blocks of segments are not compared with their checksums.
    IgnoreBlockChecksum,
    /// Payloads of log records are not compared with their checksums: a torn tail is kept.
    KeepTornTail,
    /// Delete vectors are not compared with their checksums.
    IgnorePackChecksum,
    /// Checkpoints are not compared with their checksums.
    IgnoreCheckpointChecksum,
    /// Damage in the middle of the log is taken for its end.
    CutAtDamage,
    /// Recovery leaves out the last record of a file.
    CutGoodRecord,
    /// The log is shortened before CURRENT names the checkpoint that replaces it.
    CutLogBeforeCurrent,
    /// The collection at an open removes files that are referred to.
    CollectNamedFile,
    /// A file that a tablet gives up is removed at once, whoever else has it.
    DiscardTooEarly,
    /// Rows lose the time they began at when they are flushed.
    LoseBegin,
    /// Ids start again with every process.
    ReuseIds,
    /// A checkpoint leaves out the dead rows of segments.
    DropDeleteVectorAtCheckpoint,
    /// A checkpoint leaves out the dead rows of memtables.
    DropDeathsAtCheckpoint,
    /// Deaths during a flush are not carried over to what it wrote.
    SkipCarryingDeaths,
    /// A key that another transaction has locked is taken for free.
    SkipLockCheck,
    /// A reader is not registered.
    ForgetPin,
    /// The horizon is the newest reader, not the oldest.
    WrongHorizon,
    /// A flush keeps no rows of the past.
    DropHistoryAtFlush,
    /// A compaction keeps no rows of the past.
    DropHistoryAtCompaction,
    /// A compaction takes dead rows for live ones.
    DropDeleteVectorAtCompaction,
    /// Deaths during a compaction are not carried over to what it wrote.
    LoseCatchUpDeletes,
    /// Rows of the past go before their time, and before their readers.
    ExpireHistoryEarly,
    /// What goes is not noted as gone: a time that is too old is read as if it were not.
    ForgetOldestReadable,
    /// Segments of a truncated or dropped tablet stay attached.
    IgnoreDetach,
    /// A file that another reference has goes with the first one.
    RemoveSharedFile,
    /// Versions that took the place of others are not counted against those that ended.
    TrustOrigins,
    /// What is rewritten leaves out dropped columns, whatever times can be read.
    ForgetDroppedColumns,
    /// A row that lacks a column has null in it.
    ForgetMissingValues,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Flaw; 40] = [
        Flaw::AcknowledgeBeforeSync,
        Flaw::VisibleBeforeDurable,
        Flaw::PublishOutOfLogOrder,
        Flaw::RetryFailedSync,
        Flaw::SwallowWriteError,
        Flaw::SkipLogDirectorySync,
        Flaw::SkipSegmentDirectorySync,
        Flaw::SkipRootDirectorySync,
        Flaw::SkipLogFileSync,
        Flaw::SkipSegmentSync,
        Flaw::SkipCheckpointSync,
        Flaw::SkipPackSync,
        Flaw::IgnoreBlockChecksum,
        Flaw::KeepTornTail,
        Flaw::IgnorePackChecksum,
        Flaw::IgnoreCheckpointChecksum,
        Flaw::CutAtDamage,
        Flaw::CutGoodRecord,
        Flaw::CutLogBeforeCurrent,
        Flaw::CollectNamedFile,
        Flaw::DiscardTooEarly,
        Flaw::LoseBegin,
        Flaw::ReuseIds,
        Flaw::DropDeleteVectorAtCheckpoint,
        Flaw::DropDeathsAtCheckpoint,
        Flaw::SkipCarryingDeaths,
        Flaw::SkipLockCheck,
        Flaw::ForgetPin,
        Flaw::WrongHorizon,
        Flaw::DropHistoryAtFlush,
        Flaw::DropHistoryAtCompaction,
        Flaw::DropDeleteVectorAtCompaction,
        Flaw::LoseCatchUpDeletes,
        Flaw::ExpireHistoryEarly,
        Flaw::ForgetOldestReadable,
        Flaw::IgnoreDetach,
        Flaw::RemoveSharedFile,
        Flaw::TrustOrigins,
        Flaw::ForgetDroppedColumns,
        Flaw::ForgetMissingValues,
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Flaw>> = const { Cell::new(None) };
}

/// Whether this thread has the flaw.
#[inline]
pub fn planted(flaw: Flaw) -> bool {
    cfg!(debug_assertions) && PLANTED.get() == Some(flaw)
}

/// Runs `work` with the flaw on this thread, whether it returns or panics.
pub fn with<T>(flaw: Flaw, work: impl FnOnce() -> T) -> T {
    struct Off;
    impl Drop for Off {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }
    PLANTED.set(Some(flaw));
    let _off = Off;
    work()
}

/// `work` for another thread, which then has the flaw that this one has.
pub fn carried<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let flaw = PLANTED.get();
    move || match flaw {
        Some(flaw) => with(flaw, work),
        None => work(),
    }
}
