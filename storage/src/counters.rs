//! Where sequences stand: values are given out from memory, and the log is told of a block of them ahead.
//!
//! Must not know SQL. Invariants: no value is given out twice, whatever happens: the log says a position behind it
//! before it is given; a transaction that rolls back gives no value back. A counter that its transaction has not yet
//! committed is nobody else's, and is written with the commit.

use crate::core::Core;
use crate::database::Database;
use crate::format::LogRecord;
use crate::state::Edit;
use base::id::CounterId;
use base::sync::{Mutex, MutexGuard, PoisonError};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, Position, SequenceDef};
use std::collections::HashMap;
use std::sync::Arc;

/// Values that a record gives leave for, at least.
const AHEAD: usize = 32;

/// The counters in use. Its lock guards the map alone; each counter has one of its own, held while the log is told.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    live: Mutex<HashMap<CounterId, Arc<Mutex<Live>>>>,
}

/// A counter in use.
#[derive(Debug)]
struct Live {
    at: Position,
    /// How many more values the log has been told of ..
    ahead: usize,
    /// .. by these steps: increment, least and greatest value, whether it begins again.
    steps: Option<Steps>,
}

type Steps = (i64, i64, i64, bool);

fn steps(def: &SequenceDef) -> Steps {
    (def.increment, def.min, def.max, def.cycle)
}

impl Counters {
    /// A counter that a transaction brings; one that is known goes on.
    pub(crate) fn begin(&self, counter: CounterId, at: Position) {
        guard(&self.live).entry(counter).or_insert_with(|| Live::new(at));
    }

    /// Counters of a transaction that was rolled back.
    pub(crate) fn forget(&self, counters: &[CounterId]) {
        let mut live = guard(&self.live);
        for counter in counters {
            live.remove(counter);
        }
    }

    /// Edits with where their counters stand now.
    pub(crate) fn settled(&self, edits: &[CatalogEdit]) -> Vec<CatalogEdit> {
        let now = |counter: CounterId, at: Position| {
            let live = guard(&self.live).get(&counter).cloned();
            live.map_or(at, |live| {
                let mut live = guard(&live);
                live.ahead = 0;
                live.at
            })
        };
        let settled = edits.iter().map(|edit| match edit {
            CatalogEdit::CreateSequence(def, at) => {
                CatalogEdit::CreateSequence(def.clone(), now(def.counter, *at))
            }
            CatalogEdit::AlterSequence(def, Some(at)) => {
                CatalogEdit::AlterSequence(def.clone(), Some(now(def.counter, *at)))
            }
            other => other.clone(),
        });
        settled.collect()
    }

    fn all(&self) -> Vec<(CounterId, Arc<Mutex<Live>>)> {
        guard(&self.live).iter().map(|(id, live)| (*id, Arc::clone(live))).collect()
    }
}

impl Live {
    fn new(at: Position) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { at, ahead: 0, steps: None }))
    }
}

impl Core {
    fn counter(&self, def: &SequenceDef) -> Result<Arc<Mutex<Live>>> {
        let counter = def.counter;
        let mut live = guard(&self.counters.live);
        if let Some(known) = live.get(&counter) {
            return Ok(Arc::clone(known));
        }
        let at = self.newest().counters().get(&counter).copied().ok_or_else(|| {
            Error::new(ErrorKind::UndefinedTable, format!("relation \"{}\" does not exist", def.name))
        })?;
        let new = Live::new(at);
        live.insert(counter, Arc::clone(&new));
        Ok(new)
    }

    /// Whether the log knows of the counter, and so must be told of its values.
    fn is_committed(&self, def: &SequenceDef) -> bool {
        self.newest().counters().contains_key(&def.counter)
    }

    fn next_values(&self, def: &SequenceDef, count: usize) -> Result<Vec<i64>> {
        let live = self.counter(def)?;
        let mut live = guard(&live);
        let mut values = Vec::with_capacity(count);
        let mut at = live.at;
        while let Some(next) = def.after(at).filter(|_| values.len() < count) {
            at = next;
            values.push(next.value);
        }
        if self.is_committed(def) && !values.is_empty() {
            if live.steps != Some(steps(def)) || live.ahead < values.len() {
                let mut logged = at;
                let mut ahead = 0;
                while let Some(next) = def.after(logged).filter(|_| ahead < values.len().max(AHEAD)) {
                    logged = next;
                    ahead += 1;
                }
                self.log_position(def.counter, logged)?;
                (live.ahead, live.steps) = (ahead, Some(steps(def)));
            } else {
                live.ahead -= values.len();
            }
        }
        live.at = at;
        if values.len() == count { Ok(values) } else { Err(exhausted(def)) }
    }

    fn set_position(&self, def: &SequenceDef, at: Position) -> Result<()> {
        let live = self.counter(def)?;
        let mut live = guard(&live);
        if self.is_committed(def) {
            self.log_position(def.counter, at)?;
        }
        (live.at, live.ahead) = (at, 0);
        Ok(())
    }

    fn log_position(&self, counter: CounterId, at: Position) -> Result<()> {
        let counters = vec![(counter, at)];
        self.record(&LogRecord::Counters(counters.clone()), Edit::Counters(counters))
    }

    /// Tells the log where counters stand, so that a restart goes on with the very next values.
    pub(crate) fn settle_counters(&self) -> Result<()> {
        for (counter, live) in self.counters.all() {
            let mut live = guard(&live);
            if live.ahead > 0 {
                self.log_position(counter, live.at)?;
                live.ahead = 0;
            }
        }
        Ok(())
    }
}

impl Database {
    /// The next values of a sequence, durable before they are returned. `SequenceLimit` behind its last one. May block.
    pub fn next_values(&self, def: &SequenceDef, count: usize) -> Result<Vec<i64>> {
        self.core().next_values(def, count)
    }

    /// Puts a sequence somewhere, at once and for everybody. The caller has checked the bounds. Blocks.
    pub fn set_position(&self, def: &SequenceDef, at: Position) -> Result<()> {
        self.core().set_position(def, at)
    }

    /// Where a sequence stands now.
    pub fn position(&self, def: &SequenceDef) -> Result<Position> {
        let live = self.core().counter(def)?;
        let at = guard(&live).at;
        Ok(at)
    }
}

fn exhausted(def: &SequenceDef) -> Error {
    let (end, value) = if def.increment > 0 { ("maximum", def.max) } else { ("minimum", def.min) };
    let message = format!("nextval: reached {end} value of sequence \"{}\" ({value})", def.name);
    Error::new(ErrorKind::SequenceLimit, message)
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
