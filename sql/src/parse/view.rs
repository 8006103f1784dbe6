//! The grammar of CREATE, ALTER and REFRESH of views and materialized views.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{AlterAction, StatementAst};
use super::cursor::{Cursor, is_word, string_of};
use super::definition_ast::{
    AlterViewSpec, CreateTableAsSpec, MaterializedSpec, RefreshSpec, RowsSource, ViewSpec,
};
use super::unsupported::refuse;
use base::Result;
use catalog::CheckOption;
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
    let mut check = options(cursor)?;
    cursor.expect_words(&["as"])?;
    let at = cursor.at();
    let query = cursor.sql(Parser::parse_query)?;
    let text = cursor.text_since(at).to_owned();
    if cursor.take_words(&["with", "local", "check", "option"]) {
        check = Some(CheckOption::Local);
    } else if cursor.take_words(&["with", "cascaded", "check", "option"])
        || cursor.take_words(&["with", "check", "option"])
    {
        check = Some(CheckOption::Cascaded);
    }
    Ok(StatementAst::CreateView(Box::new(ViewSpec { name, or_replace, columns, query, text, at, check })))
}

/// `WITH (check_option = local | cascaded)`, which says the same as the clause behind the query.
fn options(cursor: &mut Cursor<'_>) -> Result<Option<CheckOption>> {
    let at = cursor.at();
    if !cursor.take_word("with") {
        return Ok(None);
    }
    let refused = || {
        refuse("this form of WITH (..) of a view", at)
            .with_hint("A view takes WITH (check_option = local | cascaded).")
    };
    let known = cursor.take(&Token::LParen) && cursor.take_word("check_option") && cursor.take(&Token::Eq);
    let value = known.then(|| cursor.next().token);
    let is = |option: &str| {
        let said = |token: &Token| {
            is_word(token, option) || string_of(token).is_some_and(|s| s.eq_ignore_ascii_case(option))
        };
        value.as_ref().is_some_and(said)
    };
    let option = match (is("local"), is("cascaded")) {
        (true, _) => CheckOption::Local,
        (_, true) => CheckOption::Cascaded,
        _ => return Err(refused()),
    };
    if cursor.take(&Token::RParen) { Ok(Some(option)) } else { Err(refused()) }
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
