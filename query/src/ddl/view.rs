//! CREATE VIEW and ALTER VIEW.

use super::names::relation_exists;
use super::table::command;
use super::viewed::renamed_column;
use crate::api::Execution;
use crate::session::Core;
use base::id::ViewId;
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, ViewDef};
use sql::bound::{BoundAlterView, BoundCreateView};
use sql::deparse::RenamedColumn;
use std::sync::Arc;

/// CREATE [OR REPLACE] VIEW.
pub(crate) fn create_view(core: &mut Core, create: &BoundCreateView) -> Result<Execution> {
    let transaction = core.transaction.current()?;
    let catalog = transaction.catalog();
    let BoundCreateView { schema, name, replaces, columns, text, uses, check } = create;
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
        check: *check,
    });
    let edit = if before.is_some() { CatalogEdit::AlterView(def) } else { CatalogEdit::CreateView(def) };
    transaction.edit_catalog(edit)?;
    Ok(command("CREATE VIEW"))
}

/// ALTER VIEW.
pub(crate) fn alter_view(core: &mut Core, alter: &BoundAlterView) -> Result<Execution> {
    for notice in &alter.notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    let Some(def) = &alter.def else { return Ok(command("ALTER VIEW")) };
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let before = catalog.view(def.id).ok_or_else(|| Error::internal("altering an unknown view"))?;
    let renamed = (before.schema, &before.name) != (def.schema, &def.name);
    if renamed && relation_exists(&catalog, def.schema, &def.name) {
        let message = format!("relation \"{}\" already exists", def.name);
        return Err(Error::new(ErrorKind::DuplicateTable, message));
    }
    let mut names = before.columns.iter().zip(&def.columns).map(|(old, new)| (&old.name, &new.name));
    let other = names.find(|(from, to)| from != to);
    let edit = CatalogEdit::AlterView(Box::new(def.clone()));
    let edits = match other {
        Some((from, to)) => {
            let column = RenamedColumn { relation: def.oid, from, to };
            renamed_column(core, &catalog, &edit, column)?
        }
        None => Vec::new(),
    };
    let transaction = core.transaction.current()?;
    for edit in [edit].into_iter().chain(edits) {
        transaction.edit_catalog(edit)?;
    }
    Ok(command("ALTER VIEW"))
}
