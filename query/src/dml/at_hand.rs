//! Rows that a statement brings with it: VALUES of constants and parameters become arrays without a plan.
//!
//! Must not know what is done with the rows. Invariant: the rows are those that the plan would yield; whatever is not
//! plainly the same is left to the plan.

use crate::lower::{Evaluator, QueryContext};
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, Result};
use sql::bound::{ColRef, Expr, Rel, TypedCol};
use std::sync::Arc;
use types::array::from_data;
use types::{Datum, SqlType};

/// Rows of one batch.
const BATCH_ROWS: usize = 8_192;

/// The rows of `rel` with the columns of `output`; None when they need a plan.
pub(crate) fn rows(context: &QueryContext, rel: &Rel, output: &[ColRef]) -> Result<Option<Vec<RecordBatch>>> {
    let mut batches = Vec::new();
    match rel {
        Rel::Values { rows, columns } => {
            let Some(places) = places(columns, output) else { return Ok(None) };
            for rows in rows.chunks(BATCH_ROWS) {
                let mut arrays = Vec::with_capacity(places.len());
                for (position, ty) in &places {
                    let cells: Option<Vec<&Expr>> = rows.iter().map(|row| row.get(*position)).collect();
                    let array = match cells {
                        Some(cells) => column(context, &cells, ty)?,
                        None => None,
                    };
                    let Some(array) = array else { return Ok(None) };
                    arrays.push(array);
                }
                batches.push(batch(arrays, rows.len())?);
            }
        }
        Rel::Constants { chunks, columns } => {
            let Some(places) = places(columns, output) else { return Ok(None) };
            for chunk in chunks {
                let arrays = places.iter().map(|(position, _)| chunk.columns.get(*position).cloned());
                let Some(arrays) = arrays.collect::<Option<Vec<_>>>() else { return Ok(None) };
                batches.push(batch(arrays, chunk.rows)?);
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(batches))
}

/// Position and type of each column asked for.
fn places<'c>(columns: &'c [TypedCol], output: &[ColRef]) -> Option<Vec<(usize, &'c SqlType)>> {
    let place = |col: &ColRef| columns.iter().enumerate().find(|(_, c)| c.col == *col);
    output.iter().map(|col| place(col).map(|(position, c)| (position, &c.ty))).collect()
}

fn batch(arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let fields: Vec<Field> = (0..arrays.len())
        .zip(&arrays)
        .map(|(i, array)| Field::new(i.to_string(), array.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(crate::failure::from_arrow)
}

/// One column; None when a cell is more than a constant or a parameter, perhaps cast.
fn column(context: &QueryContext, cells: &[&Expr], ty: &SqlType) -> Result<Option<ArrayRef>> {
    let Some(first) = cells.first() else { return Ok(None) };
    if let Expr::Cast { how, arg, ty: to } = first {
        let mut args = Vec::with_capacity(cells.len());
        for cell in cells {
            match cell {
                Expr::Cast { how: h, arg: a, ty: t } if h == how && t == to => args.push(a.as_ref()),
                _ => return Ok(None),
            }
        }
        let from = arg.ty();
        let Some(array) = column(context, &args, &from)? else { return Ok(None) };
        let input = TypedCol { col: ColRef(0), ty: from };
        let cast = Expr::Cast { how: *how, arg: Box::new(Expr::Column(input.clone())), ty: to.clone() };
        let evaluator = Evaluator::new(context, std::slice::from_ref(&cast), &[input])?;
        return Ok(evaluator.evaluate(vec![array], cells.len())?.pop());
    }
    let mut data = Vec::with_capacity(cells.len());
    for cell in cells {
        let datum = match cell {
            Expr::Const(datum, of) if of.form == ty.form => datum,
            Expr::Param { index, ty: of } if of.form == ty.form => {
                let datum = index.checked_sub(1).and_then(|i| context.parameters.get(i));
                datum.ok_or_else(|| Error::internal(format!("there is no parameter ${index}")))?
            }
            _ => return Ok(None),
        };
        if !plain(datum, ty) {
            return Ok(None);
        }
        data.push(datum.clone());
    }
    from_data(&ty.form, &data).map(Some)
}

/// Whether the datum is one of its type's form: constants of integer and oid are the same bits under two names.
fn plain(datum: &Datum, ty: &SqlType) -> bool {
    use types::Form;
    !matches!(
        (datum, &ty.form),
        (Datum::Int32(_), Form::UInt32) | (Datum::UInt32(_), Form::Int32) | (_, Form::List(_))
    )
}
