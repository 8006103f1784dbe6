//! The threads that flush, collect and checkpoint, and that compact, by themselves.
//!
//! Must not know how any of it works. Invariants: two threads per database; each holds the database only while it works,
//! so that dropping the last handle ends it; a failure leaves the work for the next wake-up.

use crate::compaction::{Cancelled, due};
use crate::core::Core;
use base::id::CommitTs;
use base::{ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// Tells the thread that there may be work, or that it is to end.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<SignalState>,
    changed: Condvar,
    /// Bytes of log at the last wake-up.
    woken_at: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct SignalState {
    due: bool,
    stop: bool,
    /// What the last round failed with.
    failure: Option<String>,
}

/// Log bytes after which the thread looks again.
const WAKE_BYTES: u64 = 1 << 20;

impl Signal {
    /// Wakes the thread when the log has grown by enough to matter.
    pub(crate) fn notify_at(&self, log_bytes: u64) {
        let before = self.woken_at.load(Ordering::Relaxed);
        if log_bytes.saturating_sub(before) >= WAKE_BYTES {
            self.woken_at.store(log_bytes, Ordering::Relaxed);
            self.notify();
        }
    }

    pub(crate) fn notify(&self) {
        let mut state = self.lock();
        if !state.due {
            state.due = true;
            self.changed.notify_all();
        }
    }

    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop_and_wait(&self) {
        self.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread was reported by it.
            let _ = thread.join();
        }
    }

    /// What the last background round failed with.
    pub(crate) fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    /// False when the thread is to end.
    fn wait(&self) -> bool {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, LOOK_AGAIN, |s| !s.due && !s.stop);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.due = false;
        !state.stop
    }

    fn lock(&self) -> MutexGuard<'_, SignalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a thread that nobody wakes waits until it looks by itself: for what has become too old.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Starts the threads.
pub(crate) fn start(core: &Arc<Core>) -> Result<()> {
    start_thread(core, "storage", &core.signal, |core| core.maintain())?;
    start_thread(core, "compaction", &core.compaction_signal, |core| {
        while core.compact_most_urgent()? {}
        Ok(())
    })
}

/// What decides whether there is anything to do: commits, and what of the past has to be kept.
#[derive(Debug, PartialEq, Eq)]
struct Circumstances {
    newest: CommitTs,
    horizon: CommitTs,
    /// For each retention that some table has, in microseconds: what ended until then may go.
    kept: BTreeMap<u64, CommitTs>,
}

fn start_thread(
    core: &Arc<Core>,
    name: &str,
    signal: &Arc<Signal>,
    work: impl Fn(&Core) -> Result<()> + Send + 'static,
) -> Result<()> {
    let weak: Weak<Core> = Arc::downgrade(core);
    let waiting = Arc::clone(signal);
    let thread = base::spawn::thread(name, move || {
        let mut settled = None;
        while waiting.wait() {
            let Some(core) = weak.upgrade() else { return };
            let now = Some(core.circumstances());
            if now == settled {
                // Nothing to do then, nothing to do now: thousands of tablets need not be looked at again.
                continue;
            }
            let outcome = work(&core);
            settled = now.filter(|_| outcome.is_ok());
            // To give up because of the end is no failure.
            let failure = outcome.err().filter(|e| e.kind() != ErrorKind::Cancelled);
            waiting.lock().failure = failure.map(|e| e.to_string());
        }
    })?;
    *signal.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    Ok(())
}

impl Core {
    /// Flushes memtables that are too large and checkpoints when the log is long.
    pub(crate) fn maintain(&self) -> Result<()> {
        self.note_time();
        let state = self.newest();
        let mut sizes: Vec<_> = state.tablets().map(|t| (t.memtable_bytes(), t.id())).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut total: usize = sizes.iter().map(|(bytes, _)| bytes).sum();
        for (bytes, tablet) in sizes {
            if bytes <= self.settings.memtable_flush_bytes && total <= self.settings.memtable_bytes_max {
                break;
            }
            if self.stopping.load(Ordering::Relaxed) {
                // The log has what is not flushed.
                return Ok(());
            }
            self.flush_tablet(tablet)?;
            total = total.saturating_sub(bytes);
            self.pressure.is(total);
        }
        self.pressure.is(self.newest().tablets().map(|t| t.memtable_bytes()).sum());
        self.collect()?;
        if self.sequencer.log_bytes() > self.settings.checkpoint_log_bytes {
            self.checkpoint()?;
        }
        self.compaction_signal.notify();
        Ok(())
    }
}

impl Core {
    fn circumstances(&self) -> Circumstances {
        // Taken before the work: what is committed meanwhile is looked at again.
        let (newest, state) = self.sequencer.published(|p| (p.ts, Arc::clone(&p.state)));
        let usual = self.settings.history_retention_us;
        let retentions = state.retentions().map(|own| own.unwrap_or(usual)).chain([usual]);
        let kept = retentions.map(|retention| (retention, self.kept_for(retention))).collect();
        Circumstances { newest, horizon: self.horizon(), kept }
    }

    /// Remembers how old the newest commit is by now.
    pub(crate) fn note_time(&self) {
        self.running.note(self.sequencer.published(|p| p.ts));
    }

    /// Compacts the most urgent tablet. False when none is.
    pub(crate) fn compact_most_urgent(&self) -> Result<bool> {
        let never: Cancelled = Arc::new(|| false);
        for tablet in due(self, &self.newest())? {
            if self.compact_tablet(tablet, false, &never)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.signal.stop();
        self.compaction_signal.stop();
    }
}

#[cfg(test)]
mod tests {
    use crate::core::Core;
    use crate::format::{CommitRecord, LogRecord};
    use crate::recover;
    use crate::settings::StorageSettings;
    use crate::state::{CommitEdit, Edit};
    use base::clock::ManualClock;
    use base::fs::{FileSystem, SimulatedFileSystem};
    use base::random::Random;
    use std::sync::Arc;

    const CHECKPOINT_LOG_BYTES: u64 = 2_000;

    fn open(disk: &SimulatedFileSystem) -> Core {
        let settings = StorageSettings {
            background: false,
            checkpoint_log_bytes: CHECKPOINT_LOG_BYTES,
            ..StorageSettings::default()
        };
        recover::open(disk.process(), Arc::new(ManualClock::new(1)), &Random::from_seed(1), settings).unwrap()
    }

    /// A server that was killed again and again never came to its next checkpoint, because each process counted only
    /// what it had appended itself: the log, and with it every restart, grew without end.
    #[test]
    fn the_log_of_earlier_processes_counts_for_the_next_checkpoint() {
        let disk = SimulatedFileSystem::new(1);
        drop(open(&disk));
        let first = disk.list("checkpoint").unwrap();
        let mut restarts = 0;
        while disk.list("checkpoint").unwrap() == first {
            let core = open(&disk);
            core.maintain().unwrap();
            for _ in 0..3 {
                let empty = (LogRecord::Commit(CommitRecord::default()), Edit::Commit(CommitEdit::default()));
                core.commit(|_| Ok(empty)).unwrap();
            }
            assert!(core.sequencer.log_bytes() < 2 * CHECKPOINT_LOG_BYTES);
            restarts += 1;
            assert!(restarts < 100, "no checkpoint");
        }
        assert!(restarts > 5, "one process alone did not append enough");
    }
}
