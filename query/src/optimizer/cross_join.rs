//! DataFusion's elimination of cross joins, where it keeps the meaning.
//!
//! The rule takes a tree of inner joins apart and joins it again with one treatment of nulls for all: that of the join
//! on top. A tree that mixes `=` with `IS NOT DISTINCT FROM` would lose rows or gain some, so it is left alone there.

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::{JoinType, LogicalPlan};
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

#[derive(Debug)]
pub(super) struct EliminateCrossJoinOfOneNullEquality(EliminateCrossJoin);

impl EliminateCrossJoinOfOneNullEquality {
    pub(super) fn new() -> Self {
        Self(EliminateCrossJoin::new())
    }
}

impl OptimizerRule for EliminateCrossJoinOfOneNullEquality {
    fn name(&self) -> &'static str {
        "eliminate_cross_join"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let mut null_safe = false;
        plan.apply_with_subqueries(|node| {
            null_safe |= matches!(node, LogicalPlan::Join(join)
                if join.join_type == JoinType::Inner && join.null_equality == NullEquality::NullEqualsNull);
            Ok(if null_safe { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if null_safe { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}
