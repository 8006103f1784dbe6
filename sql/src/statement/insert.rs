//! INSERT: VALUES with DEFAULT, a query or DEFAULT VALUES as rows of the whole table.
//!
//! Must not know how keys are probed.
//! Invariant: the source yields exactly one column per column of the table, in table order.

use super::on_conflict;
use super::part;
use super::row::{give_ctes, give_ctes_to, is_default, returning, target_column, with_ctes};
use crate::binder::{Binder, Clause, Scope, Write, Written};
use crate::bound::{BoundInsert, ColRef, Expr, OnConflict, Rel, TypedCol};
use crate::parse::{InsertSource, InsertSpec, LiteralRows, MergeInsert, Overriding, TargetColumn};
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, ColumnKind, TableDef};
use sqlparser::ast;
use sqlparser::ast::Spanned;
use std::borrow::Cow;
use std::collections::BTreeSet;
use types::Datum;
use types::array::Chunk;

/// Binds an INSERT that sees the common table expressions of `outer`.
pub(super) fn bind(binder: &mut Binder<'_>, spec: &InsertSpec, outer: &Scope<'_>) -> Result<BoundInsert> {
    let InsertSpec { with, table: name, alias, columns, overriding, source, on_conflict, returning: items } =
        spec;
    let mut scope = Scope::inside(outer);
    let ctes = binder.bind_with(with.as_ref(), &mut scope)?;
    let written = binder.written(name, Write::Insert)?;
    let table = &written.table;
    let positions = given_columns(binder, &written, columns)?;
    let targets = Targets {
        written: &written,
        table: &written.seen,
        seen: seen_columns(binder, &written.seen, columns, &positions)?,
        columns: positions,
        names: columns,
        overriding: *overriding,
    };
    let (source, source_columns) = match source {
        InsertSource::DefaultValues => default_row(binder, &targets)?,
        InsertSource::Literals(rows) => literals(binder, &targets, &scope, rows)?,
        InsertSource::Query(query) => match plain_values(query) {
            Some(rows) => values(
                binder,
                &targets,
                &scope,
                rows.iter().map(|row| Cow::Borrowed(row.content.as_slice())),
            )?,
            None => from_query(binder, &targets, &scope, query)?,
        },
    };
    let on_conflict = match on_conflict {
        Some(conflict) => {
            if written.has_view_checks() {
                let message = "ON CONFLICT through a view WITH CHECK OPTION is not supported";
                return Err(Error::unsupported(message).with_hint("Write to the table that the view reads."));
            }
            let mut bound = on_conflict::bind(binder, &written, alias.as_ref(), conflict, &scope)?;
            if let OnConflict::DoUpdate(update) = &mut bound {
                update.values.iter_mut().chain(&mut update.filter).try_for_each(|e| give_ctes(&ctes, e))?;
            }
            Some(bound)
        }
        None => None,
    };
    let returning = returning(binder, &written, alias.as_ref(), items.as_deref(), &scope, &[])?;
    let returning = give_ctes_to(&ctes, returning)?;
    Ok(BoundInsert {
        table: table.id,
        source: with_ctes(ctes, source),
        source_columns,
        rules: super::rules::of_written(binder, &written)?,
        on_conflict,
        returning,
    })
}

/// Positions of the columns that are given; several parts of one may be.
fn given_columns(binder: &Binder<'_>, written: &Written, targets: &[TargetColumn]) -> Result<Vec<usize>> {
    if targets.is_empty() {
        return Ok(written.all_columns());
    }
    let mut given: Vec<(usize, bool)> = Vec::with_capacity(targets.len());
    for target in targets {
        let (index, column) = target_column(binder, written, &target.name)?;
        let part = target.part.is_some();
        if given.iter().any(|(other, other_part)| *other == index && !(part && *other_part)) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(
                Error::new(ErrorKind::DuplicateColumn, message).at(binder.position(target.name.span.start))
            );
        }
        given.push((index, part));
    }
    Ok(given.into_iter().map(|(index, _)| index).collect())
}

/// The given columns as their values see them.
fn seen_columns(
    binder: &Binder<'_>,
    table: &TableDef,
    targets: &[TargetColumn],
    positions: &[usize],
) -> Result<Vec<ColumnDef>> {
    let columns = positions.iter().filter_map(|index| table.columns.get(*index));
    let seen = columns.enumerate().map(|(at, column)| match targets.get(at) {
        Some(target) => part::seen(binder, target, column),
        None => Ok(column.clone()),
    });
    seen.collect()
}

/// The columns that the source gives.
struct Targets<'t> {
    written: &'t Written,
    /// As the statement sees it.
    table: &'t TableDef,
    /// Positions in the table.
    columns: Vec<usize>,
    /// The same columns; of the type of a part where only that is given.
    seen: Vec<ColumnDef>,
    /// As written; empty when all columns are meant.
    names: &'t [TargetColumn],
    overriding: Option<Overriding>,
}

/// What becomes of a value that is given for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Value,
    /// The column's default instead.
    Default,
    /// It must not be given.
    Refused,
}

impl Targets<'_> {
    fn defs(&self) -> Vec<&ColumnDef> {
        self.seen.iter().collect()
    }

    fn has_parts(&self) -> bool {
        self.names.iter().any(|target| target.part.is_some())
    }

    fn use_of(&self, column: &ColumnDef) -> Use {
        match (column.kind, self.overriding) {
            (ColumnKind::Generated, _) => Use::Refused,
            (ColumnKind::Identity { .. }, Some(Overriding::UserValue)) => Use::Default,
            (ColumnKind::Identity { always: true }, None) => Use::Refused,
            (ColumnKind::Plain | ColumnKind::Identity { .. }, _) => Use::Value,
        }
    }

    fn check_row(&self, binder: &Binder<'_>, row: &[ast::Expr]) -> Result<()> {
        match row.get(self.columns.len()) {
            Some(extra) => Err(self.too_many().at(binder.position(extra.span().start))),
            None => self.check_count(binder, row.len()),
        }
    }

    fn too_many(&self) -> Error {
        let refused = self.written.refused_behind(self.columns.len()).filter(|_| self.names.is_empty());
        refused.unwrap_or_else(|| {
            Error::new(ErrorKind::Syntax, "INSERT has more expressions than target columns")
        })
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

/// The whole row that an INSERT of MERGE makes of a source row.
pub(super) fn merged_row(
    binder: &mut Binder<'_>,
    written: &Written,
    insert: &MergeInsert,
    scope: &Scope<'_>,
) -> Result<Vec<Expr>> {
    let MergeInsert { columns: names, overriding, values } = insert;
    let columns = given_columns(binder, written, names)?;
    let seen = seen_columns(binder, &written.seen, names, &columns)?;
    let targets = Targets { written, table: &written.seen, columns, seen, names, overriding: *overriding };
    let mut given = Vec::new();
    if let Some(values) = values {
        targets.check_row(binder, values)?;
        for (value, column) in values.iter().zip(targets.defs()) {
            given.push(given_value(binder, &targets, scope, value, column)?);
        }
    }
    complete(binder, &targets, given)
}

/// DEFAULT VALUES.
fn default_row(binder: &mut Binder<'_>, targets: &Targets<'_>) -> Result<(Rel, Vec<ColRef>)> {
    let row = complete(binder, targets, Vec::new())?;
    let columns = table_columns(binder, targets.table);
    let refs = columns.iter().map(|c| c.col).collect();
    Ok((Rel::Values { rows: vec![row], columns }, refs))
}

/// VALUES.
fn values<'r>(
    binder: &mut Binder<'_>,
    targets: &Targets<'_>,
    scope: &Scope<'_>,
    rows: impl Iterator<Item = Cow<'r, [ast::Expr]>>,
) -> Result<(Rel, Vec<ColRef>)> {
    let mut bound = Vec::new();
    let mut width = None;
    for row in rows {
        if row.len() != *width.get_or_insert(row.len()) {
            let at = row.first().map_or(0, |e| binder.position(e.span().start));
            return Err(Error::new(ErrorKind::Syntax, "VALUES lists must all be the same length").at(at));
        }
        targets.check_row(binder, &row)?;
        let mut given = Vec::with_capacity(row.len());
        for (at, (value, column)) in row.iter().zip(&targets.seen).enumerate() {
            if is_default(value) {
                part::check_default(targets.names.get(at))?;
            }
            given.push(given_value(binder, targets, scope, value, column)?);
        }
        bound.push(complete(binder, targets, given)?);
    }
    let columns = table_columns(binder, targets.table);
    let refs = columns.iter().map(|c| c.col).collect();
    Ok((Rel::Values { rows: bound, columns }, refs))
}

fn given_value(
    binder: &mut Binder<'_>,
    targets: &Targets<'_>,
    scope: &Scope<'_>,
    value: &ast::Expr,
    column: &ColumnDef,
) -> Result<Expr> {
    if is_default(value) {
        return binder.bind_default(column);
    }
    match targets.use_of(column) {
        Use::Refused => Err(only_default(column)),
        Use::Default => {
            binder.bind_assignment(value, scope, column, Clause::Values)?;
            binder.bind_default(column)
        }
        Use::Value => binder.bind_assignment(value, scope, column, Clause::Values),
    }
}

/// 428C9.
fn only_default(column: &ColumnDef) -> Error {
    let message = format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name);
    let error = Error::new(ErrorKind::GeneratedAlways, message);
    match column.kind {
        ColumnKind::Generated => {
            error.with_detail(format!("Column \"{}\" is a generated column.", column.name))
        }
        ColumnKind::Plain | ColumnKind::Identity { .. } => error
            .with_detail(format!(
                "Column \"{}\" is an identity column defined as GENERATED ALWAYS.",
                column.name
            ))
            .with_hint("Use OVERRIDING SYSTEM VALUE to override."),
    }
}

/// References for the columns of a row of the table.
fn table_columns(binder: &mut Binder<'_>, table: &TableDef) -> Vec<TypedCol> {
    table.columns.iter().map(|c| TypedCol { col: binder.new_col(), ty: c.ty.clone() }).collect()
}

/// VALUES of literals: they become arrays, as long as each is a constant of its column's type.
fn literals(
    binder: &mut Binder<'_>,
    targets: &Targets<'_>,
    scope: &Scope<'_>,
    rows: &LiteralRows,
) -> Result<(Rel, Vec<ColRef>)> {
    if let Some(first) = rows.rows().next() {
        targets.check_row(binder, &first)?;
    }
    let chunks = if targets.has_parts() { None } else { constants(binder, targets, scope, rows)? };
    let Some(chunks) = chunks else {
        return values(binder, targets, scope, rows.rows().map(Cow::Owned));
    };
    let given: Vec<TypedCol> = targets
        .defs()
        .into_iter()
        .take(rows.width())
        .map(|c| TypedCol { col: binder.new_col(), ty: c.ty.clone() })
        .collect();
    if (0..targets.table.columns.len()).eq(targets.columns.iter().copied().take(given.len())) {
        let refs = given.iter().map(|c| c.col).collect();
        return Ok((Rel::Constants { chunks, columns: given }, refs));
    }
    let row = complete(binder, targets, given.iter().cloned().map(Expr::Column).collect())?;
    let input = Rel::Constants { chunks, columns: given };
    Ok(projected(binder, input, row))
}

/// Rows of one array.
const CHUNK_ROWS: usize = 8_192;

/// The given columns as arrays; None when a value must be computed.
fn constants(
    binder: &mut Binder<'_>,
    targets: &Targets<'_>,
    scope: &Scope<'_>,
    rows: &LiteralRows,
) -> Result<Option<Vec<Chunk>>> {
    let defs: Vec<&ColumnDef> = targets.defs().into_iter().take(rows.width()).collect();
    let mut chunks = Vec::new();
    let mut columns: Vec<Vec<Datum>> = vec![Vec::new(); defs.len()];
    let mut count = 0;
    for row in rows.rows() {
        for ((value, def), column) in row.iter().zip(&defs).zip(&mut columns) {
            let value = given_value(binder, targets, scope, value, def)?;
            let Some(datum) = binder.constant_value(value, &def.ty)? else {
                return Ok(None);
            };
            column.push(datum);
        }
        count += 1;
        if count == CHUNK_ROWS {
            chunks.push(chunk(&defs, &mut columns, count)?);
            count = 0;
        }
    }
    if count > 0 {
        chunks.push(chunk(&defs, &mut columns, count)?);
    }
    Ok(Some(chunks))
}

fn chunk(defs: &[&ColumnDef], columns: &mut [Vec<Datum>], rows: usize) -> Result<Chunk> {
    let mut arrays = Vec::with_capacity(defs.len());
    for (def, data) in defs.iter().zip(columns) {
        arrays.push(types::array::from_data(&def.ty.form, data)?);
        data.clear();
    }
    Ok(Chunk { rows, columns: arrays })
}

/// The whole row, in table order: the given values and the defaults of the other columns.
fn complete(binder: &mut Binder<'_>, targets: &Targets<'_>, given: Vec<Expr>) -> Result<Vec<Expr>> {
    let mut row: Vec<Option<Expr>> = vec![None; targets.table.columns.len()];
    let mut by_parts = BTreeSet::new();
    for (at, (index, value)) in targets.columns.iter().zip(given).enumerate() {
        let (Some(place), Some(column)) = (row.get_mut(*index), targets.table.columns.get(*index)) else {
            continue;
        };
        *place = Some(match targets.names.get(at) {
            Some(target) if target.part.is_some() => {
                let current = place.take().unwrap_or_else(|| Expr::Const(Datum::Null, column.ty.clone()));
                by_parts.insert(*index);
                part::changed(binder, &Scope::empty(), target, column, current, value)?
            }
            _ => value,
        });
    }
    let columns = row.into_iter().zip(&targets.table.columns).enumerate();
    columns
        .map(|(index, (value, column))| match value {
            None => binder.bind_default(column),
            Some(changed) if by_parts.contains(&index) => part::whole(binder, column, changed),
            Some(value) => Ok(value),
        })
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
    let mut given = Vec::with_capacity(bound.output.len());
    for (output, column) in bound.output.iter().zip(targets.defs()) {
        given.push(match targets.use_of(column) {
            Use::Refused => return Err(only_default(column)),
            Use::Default => binder.bind_default(column)?,
            Use::Value => Expr::Column(TypedCol { col: output.col, ty: output.ty.clone() }),
        });
    }
    let row = complete(binder, targets, given)?;
    Ok(projected(binder, bound.rel, row))
}

/// A relation with whole rows of the table made of its columns.
fn projected(binder: &mut Binder<'_>, input: Rel, row: Vec<Expr>) -> (Rel, Vec<ColRef>) {
    let items: Vec<(Expr, ColRef)> = row.into_iter().map(|value| (value, binder.new_col())).collect();
    let refs = items.iter().map(|(_, col)| *col).collect();
    (Rel::Project { input: Box::new(input), items }, refs)
}
