//! The session as the server holds it: every call is carried to the query threads and back.
//!
//! Invariant: the state of a session is in one place at a time: here, or in the one task that works for it.

use crate::api::{Change, ChangeOutcome, Execution, Notice, SessionStart, TransactionStatus};
use crate::copy::CopyIn;
use crate::engine::Engine;
use crate::interrupt::{CancelHandle, Running};
use crate::session::core::Core;
use crate::session::prepare::{self, Parsed, Prepared};
use crate::session::statements::Kept;
use crate::session::transaction::Block;
use crate::threads::{QueryThreads, panic_error};
use base::id::{Oid, SchemaId};
use base::{Error, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use types::Datum;

/// One client's state: settings, transaction and prepared statements; portals are the server's.
///
/// Protocol of use: `execute` starts an implicit transaction when none is open; `finish_implicit` at the end of a
/// simple query string and at Sync commits it; after an error call `fail`, which rolls an implicit transaction back
/// and marks a block as failed.
#[derive(Debug)]
pub struct Session {
    engine: Engine,
    cancel: CancelHandle,
    /// None while a task of the query threads has it, and for ever when that task was dropped.
    core: Option<Box<Core>>,
}

impl Session {
    pub(crate) fn start(engine: Engine, start: SessionStart) -> Result<Self> {
        let core = Core::new(engine.clone(), start)?;
        let cancel = CancelHandle::default();
        core.place.stopped_by(cancel.clone());
        Ok(Self { engine, cancel, core: Some(Box::new(core)) })
    }

    /// Runs `work` with the session's state on the query threads. A panic there is XX000.
    async fn on_threads<T: Send + 'static>(
        &mut self,
        work: impl for<'a> FnOnce(&'a mut Core) -> BoxFuture<'a, Result<T>> + Send + 'static,
    ) -> Result<T> {
        let mut core = self.core.take().ok_or_else(lost)?;
        let task = self.engine.shared.threads.spawn(async move {
            let outcome = AssertUnwindSafe(async { work(&mut core).await }).catch_unwind().await;
            (core, outcome)
        });
        let (core, outcome) = task.join().await?;
        self.core = Some(core);
        outcome.unwrap_or_else(|panic| Err(panic_error(panic.as_ref())))
    }

    fn running(&self) -> Running {
        let timeouts = self.core.as_ref().map(|core| core.timeouts()).unwrap_or_default();
        self.cancel.start(&self.engine.shared.threads, timeouts)
    }

    /// Splits and parses a query string, on the query threads' large stacks.
    pub async fn parse(&mut self, sql: &str) -> Result<Vec<Parsed>> {
        let text = sql.to_owned();
        self.on_threads(move |_| async move { prepare::parse(text) }.boxed()).await
    }

    /// Binds. `parameter_types` may be shorter than the number of parameters; 0 means unknown.
    pub async fn prepare(&mut self, statement: &Parsed, parameter_types: &[Oid]) -> Result<Prepared> {
        let (statement, types) = (statement.clone(), parameter_types.to_vec());
        self.on_threads(move |core| async move { prepare::prepare(core, &statement, &types) }.boxed()).await
    }

    /// The statement as it is with values for its parameters, whose columns those may change: a time may be one.
    /// When the client knows the columns already, another result is 0A000.
    pub async fn with_values(&mut self, prepared: Prepared, parameters: &[Datum]) -> Result<Prepared> {
        if !prepared.depends_on_values() {
            return Ok(prepared);
        }
        let parameters = parameters.to_vec();
        self.on_threads(move |core| async move { prepare::with_values(core, &prepared, &parameters) }.boxed())
            .await
    }

    /// The name of a schema as the running transaction sees it.
    pub fn schema_name(&self, schema: SchemaId) -> Option<String> {
        let catalog = self.core.as_ref()?.newest_catalog();
        catalog.schema(schema).map(|def| def.name.clone())
    }

    /// Keeps a prepared statement under a name, the empty one for the unnamed; None for an empty query string.
    /// Errors: 42P05 when the name is taken, 54000 when there are too many.
    pub fn keep_statement(&mut self, name: String, statement: Option<Prepared>) -> Result<()> {
        let core = self.core.as_mut().ok_or_else(lost)?;
        let kept = Kept { statement, from_sql: false, at_us: core.engine.now_us() };
        core.statements.keep(name, kept)
    }

    /// A statement that was kept; 26000 when there is none.
    pub fn kept_statement(&self, name: &str) -> Result<Option<Prepared>> {
        self.core.as_ref().ok_or_else(lost)?.statements.get(name)
    }

    /// Forgets a statement, if there is one of that name.
    pub fn forget_statement(&mut self, name: &str) {
        if let Some(core) = &mut self.core {
            core.statements.forget(name);
        }
    }

    /// Runs. `last` tells that the implicit transaction ends right behind this statement, so that a lost race
    /// can be run again unseen and a single statement is its own transaction.
    pub async fn execute(
        &mut self,
        prepared: &Prepared,
        parameters: Vec<Datum>,
        last: bool,
    ) -> Result<Execution> {
        let running = self.running();
        let prepared = prepared.clone();
        self.on_threads(move |core| {
            async move { core.execute(&prepared, parameters, last, running).await }.boxed()
        })
        .await
    }

    /// Whether a statement may be kept for `execute_changes`: it yields a tag only, and the transaction has begun,
    /// so that what it is given means the same then.
    pub fn may_wait(&self, prepared: &Prepared) -> bool {
        let open = |core: &Core| matches!(core.transaction.block(), Block::Implicit | Block::Explicit);
        let begun = self.core.as_deref().is_some_and(open);
        begun && prepared.only_changes_rows()
    }

    /// Runs one change after the other, up to the first that fails. Each outcome has its notices.
    pub async fn execute_changes(&mut self, changes: Vec<Change>) -> Result<Vec<ChangeOutcome>> {
        let (cancel, threads) = (self.cancel.clone(), self.engine.shared.threads.clone());
        self.on_threads(move |core| {
            async move { Ok(run_changes(core, changes, &cancel, &threads).await) }.boxed()
        })
        .await
    }

    /// Ends COPY FROM STDIN; the tag.
    pub async fn finish_copy(&mut self, copy: CopyIn) -> Result<String> {
        self.on_threads(move |core| async move { core.finish_copy(copy).await }.boxed()).await
    }

    /// Commits the implicit transaction, if one is open.
    pub async fn finish_implicit(&mut self) -> Result<()> {
        self.on_threads(|core| async move { core.finish_implicit().await }.boxed()).await
    }

    /// Takes note of an error: the implicit transaction is rolled back, a block is failed.
    pub async fn fail(&mut self) {
        let outcome = self
            .on_threads(|core| {
                core.fail();
                futures::future::ready(Ok(())).boxed()
            })
            .await;
        // Without its state the session is lost already, and says so at the next call.
        drop(outcome);
    }

    pub fn status(&self) -> TransactionStatus {
        self.core.as_ref().map_or(TransactionStatus::Failed, |core| core.transaction.status())
    }

    /// Notices since the last call that client_min_messages lets through.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.core.as_mut().map(|core| core.take_notices()).unwrap_or_default()
    }

    /// Settings that changed and are reported to the client (ParameterStatus).
    pub fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        let changes = |core: &mut Box<Core>| {
            core.apply_parameter_changes();
            core.variables.take_changes()
        };
        self.core.as_mut().map(changes).unwrap_or_default()
    }

    /// All settings reported at start.
    pub fn reported_parameters(&self) -> Vec<(String, String)> {
        self.core.as_ref().map(|core| core.variables.reported()).unwrap_or_default()
    }

    /// The settings that values of parameters are read with. They begin the transaction: its time is that of 'now'.
    pub fn io_settings(&mut self) -> types::text::IoSettings {
        let io = |core: &mut Box<Core>| {
            let now = core.transaction.started(core.engine.now_us());
            // Of a time that cannot be read the statement tells.
            let catalog = core.catalog().unwrap_or_else(|_| core.newest_catalog());
            types::text::IoSettings { now: Some(now), ..core.io_settings_of(&catalog) }
        };
        self.core.as_mut().map(io).unwrap_or_default()
    }

    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }
}

async fn run_changes(
    core: &mut Core,
    changes: Vec<Change>,
    cancel: &CancelHandle,
    threads: &QueryThreads,
) -> Vec<ChangeOutcome> {
    let mut outcomes = Vec::with_capacity(changes.len());
    for Change { statement, parameters, last } in changes {
        let running = cancel.start(threads, core.timeouts());
        let outcome = core.execute(&statement, parameters, last, running).await;
        let failed = outcome.is_err();
        outcomes.push(outcome.map(|execution| (execution, core.take_notices())));
        if failed {
            break;
        }
    }
    outcomes
}

fn lost() -> Error {
    Error::internal("the session was lost when a statement was dropped while it ran")
}
