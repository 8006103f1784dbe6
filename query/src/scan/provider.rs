//! A table of the database as DataFusion sees it while planning.
//!
//! Invariant: `delete_from`, `update` and `insert_into` stay DataFusion's refusals; rows change through storage only.

use crate::failure::into_datafusion;
use crate::scan::estimate::{self, RelationEstimate};
use crate::scan::exec::{ScanExec, ScanPlan};
use crate::scan::pushdown::to_storage;
use crate::scan::reader::TableReader;
use crate::scan::sieve::StoredColumns;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use base::id::{ColumnId, TableId};
use catalog::TableDef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
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
    /// The columns that storage has, by their names in the plan.
    stored: Arc<StoredColumns>,
    /// Names of the primary key's columns, as far as the statement names them all.
    key: Vec<String>,
    /// Different values, as ANALYZE counted them.
    distinct: BTreeMap<ColumnId, u64>,
    estimate: OnceLock<RelationEstimate>,
}

impl StorageTable {
    pub(crate) fn new(
        reader: Arc<dyn TableReader>,
        table: TableId,
        alias: String,
        columns: Vec<(String, ScanColumn)>,
        def: Option<&TableDef>,
    ) -> Self {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| match column {
                ScanColumn::Stored { form, .. } => Field::new(name, form.arrow(), true),
                ScanColumn::RowAddress => Field::new(name, DataType::UInt64, false),
            })
            .collect();
        let stored = columns.iter().filter_map(|(name, column)| match column {
            ScanColumn::Stored { id, form } => Some((name.clone(), (*id, form.clone()))),
            ScanColumn::RowAddress => None,
        });
        let stored: StoredColumns = stored.collect();
        let name_of =
            |id: &ColumnId| stored.iter().find(|(_, (known, _))| known == id).map(|(n, _)| n.clone());
        let key: Option<Vec<String>> = def.map_or(&[][..], |d| &d.primary_key).iter().map(name_of).collect();
        let counted = def.map_or(&[][..], |d| &d.distinct).iter();
        Self {
            key: key.unwrap_or_default(),
            distinct: counted.map(|count| (count.column, count.values)).collect(),
            estimate: OnceLock::new(),
            stored: Arc::new(stored),
            reader,
            table,
            alias,
            columns: columns.into_iter().map(|(_, column)| column).collect(),
            schema: Arc::new(Schema::new(fields)),
        }
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

    /// A scan takes every predicate over stored columns: what storage does not understand becomes its sieve.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match self.reads_stored_only(filter) {
                true => TableProviderFilterPushDown::Exact,
                false => TableProviderFilterPushDown::Unsupported,
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
        let wanted: Vec<usize> = match projection {
            Some(indexes) => indexes.clone(),
            None => (0..self.columns.len()).collect(),
        };
        let predicate = filters.iter().cloned().reduce(Expr::and);
        let estimate = self.estimate().map_err(into_datafusion)?.clone();
        let estimate = match &predicate {
            Some(predicate) => estimate.filtered(predicate),
            None => estimate,
        };
        let filters = self.sorted(state, filters)?;
        let (spec, order) = self.spec(&wanted, filters.parts)?;
        let plan = ScanPlan {
            reader: Arc::clone(&self.reader),
            alias: self.alias.clone(),
            spec,
            order,
            schema: Arc::new(self.schema.project(&wanted)?),
            partitions: state.config().target_partitions(),
            pushed: filters.pushed,
            kept: filters.kept,
            filters: filters.evaluated,
            all: Arc::clone(&self.schema),
            stored: Arc::clone(&self.stored),
            estimate,
        };
        Ok(Arc::new(ScanExec::open(plan, Vec::new()).map_err(into_datafusion)?))
    }
}

/// Whether evaluating a predicate takes a plan of its own.
fn contains_plan(filter: &Expr) -> bool {
    let is_plan = |e: &Expr| {
        Ok(matches!(
            e,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)
        ))
    };
    filter.exists(is_plan).unwrap_or(true)
}

impl StorageTable {
    /// What is known of the table's rows before any predicate.
    pub(crate) fn estimate(&self) -> base::Result<&RelationEstimate> {
        if let Some(known) = self.estimate.get() {
            return Ok(known);
        }
        let rows = self.reader.live_rows(self.table)? as f64;
        let mut columns = BTreeMap::new();
        for (name, (id, form)) in self.stored.iter() {
            let bounds = self.reader.rough_bounds(self.table, *id)?;
            let is_key = matches!(self.key.as_slice(), [only] if only == name);
            let counted = self.distinct.get(id).copied();
            columns.insert(name.clone(), estimate::column(form, bounds, rows, is_key, counted));
        }
        let keys = if self.key.is_empty() { Vec::new() } else { vec![self.key.clone()] };
        Ok(self.estimate.get_or_init(|| RelationEstimate { rows, rows_unfiltered: rows, columns, keys }))
    }
}

/// The filters of a scan by who evaluates them.
#[derive(Debug, Default)]
struct SortedFilters {
    parts: Vec<Predicate>,
    pushed: Vec<String>,
    kept: BTreeMap<String, String>,
    evaluated: Vec<Arc<dyn PhysicalExpr>>,
}

impl StorageTable {
    fn reads_stored_only(&self, filter: &Expr) -> bool {
        let stored = filter.column_refs().into_iter().all(|column| self.stored.contains_key(&column.name));
        // A volatile call must be made once per row that reaches it, in the plan's order.
        stored && !filter.is_volatile() && !contains_plan(filter)
    }

    fn sorted(&self, state: &dyn Session, filters: &[Expr]) -> Result<SortedFilters> {
        let schema = DFSchema::try_from(self.schema.as_ref().clone())?;
        let mut sorted = SortedFilters::default();
        for filter in filters {
            match to_storage(filter, &|name| self.stored.get(name).cloned()) {
                Ok(part) => {
                    sorted.parts.push(part);
                    sorted.pushed.push(filter.to_string());
                }
                Err(why) => {
                    sorted.kept.insert(filter.to_string(), why);
                    let nothing = PhysicalPlanningContext::default();
                    let expr = create_physical_expr(filter, &schema, state.execution_props(), &nothing)?;
                    sorted.evaluated.push(expr);
                }
            }
        }
        Ok(sorted)
    }

    /// What storage reads, and where in its batch each wanted column is.
    fn spec(&self, wanted: &[usize], mut parts: Vec<Predicate>) -> Result<(ScanSpec, Vec<usize>)> {
        let mut spec = ScanSpec {
            table: self.table,
            projection: Vec::new(),
            predicate: match parts.len() {
                0 | 1 => parts.pop(),
                _ => Some(Predicate::And(parts)),
            },
            sieve: None,
            row_address: false,
        };
        // Storage yields the row address last, whatever place the plan wants it in.
        let mut order = Vec::with_capacity(wanted.len());
        for index in wanted {
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
        Ok((spec, order))
    }
}
