//! How old a commit is, in time that the server was running.
//!
//! Must not know tables. Retention counts running time, taken from the monotonic clock: a wall clock that jumps, or a
//! server that was off for a month, makes no row of the past older.
//! Invariant: `before` never names a commit younger than asked for.

use base::clock::HybridClock;
use base::id::CommitTs;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Samples above which they are thinned out.
const SAMPLES_MAX: usize = 512;
/// The distance between two samples is at most their age divided by this.
const AGE_SHARE: u64 = 32;

#[derive(Debug)]
pub(crate) struct RunningTime {
    clock: Arc<HybridClock>,
    /// Running time of earlier processes.
    before_us: u64,
    started_us: u64,
    /// Running time and the newest commit then, oldest first.
    samples: Mutex<VecDeque<(u64, CommitTs)>>,
}

impl RunningTime {
    pub(crate) fn new(clock: Arc<HybridClock>, before_us: u64, samples: Vec<(u64, CommitTs)>) -> Self {
        Self { before_us, started_us: clock.monotonic_us(), samples: Mutex::new(samples.into()), clock }
    }

    fn now_us(&self) -> u64 {
        self.before_us.saturating_add(self.clock.monotonic_us().saturating_sub(self.started_us))
    }

    /// Remembers that `newest` is the newest commit now.
    pub(crate) fn note(&self, newest: CommitTs) {
        let now = self.now_us();
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        match samples.back_mut() {
            // What was committed in the same microsecond is as old.
            Some((at, ts)) if *at == now => *ts = newest.max(*ts),
            _ => samples.push_back((now, newest)),
        }
        if samples.len() > SAMPLES_MAX {
            thin(&mut samples, now);
        }
    }

    /// The newest commit known to be at least so old; `ZERO` when none is.
    pub(crate) fn before(&self, age_us: u64) -> CommitTs {
        let Some(limit) = self.now_us().checked_sub(age_us) else { return CommitTs::ZERO };
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let old = samples.partition_point(|(at, _)| *at <= limit);
        old.checked_sub(1).and_then(|i| samples.get(i)).map_or(CommitTs::ZERO, |(_, ts)| *ts)
    }

    /// Running time, and the samples, for a checkpoint.
    pub(crate) fn image(&self) -> (u64, Vec<(u64, CommitTs)>) {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        (self.now_us(), samples.iter().copied().collect())
    }
}

/// Drops samples whose neighbours are close together for their age.
fn thin(samples: &mut VecDeque<(u64, CommitTs)>, now: u64) {
    let mut kept: VecDeque<(u64, CommitTs)> = VecDeque::with_capacity(samples.len());
    for (sample, next) in samples.iter().zip(samples.iter().skip(1)) {
        let gap = kept.back().map(|(before, _)| next.0.saturating_sub(*before));
        if gap.is_none_or(|gap| gap > now.saturating_sub(next.0) / AGE_SHARE) {
            kept.push_back(*sample);
        }
    }
    kept.extend(samples.back());
    *samples = kept;
}

#[cfg(test)]
mod tests {
    use super::RunningTime;
    use base::clock::{HybridClock, ManualClock};
    use base::id::CommitTs;
    use std::sync::Arc;

    #[test]
    fn age_is_running_time_and_never_overstated() {
        let wall = Arc::new(ManualClock::new(1_000_000));
        let clock = Arc::new(HybridClock::new(wall.clone()));
        let time = RunningTime::new(Arc::clone(&clock), 0, Vec::new());
        assert_eq!(time.before(0), CommitTs::ZERO);
        for second in 1..=10_000_u64 {
            wall.advance(1_000_000);
            time.note(CommitTs(second));
        }
        for age in [0_u64, 1, 10, 100, 1_000, 5_000, 9_000] {
            let found = time.before(age * 1_000_000).0;
            let exact = 10_000 - age;
            assert!(found <= exact, "age {age}: {found} is younger");
            assert!(exact - found <= age / 16 + 2, "age {age}: {found} is far from {exact}");
        }
        assert_eq!(time.before(10_001 * 1_000_000), CommitTs::ZERO);
        let (uptime, samples) = time.image();
        assert!(samples.len() <= 512);
        // A new process, years later by the wall: nothing grew older.
        wall.advance(1 << 50);
        let next = RunningTime::new(clock, uptime, samples);
        assert_eq!(next.before(0).0, 10_000);
        assert!(next.before(100_000_000).0 <= 9_900);
    }
}
