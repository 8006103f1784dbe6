//! Statements and what they are bound to, read from `cases.txt`: each statement, then one line with the compact bound
//! form behind `=` or the error behind `!`.

mod depth;
mod render;

use super::bind_statement;
use crate::binder::BindContext;
use crate::parse::parse;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId, TabletId};
use base::limits::STACK_BYTES;
use base::{Error, spawn};
use catalog::{CatalogEdit, CatalogState, ColumnDef, Partitioning, SchemaDef, TableDef, TabletDef};
use types::SqlType;
use types::sql_type::oid;

const CASES: &str = include_str!("cases.txt");

/// A table for the cases; `key` counts the leading columns of its primary key.
fn table(
    id: u64,
    schema: u64,
    name: &str,
    columns: &[(&str, SqlType, bool, Option<&str>)],
    key: u32,
) -> CatalogEdit {
    CatalogEdit::CreateTable(Box::new(TableDef {
        id: TableId(id),
        oid: Oid(16_000 + u32::try_from(id).unwrap() * 10),
        schema: SchemaId(schema),
        name: name.to_owned(),
        schema_version: SchemaVersion(1),
        columns: columns
            .iter()
            .zip(1..)
            .map(|((name, ty, not_null, default), id)| ColumnDef {
                id: ColumnId(id),
                name: (*name).to_owned(),
                ty: ty.clone(),
                not_null: *not_null,
                default: default.map(str::to_owned),
                kind: catalog::ColumnKind::Plain,
                missing: types::Datum::Null,
            })
            .collect(),
        next_column: ColumnId(u32::try_from(columns.len()).unwrap() + 1),
        primary_key: (1..=key).map(ColumnId).collect(),
        primary_key_name: if key > 0 { format!("{name}_pkey") } else { String::new() },
        partitioning: Partitioning::default(),
        tablets: vec![TabletDef { id: TabletId(id + 1), buckets: vec![], range: None }],
        options: catalog::TableOptions::default(),
        distinct: Vec::new(),
        checks: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
    }))
}

/// t (a integer key, b text not null default 'x', c numeric(5,2)), u (x, y without key) and s.v in a schema of its own.
pub(super) fn catalog() -> CatalogState {
    let of = |oid| SqlType::of(oid).unwrap();
    let numeric = SqlType::with_typmod(oid::NUMERIC, SqlType::numeric_typmod(5, 2)).unwrap();
    let mut state = CatalogState::initial();
    let schema = SchemaDef { id: SchemaId(2), oid: Oid(16_384), name: "s".to_owned() };
    let edits = [
        CatalogEdit::CreateSchema(schema),
        table(
            10,
            1,
            "t",
            &[
                ("a", of(oid::INT4), true, None),
                ("b", of(oid::TEXT), true, Some("'x'")),
                ("c", numeric, false, None),
            ],
            1,
        ),
        table(20, 1, "u", &[("x", of(oid::INT8), false, None), ("y", of(oid::DATE), false, None)], 0),
        table(30, 2, "v", &[("k", of(oid::INT4), true, None)], 1),
    ];
    for edit in &edits {
        state.apply(edit).unwrap();
    }
    state
}

/// The bound forms of all statements of a string, or the first error.
pub(super) fn outcome(sql: &str) -> String {
    let catalog = catalog();
    let search_path = ["public".to_owned()];
    let context = BindContext::new(sql, &catalog).with_search_path(&search_path);
    let bound: Result<Vec<String>, Error> = parse(sql).and_then(|statements| {
        statements
            .iter()
            .map(|statement| bind_statement(&context, statement).map(|b| render::binding(&b)))
            .collect()
    });
    match bound {
        Ok(rendered) => format!("= {}", rendered.join("; ")),
        Err(error) => format!("! {}", error_line(&error)),
    }
}

/// Kind, position, message, then detail and hint when there are any.
pub(super) fn error_line(error: &Error) -> String {
    let at = error.position().map_or_else(|| "-".to_owned(), |p| p.to_string());
    let mut line = format!("{:?} @{at} {}", error.kind(), error.message());
    if let Some(detail) = error.detail() {
        line.push_str(&format!(" | detail: {}", detail.replace('\n', " / ")));
    }
    if let Some(hint) = error.hint() {
        line.push_str(&format!(" | hint: {hint}"));
    }
    line
}

#[test]
fn statements_are_bound_or_refused_as_listed() {
    let failures = spawn::big_stack_thread("cases", STACK_BYTES, || {
        let mut failures = Vec::new();
        let mut lines = CASES.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("--"));
        let mut count = 0;
        while let Some(statement) = lines.next() {
            let expected = lines.next().unwrap_or("");
            let sql = statement.replace("\\n", "\n");
            let actual = outcome(&sql);
            count += 1;
            if actual != expected {
                failures.push(format!("{statement}\n  expected {expected}\n  actual   {actual}"));
            }
        }
        assert!(count > 100, "the list of cases was not read");
        failures
    })
    .unwrap()
    .join()
    .unwrap();
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
}
