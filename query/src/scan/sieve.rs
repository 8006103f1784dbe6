//! Predicates that DataFusion evaluates inside a scan, on the columns they read, before other columns are decoded.
//!
//! Two kinds: parts of WHERE that storage cannot tell in its own terms, which every row that comes out satisfies; and
//! dynamic filters, which joins and LIMIT narrow while the query runs. Invariant: a dynamic filter drops only rows
//! that its operator would drop, so evaluating one is always optional.

use crate::failure::from_datafusion;
use crate::scan::pushdown::{self, Lookup};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::and;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::Result;
use base::id::ColumnId;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, DynamicFilterPhysicalExpr, Literal};
use datafusion::physical_expr::utils::collect_columns;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storage::{Predicate, Sieve};
use types::Form;

/// Rows after which a dynamic filter is judged.
const TRIAL_ROWS: u64 = 32_768;
/// A dynamic filter that keeps more than this many of 16 rows costs more than it saves.
const KEPT_OF_16_MAX: u64 = 13;

/// The stored columns of a scan by their names in the plan.
pub(crate) type StoredColumns = BTreeMap<String, (ColumnId, Form)>;

/// The predicates of one scan that storage calls.
#[derive(Debug)]
pub(crate) struct RowSieve {
    ids: Vec<ColumnId>,
    /// The same columns under their names in the plan.
    schema: SchemaRef,
    /// Those that cost less than a look into a hash table.
    cheap: Vec<Arc<dyn PhysicalExpr>>,
    dynamic: Vec<Dynamic>,
    costly: Vec<Arc<dyn PhysicalExpr>>,
    stored: Arc<StoredColumns>,
}

/// A dynamic filter and how well it does.
struct Dynamic {
    filter: Arc<dyn PhysicalExpr>,
    rows: AtomicU64,
    kept: AtomicU64,
}

impl fmt::Debug for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.filter)
    }
}

impl RowSieve {
    /// `filters` and `dynamic` read columns of `schema`, all of which are in `stored`. None when there is neither.
    pub(crate) fn new(
        schema: &SchemaRef,
        stored: &Arc<StoredColumns>,
        filters: &[Arc<dyn PhysicalExpr>],
        dynamic: &[Arc<dyn PhysicalExpr>],
    ) -> Result<Option<Arc<Self>>> {
        let mut ids = Vec::new();
        let mut positions = Vec::new();
        for (position, field) in schema.fields().iter().enumerate() {
            let read = |expr: &Arc<dyn PhysicalExpr>| {
                collect_columns(expr).iter().any(|column| column.name() == field.name())
            };
            if let Some((id, _)) = stored.get(field.name())
                && filters.iter().chain(dynamic).any(read)
            {
                ids.push(*id);
                positions.push(position);
            }
        }
        if filters.is_empty() && dynamic.is_empty() {
            return Ok(None);
        }
        let schema = Arc::new(schema.project(&positions).map_err(crate::failure::from_arrow)?);
        let placed = |expr: &Arc<dyn PhysicalExpr>| {
            datafusion::physical_expr::utils::reassign_expr_columns(Arc::clone(expr), &schema)
                .map_err(from_datafusion)
        };
        let filters = filters.iter().map(placed).collect::<Result<Vec<_>>>()?;
        let (cheap, costly) = filters.into_iter().partition(is_cheap);
        let dynamic = dynamic.iter().map(placed).collect::<Result<Vec<_>>>()?;
        let dynamic = dynamic
            .into_iter()
            .map(|filter| Dynamic { filter, rows: AtomicU64::new(0), kept: AtomicU64::new(0) })
            .collect();
        Ok(Some(Arc::new(Self { ids, schema, cheap, dynamic, costly, stored: Arc::clone(stored) })))
    }

    /// Narrows `kept` by an expression, which is evaluated for the rows kept so far only.
    fn narrowed(
        rows: &RecordBatch,
        kept: Option<BooleanArray>,
        expr: &Arc<dyn PhysicalExpr>,
    ) -> Result<BooleanArray> {
        let value = match &kept {
            None => expr.evaluate(rows),
            Some(kept) => expr.evaluate_selection(rows, kept),
        };
        let array = value.and_then(|v| v.into_array(rows.num_rows())).map_err(from_datafusion)?;
        let truth = known(&array)?;
        match kept {
            None => Ok(truth),
            Some(kept) => and(&kept, &truth).map_err(crate::failure::from_arrow),
        }
    }
}

/// Whether a predicate is made of comparisons of columns and constants only.
fn is_cheap(expr: &Arc<dyn PhysicalExpr>) -> bool {
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        return is_cheap(binary.left()) && is_cheap(binary.right());
    }
    expr.is::<Column>() || expr.is::<Literal>()
}

/// Unknown as false.
fn known(array: &ArrayRef) -> Result<BooleanArray> {
    let truth =
        array.as_boolean_opt().ok_or_else(|| base::Error::internal("a predicate that is not boolean"))?;
    Ok(match truth.nulls() {
        None => truth.clone(),
        Some(valid) => BooleanArray::new(truth.values() & valid.inner(), None),
    })
}

impl Dynamic {
    fn is_worth_it(&self) -> bool {
        let rows = self.rows.load(Ordering::Relaxed);
        rows < TRIAL_ROWS || self.kept.load(Ordering::Relaxed) * 16 <= rows * KEPT_OF_16_MAX
    }

    fn judge(&self, rows: usize, kept: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.kept.fetch_add(kept as u64, Ordering::Relaxed);
    }
}

impl Sieve for RowSieve {
    fn columns(&self) -> &[ColumnId] {
        &self.ids
    }

    fn keep(&self, rows: &RecordBatch) -> Result<Option<BooleanArray>> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let schema = Arc::clone(&self.schema);
        let rows = RecordBatch::try_new_with_options(schema, rows.columns().to_vec(), &options)
            .map_err(crate::failure::from_arrow)?;
        let mut kept = None;
        for filter in &self.cheap {
            kept = Some(Self::narrowed(&rows, kept, filter)?);
        }
        for dynamic in &self.dynamic {
            if dynamic.is_worth_it() && !is_everything(&dynamic.filter) {
                let before = kept.as_ref().map_or(rows.num_rows(), BooleanArray::true_count);
                let now = Self::narrowed(&rows, kept, &dynamic.filter)?;
                dynamic.judge(before, now.true_count());
                kept = Some(now);
            }
        }
        for filter in &self.costly {
            kept = Some(Self::narrowed(&rows, kept, filter)?);
        }
        Ok(kept)
    }

    fn bounds(&self) -> Option<Predicate> {
        let mut parts = Vec::new();
        let lookup = |name: &str| self.stored.get(name).cloned();
        for dynamic in &self.dynamic {
            if let Some(current) = current(&dynamic.filter) {
                comparisons(&current, &lookup, &mut parts);
            }
        }
        (!parts.is_empty()).then_some(Predicate::And(parts))
    }
}

/// What a dynamic filter is by now.
fn current(filter: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    filter.downcast_ref::<DynamicFilterPhysicalExpr>()?.current().ok()
}

/// Whether a dynamic filter does not say anything yet.
fn is_everything(filter: &Arc<dyn PhysicalExpr>) -> bool {
    current(filter).is_some_and(|now| now.is::<Literal>())
}

/// The comparisons of a column with a constant among the conjuncts.
fn comparisons(expr: &Arc<dyn PhysicalExpr>, lookup: &Lookup<'_>, parts: &mut Vec<Predicate>) {
    let Some(binary) = expr.downcast_ref::<BinaryExpr>() else { return };
    if *binary.op() == Operator::And {
        comparisons(binary.left(), lookup, parts);
        comparisons(binary.right(), lookup, parts);
        return;
    }
    let (Some(column), Some(constant)) =
        (binary.left().downcast_ref::<Column>(), binary.right().downcast_ref::<Literal>())
    else {
        return;
    };
    parts.extend(pushdown::column_with_constant(column.name(), *binary.op(), constant.value(), lookup).ok());
}

/// Whether storage's sieve can evaluate a filter of a plan: it changes while the query runs and reads stored columns.
pub(crate) fn is_dynamic(filter: &Arc<dyn PhysicalExpr>, stored: &StoredColumns) -> bool {
    filter.is::<DynamicFilterPhysicalExpr>()
        && collect_columns(filter).iter().all(|column| stored.contains_key(column.name()))
}
