//! Work of which only one piece runs at a time, with a wait that can be given up.
//!
//! Invariant: a turn lasts as long as it is held; nobody waits for it longer than a slice without being asked whether
//! to go on.

use base::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a wait may overlook that it is given up.
const SLICE: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: Mutex<bool>,
    ended: Condvar,
}

/// The right to work; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'t> {
    turns: &'t Turns,
}

impl Turns {
    /// None while somebody has the turn.
    pub(crate) fn take(&self) -> Option<Turn<'_>> {
        let mut taken = self.lock();
        // Not made unless it is had: dropping one ends the turn of whoever has it.
        (!std::mem::replace(&mut *taken, true)).then(|| Turn { turns: self })
    }

    /// Waits for the turn; None when `given_up` says so first.
    pub(crate) fn wait(&self, given_up: &dyn Fn() -> bool) -> Option<Turn<'_>> {
        while !given_up() {
            let waited = self.ended.wait_timeout_while(self.lock(), SLICE, |taken| *taken);
            let (mut taken, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if !std::mem::replace(&mut *taken, true) {
                return Some(Turn { turns: self });
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.turns.lock() = false;
        self.turns.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use std::cell::Cell;

    #[test]
    fn a_wait_ends_with_the_turn_or_when_it_is_given_up() {
        let turns = Turns::default();
        let first = turns.take().unwrap();
        assert!(turns.take().is_none());
        let asked = Cell::new(0);
        let third_time = || {
            asked.set(asked.get() + 1);
            asked.get() == 3
        };
        assert!(turns.wait(&third_time).is_none());
        drop(first);
        let second = turns.wait(&|| false).unwrap();
        assert!(turns.take().is_none());
        drop(second);
        assert!(turns.take().is_some());
    }
}
