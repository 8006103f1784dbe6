//! CREATE SCHEMA, DROP TABLE and DROP SCHEMA.
//!
//! Must not know how the catalog is changed.
//! Invariant: an object that is named twice is dropped once.

use super::alter_column::columns_of_types;
use crate::binder::{BindContext, Binder};
use crate::bound::BoundStatement;
use crate::parse::DropSpec;
use base::id::{Oid, SchemaId};
use base::{Error, ErrorKind, Result};
use sqlparser::ast;

pub(super) fn create(binder: &Binder<'_>, name: &ast::Ident, if_not_exists: bool) -> Result<BoundStatement> {
    let folded = binder.fold(name);
    if folded.starts_with("pg_") {
        return Err(Error::new(ErrorKind::ReservedName, format!("unacceptable schema name \"{folded}\""))
            .with_detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    Ok(BoundStatement::CreateSchema { name: folded, if_not_exists })
}

pub(super) fn drop_tables(binder: &Binder<'_>, spec: &DropSpec) -> Result<BoundStatement> {
    let DropSpec { names, if_exists, cascade } = spec;
    let (mut tables, mut notices) = (Vec::new(), Vec::new());
    for name in names {
        match binder.table_to_drop(name) {
            Ok(table) => {
                if !tables.contains(&table.id) {
                    tables.push(table.id);
                }
            }
            Err(error) => match missing(binder, name, &error, "table")? {
                Some(missing) if *if_exists => notices.push(format!("{}, skipping", missing.message())),
                Some(missing) => return Err(missing),
                None => return Err(error),
            },
        }
    }
    Ok(BoundStatement::DropTables { tables, cascade: *cascade, notices })
}

/// What DROP says of an object that is not there: the schema, when that is what is missing.
pub(super) fn missing(
    binder: &Binder<'_>,
    name: &ast::ObjectName,
    error: &Error,
    kind: &str,
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
    Ok(Some(Error::new(ErrorKind::UndefinedTable, format!("{kind} \"{table}\" does not exist"))))
}

pub(super) fn drop_schemas(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &DropSpec,
) -> Result<BoundStatement> {
    let DropSpec { names, if_exists, cascade } = spec;
    let mut schemas: Vec<SchemaId> = Vec::new();
    let mut notices = Vec::new();
    for name in names {
        match binder.schema_named(name) {
            Ok(schema) => {
                if !schemas.contains(&schema.id) {
                    schemas.push(schema.id);
                }
            }
            Err(error) if *if_exists && error.kind() == ErrorKind::UndefinedSchema => {
                notices.push(format!("{}, skipping", error.message()));
            }
            Err(error) => return Err(error),
        }
    }
    let types = context.catalog.types().filter(|ty| schemas.contains(&ty.schema));
    let own: Vec<Oid> = types.map(|ty| ty.oid).collect();
    let over = context.catalog.types_over(&own);
    let types: Vec<Oid> = over.iter().map(|(ty, _)| *ty).collect();
    let functions = context.catalog.functions().filter(|function| schemas.contains(&function.schema));
    let types: Vec<Oid> = types.into_iter().chain(functions.map(|function| function.oid)).collect();
    let all = super::function_names::with_users(context.catalog, &types);
    if *cascade {
        super::user_type::refuse_named_in_domains(binder, &all)?;
    }
    let columns = columns_of_types(binder, context, &all, &schemas, *cascade)?;
    let domains = over.into_iter().filter(|(ty, _)| !own.contains(ty)).collect();
    Ok(BoundStatement::DropSchemas { domains, schemas, columns, cascade: *cascade, notices })
}
