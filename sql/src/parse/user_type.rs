//! The grammar of CREATE TYPE and ALTER TYPE.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::StatementAst;
use super::cursor::{Cursor, string_of};
use super::definition_ast::{AlterTypeSpec, CreateTypeSpec, TypeChange};
use super::unsupported::refuse;
use base::Result;
use catalog::Neighbour;
use sqlparser::tokenizer::Token;

/// Behind CREATE TYPE.
pub(crate) fn create(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let name = cursor.qualified_name()?;
    let at = cursor.at();
    if !cursor.take_words(&["as", "enum"]) {
        let refused = || refuse("this kind of type", at).with_hint("CREATE TYPE .. AS ENUM makes enums.");
        let known = cursor.at_end()
            || *cursor.peek() == Token::LParen
            || cursor.is_words(&["as", "range"])
            || cursor.is_word("as") && *cursor.peek_nth(1) == Token::LParen;
        return Err(if known { refused() } else { cursor.syntax_error() });
    }
    cursor.expect(&Token::LParen)?;
    let labels = if *cursor.peek() == Token::RParen { Vec::new() } else { cursor.separated(label)? };
    cursor.expect(&Token::RParen)?;
    Ok(StatementAst::CreateType(Box::new(CreateTypeSpec { name, labels })))
}

/// Behind ALTER TYPE.
pub(crate) fn alter(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let name = cursor.qualified_name()?;
    let at = cursor.at();
    let change = if cursor.take_words(&["add", "value"]) {
        let if_not_exists = super::table::if_not_exists(cursor)?;
        let label = label(cursor)?;
        let place = if cursor.take_word("before") {
            Neighbour::Before(self::label(cursor)?)
        } else if cursor.take_word("after") {
            Neighbour::After(self::label(cursor)?)
        } else {
            Neighbour::Last
        };
        TypeChange::AddValue { label, if_not_exists, place }
    } else if cursor.take_words(&["rename", "value"]) {
        let from = label(cursor)?;
        cursor.expect_words(&["to"])?;
        TypeChange::RenameValue { from, to: label(cursor)? }
    } else if cursor.take_words(&["rename", "to"]) {
        TypeChange::Rename(cursor.name()?)
    } else if cursor.take_words(&["set", "schema"]) {
        TypeChange::SetSchema(cursor.name()?)
    } else if cursor.is_words(&["owner", "to"]) {
        return Err(refuse("ALTER TYPE OWNER TO", at)
            .with_hint("Everything belongs to the database's owner; leave the statement out."));
    } else if ["add", "drop", "alter", "rename", "set"].iter().any(|word| cursor.is_word(word)) {
        return Err(refuse("this form of ALTER TYPE", at)
            .with_hint("ALTER TYPE takes ADD VALUE, RENAME VALUE, RENAME TO and SET SCHEMA."));
    } else {
        return Err(cursor.syntax_error());
    };
    Ok(StatementAst::AlterType(Box::new(AlterTypeSpec { name, change })))
}

fn label(cursor: &mut Cursor<'_>) -> Result<String> {
    match string_of(cursor.peek()) {
        Some(text) => {
            cursor.next();
            Ok(text)
        }
        None => Err(cursor.syntax_error()),
    }
}
