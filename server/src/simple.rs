//! The simple query protocol: a string of statements, one implicit transaction.
//!
//! Invariant: the last statement's completion is sent only after the implicit transaction has committed.

use crate::describe;
use crate::frontend::Format;
use crate::reply;
use crate::rows::Cursor;
use crate::session::Connection;
use base::Result;
use pgwire::messages::response::EmptyQueryResponse;
use query::api::{Execution, Parsed};

/// Runs all statements; errors of statements are answered here, failures of the socket returned.
pub(crate) async fn query(connection: &mut Connection, text: &str) -> Result<()> {
    if let Err(error) = statements(connection, text).await {
        connection.failed(&error).await?;
    }
    Ok(())
}

async fn statements(connection: &mut Connection, text: &str) -> Result<()> {
    let statements = connection.session.parse(text).await?;
    if statements.is_empty() {
        return connection.wire.put(&EmptyQueryResponse::new());
    }
    let count = statements.len();
    for (i, statement) in statements.iter().enumerate() {
        let last = i + 1 == count;
        if let Some(tag) = one(connection, statement, last, count == 1).await? {
            if last {
                connection.session.finish_implicit().await?;
            }
            reply::notices(&mut connection.wire, &mut connection.session)?;
            reply::complete(&mut connection.wire, tag)?;
        }
    }
    Ok(())
}

/// Runs one statement; its tag. `alone`: it is the whole implicit transaction.
async fn one(
    connection: &mut Connection,
    statement: &Parsed,
    last: bool,
    alone: bool,
) -> Result<Option<String>> {
    let prepared = connection.session.prepare(statement, &[]).await?;
    let execution = connection.execute(&prepared, Vec::new(), last && alone).await?;
    match execution {
        Execution::Rows { columns, rows, tag, io } => {
            let formats = vec![Format::Text; columns.len()];
            connection.wire.put(&describe::rows(&columns, &formats))?;
            let mut cursor = Cursor::new(columns, formats, rows, tag, io);
            cursor.step(&mut connection.wire, 0).await?;
            Ok(Some(cursor.tag()))
        }
        Execution::Empty => {
            connection.wire.put(&EmptyQueryResponse::new())?;
            Ok(None)
        }
        other => connection.copy(other).await,
    }
}
