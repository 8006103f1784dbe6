//! What DataFusion draws wrong conclusions from when it chooses operators, hidden from it.
//!
//! - Constant arrays and rows, which are structs here, and of which it cannot tell whether they are less than themselves. It
//!   takes a constant in a projection for the least and the greatest value of its column, and asks a filter above, as soon
//!   as that is made, for what is left between the two; an assertion of its own fails then.
//! - Conditions that a column is equal to an expression, such as `nullif(a, a) = a`. It puts the expression in the place of
//!   the column when it compares orders; where the expression has the column inside, or one that is equal to it, each time it
//!   does so gives another result, and an order that is there is not found.
//!
//! When the logical plan is final, and before there is any operator, such a constant becomes the result and such a condition
//! the argument of a function of which nothing is known. Invariants: rows, names and types stay the same; the rules of logical
//! plans never see the function, so that they compute with what is in it.

use crate::failure::into_datafusion;
use arrow::datatypes::{DataType, Field, FieldRef};
use async_trait::async_trait;
use base::Error;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Filter, LogicalPlan, Operator, Projection, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use std::sync::Arc;

/// Chooses operators as DataFusion does, after hiding what is to be hidden.
#[derive(Debug)]
pub(super) struct OpaquePlanner;

#[async_trait]
impl QueryPlanner for OpaquePlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::default();
        if !concerns(plan)? {
            return planner.create_physical_plan(plan, session).await;
        }
        let opaque = plan.clone().transform_up_with_subqueries(hide)?.data;
        planner.create_physical_plan(&opaque, session).await
    }
}

fn concerns(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found = match node {
            LogicalPlan::Projection(projection) => projection.expr.iter().any(is_nested),
            LogicalPlan::Filter(filter) => split_conjunction(&filter.predicate).into_iter().any(is_equality),
            _ => false,
        };
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether an expression is a constant array or row. Null has an order to DataFusion whatever its type.
fn is_nested(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_nested(&alias.expr),
        Expr::Literal(value, _) => value.data_type().is_nested() && !value.is_null(),
        _ => false,
    }
}

/// Whether a condition says that a column is equal to what is neither a column nor a constant.
fn is_equality(condition: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return false };
    let computed = |expr: &Expr| !matches!(expr, Expr::Column(_) | Expr::Literal(..));
    let column = |expr: &Expr| matches!(expr, Expr::Column(_));
    (column(left) && computed(right)) || (computed(left) && column(right))
}

fn hide(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(Projection { expr, input, schema, .. }) => {
            let exprs = expr.into_iter().map(hidden_constant).collect();
            let projection = Projection::try_new_with_schema(exprs, input, schema)?;
            Ok(Transformed::yes(LogicalPlan::Projection(projection)))
        }
        LogicalPlan::Filter(Filter { predicate, input, .. }) => {
            let conditions = split_conjunction_owned(predicate);
            let predicate = conjunction(conditions.into_iter().map(hidden_condition));
            let missing = || into_datafusion(Error::internal("a filter without a condition"));
            let filter = Filter::try_new(predicate.ok_or_else(missing)?, input)?;
            Ok(Transformed::yes(LogicalPlan::Filter(filter)))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn hidden_constant(expr: Expr) -> Expr {
    if !is_nested(&expr) {
        return expr;
    }
    let (relation, name) = expr.qualified_name();
    match expr.unalias() {
        Expr::Literal(value, _) => {
            let constant = Constant { value, signature: Signature::nullary(Volatility::Immutable) };
            ScalarUDF::new_from_impl(constant).call(Vec::new()).alias_qualified(relation, name)
        }
        other => other,
    }
}

fn hidden_condition(condition: Expr) -> Expr {
    if !is_equality(&condition) {
        return condition;
    }
    let signature = Signature::exact(vec![DataType::Boolean], Volatility::Immutable);
    ScalarUDF::new_from_impl(Condition { signature }).call(vec![condition])
}

/// A function without arguments: an argument that is constant would tell that it is one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Constant {
    value: ScalarValue,
    signature: Signature,
}

impl ScalarUDFImpl for Constant {
    fn name(&self) -> &str {
        "constant"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(self.value.data_type())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), self.value.data_type(), false)))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// Its argument.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Condition {
    signature: Signature,
}

impl ScalarUDFImpl for Condition {
    /// Plans show its argument between parentheses.
    fn name(&self) -> &str {
        ""
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args.pop().ok_or_else(|| into_datafusion(Error::internal("a hidden condition is not there")))
    }
}
