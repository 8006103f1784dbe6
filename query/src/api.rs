//! The face of the engine towards the server and the embedded tests: engine, session, results.
//!
//! Invariant: rows of a statement reach the caller only from the attempt whose effects stay.

use arrow::record_batch::RecordBatch;
use base::Result;
use base::id::Oid;
use bytes::Bytes;
use futures::stream::BoxStream;
use sql::bound::OutputColumn;
use std::sync::Arc;
use types::{Datum, SqlType};

/// One database served to many sessions.
#[derive(Clone, Debug)]
pub struct Engine {}

impl Engine {
    pub fn new(_database: storage::Database, _settings: Arc<config::Settings>) -> Result<Self> {
        todo!()
    }
    pub fn session(&self, _start: SessionStart) -> Result<Session> {
        todo!()
    }
    pub fn database(&self) -> &storage::Database {
        todo!()
    }
}

/// Who connects, with which settings from the start-up message.
#[derive(Clone, Debug, Default)]
pub struct SessionStart {
    pub user: String,
    pub database: String,
    pub settings: Vec<(String, String)>,
    /// Backend process id told to the client.
    pub process_id: i32,
}

/// As ReadyForQuery reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    Idle,
    InBlock,
    Failed,
}

/// Stops the running statement of a session from another thread.
#[derive(Clone, Debug)]
pub struct CancelHandle {}

impl CancelHandle {
    pub fn cancel(&self) {
        todo!()
    }
}

/// Messages for the client beside results: NOTICE and WARNING.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub severity: &'static str,
    /// SQLSTATE.
    pub code: &'static str,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

/// A parsed statement of a query string.
#[derive(Clone, Debug)]
pub struct Parsed {}

/// A statement with its parameter types and result columns known.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub parameter_types: Vec<SqlType>,
    /// None when the statement yields no rows.
    pub output: Option<Vec<OutputColumn>>,
}

/// What executing yields.
pub enum Execution {
    /// Rows, then the tag made from their number (for example `SELECT 3`).
    Rows { columns: Vec<OutputColumn>, rows: BoxStream<'static, Result<RecordBatch>>, tag: TagFor },
    /// Done; the whole tag.
    Command(String),
    /// An empty query string.
    Empty,
    /// COPY .. FROM STDIN: feed the client's bytes, then finish.
    CopyIn(CopyIn),
    /// COPY .. TO STDOUT: ready-made payloads of CopyData messages, one row each, then the tag `COPY n`.
    CopyOut { columns: usize, rows: BoxStream<'static, Result<Vec<Bytes>>> },
}

impl std::fmt::Debug for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Execution::Rows { .. } => "Rows",
            Execution::Command(_) => "Command",
            Execution::Empty => "Empty",
            Execution::CopyIn(_) => "CopyIn",
            Execution::CopyOut { .. } => "CopyOut",
        })
    }
}

/// How the number of rows becomes the command tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagFor {
    /// `SELECT n`.
    Select,
    /// A tag that is already known (INSERT .. RETURNING).
    Fixed(String),
}

/// Takes the bytes of COPY FROM STDIN.
#[derive(Debug)]
pub struct CopyIn {
    pub columns: usize,
}

impl CopyIn {
    pub async fn push(&mut self, _bytes: Bytes) -> Result<()> {
        todo!()
    }
}

/// One client's state: settings, transaction, prepared statements are the server's.
///
/// Protocol of use: `execute` starts an implicit transaction when none is open; `finish_implicit` at the end of a
/// simple query string and at Sync commits it; after an error call `fail`, which rolls an implicit transaction back
/// and marks a block as failed.
#[derive(Debug)]
pub struct Session {}

impl Session {
    /// Splits and parses a query string.
    pub fn parse(&mut self, _sql: &str) -> Result<Vec<Parsed>> {
        todo!()
    }
    /// Binds. `parameter_types` may be shorter than the number of parameters; 0 means unknown.
    pub async fn prepare(&mut self, _statement: &Parsed, _parameter_types: &[Oid]) -> Result<Prepared> {
        todo!()
    }
    /// Runs. `last` tells that the implicit transaction ends right behind this statement, so that a lost race
    /// can be run again unseen and a single statement is its own transaction.
    pub async fn execute(&mut self, _prepared: &Prepared, _parameters: Vec<Datum>, _last: bool) -> Result<Execution> {
        todo!()
    }
    /// Ends COPY FROM STDIN; the tag.
    pub async fn finish_copy(&mut self, _copy: CopyIn) -> Result<String> {
        todo!()
    }
    pub async fn finish_implicit(&mut self) -> Result<()> {
        todo!()
    }
    pub async fn fail(&mut self) {
        todo!()
    }
    pub fn status(&self) -> TransactionStatus {
        todo!()
    }
    pub fn take_notices(&mut self) -> Vec<Notice> {
        todo!()
    }
    /// Settings that changed and are reported to the client (ParameterStatus).
    pub fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        todo!()
    }
    /// All settings reported at start.
    pub fn reported_parameters(&self) -> Vec<(String, String)> {
        todo!()
    }
    pub fn cancel_handle(&self) -> CancelHandle {
        todo!()
    }
}
