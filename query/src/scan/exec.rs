//! The physical scan: hands out storage's splits to partitions and counts what they read.
//!
//! Invariant: every split is read by exactly one partition of one execution.

use crate::failure::into_datafusion;
use crate::scan::estimate::RelationEstimate;
use crate::scan::leaf::without_inputs;
use crate::scan::reader::{Split, TableReader};
use crate::scan::sieve::{RowSieve, StoredColumns, is_dynamic};
use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, Result};
use datafusion::common::Result as PlanResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::{StreamExt, stream};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use storage::{ScanMetrics, ScanSpec, Sieve};

/// What a scan of one table reads, as planned.
#[derive(Clone, Debug)]
pub(crate) struct ScanPlan {
    pub(crate) reader: Arc<dyn TableReader>,
    pub(crate) alias: String,
    /// Without sieve: that is made of the filters.
    pub(crate) spec: ScanSpec,
    /// Where in storage's batch each column of ours is.
    pub(crate) order: Vec<usize>,
    pub(crate) schema: SchemaRef,
    /// Most partitions.
    pub(crate) partitions: usize,
    /// Predicates that storage evaluates, as text.
    pub(crate) pushed: Vec<String>,
    /// Predicates that are evaluated on decoded columns, with the reason.
    pub(crate) kept: BTreeMap<String, String>,
    /// The same as expressions over `all`.
    pub(crate) filters: Vec<Arc<dyn PhysicalExpr>>,
    /// All columns of the table that the statement names, and which of them storage has.
    pub(crate) all: SchemaRef,
    pub(crate) stored: Arc<StoredColumns>,
    pub(crate) estimate: RelationEstimate,
}

/// A scan of one table, opened.
#[derive(Debug)]
pub(crate) struct ScanExec {
    plan: ScanPlan,
    /// Filters that change while the query runs.
    dynamic: Vec<Arc<dyn PhysicalExpr>>,
    splits: Arc<Vec<Split>>,
    next: Arc<AtomicUsize>,
    metrics: Arc<ScanMetrics>,
    rows: Precision<usize>,
    properties: Arc<PlanProperties>,
}

impl ScanExec {
    pub(crate) fn open(plan: ScanPlan, dynamic: Vec<Arc<dyn PhysicalExpr>>) -> Result<Self> {
        let sieve = RowSieve::new(&plan.all, &plan.stored, &plan.filters, &dynamic)?;
        let spec = ScanSpec { sieve: sieve.map(|sieve| sieve as Arc<dyn Sieve>), ..plan.spec.clone() };
        let scan = plan.reader.open(&spec)?;
        let rows = match (&spec.predicate, &spec.sieve) {
            (None, None) => Precision::Exact(to_rows(plan.reader.live_rows(spec.table)?)),
            // Pruning may know better than the guess.
            _ => Precision::Inexact(rounded(plan.estimate.rows).min(to_rows(scan.rows_estimate)).max(1)),
        };
        let partitions = scan.splits.len().clamp(1, plan.partitions.max(1));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&plan.schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            plan,
            dynamic,
            splits: Arc::new(scan.splits),
            next: Arc::new(AtomicUsize::new(0)),
            metrics: scan.metrics,
            rows,
            properties: Arc::new(properties),
        })
    }

    /// Predicates that storage evaluates.
    pub(crate) fn pushed(&self) -> &[String] {
        &self.plan.pushed
    }

    /// Filters that operators above narrow while the query runs.
    pub(crate) fn dynamic(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.dynamic
    }

    /// Predicates that storage cannot evaluate, and why.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (&str, &str)> {
        self.plan.kept.iter().map(|(text, why)| (text.as_str(), why.as_str()))
    }

    pub(crate) fn scan_metrics(&self) -> &ScanMetrics {
        &self.metrics
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a guess that saturates")]
fn rounded(guess: f64) -> usize {
    guess.round() as usize
}

fn to_rows(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scan on {}", self.plan.alias)
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "Scan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        // A join computes its dynamic filter only when it finds it below.
        for filter in &self.dynamic {
            if f(filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        without_inputs(self, &children)
    }

    /// To be run once more: the splits are handed out again.
    fn reset_state(self: Arc<Self>) -> PlanResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            plan: self.plan.clone(),
            dynamic: self.dynamic.clone(),
            splits: Arc::clone(&self.splits),
            next: Arc::new(AtomicUsize::new(0)),
            metrics: Arc::clone(&self.metrics),
            rows: self.rows,
            properties: Arc::clone(&self.properties),
        }))
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> PlanResult<SendableRecordBatchStream> {
        let schema = self.schema();
        let (splits, next) = (Arc::clone(&self.splits), Arc::clone(&self.next));
        let (order, out) = (self.plan.order.clone(), Arc::clone(&schema));
        let batches = stream::iter(std::iter::from_fn(move || {
            let index = next.fetch_add(1, Ordering::Relaxed);
            splits.get(index).map(Split::stream)
        }))
        .flatten()
        .map(move |batch| batch.and_then(|b| arrange(&b, &order, &out)).map_err(into_datafusion));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        pushdown: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> PlanResult<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let filters = pushdown.parent_filters.iter().map(|f| Arc::clone(&f.filter));
        let dynamic: Vec<_> = filters.filter(|f| is_dynamic(f, &self.plan.stored)).collect();
        if phase != FilterPushdownPhase::Post || dynamic.is_empty() {
            return Ok(FilterPushdownPropagation::all_unsupported(pushdown));
        }
        let all = self.dynamic.iter().chain(&dynamic).map(Arc::clone).collect();
        let node = Self::open(self.plan.clone(), all).map_err(into_datafusion)?;
        // A hint only: the operators above drop what it lets through.
        Ok(FilterPushdownPropagation::all_unsupported(pushdown).with_updated_node(Arc::new(node)))
    }

    fn partition_statistics(&self, partition: Option<usize>) -> PlanResult<Arc<Statistics>> {
        let schema = self.schema();
        let rows = match partition {
            None => self.rows,
            Some(_) => {
                let partitions = self.properties.output_partitioning().partition_count().max(1);
                self.rows.to_inexact().map(|rows| rows.div_ceil(partitions))
            }
        };
        let columns = schema.fields().iter().map(|field| {
            let distinct = self.plan.estimate.columns.get(field.name()).and_then(|c| c.distinct);
            ColumnStatistics {
                distinct_count: distinct.map_or(Precision::Absent, |d| Precision::Inexact(rounded(d))),
                ..ColumnStatistics::new_unknown()
            }
        });
        let width: usize =
            schema.fields().iter().map(|f| f.data_type().primitive_width().unwrap_or(24)).sum();
        Ok(Arc::new(Statistics {
            num_rows: rows,
            total_byte_size: rows.to_inexact().map(|rows| rows.saturating_mul(width)),
            column_statistics: columns.collect(),
        }))
    }
}

/// The plan's columns out of storage's batch, under the plan's names.
fn arrange(batch: &RecordBatch, order: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
    let columns: Option<Vec<ArrayRef>> =
        order.iter().map(|index| batch.columns().get(*index).cloned()).collect();
    let columns = columns.ok_or_else(|| Error::internal("storage yielded too few columns"))?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(crate::failure::from_arrow)
}
