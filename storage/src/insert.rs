//! Inserts: rows whose keys and unique columns are new, or which conflict.
//!
//! Must not know the log. Order: check the rows, take the locks, probe the newest committed state, then change the private
//! state.

use crate::checks::check_rows;
use crate::conflict::{Conflict, InsertMode, InsertOutcome};
use crate::core::Core;
use crate::layout::{Key, Layout};
use crate::routed::{Routed, route};
use crate::transaction::{Transaction, lost_race};
use crate::unique::Entries;
use crate::view::View;
use crate::write::Existing;
use arrow::array::{BooleanArray, Int64Array};
use arrow::record_batch::RecordBatch;
use base::id::TableId;
use base::{Error, Result};
use std::collections::HashSet;
use std::sync::Arc;

impl Transaction {
    pub(crate) fn try_insert(
        &mut self,
        table: TableId,
        rows: &RecordBatch,
        mode: InsertMode,
    ) -> Result<InsertOutcome> {
        self.check_usable()?;
        let view = self.current_view();
        let layout = view.layout(table)?;
        check_rows(&layout, rows)?;
        if rows.num_rows() == 0 {
            return Ok(InsertOutcome::default());
        }
        let row_ids = layout.has_row_id().then(|| new_row_ids(&self.core, rows.num_rows())).transpose()?;
        let fresh = row_ids.is_some();
        let routed = route(&layout, layout.store(rows, row_ids)?)?;
        self.lock_table_shared(&layout)?;
        let outcome = if fresh && layout.def().unique.is_empty() {
            // A new row id has never been seen.
            self.append(&layout, &routed, None)?;
            self.note_written(&layout, rows, None)?;
            InsertOutcome { inserted: rows.num_rows() as u64, ..InsertOutcome::default() }
        } else {
            let outcome = self.insert_routed(&layout, &view, routed, mode)?;
            self.note_inserted(&layout, rows, &outcome)?;
            outcome
        };
        self.stage_when_large(true)?;
        Ok(outcome)
    }

    fn note_inserted(&mut self, layout: &Layout, rows: &RecordBatch, outcome: &InsertOutcome) -> Result<()> {
        if layout.def().foreign_keys.is_empty() || outcome.inserted == 0 {
            return Ok(());
        }
        let mut kept = vec![true; rows.num_rows()];
        for conflict in &outcome.conflicts {
            if let Some(kept) = kept.get_mut(conflict.row) {
                *kept = false;
            }
        }
        self.note_written(layout, rows, Some(&BooleanArray::from(kept)))
    }

    /// Inserts rows whose table is locked.
    pub(crate) fn insert_routed(
        &mut self,
        layout: &Arc<Layout>,
        view: &View,
        routed: Routed,
        mode: InsertMode,
    ) -> Result<InsertOutcome> {
        let table = view.table(layout.table())?;
        let existing = if layout.has_row_id() {
            // Nobody else has such a key.
            std::iter::repeat_with(|| Existing::None).take(routed.keys.len()).collect()
        } else {
            let names = routed.order.iter().filter_map(|row| routed.name(*row));
            self.lock_keys(layout.table(), names.map(|(tablet, key)| (tablet, key.clone())))?;
            self.existing(&table, &routed)?
        };
        let mut entries = self.entries(view, layout, &routed.rows)?;
        // An earlier row of the same key is in the way only if it was not refused itself.
        let mut taken: HashSet<&Key> = HashSet::new();
        let mut outcome = InsertOutcome::default();
        let mut accepted = Vec::with_capacity(routed.keys.len());
        for (row, (found, again)) in existing.into_iter().zip(routed.repeated()).enumerate() {
            let arbiter = entries.iter().find(|e| mode == InsertMode::ReportOf(e.index()));
            if let Some(arbiter) = arbiter.filter(|arbiter| arbiter.conflicts(row)) {
                self.check_in_sight(arbiter, row)?;
                outcome.conflicts.push(Conflict { row, existing: None });
                continue;
            }
            let again =
                again && (entries.is_empty() || routed.keys.get(row).is_some_and(|key| taken.contains(key)));
            if !again && matches!(found, Existing::None) {
                if let Some(taken) = entries.iter().find(|entries| entries.conflicts(row)) {
                    if !mode.reports(taken.index()) {
                        return Err(taken.duplicate(row, layout.def()));
                    }
                    self.check_in_sight(taken, row)?;
                    outcome.conflicts.push(Conflict { row, existing: None });
                    continue;
                }
                if !entries.is_empty() {
                    entries.iter_mut().for_each(|entries| entries.take(row));
                    taken.extend(routed.keys.get(row));
                }
                accepted.push(u32::try_from(row).map_err(|_| Error::internal("too many rows in one batch"))?);
                continue;
            }
            if !mode.reports(layout.table()) {
                return Err(layout.duplicate(&routed.rows, row));
            }
            let Some(key) = routed.keys.get(row) else { continue };
            let existing = match found {
                _ if again => None,
                Existing::None => None,
                Existing::Own(own) if own.begin < u64::from(self.command.0) => Some(own.place),
                Existing::Own(_) => None,
                Existing::Committed(tablet, live) => {
                    Some(self.address_in_view(view, &table, tablet, key, &live)?)
                }
            };
            let existing = existing.map(|place| place.encode(self.generation));
            outcome.conflicts.push(Conflict { row, existing });
        }
        outcome.inserted = accepted.len() as u64;
        let all = accepted.len() == routed.keys.len();
        self.append(layout, &routed, (!all).then_some(accepted.as_slice()))?;
        self.add_entries(&entries, &accepted)?;
        Ok(outcome)
    }
}

impl Transaction {
    /// `LostRace` when the row that stands where an entry would is not in the snapshot.
    fn check_in_sight(&self, entries: &Entries, row: usize) -> Result<()> {
        match entries.committed(row) {
            Some((tablet, live)) if !self.began_by(tablet, live)? => {
                Err(lost_race("the row was inserted by a concurrent transaction"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn new_row_ids(core: &Core, rows: usize) -> Result<Int64Array> {
    let count = u64::try_from(rows).map_err(|_| Error::internal("too many rows in one batch"))?;
    let first = core.ids.row_ids(count);
    (first..first + count)
        .map(|id| i64::try_from(id).map(Some))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::internal("row ids are used up"))
}
