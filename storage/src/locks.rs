//! Locks on keys and tables, held by running transactions until their commit is visible.
//!
//! Must not know rows or files. Nobody waits in here: a lock that another transaction holds is refused with the
//! holder's id, and the caller may wait for that transaction's end.
//! Invariant: a key of a table is locked by one transaction at most, and by none while another one has the table exclusively.

use crate::layout::{Key, KeyHasher};
use base::id::{TableId, TabletId, TxnId};
use base::plant::{Flaw, planted};
use base::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::time::Duration;

const SHARDS: usize = 16;

/// Another transaction has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) by: TxnId,
}

/// Who may write to a table.
#[derive(Debug)]
enum TableLock {
    /// These transactions, each key by its own lock.
    Shared(BTreeSet<TxnId>),
    /// One alone, without locks on keys.
    Exclusive(TxnId),
}

type Shard = HashMap<(TabletId, Key), TxnId, KeyHasher>;

/// Order: `catalog`, `tables`, then one shard at a time; never two of them together.
#[derive(Debug)]
pub(crate) struct Locks {
    hasher: KeyHasher,
    shards: Vec<Mutex<Shard>>,
    tables: Mutex<HashMap<TableId, TableLock>>,
    catalog: Mutex<Option<TxnId>>,
    running: Mutex<BTreeSet<TxnId>>,
    ended: Condvar,
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Locks {
    pub(crate) fn new() -> Self {
        Self {
            hasher: KeyHasher::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            tables: Mutex::default(),
            catalog: Mutex::default(),
            running: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    pub(crate) fn start(&self, txn: TxnId) {
        guard(&self.running).insert(txn);
    }

    /// Announces the end of a transaction whose locks were released.
    pub(crate) fn end(&self, txn: TxnId) {
        guard(&self.running).remove(&txn);
        self.ended.notify_all();
    }

    /// Waits until `txn` has ended. False when the time ran out first.
    pub(crate) fn wait_for_end(&self, txn: TxnId, timeout: Duration) -> bool {
        let running = guard(&self.running);
        let (_running, outcome) = self
            .ended
            .wait_timeout_while(running, timeout, |running| running.contains(&txn))
            .unwrap_or_else(PoisonError::into_inner);
        !outcome.timed_out()
    }

    /// The right to write to a table, key by key. True when it was not held before.
    pub(crate) fn share_table(&self, txn: TxnId, table: TableId) -> Result<bool, Held> {
        let mut tables = guard(&self.tables);
        match tables.entry(table).or_insert_with(|| TableLock::Shared(BTreeSet::new())) {
            TableLock::Shared(holders) => Ok(holders.insert(txn)),
            TableLock::Exclusive(by) if *by == txn => Ok(false),
            TableLock::Exclusive(by) => Err(Held { by: *by }),
        }
    }

    /// The right to write to a table alone, from a shared or no right.
    pub(crate) fn take_table(&self, txn: TxnId, table: TableId) -> Result<(), Held> {
        let mut tables = guard(&self.tables);
        match tables.get(&table) {
            Some(TableLock::Shared(holders)) => {
                if let Some(by) = holders.iter().find(|h| **h != txn) {
                    return Err(Held { by: *by });
                }
            }
            Some(TableLock::Exclusive(by)) if *by != txn => return Err(Held { by: *by }),
            Some(TableLock::Exclusive(_)) | None => {}
        }
        tables.insert(table, TableLock::Exclusive(txn));
        Ok(())
    }

    pub(crate) fn release_table(&self, txn: TxnId, table: TableId) {
        let mut tables = guard(&self.tables);
        let empty = match tables.get_mut(&table) {
            Some(TableLock::Shared(holders)) => {
                holders.remove(&txn);
                holders.is_empty()
            }
            Some(TableLock::Exclusive(by)) => *by == txn,
            None => false,
        };
        if empty {
            tables.remove(&table);
        }
    }

    /// The right to change the catalog.
    pub(crate) fn take_catalog(&self, txn: TxnId) -> Result<(), Held> {
        let mut catalog = guard(&self.catalog);
        match *catalog {
            Some(by) if by != txn => Err(Held { by }),
            _ => {
                *catalog = Some(txn);
                Ok(())
            }
        }
    }

    pub(crate) fn release_catalog(&self, txn: TxnId) {
        let mut catalog = guard(&self.catalog);
        if *catalog == Some(txn) {
            *catalog = None;
        }
    }

    /// Locks a key. True when this transaction did not hold it before.
    pub(crate) fn take_key(&self, txn: TxnId, tablet: TabletId, key: &Key) -> Result<bool, Held> {
        let name = (tablet, key.clone());
        let Some(shard) = self.shard(&name) else { return Ok(false) };
        match guard(shard).entry(name) {
            Entry::Vacant(free) => {
                free.insert(txn);
                Ok(true)
            }
            Entry::Occupied(held) if *held.get() == txn || planted(Flaw::SkipLockCheck) => Ok(false),
            Entry::Occupied(held) => Err(Held { by: *held.get() }),
        }
    }

    pub(crate) fn release_keys(&self, keys: impl IntoIterator<Item = (TabletId, Key)>) {
        for name in keys {
            if let Some(shard) = self.shard(&name) {
                guard(shard).remove(&name);
            }
        }
    }

    /// Locks held on keys, for tests and checks of leaks.
    pub(crate) fn keys_held(&self) -> usize {
        self.shards.iter().map(|s| guard(s).len()).sum()
    }

    fn shard(&self, name: &(TabletId, Key)) -> Option<&Mutex<Shard>> {
        let hash = self.hasher.hash_one(name);
        let index = usize::try_from(hash % u64::try_from(SHARDS).unwrap_or(1)).unwrap_or(0);
        self.shards.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::{Held, Locks};
    use crate::layout::Key;
    use base::id::{TableId, TabletId, TxnId};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn a_key_has_one_holder_and_a_table_shared_or_one() {
        let locks = Locks::new();
        let (a, b) = (TxnId(1), TxnId(2));
        let key: Key = Arc::from([7_u8].as_slice());
        let (table, tablet) = (TableId(1), TabletId(2));
        assert_eq!(locks.share_table(a, table), Ok(true));
        assert_eq!(locks.share_table(b, table), Ok(true));
        assert_eq!(locks.take_table(a, table), Err(Held { by: b }));
        assert_eq!(locks.take_key(a, tablet, &key), Ok(true));
        assert_eq!(locks.take_key(a, tablet, &key), Ok(false));
        assert_eq!(locks.take_key(b, tablet, &key), Err(Held { by: a }));
        locks.release_keys([(tablet, key.clone())]);
        assert_eq!(locks.take_key(b, tablet, &key), Ok(true));
        locks.release_table(b, table);
        assert_eq!(locks.take_table(a, table), Ok(()));
        assert_eq!(locks.share_table(b, table), Err(Held { by: a }));
        assert_eq!(locks.keys_held(), 1);
    }

    #[test]
    fn waiting_ends_with_the_transaction_or_the_time() {
        let locks = Locks::new();
        locks.start(TxnId(1));
        assert!(!locks.wait_for_end(TxnId(1), Duration::from_millis(1)));
        locks.end(TxnId(1));
        assert!(locks.wait_for_end(TxnId(1), Duration::from_millis(1)));
    }
}
