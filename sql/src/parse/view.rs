//! The grammar of CREATE VIEW.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::StatementAst;
use super::cursor::Cursor;
use super::definition_ast::ViewSpec;
use super::unsupported::refuse;
use base::Result;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

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
        return Err(
            refuse("WITH CHECK OPTION", cursor.at()).with_hint("Views are read only; leave the clause out.")
        );
    }
    Ok(StatementAst::CreateView(Box::new(ViewSpec { name, or_replace, columns, query, text, at })))
}
