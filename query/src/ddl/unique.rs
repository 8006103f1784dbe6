//! The indexes that keep columns of a table unique: their names and ids.
//!
//! Invariant: they come behind all other parts of the table.

use super::alter::alter_table;
use super::names::{constraint_exists, free_name, relation_exists};
use super::table::command;
use crate::api::Execution;
use crate::dml::TableBatches;
use crate::interrupt::Interrupt;
use crate::lower::{self, QueryContext};
use crate::session::Core;
use base::id::{ColumnId, Oid, TableId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogState, TableDef, UniqueDef};
use futures::StreamExt;
use sql::bound::{AddedUnique, AlterTableAction, BoundCreateIndex};
use tokio::task::block_in_place;

/// Adds unique columns to a table: the name given, if any, the columns, and whether they are a constraint.
pub(super) fn add(
    catalog: &CatalogState,
    table: &mut TableDef,
    new: Vec<(Option<String>, Vec<ColumnId>, bool)>,
) -> Result<()> {
    for (name, columns, constraint) in new {
        let taken = |name: &str| {
            name == table.name
                || name == table.primary_key_name
                || table.unique.iter().any(|unique| unique.name == name)
                || relation_exists(catalog, table.schema, name)
        };
        let name = match name {
            Some(name) if taken(&name) => {
                let message = format!("relation \"{name}\" already exists");
                return Err(Error::new(ErrorKind::DuplicateTable, message));
            }
            Some(name) => name,
            None => {
                let named: Vec<&str> =
                    columns.iter().filter_map(|id| table.column(*id)).map(|c| c.name.as_str()).collect();
                let taken = |name: &str| {
                    taken(name)
                        || constraint_exists(catalog, table.schema, name)
                        || table.checks.iter().any(|check| check.name == name)
                };
                let label = if constraint { "key" } else { "idx" };
                free_name(&table.name, Some(&named.join("_")), label, taken)?
            }
        };
        let index = TableId(table.last_id().saturating_add(1).max(catalog.next_id()));
        let oid = Oid(table.last_oid().0.saturating_add(1).max(catalog.next_oid().0));
        table.unique.push(UniqueDef { index, oid, name, columns, constraint });
    }
    Ok(())
}

/// CREATE UNIQUE INDEX.
pub(crate) async fn create_index(
    core: &mut Core,
    create: &BoundCreateIndex,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<Execution> {
    let BoundCreateIndex { table, if_not_exists, added } = create;
    let catalog = core.transaction.current()?.catalog();
    let schema = catalog.table(*table).map(|table| table.schema);
    let there = added.name.as_ref().filter(|name| schema.is_some_and(|s| relation_exists(catalog, s, name)));
    if let (true, Some(name)) = (*if_not_exists, there) {
        let message = format!("relation \"{name}\" already exists, skipping");
        core.notice("NOTICE", "42P07", message);
        return Ok(command("CREATE INDEX"));
    }
    let action = AlterTableAction::AddUnique(Box::new(added.clone()));
    alter_table(core, Some(*table), &[action], &[], context, interrupt).await?;
    Ok(command("CREATE INDEX"))
}

/// DROP INDEX.
pub(crate) async fn drop_indexes(
    core: &mut Core,
    tables: &[(TableId, Vec<AlterTableAction>)],
    notices: &[String],
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<Execution> {
    for notice in notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    for (table, actions) in tables {
        alter_table(core, Some(*table), actions, &[], context, interrupt).await?;
    }
    Ok(command("DROP INDEX"))
}

/// Entries for the rows that there are. The table is locked.
pub(super) async fn fill(
    core: &mut Core,
    unique: &UniqueDef,
    added: &AddedUnique,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<()> {
    let context = super::alter::renewed(core, context)?;
    let batches = TableBatches::new(&context.statement.catalog, unique.index)?;
    let threads = core.engine.shared.threads.clone();
    let planned = lower::execute(&context, &added.rows, &added.entries);
    let mut rows = threads.starting_operators(planned).await?;
    while let Some(batch) = rows.next().await {
        interrupt.check()?;
        let entries = batches.renamed(&batch?)?;
        block_in_place(|| core.transaction.current()?.fill_index(unique.index, &entries))?;
    }
    Ok(())
}
