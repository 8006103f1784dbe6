//! CREATE, TRUNCATE, CLONE and UNDROP of tables, CREATE SCHEMA.
//!
//! Invariant: the parts of a table get their ids and OIDs behind its own.

use super::names::{constraint_exists, free_name, relation_exists};
use super::user_type::types_exist;
use crate::api::Execution;
use crate::dml;
use crate::interrupt::Interrupt;
use crate::kernel::system::FIRST_USER_OID;
use crate::lower::{QueryContext, StatementContext};
use crate::session::Core;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId, TabletId};
use base::{Error, ErrorKind, Result};
use catalog::{
    CatalogEdit, CatalogState, CheckDef, ColumnDef, HashLevel, MaterializedDef, Partitioning, RangeLevel,
    SchemaDef, TableDef, TabletDef,
};
use sql::bound::{BoundClone, BoundCreateTable, BoundCreateTableAs, BoundInsert};
use std::sync::Arc;

/// CREATE TABLE.
pub(crate) fn create_table(core: &mut Core, create: &BoundCreateTable) -> Result<Execution> {
    if create.temporary.is_some() {
        let schema = core.temporary_schema()?;
        if create.schema != schema {
            return create_table(core, &BoundCreateTable { schema, ..create.clone() });
        }
    }
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
    let catalog = Arc::clone(catalog);
    super::foreign_key::check_kept(core, &create.foreign_keys)?;
    let transaction = core.transaction.current()?;
    let mut table = new_table(&catalog, create)?;
    let sequences = super::sequence::of_new_table(&catalog, create, &mut table)?;
    let id = table.id;
    transaction.edit_catalog(CatalogEdit::CreateTable(Box::new(table)))?;
    for sequence in sequences {
        let first = sequence.first();
        transaction.edit_catalog(CatalogEdit::CreateSequence(Box::new(sequence), first))?;
    }
    if let Some(on_commit) = create.temporary {
        core.temporary.add(id, on_commit);
    }
    Ok(command("CREATE TABLE"))
}

/// CREATE TABLE .. AS.
pub(crate) async fn create_table_as(
    core: &mut Core,
    create: &BoundCreateTableAs,
    context: &QueryContext,
    interrupt: &Interrupt,
) -> Result<Execution> {
    let BoundCreateTableAs { create, source, source_columns, with_data } = create;
    if create.temporary.is_some() {
        // Made before it is asked what the statement makes.
        let schema = core.temporary_schema()?;
        if create.schema != schema {
            let create = BoundCreateTable { schema, ..create.clone() };
            let all = BoundCreateTableAs {
                create,
                source: source.clone(),
                source_columns: source_columns.clone(),
                with_data: *with_data,
            };
            return Box::pin(create_table_as(core, &all, context, interrupt)).await;
        }
    }
    let before = Arc::clone(core.transaction.current()?.catalog());
    create_table(core, create)?;
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let made = catalog.version() != before.version();
    let table = catalog.table_named(create.schema, &create.name).filter(|_| made && *with_data);
    let Some(table) = table else { return Ok(command("CREATE TABLE AS")) };
    let insert = BoundInsert {
        table: table.id,
        source: source.clone(),
        source_columns: source_columns.clone(),
        rules: None,
        on_conflict: None,
        returning: None,
    };
    let statement = StatementContext { catalog: Arc::clone(&catalog), ..context.statement.as_ref().clone() };
    let context = QueryContext { statement: Arc::new(statement), ..context.clone() };
    match dml::insert(core, &insert, &context, interrupt).await? {
        Execution::Command(tag) => Ok(command(&tag.replacen("INSERT 0", "SELECT", 1))),
        other => Ok(other),
    }
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

pub(super) fn command(tag: &str) -> Execution {
    Execution::Command(tag.to_owned())
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
                kind: column.kind,
                missing: types::Datum::Null,
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
    let primary_key_name = key_name(catalog, create)?;
    let checks = checks(catalog, create, &columns, &primary_key_name)?;
    let mut table = TableDef {
        id,
        oid: catalog.next_oid(),
        schema: create.schema,
        name: create.name.clone(),
        schema_version: SchemaVersion(1),
        next_column: column_id(columns.len())?,
        columns,
        primary_key: ids(&create.primary_key)?,
        primary_key_name,
        tablets: catalog::tablets(&partitioning, id.0 + 1)?,
        options: create.options.applied_to(catalog::TableOptions::default()),
        distinct: Vec::new(),
        checks,
        unique: Vec::new(),
        foreign_keys: Vec::new(),
        partitioning,
    };
    let columns = create.unique.iter().map(|new| Ok((new.name.clone(), ids(&new.columns)?, true)));
    super::unique::add(catalog, &mut table, columns.collect::<Result<Vec<_>>>()?)?;
    super::foreign_key::add(catalog, &mut table, &create.foreign_keys)?;
    Ok(table)
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
    free_name(table, None, "pkey", |name| name == table || relation_exists(catalog, schema, name))
}

/// The checks with names and OIDs, which come behind those of the table and its key.
fn checks(
    catalog: &CatalogState,
    create: &BoundCreateTable,
    columns: &[ColumnDef],
    key: &str,
) -> Result<Vec<CheckDef>> {
    let mut checks: Vec<CheckDef> = Vec::new();
    let given: Vec<&String> = create.checks.iter().filter_map(|check| check.name.as_ref()).collect();
    for (oid, check) in (catalog.next_oid().0.saturating_add(3)..).zip(&create.checks) {
        let named: Vec<&ColumnDef> = check.columns.iter().filter_map(|place| columns.get(*place)).collect();
        let taken = |name: &str| {
            constraint_exists(catalog, create.schema, name)
                || name == key
                || given.iter().any(|other| *other == name)
                || checks.iter().any(|other| other.name == name)
        };
        let name = match (&check.name, named.as_slice()) {
            (Some(name), _) if name == key => {
                let message =
                    format!("constraint \"{name}\" for relation \"{}\" already exists", create.name);
                return Err(Error::new(ErrorKind::DuplicateObject, message));
            }
            (Some(name), _) => name.clone(),
            (None, [column]) => free_name(&create.name, Some(&column.name), "check", taken)?,
            (None, _) => free_name(&create.name, None, "check", taken)?,
        };
        let columns = named.iter().map(|c| c.id).collect();
        checks.push(CheckDef { oid: Oid(oid), name, text: check.text.clone(), columns });
    }
    Ok(checks)
}

/// TRUNCATE.
pub(crate) fn truncate(
    core: &mut Core,
    tables: &[TableId],
    restart: bool,
    cascade: bool,
) -> Result<Execution> {
    for table in &with_referring(core, tables, cascade)? {
        let transaction = core.transaction.current()?;
        tokio::task::block_in_place(|| transaction.truncate(*table))?;
        if restart {
            super::sequence::restart_owned(core, *table)?;
        }
    }
    Ok(command("TRUNCATE TABLE"))
}

/// The tables with those that refer to them, which must be among them already unless it cascades.
fn with_referring(core: &mut Core, tables: &[TableId], cascade: bool) -> Result<Vec<TableId>> {
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let mut all = tables.to_vec();
    let mut place = 0;
    while let Some(table) = all.get(place).copied() {
        place += 1;
        for (child, _) in catalog.references_to(table) {
            if all.contains(&child.id) {
                continue;
            }
            if !cascade {
                let name = catalog.table(table).map(|table| table.name.as_str()).unwrap_or_default();
                let child = &child.name;
                let message = "cannot truncate a table referenced in a foreign key constraint";
                return Err(Error::unsupported(message)
                    .with_detail(format!("Table \"{child}\" references \"{name}\"."))
                    .with_hint(format!(
                        "Truncate table \"{child}\" at the same time, or use TRUNCATE ... CASCADE."
                    )));
            }
            core.notice("NOTICE", "00000", format!("truncate cascades to table \"{}\"", child.name));
            all.push(child.id);
        }
    }
    Ok(all)
}

/// UNDROP TABLE: in the first schema that has lost a table of that name.
pub(crate) fn undrop_table(core: &mut Core, schemas: &[SchemaId], name: &str) -> Result<Execution> {
    let database = core.engine.database().clone();
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let found = schemas.iter().find_map(|schema| database.dropped_table(*schema, name));
    let taken = |name: &str| {
        let message = format!("relation \"{name}\" already exists");
        Error::new(ErrorKind::DuplicateTable, message)
            .with_hint("Rename or drop what has that name first: another table, or its key (ALTER TABLE .. RENAME CONSTRAINT). UNDROP brings back the table dropped last.")
    };
    let committed = database.snapshot();
    let named = schemas.iter().find_map(|schema| committed.catalog().table_named(*schema, name));
    if named.is_some_and(|table| catalog.table(table.id).is_none()) {
        let message =
            format!("table \"{name}\" was dropped by this transaction, which UNDROP cannot take back");
        return Err(Error::unsupported(message)
            .with_hint("ROLLBACK keeps the table; after COMMIT, UNDROP brings it back."));
    }
    let Some((def, view)) = found else {
        if schemas.iter().any(|schema| catalog.table_named(*schema, name).is_some()) {
            return Err(taken(name));
        }
        let message = format!("there is no dropped table \"{name}\"");
        return Err(Error::new(ErrorKind::UndefinedTable, message).with_hint(
            "A dropped table can be had back until its history_retention has passed, into the schema that it was in.",
        ));
    };
    let unique = def.unique.iter().map(|unique| &unique.name);
    for name in [&def.name, &def.primary_key_name].into_iter().chain(unique) {
        if !name.is_empty() && relation_exists(&catalog, def.schema, name) {
            return Err(taken(name));
        }
    }
    types_exist(&catalog, &def)?;
    if let Some(view) = view {
        read_relations_exist(&catalog, &def, &view)?;
    }
    for key in &def.foreign_keys {
        let message = format!("foreign key \"{}\" of table \"{}\" is not brought back", key.name, def.name);
        let detail = "ALTER TABLE .. ADD FOREIGN KEY makes it again.";
        core.notice_with_detail("NOTICE", "00000", message, Some(detail.to_owned()));
    }
    let transaction = core.transaction.current()?;
    tokio::task::block_in_place(|| transaction.undrop_table(&def))?;
    Ok(command("UNDROP TABLE"))
}

/// Whether there is a relation or type of a user with that OID; those of the system stay.
fn is_there(catalog: &CatalogState, oid: Oid) -> bool {
    oid.0 < FIRST_USER_OID
        || catalog.table_of_relation(oid).is_some()
        || catalog.views().any(|view| view.oid == oid)
        || catalog.sequences().any(|sequence| sequence.oid == oid)
        || catalog.type_of(oid).is_some()
}

/// 42P01 when a relation that a materialized view read is gone.
fn read_relations_exist(catalog: &CatalogState, def: &TableDef, view: &MaterializedDef) -> Result<()> {
    if view.uses.iter().all(|oid| is_there(catalog, *oid)) {
        return Ok(());
    }
    let message = format!("materialized view \"{}\" reads a relation that is no longer there", def.name);
    let hint = "Bring that relation back first, or keep the rows alone: CREATE TABLE .. CLONE .. AS OF a time before the DROP.";
    Err(Error::new(ErrorKind::UndefinedTable, message).with_hint(hint))
}

/// CREATE TABLE .. CLONE.
pub(crate) fn clone_table(core: &mut Core, clone: &BoundClone) -> Result<Execution> {
    let BoundClone { schema, name, if_not_exists, source, at, options } = clone;
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let of_then = match at {
        Some(ts) => Arc::clone(core.engine.database().snapshot_at(*ts)?.catalog()),
        None => Arc::clone(&catalog),
    };
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
    let oid = catalog.next_oid();
    let checks = source.checks.iter().zip(oid.0.saturating_add(3)..);
    let checks = checks.map(|(check, oid)| CheckDef { oid: Oid(oid), ..check.clone() }).collect();
    let mut def = TableDef {
        id: TableId(id),
        oid,
        schema: *schema,
        name: name.clone(),
        primary_key_name,
        tablets,
        options: options.applied_to(source.options),
        checks,
        unique: Vec::new(),
        foreign_keys: Vec::new(),
        ..source.as_ref().clone()
    };
    types_exist(&catalog, &def)?;
    let unique = source.unique.iter().map(|unique| (None, unique.columns.clone(), unique.constraint));
    super::unique::add(&catalog, &mut def, unique.collect())?;
    let sequences = super::sequence::of_clone(core, &catalog, &of_then, source, &mut def)?;
    let transaction = core.transaction.current()?;
    tokio::task::block_in_place(|| transaction.clone_table(def, source.id, *at))?;
    for (sequence, position) in sequences {
        transaction.edit_catalog(CatalogEdit::CreateSequence(Box::new(sequence), position))?;
    }
    Ok(command("CREATE TABLE"))
}
