//! The grammar of ALTER TABLE, of storage parameters, UNDROP TABLE and CREATE TABLE .. CLONE.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{AlterAction, AlterTableSpec, StatementAst, TableOption};
use super::cursor::{Cursor, is_word, string_of};
use super::definition_ast::{CheckSpec, CloneSpec};
use super::session::value;
use super::table;
use super::unsupported::refuse;
use base::{Error, Result};
use sqlparser::ast::ObjectName;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

const ALTER_HINT: &str = "ALTER TABLE takes RENAME, SET SCHEMA, ADD and DROP of columns, of CHECK, UNIQUE and FOREIGN KEY \
    constraints and of range partitions, ALTER COLUMN .. TYPE, SET | DROP DEFAULT | NOT NULL, SET (..) and RESET (..).";

const PARTITION_HINT: &str =
    "Give it a name: ADD RANGE PARTITION p VALUES FROM (..) TO (..), and drop it by that name.";

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
    let actions = match alone(cursor)? {
        Some(action) => vec![action],
        None => cursor.separated(action)?,
    };
    Ok(StatementAst::AlterTable(Box::new(AlterTableSpec { name, if_exists, actions })))
}

/// Actions that stand for themselves.
pub(super) fn alone(cursor: &mut Cursor<'_>) -> Result<Option<AlterAction>> {
    if cursor.take_words(&["set", "schema"]) {
        return cursor.name().map(AlterAction::SetSchema).map(Some);
    }
    if !cursor.take_word("rename") {
        return Ok(None);
    }
    if cursor.take_word("to") {
        return cursor.name().map(AlterAction::Rename).map(Some);
    }
    if cursor.take_word("constraint") {
        let from = cursor.name()?;
        cursor.expect_words(&["to"])?;
        return Ok(Some(AlterAction::RenameConstraint { from, to: cursor.name()? }));
    }
    cursor.take_word("column");
    let from = cursor.name()?;
    cursor.expect_words(&["to"])?;
    Ok(Some(AlterAction::RenameColumn { from, to: cursor.name()? }))
}

/// Behind ALTER; None for what is refused.
fn column_action(cursor: &mut Cursor<'_>) -> Result<Option<AlterAction>> {
    cursor.take_word("column");
    let column = cursor.name()?;
    if cursor.take_words(&["set", "default"]) {
        let value = Some(table::written(cursor, |parser| parser.parse_expr())?);
        return Ok(Some(AlterAction::SetDefault { column, value }));
    }
    if cursor.take_words(&["drop", "default"]) {
        return Ok(Some(AlterAction::SetDefault { column, value: None }));
    }
    if cursor.take_words(&["set", "not", "null"]) {
        return Ok(Some(AlterAction::SetNotNull { column, not_null: true }));
    }
    if cursor.take_words(&["drop", "not", "null"]) {
        return Ok(Some(AlterAction::SetNotNull { column, not_null: false }));
    }
    if cursor.take_words(&["set", "data", "type"]) || cursor.take_word("type") {
        let type_at = cursor.at();
        let ty = cursor.sql(super::forms::data_type)?;
        for (word, what) in [("collate", "COLLATE"), ("using", "ALTER COLUMN .. TYPE with USING")] {
            if cursor.is_word(word) {
                return Err(refuse(what, cursor.at()).with_hint(
                    "ADD a column of the new type, UPDATE the table to fill it, then DROP the old one and RENAME.",
                ));
            }
        }
        return Ok(Some(AlterAction::SetType { column, ty, type_at }));
    }
    Ok(None)
}

/// Behind ADD; None for what is refused.
fn added_constraint(cursor: &mut Cursor<'_>) -> Result<Option<AlterAction>> {
    let name = if cursor.take_word("constraint") { Some(cursor.name()?) } else { None };
    let at = cursor.at();
    if cursor.is_word("unique") {
        return Ok(Some(AlterAction::AddUnique(super::unique::constraint(cursor, name)?)));
    }
    if cursor.is_words(&["foreign", "key"]) {
        return Ok(Some(AlterAction::AddForeignKey(super::foreign_key::constraint(cursor, name)?)));
    }
    if !cursor.take_word("check") {
        return Ok(None);
    }
    Ok(Some(AlterAction::AddCheck(CheckSpec { name, at, condition: table::check(cursor)? })))
}

fn action(cursor: &mut Cursor<'_>) -> Result<AlterAction> {
    let at = cursor.at();
    let refused = || refuse("this form of ALTER TABLE", at).with_hint(ALTER_HINT);
    if cursor.take_word("alter") {
        return column_action(cursor)?.ok_or_else(refused);
    }
    if cursor.is_words(&["add", "constraint"])
        || cursor.is_words(&["add", "check"])
        || cursor.is_words(&["add", "unique"])
        || cursor.is_words(&["add", "foreign", "key"])
    {
        cursor.next();
        return added_constraint(cursor)?.ok_or_else(refused);
    }
    if cursor.take_words(&["drop", "constraint"]) {
        let if_exists = cursor.take_words(&["if", "exists"]);
        let name = cursor.name()?;
        let cascade = cursor.take_word("cascade");
        if !cascade {
            cursor.take_word("restrict");
        }
        return Ok(AlterAction::DropConstraint { name, if_exists, cascade });
    }
    if is_range_partition(cursor, "add") {
        cursor.next();
        let if_not_exists = cursor.take_word("if");
        if if_not_exists {
            cursor.expect_words(&["not", "exists"])?;
        }
        cursor.expect_words(&["range"])?;
        let by_name = matches!(cursor.peek_nth(1), Token::Word(_))
            && ["values", "for"].iter().any(|word| is_word(cursor.peek_nth(2), word));
        if !by_name {
            return Err(refuse("this form of a range partition", cursor.at()).with_hint(PARTITION_HINT));
        }
        let partition = table::partition(cursor)?;
        return Ok(AlterAction::AddRangePartition { if_not_exists, partition });
    }
    if cursor.is_word("add") && !is_constraint(cursor.peek_nth(1)) {
        cursor.next();
        cursor.take_word("column");
        let if_not_exists = table::if_not_exists(cursor)?;
        let column = table::column(cursor)?;
        return Ok(AlterAction::AddColumn { at, if_not_exists, column });
    }
    if is_range_partition(cursor, "drop") {
        cursor.next();
        let if_exists = cursor.take_word("if");
        if if_exists {
            cursor.expect_words(&["exists"])?;
        }
        cursor.expect_words(&["range"])?;
        cursor.expect_words(&["partition"])?;
        let is_range = matches!(cursor.peek(), Token::Number(..)) || string_of(cursor.peek()).is_some();
        if is_range || cursor.is_words(&["values"]) || is_word(cursor.peek_nth(1), "values") {
            return Err(refuse("this form of a range partition", cursor.at()).with_hint(PARTITION_HINT));
        }
        return Ok(AlterAction::DropRangePartition { at, if_exists, name: cursor.name()? });
    }
    if cursor.take_word("drop") {
        cursor.take_word("column");
        let if_exists = cursor.take_words(&["if", "exists"]);
        let name = cursor.name()?;
        let cascade = cursor.take_word("cascade");
        if !cascade {
            cursor.take_word("restrict");
        }
        return Ok(AlterAction::DropColumn { at, name, if_exists, cascade });
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

/// Whether what is added is a constraint, of which kind ever.
fn is_constraint(token: &Token) -> bool {
    ["constraint", "check", "primary", "unique", "foreign", "exclude"].iter().any(|word| is_word(token, word))
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
    if cursor.word_text(0).is_some() {
        return Ok(cursor.label()?.value.to_ascii_lowercase());
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
