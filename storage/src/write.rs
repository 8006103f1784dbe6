//! The writes of a transaction to rows that are there: update, delete; and what all writes share.
//!
//! Must not know the log. Order within each: check the rows, take the locks, probe the newest committed state,
//! then change the private state.

use crate::address::{PartNumber, Place};
use crate::checks::check_rows;
use crate::conflict::InsertMode;
use crate::format::{Origin, RowAddress};
use crate::layout::{Key, Layout};
use crate::memtable::NEVER;
use crate::private::{Part, PrivateTable};
use crate::routed::{Routed, by_tablet, route};
use crate::state::DatabaseState;
use crate::tablet::LiveRow;
use crate::transaction::{KilledRow, Transaction, lost_race};
use crate::view::{TableView, View};
use arrow::array::{Int64Array, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, TableId, TabletId};
use base::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An own row.
pub(crate) struct OwnRow {
    pub(crate) place: Place,
    /// The command that wrote it.
    pub(crate) begin: u64,
}

/// An existing row that a write addresses.
struct Target {
    place: Place,
    tablet: TabletId,
    key: Key,
}

impl Transaction {
    /// Kills the rows that an upsert changes; their keys are locked and they are alive.
    pub(crate) fn kill_replaced(&mut self, table: &TableView, rows: Vec<Replaced>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let private = self.private.table_or_new(table.layout.table());
        let mut dead = Vec::with_capacity(rows.len());
        for Replaced { place, key, live } in rows {
            match live {
                Some((tablet, live)) => self.note_killed(table, place, (tablet, key), &live, &mut dead)?,
                None => drop(self.kill_own(table, &private, place)?),
            }
        }
        dead.sort_unstable();
        private.kill_all(dead.into_iter(), self.command);
        Ok(())
    }

    /// What stands under the key of each row: an own row, a committed one that the transaction has not killed, or none.
    pub(crate) fn existing(&self, table: &TableView, routed: &Routed) -> Result<Vec<Existing>> {
        let newest = self.core.newest();
        let mut existing: Vec<Existing> = Vec::new();
        existing.resize_with(routed.keys.len(), || Existing::None);
        for (tablet, rows) in routed.by_tablet() {
            let keys: Vec<Key> = rows.iter().filter_map(|r| routed.keys.get(*r).cloned()).collect();
            let own = self.own_rows(table, tablet, &keys)?;
            let killed = self.killed.get(&tablet);
            let truncated = self.truncated.contains(&table.layout.table());
            let committed = match newest.tablet(tablet).filter(|_| !truncated) {
                Some(state) => state.live(&keys)?,
                None => vec![None; keys.len()],
            };
            for (((row, key), own), live) in rows.iter().zip(&keys).zip(own).zip(committed) {
                let live = live.filter(|_| killed.is_none_or(|k| !k.contains_key(key)));
                if let Some(place) = existing.get_mut(*row) {
                    *place = match (own, live) {
                        (Some(own), _) => Existing::Own(own),
                        (None, Some(live)) => Existing::Committed(tablet, live),
                        (None, None) => Existing::None,
                    };
                }
            }
        }
        Ok(existing)
    }

    /// The own live row of each key.
    fn own_rows(&self, table: &TableView, tablet: TabletId, keys: &[Key]) -> Result<Vec<Option<OwnRow>>> {
        let mut found: Vec<Option<OwnRow>> = Vec::new();
        found.resize_with(keys.len(), || None);
        let mut sorted: Vec<usize> = (0..keys.len()).collect();
        sorted.sort_by(|a, b| keys.get(*a).cmp(&keys.get(*b)));
        for (number, part) in table.own.iter().enumerate().filter(|(_, p)| p.tablet == tablet) {
            let number = PartNumber::own(number)?;
            match &part.part {
                Part::Memtable(memtable) => {
                    for (key, place) in keys.iter().zip(&mut found) {
                        if let Some(version) = memtable.newest(key).filter(|v| v.end == NEVER) {
                            let at = Place { part: number, row: version.row };
                            *place = Some(OwnRow { place: at, begin: version.begin });
                        }
                    }
                }
                Part::Segment(run) => {
                    let wanted: Vec<&[u8]> =
                        sorted.iter().filter_map(|i| keys.get(*i)).map(|k| k.as_ref()).collect();
                    for (index, row) in sorted.iter().zip(run.find(&wanted, None)?) {
                        let row = row.filter(|(o, _)| {
                            table.private.as_ref().is_none_or(|p| p.killer(run.id().0, *o).is_none())
                        });
                        let Some((ordinal, bound)) = row else { continue };
                        let current = bound.0 >= u64::from(self.command.0);
                        let begin = if current { run.begin(ordinal)? } else { bound };
                        if let Some(place) = found.get_mut(*index) {
                            *place =
                                Some(OwnRow { place: Place { part: number, row: ordinal }, begin: begin.0 });
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// Where the view has a committed row. `LostRace` when it began after the snapshot.
    pub(crate) fn address_in_view(
        &self,
        view: &View,
        table: &TableView,
        tablet: TabletId,
        key: &Key,
        live: &LiveRow,
    ) -> Result<Place> {
        let in_view = |address: &RowAddress| {
            let (id, row) = part_of(address);
            let index = table.committed.iter().position(|p| p.part.id() == id)?;
            PartNumber::committed(index).ok().map(|part| Place { part, row })
        };
        if !self.began_by(tablet, live)? {
            return Err(lost_race("the row was inserted by a concurrent transaction"));
        }
        if let Some(place) = in_view(&live.address) {
            return Ok(place);
        }
        // A flush moved it since the snapshot: the view has it elsewhere.
        let state = view.pinned.state.tablet(tablet);
        let old = match state {
            Some(state) => state.live_at(std::slice::from_ref(key), view.ts())?.pop().flatten(),
            None => None,
        };
        let missing = || lost_race("the row was inserted by a concurrent transaction");
        old.and_then(|old| in_view(&old.address)).ok_or_else(missing)
    }

    /// Whether a row that lives now began at or before the snapshot.
    pub(crate) fn began_by(&self, tablet: TabletId, live: &LiveRow) -> Result<bool> {
        if live.begin <= self.pinned.ts() {
            return Ok(true);
        }
        match live.address {
            RowAddress::Memtable { .. } => Ok(false),
            RowAddress::Segment { reference, ordinal } => {
                let newest = self.core.newest();
                match newest.tablet(tablet).and_then(|t| t.reference(reference)) {
                    Some(reference) => Ok(reference.begin(ordinal)? <= self.pinned.ts()),
                    None => Ok(false),
                }
            }
        }
    }

    /// Puts rows (all, or those at `chosen` positions) into the private memtables of their tablets.
    pub(crate) fn append(
        &mut self,
        layout: &Arc<Layout>,
        routed: &Routed,
        chosen: Option<&[u32]>,
    ) -> Result<()> {
        let chosen_rows: Vec<usize> = match chosen {
            None => (0..routed.keys.len()).collect(),
            Some(rows) => rows.iter().filter_map(|r| usize::try_from(*r).ok()).collect(),
        };
        let mut groups: BTreeMap<TabletId, Vec<usize>> = BTreeMap::new();
        for row in chosen_rows {
            if let Some(tablet) = routed.tablets.get(row) {
                groups.entry(*tablet).or_default().push(row);
            }
        }
        for (tablet, rows) in groups {
            let keys: Vec<Key> = rows.iter().filter_map(|r| routed.keys.get(*r).cloned()).collect();
            let batch = if rows.len() == routed.rows.num_rows() {
                routed.rows.clone()
            } else {
                let places: UInt32Array = rows.iter().map(|r| u32::try_from(*r).ok()).collect();
                take_record_batch(&routed.rows, &places)
                    .map_err(|e| Error::internal(format!("split rows: {e}")))?
            };
            // A row whose key the transaction kills later would be a second one of that key: this is known by now.
            let killed = self.killed.get(&tablet);
            let origin = |key: &Key| Origin::replacing(killed.is_some_and(|k| k.contains_key(key)));
            let origins: Vec<Origin> = keys.iter().map(origin).collect();
            let memtable = self.private_memtable(layout.table(), tablet);
            memtable.append(&batch, keys, &origins, u64::from(self.command.0))?;
        }
        Ok(())
    }

    pub(crate) fn try_update(&mut self, table: TableId, addresses: &[u64], rows: &RecordBatch) -> Result<()> {
        self.check_usable()?;
        if addresses.len() != rows.num_rows() {
            return Err(Error::internal("as many rows as addresses are needed to update"));
        }
        let view = self.current_view();
        let layout = view.layout(table)?;
        check_rows(&layout, rows)?;
        if addresses.is_empty() {
            return Ok(());
        }
        let table_view = view.table(table)?;
        let places = self.places(addresses)?;
        let row_ids = if layout.has_row_id() {
            layout_row_ids(&table_view.fetch(&places, &layout.key_columns())?)
        } else {
            None
        };
        let keyed = row_ids.is_none();
        let routed = route(&layout, layout.store(rows, row_ids)?)?;
        self.lock_table_shared(&layout)?;
        let targets = self.lock_targets(&layout, &table_view, places)?;
        let killed = self.kill(&table_view, &targets)?;
        if killed != targets.len() {
            return Err(Error::new(ErrorKind::Cardinality, "a row cannot be changed twice by one command"));
        }
        let ended: Vec<Place> = targets.iter().map(|target| target.place).collect();
        self.end_entries(&view, &table_view, &ended)?;
        if keyed || !layout.def().unique.is_empty() {
            self.insert_routed(&layout, &view, routed, InsertMode::Error)?;
        } else {
            self.append(&layout, &routed, None)?;
        }
        self.note_changed(&table_view, &ended, rows)?;
        self.stage_when_large(true)
    }

    pub(crate) fn try_delete(&mut self, table: TableId, addresses: &[u64]) -> Result<u64> {
        self.check_usable()?;
        let view = self.current_view();
        let layout = view.layout(table)?;
        let table_view = view.table(table)?;
        let mut places = self.places(addresses)?;
        places.sort_unstable();
        places.dedup();
        if places.is_empty() {
            return Ok(0);
        }
        self.lock_table_shared(&layout)?;
        let targets = self.lock_targets(&layout, &table_view, places)?;
        let killed = self.kill(&table_view, &targets)?;
        let ended: Vec<Place> = targets.iter().map(|target| target.place).collect();
        self.end_entries(&view, &table_view, &ended)?;
        self.note_deleted(&table_view, &ended)?;
        Ok(killed as u64)
    }

    pub(crate) fn fetch_rows(&self, table: TableId, addresses: &[u64]) -> Result<RecordBatch> {
        let view = self.current_view();
        let table = view.table(table)?;
        let columns: Vec<ColumnId> = table.layout.def().columns.iter().map(|c| c.id).collect();
        table.fetch(&self.places(addresses)?, &columns)
    }

    fn places(&self, addresses: &[u64]) -> Result<Vec<Place>> {
        addresses.iter().map(|a| Place::decode(*a, self.generation)).collect()
    }

    /// Keys and tablets of rows to change, locked.
    fn lock_targets(
        &mut self,
        layout: &Arc<Layout>,
        table: &TableView,
        places: Vec<Place>,
    ) -> Result<Vec<Target>> {
        let keys = layout.keys_of(table.fetch(&places, &layout.key_columns())?.columns())?;
        let mut targets = Vec::with_capacity(places.len());
        for (place, key) in places.into_iter().zip(keys) {
            targets.push(Target { place, tablet: table.part(place.part)?.tablet, key });
        }
        self.lock_keys(layout.table(), targets.iter().map(|t| (t.tablet, t.key.clone())))?;
        Ok(targets)
    }

    /// Kills rows whose keys are locked. Returns how many were alive; `LostRace` when a commit after the snapshot
    /// changed one.
    fn kill(&mut self, table: &TableView, targets: &[Target]) -> Result<usize> {
        let newest = self.core.newest();
        let private = self.private.table_or_new(table.layout.table());
        let (mut killed, mut dead) = (0, Vec::new());
        let tablets: Vec<TabletId> = targets.iter().map(|t| t.tablet).collect();
        for (tablet, indexes) in by_tablet(&tablets) {
            let targets: Vec<&Target> = indexes.iter().filter_map(|i| targets.get(*i)).collect();
            let (own, committed): (Vec<&Target>, Vec<&Target>) =
                targets.into_iter().partition(|t| matches!(t.place.part, PartNumber::Own(_)));
            for target in own {
                killed += usize::from(self.kill_own(table, &private, target.place)?);
            }
            let keys: Vec<Key> = committed.iter().map(|t| t.key.clone()).collect();
            let live = match newest.tablet(tablet) {
                Some(state) => state.live(&keys)?,
                None => vec![None; keys.len()],
            };
            for (target, live) in committed.into_iter().zip(live) {
                let gone = || lost_race("the row was changed or deleted by a concurrent transaction");
                if self.killed.get(&tablet).is_some_and(|k| k.contains_key(&target.key)) {
                    continue;
                }
                let live = live.ok_or_else(gone)?;
                if !self.began_by(tablet, &live)? {
                    return Err(gone());
                }
                let name = (tablet, target.key.clone());
                self.note_killed(table, target.place, name, &live, &mut dead)?;
                killed += 1;
            }
        }
        dead.sort_unstable();
        private.kill_all(dead.into_iter(), self.command);
        Ok(killed)
    }

    /// Kills an own row. False when it was dead.
    fn kill_own(&self, table: &TableView, private: &PrivateTable, place: Place) -> Result<bool> {
        Ok(match &table.part(place.part)?.part {
            Part::Memtable(memtable) => {
                let alive = memtable.version(place.row)?.end == NEVER;
                if alive {
                    memtable.kill(place.row, u64::from(self.command.0))?;
                }
                alive
            }
            Part::Segment(run) => private.kill(run.id().0, place.row, self.command),
        })
    }

    /// Notes a committed row that is `live` now and stands at `place` in the view as killed; `dead` takes its part
    /// and row.
    fn note_killed(
        &mut self,
        table: &TableView,
        place: Place,
        (tablet, key): (TabletId, Key),
        live: &LiveRow,
        dead: &mut Vec<(u64, u32)>,
    ) -> Result<()> {
        let (id, row) = part_of(&live.address);
        dead.push((id, row));
        let seen = table.part(place.part)?.part.id();
        if seen != id {
            // Views of this snapshot have the row where it was before a flush.
            dead.push((seen, place.row));
        }
        let row = KilledRow { address: live.address, command: self.command };
        self.killed.entry(tablet).or_default().insert(key, row);
        Ok(())
    }

    /// After a flush moved rows: finds those that this transaction killed where they are in a newer state.
    pub(crate) fn find_killed_again(&mut self, state: &DatabaseState) -> Result<()> {
        for (tablet, killed) in &mut self.killed {
            let Some(tablet) = state.tablet(*tablet) else { continue };
            let moved: Vec<Key> = killed
                .iter()
                .filter(|(_, row)| !tablet.has(&row.address))
                .map(|(key, _)| key.clone())
                .collect();
            if moved.is_empty() {
                continue;
            }
            let private = self.private.table_or_new(tablet.table());
            for (key, live) in moved.iter().zip(tablet.live(&moved)?) {
                let live = live.ok_or_else(|| Error::internal("a locked row is gone"))?;
                if let Some(row) = killed.get_mut(key) {
                    row.address = live.address;
                    let (id, number) = part_of(&live.address);
                    private.kill(id, number, row.command);
                }
            }
        }
        Ok(())
    }
}

/// A row that an upsert changes.
pub(crate) struct Replaced {
    /// In the view.
    pub(crate) place: Place,
    pub(crate) key: Key,
    /// Where a committed row lives now; None for an own one.
    pub(crate) live: Option<(TabletId, LiveRow)>,
}

/// What stands under a key.
pub(crate) enum Existing {
    None,
    Own(OwnRow),
    Committed(TabletId, LiveRow),
}

/// Id of the part and row within it.
pub(crate) fn part_of(address: &RowAddress) -> (u64, u32) {
    match address {
        RowAddress::Memtable { memtable, number } => (memtable.0, *number),
        RowAddress::Segment { reference, ordinal } => (reference.0, *ordinal),
    }
}

fn layout_row_ids(keys: &RecordBatch) -> Option<Int64Array> {
    use arrow::array::AsArray;
    keys.columns().first().map(|c| c.as_primitive().clone())
}
