//! CREATE and REFRESH MATERIALIZED VIEW.
//!
//! Invariant: a view that is populated holds the rows that its query had at one time.

use super::table::{command, create_table_as};
use crate::api::Execution;
use crate::dml;
use crate::interrupt::Interrupt;
use crate::lower::QueryContext;
use crate::session::Core;
use base::{Error, Result};
use catalog::{CatalogEdit, MaterializedDef};
use sql::bound::{BoundCreateMaterialized, BoundInsert, BoundRefresh};
use std::sync::Arc;

/// CREATE MATERIALIZED VIEW.
pub(crate) async fn create_materialized(
    core: &mut Core,
    create: &BoundCreateMaterialized,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<Execution> {
    let BoundCreateMaterialized { table, text, uses } = create;
    let (schema, name) = (table.create.schema, table.create.name.as_str());
    let before = core.transaction.current()?.catalog().table_named(schema, name).map(|def| def.id);
    let done = create_table_as(core, table, context, interrupt).await?;
    let transaction = core.transaction.current()?;
    let made = transaction.catalog().table_named(schema, name).map(|def| def.id);
    if let Some(id) = made.filter(|_| made != before) {
        let def = MaterializedDef {
            text: text.clone(),
            uses: uses.clone(),
            unseen: Vec::new(),
            populated: table.with_data,
        };
        transaction.edit_catalog(CatalogEdit::Materialize(id, Box::new(def)))?;
    }
    Ok(match done {
        Execution::Command(tag) if tag == "CREATE TABLE AS" => command("CREATE MATERIALIZED VIEW"),
        other => other,
    })
}

/// REFRESH MATERIALIZED VIEW.
pub(crate) async fn refresh(
    core: &mut Core,
    refresh: &BoundRefresh,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<Execution> {
    let BoundRefresh { table, source, source_columns, with_data } = refresh;
    let transaction = core.transaction.current()?;
    let def = transaction.catalog().materialized_view(*table).map(Arc::clone);
    let def = def.ok_or_else(|| Error::internal("a materialized view lost its query"))?;
    tokio::task::block_in_place(|| transaction.truncate(*table))?;
    transaction.begin_command();
    if *with_data {
        let insert = BoundInsert {
            table: *table,
            source: source.clone(),
            source_columns: source_columns.clone(),
            rules: None,
            on_conflict: None,
            returning: None,
        };
        dml::insert(core, &insert, context, interrupt).await?;
    }
    if def.populated != *with_data {
        let def = MaterializedDef { populated: *with_data, ..def.as_ref().clone() };
        core.transaction.current()?.edit_catalog(CatalogEdit::Materialize(*table, Box::new(def)))?;
    }
    Ok(command("REFRESH MATERIALIZED VIEW"))
}
