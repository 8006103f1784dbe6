//! The grammar of INSERT, UPDATE and DELETE, and of what MERGE shares with them.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{
    ConflictAction, ConflictSpec, ConflictTarget, DeleteSpec, InsertSource, InsertSpec, Overriding,
    SetClause, StatementAst, UpdateSpec,
};
use super::cursor::{Cursor, is_word};
use super::target::{PartOfColumn, PartStep, TargetColumn};
use super::unsupported::refuse;
use base::Result;
use sqlparser::ast::{Expr, Ident, ObjectName, SelectItem, Subscript, TableWithJoins, With};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// Behind the word INSERT.
pub(crate) fn insert(cursor: &mut Cursor<'_>, with: Option<With>) -> Result<StatementAst> {
    inserted(cursor, with, None)
}

/// Behind the word UPSERT: an INSERT whose rows take the place of those with their keys.
pub(crate) fn upsert(cursor: &mut Cursor<'_>, with: Option<With>) -> Result<StatementAst> {
    let replace = ConflictSpec { at: cursor.at(), target: None, action: ConflictAction::Replace };
    inserted(cursor, with, Some(replace))
}

fn inserted(
    cursor: &mut Cursor<'_>,
    with: Option<With>,
    replace: Option<ConflictSpec>,
) -> Result<StatementAst> {
    cursor.expect_words(&["into"])?;
    let table = cursor.qualified_name()?;
    let alias = if cursor.take_word("as") { Some(cursor.name()?) } else { None };
    let columns = if *cursor.peek() == Token::LParen && !parenthesised_query(cursor) {
        insert_columns(cursor)?
    } else {
        Vec::new()
    };
    let overriding = overriding(cursor);
    let source = if columns.is_empty() && cursor.take_words(&["default", "values"]) {
        InsertSource::DefaultValues
    } else if let Some(rows) = cursor.take_rows() {
        cursor.expect_words(&["values"])?;
        InsertSource::Literals(rows)
    } else {
        InsertSource::Query(cursor.sql(Parser::parse_query)?)
    };
    let at = cursor.at();
    let on_conflict = match replace {
        None if cursor.take_word("on") => Some(conflict(cursor, at)?),
        replace => replace,
    };
    let returning = returning(cursor)?;
    Ok(StatementAst::Insert(Box::new(InsertSpec {
        with,
        table,
        alias,
        columns,
        overriding,
        source,
        on_conflict,
        returning,
    })))
}

pub(super) fn overriding(cursor: &mut Cursor<'_>) -> Option<Overriding> {
    if cursor.take_words(&["overriding", "system", "value"]) {
        return Some(Overriding::SystemValue);
    }
    cursor.take_words(&["overriding", "user", "value"]).then_some(Overriding::UserValue)
}

/// Whether the next parenthesis opens a query and not a list of columns.
fn parenthesised_query(cursor: &Cursor<'_>) -> bool {
    let mut n = 0;
    while *cursor.peek_nth(n) == Token::LParen {
        n += 1;
    }
    let starts = ["select", "values", "with", "table"].iter().any(|word| is_word(cursor.peek_nth(n), word));
    // VALUES is no reserved word: `(values)` and `(values, b)` are columns.
    starts && !(n == 1 && matches!(cursor.peek_nth(2), Token::RParen | Token::Comma))
}

pub(super) fn insert_columns(cursor: &mut Cursor<'_>) -> Result<Vec<TargetColumn>> {
    cursor.expect(&Token::LParen)?;
    let columns = cursor.separated(target_column)?;
    cursor.expect(&Token::RParen)?;
    Ok(columns)
}

/// A column to assign to, with what follows it as field or elements.
fn target_column(cursor: &mut Cursor<'_>) -> Result<TargetColumn> {
    let name = cursor.name()?;
    let at = cursor.at();
    let mut steps = Vec::new();
    while matches!(cursor.peek(), Token::Period | Token::LBracket) {
        steps.push(match cursor.take(&Token::Period) {
            true => PartStep::Field(cursor.label()?),
            false => PartStep::Subscript(Box::new(subscript(cursor)?)),
        });
    }
    let part = (!steps.is_empty()).then_some(PartOfColumn { at, steps });
    Ok(TargetColumn { name, part })
}

/// `[i]`, `[i:j]`, `[i:]`, `[:j]` or `[:]`.
fn subscript(cursor: &mut Cursor<'_>) -> Result<Subscript> {
    cursor.expect(&Token::LBracket)?;
    let bound = |cursor: &mut Cursor<'_>| match cursor.peek() {
        Token::Colon | Token::RBracket => Ok(None),
        _ => cursor.sql(Parser::parse_expr).map(Some),
    };
    let first = bound(cursor)?;
    let subscript = match (cursor.take(&Token::Colon), first) {
        (true, lower_bound) => Subscript::Slice { lower_bound, upper_bound: bound(cursor)?, stride: None },
        (false, Some(index)) => Subscript::Index { index },
        (false, None) => return Err(cursor.syntax_error()),
    };
    cursor.expect(&Token::RBracket)?;
    Ok(subscript)
}

/// Behind ON.
fn conflict(cursor: &mut Cursor<'_>, at: usize) -> Result<ConflictSpec> {
    cursor.expect_words(&["conflict"])?;
    let target = if cursor.take_words(&["on", "constraint"]) {
        Some(ConflictTarget::Constraint(cursor.name()?))
    } else if *cursor.peek() == Token::LParen {
        let at = cursor.at();
        Some(ConflictTarget::Columns { at, names: conflict_columns(cursor)? })
    } else {
        None
    };
    cursor.expect_words(&["do"])?;
    let action = if cursor.take_word("nothing") {
        ConflictAction::Nothing
    } else {
        cursor.expect_words(&["update", "set"])?;
        ConflictAction::Update { set: cursor.separated(set_clause)?, filter: filter(cursor)?.map(Box::new) }
    };
    Ok(ConflictSpec { at, target, action })
}

fn conflict_columns(cursor: &mut Cursor<'_>) -> Result<Vec<Ident>> {
    const INFERENCE: &str = "ON CONFLICT with expressions, collations, operator classes or WHERE";
    const HINT: &str = "Name the columns of the primary key.";
    cursor.expect(&Token::LParen)?;
    if *cursor.peek() == Token::LParen {
        return Err(refuse(INFERENCE, cursor.at()).with_hint(HINT));
    }
    let columns = cursor.separated(Cursor::name)?;
    if cursor.is_name() || cursor.is_word("collate") || *cursor.peek() == Token::LParen {
        return Err(refuse(INFERENCE, cursor.at()).with_hint(HINT));
    }
    cursor.expect(&Token::RParen)?;
    if cursor.is_word("where") {
        return Err(refuse(INFERENCE, cursor.at()).with_hint(HINT));
    }
    Ok(columns)
}

pub(super) fn set_clause(cursor: &mut Cursor<'_>) -> Result<SetClause> {
    let tuple = cursor.take(&Token::LParen);
    let columns = if tuple { cursor.separated(target_column)? } else { vec![target_column(cursor)?] };
    if tuple {
        cursor.expect(&Token::RParen)?;
    }
    cursor.expect(&Token::Eq)?;
    let value_at = cursor.at();
    let value = cursor.sql(Parser::parse_expr)?;
    Ok(SetClause { columns, tuple, value, value_at })
}

/// Behind the word UPDATE.
pub(crate) fn update(cursor: &mut Cursor<'_>, with: Option<With>) -> Result<StatementAst> {
    let table = target_table(cursor)?;
    let alias = target_alias(cursor)?;
    cursor.expect_words(&["set"])?;
    let set = cursor.separated(set_clause)?;
    let from = if cursor.take_word("from") { relations(cursor)? } else { Vec::new() };
    let filter = filter(cursor)?;
    let returning = returning(cursor)?;
    Ok(StatementAst::Update(Box::new(UpdateSpec { with, table, alias, set, from, filter, returning })))
}

/// Behind the word DELETE.
pub(crate) fn delete(cursor: &mut Cursor<'_>, with: Option<With>) -> Result<StatementAst> {
    cursor.expect_words(&["from"])?;
    let table = target_table(cursor)?;
    let alias = target_alias(cursor)?;
    let using = if cursor.take_word("using") { relations(cursor)? } else { Vec::new() };
    let filter = filter(cursor)?;
    let returning = returning(cursor)?;
    Ok(StatementAst::Delete(Box::new(DeleteSpec { with, table, alias, using, filter, returning })))
}

/// `[ONLY] name [*]`: there is no inheritance, so both mean the table alone.
pub(super) fn target_table(cursor: &mut Cursor<'_>) -> Result<ObjectName> {
    if cursor.take_word("only") && cursor.take(&Token::LParen) {
        let table = cursor.qualified_name()?;
        cursor.expect(&Token::RParen)?;
        return Ok(table);
    }
    let table = cursor.qualified_name()?;
    cursor.take(&Token::Mul);
    Ok(table)
}

pub(super) fn target_alias(cursor: &mut Cursor<'_>) -> Result<Option<Ident>> {
    let named = cursor.take_word("as");
    let follows = ["set", "using"].iter().any(|word| cursor.is_word(word));
    if named || (cursor.is_name() && !follows) { Ok(Some(cursor.name()?)) } else { Ok(None) }
}

fn relations(cursor: &mut Cursor<'_>) -> Result<Vec<TableWithJoins>> {
    cursor.sql(|parser| parser.parse_comma_separated(Parser::parse_table_and_joins))
}

fn filter(cursor: &mut Cursor<'_>) -> Result<Option<Expr>> {
    if !cursor.take_word("where") {
        return Ok(None);
    }
    if cursor.is_words(&["current", "of"]) {
        return Err(refuse("WHERE CURRENT OF", cursor.at()).with_hint("Name the row by its key."));
    }
    Ok(Some(cursor.sql(Parser::parse_expr)?))
}

fn returning(cursor: &mut Cursor<'_>) -> Result<Option<Vec<SelectItem>>> {
    if !cursor.take_word("returning") {
        return Ok(None);
    }
    Ok(Some(cursor.sql(|parser| parser.parse_comma_separated(Parser::parse_select_item))?))
}
