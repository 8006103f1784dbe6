//! What a reader sees: a commit timestamp's state, and inside a transaction its writes before a command.
//!
//! Must not know how scans run. Invariant: everything read through one view is of one timestamp and one command,
//! however long the view lives and whatever happens meanwhile.

use crate::address::{PartNumber, Place};
use crate::core::Pinned;
use crate::delete_vector::DeadRows;
use crate::evaluate::{ColumnStats, compare};
use crate::layout::Layout;
use crate::private::{Part, Private, PrivateTable, TabletPart};
use crate::segment::ScanColumn;
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommitTs, TableId};
use base::{Error, ErrorKind, Result};
use catalog::CatalogState;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::Datum;

/// A view.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) pinned: Pinned,
    pub(crate) catalog: Arc<CatalogState>,
    /// The transaction's writes and the newest command whose writes are seen.
    pub(crate) own: Option<(Arc<Private>, u32)>,
    /// Tells addresses of this view from those of others.
    pub(crate) generation: u8,
    pub(crate) batch_rows: usize,
    /// Whether the time lies before the state, so that rows it needs may be gone.
    pub(crate) of_the_past: bool,
}

/// A table as a view sees it.
#[derive(Debug)]
pub(crate) struct TableView {
    pub(crate) layout: Arc<Layout>,
    /// Committed parts, in order of tablets.
    pub(crate) committed: Vec<TabletPart>,
    /// The transaction's own parts.
    pub(crate) own: Vec<TabletPart>,
    pub(crate) private: Option<Arc<PrivateTable>>,
}

impl View {
    pub(crate) fn ts(&self) -> CommitTs {
        self.pinned.ts()
    }

    /// The newest command whose writes are seen; 0 for none.
    pub(crate) fn stamp(&self) -> u32 {
        self.own.as_ref().map_or(0, |(_, stamp)| *stamp)
    }

    pub(crate) fn layout(&self, table: TableId) -> Result<Arc<Layout>> {
        let def = self.catalog.table(table).ok_or_else(|| missing_table(table))?;
        match self.pinned.state.layout(table) {
            Some(layout) if layout.def() == def => Ok(Arc::clone(layout)),
            _ => Layout::new(def).map(Arc::new),
        }
    }

    pub(crate) fn table(&self, table: TableId) -> Result<TableView> {
        let layout = self.layout(table)?;
        let private = self.own.as_ref().and_then(|(private, _)| private.table(table));
        if let Some(private) = &private {
            private.check_open(layout.def())?;
        }
        let truncated = private.as_ref().is_some_and(|p| p.is_truncated_at(self.stamp()));
        let mut committed = Vec::new();
        for def in layout.def().tablets.iter().filter(|_| !truncated) {
            let Some(tablet) = self.pinned.state.tablet(def.id) else {
                if self.of_the_past {
                    return Err(self.too_old(&layout));
                }
                // This transaction makes it.
                continue;
            };
            if self.of_the_past && tablet.oldest_readable() > self.ts() {
                return Err(self.too_old(&layout));
            }
            for memtable in tablet.memtables() {
                committed.push(TabletPart { tablet: def.id, part: Part::Memtable(Arc::clone(memtable)) });
            }
            for reference in tablet.references() {
                committed.push(TabletPart { tablet: def.id, part: Part::Segment(Arc::clone(reference)) });
            }
        }
        let own = private.as_ref().map_or_else(Vec::new, |p| p.parts());
        Ok(TableView { layout, committed, own, private })
    }
}

impl View {
    /// The table's rows of this view's time were collected.
    pub(crate) fn too_old(&self, layout: &Layout) -> Error {
        let oldest = self.pinned.state.oldest_readable(layout.table());
        snapshot_too_old(&layout.def().name, self.ts(), oldest)
    }

    /// Why a table of now has no definition at this view's time, when that is because it was collected.
    pub(crate) fn collected(&self, table: TableId) -> Option<Error> {
        let oldest = self.pinned.state.oldest_readable(table);
        let def = self.pinned.state.catalog().table(table)?;
        (self.of_the_past && oldest > self.ts()).then(|| snapshot_too_old(&def.name, self.ts(), oldest))
    }
}

/// What to tell when rows of a time are gone.
pub(crate) fn snapshot_too_old(table: &str, asked: CommitTs, oldest: CommitTs) -> Error {
    let message = format!("table \"{table}\" cannot be read as of {}", crate::detail::time_text(asked));
    Error::new(ErrorKind::SnapshotTooOld, message)
        .with_detail(format!("Its oldest readable time is {}.", crate::detail::time_text(oldest)))
        .with_hint("Rows of the past are kept for the table's history_retention, and as long as history_max_bytes allows.")
}

pub(crate) fn missing_table(table: TableId) -> Error {
    Error::new(ErrorKind::UndefinedTable, format!("table {table} does not exist"))
}

impl TableView {
    pub(crate) fn part(&self, number: PartNumber) -> Result<&TabletPart> {
        let part = match number {
            PartNumber::Committed(n) => usize::try_from(n).ok().and_then(|n| self.committed.get(n)),
            PartNumber::Own(n) => usize::try_from(n).ok().and_then(|n| self.own.get(n)),
        };
        part.ok_or_else(|| Error::internal("a row address of a part that the view does not have"))
    }

    /// Bytes of segment files and of memtables.
    pub(crate) fn bytes(&self) -> u64 {
        let parts = self.committed.iter().chain(&self.own);
        parts.fold(0, |sum, part| {
            sum.saturating_add(match &part.part {
                Part::Memtable(memtable) => u64::try_from(memtable.bytes()).unwrap_or(u64::MAX),
                Part::Segment(reference) => reference.meta().file_bytes,
            })
        })
    }

    /// All parts with their numbers.
    pub(crate) fn parts(&self) -> Result<Vec<(PartNumber, &TabletPart)>> {
        let mut parts = Vec::with_capacity(self.committed.len() + self.own.len());
        for (index, part) in self.committed.iter().enumerate() {
            parts.push((PartNumber::committed(index)?, part));
        }
        for (index, part) in self.own.iter().enumerate() {
            parts.push((PartNumber::own(index)?, part));
        }
        Ok(parts)
    }

    /// As `ReadView::rough_bounds`; looks at no more parts than a plan is worth.
    pub(crate) fn rough_bounds(&self, column: ColumnId) -> Result<Option<(Datum, Datum)>> {
        const PARTS_MAX: usize = 256;
        let mut bounds: Option<(Datum, Datum)> = None;
        let mut widen = |stats: &ColumnStats| {
            let (Some(min), Some(max)) = (&stats.min, &stats.max) else { return };
            let (low, high) = bounds.take().unwrap_or_else(|| (min.clone(), max.clone()));
            let low = if compare(min, &low).is_some_and(Ordering::is_lt) { min.clone() } else { low };
            let high = if compare(max, &high).is_some_and(Ordering::is_gt) { max.clone() } else { high };
            bounds = Some((low, high));
        };
        let missing = ColumnStats::of(&self.layout.missing(column));
        for part in self.committed.iter().take(PARTS_MAX) {
            match &part.part {
                Part::Segment(reference) => {
                    let segment = reference.segment()?;
                    match segment.stats(column) {
                        Some(stats) if segment.form(column) == self.layout.form(column) => widen(stats),
                        // In the form of a narrower type.
                        Some(_) => {}
                        None => widen(&missing),
                    }
                }
                Part::Memtable(memtable) => {
                    for chunk in memtable.chunks().iter().take(PARTS_MAX) {
                        widen(chunk.bounds(&self.layout, column).unwrap_or(&missing));
                    }
                }
            }
        }
        Ok(bounds)
    }

    /// Rows of a part that the transaction killed up to `stamp`.
    pub(crate) fn dead(&self, part: u64, stamp: u32) -> Vec<u32> {
        self.private.as_ref().map_or_else(Vec::new, |p| p.dead_at(part, stamp))
    }

    /// Ordinals of a segment that `view` does not see because they died.
    pub(crate) fn excluded(
        &self,
        view: &View,
        number: PartNumber,
        reference: &crate::tablet::Reference,
    ) -> Arc<DeadRows> {
        let own = self.dead(reference.id().0, view.stamp());
        let committed = match number {
            PartNumber::Committed(_) => reference.dead_at(view.ts()),
            PartNumber::Own(_) => Arc::default(),
        };
        if own.is_empty() {
            return committed;
        }
        let mut both = committed.as_ref().clone();
        both.extend(own);
        Arc::new(both)
    }

    /// Stored columns of rows at places, in that order, whether they live or not.
    pub(crate) fn fetch(&self, places: &[Place], columns: &[ColumnId]) -> Result<RecordBatch> {
        let scan_columns = scan_columns(&self.layout, columns)?;
        let mut by_part: BTreeMap<PartNumber, Vec<usize>> = BTreeMap::new();
        for (index, place) in places.iter().enumerate() {
            by_part.entry(place.part).or_default().push(index);
        }
        let mut batches = Vec::with_capacity(by_part.len() + 1);
        let mut order = vec![(0, 0); places.len()];
        for (number, indexes) in by_part {
            let rows: Vec<u32> = indexes.iter().filter_map(|i| places.get(*i)).map(|p| p.row).collect();
            let batch = match &self.part(number)?.part {
                Part::Memtable(memtable) => {
                    memtable.fetch(&rows, |held| self.layout.project(held, columns))?
                }
                Part::Segment(reference) => reference.fetch(&rows, &scan_columns)?,
            };
            for (row, index) in indexes.into_iter().enumerate() {
                if let Some(place) = order.get_mut(index) {
                    *place = (batches.len(), row);
                }
            }
            batches.push(batch);
        }
        if batches.len() == 1 {
            let rows: Option<Vec<u32>> = order.iter().map(|(_, row)| u32::try_from(*row).ok()).collect();
            let rows =
                UInt32Array::from(rows.ok_or_else(|| Error::internal("too many rows fetched at once"))?);
            if let Some(batch) = batches.first() {
                return arrow::compute::take_record_batch(batch, &rows).map_err(gather);
            }
        }
        if batches.is_empty() {
            let empty = RecordBatch::new_empty(Arc::clone(self.layout.schema()));
            return self.layout.project(&empty, columns);
        }
        interleave_record_batch(&batches.iter().collect::<Vec<_>>(), &order).map_err(gather)
    }
}

fn gather(e: arrow::error::ArrowError) -> Error {
    Error::internal(format!("gather rows: {e}"))
}

/// How segments are asked for columns.
pub(crate) fn scan_columns(layout: &Layout, columns: &[ColumnId]) -> Result<Vec<ScanColumn>> {
    columns
        .iter()
        .map(|id| {
            let form = layout.form(*id).cloned();
            let form =
                form.ok_or_else(|| Error::internal(format!("table {} has no column {id}", layout.table())))?;
            Ok(ScanColumn { id: *id, form, missing: layout.missing(*id) })
        })
        .collect()
}

/// A column of addresses.
pub(crate) fn addresses(part: PartNumber, generation: u8, rows: impl IntoIterator<Item = u32>) -> ArrayRef {
    let encode = |row| Place { part, row }.encode(generation);
    Arc::new(arrow::array::UInt64Array::from_iter_values(rows.into_iter().map(encode)))
}
