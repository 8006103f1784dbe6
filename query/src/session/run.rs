//! Executing a statement: which transaction it runs in, running it again after a lost race, its result.
//!
//! Invariant: an effect is kept only when its transaction commits; what a client is sent comes from that attempt.

use crate::api::{Execution, TagFor};
use crate::copy::{self, CopyIn};
use crate::ddl;
use crate::dml;
use crate::interrupt::{Interrupt, Running};
use crate::lower::{QueryContext, evaluate};
use crate::maintenance;
use crate::session::core::Core;
use crate::session::past::past_view;
use crate::session::prepare::Prepared;
use crate::session::rows;
use crate::session::transaction::Block;
use base::id::TxnId;
use base::{Error, ErrorKind, Result};
use sql::bound::{BoundStatement, CopyDirection, Expr};
use std::sync::Arc;
use types::Datum;

/// How often a statement that lost a race is run in all. Each lost race is a commit of somebody else, so this many
/// losses in a row need more writers of one row than a server has sessions.
const ATTEMPTS_MAX: u32 = 1_000;

impl Core {
    pub(crate) async fn execute(
        &mut self,
        prepared: &Prepared,
        parameters: Vec<Datum>,
        last: bool,
        running: Running,
    ) -> Result<Execution> {
        self.apply_parameter_changes();
        let now = self.engine.now_us();
        let began = self.transaction.started_us().unwrap_or(now);
        self.place.running(prepared.text(), self.variables.get("application_name"), began, now);
        if !prepared.ends_transaction() {
            self.transaction.check_not_failed()?;
        }
        check_parameters(prepared, &parameters)?;
        prepared.note_execution();
        let executed;
        let (prepared, parameters) = match prepared.statement()? {
            BoundStatement::Execute { .. } => {
                let (inner, values) = self.executed(prepared, parameters)?;
                executed = inner;
                executed.note_execution();
                (&executed, values)
            }
            _ => (prepared, parameters),
        };
        let parameters = Arc::new(parameters);
        if let Some(done) = self.session_statement(prepared, last)? {
            return Ok(done);
        }
        if matches!(prepared.statement()?, BoundStatement::Vacuum { .. }) {
            let interrupt = running.interrupt.clone();
            return maintenance::vacuum(self, prepared, last, &interrupt).await;
        }
        let own = last && self.transaction.block() == Block::Idle;
        if self.transaction.block() == Block::Idle {
            let (isolation, read_only) = self.default_levels();
            self.transaction.set_defaults(isolation, read_only);
        }
        if !last {
            self.transaction.make_implicit();
        }
        if own {
            return self.autocommit(prepared, parameters, running).await;
        }
        let interrupt = running.interrupt.clone();
        self.attempt(prepared, parameters, false, &mut Some(running), &interrupt).await
    }

    /// The statement that EXECUTE names, and the values that it has for it.
    fn executed(&mut self, prepared: &Prepared, parameters: Vec<Datum>) -> Result<(Prepared, Vec<Datum>)> {
        let database = self.engine.database().clone();
        let transaction_us = self.transaction.started(self.engine.now_us());
        let view = self.transaction.read_view(&database);
        let (bound, _) = prepared.bound_with(self, view.catalog(), &parameters, transaction_us)?;
        let BoundStatement::Execute { name, args } = bound.statement()? else {
            return Err(Error::internal("EXECUTE became another statement"));
        };
        let context = self.query_context(view, Arc::new(parameters));
        let values = values_of(args, &context)?;
        Ok((self.statements.executable(name)?, values))
    }

    /// A statement that is its own transaction, run again on a fresh snapshot when it lost a race.
    async fn autocommit(
        &mut self,
        prepared: &Prepared,
        parameters: Arc<Vec<Datum>>,
        running: Running,
    ) -> Result<Execution> {
        let interrupt = running.interrupt.clone();
        let mut running = Some(running);
        let mut attempt = 1;
        loop {
            let mut blocker = None;
            let began_us = self.transaction.started_us();
            let outcome =
                self.attempt(prepared, Arc::clone(&parameters), true, &mut running, &interrupt).await;
            let error = match outcome {
                Ok(execution @ Execution::CopyIn(_)) => return Ok(execution),
                Ok(execution) => match tokio::task::block_in_place(|| self.end_transaction(true)) {
                    Ok(()) => return Ok(execution),
                    Err(error) => error,
                },
                Err(error) => {
                    blocker = self.transaction.storage().and_then(|t| t.blocked_by());
                    self.rollback();
                    error
                }
            };
            if error.kind() != ErrorKind::LostRace || attempt >= ATTEMPTS_MAX {
                return Err(error);
            }
            attempt += 1;
            self.wait_for(blocker, &interrupt)?;
            // now() stays what it was.
            began_us.map(|us| self.transaction.started(us));
        }
    }

    async fn attempt(
        &mut self,
        prepared: &Prepared,
        parameters: Arc<Vec<Datum>>,
        own: bool,
        running: &mut Option<Running>,
        interrupt: &Interrupt,
    ) -> Result<Execution> {
        let work = self.run(prepared, parameters, own, running, interrupt);
        interrupt.guard(work).await
    }

    /// Waits until the transaction that holds a lock has ended.
    fn wait_for(&self, blocker: Option<TxnId>, interrupt: &Interrupt) -> Result<()> {
        let Some(blocker) = blocker else { return Ok(()) };
        tokio::task::block_in_place(|| interrupt.wait_for_end(self.engine.database(), blocker))
    }

    /// One attempt. `running` is taken by a result that goes on after this returns.
    async fn run(
        &mut self,
        prepared: &Prepared,
        parameters: Arc<Vec<Datum>>,
        own: bool,
        running: &mut Option<Running>,
        interrupt: &Interrupt,
    ) -> Result<Execution> {
        let database = self.engine.database().clone();
        let transaction_us = self.transaction.started(self.engine.now_us());
        let as_of = self.as_of(transaction_us)?;
        let view = if needs_writing(prepared.statement()?) {
            self.check_writable(prepared.statement()?)?;
            self.transaction.command(&database).view()
        } else if let Some(snapshot) = &as_of {
            self.transaction.in_use = true;
            snapshot.view()
        } else {
            self.transaction.read_view(&database)
        };
        let (bound, past) = prepared.bound_with(self, view.catalog(), &parameters, transaction_us)?;
        self.interrupt = interrupt.clone();
        let mut context = self.query_context(view, parameters);
        context.past = past;
        if let Some(snapshot) = &as_of {
            let view = past_view(snapshot, &self.io_settings());
            context.view = Arc::clone(&view.reader);
            context.read_at = Some(view.time.clone());
        }
        let mut done = self.carry_out(bound.statement()?, &context, own, running, interrupt).await;
        if done.is_ok() {
            done = dml::settle(self, interrupt).await.and(done);
        }
        done.map_err(|error| storage::in_settings(error, &self.io_settings()))
    }

    /// Runs a bound statement in the transaction.
    pub(crate) async fn carry_out(
        &mut self,
        statement: &BoundStatement,
        context: &QueryContext,
        own: bool,
        running: &mut Option<Running>,
        interrupt: &Interrupt,
    ) -> Result<Execution> {
        if let Some(notes) = context.plans.as_ref().filter(|_| writes_rows(statement)) {
            notes.begin();
        }
        match statement {
            BoundStatement::Query(query) => {
                let stream = rows::query(query, context, running.take(), &self.engine.shared.threads).await?;
                Ok(Execution::Rows {
                    columns: query.output.clone(),
                    rows: stream,
                    tag: TagFor::Select,
                    io: context.statement.io.clone(),
                })
            }
            BoundStatement::Insert(insert) => dml::insert(self, insert, context, interrupt).await,
            BoundStatement::Update(update) => dml::update(self, update, context, interrupt).await,
            BoundStatement::Delete(delete) => dml::delete(self, delete, context, interrupt).await,
            BoundStatement::CreateTableAs(create) => {
                ddl::create_table_as(self, create, context, interrupt).await
            }
            BoundStatement::CreateMaterialized(create) => {
                ddl::create_materialized(self, create, context, interrupt).await
            }
            BoundStatement::Refresh(refresh) => ddl::refresh(self, refresh, context, interrupt).await,
            BoundStatement::AlterDomain { domain, edit, probes } => {
                ddl::alter_domain(self, *domain, edit, probes, context).await
            }
            BoundStatement::CreateIndex(create) => ddl::create_index(self, create, context, interrupt).await,
            BoundStatement::DropIndexes { tables, notices } => {
                ddl::drop_indexes(self, tables, notices, context, interrupt).await
            }
            BoundStatement::AlterTable { command, table, actions, notices } => {
                ddl::alter_table(self, *table, actions, notices, context, interrupt).await?;
                Ok(Execution::Command((*command).to_owned()))
            }
            BoundStatement::Analyze { verbose, tables } => {
                maintenance::analyze(self, tables, *verbose, interrupt).await
            }
            BoundStatement::Copy(copy) => copy::run(self, copy, context, own, running).await,
            BoundStatement::Merge(merge) => dml::merge(self, merge, context, interrupt).await,
            BoundStatement::Modifying(modifying) => {
                Box::pin(self.modifying(modifying, context, own, running, interrupt)).await
            }
            BoundStatement::Given { args, statement } => {
                let parameters = Arc::new(values_of(args, context)?);
                let context = QueryContext { parameters, ..context.clone() };
                let done = Box::pin(self.carry_out(statement, &context, own, running, interrupt)).await?;
                Ok(match (statement.as_ref(), done) {
                    // Of a prepared statement the tag is that of a query, also when it is not run.
                    (BoundStatement::CreateTableAs(create), Execution::Command(_)) if !create.with_data => {
                        Execution::Command("SELECT 0".to_owned())
                    }
                    (_, done) => done,
                })
            }
            BoundStatement::Explain { statement, options } => {
                Box::pin(self.explained(statement, context, options, running, interrupt)).await
            }
            other => ddl::define(self, other),
        }
    }

    fn check_writable(&self, statement: &BoundStatement) -> Result<()> {
        self.check_present(command_name(statement))?;
        // ANALYZE changes no answers, so PostgreSQL allows it.
        if self.transaction.read_only && !matches!(statement, BoundStatement::Analyze { .. }) {
            let message = format!("cannot execute {} in a read-only transaction", command_name(statement));
            return Err(Error::new(ErrorKind::ReadOnlyTransaction, message));
        }
        Ok(())
    }

    /// 25006 while the session reads the past.
    pub(crate) fn check_present(&self, command: &str) -> Result<()> {
        if !self.reads_past() {
            return Ok(());
        }
        let message = format!("cannot execute {command} while nyala.as_of is set");
        Err(Error::new(ErrorKind::ReadOnlyTransaction, message)
            .with_hint("RESET nyala.as_of returns to the present."))
    }

    /// Commits (or rolls back) and ends local settings either way. Blocks the thread.
    pub(crate) fn end_transaction(&mut self, commit: bool) -> Result<()> {
        let finished = if commit { self.finish_temporary() } else { Ok(()) };
        let outcome = if finished.is_err() {
            self.transaction.rollback();
            finished
        } else if commit {
            self.transaction.commit()
        } else {
            self.transaction.rollback();
            Ok(())
        };
        self.variables.end_transaction(commit && outcome.is_ok());
        outcome
    }

    pub(crate) fn rollback(&mut self) {
        self.transaction.rollback();
        self.variables.end_transaction(false);
    }

    /// Ends COPY FROM STDIN; the tag.
    pub(crate) async fn finish_copy(&mut self, copy: CopyIn) -> Result<String> {
        let (transaction, rows, own) = copy::finish(copy).await?;
        self.transaction.give_back(transaction);
        let interrupt = self.interrupt.clone();
        let settled = dml::settle(self, &interrupt).await;
        settled.map_err(|error| storage::in_settings(error, &self.io_settings()))?;
        if own {
            tokio::task::block_in_place(|| self.end_transaction(true))?;
        }
        Ok(format!("COPY {rows}"))
    }

    /// Commits the implicit transaction, if there is one.
    pub(crate) async fn finish_implicit(&mut self) -> Result<()> {
        self.apply_parameter_changes();
        let finished = match self.transaction.block() {
            Block::Implicit => tokio::task::block_in_place(|| self.end_transaction(true)),
            Block::Idle => {
                // What was only prepared has begun a transaction, too.
                self.transaction.rollback();
                Ok(())
            }
            Block::Explicit | Block::Failed => Ok(()),
        };
        self.now_waits();
        finished
    }

    /// The client's turn, as others see the session.
    fn now_waits(&self) {
        let application = self.variables.get("application_name");
        self.place.waiting(self.transaction.status(), application, self.engine.now_us());
    }

    /// An error happened: undoes the implicit transaction or fails the block.
    pub(crate) fn fail(&mut self) {
        self.apply_parameter_changes();
        match self.transaction.block() {
            Block::Idle | Block::Implicit => self.rollback(),
            Block::Explicit => self.transaction.fail_block(),
            Block::Failed => {}
        }
        self.now_waits();
    }
}

/// The values of expressions without columns.
fn values_of(exprs: &[Expr], context: &QueryContext) -> Result<Vec<Datum>> {
    let value = |expr: &Expr| {
        let array = evaluate(context, expr, &[], 1)?;
        types::array::get(&expr.ty().form, &array, 0)
    };
    exprs.iter().map(value).collect()
}

fn check_parameters(prepared: &Prepared, parameters: &[Datum]) -> Result<()> {
    if parameters.len() != prepared.parameter_types.len() {
        let message = format!(
            "bind message supplies {} parameters, but prepared statement requires {}",
            parameters.len(),
            prepared.parameter_types.len()
        );
        return Err(Error::new(ErrorKind::ProtocolViolation, message));
    }
    Ok(())
}

/// Whether a statement writes the rows of a source.
fn writes_rows(statement: &BoundStatement) -> bool {
    matches!(
        statement,
        BoundStatement::Insert(_)
            | BoundStatement::Update(_)
            | BoundStatement::Delete(_)
            | BoundStatement::Merge(_)
            | BoundStatement::CreateTableAs(_)
    )
}

/// Whether a statement writes tables or the catalog. COPY TO a file writes neither.
fn needs_writing(statement: &BoundStatement) -> bool {
    match statement {
        BoundStatement::Insert(_)
        | BoundStatement::Update(_)
        | BoundStatement::Delete(_)
        | BoundStatement::Merge(_)
        | BoundStatement::Modifying(_)
        | BoundStatement::Comment { .. }
        | BoundStatement::CreateMaterialized(_)
        | BoundStatement::Refresh(_)
        | BoundStatement::DropMaterialized { .. }
        | BoundStatement::CreateTable(_)
        | BoundStatement::CreateTableAs(_)
        | BoundStatement::DropTables { .. }
        | BoundStatement::CreateType { .. }
        | BoundStatement::AlterType { .. }
        | BoundStatement::DropTypes { .. }
        | BoundStatement::Function(_)
        | BoundStatement::CreateDomain { .. }
        | BoundStatement::AlterDomain { .. }
        | BoundStatement::CreateView(_)
        | BoundStatement::AlterView(_)
        | BoundStatement::DropViews { .. }
        | BoundStatement::CreateSequence(_)
        | BoundStatement::AlterSequence(_)
        | BoundStatement::DropSequences { .. }
        | BoundStatement::CreateSchema { .. }
        | BoundStatement::DropSchemas { .. }
        | BoundStatement::CreateIndex(_)
        | BoundStatement::DropIndexes { .. }
        | BoundStatement::Analyze { .. }
        | BoundStatement::Truncate { .. }
        | BoundStatement::AlterTable { .. }
        | BoundStatement::UndropTable { .. }
        | BoundStatement::CloneTable(_) => true,
        BoundStatement::Copy(copy) => matches!(copy.direction, CopyDirection::From { .. }),
        BoundStatement::Explain { statement, options } => options.analyze && needs_writing(statement),
        BoundStatement::Given { statement, .. } => needs_writing(statement),
        _ => false,
    }
}

fn command_name(statement: &BoundStatement) -> &'static str {
    match statement {
        BoundStatement::Insert(_) => "INSERT",
        BoundStatement::Update(_) => "UPDATE",
        BoundStatement::Delete(_) => "DELETE",
        BoundStatement::Merge(_) => "MERGE",
        BoundStatement::Comment { .. } => "COMMENT",
        BoundStatement::CreateMaterialized(_) => "CREATE MATERIALIZED VIEW",
        BoundStatement::Refresh(_) => "REFRESH MATERIALIZED VIEW",
        BoundStatement::DropMaterialized { .. } => "DROP MATERIALIZED VIEW",
        BoundStatement::Query(_) => "SELECT",
        BoundStatement::Modifying(modifying) => command_name(&modifying.main),
        BoundStatement::Explain { statement, .. } | BoundStatement::Given { statement, .. } => {
            command_name(statement)
        }
        BoundStatement::CreateTable(_) => "CREATE TABLE",
        BoundStatement::CreateTableAs(_) => "CREATE TABLE AS",
        BoundStatement::DropTables { .. } => "DROP TABLE",
        BoundStatement::CreateType { .. } => "CREATE TYPE",
        BoundStatement::AlterType { .. } => "ALTER TYPE",
        BoundStatement::DropTypes { domains: true, .. } => "DROP DOMAIN",
        BoundStatement::DropTypes { .. } => "DROP TYPE",
        BoundStatement::Function(statement) => statement.command(),
        BoundStatement::CreateDomain { .. } => "CREATE DOMAIN",
        BoundStatement::AlterDomain { .. } => "ALTER DOMAIN",
        BoundStatement::CreateView(_) => "CREATE VIEW",
        BoundStatement::AlterView(_) => "ALTER VIEW",
        BoundStatement::DropViews { .. } => "DROP VIEW",
        BoundStatement::CreateSequence(_) => "CREATE SEQUENCE",
        BoundStatement::AlterSequence(_) => "ALTER SEQUENCE",
        BoundStatement::DropSequences { .. } => "DROP SEQUENCE",
        BoundStatement::CreateSchema { .. } => "CREATE SCHEMA",
        BoundStatement::DropSchemas { .. } => "DROP SCHEMA",
        BoundStatement::CreateIndex(_) => "CREATE INDEX",
        BoundStatement::DropIndexes { .. } => "DROP INDEX",
        BoundStatement::Vacuum { .. } => "VACUUM",
        BoundStatement::Analyze { .. } => "ANALYZE",
        BoundStatement::Truncate { .. } => "TRUNCATE TABLE",
        BoundStatement::AlterTable { command, .. } => command,
        BoundStatement::UndropTable { .. } => "UNDROP TABLE",
        BoundStatement::CloneTable(_) => "CREATE TABLE CLONE",
        BoundStatement::Copy(_) => "COPY FROM",
        _ => "EXPLAIN ANALYZE",
    }
}
