//! Columns that are unique beside the primary key: an entry in an index for each row that has no null among them.
//!
//! Must not know why rows are written. Invariants: entries are written by the transaction that writes their rows, under
//! locks on their keys; at every commit an index has one entry for each such row of its table and no other.

use crate::address::Place;
use crate::conflict::second_time;
use crate::detail::with_key;
use crate::layout::{Key, Layout};
use crate::routed::{Routed, route};
use crate::tablet::LiveRow;
use crate::transaction::{Transaction, lost_race};
use crate::view::{TableView, View};
use crate::write::{Existing, Replaced};
use arrow::array::{BooleanArray, new_null_array};
use arrow::compute::{filter_record_batch, is_not_null, kernels::boolean::and};
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, TableId, TabletId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, TableDef};
use std::collections::HashSet;
use std::sync::Arc;

/// Entries of some rows in one index.
pub(crate) struct Entries {
    layout: Arc<Layout>,
    routed: Routed,
    /// For each row given, which entry is its.
    of_row: Vec<Option<usize>>,
    /// What stands under the key of each entry.
    existing: Vec<Existing>,
    /// Keys of the entries taken so far.
    taken: HashSet<Key>,
}

impl Entries {
    pub(crate) fn index(&self) -> TableId {
        self.layout.table()
    }

    /// Whether the row's columns are in an entry already, be it one of those taken.
    pub(crate) fn conflicts(&self, row: usize) -> bool {
        let Some(entry) = self.of_row.get(row).copied().flatten() else { return false };
        let stands = self.existing.get(entry).is_some_and(|found| !matches!(found, Existing::None));
        stands || self.routed.keys.get(entry).is_some_and(|key| self.taken.contains(key))
    }

    /// The committed row that stands where the row's entry would.
    pub(crate) fn committed(&self, row: usize) -> Option<(TabletId, &LiveRow)> {
        match self.existing.get(self.of_row.get(row).copied().flatten()?)? {
            Existing::Committed(tablet, live) => Some((*tablet, live)),
            Existing::None | Existing::Own(_) => None,
        }
    }

    /// The row is written.
    pub(crate) fn take(&mut self, row: usize) {
        let entry = self.of_row.get(row).copied().flatten();
        if let Some(key) = entry.and_then(|entry| self.routed.keys.get(entry)) {
            self.taken.insert(Key::clone(key));
        }
    }

    /// 23505 for a row that conflicts.
    pub(crate) fn duplicate(&self, row: usize, table: &TableDef) -> Error {
        let entry = self.of_row.get(row).copied().flatten().unwrap_or_default();
        let name = self.layout.def().name.as_str();
        self.layout.duplicate(&self.routed.rows, entry).about(table.subject(None, Some(name)))
    }
}

impl Transaction {
    /// Entries of stored rows of a table in each of its indexes, their keys locked and looked up.
    pub(crate) fn entries(
        &mut self,
        view: &View,
        table: &Layout,
        rows: &RecordBatch,
    ) -> Result<Vec<Entries>> {
        let mut all = Vec::with_capacity(table.def().unique.len());
        for unique in &table.def().unique {
            let layout = view.layout(unique.index)?;
            let (entries, of_row) = entries_of(&layout, &table.project(rows, &column_ids(&layout))?)?;
            let routed = route(&layout, entries)?;
            let index = self.locked(view, &layout, &routed)?;
            let existing = self.existing(&index, &routed)?;
            all.push(Entries { layout, routed, of_row, existing, taken: HashSet::new() });
        }
        Ok(all)
    }

    /// Writes the entries of the rows that were taken; all others are passed over.
    pub(crate) fn add_entries(&mut self, entries: &[Entries], rows: &[u32]) -> Result<()> {
        for Entries { layout, routed, of_row, .. } in entries {
            let places = rows.iter().filter_map(|row| usize::try_from(*row).ok());
            let places = places.filter_map(|row| of_row.get(row).copied().flatten());
            let chosen: Vec<u32> = places.filter_map(|entry| u32::try_from(entry).ok()).collect();
            if !chosen.is_empty() {
                self.append(layout, routed, Some(&chosen))?;
            }
        }
        Ok(())
    }

    /// Writes the entries of all rows; 23505 for the first one whose columns are not unique.
    pub(crate) fn add_all_entries(&mut self, view: &View, table: &Layout, rows: &RecordBatch) -> Result<()> {
        let mut entries = self.entries(view, table, rows)?;
        if entries.is_empty() {
            return Ok(());
        }
        for row in 0..rows.num_rows() {
            for entries in &mut entries {
                if entries.conflicts(row) {
                    return Err(entries.duplicate(row, table.def()));
                }
                entries.take(row);
            }
        }
        let all: Vec<u32> = (0..rows.num_rows()).filter_map(|row| u32::try_from(row).ok()).collect();
        self.add_entries(&entries, &all)
    }

    /// Ends the entries of rows at places of the view, which were alive in it.
    pub(crate) fn end_entries(&mut self, view: &View, table: &TableView, places: &[Place]) -> Result<()> {
        if places.is_empty() {
            return Ok(());
        }
        for unique in &table.layout.def().unique {
            let layout = view.layout(unique.index)?;
            let (entries, _) = entries_of(&layout, &table.fetch(places, &column_ids(&layout))?)?;
            let routed = route(&layout, entries)?;
            let index = self.locked(view, &layout, &routed)?;
            let mut ended = Vec::with_capacity(routed.keys.len());
            for (found, key) in self.existing(&index, &routed)?.into_iter().zip(&routed.keys) {
                let (place, live) = match found {
                    Existing::Own(own) if own.begin < u64::from(self.command.0) => (own.place, None),
                    // The row was ended by this command before, and its entry with it.
                    Existing::None | Existing::Own(_) => continue,
                    Existing::Committed(tablet, live) => {
                        (self.address_in_view(view, &index, tablet, key, &live)?, Some((tablet, live)))
                    }
                };
                ended.push(Replaced { place, key: Key::clone(key), live });
            }
            self.kill_replaced(&index, ended)?;
        }
        Ok(())
    }

    /// Where the row is whose unique columns are those of `proposed`, one row of the table.
    pub(crate) fn try_row_with(
        &mut self,
        table: TableId,
        index: TableId,
        proposed: &RecordBatch,
    ) -> Result<u64> {
        self.check_usable()?;
        let view = self.current_view();
        let (table, layout) = (view.layout(table)?, view.layout(index)?);
        let stored = table.store(proposed, None)?;
        let (entries, _) = entries_of(&layout, &table.project(&stored, &column_ids(&layout))?)?;
        let (place, index) = self.only_row(&view, &layout, entries)?;
        let key = &table.def().primary_key;
        let mut values = index.fetch(&[place], key)?.columns().to_vec().into_iter();
        let arrays = table.columns().iter().map(|(id, form)| {
            let given = if key.contains(id) { values.next() } else { None };
            given.unwrap_or_else(|| new_null_array(&form.arrow(), 1))
        });
        let row = RecordBatch::try_new(Arc::clone(table.schema()), arrays.collect());
        let row = row.map_err(|e| Error::internal(format!("make a key of an entry: {e}")))?;
        let (place, _) = self.only_row(&view, &table, row)?;
        Ok(place.encode(self.generation))
    }

    /// Where the row is that has the key of the only row of `rows`; `Cardinality` for one that this command wrote.
    fn only_row(
        &mut self,
        view: &View,
        layout: &Arc<Layout>,
        rows: RecordBatch,
    ) -> Result<(Place, TableView)> {
        let routed = route(layout, rows)?;
        let table = self.locked(view, layout, &routed)?;
        let found = self.existing(&table, &routed)?.pop();
        let place = match (found, routed.keys.first()) {
            (Some(Existing::Own(own)), _) if own.begin < u64::from(self.command.0) => own.place,
            (Some(Existing::Own(_)), _) => return Err(second_time()),
            (Some(Existing::Committed(tablet, live)), Some(key)) => {
                self.address_in_view(view, &table, tablet, key, &live)?
            }
            _ => return Err(lost_race("the row was deleted by a concurrent transaction")),
        };
        Ok((place, table))
    }

    pub(crate) fn try_fill_index(&mut self, index: TableId, rows: &RecordBatch) -> Result<()> {
        self.check_usable()?;
        let view = self.current_view();
        let layout = view.layout(index)?;
        let (entries, _) = entries_of(&layout, rows)?;
        let routed = route(&layout, entries)?;
        let index = self.locked(&view, &layout, &routed)?;
        let existing = self.existing(&index, &routed)?;
        for (row, (found, again)) in existing.iter().zip(routed.repeated()).enumerate() {
            if again || !matches!(found, Existing::None) {
                let def = layout.def();
                let message = format!("could not create unique index \"{}\"", def.name);
                let error =
                    Error::new(ErrorKind::UniqueViolation, message).about(def.subject(None, Some(&def.name)));
                let key = layout.values_of(&def.primary_key, &routed.rows);
                return Err(with_key(error, def, key, row, " is duplicated."));
            }
        }
        self.append(&layout, &routed, None)?;
        self.stage_when_large(true)
    }

    fn locked(&mut self, view: &View, layout: &Arc<Layout>, routed: &Routed) -> Result<TableView> {
        self.lock_table_shared(layout)?;
        let names = routed.order.iter().filter_map(|row| routed.name(*row));
        self.lock_keys(layout.table(), names.map(|(tablet, key)| (tablet, Key::clone(key))))?;
        view.table(layout.table())
    }

    /// After an edit of a table: makes, changes and drops its indexes so that they follow from it.
    pub(crate) fn follow_with_indexes(
        &mut self,
        before: Option<&TableDef>,
        after: Option<&TableDef>,
    ) -> Result<()> {
        let stays = |index| after.is_some_and(|t| t.unique.iter().any(|u| u.index == index));
        for unique in before.iter().flat_map(|t| &t.unique).filter(|u| !stays(u.index)) {
            self.try_edit_catalog(CatalogEdit::DropTable(unique.index))?;
        }
        for (table, unique) in after.iter().flat_map(|t| t.unique.iter().map(move |u| (t, u))) {
            let index = table.index(unique)?;
            match self.catalog.table(index.id).map(|known| **known == index) {
                None => self.try_edit_catalog(CatalogEdit::CreateTable(Box::new(index)))?,
                Some(false) => self.try_edit_catalog(CatalogEdit::AlterTable(Box::new(index)))?,
                Some(true) => {}
            }
        }
        Ok(())
    }

    /// The indexes that keep a table's columns unique.
    pub(crate) fn indexes_of(&self, table: TableId) -> Vec<TableId> {
        let def = self.catalog.table(table);
        def.iter().flat_map(|def| &def.unique).map(|unique| unique.index).collect()
    }
}

fn column_ids(layout: &Layout) -> Vec<ColumnId> {
    layout.def().columns.iter().map(|column| column.id).collect()
}

/// Rows of an index without those that have a null in its key; for each row given, which of them it is.
fn entries_of(layout: &Layout, rows: &RecordBatch) -> Result<(RecordBatch, Vec<Option<usize>>)> {
    let failed = |e| Error::internal(format!("choose entries: {e}"));
    let mut has = BooleanArray::from(vec![true; rows.num_rows()]);
    for column in &layout.def().primary_key {
        let place = layout.def().column_index(*column);
        let place = place.ok_or_else(|| Error::internal("an index lacks a column of its key"))?;
        has = and(&has, &is_not_null(rows.column(place)).map_err(failed)?).map_err(failed)?;
    }
    let mut next = 0;
    let of_row = has.values().iter().map(|has| {
        next += usize::from(has);
        has.then(|| next - 1)
    });
    let of_row = of_row.collect();
    let entries = if has.true_count() == rows.num_rows() {
        rows.clone()
    } else {
        filter_record_batch(rows, &has).map_err(failed)?
    };
    Ok((layout.store(&entries, None)?, of_row))
}
