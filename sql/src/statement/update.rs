//! UPDATE: the rows to change, with their old and new values.
//!
//! Must not know how rows are written.
//! Invariants: the source yields the row address, every old column and every new column; with FROM a row's address may
//! come several times, and any one of them may be taken, as in PostgreSQL.

use super::row::{give_ctes_to, returning, set_values, with_ctes};
use crate::binder::{Binder, Clause, Scope, Write, Written, WrittenRows, address_type};
use crate::bound::{BoundUpdate, Expr, JoinKind, Rel, TypedCol};
use crate::parse::UpdateSpec;
use base::Result;
use catalog::TableDef;
use sqlparser::ast;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Binds the statement, which sees the common table expressions of `above`.
pub(super) fn bind(binder: &mut Binder<'_>, spec: &UpdateSpec, above: &Scope<'_>) -> Result<BoundUpdate> {
    let UpdateSpec { with, table: name, alias, set, from, filter, returning: items } = spec;
    let mut scope = Scope::inside(above);
    let ctes = binder.bind_with(with.as_ref(), &mut scope)?;
    let outer = scope.clone();
    let written = binder.written(name, Write::Update)?;
    let (rows, entry) = binder.written_rows(&written, alias.as_ref())?;
    let table = &written.table;
    scope.add(entry);
    let target = join(binder, rows, from, &mut scope)?;
    let mut set = set_values(binder, &written, set, &scope, &target.columns)?;
    let target = filtered(binder, target, filter.as_ref(), &scope)?;
    let address = Expr::Column(TypedCol { col: target.row_address, ty: address_type()? });
    let row_address = binder.new_col();
    let mut items_of_source = vec![(address, row_address)];
    for column in &target.columns {
        items_of_source.push((Expr::Column(column.clone()), binder.new_col()));
    }
    let mut new_columns = Vec::with_capacity(target.columns.len());
    for (index, column) in target.columns.iter().enumerate() {
        let value = set.remove(&index).unwrap_or_else(|| Expr::Column(column.clone()));
        let col = binder.new_col();
        new_columns.push(col);
        items_of_source.push((value, col));
    }
    let joined = scope.tables.get(1..).unwrap_or_default();
    let returning = returning(binder, &written, alias.as_ref(), items.as_deref(), &outer, joined)?;
    let returning = give_ctes_to(&ctes, returning)?;
    let mut joined_columns = Vec::new();
    for column in super::row::joined_columns(table, returning.as_ref()) {
        let col = binder.new_col();
        joined_columns.push(col);
        items_of_source.push((Expr::Column(column), col));
    }
    let source = Rel::Project { input: Box::new(target.rel), items: items_of_source };
    Ok(BoundUpdate {
        table: table.id,
        source: with_ctes(ctes, source),
        row_address,
        new_columns,
        rules: super::rules::of_written(binder, &written)?,
        joined_columns,
        returning,
    })
}

/// An UPDATE of every row that gives columns, named by their places, new values.
pub(super) fn of_all_rows(
    binder: &mut Binder<'_>,
    table: &TableDef,
    mut values: BTreeMap<usize, Expr>,
) -> Result<BoundUpdate> {
    let (target, _) =
        binder.written_rows(&Written::of_table(Arc::new(table.clone()), Write::Update), None)?;
    let address = Expr::Column(TypedCol { col: target.row_address, ty: address_type()? });
    let row_address = binder.new_col();
    let mut items = vec![(address, row_address)];
    let mut new_columns = Vec::with_capacity(target.columns.len());
    for (index, column) in target.columns.into_iter().enumerate() {
        let col = binder.new_col();
        new_columns.push(col);
        items.push((values.remove(&index).unwrap_or(Expr::Column(column)), col));
    }
    Ok(BoundUpdate {
        table: table.id,
        source: Rel::Project { input: Box::new(target.rel), items },
        row_address,
        new_columns,
        rules: super::rules::of(binder, table)?,
        joined_columns: Vec::new(),
        returning: None,
    })
}

/// The rows of the target, joined to the relations of FROM or USING.
pub(super) fn join(
    binder: &mut Binder<'_>,
    rows: WrittenRows,
    from: &[ast::TableWithJoins],
    scope: &mut Scope<'_>,
) -> Result<WrittenRows> {
    if from.is_empty() {
        return Ok(rows);
    }
    let right = Box::new(binder.bind_from(from, scope)?);
    let left = Box::new(rows.rel);
    let rel = Rel::Join { kind: JoinKind::Inner, left, right, on: None, lateral: false };
    Ok(WrittenRows { rel, ..rows })
}

pub(super) fn filtered(
    binder: &mut Binder<'_>,
    target: WrittenRows,
    filter: Option<&ast::Expr>,
    scope: &Scope<'_>,
) -> Result<WrittenRows> {
    let Some(filter) = filter else {
        return Ok(target);
    };
    let predicate = binder.bind_condition(filter, scope, Clause::Where)?;
    Ok(WrittenRows { rel: Rel::Filter { input: Box::new(target.rel), predicate }, ..target })
}
