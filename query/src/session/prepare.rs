//! From text to a bound statement, and when a bound statement must be bound again.
//!
//! Invariant: a bound statement is used only with the catalog and settings it was bound with.

use crate::lower::PastViews;
use crate::session::core::Core;
use crate::session::past::PastReads;
use crate::threads::{DeepTree, QueryThreads};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::CatalogState;
use sql::binder::{BindContext, PreparedStatements};
use sql::bound::{BoundStatement, ColRef, OutputColumn};
use sql::parse::{ParsedStatement, StatementAst};
use sql::statement::{Binding, bind_statement};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use types::sql_type::oid;
use types::{Datum, SqlType};

/// A parsed statement of a query string. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Parsed {
    statement: Arc<ParsedStatement>,
    /// The whole query string.
    text: Arc<str>,
}

/// A statement with its parameter types and result columns known. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub parameter_types: Arc<Vec<SqlType>>,
    /// None when the statement yields no rows.
    pub output: Option<Vec<OutputColumn>>,
    parsed: Parsed,
    bound: Arc<Bound>,
    /// Whether the client was told `output` before the parameters had values.
    described: Arc<AtomicBool>,
    executions: Arc<AtomicU64>,
}

/// A bound statement and what it depends on.
#[derive(Debug)]
pub(crate) struct Bound {
    tree: DeepTree<BoundStatement>,
    parameter_types: Arc<Vec<SqlType>>,
    /// Kept, so that the same address means the same catalog.
    catalog: Arc<CatalogState>,
    settings_generation: u64,
    /// Whether it names a time or a prepared statement: then it is bound for each execution anew.
    names_time: bool,
    /// What constants of now stand for.
    now_us: Option<i64>,
}

impl Bound {
    pub(crate) fn statement(&self) -> Result<&BoundStatement> {
        self.tree.get()
    }
}

/// Splits and parses a query string.
pub(crate) fn parse(text: String) -> Result<Vec<Parsed>> {
    let text: Arc<str> = text.into();
    let statements = sql::parse::parse(&text)?;
    Ok(statements
        .into_iter()
        .map(|statement| Parsed { statement: Arc::new(statement), text: Arc::clone(&text) })
        .collect())
}

fn threads(core: &Core) -> &QueryThreads {
    &core.engine.shared.threads
}

/// Binds a statement with the newest catalog.
pub(crate) fn prepare(core: &mut Core, parsed: &Parsed, parameter_types: &[Oid]) -> Result<Prepared> {
    if !ends_transaction(parsed) {
        core.transaction.check_not_failed()?;
    }
    let declared: Vec<Option<Oid>> =
        parameter_types.iter().map(|o| (o.0 != 0 && *o != oid::UNKNOWN).then_some(*o)).collect();
    let catalog = match core.catalog() {
        // RESET must work whatever nyala.as_of is.
        Err(_) if !names_tables(parsed.statement.ast()) => core.newest_catalog(),
        catalog => catalog?,
    };
    let past = PastReads::new(core, None, core.transaction_us());
    let bound = bind(core, parsed, &declared, catalog, &past);
    if let Some(began_us) = past.now_us() {
        core.transaction.started(began_us);
    }
    if let (Err(error), Some(command)) = (&bound, written(parsed.statement.ast()))
        && matches!(error.kind(), ErrorKind::UndefinedTable | ErrorKind::UndefinedColumn)
    {
        // That nothing can be written tells more than that the past lacks what is named.
        core.check_present(command)?;
    }
    let bound = Arc::new(bound?);
    let output = output_of(core, bound.statement()?)?;
    Ok(Prepared {
        parameter_types: Arc::clone(&bound.parameter_types),
        output,
        parsed: parsed.clone(),
        bound,
        described: Arc::default(),
        executions: Arc::default(),
    })
}

/// The statement as it is with values for its parameters: where one of them is a time, its columns are those of then.
pub(crate) fn with_values(core: &Core, prepared: &Prepared, parameters: &[Datum]) -> Result<Prepared> {
    let past = PastReads::new(core, Some(parameters), core.transaction_us());
    let bound = prepared.bound_again(core, core.catalog()?, &past)?;
    let output = output_of(core, bound.statement()?)?;
    if prepared.described.load(Ordering::Relaxed) && !prepared.same_output(&output) {
        return Err(changed_result());
    }
    Ok(Prepared { output, bound: Arc::new(bound), ..prepared.clone() })
}

impl Prepared {
    /// Takes note that the client is told the columns of the result.
    pub fn note_described(&self) {
        self.described.store(true, Ordering::Relaxed);
    }

    pub(crate) fn note_execution(&self) {
        self.executions.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was executed.
    pub(crate) fn executions(&self) -> u64 {
        self.executions.load(Ordering::Relaxed)
    }

    /// Whether values of its parameters may change its columns.
    pub fn depends_on_values(&self) -> bool {
        self.bound.names_time && !self.parameter_types.is_empty()
    }

    /// Whether it is an INSERT, UPDATE or DELETE that returns no rows.
    pub(crate) fn only_changes_rows(&self) -> bool {
        let changes = |s: &BoundStatement| {
            matches!(s, BoundStatement::Insert(_) | BoundStatement::Update(_) | BoundStatement::Delete(_))
        };
        self.output.is_none() && self.statement().is_ok_and(changes)
    }

    fn bound_again(&self, core: &Core, catalog: Arc<CatalogState>, past: &PastReads<'_>) -> Result<Bound> {
        let declared: Vec<Option<Oid>> = self.parameter_types.iter().map(|t| Some(t.oid)).collect();
        if let Some(us) = self.bound.now_us {
            past.keep_now(us);
        }
        let bound = bind(core, &self.parsed, &declared, catalog, past)?;
        let mut pairs = bound.parameter_types.iter().zip(self.parameter_types.iter());
        match bound.parameter_types.len() == self.parameter_types.len() && pairs.all(|(a, b)| a.oid == b.oid)
        {
            true => Ok(bound),
            false => Err(changed_result()),
        }
    }

    /// The bound statement for `catalog`, bound again when something it depends on has changed, and the snapshots of
    /// the times that it names.
    pub(crate) fn bound_with(
        &self,
        core: &Core,
        catalog: &Arc<CatalogState>,
        parameters: &[Datum],
        transaction_us: i64,
    ) -> Result<(Arc<Bound>, PastViews)> {
        let unchanged = Arc::ptr_eq(&self.bound.catalog, catalog) || self.bound.catalog == *catalog;
        let same_settings = self.bound.settings_generation == core.variables.generation();
        if unchanged && same_settings && !self.bound.names_time {
            return Ok((Arc::clone(&self.bound), PastViews::default()));
        }
        let past = PastReads::new(core, Some(parameters), transaction_us);
        let bound = self.bound_again(core, Arc::clone(catalog), &past)?;
        if !self.same_output(&output_of(core, bound.statement()?)?) {
            return Err(changed_result());
        }
        Ok((Arc::new(bound), past.into_views()))
    }

    /// The bound statement as it was prepared, for statements that depend on no table.
    pub(crate) fn statement(&self) -> Result<&BoundStatement> {
        self.bound.statement()
    }

    /// A statement within this one as one of its own.
    pub(crate) fn inner(&self, statement: &Arc<ParsedStatement>) -> Parsed {
        Parsed { statement: Arc::clone(statement), text: Arc::clone(&self.parsed.text) }
    }

    /// Whether the result has the same columns.
    fn same_output(&self, other: &Option<Vec<OutputColumn>>) -> bool {
        match (&self.output, other) {
            (None, None) => true,
            (Some(a), Some(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.ty == y.ty && x.name == y.name)
            }
            _ => false,
        }
    }

    /// The whole query string that it came in.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.parsed.text
    }

    /// Whether it is COMMIT or ROLLBACK, which a failed block still takes.
    pub fn ends_transaction(&self) -> bool {
        ends_transaction(&self.parsed)
    }
}

/// The prepared statements as EXECUTE finds them.
#[derive(Debug)]
struct Known<'c> {
    core: &'c Core,
    catalog: &'c Arc<CatalogState>,
}

impl PreparedStatements for Known<'_> {
    fn parameter_types(&self, name: &str) -> Result<Vec<SqlType>> {
        Ok(self.core.statements.executable(name)?.parameter_types.as_ref().clone())
    }

    fn bound(&self, name: &str) -> Result<BoundStatement> {
        let prepared = self.core.statements.executable(name)?;
        let past = PastReads::new(self.core, None, self.core.transaction_us());
        let bound = prepared.bound_again(self.core, Arc::clone(self.catalog), &past)?;
        if past.asked() {
            return Err(Error::unsupported(
                "this use of a prepared statement that names a time is not supported",
            )
            .with_hint("Use EXECUTE by itself."));
        }
        if !prepared.same_output(&output_of(self.core, bound.statement()?)?) {
            return Err(changed_result());
        }
        Ok(bound.statement()?.clone())
    }
}

/// Whether what a statement means depends on the catalog.
fn names_tables(statement: &StatementAst) -> bool {
    !matches!(
        statement,
        StatementAst::Set(_)
            | StatementAst::Show { .. }
            | StatementAst::ShowAll
            | StatementAst::Reset { .. }
            | StatementAst::Begin { .. }
            | StatementAst::SetTransaction { .. }
            | StatementAst::Commit { .. }
            | StatementAst::Rollback { .. }
            | StatementAst::Checkpoint
            | StatementAst::DiscardAll
            | StatementAst::DiscardTemp
            | StatementAst::DiscardSequences
            | StatementAst::Deallocate { .. }
    )
}

/// Whether nothing of a statement is kept as text, to be bound again at another time.
fn runs_at_once(statement: &StatementAst) -> bool {
    matches!(
        statement,
        StatementAst::Query(_)
            | StatementAst::Insert(_)
            | StatementAst::Update(_)
            | StatementAst::Delete(_)
            | StatementAst::Merge(_)
            | StatementAst::CreateTableAs(_)
            | StatementAst::Copy(_)
            | StatementAst::Explain(_)
            | StatementAst::Execute(_)
    )
}

/// The command of a statement that writes a table which it names.
fn written(statement: &StatementAst) -> Option<&'static str> {
    Some(match statement {
        StatementAst::Insert(_) => "INSERT",
        StatementAst::Update(_) => "UPDATE",
        StatementAst::Delete(_) => "DELETE",
        StatementAst::Merge(_) => "MERGE",
        StatementAst::Truncate(_) => "TRUNCATE TABLE",
        StatementAst::AlterTable(_) => "ALTER TABLE",
        StatementAst::DropTable(_) => "DROP TABLE",
        StatementAst::CreateIndex(_) => "CREATE INDEX",
        _ => return None,
    })
}

fn ends_transaction(parsed: &Parsed) -> bool {
    matches!(parsed.statement.ast(), StatementAst::Commit { .. } | StatementAst::Rollback { .. })
}

fn bind(
    core: &Core,
    parsed: &Parsed,
    declared: &[Option<Oid>],
    catalog: Arc<CatalogState>,
    past: &PastReads<'_>,
) -> Result<Bound> {
    let search_path = core.search_path(&catalog);
    let present = core.reads_past().then(|| core.newest_catalog());
    let prepared = Known { core, catalog: &catalog };
    let context = BindContext::new(&parsed.text, &catalog)
        .with_search_path(&search_path)
        .with_session(crate::engine::DATABASE, &core.user)
        .with_parameter_types(declared)
        .with_present(present.as_deref())
        .with_past(past)
        .with_now(runs_at_once(parsed.statement.ast()).then_some(past))
        .with_prepared(&prepared)
        .with_temporary(core.temporary.schema())
        .with_io(core.io_settings_of(&catalog));
    let Binding { statement, parameters } = bind_statement(&context, &parsed.statement)?;
    let follows = matches!(statement, BoundStatement::Execute { .. } | BoundStatement::Given { .. });
    let tree = DeepTree::new(statement, parsed.text.len(), threads(core));
    Ok(Bound {
        tree,
        parameter_types: Arc::new(parameters),
        settings_generation: core.variables.generation(),
        catalog,
        names_time: follows || past.asked(),
        now_us: past.now_us(),
    })
}

/// What to tell a client that knows other columns already.
fn changed_result() -> Error {
    Error::unsupported("cached plan must not change result type")
}

/// The result columns of a statement; None when it yields no rows.
fn output_of(core: &Core, statement: &BoundStatement) -> Result<Option<Vec<OutputColumn>>> {
    Ok(match statement {
        BoundStatement::Execute { name, .. } => core.statements.executable(name)?.output,
        BoundStatement::Given { statement, .. } => output_of(core, statement)?,
        BoundStatement::Modifying(modifying) => output_of(core, &modifying.main)?,
        BoundStatement::Query(query) => Some(query.output.clone()),
        BoundStatement::Insert(insert) => insert.returning.as_ref().map(|r| r.output.clone()),
        BoundStatement::Update(update) => update.returning.as_ref().map(|r| r.output.clone()),
        BoundStatement::Delete(delete) => delete.returning.as_ref().map(|r| r.output.clone()),
        BoundStatement::Explain { options, .. } => Some(plan_columns(options.json)),
        BoundStatement::Show { name } => Some(text_columns(&[shown_name(name)])),
        BoundStatement::ShowAll => Some(text_columns(&["name", "setting", "description"])),
        BoundStatement::Merge(_)
        | BoundStatement::CreateMaterialized(_)
        | BoundStatement::Refresh(_)
        | BoundStatement::DropMaterialized { .. }
        | BoundStatement::Comment { .. }
        | BoundStatement::Prepare(_)
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
        | BoundStatement::Copy(_)
        | BoundStatement::Set { .. }
        | BoundStatement::Reset { .. }
        | BoundStatement::Begin { .. }
        | BoundStatement::SetTransaction { .. }
        | BoundStatement::Commit { .. }
        | BoundStatement::Rollback { .. }
        | BoundStatement::Checkpoint
        | BoundStatement::Vacuum { .. }
        | BoundStatement::Analyze { .. }
        | BoundStatement::Truncate { .. }
        | BoundStatement::AlterTable { .. }
        | BoundStatement::UndropTable { .. }
        | BoundStatement::CloneTable(_)
        | BoundStatement::DiscardAll
        | BoundStatement::DiscardTemp
        | BoundStatement::DiscardSequences
        | BoundStatement::Deallocate { .. } => None,
    })
}

fn shown_name(name: &str) -> &str {
    crate::settings::definition(name).map_or(name, |d| d.name)
}

/// The result column of EXPLAIN.
pub(crate) fn plan_columns(json: bool) -> Vec<OutputColumn> {
    let mut columns = text_columns(&["QUERY PLAN"]);
    if let (true, Some(column), Some(ty)) = (json, columns.first_mut(), SqlType::of(oid::JSON)) {
        column.ty = ty;
    }
    columns
}

/// Result columns of type text that belong to no table.
pub(crate) fn text_columns(names: &[&str]) -> Vec<OutputColumn> {
    let text = SqlType { oid: oid::TEXT, typmod: -1, form: types::Form::Text, domain: None };
    (0_u32..)
        .zip(names)
        .map(|(index, name)| OutputColumn {
            name: (*name).to_owned(),
            ty: text.clone(),
            col: ColRef(index),
            table_oid: Oid(0),
            attnum: 0,
        })
        .collect()
}
