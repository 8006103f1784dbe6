//! Rows that are computed once, as they are asked for, and read by several: a WITH query that is used more than once,
//! and a recursive one, whose step reads the rows found last.
//!
//! Must not know bound trees. Invariants: all readers of one execution see the same rows in the same order; nothing is
//! computed that no reader has asked for; a step sees nothing of an earlier one but its rows.

use crate::failure::{from_arrow, into_datafusion};
use crate::lower::bindings::Bindings;
use crate::lower::recursion::{Recursion, Step};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use base::Error;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, DataFusionError, Result as PlanResult, Statistics};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, execute_stream,
};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, TryStreamExt, stream};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::OnceCell;

/// Rows that a recursive query is taken to have.
const RECURSIVE_ROWS: usize = 1_000;

/// What the rows come from.
#[derive(Debug)]
pub(crate) enum Source {
    Plan(LogicalPlan),
    Recursive(Box<Recursion>),
}

/// A relation to be computed once.
#[derive(Debug)]
pub(crate) struct SharedRows {
    source: Source,
    schema: SchemaRef,
    physical: OnceCell<Planned>,
    found: Arc<Mutex<Found>>,
}

/// What is run, and the number of rows, estimated once: readers are asked for it often.
#[derive(Debug)]
struct Planned {
    plans: Vec<Arc<dyn ExecutionPlan>>,
    rows: Precision<usize>,
}

/// The rows found up to now.
#[derive(Default)]
struct Found {
    batches: Vec<RecordBatch>,
    end: Option<Result<(), Arc<DataFusionError>>>,
    /// What finds more, unless it is just doing so.
    producer: Option<Box<Producer>>,
    running: Option<Shared<BoxFuture<'static, ()>>>,
    reservation: Option<MemoryReservation>,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("batches", &self.batches.len()).finish_non_exhaustive()
    }
}

enum Producer {
    Plan(SendableRecordBatchStream),
    Recursive(Box<Step>),
}

impl Producer {
    async fn next(&mut self) -> PlanResult<Option<RecordBatch>> {
        match self {
            Producer::Plan(stream) => stream.try_next().await,
            Producer::Recursive(step) => step.next().await,
        }
    }
}

fn locked(found: &Mutex<Found>) -> MutexGuard<'_, Found> {
    // Each change of the state is whole before the lock is let go.
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SharedRows {
    /// `schema` is that of the source, without columns behind its own.
    pub(crate) fn new(source: Source, schema: SchemaRef) -> Arc<Self> {
        let (physical, found) = (OnceCell::new(), Arc::new(Mutex::new(Found::default())));
        Arc::new(Self { source, schema, physical, found })
    }

    fn producer(&self, plans: &[Arc<dyn ExecutionPlan>], context: &Arc<TaskContext>) -> PlanResult<Producer> {
        let missing = || into_datafusion(Error::internal("a shared relation without a plan"));
        let first = reset_plan_states(Arc::clone(plans.first().ok_or_else(missing)?))?;
        match &self.source {
            Source::Plan(_) => Ok(Producer::Plan(execute_stream(first, Arc::clone(context))?)),
            Source::Recursive(recursion) => {
                let step = Arc::clone(plans.get(1).ok_or_else(missing)?);
                Ok(Producer::Recursive(Box::new(recursion.start(first, step, Arc::clone(context))?)))
            }
        }
    }

    /// The batch at a place; None behind the last one.
    async fn batch(
        self: Arc<Self>,
        place: usize,
        plans: Arc<Vec<Arc<dyn ExecutionPlan>>>,
        context: Arc<TaskContext>,
    ) -> PlanResult<Option<RecordBatch>> {
        loop {
            let running = {
                let mut found = locked(&self.found);
                if let Some(batch) = found.batches.get(place) {
                    return Ok(Some(batch.clone()));
                }
                match &found.end {
                    Some(Ok(())) => return Ok(None),
                    Some(Err(error)) => return Err(DataFusionError::Shared(Arc::clone(error))),
                    None => {}
                }
                match &found.running {
                    Some(running) => running.clone(),
                    None => {
                        let producer = match found.producer.take() {
                            Some(producer) => producer,
                            None => Box::new(self.producer(&plans, &context)?),
                        };
                        if found.reservation.is_none() {
                            let consumer = MemoryConsumer::new("Shared rows");
                            found.reservation = Some(consumer.register(context.memory_pool()));
                        }
                        let running = advance(Arc::downgrade(&self.found), producer).boxed().shared();
                        found.running = Some(running.clone());
                        running
                    }
                }
            };
            running.await;
        }
    }
}

/// Finds one more batch. The rows own this work, not the work them: it ends when nobody reads them any more.
async fn advance(found: Weak<Mutex<Found>>, mut producer: Box<Producer>) {
    let next = producer.next().await;
    let Some(found) = found.upgrade() else { return };
    let mut found = locked(&found);
    found.running = None;
    let held = |found: &Found, batch: &RecordBatch| match &found.reservation {
        Some(reservation) => reservation.try_grow(batch.get_array_memory_size()),
        None => Ok(()),
    };
    match next {
        Ok(Some(batch)) => match held(&found, &batch) {
            Ok(()) => {
                found.batches.push(batch);
                found.producer = Some(producer);
            }
            Err(error) => {
                // Before anybody hears of it: what is tried next finds the memory there again.
                found.batches = Vec::new();
                found.reservation = None;
                found.end = Some(Err(Arc::new(error)));
            }
        },
        Ok(None) => found.end = Some(Ok(())),
        Err(error) => found.end = Some(Err(Arc::new(error))),
    }
}

/// What is computed once per execution, or once per step of a recursion that it is part of.
#[derive(Clone, Debug)]
pub(crate) enum Computed {
    Rows(Arc<SharedRows>),
    Bindings(Arc<Bindings>),
}

impl Computed {
    /// Forgets the rows.
    pub(crate) fn clear(&self) {
        match self {
            Computed::Rows(rows) => *locked(&rows.found) = Found::default(),
            Computed::Bindings(bindings) => bindings.clear(),
        }
    }
}

/// The rows as a table of a plan.
#[derive(Debug)]
pub(crate) struct SharedTable(pub(crate) Arc<SharedRows>);

#[async_trait]
impl TableProvider for SharedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let plan = || async {
            match &self.0.source {
                Source::Plan(logical) => {
                    let plan = state.create_physical_plan(logical).await?;
                    let statistics =
                        StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
                    let rows = statistics.num_rows;
                    Ok::<_, DataFusionError>(Planned { plans: vec![plan], rows })
                }
                Source::Recursive(recursion) => {
                    let plans = recursion.physical(state).await?;
                    Ok(Planned { plans, rows: Precision::Inexact(RECURSIVE_ROWS) })
                }
            }
        };
        let planned = self.0.physical.get_or_try_init(plan).await?;
        let all = || (0..self.0.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        let schema = Arc::new(self.0.schema.project(&projection)?);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let plans = Arc::new(planned.plans.clone());
        Ok(Arc::new(SharedExec {
            rows: Arc::clone(&self.0),
            plans,
            count: planned.rows,
            projection,
            properties,
        }))
    }
}

/// Reads the rows. The plans that are computed are no inputs of it: the optimiser would give each reader its own.
#[derive(Debug)]
pub(crate) struct SharedExec {
    rows: Arc<SharedRows>,
    plans: Arc<Vec<Arc<dyn ExecutionPlan>>>,
    count: Precision<usize>,
    projection: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl SharedExec {
    /// The plans that are computed.
    pub(crate) fn computed(&self) -> &[Arc<dyn ExecutionPlan>] {
        &self.plans
    }
}

impl DisplayAs for SharedExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.rows.source {
            Source::Plan(_) => "Shared Rows",
            Source::Recursive(_) => "Recursive Union",
        })
    }
}

impl ExecutionPlan for SharedExec {
    fn name(&self) -> &'static str {
        "SharedRows"
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
            false => Err(into_datafusion(Error::internal("shared rows have no inputs"))),
        }
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let (rows, plans, projection) =
            (Arc::clone(&self.rows), Arc::clone(&self.plans), self.projection.clone());
        let batches = stream::try_unfold(0_usize, move |place| {
            let (rows, plans, context) = (Arc::clone(&rows), Arc::clone(&plans), Arc::clone(&context));
            let projection = projection.clone();
            async move {
                let batch = rows.batch(place, plans, context).await?;
                let project = |batch: RecordBatch| {
                    batch.project(&projection).map_err(|e| into_datafusion(from_arrow(e)))
                };
                Ok(batch.map(project).transpose()?.map(|batch| (batch, place + 1)))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> PlanResult<Arc<Statistics>> {
        Ok(Arc::new(Statistics {
            num_rows: self.count,
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(); self.schema().fields().len()],
        }))
    }
}
