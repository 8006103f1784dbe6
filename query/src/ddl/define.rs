//! Statements that only change the catalog.
//!
//! Must not wait: what scans rows or writes them stands with the session.

use super::comment::comment;
use super::domain::create_domain;
use super::drop::{drop_materialized, drop_schemas, drop_sequences, drop_tables, drop_types, drop_views};
use super::function::function;
use super::sequence::{alter_sequence, create_sequence};
use super::table::{clone_table, create_schema, create_table, truncate, undrop_table};
use super::user_type::{alter_type, create_type};
use super::view::{alter_view, create_view};
use crate::api::Execution;
use crate::session::Core;
use base::{Error, Result};
use sql::bound::BoundStatement;

/// Carries out a statement that reads and writes no rows.
pub(crate) fn define(core: &mut Core, statement: &BoundStatement) -> Result<Execution> {
    match statement {
        BoundStatement::CreateTable(create) => create_table(core, create),
        BoundStatement::DropMaterialized { tables, cascade, notices } => {
            drop_materialized(core, tables, *cascade, notices)
        }
        BoundStatement::DropTables { tables, cascade, notices } => {
            drop_tables(core, tables, *cascade, notices)
        }
        BoundStatement::CreateType { schema, name, shape } => create_type(core, *schema, name, shape),
        BoundStatement::AlterType { ty, edit } => alter_type(core, *ty, edit),
        BoundStatement::CreateDomain { schema, name, domain } => create_domain(core, *schema, name, domain),
        BoundStatement::DropTypes { types, domains, columns, cascade, notices } => {
            drop_types(core, types, *domains, columns, *cascade, notices)
        }
        BoundStatement::Function(statement) => function(core, statement),
        BoundStatement::CreateView(create) => create_view(core, create),
        BoundStatement::AlterView(alter) => alter_view(core, alter),
        BoundStatement::DropViews { views, cascade, notices } => drop_views(core, views, *cascade, notices),
        BoundStatement::CreateSequence(create) => create_sequence(core, create),
        BoundStatement::AlterSequence(alter) => alter_sequence(core, alter),
        BoundStatement::DropSequences { sequences, cascade, notices } => {
            drop_sequences(core, sequences, *cascade, notices)
        }
        BoundStatement::Comment { key, text, notice } => {
            comment(core, *key, text.as_deref(), notice.as_deref())
        }
        BoundStatement::CreateSchema { name, if_not_exists } => create_schema(core, name, *if_not_exists),
        BoundStatement::DropSchemas { domains, schemas, columns, cascade, notices } => {
            drop_schemas(core, schemas, domains, columns, *cascade, notices)
        }
        BoundStatement::Truncate { tables, restart, cascade } => truncate(core, tables, *restart, *cascade),
        BoundStatement::UndropTable { schemas, name } => undrop_table(core, schemas, name),
        BoundStatement::CloneTable(clone) => clone_table(core, clone),
        other => Err(Error::internal(format!("statement {other:?} was not carried out by the session"))),
    }
}
