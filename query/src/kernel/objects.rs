//! Objects of the catalog by their names: to_regclass() and its like.
//!
//! Invariant: a name without schema is looked for in pg_catalog, then along the search path.

use crate::kernel::call::{Arg, Call, Run, map1};
use crate::kernel::quoting::parse_ident;
use crate::kernel::system::BOOTSTRAP_ROLE;
use crate::kernel::value::{Id, Text};
use arrow::array::ArrayRef;
use base::Result;
use catalog::{TableDef, builtin};

/// The table that a name's parts mean.
pub(crate) fn table_of<'c>(call: &Call<'c>, parts: &[String]) -> Option<&'c TableDef> {
    let catalog = &call.statement.catalog;
    let within = |schema: &str, name: &str| {
        let schema = catalog.schema_named(schema)?;
        catalog.table_named(schema.id, name).map(AsRef::as_ref)
    };
    match without_database(call, parts)? {
        [name] => call.statement.search_path.iter().find_map(|schema| within(schema, name)),
        [schema, name] => within(schema, name),
        _ => None,
    }
}

/// A name without that of the database, which must be this one.
fn without_database<'p>(call: &Call<'_>, parts: &'p [String]) -> Option<&'p [String]> {
    match parts {
        [database, _, _] if *database == call.statement.database => parts.get(1..),
        [_, _, _] => None,
        parts => Some(parts),
    }
}

/// The OID of the relation that a name's parts mean: a table, the index of a primary key, or a built-in one.
pub(crate) fn relation(call: &Call<'_>, parts: &[String]) -> Option<u32> {
    let parts = without_database(call, parts)?;
    let (schema, name) = match parts {
        [name] => (None, name),
        [schema, name] => (Some(schema.as_str()), name),
        _ => return None,
    };
    let system = builtin::system_relation(schema.unwrap_or("pg_catalog"), name);
    if let Some(system) = system {
        return Some(system.oid.0);
    }
    if let Some(table) = table_of(call, parts) {
        return Some(table.oid.0);
    }
    let catalog = &call.statement.catalog;
    let searched: Vec<&str> = match schema {
        Some(schema) => vec![schema],
        None => call.statement.search_path.iter().map(String::as_str).collect(),
    };
    searched.into_iter().filter_map(|schema| catalog.schema_named(schema)).find_map(|schema| {
        let mut tables = catalog.tables().filter(|t| t.schema == schema.id && t.has_primary_key());
        tables.find(|t| t.primary_key_name == *name).map(|t| t.oid.0.saturating_add(1))
    })
}

/// The OID of a schema.
pub(crate) fn schema(call: &Call<'_>, name: &str) -> Option<u32> {
    if let Some(own) = call.statement.catalog.schema_named(name) {
        return Some(own.oid.0);
    }
    let relation = builtin::relation("pg_namespace")?;
    let (oid, place) = (relation.column("oid")?, relation.column("nspname")?);
    let row = relation.rows.iter().find(|row| row.get(place).is_some_and(|v| v.as_deref() == Some(name)))?;
    row.get(oid)?.as_deref()?.parse().ok()
}

/// Whether a name is that of the one role.
pub(crate) fn is_role(call: &Call<'_>, name: &str) -> bool {
    name == call.statement.user || name == "postgres"
}

fn named(
    call: &Call<'_>,
    args: &[Arg],
    find: impl Fn(&Call<'_>, &[String]) -> Option<u32>,
) -> Result<ArrayRef> {
    map1::<Text, Id, _>(call, args, |text| Ok(find(call, &parse_ident(text, true)?)))
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("to_regclass", |c, a| named(c, a, relation)),
    ("to_regnamespace", |c, a| {
        named(c, a, |call, parts| match parts {
            [name] => schema(call, name),
            _ => None,
        })
    }),
    ("to_regrole", |c, a| {
        named(c, a, |call, parts| match parts {
            [name] if is_role(call, name) => Some(BOOTSTRAP_ROLE),
            _ => None,
        })
    }),
];
