//! What of a relation can be written.
//!
//! Must not know sessions. Invariant: what a statement may write through a view is said by the binder alone.

use crate::kernel::call::Call;
use crate::kernel::system::table;
use base::id::Oid;
use catalog::TableDef;
use catalog::builtin;
use sql::binder::BindContext;
use std::sync::Arc;

/// INSERT, UPDATE and DELETE as bits of commands.
const ALL_EVENTS: i32 = (1 << 2) | (1 << 3) | DELETE_EVENT;
const DELETE_EVENT: i32 = 1 << 4;

/// What can be done to rows of a relation: all to those of tables, which built-in ones are to those who ask PostgreSQL.
pub(super) fn events(call: &Call<'_>, id: u32) -> i32 {
    if let Some(columns) = view_columns(call, id) {
        return if columns.contains(&true) { ALL_EVENTS } else { DELETE_EVENT };
    }
    if is_table(call, id) { ALL_EVENTS } else { 0 }
}

fn is_table(call: &Call<'_>, id: u32) -> bool {
    let system = builtin::system_relation_by_oid(Oid(id));
    let plain = |table: &Arc<TableDef>| call.statement.catalog.materialized_view(table.id).is_none();
    table(call, id).is_some_and(plain) || system.is_some_and(|relation| relation.kind == 'r')
}

/// Which columns of a view can be written; None when it stands for no table, or there is none.
fn view_columns(call: &Call<'_>, id: u32) -> Option<Vec<bool>> {
    let catalog = &call.statement.catalog;
    let view = catalog.view_of_relation(Oid(id))?;
    sql::binder::written_columns(&BindContext::new("", catalog), view)
}

pub(super) fn is_column_updatable(call: &Call<'_>, id: u32, column: i16) -> bool {
    let Some(place) = usize::try_from(column).ok().and_then(|column| column.checked_sub(1)) else {
        return false;
    };
    match view_columns(call, id) {
        Some(columns) => columns.get(place) == Some(&true),
        None => is_table(call, id),
    }
}
