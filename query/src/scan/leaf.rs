//! What nodes of a plan without inputs have in common.

use crate::failure::into_datafusion;
use base::Error;
use datafusion::common::Result as PlanResult;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// The node with other inputs: itself, as it has none.
pub(crate) fn without_inputs(
    node: Arc<dyn ExecutionPlan>,
    inputs: &[Arc<dyn ExecutionPlan>],
) -> PlanResult<Arc<dyn ExecutionPlan>> {
    match inputs {
        [] => Ok(node),
        _ => Err(into_datafusion(Error::internal(format!("{} has no inputs", node.name())))),
    }
}
