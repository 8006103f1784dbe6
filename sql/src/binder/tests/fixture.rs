//! A catalog made from CREATE TABLE statements, and binding of one query against it.

use crate::binder::{BindContext, Binder};
use crate::bound::BoundQuery;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId};
use catalog::{CatalogEdit, CatalogState, ColumnDef, Partitioning, TableDef};
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

pub(super) fn catalog(schema: &str) -> CatalogState {
    let mut state = CatalogState::initial();
    for statement in Parser::parse_sql(&PostgreSqlDialect {}, schema).unwrap() {
        let ast::Statement::CreateTable(create) = statement else { panic!("only CREATE TABLE") };
        let def = table(&state, &create);
        state.apply(&CatalogEdit::CreateTable(Box::new(def))).unwrap();
    }
    state
}

fn table(state: &CatalogState, create: &ast::CreateTable) -> TableDef {
    let context = BindContext::new("", state);
    let binder = Binder::new(&context);
    let mut primary_key = Vec::new();
    let mut columns = Vec::new();
    for (column, id) in create.columns.iter().zip(1..) {
        if column.options.iter().any(|o| o.option.to_string() == "PRIMARY KEY") {
            primary_key.push(ColumnId(id));
        }
        columns.push(ColumnDef {
            id: ColumnId(id),
            name: binder.fold(&column.name),
            ty: binder.sql_type(&column.data_type).unwrap(),
            not_null: false,
            default: None,
            kind: catalog::ColumnKind::Plain,
            missing: types::Datum::Null,
        });
    }
    TableDef {
        id: TableId(state.next_id()),
        oid: state.next_oid(),
        schema: SchemaId(1),
        name: binder.fold(create.name.0[0].as_ident().unwrap()),
        schema_version: SchemaVersion(1),
        next_column: ColumnId(u32::try_from(columns.len()).unwrap() + 1),
        columns,
        primary_key_name: if primary_key.is_empty() { String::new() } else { "pkey".to_owned() },
        primary_key,
        partitioning: Partitioning::default(),
        tablets: Vec::new(),
        options: catalog::TableOptions::default(),
        distinct: Vec::new(),
        checks: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
    }
}

/// The bound query and the OIDs of its parameters.
pub(super) fn bind(state: &CatalogState, text: &str) -> base::Result<(BoundQuery, Vec<Oid>)> {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, text)
        .map_err(|e| base::Error::new(base::ErrorKind::Syntax, e.to_string()))?;
    let Some(ast::Statement::Query(query)) = statements.pop() else { panic!("not a query: {text}") };
    let path = ["public".to_owned()];
    let context = BindContext::new(text, state).with_search_path(&path);
    let mut binder = Binder::new(&context);
    let bound = binder.bind_query(&query)?;
    let parameters = binder.parameter_types()?.into_iter().map(|t| t.oid).collect();
    Ok((bound, parameters))
}
