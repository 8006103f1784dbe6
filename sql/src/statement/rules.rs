//! What a table says of each of its rows: generated columns and checks, bound from their stored texts.
//!
//! Must not know which statement writes the rows.
//! Invariants: a condition is a boolean over columns of the table; a generated column is computed from columns that
//! are not generated, by functions that depend on nothing else.

use super::kept::refuse_subqueries;
use super::new_column::SYSTEM_COLUMNS;
use super::row::table_row;
use crate::binder::{Binder, Clause, Scope, Written as Target};
use crate::bound::{CastHow, Expr, RowCheck, RowRules, TableScan, TypedCol, walk};
use crate::parse::Written;
use base::id::{ColumnId, Oid};
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, ColumnKind, TableDef, builtin};
use sqlparser::ast;
use std::ops::ControlFlow;
use types::sql_type::oid;

/// The rules of what a statement writes to: those of the table, and of the view that stands for it. None of them are the rule.
pub(super) fn of_written(binder: &mut Binder<'_>, written: &Target) -> Result<Option<Box<RowRules>>> {
    let rules = of(binder, &written.table)?;
    if !written.has_view_checks() {
        return Ok(rules);
    }
    let mut rules = match rules {
        Some(rules) => rules,
        None => {
            let (row, _) = table_row(binder, &written.table, None);
            Box::new(RowRules { row, generated: Vec::new(), checks: Vec::new() })
        }
    };
    let checks = written.view_checks(&rules.row)?;
    rules.checks.extend(checks.into_iter().map(|(view, shown)| (RowCheck::View(view), shown)));
    Ok(Some(rules))
}

/// The rules of a table, for a statement that writes to it. None of them are the rule.
pub(super) fn of(binder: &mut Binder<'_>, table: &TableDef) -> Result<Option<Box<RowRules>>> {
    let generated = table.columns.iter().enumerate().filter(|(_, c)| c.kind == ColumnKind::Generated);
    let generated: Vec<(usize, &ColumnDef)> = generated.collect();
    if generated.is_empty() && table.checks.is_empty() {
        return Ok(None);
    }
    let (row, entry) = table_row(binder, table, None);
    let mut scope = Scope::empty();
    scope.add(entry);
    let mut rules = RowRules { row, generated: Vec::new(), checks: Vec::new() };
    for (index, column) in generated {
        let text = column.default.as_deref().unwrap_or("NULL");
        let value = binder.stored(text, &column.name, |b, expr| {
            b.bind_assignment(expr, &scope, column, Clause::Generated)
        })?;
        rules.generated.push((index, value));
    }
    for check in &table.checks {
        let condition = binder
            .stored(&check.text, &check.name, |b, expr| b.bind_condition(expr, &scope, Clause::Check))?;
        rules.checks.push((RowCheck::Constraint(check.name.clone()), condition));
    }
    Ok(Some(Box::new(rules)))
}

/// Binds a new check over the columns of its table. Returns the columns it names.
pub(super) fn check(binder: &mut Binder<'_>, table: &TableDef, written: &Written) -> Result<Vec<ColumnId>> {
    refuse_subqueries(binder, &written.expr, "check constraint")?;
    refuse_system_columns(binder, &written.expr, table, |name| {
        format!("system column \"{name}\" reference in check constraint is invalid")
    })?;
    let (row, entry) = table_row(binder, table, None);
    let mut scope = Scope::empty();
    scope.add(entry);
    let condition = binder.bind_condition(&written.expr, &scope, Clause::Check)?;
    Ok(columns_in(table, &row, &condition))
}

/// A scan of a table and the condition that a row makes a new check false.
pub(super) fn unmet(
    binder: &mut Binder<'_>,
    table: &TableDef,
    written: &Written,
) -> Result<(TableScan, Expr)> {
    let (scan, entry) = binder.scan_table(table, None, false);
    let mut scope = Scope::empty();
    scope.add(entry);
    let condition = binder.bind_condition(&written.expr, &scope, Clause::Check)?;
    Ok((scan, Expr::Not(Box::new(condition))))
}

/// Binds the expression of a new generated column over the columns of its table.
pub(super) fn generated(
    binder: &mut Binder<'_>,
    table: &TableDef,
    column: &ColumnDef,
    written: &Written,
) -> Result<Vec<ColumnId>> {
    refuse_subqueries(binder, &written.expr, "column generation expression")?;
    refuse_system_columns(binder, &written.expr, table, |name| {
        format!("cannot use system column \"{name}\" in column generation expression")
    })?;
    let (row, entry) = table_row(binder, table, None);
    let mut scope = Scope::empty();
    scope.add(entry);
    let value = binder.bind_assignment(&written.expr, &scope, column, Clause::Generated)?;
    let named = columns_in(table, &row, &value);
    for other in named.iter().filter_map(|id| table.column(*id)) {
        if other.kind == ColumnKind::Generated {
            let message =
                format!("cannot use generated column \"{}\" in column generation expression", other.name);
            return Err(Error::new(ErrorKind::InvalidObjectDefinition, message)
                .with_detail("A generated column cannot reference another generated column."));
        }
    }
    let mut depends = false;
    walk::visit(&value, &mut |expr| depends |= depends_on_more(expr));
    if depends {
        let message = "generation expression is not immutable";
        return Err(Error::new(ErrorKind::InvalidObjectDefinition, message));
    }
    Ok(named)
}

/// 42P10 for a system column; PostgreSQL takes tableoid, which is 0A000.
fn refuse_system_columns(
    binder: &Binder<'_>,
    expr: &ast::Expr,
    table: &TableDef,
    message: impl Fn(&str) -> String,
) -> Result<()> {
    let refused = |ident: &ast::Ident| {
        let name = binder.fold(ident);
        if !SYSTEM_COLUMNS.contains(&name.as_str()) || table.column_named(&name).is_some() {
            return None;
        }
        let at = binder.position(ident.span.start);
        Some(match name.as_str() {
            "tableoid" => binder.unsupported("the system column tableoid", at),
            _ => Error::new(ErrorKind::InvalidColumnReference, message(&name)).at(at),
        })
    };
    let found = ast::visit_expressions(expr, |part| {
        let last = match part {
            ast::Expr::Identifier(ident) => Some(ident),
            ast::Expr::CompoundIdentifier(idents) => idents.last(),
            _ => None,
        };
        last.and_then(refused).map_or(ControlFlow::Continue(()), ControlFlow::Break)
    });
    found.break_value().map_or(Ok(()), Err)
}

/// The generated columns that are computed from a column.
pub(super) fn generated_from(
    binder: &mut Binder<'_>,
    table: &TableDef,
    column: ColumnId,
) -> Result<Vec<ColumnId>> {
    let mut found = Vec::new();
    for generated in table.columns.iter().filter(|c| c.kind == ColumnKind::Generated) {
        let (row, entry) = table_row(binder, table, None);
        let mut scope = Scope::empty();
        scope.add(entry);
        let text = generated.default.as_deref().unwrap_or("NULL");
        let value = binder.stored(text, &generated.name, |b, expr| {
            b.bind_assignment(expr, &scope, generated, Clause::Generated)
        })?;
        if columns_in(table, &row, &value).contains(&column) {
            found.push(generated.id);
        }
    }
    Ok(found)
}

fn columns_in(table: &TableDef, row: &[TypedCol], expr: &Expr) -> Vec<ColumnId> {
    let mut used = Vec::new();
    walk::visit(expr, &mut |expr| {
        if let Expr::Column(column) = expr {
            used.push(column.col);
        }
    });
    let columns = table.columns.iter().zip(row);
    columns.filter(|(_, typed)| used.contains(&typed.col)).map(|(def, _)| def.id).collect()
}

/// Whether a node's value depends on more than its arguments: settings, the time, other calls.
fn depends_on_more(expr: &Expr) -> bool {
    let varies = |proc| builtin::proc(proc).is_none_or(|row| row.volatility != 'i');
    match expr {
        // As the cast to text that PostgreSQL makes of it.
        Expr::Call { proc, args, .. } if CONCATENATIONS.contains(proc) => {
            args.iter().any(|arg| written_by_settings(arg.ty().oid))
        }
        Expr::Call { proc, .. } => varies(*proc),
        Expr::Cast { how: CastHow::Function(proc), .. } => varies(*proc),
        Expr::Cast { how: CastHow::InOut, arg, ty } => {
            [arg.ty().oid, ty.oid].into_iter().any(written_by_settings)
        }
        _ => false,
    }
}

/// pg_proc OIDs of textanycat and anytextcat.
const CONCATENATIONS: &[Oid] = &[Oid(2003), Oid(2004)];

/// Whether how values of a type are read and written depends on settings or on the catalog.
fn written_by_settings(ty: Oid) -> bool {
    types::sql_type::array_element(ty).is_some()
        || matches!(
            ty,
            oid::DATE
                | oid::TIMESTAMP
                | oid::TIMESTAMPTZ
                | oid::INTERVAL
                | oid::REGCLASS
                | oid::REGTYPE
                | oid::REGPROC
                | oid::REGNAMESPACE
                | oid::REGROLE
        )
}
