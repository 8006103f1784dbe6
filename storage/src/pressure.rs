//! Back-pressure: writers wait a little when memtables grow faster than flushes empty them, and longer the fuller they
//! are.
//!
//! Must not know what is written. Invariants: nobody waits below `FREE` of the limit; nobody waits for ever: a flush that
//! fails lets writers go on at the slowest pace.

use base::sync::{Condvar, Mutex, PoisonError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Hundredths of the limit of memtables up to which nobody waits.
const FREE: usize = 125;
/// Hundredths at which writers wait longest.
const FULL: usize = 200;
/// The longest wait for one commit.
const WAIT_MAX: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
pub(crate) struct Pressure {
    /// Bytes of all memtables: what the last look said, and what was committed since.
    bytes: AtomicUsize,
    flushed: Mutex<()>,
    fell: Condvar,
}

impl Pressure {
    /// Bytes were added to memtables.
    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// All memtables take so much now.
    pub(crate) fn is(&self, bytes: usize) {
        self.bytes.store(bytes, Ordering::Relaxed);
        let _guard = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        self.fell.notify_all();
    }

    /// How long a commit has to wait with memtables limited to `limit` bytes; zero mostly.
    pub(crate) fn delay(&self, limit: usize) -> Duration {
        let percent = self.bytes.load(Ordering::Relaxed).saturating_mul(100) / limit.max(1);
        let over = percent.min(FULL).saturating_sub(FREE);
        WAIT_MAX.mul_f64(over as f64 / (FULL - FREE) as f64)
    }

    /// Waits so long, or until a flush made room.
    pub(crate) fn wait(&self, limit: usize, delay: Duration) {
        let guard = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |_: &mut ()| !self.delay(limit).is_zero();
        drop(self.fell.wait_timeout_while(guard, delay, full));
    }
}

#[cfg(test)]
mod tests {
    use super::{Pressure, WAIT_MAX};
    use std::time::Duration;

    #[test]
    fn waits_grow_with_what_is_over_the_limit() {
        let pressure = Pressure::default();
        pressure.add(125);
        assert_eq!(pressure.delay(100), Duration::ZERO);
        pressure.add(25);
        let some = pressure.delay(100);
        assert!(Duration::ZERO < some && some < WAIT_MAX);
        pressure.add(1_000);
        assert_eq!(pressure.delay(100), WAIT_MAX);
        pressure.is(10);
        pressure.wait(100, Duration::from_secs(3_600));
        assert_eq!(pressure.delay(100), Duration::ZERO);
    }
}
