//! What operators may know of a running database: tablets, segments, pins, jobs, and how far back tables can be read.
//!
//! Must not change anything.

use crate::collection::room;
use crate::core::Core;
use base::Result;
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
    /// When the first of them came; microseconds since 1970-01-01 UTC.
    pub since_us: u64,
}

/// A running piece of background work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInfo {
    pub id: u64,
    /// `flush`, `compaction`, `checkpoint`; `throttle` for a commit that waits for flushes, `waiting` for a compaction
    /// that waits for another one.
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

pub(crate) fn history(core: &Core, table: TableId) -> Result<Option<HistoryInfo>> {
    let state = core.newest();
    if state.catalog().table(table).is_none() {
        return Ok(None);
    }
    let oldest_readable = state.oldest_readable(table);
    let room = room(state.tablets().filter(|t| t.table() == table).map(AsRef::as_ref))?;
    Ok(Some(HistoryInfo { oldest_readable, live_bytes: room.live_bytes, history_bytes: room.history_bytes }))
}

pub(crate) fn tablets(core: &Core) -> Result<Vec<TabletInfo>> {
    let state = core.newest();
    let mut infos = Vec::new();
    for tablet in state.tablets() {
        let dropped = tablet.dropped_at();
        let mut info = TabletInfo {
            table: tablet.table(),
            tablet: tablet.id(),
            dropped: (dropped != CommitTs::MAX).then_some(dropped),
            memtables: tablet.memtables().len() as u64,
            memtable_bytes: u64::try_from(tablet.memtable_bytes()).unwrap_or(u64::MAX),
            memtable_rows: tablet.memtables().iter().map(|m| m.rows()).sum(),
            live_segments: 0,
            live_segment_rows: 0,
            dead_rows: 0,
            live_segment_bytes: 0,
            history_segments: 0,
            history_segment_bytes: 0,
            oldest_readable: tablet.oldest_readable(),
        };
        for reference in tablet.references() {
            let meta = reference.meta();
            if reference.may_live()? {
                info.live_segments += 1;
                info.live_segment_rows += u64::from(meta.rows);
                info.dead_rows += reference.dead_rows();
                info.live_segment_bytes += meta.file_bytes;
            } else {
                info.history_segments += 1;
                info.history_segment_bytes += meta.file_bytes;
            }
        }
        infos.push(info);
    }
    infos.sort_by_key(|info| (info.table, info.tablet));
    Ok(infos)
}

pub(crate) fn segments(core: &Core) -> Result<Vec<SegmentInfo>> {
    let state = core.newest();
    let mut infos = Vec::new();
    for tablet in state.tablets() {
        for reference in tablet.references() {
            let (meta, lives) = (reference.meta(), reference.lives()?);
            infos.push(SegmentInfo {
                table: tablet.table(),
                tablet: tablet.id(),
                reference: meta.id,
                segment: meta.segment,
                history: lives.history,
                rows: u64::from(meta.rows),
                dead_rows: reference.dead_rows(),
                file_bytes: meta.file_bytes,
                attach_ts: meta.attach_ts,
                detach_ts: (meta.detach_ts != CommitTs::MAX).then_some(meta.detach_ts),
                begin_min: lives.begin_min.max(meta.attach_ts),
                begin_max: lives.begin_max.max(meta.attach_ts),
            });
        }
    }
    infos.sort_by_key(|info| (info.table, info.tablet, info.reference));
    Ok(infos)
}
