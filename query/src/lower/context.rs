//! What a query runs against: the state it reads, the statement's surroundings, its parameters.
//!
//! Must not know sessions or transactions: whoever runs a statement fills these in.
//! Invariant: everything here stays the same while one statement runs.

use crate::interrupt::Interrupt;
use crate::optimizer::QueryRuntime;
use crate::scan::{MemoryTable, TableReader};
use crate::session::Sessions;
use arrow::record_batch::RecordBatch;
use base::Result;
use base::clock::Clock;
use base::id::{CommitTs, Oid, SequenceId, TableId};
use base::random::Random;
use base::sync::{Mutex, PoisonError};
use catalog::{CatalogState, Position, SequenceDef};
use datafusion::physical_plan::ExecutionPlan;
use sql::bound::CteId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use types::{Datum, IoSettings};

/// What one statement is planned and executed with.
#[derive(Clone, Debug)]
pub struct QueryContext {
    /// Where tables are read; `storage::ReadView` is one.
    pub view: Arc<dyn TableReader>,
    pub statement: Arc<StatementContext>,
    /// Values of `$1`, `$2` and so on, in the forms of the parameters' types.
    pub parameters: Arc<Vec<Datum>>,
    pub system: Arc<dyn SystemRelations>,
    /// Other times that the statement names.
    pub past: PastViews,
    /// The time of `view` as EXPLAIN shows it, when that is not now.
    pub read_at: Option<String>,
    pub runtime: Arc<QueryRuntime>,
    pub with: WithRows,
    /// Where the plans that are run are noted, for EXPLAIN ANALYZE.
    pub plans: Option<Arc<PlanNotes>>,
}

/// What a statement whose WITH writes holds while it runs.
#[derive(Clone, Debug, Default)]
pub struct WithRows {
    /// The rows of the parts that were computed.
    pub(crate) rows: Arc<HashMap<CteId, Arc<MemoryTable>>>,
    /// Addresses of the rows that were changed by now; None: nothing but one command writes.
    pub changed: Option<ChangedRows>,
}

/// Rows by their tables and addresses.
pub type ChangedRows = Arc<Mutex<HashSet<(TableId, u64)>>>;

/// What was run, in order.
#[derive(Debug, Default)]
pub struct PlanNotes {
    noted: Mutex<Vec<Noted>>,
}

/// One relation that was read, or written to.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// None when there was no need of one.
    pub(crate) plan: Option<Arc<dyn ExecutionPlan>>,
    /// Whether its plan may still come.
    open: bool,
}

impl PlanNotes {
    /// A statement that writes begins: the next plan is that of its source.
    pub(crate) fn begin(&self) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push(Noted { plan: None, open: true });
    }

    pub(crate) fn add(&self, plan: &Arc<dyn ExecutionPlan>) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        match noted.last_mut() {
            Some(last) if last.open => *last = Noted { plan: Some(Arc::clone(plan)), open: false },
            _ => noted.push(Noted { plan: Some(Arc::clone(plan)), open: false }),
        }
    }

    pub(crate) fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// States of the past by their commit timestamps.
pub type PastViews = Arc<BTreeMap<CommitTs, Arc<PastView>>>;

/// The tables as they were at one time.
#[derive(Clone, Debug)]
pub struct PastView {
    pub reader: Arc<dyn TableReader>,
    pub catalog: Arc<CatalogState>,
    /// As timestamptz shows it.
    pub time: String,
}

/// What functions may ask about the statement they run in.
#[derive(Clone, Debug)]
pub struct StatementContext {
    /// Start of the transaction in microseconds since 1970-01-01 UTC: now().
    pub transaction_us: i64,
    /// Start of the statement: statement_timestamp().
    pub statement_us: i64,
    /// For clock_timestamp().
    pub clock: Arc<dyn Clock>,
    /// For random() and gen_random_uuid().
    pub random: Arc<Random>,
    pub user: String,
    pub database: String,
    /// Names of the schemas searched, in order, without the implicit pg_catalog and without missing ones.
    pub search_path: Vec<String>,
    /// How values are read from and written to text, and the session's time zone.
    pub io: IoSettings,
    /// Backend process id told to the client.
    pub process_id: i32,
    pub parameters: Arc<dyn Parameters>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) interrupt: Interrupt,
    /// When the server started, in microseconds since 1970-01-01 UTC.
    pub server_started_us: i64,
    /// The catalog the statement was bound with.
    pub catalog: Arc<CatalogState>,
    pub sizes: Arc<dyn TableSizes>,
    pub sequences: Arc<dyn Sequences>,
}

/// The values of sequences. Nothing of it is undone by a rollback.
pub trait Sequences: Send + Sync + fmt::Debug {
    /// The next values of a sequence, which become the session's.
    fn next(&self, def: &SequenceDef, count: usize) -> Result<Vec<i64>>;
    /// Puts a sequence somewhere within its bounds.
    fn set(&self, def: &SequenceDef, at: Position) -> Result<()>;
    fn position(&self, def: &SequenceDef) -> Result<Position>;
    /// The value that the session took last of a sequence.
    fn current(&self, id: SequenceId) -> Option<i64>;
    /// The sequence that the session took a value of last, and its value.
    fn last(&self) -> Option<(SequenceId, i64)>;
}

/// How much space tables take.
pub trait TableSizes: Send + Sync + fmt::Debug {
    /// Bytes in files and memory.
    fn bytes(&self, table: TableId) -> Result<u64>;
    /// Rows that a scan would yield.
    fn rows(&self, table: TableId) -> Result<u64>;
}

/// The session's parameters, as set_config() changes them while a statement runs.
pub trait Parameters: Send + Sync + fmt::Debug {
    /// Changes a parameter, to its default without a value; what SHOW tells then.
    fn set(&self, name: &str, value: Option<&str>, local: bool) -> Result<String>;
    /// What SHOW tells of a parameter at this moment; None for one that there is not.
    fn show(&self, name: &str) -> Option<String>;
}

/// Rows of pg_catalog and information_schema.
pub trait SystemRelations: Send + Sync + fmt::Debug {
    /// All rows of a relation, with the columns in the relation's order and of their types' forms. Columns that are not
    /// among those wanted (by their positions) may hold anything.
    fn rows(&self, schema: &str, name: &str, wanted: &[usize]) -> Result<RecordBatch>;
    /// All rows of a function that `system::has_rows` lists, with the columns that the function has.
    fn function_rows(&self, function: Oid, args: &[Datum]) -> Result<RecordBatch>;
}
