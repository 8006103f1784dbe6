//! `table_changes` as the source of a plan: batches of changes, read while they are asked for.
//!
//! Invariant: only the columns that the plan uses are read; every execution reads the changes from their beginning.

use crate::failure::into_datafusion;
use crate::scan::leaf::without_inputs;
use crate::scan::reader::TableReader;
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use base::id::ColumnId;
use base::{Error, Result};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::stream;
use std::fmt;
use std::sync::Arc;
use storage::ChangesSpec;
use types::Form;

/// A column of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChangesColumn {
    Stored { id: ColumnId, form: Form },
    Operation,
    CommitTs,
}

impl ChangesColumn {
    fn form(&self) -> Form {
        match self {
            Self::Stored { form, .. } => form.clone(),
            Self::Operation => Form::Text,
            Self::CommitTs => Form::Int64,
        }
    }
}

/// The changes of a table in one place of a statement. Fields are named as the plan names the columns.
#[derive(Debug)]
pub(crate) struct ChangesTable {
    reader: Arc<dyn TableReader>,
    /// Without projection.
    spec: ChangesSpec,
    /// What EXPLAIN shows.
    title: String,
    columns: Vec<ChangesColumn>,
    schema: SchemaRef,
}

impl ChangesTable {
    pub(crate) fn new(
        reader: Arc<dyn TableReader>,
        spec: ChangesSpec,
        title: String,
        columns: Vec<(String, ChangesColumn)>,
    ) -> Self {
        let fields: Vec<Field> =
            columns.iter().map(|(name, column)| Field::new(name, column.form().arrow(), true)).collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Self { reader, spec, title, columns, schema: Arc::new(Schema::new(fields)) }
    }
}

#[async_trait]
impl TableProvider for ChangesTable {
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
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let wanted: Vec<usize> = match projection {
            Some(indexes) => indexes.clone(),
            None => (0..self.columns.len()).collect(),
        };
        let columns: Vec<&ChangesColumn> = wanted.iter().filter_map(|i| self.columns.get(*i)).collect();
        let mut spec = self.spec.clone();
        for column in &columns {
            if let ChangesColumn::Stored { id, .. } = column {
                spec.projection.push(*id);
            }
        }
        // Storage yields the operation and the commit timestamp behind the columns asked for.
        let stored = spec.projection.len();
        let mut next = 0_usize;
        let order = columns
            .iter()
            .map(|column| match column {
                ChangesColumn::Stored { .. } => {
                    next += 1;
                    next - 1
                }
                ChangesColumn::Operation => stored,
                ChangesColumn::CommitTs => stored + 1,
            })
            .collect();
        let schema = Arc::new(self.schema.project(&wanted)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Arc::new(ChangesExec {
            reader: Arc::clone(&self.reader),
            spec,
            title: self.title.clone(),
            order,
            schema,
            properties: Arc::new(properties),
        }))
    }
}

/// A planned reading of changes.
#[derive(Debug)]
struct ChangesExec {
    reader: Arc<dyn TableReader>,
    spec: ChangesSpec,
    title: String,
    /// Where in storage's batch each column of ours is.
    order: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for ChangesExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl ExecutionPlan for ChangesExec {
    fn name(&self) -> &'static str {
        "Changes"
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

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> PlanResult<SendableRecordBatchStream> {
        let (reader, spec) = (Arc::clone(&self.reader), self.spec.clone());
        let (order, schema) = (self.order.clone(), Arc::clone(&self.schema));
        let state = State::Planned(reader, spec);
        let batches = stream::unfold(state, move |state| {
            let (order, schema) = (order.clone(), Arc::clone(&schema));
            async move {
                let (batch, state) = next(state).await?;
                let batch = batch.and_then(|batch| arrange(&batch, &order, &schema));
                Some((batch.map_err(into_datafusion), state))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches)))
    }
}

/// How far the changes have been read.
enum State {
    Planned(Arc<dyn TableReader>, ChangesSpec),
    /// With the state that they are read from, which stays pinned.
    Open(Arc<dyn TableReader>, storage::Changes),
    Ended,
}

/// The next batch. Reading blocks, so it is done beside the threads of the operators, which may stop waiting for it.
async fn next(state: State) -> Option<(Result<RecordBatch>, State)> {
    let read = tokio::task::spawn_blocking(move || {
        let (reader, mut changes) = match state {
            State::Planned(reader, spec) => match reader.changes(&spec) {
                Ok(changes) => (reader, changes),
                Err(error) => return Some((Err(error), State::Ended)),
            },
            State::Open(reader, changes) => (reader, changes),
            State::Ended => return None,
        };
        match changes.next()? {
            Ok(batch) => Some((Ok(batch), State::Open(reader, changes))),
            Err(error) => Some((Err(error), State::Ended)),
        }
    });
    match read.await {
        Ok(read) => read,
        Err(error) => {
            let error = match error.try_into_panic() {
                Ok(panic) => crate::threads::panic_error(panic.as_ref()),
                Err(_) => Error::new(base::ErrorKind::Shutdown, "the server is shutting down"),
            };
            Some((Err(error), State::Ended))
        }
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
