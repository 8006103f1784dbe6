//! The tablets of a state by id. A copy shares with its original what neither of them changes.
//!
//! Must not know what is in a tablet. Invariant: a tablet is in the shard that its id says, and nowhere else.

use crate::tablet::TabletState;
use base::id::TabletId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// About the root of many tablets: a change copies the list of shards and one shard.
const SHARDS: u64 = 128;

type Shard = BTreeMap<TabletId, Arc<TabletState>>;

/// A map that is cheap to copy and to change a copy of.
#[derive(Clone, Debug)]
pub(crate) struct Tablets {
    shards: Vec<Arc<Shard>>,
}

impl Default for Tablets {
    fn default() -> Self {
        let empty = Arc::<Shard>::default();
        Self { shards: (0..SHARDS).map(|_| Arc::clone(&empty)).collect() }
    }
}

impl Tablets {
    pub(crate) fn get(&self, id: TabletId) -> Option<&Arc<TabletState>> {
        self.shards.get(place(id)).and_then(|shard| shard.get(&id))
    }

    /// Adds a tablet, or puts it in the place of the one with its id.
    pub(crate) fn insert(&mut self, tablet: Arc<TabletState>) {
        if let Some(shard) = self.shards.get_mut(place(tablet.id())) {
            Arc::make_mut(shard).insert(tablet.id(), tablet);
        }
    }

    pub(crate) fn remove(&mut self, id: TabletId) -> Option<Arc<TabletState>> {
        self.shards.get_mut(place(id)).and_then(|shard| Arc::make_mut(shard).remove(&id))
    }

    /// All of them, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<TabletState>> {
        self.shards.iter().flat_map(|shard| shard.values())
    }
}

impl FromIterator<Arc<TabletState>> for Tablets {
    fn from_iter<I: IntoIterator<Item = Arc<TabletState>>>(tablets: I) -> Self {
        let mut all = Self::default();
        tablets.into_iter().for_each(|tablet| all.insert(tablet));
        all
    }
}

fn place(id: TabletId) -> usize {
    usize::try_from(id.0 % SHARDS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{SHARDS, Tablets};
    use crate::tablet::TabletState;
    use base::id::{TableId, TabletId};
    use std::sync::Arc;

    /// Each new memtable of 10,000 tablets once copied a map of all of them.
    #[test]
    fn a_copy_shares_all_shards_but_the_changed_one() {
        let tablet = |id| Arc::new(TabletState::empty(TableId(1), TabletId(id)));
        let before: Tablets = (0..1_000).map(tablet).collect();
        let mut after = before.clone();
        after.insert(tablet(7));
        assert!(after.remove(TabletId(7 + SHARDS)).is_some());
        let shared = before.shards.iter().zip(&after.shards).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, before.shards.len() - 1);
        assert!(before.get(TabletId(7 + SHARDS)).is_some());
        assert!(after.get(TabletId(7 + SHARDS)).is_none());
        assert_eq!((before.iter().count(), after.iter().count()), (1_000, 999));
    }
}
