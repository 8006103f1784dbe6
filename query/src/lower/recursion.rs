//! WITH RECURSIVE: the start's rows, then step after step over the rows found last, until a step finds none.
//!
//! Must not know bound trees. Invariant: with keys, a row is new when no row before it had the same ones; the keys are
//! columns behind those that are seen.

use crate::failure::{from_arrow, into_datafusion};
use crate::lower::shared_rows::Computed;
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use async_trait::async_trait;
use base::Error;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, execute_stream,
};
use futures::{TryStreamExt, stream};
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The rows that a step reads.
#[derive(Debug)]
pub(crate) struct Working {
    schema: SchemaRef,
    batches: Mutex<Vec<RecordBatch>>,
}

impl Working {
    pub(crate) fn new(schema: SchemaRef) -> Arc<Self> {
        Arc::new(Self { schema, batches: Mutex::new(Vec::new()) })
    }

    fn put(&self, batches: Vec<RecordBatch>) {
        // A poisoned lock guards a value that is written whole.
        *self.batches.lock().unwrap_or_else(PoisonError::into_inner) = batches;
    }

    fn get(&self) -> Vec<RecordBatch> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The parts of a recursive query.
#[derive(Debug)]
pub(crate) struct Recursion {
    pub(crate) start: LogicalPlan,
    pub(crate) step: LogicalPlan,
    pub(crate) working: Arc<Working>,
    /// Places of the columns by which rows are new; None: all rows are.
    pub(crate) keys: Option<Vec<usize>>,
    /// What is computed anew in each step.
    pub(crate) inner: Vec<Computed>,
}

impl Recursion {
    /// The plans of start and step. The filters of the latter do not change while it runs: it is run many times.
    pub(crate) async fn physical(&self, state: &dyn Session) -> PlanResult<Vec<Arc<dyn ExecutionPlan>>> {
        let start = state.create_physical_plan(&self.start).await?;
        let session = state.as_any().downcast_ref::<SessionState>();
        let mut own = session.cloned().ok_or_else(|| into_datafusion(Error::internal("another session")))?;
        let options = own.config_mut().options_mut();
        options.optimizer.enable_dynamic_filter_pushdown = false;
        options.optimizer.enable_topk_dynamic_filter_pushdown = false;
        options.optimizer.enable_join_dynamic_filter_pushdown = false;
        options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
        let step = own.create_physical_plan(&self.step).await?;
        Ok(vec![start, step])
    }

    /// Before the first row.
    pub(crate) fn start(
        &self,
        start: Arc<dyn ExecutionPlan>,
        step: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> PlanResult<Step> {
        let known = match &self.keys {
            None => None,
            Some(places) => Some(Known::new(places.clone(), &start, &context)?),
        };
        Ok(Step {
            running: execute_stream(start, Arc::clone(&context))?,
            step,
            working: Arc::clone(&self.working),
            inner: self.inner.clone(),
            known,
            found: Vec::new(),
            context,
        })
    }
}

/// A recursive query on its way. Rows are handed out as they are found: of a step that would never end, such as one with
/// another recursion in it, no more is computed than is asked for.
pub(crate) struct Step {
    /// The start or the step that runs.
    running: SendableRecordBatchStream,
    step: Arc<dyn ExecutionPlan>,
    working: Arc<Working>,
    inner: Vec<Computed>,
    known: Option<Known>,
    /// The rows of what runs, for the step behind it.
    found: Vec<RecordBatch>,
    context: Arc<TaskContext>,
}

impl Step {
    /// The next rows; None when a step found none.
    pub(crate) async fn next(&mut self) -> PlanResult<Option<RecordBatch>> {
        let columns: Vec<usize> = (0..self.working.schema.fields().len()).collect();
        loop {
            let Some(batch) = self.running.try_next().await? else {
                if self.found.is_empty() {
                    return Ok(None);
                }
                self.working.put(std::mem::take(&mut self.found));
                self.inner.iter().for_each(Computed::clear);
                let step = reset_plan_states(Arc::clone(&self.step))?;
                self.running = execute_stream(step, Arc::clone(&self.context))?;
                continue;
            };
            let new = match &mut self.known {
                None => batch,
                Some(known) => known.new_rows(&batch)?,
            };
            if new.num_rows() > 0 {
                let new = new.project(&columns)?;
                self.found.push(new.clone());
                return Ok(Some(new));
            }
        }
    }
}

/// The keys of all rows.
struct Known {
    places: Vec<usize>,
    converter: RowConverter,
    keys: HashSet<Box<[u8]>>,
    reservation: MemoryReservation,
}

impl Known {
    fn new(
        places: Vec<usize>,
        plan: &Arc<dyn ExecutionPlan>,
        context: &Arc<TaskContext>,
    ) -> PlanResult<Self> {
        let schema = plan.schema().project(&places)?;
        let fields = schema.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let reservation = MemoryConsumer::new("Recursive union").register(context.memory_pool());
        Ok(Self { places, converter, keys: HashSet::new(), reservation })
    }

    fn new_rows(&mut self, batch: &RecordBatch) -> PlanResult<RecordBatch> {
        let keys = batch.project(&self.places)?;
        let rows = self.converter.convert_columns(keys.columns())?;
        let mut mask = Vec::with_capacity(batch.num_rows());
        let mut bytes = 0_usize;
        for row in &rows {
            let is_new = !self.keys.contains(row.as_ref());
            if is_new {
                let key: Box<[u8]> = row.as_ref().into();
                bytes = bytes.saturating_add(key.len()).saturating_add(size_of::<Box<[u8]>>());
                self.keys.insert(key);
            }
            mask.push(is_new);
        }
        self.reservation.try_grow(bytes)?;
        filter_record_batch(batch, &BooleanArray::from(mask)).map_err(|e| into_datafusion(from_arrow(e)))
    }
}

/// The rows found last as a table of a plan.
#[derive(Debug)]
pub(crate) struct WorkingTable(pub(crate) Arc<Working>);

#[async_trait]
impl TableProvider for WorkingTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
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
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.0.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::new(self.0.schema.project(&projection)?)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(Arc::new(WorkingExec { working: Arc::clone(&self.0), projection, properties }))
    }
}

/// Reads the rows found last.
#[derive(Debug)]
struct WorkingExec {
    working: Arc<Working>,
    projection: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for WorkingExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows Found Last")
    }
}

impl ExecutionPlan for WorkingExec {
    fn name(&self) -> &'static str {
        "RowsFoundLast"
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
            false => Err(into_datafusion(Error::internal("rows found last have no inputs"))),
        }
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> PlanResult<SendableRecordBatchStream> {
        let projection = self.projection.clone();
        let batches = self.working.get().into_iter().map(move |batch| Ok(batch.project(&projection)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::iter(batches))))
    }
}
