//! The dispatch from a parsed statement to what binds it.
//!
//! Must not know more of a statement than its kind.

use super::{
    alter_table, copy, create_table, delete, insert, maintenance, schema, sequence, sequence_calls, update,
    view,
};
use crate::binder::{BindContext, Binder};
use crate::bound::{BoundStatement, SettingValue};
use crate::parse::{ParsedStatement, SetTarget, StatementAst};
use base::Result;
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
    let statement = bind(&mut binder, context, statement.ast())?;
    if binder.calls_sequences {
        sequence_calls::check(&statement)?;
    }
    Ok(Binding { statement, parameters: binder.parameter_types()? })
}

fn bind(binder: &mut Binder<'_>, context: &BindContext<'_>, ast: &StatementAst) -> Result<BoundStatement> {
    Ok(match ast {
        StatementAst::Query(query) => BoundStatement::Query(binder.bind_query(query)?),
        StatementAst::Insert(spec) => BoundStatement::Insert(Box::new(insert::bind(binder, spec)?)),
        StatementAst::Update(spec) => BoundStatement::Update(Box::new(update::bind(binder, spec)?)),
        StatementAst::Delete(spec) => BoundStatement::Delete(Box::new(delete::bind(binder, spec)?)),
        StatementAst::CreateTable(spec) => {
            BoundStatement::CreateTable(Box::new(create_table::bind(binder, context, spec)?))
        }
        StatementAst::CreateTableAs(spec) => {
            BoundStatement::CreateTableAs(Box::new(create_table::bind_as(binder, context, spec)?))
        }
        StatementAst::CreateSchema { name, if_not_exists } => schema::create(binder, name, *if_not_exists)?,
        StatementAst::CreateSequence(spec) => sequence::create(binder, spec)?,
        StatementAst::AlterSequence(spec) => sequence::alter(binder, context, spec)?,
        StatementAst::DropSequence(spec) => sequence::drop(binder, spec)?,
        StatementAst::CreateView(spec) => view::create(binder, context, spec)?,
        StatementAst::DropView(spec) => view::drop(binder, spec)?,
        StatementAst::DropTable(spec) => schema::drop_tables(binder, spec)?,
        StatementAst::DropSchema(spec) => schema::drop_schemas(binder, spec)?,
        StatementAst::Copy(spec) => BoundStatement::Copy(Box::new(copy::bind(binder, spec)?)),
        StatementAst::Explain(spec) => BoundStatement::Explain {
            statement: Box::new(bind(binder, context, &spec.statement)?),
            analyze: spec.analyze,
            verbose: spec.verbose,
        },
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
        StatementAst::Deallocate { name } => {
            BoundStatement::Deallocate { name: name.as_ref().map(|n| binder.fold(n)) }
        }
    })
}
