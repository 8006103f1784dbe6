//! What is left that names what goes: attributes of composite types, expressions of domains, defaults and checks.
//!
//! Invariant: what is found is told of before anything is dropped.

use super::dependents::Dependents;
use super::drop::{Gone, column_name, function_name, sequence_name, table_name, type_name};
use super::names::Shown;
use crate::kernel::quoting::quote_ident;
use base::id::{ColumnId, Oid};
use base::{Error, Result};
use catalog::{CatalogState, ColumnDef, ColumnKind};
use std::collections::BTreeMap;
use types::user_type::{array_element, array_of};

/// Domains of what is left whose defaults or checks name what goes; 0A000 to drop them with it.
pub(super) fn of_domains(
    catalog: &CatalogState,
    shown: &Shown,
    gone: &Gone,
    dependents: &mut Dependents,
    cascade: bool,
) -> Result<()> {
    let sequences = gone.sequences.iter().filter_map(|id| catalog.sequence(*id));
    let sequences = sequences.map(|s| (s.oid, sequence_name(shown, s)));
    let tables = gone.tables.iter().filter_map(|id| catalog.table(*id));
    let tables = tables.map(|t| (t.oid, table_name(shown, t)));
    for (oid, on) in sequences.chain(tables).chain(named_objects(catalog, shown, gone)) {
        let constant = catalog::relation_constant(oid);
        let names = |text: &String| {
            text.contains(&constant) || catalog::view_pieces(text).any(|(_, object)| object == Some(oid))
        };
        for def in catalog.types().filter(|def| !gone.types.contains(&def.oid)) {
            let Some(domain) = def.domain() else { continue };
            let ty = || type_name(catalog, shown, def.oid).unwrap_or_default();
            let checks = domain.checks.iter().filter(|check| names(&check.text));
            let checks = checks.map(|check| format!("constraint {}", quote_ident(&check.name)));
            let found: Vec<String> =
                domain.default.iter().filter(|d| names(d)).map(|_| ty()).chain(checks).collect();
            if cascade && !found.is_empty() {
                let message = format!("dropping what {} names together with {on} is not supported", ty());
                return Err(
                    Error::unsupported(message).with_hint("Drop the domain's check or default first.")
                );
            }
            dependents.described.extend(found.into_iter().map(|object| (object, on.clone())));
        }
    }
    Ok(())
}

/// Attributes of composite types that are left whose types go; 0A000 to take them from their types.
pub(super) fn of_composites(
    catalog: &CatalogState,
    shown: &Shown,
    gone: &Gone,
    dependents: &mut Dependents,
    cascade: bool,
) -> Result<()> {
    let types = gone.types.iter().flat_map(|ty| [array_of(*ty), Some(*ty)]).flatten();
    for ty in types {
        for def in catalog.types().filter(|def| !gone.types.contains(&def.oid)) {
            let attributes = def.composite().into_iter().flat_map(|composite| &composite.attributes);
            for attribute in attributes.filter(|attribute| attribute.ty.named() == ty) {
                let name = type_name(catalog, shown, ty).unwrap_or_default();
                let of = shown.user_type(def);
                let described = format!("column {} of composite type {of}", quote_ident(&attribute.name));
                if cascade {
                    let message = format!("dropping {described} together with {name} is not supported");
                    return Err(Error::unsupported(message)
                        .with_hint(format!("ALTER TYPE {of} DROP ATTRIBUTE, or drop that type, first.")));
                }
                dependents.described.push((described, name));
            }
        }
    }
    Ok(())
}

/// Defaults of what is left that name what goes.
pub(super) fn defaults(catalog: &CatalogState, shown: &Shown, gone: &Gone, dependents: &mut Dependents) {
    let sequences = gone.sequences.iter().filter_map(|id| catalog.sequence(*id));
    let sequences = sequences.map(|s| (s.oid, sequence_name(shown, s)));
    let tables = gone.tables.iter().filter_map(|id| catalog.table(*id));
    let tables = tables.map(|t| (t.oid, table_name(shown, t)));
    for (oid, name) in sequences.chain(tables) {
        let constant = catalog::relation_constant(oid);
        for table in catalog.tables().filter(|t| !gone.tables.contains(&t.id)) {
            let columns = table.columns.iter().filter(|c| !gone.columns.contains(&(table.id, c.id)));
            for column in columns {
                if column.default.as_ref().is_some_and(|text| text.contains(&constant)) {
                    let column_name = quote_ident(&column.name);
                    let described =
                        format!("default value for column {column_name} of {}", table_name(shown, table));
                    dependents.described.push((described, name.clone()));
                    dependents.defaults.entry(table.id).or_default().push(column.id);
                }
            }
        }
    }
}

/// Types and functions that go, which texts name by their OIDs, in words.
fn named_objects(catalog: &CatalogState, shown: &Shown, gone: &Gone) -> Vec<(Oid, String)> {
    let types = gone.types.iter().flat_map(|ty| [array_of(*ty), Some(*ty)]).flatten();
    let types = types.filter_map(|ty| Some((ty, type_name(catalog, shown, ty)?)));
    let functions = gone.functions.iter().filter_map(|oid| catalog.function(*oid));
    types.chain(functions.map(|def| (def.oid, function_name(shown, def)))).collect()
}

/// The type of a relation's rows, in words.
pub(super) fn type_of_rows(relation: &str) -> String {
    let name = relation.strip_prefix("table ").or_else(|| relation.strip_prefix("view "));
    name.map_or_else(|| relation.to_owned(), |name| format!("type {name}"))
}

/// Defaults and checks of what is left that name types or functions that go.
pub(super) fn texts(catalog: &CatalogState, shown: &Shown, gone: &Gone, dependents: &mut Dependents) {
    let objects: BTreeMap<Oid, String> = named_objects(catalog, shown, gone).into_iter().collect();
    let named = |text: &str| {
        catalog::view_pieces(text).find_map(|(_, oid)| oid.and_then(|oid| objects.get(&oid)).cloned())
    };
    for table in catalog.tables().filter(|t| !objects.is_empty() && !gone.tables.contains(&t.id)) {
        let goes = |column: &ColumnId| gone.columns.contains(&(table.id, *column));
        let columns = table.columns.iter().filter(|c| c.kind != ColumnKind::Generated && !goes(&c.id));
        for column in columns {
            if let Some(object) = column.default.as_deref().and_then(named) {
                let of = column_name(shown, table, column.id);
                dependents.described.push((format!("default value for {of}"), object));
                dependents.defaults.entry(table.id).or_default().push(column.id);
            }
        }
        for check in table.checks.iter().filter(|check| !check.columns.iter().any(goes)) {
            if let Some(object) = named(&check.text) {
                let check_name = quote_ident(&check.name);
                let described = format!("constraint {check_name} on {}", table_name(shown, table));
                dependents.described.push((described, object));
                dependents.checks.entry(table.id).or_default().push(check.oid);
            }
        }
    }
}

/// 0A000 for a generated column that would be left without a function.
pub(super) fn generated_stay(catalog: &CatalogState, shown: &Shown, gone: &Gone) -> Result<()> {
    for table in catalog.tables().filter(|t| !gone.functions.is_empty() && !gone.tables.contains(&t.id)) {
        let columns = table.columns.iter().filter(|c| c.kind == ColumnKind::Generated);
        for column in columns.filter(|c| !gone.columns.contains(&(table.id, c.id))) {
            let mut objects = catalog::view_pieces(column.default.as_deref().unwrap_or_default());
            if objects.any(|(_, oid)| oid.is_some_and(|oid| gone.functions.contains(&oid))) {
                let column = column_name(shown, table, column.id);
                let message =
                    format!("dropping the function that {column} is computed by is not supported here");
                return Err(Error::unsupported(message).with_hint("Drop the column first."));
            }
        }
    }
    Ok(())
}

/// What goes of a column: its type, or a type or function in what it is computed from, in words.
pub(super) fn behind(
    catalog: &CatalogState,
    shown: &Shown,
    column: &ColumnDef,
    gone: &Gone,
) -> Option<String> {
    let named = column.ty.named();
    if gone.types.contains(&array_element(named).unwrap_or(named)) {
        return type_name(catalog, shown, named);
    }
    let mut objects = catalog::view_pieces(column.default.as_deref()?).filter_map(|(_, oid)| oid);
    objects.find_map(|oid| match catalog.function(oid) {
        Some(def) => gone.functions.contains(&oid).then(|| function_name(shown, def)),
        None => {
            let goes = gone.types.contains(&array_element(oid).unwrap_or(oid));
            type_name(catalog, shown, oid).filter(|_| goes)
        }
    })
}
