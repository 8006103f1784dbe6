//! The values of sequences as one session sees them: what it took last, and whether it may take any.
//!
//! Invariant: what a session remembers was given out to it, whether its transaction was committed or not.

use crate::lower::Sequences;
use base::id::SequenceId;
use base::sync::{Mutex, PoisonError};
use base::{Error, ErrorKind, Result};
use catalog::{Position, SequenceDef};
use std::collections::HashMap;
use std::sync::Arc;
use storage::Database;
use tokio::task::block_in_place;

/// What currval and lastval tell.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    values: HashMap<SequenceId, i64>,
    last: Option<SequenceId>,
}

impl Remembered {
    /// DISCARD.
    pub(crate) fn forget(remembered: &Mutex<Self>) {
        *remembered.lock().unwrap_or_else(PoisonError::into_inner) = Self::default();
    }
}

/// The sequences as a statement of the session uses them.
#[derive(Debug)]
pub(crate) struct SessionSequences {
    pub(crate) database: Database,
    pub(crate) remembered: Arc<Mutex<Remembered>>,
    /// Why nothing may be changed now.
    pub(crate) read_only: Option<&'static str>,
}

impl SessionSequences {
    fn check_writable(&self, function: &str) -> Result<()> {
        match self.read_only {
            None => Ok(()),
            Some(why) => {
                let message = format!("cannot execute {function}() {why}");
                Err(Error::new(ErrorKind::ReadOnlyTransaction, message))
            }
        }
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Remembered) -> T) -> T {
        use_it(&mut self.remembered.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sequences for SessionSequences {
    fn next(&self, def: &SequenceDef, count: usize) -> Result<Vec<i64>> {
        self.check_writable("nextval")?;
        let values = block_in_place(|| self.database.next_values(def, count))?;
        if let Some(value) = values.last() {
            self.with(|remembered| {
                remembered.values.insert(def.id, *value);
                remembered.last = Some(def.id);
            });
        }
        Ok(values)
    }

    fn set(&self, def: &SequenceDef, at: Position) -> Result<()> {
        self.check_writable("setval")?;
        block_in_place(|| self.database.set_position(def, at))?;
        if at.called {
            self.with(|remembered| remembered.values.insert(def.id, at.value));
        }
        Ok(())
    }

    fn position(&self, def: &SequenceDef) -> Result<Position> {
        self.database.position(def)
    }

    fn current(&self, id: SequenceId) -> Option<i64> {
        self.with(|remembered| remembered.values.get(&id).copied())
    }

    fn last(&self) -> Option<(SequenceId, i64)> {
        self.with(|remembered| {
            let last = remembered.last?;
            remembered.values.get(&last).map(|value| (last, *value))
        })
    }
}
