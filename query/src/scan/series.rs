//! A series that is too long for memory as a table of a plan: its rows are made while they are read.
//!
//! Invariant: every execution reads the series from its beginning.

use crate::failure::into_datafusion;
use crate::kernel::series::Series;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::stream;
use std::sync::Arc;

/// One column of a set-returning function.
#[derive(Clone, Debug)]
pub(crate) struct SeriesTable {
    schema: SchemaRef,
    series: Series,
}

impl SeriesTable {
    /// `schema` has one field, of the type of the series.
    pub(crate) fn new(schema: SchemaRef, series: Series) -> Self {
        Self { schema, series }
    }
}

#[async_trait]
impl TableProvider for SeriesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions = vec![Arc::new(self.clone()) as Arc<dyn PartitionStream>];
        let schema = Arc::clone(&self.schema);
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, projection, None, false, limit)?))
    }
}

impl PartitionStream for SeriesTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (rows_max, schema) = (context.session_config().batch_size(), Arc::clone(&self.schema));
        let mut series = self.series.clone();
        let batches = std::iter::from_fn(move || {
            let column = series.next(rows_max).map_err(into_datafusion).transpose()?;
            let batch = |column| Ok(RecordBatch::try_new(Arc::clone(&schema), vec![column])?);
            Some(column.and_then(batch))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(batches)))
    }
}
