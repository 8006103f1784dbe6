//! ALTER TABLE: what its actions make of a definition, and the rows that are in the way.
//!
//! Invariants: rows are looked at when nobody else can write any that the new definition forbids; another list of columns
//! has another schema version.

use super::names::{constraint_exists, free_name, relation_exists};
use super::viewed::renamed_column;
use super::{alter_column, drop};
use crate::interrupt::Interrupt;
use crate::lower::{self, QueryContext, StatementContext};
use crate::session::Core;
use base::id::{ColumnId, CommitTs, Oid, SchemaVersion, TableId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, CatalogState, CheckDef, SequenceDef, TableDef};
use futures::StreamExt;
use sql::bound::{AlterTableAction, Fill, Isolation, Probe, ProbeError};
use sql::deparse::RenamedColumn;
use std::sync::Arc;
use storage::Transaction;

/// ALTER TABLE: all actions become one edit, then rows are looked for that are in its way. Without a table there is
/// nothing but to tell so.
pub(crate) async fn alter_table(
    core: &mut Core,
    table: Option<TableId>,
    actions: &[AlterTableAction],
    notices: &[String],
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<()> {
    for notice in notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    let Some(table) = table else { return Ok(()) };
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let before = catalog.table(table).ok_or_else(|| Error::internal("altering an unknown table"))?;
    let mut def = before.as_ref().clone();
    let mut next_id = catalog.next_id();
    for action in actions {
        let new: Vec<ColumnId> =
            def.columns.iter().map(|c| c.id).filter(|id| *id >= before.next_column).collect();
        def = altered(core, def, action, next_id, &new, context)?;
        // A sequence of a new column takes ids too.
        next_id = next_id.max(core.transaction.current()?.catalog().next_id());
        next_id = next_id.max(def.last_id().saturating_add(1));
    }
    if def.options.history_retention_us != before.options.history_retention_us {
        warn_of_pins(core, &def);
    }
    if (def.schema, &def.name) != (before.schema, &before.name)
        && relation_exists(&catalog, def.schema, &def.name)
    {
        let message = format!("relation \"{}\" already exists", def.name);
        return Err(Error::new(ErrorKind::DuplicateTable, message));
    }
    if !def.columns.iter().map(|c| (c.id, &c.ty)).eq(before.columns.iter().map(|c| (c.id, &c.ty))) {
        def.schema_version = SchemaVersion(before.schema_version.0.saturating_add(1));
    }
    if def != *before.as_ref() {
        let edit = CatalogEdit::AlterTable(Box::new(def.clone()));
        let views = renamed_in_views(core, &catalog, before, &def, &edit)?;
        let transaction = core.transaction.current()?;
        for edit in [edit].into_iter().chain(views) {
            tokio::task::block_in_place(|| transaction.edit_catalog(edit))?;
        }
        if def.schema != before.schema {
            move_owned(core, &def)?;
        }
    }
    let refilled = actions.iter().filter_map(|action| match action {
        AlterTableAction::AddColumn(added) if added.fill == Fill::Each => Some(added.column.id),
        _ => None,
    });
    let refilled: Vec<ColumnId> = refilled.collect();
    if !refilled.is_empty() {
        let context = renewed(core, context)?;
        alter_column::refill(core, &def, &refilled, &context, interrupt).await?;
        // What is looked for below is looked for in the rows as they are now.
        core.transaction.current()?.begin_command();
    }
    let known = |index| before.unique.iter().any(|unique| unique.index == index);
    let known_key = |oid| before.foreign_keys.iter().any(|key| key.oid == oid);
    let mut new_keys = def.foreign_keys.iter().filter(|key| !known_key(key.oid));
    let mut new_unique = def.unique.iter().filter(|unique| !known(unique.index));
    for action in actions {
        match action {
            AlterTableAction::Probe(found) => probe(core, &def, found, context).await?,
            AlterTableAction::AddUnique(added) => {
                let unique = new_unique.next();
                let unique = unique.ok_or_else(|| Error::internal("a new constraint has no index"))?;
                super::unique::fill(core, unique, added, context, interrupt).await?;
            }
            AlterTableAction::AddForeignKey(_) => {
                let key = new_keys.next();
                let key = key.ok_or_else(|| Error::internal("a new foreign key is not there"))?;
                super::foreign_key::check(core, &def, key, context, interrupt).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a column's new name makes of views; a statement gives one at most.
fn renamed_in_views(
    core: &Core,
    catalog: &Arc<CatalogState>,
    before: &TableDef,
    def: &TableDef,
    edit: &CatalogEdit,
) -> Result<Vec<CatalogEdit>> {
    let renamed = before.columns.iter().find_map(|old| {
        let new = def.column(old.id).filter(|new| new.name != old.name)?;
        Some(RenamedColumn { relation: def.oid, from: &old.name, to: &new.name })
    });
    renamed.map_or_else(|| Ok(Vec::new()), |column| renamed_column(core, catalog, edit, column))
}

fn altered(
    core: &mut Core,
    def: TableDef,
    action: &AlterTableAction,
    next_id: u64,
    added: &[ColumnId],
    context: &QueryContext,
) -> Result<TableDef> {
    let has = |name: &str| {
        def.partitioning.range.as_ref().is_some_and(|r| r.partitions.iter().any(|p| p.name == name))
    };
    match action {
        AlterTableAction::AddRangePartition { at: _, if_not_exists: true, partition }
            if has(&partition.name) =>
        {
            let message = format!(
                "partition \"{}\" of table \"{}\" already exists, skipping",
                partition.name, def.name
            );
            core.notice("NOTICE", "42710", message);
            Ok(def)
        }
        AlterTableAction::AddRangePartition { at, if_not_exists: _, partition } => {
            catalog::with_range_partition(&def, partition.clone(), next_id).map_err(|e| e.at(*at))
        }
        AlterTableAction::DropRangePartition { at: _, if_exists: true, name } if !has(name) => {
            catalog::range_level(&def)?;
            let message = format!("partition \"{name}\" of table \"{}\" does not exist, skipping", def.name);
            core.notice("NOTICE", "00000", message);
            Ok(def)
        }
        AlterTableAction::DropRangePartition { at, if_exists: _, name } => {
            catalog::without_range_partition(&def, name).map_err(|e| e.at(*at))
        }
        AlterTableAction::SetOptions(changes) => {
            let options = changes.applied_to(def.options);
            Ok(TableDef { options, ..def })
        }
        AlterTableAction::Name { schema, name } => {
            Ok(TableDef { schema: *schema, name: name.clone(), ..def })
        }
        AlterTableAction::KeyName(name) => {
            let catalog = Arc::clone(core.transaction.current()?.catalog());
            if relation_exists(&catalog, def.schema, name) {
                let message = format!("relation \"{name}\" already exists");
                return Err(Error::new(ErrorKind::DuplicateTable, message));
            }
            Ok(TableDef { primary_key_name: name.clone(), ..def })
        }
        AlterTableAction::Columns(columns) => Ok(alter_column::with_columns(def, columns, added)),
        AlterTableAction::AddColumn(added) => alter_column::add(core, def, added, context),
        AlterTableAction::DropColumn(dropped) => alter_column::drop(core, def, dropped),
        AlterTableAction::Checks(checks) => with_checks(core, def, checks),
        AlterTableAction::Unique(unique) => {
            let catalog = Arc::clone(core.transaction.current()?.catalog());
            let known = |name: &str| def.unique.iter().any(|before| before.name == name);
            let taken =
                unique.iter().find(|u| !known(&u.name) && relation_exists(&catalog, def.schema, &u.name));
            if let Some(unique) = taken {
                let message = format!("relation \"{}\" already exists", unique.name);
                return Err(Error::new(ErrorKind::DuplicateTable, message));
            }
            Ok(TableDef { unique: unique.clone(), ..def })
        }
        AlterTableAction::AddUnique(added) => {
            let catalog = Arc::clone(core.transaction.current()?.catalog());
            let mut def = def;
            super::unique::add(
                &catalog,
                &mut def,
                vec![(added.name.clone(), added.columns.clone(), added.constraint)],
            )?;
            Ok(def)
        }
        AlterTableAction::DropKey { index, cascade } => {
            let gone = drop::with_key(core, &def, *index, *cascade)?;
            let kept = def.foreign_keys.iter().filter(|key| !gone.contains(&key.oid)).cloned().collect();
            Ok(TableDef { foreign_keys: kept, ..def })
        }
        AlterTableAction::ForeignKeys(keys) => Ok(TableDef { foreign_keys: keys.clone(), ..def }),
        AlterTableAction::AddForeignKey(new) => {
            let catalog = Arc::clone(core.transaction.current()?.catalog());
            let new = std::slice::from_ref(new.as_ref());
            super::foreign_key::check_kept(core, new)?;
            let mut def = def;
            super::foreign_key::add(&catalog, &mut def, new)?;
            Ok(def)
        }
        AlterTableAction::Probe(_) => Ok(def),
        AlterTableAction::Notice(code, text) => {
            core.notice("NOTICE", code, text.as_str());
            Ok(def)
        }
    }
}

/// Retention may be set below what a reader needs: what it pins is kept all the same, and that is worth knowing.
fn warn_of_pins(core: &mut Core, def: &TableDef) {
    let Some(retention_us) = def.options.history_retention_us else { return };
    let now = u64::try_from(core.engine.now_us()).unwrap_or(0);
    let kept_from = CommitTs(now.saturating_sub(retention_us));
    let database = core.engine.database();
    // The transaction's own pin ends with it; any younger than the retention needs nothing more.
    let oldest =
        database.pins().into_iter().filter(|pin| pin.commit_ts < kept_from).min_by_key(|p| p.commit_ts);
    let own = core.transaction.storage().map(Transaction::snapshot_ts);
    let Some(pin) = oldest.filter(|pin| Some(pin.commit_ts) != own || pin.count > 1) else { return };
    let time = crate::session::shown(pin.commit_ts, &core.io_settings());
    let message =
        format!("history of table \"{}\" is kept back to {time} while it is read: {}", def.name, pin.owner);
    let detail = "The new history_retention takes full effect when that reader has ended; see nyala.pins.";
    core.notice_with_detail("NOTICE", "00000", message, Some(detail.to_owned()));
}

/// The checks that an action leaves, new ones with OIDs and names.
fn with_checks(core: &mut Core, def: TableDef, checks: &[CheckDef]) -> Result<TableDef> {
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let mut done: Vec<CheckDef> = Vec::with_capacity(checks.len());
    for check in checks {
        let mut check = check.clone();
        // An action before may have named it already.
        let known = def.checks.iter().find(|known| check.oid == Oid(0) && known.text == check.text);
        if let Some(known) = known.filter(|k| check.name.is_empty() || k.name == check.name) {
            check = known.clone();
        }
        if check.name.is_empty() {
            let column = match check.columns.as_slice() {
                [one] => def.column(*one).map(|c| c.name.as_str()),
                _ => None,
            };
            let taken = |name: &str| {
                constraint_exists(&catalog, def.schema, name) || done.iter().any(|other| other.name == name)
            };
            check.name = free_name(&def.name, column, "check", taken)?;
        }
        if check.oid == Oid(0) {
            let last = done.iter().chain(&def.checks).map(|c| c.oid.0.saturating_add(1));
            check.oid = Oid(last.fold(catalog.next_oid().0, u32::max));
        }
        done.push(check);
    }
    Ok(TableDef { checks: done, ..def })
}

/// Sequences that belong to a table are in its schema.
fn move_owned(core: &mut Core, table: &TableDef) -> Result<()> {
    let transaction = core.transaction.current()?;
    let owned: Vec<Arc<SequenceDef>> = transaction.catalog().owned_sequences(table.id).cloned().collect();
    for sequence in owned {
        let def = SequenceDef { schema: table.schema, ..sequence.as_ref().clone() };
        transaction.edit_catalog(CatalogEdit::AlterSequence(Box::new(def), None))?;
    }
    Ok(())
}

/// A context that reads the table's newest rows by its new definition. The edit has locked the table, so none can come.
pub(super) fn renewed(core: &mut Core, context: &QueryContext) -> Result<QueryContext> {
    let keeps_snapshot = core.transaction.isolation == Isolation::RepeatableRead;
    let newest = core.engine.database().snapshot().commit_ts();
    let transaction = core.transaction.current()?;
    if keeps_snapshot && newest != transaction.snapshot_ts() {
        let message = "could not serialize access due to concurrent update";
        return Err(Error::new(ErrorKind::LostRace, message));
    }
    transaction.refresh();
    let catalog = Arc::clone(transaction.catalog());
    let statement = StatementContext { catalog, ..context.statement.as_ref().clone() };
    let view = Arc::new(transaction.view());
    Ok(QueryContext { view, statement: Arc::new(statement), ..context.clone() })
}

/// Fails when a row is in the way.
async fn probe(core: &mut Core, def: &TableDef, probe: &Probe, context: &QueryContext) -> Result<()> {
    let context = renewed(core, context)?;
    let threads = core.engine.shared.threads.clone();
    let planned = lower::execute(&context, &probe.rel, std::slice::from_ref(&probe.column));
    let mut rows = threads.starting_operators(planned).await?;
    while let Some(batch) = rows.next().await {
        if batch?.num_rows() == 0 {
            continue;
        }
        return Err(match &probe.error {
            ProbeError::Null(column) => {
                let message =
                    format!("column \"{column}\" of relation \"{}\" contains null values", def.name);
                Error::new(ErrorKind::NotNullViolation, message).about(def.subject(Some(column), None))
            }
            ProbeError::Check(name) => {
                let last = def.checks.last().map(|check| check.name.as_str());
                let name = name.as_deref().or(last).unwrap_or_default();
                let message = format!(
                    "check constraint \"{name}\" of relation \"{}\" is violated by some row",
                    def.name
                );
                Error::new(ErrorKind::CheckViolation, message).about(def.subject(None, Some(name)))
            }
        });
    }
    Ok(())
}
