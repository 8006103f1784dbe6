//! ON CONFLICT DO UPDATE: what is made of an existing row and the proposed one.
//!
//! Must not know how rows are found. Invariants: an update that cannot change keys looks each key up once and reads of
//! existing rows only what it uses; one that can change them, and one by an index, takes rows one by one, each
//! meeting what those before it left.

use crate::dml::batch::TableBatches;
use crate::dml::rules::Rules;
use crate::lower::{Evaluator, QueryContext};
use arrow::array::{ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::compute::{concat_batches, filter, take_record_batch};
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, TableId};
use base::{Error, Result};
use catalog::TableDef;
use sql::bound::{Arbiter, ConflictUpdate, Expr, TypedCol, walk};
use std::collections::HashSet;
use storage::{Changed, InsertMode, Met, Transaction, Upsert};

#[derive(Debug)]
pub(crate) enum Update {
    /// Every column gets what was proposed.
    Replace,
    /// Keys stay as they are.
    Change(Box<Values>),
    /// Keys may change, or rows are in the way of an index.
    OneByOne { values: Box<Values>, index: Option<TableId> },
}

/// New values and the condition for them, over some columns of the existing row followed by the proposed one.
#[derive(Debug)]
pub(crate) struct Values {
    /// The columns of the existing row.
    columns: Vec<ColumnId>,
    values: Evaluator,
    filter: Option<Evaluator>,
}

impl Update {
    pub(crate) fn new(
        table: &TableDef,
        update: &ConflictUpdate,
        rules: Option<&Rules>,
        context: &QueryContext,
    ) -> Result<Self> {
        if let Arbiter::Index(index) = update.arbiter {
            let values = Box::new(Values::new(table, update, context)?);
            return Ok(Update::OneByOne { values, index: Some(index) });
        }
        let update = with_proposed_keys(table, update)?;
        let keeps = |column: ColumnId, value: &Expr, (old, new): (&TypedCol, &TypedCol)| match value {
            Expr::Column(c) => c.col == new.col || (c.col == old.col && table.primary_key.contains(&column)),
            _ => false,
        };
        let pairs = || update.existing.iter().zip(&update.excluded);
        let columns = table.columns.iter().zip(&update.values).zip(pairs());
        let whole = columns
            .clone()
            .all(|((_, value), (_, new))| matches!(value, Expr::Column(c) if c.col == new.col));
        if whole && update.filter.is_none() {
            return Ok(Update::Replace);
        }
        let mut key = columns.filter(|((column, _), _)| table.primary_key.contains(&column.id));
        let places: Vec<usize> = table.primary_key.iter().filter_map(|id| table.column_index(*id)).collect();
        let kept = key.all(|((column, value), pair)| keeps(column.id, value, pair))
            && !rules.is_some_and(|rules| rules.generates(&places));
        let values = Box::new(Values::new(table, &update, context)?);
        Ok(if kept { Update::Change(values) } else { Update::OneByOne { values, index: None } })
    }

    /// Writes proposed rows; returns those that were inserted or updated, in the order of the proposed ones.
    pub(crate) fn write(
        &self,
        batches: &TableBatches,
        rules: Option<&Rules>,
        transaction: &mut Transaction,
        proposed: &RecordBatch,
    ) -> Result<RecordBatch> {
        let table = batches.table.id;
        match self {
            Update::Replace => Ok(transaction.upsert(table, proposed, Upsert::Replace)?.rows),
            Update::Change(values) => {
                let mut decide = |met: Met<'_>| values.changed(batches, rules, proposed, met);
                let upsert = Upsert::Decide { columns: &values.columns, decide: &mut decide };
                Ok(transaction.upsert(table, proposed, upsert)?.rows)
            }
            Update::OneByOne { values, index } => {
                let one = |row| values.written(batches, rules, transaction, *index, &proposed.slice(row, 1));
                let written = (0..proposed.num_rows()).map(one).collect::<Result<Vec<_>>>()?;
                concat_batches(&proposed.schema(), &written).map_err(crate::failure::from_arrow)
            }
        }
    }
}

/// The same with the proposed key in the place of the existing one, where equal keys are the same value.
fn with_proposed_keys(table: &TableDef, update: &ConflictUpdate) -> Result<ConflictUpdate> {
    let mut update = update.clone();
    let pairs = table.columns.iter().zip(update.existing.iter().zip(&update.excluded));
    let keys: Vec<(TypedCol, TypedCol)> = pairs
        .filter(|(column, _)| {
            table.primary_key.contains(&column.id) && column.ty.form.arrow_order_is_sql_order()
        })
        .map(|(_, (old, new))| (old.clone(), new.clone()))
        .collect();
    let mut change = |expr: &mut Expr| {
        if let Expr::Column(column) = expr
            && let Some((_, new)) = keys.iter().find(|(old, _)| old.col == column.col)
        {
            *column = new.clone();
        }
        Ok(false)
    };
    for expr in update.values.iter_mut().chain(&mut update.filter) {
        walk::rewrite(expr, &mut change)?;
    }
    Ok(update)
}

impl Values {
    fn new(table: &TableDef, update: &ConflictUpdate, context: &QueryContext) -> Result<Self> {
        let mut used = HashSet::new();
        for expr in update.values.iter().chain(&update.filter) {
            walk::visit(expr, &mut |e| {
                if let Expr::Column(c) = e {
                    used.insert(c.col);
                }
            });
        }
        let existing = table.columns.iter().zip(&update.existing).filter(|(_, c)| used.contains(&c.col));
        let (columns, mut inputs): (Vec<ColumnId>, Vec<TypedCol>) =
            existing.map(|(column, typed)| (column.id, typed.clone())).unzip();
        inputs.extend(update.excluded.iter().cloned());
        let filter = update.filter.as_ref();
        let filter = filter.map(|f| Evaluator::new(context, std::slice::from_ref(f), &inputs)).transpose()?;
        Ok(Self { columns, values: Evaluator::new(context, &update.values, &inputs)?, filter })
    }

    /// What to change of rows that were met.
    fn changed(
        &self,
        batches: &TableBatches,
        rules: Option<&Rules>,
        proposed: &RecordBatch,
        met: Met<'_>,
    ) -> Result<Changed> {
        let Met { proposed: positions, existing } = met;
        let excluded = if positions.len() == proposed.num_rows() {
            proposed.columns().to_vec()
        } else {
            taken(proposed, positions)?.columns().to_vec()
        };
        let mut columns = existing;
        columns.extend(excluded);
        let mut flags = vec![true; positions.len()];
        if let Some(condition) = &self.filter {
            let holds = condition.evaluate(columns.clone(), positions.len())?;
            let holds = holds.first().ok_or_else(|| Error::internal("a condition without value"))?;
            flags = is_true(holds.as_boolean());
            let kept = BooleanArray::from(flags.clone());
            let some = |column: &ArrayRef| filter(column, &kept).map_err(crate::failure::from_arrow);
            columns = columns.iter().map(some).collect::<Result<_>>()?;
        }
        let rows = flags.iter().filter(|flag| **flag).count();
        let mut rows = batches.batch(self.values.evaluate(columns, rows)?, rows)?;
        if let Some(rules) = rules {
            rows = rules.applied(batches, rows)?;
        }
        Ok(Changed { flags, rows })
    }

    /// Inserts one row or updates the one in its way, by the primary key or by an index; its key may change.
    fn written(
        &self,
        batches: &TableBatches,
        rules: Option<&Rules>,
        transaction: &mut Transaction,
        index: Option<TableId>,
        proposed: &RecordBatch,
    ) -> Result<RecordBatch> {
        let table = &batches.table;
        let mode = InsertMode::ReportOf(index.unwrap_or(table.id));
        let outcome = transaction.insert(table.id, proposed, mode)?;
        let Some(conflict) = outcome.conflicts.first() else { return Ok(proposed.clone()) };
        let address = match index {
            None => conflict.address()?,
            Some(index) => transaction.row_with(table.id, index, proposed)?,
        };
        let row = transaction.fetch(table.id, &[address])?;
        let used = self.columns.iter().filter_map(|id| table.column_index(*id));
        let existing = used.filter_map(|index| row.columns().get(index).cloned()).collect();
        let Changed { flags: _, rows } =
            self.changed(batches, rules, proposed, Met { proposed: &[0], existing })?;
        if rows.num_rows() > 0 {
            transaction.update(table.id, &[address], &rows)?;
        }
        Ok(rows)
    }
}

fn taken(rows: &RecordBatch, positions: &[usize]) -> Result<RecordBatch> {
    let position =
        |row: &usize| u32::try_from(*row).map_err(|_| Error::internal("a batch has too many rows"));
    let positions = positions.iter().map(position).collect::<Result<Vec<u32>>>()?;
    take_record_batch(rows, &UInt32Array::from(positions)).map_err(crate::failure::from_arrow)
}

/// Which values are true; null is not.
fn is_true(values: &BooleanArray) -> Vec<bool> {
    values.iter().map(|value| value == Some(true)).collect()
}
