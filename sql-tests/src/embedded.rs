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
    /// None only while the database is closed and opened again.
    session: Option<Session>,
    between: Between,
}

/// What a string of statements gave: rows of the last that yields any, else the number of rows changed.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Columns of the result; None when there is none.
    pub(crate) columns: Option<usize>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) changed: u64,
}

impl Embedded {
    pub fn start(between: Between) -> Result<Self> {
        let database = TestDatabase::create()?;
        let session = Some(session(&database)?);
        Ok(Self { database, session, between })
    }

    fn between(&mut self) -> Result<()> {
        if self.session()?.status() != TransactionStatus::Idle {
            return Ok(());
        }
        match self.between {
            Between::Nothing => Ok(()),
            Between::Flush => self.database.database()?.flush(),
            Between::Restart => {
                self.session = None;
                self.database.reopen()?;
                self.session = Some(session(&self.database)?);
                Ok(())
            }
        }
    }

    fn session(&mut self) -> Result<&mut Session> {
        self.session
            .as_mut()
            .ok_or_else(|| base::Error::internal("the test database could not be opened again"))
    }

    async fn statements(&mut self, sql: &str) -> Result<Answer> {
        let session = self.session()?;
        let statements = session.parse(sql).await?;
        let count = statements.len();
        let mut answer = Answer::default();
        for (i, statement) in statements.iter().enumerate() {
            let prepared = session.prepare(statement, &[]).await?;
            let last = i + 1 == count && count == 1;
            match session.execute(&prepared, Vec::new(), last).await? {
                Execution::Rows { columns, rows: mut batches, io, .. } => {
                    answer = Answer { columns: Some(columns.len()), ..Answer::default() };
                    while let Some(batch) = batches.next().await {
                        let batch = batch?;
                        let encoders = batch
                            .columns()
                            .iter()
                            .zip(&columns)
                            .map(|(array, column)| TextEncoder::new(&column.ty, array, &io))
                            .collect::<Result<Vec<_>>>()?;
                        for row in 0..batch.num_rows() {
                            answer.rows.push(encoders.iter().map(|e| cell(e, row)).collect::<Result<_>>()?);
                        }
                    }
                }
                Execution::Command(tag) => {
                    let changed = tag.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
                    answer = Answer { changed, ..Answer::default() };
                }
                Execution::Empty => {}
                Execution::CopyIn(_) | Execution::CopyOut { .. } => {
                    return Err(base::Error::unsupported("COPY over the connection in an .slt file"));
                }
            }
        }
        session.finish_implicit().await?;
        Ok(answer)
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
pub(crate) fn output(answer: Answer) -> DBOutput<DefaultColumnType> {
    match answer.columns {
        None => DBOutput::StatementComplete(answer.changed),
        Some(columns) => DBOutput::Rows { types: vec![DefaultColumnType::Text; columns], rows: answer.rows },
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
            Ok(answer) => Ok(output(answer)),
            Err(error) => {
                self.session()?.fail().await;
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
