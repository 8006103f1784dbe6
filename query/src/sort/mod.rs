//! Sorts and merges of rows that may be long: what they hold is bounded by bytes.
//!
//! DataFusion's sort counts the memory that sorted batches share once for each of them, and it sorts, puts aside and merges a
//! fixed number of rows at once, whatever they weigh: with long rows, or few of them in a batch, a sort failed where there was
//! memory enough, or files to put rows aside. Here it is fed with small batches of their own memory, and works with as many rows
//! at once as are not too long, judged by the first ones. Rows of a fixed width in batches of ordinary length need no more
//! than memory of their own. A sort that keeps only the first rows keeps a batch for one row in it: it is given small ones, too.
//!
//! Invariant: the same rows in the same order.

mod batch;
mod feed;

use crate::failure::into_datafusion;
use crate::optimizer::{alone, in_pieces};
pub(crate) use crate::sort::batch::detached;
use crate::sort::batch::needed_bytes;
pub(crate) use crate::sort::feed::in_bounds;
use crate::sort::feed::{FedExec, joined, pieces, side_by_side};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use base::Error;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// Batches that the memory kept back for merging has room for.
const HEADROOM_BATCHES: usize = 16;
/// With fewer rows in a batch, each holds more than its rows need, and there are too many.
const BATCH_ROWS_MIN: usize = 1_024;

/// What a batch may be at most.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    rows: usize,
    /// One row may have more.
    bytes: usize,
}

impl Bounds {
    fn of(context: &TaskContext) -> Self {
        let options = &context.session_config().options().execution;
        let bytes = options.sort_spill_reservation_bytes / HEADROOM_BATCHES;
        Self { rows: options.batch_size.get().max(BATCH_ROWS_MIN), bytes: bytes.max(1) }
    }

    /// With so many rows as are not too long, should all be like these.
    fn for_rows_like(self, batches: &[Option<RecordBatch>]) -> Result<Self> {
        let mut rows = self.rows;
        for batch in batches.iter().flatten().filter(|batch| batch.num_rows() > 0) {
            let bytes = needed_bytes(batch)?.div_ceil(batch.num_rows()).max(1);
            rows = rows.min(self.bytes / bytes).max(1);
        }
        Ok(Self { rows, ..self })
    }
}

/// Puts bounds to sorts and merges of rows that may be long, and to all when batches are of few rows.
#[derive(Debug)]
pub(crate) struct BoundSorts;

impl PhysicalOptimizerRule for BoundSorts {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let few = config.execution.batch_size.get() < BATCH_ROWS_MIN;
        let all = plan.transform_up(|node| {
            let (sort, merge) = (node.is::<SortExec>(), node.is::<SortPreservingMergeExec>());
            let bound = few || may_be_long(&node.schema());
            Ok(match node.fetch() {
                None if bound && (sort || merge) => {
                    Transformed::yes(Arc::new(BoundExec { theirs: node }) as _)
                }
                fetch if sort => {
                    let input = only_child(node.as_ref())?;
                    // Short rows, too, may hold what was read with them from a file.
                    let input = if bound && fetch.is_some() { in_pieces(input) } else { alone(input) };
                    // Anything else would part it from the filter that it gave to the scan.
                    Transformed::yes(with_inputs(node, vec![input])?)
                }
                _ => Transformed::no(node),
            })
        });
        Ok(all?.data)
    }

    fn name(&self) -> &'static str {
        "bound_sorts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn may_be_long(schema: &SchemaRef) -> bool {
    let is_short = |ty: &DataType| ty.is_primitive() || matches!(ty, DataType::Boolean | DataType::Null);
    !schema.fields().iter().all(|field| is_short(field.data_type()))
}

fn only_child(node: &dyn ExecutionPlan) -> Result<Arc<dyn ExecutionPlan>> {
    let child = node.children().into_iter().next().map(Arc::clone);
    child.ok_or_else(|| into_datafusion(Error::internal("a sort has one input")))
}

/// The node over inputs of the same properties.
fn with_inputs(
    node: Arc<dyn ExecutionPlan>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    node.replace_children(inputs, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))
}

/// A sort or a merge, fed with small batches.
#[derive(Debug)]
struct BoundExec {
    /// DataFusion's.
    theirs: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for BoundExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.theirs.fmt_as(t, f)
    }
}

impl ExecutionPlan for BoundExec {
    fn name(&self) -> &str {
        self.theirs.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.theirs.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.theirs.children()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.theirs.maintains_input_order()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.theirs.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        Ok(Arc::new(Self { theirs: Arc::clone(&self.theirs).replace_children(children, options)? }))
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self { theirs: Arc::clone(&self.theirs).reset_state()? }))
    }

    /// Shared with what is run.
    fn metrics(&self) -> Option<MetricsSet> {
        self.theirs.metrics()
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = only_child(self.theirs.as_ref())?;
        let parts = match self.theirs.is::<SortExec>() {
            true => partition..partition + 1,
            false => 0..input.output_partitioning().partition_count(),
        };
        let mut inputs = BTreeMap::new();
        let several = parts.len() > 1;
        for part in parts {
            let rows = joined(input.execute(part, Arc::clone(&context))?, &context);
            inputs.insert(part, if several { side_by_side(rows) } else { rows });
        }
        let theirs = Arc::clone(&self.theirs);
        let rows = stream::once(async move {
            let bounds = Bounds::of(&context);
            let firsts = try_join_all(inputs.values_mut().map(TryStreamExt::try_next)).await?;
            let bounds = bounds.for_rows_like(&firsts)?;
            let fed = inputs.into_iter().zip(firsts).map(|((part, rest), first)| {
                let schema = rest.schema();
                let rows = stream::iter(first.map(Ok)).chain(rest);
                let rows: SendableRecordBatchStream =
                    Box::pin(RecordBatchStreamAdapter::new(schema, pieces(rows, bounds)));
                (part, rows)
            });
            let properties = Arc::clone(input.properties());
            let fed = Arc::new(FedExec { properties, rows: Mutex::new(fed.collect()) });
            with_inputs(theirs, vec![fed])?.execute(partition, Arc::new(with_bounds(&context, bounds)))
        });
        let rows = rows.try_flatten().map(|batch| Ok(detached(batch?)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// A context in which so many rows are sorted, put aside and merged at once.
fn with_bounds(context: &TaskContext, bounds: Bounds) -> TaskContext {
    let mut config = context.session_config().clone().with_batch_size(bounds.rows);
    // Batches that are sorted together share memory, which counts for each of the sorted ones.
    config.options_mut().execution.sort_in_place_threshold_bytes = 1;
    TaskContext::new(
        context.task_id(),
        context.session_id(),
        config,
        context.scalar_functions().clone(),
        context.higher_order_functions().clone(),
        context.aggregate_functions().clone(),
        context.window_functions().clone(),
        context.runtime_env(),
    )
}
