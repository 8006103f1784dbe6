//! Columns that are constant in a part of a plan and not above it.
//!
//! DataFusion leaves sorts by constant columns out, and takes a column for constant above an outer join although some of
//! its rows are null there, and above a union although each branch has a constant of its own: rows came in a wrong
//! order, and LIMIT kept the wrong ones. So is a column that is computed from constants alone, even by `nextval('s')`, which
//! differs from row to row. It is one in each partition and none where partitions come together: an order that had been found
//! with it, in both directions, is not found again, and DataFusion refuses its own plan. It does so too where a filter makes
//! something constant (the key of a float; a column that is 1 at least and at most), which is forgotten once a projection
//! goes into the filter. Where such a column could mislead, a node in between forgets what is known of the order and equality
//! of columns. Invariant: rows, their order and their
//! partitions stay the same.

use crate::failure::into_datafusion;
use base::Error;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{AcrossPartitions, EquivalenceProperties, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::filter_pushdown::{FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use std::fmt;
use std::sync::Arc;

/// Runs before DataFusion decides which sorts are needed.
#[derive(Debug)]
pub(super) struct ForgetConstants;

impl PhysicalOptimizerRule for ForgetConstants {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let forgetful = plan.transform_up(|node| {
            if makes_constants(node.as_ref()) && differs_by_partition(node.as_ref())
                || node.is::<FilterExec>() && !node.equivalence_properties().constants().is_empty()
            {
                return Ok(Transformed::yes(forget(node)));
            }
            let [left, right] = null_supplied(node.as_ref());
            let mut changed = false;
            let mut children: Vec<_> = node.children().into_iter().map(Arc::clone).collect();
            for (child, wanted) in children.iter_mut().zip([left, right]) {
                if wanted && !child.equivalence_properties().constants().is_empty() {
                    *child = forget(Arc::clone(child));
                    changed = true;
                }
            }
            if !changed {
                return Ok(Transformed::no(node));
            }
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            node.replace_children(children, options).map(Transformed::yes)
        });
        Ok(forgetful?.data)
    }

    fn name(&self) -> &'static str {
        "forget_constants"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether a node may have constants that its inputs did not have.
fn makes_constants(node: &dyn ExecutionPlan) -> bool {
    let groups = node.downcast_ref::<AggregateExec>();
    // What is partial is looked at with what makes it whole.
    let whole = groups.is_some_and(|groups| *groups.mode() != AggregateMode::Partial);
    whole || node.is::<UnionExec>() || node.is::<ProjectionExec>()
}

fn differs_by_partition(node: &dyn ExecutionPlan) -> bool {
    let constants = node.equivalence_properties().constants();
    constants.iter().any(|constant| constant.across_partitions == AcrossPartitions::Heterogeneous)
}

/// Which inputs of a join get rows of nulls.
fn null_supplied(node: &dyn ExecutionPlan) -> [bool; 2] {
    let join_type = node
        .downcast_ref::<HashJoinExec>()
        .map(|join| *join.join_type())
        .or_else(|| node.downcast_ref::<NestedLoopJoinExec>().map(|join| *join.join_type()))
        .or_else(|| node.downcast_ref::<SortMergeJoinExec>().map(|join| join.join_type()));
    match join_type {
        Some(JoinType::Left) => [false, true],
        Some(JoinType::Right) => [true, false],
        Some(JoinType::Full) => [true, true],
        _ => [false, false],
    }
}

fn forget(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let known = input.properties();
    let properties = PlanProperties::new(
        EquivalenceProperties::new(input.schema()),
        known.partitioning.clone(),
        known.emission_type,
        known.boundedness,
    );
    Arc::new(ForgetExec { input, properties: Arc::new(properties) })
}

/// Its input, of whose columns nothing is known.
#[derive(Debug)]
struct ForgetExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for ForgetExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forget constants")
    }
}

impl ExecutionPlan for ForgetExec {
    fn name(&self) -> &'static str {
        "Forget"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// It does, but a sort that was pushed below would be taken for needless there, and be missing here.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
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
            (Some(input), true) => Ok(forget(input)),
            _ => Err(into_datafusion(Error::internal("a node that forgets has one input"))),
        }
    }

    /// So that what a join or a LIMIT above has found out narrows the scans below all the same.
    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(parent_filters, &self.children())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        inputs.first().cloned().ok_or_else(|| into_datafusion(Error::internal("statistics of no input")))
    }
}
