//! CREATE TABLE: columns with types, defaults and NOT NULL, the primary key; partitioning is a neighbour's.
//!
//! Must not know how a table is stored.
//! Invariants: a stored default has been bound once; columns of the primary key are NOT NULL.

use super::partitioning;
use crate::binder::{BindContext, Binder, Clause, Scope};
use crate::bound::{BoundCreateTable, NewColumn};
use crate::parse::{ColumnConstraint, ColumnConstraintKind, ColumnSpec, CreateTableSpec, KeySpec};
use base::id::ColumnId;
use base::limits::TABLE_COLUMNS_MAX;
use base::{Error, ErrorKind, Result};
use catalog::ColumnDef;
use sqlparser::ast;
use sqlparser::ast::{Spanned, Visit, Visitor};
use std::ops::ControlFlow;
use types::sql_type::oid;

const SYSTEM_COLUMNS: &[&str] = &["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

const SERIAL_TYPES: &[&str] = &["serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"];

pub(super) fn bind(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &CreateTableSpec,
) -> Result<BoundCreateTable> {
    let CreateTableSpec { name, if_not_exists, columns: column_specs, keys, partitions, options } = spec;
    let (schema, name) = binder.creation_target(name)?;
    if column_specs.len() > TABLE_COLUMNS_MAX {
        let message = format!("tables can have at most {TABLE_COLUMNS_MAX} columns");
        return Err(Error::new(ErrorKind::TooManyColumns, message));
    }
    let mut key = Key::default();
    let mut columns: Vec<NewColumn> = Vec::with_capacity(column_specs.len());
    for column in column_specs {
        let bound = bind_column(binder, &name, column, columns.len(), &mut key)?;
        if columns.iter().any(|c| c.name == bound.name) {
            let message = format!("column \"{}\" specified more than once", bound.name);
            return Err(
                Error::new(ErrorKind::DuplicateColumn, message).at(binder.position(column.name.span.start))
            );
        }
        columns.push(bound);
    }
    for spec in keys {
        let KeySpec { name: constraint, at, columns: key_columns } = spec;
        let found = key_positions(binder, &columns, key_columns, *at)?;
        key.set(&name, found, constraint.as_ref().map(|c| binder.fold(c)), *at)?;
    }
    for index in &key.columns {
        if let Some(column) = columns.get_mut(*index) {
            if matches!(column.ty.oid, oid::JSON | oid::JSONPATH) {
                let ty = if column.ty.oid == oid::JSON { "json" } else { "jsonpath" };
                let message =
                    format!("data type {ty} has no default operator class for access method \"btree\"");
                return Err(Error::new(ErrorKind::UndefinedObject, message).with_hint(
                    "You must specify an operator class for the index or define a default operator class for the data type.",
                ));
            }
            if !types::key::can_be_key(&column.ty.form) {
                let message = format!(
                    "a primary key over column \"{}\" is not supported, because of its type",
                    column.name
                );
                return Err(Error::unsupported(message)
                    .at(key.at)
                    .with_hint("Use columns of other types than interval and arrays."));
            }
            column.not_null = true;
        }
    }
    let (hash, range) = partitioning::bind(binder, context, &name, &columns, &key.columns, partitions)?;
    Ok(BoundCreateTable {
        schema: schema.id,
        name,
        if_not_exists: *if_not_exists,
        columns,
        primary_key: key.columns,
        primary_key_name: key.name,
        hash,
        range,
        options: super::options::set(options, &context.io)?,
    })
}

/// The primary key as far as it is known.
#[derive(Debug, Default)]
struct Key {
    columns: Vec<usize>,
    name: Option<String>,
    at: usize,
}

impl Key {
    fn set(&mut self, table: &str, columns: Vec<usize>, name: Option<String>, at: usize) -> Result<()> {
        if !self.columns.is_empty() {
            let message = format!("multiple primary keys for table \"{table}\" are not allowed");
            return Err(Error::new(ErrorKind::InvalidTableDefinition, message).at(at));
        }
        (self.columns, self.name, self.at) = (columns, name, at);
        Ok(())
    }
}

fn bind_column(
    binder: &mut Binder<'_>,
    table: &str,
    spec: &ColumnSpec,
    index: usize,
    key: &mut Key,
) -> Result<NewColumn> {
    let ColumnSpec { name, ty, type_at, constraints } = spec;
    let at = binder.position(name.span.start);
    let name = binder.fold(name);
    if SYSTEM_COLUMNS.contains(&name.as_str()) {
        let message = format!("column name \"{name}\" conflicts with a system column name");
        return Err(Error::new(ErrorKind::DuplicateColumn, message).at(at));
    }
    refuse_serial(ty, *type_at)?;
    let ty = binder.sql_type(ty).map_err(|e| e.at(*type_at))?;
    if matches!(
        ty.oid,
        oid::UNKNOWN | oid::RECORD | oid::ANY | oid::ANYELEMENT | oid::ANYARRAY | oid::VOID | oid::CSTRING
    ) {
        let message = format!("column \"{name}\" has pseudo-type {}", pseudo_name(ty.oid));
        return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
    }
    let mut column = NewColumn { name, ty, not_null: false, default: None };
    let mut nullable: Option<bool> = None;
    for constraint in constraints {
        let ColumnConstraint { name: constraint_name, at, kind } = constraint;
        match kind {
            ColumnConstraintKind::NotNull | ColumnConstraintKind::Null => {
                let null = *kind == ColumnConstraintKind::Null;
                if nullable.is_some_and(|before| before != null) {
                    return Err(conflicting_null(&column.name, table, *at));
                }
                nullable = Some(null);
                column.not_null |= !null;
            }
            ColumnConstraintKind::PrimaryKey => {
                key.set(table, vec![index], constraint_name.as_ref().map(|n| binder.fold(n)), *at)?;
            }
            ColumnConstraintKind::Default(expr, text) => {
                if column.default.is_some() {
                    let message = format!(
                        "multiple default values specified for column \"{}\" of table \"{table}\"",
                        column.name
                    );
                    return Err(Error::new(ErrorKind::Syntax, message).at(*at));
                }
                check_default(binder, &column, expr)?;
                column.default = Some(text.clone());
            }
        }
    }
    Ok(column)
}

fn conflicting_null(column: &str, table: &str, at: usize) -> Error {
    let message =
        format!("conflicting NULL/NOT NULL declarations for column \"{column}\" of table \"{table}\"");
    Error::new(ErrorKind::Syntax, message).at(at)
}

fn pseudo_name(ty: base::id::Oid) -> &'static str {
    match ty {
        oid::UNKNOWN => "unknown",
        oid::RECORD => "record",
        oid::ANY => "\"any\"",
        oid::ANYELEMENT => "anyelement",
        oid::ANYARRAY => "anyarray",
        oid::CSTRING => "cstring",
        _ => "void",
    }
}

fn refuse_serial(ty: &ast::DataType, at: usize) -> Result<()> {
    let ast::DataType::Custom(name, _) = ty else {
        return Ok(());
    };
    let serial = match name.0.as_slice() {
        [ast::ObjectNamePart::Identifier(ident)] if ident.quote_style.is_none() => {
            SERIAL_TYPES.contains(&ident.value.to_ascii_lowercase().as_str())
        }
        _ => false,
    };
    if !serial {
        return Ok(());
    }
    Err(Error::unsupported("serial columns are not supported")
        .at(at)
        .with_hint("Use bigint and choose the values in the application, or uuid."))
}

/// Binds a default once, so that what is stored can be bound again.
fn check_default(binder: &mut Binder<'_>, column: &NewColumn, expr: &ast::Expr) -> Result<()> {
    refuse_names(binder, expr, "DEFAULT expression")?;
    let def = column_def(column);
    binder.bind_assignment(expr, &Scope::empty(), &def, Clause::Default).map(drop).map_err(default_mismatch)
}

/// The column as the binder's rules of assignment see it.
pub(super) fn column_def(column: &NewColumn) -> ColumnDef {
    ColumnDef {
        id: ColumnId(0),
        name: column.name.clone(),
        ty: column.ty.clone(),
        not_null: column.not_null,
        default: None,
    }
}

/// PostgreSQL words a default of the wrong type in its own way and gives no position.
fn default_mismatch(error: Error) -> Error {
    if error.kind() != ErrorKind::DatatypeMismatch || !error.message().contains(" but expression is of type ")
    {
        return error;
    }
    let message =
        error.message().replace(" but expression is of type ", " but default expression is of type ");
    let reworded = Error::new(error.kind(), message);
    match error.hint() {
        Some(hint) => reworded.with_hint(hint),
        None => reworded,
    }
}

/// Refuses columns and subqueries where only constants and functions may stand.
pub(super) fn refuse_names(binder: &Binder<'_>, expr: &ast::Expr, place: &str) -> Result<()> {
    struct Names<'b, 'c> {
        binder: &'b Binder<'c>,
        place: &'b str,
    }
    impl Visitor for Names<'_, '_> {
        type Break = Error;
        fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<Error> {
            let what = match expr {
                ast::Expr::Identifier(_) if super::row::is_default(expr) => return ControlFlow::Continue(()),
                ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) => "column reference",
                ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Placeholder(name), span }) => {
                    let message = format!("there is no parameter {name}");
                    let at = self.binder.position(span.start);
                    return ControlFlow::Break(Error::new(ErrorKind::UndefinedParameter, message).at(at));
                }
                ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => {
                    "subquery"
                }
                _ => return ControlFlow::Continue(()),
            };
            let message = format!("cannot use {what} in {}", self.place);
            ControlFlow::Break(Error::unsupported(message).at(self.binder.position(expr.span().start)))
        }
    }
    match expr.visit(&mut Names { binder, place }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The positions of a key's columns.
fn key_positions(
    binder: &Binder<'_>,
    columns: &[NewColumn],
    names: &[ast::Ident],
    at: usize,
) -> Result<Vec<usize>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let folded = binder.fold(name);
        let Some(index) = columns.iter().position(|c| c.name == folded) else {
            let message = format!("column \"{folded}\" named in key does not exist");
            return Err(Error::new(ErrorKind::UndefinedColumn, message).at(at));
        };
        if found.contains(&index) {
            let message = format!("column \"{folded}\" appears twice in primary key constraint");
            return Err(Error::new(ErrorKind::DuplicateColumn, message).at(at));
        }
        found.push(index);
    }
    Ok(found)
}
