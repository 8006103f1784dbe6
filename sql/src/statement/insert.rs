//! INSERT: VALUES with DEFAULT, a query or DEFAULT VALUES as rows of the whole table.
//!
//! Must not know how keys are probed.
//! Invariant: the source yields exactly one column per column of the table, in table order.

use super::on_conflict;
use super::row::{assigned_column, is_default, returning, target_columns, with_ctes};
use crate::binder::{Binder, Clause, Scope};
use crate::bound::{BoundInsert, ColRef, Expr, Rel, TypedCol};
use crate::parse::{InsertSource, InsertSpec, TargetColumn};
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, TableDef};
use sqlparser::ast;
use sqlparser::ast::Spanned;

pub(super) fn bind(binder: &mut Binder<'_>, spec: &InsertSpec) -> Result<BoundInsert> {
    let InsertSpec { with, table: name, alias, columns, source, on_conflict, returning: items } = spec;
    let mut scope = Scope::empty();
    let ctes = match with {
        Some(with) => binder.bind_with(with, &mut scope)?,
        None => Vec::new(),
    };
    let table = binder.table_named(name)?;
    let targets = Targets { table: &table, columns: given_columns(binder, &table, columns)?, names: columns };
    let (source, source_columns) = match source {
        InsertSource::DefaultValues => values(binder, &targets, &scope, &[])?,
        InsertSource::Query(query) => match plain_values(query) {
            Some(rows) => values(binder, &targets, &scope, rows)?,
            None => from_query(binder, &targets, &scope, query)?,
        },
    };
    let on_conflict = match on_conflict {
        Some(conflict) => Some(on_conflict::bind(binder, &table, alias.as_ref(), conflict, &scope)?),
        None => None,
    };
    let returning = returning(binder, &table, alias.as_ref(), items.as_deref(), &scope)?;
    Ok(BoundInsert {
        table: table.id,
        source: with_ctes(ctes, source),
        source_columns,
        on_conflict,
        returning,
    })
}

/// Positions of the columns that are given, each meant as a whole.
fn given_columns(binder: &Binder<'_>, table: &TableDef, targets: &[TargetColumn]) -> Result<Vec<usize>> {
    for target in targets {
        assigned_column(binder, table, target)?;
    }
    let names: Vec<ast::Ident> = targets.iter().map(|target| target.name.clone()).collect();
    target_columns(binder, table, &names)
}

/// The columns that the source gives.
struct Targets<'t> {
    table: &'t TableDef,
    /// Positions in the table.
    columns: Vec<usize>,
    /// As written; empty when all columns are meant.
    names: &'t [TargetColumn],
}

impl Targets<'_> {
    fn defs(&self) -> Vec<&ColumnDef> {
        self.columns.iter().filter_map(|index| self.table.columns.get(*index)).collect()
    }

    /// Fewer values than columns is an error only when the columns are listed.
    fn check_count(&self, binder: &Binder<'_>, values: usize) -> Result<()> {
        match self.names.get(values) {
            Some(target) => {
                Err(Error::new(ErrorKind::Syntax, "INSERT has more target columns than expressions")
                    .at(binder.position(target.name.span.start)))
            }
            None => Ok(()),
        }
    }
}

/// The rows of a VALUES list that is nothing but that: there DEFAULT may stand.
fn plain_values(query: &ast::Query) -> Option<&[ast::Parens<Vec<ast::Expr>>]> {
    let ast::Query {
        with: None,
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks,
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators,
    } = query
    else {
        return None;
    };
    match body.as_ref() {
        ast::SetExpr::Values(ast::Values { explicit_row: false, value_keyword: false, rows })
            if locks.is_empty() && pipe_operators.is_empty() =>
        {
            Some(rows)
        }
        _ => None,
    }
}

/// VALUES; without rows, one of defaults.
fn values(
    binder: &mut Binder<'_>,
    targets: &Targets<'_>,
    scope: &Scope<'_>,
    rows: &[ast::Parens<Vec<ast::Expr>>],
) -> Result<(Rel, Vec<ColRef>)> {
    let mut bound = Vec::with_capacity(rows.len().max(1));
    if rows.is_empty() {
        bound.push(complete(binder, targets, Vec::new())?);
    }
    let width = rows.first().map_or(0, |row| row.content.len());
    for row in rows {
        let ast::Parens { opening_token: _, content, closing_token: _ } = row;
        if content.len() != width {
            let at = content.first().map_or(0, |e| binder.position(e.span().start));
            return Err(Error::new(ErrorKind::Syntax, "VALUES lists must all be the same length").at(at));
        }
        if let Some(extra) = content.get(targets.columns.len()) {
            return Err(Error::new(ErrorKind::Syntax, "INSERT has more expressions than target columns")
                .at(binder.position(extra.span().start)));
        }
        targets.check_count(binder, content.len())?;
        let mut given = Vec::with_capacity(content.len());
        for (value, column) in content.iter().zip(targets.defs()) {
            given.push(if is_default(value) {
                binder.bind_default(column)?
            } else {
                binder.bind_assignment(value, scope, column, Clause::Values)?
            });
        }
        bound.push(complete(binder, targets, given)?);
    }
    let columns: Vec<TypedCol> =
        targets.table.columns.iter().map(|c| TypedCol { col: binder.new_col(), ty: c.ty.clone() }).collect();
    let refs = columns.iter().map(|c| c.col).collect();
    Ok((Rel::Values { rows: bound, columns }, refs))
}

/// The whole row, in table order: the given values and the defaults of the other columns.
fn complete(binder: &mut Binder<'_>, targets: &Targets<'_>, given: Vec<Expr>) -> Result<Vec<Expr>> {
    let mut row: Vec<Option<Expr>> = vec![None; targets.table.columns.len()];
    for (index, value) in targets.columns.iter().zip(given) {
        if let Some(place) = row.get_mut(*index) {
            *place = Some(value);
        }
    }
    row.into_iter()
        .zip(&targets.table.columns)
        .map(|(value, column)| value.map_or_else(|| binder.bind_default(column), Ok))
        .collect()
}

fn from_query(
    binder: &mut Binder<'_>,
    targets: &Targets<'_>,
    scope: &Scope<'_>,
    query: &ast::Query,
) -> Result<(Rel, Vec<ColRef>)> {
    let bound = binder.bind_query_assigned(query, scope, &targets.defs())?;
    targets.check_count(binder, bound.output.len())?;
    let given =
        bound.output.iter().map(|c| Expr::Column(TypedCol { col: c.col, ty: c.ty.clone() })).collect();
    let row = complete(binder, targets, given)?;
    let items: Vec<(Expr, ColRef)> = row.into_iter().map(|value| (value, binder.new_col())).collect();
    let refs = items.iter().map(|(_, col)| *col).collect();
    Ok((Rel::Project { input: Box::new(bound.rel), items }, refs))
}
