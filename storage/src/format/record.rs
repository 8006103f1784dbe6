//! Payloads of log records: commits, the swaps of flush and compaction, and what collection forgets.
//!
//! A record's commit timestamp stands in its header (`log`), because the sequencer assigns it after the payload
//! was built. Everything a row change says logically (table, schema version, key, row) is complete; addresses
//! hold only at the record's position in this directory's log.

use super::catalog::{decode_edit, encode_edit};
use super::codec::{Reader, Writer};
use super::image::{DeletePlace, decode_place, encode_place};
use super::key_version::{decode_key_version, encode_key_version};
use super::sequence::{decode_position, encode_position};
use crate::layout::Key;
use base::id::{CommitTs, CounterId, MemtableId, ReferenceId, SchemaVersion, SegmentId, TableId, TabletId};
use base::{Error, Result};
use bytes::Bytes;
use catalog::{CatalogEdit, Position};

/// What one log record says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LogRecord {
    Commit(CommitRecord),
    Swap(SwapRecord),
    Forget(ForgetRecord),
    Counters(CountersRecord),
}

/// Where sequences go on after a crash: behind every value given out so far, and usually behind some more.
pub(crate) type CountersRecord = Vec<(CounterId, Position)>;

/// One transaction: all of it, or nothing.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct CommitRecord {
    pub(crate) catalog: Vec<CatalogEdit>,
    /// Tablets all of whose rows end, before anything below begins.
    pub(crate) truncated: Vec<TabletId>,
    pub(crate) changes: Vec<TabletChange>,
    pub(crate) attached: Vec<AttachedSegment>,
    pub(crate) deletes: Vec<SegmentDeletes>,
}

/// Row changes of one tablet, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TabletChange {
    pub(crate) table: TableId,
    pub(crate) tablet: TabletId,
    /// Of the rows inside.
    pub(crate) schema_version: SchemaVersion,
    /// The memtable generation that takes the new rows; begins with them when it does not exist.
    pub(crate) memtable: MemtableId,
    pub(crate) rows: Vec<RowChange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowOp {
    Insert,
    Update,
    Delete,
}

/// One row change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowChange {
    pub(crate) op: RowOp,
    /// Encoded primary key, or the hidden row id in 8 bytes.
    pub(crate) key: Key,
    /// The version that dies, as addressed at this log position.
    pub(crate) dead: Option<RowAddress>,
    /// The new version in the row codec; `None` for a delete.
    pub(crate) row: Option<Bytes>,
}

/// Where a row version is, valid at one log position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RowAddress {
    /// Append number within a memtable generation.
    Memtable { memtable: MemtableId, number: u32 },
    /// Row number within the segment of a reference.
    Segment { reference: ReferenceId, ordinal: u32 },
}

/// From when the rows of a reference can live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attach {
    /// From the commit timestamp of the record that attaches it.
    AtCommit,
    /// From this time; `CommitTs::ZERO` leaves it to the rows' own begin.
    Since(CommitTs),
}

impl Attach {
    /// The attach timestamp, given the timestamp of the record.
    pub(crate) fn resolve(self, commit_ts: CommitTs) -> CommitTs {
        match self {
            Attach::AtCommit => commit_ts,
            Attach::Since(ts) => ts,
        }
    }
}

/// A segment that becomes part of a tablet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AttachedSegment {
    pub(crate) table: TableId,
    pub(crate) tablet: TabletId,
    pub(crate) reference: ReferenceId,
    pub(crate) segment: SegmentId,
    /// Length of the segment file.
    pub(crate) file_bytes: u64,
    pub(crate) rows: u32,
    pub(crate) attach: Attach,
    /// Hash over the contents, as the segment's writer computed it.
    pub(crate) content_hash: u64,
    /// None in records of format 1.
    pub(crate) lives: Option<Lives>,
}

/// When the rows of a segment began and ended, so that it need not be opened to be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lives {
    /// Whether every row has an end: the segment holds only rows of the past.
    pub(crate) history: bool,
    pub(crate) begin_min: CommitTs,
    pub(crate) begin_max: CommitTs,
    /// `MAX` unless `history`, as is `end_max`.
    pub(crate) end_min: CommitTs,
    pub(crate) end_max: CommitTs,
}

/// Rows of a segment that die.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SegmentDeletes {
    pub(crate) reference: ReferenceId,
    /// Where most of a long vector stands; only in swaps.
    pub(crate) place: Option<DeletePlace>,
    /// Serialized set of ordinals that this record adds to the delete vector. In a commit all die at its
    /// timestamp; in a swap each comes with its own, as the delete vector's format defines.
    pub(crate) dead: Vec<u8>,
}

/// Parts of a tablet give way to others: a flush, a compaction, a collection. No row's life changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SwapRecord {
    pub(crate) table: TableId,
    pub(crate) tablet: TabletId,
    /// The generation that was flushed.
    pub(crate) memtable: Option<MemtableId>,
    /// References that give way.
    pub(crate) removed: Vec<ReferenceId>,
    pub(crate) new_references: Vec<AttachedSegment>,
    /// Delete vectors of new references.
    pub(crate) deletes: Vec<SegmentDeletes>,
    /// Rows that ended at this time or before it may be gone.
    pub(crate) oldest: CommitTs,
}

/// What nobody can read any more: tablets and definitions of the past.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct ForgetRecord {
    pub(crate) tablets: Vec<TabletId>,
    /// Definitions that ended at this time or before it ..
    pub(crate) until: CommitTs,
    /// .. of these tables; and of schemas.
    pub(crate) tables: Vec<TableId>,
}

/// As formats 1 wrote them: without truncated tablets, lives of segments, removed references.
const TYPE_COMMIT_1: u8 = 1;
const TYPE_SWAP_1: u8 = 2;
const TYPE_COMMIT: u8 = 3;
const TYPE_SWAP: u8 = 4;
const TYPE_FORGET: u8 = 5;
const TYPE_COUNTERS: u8 = 6;

impl LogRecord {
    /// The type byte of the record's header.
    pub(crate) fn record_type(&self) -> u8 {
        match self {
            LogRecord::Commit(_) => TYPE_COMMIT,
            LogRecord::Swap(_) => TYPE_SWAP,
            LogRecord::Forget(_) => TYPE_FORGET,
            LogRecord::Counters(_) => TYPE_COUNTERS,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            LogRecord::Commit(commit) => encode_commit(&mut writer, commit),
            LogRecord::Swap(swap) => encode_swap(&mut writer, swap),
            LogRecord::Forget(forget) => encode_forget(&mut writer, forget),
            LogRecord::Counters(counters) => encode_counters(&mut writer, counters),
        }
        writer.into_bytes()
    }

    /// An unknown type is `Unsupported`: the header's checksum already said that it was written so. Rows are not copied but
    /// keep the payload in memory.
    pub(crate) fn decode(record_type: u8, payload: &Bytes) -> Result<Self> {
        let mut reader = Reader::new(payload);
        let record = match record_type {
            TYPE_COMMIT_1 => LogRecord::Commit(decode_commit(&mut reader, payload, 1)?),
            TYPE_SWAP_1 => LogRecord::Swap(decode_swap_1(&mut reader)?),
            TYPE_COMMIT => LogRecord::Commit(decode_commit(&mut reader, payload, 2)?),
            TYPE_SWAP => LogRecord::Swap(decode_swap(&mut reader)?),
            TYPE_FORGET => LogRecord::Forget(decode_forget(&mut reader)?),
            TYPE_COUNTERS => LogRecord::Counters(decode_counters(&mut reader)?),
            other => {
                return Err(Error::newer_format("a log record", format_args!("type {other}")));
            }
        };
        reader.finish()?;
        Ok(record)
    }
}

fn encode_commit(writer: &mut Writer, commit: &CommitRecord) {
    encode_key_version(writer);
    writer.count(commit.catalog.len());
    for edit in &commit.catalog {
        encode_edit(writer, edit);
    }
    encode_ids(writer, commit.truncated.iter().map(|t| t.0));
    writer.count(commit.changes.len());
    for change in &commit.changes {
        writer.varint(change.table.0);
        writer.varint(change.tablet.0);
        writer.varint(u64::from(change.schema_version.0));
        writer.varint(change.memtable.0);
        writer.count(change.rows.len());
        for row in &change.rows {
            encode_row_change(writer, row);
        }
    }
    encode_attached(writer, &commit.attached);
    encode_deletes(writer, &commit.deletes);
}

fn decode_commit(reader: &mut Reader<'_>, payload: &Bytes, version: u32) -> Result<CommitRecord> {
    decode_key_version(reader, "a log record")?;
    let catalog = reader.list(1, decode_edit)?;
    let truncated = if version == 1 { Vec::new() } else { reader.list(1, |r| r.varint().map(TabletId))? };
    let changes = reader.list(5, |r| {
        Ok(TabletChange {
            table: TableId(r.varint()?),
            tablet: TabletId(r.varint()?),
            schema_version: SchemaVersion(r.small()?),
            memtable: MemtableId(r.varint()?),
            rows: r.list(2, |r| decode_row_change(r, payload))?,
        })
    })?;
    Ok(CommitRecord {
        catalog,
        truncated,
        changes,
        attached: decode_attached(reader, version)?,
        deletes: decode_deletes(reader)?,
    })
}

fn encode_ids(writer: &mut Writer, ids: impl ExactSizeIterator<Item = u64>) {
    writer.count(ids.len());
    for id in ids {
        writer.varint(id);
    }
}

fn encode_swap(writer: &mut Writer, swap: &SwapRecord) {
    writer.varint(swap.table.0);
    writer.varint(swap.tablet.0);
    writer.bool(swap.memtable.is_some());
    if let Some(memtable) = swap.memtable {
        writer.varint(memtable.0);
    }
    encode_ids(writer, swap.removed.iter().map(|r| r.0));
    encode_attached(writer, &swap.new_references);
    writer.count(swap.deletes.len());
    for delete in &swap.deletes {
        writer.varint(delete.reference.0);
        encode_place(writer, delete.place.as_ref());
        writer.bytes(&delete.dead);
    }
    writer.u64(swap.oldest.0);
}

fn decode_swap(reader: &mut Reader<'_>) -> Result<SwapRecord> {
    Ok(SwapRecord {
        table: TableId(reader.varint()?),
        tablet: TabletId(reader.varint()?),
        memtable: if reader.bool()? { Some(MemtableId(reader.varint()?)) } else { None },
        removed: reader.list(1, |r| r.varint().map(ReferenceId))?,
        new_references: decode_attached(reader, 2)?,
        deletes: reader.list(3, |r| {
            Ok(SegmentDeletes {
                reference: ReferenceId(r.varint()?),
                place: decode_place(r)?,
                dead: r.bytes()?.to_vec(),
            })
        })?,
        oldest: CommitTs(reader.u64()?),
    })
}

/// A flush of format 1, which kept no history but what readers needed at that moment.
fn decode_swap_1(reader: &mut Reader<'_>) -> Result<SwapRecord> {
    Ok(SwapRecord {
        table: TableId(reader.varint()?),
        tablet: TabletId(reader.varint()?),
        memtable: Some(MemtableId(reader.varint()?)),
        removed: Vec::new(),
        new_references: decode_attached(reader, 1)?,
        deletes: decode_deletes(reader)?,
        oldest: CommitTs::MAX,
    })
}

fn encode_forget(writer: &mut Writer, forget: &ForgetRecord) {
    encode_ids(writer, forget.tablets.iter().map(|t| t.0));
    writer.u64(forget.until.0);
    encode_ids(writer, forget.tables.iter().map(|t| t.0));
}

fn decode_forget(reader: &mut Reader<'_>) -> Result<ForgetRecord> {
    Ok(ForgetRecord {
        tablets: reader.list(1, |r| r.varint().map(TabletId))?,
        until: CommitTs(reader.u64()?),
        tables: reader.list(1, |r| r.varint().map(TableId))?,
    })
}

pub(super) fn encode_counters(writer: &mut Writer, counters: &[(CounterId, Position)]) {
    writer.count(counters.len());
    for (counter, position) in counters {
        writer.varint(counter.0);
        encode_position(writer, *position);
    }
}

pub(super) fn decode_counters(reader: &mut Reader<'_>) -> Result<CountersRecord> {
    reader.list(10, |r| Ok((CounterId(r.varint()?), decode_position(r)?)))
}

/// One byte says operation (bits 0-1), kind of the dead row's address (bits 2-3) and whether a row follows (bit 4).
fn encode_row_change(writer: &mut Writer, change: &RowChange) {
    let op = match change.op {
        RowOp::Insert => 0,
        RowOp::Update => 1,
        RowOp::Delete => 2,
    };
    let dead = match change.dead {
        None => 0,
        Some(RowAddress::Memtable { .. }) => 1,
        Some(RowAddress::Segment { .. }) => 2,
    };
    writer.u8(op | (dead << 2) | (u8::from(change.row.is_some()) << 4));
    writer.bytes(&change.key);
    match change.dead {
        None => {}
        Some(RowAddress::Memtable { memtable, number }) => {
            writer.varint(memtable.0);
            writer.varint(u64::from(number));
        }
        Some(RowAddress::Segment { reference, ordinal }) => {
            writer.varint(reference.0);
            writer.varint(u64::from(ordinal));
        }
    }
    if let Some(row) = &change.row {
        writer.bytes(row);
    }
}

fn decode_row_change(reader: &mut Reader<'_>, payload: &Bytes) -> Result<RowChange> {
    let flags = reader.u8()?;
    let op = match flags & 0b11 {
        0 => RowOp::Insert,
        1 => RowOp::Update,
        2 => RowOp::Delete,
        _ => return Err(reader.bad("unknown operation of a row change")),
    };
    let key = Key::from(reader.bytes()?);
    let dead = match (flags >> 2) & 0b11 {
        0 => None,
        1 => Some(RowAddress::Memtable { memtable: MemtableId(reader.varint()?), number: reader.small()? }),
        2 => Some(RowAddress::Segment { reference: ReferenceId(reader.varint()?), ordinal: reader.small()? }),
        _ => return Err(reader.bad("unknown kind of row address")),
    };
    let row = match flags >> 4 {
        0 => None,
        1 => Some(payload.slice_ref(reader.bytes()?)),
        _ => return Err(reader.bad("unknown flags of a row change")),
    };
    if (op == RowOp::Delete) == row.is_some() {
        return Err(reader.bad("row change with a row too many or too few"));
    }
    Ok(RowChange { op, key, dead, row })
}

fn encode_attached(writer: &mut Writer, attached: &[AttachedSegment]) {
    writer.count(attached.len());
    for segment in attached {
        writer.varint(segment.table.0);
        writer.varint(segment.tablet.0);
        writer.varint(segment.reference.0);
        writer.varint(segment.segment.0);
        writer.varint(segment.file_bytes);
        writer.varint(u64::from(segment.rows));
        match segment.attach {
            Attach::AtCommit => writer.u8(0),
            Attach::Since(ts) => {
                writer.u8(1);
                writer.u64(ts.0);
            }
        }
        writer.u64(segment.content_hash);
        encode_lives(writer, segment.lives.as_ref());
    }
}

/// One byte: 0 not known, 1 rows that may live, 2 rows of the past, which have ends.
pub(super) fn encode_lives(writer: &mut Writer, lives: Option<&Lives>) {
    let Some(lives) = lives else {
        writer.u8(0);
        return;
    };
    writer.u8(if lives.history { 2 } else { 1 });
    writer.u64(lives.begin_min.0);
    writer.u64(lives.begin_max.0);
    if lives.history {
        writer.u64(lives.end_min.0);
        writer.u64(lives.end_max.0);
    }
}

pub(super) fn decode_lives(reader: &mut Reader<'_>) -> Result<Option<Lives>> {
    let history = match reader.u8()? {
        0 => return Ok(None),
        1 => false,
        2 => true,
        _ => return Err(reader.bad("unknown lives of a segment")),
    };
    let (begin_min, begin_max) = (CommitTs(reader.u64()?), CommitTs(reader.u64()?));
    let (end_min, end_max) = if history {
        (CommitTs(reader.u64()?), CommitTs(reader.u64()?))
    } else {
        (CommitTs::MAX, CommitTs::MAX)
    };
    Ok(Some(Lives { history, begin_min, begin_max, end_min, end_max }))
}

fn decode_attached(reader: &mut Reader<'_>, version: u32) -> Result<Vec<AttachedSegment>> {
    reader.list(15, |r| {
        Ok(AttachedSegment {
            table: TableId(r.varint()?),
            tablet: TabletId(r.varint()?),
            reference: ReferenceId(r.varint()?),
            segment: SegmentId(r.varint()?),
            file_bytes: r.varint()?,
            rows: r.small()?,
            attach: match r.u8()? {
                0 => Attach::AtCommit,
                1 => Attach::Since(CommitTs(r.u64()?)),
                _ => return Err(r.bad("unknown kind of attachment")),
            },
            content_hash: r.u64()?,
            lives: if version == 1 { None } else { decode_lives(r)? },
        })
    })
}

fn encode_deletes(writer: &mut Writer, deletes: &[SegmentDeletes]) {
    writer.count(deletes.len());
    for delete in deletes {
        writer.varint(delete.reference.0);
        writer.bytes(&delete.dead);
    }
}

fn decode_deletes(reader: &mut Reader<'_>) -> Result<Vec<SegmentDeletes>> {
    reader.list(2, |r| {
        Ok(SegmentDeletes { reference: ReferenceId(r.varint()?), place: None, dead: r.bytes()?.to_vec() })
    })
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
