//! Attributes of composite types: those that a type is made with, and what becomes of them.
//!
//! Must not know how the catalog is changed.
//! Invariant: attributes come, go or get other types only where nothing stored has the type or names it.

use super::new_column::{is_pseudo, pseudo_name, refuse_unstored};
use crate::binder::{Binder, type_name};
use crate::bound::TypeEdit;
use crate::parse::{AttributeChange, AttributeSpec};
use base::id::Oid;
use base::limits::TABLE_COLUMNS_MAX;
use base::{Error, ErrorKind, Result};
use catalog::{
    CatalogState, CompositeDef, FunctionBody, FunctionDef, UserTypeDef, has_domains, holds, relation_name,
};
use sqlparser::ast;
use std::collections::BTreeSet;
use std::sync::Arc;
use types::SqlType;
use types::sql_type::DEPTH_MAX;
use types::user_type::{UserKind, array_of, is_array};

/// What a new type is made of.
pub(super) fn created(binder: &Binder<'_>, attributes: &[AttributeSpec]) -> Result<CompositeDef> {
    let mut composite = CompositeDef::new(Vec::new());
    for spec in attributes {
        let name = binder.fold(&spec.name);
        if composite.attribute(&name).is_some() {
            let message = format!("column \"{name}\" specified more than once");
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
        let ty = attribute_type(binder, &name, spec)?;
        composite.add(name, ty);
    }
    check_count(&composite)?;
    Ok(composite)
}

fn check_count(composite: &CompositeDef) -> Result<()> {
    if composite.attributes.len() <= TABLE_COLUMNS_MAX {
        return Ok(());
    }
    let message = format!("tables can have at most {TABLE_COLUMNS_MAX} columns");
    Err(Error::new(ErrorKind::TooManyColumns, message))
}

/// The type of an attribute; PostgreSQL tells no place in it.
fn attribute_type(binder: &Binder<'_>, name: &str, spec: &AttributeSpec) -> Result<SqlType> {
    let AttributeSpec { name: _, ty, type_at } = spec;
    let ty = binder.sql_type(ty)?;
    if is_pseudo(ty.oid) {
        let message = format!("column \"{name}\" has pseudo-type {}", pseudo_name(ty.oid));
        return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
    }
    let elements = ty.element().is_some_and(|element| has_domains(&element));
    if ty.domain.is_some_and(is_array) || elements {
        return Err(Error::unsupported(
            "an attribute of arrays over a domain, or over rows with one, is not supported",
        )
        .at(*type_at)
        .with_hint("Take arrays over the type that the domain is over."));
    }
    // Room for the type itself and for arrays over it.
    if ty.form.depth().saturating_add(2) > DEPTH_MAX {
        let message = format!("types within types more than {DEPTH_MAX} deep are not supported");
        return Err(Error::unsupported(message).at(*type_at));
    }
    refuse_unstored(&ty).map_err(|e| e.at(*type_at))?;
    Ok(ty)
}

/// ALTER TYPE .. RENAME ATTRIBUTE.
pub(super) fn renamed(
    binder: &Binder<'_>,
    def: &UserTypeDef,
    from: &ast::Ident,
    to: &ast::Ident,
) -> Result<TypeEdit> {
    let mut composite = composite_of(def)?.clone();
    let (from, to) = (binder.fold(from), binder.fold(to));
    let taken = composite.attribute(&to).is_some();
    let attribute = composite.attributes.iter_mut().find(|attribute| attribute.name == from);
    let Some(attribute) = attribute else {
        let message = format!("column \"{from}\" does not exist");
        return Err(Error::new(ErrorKind::UndefinedColumn, message));
    };
    if taken {
        return Err(exists(def, &to));
    }
    if let Some(text) = named_in(binder.context.catalog, def.oid, Some(&from)) {
        let message = format!("renaming an attribute that {text} may name is not supported");
        return Err(
            Error::unsupported(message).with_hint("Drop it, rename the attribute, and make it again.")
        );
    }
    attribute.name = to;
    Ok(TypeEdit::Renamed(composite))
}

/// ALTER TYPE .. ADD, DROP and ALTER ATTRIBUTE.
pub(super) fn changed(
    binder: &Binder<'_>,
    def: &UserTypeDef,
    changes: &[AttributeChange],
) -> Result<TypeEdit> {
    let mut composite = composite_of(def)?.clone();
    let mut notices = Vec::new();
    let missing = |name: &str| format!("column \"{name}\" of relation \"{}\" does not exist", def.name);
    let undefined = |name: &str| Error::new(ErrorKind::UndefinedColumn, missing(name));
    let mut retyped = false;
    for change in changes {
        match change {
            AttributeChange::Add(spec) => {
                let name = binder.fold(&spec.name);
                if composite.attribute(&name).is_some() {
                    return Err(exists(def, &name));
                }
                let ty = attribute_type(binder, &name, spec)?;
                refuse_itself(def, &ty)?;
                composite.add(name, ty);
            }
            AttributeChange::Drop { name, if_exists } => {
                let name = binder.fold(name);
                match composite.attribute(&name) {
                    Some(_) => composite.attributes.retain(|attribute| attribute.name != name),
                    None if *if_exists => notices.push(format!("{}, skipping", missing(&name))),
                    None => return Err(undefined(&name)),
                }
            }
            AttributeChange::SetType(spec) => {
                let name = binder.fold(&spec.name);
                let ty = attribute_type(binder, &name, spec)?;
                refuse_itself(def, &ty)?;
                let attribute = composite.attributes.iter_mut().find(|attribute| attribute.name == name);
                attribute.ok_or_else(|| undefined(&name))?.ty = ty.of_field();
                retyped = true;
            }
        }
    }
    check_count(&composite)?;
    if Some(&composite) != def.composite() {
        refuse_used(binder.context.catalog, def, retyped)?;
    }
    Ok(TypeEdit::Attributes { composite, notices })
}

fn composite_of(def: &UserTypeDef) -> Result<&CompositeDef> {
    // Only composite types are relations.
    def.composite().ok_or_else(|| {
        Error::new(ErrorKind::UndefinedTable, format!("relation \"{}\" does not exist", def.name))
    })
}

fn exists(def: &UserTypeDef, name: &str) -> Error {
    let message = format!("column \"{name}\" of relation \"{}\" already exists", def.name);
    Error::new(ErrorKind::DuplicateColumn, message)
}

/// 42P16 for a type within itself.
fn refuse_itself(def: &UserTypeDef, ty: &SqlType) -> Result<()> {
    if !holds(ty, def.oid) {
        return Ok(());
    }
    let message = format!("composite type {} cannot be made a member of itself", type_name(def.oid));
    Err(Error::new(ErrorKind::InvalidTableDefinition, message))
}

/// 0A000 when something stored has the type, or a stored text names it.
fn refuse_used(catalog: &CatalogState, def: &UserTypeDef, retyped: bool) -> Result<()> {
    let mut tables: Vec<_> = catalog.tables().collect();
    tables.sort_by_key(|table| table.oid);
    for table in tables {
        if let Some(column) = table.columns.iter().find(|column| holds(&column.ty, def.oid)) {
            let column = format!("{}.{}", table.name, column.name);
            if retyped {
                let message =
                    format!("cannot alter type \"{}\" because column \"{column}\" uses it", def.name);
                return Err(Error::unsupported(message));
            }
            return Err(Error::unsupported(format!(
                "adding and dropping attributes of a type that column \"{column}\" has is not supported"
            ))
            .with_hint("Make another type, and a column of it."));
        }
    }
    let given_to = || takers(catalog, def.oid).find_map(|function| named_in(catalog, function.oid, None));
    match named_in(catalog, def.oid, None).or_else(given_to) {
        None => Ok(()),
        Some(text) => {
            let message = format!("changing the attributes of a type that {text} uses is not supported");
            Err(Error::unsupported(message).with_hint("Drop it, change the type, and make it again."))
        }
    }
}

/// 0A000 when something kept has a relation's rows, which would have to be other ones: a view a column of them, a function
/// whose names keep their meaning a parameter, or a query that calls a function with them.
pub(super) fn refuse_held_rows(catalog: &CatalogState, relation: Oid, what: &str) -> Result<()> {
    let Some(row) = UserKind::TableRow.oid(relation.0) else { return Ok(()) };
    let mut held = catalog.views().filter(|view| view.columns.iter().any(|column| holds(&column.ty, row)));
    let whose = match held.next() {
        Some(view) => Some(format!("are in a column of view \"{}\"", view.name)),
        None => takers(catalog, row).find_map(|function| {
            let kept = keeps_names(function).then(|| format!("function \"{}\"", function.name));
            let user = kept.or_else(|| named_in(catalog, function.oid, None));
            user.map(|user| format!("{user} takes"))
        }),
    };
    let Some(whose) = whose else { return Ok(()) };
    let message = format!("{what}, whose rows {whose}, is not supported");
    Err(Error::unsupported(message).with_hint("Drop that first and create it anew."))
}

/// Functions that take values of a type, or arrays of them.
fn takers(catalog: &CatalogState, ty: Oid) -> impl Iterator<Item = &Arc<FunctionDef>> {
    let takes = move |own: Oid| own == ty || array_of(ty) == Some(own);
    catalog.functions().filter(move |function| function.inputs().any(|parameter| takes(parameter.ty)))
}

/// Whether names in a body mean what they meant when the function was made.
fn keeps_names(function: &FunctionDef) -> bool {
    !matches!(function.body, FunctionBody::Text(_))
}

/// A stored text that uses a type, in words; when a word is given, one that has the word.
fn named_in(catalog: &CatalogState, ty: Oid, word: Option<&str>) -> Option<String> {
    let names: Vec<String> = [Some(ty), array_of(ty)].into_iter().flatten().map(relation_name).collect();
    let named = |text: &str| names.iter().any(|name| text.contains(name.as_str()));
    let has = |text: &str| word.is_none_or(|word| text.to_lowercase().contains(&word.to_lowercase()));
    let of_tables = catalog.tables().filter(|t| t.columns.iter().any(|c| holds(&c.ty, ty))).map(|t| t.oid);
    let of_views = catalog.views().filter(|v| v.columns.iter().any(|c| holds(&c.ty, ty))).map(|v| v.oid);
    let holding: BTreeSet<Oid> = of_tables.chain(of_views).collect();
    let reads = |text: &str, uses: &[Oid]| {
        has(text) && (named(text) || uses.iter().any(|oid| *oid == ty || holding.contains(oid)))
    };
    let view =
        catalog.views().find(|v| reads(&v.text, &v.uses) || word.is_none() && holding.contains(&v.oid));
    let materialized = || {
        let (id, _) = catalog.materialized().find(|(_, view)| reads(&view.text, &view.uses))?;
        catalog.table(id).map(|table| format!("materialized view \"{}\"", table.name))
    };
    let table = || {
        let found = catalog.tables().find(|table| {
            let defaults = table.columns.iter().filter_map(|column| column.default.as_deref());
            let mut texts = defaults.chain(table.checks.iter().map(|check| check.text.as_str()));
            texts.any(|text| has(text) && (named(text) || holding.contains(&table.oid)))
        });
        found.map(|table| format!("a default or check of table \"{}\"", table.name))
    };
    let domain = || {
        let found = catalog.types().find(|def| {
            let Some(domain) = def.domain() else { return false };
            if holds(&domain.base, ty) {
                return true;
            }
            let mut texts = domain.checks.iter().map(|check| &check.text).chain(&domain.default);
            texts.any(|text| has(text) && named(text))
        });
        found.map(|def: &Arc<UserTypeDef>| format!("domain \"{}\"", def.name))
    };
    let function = || {
        let mut functions = catalog.functions();
        let takes: BTreeSet<Oid> = takers(catalog, ty).map(|function| function.oid).collect();
        let found = functions.find(|function| {
            let text = function.body.text();
            reads(text, &function.uses) || keeps_names(function) && takes.contains(&function.oid) && has(text)
        });
        found.map(|function| format!("function \"{}\"", function.name))
    };
    let view = view.map(|view| format!("view \"{}\"", view.name));
    view.or_else(function).or_else(materialized).or_else(table).or_else(domain)
}
