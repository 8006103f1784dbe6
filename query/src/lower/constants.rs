//! Rows of constants, which the binder has made into arrays.

use crate::failure::from_arrow;
use crate::lower::columns;
use crate::lower::scope::Lowering;
use crate::scan::MemoryTable;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::Result;
use datafusion::logical_expr::LogicalPlan;
use sql::bound::TypedCol;
use std::sync::Arc;
use types::array::Chunk;

impl Lowering<'_> {
    pub(crate) fn constants(&mut self, chunks: &[Chunk], columns: &[TypedCol]) -> Result<LogicalPlan> {
        let fields: Vec<Field> =
            columns.iter().map(|c| Field::new(columns::name(c.col), c.ty.form.arrow(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let mut batches = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let options = RecordBatchOptions::new().with_row_count(Some(chunk.rows));
            let arrays = chunk.columns.clone();
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options);
            batches.push(batch.map_err(from_arrow)?);
        }
        self.provider(Arc::new(MemoryTable::new(schema, batches)))
    }
}
