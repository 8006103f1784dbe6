//! What a session remembers between statements, and what it tells a statement about its surroundings.
//!
//! Invariant: only one task works with it at a time.

use crate::api::{Notice, SessionStart};
use crate::engine::{DATABASE, Engine};
use crate::interrupt::{Interrupt, Timeouts};
use crate::lower::{Parameters, QueryContext, StatementContext, WithRows};
use crate::names::Names;
use crate::session::activity::{Place, Sessions};
use crate::session::parameters::ParameterChanges;
use crate::session::sequences::{Remembered, SessionSequences};
use crate::session::statements::PreparedStatements;
use crate::session::temporary::Temporary;
use crate::session::transaction::SessionTransaction;
use crate::settings::Variables;
use crate::system::SystemCatalog;
use base::Result;
use base::sync::Mutex;
use catalog::CatalogState;
use sql::bound::Isolation;
use std::sync::Arc;
use storage::ReadView;
use types::Datum;
use types::text::{ByteaOutput, DateOrder, DateStyle, IntervalStyle, IoSettings};
use types::zone::Zone;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) engine: Engine,
    pub(crate) user: String,
    pub(crate) process_id: i32,
    pub(crate) variables: Variables,
    pub(crate) transaction: SessionTransaction,
    pub(crate) statements: PreparedStatements,
    pub(crate) remembered: Arc<Mutex<Remembered>>,
    pub(crate) place: Place,
    pub(crate) changes: Arc<ParameterChanges>,
    /// Stops the statement that runs.
    pub(crate) interrupt: Interrupt,
    pub(crate) temporary: Temporary,
    notices: Vec<Notice>,
}

impl Core {
    pub(crate) fn new(engine: Engine, start: SessionStart) -> Result<Self> {
        let mut variables = Variables::at_start(&start.settings)?;
        variables.name_user(&start.user);
        let place = Sessions::enter(&engine.shared.sessions, &start, engine.now_us());
        Ok(Self {
            engine,
            user: start.user,
            process_id: start.process_id,
            variables,
            transaction: SessionTransaction::new(start.process_id),
            statements: PreparedStatements::default(),
            remembered: Arc::default(),
            place,
            changes: Arc::default(),
            interrupt: Interrupt::default(),
            temporary: Temporary::default(),
            notices: Vec::new(),
        })
    }

    /// The limits of the next statement.
    pub(crate) fn timeouts(&self) -> Timeouts {
        let limit = |name| self.variables.integer(name);
        Timeouts { statement_ms: limit("statement_timeout"), lock_ms: limit("lock_timeout") }
    }

    /// Keeps a NOTICE or WARNING for the client, if client_min_messages lets it through.
    pub(crate) fn notice(&mut self, severity: &'static str, code: &'static str, message: impl Into<String>) {
        self.notice_with_detail(severity, code, message, None);
    }

    pub(crate) fn notice_with_detail(
        &mut self,
        severity: &'static str,
        code: &'static str,
        message: impl Into<String>,
        detail: Option<String>,
    ) {
        let threshold = self.variables.get("client_min_messages");
        let silent = match threshold {
            "error" => true,
            "warning" => severity == "NOTICE",
            _ => false,
        };
        if !silent {
            self.notices.push(Notice { severity, code, message: message.into(), detail, hint: None });
        }
    }

    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The catalog that the next statement is bound with.
    pub(crate) fn catalog(&self) -> Result<Arc<CatalogState>> {
        if let Some(snapshot) = self.as_of(self.transaction_us())? {
            return Ok(Arc::clone(snapshot.catalog()));
        }
        Ok(self.newest_catalog())
    }

    /// The catalog as the running transaction has it.
    pub(crate) fn newest_catalog(&self) -> Arc<CatalogState> {
        match self.transaction.storage() {
            Some(transaction) => Arc::clone(transaction.catalog()),
            None => Arc::clone(self.engine.database().snapshot().catalog()),
        }
    }

    /// now(), without beginning a transaction.
    pub(crate) fn transaction_us(&self) -> i64 {
        self.transaction.started_us().unwrap_or_else(|| self.engine.now_us())
    }

    /// Existing schemas of search_path, in order; that of the session's temporary tables, when there are some, in front.
    pub(crate) fn search_path(&self, catalog: &CatalogState) -> Vec<String> {
        let mut path = self.variables.search_path(&self.user);
        path.retain(|name| is_system_schema(name) || catalog.schema_named(name).is_some());
        if let Some(schema) = self.temporary.schema().filter(|name| catalog.schema_named(name).is_some()) {
            path.insert(0, schema.to_owned());
        }
        path
    }

    /// How values become text and text becomes values.
    pub(crate) fn io_settings(&self) -> IoSettings {
        self.io_settings_of(&self.newest_catalog())
    }

    /// As `io_settings`, with the names that objects have in a catalog.
    pub(crate) fn io_settings_of(&self, catalog: &Arc<CatalogState>) -> IoSettings {
        let date_style = match self.variables.get("DateStyle").split(", ").next() {
            Some("SQL") => DateStyle::Sql,
            Some("Postgres") => DateStyle::Postgres,
            Some("German") => DateStyle::German,
            _ => DateStyle::Iso,
        };
        let interval_style = match self.variables.get("IntervalStyle") {
            "postgres_verbose" => IntervalStyle::PostgresVerbose,
            "sql_standard" => IntervalStyle::SqlStandard,
            "iso_8601" => IntervalStyle::Iso8601,
            _ => IntervalStyle::Postgres,
        };
        let added = self.transaction.storage().map(storage::Transaction::added_labels).unwrap_or_default();
        let names = Names::new(Arc::clone(catalog), self.search_path(catalog), &self.user, added);
        let date_order = match self.variables.get("DateStyle").rsplit(", ").next() {
            Some("DMY") => DateOrder::Dmy,
            Some("YMD") => DateOrder::Ymd,
            _ => DateOrder::Mdy,
        };
        let bytea_output = match self.variables.get("bytea_output") {
            "escape" => ByteaOutput::Escape,
            _ => ByteaOutput::Hex,
        };
        IoSettings {
            time_zone: Zone::of_setting(self.variables.get("TimeZone")).unwrap_or(Zone::UTC),
            date_style,
            date_order,
            extra_float_digits: i32::try_from(self.variables.integer("extra_float_digits")).unwrap_or(1),
            bytea_output,
            interval_style,
            names: Some(Arc::new(names)),
            now: None,
        }
    }

    /// What a statement that reads `view` is planned and run with.
    pub(crate) fn query_context(&mut self, view: ReadView, parameters: Arc<Vec<Datum>>) -> QueryContext {
        let transaction_us = self.transaction.started(self.engine.now_us());
        self.query_context_at(view, parameters, transaction_us)
    }

    pub(crate) fn query_context_at(
        &self,
        view: ReadView,
        parameters: Arc<Vec<Datum>>,
        transaction_us: i64,
    ) -> QueryContext {
        let now = self.engine.now_us();
        let catalog = Arc::clone(view.catalog());
        let read_only = match () {
            () if !self.variables.get("nyala.as_of").is_empty() => Some("while nyala.as_of is set"),
            () if self.transaction.read_only => Some("in a read-only transaction"),
            () => None,
        };
        self.changes.begin(self.variables.clone());
        let statement = StatementContext {
            transaction_us,
            io: IoSettings { now: Some(transaction_us), ..self.io_settings_of(&catalog) },
            statement_us: now,
            clock: Arc::clone(&self.engine.shared.clock),
            random: Arc::clone(&self.engine.shared.random),
            user: self.user.clone(),
            database: DATABASE.to_owned(),
            search_path: self.search_path(&catalog),
            process_id: self.process_id,
            parameters: Arc::clone(&self.changes) as Arc<dyn Parameters>,
            sessions: Arc::clone(&self.engine.shared.sessions),
            interrupt: self.interrupt.clone(),
            server_started_us: self.engine.shared.started_us,
            catalog: Arc::clone(&catalog),
            sizes: Arc::new(view.clone()),
            sequences: Arc::new(SessionSequences {
                database: self.engine.database().clone(),
                remembered: Arc::clone(&self.remembered),
                read_only,
            }),
        };
        QueryContext {
            system: Arc::new(SystemCatalog {
                state: Arc::clone(view.catalog()),
                view: view.clone(),
                variables: self.variables.clone(),
                database: self.engine.database().clone(),
                sessions: Arc::clone(&self.engine.shared.sessions),
                now_us: now,
                statements: self.statements.all(),
            }),
            past: Arc::default(),
            read_at: None,
            view: Arc::new(view),
            statement: Arc::new(statement),
            parameters,
            runtime: Arc::clone(&self.engine.shared.runtime),
            with: WithRows::default(),
            plans: None,
        }
    }

    /// The isolation level and access mode that transactions start with.
    pub(crate) fn default_levels(&self) -> (Isolation, bool) {
        let isolation = match self.variables.get("default_transaction_isolation") {
            "repeatable read" => Isolation::RepeatableRead,
            "read uncommitted" => Isolation::ReadUncommitted,
            _ => Isolation::ReadCommitted,
        };
        (isolation, self.variables.is_on("default_transaction_read_only"))
    }
}

fn is_system_schema(name: &str) -> bool {
    matches!(name, "pg_catalog" | "information_schema" | "pg_temp")
}
