//! Which test finds which planted flaw.

use base::plant::Flaw;

/// A test that is run with flaws planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finder {
    Model,
    Cuts,
    FailedCalls,
    FailedSyncs,
    DamagedSegments,
    DamagedLog,
    DamagedCheckpoints,
    Meetings,
    Races,
    SharedFile,
    Shuttle,
}

impl Finder {
    /// The test's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Finder::Model => "model",
            Finder::Cuts => "cuts",
            Finder::FailedCalls => "faults: every failed call",
            Finder::FailedSyncs => "faults: every failed sync",
            Finder::DamagedSegments => "damage: segments",
            Finder::DamagedLog => "damage: log",
            Finder::DamagedCheckpoints => "damage: checkpoints",
            Finder::Meetings => "meetings",
            Finder::Races => "races",
            Finder::SharedFile => "meetings: a clone",
            Finder::Shuttle => "shuttle",
        }
    }

    /// Seeds, or orders of threads, within which it must find a flaw.
    pub(crate) fn seeds(self) -> u64 {
        match self {
            Finder::Model => 20,
            Finder::Cuts => 60,
            Finder::DamagedSegments | Finder::DamagedLog | Finder::DamagedCheckpoints => 6,
            Finder::FailedCalls
            | Finder::FailedSyncs
            | Finder::Meetings
            | Finder::Races
            | Finder::SharedFile => 1,
            Finder::Shuttle => 400,
        }
    }
}

pub(crate) const FOUND_BY: [(Flaw, Finder); Flaw::ALL.len()] = [
    (Flaw::AcknowledgeBeforeSync, Finder::Cuts),
    (Flaw::VisibleBeforeDurable, Finder::FailedSyncs),
    (Flaw::PublishOutOfLogOrder, Finder::Shuttle),
    (Flaw::RetryFailedSync, Finder::FailedSyncs),
    (Flaw::SwallowWriteError, Finder::FailedCalls),
    (Flaw::SkipLogDirectorySync, Finder::Cuts),
    (Flaw::SkipSegmentDirectorySync, Finder::Cuts),
    (Flaw::SkipRootDirectorySync, Finder::Cuts),
    (Flaw::SkipLogFileSync, Finder::Cuts),
    (Flaw::SkipSegmentSync, Finder::Cuts),
    (Flaw::SkipCheckpointSync, Finder::Cuts),
    (Flaw::SkipPackSync, Finder::Cuts),
    (Flaw::IgnoreBlockChecksum, Finder::DamagedSegments),
    (Flaw::KeepTornTail, Finder::DamagedLog),
    (Flaw::IgnorePackChecksum, Finder::DamagedCheckpoints),
    (Flaw::IgnoreCheckpointChecksum, Finder::DamagedCheckpoints),
    (Flaw::CutAtDamage, Finder::DamagedLog),
    (Flaw::CutGoodRecord, Finder::Model),
    (Flaw::CutLogBeforeCurrent, Finder::Cuts),
    (Flaw::CollectNamedFile, Finder::Model),
    (Flaw::DiscardTooEarly, Finder::SharedFile),
    (Flaw::LoseBegin, Finder::Races),
    (Flaw::ReuseIds, Finder::Model),
    (Flaw::DropDeleteVectorAtCheckpoint, Finder::Model),
    (Flaw::DropDeathsAtCheckpoint, Finder::Model),
    (Flaw::SkipCarryingDeaths, Finder::Meetings),
    (Flaw::SkipLockCheck, Finder::Races),
    (Flaw::ForgetPin, Finder::Model),
    (Flaw::WrongHorizon, Finder::Meetings),
    (Flaw::DropHistoryAtFlush, Finder::Meetings),
    (Flaw::DropHistoryAtCompaction, Finder::Meetings),
    (Flaw::DropDeleteVectorAtCompaction, Finder::Meetings),
    (Flaw::LoseCatchUpDeletes, Finder::Meetings),
    (Flaw::ExpireHistoryEarly, Finder::Meetings),
    (Flaw::ForgetOldestReadable, Finder::Meetings),
    (Flaw::IgnoreDetach, Finder::Meetings),
    (Flaw::RemoveSharedFile, Finder::SharedFile),
    (Flaw::TrustOrigins, Finder::Model),
    (Flaw::ForgetDroppedColumns, Finder::Model),
    (Flaw::ForgetMissingValues, Finder::Model),
];
