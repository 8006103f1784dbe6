//! RETURNING: the rows that a write gives back, collected until the write is complete.
//!
//! Invariant: without RETURNING nothing is kept.

use crate::api::Execution;
use crate::lower::{Evaluator, QueryContext};
use crate::session::ready_batches;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, Result};
use sql::bound::{OutputColumn, Returning};
use std::sync::Arc;
use types::IoSettings;
use types::array::field;

#[derive(Debug)]
pub(crate) struct Returned {
    wanted: Option<Wanted>,
}

#[derive(Debug)]
struct Wanted {
    items: Evaluator,
    output: Vec<OutputColumn>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    io: IoSettings,
}

impl Returned {
    pub(crate) fn new(returning: Option<&Returning>, context: &QueryContext) -> Result<Self> {
        let wanted = returning
            .map(|r| -> Result<Wanted> {
                let fields: Vec<_> = r.output.iter().map(|o| field(&o.name, &o.ty.form)).collect();
                Ok(Wanted {
                    items: Evaluator::new(context, &r.items, &r.row)?,
                    output: r.output.clone(),
                    schema: Arc::new(Schema::new(fields)),
                    batches: Vec::new(),
                    io: context.statement.io.clone(),
                })
            })
            .transpose()?;
        Ok(Self { wanted })
    }

    /// Takes written rows (columns in table order).
    pub(crate) fn add(&mut self, written: &RecordBatch) -> Result<()> {
        if let Some(wanted) = &mut self.wanted
            && written.num_rows() > 0
        {
            let columns = wanted.items.evaluate(written.columns().to_vec(), written.num_rows())?;
            let options = RecordBatchOptions::new().with_row_count(Some(written.num_rows()));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&wanted.schema), columns, &options)
                .map_err(|e| Error::internal(format!("RETURNING: {e}")))?;
            wanted.batches.push(batch);
        }
        Ok(())
    }

    /// The statement's result.
    pub(crate) fn finish(self, tag: String) -> Result<Execution> {
        Ok(match self.wanted {
            None => Execution::Command(tag),
            Some(wanted) => ready_batches(wanted.output, wanted.batches, tag, wanted.io),
        })
    }
}
