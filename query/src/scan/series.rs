//! A series that is too long for memory as the source of a plan: its rows are made while they are read.
//!
//! Invariant: every execution reads the series from its beginning.

use crate::failure::into_datafusion;
use crate::kernel::series::SeriesRows;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;
use std::sync::Arc;

/// The rows of a set-returning function.
#[derive(Debug)]
pub(crate) struct SeriesStream {
    schema: SchemaRef,
    series: SeriesRows,
}

impl SeriesStream {
    /// `schema` has a field per series, of its type.
    pub(crate) fn new(schema: SchemaRef, series: SeriesRows) -> Self {
        Self { schema, series }
    }
}

impl PartitionStream for SeriesStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (rows_max, schema) = (context.session_config().batch_size(), Arc::clone(&self.schema));
        let mut series = self.series.clone();
        let batches = std::iter::from_fn(move || {
            let columns = series.next(rows_max).map_err(into_datafusion).transpose()?;
            let batch = |columns| Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?);
            Some(columns.and_then(batch))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(batches)))
    }
}
