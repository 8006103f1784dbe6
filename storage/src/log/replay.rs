//! Reading the log back after a restart.
//!
//! Reading changes nothing, so that a log which is refused is left as it was found. Only the last file can be in doubt:
//! older ones were durable before it got its name. `Found::rewrite` copies its valid records into a fresh file that is
//! made durable and takes its name, because what a killed process left may be in the page cache only; before that
//! nobody outside may see what the records say.
//!
//! Where the records of the last file end, one of three things follows: zeroes (never written), bytes of writes
//! that were never acknowledged (cut), or a record that knows the missing one to have been durable (corruption).

use super::files::{self, Contents, Identity, LogPosition};
use super::frame::{self, Frame};
use crate::format::HEADER_BYTES;
use base::fs::{File, FileSystem};
use base::id::{CommitTs, DatabaseId, Epoch, LogSeq};
use base::plant::{Flaw, planted};
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
    /// The file it stands in.
    pub(crate) path: Arc<str>,
}

impl ReplayedRecord {
    /// Where it stands, for messages.
    pub(crate) fn place(&self) -> String {
        format!("log file \"{}\", record {}", self.path, self.seq.0)
    }

    /// Bytes that the record takes in the log.
    pub(crate) fn frame_bytes(&self) -> u64 {
        u64::try_from(frame::FRAME_HEADER_BYTES + self.payload.len()).unwrap_or(u64::MAX)
    }
}

/// The records from a position to the end, in order, one file in memory at a time.
#[derive(Debug)]
pub(crate) struct Replay {
    fs: Arc<dyn FileSystem>,
    database: DatabaseId,
    /// Records before this one are part of the checkpoint.
    from: LogSeq,
    /// The first record of the file to be read next.
    expected: Option<LogSeq>,
    next_file: u64,
    /// The last file, until its records are ready; its bytes are read once, so that what is replayed is what is rewritten.
    last: Option<(Contents, Scan)>,
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
            self.last.as_ref()?;
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
        let (contents, scan) = match self.last.take_if(|(last, _)| last.number == self.next_file) {
            Some(last) => last,
            None => {
                let contents = files::read(self.fs.as_ref(), self.next_file, self.database)?;
                let scan = scan(&contents, self.database)?;
                check_sealed(&contents, &scan)?;
                (contents, scan)
            }
        };
        check_join(&contents, self.expected, self.from)?;
        self.expected = Some(scan.next);
        self.next_file += 1;
        for (frame, range) in scan.records {
            if frame.seq >= self.from {
                self.ready.push_back(ReplayedRecord {
                    seq: frame.seq,
                    epoch: frame.epoch,
                    record_type: frame.record_type,
                    commit_ts: frame.commit_ts,
                    payload: contents.bytes.slice(range),
                    path: Arc::clone(&contents.path),
                });
            }
        }
        Ok(())
    }
}

/// A log as it lies on disk; nothing of it was changed.
#[derive(Debug)]
pub(crate) struct Found {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) database: DatabaseId,
    pub(super) from: LogPosition,
    last: Contents,
    /// Offset behind the last valid record, and the number of the next one.
    end: usize,
    next: LogSeq,
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

/// Finds the end of the log, and what to replay.
pub(super) fn read(
    fs: Arc<dyn FileSystem>,
    database: DatabaseId,
    from: LogPosition,
) -> Result<(Found, Replay)> {
    let mut last = from.file;
    while fs.exists(&files::path(last + 1))? {
        last += 1;
    }
    let contents = files::read(fs.as_ref(), last, database)?;
    files::check_none_behind(fs.as_ref(), last)?;
    let scan = scan(&contents, database)?;
    check_join(&contents, None, if last == from.file { from.next } else { LogSeq(u64::MAX) })?;
    if scan.next < from.next {
        let message = format!(
            "log file \"{}\" ends before record {}, which the checkpoint knows to have been durable",
            contents.path, from.next.0
        );
        return Err(Error::corruption(message));
    }
    let found =
        Found { fs: Arc::clone(&fs), database, from, last: contents.clone(), end: scan.end, next: scan.next };
    let replay = Replay {
        fs,
        database,
        from: from.next,
        expected: None,
        next_file: from.file,
        last: Some((contents, scan)),
        ready: VecDeque::new(),
        failed: false,
    };
    Ok((found, replay))
}

impl Found {
    /// Copies header and valid records of the last file into a fresh one, durable under the old name on return.
    pub(super) fn rewrite(&self, file_bytes: u64) -> Result<Tail> {
        let (fs, last) = (self.fs.as_ref(), &self.last);
        let end = u64::try_from(self.end).unwrap_or(u64::MAX);
        let mut len = file_bytes.max(end);
        let file = match files::reserve(fs, last.number, len) {
            // A full disk must not keep the server from starting: new records then wait for space, reads do not.
            Err(e) if e.kind() == ErrorKind::DiskFull => {
                len = end;
                files::reserve(fs, last.number, len)?
            }
            other => other?,
        };
        file.write_at(0, last.bytes.get(..self.end).unwrap_or_default())?;
        let created_by = Identity { database: self.database, epoch: last.epoch };
        files::publish(fs, file.as_ref(), last.number, created_by, last.first)?;
        Ok(Tail { file, number: last.number, first: last.first, end, len, next: self.next })
    }
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

fn scan(contents: &Contents, database: DatabaseId) -> Result<Scan> {
    let mut scan = Scan { records: Vec::new(), end: HEADER_BYTES, next: contents.first };
    let mut epoch = Epoch(0);
    while let Some((frame, payload)) = frame::decode(&contents.bytes, scan.end, contents.number, database) {
        if frame.seq != scan.next || frame.durable >= frame.seq || frame.epoch < epoch {
            return Err(damaged(contents, scan.end, "a record does not follow the one before it"));
        }
        epoch = frame.epoch;
        scan.end = payload.end;
        scan.next = LogSeq(frame.seq.0 + 1);
        scan.records.push((frame, payload));
    }
    if planted(Flaw::CutGoodRecord)
        && let Some((frame, payload)) = scan.records.pop()
    {
        (scan.next, scan.end) = (frame.seq, payload.start - frame::FRAME_HEADER_BYTES);
        return Ok(scan);
    }
    if planted(Flaw::CutAtDamage) {
        return Ok(scan);
    }
    if let Some(offset) = find_witness(contents, scan.end, scan.next, database) {
        let what = format!(
            "the record there is not valid, but the one at offset {offset} was written after it was durable"
        );
        return Err(damaged(contents, scan.end, &what));
    }
    Ok(scan)
}

/// A valid record behind `from` that says that record `missing` was durable.
fn find_witness(contents: &Contents, from: usize, missing: LogSeq, database: DatabaseId) -> Option<usize> {
    const CHUNK: usize = 4_096;
    static ZEROES: [u8; CHUNK] = [0; CHUNK];
    let id = database.0.to_le_bytes();
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
            && let Some((frame, _)) = frame::decode(&contents.bytes, at, contents.number, database)
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
