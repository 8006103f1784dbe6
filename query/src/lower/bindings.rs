//! Rows computed once and read several times: the rows of an enclosing query, numbered by the values that a subquery
//! takes from them, and those values, each once under its number.
//!
//! Must not know bound trees. Invariants: rows have one number exactly when their values are identical bit by bit, so
//! that joining by number is joining by the values, null included; all readers of one execution see the same rows,
//! however volatile the plan below is.

use crate::failure::{from_arrow, into_datafusion};
use crate::scan::without_inputs;
use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use async_trait::async_trait;
use base::{Error, Result};
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
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use std::fmt;
use std::mem::size_of;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// The name of the column that holds the number.
pub(crate) const NUMBER: &str = "binding";

/// What a row's number depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// Rows with the same values share a number.
    Distinct,
    /// Every row has its own.
    EachRow,
}

/// A plan to be computed once, and the places of the values in its rows.
#[derive(Debug)]
pub(crate) struct Bindings {
    plan: LogicalPlan,
    schema: SchemaRef,
    values: Vec<usize>,
    numbering: Numbering,
    physical: OnceCell<Planned>,
    filled: Mutex<Option<Filling>>,
}

/// The plan to be run and its number of rows, estimated once: readers may be nested, and are asked for it often.
#[derive(Debug)]
struct Planned {
    plan: Arc<dyn ExecutionPlan>,
    rows: Precision<usize>,
}

type Filling = Shared<BoxFuture<'static, std::result::Result<Arc<Filled>, Arc<DataFusionError>>>>;

/// The computed rows.
struct Filled {
    rows: Vec<RecordBatch>,
    values: Vec<RecordBatch>,
    /// Holds the memory for as long as the rows.
    _reservation: MemoryReservation,
}

/// What is read of the bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// All columns of the plan, then the number.
    Rows,
    /// The values, then the number; each number once.
    Values,
}

impl Bindings {
    pub(crate) fn new(plan: LogicalPlan, values: Vec<usize>, numbering: Numbering) -> Arc<Self> {
        let schema = Arc::clone(plan.schema().inner());
        let (physical, filled) = (OnceCell::new(), Mutex::new(None));
        Arc::new(Self { plan, schema, values, numbering, physical, filled })
    }

    fn side(&self, side: Side) -> PlanResult<SchemaRef> {
        let mut fields = match side {
            Side::Rows => self.schema.fields().to_vec(),
            Side::Values => self.schema.project(&self.values)?.fields().to_vec(),
        };
        fields.push(Arc::new(Field::new(NUMBER, DataType::Int64, false)));
        Ok(Arc::new(Schema::new(fields)))
    }

    /// Forgets the rows, for another execution.
    pub(crate) fn clear(&self) {
        *self.filled.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The rows, computed by whoever of the readers is polled; none waits for another one's turn.
    fn fill(&self, plan: &Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Filling {
        // A poisoned lock guards a value that is written whole.
        let mut filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        filled
            .get_or_insert_with(|| {
                let numbers = Numbers::new(self.values.clone(), self.numbering);
                let (plan, context) = (reset_plan_states(Arc::clone(plan)), Arc::clone(context));
                let filled = async move { collect(plan?, context, numbers).await };
                filled.map(|filled| filled.map(Arc::new).map_err(Arc::new)).boxed().shared()
            })
            .clone()
    }
}

/// Numbers rows by their values.
struct Numbers {
    places: Vec<usize>,
    numbering: Numbering,
    converter: Option<RowConverter>,
    known: HashMap<Box<[u8]>, i64>,
    next: i64,
}

impl Numbers {
    fn new(places: Vec<usize>, numbering: Numbering) -> Self {
        Self { places, numbering, converter: None, known: HashMap::new(), next: 0 }
    }

    /// The batch with its numbers, and the values that are new in it.
    fn number(&mut self, batch: &RecordBatch) -> Result<(RecordBatch, RecordBatch, usize)> {
        let values = batch.project(&self.places).map_err(from_arrow)?;
        let (numbers, fresh, bytes) = match self.numbering {
            Numbering::Distinct => self.distinct(&values)?,
            Numbering::EachRow => {
                let rows = u32::try_from(batch.num_rows()).map_err(|_| too_many())?;
                let first = self.next;
                self.next = first.checked_add(i64::from(rows)).ok_or_else(too_many)?;
                ((first..self.next).collect(), (0..rows).collect(), 0)
            }
        };
        let fresh = UInt32Array::from(fresh);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(values.num_columns().saturating_add(1));
        for column in values.columns() {
            columns.push(take(column, &fresh, None).map_err(from_arrow)?);
        }
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
        columns.push(take(&numbers, &fresh, None).map_err(from_arrow)?);
        let new = with_number(&values.schema(), columns)?;
        let all = batch.columns().iter().cloned().chain([numbers]).collect();
        Ok((with_number(&batch.schema(), all)?, new, bytes))
    }

    /// Numbers of the rows, the rows that are the first of their number, and the memory taken to know them.
    fn distinct(&mut self, values: &RecordBatch) -> Result<(Vec<i64>, Vec<u32>, usize)> {
        let converter = match &mut self.converter {
            Some(converter) => converter,
            none => {
                let fields = values.columns().iter().map(|c| SortField::new(c.data_type().clone())).collect();
                none.insert(RowConverter::new(fields).map_err(from_arrow)?)
            }
        };
        let rows = converter.convert_columns(values.columns()).map_err(from_arrow)?;
        let (mut numbers, mut fresh, mut bytes) = (Vec::with_capacity(rows.num_rows()), Vec::new(), 0_usize);
        for (index, row) in rows.iter().enumerate() {
            let number = match self.known.get(row.as_ref()) {
                Some(number) => *number,
                None => {
                    let key: Box<[u8]> = row.as_ref().into();
                    bytes = bytes.saturating_add(key.len()).saturating_add(size_of::<(Box<[u8]>, i64)>());
                    let number = self.next;
                    self.next = number.checked_add(1).ok_or_else(too_many)?;
                    self.known.insert(key, number);
                    fresh.push(u32::try_from(index).map_err(|_| too_many())?);
                    number
                }
            };
            numbers.push(number);
        }
        Ok((numbers, fresh, bytes))
    }
}

fn too_many() -> Error {
    Error::internal("more rows than can be numbered")
}

fn with_number(schema: &Schema, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let mut fields = schema.fields().to_vec();
    fields.push(Arc::new(Field::new(NUMBER, DataType::Int64, false)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(from_arrow)
}

async fn collect(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    mut numbers: Numbers,
) -> PlanResult<Filled> {
    let reservation = MemoryConsumer::new("Bindings").register(context.memory_pool());
    let mut batches = execute_stream(plan, context)?;
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    while let Some(batch) = batches.try_next().await? {
        reservation.try_grow(batch.get_array_memory_size())?;
        let (numbered, new, bytes) = numbers.number(&batch).map_err(into_datafusion)?;
        // The values share the memory of the rows.
        reservation.try_grow(bytes)?;
        rows.push(numbered);
        if new.num_rows() > 0 {
            values.push(new);
        }
    }
    Ok(Filled { rows, values, _reservation: reservation })
}

/// One side of the bindings as a table of a plan.
#[derive(Debug)]
pub(crate) struct BindingsTable {
    bindings: Arc<Bindings>,
    side: Side,
    schema: SchemaRef,
}

impl BindingsTable {
    pub(crate) fn new(bindings: Arc<Bindings>, side: Side) -> Result<Self> {
        let schema = bindings.side(side).map_err(crate::failure::from_datafusion)?;
        Ok(Self { bindings, side, schema })
    }
}

#[async_trait]
impl TableProvider for BindingsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
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
            let plan = state.create_physical_plan(&self.bindings.plan).await?;
            let rows = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?.num_rows;
            Ok::<_, DataFusionError>(Planned { plan, rows })
        };
        let planned = self.bindings.physical.get_or_try_init(plan).await?;
        let input = Arc::clone(&planned.plan);
        let rows = match self.side {
            Side::Rows => planned.rows,
            Side::Values => planned.rows.to_inexact(),
        };
        let all = || (0..self.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        let schema = Arc::new(self.schema.project(&projection)?);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let (bindings, side) = (Arc::clone(&self.bindings), self.side);
        Ok(Arc::new(BindingsExec { bindings, input, rows, side, projection, properties }))
    }
}

/// Reads one side of the bindings. The plan that is computed is no input of it: the optimiser would give each reader
/// its own.
#[derive(Debug)]
pub(crate) struct BindingsExec {
    bindings: Arc<Bindings>,
    input: Arc<dyn ExecutionPlan>,
    rows: Precision<usize>,
    side: Side,
    projection: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl BindingsExec {
    /// The plan that is computed, told by the reader of all rows.
    pub(crate) fn computed(&self) -> Option<&Arc<dyn ExecutionPlan>> {
        (self.side == Side::Rows).then_some(&self.input)
    }
}

impl DisplayAs for BindingsExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.side {
            Side::Rows => "Numbered Rows",
            Side::Values => "Distinct Bindings",
        })
    }
}

impl ExecutionPlan for BindingsExec {
    fn name(&self) -> &'static str {
        "Bindings"
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
        without_inputs(self, &children)
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let filling = self.bindings.fill(&self.input, &context);
        let (side, projection) = (self.side, self.projection.clone());
        let batches = stream::once(filling)
            .map_err(DataFusionError::Shared)
            .map_ok(move |filled| {
                let batches = match side {
                    Side::Rows => filled.rows.clone(),
                    Side::Values => filled.values.clone(),
                };
                let projection = projection.clone();
                stream::iter(batches).map(move |batch| Ok(batch.project(&projection)?))
            })
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> PlanResult<Arc<Statistics>> {
        let schema = self.schema();
        Ok(Arc::new(Statistics {
            num_rows: self.rows,
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(); schema.fields().len()],
        }))
    }
}
