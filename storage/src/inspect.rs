//! What operators may know of a running database: tablets, segments, pins, jobs, and how far back tables can be read.
//!
//! Must not change anything.

use base::id::{CommitTs, ReferenceId, SegmentId, TableId, TabletId};

/// One tablet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TabletInfo {
    pub table: TableId,
    pub tablet: TabletId,
    /// When it was dropped or its table was; None while it is in use.
    pub dropped: Option<CommitTs>,
    pub memtables: u64,
    pub memtable_bytes: u64,
    pub memtable_rows: u64,
    /// Segments with live rows, their rows (dead ones included), dead rows and bytes of files.
    pub live_segments: u64,
    pub live_segment_rows: u64,
    pub dead_rows: u64,
    pub live_segment_bytes: u64,
    /// Segments that hold only rows of the past.
    pub history_segments: u64,
    pub history_segment_bytes: u64,
    /// The tablet can be read at this time and later.
    pub oldest_readable: CommitTs,
}

/// One attachment of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    pub table: TableId,
    pub tablet: TabletId,
    pub reference: ReferenceId,
    pub segment: SegmentId,
    /// Whether it holds only rows of the past.
    pub history: bool,
    pub rows: u64,
    pub dead_rows: u64,
    pub file_bytes: u64,
    /// Rows count from here, or from their own begin when that is later.
    pub attach_ts: CommitTs,
    /// Rows count up to here; None while attached.
    pub detach_ts: Option<CommitTs>,
    pub begin_min: CommitTs,
    pub begin_max: CommitTs,
}

/// One reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinInfo {
    /// What it reads at; rows of that time are kept.
    pub commit_ts: CommitTs,
    pub owner: String,
    /// Readers with this time and owner.
    pub count: u64,
}

/// A running piece of background work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInfo {
    pub id: u64,
    /// `flush`, `compaction`, `collection`, `checkpoint`.
    pub kind: &'static str,
    pub tablet: Option<TabletId>,
    /// Microseconds since 1970-01-01 UTC.
    pub started_us: u64,
    pub rows_done: u64,
    /// 0 when not known.
    pub rows_total: u64,
}

/// How far back a table can be read, and what that costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryInfo {
    /// The table can be read at this time and later.
    pub oldest_readable: CommitTs,
    /// Bytes of files that live rows need, roughly.
    pub live_bytes: u64,
    /// Bytes of files that only rows of the past need, roughly.
    pub history_bytes: u64,
}
