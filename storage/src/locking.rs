//! The locks that a transaction takes before it writes.
//!
//! Must not know rows. Invariant: what is taken stands in `held` until the transaction ends.

use crate::layout::{Key, Layout};
use crate::locks::Hold;
use crate::transaction::{Transaction, lost_race};
use crate::view::missing_table;
use base::id::{TableId, TabletId};
use base::{ErrorKind, Result};

/// Keys of one table that a transaction locks one by one; above it the table is locked.
const KEY_LOCKS_MAX: usize = 100_000;

impl Transaction {
    /// The right to write to a table that is still the one this transaction sees.
    pub(crate) fn lock_table_shared(&mut self, layout: &Layout) -> Result<()> {
        self.lock_table(layout, Hold::WriteKeys)
    }

    /// The right to keep keys of such a table from going.
    pub(crate) fn lock_table_kept(&mut self, layout: &Layout) -> Result<()> {
        self.lock_table(layout, Hold::KeepKeys)
    }

    fn lock_table(&mut self, layout: &Layout, wanted: Hold) -> Result<()> {
        let table = layout.table();
        if let Some(private) = self.private.table(table) {
            private.check_open(layout.def())?;
        }
        let before = self.held.tables.get(&table).copied();
        if before.is_some_and(|before| before.and(wanted) == before) {
            return Ok(());
        }
        self.hold_table(table, wanted)?;
        if before.is_some() {
            return Ok(());
        }
        self.check_still_seen(table)
    }

    /// `LostRace` when a commit behind the snapshot made a locked table another one.
    pub(crate) fn check_still_seen(&self, table: TableId) -> Result<()> {
        let newest = self.core.newest();
        let (newest, seen) = (newest.catalog(), self.pinned.state.catalog());
        match (newest.table(table), seen.table(table)) {
            (None, Some(_)) => return Err(missing_table(table).with_kind(ErrorKind::LostRace)),
            (Some(now), Some(mine)) if !now.takes_rows_of(mine) => {
                return Err(lost_race("the table was changed by a concurrent transaction"));
            }
            _ => {}
        }
        let referring = newest.references_to(table).map(|(_, key)| key.oid);
        if !referring.eq(seen.references_to(table).map(|(_, key)| key.oid)) {
            return Err(lost_race("a foreign key to the table was changed by a concurrent transaction"));
        }
        Ok(())
    }

    /// A right to a table. Locks on its keys end where they are not needed any more.
    pub(crate) fn hold_table(&mut self, table: TableId, wanted: Hold) -> Result<()> {
        let taken = self.core.locks.take_table(self.id, table, wanted);
        let hold = self.unless_held(taken)?;
        self.held.tables.insert(table, hold);
        if hold == Hold::All
            && let Some(keys) = self.held.keys.remove(&table)
        {
            self.core.locks.release_keys(self.id, keys);
        }
        Ok(())
    }

    /// Whether nobody else has a right to a table.
    pub(crate) fn holds_all(&self, table: TableId) -> bool {
        self.held.tables.get(&table) == Some(&Hold::All)
    }

    /// Locks keys in order, to write them; many of them become a lock on the table.
    pub(crate) fn lock_keys(
        &mut self,
        table: TableId,
        keys: impl Iterator<Item = (TabletId, Key)>,
    ) -> Result<()> {
        if self.holds_all(table) {
            return Ok(());
        }
        let wanted = in_order(keys);
        if self.are_too_many(table, wanted.len()) {
            return self.hold_table(table, Hold::All);
        }
        for (tablet, key) in wanted {
            let taken = self.core.locks.take_key(self.id, tablet, &key);
            if self.unless_held(taken)? {
                self.held.keys.entry(table).or_default().push((tablet, key));
            }
        }
        Ok(())
    }

    /// Locks keys in order, so that they stay as they are; many of them become a lock on the table.
    pub(crate) fn keep_keys(
        &mut self,
        table: TableId,
        keys: impl Iterator<Item = (TabletId, Key)>,
    ) -> Result<()> {
        if self.held.tables.get(&table).is_some_and(|hold| hold.keeps_all()) {
            return Ok(());
        }
        let wanted = in_order(keys);
        if self.are_too_many(table, wanted.len()) {
            return self.hold_table(table, Hold::KeepAll);
        }
        for (tablet, key) in wanted {
            let taken = self.core.locks.keep_key(self.id, tablet, &key);
            if self.unless_held(taken)? {
                self.held.keys.entry(table).or_default().push((tablet, key));
            }
        }
        Ok(())
    }

    fn are_too_many(&self, table: TableId, more: usize) -> bool {
        self.held.keys.get(&table).map_or(0, Vec::len).saturating_add(more) > KEY_LOCKS_MAX
    }
}

fn in_order(keys: impl Iterator<Item = (TabletId, Key)>) -> Vec<(TabletId, Key)> {
    let mut wanted: Vec<(TabletId, Key)> = keys.collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}
