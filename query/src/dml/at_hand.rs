//! Rows that a statement brings with it: VALUES of constants and parameters, and arrays of them side by side, become
//! columns without a plan.
//!
//! Must not know what is done with the rows. Invariant: the rows are those that the plan would yield; whatever is not
//! plainly the same is left to the plan.

use crate::kernel::series_rows::{RowSet, row_set};
use crate::lower::{Evaluator, QueryContext};
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::id::Oid;
use base::{Error, Result};
use sql::bound::{ColRef, DomainRules, Expr, Rel, TypedCol};
use std::sync::Arc;
use types::array::{Chunk, from_data};
use types::{Datum, SqlType};

/// Rows of one batch.
const BATCH_ROWS: usize = 8_192;

/// The rows of `rel` with the columns of `output`; None when they need a plan.
pub(crate) fn rows(context: &QueryContext, rel: &Rel, output: &[ColRef]) -> Result<Option<Vec<RecordBatch>>> {
    match chunks(context, rel, output)? {
        Some(chunks) => chunks.into_iter().map(batch).collect::<Result<_>>().map(Some),
        None => Ok(None),
    }
}

fn batch(Chunk { rows, columns }: Chunk) -> Result<RecordBatch> {
    let fields: Vec<Field> = (0..columns.len())
        .zip(&columns)
        .map(|(i, array)| Field::new(i.to_string(), array.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(crate::failure::from_arrow)
}

fn chunks(context: &QueryContext, rel: &Rel, output: &[ColRef]) -> Result<Option<Vec<Chunk>>> {
    match rel {
        Rel::Unit if output.is_empty() => Ok(Some(vec![Chunk { rows: 1, columns: Vec::new() }])),
        Rel::Values { rows, columns } => values(context, rows, columns, output),
        Rel::Constants { chunks, columns } => {
            let Some(places) = places(columns, output) else { return Ok(None) };
            let chosen = |chunk: &Chunk| {
                let columns = places.iter().map(|(place, _)| chunk.columns.get(*place).cloned());
                Some(Chunk { rows: chunk.rows, columns: columns.collect::<Option<_>>()? })
            };
            Ok(chunks.iter().map(chosen).collect())
        }
        Rel::Function { proc, args, columns } => arrays(context, *proc, args, columns, output),
        Rel::Project { input, items } => projected(context, input, items, output),
        _ => Ok(None),
    }
}

/// Position and type of each column asked for.
fn places<'c>(columns: &'c [TypedCol], output: &[ColRef]) -> Option<Vec<(usize, &'c SqlType)>> {
    let place = |col: &ColRef| columns.iter().enumerate().find(|(_, c)| c.col == *col);
    output.iter().map(|col| place(col).map(|(position, c)| (position, &c.ty))).collect()
}

fn values(
    context: &QueryContext,
    rows: &[Vec<Expr>],
    columns: &[TypedCol],
    output: &[ColRef],
) -> Result<Option<Vec<Chunk>>> {
    let Some(places) = places(columns, output) else { return Ok(None) };
    let mut chunks = Vec::new();
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
        chunks.push(Chunk { rows: rows.len(), columns: arrays });
    }
    Ok(Some(chunks))
}

/// unnest of constants and parameters, without copies of what they hold.
fn arrays(
    context: &QueryContext,
    proc: Oid,
    args: &[Expr],
    columns: &[TypedCol],
    output: &[ColRef],
) -> Result<Option<Vec<Chunk>>> {
    let (Some(places), Some(RowSet::Argument)) = (places(columns, output), row_set(proc)) else {
        return Ok(None);
    };
    let mut lists: Vec<&[Datum]> = Vec::with_capacity(args.len());
    for arg in args {
        match given(context, arg, &arg.ty())? {
            Some(Datum::List(items)) => lists.push(items),
            Some(Datum::Null) => lists.push(&[]),
            _ => return Ok(None),
        }
    }
    let rows = lists.iter().map(|items| items.len()).max().unwrap_or(0);
    let mut chunks = Vec::new();
    for start in (0..rows).step_by(BATCH_ROWS) {
        let end = rows.min(start + BATCH_ROWS);
        let mut columns = Vec::with_capacity(places.len());
        for (place, ty) in &places {
            let Some(items) = lists.get(*place) else { return Ok(None) };
            let piece = items.get(start.min(items.len())..end.min(items.len())).unwrap_or_default();
            columns.push(match piece.len() == end - start {
                true => from_data(&ty.form, piece)?,
                false => {
                    let mut padded = piece.to_vec();
                    padded.resize(end - start, Datum::Null);
                    from_data(&ty.form, &padded)?
                }
            });
        }
        chunks.push(Chunk { rows: end - start, columns });
    }
    Ok(Some(chunks))
}

/// Columns, constants and casts of them over rows that are at hand.
fn projected(
    context: &QueryContext,
    input: &Rel,
    items: &[(Expr, ColRef)],
    output: &[ColRef],
) -> Result<Option<Vec<Chunk>>> {
    let mut exprs = Vec::with_capacity(output.len());
    let mut inputs: Vec<TypedCol> = Vec::new();
    for col in output {
        let Some((expr, _)) = items.iter().find(|(_, out)| out == col) else { return Ok(None) };
        match innermost(expr) {
            Expr::Column(c) if inputs.iter().all(|known| known.col != c.col) => inputs.push(c.clone()),
            Expr::Column(_) | Expr::Const(_, _) | Expr::Param { .. } => {}
            _ => return Ok(None),
        }
        exprs.push(expr.clone());
    }
    let refs: Vec<ColRef> = inputs.iter().map(|c| c.col).collect();
    let Some(chunks) = chunks(context, input, &refs)? else { return Ok(None) };
    let evaluator = Evaluator::new(context, &exprs, &inputs)?;
    let evaluated = |Chunk { rows, columns }| Ok(Chunk { rows, columns: evaluator.evaluate(columns, rows)? });
    chunks.into_iter().map(evaluated).collect::<Result<_>>().map(Some)
}

/// What is cast, or made a value of a domain.
fn innermost(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast { arg, .. } | Expr::Domain { arg, .. } => innermost(arg),
        other => other,
    }
}

/// One column; None when a cell is more than a constant or a parameter, perhaps cast.
fn column(context: &QueryContext, cells: &[&Expr], ty: &SqlType) -> Result<Option<ArrayRef>> {
    let Some(first) = cells.first() else { return Ok(None) };
    if let Expr::Domain { rules, arg, ty: to } = first {
        return in_domain(context, cells, (rules, to), &arg.ty());
    }
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
        match given(context, cell, ty)? {
            Some(datum) if plain(datum, ty) => data.push(datum.clone()),
            _ => return Ok(None),
        }
    }
    from_data(&ty.form, &data).map(Some)
}

/// A column of values that become those of a domain; all of them do.
fn in_domain(
    context: &QueryContext,
    cells: &[&Expr],
    (rules, to): (&Arc<DomainRules>, &SqlType),
    from: &SqlType,
) -> Result<Option<ArrayRef>> {
    let mut args = Vec::with_capacity(cells.len());
    for cell in cells {
        match cell {
            Expr::Domain { rules: own, arg, ty } if Arc::ptr_eq(own, rules) && ty == to => {
                args.push(arg.as_ref())
            }
            _ => return Ok(None),
        }
    }
    let Some(array) = column(context, &args, from)? else { return Ok(None) };
    let input = TypedCol { col: ColRef(0), ty: from.clone() };
    let arg = Box::new(Expr::Column(input.clone()));
    let made = Expr::Domain { rules: Arc::clone(rules), arg, ty: to.clone() };
    let evaluator = Evaluator::new(context, std::slice::from_ref(&made), &[input])?;
    Ok(evaluator.evaluate(vec![array], cells.len())?.pop())
}

/// The value of a constant or a parameter of a type.
fn given<'c>(context: &'c QueryContext, expr: &'c Expr, ty: &SqlType) -> Result<Option<&'c Datum>> {
    match expr {
        Expr::Const(datum, of) if of.form == ty.form => Ok(Some(datum)),
        Expr::Param { index, ty: of } if of.form == ty.form => {
            let datum = index.checked_sub(1).and_then(|i| context.parameters.get(i));
            datum.map(Some).ok_or_else(|| Error::internal(format!("there is no parameter ${index}")))
        }
        _ => Ok(None),
    }
}

/// Whether the datum is one of its type's form: constants of integer and oid are the same bits under two names.
fn plain(datum: &Datum, ty: &SqlType) -> bool {
    use types::Form;
    !matches!(
        (datum, &ty.form),
        (Datum::Int32(_), Form::UInt32)
            | (Datum::UInt32(_), Form::Int32)
            | (_, Form::Array(_) | Form::Row(_))
    )
}
