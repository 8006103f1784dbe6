//! The numbered invariants of docs/invariants.md, one predicate each: `None` when it holds, else what is wrong.
//!
//! Must not change anything or read more than it is given. Used by debug assertions, tests and the check of a directory.

use crate::evaluate::{ColumnStats, evaluate};
use crate::memtable::{Memtable, NEVER, Version};
use crate::predicate::{CompareOp, Predicate};
use crate::tablet::{Reference, TabletState};
use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use base::Result;
use base::id::{ColumnId, CommitTs};
use std::collections::HashSet;
use types::Form;

/// I1: a row begins before it ends, and none begins or ended after the newest commit. `deaths_go_on`: commits may end rows
/// while this looks, so that a row may have ended after what was the newest one.
pub(crate) fn lives_are_ordered(memtable: &Memtable, newest: CommitTs, deaths_go_on: bool) -> Option<String> {
    let ended_late = |v: &Version| !deaths_go_on && v.end != NEVER && v.end > newest.0;
    let wrong = |v: &Version| v.begin > newest.0 || v.end < v.begin || ended_late(v);
    let chunks = memtable.chunks();
    let row = chunks.iter().flat_map(|c| c.versions()).find(wrong)?;
    Some(format!("I1: row {} of memtable {} lives from {} to {}", row.row, memtable.id(), row.begin, row.end))
}

/// I2: the key map of a memtable names the newest version of each key, and older versions are dead.
pub(crate) fn key_map_names_newest(memtable: &Memtable) -> Option<String> {
    for chunk in memtable.chunks() {
        for (version, key) in chunk.versions().zip(chunk.keys()) {
            let newest = memtable.newest(key).map(|v| v.row);
            let alive_and_old = version.end == NEVER && newest != Some(version.row);
            if newest.is_none_or(|newest| newest < version.row) || alive_and_old {
                return Some(format!(
                    "I2: row {} of memtable {} is not what the key map says",
                    version.row,
                    memtable.id()
                ));
            }
        }
    }
    None
}

/// I3: memtables and references of a tablet are all different.
pub(crate) fn parts_are_distinct(tablet: &TabletState) -> Option<String> {
    let mut ids = HashSet::new();
    let memtables = tablet.memtables().iter().map(|m| m.id().0);
    let references = tablet.references().iter().map(|r| r.id().0);
    let twice = memtables.chain(references).find(|id| !ids.insert(*id))?;
    Some(format!("I3: tablet {} has part {twice} twice", tablet.id()))
}

/// I4: a delete vector names only rows of its segment and no time after the newest commit.
pub(crate) fn deletes_are_in_bounds(reference: &Reference, newest: CommitTs) -> Option<String> {
    let deletes = reference.deletes();
    let meta = reference.meta();
    if let Some(beyond) = deletes.dead_newest().max().filter(|row| *row >= meta.rows) {
        return Some(format!(
            "I4: row {beyond} of segment {} is dead, but it has {} rows",
            meta.segment, meta.rows
        ));
    }
    (deletes.last_ts() > newest).then(|| {
        format!(
            "I4: a row of segment {} died at {}, after the newest commit",
            meta.segment,
            deletes.last_ts()
        )
    })
}

/// I5: a key of a tablet is alive once. Keeps a hash of each key seen.
#[derive(Debug, Default)]
pub(crate) struct LiveKeys {
    seen: HashSet<u128>,
}

impl LiveKeys {
    pub(crate) fn add(&mut self, tablet: &TabletState, key: &[u8]) -> Option<String> {
        let fresh = self.seen.insert(xxhash_rust::xxh3::xxh3_128(key));
        (!fresh).then(|| format!("I5: a key of tablet {} is alive twice", tablet.id()))
    }
}

/// I6: bounds of a column hold all its values; counts of nulls add up (the caller sums what is returned).
pub(crate) fn within_bounds(
    column: ColumnId,
    form: &Form,
    stats: &ColumnStats,
    batch: &RecordBatch,
) -> Result<Option<String>> {
    if matches!(form, Form::PgNum | Form::Array(_) | Form::Row(_)) {
        return Ok(None);
    }
    for (op, bound) in [(CompareOp::Less, &stats.min), (CompareOp::Greater, &stats.max)] {
        let Some(value) = bound else { continue };
        let outside = evaluate(&Predicate::Compare { column, op, value: value.clone() }, batch)?;
        if outside.true_count() > 0 {
            return Ok(Some(format!("I6: column {column} has values outside of its bounds")));
        }
    }
    let nulls = batch.column_by_name(&column.to_string()).map_or(0, |c| c.null_count());
    let more = u64::try_from(nulls).unwrap_or(u64::MAX) > stats.null_count;
    Ok(more.then(|| format!("I6: column {column} has more nulls than counted")))
}
