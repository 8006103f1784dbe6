//! Lists of expressions that are computed row by row, each from left to right: rows of VALUES, and lists in which calls
//! depend on those before them.
//!
//! Must not know bound trees. Invariant: for each row of the input, in its order, the lists are computed one after the
//! other, and each once.

use crate::failure::{from_arrow, into_datafusion};
use crate::optimizer::check;
use arrow::compute::concat;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use base::Error;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Result as PlanResult, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, execute_stream,
};
use futures::TryStreamExt;
use std::fmt;
use std::sync::Arc;

/// Rows of the input whose results are one batch.
const INPUT_ROWS: usize = 1_024;

/// Lists over the rows of a plan, as a table.
#[derive(Debug)]
pub(crate) struct RowByRow {
    input: LogicalPlan,
    lists: Vec<Vec<Expr>>,
    schema: SchemaRef,
}

impl RowByRow {
    /// `lists` are over the columns of `input`; each has one expression per field of `schema`, of its type.
    pub(crate) fn new(input: LogicalPlan, lists: Vec<Vec<Expr>>, schema: SchemaRef) -> Self {
        Self { input, lists, schema }
    }
}

#[async_trait]
impl TableProvider for RowByRow {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let input = state.create_physical_plan(&self.input).await?;
        let statistics = StatisticsContext::new().compute(input.as_ref(), &StatisticsArgs::new())?;
        let names = self.input.schema();
        let mut lists = Vec::with_capacity(self.lists.len());
        for list in &self.lists {
            list.iter().try_for_each(check)?;
            let list = list.iter().map(|expr| state.create_physical_expr(expr.clone(), names));
            lists.push(list.collect::<PlanResult<Vec<_>>>()?);
        }
        let all = || (0..self.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        let schema = Arc::new(self.schema.project(&projection)?);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let work = Work { lists, schema: Arc::clone(&self.schema), projection };
        let rows = match statistics.num_rows {
            Precision::Exact(rows) => Precision::Exact(rows.saturating_mul(self.lists.len())),
            Precision::Inexact(rows) => Precision::Inexact(rows.saturating_mul(self.lists.len())),
            Precision::Absent => Precision::Absent,
        };
        Ok(Arc::new(RowByRowExec { input, work: Arc::new(work), rows, properties }))
    }
}

/// What is computed for each row.
#[derive(Debug)]
struct Work {
    lists: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    schema: SchemaRef,
    /// All columns are computed, these are yielded.
    projection: Vec<usize>,
}

impl Work {
    fn over(&self, batch: &RecordBatch) -> PlanResult<RecordBatch> {
        let mut columns = vec![Vec::new(); self.schema.fields().len()];
        for row in 0..batch.num_rows() {
            let row = batch.slice(row, 1);
            for list in &self.lists {
                for (expr, column) in list.iter().zip(&mut columns) {
                    column.push(expr.evaluate(&row)?.into_array(1)?);
                }
            }
        }
        let joined = columns.iter().map(|cells| {
            let cells: Vec<&dyn arrow::array::Array> = cells.iter().map(AsRef::as_ref).collect();
            concat(&cells)
        });
        let columns = joined.collect::<Result<Vec<_>, _>>()?;
        let rows = batch.num_rows().saturating_mul(self.lists.len());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|e| into_datafusion(from_arrow(e)))?;
        Ok(batch.project(&self.projection)?)
    }
}

/// Computes the lists. The input is no child: the optimiser would not keep its order.
#[derive(Debug)]
pub(crate) struct RowByRowExec {
    input: Arc<dyn ExecutionPlan>,
    work: Arc<Work>,
    rows: Precision<usize>,
    properties: Arc<PlanProperties>,
}

impl RowByRowExec {
    pub(crate) fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }
}

impl DisplayAs for RowByRowExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowByRow: lists={}", self.work.lists.len())
    }
}

impl ExecutionPlan for RowByRowExec {
    fn name(&self) -> &'static str {
        "RowByRow"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        match children.is_empty() {
            true => Ok(self),
            false => Err(into_datafusion(Error::internal("rows computed one by one have no inputs"))),
        }
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let input = execute_stream(reset_plan_states(Arc::clone(&self.input))?, context)?;
        let work = Arc::clone(&self.work);
        let pieces = input.map_ok(|batch| {
            let starts = (0..batch.num_rows()).step_by(INPUT_ROWS);
            let pieces: Vec<PlanResult<RecordBatch>> =
                starts.map(|at| Ok(batch.slice(at, INPUT_ROWS.min(batch.num_rows() - at)))).collect();
            futures::stream::iter(pieces)
        });
        let batches = pieces.try_flatten().and_then(move |piece| {
            let work = Arc::clone(&work);
            async move { work.over(&piece) }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> PlanResult<Arc<Statistics>> {
        Ok(Arc::new(Statistics {
            num_rows: self.rows,
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(); self.schema().fields().len()],
        }))
    }
}
