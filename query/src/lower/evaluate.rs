//! Expressions over given arrays, without a plan: RETURNING, ON CONFLICT SET, defaults, bounds of partitions.
//!
//! Subqueries and columns of enclosing queries are refused here; they need a plan.

use crate::failure::{from_arrow, from_datafusion};
use crate::lower::columns;
use crate::lower::context::QueryContext;
use crate::lower::scope::{Lowering, Scope};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, Result};
use datafusion::common::DFSchema;
use datafusion::physical_expr::PhysicalExpr;
use sql::bound::{ColRef, Expr, TypedCol};
use std::sync::Arc;
use types::SqlType;

/// Expressions made ready once and evaluated over many batches.
#[derive(Debug)]
pub struct Evaluator {
    schema: Arc<Schema>,
    exprs: Vec<(Arc<dyn PhysicalExpr>, SqlType)>,
}

impl Evaluator {
    /// `columns` are those that the expressions may refer to.
    pub fn new(context: &QueryContext, exprs: &[Expr], columns: &[TypedCol]) -> Result<Self> {
        let fields: Vec<Field> =
            columns.iter().map(|c| Field::new(columns::name(c.col), c.ty.form.arrow(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let named = DFSchema::try_from(schema.as_ref().clone()).map_err(from_datafusion)?;
        let mut ready = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let lowered = Lowering::new(context).expr(&mut Scope::without_plan(), expr)?;
            let physical =
                context.runtime.state().create_physical_expr(lowered, &named).map_err(from_datafusion)?;
            ready.push((physical, expr.ty()));
        }
        Ok(Self { schema, exprs: ready })
    }

    /// One array per expression. `arrays` are the columns given to `new`, of `rows` rows each.
    pub fn evaluate(&self, arrays: Vec<ArrayRef>, rows: usize) -> Result<Vec<ArrayRef>> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(from_arrow)?;
        self.exprs
            .iter()
            .map(|(expr, ty)| {
                let value = expr.evaluate(&batch).map_err(from_datafusion)?;
                let array = value.into_array(rows).map_err(from_datafusion)?;
                match *array.data_type() == ty.form.arrow() {
                    true => Ok(array),
                    false => Err(Error::internal(format!(
                        "an expression of form {:?} yielded {}",
                        ty.form,
                        array.data_type()
                    ))),
                }
            })
            .collect()
    }
}

/// One expression over arrays of `rows` rows.
pub fn evaluate(
    context: &QueryContext,
    expr: &Expr,
    columns: &[(TypedCol, ArrayRef)],
    rows: usize,
) -> Result<ArrayRef> {
    let (typed, arrays): (Vec<TypedCol>, Vec<ArrayRef>) = columns.iter().cloned().unzip();
    let evaluator = Evaluator::new(context, std::slice::from_ref(expr), &typed)?;
    let mut results = evaluator.evaluate(arrays, rows)?;
    results
        .pop()
        .ok_or_else(|| Error::internal(format!("no result for {:?}", typed.first().map(|c| ColRef(c.col.0)))))
}
