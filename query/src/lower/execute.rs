//! Planning and running: bound relation, logical plan, physical plan, stream of batches.
//!
//! Invariant: batches have one column per column asked for, in that order, of the Arrow type of its form.

use crate::failure::{from_arrow, from_datafusion};
use crate::lower::columns;
use crate::lower::context::QueryContext;
use crate::lower::scope::{Lowering, keep};
use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use futures::stream::BoxStream;
use sql::bound::{ColRef, Rel};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The logical plan of a relation; it yields each column of `output` once, as `c<n>`.
pub fn plan_query(context: &QueryContext, rel: &Rel, output: &[ColRef]) -> Result<LogicalPlan> {
    let plan = Lowering::new(context).rel(rel)?;
    let mut seen = BTreeSet::new();
    keep(plan, output.iter().copied().filter(|col| seen.insert(*col)))
}

/// Optimises a logical plan and chooses operators.
pub async fn physical_plan(context: &QueryContext, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    context.runtime.state().create_physical_plan(plan).await.map_err(from_datafusion)
}

/// Runs a physical plan whose columns include those of `output`. Must be polled inside a tokio runtime; dropping
/// the stream stops the query.
pub fn run(
    context: &QueryContext,
    plan: Arc<dyn ExecutionPlan>,
    output: &[ColRef],
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let schema = plan.schema();
    let places: Vec<usize> = output
        .iter()
        .map(|col| schema.index_of(&columns::name(*col)).map_err(from_arrow))
        .collect::<Result<_>>()?;
    let arranged: SchemaRef = Arc::new(Schema::new(
        places.iter().filter_map(|place| schema.fields().get(*place).cloned()).collect::<Vec<_>>(),
    ));
    let stream = execute_stream(plan, context.runtime.state().task_ctx()).map_err(from_datafusion)?;
    Ok(stream
        .map(move |batch| batch.map_err(from_datafusion).and_then(|b| arrange(&b, &places, &arranged)))
        .boxed())
}

/// Plans and runs a relation.
pub async fn execute(
    context: &QueryContext,
    rel: &Rel,
    output: &[ColRef],
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let logical = plan_query(context, rel, output)?;
    let expected = expected_types(rel, output)?;
    let physical = physical_plan(context, &logical).await?;
    if let Some(notes) = &context.plans {
        notes.add(&physical);
    }
    debug_assert!(types_fit(physical.as_ref(), output, &expected), "a plan yields other types than its tree");
    run(context, physical, output)
}

fn expected_types(rel: &Rel, output: &[ColRef]) -> Result<Vec<arrow::datatypes::DataType>> {
    let columns = columns::of(rel)?;
    output.iter().map(|col| Ok(columns::find(&columns, *col)?.ty.form.arrow())).collect()
}

fn types_fit(plan: &dyn ExecutionPlan, output: &[ColRef], expected: &[arrow::datatypes::DataType]) -> bool {
    let schema = plan.schema();
    output.iter().zip(expected).all(|(col, expected)| {
        schema.field_with_name(&columns::name(*col)).is_ok_and(|field| {
            // Row addresses have a type of their own that the tree cannot say.
            field.data_type() == expected || *field.data_type() == arrow::datatypes::DataType::UInt64
        })
    })
}

fn arrange(batch: &RecordBatch, places: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
    let columns: Option<Vec<ArrayRef>> =
        places.iter().map(|place| batch.columns().get(*place).cloned()).collect();
    let columns = columns.ok_or_else(|| Error::internal("a plan yielded too few columns"))?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(from_arrow)
}
