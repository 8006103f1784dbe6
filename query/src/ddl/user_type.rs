//! CREATE TYPE and ALTER TYPE.
//!
//! Invariants: a label keeps its position, so that rows need not be written anew; what holds a composite type has the form
//! that its definition says.

use super::table::command;
use crate::api::Execution;
use crate::session::Core;
use base::id::{Oid, SchemaId, SchemaVersion};
use base::{Error, ErrorKind, Result};
use catalog::{
    CatalogEdit, CatalogState, EnumLabel, Neighbour, TableDef, TypeShape, UserTypeDef, holds, labels_of,
    with_form_of, with_label,
};
use sql::bound::{NewType, TypeEdit};
use std::sync::Arc;
use types::user_type::{FIRST, UserKind, array_element};

/// CREATE TYPE.
pub(crate) fn create_type(
    core: &mut Core,
    schema: SchemaId,
    name: &str,
    shape: &NewType,
) -> Result<Execution> {
    let transaction = core.transaction.current()?;
    let number = transaction.catalog().next_oid();
    let kind = match shape {
        NewType::Enum(_) => UserKind::Enum,
        NewType::Composite(_) => UserKind::Composite,
    };
    let oid = kind
        .oid(number.0)
        .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "there are no OIDs left for types"))?;
    let shape = match shape {
        NewType::Enum(labels) => TypeShape::Enum(labels_of(labels, Oid(number.0.saturating_add(1)))),
        NewType::Composite(composite) => TypeShape::Composite(composite.clone()),
    };
    let def = UserTypeDef { oid, schema, name: name.to_owned(), shape };
    transaction.edit_catalog(CatalogEdit::CreateType(Box::new(def)))?;
    Ok(command("CREATE TYPE"))
}

/// ALTER TYPE.
pub(crate) fn alter_type(core: &mut Core, ty: Oid, edit: &TypeEdit) -> Result<Execution> {
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let mut def =
        catalog.type_of(ty).ok_or_else(|| Error::internal("altering an unknown type"))?.as_ref().clone();
    match edit {
        TypeEdit::Name { schema, name } => {
            name_is_free(&catalog, &def, *schema, name)?;
            (def.schema, def.name) = (*schema, name.clone());
        }
        TypeEdit::Attributes { composite, notices } => {
            notices.iter().for_each(|notice| core.notice("NOTICE", "00000", notice.as_str()));
            def.shape = TypeShape::Composite(composite.clone());
        }
        TypeEdit::Renamed(composite) => def.shape = TypeShape::Composite(composite.clone()),
        TypeEdit::AddLabel { label, if_not_exists, place } => {
            if def.label_named(label).is_some() {
                let message = format!("enum label \"{label}\" already exists");
                if !if_not_exists {
                    return Err(Error::new(ErrorKind::DuplicateObject, message));
                }
                core.notice("NOTICE", "42710", format!("{message}, skipping"));
                return Ok(command("ALTER TYPE"));
            }
            let labels = with_label(def.labels(), label, catalog.next_oid(), place)?;
            let neighbour = match place {
                Neighbour::Last => "",
                Neighbour::Before(name) | Neighbour::After(name) => name.as_str(),
            };
            def.shape = TypeShape::Enum(labels.ok_or_else(|| no_label(neighbour))?);
        }
        TypeEdit::RenameLabel { from, to } => {
            let mut labels = def.labels().to_vec();
            let taken = labels.iter().any(|label| label.name == *to);
            let label = labels.iter_mut().find(|label| label.name == *from).ok_or_else(|| no_label(from))?;
            if taken {
                return Err(Error::new(
                    ErrorKind::DuplicateObject,
                    format!("enum label \"{to}\" already exists"),
                ));
            }
            not_written(&catalog, label)?;
            to.clone_into(&mut label.name);
            def.shape = TypeShape::Enum(labels);
        }
    }
    core.transaction.current()?.edit_catalog(CatalogEdit::AlterType(Box::new(def.clone())))?;
    if matches!(edit, TypeEdit::Attributes { .. } | TypeEdit::Renamed(_)) {
        give_form(core, &catalog, &def)?;
    }
    Ok(command("ALTER TYPE"))
}

/// Gives a composite type's form of now to whatever holds the type: other types, columns of tables and of views.
fn give_form(core: &mut Core, catalog: &CatalogState, def: &UserTypeDef) -> Result<()> {
    let changed =
        def.composite_type().ok_or_else(|| Error::internal("a composite type without attributes"))?;
    let transaction = core.transaction.current()?;
    for over in catalog.composites_over(def.oid).into_iter().filter(|over| over.oid != def.oid) {
        let mut over = over.as_ref().clone();
        if let TypeShape::Composite(composite) = &mut over.shape {
            composite.attributes.iter_mut().for_each(|a| a.ty = with_form_of(&a.ty, &changed));
        }
        transaction.edit_catalog(CatalogEdit::AlterType(Box::new(over)))?;
    }
    for table in catalog.tables().filter(|t| t.columns.iter().any(|c| holds(&c.ty, def.oid))) {
        let mut table = table.as_ref().clone();
        table.columns.iter_mut().for_each(|column| column.ty = with_form_of(&column.ty, &changed));
        table.schema_version = SchemaVersion(table.schema_version.0.saturating_add(1));
        tokio::task::block_in_place(|| transaction.edit_catalog(CatalogEdit::AlterTable(Box::new(table))))?;
    }
    for view in catalog.views().filter(|v| v.columns.iter().any(|c| holds(&c.ty, def.oid))) {
        let mut view = view.as_ref().clone();
        view.columns.iter_mut().for_each(|column| column.ty = with_form_of(&column.ty, &changed));
        transaction.edit_catalog(CatalogEdit::AlterView(Box::new(view)))?;
    }
    Ok(())
}

/// 42710 when a type cannot have another name.
pub(super) fn name_is_free(
    catalog: &CatalogState,
    def: &UserTypeDef,
    schema: SchemaId,
    name: &str,
) -> Result<()> {
    let same = def.schema == schema && def.name == name;
    if !same && catalog.type_named(schema, name).is_none() {
        return Ok(());
    }
    let shown = catalog.schema(schema).map_or_else(String::new, |s| s.name.clone());
    let message = match def.schema == schema {
        true => format!("type \"{name}\" already exists"),
        false => format!("type \"{name}\" already exists in schema \"{shown}\""),
    };
    Err(Error::new(ErrorKind::DuplicateObject, message))
}

fn no_label(name: &str) -> Error {
    Error::new(ErrorKind::InvalidParameterValue, format!("\"{name}\" is not an existing enum label"))
}

/// 0A000 for a label whose name may stand in an expression that is kept: it would mean nothing any more.
fn not_written(catalog: &CatalogState, label: &EnumLabel) -> Result<()> {
    let literal = format!("'{}'", label.name.replace('\'', "''"));
    let of_tables = catalog.tables().flat_map(|table| {
        let defaults = table.columns.iter().filter_map(|column| column.default.as_ref());
        defaults.chain(table.checks.iter().map(|check| &check.text))
    });
    let domains = catalog.types().filter_map(|def| def.domain());
    let of_domains =
        domains.flat_map(|domain| domain.checks.iter().map(|check| &check.text).chain(&domain.default));
    let views = catalog.views().map(|view| &view.text);
    let mut texts =
        of_tables.chain(of_domains).chain(views).chain(catalog.materialized().map(|(_, view)| &view.text));
    if texts.any(|text| text.contains(&literal)) {
        let message =
            format!("renaming a label that a default, check or view writes ({literal}) is not supported");
        return Err(
            Error::unsupported(message).with_hint("Drop what names it, rename the label, and make it again.")
        );
    }
    Ok(())
}

/// 42704 when a definition of an earlier time names a type that was dropped since, 0A000 when it has one that has other
/// attributes now.
pub(super) fn types_exist(catalog: &CatalogState, def: &TableDef) -> Result<()> {
    let texts = def.columns.iter().filter_map(|column| column.default.as_ref());
    let texts = texts.chain(def.checks.iter().map(|check| &check.text));
    let in_texts = texts.flat_map(|text| catalog::view_pieces(text)).filter_map(|(_, ty)| ty);
    let all = def.columns.iter().map(|column| column.ty.named()).chain(in_texts);
    let mut own = all.map(|ty| array_element(ty).unwrap_or(ty)).filter(|ty| *ty >= FIRST);
    match own.find(|ty| catalog.type_of(*ty).is_none()) {
        Some(ty) => Err(Error::new(ErrorKind::UndefinedObject, format!("type with OID {ty} does not exist"))
            .with_hint("The table had it then; it was dropped since.")),
        None => same_attributes(catalog, def),
    }
}

fn same_attributes(catalog: &CatalogState, def: &TableDef) -> Result<()> {
    let changed = def.columns.iter().find(|column| {
        catalog.types().any(|ty| {
            let row = ty.composite_type().filter(|row| holds(&column.ty, row.oid));
            row.is_some_and(|row| with_form_of(&column.ty, &row) != column.ty)
        })
    });
    match changed {
        None => Ok(()),
        Some(column) => {
            let message = format!(
                "the type of column \"{}\" has other attributes now, which is not supported",
                column.name
            );
            Err(Error::unsupported(message))
        }
    }
}
