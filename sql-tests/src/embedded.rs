//! The engine in this process, without a socket.

use crate::database::TestDatabase;
use crate::failure::Failure;
use base::Result;
use futures::StreamExt;
use query::api::{Execution, Session, SessionStart, TransactionStatus};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use types::TextEncoder;

/// What happens between statements, so that answers are seen from every place rows can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    Nothing,
    /// Memtables become segments.
    Flush,
    /// The database is closed and opened again (outside transaction blocks).
    Restart,
}

/// A session on a database of its own.
#[derive(Debug)]
pub struct Embedded {
    database: TestDatabase,
    session: Session,
    between: Between,
}

impl Embedded {
    pub fn start(between: Between) -> Result<Self> {
        let database = TestDatabase::create()?;
        let session = session(&database)?;
        Ok(Self { database, session, between })
    }

    fn between(&mut self) -> Result<()> {
        if self.session.status() != TransactionStatus::Idle {
            return Ok(());
        }
        match self.between {
            Between::Nothing => Ok(()),
            Between::Flush => self.database.database()?.flush(),
            Between::Restart => {
                self.database.reopen()?;
                self.session = session(&self.database)?;
                Ok(())
            }
        }
    }

    async fn statements(&mut self, sql: &str) -> Result<Vec<Vec<String>>> {
        let statements = self.session.parse(sql).await?;
        let count = statements.len();
        let mut rows = Vec::new();
        for (i, statement) in statements.iter().enumerate() {
            let prepared = self.session.prepare(statement, &[]).await?;
            let last = i + 1 == count && count == 1;
            match self.session.execute(&prepared, Vec::new(), last).await? {
                Execution::Rows { columns, rows: mut batches, .. } => {
                    rows.clear();
                    let io = self.session.io_settings();
                    while let Some(batch) = batches.next().await {
                        let batch = batch?;
                        let encoders = batch
                            .columns()
                            .iter()
                            .zip(&columns)
                            .map(|(array, column)| TextEncoder::new(&column.ty, array, &io))
                            .collect::<Result<Vec<_>>>()?;
                        for row in 0..batch.num_rows() {
                            rows.push(encoders.iter().map(|e| cell(e, row)).collect::<Result<_>>()?);
                        }
                    }
                }
                Execution::Command(_) | Execution::Empty => {}
                Execution::CopyIn(_) | Execution::CopyOut { .. } => {
                    return Err(base::Error::unsupported("COPY over the connection in an .slt file"));
                }
            }
        }
        self.session.finish_implicit().await?;
        Ok(rows)
    }
}

fn session(database: &TestDatabase) -> Result<Session> {
    database.engine()?.session(SessionStart {
        user: "postgres".to_owned(),
        database: "postgres".to_owned(),
        ..SessionStart::default()
    })
}

fn cell(encoder: &TextEncoder, row: usize) -> Result<String> {
    if encoder.is_null(row) {
        return Ok("NULL".to_owned());
    }
    let mut out = Vec::new();
    encoder.write(row, &mut out)?;
    Ok(shown(&String::from_utf8_lossy(&out)))
}

/// Empty text is told from no text.
pub(crate) fn shown(text: &str) -> String {
    if text.is_empty() { "(empty)".to_owned() } else { text.to_owned() }
}

/// Rows as the runner compares them.
pub(crate) fn output(rows: Vec<Vec<String>>) -> DBOutput<DefaultColumnType> {
    match rows.first() {
        None => DBOutput::StatementComplete(0),
        Some(first) => DBOutput::Rows { types: vec![DefaultColumnType::Text; first.len()], rows },
    }
}

#[async_trait::async_trait]
impl AsyncDB for Embedded {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> std::result::Result<DBOutput<DefaultColumnType>, Failure> {
        self.between()?;
        let sql = sql.replace("$FILES", &self.database.files().to_string_lossy());
        match self.statements(&sql).await {
            Ok(rows) => Ok(output(rows)),
            Err(error) => {
                self.session.fail().await;
                Err(error.into())
            }
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        match self.between {
            Between::Nothing => "embedded",
            Between::Flush => "flushed",
            Between::Restart => "restarted",
        }
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        Some(error.code.clone())
    }
}
