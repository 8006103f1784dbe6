//! The locks that a transaction takes before it writes.
//!
//! Must not know rows. Invariant: what is taken stands in `held` until the transaction ends.

use crate::layout::{Key, Layout};
use crate::transaction::{Transaction, lost_race};
use crate::view::missing_table;
use base::id::{TableId, TabletId};
use base::{ErrorKind, Result};

/// Keys of one table that a transaction locks one by one; above it the table is locked.
const KEY_LOCKS_MAX: usize = 100_000;

impl Transaction {
    /// The right to write to a table that is still the one this transaction sees.
    pub(crate) fn lock_table_shared(&mut self, layout: &Layout) -> Result<()> {
        let table = layout.table();
        if let Some(private) = self.private.table(table) {
            private.check_open(layout.def())?;
        }
        if self.held.shared.contains(&table) || self.held.exclusive.contains(&table) {
            return Ok(());
        }
        let taken = self.core.locks.share_table(self.id, table);
        self.unless_held(taken)?;
        self.held.shared.insert(table);
        let newest = self.core.newest();
        let committed = newest.catalog().table(table);
        let mine = self.pinned.state.catalog().table(table);
        match (committed, mine) {
            (None, Some(_)) => Err(missing_table(table).with_kind(ErrorKind::LostRace)),
            (Some(now), Some(mine)) if !now.takes_rows_of(mine) => {
                Err(lost_race("the table was changed by a concurrent transaction"))
            }
            _ => Ok(()),
        }
    }

    /// Locks keys in order; many of them become a lock on the table.
    pub(crate) fn lock_keys(
        &mut self,
        table: TableId,
        keys: impl Iterator<Item = (TabletId, Key)>,
    ) -> Result<()> {
        if self.held.exclusive.contains(&table) {
            return Ok(());
        }
        let mut wanted: Vec<(TabletId, Key)> = keys.collect();
        wanted.sort_unstable();
        wanted.dedup();
        let before = self.held.keys.get(&table).map_or(0, Vec::len);
        if before.saturating_add(wanted.len()) > KEY_LOCKS_MAX {
            let taken = self.core.locks.take_table(self.id, table);
            self.unless_held(taken)?;
            self.held.shared.remove(&table);
            self.held.exclusive.insert(table);
            if let Some(keys) = self.held.keys.remove(&table) {
                self.core.locks.release_keys(keys);
            }
            return Ok(());
        }
        for (tablet, key) in wanted {
            let taken = self.core.locks.take_key(self.id, tablet, &key);
            if self.unless_held(taken)? {
                self.held.keys.entry(table).or_default().push((tablet, key));
            }
        }
        Ok(())
    }
}
