//! Batches of whole rows of a table, as storage takes them.
//!
//! Invariant: fields are named by column id, in table order, each of its column's form.

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::id::TableId;
use base::{Error, Result};
use catalog::{CatalogState, TableDef};
use std::sync::Arc;
use types::array::field;

/// The Arrow schema of whole rows of `table`.
pub(crate) fn row_schema(table: &TableDef) -> SchemaRef {
    let fields: Vec<_> = table.columns.iter().map(|c| field(&c.id.to_string(), &c.ty.form)).collect();
    Arc::new(Schema::new(fields))
}

/// Makes batches of whole rows of one table.
#[derive(Clone, Debug)]
pub(crate) struct TableBatches {
    pub(crate) table: Arc<TableDef>,
    schema: SchemaRef,
}

impl TableBatches {
    pub(crate) fn new(catalog: &CatalogState, table: TableId) -> Result<Self> {
        let table =
            catalog.table(table).ok_or_else(|| Error::internal("a statement writes an unknown table"))?;
        Ok(Self { table: Arc::clone(table), schema: row_schema(table) })
    }

    /// A batch of `rows` rows from one array per column.
    pub(crate) fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|e| Error::internal(format!("rows do not fit table \"{}\": {e}", self.table.name)))
    }

    /// The same columns under the names that storage expects.
    pub(crate) fn renamed(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.batch(batch.columns().to_vec(), batch.num_rows())
    }
}
