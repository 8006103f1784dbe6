//! CREATE, ALTER and DROP TYPE.
//!
//! Must not know how the catalog is changed.
//! Invariant: a type that is named twice is dropped once.

use super::alter_column::columns_of_types;
use super::composite;
use crate::binder::{BindContext, Binder, Relation};
use crate::bound::{BoundStatement, NewType, TypeEdit};
use crate::parse::{AlterTypeSpec, CreateTypeSpec, DropSpec, TypeChange, TypeSpec};
use base::id::Oid;
use base::limits::IDENTIFIER_BYTES_MAX;
use base::{Error, ErrorKind, Result};
use catalog::UserTypeDef;
use sqlparser::ast;
use std::sync::Arc;

pub(super) fn create(binder: &Binder<'_>, spec: &CreateTypeSpec) -> Result<BoundStatement> {
    let CreateTypeSpec { name, shape } = spec;
    let (schema, name) = binder.creation_target(name)?;
    let shape = match shape {
        TypeSpec::Enum(labels) => {
            check_labels(labels)?;
            NewType::Enum(labels.clone())
        }
        TypeSpec::Composite(attributes) => NewType::Composite(composite::created(binder, attributes)?),
    };
    Ok(BoundStatement::CreateType { schema: schema.id, name, shape })
}

fn check_labels(labels: &[String]) -> Result<()> {
    labels.iter().try_for_each(|label| check_label(label))?;
    for (place, label) in labels.iter().enumerate() {
        if labels.iter().take(place).any(|before| before == label) {
            let message = "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"";
            return Err(Error::new(ErrorKind::UniqueViolation, message));
        }
    }
    Ok(())
}

pub(super) fn alter(binder: &Binder<'_>, spec: &AlterTypeSpec) -> Result<BoundStatement> {
    let AlterTypeSpec { name, change } = spec;
    let of_attributes = matches!(change, TypeChange::RenameAttribute { .. } | TypeChange::Attributes(_));
    let def = match named(binder, name) {
        Err(error) if of_attributes && error.kind() == ErrorKind::UndefinedObject => {
            let name_shown = shown(binder, name)?;
            let (kind, message) = match binder.relation(name) {
                Ok(_) => (ErrorKind::WrongObjectType, format!("\"{name_shown}\" is not a composite type")),
                Err(_) => (ErrorKind::UndefinedTable, format!("relation \"{name_shown}\" does not exist")),
            };
            return Err(Error::new(kind, message));
        }
        def => def?,
    };
    if (def.domain().is_some() || def.composite().is_some())
        && matches!(change, TypeChange::AddValue { .. } | TypeChange::RenameValue { .. })
    {
        let message = format!("{} is not an enum", crate::binder::type_name(def.oid));
        return Err(Error::new(ErrorKind::WrongObjectType, message));
    }
    let edit = match change {
        TypeChange::AddValue { label, if_not_exists, place } => {
            check_label(label)?;
            TypeEdit::AddLabel { label: label.clone(), if_not_exists: *if_not_exists, place: place.clone() }
        }
        TypeChange::RenameValue { from, to } => {
            check_label(to)?;
            TypeEdit::RenameLabel { from: from.clone(), to: to.clone() }
        }
        TypeChange::RenameAttribute { from, to } => composite::renamed(binder, &def, from, to)?,
        TypeChange::Attributes(changes) => composite::changed(binder, &def, changes)?,
        TypeChange::Rename(to) => TypeEdit::Name { schema: def.schema, name: binder.fold(to) },
        TypeChange::SetSchema(schema) => {
            let schema = binder.schema_named(&ast::ObjectName::from(vec![schema.clone()]))?;
            TypeEdit::Name { schema: schema.id, name: def.name.clone() }
        }
    };
    Ok(BoundStatement::AlterType { ty: def.oid, edit })
}

pub(super) fn drop(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &DropSpec,
    kind: Kind,
) -> Result<BoundStatement> {
    let DropSpec { names, if_exists, cascade } = spec;
    let (mut types, mut notices) = (Vec::new(), Vec::new());
    for name in names {
        if kind == Kind::Domain && super::domain::built_in(binder, name).is_some() {
            return Err(no_domain(&shown(binder, name)?));
        }
        check_not_required(binder, name)?;
        match named(binder, name) {
            Ok(def) if kind == Kind::Domain && def.domain().is_none() => {
                return Err(no_domain(&shown(binder, name)?));
            }
            Ok(def) => {
                if !types.contains(&def.oid) {
                    types.push(def.oid);
                }
            }
            Err(error) if *if_exists && error.kind() == ErrorKind::UndefinedObject => {
                notices.push(format!("{}, skipping", error.message()));
            }
            Err(error) => return Err(error),
        }
    }
    let types = binder.context.catalog.types_over(&types);
    let gone: Vec<Oid> = types.iter().map(|(ty, _)| *ty).collect();
    let all = super::function_names::with_users(context.catalog, &gone);
    if *cascade {
        refuse_named_in_domains(binder, &all)?;
    }
    let columns = columns_of_types(binder, context, &all, &[], *cascade)?;
    let domains = kind == Kind::Domain;
    Ok(BoundStatement::DropTypes { types, domains, columns, cascade: *cascade, notices })
}

/// What kinds of types a statement drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Domain,
}

fn no_domain(name: &str) -> Error {
    Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a domain"))
}

/// 0A000 for a type or function that goes with all that needs it, and stands in a check or default of a domain that does not.
pub(super) fn refuse_named_in_domains(binder: &Binder<'_>, gone: &[Oid]) -> Result<()> {
    let catalog = binder.context.catalog;
    for def in catalog.types().filter(|def| !gone.contains(&def.oid)) {
        let Some(domain) = def.domain() else { continue };
        let texts = domain.checks.iter().map(|check| &check.text).chain(&domain.default);
        let mut objects = texts.flat_map(|text| catalog::view_pieces(text)).filter_map(|(_, oid)| oid);
        if let Some(found) = objects.find(|oid| gone.contains(oid)) {
            let what = if catalog.function(found).is_some() { "function" } else { "type" };
            let message = format!(
                "dropping a {what} that a check or default of domain \"{}\" names is not supported",
                def.name
            );
            return Err(Error::unsupported(message).with_hint("Drop the constraint or default first."));
        }
    }
    Ok(())
}

/// A name as messages have it.
fn shown(binder: &Binder<'_>, name: &ast::ObjectName) -> Result<String> {
    let (schema, own) = binder.split_name(name)?;
    Ok(schema.map_or_else(|| own.clone(), |schema| format!("{schema}.{own}")))
}

/// 2BP01 for a built-in type and for that of a table's rows.
fn check_not_required(binder: &Binder<'_>, name: &ast::ObjectName) -> Result<()> {
    let (schema, own) = binder.split_name(name)?;
    if binder.user_type(schema.as_deref(), &own).is_none()
        && let Ok(Relation::Table(table)) = binder.relation(name)
    {
        let name = &table.name;
        let message = format!("cannot drop type {name} because table {name} requires it");
        return Err(Error::new(ErrorKind::DependentObjects, message)
            .with_hint(format!("You can drop table {name} instead.")));
    }
    let built_in =
        schema.is_none_or(|schema| schema == "pg_catalog") && catalog::builtin::type_named(&own).is_some();
    if !built_in {
        return Ok(());
    }
    let shown = crate::binder::type_name(self::built_in(&own));
    let message = format!("cannot drop type {shown} because it is required by the database system");
    Err(Error::new(ErrorKind::DependentObjects, message))
}

/// The type that a user made of that name; 42704 when there is none, without position as PostgreSQL has it.
pub(super) fn named(binder: &Binder<'_>, name: &ast::ObjectName) -> Result<Arc<UserTypeDef>> {
    let (schema, own) = binder.split_name(name)?;
    let shown = shown(binder, name)?;
    match binder.user_type(schema.as_deref(), &own) {
        Some(oid) => {
            let def = binder.context.catalog.type_of(oid).cloned();
            def.ok_or_else(|| Error::unsupported(format!("changing the array type {shown} is not supported")))
        }
        None if schema.is_none() && catalog::builtin::type_named(&own).is_some() => {
            let message = format!("must be owner of type {}", crate::binder::type_name(built_in(&own)));
            Err(Error::new(ErrorKind::InsufficientPrivilege, message))
        }
        None => Err(Error::new(ErrorKind::UndefinedObject, format!("type \"{shown}\" does not exist"))),
    }
}

fn built_in(name: &str) -> Oid {
    catalog::builtin::type_named(name).map_or(Oid(0), |row| row.oid)
}

/// 42602 for a label that is no name.
fn check_label(label: &str) -> Result<()> {
    if label.len() <= IDENTIFIER_BYTES_MAX {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidName, format!("invalid enum label \"{label}\""))
        .with_detail(format!("Labels must be {IDENTIFIER_BYTES_MAX} bytes or less.")))
}
