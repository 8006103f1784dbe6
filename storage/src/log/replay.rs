//! Reading the log back after a restart.
//!
//! Only the last file can be in doubt: older ones were durable before it got its name. Its valid records are
//! copied into a fresh file that is made durable and takes its name before any record is handed out, because what
//! a killed process left may be in the page cache only.
//!
//! Where the records of the last file end, one of three things follows: zeroes (never written), bytes of writes
//! that were never acknowledged (cut), or a record that knows the missing one to have been durable (corruption).

use super::files::{self, Contents, Identity, LogPosition};
use super::frame::{self, Frame};
use crate::format::HEADER_BYTES;
use base::fs::{File, FileSystem};
use base::id::{CommitTs, Epoch, LogSeq};
use base::{Error, ErrorKind, Result};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplayedRecord {
    pub(crate) seq: LogSeq,
    /// Of the process that wrote it.
    pub(crate) epoch: Epoch,
    pub(crate) record_type: u8,
    pub(crate) commit_ts: CommitTs,
    pub(crate) payload: Bytes,
}

/// The records from a position to the end, in order, one file in memory at a time.
#[derive(Debug)]
pub(crate) struct Replay {
    fs: Arc<dyn FileSystem>,
    identity: Identity,
    /// Records before this one are part of the checkpoint.
    from: LogSeq,
    /// The first record of the file to be read next.
    expected: Option<LogSeq>,
    next_file: u64,
    last_file: u64,
    ready: VecDeque<ReplayedRecord>,
    failed: bool,
}

impl Iterator for Replay {
    type Item = Result<ReplayedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            if let Some(record) = self.ready.pop_front() {
                return Some(Ok(record));
            }
            if self.next_file > self.last_file {
                return None;
            }
            if let Err(e) = self.read_next_file() {
                self.failed = true;
                return Some(Err(e));
            }
        }
        None
    }
}

impl Replay {
    fn read_next_file(&mut self) -> Result<()> {
        let contents = files::read(self.fs.as_ref(), self.next_file, self.identity.database)?;
        let scan = scan(&contents, self.identity)?;
        check_join(&contents, self.expected, self.from)?;
        if self.next_file < self.last_file {
            check_sealed(&contents, &scan)?;
        }
        self.expected = Some(scan.next);
        self.next_file += 1;
        let bytes = Bytes::from(contents.bytes);
        for (frame, range) in scan.records {
            if frame.seq >= self.from {
                self.ready.push_back(ReplayedRecord {
                    seq: frame.seq,
                    epoch: frame.epoch,
                    record_type: frame.record_type,
                    commit_ts: frame.commit_ts,
                    payload: bytes.slice(range),
                });
            }
        }
        Ok(())
    }
}

/// Where appending goes on after recovery.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) file: Arc<dyn File>,
    pub(super) number: u64,
    pub(super) first: LogSeq,
    /// Offset of the next record.
    pub(super) end: u64,
    pub(super) len: u64,
    pub(super) next: LogSeq,
}

/// Finds the end of the log, makes the last file durable and returns where to go on, and what to replay.
pub(super) fn recover(
    fs: &Arc<dyn FileSystem>,
    identity: Identity,
    from: LogPosition,
    file_bytes: u64,
) -> Result<(Tail, Replay)> {
    let mut last = from.file;
    while fs.exists(&files::path(last + 1))? {
        last += 1;
    }
    files::check_none_behind(fs.as_ref(), last)?;
    let contents = files::read(fs.as_ref(), last, identity.database)?;
    let scan = scan(&contents, identity)?;
    check_join(&contents, None, if last == from.file { from.next } else { LogSeq(u64::MAX) })?;
    if scan.next < from.next {
        let message = format!(
            "log file \"{}\" ends before record {}, which the checkpoint knows to have been durable",
            contents.path, from.next.0
        );
        return Err(Error::corruption(message));
    }
    let tail = rewrite(fs, identity, &contents, &scan, file_bytes)?;
    let replay = Replay {
        fs: fs.clone(),
        identity,
        from: from.next,
        expected: None,
        next_file: from.file,
        last_file: last,
        ready: VecDeque::new(),
        failed: false,
    };
    Ok((tail, replay))
}

/// Copies header and valid records into a fresh file, durable under the old name on return.
fn rewrite(
    fs: &Arc<dyn FileSystem>,
    identity: Identity,
    contents: &Contents,
    scan: &Scan,
    file_bytes: u64,
) -> Result<Tail> {
    let end = u64::try_from(scan.end).unwrap_or(u64::MAX);
    let mut len = file_bytes.max(end);
    let file = match files::reserve(fs.as_ref(), contents.number, len) {
        // A full disk must not keep the server from starting: new records then wait for space, reads do not.
        Err(e) if e.kind() == ErrorKind::DiskFull => {
            len = end;
            files::reserve(fs.as_ref(), contents.number, len)?
        }
        other => other?,
    };
    file.write_at(0, contents.bytes.get(..scan.end).unwrap_or_default())?;
    let created_by = Identity { epoch: contents.epoch, ..identity };
    files::publish(fs.as_ref(), file.as_ref(), contents.number, created_by, contents.first)?;
    Ok(Tail { file, number: contents.number, first: contents.first, end, len, next: scan.next })
}

/// The valid records at the front of a file.
#[derive(Debug)]
struct Scan {
    records: Vec<(Frame, std::ops::Range<usize>)>,
    /// Offset behind the last valid record.
    end: usize,
    /// Sequence number that the next record has.
    next: LogSeq,
}

fn scan(contents: &Contents, identity: Identity) -> Result<Scan> {
    let mut scan = Scan { records: Vec::new(), end: HEADER_BYTES, next: contents.first };
    let mut epoch = Epoch(0);
    while let Some((frame, payload)) = frame::decode(&contents.bytes, scan.end, contents.number, identity) {
        if frame.seq != scan.next || frame.durable >= frame.seq || frame.epoch < epoch {
            return Err(damaged(contents, scan.end, "a record does not follow the one before it"));
        }
        epoch = frame.epoch;
        scan.end = payload.end;
        scan.next = LogSeq(frame.seq.0 + 1);
        scan.records.push((frame, payload));
    }
    if let Some(offset) = find_witness(contents, scan.end, scan.next, identity) {
        let what = format!(
            "the record there is not valid, but the one at offset {offset} was written after it was durable"
        );
        return Err(damaged(contents, scan.end, &what));
    }
    Ok(scan)
}

/// A valid record behind `from` that says that record `missing` was durable.
fn find_witness(contents: &Contents, from: usize, missing: LogSeq, identity: Identity) -> Option<usize> {
    const CHUNK: usize = 4_096;
    static ZEROES: [u8; CHUNK] = [0; CHUNK];
    let id = identity.database.0.to_le_bytes();
    let mut at = from;
    while let Some(rest) = contents.bytes.get(at + frame::DATABASE_AT..) {
        // Most of what follows the last record was never written.
        if rest.get(..CHUNK + id.len()).is_some_and(|b| b.starts_with(&ZEROES) && b.ends_with(&[0; 16]))
            && id != [0; 16]
        {
            at += CHUNK;
            continue;
        }
        if rest.len() < id.len() {
            return None;
        }
        if rest.starts_with(&id)
            && let Some((frame, _)) = frame::decode(&contents.bytes, at, contents.number, identity)
            && frame.durable >= missing
        {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// A file's first record must be the one that the file before it, or the checkpoint, leads to.
fn check_join(contents: &Contents, expected: Option<LogSeq>, from: LogSeq) -> Result<()> {
    let fits = match expected {
        Some(expected) => contents.first == expected,
        None => contents.first <= from,
    };
    if fits {
        return Ok(());
    }
    let message = format!("log file \"{}\" begins with record {}", contents.path, contents.first.0);
    Err(Error::corruption(message).with_detail(match expected {
        Some(expected) => format!("the file before it ends before record {}", expected.0),
        None => format!("the checkpoint needs record {}", from.0),
    }))
}

/// A file with a successor was durable to its end: whatever follows its records must be unwritten space.
fn check_sealed(contents: &Contents, scan: &Scan) -> Result<()> {
    match contents.bytes.get(scan.end..).unwrap_or_default().iter().position(|b| *b != 0) {
        None => Ok(()),
        Some(_) => {
            Err(damaged(contents, scan.end, "the record there is not valid, but a later log file exists"))
        }
    }
}

fn damaged(contents: &Contents, offset: usize, what: &str) -> Error {
    Error::corruption(format!("log file \"{}\" is damaged at offset {offset}: {what}", contents.path))
}
