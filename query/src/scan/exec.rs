//! The physical scan: hands out storage's splits to partitions and counts what they read.
//!
//! Invariant: every split is read by exactly one partition of one execution.

use crate::failure::into_datafusion;
use crate::scan::reader::{Split, TableReader};
use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, Result};
use datafusion::common::Result as PlanResult;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::{StreamExt, stream};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use storage::{ScanMetrics, ScanSpec};

/// What part of the rows a predicate is taken to keep when nothing is known about it: one in this many.
const KEPT_ONE_IN: u64 = 5;

/// A scan of one table, opened.
#[derive(Debug)]
pub(crate) struct ScanExec {
    alias: String,
    splits: Arc<Vec<Split>>,
    next: Arc<AtomicUsize>,
    /// Where in storage's batch each column of ours is.
    order: Arc<Vec<usize>>,
    metrics: Arc<ScanMetrics>,
    rows: Precision<usize>,
    pushed: Vec<String>,
    kept: BTreeMap<String, String>,
    properties: Arc<PlanProperties>,
}

impl ScanExec {
    #[expect(clippy::too_many_arguments, reason = "one caller, which has just computed all of them")]
    pub(crate) fn open(
        reader: &dyn TableReader,
        alias: &str,
        spec: ScanSpec,
        order: Vec<usize>,
        schema: SchemaRef,
        partitions: usize,
        pushed: Vec<String>,
        kept: BTreeMap<String, String>,
    ) -> Result<Self> {
        let scan = reader.open(&spec)?;
        let rows = match spec.predicate {
            None => Precision::Exact(to_rows(reader.live_rows(spec.table)?)),
            Some(_) => Precision::Inexact(to_rows(scan.rows_estimate / KEPT_ONE_IN).max(1)),
        };
        let partitions = scan.splits.len().clamp(1, partitions.max(1));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            alias: alias.to_owned(),
            splits: Arc::new(scan.splits),
            next: Arc::new(AtomicUsize::new(0)),
            order: Arc::new(order),
            metrics: scan.metrics,
            rows,
            pushed,
            kept,
            properties: Arc::new(properties),
        })
    }

    /// Predicates that storage evaluates.
    pub(crate) fn pushed(&self) -> &[String] {
        &self.pushed
    }

    /// Predicates that storage cannot evaluate, and why.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kept.iter().map(|(text, why)| (text.as_str(), why.as_str()))
    }

    pub(crate) fn scan_metrics(&self) -> &ScanMetrics {
        &self.metrics
    }
}

fn to_rows(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scan on {}", self.alias)
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
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        match children.is_empty() {
            true => Ok(self),
            false => Err(into_datafusion(Error::internal("a scan has no inputs"))),
        }
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> PlanResult<SendableRecordBatchStream> {
        let schema = self.schema();
        let (splits, next) = (Arc::clone(&self.splits), Arc::clone(&self.next));
        let (order, out) = (Arc::clone(&self.order), Arc::clone(&schema));
        let batches = stream::iter(std::iter::from_fn(move || {
            let index = next.fetch_add(1, Ordering::Relaxed);
            splits.get(index).map(Split::stream)
        }))
        .flatten()
        .map(move |batch| batch.and_then(|b| arrange(&b, &order, &out)).map_err(into_datafusion));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
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
        let columns = vec![ColumnStatistics::new_unknown(); schema.fields().len()];
        let width: usize =
            schema.fields().iter().map(|f| f.data_type().primitive_width().unwrap_or(24)).sum();
        Ok(Arc::new(Statistics {
            num_rows: rows,
            total_byte_size: rows.to_inexact().map(|rows| rows.saturating_mul(width)),
            column_statistics: columns,
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
