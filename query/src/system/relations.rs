//! Schemas, tables, keys: pg_namespace, pg_class, pg_index, pg_constraint.
//!
//! Invariant: a key's index has the OID behind its table's, its constraint the one behind that; so has a constraint of
//! other unique columns the one behind its index.

use crate::system::builtin::SystemCatalog;
use crate::system::table::{SystemTable, Value, array, flag, value, vector, word};
use crate::system::user_types;
use base::id::{ColumnId, Oid};
use catalog::builtin::{relation, system_relations};
use catalog::{ForeignKeyAction, ForeignKeyDef, PG_DATABASE, TableDef};
use sql::binder::is_temporary;
use types::sql_type::{is_vector, oid};
use types::user_type::UserKind;
use types::{Form, SqlType};

/// pg_authid.oid of the role that owns everything.
pub(super) const OWNER: Oid = Oid(10);
pub(super) const OWNER_NAME: &str = "postgres";
/// pg_am.oid of heap and btree, which clients know how to show.
const HEAP: Oid = Oid(2);
const BTREE: Oid = Oid(403);
/// The schema of our own relations, and its OID, which is neither PostgreSQL's nor a user's.
pub(super) const NYALA: &str = "nyala";
const NYALA_OID: Oid = Oid(16_001);
/// The schema `public` that a database begins with, and the role that it belongs to.
const PUBLIC_OID: Oid = Oid(2_200);
const DATABASE_OWNER: Oid = Oid(6_171);

pub(super) fn index_oid(table: &TableDef) -> Oid {
    Oid(table.oid.0.saturating_add(1))
}

pub(super) fn constraint_oid(table: &TableDef) -> Oid {
    Oid(table.oid.0.saturating_add(2))
}

/// OID of a table's schema.
pub(super) fn schema_oid(catalog: &SystemCatalog, table: &TableDef) -> Oid {
    catalog.state.schema(table.schema).map_or(Oid(0), |s| s.oid)
}

pub(super) fn schema_name(catalog: &SystemCatalog, table: &TableDef) -> String {
    catalog.state.schema(table.schema).map(|s| s.name.clone()).unwrap_or_default()
}

/// attnum of the key's columns.
pub(super) fn key_numbers(table: &TableDef) -> Vec<u32> {
    table.primary_key.iter().map(|id| id.0).collect()
}

pub(super) fn namespaces(catalog: &SystemCatalog, out: &mut SystemTable) {
    out.row(&[("oid", value(NYALA_OID)), ("nspname", word(NYALA)), ("nspowner", value(OWNER))]);
    for schema in catalog.state.schemas() {
        if schema.oid == PUBLIC_OID {
            // As every database begins: it belongs to whoever owns the database.
            out.row(&[
                ("oid", value(schema.oid)),
                ("nspname", value(&schema.name)),
                ("nspowner", value(DATABASE_OWNER)),
                ("nspacl", word("{pg_database_owner=UC/pg_database_owner,=U/pg_database_owner}")),
            ]);
            continue;
        }
        out.row(&[("oid", value(schema.oid)), ("nspname", value(&schema.name)), ("nspowner", value(OWNER))]);
    }
}

/// Comments on what belongs to the database.
pub(super) fn descriptions(catalog: &SystemCatalog, out: &mut SystemTable) {
    for (key, text) in
        catalog.state.comments().filter(|(key, text)| key.class != PG_DATABASE && !text.is_empty())
    {
        out.row(&[
            ("objoid", value(key.object)),
            ("classoid", value(key.class)),
            ("objsubid", value(key.column.0)),
            ("description", value(text)),
        ]);
    }
}

/// Comments on databases.
pub(super) fn shared_descriptions(catalog: &SystemCatalog, out: &mut SystemTable) {
    for (key, text) in
        catalog.state.comments().filter(|(key, text)| key.class == PG_DATABASE && !text.is_empty())
    {
        out.row(&[
            ("objoid", value(key.object)),
            ("classoid", value(key.class)),
            ("description", value(text)),
        ]);
    }
}

pub(super) fn classes(catalog: &SystemCatalog, out: &mut SystemTable) {
    for relation in system_relations().iter().filter(|r| r.schema == NYALA) {
        out.row(&[
            ("oid", value(relation.oid)),
            ("relname", word(relation.name)),
            ("relnamespace", value(NYALA_OID)),
            ("relowner", value(OWNER)),
            ("relkind", value(relation.kind)),
            ("relnatts", value(relation.columns.len())),
            ("relpersistence", word("p")),
            ("relispopulated", flag(true)),
            ("reltuples", word("-1")),
            ("relreplident", word("n")),
        ]);
    }
    for table in catalog.state.tables() {
        let namespace = schema_oid(catalog, table);
        let view = catalog.state.materialized_view(table.id);
        let temporary = is_temporary(&schema_name(catalog, table));
        let shared: [(&str, Value); 5] = [
            ("relnamespace", value(namespace)),
            ("relowner", value(OWNER)),
            ("relpersistence", word(if temporary { "t" } else { "p" })),
            ("relispopulated", flag(view.is_none_or(|view| view.populated))),
            ("reltuples", word("-1")),
        ];
        let mut row = vec![
            ("oid", value(table.oid)),
            ("relname", value(&table.name)),
            ("reltype", value(UserKind::TableRow.oid(table.oid.0).unwrap_or(Oid(0)))),
            ("relfilenode", value(table.oid)),
            ("relam", value(HEAP)),
            ("relkind", word(if view.is_some() { "m" } else { "r" })),
            ("relhasrules", flag(view.is_some())),
            ("relnatts", value(table.next_column.0.saturating_sub(1))),
            ("relhasindex", flag(table.has_primary_key() || !table.unique.is_empty())),
            ("relchecks", value(table.checks.len())),
            ("relhastriggers", flag(has_triggers(catalog, table))),
            ("relreplident", word("d")),
            ("reloptions", super::storage::options(table)),
        ];
        row.extend(shared.clone());
        out.row(&row);
        if table.has_primary_key() {
            let mut row = vec![
                ("oid", value(index_oid(table))),
                ("relname", value(&table.primary_key_name)),
                ("relfilenode", value(index_oid(table))),
                ("relam", value(BTREE)),
                ("relkind", word("i")),
                ("relnatts", value(table.primary_key.len())),
                ("relreplident", word("n")),
            ];
            row.extend(shared.clone());
            out.row(&row);
        }
        for unique in &table.unique {
            let mut row = vec![
                ("oid", value(unique.oid)),
                ("relname", value(&unique.name)),
                ("relfilenode", value(unique.oid)),
                ("relam", value(BTREE)),
                ("relkind", word("i")),
                ("relnatts", value(unique.columns.len())),
                ("relreplident", word("n")),
            ];
            row.extend(shared.clone());
            out.row(&row);
        }
    }
}

pub(super) fn sequence_classes(catalog: &SystemCatalog, out: &mut SystemTable) {
    for sequence in catalog.state.sequences() {
        let schema = catalog.state.schema(sequence.schema).map_or(Oid(0), |s| s.oid);
        out.row(&[
            ("oid", value(sequence.oid)),
            ("relname", value(&sequence.name)),
            ("relnamespace", value(schema)),
            ("relowner", value(OWNER)),
            ("relfilenode", value(sequence.oid)),
            ("relpages", word("1")),
            ("reltuples", word("1")),
            ("relkind", word("S")),
            ("relnatts", word("3")),
            ("relpersistence", word("p")),
            ("relispopulated", flag(true)),
            ("relreplident", word("n")),
        ]);
    }
}

pub(super) fn indexes(catalog: &SystemCatalog, out: &mut SystemTable) {
    for table in catalog.state.tables() {
        if table.has_primary_key() {
            index(table, index_oid(table), &table.primary_key, true, out);
        }
        for unique in &table.unique {
            index(table, unique.oid, &unique.columns, false, out);
        }
    }
}

fn index(table: &TableDef, oid: Oid, columns: &[ColumnId], primary: bool, out: &mut SystemTable) {
    let key: Vec<_> = columns.iter().filter_map(|id| table.column(*id)).collect();
    out.row(&[
        ("indexrelid", value(oid)),
        ("indrelid", value(table.oid)),
        ("indnatts", value(key.len())),
        ("indnkeyatts", value(key.len())),
        ("indisunique", flag(true)),
        ("indisprimary", flag(primary)),
        ("indimmediate", flag(true)),
        ("indisvalid", flag(true)),
        ("indisready", flag(true)),
        ("indislive", flag(true)),
        ("indkey", vector(columns.iter().map(|id| id.0))),
        ("indcollation", vector(key.iter().map(|c| super::attributes::collation(c.ty.oid)))),
        ("indclass", vector(key.iter().map(|c| operator_class(&c.ty)))),
        ("indoption", vector(key.iter().map(|_| 0))),
    ]);
}

/// The default btree operator class of a type; 0 when there is none.
fn operator_class(ty: &SqlType) -> String {
    let Some(classes) = relation("pg_opclass") else { return "0".to_owned() };
    let place = |name: &str| classes.column(name).unwrap_or(usize::MAX);
    let (oid, method, input, default) =
        (place("oid"), place("opcmethod"), place("opcintype"), place("opcdefault"));
    let wanted = match &ty.form {
        Form::Enum => oid::ANYENUM,
        Form::Array(_) if !is_vector(ty.oid) => oid::ANYARRAY,
        Form::Row(_) => oid::RECORD,
        _ if ty.oid == oid::VARCHAR => oid::TEXT,
        _ => ty.oid,
    };
    let wanted = wanted.to_string();
    let is = |row: &[Value], place: usize, expected: &str| {
        row.get(place).is_some_and(|v| v.as_deref() == Some(expected))
    };
    classes
        .rows
        .iter()
        .find(|row| is(row, method, &BTREE.to_string()) && is(row, input, &wanted) && is(row, default, "t"))
        .and_then(|row| row.get(oid).cloned().flatten())
        .map_or_else(|| "0".to_owned(), |v| v.into_owned())
}

pub(super) fn constraints(catalog: &SystemCatalog, out: &mut SystemTable) {
    for table in catalog.state.tables().filter(|t| t.has_primary_key()) {
        out.row(&[
            ("oid", value(constraint_oid(table))),
            ("conname", value(&table.primary_key_name)),
            ("connamespace", value(schema_oid(catalog, table))),
            ("contype", word("p")),
            ("convalidated", flag(true)),
            ("conrelid", value(table.oid)),
            ("conindid", value(index_oid(table))),
            ("confupdtype", word(" ")),
            ("confdeltype", word(" ")),
            ("confmatchtype", word(" ")),
            ("conislocal", flag(true)),
            ("connoinherit", flag(true)),
            ("conkey", array(key_numbers(table))),
        ]);
    }
    user_types::constraints(catalog, out);
    for table in catalog.state.tables() {
        for unique in table.unique.iter().filter(|unique| unique.constraint) {
            out.row(&[
                ("oid", value(unique.constraint_oid())),
                ("conname", value(&unique.name)),
                ("connamespace", value(schema_oid(catalog, table))),
                ("contype", word("u")),
                ("convalidated", flag(true)),
                ("conrelid", value(table.oid)),
                ("conindid", value(unique.oid)),
                ("confupdtype", word(" ")),
                ("confdeltype", word(" ")),
                ("confmatchtype", word(" ")),
                ("conislocal", flag(true)),
                ("connoinherit", flag(true)),
                ("conkey", array(unique.columns.iter().map(|id| id.0))),
            ]);
        }
        for key in &table.foreign_keys {
            foreign_key(catalog, table, key, out);
        }
        for check in &table.checks {
            let columns = check.columns.iter().map(|id| id.0);
            out.row(&[
                ("oid", value(check.oid)),
                ("conname", value(&check.name)),
                ("connamespace", value(schema_oid(catalog, table))),
                ("contype", word("c")),
                ("convalidated", flag(true)),
                ("conrelid", value(table.oid)),
                ("confupdtype", word(" ")),
                ("confdeltype", word(" ")),
                ("confmatchtype", word(" ")),
                ("conislocal", flag(true)),
                ("conkey", array(columns)),
                ("conbin", value(&check.text)),
            ]);
        }
    }
}

/// Whether the table has a foreign key or is referred to, for which PostgreSQL has triggers.
fn has_triggers(catalog: &SystemCatalog, table: &TableDef) -> bool {
    !table.foreign_keys.is_empty() || catalog.state.references_to(table.id).next().is_some()
}

fn foreign_key(catalog: &SystemCatalog, table: &TableDef, key: &ForeignKeyDef, out: &mut SystemTable) {
    let Some(parent) = catalog.state.table(key.table) else { return };
    let ty = |table: &TableDef, id: &ColumnId| table.column(*id).map_or(Oid(0), |column| column.ty.oid);
    let pairs = || key.columns.iter().zip(&key.referenced);
    let own = |(id, _): (&ColumnId, &ColumnId)| ty(table, id);
    let theirs = |(_, id): (&ColumnId, &ColumnId)| ty(parent, id);
    let set = if key.set_columns.is_empty() { None } else { array(key.set_columns.iter().map(|id| id.0)) };
    out.row(&[
        ("oid", value(key.oid)),
        ("conname", value(&key.name)),
        ("connamespace", value(schema_oid(catalog, table))),
        ("contype", word("f")),
        ("convalidated", flag(true)),
        ("conrelid", value(table.oid)),
        ("conindid", value(parent.key_of(&key.referenced).map_or(Oid(0), |key| key.index))),
        ("confrelid", value(parent.oid)),
        ("confupdtype", word(action_letter(key.on_update))),
        ("confdeltype", word(action_letter(key.on_delete))),
        ("confmatchtype", word(if key.full { "f" } else { "s" })),
        ("conislocal", flag(true)),
        ("connoinherit", flag(true)),
        ("conkey", array(key.columns.iter().map(|id| id.0))),
        ("confkey", array(key.referenced.iter().map(|id| id.0))),
        ("conpfeqop", array(pairs().map(|pair| equality(theirs(pair), own(pair))))),
        ("conppeqop", array(pairs().map(|pair| equality(theirs(pair), theirs(pair))))),
        ("conffeqop", array(pairs().map(|pair| equality(own(pair), own(pair))))),
        ("confdelsetcols", set),
    ]);
}

fn action_letter(action: ForeignKeyAction) -> &'static str {
    match action {
        ForeignKeyAction::NoAction => "a",
        ForeignKeyAction::Restrict => "r",
        ForeignKeyAction::Cascade => "c",
        ForeignKeyAction::SetNull => "n",
        ForeignKeyAction::SetDefault => "d",
    }
}

/// The operator that tells whether values of two types are the same; 0 when there is none of these very types.
fn equality(left: Oid, right: Oid) -> String {
    use types::sql_type::oid;
    // varchar is compared as text.
    let compared = |ty: Oid| if ty == oid::VARCHAR { oid::TEXT } else { ty }.to_string();
    let Some(operators) = relation("pg_operator") else { return "0".to_owned() };
    let place = |name: &str| operators.column(name).unwrap_or(usize::MAX);
    let (id, name, of_left, of_right) = (place("oid"), place("oprname"), place("oprleft"), place("oprright"));
    let is = |row: &[Value], place: usize, expected: &str| {
        row.get(place).is_some_and(|v| v.as_deref() == Some(expected))
    };
    let (left, right) = (compared(left), compared(right));
    let found = operators
        .rows
        .iter()
        .find(|row| is(row, name, "=") && is(row, of_left, &left) && is(row, of_right, &right));
    found.and_then(|row| row.get(id).cloned().flatten()).map_or_else(|| "0".to_owned(), |v| v.into_owned())
}

/// What foreign keys need: the index of the key that they refer to, which belongs to its constraint.
pub(super) fn dependencies(catalog: &SystemCatalog, out: &mut SystemTable) {
    let (classes, constraints) = (catalog::PG_CLASS, catalog::PG_CONSTRAINT);
    for table in catalog.state.tables() {
        let primary = table.has_primary_key().then(|| (index_oid(table), constraint_oid(table)));
        let unique = table.unique.iter().filter(|unique| unique.constraint);
        let unique = unique.map(|unique| (unique.oid, unique.constraint_oid()));
        for (index, constraint) in primary.into_iter().chain(unique) {
            out.row(&[
                ("classid", value(classes)),
                ("objid", value(index)),
                ("refclassid", value(constraints)),
                ("refobjid", value(constraint)),
                ("deptype", word("i")),
            ]);
        }
        for key in &table.foreign_keys {
            let index = catalog.state.table(key.table).and_then(|parent| parent.key_of(&key.referenced));
            let Some(index) = index else { continue };
            out.row(&[
                ("classid", value(constraints)),
                ("objid", value(key.oid)),
                ("refclassid", value(classes)),
                ("refobjid", value(index.index)),
                ("deptype", word("n")),
            ]);
        }
    }
}
