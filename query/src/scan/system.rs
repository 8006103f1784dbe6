//! Relations whose columns cost something to know, as tables of a plan: only the columns that the plan uses are computed.
//!
//! Must not know bound trees. Invariant: rows are computed once for each place of a statement, while it is planned.

use crate::failure::{from_arrow, into_datafusion};
use crate::lower::SystemRelations;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use base::Error;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct LazyRelation {
    relations: Arc<dyn SystemRelations>,
    /// Its own schema and name.
    name: (&'static str, &'static str),
    /// Positions in the relation's column list.
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl LazyRelation {
    /// `schema` has a field for each of `columns`.
    pub(crate) fn new(
        relations: Arc<dyn SystemRelations>,
        name: (&'static str, &'static str),
        columns: Vec<usize>,
        schema: Schema,
    ) -> Self {
        Self { relations, name, columns, schema: Arc::new(schema) }
    }

    fn rows(&self, places: &[usize]) -> base::Result<RecordBatch> {
        let columns: Vec<usize> =
            places.iter().filter_map(|place| self.columns.get(*place).copied()).collect();
        let (schema, name) = self.name;
        let rows = self.relations.rows(schema, name, &columns)?;
        let arrays: Option<Vec<_>> = columns.iter().map(|c| rows.columns().get(*c).cloned()).collect();
        let arrays = arrays
            .ok_or_else(|| Error::internal(format!("relation {schema}.{name} yielded too few columns")))?;
        let own = Arc::new(self.schema.project(places).map_err(from_arrow)?);
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(own, arrays, &options).map_err(from_arrow)
    }
}

#[async_trait]
impl TableProvider for LazyRelation {
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
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let places = projection.cloned().unwrap_or_else(|| (0..self.columns.len()).collect());
        let batch = self.rows(&places).map_err(into_datafusion)?;
        let schema = batch.schema();
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None)?)
    }
}
