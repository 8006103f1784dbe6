//! INSERT with and without ON CONFLICT: rows of the source are written batch by batch.
//!
//! Must not know how rows that exist are changed.

use crate::api::Execution;
use crate::dml::at_hand;
use crate::dml::batch::TableBatches;
use crate::dml::on_conflict::Update;
use crate::dml::returning::Returned;
use crate::dml::rules::Rules;
use crate::interrupt::Interrupt;
use crate::lower::{self, QueryContext};
use crate::session::{Core, ahead};
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use base::Result;
use futures::StreamExt;
use sql::bound::{Arbiter, BoundInsert, OnConflict};
use std::collections::HashSet;
use storage::{InsertMode, InsertOutcome, Transaction};
use tokio::task::block_in_place;

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
    conflicts: Conflicts,
    /// Rows inserted or updated.
    pub(crate) affected: u64,
}

/// What happens to rows whose keys exist.
#[derive(Debug)]
enum Conflicts {
    Error,
    /// Such as these are passed over.
    Nothing(InsertMode),
    Update(Update),
}

impl Inserter {
    pub(crate) fn new(batches: TableBatches, insert: &BoundInsert, context: &QueryContext) -> Result<Self> {
        let rules = Rules::new(insert.rules.as_deref(), context)?;
        let conflicts = match insert.on_conflict.as_ref() {
            None => Conflicts::Error,
            Some(OnConflict::DoNothing(arbiter)) => Conflicts::Nothing(match arbiter {
                Arbiter::All => InsertMode::Report,
                Arbiter::Key => InsertMode::ReportOf(batches.table.id),
                Arbiter::Index(index) => InsertMode::ReportOf(*index),
            }),
            Some(OnConflict::DoUpdate(update)) => {
                Conflicts::Update(Update::new(&batches.table, update, rules.as_ref(), context)?)
            }
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
            rows = rules.applied(&self.batches, rows)?;
        }
        let table = self.batches.table.id;
        let (affected, written) = match &self.conflicts {
            Conflicts::Error => (transaction.insert(table, &rows, InsertMode::Error)?.inserted, rows),
            Conflicts::Nothing(mode) => {
                let outcome = transaction.insert(table, &rows, *mode)?;
                (outcome.inserted, without_conflicts(&rows, &outcome)?)
            }
            Conflicts::Update(update) => {
                let rows = update.write(&self.batches, self.rules.as_ref(), transaction, &rows)?;
                (rows.num_rows() as u64, rows)
            }
        };
        self.affected += affected;
        Ok(written)
    }
}

/// The proposed rows that were inserted.
fn without_conflicts(rows: &RecordBatch, outcome: &InsertOutcome) -> Result<RecordBatch> {
    if outcome.conflicts.is_empty() {
        return Ok(rows.clone());
    }
    let refused: HashSet<usize> = outcome.conflicts.iter().map(|c| c.row).collect();
    let kept: BooleanArray = (0..rows.num_rows()).map(|row| Some(!refused.contains(&row))).collect();
    filter_record_batch(rows, &kept).map_err(crate::failure::from_arrow)
}
