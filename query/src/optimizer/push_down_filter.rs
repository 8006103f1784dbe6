//! DataFusion's push-down of filters, where it keeps the meaning.
//!
//! The rule moves conditions without columns, such as NULL or false, below an aggregate without groups, which gives one
//! row whatever its input is: the condition was lost. Nothing is moved there: one row is filtered as well above.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

#[derive(Debug)]
pub(super) struct PushDownFilterAboveOneRow(PushDownFilter);

impl PushDownFilterAboveOneRow {
    pub(super) fn new() -> Self {
        Self(PushDownFilter::new())
    }
}

/// Whether filters stand on an aggregate without groups.
fn filters_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(filter) => match filter.input.as_ref() {
            LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
            below => filters_one_row(below),
        },
        _ => false,
    }
}

impl OptimizerRule for PushDownFilterAboveOneRow {
    fn name(&self) -> &'static str {
        "push_down_filter"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if filters_one_row(&plan) { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}
