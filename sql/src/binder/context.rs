//! What the binder is told from outside, and where in a statement an expression stands.

use crate::bound::{BoundStatement, Expr};
use base::id::{CommitTs, Oid, TableId};
use base::{Error, Result};
use catalog::CatalogState;
use std::sync::Arc;
use types::SqlType;
use types::text::IoSettings;

/// Everything outside the statement that its meaning depends on.
#[derive(Clone, Debug)]
pub struct BindContext<'a> {
    /// The whole query string; positions in errors count its characters from 1.
    pub text: &'a str,
    pub catalog: &'a CatalogState,
    /// Names of schemas; pg_catalog is searched first unless it is listed.
    pub search_path: &'a [String],
    pub database: &'a str,
    pub user: &'a str,
    /// Declared types of the parameters $1, $2, ..; `None` or absent: inferred from use.
    pub parameter_types: &'a [Option<Oid>],
    /// How text constants are read.
    pub io: IoSettings,
    /// The catalog of now when `catalog` is an earlier one.
    pub present: Option<&'a CatalogState>,
    /// Other times; without it no statement may name one.
    pub past: Option<&'a dyn Past>,
    /// The schema of the session's temporary tables, when it has some; it is on the search path.
    pub temporary: Option<&'a str>,
    /// When the transaction began; without it, as in what is kept as text, `'today'` and its like are 0A000.
    pub now: Option<&'a dyn Now>,
    /// Prepared statements; without it there are none.
    pub prepared: Option<&'a dyn PreparedStatements>,
}

/// What EXECUTE may ask about prepared statements.
pub trait PreparedStatements: std::fmt::Debug {
    /// The types of a statement's parameters; 26000 when there is none of that name.
    fn parameter_types(&self, name: &str) -> Result<Vec<SqlType>>;
    /// The statement as it is bound now.
    fn bound(&self, name: &str) -> Result<BoundStatement>;
}

/// What a statement may ask about times other than its own.
pub trait Past: std::fmt::Debug {
    /// The commit timestamp that an expression of type timestamptz, interval, bigint or unknown (a text constant)
    /// stands for; None while it depends on parameters that have no values yet. 22023 for a time to come.
    fn commit_ts(&self, time: &Expr) -> Result<Option<CommitTs>>;
    /// The catalog of that time.
    fn catalog(&self, ts: CommitTs) -> Result<Arc<CatalogState>>;
    /// Why that catalog (of nyala.as_of: None) lacks a table of now, when what it was then has been collected: 72000.
    fn collected(&self, ts: Option<CommitTs>, table: TableId) -> Result<Option<Error>>;
}

/// The time that constants such as `'now'` and `'today'` stand for.
pub trait Now: std::fmt::Debug {
    /// now() of the statement's transaction, which has begun once this is asked, in microseconds since 1970-01-01 UTC.
    fn transaction_us(&self) -> i64;
}

impl<'a> BindContext<'a> {
    /// A context with an empty search path, the database and user `postgres` and no declared parameters.
    pub fn new(text: &'a str, catalog: &'a CatalogState) -> Self {
        Self {
            text,
            catalog,
            search_path: &[],
            database: "postgres",
            user: "postgres",
            parameter_types: &[],
            io: IoSettings::default(),
            present: None,
            past: None,
            now: None,
            temporary: None,
            prepared: None,
        }
    }

    #[must_use]
    pub fn with_search_path(mut self, search_path: &'a [String]) -> Self {
        self.search_path = search_path;
        self
    }

    #[must_use]
    pub fn with_session(mut self, database: &'a str, user: &'a str) -> Self {
        self.database = database;
        self.user = user;
        self
    }

    #[must_use]
    pub fn with_io(mut self, io: IoSettings) -> Self {
        self.io = io;
        self
    }

    #[must_use]
    pub fn with_present(mut self, present: Option<&'a CatalogState>) -> Self {
        self.present = present;
        self
    }

    #[must_use]
    pub fn with_past(mut self, past: &'a dyn Past) -> Self {
        self.past = Some(past);
        self
    }

    #[must_use]
    pub fn with_now(mut self, now: Option<&'a dyn Now>) -> Self {
        self.now = now;
        self
    }

    #[must_use]
    pub fn with_temporary(mut self, schema: Option<&'a str>) -> Self {
        self.temporary = schema;
        self
    }

    #[must_use]
    pub fn with_prepared(mut self, prepared: &'a dyn PreparedStatements) -> Self {
        self.prepared = Some(prepared);
        self
    }

    #[must_use]
    pub fn with_parameter_types(mut self, types: &'a [Option<Oid>]) -> Self {
        self.parameter_types = types;
        self
    }
}

/// Where an expression stands; decides whether aggregates and window functions may occur and how errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    Select,
    JoinOn,
    Where,
    GroupBy,
    Having,
    OrderBy,
    Limit,
    Offset,
    Values,
    FromFunction,
    Filter,
    WindowPartition,
    WindowOrder,
    WindowFrame,
    UpdateSet,
    Returning,
    Default,
    PartitionBound,
    CopyWhere,
    ConflictUpdate,
    AsOf,
    Check,
    Generated,
    MergeWhen,
    Execute,
}

impl Clause {
    /// The clause as PostgreSQL's messages name it ("aggregate functions are not allowed in WHERE").
    pub fn phrase(self) -> &'static str {
        match self {
            Clause::Select => "SELECT",
            Clause::JoinOn => "JOIN conditions",
            Clause::Where => "WHERE",
            Clause::GroupBy => "GROUP BY",
            Clause::Having => "HAVING",
            Clause::OrderBy => "ORDER BY",
            Clause::Limit => "LIMIT",
            Clause::Offset => "OFFSET",
            Clause::Values => "VALUES",
            Clause::FromFunction => "functions in FROM",
            Clause::Filter => "FILTER",
            Clause::WindowPartition => "window PARTITION BY",
            Clause::WindowOrder => "window ORDER BY",
            Clause::WindowFrame => "window frame clauses",
            Clause::UpdateSet => "UPDATE",
            Clause::Returning => "RETURNING",
            Clause::Default => "DEFAULT expressions",
            Clause::PartitionBound => "partition bound",
            Clause::CopyWhere => "COPY FROM WHERE conditions",
            Clause::ConflictUpdate => "ON CONFLICT DO UPDATE",
            Clause::AsOf => "AS OF",
            Clause::Check => "check constraints",
            Clause::Generated => "column generation expressions",
            Clause::MergeWhen => "MERGE WHEN conditions",
            Clause::Execute => "EXECUTE parameters",
        }
    }
}
