//! The thread that flushes and checkpoints by itself.
//!
//! Must not know how either works. Invariants: one thread per database; it holds the database only while it works,
//! so that dropping the last handle ends it; a failure leaves the work for the next wake-up.

use crate::core::Core;
use base::Result;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

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
        let mut state =
            self.changed.wait_while(state, |s| !s.due && !s.stop).unwrap_or_else(PoisonError::into_inner);
        state.due = false;
        !state.stop
    }

    fn lock(&self) -> MutexGuard<'_, SignalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread.
pub(crate) fn start(core: &Arc<Core>) -> Result<()> {
    let signal = Arc::clone(&core.signal);
    let weak: Weak<Core> = Arc::downgrade(core);
    let thread = base::spawn::thread("storage", move || {
        while signal.wait() {
            let Some(core) = weak.upgrade() else { return };
            let outcome = core.maintain();
            signal.lock().failure = outcome.err().map(|e| e.to_string());
        }
    })?;
    *core.signal.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    Ok(())
}

impl Core {
    /// Flushes memtables that are too large and checkpoints when the log is long.
    pub(crate) fn maintain(&self) -> Result<()> {
        let state = self.newest();
        let mut sizes: Vec<_> = state.tablets().map(|t| (t.memtable_bytes(), t.id())).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut total: usize = sizes.iter().map(|(bytes, _)| bytes).sum();
        for (bytes, tablet) in sizes {
            if bytes <= self.settings.memtable_flush_bytes && total <= self.settings.memtable_bytes_max {
                break;
            }
            self.flush_tablet(tablet)?;
            total = total.saturating_sub(bytes);
        }
        if self.sequencer.log_bytes() > self.settings.checkpoint_log_bytes {
            self.checkpoint()?;
        }
        Ok(())
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.signal.stop();
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
