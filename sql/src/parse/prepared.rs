//! The grammar of PREPARE and EXECUTE.
//!
//! Must not know which statements are prepared.

use super::ast::{ExecuteSpec, PrepareSpec, StatementAst};
use super::cursor::Cursor;
use super::statement::{ParsedStatement, preparable};
use base::Result;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;
use std::sync::Arc;

/// Behind PREPARE.
pub(crate) fn prepare(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let name = cursor.name()?;
    let mut types = Vec::new();
    if cursor.take(&Token::LParen) {
        types = cursor.separated(|c| c.sql(Parser::parse_data_type))?;
        cursor.expect(&Token::RParen)?;
    }
    cursor.expect_words(&["as"])?;
    let at = cursor.at();
    let ast = preparable(cursor)?;
    let statement = Arc::new(ParsedStatement::within(ast, cursor.text_since(at), at));
    Ok(StatementAst::Prepare(Box::new(PrepareSpec { name, types, statement })))
}

/// Behind EXECUTE.
pub(crate) fn execute(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    execution(cursor).map(StatementAst::Execute)
}

/// Name and values of an EXECUTE.
pub(crate) fn execution(cursor: &mut Cursor<'_>) -> Result<ExecuteSpec> {
    let name = cursor.name()?;
    let mut args = Vec::new();
    if cursor.take(&Token::LParen) {
        args = cursor.separated(|c| c.sql(Parser::parse_expr))?;
        cursor.expect(&Token::RParen)?;
    }
    Ok(ExecuteSpec { name, args })
}
