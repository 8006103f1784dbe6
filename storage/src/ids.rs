//! Ids minted by an open database.
//!
//! Invariant: an id is (epoch, counter) and an epoch is claimed durably before its first id is minted, so that no
//! id is ever used twice, whatever a crash forgets.

use base::id::{Epoch, MemtableId, ReferenceId, SegmentId, TxnId};
use base::plant::{Flaw, planted};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of the counter below the epoch.
const COUNTER_BITS: u32 = 40;

/// The one counter behind all ids but those of the catalog.
#[derive(Debug)]
pub(crate) struct IdSource {
    next: AtomicU64,
}

impl IdSource {
    pub(crate) fn new(epoch: Epoch) -> Self {
        let epoch = if planted(Flaw::ReuseIds) { Epoch(1) } else { epoch };
        Self { next: AtomicU64::new((u64::from(epoch.0) << COUNTER_BITS) + 1) }
    }

    fn mint(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The first of `count` consecutive ids.
    pub(crate) fn row_ids(&self, count: u64) -> u64 {
        self.next.fetch_add(count, Ordering::Relaxed)
    }

    pub(crate) fn segment(&self) -> SegmentId {
        SegmentId(self.mint())
    }

    pub(crate) fn reference(&self) -> ReferenceId {
        ReferenceId(self.mint())
    }

    pub(crate) fn memtable(&self) -> MemtableId {
        MemtableId(self.mint())
    }

    pub(crate) fn transaction(&self) -> TxnId {
        TxnId(self.mint())
    }

    pub(crate) fn pack(&self) -> u64 {
        self.mint()
    }

    /// The first id that was never handed out.
    pub(crate) fn peek(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }
}
