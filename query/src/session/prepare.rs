//! From text to a bound statement, and when a bound statement must be bound again.
//!
//! Invariant: a bound statement is used only with the catalog and settings it was bound with.

use crate::lower::PastViews;
use crate::session::core::Core;
use crate::session::past::PastReads;
use crate::threads::{DeepTree, QueryThreads};
use base::id::Oid;
use base::{Error, Result};
use catalog::CatalogState;
use sql::binder::BindContext;
use sql::bound::{BoundStatement, ColRef, OutputColumn};
use sql::parse::{ParsedStatement, StatementAst};
use sql::statement::{Binding, bind_statement};
use std::sync::Arc;
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
}

/// A bound statement and what it depends on.
#[derive(Debug)]
pub(crate) struct Bound {
    tree: DeepTree<BoundStatement>,
    parameter_types: Arc<Vec<SqlType>>,
    /// Kept, so that the same address means the same catalog.
    catalog: Arc<CatalogState>,
    settings_generation: u64,
    /// Whether it names a time: then it is bound for each execution anew.
    names_time: bool,
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
    let bound = Arc::new(bind(core, parsed, &declared, catalog, &past)?);
    let output = output_of(bound.statement()?)?;
    Ok(Prepared {
        parameter_types: Arc::clone(&bound.parameter_types),
        output,
        parsed: parsed.clone(),
        bound,
    })
}

impl Prepared {
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
        let declared: Vec<Option<Oid>> = self.parameter_types.iter().map(|t| Some(t.oid)).collect();
        let past = PastReads::new(core, Some(parameters), transaction_us);
        let bound = bind(core, &self.parsed, &declared, Arc::clone(catalog), &past)?;
        let same_parameters = bound.parameter_types.len() == self.parameter_types.len()
            && bound.parameter_types.iter().zip(self.parameter_types.iter()).all(|(a, b)| a.oid == b.oid);
        if !same_parameters || !same_output(&output_of(bound.statement()?)?, &self.output) {
            return Err(Error::unsupported("cached plan must not change result type"));
        }
        Ok((Arc::new(bound), past.into_views()))
    }

    /// The bound statement as it was prepared, for statements that depend on no table.
    pub(crate) fn statement(&self) -> Result<&BoundStatement> {
        self.bound.statement()
    }

    /// Whether it is COMMIT or ROLLBACK, which a failed block still takes.
    pub fn ends_transaction(&self) -> bool {
        ends_transaction(&self.parsed)
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
            | StatementAst::Deallocate { .. }
    )
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
    let context = BindContext::new(&parsed.text, &catalog)
        .with_search_path(&search_path)
        .with_session(crate::engine::DATABASE, &core.user)
        .with_parameter_types(declared)
        .with_past(past)
        .with_io(core.io_settings_of(&catalog));
    let Binding { statement, parameters } = bind_statement(&context, &parsed.statement)?;
    let tree = DeepTree::new(statement, parsed.text.len(), threads(core));
    Ok(Bound {
        tree,
        parameter_types: Arc::new(parameters),
        settings_generation: core.variables.generation(),
        catalog,
        names_time: past.asked(),
    })
}

fn same_output(a: &Option<Vec<OutputColumn>>, b: &Option<Vec<OutputColumn>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.ty == y.ty && x.name == y.name)
        }
        _ => false,
    }
}

/// The result columns of a statement; None when it yields no rows.
fn output_of(statement: &BoundStatement) -> Result<Option<Vec<OutputColumn>>> {
    Ok(match statement {
        BoundStatement::Query(query) => Some(query.output.clone()),
        BoundStatement::Insert(insert) => insert.returning.as_ref().map(|r| r.output.clone()),
        BoundStatement::Update(update) => update.returning.as_ref().map(|r| r.output.clone()),
        BoundStatement::Delete(delete) => delete.returning.as_ref().map(|r| r.output.clone()),
        BoundStatement::Explain { .. } => Some(text_columns(&["QUERY PLAN"])),
        BoundStatement::Show { name } => Some(text_columns(&[shown_name(name)])),
        BoundStatement::ShowAll => Some(text_columns(&["name", "setting", "description"])),
        BoundStatement::CreateTable(_)
        | BoundStatement::CreateTableAs(_)
        | BoundStatement::DropTables { .. }
        | BoundStatement::CreateView(_)
        | BoundStatement::DropViews { .. }
        | BoundStatement::CreateSequence(_)
        | BoundStatement::AlterSequence(_)
        | BoundStatement::DropSequences { .. }
        | BoundStatement::CreateSchema { .. }
        | BoundStatement::DropSchemas { .. }
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
        | BoundStatement::Deallocate { .. } => None,
    })
}

fn shown_name(name: &str) -> &str {
    crate::settings::definition(name).map_or(name, |d| d.name)
}

/// Result columns of type text that belong to no table.
pub(crate) fn text_columns(names: &[&str]) -> Vec<OutputColumn> {
    let text = SqlType { oid: oid::TEXT, typmod: -1, form: types::Form::Text };
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
