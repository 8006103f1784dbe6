//! Groups with memory of their own.
//!
//! A hash aggregation makes one batch of all its groups and hands it on in slices, each of which counts as the whole for
//! whoever reserves memory for it: a sort of more groups than fit into its share twice over failed at the second slice,
//! instead of putting rows aside. Slices of something larger are copied here. Invariant: the rows and their order stay the
//! same.

use crate::failure::into_datafusion;
use crate::sort::{detached, in_bounds};
use base::Error;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct DetachGroups;

impl PhysicalOptimizerRule for DetachGroups {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = plan.transform_up(|node| {
            // What a partial aggregation yields is copied by the repartition above it.
            let whole = |a: &AggregateExec| *a.mode() != AggregateMode::Partial && !a.group_expr().is_empty();
            let groups = node.downcast_ref::<AggregateExec>().is_some_and(whole);
            Ok(if groups {
                Transformed::yes(Arc::new(DetachExec { input: node, within: false }) as _)
            } else {
                Transformed::no(node)
            })
        });
        Ok(all?.data)
    }

    fn name(&self) -> &'static str {
        "detach_groups"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Its input, with memory of its own where that is a slice.
#[derive(Debug)]
struct DetachExec {
    input: Arc<dyn ExecutionPlan>,
    /// Whether batches are cut to a number of bytes as well.
    within: bool,
}

/// `input` in batches of few bytes, each with memory of its own: for an operator that keeps all of a batch for one row in it.
pub(crate) fn in_pieces(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    Arc::new(DetachExec { input, within: true })
}

/// `input` in batches with memory of their own.
pub(crate) fn alone(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    Arc::new(DetachExec { input, within: false })
}

impl DisplayAs for DetachExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Detach")
    }
}

impl ExecutionPlan for DetachExec {
    fn name(&self) -> &'static str {
        "Detach"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self { input, within: self.within })),
            _ => Err(into_datafusion(Error::internal("what is detached has one input"))),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batches = self.input.execute(partition, Arc::clone(&context))?;
        if self.within {
            let pieces = in_bounds(batches, &context);
            return Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), pieces)));
        }
        let batches = batches.map(|batch| Ok(detached(batch?)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}
