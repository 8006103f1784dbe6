//! VACUUM, ANALYZE, TRUNCATE, UNDROP TABLE and CREATE TABLE .. CLONE.
//!
//! Must not know how a table is stored or changed.
//! Invariant: a table that is named twice is meant once.

use super::options;
use crate::binder::{BindContext, Binder};
use crate::bound::{BoundClone, BoundStatement, Targets};
use crate::parse::{AnalyzeSpec, CloneSpec, TableTarget, TruncateSpec, VacuumSpec};
use base::id::{ColumnId, TableId};
use base::{Error, ErrorKind, Result};
use catalog::TableDef;
use sqlparser::ast;

const VIEW_HINT: &str = "CREATE TABLE .. AS makes a table of the rows of a view.";

pub(super) fn vacuum(binder: &Binder<'_>, spec: &VacuumSpec) -> Result<BoundStatement> {
    let VacuumSpec { full, verbose, analyze, tables } = spec;
    let tables = targets(binder, tables)?;
    Ok(BoundStatement::Vacuum { full: *full, verbose: *verbose, analyze: *analyze, tables })
}

pub(super) fn analyze(binder: &Binder<'_>, spec: &AnalyzeSpec) -> Result<BoundStatement> {
    let AnalyzeSpec { verbose, tables } = spec;
    Ok(BoundStatement::Analyze { verbose: *verbose, tables: targets(binder, tables)? })
}

fn targets(binder: &Binder<'_>, specs: &[TableTarget]) -> Result<Targets> {
    if specs.is_empty() {
        return Ok(Targets::AllTables);
    }
    let mut found: Vec<(TableId, Vec<ColumnId>)> = Vec::with_capacity(specs.len());
    for TableTarget { name, columns, columns_at: _ } in specs {
        let table = binder.stored_named(name)?;
        let columns = columns_of(binder, &table, columns)?;
        match found.iter_mut().find(|(id, _)| *id == table.id) {
            // All columns are more than some.
            Some((_, known)) if known.is_empty() || columns.is_empty() => known.clear(),
            Some((_, known)) => known.extend(columns),
            None => found.push((table.id, columns)),
        }
    }
    Ok(Targets::Tables(found))
}

fn columns_of(binder: &Binder<'_>, table: &TableDef, names: &[ast::Ident]) -> Result<Vec<ColumnId>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let folded = binder.fold(name);
        let Some(column) = table.column_named(&folded) else {
            let message = format!("column \"{folded}\" of relation \"{}\" does not exist", table.name);
            return Err(Error::new(ErrorKind::UndefinedColumn, message));
        };
        if found.contains(&column.id) {
            let message =
                format!("column \"{folded}\" of relation \"{}\" appears more than once", table.name);
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
        found.push(column.id);
    }
    Ok(found)
}

pub(super) fn truncate(binder: &Binder<'_>, spec: &TruncateSpec) -> Result<BoundStatement> {
    let TruncateSpec { tables: names, restart, cascade } = spec;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let table = binder.stored_named(name)?;
        if binder.is_materialized(&table) {
            let message = format!("\"{}\" is not a table", table.name);
            return Err(Error::new(ErrorKind::WrongObjectType, message));
        }
        if !tables.contains(&table.id) {
            tables.push(table.id);
        }
    }
    Ok(BoundStatement::Truncate { tables, restart: *restart, cascade: *cascade })
}

pub(super) fn undrop(
    binder: &Binder<'_>,
    context: &BindContext<'_>,
    name: &ast::ObjectName,
) -> Result<BoundStatement> {
    let (schema, name) = binder.split_name(name)?;
    let schemas = match schema {
        Some(schema) => {
            let schema = ast::ObjectName::from(vec![ast::Ident::with_quote('"', schema)]);
            vec![binder.schema_named(&schema)?.id]
        }
        None => {
            let path = context.search_path.iter();
            path.filter_map(|name| context.catalog.schema_named(name)).map(|s| s.id).collect()
        }
    };
    Ok(BoundStatement::UndropTable { schemas, name })
}

pub(super) fn clone_table(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &CloneSpec,
) -> Result<BoundStatement> {
    let CloneSpec { name, if_not_exists, source, at, options } = spec;
    let (schema, name) = binder.creation_target(name)?;
    let (source, at) = match at {
        None => {
            let source = binder.stored_named(source)?;
            binder.check_populated(context.catalog, &source)?;
            (source, None)
        }
        Some(time) => {
            let moment = binder.moment(time, "AS OF")?;
            let source = binder.table_at(&moment, source, VIEW_HINT)?;
            binder.check_populated(&moment.catalog, &source)?;
            (source, Some(moment.ts))
        }
    };
    Ok(BoundStatement::CloneTable(Box::new(BoundClone {
        schema: schema.id,
        name,
        if_not_exists: *if_not_exists,
        source,
        at,
        options: options::set(options, &context.io)?,
    })))
}
