//! What a running transaction wrote and nobody else sees: rows in private memtables and staged runs, and the
//! committed rows that it killed. Stamps are command numbers.
//!
//! Must not know locks or the commit. Shared with the transaction's views, which look at it through their command:
//! a view of command c sees what commands before c did, whatever c itself does meanwhile.
//! Invariant: the number of a part never changes while the transaction runs.

use crate::memtable::Memtable;
use crate::tablet::Reference;
use base::id::{CommandNumber, TableId, TabletId};
use base::{Error, Result};
use catalog::TableDef;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A place that holds rows.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Memtable(Arc<Memtable>),
    Segment(Arc<Reference>),
}

impl Part {
    /// Unique among all parts of a database and its transactions.
    pub(crate) fn id(&self) -> u64 {
        match self {
            Part::Memtable(memtable) => memtable.id().0,
            Part::Segment(reference) => reference.id().0,
        }
    }
}

/// A part that belongs to a tablet.
#[derive(Clone, Debug)]
pub(crate) struct TabletPart {
    pub(crate) tablet: TabletId,
    pub(crate) part: Part,
}

/// Rows of segments and of committed memtables that the transaction killed: per part, row and command.
type Dead = HashMap<u64, BTreeMap<u32, u32>>;

/// A transaction's writes to one table.
#[derive(Debug, Default)]
pub(crate) struct PrivateTable {
    /// In order of creation; never removed while the transaction runs.
    parts: RwLock<Vec<TabletPart>>,
    dead: RwLock<Dead>,
    /// The command that ended all committed rows; 0 for none.
    truncated: AtomicU32,
    /// Whether rows that are not here come with the commit.
    sealed: AtomicBool,
}

impl PrivateTable {
    pub(crate) fn parts(&self) -> Vec<TabletPart> {
        self.read_parts().clone()
    }

    pub(crate) fn add(&self, part: TabletPart) {
        self.parts.write().unwrap_or_else(PoisonError::into_inner).push(part);
    }

    /// Notes that `command` killed a row. False when it was dead before.
    pub(crate) fn kill(&self, part: u64, row: u32, command: CommandNumber) -> bool {
        match self.write_dead().entry(part).or_default().entry(row) {
            Entry::Occupied(_) => false,
            Entry::Vacant(alive) => {
                alive.insert(command.0);
                true
            }
        }
    }

    /// Notes that `command` killed rows; those that were dead before stay as they are.
    pub(crate) fn kill_all(&self, rows: impl Iterator<Item = (u64, u32)>, command: CommandNumber) {
        let mut dead = self.write_dead();
        for (part, row) in rows {
            dead.entry(part).or_default().entry(row).or_insert(command.0);
        }
    }

    /// The command that killed a row.
    pub(crate) fn killer(&self, part: u64, row: u32) -> Option<CommandNumber> {
        self.read_dead().get(&part).and_then(|rows| rows.get(&row)).map(|c| CommandNumber(*c))
    }

    /// Rows of a part that commands up to `stamp` killed, in order.
    pub(crate) fn dead_at(&self, part: u64, stamp: u32) -> Vec<u32> {
        let dead = self.read_dead();
        let Some(rows) = dead.get(&part) else { return Vec::new() };
        rows.iter().filter(|(_, command)| **command <= stamp).map(|(row, _)| *row).collect()
    }

    /// Rows of a part that the transaction killed.
    pub(crate) fn dead(&self, part: u64) -> Vec<u32> {
        self.dead_at(part, u32::MAX)
    }

    /// Whether commands up to `stamp` ended all committed rows.
    pub(crate) fn is_truncated_at(&self, stamp: u32) -> bool {
        let command = self.truncated.load(Ordering::Acquire);
        command != 0 && command <= stamp
    }

    /// 0A000 when rows that are not here come with the commit, so that nothing can be said of the table before.
    pub(crate) fn check_open(&self, def: &TableDef) -> Result<()> {
        if !self.sealed.load(Ordering::Acquire) {
            return Ok(());
        }
        let message =
            format!("table \"{}\" cannot be used in the transaction that makes it a copy", def.name);
        Err(Error::unsupported(message).with_hint("commit first"))
    }

    fn read_parts(&self) -> RwLockReadGuard<'_, Vec<TabletPart>> {
        self.parts.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_dead(&self) -> RwLockReadGuard<'_, Dead> {
        self.dead.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_dead(&self) -> RwLockWriteGuard<'_, Dead> {
        self.dead.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction's writes.
#[derive(Debug, Default)]
pub(crate) struct Private {
    tables: RwLock<HashMap<TableId, Arc<PrivateTable>>>,
}

impl Private {
    pub(crate) fn table(&self, table: TableId) -> Option<Arc<PrivateTable>> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner).get(&table).cloned()
    }

    pub(crate) fn table_or_new(&self, table: TableId) -> Arc<PrivateTable> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tables.entry(table).or_default())
    }

    /// Notes that `command` ended all committed rows of a table.
    pub(crate) fn truncate(&self, table: TableId, command: CommandNumber) {
        self.table_or_new(table).truncated.store(command.0, Ordering::Release);
    }

    /// Notes that rows of a table come with the commit.
    pub(crate) fn seal(&self, table: TableId) {
        self.table_or_new(table).sealed.store(true, Ordering::Release);
    }

    pub(crate) fn forget(&self, table: TableId) {
        self.tables.write().unwrap_or_else(PoisonError::into_inner).remove(&table);
    }

    pub(crate) fn tables(&self) -> Vec<(TableId, Arc<PrivateTable>)> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<_> = tables.iter().map(|(id, table)| (*id, Arc::clone(table))).collect();
        list.sort_by_key(|(id, _)| *id);
        list
    }
}
