//! The grammar of COPY in its present and its old spelling.
//!
//! Must not know what an option means, only its shape.
//! Invariant: the old spelling yields the same options as the present one.

use super::ast::{CopyOption, CopySource, CopySpec, CopyValue, StatementAst};
use super::cursor::Cursor;
use super::session::value;
use super::unsupported::refuse;
use base::Result;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// Behind the word COPY.
pub(crate) fn copy(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let mut options = Vec::new();
    let at = cursor.at();
    if cursor.take_word("binary") {
        options.push(CopyOption {
            name: "format".to_owned(),
            at,
            value: CopyValue::Text("binary".to_owned()),
        });
    }
    let source = source(cursor)?;
    let from = matches!(source, CopySource::Table { .. }) && cursor.take_word("from");
    if !from {
        cursor.expect_words(&["to"])?;
    }
    if cursor.is_word("program") {
        return Err(refuse("COPY with PROGRAM", cursor.at())
            .with_hint("Use STDIN or STDOUT and run the program at the client."));
    }
    let path =
        if cursor.take_word("stdin") || cursor.take_word("stdout") { None } else { Some(cursor.string()?) };
    if cursor.is_words(&["using", "delimiters"]) || cursor.is_word("delimiters") {
        return Err(refuse("the DELIMITERS clause", cursor.at()).with_hint("Write WITH (DELIMITER '..')."));
    }
    cursor.take_word("with");
    if cursor.take(&Token::LParen) {
        options.extend(cursor.separated(option)?);
        cursor.expect(&Token::RParen)?;
    } else {
        while !cursor.at_end() && !cursor.is_word("where") {
            options.push(old_option(cursor)?);
        }
    }
    if cursor.is_word("where") {
        return Err(refuse("COPY .. WHERE", cursor.at())
            .with_hint("Copy into a table of its own, then INSERT INTO .. SELECT .. WHERE."));
    }
    Ok(StatementAst::Copy(Box::new(CopySpec { source, from, path, options })))
}

fn source(cursor: &mut Cursor<'_>) -> Result<CopySource> {
    if !cursor.take(&Token::LParen) {
        let name = cursor.qualified_name()?;
        let columns = if *cursor.peek() == Token::LParen { cursor.name_list()? } else { Vec::new() };
        return Ok(CopySource::Table { name, columns });
    }
    if ["insert", "update", "delete"].iter().any(|word| cursor.is_word(word)) {
        return Err(refuse("COPY of INSERT, UPDATE or DELETE", cursor.at())
            .with_hint("Run the statement with RETURNING."));
    }
    let query = cursor.sql(Parser::parse_query)?;
    cursor.expect(&Token::RParen)?;
    Ok(CopySource::Query(query))
}

/// `name [value]`, `name *` or `name (column, ..)`.
fn option(cursor: &mut Cursor<'_>) -> Result<CopyOption> {
    let at = cursor.at();
    let name = cursor.label()?;
    let name = if name.quote_style.is_some() { name.value } else { name.value.to_ascii_lowercase() };
    let value = match cursor.peek() {
        Token::Comma | Token::RParen => CopyValue::None,
        Token::Mul => {
            cursor.next();
            CopyValue::AllColumns
        }
        Token::LParen => CopyValue::Columns(cursor.name_list()?),
        _ => CopyValue::Text(value(cursor)?),
    };
    Ok(CopyOption { name, at, value })
}

/// One option without parentheses.
fn old_option(cursor: &mut Cursor<'_>) -> Result<CopyOption> {
    let at = cursor.at();
    let named = |name: &str, value: CopyValue| CopyOption { name: name.to_owned(), at, value };
    for format in ["binary", "csv"] {
        if cursor.take_word(format) {
            return Ok(named("format", CopyValue::Text(format.to_owned())));
        }
    }
    for flag in ["header", "freeze"] {
        if cursor.take_word(flag) {
            return Ok(named(flag, CopyValue::None));
        }
    }
    for with_text in ["delimiter", "null", "quote", "escape"] {
        if cursor.take_word(with_text) {
            cursor.take_word("as");
            return Ok(named(with_text, CopyValue::Text(cursor.string()?)));
        }
    }
    if cursor.take_word("encoding") {
        return Ok(named("encoding", CopyValue::Text(cursor.string()?)));
    }
    if cursor.take_words(&["force", "quote"]) {
        let value = if cursor.take(&Token::Mul) { CopyValue::AllColumns } else { columns(cursor)? };
        return Ok(named("force_quote", value));
    }
    if cursor.take_words(&["force", "not", "null"]) {
        return Ok(named("force_not_null", columns(cursor)?));
    }
    if cursor.take_words(&["force", "null"]) {
        return Ok(named("force_null", columns(cursor)?));
    }
    Err(cursor.syntax_error())
}

fn columns(cursor: &mut Cursor<'_>) -> Result<CopyValue> {
    Ok(CopyValue::Columns(cursor.separated(Cursor::name)?))
}
