//! Collection: what nobody can read any more goes, by its age and by the room that history may take.
//!
//! Must not know how compaction works. Invariants: nothing that a pin needs goes; what goes is named in the log before
//! its files do; the oldest readable time of a tablet is in the same record as the loss.

use crate::core::Core;
use crate::format::{ForgetRecord, LogRecord};
use crate::state::{DatabaseState, Edit};
use crate::swap::Swap;
use crate::tablet::{Reference, TabletState};
use base::Result;
use base::id::{CommitTs, ReferenceId, TableId, TabletId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

/// Bytes that a table's files take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    pub(crate) live_bytes: u64,
    pub(crate) history_bytes: u64,
}

impl Core {
    /// Lets everything go that is too old, and the oldest of what takes too much room. Returns how many references.
    pub(crate) fn collect(&self) -> Result<usize> {
        let _maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.newest();
        let mut tables: HashMap<TableId, Vec<&TabletState>> = HashMap::new();
        for tablet in state.tablets() {
            tables.entry(tablet.table()).or_default().push(tablet);
        }
        let mut unneeded: HashMap<TableId, CommitTs> = HashMap::new();
        let mut gone = 0;
        for (table, tablets) in tables {
            let before = self.may_go(&state, table, &tablets)?;
            unneeded.insert(table, before);
            for tablet in tablets {
                gone += self.collect_tablet(tablet, before)?;
            }
        }
        self.forget(&self.newest(), &unneeded)?;
        Ok(gone)
    }

    /// Rows of a table that ended at this time or before may go: for their age, or for the room they take.
    fn may_go(&self, state: &DatabaseState, table: TableId, tablets: &[&TabletState]) -> Result<CommitTs> {
        let by_age = self.keep_after(state, table);
        let options = state.layout(table).map(|l| l.def().options).unwrap_or_default();
        let room = room(tablets.iter().copied())?;
        let usual = self.settings.history_bytes_min.max(room.live_bytes.saturating_mul(2));
        let max = options.history_max_bytes.unwrap_or(usual);
        if room.history_bytes <= max {
            return Ok(by_age);
        }
        let mut parts: Vec<(CommitTs, u64)> = Vec::new();
        for reference in tablets.iter().flat_map(|t| t.references()) {
            if let Some(over) = over_at(reference)? {
                parts.push((over, reference.meta().file_bytes));
            }
        }
        parts.sort_unstable();
        let mut left = room.history_bytes;
        let mut before = by_age;
        for (over, bytes) in parts {
            if left <= max {
                break;
            }
            left = left.saturating_sub(bytes);
            before = before.max(over);
        }
        // A reader comes before the room.
        Ok(before.min(self.horizon()).max(by_age))
    }

    fn collect_tablet(&self, tablet: &TabletState, unneeded: CommitTs) -> Result<usize> {
        // With when the last row of them had ended.
        let due = |tablet: &TabletState| -> Result<Vec<(ReferenceId, CommitTs)>> {
            let mut due = Vec::new();
            for reference in tablet.references() {
                if let Some(over) = over_at(reference)?.filter(|over| *over <= unneeded) {
                    due.push((reference.id(), over));
                }
            }
            Ok(due)
        };
        if due(tablet)?.is_empty() {
            return Ok(0);
        }
        let mut gone = 0;
        self.swap(|state| {
            let Some(tablet) = state.tablet(tablet.id()) else { return Ok(None) };
            let due = due(tablet)?;
            let lost = due.iter().map(|(_, over)| *over).max().unwrap_or_default();
            let mut swap = Swap::new(tablet, lost);
            swap.removed = due.into_iter().map(|(id, _)| id).collect();
            gone = swap.removed.len();
            Ok((gone > 0).then(|| swap.finish()))
        })?;
        Ok(gone)
    }

    /// Forgets definitions that no readable time had, and tablets that no definition has.
    fn forget(&self, state: &Arc<DatabaseState>, unneeded: &HashMap<TableId, CommitTs>) -> Result<()> {
        let before =
            |table: TableId| unneeded.get(&table).copied().unwrap_or_else(|| self.keep_after(state, table));
        // Schemas have no retention of their own: they go with what the server keeps by default, but not before a table.
        let usual = self.usual_keep_after();
        let tables = state.past().tables().iter().map(|r| r.def.id);
        let materialized = state.past().materialized().iter().map(|r| r.def.0);
        let oldest = tables.chain(materialized).map(before).chain([usual]).min().unwrap_or(usual);
        let expired = |until: CommitTs, table: TableId| until <= before(table).min(oldest);
        let mut record = ForgetRecord { until: oldest, ..ForgetRecord::default() };
        let mut named: HashSet<TabletId> =
            state.catalog().stored_tables().flat_map(|t| &t.tablets).map(|t| t.id).collect();
        for retired in state.past().tables() {
            if expired(retired.until, retired.def.id) {
                record.tables.push(retired.def.id);
            } else {
                named.extend(retired.def.tablets.iter().map(|t| t.id));
            }
        }
        record.tables.dedup();
        record.tablets = state.tablets().map(|t| t.id()).filter(|t| !named.contains(t)).collect();
        record.tablets.sort_unstable();
        if record.tables.is_empty() && record.tablets.is_empty() && !state.past().has_others_until(oldest) {
            return Ok(());
        }
        let built = Arc::ptr_eq(state, &self.newest());
        self.swap(|now| {
            // The catalog may have changed since: the next round looks again.
            let same = built || Arc::ptr_eq(now.past(), state.past());
            Ok(same.then(|| (LogRecord::Forget(record.clone()), Edit::Forget(record))))
        })?;
        Ok(())
    }
}

/// When the last row of a reference that only the past needs had ended; None for one with rows that may live.
fn over_at(reference: &Reference) -> Result<Option<CommitTs>> {
    let detach_ts = reference.meta().detach_ts;
    let lives = reference.lives()?;
    if lives.history {
        return Ok(Some(lives.end_max.min(detach_ts)));
    }
    Ok((detach_ts != CommitTs::MAX).then_some(detach_ts))
}

/// What the files of a table's tablets take, for live rows and for the past.
pub(crate) fn room<'a>(tablets: impl Iterator<Item = &'a TabletState>) -> Result<Room> {
    let mut room = Room::default();
    for reference in tablets.flat_map(|t| t.references()) {
        let bytes = reference.meta().file_bytes;
        if over_at(reference)?.is_some() {
            room.history_bytes = room.history_bytes.saturating_add(bytes);
            continue;
        }
        let rows = u64::from(reference.meta().rows).max(1);
        let dead = bytes / rows * reference.dead_rows();
        room.history_bytes = room.history_bytes.saturating_add(dead);
        room.live_bytes = room.live_bytes.saturating_add(bytes.saturating_sub(dead));
    }
    Ok(room)
}
