//! Foreign keys of a table: their names and OIDs, and the rows that are in their way.

use super::names::{constraint_exists, free_name};
use crate::interrupt::Interrupt;
use crate::lower::QueryContext;
use crate::session::Core;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::{CatalogState, ForeignKeyDef, TableDef};
use futures::StreamExt;
use sql::bound::NewForeignKey;
use storage::ScanSpec;
use tokio::task::block_in_place;

/// Adds foreign keys to a table.
pub(super) fn add(catalog: &CatalogState, table: &mut TableDef, new: &[NewForeignKey]) -> Result<()> {
    for key in new {
        let own = |name: &str| {
            name == table.primary_key_name
                || table.checks.iter().any(|check| check.name == name)
                || table.unique.iter().any(|unique| unique.name == name)
                || table.foreign_keys.iter().any(|key| key.name == name)
        };
        let name = match &key.name {
            Some(name) if own(name) => {
                let message = format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
                return Err(Error::new(ErrorKind::DuplicateObject, message));
            }
            Some(name) => name.clone(),
            None => {
                let columns = key.columns.iter().filter_map(|id| table.column(*id));
                let columns: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
                let taken = |name: &str| own(name) || constraint_exists(catalog, table.schema, name);
                free_name(&table.name, Some(&columns.join("_")), "fkey", taken)?
            }
        };
        let oid = Oid(table.last_oid().0.saturating_add(1).max(catalog.next_oid().0));
        table.foreign_keys.push(ForeignKeyDef {
            oid,
            name,
            columns: key.columns.clone(),
            table: key.table.unwrap_or(table.id),
            referenced: key.referenced.clone(),
            on_delete: key.on_delete,
            on_update: key.on_update,
            set_columns: key.set_columns.clone(),
            full: key.full,
        });
    }
    Ok(())
}

/// 0A000 for a table that loses what is referred to without anybody being asked.
pub(super) fn check_kept(core: &Core, new: &[NewForeignKey]) -> Result<()> {
    let ends = new.iter().filter_map(|key| key.table).any(|table| core.temporary.ends_at_commit(table));
    if ends {
        return Err(Error::unsupported("unsupported ON COMMIT and foreign key combination").with_hint(
            "Make the table that is referred to without ON COMMIT, or with ON COMMIT PRESERVE ROWS.",
        ));
    }
    Ok(())
}

/// Looks at the rows that were there before a foreign key. Its table is locked.
pub(super) async fn check(
    core: &mut Core,
    table: &TableDef,
    key: &ForeignKeyDef,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<()> {
    super::alter::renewed(core, context)?;
    let view = core.transaction.current()?.view();
    let spec = ScanSpec {
        table: table.id,
        projection: key.columns.clone(),
        predicate: None,
        sieve: None,
        row_address: false,
    };
    for split in block_in_place(|| view.scan(&spec))?.splits {
        let mut batches = split.stream();
        while let Some(batch) = batches.next().await {
            interrupt.check()?;
            let rows = batch?;
            block_in_place(|| core.transaction.current()?.check_references(table.id, key.oid, &rows))?;
        }
    }
    block_in_place(|| core.transaction.current()?.settle_references())
}
