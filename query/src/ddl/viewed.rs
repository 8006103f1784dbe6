//! Views over a relation one of whose columns gets another name: their queries call it so from then on.
//!
//! Invariant: each view means what it did, and its own columns keep their names.

use crate::kernel::system::format_type;
use crate::names::user_type;
use crate::session::Core;
use base::id::{ColumnId, Oid};
use base::{Error, Result};
use catalog::{CatalogEdit, CatalogState, MaterializedDef, ViewDef};
use sql::binder::BindContext;
use sql::deparse::{RenamedColumn, TextNames, Viewed, renamed_text};
use std::sync::Arc;
use types::user_type::FIRST;

/// Edits of the views that read the relation, to be made behind `edit`, which gives the column its new name. 0A000 for a view
/// whose query cannot be told with it.
pub(super) fn renamed_column(
    core: &Core,
    before: &Arc<CatalogState>,
    edit: &CatalogEdit,
    column: RenamedColumn<'_>,
) -> Result<Vec<CatalogEdit>> {
    let mut after = before.as_ref().clone();
    after.apply(edit)?;
    let after = &Arc::new(after);
    let text = |name: &str, text: &str, unseen: &[(Oid, ColumnId)], columns: &[String]| {
        let (path, later_path) = (core.search_path(before), core.search_path(after));
        let viewed = Viewed { text, unseen, columns };
        let names = Names { catalog: after, search_path: &later_path };
        let before = context(core, text, before, &path);
        let after = context(core, text, after, &later_path);
        renamed_text(&before, &after, viewed, column, &names).ok_or_else(|| {
            let message = format!(
                "renaming column \"{}\", which view \"{name}\" reads in a way that cannot be told anew, is not supported",
                column.from
            );
            Error::unsupported(message).with_hint("Drop the view first and create it anew.")
        })
    };
    let mut edits = Vec::new();
    for view in before.views().filter(|view| view.uses.contains(&column.relation)) {
        let columns: Vec<String> = view.columns.iter().map(|column| column.name.clone()).collect();
        let text = text(&view.name, &view.text, &view.unseen, &columns)?;
        edits.push(CatalogEdit::AlterView(Box::new(ViewDef { text, ..view.as_ref().clone() })));
    }
    for (id, view) in before.materialized().filter(|(_, view)| view.uses.contains(&column.relation)) {
        let table = before.table(id).ok_or_else(|| Error::internal("a materialized view without a table"))?;
        let columns: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
        let text = text(&table.name, &view.text, &view.unseen, &columns)?;
        let def = MaterializedDef { text, ..view.as_ref().clone() };
        edits.push(CatalogEdit::Materialize(id, Box::new(def)));
    }
    Ok(edits)
}

fn context<'c>(
    core: &'c Core,
    text: &'c str,
    catalog: &'c Arc<CatalogState>,
    search_path: &'c [String],
) -> BindContext<'c> {
    BindContext::new(text, catalog)
        .with_search_path(search_path)
        .with_session(crate::engine::DATABASE, &core.user)
        .with_io(core.io_settings_of(catalog))
}

#[derive(Debug)]
struct Names<'c> {
    catalog: &'c CatalogState,
    search_path: &'c [String],
}

impl TextNames for Names<'_> {
    fn relation(&self, _relation: Oid) -> Option<String> {
        // Kept queries have OIDs.
        None
    }

    fn function(&self, function: Oid) -> Option<String> {
        self.catalog.function(function).map(|def| def.name.clone())
    }

    fn type_name(&self, ty: Oid, typmod: i32) -> String {
        let own = (ty >= FIRST).then(|| user_type(self.catalog, self.search_path, ty)).flatten();
        own.unwrap_or_else(|| format_type(ty.0, Some(typmod)))
    }
}
