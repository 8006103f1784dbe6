//! Groups with memory of their own.
//!
//! A hash aggregation makes one batch of all its groups and hands it on in slices, each of which counts as the whole for
//! whoever reserves memory for it: a sort of more groups than fit into its share twice over failed at the second slice,
//! instead of putting rows aside. Slices of something larger are copied here. Invariant: the rows and their order stay the
//! same.

use crate::failure::{from_arrow, into_datafusion};
use arrow::array::{Array, ArrayRef, AsArray, MutableArrayData, make_array};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
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

/// A batch is copied when it holds so many times the memory that its rows need.
const SHARE: usize = 2;

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
                Transformed::yes(Arc::new(DetachExec { input: node }) as _)
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
            (Some(input), true) => Ok(Arc::new(Self { input })),
            _ => Err(into_datafusion(Error::internal("what is detached has one input"))),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batches = self.input.execute(partition, context)?.map(|batch| detached(batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

fn detached(batch: RecordBatch) -> Result<RecordBatch> {
    let needed = |column: &ArrayRef| column.to_data().get_slice_memory_size();
    let needed: std::result::Result<Vec<usize>, _> = batch.columns().iter().map(needed).collect();
    let needed: usize = needed.map_err(from_arrow).map_err(into_datafusion)?.into_iter().sum();
    if batch.get_array_memory_size() <= needed.saturating_mul(SHARE) {
        return Ok(batch);
    }
    copy(&batch).map_err(|e| into_datafusion(from_arrow(e)))
}

fn copy(batch: &RecordBatch) -> std::result::Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(copied).collect::<std::result::Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

fn copied(array: &ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
        _ => {
            let data = array.to_data();
            let mut copy = MutableArrayData::new(vec![&data], false, array.len());
            copy.try_extend(0, 0, array.len())?;
            make_array(copy.freeze())
        }
    })
}
