//! The face of the engine towards the server and the embedded tests: engine, session, results.
//!
//! Invariant: rows of a statement reach the caller only from the attempt whose effects stay.

pub use crate::copy::CopyIn;
pub use crate::engine::Engine;
pub use crate::interrupt::CancelHandle;
pub use crate::kernel::attach::is_attached;
pub use crate::session::{Parsed, Prepared, Session};

use arrow::record_batch::RecordBatch;
use base::Result;
use bytes::Bytes;
use futures::stream::BoxStream;
use sql::bound::OutputColumn;
use std::net::SocketAddr;
use types::{Datum, IoSettings};

/// Who connects, with which settings from the start-up message.
#[derive(Clone, Debug, Default)]
pub struct SessionStart {
    pub user: String,
    pub database: String,
    pub settings: Vec<(String, String)>,
    /// Backend process id told to the client.
    pub process_id: i32,
    /// Where it connects from; None for a caller in this process.
    pub client: Option<SocketAddr>,
    /// Where it connected to; None for a caller in this process.
    pub server: Option<SocketAddr>,
}

/// As ReadyForQuery reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    Idle,
    InBlock,
    Failed,
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

/// What executing yields.
pub enum Execution {
    /// Rows, then the tag made from their number (for example `SELECT 3`). Column i of a batch is `columns[i]`.
    /// `io` writes them with the names that objects have in the catalog that the statement read.
    Rows {
        columns: Vec<OutputColumn>,
        rows: BoxStream<'static, Result<RecordBatch>>,
        tag: TagFor,
        io: IoSettings,
    },
    /// Done; the whole tag.
    Command(String),
    /// An empty query string.
    Empty,
    /// COPY .. FROM STDIN: feed the client's bytes, then finish.
    CopyIn(CopyIn),
    /// COPY .. TO STDOUT: ready-made payloads of CopyData messages, one row each, then the tag `COPY n`.
    /// A header line is a payload of its own and does not count: `header` tells that the first one is.
    CopyOut { columns: usize, header: bool, rows: BoxStream<'static, Result<Vec<Bytes>>> },
}

/// A change of rows that waits to run.
#[derive(Debug)]
pub struct Change {
    pub statement: Prepared,
    pub parameters: Vec<Datum>,
    /// Whether the implicit transaction ends right behind it.
    pub last: bool,
}

/// What a change yielded, and the notices it caused.
pub type ChangeOutcome = Result<(Execution, Vec<Notice>)>;

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
