//! The grammar of CREATE, ALTER and REFRESH of views and materialized views.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{AlterAction, StatementAst};
use super::cursor::Cursor;
use super::definition_ast::{
    AlterViewSpec, CreateTableAsSpec, MaterializedSpec, RefreshSpec, RowsSource, ViewSpec,
};
use super::unsupported::refuse;
use base::Result;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// Behind CREATE MATERIALIZED VIEW.
pub(crate) fn create_materialized(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let if_not_exists = super::table::if_not_exists(cursor)?;
    let name = cursor.qualified_name()?;
    let columns = if *cursor.peek() == Token::LParen { cursor.name_list()? } else { Vec::new() };
    if cursor.is_word("using") || cursor.is_word("tablespace") {
        return Err(refuse("this clause of CREATE MATERIALIZED VIEW", cursor.at()).with_hint("Leave it out."));
    }
    let options = if cursor.take_word("with") { super::alter::options(cursor)? } else { Vec::new() };
    cursor.expect_words(&["as"])?;
    let at = cursor.at();
    let query = cursor.sql(Parser::parse_query)?;
    let text = cursor.text_since(at).to_owned();
    let with_data = with_data(cursor);
    let (source, temporary) = (RowsSource::Query(query), None);
    let table = CreateTableAsSpec { name, if_not_exists, columns, options, source, with_data, temporary };
    Ok(StatementAst::CreateMaterialized(Box::new(MaterializedSpec { table, text, at })))
}

/// WITH [NO] DATA.
pub(crate) fn with_data(cursor: &mut Cursor<'_>) -> bool {
    if cursor.take_words(&["with", "no", "data"]) {
        return false;
    }
    cursor.take_words(&["with", "data"]);
    true
}

/// Behind REFRESH MATERIALIZED VIEW.
pub(crate) fn refresh(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let concurrently = cursor.take_word("concurrently");
    let name = cursor.qualified_name()?;
    Ok(StatementAst::Refresh(RefreshSpec { name, concurrently, with_data: with_data(cursor) }))
}

/// Behind CREATE [OR REPLACE] VIEW.
pub(crate) fn create(cursor: &mut Cursor<'_>, or_replace: bool) -> Result<StatementAst> {
    let name = cursor.qualified_name()?;
    let columns = if *cursor.peek() == Token::LParen { cursor.name_list()? } else { Vec::new() };
    if cursor.is_word("with") {
        return Err(refuse("WITH (..) of a view", cursor.at()).with_hint("Leave the clause out."));
    }
    cursor.expect_words(&["as"])?;
    let at = cursor.at();
    let query = cursor.sql(Parser::parse_query)?;
    let text = cursor.text_since(at).to_owned();
    if cursor.is_word("with") {
        return Err(refuse("WITH CHECK OPTION", cursor.at()).with_hint(
            "Leave the clause out; rows that the view does not show can then be written through it.",
        ));
    }
    Ok(StatementAst::CreateView(Box::new(ViewSpec { name, or_replace, columns, query, text, at })))
}

/// Behind ALTER [MATERIALIZED] VIEW.
pub(crate) fn alter(cursor: &mut Cursor<'_>, materialized: bool) -> Result<StatementAst> {
    let if_exists = cursor.take_word("if");
    if if_exists {
        cursor.expect_words(&["exists"])?;
    }
    let name = cursor.qualified_name()?;
    let (at, kind) = (cursor.at(), if materialized { "ALTER MATERIALIZED VIEW" } else { "ALTER VIEW" });
    if cursor.is_words(&["owner", "to"]) {
        return Err(refuse(&format!("{kind} OWNER TO"), at)
            .with_hint("Everything belongs to the database's owner; leave the statement out."));
    }
    let action = match super::alter::alone(cursor)? {
        Some(AlterAction::RenameConstraint { .. }) | None => None,
        action => action,
    };
    let action = action.ok_or_else(|| {
        refuse(&format!("this form of {kind}"), at)
            .with_hint(format!("{kind} takes RENAME TO, RENAME COLUMN and SET SCHEMA."))
    })?;
    Ok(StatementAst::AlterView(Box::new(AlterViewSpec { name, materialized, if_exists, action })))
}
