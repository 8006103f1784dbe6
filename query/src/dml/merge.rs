//! MERGE: what each row of the source is for, then deletions, changes and new rows, each as one set.
//!
//! Invariants: nothing is written before all rows are known; a row of the target is changed once.

use crate::api::Execution;
use crate::dml::batch::TableBatches;
use crate::dml::change::write;
use crate::dml::rules::Rules;
use crate::interrupt::Interrupt;
use crate::lower::{self, QueryContext};
use crate::session::{Core, ahead};
use arrow::array::{Array, AsArray, BooleanArray, PrimitiveArray};
use arrow::compute::{concat_batches, filter, filter_record_batch};
use arrow::datatypes::{Int32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use base::sync::PoisonError;
use base::{Error, ErrorKind, Result};
use futures::StreamExt;
use sql::bound::{BoundMerge, ColRef, MergeKind};
use std::collections::HashSet;
use storage::InsertMode;
use tokio::task::block_in_place;

/// Runs a MERGE.
pub(crate) async fn merge(
    core: &mut Core,
    merge: &BoundMerge,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<Execution> {
    let batches = TableBatches::new(&context.statement.catalog, merge.table)?;
    let rules = Rules::new(merge.rules.as_deref(), context)?;
    let fixed = [merge.row_address, merge.action];
    let columns: Vec<ColRef> = fixed.iter().chain(&merge.new_columns).copied().collect();
    let threads = core.engine.shared.threads.clone();
    let planned = lower::execute(context, &merge.source, &columns);
    let mut source = ahead(threads.starting_operators(planned).await?, interrupt, &threads);
    let mut work = Work::new(merge, context);
    while let Some(batch) = source.next().await {
        interrupt.check()?;
        work.sort(&batch?)?;
    }
    let affected = work.deleted.len() + work.updated.len() + rows_in(&work.inserts);
    if !work.deleted.is_empty() {
        block_in_place(|| core.transaction.current()?.delete(merge.table, &work.deleted))?;
    }
    if let Some(rows) = joined(&work.updates)? {
        write(core, &batches, rules.as_ref(), &work.updated, &rows)?;
    }
    if let Some(rows) = joined(&work.inserts)? {
        let mut rows = batches.renamed(&rows)?;
        if let Some(rules) = &rules {
            rows = rules.applied(&batches, rows)?;
        }
        block_in_place(|| core.transaction.current()?.insert(merge.table, &rows, InsertMode::Error))?;
    }
    Ok(Execution::Command(format!("MERGE {affected}")))
}

/// What is to be done.
#[derive(Debug)]
struct Work<'m> {
    merge: &'m BoundMerge,
    /// Rows of the target that are changed.
    met: HashSet<u64>,
    context: &'m QueryContext,
    deleted: Vec<u64>,
    updated: Vec<u64>,
    updates: Vec<RecordBatch>,
    inserts: Vec<RecordBatch>,
}

impl<'m> Work<'m> {
    fn new(merge: &'m BoundMerge, context: &'m QueryContext) -> Self {
        let (deleted, updated, updates, inserts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { merge, met: HashSet::new(), context, deleted, updated, updates, inserts }
    }

    /// Takes rows of the source: address, action, then new values.
    fn sort(&mut self, batch: &RecordBatch) -> Result<()> {
        let missing = || Error::internal("the source of a MERGE lacks a column");
        let (Some(address), Some(action)) = (batch.columns().first(), batch.columns().get(1)) else {
            return Err(missing());
        };
        let actions = action.as_primitive_opt::<Int32Type>().ok_or_else(missing)?;
        let places: Vec<usize> = (2..batch.num_columns()).collect();
        let rows = batch.project(&places).map_err(crate::failure::from_arrow)?;
        for wanted in [MergeKind::Delete, MergeKind::Update, MergeKind::Insert] {
            let chosen: BooleanArray = actions.iter().map(|a| Some(self.kind(a) == Some(wanted))).collect();
            if chosen.true_count() == 0 {
                continue;
            }
            let rows = filter_record_batch(&rows, &chosen).map_err(crate::failure::from_arrow)?;
            if wanted == MergeKind::Insert {
                self.inserts.push(rows);
                continue;
            }
            let chosen = filter(address.as_ref(), &chosen).map_err(crate::failure::from_arrow)?;
            let chosen = chosen.as_primitive_opt::<UInt64Type>().ok_or_else(missing)?;
            self.meet(chosen)?;
            match wanted {
                MergeKind::Delete => self.deleted.extend_from_slice(chosen.values()),
                _ => {
                    self.updated.extend_from_slice(chosen.values());
                    self.updates.push(rows);
                }
            }
        }
        Ok(())
    }

    fn kind(&self, action: Option<i32>) -> Option<MergeKind> {
        self.merge.actions.get(usize::try_from(action?).ok()?).copied()
    }

    /// 21000 for a row that is changed already.
    fn meet(&mut self, addresses: &PrimitiveArray<UInt64Type>) -> Result<()> {
        debug_assert_eq!(addresses.null_count(), 0, "a row that is changed has an address");
        for address in addresses.values() {
            let mut fresh = self.met.insert(*address);
            if let Some(changed) = &self.context.with.changed {
                let mut changed = changed.lock().unwrap_or_else(PoisonError::into_inner);
                fresh &= changed.insert((self.merge.table, *address));
            }
            if !fresh {
                let message = "MERGE command cannot affect row a second time";
                return Err(Error::new(ErrorKind::Cardinality, message)
                    .with_hint("Ensure that not more than one source row matches any one target row."));
            }
        }
        Ok(())
    }
}

fn rows_in(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

fn joined(batches: &[RecordBatch]) -> Result<Option<RecordBatch>> {
    match batches.first() {
        None => Ok(None),
        Some(first) => concat_batches(&first.schema(), batches).map(Some).map_err(crate::failure::from_arrow),
    }
}
