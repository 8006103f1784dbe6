//! CREATE, ALTER, REFRESH and DROP MATERIALIZED VIEW.
//!
//! Must not know how rows are kept.

use super::{alter_table, create_table, schema, view};
use crate::binder::{BindContext, Binder};
use crate::bound::{BoundCreateMaterialized, BoundRefresh, BoundStatement};
use crate::parse::{AlterViewSpec, DropSpec, MaterializedSpec, RefreshSpec, RowsSource};
use base::{Error, ErrorKind, Result};
use catalog::ColumnDef;

pub(super) fn create(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &MaterializedSpec,
) -> Result<BoundStatement> {
    let MaterializedSpec { table, text, at } = spec;
    let RowsSource::Query(query) = &table.source else {
        return Err(Error::internal("a materialized view without a query"));
    };
    let (_, text, uses) = view::kept_query(binder, context, query, text, *at, "materialized views")?;
    match create_table::bind_as(binder, context, table)? {
        BoundStatement::CreateTableAs(table) => {
            Ok(BoundStatement::CreateMaterialized(Box::new(BoundCreateMaterialized {
                table: *table,
                text,
                uses,
            })))
        }
        _ => Err(Error::internal("a materialized view without a table")),
    }
}

/// What ALTER TABLE would do with the view's table.
pub(super) fn alter(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &AlterViewSpec,
) -> Result<BoundStatement> {
    const COMMAND: &str = "ALTER MATERIALIZED VIEW";
    let AlterViewSpec { name, materialized: _, if_exists, action } = spec;
    let table = match binder.materialized_named(name) {
        Ok(Ok(table)) => table,
        Ok(Err((other, _))) => {
            let message = format!("\"{other}\" is not a materialized view");
            return Err(Error::new(ErrorKind::WrongObjectType, message));
        }
        Err(error) => {
            return match schema::missing(binder, name, &error, "relation")? {
                Some(missing) if *if_exists => Ok(alter_table::nothing_to_alter(COMMAND, &missing)),
                _ => Err(error),
            };
        }
    };
    alter_table::altered(binder, context, COMMAND, &table, std::slice::from_ref(action))
}

pub(super) fn refresh(binder: &mut Binder<'_>, spec: &RefreshSpec) -> Result<BoundStatement> {
    let RefreshSpec { name, concurrently, with_data } = spec;
    let (concurrently, with_data) = (*concurrently, *with_data);
    let table = match binder.materialized_named(name)? {
        Ok(table) => table,
        Err((other, _)) => return Err(Error::unsupported(format!("\"{other}\" is not a materialized view"))),
    };
    let catalog = binder.context.catalog;
    let def = catalog.materialized_view(table.id).ok_or_else(|| Error::internal("a view lost its query"))?;
    if concurrently && !def.populated {
        let message = "CONCURRENTLY cannot be used when the materialized view is not populated";
        return Err(Error::unsupported(message));
    }
    if concurrently && !with_data {
        let message = "REFRESH options CONCURRENTLY and WITH NO DATA cannot be used together";
        return Err(Error::new(ErrorKind::Syntax, message));
    }
    if concurrently {
        let schema = catalog.schema(table.schema).map_or("?", |schema| schema.name.as_str());
        let message = format!("cannot refresh materialized view \"{schema}.{}\" concurrently", table.name);
        return Err(Error::new(ErrorKind::WrongObjectState, message).with_hint(
            "Create a unique index with no WHERE clause on one or more columns of the materialized view.",
        ));
    }
    let targets: Vec<&ColumnDef> = table.columns.iter().collect();
    let query = binder.stored_query(def, &targets)?;
    Ok(BoundStatement::Refresh(Box::new(BoundRefresh {
        table: table.id,
        source_columns: query.output.iter().map(|c| c.col).collect(),
        source: query.rel,
        with_data,
    })))
}

pub(super) fn drop(binder: &Binder<'_>, spec: &DropSpec) -> Result<BoundStatement> {
    let DropSpec { names, if_exists, cascade } = spec;
    let (mut tables, mut notices) = (Vec::new(), Vec::new());
    for name in names {
        match binder.materialized_named(name) {
            Ok(Ok(table)) if tables.contains(&table.id) => {}
            Ok(Ok(table)) => tables.push(table.id),
            Ok(Err((other, hint))) => {
                let message = format!("\"{other}\" is not a materialized view");
                return Err(Error::new(ErrorKind::WrongObjectType, message).with_hint(hint));
            }
            Err(error) => match schema::missing(binder, name, &error, "materialized view")? {
                Some(missing) if *if_exists => notices.push(format!("{}, skipping", missing.message())),
                Some(missing) => return Err(missing),
                None => return Err(error),
            },
        }
    }
    Ok(BoundStatement::DropMaterialized { tables, cascade: *cascade, notices })
}
