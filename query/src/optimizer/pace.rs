//! Joins that can be stopped.
//!
//! DataFusion's nested-loop join compares a whole batch of its right side with all rows of its left side before it lets go
//! of the thread, which takes minutes when both are large and nothing matches: a cancelled query went on and kept its
//! thread. Its right side is handed over in pieces here, and the thread is let go between them. A join that makes many
//! batches of one lets go of the thread between these: what reads them may work long on each, and asks for the next one
//! without a pause. Not by the runtime's budget: a budget is spent before a batch has come through more joins than it has
//! units, and such a query would never end. Invariant: the rows and their order stay the same.

use crate::failure::into_datafusion;
use arrow::record_batch::RecordBatch;
use base::Error;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, stream};
use std::fmt;
use std::sync::Arc;

/// Pairs of rows compared between two chances to stop: tens of milliseconds.
const PAIRS: usize = 4 << 20;
/// Rows of the left side when their number is unknown.
const LEFT_ROWS_UNKNOWN: usize = 65_536;

#[derive(Debug)]
pub(super) struct PaceJoins;

impl PhysicalOptimizerRule for PaceJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = plan.transform_up(|node| {
            if node.is::<CrossJoinExec>() {
                return Ok(Transformed::yes(paced(node, usize::MAX)));
            }
            if !node.is::<NestedLoopJoinExec>() {
                return Ok(Transformed::no(node));
            }
            let children: Vec<_> = node.children().into_iter().map(Arc::clone).collect();
            let [left, right] = children.as_slice() else { return Ok(Transformed::no(node)) };
            let known = StatisticsContext::new().compute(left.as_ref(), &StatisticsArgs::new())?.num_rows;
            let left_rows = known.get_value().copied().unwrap_or(LEFT_ROWS_UNKNOWN);
            let rows = (PAIRS / left_rows.max(1)).max(1);
            let right = paced(Arc::clone(right), rows);
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            let join = node.replace_children(vec![Arc::clone(left), right], options)?;
            Ok(Transformed::yes(paced(join, usize::MAX)))
        });
        Ok(all?.data)
    }

    fn name(&self) -> &'static str {
        "pace_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn paced(input: Arc<dyn ExecutionPlan>, rows: usize) -> Arc<dyn ExecutionPlan> {
    Arc::new(PacedExec { input, rows })
}

/// Its input in pieces, with a chance to stop before each.
#[derive(Debug)]
struct PacedExec {
    input: Arc<dyn ExecutionPlan>,
    /// Most rows of a piece.
    rows: usize,
}

impl DisplayAs for PacedExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pace: rows={}", self.rows)
    }
}

impl ExecutionPlan for PacedExec {
    fn name(&self) -> &'static str {
        "Pace"
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
            (Some(input), true) => Ok(Arc::new(Self { input, rows: self.rows })),
            _ => Err(into_datafusion(Error::internal("a pace has one input"))),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let step = self.rows;
        let pieces = self.input.execute(partition, context)?.flat_map(move |batch| {
            let pieces: Vec<Result<RecordBatch>> = match batch {
                Ok(batch) => (0..batch.num_rows())
                    .step_by(step)
                    .map(|at| Ok(batch.slice(at, step.min(batch.num_rows() - at))))
                    .collect(),
                Err(error) => vec![Err(error)],
            };
            stream::iter(pieces).then(|piece| async {
                tokio::task::yield_now().await;
                piece
            })
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), pieces.boxed())))
    }
}
