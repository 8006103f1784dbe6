//! COPY: which rows, which columns, from or to where.
//!
//! Must not know formats beyond their options' meaning.
//! Invariant: columns are positions in the table; a column that the input does not hold has its default.

use super::copy_options;
use super::row::target_columns;
use crate::binder::{Binder, Relation, Term, Write, Written};
use crate::bound::{
    BoundCopy, BoundQuery, CopyDirection, CopyEnd, DomainInput, Expr, OutputColumn, Rel, TypedCol,
};
use crate::parse::{CopySource, CopySpec};
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, ColumnKind, TableDef, has_domains};
use sqlparser::ast;
use std::sync::Arc;

pub(super) fn bind(binder: &mut Binder<'_>, spec: &CopySpec) -> Result<BoundCopy> {
    let CopySpec { source, from, path, options } = spec;
    let end = path.as_ref().map_or(CopyEnd::Client, |path| CopyEnd::Path(path.clone()));
    let (direction, columns) = match source {
        CopySource::Query(query) => {
            if let ast::SetExpr::Select(select) = query.body.as_ref()
                && select.into.is_some()
            {
                return Err(Error::unsupported("COPY (SELECT INTO) is not supported"));
            }
            let query = binder.bind_query(query)?;
            let names = query.output.iter().map(|c| c.name.clone()).collect();
            (CopyDirection::To { query, target: end }, names)
        }
        CopySource::Table { name, columns } => {
            match binder.relation(name).map_err(Error::without_position)? {
                Relation::View(view) => return Err(not_copied(*from, "view", &view.name)),
                Relation::Sequence(sequence) => return Err(not_copied(*from, "sequence", &sequence.name)),
                Relation::Table(_) | Relation::System(_) => {}
            }
            let table = binder.stored_named(name).map_err(Error::without_position)?;
            if binder.is_materialized(&table) {
                return Err(not_copied(*from, "materialized view", &table.name));
            }
            let columns = copied_columns(binder, &table, columns)?;
            let names: Vec<String> = columns
                .iter()
                .filter_map(|index| table.columns.get(*index))
                .map(|c| c.name.clone())
                .collect();
            let direction = if *from {
                from_end(binder, &table, columns, end)?
            } else {
                CopyDirection::To { query: whole_table(binder, &table, &columns, None)?, target: end }
            };
            (direction, names)
        }
    };
    let format = copy_options::bind(binder, options, *from, path.is_none(), &columns)?;
    Ok(BoundCopy { direction, format })
}

/// 42809 for a relation that COPY does not take.
fn not_copied(from: bool, what: &str, name: &str) -> Error {
    let verb = if from { "to" } else { "from" };
    let error = Error::new(ErrorKind::WrongObjectType, format!("cannot copy {verb} {what} \"{name}\""));
    match (from, what) {
        (false, "view" | "materialized view") => error.with_hint("Try the COPY (SELECT ...) TO variant."),
        (true, "view") => {
            error.with_hint("To enable copying to a view, provide an INSTEAD OF INSERT trigger.")
        }
        _ => error,
    }
}

/// The columns of COPY's list, or all that are not generated.
fn copied_columns(binder: &Binder<'_>, table: &Arc<TableDef>, names: &[ast::Ident]) -> Result<Vec<usize>> {
    let mut columns = target_columns(binder, &Written::of_table(Arc::clone(table), Write::Insert), names)?;
    let is_generated =
        |index: &usize| table.columns.get(*index).filter(|column| column.kind == ColumnKind::Generated);
    if names.is_empty() {
        columns.retain(|index| is_generated(index).is_none());
    } else if let Some(column) = columns.iter().find_map(is_generated) {
        let message = format!("column \"{}\" is a generated column", column.name);
        return Err(Error::new(ErrorKind::InvalidColumnReference, message)
            .with_detail("Generated columns cannot be used in COPY."));
    }
    Ok(columns)
}

fn from_end(
    binder: &mut Binder<'_>,
    table: &TableDef,
    columns: Vec<usize>,
    source: CopyEnd,
) -> Result<CopyDirection> {
    let mut defaults = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        if !columns.contains(&index) {
            defaults.push((index, binder.bind_default(column)?));
        }
    }
    let mut domains = Vec::new();
    for (place, index) in columns.iter().enumerate() {
        let asks = |column: &&ColumnDef| column.ty.domain.is_some() || has_domains(&column.ty);
        let Some(column) = table.columns.get(*index).filter(asks) else { continue };
        let value = TypedCol { col: binder.new_col(), ty: column.ty.clone().as_domain(None) };
        let whole = binder.with_checked_fields(Expr::Column(value.clone()))?;
        let checked = binder.assign(Term { expr: whole, at: 0 }, column)?;
        domains.push(DomainInput { place, value, checked });
    }
    let rules = super::rules::of(binder, table)?;
    Ok(CopyDirection::From { table: table.id, columns, domains, defaults, rules, source })
}

/// The columns of a table as a query yields them.
fn whole_table(
    binder: &mut Binder<'_>,
    table: &TableDef,
    columns: &[usize],
    alias: Option<&ast::Ident>,
) -> Result<BoundQuery> {
    let (mut scan, _) = binder.scan_table(table, alias, false);
    let mut kept = Vec::with_capacity(columns.len());
    let mut output = Vec::with_capacity(columns.len());
    for index in columns {
        let (Some(def), Some((id, typed))) = (table.columns.get(*index), scan.columns.get(*index)) else {
            return Err(Error::internal("a column of COPY is not one of its table"));
        };
        kept.push((*id, typed.clone()));
        output.push(OutputColumn {
            name: def.name.clone(),
            ty: def.ty.clone(),
            col: typed.col,
            table_oid: table.oid,
            attnum: def.number(),
        });
    }
    scan.columns = kept;
    Ok(BoundQuery { rel: Rel::Scan(scan), output })
}
