//! The registry of readers: which commit timestamps somebody still reads at.
//!
//! Invariant: a timestamp handed to a reader is pinned before anything newer is published, so the horizon never
//! passes a reader.

use crate::inspect::PinInfo;
use base::id::CommitTs;
use base::plant::{Flaw, planted};
use base::sync::{Mutex, MutexGuard, PoisonError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who holds how many pins at a time, and since when.
type Owners = BTreeMap<Arc<str>, Held>;

#[derive(Clone, Copy, Debug)]
struct Held {
    count: u64,
    since_us: u64,
}

/// Pinned timestamps.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    held: Mutex<BTreeMap<CommitTs, Owners>>,
}

/// One reader's pin; dropping it unpins.
#[derive(Debug)]
pub(crate) struct Pin {
    pins: Arc<Pins>,
    ts: CommitTs,
    owner: Arc<str>,
}

impl Pins {
    /// `now_us`: the wall clock, for those who look at the registry.
    pub(crate) fn pin(self: &Arc<Self>, ts: CommitTs, owner: &Arc<str>, now_us: u64) -> Pin {
        let mut held = self.lock();
        // A pin that is not there is not missed when it is dropped.
        let kept = if planted(Flaw::ForgetPin) { CommitTs::MAX } else { ts };
        let owners = held.entry(kept).or_default();
        owners.entry(Arc::clone(owner)).or_insert(Held { count: 0, since_us: now_us }).count += 1;
        Pin { pins: Arc::clone(self), ts, owner: Arc::clone(owner) }
    }

    /// The oldest pinned timestamp, or `newest` when there is none.
    pub(crate) fn horizon(&self, newest: CommitTs) -> CommitTs {
        let held = self.lock();
        let oldest = if planted(Flaw::WrongHorizon) { held.keys().next_back() } else { held.keys().next() };
        oldest.copied().unwrap_or(newest).min(newest)
    }

    pub(crate) fn list(&self) -> Vec<PinInfo> {
        let held = self.lock();
        let all =
            held.iter().flat_map(|(ts, owners)| owners.iter().map(move |(owner, held)| (ts, owner, held)));
        let info = |(ts, owner, held): (&CommitTs, &Arc<str>, &Held)| PinInfo {
            commit_ts: *ts,
            owner: owner.to_string(),
            count: held.count,
            since_us: held.since_us,
        };
        all.map(info).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CommitTs, Owners>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pin {
    pub(crate) fn ts(&self) -> CommitTs {
        self.ts
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut held = self.pins.lock();
        let Some(owners) = held.get_mut(&self.ts) else { return };
        if let Some(mine) = owners.get_mut(&self.owner) {
            mine.count -= 1;
            if mine.count == 0 {
                owners.remove(&self.owner);
            }
        }
        if owners.is_empty() {
            held.remove(&self.ts);
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
        let (me, you) = (Arc::from("me"), Arc::from("you"));
        let (first, second) = (pins.pin(CommitTs(5), &me, 1), pins.pin(CommitTs(5), &me, 2));
        let third = pins.pin(CommitTs(7), &you, 3);
        let listed: Vec<_> =
            pins.list().into_iter().map(|p| (p.commit_ts.0, p.owner, p.count, p.since_us)).collect();
        assert_eq!(listed, [(5, "me".to_owned(), 2, 1), (7, "you".to_owned(), 1, 3)]);
        drop(first);
        assert_eq!(pins.horizon(CommitTs(9)), CommitTs(5));
        drop(second);
        assert_eq!(pins.horizon(CommitTs(9)), CommitTs(7));
        drop(third);
        assert_eq!(pins.horizon(CommitTs(9)), CommitTs(9));
    }
}
