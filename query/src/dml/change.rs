//! UPDATE and DELETE: rows are found by a source that yields their addresses.
//!
//! Invariants: a row is changed once however often the source names it (the first time counts); an UPDATE that may
//! change keys is applied as one set, so that keys may be exchanged.

use crate::api::Execution;
use crate::dml::batch::TableBatches;
use crate::dml::keys::{keeps_keys, may_repeat};
use crate::dml::returning::Returned;
use crate::dml::rules::Rules;
use crate::interrupt::Interrupt;
use crate::lower::{self, ChangedRows, QueryContext};
use crate::session::{Core, ahead};
use arrow::array::{AsArray, BooleanArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;
use base::id::TableId;
use base::sync::PoisonError;
use base::{Error, Result};
use futures::StreamExt;
use sql::bound::{BoundDelete, BoundUpdate, ColRef};
use std::collections::HashSet;
use tokio::task::block_in_place;

/// Runs an UPDATE.
pub(crate) async fn update(
    core: &mut Core,
    update: &BoundUpdate,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<Execution> {
    let batches = TableBatches::new(&context.statement.catalog, update.table)?;
    let table = &batches.table;
    let unique = table.primary_key.iter().chain(table.unique.iter().flat_map(|unique| &unique.columns));
    let key: Vec<usize> = unique.filter_map(|id| table.column_index(*id)).collect();
    let rules = Rules::new(update.rules.as_deref(), context)?;
    let at_once = !keeps_keys(update, &key) || rules.as_ref().is_some_and(|r| r.generates(&key));
    let mut returned = Returned::new(update.returning.as_ref(), context)?;
    let mut seen = Seen::new(may_repeat(&update.source), table.id, context);
    let mut waiting = Waiting::default();
    let mut affected = 0;

    let written = update.new_columns.iter().chain(&update.joined_columns).copied();
    let columns: Vec<ColRef> = std::iter::once(update.row_address).chain(written).collect();
    let threads = core.engine.shared.threads.clone();
    let planned = lower::execute(context, &update.source, &columns);
    let mut source = ahead(threads.starting_operators(planned).await?, interrupt, &threads);
    while let Some(batch) = source.next().await {
        interrupt.check()?;
        let (addresses, rows) = seen.split(&batch?)?;
        affected += addresses.len();
        if at_once {
            waiting.add(addresses, rows);
        } else if !addresses.is_empty() {
            returned.add(&write(core, &batches, rules.as_ref(), &addresses, &rows)?)?;
        }
    }
    if let Some((addresses, rows)) = waiting.take()? {
        returned.add(&write(core, &batches, rules.as_ref(), &addresses, &rows)?)?;
    }
    returned.finish(format!("UPDATE {affected}"))
}

/// Writes the new values of rows; columns behind those of the table are for RETURNING. Returns them as they are now.
pub(super) fn write(
    core: &mut Core,
    batches: &TableBatches,
    rules: Option<&Rules>,
    addresses: &[u64],
    rows: &RecordBatch,
) -> Result<RecordBatch> {
    let columns: Vec<usize> = (0..batches.table.columns.len()).collect();
    let mut new = batches.renamed(&rows.project(&columns).map_err(crate::failure::from_arrow)?)?;
    if let Some(rules) = rules {
        new = rules.completed(batches, new)?;
        rules.check(&batches.table, &new)?;
    }
    block_in_place(|| core.transaction.current()?.update(batches.table.id, addresses, &new))?;
    if rules.is_none() {
        return Ok(rows.clone());
    }
    let joined = rows.columns().iter().skip(columns.len());
    let columns = new.columns().iter().chain(joined).cloned().collect();
    RecordBatch::try_new(rows.schema(), columns).map_err(crate::failure::from_arrow)
}

/// Runs a DELETE.
pub(crate) async fn delete(
    core: &mut Core,
    delete: &BoundDelete,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<Execution> {
    let batches = TableBatches::new(&context.statement.catalog, delete.table)?;
    let mut returned = Returned::new(delete.returning.as_ref(), context)?;
    let mut seen = Seen::new(may_repeat(&delete.source), delete.table, context);
    let mut affected = 0;
    let mut columns = vec![delete.row_address];
    if delete.returning.is_some() {
        columns.extend(delete.old_columns.iter().chain(&delete.joined_columns).copied());
    }
    let threads = core.engine.shared.threads.clone();
    let planned = lower::execute(context, &delete.source, &columns);
    let mut source = ahead(threads.starting_operators(planned).await?, interrupt, &threads);
    while let Some(batch) = source.next().await {
        interrupt.check()?;
        let (addresses, rows) = seen.split(&batch?)?;
        if addresses.is_empty() {
            continue;
        }
        affected += block_in_place(|| core.transaction.current()?.delete(batches.table.id, &addresses))?;
        returned.add(&rows)?;
    }
    returned.finish(format!("DELETE {affected}"))
}

/// Addresses that a statement has met.
#[derive(Debug)]
struct Seen {
    /// None when the source cannot name a row twice.
    addresses: Option<HashSet<u64>>,
    /// With the table: what other parts of the statement changed.
    shared: Option<(TableId, ChangedRows)>,
}

impl Seen {
    fn new(may_repeat: bool, table: TableId, context: &QueryContext) -> Self {
        let shared = context.with.changed.clone().map(|changed| (table, changed));
        let addresses = (may_repeat && shared.is_none()).then(HashSet::new);
        Self { addresses, shared }
    }

    /// Addresses (the first column) and the other columns of the rows met for the first time.
    fn split(&mut self, batch: &RecordBatch) -> Result<(Vec<u64>, RecordBatch)> {
        let first: Option<BooleanArray> = match (&mut self.addresses, &self.shared) {
            (_, Some((table, changed))) => {
                let mut changed = changed.lock().unwrap_or_else(PoisonError::into_inner);
                let addresses = address_column(batch)?;
                Some(addresses.iter().map(|a| Some(changed.insert((*table, *a)))).collect())
            }
            (Some(seen), None) => {
                Some(address_column(batch)?.iter().map(|a| Some(seen.insert(*a))).collect())
            }
            (None, None) => None,
        };
        let batch = match first {
            None => batch.clone(),
            Some(first) => filter_record_batch(batch, &first).map_err(crate::failure::from_arrow)?,
        };
        let addresses = address_column(&batch)?.to_vec();
        let others: Vec<usize> = (1..batch.num_columns()).collect();
        let rows = batch.project(&others).map_err(crate::failure::from_arrow)?;
        Ok((addresses, rows))
    }
}

pub(super) fn address_column(batch: &RecordBatch) -> Result<&[u64]> {
    batch
        .columns()
        .first()
        .and_then(|c| c.as_primitive_opt::<UInt64Type>())
        .map(|c| c.values().as_ref())
        .ok_or_else(|| Error::internal("a source yields no row addresses"))
}

/// Changes kept until all are known.
#[derive(Debug, Default)]
struct Waiting {
    addresses: Vec<u64>,
    rows: Vec<RecordBatch>,
}

impl Waiting {
    fn add(&mut self, addresses: Vec<u64>, rows: RecordBatch) {
        self.addresses.extend(addresses);
        self.rows.push(rows);
    }

    fn take(self) -> Result<Option<(Vec<u64>, RecordBatch)>> {
        match self.rows.first() {
            Some(first) if !self.addresses.is_empty() => {
                let rows = concat_batches(&first.schema(), &self.rows).map_err(crate::failure::from_arrow)?;
                Ok(Some((self.addresses, rows)))
            }
            _ => Ok(None),
        }
    }
}
