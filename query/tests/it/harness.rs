//! A database in a temporary directory and a session on it.

use base::clock::SystemClock;
use base::fs::LocalFileSystem;
use base::random::Random;
use base::{Error, Result};
use bytes::Bytes;
use config::Settings;
use futures::StreamExt;
use query::api::{Engine, Execution, Session, SessionStart, TagFor};
use std::path::Path;
use std::sync::Arc;
use storage::{Database, StorageSettings};
use tempfile::TempDir;
use types::encode::TextEncoder;

/// A running engine. The directory goes with it.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) directory: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::open(tempfile::tempdir().unwrap())
    }

    pub(crate) fn open(directory: TempDir) -> Self {
        Self::open_with(directory, |_| {})
    }

    /// Opens it with changed settings.
    pub(crate) fn open_with(directory: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let data = directory.path().join("data");
        let fs = LocalFileSystem::open(data).unwrap();
        let random = Arc::new(Random::from_seed(1));
        let mut settings = Settings::from_layers([]).unwrap();
        settings.copy_roots = vec![directory.path().to_path_buf()];
        change(&mut settings);
        let storage = StorageSettings {
            background: false,
            log_file_bytes: 1 << 20,
            history_retention_us: settings.history_retention_seconds * 1_000_000,
            ..StorageSettings::default()
        };
        let database = Database::open(Arc::new(fs), Arc::new(SystemClock::new()), random, storage).unwrap();
        let spill = LocalFileSystem::open(directory.path().join("data").join("spill")).unwrap();
        let engine = Engine::new(database, Arc::new(settings), Some(Arc::new(spill))).unwrap();
        Self { engine, directory }
    }

    /// Gives the database up without closing it, as a killed process does, and opens it again.
    pub(crate) fn killed_and_reopened(self) -> Self {
        let Self { engine, directory } = self;
        drop(engine);
        Self::open(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn session(&self) -> Client {
        let start = SessionStart {
            user: "postgres".to_owned(),
            database: "postgres".to_owned(),
            settings: Vec::new(),
            process_id: 7,
            client: None,
            server: None,
        };
        Client { session: self.engine.session(start).unwrap() }
    }
}

/// A session that speaks in strings.
pub(crate) struct Client {
    pub(crate) session: Session,
}

/// One statement's result: its rows (values by their text, `∅` for null, separated by `|`) and its tag.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<String>,
    pub(crate) tag: String,
}

impl Client {
    /// Runs a query string as the simple protocol does; the answer of its last statement.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<Answer> {
        let outcome = self.try_run(sql).await;
        if outcome.is_err() {
            self.session.fail().await;
        }
        outcome
    }

    async fn try_run(&mut self, sql: &str) -> Result<Answer> {
        let statements = self.session.parse(sql).await?;
        let count = statements.len();
        let mut answer = Answer { rows: Vec::new(), tag: String::new() };
        for (index, statement) in statements.iter().enumerate() {
            let prepared = self.session.prepare(statement, &[]).await?;
            let execution = self.session.execute(&prepared, Vec::new(), count == 1 && index == 0).await?;
            answer = collect(execution).await?;
        }
        self.session.finish_implicit().await?;
        Ok(answer)
    }

    pub(crate) async fn rows(&mut self, sql: &str) -> Vec<String> {
        match self.run(sql).await {
            Ok(answer) => answer.rows,
            Err(error) => panic!("{sql}: {error:?}"),
        }
    }

    pub(crate) async fn tag(&mut self, sql: &str) -> String {
        match self.run(sql).await {
            Ok(answer) => answer.tag,
            Err(error) => panic!("{sql}: {error:?}"),
        }
    }

    pub(crate) async fn error(&mut self, sql: &str) -> Error {
        match self.run(sql).await {
            Ok(answer) => panic!("{sql} succeeded: {answer:?}"),
            Err(error) => error,
        }
    }

    /// COPY FROM STDIN with the data cut into pieces of `piece` bytes.
    pub(crate) async fn copy_in(&mut self, sql: &str, data: &str, piece: usize) -> Result<String> {
        let outcome = self.try_copy_in(sql, data, piece).await;
        if outcome.is_err() {
            self.session.fail().await;
        }
        outcome
    }

    async fn try_copy_in(&mut self, sql: &str, data: &str, piece: usize) -> Result<String> {
        let statement = self.session.parse(sql).await?.remove(0);
        let prepared = self.session.prepare(&statement, &[]).await?;
        match self.session.execute(&prepared, Vec::new(), true).await? {
            Execution::CopyIn(mut copy) => {
                for part in data.as_bytes().chunks(piece) {
                    copy.push(Bytes::copy_from_slice(part)).await?;
                }
                self.session.finish_copy(copy).await
            }
            other => panic!("{sql} is {other:?}"),
        }
    }
}

pub(crate) async fn collect(execution: Execution) -> Result<Answer> {
    match execution {
        Execution::Command(tag) => Ok(Answer { rows: Vec::new(), tag }),
        Execution::Empty => Ok(Answer { rows: Vec::new(), tag: String::new() }),
        Execution::CopyIn(_) => panic!("COPY FROM STDIN needs data"),
        Execution::CopyOut { mut rows, .. } => {
            let mut lines = Vec::new();
            while let Some(payloads) = rows.next().await {
                lines.extend(payloads?.iter().map(|p| String::from_utf8(p.to_vec()).unwrap()));
            }
            let tag = format!("COPY {}", lines.len());
            Ok(Answer { rows: lines, tag })
        }
        Execution::Rows { columns, mut rows, tag, io } => {
            let mut lines = Vec::new();
            while let Some(batch) = rows.next().await {
                let batch = batch?;
                let encoders: Vec<TextEncoder> = columns
                    .iter()
                    .zip(batch.columns())
                    .map(|(c, array)| TextEncoder::new(&c.ty, array, &io).unwrap())
                    .collect();
                for row in 0..batch.num_rows() {
                    let values: Vec<String> = encoders
                        .iter()
                        .map(|e| {
                            let mut text = Vec::new();
                            if e.is_null(row) {
                                return "∅".to_owned();
                            }
                            e.write(row, &mut text).unwrap();
                            String::from_utf8(text).unwrap()
                        })
                        .collect();
                    lines.push(values.join("|"));
                }
            }
            let tag = match tag {
                TagFor::Select => format!("SELECT {}", lines.len()),
                TagFor::Fixed(tag) => tag,
            };
            Ok(Answer { rows: lines, tag })
        }
    }
}
