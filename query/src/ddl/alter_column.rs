//! ALTER TABLE .. ADD COLUMN and DROP COLUMN: what they make of a definition, and of the rows there are.
//!
//! Invariant: rows get one value that is computed once, or are written anew, each with its own.

use super::{drop, sequence};
use crate::dml;
use crate::interrupt::Interrupt;
use crate::lower::{QueryContext, evaluate};
use crate::session::Core;
use base::id::ColumnId;
use base::{Error, ErrorKind, Result};
use catalog::{CatalogState, ColumnDef, TableDef};
use sql::binder::BindContext;
use sql::bound::{AddedColumn, BoundUpdate, DroppedColumn, Fill};
use std::sync::Arc;

/// The definition with a column more. Its sequence is made.
pub(super) fn add(
    core: &mut Core,
    mut def: TableDef,
    added: &AddedColumn,
    context: &QueryContext,
) -> Result<TableDef> {
    let AddedColumn { column, sequence, fill } = added;
    let mut column = column.clone();
    if column.id != def.next_column {
        return Err(Error::internal("a column was bound for another definition"));
    }
    if let Fill::Value(value) = fill {
        let array = evaluate(context, value, &[], 1)?;
        column.missing = types::array::get(&column.ty.form, &array, 0)?;
    }
    if let Some(shape) = sequence {
        sequence::of_new_column(core, &def, &mut column, *shape)?;
    }
    def.next_column = ColumnId(column.id.0.saturating_add(1));
    def.columns.push(column);
    Ok(def)
}

/// The definition without a column. What depends on it is dropped, or forbids it.
pub(super) fn drop(core: &mut Core, def: TableDef, dropped: &DroppedColumn) -> Result<TableDef> {
    let without_default = drop::with_column(core, &def, dropped)?;
    let gone = std::iter::once(dropped.column).chain(dropped.generated.iter().copied());
    let mut def = gone.fold(def, |def, column| def.without_column(column));
    for column in def.columns.iter_mut().filter(|c| without_default.contains(&c.id)) {
        column.default = None;
    }
    Ok(def)
}

/// The definition with other properties of its columns; what older rows have in them stays, and so does the sequence that a
/// new one takes its values from, which was not known when the statement was bound.
pub(super) fn with_columns(def: TableDef, columns: &[ColumnDef], added: &[ColumnId]) -> TableDef {
    let kept = |column: &ColumnDef| match def.column(column.id) {
        // A value that was widened with its type is in the new one's form.
        Some(before) if before.ty.form == column.ty.form => {
            let own = column.default.is_none() && added.contains(&column.id);
            let default = if own { before.default.clone() } else { column.default.clone() };
            ColumnDef { missing: before.missing.clone(), default, ..column.clone() }
        }
        Some(_) | None => column.clone(),
    };
    let columns = columns.iter().map(kept).collect();
    TableDef { columns, ..def }
}

/// Writes every row anew, with its own values in new columns.
pub(super) async fn refill(
    core: &mut Core,
    def: &TableDef,
    columns: &[ColumnId],
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<()> {
    let update = bound_refill(core, def, columns, &context.statement.catalog)?;
    match dml::update(core, &update, context, interrupt).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotNullViolation => Err(contains_nulls(def, error)),
        Err(error) => Err(error),
    }
}

/// The rows were there before: what they lack is told as of the table.
fn contains_nulls(def: &TableDef, error: Error) -> Error {
    match error.subject().and_then(|subject| subject.column.clone()) {
        Some(column) => {
            let message = format!("column \"{column}\" of relation \"{}\" contains null values", def.name);
            Error::new(error.kind(), message).about(def.subject(Some(&column), None))
        }
        None => error,
    }
}

fn bound_refill(
    core: &Core,
    def: &TableDef,
    columns: &[ColumnId],
    catalog: &Arc<CatalogState>,
) -> Result<BoundUpdate> {
    let search_path = core.search_path(catalog);
    let binding = BindContext::new("", catalog)
        .with_search_path(&search_path)
        .with_session(crate::engine::DATABASE, &core.user)
        .with_io(core.io_settings_of(catalog));
    sql::statement::bind_refill(&binding, def, columns)
}
