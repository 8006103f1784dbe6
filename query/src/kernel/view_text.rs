//! The texts of views and their rules.
//!
//! Must not know how a text is made from what a query means (`sql::deparse`). Invariant: where that gives none, the text is as
//! it was written, with relations by the names they have now.

use crate::kernel::call::{Call, Run, map1, map2};
use crate::kernel::describe::{relation_name, with_names};
use crate::kernel::objects;
use crate::kernel::system::format_type;
use crate::kernel::value::{Bool, Id, Int4, Text};
use base::id::{ColumnId, Oid};
use catalog::builtin;
use sql::binder::{BindContext, OWN_NAME};
use sql::deparse::{Style, TextNames, Viewed};
use types::user_type::FIRST;

/// What is known of a view.
struct View<'c> {
    text: &'c str,
    unseen: &'c [(Oid, ColumnId)],
    columns: Vec<String>,
}

#[derive(Debug)]
struct Names<'c> {
    call: &'c Call<'c>,
}

impl TextNames for Names<'_> {
    fn relation(&self, relation: Oid) -> Option<String> {
        relation_name(self.call, relation.0)
    }

    fn function(&self, function: Oid) -> Option<String> {
        relation_name(self.call, function.0)
    }

    fn type_name(&self, ty: Oid, typmod: i32) -> String {
        let own = (ty >= FIRST).then(|| relation_name(self.call, ty.0)).flatten();
        own.unwrap_or_else(|| format_type(ty.0, Some(typmod)))
    }
}

fn view<'c>(call: &'c Call<'_>, id: u32) -> Option<View<'c>> {
    let catalog = &call.statement.catalog;
    if let Some(view) = catalog.view_of_relation(Oid(id)) {
        let columns = view.columns.iter().map(|column| column.name.clone()).collect();
        return Some(View { text: &view.text, unseen: &view.unseen, columns });
    }
    let table = catalog.table_of_relation(Oid(id))?;
    let view = catalog.materialized_view(table.id)?;
    let columns = table.columns.iter().map(|column| column.name.clone()).collect();
    Some(View { text: &view.text, unseen: &view.unseen, columns })
}

/// Parentheses everywhere, and a line for each item of a list.
const FULL: Style = Style { sparing: false, line: Some(0) };
const SPARING: Style = Style { sparing: true, line: Some(0) };

fn style(pretty: bool) -> Style {
    if pretty { SPARING } else { FULL }
}

/// A negative width: lists are not broken.
fn wrapped(width: i32) -> Style {
    Style { sparing: true, line: usize::try_from(width).ok() }
}

/// The query of a view, with a semicolon; null for what is no view.
fn query(call: &Call<'_>, id: u32, style: Style) -> Option<String> {
    if let Some(system) = builtin::system_relation_by_oid(Oid(id)) {
        return builtin::view_definition(system.schema, system.name).map(str::to_owned);
    }
    let view = view(call, id)?;
    let statement = call.statement;
    let context = BindContext::new(view.text, &statement.catalog)
        .with_search_path(&statement.search_path)
        .with_session(&statement.database, &statement.user)
        .with_io(statement.io.clone());
    let viewed = Viewed { text: view.text, unseen: view.unseen, columns: &view.columns };
    match sql::deparse::view_text(&context, viewed, style, &Names { call }) {
        Some(text) => Some(text + ";"),
        None => Some(written(view.text, |oid| relation_name(call, oid))),
    }
}

/// The query of a view as it was written, with relations by their names.
fn written(text: &str, name: impl Fn(u32) -> Option<String>) -> String {
    let mut shown = " ".to_owned();
    let mut alias: Option<String> = None;
    for (text, relation) in catalog::view_pieces(text) {
        // A name stands for itself.
        let superfluous = alias.take().map(|alias| format!("{OWN_NAME}{alias}"));
        let text = superfluous.and_then(|alias| text.strip_prefix(alias.as_str())).unwrap_or(text);
        shown.push_str(text);
        if let Some(relation) = relation {
            let name = name(relation.0).unwrap_or_else(|| relation.to_string());
            let last = name.rsplit('.').next().unwrap_or_default();
            alias = (relation < FIRST).then(|| last.to_owned());
            shown.push_str(&name);
        }
    }
    with_names(&shown, name) + ";"
}

/// The rule that stands for a view's query.
fn rule(call: &Call<'_>, id: u32, pretty: bool) -> Option<String> {
    let mut views = call.statement.catalog.views();
    let view = views.find(|view| crate::system::rule_oid(view) == id)?;
    let path: &[String] = if pretty { &call.statement.search_path } else { &[] };
    let name = crate::names::relation(&call.statement.catalog, path, view.oid.0)?;
    let query = query(call, view.oid.0, style(pretty))?;
    Some(format!("CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {name} DO INSTEAD {query}"))
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("pg_get_viewdef", |c, a| map1::<Id, Text, _>(c, a, |id| Ok(query(c, id, FULL)))),
    ("pg_get_viewdef_ext", |c, a| {
        map2::<Id, Bool, Text, _>(c, a, |id, pretty| Ok(query(c, id, style(pretty))))
    }),
    ("pg_get_viewdef_wrap", |c, a| {
        map2::<Id, Int4, Text, _>(c, a, |id, width| Ok(query(c, id, wrapped(width))))
    }),
    ("pg_get_viewdef_name", |c, a| {
        map1::<Text, Text, _>(c, a, |name| Ok(query(c, objects::relation_named(c, name)?, FULL)))
    }),
    ("pg_get_viewdef_name_ext", |c, a| {
        map2::<Text, Bool, Text, _>(c, a, |name, pretty| {
            Ok(query(c, objects::relation_named(c, name)?, style(pretty)))
        })
    }),
    ("pg_get_ruledef", |c, a| map1::<Id, Text, _>(c, a, |id| Ok(rule(c, id, false)))),
    ("pg_get_ruledef_ext", |c, a| map2::<Id, Bool, Text, _>(c, a, |id, pretty| Ok(rule(c, id, pretty)))),
];
