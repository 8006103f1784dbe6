//! Objects in words, as messages about what depends on them name them.
//!
//! Must not know what depends on what.

use super::names::Shown;
use crate::kernel::quoting::quote_ident;
use crate::session::Core;
use base::id::{ColumnId, Oid};
use base::{Error, ErrorKind};
use catalog::{CatalogState, SequenceDef, TableDef, ViewDef};
use types::user_type::array_element;

const HINT: &str = "Use DROP ... CASCADE to drop the dependent objects too.";

pub(super) fn table_name(shown: &Shown, def: &TableDef) -> String {
    let kind = if shown.is_materialized(def.id) { "materialized view" } else { "table" };
    format!("{kind} {}", shown.relation(def.schema, &def.name))
}

pub(super) fn sequence_name(shown: &Shown, def: &SequenceDef) -> String {
    format!("sequence {}", shown.relation(def.schema, &def.name))
}

pub(super) fn column_name(shown: &Shown, table: &TableDef, column: ColumnId) -> String {
    let name = table.column(column).map(|c| quote_ident(&c.name)).unwrap_or_default();
    format!("column {name} of {}", table_name(shown, table))
}

/// A type, or that of arrays over it, in words, with its schema unless it is found without.
pub(super) fn type_name(catalog: &CatalogState, shown: &Shown, ty: Oid) -> Option<String> {
    let element = array_element(ty);
    let def = catalog.type_of(element.unwrap_or(ty))?;
    let array = if element.is_some() { "[]" } else { "" };
    Some(format!("type {}{array}", shown.user_type(def)))
}

pub(super) fn view_name(shown: &Shown, def: &ViewDef) -> String {
    format!("view {}", shown.relation(def.schema, &def.name))
}

/// 2BP01 of an object with what depends on it, and on what each does.
pub(super) fn still_needed(target: Option<&str>, dependents: &[(String, String)]) -> Error {
    let message = match target {
        Some(target) => format!("cannot drop {target} because other objects depend on it"),
        None => "cannot drop desired object(s) because other objects depend on them".to_owned(),
    };
    let detail: Vec<String> =
        dependents.iter().map(|(object, on)| format!("{object} depends on {on}")).collect();
    Error::new(ErrorKind::DependentObjects, message).with_detail(detail.join("\n")).with_hint(HINT)
}

/// A notice of all that goes too.
pub(super) fn tell(core: &mut Core, dependents: &[(String, String)]) {
    match dependents {
        [] => {}
        [(object, _)] => core.notice("NOTICE", "00000", format!("drop cascades to {object}")),
        many => {
            let detail: Vec<String> =
                many.iter().map(|(object, _)| format!("drop cascades to {object}")).collect();
            let message = format!("drop cascades to {} other objects", many.len());
            core.notice_with_detail("NOTICE", "00000", message, Some(detail.join("\n")));
        }
    }
}
