//! The grammar of ALTER TABLE, of storage parameters, UNDROP TABLE and CREATE TABLE .. CLONE.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{AlterAction, AlterTableSpec, CloneSpec, StatementAst, TableOption};
use super::cursor::{Cursor, string_of};
use super::session::value;
use super::table;
use super::unsupported::refuse;
use base::{Error, Result};
use sqlparser::ast::ObjectName;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

const ALTER_HINT: &str =
    "ALTER TABLE takes ADD RANGE PARTITION, DROP RANGE PARTITION, SET (..) and RESET (..).";

/// Behind ALTER TABLE.
pub(crate) fn alter_table(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let if_exists = cursor.take_word("if");
    if if_exists {
        cursor.expect_words(&["exists"])?;
    }
    // Tables have no children: ONLY says what is so anyway.
    cursor.take_word("only");
    let name = cursor.qualified_name()?;
    cursor.take(&Token::Mul);
    let actions = cursor.separated(action)?;
    Ok(StatementAst::AlterTable(Box::new(AlterTableSpec { name, if_exists, actions })))
}

fn action(cursor: &mut Cursor<'_>) -> Result<AlterAction> {
    let at = cursor.at();
    if is_range_partition(cursor, "add") {
        cursor.next();
        let if_not_exists = cursor.take_word("if");
        if if_not_exists {
            cursor.expect_words(&["not", "exists"])?;
        }
        cursor.expect_words(&["range"])?;
        let partition = table::partition(cursor)?;
        return Ok(AlterAction::AddRangePartition { if_not_exists, partition });
    }
    if is_range_partition(cursor, "drop") {
        cursor.next();
        let if_exists = cursor.take_word("if");
        if if_exists {
            cursor.expect_words(&["exists"])?;
        }
        cursor.expect_words(&["range"])?;
        cursor.expect_words(&["partition"])?;
        return Ok(AlterAction::DropRangePartition { at, if_exists, name: cursor.name()? });
    }
    if cursor.is_word("set") && *cursor.peek_nth(1) == Token::LParen {
        cursor.next();
        return options(cursor).map(AlterAction::SetOptions);
    }
    if cursor.is_word("reset") && *cursor.peek_nth(1) == Token::LParen {
        cursor.next();
        return options(cursor).map(AlterAction::ResetOptions);
    }
    let known =
        ["add", "alter", "drop", "rename", "set", "reset", "owner", "enable", "disable", "force", "no"];
    let more = ["attach", "detach", "cluster", "inherit", "of", "not", "replica", "validate"];
    if known.iter().chain(&more).any(|word| cursor.is_word(word)) {
        return Err(refuse("this form of ALTER TABLE", at).with_hint(ALTER_HINT));
    }
    Err(cursor.syntax_error())
}

/// Whether ADD or DROP is of a range partition, IF [NOT] EXISTS between or not.
fn is_range_partition(cursor: &Cursor<'_>, verb: &str) -> bool {
    cursor.is_words(&[verb, "range", "partition"])
        || cursor.is_words(&[verb, "if", "not", "exists", "range", "partition"])
        || cursor.is_words(&[verb, "if", "exists", "range", "partition"])
}

/// `(name [= value], ..)`.
pub(crate) fn options(cursor: &mut Cursor<'_>) -> Result<Vec<TableOption>> {
    cursor.expect(&Token::LParen)?;
    let options = cursor.separated(|c| {
        let at = c.at();
        let mut name = c.label()?.value.to_ascii_lowercase();
        if c.take(&Token::Period) {
            name = format!("{name}.{}", c.label()?.value.to_ascii_lowercase());
        }
        let value = if c.take(&Token::Eq) { Some(option_value(c)?) } else { None };
        Ok(TableOption { name, at, value })
    })?;
    cursor.expect(&Token::RParen)?;
    Ok(options)
}

/// A string, number or word; `INTERVAL '..'` is its text.
fn option_value(cursor: &mut Cursor<'_>) -> Result<String> {
    if cursor.is_word("interval") && string_of(cursor.peek_nth(1)).is_some() {
        cursor.next();
        return cursor.string();
    }
    value(cursor)
}

/// Behind UNDROP.
pub(crate) fn undrop(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    cursor.expect_words(&["table"])?;
    Ok(StatementAst::UndropTable { name: cursor.qualified_name()? })
}

/// Behind CREATE TABLE name CLONE.
pub(crate) fn clone_table(
    cursor: &mut Cursor<'_>,
    name: ObjectName,
    if_not_exists: bool,
) -> Result<StatementAst> {
    let source = cursor.qualified_name()?;
    // The words of FROM: AS OF SYSTEM TIME has been made FOR SYSTEM_TIME AS OF of.
    let at = if cursor.take_words(&["for", "system_time", "as", "of"]) || cursor.take_words(&["as", "of"]) {
        Some(Box::new(cursor.sql(Parser::parse_expr)?))
    } else {
        None
    };
    let options = if cursor.take_word("with") { options(cursor)? } else { Vec::new() };
    if cursor.is_word("partition") {
        return Err(partitions_of_clone(cursor.at()));
    }
    Ok(StatementAst::CloneTable(Box::new(CloneSpec { name, if_not_exists, source, at, options })))
}

fn partitions_of_clone(at: usize) -> Error {
    refuse("PARTITION BY of a clone", at).with_hint("A clone has the partitions of its source.")
}
