//! Foreign keys: which rows that are written refer to others, and which values that others may refer to go.
//!
//! Must not know what is done about rows that refer to what goes. Invariants: a key that a written row refers to is locked
//! so that it stays, before it is looked up in the newest committed state; nothing is committed before all that was noted
//! has been looked at.

use crate::address::Place;
use crate::conversion::converted;
use crate::detail::with_key;
use crate::layout::Layout;
use crate::locks::Hold;
use crate::routed::route;
use crate::scan::ReadView;
use crate::transaction::Transaction;
use crate::view::{TableView, View};
use crate::write::Existing;
use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_null_array};
use arrow::compute::{filter, take_record_batch};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::id::{ColumnId, Oid, TableId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogState, ForeignKeyDef, TableDef};
use std::sync::Arc;
use types::Form;
use types::key::encode_keys;

/// Values of a key that rows had and have no more.
#[derive(Debug)]
pub struct Left {
    pub table: TableId,
    /// Those of a primary key or unique constraint of the table, in an order that a foreign key gives them.
    pub columns: Vec<ColumnId>,
    /// One array for each column; no nulls.
    pub old: Vec<ArrayRef>,
    /// What the rows have instead; None: the rows were deleted.
    pub new: Option<Vec<ArrayRef>>,
}

/// Values that rows were given which refer to none.
#[derive(Debug)]
pub struct Missing {
    /// Of the rows.
    pub table: Arc<TableDef>,
    pub key: ForeignKeyDef,
    /// In the order and form of the columns that refer; no nulls.
    pub values: Vec<ArrayRef>,
}

impl Missing {
    /// 23503 for one of the values.
    pub fn error(&self, catalog: &CatalogState, row: usize) -> Error {
        let Self { table, key, values } = self;
        let parent = catalog.table(key.table).map(|table| table.name.clone()).unwrap_or_default();
        let said = format!(" is not present in table \"{parent}\".");
        with_key(violation(table, key), table, key.columns.iter().zip(values), row, &said)
    }
}

/// What a transaction has to look at before it commits.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    missing: Vec<Missing>,
    left: Vec<Left>,
}

impl Unsettled {
    pub(crate) fn is_any(&self) -> bool {
        !self.missing.is_empty() || !self.left.is_empty()
    }

    pub(crate) fn take_left(&mut self) -> Vec<Left> {
        std::mem::take(&mut self.left)
    }
}

impl Transaction {
    pub(crate) fn try_newest_view(&mut self) -> Result<ReadView> {
        self.check_usable()?;
        let pinned = self.core.pin_for(&self.owner);
        self.find_killed_again(&pinned.state)?;
        let view = self.current_view();
        let own = Some((Arc::clone(&self.private), self.command.0));
        let generation = self.generation.wrapping_sub(1);
        Ok(ReadView { view: Arc::new(View { pinned, own, generation, ..view }) })
    }

    /// A table that comes to be referred to is held alone: whoever writes to it later knows that it is.
    pub(crate) fn hold_referenced(&mut self, def: &TableDef) -> Result<()> {
        let before = self.catalog.table(def.id).cloned();
        let known =
            |key: &ForeignKeyDef| before.iter().any(|b| b.foreign_keys.iter().any(|k| k.oid == key.oid));
        for key in def.foreign_keys.iter().filter(|key| key.table != def.id && !known(key)) {
            self.hold_table(key.table, Hold::All)?;
        }
        Ok(())
    }

    /// Rows were written; their first columns are the table's. `kept`: which of them, else all.
    pub(crate) fn note_written(
        &mut self,
        layout: &Layout,
        rows: &RecordBatch,
        kept: Option<&BooleanArray>,
    ) -> Result<()> {
        let def = Arc::clone(layout.def());
        for key in &def.foreign_keys {
            let mut values = columns_of(&def, &key.columns, rows)?;
            if let Some(kept) = kept {
                values = chosen(&values, kept)?;
            }
            self.look_up(&def, key, values)?;
        }
        Ok(())
    }

    /// The rows at places of a view gave way to others, each to the one at its position.
    pub(crate) fn note_changed(
        &mut self,
        table: &TableView,
        places: &[Place],
        rows: &RecordBatch,
    ) -> Result<()> {
        let def = Arc::clone(table.layout.def());
        let referenced = self.referenced_columns(&def);
        if places.is_empty() || def.foreign_keys.is_empty() && referenced.is_empty() {
            return Ok(());
        }
        let old = self.old_values(table, places, &def, &referenced)?;
        for key in &def.foreign_keys {
            let before = columns_of(&def, &key.columns, &old)?;
            let after = columns_of(&def, &key.columns, rows)?;
            let mut written = differing(&def, &key.columns, &before, &after)?;
            if key.full {
                // Nulls are looked at too.
                written = BooleanArray::from(vec![true; rows.num_rows()]);
            }
            self.look_up(&def, key, chosen(&after, &written)?)?;
        }
        for columns in referenced {
            let before = columns_of(&def, &columns, &old)?;
            let after = columns_of(&def, &columns, rows)?;
            let gone = changed(&def, &columns, &before, &after)?;
            let gone = both(&gone, &present(&before, places.len()));
            if gone.true_count() > 0 {
                let (old, new) = (chosen(&before, &gone)?, Some(chosen(&after, &gone)?));
                self.unsettled.left.push(Left { table: def.id, columns, old, new });
            }
        }
        Ok(())
    }

    /// The rows at places of a view were deleted.
    pub(crate) fn note_deleted(&mut self, table: &TableView, places: &[Place]) -> Result<()> {
        let def = Arc::clone(table.layout.def());
        let referenced = self.referenced_columns(&def);
        if places.is_empty() || referenced.is_empty() {
            return Ok(());
        }
        let keyless = TableDef { foreign_keys: Vec::new(), ..def.as_ref().clone() };
        let old = self.old_values(table, places, &keyless, &referenced)?;
        for columns in referenced {
            let values = columns_of(&def, &columns, &old)?;
            let present = present(&values, places.len());
            if present.true_count() > 0 {
                let old = chosen(&values, &present)?;
                self.unsettled.left.push(Left { table: def.id, columns, old, new: None });
            }
        }
        Ok(())
    }

    /// An upsert wrote rows: `changed` says which of them took the place of the rows at `places`, in this order.
    pub(crate) fn note_upserted(
        &mut self,
        table: &TableView,
        places: &[Place],
        rows: &RecordBatch,
        changed: &[u32],
    ) -> Result<()> {
        let def = Arc::clone(table.layout.def());
        if def.foreign_keys.is_empty() && self.catalog.references_to(def.id).next().is_none() {
            return Ok(());
        }
        let mut added = vec![true; rows.num_rows()];
        for row in changed.iter().filter_map(|row| usize::try_from(*row).ok()) {
            if let Some(added) = added.get_mut(row) {
                *added = false;
            }
        }
        let layout = Arc::clone(&table.layout);
        self.note_written(&layout, rows, Some(&BooleanArray::from(added)))?;
        let taken = take_record_batch(rows, &UInt32Array::from(changed.to_vec()));
        self.note_changed(table, places, &taken.map_err(failed)?)
    }

    pub(crate) fn try_check_references(
        &mut self,
        table: TableId,
        foreign_key: Oid,
        rows: &RecordBatch,
    ) -> Result<()> {
        self.check_usable()?;
        let unknown = || Error::internal("rows are checked for an unknown foreign key");
        let def = self.catalog.table(table).cloned().ok_or_else(unknown)?;
        let key = def.foreign_keys.iter().find(|key| key.oid == foreign_key).ok_or_else(unknown)?;
        self.look_up(&def, key, rows.columns().to_vec())
    }

    pub(crate) fn try_take_missing(&mut self) -> Result<Vec<Missing>> {
        self.check_usable()?;
        let mut all = Vec::new();
        for noted in std::mem::take(&mut self.unsettled.missing) {
            // What is gone, or another one by now, has nothing to refer to.
            let Some(table) = self.catalog.table(noted.table.id).cloned() else { continue };
            let Some(key) = table.foreign_keys.iter().find(|key| key.oid == noted.key.oid).cloned() else {
                continue;
            };
            let found = self.referred(&key, &noted.values)?;
            let missing: BooleanArray = found.iter().map(|found| Some(!found)).collect();
            if missing.true_count() > 0 {
                let values = chosen(&noted.values, &missing)?;
                all.push(Missing { table, key, values });
            }
        }
        Ok(all)
    }

    /// Locks and looks up what rows refer to; those that refer to none are looked up again at the end of the statement.
    fn look_up(&mut self, def: &TableDef, key: &ForeignKeyDef, values: Vec<ArrayRef>) -> Result<()> {
        let rows = values.first().map_or(0, |array| array.len());
        let whole = present(&values, rows);
        if key.full {
            let mixed =
                (0..rows).any(|row| !whole.value(row) && values.iter().any(|array| array.is_valid(row)));
            if mixed {
                return Err(violation(def, key)
                    .with_detail("MATCH FULL does not allow mixing of null and nonnull key values."));
            }
        }
        let values = chosen(&values, &whole)?;
        let found = self.referred(key, &values)?;
        let missing: BooleanArray = found.iter().map(|found| Some(!found)).collect();
        if missing.true_count() > 0 {
            let values = chosen(&values, &missing)?;
            self.unsettled.missing.push(Missing { table: Arc::new(def.clone()), key: key.clone(), values });
        }
        Ok(())
    }

    /// Whether there is what each row of values without nulls refers to; it stays until this transaction ends.
    fn referred(&mut self, key: &ForeignKeyDef, values: &[ArrayRef]) -> Result<Vec<bool>> {
        self.probe(key.table, &key.referenced, values, true)
    }

    pub(crate) fn try_has_keys(
        &mut self,
        table: TableId,
        columns: &[ColumnId],
        values: &[ArrayRef],
    ) -> Result<Vec<bool>> {
        self.check_usable()?;
        self.probe(table, columns, values, false)
    }

    /// Which values of a key there are, in the newest committed state and among own rows.
    fn probe(
        &mut self,
        table: TableId,
        columns: &[ColumnId],
        values: &[ArrayRef],
        keep: bool,
    ) -> Result<Vec<bool>> {
        let rows = values.first().map_or(0, |array| array.len());
        if rows == 0 {
            return Ok(Vec::new());
        }
        let view = self.current_view();
        let key = view.catalog.table(table).and_then(|def| def.key_of(columns));
        let key = key.ok_or_else(|| Error::internal("a foreign key refers to columns that are no key"))?;
        let layout = view.layout(key.table)?;
        let wanted = columns.iter().zip(values).map(|(id, array)| {
            let form = layout.form(*id).ok_or_else(|| Error::internal("a key lacks a column"))?;
            // What does not fit the column is in no row.
            converted(array, &form.arrow())
        });
        let wanted: Vec<ArrayRef> = wanted.collect::<Result<_>>()?;
        let fits = present(&wanted, rows);
        let wanted = chosen(&wanted, &fits)?;
        let mut found = self.rows_with(&view, &layout, columns, &wanted, keep)?.into_iter();
        Ok(fits.values().iter().map(|fits| fits && found.next().unwrap_or(false)).collect())
    }

    fn rows_with(
        &mut self,
        view: &View,
        layout: &Arc<Layout>,
        columns: &[ColumnId],
        values: &[ArrayRef],
        keep: bool,
    ) -> Result<Vec<bool>> {
        let rows = values.first().map_or(0, |array| array.len());
        if rows == 0 {
            return Ok(Vec::new());
        }
        let arrays = layout.columns().iter().map(|(id, form)| {
            let given = columns.iter().zip(values).find(|(column, _)| *column == id);
            given.map_or_else(|| new_null_array(&form.arrow(), rows), |(_, array)| Arc::clone(array))
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch =
            RecordBatch::try_new_with_options(Arc::clone(layout.schema()), arrays.collect(), &options);
        let routed = route(layout, batch.map_err(failed)?)?;
        if keep {
            self.lock_table_kept(layout)?;
            let names = routed.order.iter().filter_map(|row| routed.name(*row));
            self.keep_keys(layout.table(), names.map(|(tablet, key)| (tablet, Arc::clone(key))))?;
        }
        let existing = self.existing(&view.table(layout.table())?, &routed)?;
        Ok(existing.iter().map(|found| !matches!(found, Existing::None)).collect())
    }

    /// The lists of columns of a table that foreign keys refer to, each once.
    fn referenced_columns(&self, def: &TableDef) -> Vec<Vec<ColumnId>> {
        let mut lists: Vec<Vec<ColumnId>> =
            self.catalog.references_to(def.id).map(|(_, key)| key.referenced.clone()).collect();
        lists.sort_unstable();
        lists.dedup();
        lists
    }

    /// What rows at places have in columns of foreign keys and those referred to, as rows of the table: all other columns
    /// are null.
    fn old_values(
        &self,
        table: &TableView,
        places: &[Place],
        def: &TableDef,
        referenced: &[Vec<ColumnId>],
    ) -> Result<RecordBatch> {
        let mut columns = def.referring_columns();
        columns.extend(referenced.iter().flatten());
        columns.sort_unstable();
        columns.dedup();
        let fetched = table.fetch(places, &columns)?;
        let arrays = def.columns.iter().map(|column| {
            let place = columns.binary_search(&column.id).ok();
            let held = place.and_then(|place| fetched.columns().get(place));
            held.map_or_else(|| new_null_array(&column.ty.form.arrow(), places.len()), Arc::clone)
        });
        let fields = def.columns.iter().map(|c| types::array::field(&c.id.to_string(), &c.ty.form));
        let schema = arrow::datatypes::Schema::new(fields.collect::<Vec<_>>());
        RecordBatch::try_new(Arc::new(schema), arrays.collect()).map_err(failed)
    }
}

/// 23503 of a row that was written.
fn violation(def: &TableDef, key: &ForeignKeyDef) -> Error {
    let message = format!(
        "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
        def.name, key.name
    );
    Error::new(ErrorKind::ForeignKeyViolation, message).about(def.subject(None, Some(&key.name)))
}

fn failed(e: arrow::error::ArrowError) -> Error {
    Error::internal(format!("values of foreign keys: {e}"))
}

/// Columns of rows whose first columns are the table's.
fn columns_of(def: &TableDef, columns: &[ColumnId], rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let column = |id: &ColumnId| def.column_index(*id).and_then(|place| rows.columns().get(place)).cloned();
    let found: Option<Vec<ArrayRef>> = columns.iter().map(column).collect();
    found.ok_or_else(|| Error::internal("a foreign key is over a column that rows lack"))
}

/// Rows without a null in any of the columns.
fn present(columns: &[ArrayRef], rows: usize) -> BooleanArray {
    (0..rows).map(|row| Some(columns.iter().all(|array| array.is_valid(row)))).collect()
}

fn both(a: &BooleanArray, b: &BooleanArray) -> BooleanArray {
    a.values().iter().zip(b.values().iter()).map(|(a, b)| Some(a && b)).collect()
}

fn chosen(columns: &[ArrayRef], rows: &BooleanArray) -> Result<Vec<ArrayRef>> {
    if rows.true_count() == rows.len() {
        return Ok(columns.to_vec());
    }
    columns.iter().map(|array| filter(array, rows).map_err(failed)).collect()
}

/// Rows whose values are others than before, nulls included.
fn differing(
    def: &TableDef,
    columns: &[ColumnId],
    old: &[ArrayRef],
    new: &[ArrayRef],
) -> Result<BooleanArray> {
    let rows = new.first().map_or(0, |array| array.len());
    let whole = both(&present(old, rows), &present(new, rows));
    let forms: Vec<Form> =
        columns.iter().filter_map(|id| def.column(*id)).map(|c| c.ty.form.clone()).collect();
    let encoded = |values: &[ArrayRef]| {
        let kept = chosen(values, &whole)?;
        encode_keys(&forms.iter().cloned().zip(kept).collect::<Vec<_>>())
    };
    let (old, new) = (encoded(old)?, encoded(new)?);
    let mut pairs = old.iter().zip(new.iter());
    let differs = |whole: bool| !whole || pairs.next().is_none_or(|(old, new)| old != new);
    Ok(whole.values().iter().map(differs).map(Some).collect())
}

/// Rows whose values are not the very same ones as before: what is referred to is told so, as PostgreSQL does, also where
/// the new value is equal (1.0 and 1.00, a month and 30 days).
fn changed(def: &TableDef, columns: &[ColumnId], old: &[ArrayRef], new: &[ArrayRef]) -> Result<BooleanArray> {
    let rows = new.first().map_or(0, |array| array.len());
    let mut changed = vec![false; rows];
    let columns = columns.iter().filter_map(|id| def.column(*id));
    for ((column, old), new) in columns.zip(old).zip(new) {
        let form = &column.ty.form;
        for (row, changed) in changed.iter_mut().enumerate().filter(|(_, changed)| !**changed) {
            *changed = types::array::get(form, old, row)? != types::array::get(form, new, row)?;
        }
    }
    Ok(BooleanArray::from(changed))
}
