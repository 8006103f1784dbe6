//! CREATE UNIQUE INDEX and DROP INDEX.
//!
//! Must not know how an index is kept.

use super::unique;
use crate::binder::{Binder, Relation};
use crate::bound::{AlterTableAction, BoundCreateIndex, BoundStatement};
use crate::parse::{DropSpec, IndexSpec};
use base::id::ColumnId;
use base::{Error, ErrorKind, Result};
use catalog::TableDef;
use sqlparser::ast;
use std::sync::Arc;

pub(super) fn create(binder: &mut Binder<'_>, spec: &IndexSpec) -> Result<BoundStatement> {
    let IndexSpec { name, if_not_exists, table, at, columns } = spec;
    let table = match binder.relation(table)? {
        Relation::Table(found) if binder.is_materialized(&found) => {
            return Err(Error::unsupported("an index of a materialized view is not supported").at(*at));
        }
        Relation::Table(_) | Relation::System(_) => binder.table_named(table)?,
        Relation::View(_) | Relation::Sequence(_) => {
            let name = table.0.last().and_then(|part| part.as_ident());
            let name = name.map_or_else(String::new, |name| binder.fold(name));
            let message = format!("cannot create index on relation \"{name}\"");
            return Err(Error::new(ErrorKind::WrongObjectType, message));
        }
    };
    let mut ids: Vec<ColumnId> = Vec::with_capacity(columns.len());
    for name in columns {
        let (folded, at) = (binder.fold(name), binder.position(name.span.start));
        let column = table.column_named(&folded).ok_or_else(|| {
            Error::new(ErrorKind::UndefinedColumn, format!("column \"{folded}\" does not exist"))
        })?;
        unique::check_column((&column.name, &column.ty), "unique index", at)?;
        if ids.contains(&column.id) {
            return Err(Error::unsupported("an index with a column twice is not supported").at(at));
        }
        ids.push(column.id);
    }
    if table.partitioning.range.is_some() {
        return Err(unique::of_ranges(*at));
    }
    let name = name.as_ref().map(|name| binder.fold(name));
    let added = unique::added(binder, &table, name, ids, false);
    let create = BoundCreateIndex { table: table.id, if_not_exists: *if_not_exists, added };
    Ok(BoundStatement::CreateIndex(Box::new(create)))
}

pub(super) fn drop(binder: &Binder<'_>, spec: &DropSpec) -> Result<BoundStatement> {
    let DropSpec { names, if_exists, cascade } = spec;
    let (mut tables, mut notices): (Vec<(TableDef, Vec<AlterTableAction>)>, _) = (Vec::new(), Vec::new());
    for name in names {
        let (folded, found) = named(binder, name)?;
        let Some(table) = found else {
            let message = format!("index \"{folded}\" does not exist");
            if !if_exists {
                return Err(Error::new(ErrorKind::UndefinedObject, message));
            }
            notices.push(format!("{message}, skipping"));
            continue;
        };
        let alone = table.unique.iter().find(|unique| unique.name == folded && !unique.constraint);
        let Some(alone) = alone else { return Err(needed(&table, &folded)) };
        let place = tables.iter().position(|(def, _)| def.id == table.id).unwrap_or_else(|| {
            tables.push((table.as_ref().clone(), Vec::new()));
            tables.len() - 1
        });
        let Some((def, actions)) = tables.get_mut(place) else { continue };
        def.unique.retain(|unique| unique.index != alone.index);
        actions.push(AlterTableAction::DropKey { index: alone.oid, cascade: *cascade });
        actions.push(AlterTableAction::Unique(def.unique.clone()));
    }
    let tables = tables.into_iter().map(|(def, actions)| (def.id, actions)).collect();
    Ok(BoundStatement::DropIndexes { tables, notices })
}

/// The table with an index of that name; None when there is none. 42809 for another relation.
fn named(binder: &Binder<'_>, name: &ast::ObjectName) -> Result<(String, Option<Arc<TableDef>>)> {
    let (schema, folded) = binder.split_name(name)?;
    let catalog = binder.context.catalog;
    let path: Vec<&str> = match &schema {
        Some(schema) => vec![schema.as_str()],
        None => binder.context.search_path.iter().map(String::as_str).collect(),
    };
    for schema in path.into_iter().filter_map(|name| catalog.schema_named(name)) {
        let mut keyed = catalog.tables_of(schema.id);
        let key = keyed.find(|table| table.has_primary_key() && table.primary_key_name == folded);
        if let Some(table) = key.or_else(|| catalog.index_named(schema.id, &folded).map(|(table, _)| table)) {
            return Ok((folded, Some(Arc::clone(table))));
        }
    }
    match binder.relation(name) {
        Ok(relation) => {
            let hint = match relation {
                Relation::Table(_) | Relation::System(_) => "Use DROP TABLE to remove a table.",
                Relation::View(_) => "Use DROP VIEW to remove a view.",
                Relation::Sequence(_) => "Use DROP SEQUENCE to remove a sequence.",
            };
            let message = format!("\"{folded}\" is not an index");
            Err(Error::new(ErrorKind::WrongObjectType, message).with_hint(hint))
        }
        Err(error) if matches!(error.kind(), ErrorKind::UndefinedTable | ErrorKind::UndefinedSchema) => {
            Ok((folded, None))
        }
        Err(error) => Err(error),
    }
}

/// 2BP01 for the index of a constraint.
fn needed(table: &TableDef, name: &str) -> Error {
    let (what, table) = (format!("constraint {name} on table {}", table.name), &table.name);
    let message = format!("cannot drop index {name} because {what} requires it");
    Error::new(ErrorKind::DependentObjects, message)
        .with_hint(format!("You can drop constraint {name} on table {table} instead."))
}
