//! The end of a statement that wrote to tables with foreign keys: what is done about rows that refer to keys that went, and
//! whether all rows refer to something.
//!
//! Must not know which statement wrote. Invariants: rows that refer are looked for in the newest committed state and among
//! own writes, never in an older snapshot alone; what forbids is looked for when everything else is done.

use crate::dml::batch::TableBatches;
use crate::dml::change::write;
use crate::dml::rules::Rules;
use crate::interrupt::Interrupt;
use crate::lower::evaluate;
use crate::session::Core;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, concat_batches, filter, take, take_record_batch};
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;
use base::id::ColumnId;
use base::{Error, ErrorKind, Result};
use catalog::{ForeignKeyAction, ForeignKeyDef, TableDef};
use futures::StreamExt;
use sql::binder::BindContext;
use std::collections::HashMap;
use std::sync::Arc;
use storage::{Left, Missing, Predicate, ReadView, ScanSpec, Transaction};
use tokio::task::block_in_place;
use types::Form;
use types::key::encode_keys;

/// So many values of a column are worth to look for them one by one.
const VALUES_MAX: usize = 1_000;

/// Does what foreign keys say of the writes of a statement, which are all done.
pub(crate) async fn settle(core: &mut Core, interrupt: &Interrupt) -> Result<()> {
    if !core.transaction.storage().is_some_and(Transaction::is_unsettled) {
        return Ok(());
    }
    let mut forbidden: Vec<Reference> = Vec::new();
    loop {
        let all = core.transaction.current()?.take_left();
        if all.is_empty() {
            break;
        }
        for left in all {
            for reference in references(core, left)? {
                match reference.action() {
                    ForeignKeyAction::NoAction => forbidden.push(reference),
                    ForeignKeyAction::Restrict => reference.forbid(core, false, interrupt).await?,
                    ForeignKeyAction::Cascade if reference.left.new.is_none() => {
                        reference.delete(core, interrupt).await?;
                    }
                    action => {
                        reference.change(core, action, interrupt).await?;
                        if action == ForeignKeyAction::SetDefault {
                            // The default may be what went.
                            forbidden.push(reference);
                        }
                    }
                }
            }
        }
    }
    for reference in forbidden {
        reference.forbid(core, true, interrupt).await?;
    }
    for missing in block_in_place(|| core.transaction.current()?.take_missing())? {
        refuse_missing(core, missing, interrupt).await?;
    }
    Ok(())
}

/// 23503 when a row has some of the values that refer to none: those that were given them may be gone again.
async fn refuse_missing(core: &mut Core, missing: Missing, interrupt: &Interrupt) -> Result<()> {
    let Missing { table, key, values } = &missing;
    let columns = key.referenced.clone();
    let left = Left { table: key.table, columns, old: values.clone(), new: None };
    let reference = Reference { child: Arc::clone(table), key: key.clone(), left: Arc::new(left) };
    let wanted = Wanted::new(&reference)?;
    match reference.first_of(core, &wanted, interrupt).await? {
        Some(row) => Err(missing.error(core.transaction.current()?.catalog(), row)),
        None => Ok(()),
    }
}

/// The foreign keys that refer to values that went.
fn references(core: &mut Core, left: Left) -> Result<Vec<Reference>> {
    let left = Arc::new(left);
    let catalog = core.transaction.current()?.catalog();
    let referring = catalog.references_to(left.table).filter(|(_, key)| key.referenced == left.columns);
    let reference = |(child, key): (&Arc<TableDef>, &ForeignKeyDef)| Reference {
        child: Arc::clone(child),
        key: key.clone(),
        left: Arc::clone(&left),
    };
    Ok(referring.map(reference).collect())
}

/// A foreign key and values that it may refer to, which went.
struct Reference {
    child: Arc<TableDef>,
    key: ForeignKeyDef,
    left: Arc<Left>,
}

/// Rows of the child that refer to such values.
struct Found {
    rows: RecordBatch,
    /// For each of them, which of the values.
    of: Vec<usize>,
}

impl Reference {
    fn action(&self) -> ForeignKeyAction {
        if self.left.new.is_none() { self.key.on_delete } else { self.key.on_update }
    }

    /// 23503 when a row refers to one of the values. `absent`: only to those that no row has by now.
    async fn forbid(&self, core: &mut Core, absent: bool, interrupt: &Interrupt) -> Result<()> {
        let wanted = Wanted::new(self)?;
        let first = match absent {
            true => self.first_of_absent(core, wanted, interrupt).await?,
            false => self.first_of(core, &wanted, interrupt).await?,
        };
        match first {
            None => Ok(()),
            Some(row) => {
                let catalog = Arc::clone(core.transaction.current()?.catalog());
                Err(self.still_referenced(catalog.table(self.left.table), row))
            }
        }
    }

    fn still_referenced(&self, parent: Option<&Arc<TableDef>>, row: usize) -> Error {
        let Some(parent) = parent else { return Error::internal("what is referred to is gone") };
        let (name, child) = (&self.key.name, &self.child.name);
        let message = format!(
            "update or delete on table \"{}\" violates foreign key constraint \"{name}\" on table \"{child}\"",
            parent.name
        );
        let error =
            Error::new(ErrorKind::ForeignKeyViolation, message).about(self.child.subject(None, Some(name)));
        let key = self.left.columns.iter().zip(&self.left.old);
        storage::with_key(error, parent, key, row, &format!(" is still referenced from table \"{child}\"."))
    }

    /// Deletes the rows that refer.
    async fn delete(&self, core: &mut Core, interrupt: &Interrupt) -> Result<()> {
        let wanted = Wanted::new(self)?;
        let view = core.transaction.step()?.view();
        let found = self.find(&view, &wanted, Vec::new(), true, interrupt).await?;
        let mut addresses = Vec::new();
        for found in &found {
            addresses.extend_from_slice(addresses_of(&found.rows)?);
        }
        if !addresses.is_empty() {
            block_in_place(|| core.transaction.current()?.delete(self.child.id, &addresses))?;
        }
        self.none_unseen(core, wanted, interrupt).await
    }

    /// Gives the rows that refer other values.
    async fn change(&self, core: &mut Core, action: ForeignKeyAction, interrupt: &Interrupt) -> Result<()> {
        let wanted = Wanted::new(self)?;
        let view = core.transaction.step()?.view();
        let every: Vec<ColumnId> = self.child.columns.iter().map(|column| column.id).collect();
        let found = self.find(&view, &wanted, every, true, interrupt).await?;
        if let Some(first) = found.first() {
            let all: Vec<&RecordBatch> = found.iter().map(|found| &found.rows).collect();
            let rows = concat_batches(&first.rows.schema(), all).map_err(crate::failure::from_arrow)?;
            let of: Vec<usize> = found.iter().flat_map(|found| found.of.iter().copied()).collect();
            self.write_changed(core, action, view, &rows, &of)?;
        }
        self.none_unseen(core, wanted, interrupt).await
    }

    fn write_changed(
        &self,
        core: &mut Core,
        action: ForeignKeyAction,
        view: ReadView,
        rows: &RecordBatch,
        of: &[usize],
    ) -> Result<()> {
        let context = core.query_context(view, Arc::default());
        let catalog = Arc::clone(&context.statement.catalog);
        let listed = self.left.new.is_none() && !self.key.set_columns.is_empty();
        let set = if listed { &self.key.set_columns } else { &self.key.columns };
        let defaults: &[ColumnId] = if action == ForeignKeyAction::SetDefault { set } else { &[] };
        let search_path = core.search_path(&catalog);
        let binding = BindContext::new("", &catalog)
            .with_search_path(&search_path)
            .with_session(crate::engine::DATABASE, &core.user)
            .with_io(core.io_settings_of(&catalog));
        let (rules, defaults) = sql::statement::bind_referring(&binding, &self.child, defaults)?;
        let rules = Rules::new(rules.as_deref(), &context)?;
        let mut columns = rows.columns().to_vec();
        let addresses = addresses_of(rows)?.to_vec();
        columns.truncate(self.child.columns.len());
        for (place, id) in set.iter().enumerate() {
            let column = self.child.column(*id).zip(self.child.column_index(*id));
            let (column, index) = column.ok_or_else(|| Error::internal("a foreign key lacks its column"))?;
            let form = &column.ty.form;
            let value = match (action, defaults.get(place)) {
                (ForeignKeyAction::SetDefault, Some(default)) => {
                    evaluate(&context, default, &[], rows.num_rows())?
                }
                (ForeignKeyAction::Cascade, _) => self.new_values(place, form, of)?,
                _ => new_null_array(&form.arrow(), rows.num_rows()),
            };
            if let Some(column) = columns.get_mut(index) {
                *column = value;
            }
        }
        let batches = TableBatches::new(&catalog, self.child.id)?;
        let rows = batches.batch(columns, rows.num_rows())?;
        write(core, &batches, rules.as_ref(), &addresses, &rows).map(drop)
    }

    /// What rows get in the column at a place of the key: the new value of what each refers to.
    fn new_values(&self, place: usize, form: &Form, of: &[usize]) -> Result<ArrayRef> {
        let new = self.left.new.as_ref().and_then(|new| new.get(place));
        let new = new.ok_or_else(|| Error::internal("a key went without new values"))?;
        let fitting = fitting(new, form)?;
        if fitting.null_count() != new.null_count() {
            return Err(Error::new(ErrorKind::NumericOutOfRange, out_of_range(form)));
        }
        let rows: UInt32Array = of.iter().map(|row| u32::try_from(*row).ok()).collect();
        take(&fitting, &rows, None).map_err(crate::failure::from_arrow)
    }

    /// `LostRace` when a row that this transaction's snapshot does not show refers to one of the values.
    async fn none_unseen(&self, core: &mut Core, wanted: Wanted, interrupt: &Interrupt) -> Result<()> {
        if !core.transaction.keeps_snapshot() {
            // The view was of the newest state, and the keys were locked before it was taken.
            return Ok(());
        }
        if self.first_of_absent(core, wanted, interrupt).await?.is_some() {
            return Err(lost_race());
        }
        Ok(())
    }

    /// Of the values that no row of the table referred to has by now, the first that a row refers to.
    async fn first_of_absent(
        &self,
        core: &mut Core,
        mut wanted: Wanted,
        interrupt: &Interrupt,
    ) -> Result<Option<usize>> {
        let left = &self.left;
        let transaction = core.transaction.current()?;
        let there = block_in_place(|| transaction.has_keys(left.table, &left.columns, &left.old))?;
        wanted.keys.retain(|_, row| !there.get(*row).is_some_and(|there| *there));
        self.first_of(core, &wanted, interrupt).await
    }

    /// The first of the values that a row refers to.
    async fn first_of(
        &self,
        core: &mut Core,
        wanted: &Wanted,
        interrupt: &Interrupt,
    ) -> Result<Option<usize>> {
        if wanted.keys.is_empty() {
            return Ok(None);
        }
        let view = block_in_place(|| core.transaction.current()?.newest_view())?;
        let found = self.find(&view, wanted, Vec::new(), false, interrupt).await?;
        Ok(found.iter().flat_map(|found| &found.of).min().copied())
    }

    /// The rows of the child that refer to values, with some columns and perhaps their addresses behind them.
    async fn find(
        &self,
        view: &ReadView,
        wanted: &Wanted,
        columns: Vec<ColumnId>,
        addresses: bool,
        interrupt: &Interrupt,
    ) -> Result<Vec<Found>> {
        if !view.catalog().table(self.child.id).is_some_and(|now| now.takes_rows_of(&self.child)) {
            // A snapshot that was taken meanwhile shows another definition.
            return Err(lost_race());
        }
        let mut projection = columns;
        let added: Vec<ColumnId> =
            self.key.columns.iter().filter(|id| !projection.contains(id)).copied().collect();
        projection.extend(added);
        let place = |id: &ColumnId| projection.iter().position(|held| held == id);
        let places: Vec<usize> = self.key.columns.iter().filter_map(place).collect();
        let spec = ScanSpec {
            table: self.child.id,
            projection: projection.clone(),
            predicate: wanted.predicate.clone(),
            sieve: None,
            row_address: addresses,
        };
        let mut all = Vec::new();
        for split in block_in_place(|| view.scan(&spec))?.splits {
            let mut batches = split.stream();
            while let Some(batch) = batches.next().await {
                interrupt.check()?;
                let found = wanted.among(batch?, &places)?;
                if !found.of.is_empty() {
                    all.push(found);
                }
            }
        }
        Ok(all)
    }
}

/// Values to look for in columns of a child.
struct Wanted {
    forms: Vec<Form>,
    /// By their keys, which of the values that went.
    keys: HashMap<Box<[u8]>, usize>,
    /// What every row that has some of them makes true.
    predicate: Option<Predicate>,
}

impl Wanted {
    fn new(reference: &Reference) -> Result<Self> {
        let Reference { child, key, left } = reference;
        let columns = key.columns.iter().filter_map(|id| child.column(*id));
        let forms: Vec<Form> = columns.map(|column| column.ty.form.clone()).collect();
        let values = forms.iter().zip(&left.old).map(|(form, old)| fitting(old, form));
        let values: Vec<ArrayRef> = values.collect::<Result<_>>()?;
        let rows = values.first().map_or(0, |array| array.len());
        let whole = present(&values, rows);
        let kept = chosen(&values, &whole)?;
        let encoded = encode_keys(&forms.iter().cloned().zip(kept.iter().cloned()).collect::<Vec<_>>())?;
        let places = (0..rows).filter(|row| whole.value(*row));
        let keys = encoded.iter().map(Box::from).zip(places).collect();
        let predicate = predicate(key, &forms, &kept)?;
        Ok(Self { forms, keys, predicate })
    }

    /// The rows of a batch that have some of the values in the columns at places.
    fn among(&self, batch: RecordBatch, places: &[usize]) -> Result<Found> {
        let columns: Vec<ArrayRef> =
            places.iter().filter_map(|place| batch.columns().get(*place)).cloned().collect();
        let whole = present(&columns, batch.num_rows());
        let kept = chosen(&columns, &whole)?;
        let encoded = encode_keys(&self.forms.iter().cloned().zip(kept).collect::<Vec<_>>())?;
        let rows = (0..batch.num_rows()).filter(|row| whole.value(*row));
        let met = encoded.iter().zip(rows).filter_map(|(key, row)| Some((row, *self.keys.get(key)?)));
        let (rows, of): (Vec<usize>, Vec<usize>) = met.unzip();
        let rows: UInt32Array = rows.iter().map(|row| u32::try_from(*row).ok()).collect();
        let rows = take_record_batch(&batch, &rows).map_err(crate::failure::from_arrow)?;
        Ok(Found { rows, of })
    }
}

/// Each column has one of its values; None where there are too many, or storage does not compare them.
fn predicate(key: &ForeignKeyDef, forms: &[Form], values: &[ArrayRef]) -> Result<Option<Predicate>> {
    let mut parts = Vec::new();
    for ((column, form), array) in key.columns.iter().zip(forms).zip(values) {
        parts.push(Predicate::IsNotNull { column: *column });
        if array.len() > VALUES_MAX || matches!(form, Form::Jsonb | Form::Array(_) | Form::Row(_)) {
            continue;
        }
        let values = (0..array.len()).map(|row| types::array::get(form, array.as_ref(), row));
        parts.push(Predicate::In { column: *column, values: values.collect::<Result<_>>()? });
    }
    Ok(Some(Predicate::And(parts)))
}

fn lost_race() -> Error {
    Error::new(ErrorKind::LostRace, "could not serialize access due to concurrent update")
}

fn addresses_of(rows: &RecordBatch) -> Result<&[u64]> {
    let last = rows.num_columns().checked_sub(1);
    let last = last.and_then(|last| rows.columns().get(last));
    let values = last.and_then(|column| column.as_primitive_opt::<UInt64Type>());
    values
        .map(|values| values.values().as_ref())
        .ok_or_else(|| Error::internal("a scan yields no row addresses"))
}

fn present(columns: &[ArrayRef], rows: usize) -> BooleanArray {
    (0..rows).map(|row| Some(columns.iter().all(|array| array.is_valid(row)))).collect()
}

fn chosen(columns: &[ArrayRef], rows: &BooleanArray) -> Result<Vec<ArrayRef>> {
    let some = |array: &ArrayRef| filter(array, rows).map_err(crate::failure::from_arrow);
    if rows.true_count() == rows.len() { Ok(columns.to_vec()) } else { columns.iter().map(some).collect() }
}

/// Integers in another width, null where they do not fit; of other forms nothing is to be done.
fn fitting(array: &ArrayRef, form: &Form) -> Result<ArrayRef> {
    if *array.data_type() == form.arrow() {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    cast_with_options(array, &form.arrow(), &options).map_err(crate::failure::from_arrow)
}

fn out_of_range(form: &Form) -> &'static str {
    match form {
        Form::Int16 => "smallint out of range",
        Form::Int32 => "integer out of range",
        _ => "bigint out of range",
    }
}
