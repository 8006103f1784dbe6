//! Statements whose WITH writes: its parts in the order in which they are needed, then the statement, then the parts that
//! nobody reads.
//!
//! Must not know how rows are written. Invariants: each part runs once and to its end; all of them read the state before
//! the statement; a row is changed by one of them at most.

use crate::api::Execution;
use crate::interrupt::{Interrupt, Running};
use crate::lower::{self, QueryContext};
use crate::scan::MemoryTable;
use crate::session::core::Core;
use crate::session::rows::ahead;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, Result};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use sql::bound::{BoundModifying, BoundStatement, ColRef, WithPart, WithWork};
use std::sync::Arc;

impl Core {
    pub(crate) async fn modifying(
        &mut self,
        statement: &BoundModifying,
        context: &QueryContext,
        own: bool,
        running: &mut Option<Running>,
        interrupt: &Interrupt,
    ) -> Result<Execution> {
        let BoundModifying { parts, main } = statement;
        let mut context = context.clone();
        context.with.changed = Some(Arc::default());
        let (read, rest): (Vec<&WithPart>, Vec<&WithPart>) = parts.iter().partition(|part| part.used);
        for part in read {
            self.part(part, &mut context, interrupt).await?;
        }
        // What a query reads is not changed by what comes behind it.
        let is_query = matches!(main, BoundStatement::Query(_));
        if is_query {
            self.unread(&rest, &mut context, interrupt).await?;
        }
        let done = Box::pin(self.carry_out(main, &context, own, running, interrupt)).await?;
        let done = complete(done).await?;
        if !is_query {
            self.unread(&rest, &mut context, interrupt).await?;
        }
        Ok(done)
    }

    async fn unread(
        &mut self,
        parts: &[&WithPart],
        context: &mut QueryContext,
        interrupt: &Interrupt,
    ) -> Result<()> {
        for part in parts {
            if matches!(part.work, WithWork::Write(_)) {
                self.part(part, context, interrupt).await?;
            }
        }
        Ok(())
    }

    /// Runs a part; its rows join the context.
    async fn part(
        &mut self,
        part: &WithPart,
        context: &mut QueryContext,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let batches = match &part.work {
            WithWork::Rows(rel) => {
                let columns: Vec<ColRef> = part.columns.iter().map(|c| c.col).collect();
                let threads = self.engine.shared.threads.clone();
                let planned = lower::execute(context, rel, &columns);
                ahead(threads.starting_operators(planned).await?, interrupt, &threads).try_collect().await?
            }
            WithWork::Write(write) => {
                match Box::pin(self.carry_out(write, context, false, &mut None, interrupt)).await? {
                    Execution::Rows { rows, .. } => rows.try_collect().await?,
                    Execution::Command(_) => Vec::new(),
                    other => return Err(Error::internal(format!("{other:?} of a write inside WITH"))),
                }
            }
        };
        let table = rows_of(part, batches)?;
        Arc::make_mut(&mut context.with.rows).insert(part.id, Arc::new(table));
        Ok(())
    }
}

/// A result whose rows are all there: an error in one of them must come before anything is committed.
async fn complete(done: Execution) -> Result<Execution> {
    Ok(match done {
        Execution::Rows { columns, rows, tag, io } => {
            let batches: Vec<RecordBatch> = rows.try_collect().await?;
            let rows = futures::stream::iter(batches.into_iter().map(Ok)).boxed();
            Execution::Rows { columns, rows, tag, io }
        }
        Execution::CopyOut { columns, header, rows } => {
            let payloads: Vec<Vec<Bytes>> = rows.try_collect().await?;
            let rows = futures::stream::iter(payloads.into_iter().map(Ok)).boxed();
            Execution::CopyOut { columns, header, rows }
        }
        other => other,
    })
}

/// The rows of a part as a table.
pub(super) fn rows_of(part: &WithPart, batches: Vec<RecordBatch>) -> Result<MemoryTable> {
    let field = |(place, column): (usize, &sql::bound::TypedCol)| {
        Field::new(place.to_string(), column.ty.form.arrow(), true)
    };
    let schema = Arc::new(Schema::new(part.columns.iter().enumerate().map(field).collect::<Vec<_>>()));
    let renamed = |batch: RecordBatch| {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&schema), batch.columns().to_vec(), &options)
            .map_err(crate::failure::from_arrow)
    };
    let batches = batches.into_iter().map(renamed).collect::<Result<_>>()?;
    Ok(MemoryTable::new(Arc::clone(&schema), batches))
}
