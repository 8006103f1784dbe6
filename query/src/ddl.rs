//! CREATE, ALTER, CLONE, DROP and UNDROP of tables and schemas: from bound statements to catalog edits.
//!
//! Invariant: ids and OIDs are minted here, from the transaction's own catalog, never twice within it.

use crate::api::Execution;
use crate::session::Core;
use base::id::{ColumnId, CommitTs, Oid, SchemaId, SchemaVersion, TableId, TabletId};
use base::limits::IDENTIFIER_BYTES_MAX;
use base::{Error, ErrorKind, Result};
use catalog::{
    CatalogEdit, CatalogState, ColumnDef, HashLevel, Partitioning, RangeLevel, SchemaDef, TableDef, TabletDef,
};
use sql::bound::{AlterTableAction, BoundClone, BoundCreateTable};
use std::sync::Arc;
use storage::Transaction;

/// CREATE TABLE.
pub(crate) fn create_table(core: &mut Core, create: &BoundCreateTable) -> Result<Execution> {
    let transaction = core.transaction.current()?;
    let catalog = transaction.catalog();
    if relation_exists(catalog, create.schema, &create.name) {
        let message = format!("relation \"{}\" already exists", create.name);
        if !create.if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateTable, message));
        }
        core.notice("NOTICE", "42P07", format!("{message}, skipping"));
        return Ok(command("CREATE TABLE"));
    }
    let table = new_table(catalog, create)?;
    transaction.edit_catalog(CatalogEdit::CreateTable(Box::new(table)))?;
    Ok(command("CREATE TABLE"))
}

/// DROP TABLE. `notices` tell of tables that did not exist.
pub(crate) fn drop_tables(core: &mut Core, tables: &[TableId], notices: &[String]) -> Result<Execution> {
    for notice in notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    let transaction = core.transaction.current()?;
    for table in tables {
        transaction.edit_catalog(CatalogEdit::DropTable(*table))?;
    }
    Ok(command("DROP TABLE"))
}

/// CREATE SCHEMA.
pub(crate) fn create_schema(core: &mut Core, name: &str, if_not_exists: bool) -> Result<Execution> {
    let transaction = core.transaction.current()?;
    let catalog = transaction.catalog();
    let is_built_in = matches!(name, "pg_catalog" | "information_schema" | "nyala");
    if catalog.schema_named(name).is_some() || is_built_in {
        let message = format!("schema \"{name}\" already exists");
        if !if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateSchema, message));
        }
        core.notice("NOTICE", "42P06", format!("{message}, skipping"));
        return Ok(command("CREATE SCHEMA"));
    }
    if name.starts_with("pg_") {
        return Err(Error::new(ErrorKind::ReservedName, format!("unacceptable schema name \"{name}\""))
            .with_detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    let schema =
        SchemaDef { id: SchemaId(catalog.next_id()), oid: catalog.next_oid(), name: name.to_owned() };
    transaction.edit_catalog(CatalogEdit::CreateSchema(schema))?;
    Ok(command("CREATE SCHEMA"))
}

/// DROP SCHEMA; with CASCADE its tables go first.
pub(crate) fn drop_schemas(
    core: &mut Core,
    schemas: &[SchemaId],
    cascade: bool,
    notices: &[String],
) -> Result<Execution> {
    for notice in notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    let catalog = std::sync::Arc::clone(core.transaction.current()?.catalog());
    let tables: Vec<&TableDef> =
        schemas.iter().flat_map(|schema| catalog.tables_of(*schema)).map(AsRef::as_ref).collect();
    if !cascade && !tables.is_empty() {
        return Err(still_needed(&catalog, schemas, &tables));
    }
    match tables.as_slice() {
        [] => {}
        [table] => {
            core.notice("NOTICE", "00000", format!("drop cascades to table {}", shown_name(&catalog, table)));
        }
        many => {
            let detail: Vec<String> =
                many.iter().map(|t| format!("drop cascades to table {}", shown_name(&catalog, t))).collect();
            let message = format!("drop cascades to {} other objects", many.len());
            core.notice_with_detail("NOTICE", "00000", message, Some(detail.join("\n")));
        }
    }
    let transaction = core.transaction.current()?;
    for table in &tables {
        transaction.edit_catalog(CatalogEdit::DropTable(table.id))?;
    }
    for schema in schemas {
        transaction.edit_catalog(CatalogEdit::DropSchema(*schema))?;
    }
    Ok(command("DROP SCHEMA"))
}

fn command(tag: &str) -> Execution {
    Execution::Command(tag.to_owned())
}

fn still_needed(catalog: &CatalogState, schemas: &[SchemaId], tables: &[&TableDef]) -> Error {
    let name = |id: SchemaId| catalog.schema(id).map(|s| s.name.clone()).unwrap_or_default();
    let message = match schemas {
        [one] => format!("cannot drop schema {} because other objects depend on it", name(*one)),
        _ => "cannot drop desired object(s) because other objects depend on them".to_owned(),
    };
    let detail: Vec<String> = tables
        .iter()
        .map(|t| format!("table {} depends on schema {}", shown_name(catalog, t), name(t.schema)))
        .collect();
    Error::new(ErrorKind::DependentObjects, message)
        .with_detail(detail.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

/// The name with its schema, unless that is `public`.
fn shown_name(catalog: &CatalogState, table: &TableDef) -> String {
    match catalog.schema(table.schema) {
        Some(schema) if schema.name != "public" => format!("{}.{}", schema.name, table.name),
        _ => table.name.clone(),
    }
}

/// Tables and the indexes of their keys share one space of names within a schema.
fn relation_exists(catalog: &CatalogState, schema: SchemaId, name: &str) -> bool {
    catalog.table_named(schema, name).is_some()
        || catalog.tables_of(schema).any(|t| t.has_primary_key() && t.primary_key_name == name)
}

fn new_table(catalog: &CatalogState, create: &BoundCreateTable) -> Result<TableDef> {
    let column_id = |position: usize| {
        u32::try_from(position + 1).map(ColumnId).map_err(|_| Error::internal("a table has too many columns"))
    };
    let ids =
        |positions: &[usize]| positions.iter().map(|p| column_id(*p)).collect::<Result<Vec<ColumnId>>>();
    let columns = create
        .columns
        .iter()
        .enumerate()
        .map(|(position, column)| {
            Ok(ColumnDef {
                id: column_id(position)?,
                name: column.name.clone(),
                ty: column.ty.clone(),
                not_null: column.not_null || create.primary_key.contains(&position),
                default: column.default.clone(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let hash = create
        .hash
        .iter()
        .map(|(columns, buckets)| Ok(HashLevel { columns: ids(columns)?, buckets: *buckets }))
        .collect::<Result<Vec<_>>>()?;
    let range = create
        .range
        .as_ref()
        .map(|(columns, partitions)| -> Result<RangeLevel> {
            Ok(RangeLevel { columns: ids(columns)?, partitions: partitions.clone() })
        })
        .transpose()?;
    let partitioning = Partitioning { hash, range };
    let id = TableId(catalog.next_id());
    Ok(TableDef {
        id,
        oid: Oid(catalog.next_oid().0),
        schema: create.schema,
        name: create.name.clone(),
        schema_version: SchemaVersion(1),
        next_column: column_id(columns.len())?,
        columns,
        primary_key: ids(&create.primary_key)?,
        primary_key_name: key_name(catalog, create)?,
        tablets: catalog::tablets(&partitioning, id.0 + 1)?,
        options: create.options.applied_to(catalog::TableOptions::default()),
        distinct: Vec::new(),
        partitioning,
    })
}

/// The name given, or one made of the table's; empty without a key.
fn key_name(catalog: &CatalogState, create: &BoundCreateTable) -> Result<String> {
    if create.primary_key.is_empty() {
        return Ok(String::new());
    }
    let taken = |name: &str| name == create.name || relation_exists(catalog, create.schema, name);
    if let Some(name) = &create.primary_key_name {
        if taken(name) {
            let message = format!("relation \"{name}\" already exists");
            return Err(Error::new(ErrorKind::DuplicateTable, message));
        }
        return Ok(name.clone());
    }
    free_key_name(catalog, create.schema, &create.name)
}

/// `<table>_pkey`, with a number when that is taken.
fn free_key_name(catalog: &CatalogState, schema: SchemaId, table: &str) -> Result<String> {
    let taken = |name: &str| name == table || relation_exists(catalog, schema, name);
    let numbered = |number: u32| {
        let suffix = if number == 0 { "_pkey".to_owned() } else { format!("_pkey{number}") };
        let mut stem = table.to_owned();
        while stem.len() + suffix.len() > IDENTIFIER_BYTES_MAX {
            stem.pop();
        }
        stem + &suffix
    };
    (0..=u32::MAX)
        .map(numbered)
        .find(|name| !taken(name))
        .ok_or_else(|| Error::internal("every name for a key is taken"))
}

/// TRUNCATE.
pub(crate) fn truncate(core: &mut Core, tables: &[TableId]) -> Result<Execution> {
    let transaction = core.transaction.current()?;
    for table in tables {
        tokio::task::block_in_place(|| transaction.truncate(*table))?;
    }
    Ok(command("TRUNCATE TABLE"))
}

/// ALTER TABLE: all actions become one edit. Without a table there is nothing but to tell so.
pub(crate) fn alter_table(
    core: &mut Core,
    table: Option<TableId>,
    actions: &[AlterTableAction],
    notices: &[String],
) -> Result<Execution> {
    for notice in notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    let Some(table) = table else { return Ok(command("ALTER TABLE")) };
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let before = catalog.table(table).ok_or_else(|| Error::internal("altering an unknown table"))?;
    let mut def = before.as_ref().clone();
    let mut next_id = catalog.next_id();
    for action in actions {
        def = altered(core, def, action, next_id)?;
        next_id = def.tablets.iter().map(|t| t.id.0.saturating_add(1)).fold(next_id, u64::max);
    }
    if def.options.history_retention_us != before.options.history_retention_us {
        warn_of_pins(core, &def);
    }
    if def != *before.as_ref() {
        let transaction = core.transaction.current()?;
        tokio::task::block_in_place(|| transaction.edit_catalog(CatalogEdit::AlterTable(Box::new(def))))?;
    }
    Ok(command("ALTER TABLE"))
}

fn altered(core: &mut Core, def: TableDef, action: &AlterTableAction, next_id: u64) -> Result<TableDef> {
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

/// UNDROP TABLE: in the first schema that has lost a table of that name.
pub(crate) fn undrop_table(core: &mut Core, schemas: &[SchemaId], name: &str) -> Result<Execution> {
    let database = core.engine.database().clone();
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let found = schemas.iter().find_map(|schema| database.dropped_table(*schema, name));
    let taken = |name: &str| {
        let message = format!("relation \"{name}\" already exists");
        Error::new(ErrorKind::DuplicateTable, message)
            .with_hint("Drop the table of that name first; UNDROP brings back the one dropped last.")
    };
    let committed = database.snapshot();
    let named = schemas.iter().find_map(|schema| committed.catalog().table_named(*schema, name));
    if named.is_some_and(|table| catalog.table(table.id).is_none()) {
        let message =
            format!("table \"{name}\" was dropped by this transaction, which UNDROP cannot take back");
        return Err(Error::unsupported(message)
            .with_hint("ROLLBACK keeps the table; after COMMIT, UNDROP brings it back."));
    }
    let Some(def) = found else {
        if schemas.iter().any(|schema| catalog.table_named(*schema, name).is_some()) {
            return Err(taken(name));
        }
        let message = format!("there is no dropped table \"{name}\"");
        return Err(Error::new(ErrorKind::UndefinedTable, message).with_hint(
            "A dropped table can be had back until its history_retention has passed, into the schema that it was in.",
        ));
    };
    for name in [&def.name, &def.primary_key_name] {
        if !name.is_empty() && relation_exists(&catalog, def.schema, name) {
            return Err(taken(name));
        }
    }
    let transaction = core.transaction.current()?;
    tokio::task::block_in_place(|| transaction.undrop_table(&def))?;
    Ok(command("UNDROP TABLE"))
}

/// CREATE TABLE .. CLONE.
pub(crate) fn clone_table(core: &mut Core, clone: &BoundClone) -> Result<Execution> {
    let BoundClone { schema, name, if_not_exists, source, at, options } = clone;
    let transaction = core.transaction.current()?;
    let catalog = Arc::clone(transaction.catalog());
    if relation_exists(&catalog, *schema, name) {
        let message = format!("relation \"{name}\" already exists");
        if !if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateTable, message));
        }
        core.notice("NOTICE", "42P07", format!("{message}, skipping"));
        return Ok(command("CREATE TABLE"));
    }
    let id = catalog.next_id();
    let tablets = source
        .tablets
        .iter()
        .zip(id.saturating_add(1)..)
        .map(|(tablet, id)| TabletDef { id: TabletId(id), ..tablet.clone() })
        .collect();
    let primary_key_name = match source.has_primary_key() {
        true => free_key_name(&catalog, *schema, name)?,
        false => String::new(),
    };
    let def = TableDef {
        id: TableId(id),
        oid: Oid(catalog.next_oid().0),
        schema: *schema,
        name: name.clone(),
        primary_key_name,
        tablets,
        options: options.applied_to(source.options),
        ..source.as_ref().clone()
    };
    tokio::task::block_in_place(|| transaction.clone_table(def, source.id, *at))?;
    Ok(command("CREATE TABLE"))
}
