//! Upserts: each proposed row is inserted, or changes the row that has its key.
//!
//! Must not know expressions. Invariants: a key is looked up once; a changed row keeps its key; a row that a command
//! inserted or changed is not changed by it again.

use crate::address::Place;
use crate::checks::check_rows;
use crate::conflict::second_time;
use crate::layout::Layout;
use crate::routed::{Routed, route};
use crate::transaction::Transaction;
use crate::view::{TableView, View};
use crate::write::{Existing, Replaced};
use arrow::array::ArrayRef;
use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, TableId};
use base::{Error, Result};
use std::sync::Arc;

/// What becomes of rows that exist.
pub enum Upsert<'m> {
    /// The proposed row takes the place of the existing one, which is not read.
    Replace,
    /// Decided with `columns` of the existing rows at hand.
    Decide { columns: &'m [ColumnId], decide: &'m mut dyn FnMut(Met<'_>) -> Result<Changed> },
}

impl std::fmt::Debug for Upsert<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Upsert::Replace => f.write_str("Replace"),
            Upsert::Decide { columns, decide: _ } => f.debug_tuple("Decide").field(columns).finish(),
        }
    }
}

/// Proposed rows whose keys exist.
#[derive(Debug)]
pub struct Met<'p> {
    /// Their positions in the batch given, ascending. Two of them may have met the same row.
    pub proposed: &'p [usize],
    /// The columns asked for of the row that each of them met.
    pub existing: Vec<ArrayRef>,
}

/// What to change, in the order of the rows that were met.
#[derive(Debug)]
pub struct Changed {
    /// Which of them change what they met.
    pub flags: Vec<bool>,
    /// Whole new rows, one for each that does, with the keys they had.
    pub rows: RecordBatch,
}

/// What an upsert did.
#[derive(Debug)]
pub struct Upserted {
    /// Rows whose keys were new.
    pub inserted: u64,
    /// Rows that changed others.
    pub changed: u64,
    /// These rows as they are stored now, in the order of the proposed ones.
    pub rows: RecordBatch,
}

/// Proposed rows by what their keys meet.
#[derive(Default)]
struct Sorted {
    /// Position of those whose keys are new.
    new: Vec<usize>,
    /// Those that met a row, with it.
    met: Vec<(usize, Replaced)>,
}

impl Transaction {
    pub(crate) fn try_upsert(
        &mut self,
        table: TableId,
        rows: &RecordBatch,
        upsert: Upsert<'_>,
    ) -> Result<Upserted> {
        self.check_usable()?;
        let view = self.current_view();
        let layout = view.layout(table)?;
        if layout.has_row_id() {
            return Err(Error::internal("an upsert into a table without key"));
        }
        check_rows(&layout, rows)?;
        if rows.num_rows() == 0 {
            return Ok(Upserted { inserted: 0, changed: 0, rows: rows.clone() });
        }
        let routed = route(&layout, layout.store(rows, None)?)?;
        self.lock_table_shared(&layout)?;
        let names = routed.order.iter().filter_map(|row| routed.name(*row));
        self.lock_keys(layout.table(), names.map(|(tablet, key)| (tablet, key.clone())))?;
        let table_view = view.table(table)?;
        let Sorted { new, mut met } = self.sort(&view, &table_view, &routed)?;
        let changed = match upsert {
            Upsert::Replace => None,
            Upsert::Decide { columns, decide } => {
                Some(decided(&layout, &table_view, columns, &mut met, decide)?)
            }
        };
        let positions: Vec<usize> = met.iter().map(|(row, _)| *row).collect();
        check_once(&routed, &new, &positions)?;
        let (inserted, replaced) = (new.len() as u64, met.len() as u64);
        let order = in_order(&new, &positions);
        let ended: Vec<Place> = met.iter().map(|(_, row)| row.place).collect();
        self.kill_replaced(&table_view, met.into_iter().map(|(_, row)| row).collect())?;
        self.end_entries(&view, &table_view, &ended)?;
        let (routed, rows) = match changed {
            None => (routed, rows.clone()),
            Some(changed) => {
                let rows = put_together(rows, &changed, &order)?;
                let stored = layout.store(&rows, None)?;
                let kept: Vec<usize> = order.iter().map(|(row, _)| *row).collect();
                let keys = layout.keys(&stored)?;
                let routed = routed.with_rows(&kept, stored);
                if keys != routed.keys {
                    return Err(Error::internal("an upsert changed a key"));
                }
                (routed, rows)
            }
        };
        self.append(&layout, &routed, None)?;
        self.add_all_entries(&view, &layout, &routed.rows)?;
        self.note_upserted(&table_view, &ended, &rows, &written_by(&order, ended.len())?)?;
        self.stage_when_large(true)?;
        Ok(Upserted { inserted, changed: replaced, rows })
    }

    /// `Cardinality` for a row that this command has written itself.
    fn sort(&self, view: &View, table: &TableView, routed: &Routed) -> Result<Sorted> {
        let mut sorted = Sorted::default();
        let found = self.existing(table, routed)?;
        for (row, ((found, again), key)) in
            found.into_iter().zip(routed.repeated()).zip(&routed.keys).enumerate()
        {
            let (place, live): (Place, _) = match found {
                Existing::None if !again => {
                    sorted.new.push(row);
                    continue;
                }
                Existing::None => return Err(second_time()),
                Existing::Own(own) if own.begin < u64::from(self.command.0) => (own.place, None),
                Existing::Own(_) => return Err(second_time()),
                Existing::Committed(tablet, live) => {
                    (self.address_in_view(view, table, tablet, key, &live)?, Some((tablet, live)))
                }
            };
            sorted.met.push((row, Replaced { place, key: key.clone(), live }));
        }
        Ok(sorted)
    }
}

/// Has it decided what changes; leaves in `met` what does. The new rows.
fn decided(
    layout: &Layout,
    table: &TableView,
    columns: &[ColumnId],
    met: &mut Vec<(usize, Replaced)>,
    decide: &mut dyn FnMut(Met<'_>) -> Result<Changed>,
) -> Result<RecordBatch> {
    if met.is_empty() {
        return Ok(RecordBatch::new_empty(Arc::clone(layout.schema())));
    }
    let proposed: Vec<usize> = met.iter().map(|(row, _)| *row).collect();
    let existing = if columns.is_empty() {
        Vec::new()
    } else {
        let places: Vec<Place> = met.iter().map(|(_, row)| row.place).collect();
        table.fetch(&places, columns)?.columns().to_vec()
    };
    let Changed { flags, rows } = decide(Met { proposed: &proposed, existing })?;
    let mut flags = flags.into_iter();
    met.retain(|_| flags.next().unwrap_or(false));
    if met.len() != rows.num_rows() {
        return Err(Error::internal("as many new rows as changed ones are needed"));
    }
    check_rows(layout, &rows)?;
    Ok(rows)
}

/// `Cardinality` when a proposed row comes behind another one of its key that was inserted or changed something.
fn check_once(routed: &Routed, new: &[usize], changed: &[usize]) -> Result<()> {
    let repeated = routed.repeated();
    if !repeated.contains(&true) {
        return Ok(());
    }
    let mut writes = vec![false; repeated.len()];
    for row in new.iter().chain(changed) {
        if let Some(writes) = writes.get_mut(*row) {
            *writes = true;
        }
    }
    let mut written = false;
    for row in &routed.order {
        let again = repeated.get(*row).is_some_and(|again| *again);
        if again && written {
            return Err(second_time());
        }
        written = writes.get(*row).is_some_and(|writes| *writes);
    }
    Ok(())
}

/// Positions of the rows that are written, ascending, each with where it stands: among the proposed rows, or as which of
/// the changed ones.
fn in_order(new: &[usize], changed: &[usize]) -> Vec<(usize, Option<usize>)> {
    let changed = changed.iter().enumerate().map(|(index, row)| (*row, Some(index)));
    let mut order: Vec<_> = new.iter().map(|row| (*row, None)).chain(changed).collect();
    order.sort_unstable();
    order
}

/// Of each row that was changed, which of the rows written took its place.
fn written_by(order: &[(usize, Option<usize>)], changed: usize) -> Result<Vec<u32>> {
    let mut rows = vec![0; changed];
    for (written, (_, place)) in order.iter().enumerate() {
        if let Some(row) = place.and_then(|place| rows.get_mut(place)) {
            *row = u32::try_from(written).map_err(|_| Error::internal("too many rows in one batch"))?;
        }
    }
    Ok(rows)
}

/// The rows that are written.
fn put_together(
    proposed: &RecordBatch,
    changed: &RecordBatch,
    order: &[(usize, Option<usize>)],
) -> Result<RecordBatch> {
    let together = |e| Error::internal(format!("put rows together: {e}"));
    let changed = RecordBatch::try_new(proposed.schema(), changed.columns().to_vec()).map_err(together)?;
    if changed.num_rows() == order.len() {
        return Ok(changed);
    }
    if changed.num_rows() == 0 && proposed.num_rows() == order.len() {
        return Ok(proposed.clone());
    }
    let places: Vec<(usize, usize)> =
        order.iter().map(|(row, changed)| changed.map_or((0, *row), |index| (1, index))).collect();
    interleave_record_batch(&[proposed, &changed], &places).map_err(together)
}
