//! Rows of a batch, each with its tablet and key, and the order in which locks and lookups want them.
//!
//! Must not know transactions. Invariant: `order` holds every position once, by tablet, key and position.

use crate::checks::check_keys;
use crate::layout::{Key, Layout};
use crate::routing::Router;
use arrow::record_batch::RecordBatch;
use base::Result;
use base::id::TabletId;
use std::collections::HashMap;
use std::sync::Arc;

/// Rows of a batch with where they belong.
pub(crate) struct Routed {
    pub(crate) rows: RecordBatch,
    pub(crate) keys: Vec<Key>,
    pub(crate) tablets: Vec<TabletId>,
    /// Positions of the rows by tablet, key and position.
    pub(crate) order: Vec<usize>,
}

impl Routed {
    /// The row's tablet and key.
    pub(crate) fn name(&self, row: usize) -> Option<(TabletId, &Key)> {
        Some((*self.tablets.get(row)?, self.keys.get(row)?))
    }

    /// Positions per tablet, in the order of keys.
    pub(crate) fn by_tablet(&self) -> impl Iterator<Item = (TabletId, &[usize])> {
        let groups = self.order.chunk_by(|a, b| self.tablets.get(*a) == self.tablets.get(*b));
        groups.filter_map(|rows| Some((*self.tablets.get(*rows.first()?)?, rows)))
    }

    /// The rows at `kept` positions, ascending, with other values under the same keys.
    pub(crate) fn with_rows(self, kept: &[usize], rows: RecordBatch) -> Self {
        if kept.len() == self.keys.len() {
            return Self { rows, ..self };
        }
        let keys = kept.iter().filter_map(|row| self.keys.get(*row).cloned()).collect();
        let tablets = kept.iter().filter_map(|row| self.tablets.get(*row).copied()).collect();
        let order = self.order.iter().filter_map(|row| kept.binary_search(row).ok()).collect();
        Self { rows, keys, tablets, order }
    }

    /// Whether an earlier row has the key of each row.
    pub(crate) fn repeated(&self) -> Vec<bool> {
        let mut repeated = vec![false; self.keys.len()];
        for (before, row) in self.order.iter().zip(self.order.iter().skip(1)) {
            if self.name(*before) == self.name(*row)
                && let Some(repeated) = repeated.get_mut(*row)
            {
                *repeated = true;
            }
        }
        repeated
    }
}

/// Finds out where the rows belong and checks their keys.
pub(crate) fn route(layout: &Arc<Layout>, rows: RecordBatch) -> Result<Routed> {
    let tablets = Router::new(layout)?.route(&rows)?;
    let keys = layout.keys(&rows)?;
    check_keys(layout, &keys)?;
    let mut routed = Routed { rows, keys, tablets, order: Vec::new() };
    let mut order: Vec<usize> = (0..routed.keys.len()).collect();
    order.sort_unstable_by(|a, b| (routed.name(*a), a).cmp(&(routed.name(*b), b)));
    routed.order = order;
    Ok(routed)
}

/// Positions per tablet.
pub(crate) fn by_tablet(tablets: &[TabletId]) -> HashMap<TabletId, Vec<usize>> {
    let mut groups: HashMap<TabletId, Vec<usize>> = HashMap::new();
    for (index, tablet) in tablets.iter().enumerate() {
        groups.entry(*tablet).or_default().push(index);
    }
    groups
}
