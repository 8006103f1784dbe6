//! Functions that describe objects of the catalog in words: definitions of indexes and constraints, comments,
//! signatures, sizes, names of objects by OID.
//!
//! Must not know sessions. Invariants: an object that does not exist has a null description; what exists and cannot
//! be described is refused.

use crate::kernel::call::{Arg, Call, Run, map1, map2, map3};
use crate::kernel::quoting::quote_ident;
use crate::kernel::system::{format_type, table};
use crate::kernel::value::{Bool, Id, Int4, Int8, Text};
use arrow::array::{ArrayRef, new_null_array};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{self, Relation};
use catalog::{TableDef, ViewDef};

/// OIDs of what a new database has comments on.
const SCHEMA_PUBLIC: u32 = 2_200;
const DATABASE_POSTGRES: u32 = 5;

/// The table whose primary key has an object `distance` behind the table's OID: 1 is the index, 2 the constraint.
fn keyed<'c>(call: &Call<'c>, id: u32, distance: u32) -> Option<&'c TableDef> {
    let mut tables = call.statement.catalog.tables();
    tables.find(|t| t.has_primary_key() && t.oid.0.saturating_add(distance) == id).map(AsRef::as_ref)
}

fn key_columns(def: &TableDef) -> Vec<String> {
    def.primary_key.iter().filter_map(|id| def.column(*id)).map(|c| quote_ident(&c.name)).collect()
}

fn constraint(call: &Call<'_>, id: u32, pretty: bool) -> Option<String> {
    if let Some(def) = keyed(call, id, 2) {
        return Some(format!("PRIMARY KEY ({})", key_columns(def).join(", ")));
    }
    let mut checks = call.statement.catalog.tables().flat_map(|t| &t.checks);
    let check = checks.find(|check| check.oid == Oid(id))?;
    let text = named_relations(call, &check.text);
    let text = if pretty { text } else { crate::system::in_parentheses(&text) };
    Some(format!("CHECK ({text})"))
}

/// The query of a view, with a semicolon; null for what is no view.
fn view_query(call: &Call<'_>, id: u32) -> Option<String> {
    let def = call.statement.catalog.views().find(|v| v.oid == Oid(id))?;
    Some(view_text(def, |oid| relation_name(call, oid)))
}

/// The query of a view with relations by their names.
pub(crate) fn view_text(def: &ViewDef, name: impl Fn(u32) -> Option<String>) -> String {
    let mut shown = " ".to_owned();
    let mut alias: Option<String> = None;
    for (text, relation) in catalog::view_pieces(&def.text) {
        // A name stands for itself.
        let superfluous = alias.take().map(|alias| format!(" AS {alias}"));
        let text = superfluous.and_then(|alias| text.strip_prefix(alias.as_str())).unwrap_or(text);
        shown.push_str(text);
        if let Some(relation) = relation {
            let name = name(relation.0).unwrap_or_else(|| relation.to_string());
            let last = name.rsplit('.').next().unwrap_or_default();
            alias = Some(last.to_owned());
            shown.push_str(&name);
        }
    }
    with_names(&shown, name) + ";"
}

/// The text of an expression with relations by their names instead of their OIDs.
pub(crate) fn named_relations(call: &Call<'_>, text: &str) -> String {
    with_names(text, |id| relation_name(call, id))
}

/// The same for whoever knows the names.
pub(crate) fn with_names(text: &str, name: impl Fn(u32) -> Option<String>) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("'::regclass") {
        let literal = before.rsplit_once('\'');
        let named = literal.and_then(|(front, id)| Some((front, name(id.parse().ok()?)?)));
        match named {
            Some((front, name)) => {
                shown.push_str(front);
                shown.push_str(&format!("'{}'", name.replace('\'', "''")));
            }
            None => {
                shown.push_str(before);
                shown.push('\'');
            }
        }
        shown.push_str("::regclass");
        rest = behind;
    }
    shown + rest
}

/// The statement that makes an index; the pretty form leaves out the schema of a table that is visible.
fn index(call: &Call<'_>, id: u32, pretty: bool) -> Option<String> {
    let def = keyed(call, id, 1)?;
    let visible = crate::kernel::system::table_is_visible(call, def.oid.0) == Some(true);
    let schema = match pretty && visible {
        true => String::new(),
        false => {
            let schema = call.statement.catalog.schema(def.schema);
            format!("{}.", schema.map_or_else(|| "public".to_owned(), |s| quote_ident(&s.name)))
        }
    };
    Some(format!(
        "CREATE UNIQUE INDEX {} ON {schema}{} USING btree ({})",
        quote_ident(&def.primary_key_name),
        quote_ident(&def.name),
        key_columns(def).join(", ")
    ))
}

/// One column of an index, counted from 1; all of it for 0.
fn index_column(call: &Call<'_>, id: u32, column: i32, pretty: bool) -> Option<String> {
    if column == 0 {
        return index(call, id, pretty);
    }
    let columns = key_columns(keyed(call, id, 1)?);
    let place = usize::try_from(column).ok().and_then(|n| n.checked_sub(1));
    Some(place.and_then(|p| columns.into_iter().nth(p)).unwrap_or_default())
}

fn comment(id: u32, catalog: &str) -> Option<String> {
    match (id, catalog) {
        (SCHEMA_PUBLIC, "pg_namespace") => Some("standard public schema".to_owned()),
        (DATABASE_POSTGRES, "pg_database") => Some("default administrative connection database".to_owned()),
        _ => None,
    }
}

fn comment_of(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Id, Text, Text, _>(call, args, |id, catalog| Ok(comment(id, catalog)))
}

fn nulls(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    Ok(new_null_array(&call.ret.form.arrow(), call.rows))
}

/// Bytes that a relation takes. Built-in relations are computed and take none; a key has no file of its own.
fn relation_bytes(call: &Call<'_>, id: u32) -> Result<Option<i64>> {
    if let Some(def) = table(call, id) {
        let bytes = call.statement.sizes.bytes(def.id)?;
        return Ok(Some(i64::try_from(bytes).unwrap_or(i64::MAX)));
    }
    let known = keyed(call, id, 1).is_some() || builtin::system_relation_by_oid(Oid(id)).is_some();
    Ok(known.then_some(0))
}

fn index_bytes(call: &Call<'_>, id: u32) -> Result<Option<i64>> {
    Ok(relation_bytes(call, id)?.map(|_| 0))
}

fn database_bytes(call: &Call<'_>) -> Result<i64> {
    let mut all = 0_u64;
    for def in call.statement.catalog.tables() {
        all = all.saturating_add(call.statement.sizes.bytes(def.id)?);
    }
    Ok(i64::try_from(all).unwrap_or(i64::MAX))
}

fn named_database_bytes(call: &Call<'_>, name: &str) -> Result<i64> {
    match name == call.statement.database {
        true => database_bytes(call),
        false => {
            let message = format!("database \"{name}\" does not exist");
            Err(Error::new(ErrorKind::UndefinedDatabase, message))
        }
    }
}

/// A cell of the built-in row that has an OID.
fn cell(relation: &'static Relation, id: u32, column: &str) -> Option<&'static str> {
    let (oid, place) = (relation.column("oid")?, relation.column(column)?);
    let wanted = id.to_string();
    let row = relation.rows.iter().find(|row| row.get(oid).is_some_and(|v| v.as_deref() == Some(&wanted)))?;
    row.get(place)?.as_deref()
}

/// Built-in objects of pg_catalog are visible; objects of kinds that cannot be made do not exist.
fn is_visible(relation: &str, id: u32, namespace: &str) -> Option<bool> {
    let relation = builtin::relation(relation)?;
    cell(relation, id, namespace).map(|namespace| namespace == "11")
}

/// A list in the text form of an array without quotes that matter here.
fn items(text: Option<&'static str>) -> Vec<&'static str> {
    let Some(text) = text else { return Vec::new() };
    let inner = text.trim_matches(|c| c == '{' || c == '}');
    if inner.is_empty() { Vec::new() } else { inner.split(',').map(|i| i.trim_matches('"')).collect() }
}

fn type_name(id: &str) -> String {
    format_type(id.parse().unwrap_or(0), None)
}

/// Arguments as CREATE FUNCTION names them. The text of defaults is not kept.
fn arguments(id: u32) -> Result<Option<String>> {
    if builtin::proc(Oid(id)).is_some_and(|row| row.defaults > 0) {
        return Err(Error::unsupported("arguments with defaults of built-in functions are not shown"));
    }
    identity_arguments(id)
}

/// Arguments without their defaults.
fn identity_arguments(id: u32) -> Result<Option<String>> {
    let Some(row) = builtin::proc(Oid(id)) else { return Ok(None) };
    let Some(procs) = builtin::relation("pg_proc") else { return Ok(None) };
    let names = items(cell(procs, id, "proargnames"));
    let modes = items(cell(procs, id, "proargmodes"));
    let all = items(cell(procs, id, "proallargtypes"));
    let own: Vec<String> = row.args.iter().map(ToString::to_string).collect();
    let types: Vec<&str> = if all.is_empty() { own.iter().map(String::as_str).collect() } else { all };
    let mut shown = Vec::with_capacity(types.len());
    for (index, ty) in types.into_iter().enumerate() {
        let mode = match modes.get(index).copied() {
            Some("t") => continue,
            Some("o") => "OUT ",
            Some("b") => "INOUT ",
            Some("v") => "VARIADIC ",
            _ => "",
        };
        let name = names.get(index).filter(|n| !n.is_empty()).map(|n| format!("{} ", quote_ident(n)));
        shown.push(format!("{mode}{}{}", name.unwrap_or_default(), type_name(ty)));
    }
    Ok(Some(shown.join(", ")))
}

fn result(id: u32) -> Result<Option<String>> {
    let Some(row) = builtin::proc(Oid(id)) else { return Ok(None) };
    if row.kind == builtin::ProcKind::Procedure {
        return Ok(None);
    }
    let modes = builtin::relation("pg_proc").map(|procs| items(cell(procs, id, "proargmodes")));
    if modes.is_some_and(|modes| modes.contains(&"t")) {
        return Err(Error::unsupported("results of functions that return tables are not shown"));
    }
    let set = if row.returns_set { "SETOF " } else { "" };
    Ok(Some(format!("{set}{}", format_type(row.result.0, None))))
}

fn sql_body(id: u32) -> Result<Option<String>> {
    match builtin::proc(Oid(id)) {
        None => Ok(None),
        Some(_) => Err(Error::unsupported("bodies of built-in functions are not shown")),
    }
}

/// A relation as SQL text would name it: with its schema where the search path does not find it.
fn relation_name(call: &Call<'_>, id: u32) -> Option<String> {
    crate::names::relation(&call.statement.catalog, &call.statement.search_path, id)
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("pg_get_constraintdef", |c, a| map1::<Id, Text, _>(c, a, |id| Ok(constraint(c, id, false)))),
    ("pg_get_constraintdef_ext", |c, a| {
        map2::<Id, Bool, Text, _>(c, a, |id, pretty| Ok(constraint(c, id, pretty)))
    }),
    ("pg_get_indexdef", |c, a| map1::<Id, Text, _>(c, a, |id| Ok(index(c, id, false)))),
    ("pg_get_indexdef_ext", |c, a| {
        map3::<Id, Int4, Bool, Text, _>(c, a, |id, column, pretty| Ok(index_column(c, id, column, pretty)))
    }),
    ("pg_get_viewdef", |c, a| map1::<Id, Text, _>(c, a, |id| Ok(view_query(c, id)))),
    ("pg_get_viewdef_ext", |c, a| map2::<Id, Bool, Text, _>(c, a, |id, _| Ok(view_query(c, id)))),
    ("pg_get_viewdef_wrap", |c, a| map2::<Id, Int4, Text, _>(c, a, |id, _| Ok(view_query(c, id)))),
    ("pg_table_size", |c, a| map1::<Id, Int8, _>(c, a, |id| relation_bytes(c, id))),
    ("pg_total_relation_size", |c, a| map1::<Id, Int8, _>(c, a, |id| relation_bytes(c, id))),
    ("pg_indexes_size", |c, a| map1::<Id, Int8, _>(c, a, |id| index_bytes(c, id))),
    ("pg_database_size_name", |c, a| map1::<Text, Int8, _>(c, a, |name| named_database_bytes(c, name))),
    ("pg_relation_is_publishable", |c, a| {
        map1::<Id, Bool, _>(c, a, |id| {
            let known = keyed(c, id, 1).is_some() || builtin::system_relation_by_oid(Oid(id)).is_some();
            Ok(if table(c, id).is_some() { Some(true) } else { known.then_some(false) })
        })
    }),
    ("pg_get_statisticsobjdef_columns", nulls),
    ("pg_get_function_arguments", |c, a| map1::<Id, Text, _>(c, a, arguments)),
    ("pg_get_function_identity_arguments", |c, a| map1::<Id, Text, _>(c, a, identity_arguments)),
    ("pg_get_triggerdef", nulls),
    ("pg_get_triggerdef_ext", nulls),
    ("pg_get_function_result", |c, a| map1::<Id, Text, _>(c, a, result)),
    ("pg_operator_is_visible", |c, a| {
        map1::<Id, Bool, _>(c, a, |id| Ok(is_visible("pg_operator", id, "oprnamespace")))
    }),
    ("pg_opclass_is_visible", |c, a| {
        map1::<Id, Bool, _>(c, a, |id| Ok(is_visible("pg_opclass", id, "opcnamespace")))
    }),
    ("pg_opfamily_is_visible", |c, a| {
        map1::<Id, Bool, _>(c, a, |id| Ok(is_visible("pg_opfamily", id, "opfnamespace")))
    }),
    ("pg_collation_is_visible", |c, a| {
        map1::<Id, Bool, _>(c, a, |id| Ok(is_visible("pg_collation", id, "collnamespace")))
    }),
    ("pg_statistics_obj_is_visible", nulls),
    ("pg_conversion_is_visible", nulls),
    ("pg_ts_config_is_visible", nulls),
    ("pg_ts_dict_is_visible", nulls),
    ("pg_ts_parser_is_visible", nulls),
    ("pg_ts_template_is_visible", nulls),
    ("pg_get_function_sqlbody", |c, a| map1::<Id, Text, _>(c, a, sql_body)),
    ("pg_tablespace_location", |c, a| map1::<Id, Text, _>(c, a, |_| Ok(String::new()))),
];

/// Functions that pg_proc has in SQL: comments and the size of a relation.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    (1215, comment_of),
    (1216, nulls),
    (1348, nulls),
    (1993, comment_of),
    (2325, |c, a| map1::<Id, Int8, _>(c, a, |id| relation_bytes(c, id))),
];
