//! The dispatch from a parsed statement to what binds it.
//!
//! Must not know more of a statement than its kind.

use super::{
    alter_table, comment, copy, create_table, delete, domain, function, index, insert, maintenance,
    materialized, merge, prepared, schema, sequence, sequence_calls, update, user_type, view,
};
use crate::binder::{BindContext, Binder, Scope};
use crate::bound::{BoundStatement, SettingValue};
use crate::parse::{ExplainSpec, ParsedStatement, SetTarget, StatementAst};
use base::{Error, Result};
use types::SqlType;

/// A bound statement and the types of its parameters $1, $2, .. in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    pub statement: BoundStatement,
    pub parameters: Vec<SqlType>,
}

/// Binds a statement. `context.text` is the whole query string that the statement was parsed from.
pub fn bind_statement(context: &BindContext<'_>, statement: &ParsedStatement) -> Result<Binding> {
    let mut binder = Binder::new(context);
    binder.writes = statement.writes();
    let bound = bind(&mut binder, context, statement.ast()).and_then(|bound| binder.with_parts(bound));
    let statement = bound.map_err(|error| binder.with_type_names(error))?;
    if binder.calls_sequences {
        sequence_calls::check(&statement)?;
    }
    Ok(Binding { statement, parameters: binder.parameter_types()? })
}

/// INSERT, UPDATE or DELETE that sees the common table expressions of `outer`.
pub(crate) fn bind_write(
    binder: &mut Binder<'_>,
    ast: &StatementAst,
    outer: &Scope<'_>,
) -> Result<BoundStatement> {
    Ok(match ast {
        StatementAst::Insert(spec) => BoundStatement::Insert(Box::new(insert::bind(binder, spec, outer)?)),
        StatementAst::Update(spec) => BoundStatement::Update(Box::new(update::bind(binder, spec, outer)?)),
        StatementAst::Delete(spec) => BoundStatement::Delete(Box::new(delete::bind(binder, spec, outer)?)),
        _ => return Err(Error::internal("another statement in the place of one that writes")),
    })
}

fn explain(binder: &mut Binder<'_>, context: &BindContext<'_>, spec: &ExplainSpec) -> Result<BoundStatement> {
    let ExplainSpec { statement, options } = spec;
    let (statement, given) = match statement {
        StatementAst::Execute(spec) => {
            let (statement, args) = prepared::statement(binder, spec)?;
            (statement, Some(args))
        }
        other => match bind(binder, context, other)? {
            BoundStatement::Given { args, statement } => (*statement, Some(args)),
            statement => (statement, None),
        },
    };
    let explain = BoundStatement::Explain { statement: Box::new(statement), options: *options };
    Ok(match given {
        None => explain,
        Some(args) => BoundStatement::Given { args, statement: Box::new(explain) },
    })
}

fn bind(binder: &mut Binder<'_>, context: &BindContext<'_>, ast: &StatementAst) -> Result<BoundStatement> {
    Ok(match ast {
        StatementAst::Query(query) => BoundStatement::Query(binder.bind_query(query)?),
        StatementAst::Insert(_) | StatementAst::Update(_) | StatementAst::Delete(_) => {
            bind_write(binder, ast, &Scope::empty())?
        }
        StatementAst::Merge(spec) => BoundStatement::Merge(Box::new(merge::bind(binder, spec)?)),
        StatementAst::CreateTable(spec) => {
            BoundStatement::CreateTable(Box::new(create_table::bind(binder, context, spec)?))
        }
        StatementAst::CreateTableAs(spec) => create_table::bind_as(binder, context, spec)?,
        StatementAst::CreateSchema { name, if_not_exists } => schema::create(binder, name, *if_not_exists)?,
        StatementAst::CreateSequence(spec) => sequence::create(binder, spec)?,
        StatementAst::AlterSequence(spec) => sequence::alter(binder, context, spec, "ALTER SEQUENCE")?,
        StatementAst::DropSequence(spec) => sequence::drop(binder, spec)?,
        StatementAst::CreateView(spec) => view::create(binder, context, spec)?,
        StatementAst::AlterView(spec) => match spec.materialized {
            false => view::alter(binder, spec)?,
            true => materialized::alter(binder, context, spec)?,
        },
        StatementAst::DropView(spec) => view::drop(binder, spec)?,
        StatementAst::CreateMaterialized(spec) => materialized::create(binder, context, spec)?,
        StatementAst::CreateIndex(spec) => index::create(binder, spec)?,
        StatementAst::DropIndex(spec) => index::drop(binder, spec)?,
        StatementAst::DropMaterialized(spec) => materialized::drop(binder, spec)?,
        StatementAst::Refresh(spec) => materialized::refresh(binder, spec)?,
        StatementAst::CreateType(spec) => user_type::create(binder, spec)?,
        StatementAst::AlterType(spec) => user_type::alter(binder, spec)?,
        StatementAst::Function(spec) => function::bind(binder, context, spec)?,
        StatementAst::DropType(spec) => user_type::drop(binder, context, spec, user_type::Kind::Any)?,
        StatementAst::CreateDomain(spec) => domain::create(binder, spec)?,
        StatementAst::AlterDomain(spec) => domain::alter(binder, spec)?,
        StatementAst::DropDomain(spec) => user_type::drop(binder, context, spec, user_type::Kind::Domain)?,
        StatementAst::DropTable(spec) => schema::drop_tables(binder, spec)?,
        StatementAst::DropSchema(spec) => schema::drop_schemas(binder, context, spec)?,
        StatementAst::Copy(spec) => BoundStatement::Copy(Box::new(copy::bind(binder, spec)?)),
        StatementAst::Explain(spec) => explain(binder, context, spec)?,
        StatementAst::Comment(spec) => comment::bind(binder, spec)?,
        StatementAst::Prepare(spec) => prepared::prepare(binder, spec)?,
        StatementAst::Execute(spec) => prepared::execute(binder, spec)?,
        StatementAst::Set(spec) => BoundStatement::Set {
            name: spec.name.text.clone(),
            value: match &spec.value {
                SetTarget::Default => SettingValue::Default,
                SetTarget::Values(values) => SettingValue::Values(values.clone()),
            },
            local: spec.local,
        },
        StatementAst::Show { name } => BoundStatement::Show { name: name.text.clone() },
        StatementAst::ShowAll => BoundStatement::ShowAll,
        StatementAst::Reset { name } => BoundStatement::Reset { name: name.as_ref().map(|n| n.text.clone()) },
        StatementAst::Begin { started, read_only, isolation } => {
            BoundStatement::Begin { started: *started, read_only: *read_only, isolation: *isolation }
        }
        StatementAst::SetTransaction { read_only, isolation, session } => {
            BoundStatement::SetTransaction { read_only: *read_only, isolation: *isolation, session: *session }
        }
        StatementAst::Commit { chain } => BoundStatement::Commit { chain: *chain },
        StatementAst::Rollback { chain } => BoundStatement::Rollback { chain: *chain },
        StatementAst::Checkpoint => BoundStatement::Checkpoint,
        StatementAst::Vacuum(spec) => maintenance::vacuum(binder, spec)?,
        StatementAst::Analyze(spec) => maintenance::analyze(binder, spec)?,
        StatementAst::Truncate(spec) => maintenance::truncate(binder, spec)?,
        StatementAst::AlterTable(spec) => alter_table::bind(binder, context, spec)?,
        StatementAst::UndropTable { name } => maintenance::undrop(binder, context, name)?,
        StatementAst::CloneTable(spec) => maintenance::clone_table(binder, context, spec)?,
        StatementAst::DiscardAll => BoundStatement::DiscardAll,
        StatementAst::DiscardTemp => BoundStatement::DiscardTemp,
        StatementAst::DiscardSequences => BoundStatement::DiscardSequences,
        StatementAst::Deallocate { name } => {
            BoundStatement::Deallocate { name: name.as_ref().map(|n| binder.fold(n)) }
        }
    })
}
