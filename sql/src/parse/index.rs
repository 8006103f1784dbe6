//! The grammar of CREATE UNIQUE INDEX and DROP INDEX.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::StatementAst;
use super::cursor::Cursor;
use super::definition_ast::IndexSpec;
use super::unsupported::refuse;
use base::Result;
use sqlparser::ast::Ident;
use sqlparser::tokenizer::Token;

/// Behind CREATE UNIQUE INDEX.
pub(crate) fn create_unique(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    refuse_concurrently(cursor)?;
    let if_not_exists = super::table::if_not_exists(cursor)?;
    let name = if cursor.is_word("on") && !if_not_exists { None } else { Some(cursor.name()?) };
    cursor.expect_words(&["on"])?;
    cursor.take_word("only");
    let at = cursor.at();
    let table = cursor.qualified_name()?;
    if cursor.take_word("using") && !cursor.take_word("btree") {
        return Err(refuse("a unique index other than btree", cursor.at()).with_hint("Leave USING out."));
    }
    cursor.expect(&Token::LParen)?;
    let columns = cursor.separated(column)?;
    cursor.expect(&Token::RParen)?;
    for (word, what) in [
        ("include", "INCLUDE of an index"),
        ("nulls", "NULLS [NOT] DISTINCT of an index"),
        ("with", "WITH (..) of an index"),
        ("tablespace", "TABLESPACE of an index"),
        ("where", "a partial unique index"),
    ] {
        if cursor.is_word(word) {
            return Err(refuse(what, cursor.at()).with_hint("Leave the clause out."));
        }
    }
    Ok(StatementAst::CreateIndex(Box::new(IndexSpec { name, if_not_exists, table, at, columns })))
}

/// Behind DROP INDEX.
pub(crate) fn drop(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    refuse_concurrently(cursor)?;
    super::table::drop(cursor).map(StatementAst::DropIndex)
}

fn refuse_concurrently(cursor: &Cursor<'_>) -> Result<()> {
    if cursor.is_word("concurrently") {
        return Err(refuse("CONCURRENTLY of an index", cursor.at()).with_hint("Leave the word out."));
    }
    Ok(())
}

/// A column, in the order that indexes have.
fn column(cursor: &mut Cursor<'_>) -> Result<Ident> {
    let at = cursor.at();
    let of_expressions = || refuse("a unique index over an expression", at).with_hint("Name columns.");
    if *cursor.peek() == Token::LParen {
        return Err(of_expressions());
    }
    let name = cursor.name()?;
    if *cursor.peek() == Token::LParen {
        return Err(of_expressions());
    }
    cursor.take_word("asc");
    cursor.take_words(&["nulls", "last"]);
    if !matches!(cursor.peek(), Token::Comma | Token::RParen) {
        return Err(refuse("an order, collation or operator class of an index's column", cursor.at())
            .with_hint("Name the column alone."));
    }
    Ok(name)
}
