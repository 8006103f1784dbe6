//! EXPLAIN of every statement it takes.
//!
//! Invariant: without ANALYZE nothing is run; a statement that writes is never run.

use crate::api::Execution;
use crate::explain::explain;
use crate::lower::QueryContext;
use crate::session::prepare::text_columns;
use crate::session::rows::{ready, text_rows};
use base::id::TableId;
use base::{Error, Result};
use sql::bound::{BoundStatement, ColRef, Rel};

/// The plan of `statement` as rows of text.
pub(crate) async fn explained(
    statement: &BoundStatement,
    context: &QueryContext,
    analyze: bool,
    verbose: bool,
) -> Result<Execution> {
    let (heading, rel, columns): (Option<String>, &Rel, Vec<ColRef>) = match statement {
        BoundStatement::Query(query) => (None, &query.rel, query.output.iter().map(|o| o.col).collect()),
        BoundStatement::Insert(insert) => {
            (Some(heading("Insert", insert.table, context)), &insert.source, insert.source_columns.clone())
        }
        BoundStatement::Update(update) => {
            let written = update.new_columns.iter().chain(&update.joined_columns).copied();
            let columns = std::iter::once(update.row_address).chain(written).collect();
            (Some(heading("Update", update.table, context)), &update.source, columns)
        }
        BoundStatement::Delete(delete) => {
            (Some(heading("Delete", delete.table, context)), &delete.source, vec![delete.row_address])
        }
        _ => return Err(Error::unsupported("EXPLAIN of this statement is not supported")),
    };
    if analyze && heading.is_some() {
        return Err(Error::unsupported("EXPLAIN ANALYZE of a statement that writes is not supported")
            .with_hint("use EXPLAIN without ANALYZE"));
    }
    let mut lines: Vec<String> = heading.into_iter().collect();
    if verbose && let BoundStatement::Query(query) = statement {
        let names: Vec<&str> = query.output.iter().map(|o| o.name.as_str()).collect();
        lines.push(format!("Output: {}", names.join(", ")));
    }
    lines.extend(explain(context, rel, &columns, analyze).await?);
    let rows: Vec<Vec<String>> = lines.into_iter().map(|line| vec![line]).collect();
    Ok(ready(text_columns(&["QUERY PLAN"]), text_rows(&rows)?, "EXPLAIN"))
}

fn heading(verb: &str, table: TableId, context: &QueryContext) -> String {
    let name = context.statement.catalog.table(table).map_or("?", |t| t.name.as_str());
    format!("{verb} on {name}")
}
