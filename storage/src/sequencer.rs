//! Commits in log order: append, make durable, apply, publish.
//!
//! Must not know what transactions or flushes are. Invariants: timestamps, log positions and publication have one
//! order; a record is applied once it is durable and never before an earlier one; after a failed sync nothing more
//! is applied.

use crate::format::LogRecord;
use crate::log::{Appended, Log, LogEntry};
use crate::state::{DatabaseState, Edit};
use base::clock::HybridClock;
use base::id::{CommitTs, LogSeq};
use base::plant::{Flaw, planted};
use base::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use base::{Error, ErrorKind, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What readers see: everything up to a commit timestamp.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) ts: CommitTs,
    pub(crate) state: Arc<DatabaseState>,
}

/// A record that was appended and is not visible yet.
#[derive(Debug)]
struct Pending {
    appended: Appended,
    edit: Edit,
}

/// Order of locks: `applied`, then `pending` or `published`; the log's own lock comes before `pending`.
#[derive(Debug)]
pub(crate) struct Sequencer {
    log: Log,
    clock: Arc<HybridClock>,
    /// Appended records in log order.
    pending: Mutex<VecDeque<Pending>>,
    /// The newest applied record; held while records are applied.
    applied: Mutex<LogSeq>,
    published: RwLock<Published>,
    /// Why no record is applied any more.
    broken: Mutex<Option<String>>,
    /// Bytes of the log behind the checkpoint that recovery began with, and how many of them a later one has made
    /// superfluous.
    appended: AtomicU64,
    covered: AtomicU64,
}

impl Sequencer {
    /// `published` is the state after every record that the log holds; `replayed` of its bytes no checkpoint covers.
    pub(crate) fn new(log: Log, clock: Arc<HybridClock>, published: Published, replayed: u64) -> Self {
        let applied = Mutex::new(LogSeq(log.next_seq().0.saturating_sub(1)));
        let (pending, published, broken) = (Mutex::default(), RwLock::new(published), Mutex::new(None));
        let (appended, covered) = (AtomicU64::new(replayed), AtomicU64::new(0));
        Self { log, clock, pending, applied, published, broken, appended, covered }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Runs `with` on what is published now; nothing newer is published meanwhile.
    pub(crate) fn published<T>(&self, with: impl FnOnce(&Published) -> T) -> T {
        with(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives a record its place and its timestamp. Nothing was written when this fails.
    pub(crate) fn append(&self, record: &LogRecord, edit: Edit) -> Result<Appended> {
        if let Some(why) = guard(&self.broken).as_ref() {
            let message = format!("the database takes no writes any more: {why}");
            return Err(Error::new(ErrorKind::Io, message)
                .with_hint("restart the server; what was acknowledged is safe"));
        }
        let entry = LogEntry::new(record.record_type(), record.encode())?;
        self.appended.fetch_add(entry.frame_bytes(), Ordering::Relaxed);
        self.log.append(entry, |seq| {
            let mut pending = guard(&self.pending);
            let commit_ts = self.clock.tick();
            pending.push_back(Pending { appended: Appended { seq, commit_ts }, edit });
            commit_ts
        })
    }

    /// Bytes replayed and appended so far.
    pub(crate) fn appended_bytes(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }

    /// A checkpoint covers what was appended when `appended_bytes` said this.
    pub(crate) fn log_kept_from(&self, appended: u64) {
        self.covered.store(appended, Ordering::Relaxed);
    }

    /// Bytes that no checkpoint covers: what a restart would replay.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.appended_bytes().saturating_sub(self.covered.load(Ordering::Relaxed))
    }

    /// Makes a record durable, then visible together with all before it.
    pub(crate) fn finish(&self, seq: LogSeq) -> Result<()> {
        let early = planted(Flaw::VisibleBeforeDurable);
        if !early {
            self.log.sync_up_to(seq)?;
        }
        let mut applied = guard(&self.applied);
        while *applied < seq {
            let next = match planted(Flaw::PublishOutOfLogOrder) {
                true => guard(&self.pending).pop_back(),
                false => guard(&self.pending).pop_front(),
            };
            let Some(Pending { appended, edit }) = next else {
                return Err(Error::internal(format!(
                    "log record {seq} is durable but not waiting to be applied"
                )));
            };
            let state = self.published(|p| Arc::clone(&p.state));
            match state.apply(edit, appended.commit_ts) {
                Ok(state) => {
                    let mut published = self.published.write().unwrap_or_else(PoisonError::into_inner);
                    *published = Published { ts: appended.commit_ts, state };
                }
                Err(e) => {
                    *guard(&self.broken) = Some(e.message().to_owned());
                    return Err(e);
                }
            }
            *applied = appended.seq;
        }
        if early { self.log.sync_up_to(seq) } else { Ok(()) }
    }

    /// Finishes everything that was appended. Returns the first record that was not.
    pub(crate) fn drain(&self) -> Result<LogSeq> {
        let next = self.log.next_seq();
        self.finish(LogSeq(next.0.saturating_sub(1)))?;
        Ok(next)
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
