//! Calls of constants that fail: PostgreSQL evaluates them when it plans, so that the statement fails though no row may
//! ever need the value (`SELECT 1 / 0 FROM t` of an empty table, a branch of CASE that no row takes).
//!
//! It evaluates them before it knows which rows there are, so that a condition that is false hides none; it passes over
//! what a constant decides (the branches behind one that is taken, the arguments behind one that is not null), and over
//! columns that nobody asks for. Invariant: plans are not changed.

use crate::kernel::udf::{Kernel, KernelUdf};
use crate::lower::can_fail;
use arrow::datatypes::Schema;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{BinaryExpr, Case, ColumnarValue, Expr, LogicalPlan, Operator, Subquery};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::create_physical_expr;
use std::collections::HashSet;
use std::sync::Arc;

/// The first of all rules, so that it sees what the others find not to be needed; in the passes after the first one it
/// sees the constants that they put in the place of columns.
#[derive(Debug)]
pub(super) struct FailingConstants;

impl OptimizerRule for FailingConstants {
    fn name(&self) -> &'static str {
        "failing_constants"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        check_all(&plan)?;
        Ok(Transformed::no(plan))
    }
}

/// The same for one expression.
pub(crate) fn check(expr: &Expr) -> Result<()> {
    if can_fail(expr) {
        folded(expr)?;
    }
    Ok(())
}

/// Checks a plan all of whose columns are asked for.
fn check_all(plan: &LogicalPlan) -> Result<()> {
    let mut wanted = Wanted::default();
    wanted.all_of(plan);
    wanted.check(plan)
}

/// The names of columns that something above asks for.
#[derive(Debug, Default)]
struct Wanted(HashSet<String>);

impl Wanted {
    fn all_of(&mut self, plan: &LogicalPlan) {
        self.0.extend(plan.schema().fields().iter().map(|field| field.name().clone()));
    }

    fn check(&mut self, plan: &LogicalPlan) -> Result<()> {
        let fields = plan.schema().fields();
        // The expressions of these stand behind `before` others, in the order of the fields.
        let (before, computed) = match plan {
            LogicalPlan::Projection(projection) => (0, projection.expr.as_slice()),
            LogicalPlan::Aggregate(aggregate) => {
                aggregate.group_expr.iter().try_for_each(|expr| self.used(expr))?;
                (fields.len().saturating_sub(aggregate.aggr_expr.len()), aggregate.aggr_expr.as_slice())
            }
            LogicalPlan::Window(window) => {
                (fields.len().saturating_sub(window.window_expr.len()), window.window_expr.as_slice())
            }
            other => {
                other.apply_expressions(|expr| {
                    self.used(expr)?;
                    Ok(TreeNodeRecursion::Continue)
                })?;
                self.inputs_of(other);
                (0, Default::default())
            }
        };
        for (expr, field) in computed.iter().zip(fields.iter().skip(before)) {
            if self.0.contains(field.name()) {
                self.used(expr)?;
            }
        }
        plan.inputs().into_iter().try_for_each(|input| self.check(input))
    }

    /// Asks for the columns of inputs that a node asks for without naming them.
    fn inputs_of(&mut self, plan: &LogicalPlan) {
        match plan {
            LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Repartition(_) => {}
            LogicalPlan::Unnest(unnest) => {
                self.0.extend(unnest.exec_columns.iter().map(|column| column.name.clone()));
            }
            other => other.inputs().into_iter().for_each(|input| self.all_of(input)),
        }
    }

    fn used(&mut self, expr: &Expr) -> Result<()> {
        check(expr)?;
        self.0.extend(expr.column_refs().into_iter().map(|column| column.name.clone()));
        expr.apply(|part| {
            match part {
                Expr::ScalarSubquery(Subquery { subquery, outer_ref_columns, .. }) => {
                    self.outer(outer_ref_columns);
                    check_all(subquery)?;
                }
                Expr::InSubquery(inner) => {
                    self.outer(&inner.subquery.outer_ref_columns);
                    check_all(&inner.subquery.subquery)?;
                }
                Expr::Exists(inner) => {
                    self.outer(&inner.subquery.outer_ref_columns);
                    Wanted::default().check(&inner.subquery.subquery)?;
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(())
    }

    fn outer(&mut self, columns: &[Expr]) {
        let name = |column: &Expr| match column {
            Expr::OuterReferenceColumn(_, column) => Some(column.name.clone()),
            _ => None,
        };
        self.0.extend(columns.iter().filter_map(name));
    }
}

/// The value of an expression whose parts that matter are constants; None for any other.
fn folded(expr: &Expr) -> Result<Option<ScalarValue>> {
    match expr {
        Expr::Literal(value, _) => Ok(Some(value.clone())),
        Expr::Alias(alias) => folded(&alias.expr),
        Expr::Case(case) if case.expr.is_none() => folded_case(case),
        Expr::BinaryExpr(both) if matches!(both.op, Operator::And | Operator::Or) => connected(both),
        other => {
            let mut values = Vec::new();
            let mut constant = true;
            other.apply_children(|part| {
                match folded(part)? {
                    Some(value) => values.push(value),
                    None => constant = false,
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
            if !constant || !follows_from_its_parts(other) {
                return Ok(None);
            }
            let mut values = values.into_iter();
            let literal =
                |_| Ok(Transformed::yes(Expr::Literal(values.next().unwrap_or(ScalarValue::Null), None)));
            evaluate(&other.clone().map_children(literal)?.data).map(Some)
        }
    }
}

/// What stands behind a condition that is false, or behind one that is true, is passed over.
fn folded_case(case: &Case) -> Result<Option<ScalarValue>> {
    let mut certain = true;
    for (when, then) in &case.when_then_expr {
        match folded(when)? {
            Some(ScalarValue::Boolean(Some(true))) => return Ok(folded(then)?.filter(|_| certain)),
            Some(_) => {}
            None => {
                certain = false;
                folded(then)?;
            }
        }
    }
    match &case.else_expr {
        Some(otherwise) => Ok(folded(otherwise)?.filter(|_| certain)),
        None => Ok(None),
    }
}

/// AND and OR: what stands behind a part that decides is passed over.
fn connected(both: &BinaryExpr) -> Result<Option<ScalarValue>> {
    let decides = ScalarValue::Boolean(Some(both.op == Operator::Or));
    let left = folded(&both.left)?;
    if left.as_ref() == Some(&decides) {
        return Ok(left);
    }
    let right = folded(&both.right)?;
    if right.as_ref() == Some(&decides) {
        return Ok(right);
    }
    // Of two that do not decide, null is the value of both.
    Ok(left.zip(right).map(|(left, right)| if left.is_null() { left } else { right }))
}

/// Whether constants give a constant.
fn follows_from_its_parts(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => {
            let kernel = call.func.inner().downcast_ref::<KernelUdf>().map(KernelUdf::kernel);
            !call.args.is_empty() && kernel.is_some_and(Kernel::is_immutable)
        }
        Expr::Cast(_)
        | Expr::BinaryExpr(_)
        | Expr::Negative(_)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotUnknown(_)
        | Expr::InList(_) => true,
        _ => false,
    }
}

fn evaluate(expr: &Expr) -> Result<ScalarValue> {
    let ready = create_physical_expr(
        expr,
        &DFSchema::empty(),
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    )?;
    let one_row = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &one_row)?;
    match ready.evaluate(&batch)? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(values) => ScalarValue::try_from_array(&values, 0),
    }
}
