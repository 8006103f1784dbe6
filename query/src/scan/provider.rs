//! A table of the database as DataFusion sees it while planning.
//!
//! Invariant: `delete_from`, `update` and `insert_into` stay DataFusion's refusals; rows change through storage only.

use crate::failure::into_datafusion;
use crate::scan::exec::ScanExec;
use crate::scan::pushdown::{Verdict, to_storage};
use crate::scan::reader::TableReader;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use base::id::{ColumnId, TableId};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use storage::{Predicate, ScanSpec};
use types::Form;

/// A column of a scan.
#[derive(Clone, Debug)]
pub(crate) enum ScanColumn {
    Stored { id: ColumnId, form: Form },
    RowAddress,
}

/// A table scanned in one place of a statement. Fields are named as the plan names the columns.
#[derive(Debug)]
pub(crate) struct StorageTable {
    reader: Arc<dyn TableReader>,
    table: TableId,
    alias: String,
    columns: Vec<ScanColumn>,
    schema: SchemaRef,
    /// Why predicates stayed above, by their text; written while planning, read by EXPLAIN.
    kept: Mutex<BTreeMap<String, String>>,
}

impl StorageTable {
    pub(crate) fn new(
        reader: Arc<dyn TableReader>,
        table: TableId,
        alias: String,
        columns: Vec<(String, ScanColumn)>,
    ) -> Self {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| match column {
                ScanColumn::Stored { form, .. } => Field::new(name, form.arrow(), true),
                ScanColumn::RowAddress => Field::new(name, DataType::UInt64, false),
            })
            .collect();
        Self {
            reader,
            table,
            alias,
            columns: columns.into_iter().map(|(_, column)| column).collect(),
            schema: Arc::new(Schema::new(fields)),
            kept: Mutex::new(BTreeMap::new()),
        }
    }

    /// The stored column behind a name of the plan.
    fn stored(&self, name: &str) -> Option<(ColumnId, Form)> {
        let index = self.schema.index_of(name).ok()?;
        match self.columns.get(index)? {
            ScanColumn::Stored { id, form } => Some((*id, form.clone())),
            ScanColumn::RowAddress => None,
        }
    }

    fn verdict(&self, filter: &Expr) -> Verdict {
        to_storage(filter, &|name| self.stored(name))
    }
}

#[async_trait]
impl TableProvider for StorageTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(filters
            .iter()
            .map(|filter| match self.verdict(filter) {
                Ok(_) => TableProviderFilterPushDown::Exact,
                Err(why) => {
                    kept.insert(filter.to_string(), why);
                    TableProviderFilterPushDown::Unsupported
                }
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut parts: Vec<Predicate> = Vec::with_capacity(filters.len());
        for filter in filters {
            parts.push(self.verdict(filter).map_err(|why| {
                into_datafusion(base::Error::internal(format!(
                    "pushed predicate {filter} is not exact: {why}"
                )))
            })?);
        }
        let wanted: Vec<usize> = match projection {
            Some(indexes) => indexes.clone(),
            None => (0..self.columns.len()).collect(),
        };
        let mut spec = ScanSpec {
            table: self.table,
            projection: Vec::new(),
            predicate: match parts.len() {
                0 | 1 => parts.pop(),
                _ => Some(Predicate::And(parts)),
            },
            row_address: false,
        };
        // Storage yields the row address last, whatever place the plan wants it in.
        let mut order = Vec::with_capacity(wanted.len());
        for index in &wanted {
            match self.columns.get(*index) {
                Some(ScanColumn::Stored { id, .. }) => {
                    order.push(spec.projection.len());
                    spec.projection.push(*id);
                }
                Some(ScanColumn::RowAddress) => {
                    order.push(usize::MAX);
                    spec.row_address = true;
                }
                None => return Err(into_datafusion(base::Error::internal("scan projection out of range"))),
            }
        }
        let stored = spec.projection.len();
        for place in &mut order {
            *place = (*place).min(stored);
        }
        let schema = Arc::new(self.schema.project(&wanted)?);
        let pushed = filters.iter().map(ToString::to_string).collect();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let partitions = state.config().target_partitions();
        let exec =
            ScanExec::open(self.reader.as_ref(), &self.alias, spec, order, schema, partitions, pushed, kept)
                .map_err(into_datafusion)?;
        Ok(Arc::new(exec))
    }
}
