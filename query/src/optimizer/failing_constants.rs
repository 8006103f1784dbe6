//! Calls of constants that fail: PostgreSQL evaluates them when it plans, so that the statement fails though no row may
//! ever need the value (`SELECT 1 / 0 FROM t` of an empty table, a branch of CASE that no row takes).
//!
//! DataFusion's simplifier leaves such a call as it stands, and has evaluated every other one; what it proved never to be
//! needed is not there any more. Invariant: plans are not changed.

use crate::kernel::udf::{Kernel, KernelUdf};
use arrow::datatypes::Schema;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::create_physical_expr;
use std::sync::Arc;

/// The last of all rules.
#[derive(Debug)]
pub(super) struct FailingConstants;

impl OptimizerRule for FailingConstants {
    fn name(&self) -> &'static str {
        "failing_constants"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                expr.apply(|part| {
                    if is_call_of_constants(part) {
                        evaluate(part)?;
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        Ok(Transformed::no(plan))
    }
}

/// The same for an expression that no rule has seen: what a condition stands before is left alone.
pub(crate) fn check_unconditional(expr: &Expr) -> Result<()> {
    expr.apply(|part| {
        if is_call_of_constants(part) {
            evaluate(part)?;
        }
        Ok(match part {
            Expr::Case(_) => TreeNodeRecursion::Jump,
            Expr::BinaryExpr(both) if matches!(both.op, Operator::And | Operator::Or) => {
                TreeNodeRecursion::Jump
            }
            _ => TreeNodeRecursion::Continue,
        })
    })
    .map(|_| ())
}

fn is_call_of_constants(expr: &Expr) -> bool {
    let constant = |arg: &Expr| matches!(arg, Expr::Literal(..));
    match expr {
        Expr::ScalarFunction(call) => {
            let kernel = call.func.inner().downcast_ref::<KernelUdf>().map(KernelUdf::kernel);
            !call.args.is_empty()
                && call.args.iter().all(constant)
                && kernel.is_some_and(Kernel::is_immutable)
        }
        Expr::Cast(cast) => constant(&cast.expr),
        Expr::BinaryExpr(both) => constant(&both.left) && constant(&both.right),
        Expr::Negative(arg) => constant(arg),
        _ => false,
    }
}

fn evaluate(call: &Expr) -> Result<()> {
    let ready = create_physical_expr(
        call,
        &DFSchema::empty(),
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    )?;
    let one_row = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &one_row)?;
    ready.evaluate(&batch).map(|_| ())
}
