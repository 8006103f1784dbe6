//! Views: pg_views and information_schema.views, and their rows in pg_class.
//!
//! Invariant: a view is read only.

use crate::engine::DATABASE;
use crate::kernel::describe::view_text;
use crate::kernel::quoting::quote_ident;
use crate::system::builtin::SystemCatalog;
use crate::system::relations::{OWNER, OWNER_NAME};
use crate::system::table::{SystemTable, flag, value, word};
use base::id::Oid;
use catalog::ViewDef;

pub(super) fn classes(catalog: &SystemCatalog, out: &mut SystemTable) {
    for view in catalog.state.views() {
        let schema = catalog.state.schema(view.schema).map_or(Oid(0), |s| s.oid);
        out.row(&[
            ("oid", value(view.oid)),
            ("relname", value(&view.name)),
            ("relnamespace", value(schema)),
            ("relowner", value(OWNER)),
            ("reltuples", word("-1")),
            ("relkind", word("v")),
            ("relnatts", value(view.columns.len())),
            ("relhasrules", flag(true)),
            ("relpersistence", word("p")),
            ("relispopulated", flag(true)),
            ("relreplident", word("n")),
        ]);
    }
}

pub(super) fn schema_of(catalog: &SystemCatalog, view: &ViewDef) -> String {
    catalog.state.schema(view.schema).map(|s| s.name.clone()).unwrap_or_default()
}

/// The query, with schemas where they are not `public`.
fn query(catalog: &SystemCatalog, view: &ViewDef) -> String {
    let state = &catalog.state;
    view_text(view, |oid| {
        let table = state.tables().find(|t| t.oid.0 == oid).map(|t| (t.schema, t.name.clone()));
        let view = || state.views().find(|v| v.oid.0 == oid).map(|v| (v.schema, v.name.clone()));
        let sequence = || state.sequences().find(|s| s.oid.0 == oid).map(|s| (s.schema, s.name.clone()));
        let (schema, name) = table.or_else(view).or_else(sequence)?;
        let schema = &state.schema(schema)?.name;
        let name = quote_ident(&name);
        Some(if schema == "public" { name } else { format!("{}.{name}", quote_ident(schema)) })
    })
}

pub(super) fn view(catalog: &SystemCatalog, out: &mut SystemTable) {
    for view in catalog.state.views() {
        out.row(&[
            ("schemaname", value(schema_of(catalog, view))),
            ("viewname", value(&view.name)),
            ("viewowner", word(OWNER_NAME)),
            ("definition", value(query(catalog, view))),
        ]);
    }
}

pub(super) fn standard_view(catalog: &SystemCatalog, out: &mut SystemTable) {
    for view in catalog.state.views() {
        out.row(&[
            ("table_catalog", word(DATABASE)),
            ("table_schema", value(schema_of(catalog, view))),
            ("table_name", value(&view.name)),
            ("view_definition", value(query(catalog, view))),
            ("check_option", word("NONE")),
            ("is_updatable", word("NO")),
            ("is_insertable_into", word("NO")),
            ("is_trigger_updatable", word("NO")),
            ("is_trigger_deletable", word("NO")),
            ("is_trigger_insertable_into", word("NO")),
        ]);
    }
}
