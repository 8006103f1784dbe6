//! Functions that describe objects of the catalog in words: definitions of indexes and constraints, comments,
//! sizes.
//!
//! Must not know sessions. Invariants: an object that does not exist has a null description; what exists and cannot
//! be described is refused.

use crate::engine::DATABASE_OID;
use crate::kernel::call::{Arg, Call, Run, map1, map2, map3};
use crate::kernel::quoting::quote_ident;
use crate::kernel::system::table;
use crate::kernel::updatable;
use crate::kernel::value::{Bool, Id, Int2, Int4, Int8, Text};
use crate::system::key_text;
use arrow::array::{ArrayRef, new_null_array};
use base::id::{ColumnId, Oid};
use base::{Error, ErrorKind, Result};
use catalog::builtin::{self, Relation};
use catalog::{
    CatalogState, CommentKey, ForeignKeyAction, ForeignKeyDef, PG_CLASS, PG_CONSTRAINT, PG_DATABASE,
    PG_NAMESPACE, PG_PROC, PG_TYPE, TableDef,
};
use std::collections::HashMap;
use std::sync::OnceLock;
use types::user_type::FIRST;

/// What an index keeps unique.
struct Keyed<'c> {
    table: &'c TableDef,
    name: &'c str,
    columns: &'c [ColumnId],
}

/// What the index of an OID keeps unique.
fn keyed<'c>(call: &Call<'c>, index: u32) -> Option<Keyed<'c>> {
    call.statement.catalog.tables().find_map(|table| {
        if table.has_primary_key() && table.oid.0.saturating_add(1) == index {
            return Some(Keyed { table, name: &table.primary_key_name, columns: &table.primary_key });
        }
        let unique = table.unique.iter().find(|unique| unique.oid == Oid(index))?;
        Some(Keyed { table, name: &unique.name, columns: &unique.columns })
    })
}

impl Keyed<'_> {
    fn column_names(&self) -> Vec<String> {
        let columns = self.columns.iter().filter_map(|id| self.table.column(*id));
        columns.map(|c| quote_ident(&c.name)).collect()
    }
}

fn constraint(call: &Call<'_>, id: u32, pretty: bool) -> Option<String> {
    // A constraint has the OID behind its index.
    if let Some(keyed) = id.checked_sub(1).and_then(|index| keyed(call, index)) {
        let primary = keyed.table.oid.0.saturating_add(2) == id;
        let alone = keyed.table.unique.iter().any(|u| u.constraint_oid() == Oid(id) && !u.constraint);
        let kind = if primary { "PRIMARY KEY" } else { "UNIQUE" };
        return (!alone).then(|| format!("{kind} ({})", keyed.column_names().join(", ")));
    }
    let mut keys = call.statement.catalog.tables().flat_map(|t| t.foreign_keys.iter().map(move |k| (t, k)));
    if let Some((table, key)) = keys.find(|(_, key)| key.oid == Oid(id)) {
        return foreign_key(call, table, key);
    }
    let mut checks = call.statement.catalog.tables().flat_map(|t| &t.checks);
    let Some(check) = checks.find(|check| check.oid == Oid(id)) else {
        if let Some(check) = domain_check(call, id, pretty) {
            return Some(check);
        }
        return definition(id, if pretty { "pretty" } else { "definition" });
    };
    let text = named_relations(call, &check.text);
    let text = if pretty { text } else { crate::system::in_parentheses(&text) };
    Some(format!("CHECK ({text})"))
}

/// A check of a domain, which calls the value VALUE.
fn domain_check(call: &Call<'_>, id: u32, pretty: bool) -> Option<String> {
    let domains = call.statement.catalog.types().filter_map(|def| def.domain());
    let check = domains.flat_map(|domain| &domain.checks).find(|check| check.oid == Oid(id))?;
    let text = sql::parse::with_value_in_capitals(&named_relations(call, &check.text));
    let text = if pretty { text } else { crate::system::in_parentheses(&text) };
    Some(format!("CHECK ({text}){}", if check.validated { "" } else { " NOT VALID" }))
}

fn foreign_key(call: &Call<'_>, table: &TableDef, key: &ForeignKeyDef) -> Option<String> {
    let parent = call.statement.catalog.table(key.table)?;
    let listed = |table: &TableDef, columns: &[ColumnId]| {
        let columns = columns.iter().filter_map(|id| table.column(*id));
        columns.map(|column| quote_ident(&column.name)).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "FOREIGN KEY ({}) REFERENCES {}({})",
        listed(table, &key.columns),
        relation_name(call, parent.oid.0)?,
        listed(parent, &key.referenced)
    );
    if key.full {
        text.push_str(" MATCH FULL");
    }
    for (event, action) in [("UPDATE", key.on_update), ("DELETE", key.on_delete)] {
        let action = match action {
            ForeignKeyAction::NoAction => continue,
            ForeignKeyAction::Restrict => "RESTRICT",
            ForeignKeyAction::Cascade => "CASCADE",
            ForeignKeyAction::SetNull => "SET NULL",
            ForeignKeyAction::SetDefault => "SET DEFAULT",
        };
        text.push_str(&format!(" ON {event} {action}"));
    }
    if !key.set_columns.is_empty() {
        text.push_str(&format!(" ({})", listed(table, &key.set_columns)));
    }
    Some(text)
}

/// A built-in constraint or index as SQL.
fn definition(id: u32, column: &str) -> Option<String> {
    cell(builtin::relation("definitions")?, id, column).map(str::to_owned)
}

/// The text of an expression with relations and types by their names instead of their OIDs.
pub(crate) fn named_relations(call: &Call<'_>, text: &str) -> String {
    named_objects(&call.statement.catalog, &call.statement.search_path, text)
}

/// The same as a search path has it.
pub(crate) fn named_objects(catalog: &CatalogState, path: &[String], text: &str) -> String {
    let name = |id: u32| object_name(catalog, path, id);
    let text: String = catalog::view_pieces(text)
        .map(|(text, object)| match object {
            Some(object) => text.to_owned() + &name(object.0).unwrap_or_else(|| object.to_string()),
            None => text.to_owned(),
        })
        .collect();
    with_names(&text, name)
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
    let Some(keyed) = keyed(call, id) else {
        return definition(id, if pretty { "pretty" } else { "definition" });
    };
    let visible = crate::kernel::system::table_is_visible(call, keyed.table.oid.0) == Some(true);
    let schema = match pretty && visible {
        true => String::new(),
        false => {
            let schema = call.statement.catalog.schema(keyed.table.schema);
            format!("{}.", schema.map_or_else(|| "public".to_owned(), |s| quote_ident(&s.name)))
        }
    };
    Some(format!(
        "CREATE UNIQUE INDEX {} ON {schema}{} USING btree ({})",
        quote_ident(keyed.name),
        quote_ident(&keyed.table.name),
        keyed.column_names().join(", ")
    ))
}

/// One column of an index, counted from 1; all of it for 0.
fn index_column(call: &Call<'_>, id: u32, column: i32, pretty: bool) -> Option<String> {
    if column == 0 {
        return index(call, id, pretty);
    }
    let columns = match keyed(call, id) {
        Some(keyed) => keyed.column_names(),
        None => {
            let text = definition(id, "definition")?;
            let list = text.rsplit_once('(')?.1.trim_end_matches(')');
            list.split(", ").map(str::to_owned).collect()
        }
    };
    let place = usize::try_from(column).ok().and_then(|n| n.checked_sub(1));
    Some(place.and_then(|p| columns.into_iter().nth(p)).unwrap_or_default())
}

/// The comment on a built-in object, by the relation that lists it; any relation's without one.
fn comment(id: u32, catalog: Option<&str>) -> Option<String> {
    static COMMENTS: OnceLock<HashMap<u32, Vec<(u32, &'static str)>>> = OnceLock::new();
    let comments = COMMENTS.get_or_init(|| {
        let mut comments: HashMap<u32, Vec<(u32, &'static str)>> = HashMap::new();
        for name in ["pg_description", "pg_shdescription"] {
            let Some(relation) = builtin::relation(name) else { continue };
            let places = ["objoid", "classoid", "description"].map(|column| relation.column(column));
            let [Some(id), Some(class), Some(text)] = places else { continue };
            for row in &relation.rows {
                let cell = |place: usize| row.get(place).and_then(|v| v.as_deref()).unwrap_or_default();
                let number = |place: usize| cell(place).parse().unwrap_or(0);
                comments.entry(number(id)).or_default().push((number(class), cell(text)));
            }
        }
        comments
    });
    let class = match catalog {
        Some(name) => Some(builtin::system_relation("pg_catalog", name)?.oid.0),
        None => None,
    };
    let own = comments.get(&id)?;
    let found = own.iter().find(|(of, _)| class.is_none_or(|class| class == *of));
    found.map(|(_, text)| (*text).to_owned())
}

fn comment_of(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Id, Text, Text, _>(call, args, |id, catalog| {
        let class = match catalog {
            "pg_class" => Some(PG_CLASS),
            "pg_constraint" => Some(PG_CONSTRAINT),
            "pg_database" => Some(PG_DATABASE),
            "pg_namespace" => Some(PG_NAMESPACE),
            "pg_proc" => Some(PG_PROC),
            "pg_type" => Some(PG_TYPE),
            _ => None,
        };
        let key = class.map(|class| CommentKey::of(class, Oid(id)));
        Ok(match key.and_then(|key| call.statement.catalog.comment(&key)) {
            Some(text) => Some(text.to_owned()).filter(|text| !text.is_empty()),
            None => comment(id, Some(catalog)),
        })
    })
}

/// Whatever relation of pg_catalog holds the object.
fn any_comment_of(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Id, Text, _>(call, args, |id| {
        let mut comments = call.statement.catalog.comments();
        let own = |key: &CommentKey| key.object == Oid(id) && key.column == ColumnId(0);
        let found = comments.find(|(key, _)| own(key) && key.class != PG_DATABASE);
        Ok(match found {
            Some((_, text)) => Some(text.to_owned()).filter(|text| !text.is_empty()),
            None => comment(id, None),
        })
    })
}

fn column_comment(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Id, Int4, Text, _>(call, args, |id, number| {
        let Some(number) = u32::try_from(number).ok().filter(|number| *number > 0) else { return Ok(None) };
        let key = CommentKey { class: PG_CLASS, object: Oid(id), column: ColumnId(number) };
        Ok(call.statement.catalog.comment(&key).map(ToOwned::to_owned))
    })
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
    let state = &call.statement.catalog;
    Ok(crate::names::is_visible(state, &call.statement.search_path, id).map(|_| 0))
}

fn index_bytes(call: &Call<'_>, id: u32) -> Result<Option<i64>> {
    Ok(relation_bytes(call, id)?.map(|_| 0))
}

pub(crate) fn database_bytes(call: &Call<'_>) -> Result<i64> {
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

/// Only the main fork has bytes.
fn fork_bytes(call: &Call<'_>, id: u32, fork: &str) -> Result<Option<i64>> {
    match fork {
        "main" => relation_bytes(call, id),
        "fsm" | "vm" | "init" => Ok(relation_bytes(call, id)?.map(|_| 0)),
        _ => {
            let error = Error::new(ErrorKind::InvalidParameterValue, "invalid fork name");
            Err(error.with_hint("Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\"."))
        }
    }
}

/// pg_class.relfilenode of what has one.
fn file_node(call: &Call<'_>, id: u32) -> Option<u32> {
    let is_sequence = || call.statement.catalog.sequences().any(|s| s.oid == Oid(id));
    let own = table(call, id).is_some() || keyed(call, id).is_some() || is_sequence();
    own.then_some(id)
}

/// What an access method of indexes can do; null for what is no property, no method or none of indexes.
fn method_property(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Id, Text, Bool, _>(call, args, |id, property| {
        let methods = builtin::relation("pg_am");
        let name = methods.and_then(|methods| cell(methods, id, "amname"));
        let property = property.to_ascii_lowercase();
        Ok(match (name, property.as_str()) {
            (Some("heap") | None, _) => None,
            (Some(method), "can_order" | "can_unique") => Some(method == "btree"),
            (Some(method), "can_multi_col") => Some(matches!(method, "btree" | "gist" | "gin" | "brin")),
            (Some(method), "can_exclude") => Some(matches!(method, "btree" | "gist" | "spgist" | "hash")),
            (Some(method), "can_include") => Some(matches!(method, "btree" | "gist" | "spgist")),
            _ => None,
        })
    })
}

/// A cell of the built-in row that has an OID.
pub(crate) fn cell(relation: &'static Relation, id: u32, column: &str) -> Option<&'static str> {
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

/// A relation as SQL text would name it: with its schema where the search path does not find it.
pub(crate) fn relation_name(call: &Call<'_>, id: u32) -> Option<String> {
    object_name(&call.statement.catalog, &call.statement.search_path, id)
}

fn object_name(catalog: &CatalogState, path: &[String], id: u32) -> Option<String> {
    match Oid(id) {
        ty if ty >= FIRST => crate::names::user_type(catalog, path, ty),
        oid if let Some(function) = catalog.function(oid) => {
            Some(crate::names::user_function(catalog, path, function))
        }
        _ => crate::names::relation(catalog, path, id),
    }
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
    ("pg_table_size", |c, a| map1::<Id, Int8, _>(c, a, |id| relation_bytes(c, id))),
    ("pg_total_relation_size", |c, a| map1::<Id, Int8, _>(c, a, |id| relation_bytes(c, id))),
    ("pg_indexes_size", |c, a| map1::<Id, Int8, _>(c, a, |id| index_bytes(c, id))),
    ("pg_database_size_name", |c, a| map1::<Text, Int8, _>(c, a, |name| named_database_bytes(c, name))),
    ("pg_relation_is_publishable", |c, a| {
        map1::<Id, Bool, _>(c, a, |id| {
            let known = keyed(c, id).is_some() || builtin::system_relation_by_oid(Oid(id)).is_some();
            Ok(if table(c, id).is_some() { Some(true) } else { known.then_some(false) })
        })
    }),
    ("pg_get_statisticsobjdef_columns", nulls),
    ("pg_get_partkeydef", |c, a| {
        map1::<Id, Text, _>(c, a, |id| Ok(table(c, id).and_then(|def| key_text(def))))
    }),
    ("pg_relation_is_updatable", |c, a| {
        map2::<Id, Bool, Int4, _>(c, a, |id, _| Ok(updatable::events(c, id)))
    }),
    ("pg_column_is_updatable", |c, a| {
        map3::<Id, Int2, Bool, Bool, _>(c, a, |id, column, _| {
            Ok(updatable::is_column_updatable(c, id, column))
        })
    }),
    ("pg_relation_filenode", |c, a| map1::<Id, Id, _>(c, a, |id| Ok(file_node(c, id)))),
    ("pg_relation_size", |c, a| map2::<Id, Text, Int8, _>(c, a, |id, fork| fork_bytes(c, id, fork))),
    ("pg_database_size_oid", |c, a| {
        map1::<Id, Int8, _>(c, a, |id| match Oid(id) == DATABASE_OID {
            true => database_bytes(c).map(Some),
            false => Ok(None),
        })
    }),
    ("pg_indexam_has_property", method_property),
    ("pg_get_triggerdef", nulls),
    ("pg_get_triggerdef_ext", nulls),
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
    ("pg_tablespace_location", |c, a| map1::<Id, Text, _>(c, a, |_| Ok(String::new()))),
];

/// Functions that pg_proc has in SQL: comments and the size of a relation.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    (1215, comment_of),
    (1216, column_comment),
    (1348, any_comment_of),
    (1993, comment_of),
    (2325, |c, a| map1::<Id, Int8, _>(c, a, |id| relation_bytes(c, id))),
];
