//! CREATE SCHEMA, DROP TABLE and DROP SCHEMA.
//!
//! Must not know how the catalog is changed.
//! Invariant: an object that is named twice is dropped once.

use crate::binder::{BindContext, Binder};
use crate::bound::BoundStatement;
use crate::parse::DropSpec;
use base::{Error, ErrorKind, Result};
use catalog::{SchemaDef, TableDef};
use sqlparser::ast;
use std::sync::Arc;

pub(super) fn create(binder: &Binder<'_>, name: &ast::Ident, if_not_exists: bool) -> Result<BoundStatement> {
    let folded = binder.fold(name);
    if folded.starts_with("pg_") {
        return Err(Error::new(ErrorKind::ReservedName, format!("unacceptable schema name \"{folded}\""))
            .with_detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    Ok(BoundStatement::CreateSchema { name: folded, if_not_exists })
}

pub(super) fn drop_tables(binder: &Binder<'_>, spec: &DropSpec) -> Result<BoundStatement> {
    // Nothing depends on a table, so CASCADE and RESTRICT are the same.
    let DropSpec { names, if_exists, cascade: _ } = spec;
    let (mut tables, mut notices) = (Vec::new(), Vec::new());
    for name in names {
        match binder.table_named(name) {
            Ok(table) => {
                if !tables.contains(&table.id) {
                    tables.push(table.id);
                }
            }
            Err(error) => match missing_table(binder, name, &error)? {
                Some(missing) if *if_exists => notices.push(format!("{}, skipping", missing.message())),
                Some(missing) => return Err(missing),
                None => return Err(error),
            },
        }
    }
    Ok(BoundStatement::DropTables { tables, notices })
}

/// What DROP says of a table that is not there: the schema, when that is what is missing.
pub(super) fn missing_table(
    binder: &Binder<'_>,
    name: &ast::ObjectName,
    error: &Error,
) -> Result<Option<Error>> {
    if !matches!(error.kind(), ErrorKind::UndefinedTable | ErrorKind::UndefinedSchema) {
        return Ok(None);
    }
    let parts: Vec<&ast::Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    if let [.., schema, _] = parts.as_slice() {
        let schema = ast::ObjectName::from(vec![(*schema).clone()]);
        if let Err(error) = binder.schema_named(&schema) {
            let missing = error.kind() == ErrorKind::UndefinedSchema;
            return if missing { Ok(Some(Error::new(error.kind(), error.message()))) } else { Err(error) };
        }
    }
    let table = parts.last().map_or_else(String::new, |ident| binder.fold(ident));
    Ok(Some(Error::new(ErrorKind::UndefinedTable, format!("table \"{table}\" does not exist"))))
}

pub(super) fn drop_schemas(
    binder: &Binder<'_>,
    context: &BindContext<'_>,
    spec: &DropSpec,
) -> Result<BoundStatement> {
    let DropSpec { names, if_exists, cascade } = spec;
    let mut schemas: Vec<Arc<SchemaDef>> = Vec::new();
    let mut notices = Vec::new();
    for name in names {
        match binder.schema_named(name) {
            Ok(schema) => {
                if !schemas.iter().any(|s| s.id == schema.id) {
                    schemas.push(schema);
                }
            }
            Err(error) if *if_exists && error.kind() == ErrorKind::UndefinedSchema => {
                notices.push(format!("{}, skipping", error.message()));
            }
            Err(error) => return Err(error),
        }
    }
    let dependents: Vec<(&SchemaDef, &Arc<TableDef>)> = schemas
        .iter()
        .flat_map(|schema| context.catalog.tables_of(schema.id).map(|table| (schema.as_ref(), table)))
        .collect();
    if !*cascade && !dependents.is_empty() {
        return Err(still_used(&schemas, &dependents, context));
    }
    match dependents.as_slice() {
        [] => {}
        [(schema, table)] => {
            notices.push(format!("drop cascades to table {}", shown(schema, table, context)))
        }
        many => notices.push(format!("drop cascades to {} other objects", many.len())),
    }
    Ok(BoundStatement::DropSchemas {
        schemas: schemas.iter().map(|s| s.id).collect(),
        cascade: *cascade,
        notices,
    })
}

fn still_used(
    schemas: &[Arc<SchemaDef>],
    dependents: &[(&SchemaDef, &Arc<TableDef>)],
    context: &BindContext<'_>,
) -> Error {
    let message = match schemas {
        [schema] => format!("cannot drop schema {} because other objects depend on it", quoted(&schema.name)),
        _ => "cannot drop desired object(s) because other objects depend on them".to_owned(),
    };
    let detail: Vec<String> = dependents
        .iter()
        .map(|(schema, table)| {
            format!("table {} depends on schema {}", shown(schema, table, context), quoted(&schema.name))
        })
        .collect();
    Error::new(ErrorKind::DependentObjects, message)
        .with_detail(detail.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

/// A table's name as messages show it: with the schema unless it is found without.
fn shown(schema: &SchemaDef, table: &TableDef, context: &BindContext<'_>) -> String {
    let visible = context
        .search_path
        .iter()
        .filter_map(|name| context.catalog.schema_named(name))
        .find_map(|s| context.catalog.table_named(s.id, &table.name))
        .is_some_and(|found| found.id == table.id);
    if visible { quoted(&table.name) } else { format!("{}.{}", quoted(&schema.name), quoted(&table.name)) }
}

/// A name, in quotes when it would not read back as itself.
fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty();
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
