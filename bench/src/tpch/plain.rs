//! The plain DataFusion peer: the same Parquet files in memory, its own SQL planner.

use crate::tpch::data;
use crate::tpch::tables::TABLES;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base::{Error, Result};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// DataFusion with the eight tables.
pub struct Plain {
    context: SessionContext,
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}

impl Plain {
    /// Reads the files that `data::generate` wrote.
    pub fn load(directory: &Path) -> Result<Self> {
        let context = SessionContext::new();
        for table in TABLES {
            let path = data::path(directory, table.name);
            let failed = |e: &dyn std::fmt::Display| {
                Error::internal(format!("could not read {}: {e}", path.display()))
            };
            let file =
                File::open(&path).map_err(|e| Error::io(format_args!("open {}", path.display()), e))?;
            let reader = ParquetRecordBatchReaderBuilder::try_new(file)
                .and_then(|builder| builder.build())
                .map_err(|e| failed(&e))?;
            let schema = arrow::record_batch::RecordBatchReader::schema(&reader);
            let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|e| failed(&e))?;
            let memory = MemTable::try_new(schema, vec![batches]).map_err(|e| failed(&e))?;
            context.register_table(table.name, Arc::new(memory)).map_err(|e| failed(&e))?;
        }
        Ok(Self { context })
    }

    /// The rows of a query as text.
    pub async fn query(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        let failed = |e: &dyn std::fmt::Display| Error::internal(format!("plain DataFusion: {e}"));
        let frame = self.context.sql(sql).await.map_err(|e| failed(&e))?;
        let batches = frame.collect().await.map_err(|e| failed(&e))?;
        let options = FormatOptions::default();
        let mut rows = Vec::new();
        for batch in batches {
            let columns = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options))
                .collect::<std::result::Result<Vec<_>, _>>()
                .map_err(|e| failed(&e))?;
            rows.extend(
                (0..batch.num_rows()).map(|row| columns.iter().map(|c| c.value(row).to_string()).collect()),
            );
        }
        Ok(rows)
    }
}
