//! The grammar of MERGE.
//!
//! Must not know what names mean.

use super::ast::{MergeAction, MergeInsert, MergeSpec, MergeWhen, StatementAst};
use super::cursor::Cursor;
use super::write::{insert_columns, overriding, set_clause, target_alias, target_table};
use base::Result;
use sqlparser::ast::With;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// Behind the word MERGE.
pub(crate) fn merge(cursor: &mut Cursor<'_>, with: Option<With>) -> Result<StatementAst> {
    cursor.expect_words(&["into"])?;
    let table = target_table(cursor)?;
    let alias = target_alias(cursor)?;
    cursor.expect_words(&["using"])?;
    let source = cursor.sql(Parser::parse_table_and_joins)?;
    cursor.expect_words(&["on"])?;
    let on = cursor.sql(Parser::parse_expr)?;
    let mut whens = vec![when(cursor)?];
    while cursor.is_word("when") {
        whens.push(when(cursor)?);
    }
    Ok(StatementAst::Merge(Box::new(MergeSpec { with, table, alias, source, on, whens })))
}

fn when(cursor: &mut Cursor<'_>) -> Result<MergeWhen> {
    cursor.expect_words(&["when"])?;
    let matched = !cursor.take_word("not");
    cursor.expect_words(&["matched"])?;
    let condition = if cursor.take_word("and") { Some(cursor.sql(Parser::parse_expr)?) } else { None };
    cursor.expect_words(&["then"])?;
    let action = match matched {
        _ if cursor.take_words(&["do", "nothing"]) => MergeAction::Nothing,
        true if cursor.take_words(&["update", "set"]) => MergeAction::Update(cursor.separated(set_clause)?),
        true if cursor.take_word("delete") => MergeAction::Delete,
        false if cursor.take_word("insert") => MergeAction::Insert(insert(cursor)?),
        true | false => return Err(cursor.syntax_error()),
    };
    Ok(MergeWhen { matched, condition, action })
}

/// Behind INSERT.
fn insert(cursor: &mut Cursor<'_>) -> Result<MergeInsert> {
    let columns = if *cursor.peek() == Token::LParen { insert_columns(cursor)? } else { Vec::new() };
    let overriding = overriding(cursor);
    if columns.is_empty() && overriding.is_none() && cursor.take_words(&["default", "values"]) {
        return Ok(MergeInsert { columns, overriding, values: None });
    }
    cursor.expect_words(&["values"])?;
    cursor.expect(&Token::LParen)?;
    let values = cursor.separated(|c| c.sql(Parser::parse_expr))?;
    cursor.expect(&Token::RParen)?;
    Ok(MergeInsert { columns, overriding, values: Some(values) })
}
