//! What a sort or merge is fed with: rows in batches within bounds, that were computed elsewhere.
//!
//! Must not know orders. Invariant: the same rows in the same order.

use super::Bounds;
use super::batch::cut;
use crate::failure::into_datafusion;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use base::Error;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt, stream};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that are computed elsewhere, each partition once.
pub(super) struct FedExec {
    pub(super) properties: Arc<PlanProperties>,
    pub(super) rows: Mutex<BTreeMap<usize, SendableRecordBatchStream>>,
}

impl fmt::Debug for FedExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FedExec").field("properties", &self.properties).finish_non_exhaustive()
    }
}

impl DisplayAs for FedExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fed")
    }
}

impl ExecutionPlan for FedExec {
    fn name(&self) -> &'static str {
        "Fed"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).remove(&partition);
        rows.ok_or_else(|| into_datafusion(Error::internal("rows are sorted once")))
    }
}

/// The rows of `input` in pieces: for an operator that keeps all of a batch for one row in it.
pub(crate) fn in_bounds(
    input: SendableRecordBatchStream,
    context: &TaskContext,
) -> impl Stream<Item = Result<RecordBatch>> + Send + use<> {
    pieces(input, Bounds::of(context))
}

/// The rows of `batches` in batches within the bounds, each with memory of its own.
pub(super) fn pieces<S>(batches: S, bounds: Bounds) -> impl Stream<Item = Result<RecordBatch>> + Send + use<S>
where
    S: Stream<Item = Result<RecordBatch>> + Send,
{
    batches.flat_map(move |batch| {
        let mut all = Vec::new();
        let outcome = batch.and_then(|batch| {
            cut(batch, bounds.rows, bounds.bytes, &mut |piece| {
                all.push(Ok(piece));
                Ok::<(), DataFusionError>(())
            })
        });
        all.extend(outcome.err().map(Err));
        stream::iter(all)
    })
}

/// The rows of `input`, where batches are of few rows in longer ones.
pub(super) fn joined(input: SendableRecordBatchStream, context: &TaskContext) -> SendableRecordBatchStream {
    if context.session_config().batch_size() >= super::BATCH_ROWS_MIN {
        return input;
    }
    let schema = input.schema();
    let coalescer = BatchCoalescer::new(SchemaRef::clone(&schema), super::BATCH_ROWS_MIN);
    let rows =
        stream::try_unfold((input, coalescer, false), |(mut input, mut coalescer, mut ended)| async move {
            loop {
                if let Some(batch) = coalescer.next_completed_batch() {
                    return Ok(Some((batch, (input, coalescer, ended))));
                }
                if ended {
                    return Ok(None);
                }
                match input.next().await.transpose()? {
                    Some(batch) => coalescer.push_batch(batch)?,
                    None => {
                        coalescer.finish_buffered_batch()?;
                        ended = true;
                    }
                }
            }
        });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// The rows of `input` from a task of its own, a batch ahead.
pub(super) fn side_by_side(mut input: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let mut builder = RecordBatchReceiverStream::builder(input.schema(), 1);
    let sender = builder.tx();
    builder.spawn(async move {
        // Nothing is asked for before there is room for it.
        while let Ok(room) = sender.reserve().await {
            let Some(batch) = input.next().await else { break };
            room.send(batch);
        }
        Ok(())
    });
    builder.build()
}
