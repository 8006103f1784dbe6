//! Constants of which DataFusion cannot tell whether they are less than themselves: arrays and rows, which are structs here.
//!
//! It takes a constant in a projection for the least and the greatest value of its column, and an assertion of its own fails
//! when it then asks a filter above for what is left between the two. In a projection such a constant stands as an expression
//! of which nothing is known. Invariant: rows stay the same.

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use std::fmt;
use std::sync::Arc;

/// Runs before any rule that asks for statistics.
#[derive(Debug)]
pub(super) struct OpaqueConstants;

impl PhysicalOptimizerRule for OpaqueConstants {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let opaque = plan.transform_up(|node| {
            let Some(projection) = node.downcast_ref::<ProjectionExec>() else {
                return Ok(Transformed::no(node));
            };
            let found: Vec<_> = projection.expr().iter().map(|item| opaque(&item.expr)).collect();
            if found.iter().all(Option::is_none) {
                return Ok(Transformed::no(node));
            }
            let items = projection.expr().iter().zip(found).map(|(item, constant)| ProjectionExpr {
                expr: constant.unwrap_or_else(|| Arc::clone(&item.expr)),
                alias: item.alias.clone(),
            });
            let items: Vec<ProjectionExpr> = items.collect();
            let projection = ProjectionExec::try_new(items, Arc::clone(projection.input()))?;
            Ok(Transformed::yes(Arc::new(projection) as Arc<dyn ExecutionPlan>))
        });
        Ok(opaque?.data)
    }

    fn name(&self) -> &'static str {
        "opaque_constants"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What stands for an expression; None when it can stay.
fn opaque(expr: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    let literal = expr.downcast_ref::<Literal>()?;
    let ScalarValue::Struct(_) = literal.value() else { return None };
    let field = literal.return_field(&Schema::empty()).ok()?;
    Some(Arc::new(Opaque { value: literal.value().clone(), field }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Opaque {
    value: ScalarValue,
    field: FieldRef,
}

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl PhysicalExpr for Opaque {
    fn return_field(&self, _input_schema: &Schema) -> Result<FieldRef> {
        Ok(Arc::clone(&self.field))
    }

    fn evaluate(&self, _batch: &RecordBatch) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
