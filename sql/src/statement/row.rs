//! What the statements that write rows share: target columns, SET lists, DEFAULT, RETURNING.
//!
//! Must not know which statement it serves.
//! Invariant: a SET list becomes one value per assigned column, each of the column's type.

use super::part;
use crate::binder::{Binder, Clause, Scope, ScopeTable, Written, computes_volatile};
use crate::bound::{Cte, Expr, Rel, Returning, SubqueryKind, TypedCol, walk};
use crate::parse::{SetClause, TargetColumn};
use base::id::ColumnId;
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, ColumnKind, TableDef};
use sqlparser::ast;
use sqlparser::ast::Spanned;
use std::collections::{BTreeMap, BTreeSet};
use types::Datum;

/// The expression DEFAULT, which the parser leaves as a name.
pub(super) fn is_default(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

/// The column of the written table that a column list or SET names, and its position in the table.
pub(super) fn target_column<'t>(
    binder: &Binder<'_>,
    written: &'t Written,
    name: &ast::Ident,
) -> Result<(usize, &'t ColumnDef)> {
    written.column(&binder.fold(name)).map_err(|error| error.at(binder.position(name.span.start)))
}

/// The columns of a column list; none means all. A name that repeats is 42701.
pub(super) fn target_columns(
    binder: &Binder<'_>,
    written: &Written,
    names: &[ast::Ident],
) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok(written.all_columns());
    }
    let mut targets = Vec::with_capacity(names.len());
    for name in names {
        let (index, column) = target_column(binder, written, name)?;
        if targets.contains(&index) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(Error::new(ErrorKind::DuplicateColumn, message).at(binder.position(name.span.start)));
        }
        targets.push(index);
    }
    Ok(targets)
}

/// A SET list: the new value of each assigned column, by position in the table; `current` are the columns of the row
/// that changes.
pub(super) fn set_values(
    binder: &mut Binder<'_>,
    written: &Written,
    set: &[SetClause],
    scope: &Scope<'_>,
    current: &[TypedCol],
) -> Result<BTreeMap<usize, Expr>> {
    let mut values = Assigned { values: BTreeMap::new(), parts: BTreeSet::new(), current };
    for clause in set {
        if let (true, ast::Expr::Subquery(query)) = (clause.tuple, &clause.value) {
            let mut seen = Vec::with_capacity(clause.columns.len());
            for target in &clause.columns {
                let (_, column) = target_column(binder, written, &target.name)?;
                check_updated(column, &clause.value)?;
                seen.push(part::seen(binder, target, column)?);
            }
            let columns: Vec<&ColumnDef> = seen.iter().collect();
            let row = binder.assigned_row(query, scope, &columns, clause.value_at)?;
            for (target, value) in clause.columns.iter().zip(row) {
                values.assign(binder, written, scope, target, value)?;
            }
            continue;
        }
        for (target, value) in pairs(binder, clause)? {
            let (_, column) = target_column(binder, written, &target.name)?;
            check_updated(column, value)?;
            let seen = part::seen(binder, target, column)?;
            let value = if is_default(value) {
                part::check_default(Some(target))?;
                binder.bind_default(column)?
            } else {
                binder.bind_assignment(value, scope, &seen, Clause::UpdateSet)?
            };
            values.assign(binder, written, scope, target, value)?;
        }
    }
    values.whole(binder, written)
}

/// The columns of a SET list that have their values.
struct Assigned<'c> {
    values: BTreeMap<usize, Expr>,
    /// Those of which only parts were assigned to.
    parts: BTreeSet<usize>,
    current: &'c [TypedCol],
}

impl Assigned<'_> {
    fn assign(
        &mut self,
        binder: &mut Binder<'_>,
        written: &Written,
        scope: &Scope<'_>,
        target: &TargetColumn,
        value: Expr,
    ) -> Result<()> {
        let (index, column) = target_column(binder, written, &target.name)?;
        let before = self.values.remove(&index);
        if before.is_some() && !(target.part.is_some() && self.parts.contains(&index)) {
            return Err(assigned_twice(column));
        }
        let value = match &target.part {
            None => value,
            Some(_) => {
                self.parts.insert(index);
                let current = before.or_else(|| self.current.get(index).cloned().map(Expr::Column));
                let current = current.ok_or_else(|| Error::internal("a row without one of its columns"))?;
                part::changed(binder, scope, target, column, current, value)?
            }
        };
        self.values.insert(index, value);
        Ok(())
    }

    /// The values of the columns, once everything is assigned.
    fn whole(mut self, binder: &mut Binder<'_>, written: &Written) -> Result<BTreeMap<usize, Expr>> {
        for (index, value) in &mut self.values {
            let column = written.table.columns.get(*index).filter(|_| self.parts.contains(index));
            if let Some(column) = column {
                let changed = std::mem::replace(value, Expr::Const(Datum::Null, column.ty.clone()));
                *value = part::whole(binder, column, changed)?;
            }
        }
        Ok(self.values)
    }
}

fn assigned_twice(column: &ColumnDef) -> Error {
    let message = format!("multiple assignments to same column \"{}\"", column.name);
    Error::new(ErrorKind::Syntax, message)
}

/// 428C9 for a value that a column takes only from itself.
fn check_updated(column: &ColumnDef, value: &ast::Expr) -> Result<()> {
    let why = match column.kind {
        ColumnKind::Generated => "a generated column",
        ColumnKind::Identity { always: true } => "an identity column defined as GENERATED ALWAYS",
        ColumnKind::Plain | ColumnKind::Identity { always: false } => return Ok(()),
    };
    if is_default(value) {
        return Ok(());
    }
    let message = format!("column \"{}\" can only be updated to DEFAULT", column.name);
    Err(Error::new(ErrorKind::GeneratedAlways, message)
        .with_detail(format!("Column \"{}\" is {why}.", column.name)))
}

/// The columns and values of one item of a SET list.
fn pairs<'s>(binder: &Binder<'_>, clause: &'s SetClause) -> Result<Vec<(&'s TargetColumn, &'s ast::Expr)>> {
    if !clause.tuple {
        return Ok(clause.columns.iter().map(|column| (column, &clause.value)).collect());
    }
    let at = clause.value_at;
    let values = match &clause.value {
        ast::Expr::Tuple(values) => values.iter().collect(),
        ast::Expr::Function(function) => {
            row_arguments(function).ok_or_else(|| no_row(binder.position(clause.value.span().start)))?
        }
        _ => return Err(no_row(binder.position(clause.value.span().start))),
    };
    if values.len() != clause.columns.len() {
        let message = "number of columns does not match number of values";
        return Err(Error::new(ErrorKind::Syntax, message).at(at));
    }
    Ok(clause.columns.iter().zip(values).collect())
}

fn no_row(at: usize) -> Error {
    Error::unsupported("source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression")
        .at(at)
}

/// The values of ROW(..).
fn row_arguments(function: &ast::Function) -> Option<Vec<&ast::Expr>> {
    let ast::Function {
        name,
        uses_odbc_syntax,
        parameters,
        args,
        filter,
        null_treatment,
        over,
        within_group,
    } = function;
    let plain = !uses_odbc_syntax
        && matches!(parameters, ast::FunctionArguments::None)
        && filter.is_none()
        && null_treatment.is_none()
        && over.is_none()
        && within_group.is_empty();
    let is_row = matches!(name.0.as_slice(), [ast::ObjectNamePart::Identifier(ident)]
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("row"));
    let ast::FunctionArguments::List(ast::FunctionArgumentList { duplicate_treatment: None, args, clauses }) =
        args
    else {
        return None;
    };
    if !plain || !is_row || !clauses.is_empty() {
        return None;
    }
    args.iter()
        .map(|arg| match arg {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) => Some(value),
            _ => None,
        })
        .collect()
}

/// RETURNING over the columns of the written row, whose references are made here, and those of `joined` relations. The
/// joined columns in use stand at the end of the row.
pub(super) fn returning(
    binder: &mut Binder<'_>,
    written: &Written,
    alias: Option<&ast::Ident>,
    items: Option<&[ast::SelectItem]>,
    outer: &Scope<'_>,
    joined: &[ScopeTable],
) -> Result<Option<Returning>> {
    let Some(items) = items else {
        return Ok(None);
    };
    let own = binder.written_row(written, alias)?;
    let mut scope = outer.clone();
    scope.add(own.entry.clone());
    joined.iter().for_each(|entry| scope.add(entry.clone()));
    let (mut items, output) = binder.bind_returning(items, &scope)?;
    items.iter_mut().try_for_each(|item| own.resolve(item))?;
    let mut row = own.columns;
    for item in &items {
        walk::visit(item, &mut |expr| {
            if let Expr::Column(column) = expr
                && joined.iter().flat_map(|entry| &entry.columns).any(|c| c.typed.col == column.col)
                && row.iter().all(|known| known.col != column.col)
            {
                row.push(column.clone());
            }
        });
    }
    Ok(Some(Returning { row, items, output }))
}

/// The columns of joined relations in the row of RETURNING.
pub(super) fn joined_columns(table: &TableDef, returning: Option<&Returning>) -> Vec<TypedCol> {
    returning.map_or_else(Vec::new, |r| r.row.iter().skip(table.columns.len()).cloned().collect())
}

/// New references for the columns of a row of `table` and the scope entry that finds them.
pub(super) fn table_row(
    binder: &mut Binder<'_>,
    table: &TableDef,
    alias: Option<&ast::Ident>,
) -> (Vec<TypedCol>, ScopeTable) {
    let columns: Vec<(ColumnId, TypedCol)> =
        table.columns.iter().map(|c| (c.id, TypedCol { col: binder.new_col(), ty: c.ty.clone() })).collect();
    let name = alias.map_or_else(|| table.name.clone(), |a| binder.fold(a));
    let entry = binder.scope_table(table, name, &columns);
    (columns.into_iter().map(|(_, typed)| typed).collect(), entry)
}

/// Gives the subqueries of an expression that is computed beside the source the CTEs of the statement. Those that may yield
/// other rows each time stay the source's.
pub(super) fn give_ctes(ctes: &[Cte], expr: &mut Expr) -> Result<()> {
    if ctes.is_empty() || ctes.iter().any(|cte| computes_volatile(&cte.rel)) {
        return Ok(());
    }
    walk::rewrite(expr, &mut |node| {
        let Expr::Subquery(subquery) = node else { return Ok(false) };
        let body = std::mem::replace(&mut subquery.rel, Rel::Unit);
        subquery.rel = with_ctes(ctes.to_vec(), body);
        // What it compares stands beside it.
        match &mut subquery.kind {
            SubqueryKind::Quantified { arg, .. } => give_ctes(ctes, arg)?,
            SubqueryKind::Row { args, .. } => {
                args.iter_mut().try_for_each(|(arg, _)| give_ctes(ctes, arg))?;
            }
            SubqueryKind::Scalar | SubqueryKind::Exists | SubqueryKind::Array => {}
        }
        Ok(true)
    })
}

/// `give_ctes` for what RETURNING says.
pub(super) fn give_ctes_to(ctes: &[Cte], returning: Option<Returning>) -> Result<Option<Returning>> {
    let Some(mut returning) = returning else { return Ok(None) };
    returning.items.iter_mut().try_for_each(|item| give_ctes(ctes, item))?;
    Ok(Some(returning))
}

/// A source under the CTEs of its statement.
pub(super) fn with_ctes(ctes: Vec<Cte>, body: Rel) -> Rel {
    if ctes.is_empty() { body } else { Rel::With { ctes, body: Box::new(body) } }
}
