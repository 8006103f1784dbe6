//! The registry of readers: which commit timestamps somebody still reads at.
//!
//! Invariant: a timestamp handed to a reader is pinned before anything newer is published, so the horizon never
//! passes a reader.

use base::id::CommitTs;
use base::plant::{Flaw, planted};
use base::sync::{Mutex, MutexGuard, PoisonError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pinned timestamps with how often each is pinned.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    counts: Mutex<BTreeMap<CommitTs, usize>>,
}

/// One reader's pin; dropping it unpins.
#[derive(Debug)]
pub(crate) struct Pin {
    pins: Arc<Pins>,
    ts: CommitTs,
}

impl Pins {
    pub(crate) fn pin(self: &Arc<Self>, ts: CommitTs) -> Pin {
        if !planted(Flaw::ForgetPin) {
            *self.lock().entry(ts).or_insert(0) += 1;
        }
        Pin { pins: Arc::clone(self), ts }
    }

    /// The oldest pinned timestamp, or `newest` when there is none.
    pub(crate) fn horizon(&self, newest: CommitTs) -> CommitTs {
        let pins = self.lock();
        let oldest = if planted(Flaw::WrongHorizon) { pins.keys().next_back() } else { pins.keys().next() };
        oldest.copied().unwrap_or(newest).min(newest)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CommitTs, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pin {
    pub(crate) fn ts(&self) -> CommitTs {
        self.ts
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut counts = self.pins.lock();
        if let Some(count) = counts.get_mut(&self.ts) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ts);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pins;
    use base::id::CommitTs;
    use std::sync::Arc;

    #[test]
    fn the_horizon_is_the_oldest_pin() {
        let pins = Arc::new(Pins::default());
        let (first, second) = (pins.pin(CommitTs(5)), pins.pin(CommitTs(5)));
        let third = pins.pin(CommitTs(7));
        drop(first);
        assert_eq!(pins.horizon(CommitTs(9)), CommitTs(5));
        drop(second);
        assert_eq!(pins.horizon(CommitTs(9)), CommitTs(7));
        drop(third);
        assert_eq!(pins.horizon(CommitTs(9)), CommitTs(9));
    }
}
