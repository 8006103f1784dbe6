//! COMMENT: what it is about.
//!
//! Must not know how the catalog is changed.

use super::function_names::{Purpose, named as named_function};
use crate::binder::{Binder, Relation};
use crate::bound::BoundStatement;
use crate::parse::{CommentSpec, CommentTarget, RelationKind};
use base::id::{ColumnId, Oid};
use base::{Error, ErrorKind, Result};
use catalog::{CommentKey, PG_CLASS, PG_CONSTRAINT, PG_DATABASE, PG_NAMESPACE, PG_PROC, PG_TYPE, TableDef};
use sqlparser::ast;

/// The one database, which has PostgreSQL's OID of it.
const DATABASE: Oid = Oid(5);
/// Objects below are built in, and may have comments to begin with.
const FIRST_OID: Oid = Oid(16_384);

pub(super) fn bind(binder: &Binder<'_>, spec: &CommentSpec) -> Result<BoundStatement> {
    let CommentSpec { target, text } = spec;
    let mut notice = None;
    let key = match target {
        CommentTarget::Relation { kind: RelationKind::Index, name } => Some(index(binder, name)?),
        CommentTarget::Relation { kind, name } => Some(relation(binder, *kind, name)?),
        CommentTarget::Column(parts) => Some(column(binder, parts)?),
        CommentTarget::Schema(name) => {
            let schema = binder.schema_named(&ast::ObjectName::from(vec![name.clone()]))?;
            Some(CommentKey::of(PG_NAMESPACE, schema.oid))
        }
        CommentTarget::Database(name) => {
            let name = binder.fold(name);
            let known = name == binder.context.database;
            if !known {
                notice = Some(format!("database \"{name}\" does not exist"));
            }
            known.then(|| CommentKey::of(PG_DATABASE, DATABASE))
        }
        CommentTarget::Type(name) => {
            Some(CommentKey::of(PG_TYPE, super::user_type::named(binder, name)?.oid))
        }
        CommentTarget::Function(name) => {
            Some(CommentKey::of(PG_PROC, named_function(binder, name, Purpose::Comment)?.oid))
        }
        CommentTarget::Domain(name) => {
            let def = super::user_type::named(binder, name)?;
            if def.domain().is_none() {
                return Err(wrong(&def.name, "a domain"));
            }
            Some(CommentKey::of(PG_TYPE, def.oid))
        }
        CommentTarget::DomainConstraint { name, domain } => {
            let def = super::user_type::named(binder, domain)?;
            let name = binder.fold(name);
            let Some(domain) = def.domain() else { return Err(wrong(&def.name, "a domain")) };
            let check = domain.checks.iter().find(|check| check.name == name).ok_or_else(|| {
                let of = crate::binder::type_name(def.oid);
                let message = format!("constraint \"{name}\" for domain {of} does not exist");
                Error::new(ErrorKind::UndefinedObject, message)
            })?;
            Some(CommentKey::of(PG_CONSTRAINT, check.oid))
        }
        CommentTarget::Constraint { name, table } => Some(constraint(binder, name, table)?),
    };
    // An empty text says that there is none, also where there was one to begin with.
    let text = match (text, key) {
        (None, Some(key)) if key.object < FIRST_OID => Some(String::new()),
        (text, _) => text.clone(),
    };
    Ok(BoundStatement::Comment { key, text, notice })
}

fn wrong(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not {what}"))
}

fn last(name: &ast::ObjectName, binder: &Binder<'_>) -> String {
    name.0.last().and_then(|part| part.as_ident()).map_or_else(String::new, |ident| binder.fold(ident))
}

fn unplaced(error: Error) -> Error {
    // PostgreSQL tells no place of these.
    Error::new(error.kind(), error.message().to_owned())
}

fn relation(binder: &Binder<'_>, kind: RelationKind, name: &ast::ObjectName) -> Result<CommentKey> {
    let found = binder.relation(name);
    let shown = last(name, binder);
    let (oid, fits) = match found {
        Ok(Relation::Table(table)) if binder.is_materialized(&table) => {
            (table.oid, kind == RelationKind::MaterializedView)
        }
        Ok(Relation::Table(table)) => (table.oid, kind == RelationKind::Table),
        Ok(Relation::View(view)) => (view.oid, kind == RelationKind::View),
        Ok(Relation::Sequence(sequence)) => (sequence.oid, kind == RelationKind::Sequence),
        Ok(Relation::System(system)) => {
            let message = format!("permission denied for table {}", system.name);
            return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
        }
        Err(error) => match index(binder, name) {
            Ok(_) => (Oid(0), false),
            Err(_) => return Err(unplaced(error)),
        },
    };
    let what = match kind {
        RelationKind::Table => "a table",
        RelationKind::View => "a view",
        RelationKind::MaterializedView => "a materialized view",
        RelationKind::Sequence => "a sequence",
        RelationKind::Index => "an index",
    };
    if fits { Ok(CommentKey::of(PG_CLASS, oid)) } else { Err(wrong(&shown, what)) }
}

/// The index of a primary key, which is named as that.
fn index(binder: &Binder<'_>, name: &ast::ObjectName) -> Result<CommentKey> {
    let (schema, index) = binder.split_name(name)?;
    let path = binder.context.search_path;
    let schemas = schema.as_ref().map_or(path, std::slice::from_ref);
    let catalog = binder.context.catalog;
    for schema in schemas.iter().filter_map(|schema| catalog.schema_named(schema)) {
        let named =
            |table: &&std::sync::Arc<TableDef>| table.has_primary_key() && table.primary_key_name == index;
        if let Some(table) = catalog.tables_of(schema.id).find(named) {
            return Ok(CommentKey::of(PG_CLASS, Oid(table.oid.0.saturating_add(1))));
        }
    }
    match binder.relation(name) {
        Ok(_) => Err(wrong(&index, "an index")),
        Err(error) => Err(unplaced(error)),
    }
}

fn column(binder: &Binder<'_>, parts: &[ast::Ident]) -> Result<CommentKey> {
    let Some((column, table @ [_, ..])) = parts.split_last() else {
        return Err(Error::new(ErrorKind::Syntax, "column name must be qualified"));
    };
    let name = binder.fold(column);
    let (schema, own) = binder.split_name(&ast::ObjectName::from(table.to_vec()))?;
    if let Some(def) = binder.composite(schema.as_deref(), &own) {
        let attribute = def.composite().and_then(|composite| composite.attribute(&name));
        let key = def.relation().zip(attribute);
        let key = key.map(|(object, a)| CommentKey { class: PG_CLASS, object, column: a.number });
        return key.ok_or_else(|| no_column(&name, &def.name));
    }
    let found = binder.relation(&ast::ObjectName::from(table.to_vec())).map_err(unplaced)?;
    let (oid, relation, id) = match &found {
        Relation::Table(table) => (table.oid, &table.name, table.column_named(&name).map(|c| c.id)),
        Relation::View(view) => {
            let place = view.columns.iter().position(|c| c.name == name);
            let id = place.and_then(|place| u32::try_from(place + 1).ok()).map(ColumnId);
            (view.oid, &view.name, id)
        }
        Relation::Sequence(sequence) => {
            let message = format!("cannot set comment on relation \"{}\"", sequence.name);
            return Err(Error::new(ErrorKind::WrongObjectType, message)
                .with_detail("This operation is not supported for sequences."));
        }
        Relation::System(system) => {
            let message = format!("permission denied for table {}", system.name);
            return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
        }
    };
    let column = id.ok_or_else(|| no_column(&name, relation))?;
    Ok(CommentKey { class: PG_CLASS, object: oid, column })
}

fn no_column(name: &str, relation: &str) -> Error {
    let message = format!("column \"{name}\" of relation \"{relation}\" does not exist");
    Error::new(ErrorKind::UndefinedColumn, message)
}

fn constraint(binder: &Binder<'_>, name: &ast::Ident, table: &ast::ObjectName) -> Result<CommentKey> {
    let table = binder.table_named(table).map_err(unplaced)?;
    let name = binder.fold(name);
    let key = (table.has_primary_key() && table.primary_key_name == name)
        .then(|| Oid(table.oid.0.saturating_add(2)));
    let check = || table.checks.iter().find(|check| check.name == name).map(|check| check.oid);
    let foreign = || table.foreign_keys.iter().find(|key| key.name == name).map(|key| key.oid);
    let oid = key.or_else(check).or_else(foreign).ok_or_else(|| {
        let message = format!("constraint \"{name}\" for table \"{}\" does not exist", table.name);
        Error::new(ErrorKind::UndefinedObject, message)
    })?;
    Ok(CommentKey::of(PG_CONSTRAINT, oid))
}
