//! Time: the seam to the system's clocks and the hybrid clock built on it.
//!
//! Invariant: `HybridClock::tick` never returns the same or an earlier time twice.

use crate::id::CommitTs;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Source of time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Microseconds since 1970-01-01 UTC; may jump.
    fn wall_us(&self) -> u64;
    /// Microseconds since an arbitrary start; never goes back.
    fn monotonic_us(&self) -> u64;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the seam that everything else goes through")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the seam that everything else goes through")]
    fn wall_us(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A clock that moves only when told to, for tests.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_us: AtomicU64,
}

impl ManualClock {
    pub fn new(now_us: u64) -> Self {
        Self { now_us: AtomicU64::new(now_us) }
    }
    pub fn set(&self, now_us: u64) {
        self.now_us.store(now_us, Ordering::SeqCst);
    }
    pub fn advance(&self, by_us: u64) {
        self.now_us.fetch_add(by_us, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn wall_us(&self) -> u64 {
        self.now_us.load(Ordering::SeqCst)
    }
    fn monotonic_us(&self) -> u64 {
        self.now_us.load(Ordering::SeqCst)
    }
}

/// Hands out commit timestamps: max(wall clock, last + 1).
#[derive(Debug)]
pub struct HybridClock {
    clock: Arc<dyn Clock>,
    last: AtomicU64,
}

impl HybridClock {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: AtomicU64::new(0) }
    }

    /// A time later than every one handed out or observed before.
    pub fn tick(&self) -> CommitTs {
        let wall = self.clock.wall_us();
        let mut last = self.last.load(Ordering::SeqCst);
        loop {
            let next = wall.max(last.saturating_add(1));
            match self.last.compare_exchange(last, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return CommitTs(next),
                Err(seen) => last = seen,
            }
        }
    }

    /// Makes later ticks exceed `ts`; used by recovery and to close a read timestamp.
    pub fn observe(&self, ts: CommitTs) {
        self.last.fetch_max(ts.0, Ordering::SeqCst);
    }

    /// Microseconds since an arbitrary start; never goes back.
    pub fn monotonic_us(&self) -> u64 {
        self.clock.monotonic_us()
    }

    /// Microseconds since 1970-01-01 UTC; may jump.
    pub fn wall_us(&self) -> u64 {
        self.clock.wall_us()
    }

    pub fn last(&self) -> CommitTs {
        CommitTs(self.last.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::{HybridClock, ManualClock};
    use crate::id::CommitTs;
    use std::sync::Arc;

    #[test]
    fn ticks_grow_while_the_wall_clock_stands_or_jumps_back() {
        let wall = Arc::new(ManualClock::new(100));
        let clock = HybridClock::new(wall.clone());
        assert_eq!(clock.tick(), CommitTs(100));
        assert_eq!(clock.tick(), CommitTs(101));
        wall.set(5);
        assert_eq!(clock.tick(), CommitTs(102));
        clock.observe(CommitTs(500));
        assert_eq!(clock.tick(), CommitTs(501));
    }
}
