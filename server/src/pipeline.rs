//! Changes of a pipeline that wait to run together, so that one hand-over to the query threads serves them all.
//!
//! Invariants: replies leave in the order of the messages; a change waits only while the next message is here already,
//! whole, and may follow it; nothing that a message behind a failed change answered is sent.

use crate::reply;
use crate::session::Connection;
use base::{Error, Result};
use query::api::{Change, Execution};

/// Changes that wait at most.
const CHANGES_MAX: usize = 512;
/// Types of the messages that do not need what waits to have run: Bind, Describe, Execute.
const FOLLOWERS: [u8; 3] = [b'B', b'D', b'E'];

/// Changes that were told to run. Their replies belong to places in the output that was queued since.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    changes: Vec<Change>,
    /// How much output was queued when each change was told to run.
    places: Vec<usize>,
}

impl Pipeline {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn push(&mut self, connection: &mut Connection, change: Change) {
        self.places.push(connection.wire.output().len());
        self.changes.push(change);
    }

    /// Whether what waits may wait for the next message.
    pub(crate) fn may_wait(&self, connection: &Connection) -> bool {
        self.changes.len() < CHANGES_MAX && connection.wire.next_is_one_of(&FOLLOWERS)
    }

    /// Runs what waits and puts each reply in its place. After an error nothing behind it was run or is answered.
    pub(crate) async fn run(&mut self, connection: &mut Connection) -> Result<()> {
        let Self { changes, places } = std::mem::take(self);
        let Some(first) = places.first().copied() else { return Ok(()) };
        let mut later = connection.wire.output().split_off(first);
        let outcomes = connection.execute_changes(changes).await?;
        let ends = places.iter().copied().skip(1).map(Some).chain([None]);
        for ((outcome, place), end) in outcomes.into_iter().zip(places.iter().copied()).zip(ends) {
            let (execution, notices) = outcome?;
            let Execution::Command(tag) = execution else {
                return Err(Error::internal("a change of a pipeline yielded something else than a tag"));
            };
            reply::put_notices(&mut connection.wire, notices)?;
            reply::complete(&mut connection.wire, tag)?;
            let behind = end.map_or(later.len(), |end| end.saturating_sub(place)).min(later.len());
            let rest = later.split_off(behind);
            connection.wire.output().extend_from_slice(&later);
            later = rest;
        }
        Ok(())
    }
}
