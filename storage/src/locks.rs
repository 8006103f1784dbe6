//! Locks on keys and tables, held by running transactions until their commit is visible.
//!
//! Must not know rows or files. Nobody waits in here: a lock that another transaction holds is refused with the
//! holder's id, and the caller may wait for that transaction's end.
//! Invariants: a key of a table is held by one transaction, or by some that all only need it to stay; and only under a hold
//! of its table. Holds of one table by different transactions do not conflict.

use crate::layout::{Key, KeyHasher};
use base::id::{TableId, TabletId, TxnId};
use base::plant::{Flaw, planted};
use base::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::time::Duration;

const SHARDS: usize = 16;

/// Another transaction has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) by: TxnId,
}

/// What a transaction may do with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Keep keys from going, each by its own lock.
    KeepKeys,
    /// Write rows, each key by its own lock.
    WriteKeys,
    /// Keep every key from going: nobody writes.
    KeepAll,
    /// Write alone, without locks on keys.
    All,
}

impl Hold {
    /// Whether two transactions cannot have these at a time.
    fn conflicts(self, other: Hold) -> bool {
        match (self, other) {
            (Hold::All, _) | (_, Hold::All) => true,
            (Hold::KeepAll, Hold::WriteKeys) | (Hold::WriteKeys, Hold::KeepAll) => true,
            (Hold::KeepKeys | Hold::WriteKeys, Hold::KeepKeys | Hold::WriteKeys)
            | (Hold::KeepAll | Hold::KeepKeys, Hold::KeepAll)
            | (Hold::KeepAll, Hold::KeepKeys) => false,
        }
    }

    /// The least that gives the rights of both.
    pub(crate) fn and(self, other: Hold) -> Hold {
        match (self, other) {
            (one, two) if one == two => one,
            (Hold::KeepKeys, other) | (other, Hold::KeepKeys) => other,
            (Hold::WriteKeys | Hold::KeepAll | Hold::All, _) => Hold::All,
        }
    }

    /// Whether it comes without locks on keys to keep.
    pub(crate) fn keeps_all(self) -> bool {
        matches!(self, Hold::KeepAll | Hold::All)
    }
}

/// Who has a key.
#[derive(Debug)]
enum KeyLock {
    /// It may be written.
    Written(TxnId),
    /// It stays as long as one of these runs; at least one.
    Kept(Vec<TxnId>),
}

impl KeyLock {
    /// Somebody else who has it.
    fn other(&self, txn: TxnId) -> Option<TxnId> {
        match self {
            KeyLock::Written(by) => Some(*by).filter(|by| *by != txn),
            KeyLock::Kept(holders) => holders.iter().copied().find(|by| *by != txn),
        }
    }

    fn is_held_by(&self, txn: TxnId) -> bool {
        match self {
            KeyLock::Written(by) => *by == txn,
            KeyLock::Kept(holders) => holders.contains(&txn),
        }
    }
}

type Shard = HashMap<(TabletId, Key), KeyLock, KeyHasher>;

/// Order: `catalog`, `tables`, then one shard at a time; never two of them together.
#[derive(Debug)]
pub(crate) struct Locks {
    hasher: KeyHasher,
    shards: Vec<Mutex<Shard>>,
    tables: Mutex<HashMap<TableId, BTreeMap<TxnId, Hold>>>,
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

    /// A right to a table beside those that the transaction has; what it has now.
    pub(crate) fn take_table(&self, txn: TxnId, table: TableId, wanted: Hold) -> Result<Hold, Held> {
        let mut tables = guard(&self.tables);
        let holders = tables.entry(table).or_default();
        let wanted = holders.get(&txn).map_or(wanted, |mine| mine.and(wanted));
        if let Some((by, _)) = holders.iter().find(|(by, hold)| **by != txn && wanted.conflicts(**hold)) {
            return Err(Held { by: *by });
        }
        holders.insert(txn, wanted);
        Ok(wanted)
    }

    pub(crate) fn release_table(&self, txn: TxnId, table: TableId) {
        let mut tables = guard(&self.tables);
        let Some(holders) = tables.get_mut(&table) else { return };
        holders.remove(&txn);
        if holders.is_empty() {
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

    /// Locks a key to write it. True when this transaction did not hold it before.
    pub(crate) fn take_key(&self, txn: TxnId, tablet: TabletId, key: &Key) -> Result<bool, Held> {
        let name = (tablet, key.clone());
        let Some(shard) = self.shard(&name) else { return Ok(false) };
        match guard(shard).entry(name) {
            Entry::Vacant(free) => {
                free.insert(KeyLock::Written(txn));
                Ok(true)
            }
            Entry::Occupied(mut held) => match held.get().other(txn) {
                Some(_) if planted(Flaw::SkipLockCheck) => Ok(false),
                Some(by) => Err(Held { by }),
                None => {
                    held.insert(KeyLock::Written(txn));
                    Ok(false)
                }
            },
        }
    }

    /// Locks a key so that nobody else writes it; others may keep it too. True when this transaction did not hold it
    /// before.
    pub(crate) fn keep_key(&self, txn: TxnId, tablet: TabletId, key: &Key) -> Result<bool, Held> {
        let name = (tablet, key.clone());
        let Some(shard) = self.shard(&name) else { return Ok(false) };
        match guard(shard).entry(name) {
            Entry::Vacant(free) => {
                free.insert(KeyLock::Kept(vec![txn]));
                Ok(true)
            }
            Entry::Occupied(mut held) => match held.get_mut() {
                lock if lock.is_held_by(txn) => Ok(false),
                KeyLock::Written(by) => Err(Held { by: *by }),
                KeyLock::Kept(holders) => {
                    holders.push(txn);
                    Ok(true)
                }
            },
        }
    }

    pub(crate) fn release_keys(&self, txn: TxnId, keys: impl IntoIterator<Item = (TabletId, Key)>) {
        for name in keys {
            let Some(shard) = self.shard(&name) else { continue };
            if let Entry::Occupied(mut held) = guard(shard).entry(name) {
                if let KeyLock::Kept(holders) = held.get_mut() {
                    holders.retain(|by| *by != txn);
                    if !holders.is_empty() {
                        continue;
                    }
                }
                held.remove();
            }
        }
    }

    /// Keys that are locked, for tests and checks of leaks.
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
    use super::{Held, Hold, Locks};
    use crate::layout::Key;
    use base::id::{TableId, TabletId, TxnId};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn a_key_has_one_writer_and_a_table_many_or_one() {
        let locks = Locks::new();
        let (a, b) = (TxnId(1), TxnId(2));
        let key: Key = Arc::from([7_u8].as_slice());
        let (table, tablet) = (TableId(1), TabletId(2));
        assert_eq!(locks.take_table(a, table, Hold::WriteKeys), Ok(Hold::WriteKeys));
        assert_eq!(locks.take_table(b, table, Hold::WriteKeys), Ok(Hold::WriteKeys));
        assert_eq!(locks.take_table(a, table, Hold::All), Err(Held { by: b }));
        assert_eq!(locks.take_key(a, tablet, &key), Ok(true));
        assert_eq!(locks.take_key(a, tablet, &key), Ok(false));
        assert_eq!(locks.take_key(b, tablet, &key), Err(Held { by: a }));
        locks.release_keys(a, [(tablet, key.clone())]);
        assert_eq!(locks.take_key(b, tablet, &key), Ok(true));
        locks.release_table(b, table);
        assert_eq!(locks.take_table(a, table, Hold::All), Ok(Hold::All));
        assert_eq!(locks.take_table(b, table, Hold::WriteKeys), Err(Held { by: a }));
        assert_eq!(locks.take_table(b, table, Hold::KeepKeys), Err(Held { by: a }));
        assert_eq!(locks.keys_held(), 1);
    }

    #[test]
    fn a_key_that_some_keep_is_written_by_none() {
        let locks = Locks::new();
        let (a, b, c) = (TxnId(1), TxnId(2), TxnId(3));
        let key: Key = Arc::from([7_u8].as_slice());
        let tablet = TabletId(2);
        let keys = || [(tablet, key.clone())];
        assert_eq!(locks.keep_key(a, tablet, &key), Ok(true));
        assert_eq!(locks.keep_key(a, tablet, &key), Ok(false));
        assert_eq!(locks.keep_key(b, tablet, &key), Ok(true));
        assert_eq!(locks.take_key(c, tablet, &key), Err(Held { by: a }));
        assert_eq!(locks.take_key(a, tablet, &key), Err(Held { by: b }));
        locks.release_keys(b, keys());
        // Who alone keeps a key may come to write it, and then nobody keeps it beside.
        assert_eq!(locks.take_key(a, tablet, &key), Ok(false));
        assert_eq!(locks.keep_key(a, tablet, &key), Ok(false));
        assert_eq!(locks.keep_key(b, tablet, &key), Err(Held { by: a }));
        locks.release_keys(a, keys());
        assert_eq!(locks.take_key(c, tablet, &key), Ok(true));
        locks.release_keys(c, keys());
        assert_eq!(locks.keys_held(), 0);
    }

    #[test]
    fn who_keeps_all_keys_of_a_table_keeps_writers_out() {
        let locks = Locks::new();
        let (a, b) = (TxnId(1), TxnId(2));
        let table = TableId(1);
        assert_eq!(locks.take_table(a, table, Hold::KeepAll), Ok(Hold::KeepAll));
        assert_eq!(locks.take_table(b, table, Hold::KeepKeys), Ok(Hold::KeepKeys));
        assert_eq!(locks.take_table(b, table, Hold::WriteKeys), Err(Held { by: a }));
        assert_eq!(locks.take_table(b, table, Hold::KeepAll), Ok(Hold::KeepAll));
        // To write beside is to have the table alone.
        assert_eq!(locks.take_table(a, table, Hold::WriteKeys), Err(Held { by: b }));
        locks.release_table(b, table);
        assert_eq!(locks.take_table(a, table, Hold::WriteKeys), Ok(Hold::All));
        locks.release_table(a, table);
        assert_eq!(locks.take_table(b, table, Hold::All), Ok(Hold::All));
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
