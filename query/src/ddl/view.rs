//! CREATE VIEW.

use super::names::relation_exists;
use super::table::command;
use crate::api::Execution;
use crate::session::Core;
use base::id::ViewId;
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, ViewDef};
use sql::bound::BoundCreateView;

/// CREATE [OR REPLACE] VIEW.
pub(crate) fn create_view(core: &mut Core, create: &BoundCreateView) -> Result<Execution> {
    let transaction = core.transaction.current()?;
    let catalog = transaction.catalog();
    let BoundCreateView { schema, name, replaces, columns, text, uses } = create;
    let before = replaces.and_then(|id| catalog.view(id));
    let (id, oid) = match before {
        Some(before) => (before.id, before.oid),
        None => (ViewId(catalog.next_id()), catalog.next_oid()),
    };
    if before.is_none() && relation_exists(catalog, *schema, name) {
        let message = format!("relation \"{name}\" already exists");
        return Err(Error::new(ErrorKind::DuplicateTable, message));
    }
    let def = Box::new(ViewDef {
        id,
        oid,
        schema: *schema,
        name: name.clone(),
        columns: columns.clone(),
        text: text.clone(),
        uses: uses.clone(),
        unseen: Vec::new(),
    });
    let edit = if before.is_some() { CatalogEdit::AlterView(def) } else { CatalogEdit::CreateView(def) };
    transaction.edit_catalog(edit)?;
    Ok(command("CREATE VIEW"))
}
