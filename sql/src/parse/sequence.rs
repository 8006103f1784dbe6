//! The grammar of CREATE, ALTER and DROP SEQUENCE, and of the options that identity columns share with them.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::StatementAst;
use super::cursor::Cursor;
use super::definition_ast::{
    AlterSequenceSpec, SequenceChange, SequenceOption, SequenceOptionKind, SequenceSpec,
};
use super::unsupported::refuse;
use base::{Error, ErrorKind, Result};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// Behind CREATE SEQUENCE.
pub(crate) fn create(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let if_not_exists = super::table::if_not_exists(cursor)?;
    let name = cursor.qualified_name()?;
    let options = options(cursor)?;
    Ok(StatementAst::CreateSequence(Box::new(SequenceSpec { name, if_not_exists, options })))
}

/// Behind ALTER SEQUENCE.
pub(crate) fn alter(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let if_exists = cursor.take_word("if");
    if if_exists {
        cursor.expect_words(&["exists"])?;
    }
    let name = cursor.qualified_name()?;
    let at = cursor.at();
    let change = if cursor.take_words(&["rename", "to"]) {
        SequenceChange::Rename(cursor.name()?)
    } else if cursor.take_words(&["set", "schema"]) {
        SequenceChange::SetSchema(cursor.name()?)
    } else if cursor.is_words(&["owner", "to"]) {
        return Err(refuse("ALTER SEQUENCE OWNER TO", at)
            .with_hint("Everything belongs to the database's owner; leave the statement out."));
    } else if cursor.is_words(&["set", "logged"]) || cursor.is_words(&["set", "unlogged"]) {
        return Err(
            refuse("ALTER SEQUENCE SET LOGGED or UNLOGGED", at).with_hint("Every sequence is logged.")
        );
    } else {
        let options = options(cursor)?;
        if options.is_empty() {
            return Err(cursor.syntax_error());
        }
        SequenceChange::Options(options)
    };
    Ok(StatementAst::AlterSequence(Box::new(AlterSequenceSpec { name, if_exists, change })))
}

/// Options up to the end of the statement or a closing parenthesis.
pub(crate) fn options(cursor: &mut Cursor<'_>) -> Result<Vec<SequenceOption>> {
    let mut options = Vec::new();
    while !cursor.at_end() && *cursor.peek() != Token::RParen {
        let at = cursor.at();
        options.push(SequenceOption { at, kind: option(cursor)? });
    }
    Ok(options)
}

fn option(cursor: &mut Cursor<'_>) -> Result<SequenceOptionKind> {
    let at = cursor.at();
    if cursor.take_word("as") {
        return Ok(SequenceOptionKind::Type(cursor.sql(Parser::parse_data_type)?));
    }
    if cursor.take_word("increment") {
        cursor.take_word("by");
        return Ok(SequenceOptionKind::Increment(number(cursor)?));
    }
    if cursor.take_words(&["no", "minvalue"]) {
        return Ok(SequenceOptionKind::Min(None));
    }
    if cursor.take_words(&["no", "maxvalue"]) {
        return Ok(SequenceOptionKind::Max(None));
    }
    if cursor.take_words(&["no", "cycle"]) {
        return Ok(SequenceOptionKind::Cycle(false));
    }
    if cursor.take_word("minvalue") {
        return Ok(SequenceOptionKind::Min(Some(number(cursor)?)));
    }
    if cursor.take_word("maxvalue") {
        return Ok(SequenceOptionKind::Max(Some(number(cursor)?)));
    }
    if cursor.take_word("start") {
        cursor.take_word("with");
        return Ok(SequenceOptionKind::Start(number(cursor)?));
    }
    if cursor.take_word("restart") {
        let with = cursor.take_word("with");
        let given = with || matches!(cursor.peek(), Token::Number(..) | Token::Minus | Token::Plus);
        return Ok(SequenceOptionKind::Restart(if given { Some(number(cursor)?) } else { None }));
    }
    if cursor.take_word("cache") {
        return Ok(SequenceOptionKind::Cache(number(cursor)?));
    }
    if cursor.take_word("cycle") {
        return Ok(SequenceOptionKind::Cycle(true));
    }
    if cursor.take_words(&["owned", "by"]) {
        let none = cursor.is_word("none") && *cursor.peek_nth(1) != Token::Period;
        if none {
            cursor.next();
        }
        return Ok(SequenceOptionKind::OwnedBy(if none { None } else { Some(cursor.qualified_name()?) }));
    }
    if cursor.is_words(&["sequence", "name"]) {
        return Err(refuse("SEQUENCE NAME", at).with_hint("Rename the sequence with ALTER SEQUENCE."));
    }
    Err(cursor.syntax_error())
}

/// An integer with or without sign.
fn number(cursor: &mut Cursor<'_>) -> Result<i64> {
    let negative = cursor.take(&Token::Minus);
    if !negative {
        cursor.take(&Token::Plus);
    }
    let Token::Number(digits, false) = cursor.peek() else { return Err(cursor.syntax_error()) };
    let text = if negative { format!("-{digits}") } else { digits.clone() };
    let number = text.parse::<i64>().map_err(|_| {
        if text.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()) {
            let message = format!("value \"{text}\" is out of range for type bigint");
            Error::new(ErrorKind::NumericOutOfRange, message)
        } else {
            let message = format!("invalid input syntax for type bigint: \"{text}\"");
            Error::new(ErrorKind::InvalidText, message)
        }
    })?;
    cursor.next();
    Ok(number)
}
