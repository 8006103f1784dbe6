//! Background work that is running, for operators to see.
//!
//! Must not know what the work is. Invariant: a job is listed as long as somebody holds it.

use crate::inspect::JobInfo;
use base::id::TabletId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(crate) struct Jobs {
    running: Mutex<BTreeMap<u64, Running>>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Running {
    info: JobInfo,
    done: Arc<AtomicU64>,
}

/// A running job; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Job {
    jobs: Arc<Jobs>,
    id: u64,
    done: Arc<AtomicU64>,
}

impl Jobs {
    pub(crate) fn start(
        self: &Arc<Self>,
        kind: &'static str,
        tablet: Option<TabletId>,
        rows_total: u64,
        started_us: u64,
    ) -> Job {
        let id = self.next.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let done = Arc::<AtomicU64>::default();
        let info = JobInfo { id, kind, tablet, started_us, rows_done: 0, rows_total };
        self.lock().insert(id, Running { info, done: Arc::clone(&done) });
        Job { jobs: Arc::clone(self), id, done }
    }

    pub(crate) fn list(&self) -> Vec<JobInfo> {
        let running = self.lock();
        let info = |r: &Running| JobInfo { rows_done: r.done.load(Ordering::Relaxed), ..r.info.clone() };
        running.values().map(info).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// Rows done so far, to be counted up.
    pub(crate) fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.done)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.id);
    }
}
