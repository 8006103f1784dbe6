//! The sequencer and the group commit.
//!
//! `append` gives a record its place under one mutex and does no I/O, except that it reserves the next file when
//! the current one is full. `sync_up_to` writes and syncs: the first caller leads, takes everything that is queued,
//! writes it and syncs once; the others wait for it. While it syncs the next group gathers.

use super::files::{self, Identity, LogPosition};
use super::frame::{self, Frame, LogEntry};
use super::replay::{self, Found, Replay, Tail};
use crate::format::HEADER_BYTES;
use base::fs::{File, FileSystem};
use base::id::{CommitTs, DatabaseId, Epoch, LogSeq};
use base::plant::{Flaw, planted};
use base::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use base::{Error, ErrorKind, Result};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes that are gathered for one write call.
const WRITE_BYTES: usize = 1 << 20;
const HEADER_LEN: u64 = 64;
const _: () = assert!(HEADER_LEN as usize == HEADER_BYTES, "offsets begin behind the header");

#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSettings {
    /// Size to which files are preallocated; one record may make a file larger.
    pub(crate) log_file_bytes: u64,
}

/// Where a record went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) seq: LogSeq,
    pub(crate) commit_ts: CommitTs,
}

/// The log of one data directory, open for writing. Share it in an `Arc`.
#[derive(Debug)]
pub(crate) struct Log {
    fs: Arc<dyn FileSystem>,
    identity: Identity,
    settings: LogSettings,
    /// Guards everything below; never held during a write or a sync. Innermost: nothing is locked under it
    /// except what a caller's stamp takes.
    state: Mutex<State>,
    /// Signalled when a leader is done.
    led: Condvar,
}

#[derive(Debug)]
struct State {
    next: LogSeq,
    durable: LogSeq,
    queue: VecDeque<Queued>,
    /// The file that the next record goes to, as planned: its number, the record's offset and the file's length.
    plan_file: u64,
    plan_offset: u64,
    plan_len: u64,
    /// Number and first record of each file of the log, oldest first.
    files: VecDeque<(u64, LogSeq)>,
    /// Reserved files that the leader has not reached yet, oldest first.
    reserved: VecDeque<(u64, Arc<dyn File>)>,
    /// The file being written; with the leader while there is one.
    active: Option<Active>,
    /// Why nothing can be written any more.
    poison: Option<String>,
}

#[derive(Debug)]
struct Active {
    number: u64,
    file: Arc<dyn File>,
}

#[derive(Debug)]
struct Queued {
    frame: Frame,
    file: u64,
    offset: u64,
    entry: LogEntry,
}

/// What a leader does in one go.
#[derive(Debug)]
struct Batch {
    records: VecDeque<Queued>,
    reserved: VecDeque<(u64, Arc<dyn File>)>,
}

impl Log {
    /// Starts the log of a new database. Leftovers of an attempt that never completed are replaced; a log that
    /// holds records is `Corruption`.
    pub(crate) fn create(
        fs: Arc<dyn FileSystem>,
        database: DatabaseId,
        epoch: Epoch,
        settings: LogSettings,
    ) -> Result<Self> {
        let identity = Identity { database, epoch };
        fs.create_directory(files::DIRECTORY)?;
        for name in fs.list(files::DIRECTORY)? {
            discard_leftover(fs.as_ref(), &name)?;
        }
        let LogPosition { file: number, next: first } = LogPosition::START;
        let len = settings.log_file_bytes.max(HEADER_LEN);
        let file = files::reserve(fs.as_ref(), number, len)?;
        files::publish(fs.as_ref(), file.as_ref(), number, identity, first)?;
        // The directory itself is new.
        fs.sync_directory("")?;
        Ok(Self::new(fs, identity, settings, Tail { file, number, first, end: HEADER_LEN, len, next: first }))
    }

    /// Reads the log from `from` and changes nothing. Damage is `Corruption` and names file and offset; it may also
    /// come out of `Replay`. What that yields may be in the page cache only until `resume` returned.
    pub(crate) fn read(
        fs: Arc<dyn FileSystem>,
        database: DatabaseId,
        from: LogPosition,
    ) -> Result<(Found, Replay)> {
        replay::read(fs, database, from)
    }

    /// Goes on behind the last record of a log. On return everything that was read of it is durable.
    pub(crate) fn resume(found: Found, epoch: Epoch, settings: LogSettings) -> Result<Self> {
        let identity = Identity { database: found.database, epoch };
        let tail = found.rewrite(settings.log_file_bytes)?;
        let log = Self::new(found.fs, identity, settings, tail);
        log.register_older(found.from)?;
        log.remove_unreachable(found.from.file)?;
        Ok(log)
    }

    fn new(fs: Arc<dyn FileSystem>, identity: Identity, settings: LogSettings, tail: Tail) -> Self {
        let state = State {
            next: tail.next,
            durable: LogSeq(tail.next.0.saturating_sub(1)),
            queue: VecDeque::new(),
            plan_file: tail.number,
            plan_offset: tail.end,
            plan_len: tail.len,
            files: VecDeque::from([(tail.number, tail.first)]),
            reserved: VecDeque::new(),
            active: Some(Active { number: tail.number, file: tail.file }),
            poison: None,
        };
        Self { fs, identity, settings, state: Mutex::new(state), led: Condvar::new() }
    }

    /// Appends one record. `stamp` is called once the append can no longer fail, under the sequencer's lock, and
    /// gives the commit timestamp: what it hands out is in log order. It must be short and not call the log.
    ///
    /// `DiskFull` (retryable) when the next file cannot be reserved, `Io` after a failed sync; nothing was appended
    /// then. The record is neither durable nor written before `sync_up_to`.
    pub(crate) fn append(&self, entry: LogEntry, stamp: impl FnOnce(LogSeq) -> CommitTs) -> Result<Appended> {
        let mut state = self.lock();
        if let Some(why) = &state.poison {
            return Err(refused(why));
        }
        let bytes = entry.frame_bytes();
        if state.plan_offset + bytes > state.plan_len {
            self.plan_next_file(&mut state, bytes)?;
        }
        let seq = state.next;
        let commit_ts = stamp(seq);
        let frame = Frame {
            seq,
            epoch: self.identity.epoch,
            record_type: entry.record_type,
            commit_ts,
            durable: LogSeq(0),
        };
        let (file, offset) = (state.plan_file, state.plan_offset);
        state.queue.push_back(Queued { frame, file, offset, entry });
        state.plan_offset += bytes;
        state.next = LogSeq(seq.0 + 1);
        Ok(Appended { seq, commit_ts })
    }

    fn plan_next_file(&self, state: &mut State, bytes: u64) -> Result<()> {
        let number = state.plan_file + 1;
        let len = self.settings.log_file_bytes.max(HEADER_LEN + bytes);
        let file = files::reserve(self.fs.as_ref(), number, len)?;
        state.reserved.push_back((number, file));
        state.files.push_back((number, state.next));
        state.plan_file = number;
        state.plan_offset = HEADER_LEN;
        state.plan_len = len;
        Ok(())
    }

    /// Returns when record `seq` and all before it are durable. `CommitUnknown` when a write or sync failed: the
    /// records may or may not be there after a restart.
    pub(crate) fn sync_up_to(&self, seq: LogSeq) -> Result<()> {
        let mut state = self.lock();
        loop {
            if state.durable >= seq {
                return Ok(());
            }
            if let Some(why) = &state.poison {
                let message = format!("the outcome of the commit is unknown: {why}");
                return Err(Error::new(ErrorKind::CommitUnknown, message).with_hint(RESTART));
            }
            if seq >= state.next {
                return Err(Error::internal(format!("sync of log record {} that was never appended", seq.0)));
            }
            state = match state.active.take() {
                Some(active) => self.lead(state, active),
                None => self.led.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Writes and syncs all that is queued, without the lock.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>, mut active: Active) -> MutexGuard<'a, State> {
        let batch = Batch {
            records: std::mem::take(&mut state.queue),
            reserved: std::mem::take(&mut state.reserved),
        };
        let last = LogSeq(state.next.0 - 1);
        let durable = state.durable;
        drop(state);
        let mut watch = PanicWatch { log: self, done: false };
        let outcome = self.write_batch(batch, &mut active, durable);
        watch.done = true;
        let mut state = self.lock();
        match outcome {
            Ok(()) => state.durable = last,
            Err(e) => state.poison = Some(e.message().to_owned()),
        }
        state.active = Some(active);
        self.led.notify_all();
        state
    }

    fn write_batch(&self, mut batch: Batch, active: &mut Active, mut durable: LogSeq) -> Result<()> {
        let mut buffer = Vec::new();
        let mut start = 0;
        while let Some(mut record) = batch.records.pop_front() {
            let first_of_file = record.file != active.number;
            if first_of_file || buffer.len() >= WRITE_BYTES {
                write_out(active, start, &mut buffer)?;
            }
            if first_of_file {
                // All of the old file is durable before the new one exists.
                active.file.sync_data()?;
                durable = LogSeq(record.frame.seq.0 - 1);
                let (number, file) = batch
                    .reserved
                    .pop_front()
                    .ok_or_else(|| Error::internal("log record without a reserved file"))?;
                files::publish(self.fs.as_ref(), file.as_ref(), number, self.identity, record.frame.seq)?;
                *active = Active { number, file };
            }
            if buffer.is_empty() {
                start = record.offset;
            }
            record.frame.durable = durable;
            let header = frame::encode_header(
                &record.frame,
                self.identity.database,
                record.file,
                record.offset,
                &record.entry,
            );
            buffer.extend_from_slice(&header);
            buffer.extend_from_slice(&record.entry.payload);
        }
        write_out(active, start, &mut buffer)?;
        if planted(Flaw::AcknowledgeBeforeSync) {
            return Ok(());
        }
        match active.file.sync_data() {
            Err(_) if planted(Flaw::RetryFailedSync) => active.file.sync_data(),
            synced => synced,
        }
    }

    /// The position whose replay begins with record `next`; for a checkpoint that holds everything before it, all of
    /// which is durable. The file is the one with the record before: that of `next` itself may not be there yet.
    pub(crate) fn position_of(&self, next: LogSeq) -> LogPosition {
        let state = self.lock();
        let file = state.files.iter().rev().find(|(_, first)| *first < next).or(state.files.front());
        LogPosition { file: file.map_or(0, |(number, _)| *number), next }
    }

    #[cfg(test)]
    /// How many files the log has, reserved ones included.
    pub(crate) fn planned_files(&self) -> usize {
        self.lock().files.len()
    }

    #[cfg(test)]
    /// The newest record that is durable.
    pub(crate) fn durable(&self) -> LogSeq {
        self.lock().durable
    }

    /// The number that the next record will get.
    pub(crate) fn next_seq(&self) -> LogSeq {
        self.lock().next
    }

    /// Removes the files before the one that `position_of(seq)` names. A failure leaves files that the next open removes.
    pub(crate) fn truncate_before(&self, seq: LogSeq) -> Result<()> {
        let mut removed = Vec::new();
        {
            let mut state = self.lock();
            while let Some((_, second)) = state.files.get(1).copied()
                && second < seq
                && second <= state.durable
            {
                removed.extend(state.files.pop_front());
            }
        }
        for (number, _) in removed {
            self.fs.remove(&files::path(number))?;
        }
        Ok(())
    }

    /// Learns which file begins where, for `position_of` and `truncate_before`.
    fn register_older(&self, from: LogPosition) -> Result<()> {
        let mut state = self.lock();
        for number in (from.file..state.plan_file).rev() {
            let first = files::read_first(self.fs.as_ref(), number, self.identity.database)?;
            state.files.push_front((number, first));
        }
        Ok(())
    }

    /// Removes what crashes left: files before the checkpoint's and files that never got their name.
    fn remove_unreachable(&self, first_needed: u64) -> Result<()> {
        for name in self.fs.list(files::DIRECTORY)? {
            let path = format!("{}/{name}", files::DIRECTORY);
            let old = (name.ends_with(".log")) && path < files::path(first_needed);
            if old || name.ends_with(".new") {
                self.fs.remove(&path)?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Poisons the log when its leader panics, so that nobody waits for ever.
#[derive(Debug)]
struct PanicWatch<'a> {
    log: &'a Log,
    done: bool,
}

impl Drop for PanicWatch<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.log.lock().poison = Some("the writer of the log panicked".to_owned());
            self.log.led.notify_all();
        }
    }
}

const RESTART: &str = "restart the server: it recovers everything that was acknowledged";

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Io, format!("the log cannot be written any more: {why}")).with_hint(RESTART)
}

fn write_out(active: &Active, start: u64, buffer: &mut Vec<u8>) -> Result<()> {
    if !buffer.is_empty() {
        let written = active.file.write_at(start, buffer);
        if !planted(Flaw::SwallowWriteError) {
            written?;
        }
        buffer.clear();
    }
    Ok(())
}

/// Removes a file that an unfinished creation of the database left.
fn discard_leftover(fs: &dyn FileSystem, name: &str) -> Result<()> {
    let path = format!("{}/{name}", files::DIRECTORY);
    if files::holds_records(fs, &path)? {
        let message = format!("log file \"{path}\" holds records, but the database has no checkpoint");
        return Err(Error::corruption(message));
    }
    fs.remove(&path)
}
