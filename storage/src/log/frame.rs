//! The bytes of one log record: a header of 64 bytes, then the payload.
//!
//! Invariant: a header's checksum covers the record's place (file number and offset), identity and the payload's
//! checksum, so a record that was moved, copied from another log or mixed from two writes is not valid.

use crate::format::{Reader, Writer};
use base::id::{CommitTs, DatabaseId, Epoch, LogSeq};
use base::limits::LOG_RECORD_BYTES_MAX;
use base::plant::{Flaw, planted};
use base::{Error, ErrorKind, Result};

pub(super) const FRAME_HEADER_BYTES: usize = 64;
/// Where the database id stands in a header.
pub(super) const DATABASE_AT: usize = 16;

/// A payload ready to be appended; its checksum is computed here, outside the sequencer.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    pub(super) record_type: u8,
    pub(super) payload: Vec<u8>,
    pub(super) payload_crc: u32,
}

impl LogEntry {
    /// `LimitExceeded` above 16 MiB: such a transaction must be staged instead. Type 0 is not allowed.
    pub(crate) fn new(record_type: u8, payload: Vec<u8>) -> Result<Self> {
        if payload.len() + FRAME_HEADER_BYTES > LOG_RECORD_BYTES_MAX {
            let message = format!("log record of {} bytes exceeds the limit", payload.len());
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        if record_type == 0 {
            return Err(Error::internal("log record of type 0"));
        }
        let payload_crc = crc32c::crc32c(&payload);
        Ok(Self { record_type, payload, payload_crc })
    }

    /// Bytes that the record takes in the log.
    pub(crate) fn frame_bytes(&self) -> u64 {
        u64::try_from(FRAME_HEADER_BYTES + self.payload.len()).unwrap_or(u64::MAX)
    }
}

/// What a record's header says beside its payload's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) seq: LogSeq,
    pub(super) epoch: Epoch,
    pub(super) record_type: u8,
    pub(super) commit_ts: CommitTs,
    /// Every record up to this one was durable before this one was written.
    pub(super) durable: LogSeq,
}

/// The header of a record at `offset` of file `file`.
pub(super) fn encode_header(
    frame: &Frame,
    database: DatabaseId,
    file: u64,
    offset: u64,
    entry: &LogEntry,
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.u32(u32::try_from(entry.payload.len()).unwrap_or(u32::MAX));
    writer.u8(frame.record_type);
    writer.raw(&[0; 3]);
    writer.u64(frame.seq.0);
    writer.u128(database.0);
    writer.u32(frame.epoch.0);
    writer.u32(entry.payload_crc);
    writer.u64(frame.commit_ts.0);
    writer.u64(frame.durable.0);
    writer.raw(&[0; 4]);
    let crc = header_crc(writer.as_slice(), file, offset);
    writer.u32(crc);
    writer.into_bytes()
}

/// The valid record at `offset` of a file's bytes and the range of its payload; `None` when there is none.
pub(super) fn decode(
    bytes: &[u8],
    offset: usize,
    file: u64,
    database: DatabaseId,
) -> Option<(Frame, std::ops::Range<usize>)> {
    let header = bytes.get(offset..offset.checked_add(FRAME_HEADER_BYTES)?)?;
    let (frame, len, payload_crc) = decode_header(header, file, u64::try_from(offset).ok()?, database)?;
    let start = offset + FRAME_HEADER_BYTES;
    let range = start..start.checked_add(len)?;
    let payload = bytes.get(range.clone())?;
    (crc32c::crc32c(payload) == payload_crc || planted(Flaw::KeepTornTail)).then_some((frame, range))
}

fn decode_header(header: &[u8], file: u64, offset: u64, database: DatabaseId) -> Option<(Frame, usize, u32)> {
    let (covered, crc) = header.split_last_chunk::<4>()?;
    if u32::from_le_bytes(*crc) != header_crc(covered, file, offset) {
        return None;
    }
    let fields = || -> Result<(Frame, usize, u32, bool)> {
        let mut r = Reader::new(covered);
        let len = r.u32()?;
        let record_type = r.u8()?;
        let zeroes = r.array::<3>()?;
        let seq = LogSeq(r.u64()?);
        let found = DatabaseId(r.u128()?);
        let epoch = Epoch(r.u32()?);
        let payload_crc = r.u32()?;
        let frame =
            Frame { seq, epoch, record_type, commit_ts: CommitTs(r.u64()?), durable: LogSeq(r.u64()?) };
        let sound = found == database && zeroes == [0; 3] && r.array::<4>()? == [0; 4] && record_type != 0;
        Ok((frame, usize::try_from(len).unwrap_or(usize::MAX), payload_crc, sound))
    };
    let (frame, len, payload_crc, sound) = fields().ok()?;
    (sound && len <= LOG_RECORD_BYTES_MAX).then_some((frame, len, payload_crc))
}

fn header_crc(covered: &[u8], file: u64, offset: u64) -> u32 {
    let crc = crc32c::crc32c(&file.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &offset.to_le_bytes());
    crc32c::crc32c_append(crc, covered)
}
