//! What is left that names what goes: attributes of composite types, expressions of domains, and defaults and checks that
//! name types.
//!
//! Invariant: what is found is told of before anything is dropped.

use super::dependents::Dependents;
use super::drop::{Gone, column_name, sequence_name, table_name, type_name};
use super::names::Shown;
use crate::kernel::quoting::quote_ident;
use base::id::ColumnId;
use base::{Error, Result};
use catalog::{CatalogState, ColumnKind};
use types::user_type::array_of;

/// Domains of what is left whose defaults or checks name a sequence or table that goes; 0A000 to drop them with it.
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
    for (oid, on) in sequences.chain(tables) {
        let constant = catalog::relation_constant(oid);
        for def in catalog.types().filter(|def| !gone.types.contains(&def.oid)) {
            let Some(domain) = def.domain() else { continue };
            let mut texts = domain.checks.iter().map(|check| &check.text).chain(&domain.default);
            if !texts.any(|text| text.contains(&constant)) {
                continue;
            }
            let name = type_name(catalog, shown, def.oid).unwrap_or_default();
            if cascade {
                let message = format!("dropping {name} together with {on} is not supported");
                return Err(Error::unsupported(message).with_hint("Drop the domain or its default first."));
            }
            dependents.described.push((name, on.clone()));
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

/// Defaults and checks of what is left that name types that go.
pub(super) fn texts_of_types(
    catalog: &CatalogState,
    shown: &Shown,
    gone: &Gone,
    dependents: &mut Dependents,
) {
    let types = gone.types.iter().flat_map(|ty| [array_of(*ty), Some(*ty)]).flatten();
    let types: Vec<(String, String)> =
        types.filter_map(|ty| Some((catalog::relation_name(ty), type_name(catalog, shown, ty)?))).collect();
    let named = |text: &str| {
        types.iter().find(|(constant, _)| text.contains(constant.as_str())).map(|(_, name)| name.clone())
    };
    for table in catalog.tables().filter(|t| !types.is_empty() && !gone.tables.contains(&t.id)) {
        let goes = |column: &ColumnId| gone.columns.contains(&(table.id, *column));
        let columns = table.columns.iter().filter(|c| c.kind != ColumnKind::Generated && !goes(&c.id));
        for column in columns {
            if let Some(ty) = column.default.as_deref().and_then(named) {
                let of = column_name(shown, table, column.id);
                dependents.described.push((format!("default value for {of}"), ty));
                dependents.defaults.entry(table.id).or_default().push(column.id);
            }
        }
        for check in table.checks.iter().filter(|check| !check.columns.iter().any(goes)) {
            if let Some(ty) = named(&check.text) {
                let check_name = quote_ident(&check.name);
                let described = format!("constraint {check_name} on {}", table_name(shown, table));
                dependents.described.push((described, ty));
                dependents.checks.entry(table.id).or_default().push(check.oid);
            }
        }
    }
}
