//! INSERT with and without ON CONFLICT.
//!
//! Invariant: a row that the statement itself inserted or updated is never updated by it again (21000).

use crate::api::Execution;
use crate::dml::at_hand;
use crate::dml::batch::TableBatches;
use crate::dml::returning::Returned;
use crate::dml::rules::Rules;
use crate::interrupt::Interrupt;
use crate::lower::{self, Evaluator, QueryContext};
use crate::session::{Core, ahead};
use arrow::array::{Array, AsArray, BooleanArray, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::record_batch::RecordBatch;
use base::{Error, ErrorKind, Result};
use catalog::TableDef;
use futures::StreamExt;
use sql::bound::{BoundInsert, Expr, OnConflict, TypedCol};
use std::collections::HashSet;
use storage::{InsertMode, InsertOutcome, Transaction};
use tokio::task::block_in_place;
use types::Form;

/// Runs an INSERT; with RETURNING its rows are complete when this returns.
pub(crate) async fn insert(
    core: &mut Core,
    insert: &BoundInsert,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<Execution> {
    let batches = TableBatches::new(&context.statement.catalog, insert.table)?;
    let mut inserter = Inserter::new(batches, insert, context)?;
    let mut returned = Returned::new(insert.returning.as_ref(), context)?;
    if let Some(batches) = at_hand::rows(context, &insert.source, &insert.source_columns)? {
        for batch in batches {
            interrupt.check()?;
            let written = block_in_place(|| inserter.write(core.transaction.current()?, &batch))?;
            returned.add(&written)?;
        }
        return returned.finish(format!("INSERT 0 {}", inserter.affected));
    }
    let threads = core.engine.shared.threads.clone();
    let planned = lower::execute(context, &insert.source, &insert.source_columns);
    let mut source = ahead(threads.starting_operators(planned).await?, interrupt, &threads);
    while let Some(batch) = source.next().await {
        interrupt.check()?;
        let batch = batch?;
        let written = block_in_place(|| inserter.write(core.transaction.current()?, &batch))?;
        returned.add(&written)?;
    }
    returned.finish(format!("INSERT 0 {}", inserter.affected))
}

/// Writes proposed rows batch by batch.
#[derive(Debug)]
pub(crate) struct Inserter {
    batches: TableBatches,
    rules: Option<Rules>,
    conflicts: OnConflictPlan,
    /// Rows inserted or updated.
    pub(crate) affected: u64,
}

#[derive(Debug)]
enum OnConflictPlan {
    Error,
    Nothing,
    /// The proposed row takes the place of the existing one, which need not be read.
    Replace,
    Update(Box<UpdatePlan>),
}

/// DO UPDATE: expressions over the existing row followed by the proposed one.
#[derive(Debug)]
struct UpdatePlan {
    values: Evaluator,
    filter: Option<Evaluator>,
    /// Addresses of rows that this statement updated.
    updated: HashSet<u64>,
}

impl Inserter {
    pub(crate) fn new(batches: TableBatches, insert: &BoundInsert, context: &QueryContext) -> Result<Self> {
        let rules = Rules::new(insert.rules.as_deref(), context)?;
        let conflicts = match insert.on_conflict.as_ref() {
            None => OnConflictPlan::Error,
            Some(OnConflict::DoNothing) => OnConflictPlan::Nothing,
            Some(OnConflict::DoUpdate { existing, excluded, values, filter: None })
                if replaces(&batches.table, existing, excluded, values) =>
            {
                OnConflictPlan::Replace
            }
            Some(OnConflict::DoUpdate { existing, excluded, values, filter }) => OnConflictPlan::Update(
                Box::new(UpdatePlan::new(existing, excluded, values, filter.as_ref(), context)?),
            ),
        };
        Ok(Self { batches, rules, conflicts, affected: 0 })
    }

    /// Writes a batch of proposed rows (columns in table order); returns the rows as they are stored now, in the
    /// order of the proposed ones they come from.
    pub(crate) fn write(
        &mut self,
        transaction: &mut Transaction,
        proposed: &RecordBatch,
    ) -> Result<RecordBatch> {
        let mut rows = self.batches.renamed(proposed)?;
        if let Some(rules) = &self.rules {
            rows = rules.completed(&self.batches, rows)?;
            rules.check(&self.batches.table, &rows)?;
        }
        let table = self.batches.table.id;
        match &mut self.conflicts {
            OnConflictPlan::Error => {
                let outcome = transaction.insert(table, &rows, InsertMode::Error)?;
                self.affected += outcome.inserted;
                Ok(rows)
            }
            OnConflictPlan::Nothing => {
                let outcome = transaction.insert(table, &rows, InsertMode::Report)?;
                self.affected += outcome.inserted;
                without_conflicts(&rows, &outcome)
            }
            OnConflictPlan::Replace => {
                let outcome = transaction.insert(table, &rows, InsertMode::Replace)?;
                if !outcome.conflicts.is_empty() {
                    return Err(second_time());
                }
                self.affected += outcome.inserted + outcome.replaced;
                Ok(rows)
            }
            OnConflictPlan::Update(plan) => {
                let outcome = transaction.insert(table, &rows, InsertMode::Report)?;
                let (updated, origins) =
                    plan.update(&self.batches, self.rules.as_ref(), transaction, &rows, &outcome)?;
                self.affected += outcome.inserted + updated.num_rows() as u64;
                in_source_order(&without_conflicts(&rows, &outcome)?, &updated, &outcome, &origins)
            }
        }
    }
}

/// Whether DO UPDATE makes of each existing row the proposed one.
fn replaces(table: &TableDef, existing: &[TypedCol], excluded: &[TypedCol], values: &[Expr]) -> bool {
    let columns = table.columns.iter().zip(existing.iter().zip(excluded)).zip(values);
    let mut taken = columns.map(|((column, (existing, excluded)), value)| match value {
        Expr::Column(c) if c.col == excluded.col => true,
        // Equal keys of these forms are the same value, which the proposed row has too.
        Expr::Column(c) if c.col == existing.col => {
            table.primary_key.contains(&column.id) && equal_is_same(&column.ty.form)
        }
        _ => false,
    });
    taken.all(|taken| taken)
}

/// Whether values that are equal cannot be told apart.
fn equal_is_same(form: &Form) -> bool {
    match form {
        Form::Bool
        | Form::Int16
        | Form::Int32
        | Form::Int64
        | Form::UInt32
        | Form::Decimal128 { .. }
        | Form::Decimal256 { .. }
        | Form::Date
        | Form::Timestamp
        | Form::TimestampTz
        | Form::Time
        | Form::TimeTz
        | Form::Text
        | Form::Bytes
        | Form::Uuid => true,
        // Zeros have a sign, numerics (in jsonb too) a number of digits, intervals several ways to say a month.
        Form::Float32 | Form::Float64 | Form::PgNum | Form::Jsonb | Form::Interval | Form::List(_) => false,
    }
}

impl UpdatePlan {
    fn new(
        existing: &[TypedCol],
        excluded: &[TypedCol],
        values: &[Expr],
        filter: Option<&Expr>,
        context: &QueryContext,
    ) -> Result<Self> {
        let inputs: Vec<TypedCol> = existing.iter().chain(excluded).cloned().collect();
        let filter = filter.map(|f| Evaluator::new(context, std::slice::from_ref(f), &inputs)).transpose()?;
        Ok(Self { values: Evaluator::new(context, values, &inputs)?, filter, updated: HashSet::new() })
    }

    /// Updates the rows that stand in the way. Returns their new values and which proposed rows they come from.
    fn update(
        &mut self,
        batches: &TableBatches,
        rules: Option<&Rules>,
        transaction: &mut Transaction,
        proposed: &RecordBatch,
        outcome: &InsertOutcome,
    ) -> Result<(RecordBatch, Vec<usize>)> {
        let mut addresses = Vec::with_capacity(outcome.conflicts.len());
        let mut origins = Vec::with_capacity(outcome.conflicts.len());
        for conflict in &outcome.conflicts {
            addresses.push(conflict.existing.ok_or_else(second_time)?);
            origins.push(conflict.row);
        }
        if addresses.is_empty() {
            return Ok((proposed.slice(0, 0), origins));
        }
        let existing = transaction.fetch(batches.table.id, &addresses)?;
        let excluded = take_record_batch(proposed, &indices(&origins)?).map_err(internal)?;
        let mut columns = existing.columns().to_vec();
        columns.extend(excluded.columns().iter().cloned());
        if let Some(filter) = &self.filter {
            let kept = filter.evaluate(columns.clone(), addresses.len())?;
            let kept =
                kept.first().ok_or_else(|| Error::internal("a filter without value"))?.as_boolean().clone();
            columns = columns
                .iter()
                .map(|c| arrow::compute::filter(c, &kept))
                .collect::<Result<_, _>>()
                .map_err(internal)?;
            retain(&mut addresses, &kept);
            retain(&mut origins, &kept);
        }
        for address in &addresses {
            if !self.updated.insert(*address) {
                return Err(second_time());
            }
        }
        let values = self.values.evaluate(columns, addresses.len())?;
        let mut updated = batches.batch(values, addresses.len())?;
        if let Some(rules) = rules {
            updated = rules.completed(batches, updated)?;
            rules.check(&batches.table, &updated)?;
        }
        if !addresses.is_empty() {
            transaction.update(batches.table.id, &addresses, &updated)?;
        }
        Ok((updated, origins))
    }
}

/// Keeps the elements whose flag is true; null is false.
fn retain<T>(items: &mut Vec<T>, flags: &BooleanArray) {
    let mut index = 0;
    items.retain(|_| {
        let keep = index < flags.len() && flags.is_valid(index) && flags.value(index);
        index += 1;
        keep
    });
}

fn second_time() -> Error {
    Error::new(ErrorKind::Cardinality, "ON CONFLICT DO UPDATE command cannot affect row a second time").with_hint(
        "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
    )
}

/// The proposed rows that were inserted.
fn without_conflicts(rows: &RecordBatch, outcome: &InsertOutcome) -> Result<RecordBatch> {
    if outcome.conflicts.is_empty() {
        return Ok(rows.clone());
    }
    let refused: HashSet<usize> = outcome.conflicts.iter().map(|c| c.row).collect();
    let kept: BooleanArray = (0..rows.num_rows()).map(|row| Some(!refused.contains(&row))).collect();
    filter_record_batch(rows, &kept).map_err(internal)
}

/// Inserted and updated rows in the order of the proposed ones.
fn in_source_order(
    inserted: &RecordBatch,
    updated: &RecordBatch,
    outcome: &InsertOutcome,
    origins: &[usize],
) -> Result<RecordBatch> {
    if updated.num_rows() == 0 {
        return Ok(inserted.clone());
    }
    let refused: HashSet<usize> = outcome.conflicts.iter().map(|c| c.row).collect();
    let proposed = inserted.num_rows() + refused.len();
    let places = (0..proposed).filter(|row| !refused.contains(row)).chain(origins.iter().copied());
    let mut order: Vec<(usize, usize)> = places.enumerate().map(|(at, origin)| (origin, at)).collect();
    order.sort_unstable();
    let all = concat_batches(&inserted.schema(), [inserted, updated]).map_err(internal)?;
    let order: Vec<usize> = order.into_iter().map(|(_, at)| at).collect();
    take_record_batch(&all, &indices(&order)?).map_err(internal)
}

fn indices(rows: &[usize]) -> Result<UInt32Array> {
    rows.iter()
        .map(|row| u32::try_from(*row).map_err(|_| Error::internal("a batch has too many rows")))
        .collect::<Result<Vec<u32>>>()
        .map(UInt32Array::from)
}

fn internal(error: arrow::error::ArrowError) -> Error {
    crate::failure::from_arrow(error)
}
