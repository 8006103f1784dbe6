//! The grammar of CREATE TYPE and ALTER TYPE.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::StatementAst;
use super::cursor::{Cursor, string_of};
use super::definition_ast::{
    AlterTypeSpec, AttributeChange, AttributeSpec, CreateTypeSpec, TypeChange, TypeSpec,
};
use super::unsupported::refuse;
use base::Result;
use catalog::Neighbour;
use sqlparser::ast::Ident;
use sqlparser::tokenizer::Token;

/// Behind CREATE TYPE.
pub(crate) fn create(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let name = cursor.qualified_name()?;
    let at = cursor.at();
    let shape = if cursor.take_words(&["as", "enum"]) {
        TypeSpec::Enum(listed(cursor, label)?)
    } else if cursor.is_word("as") && *cursor.peek_nth(1) == Token::LParen {
        cursor.expect_words(&["as"])?;
        TypeSpec::Composite(listed(cursor, attribute)?)
    } else {
        let refused = || {
            refuse("this kind of type", at).with_hint(
                "CREATE TYPE .. AS ENUM makes enums, CREATE TYPE .. AS (name type, ..) composite types.",
            )
        };
        let known = cursor.at_end() || *cursor.peek() == Token::LParen || cursor.is_words(&["as", "range"]);
        return Err(if known { refused() } else { cursor.syntax_error() });
    };
    Ok(StatementAst::CreateType(Box::new(CreateTypeSpec { name, shape })))
}

/// What stands in parentheses, which may be nothing.
fn listed<T>(cursor: &mut Cursor<'_>, item: impl FnMut(&mut Cursor<'_>) -> Result<T>) -> Result<Vec<T>> {
    cursor.expect(&Token::LParen)?;
    let items = if *cursor.peek() == Token::RParen { Vec::new() } else { cursor.separated(item)? };
    cursor.expect(&Token::RParen)?;
    Ok(items)
}

/// The name and type of an attribute.
fn attribute(cursor: &mut Cursor<'_>) -> Result<AttributeSpec> {
    let name = cursor.name()?;
    typed(cursor, name)
}

fn typed(cursor: &mut Cursor<'_>, name: Ident) -> Result<AttributeSpec> {
    let type_at = cursor.at();
    let ty = cursor.sql(super::forms::data_type)?;
    if cursor.is_word("collate") {
        return Err(refuse("COLLATE on an attribute", cursor.at())
            .with_hint("Text is ordered by its bytes, as with collation \"C\"."));
    }
    Ok(AttributeSpec { name, ty, type_at })
}

/// One of the actions on attributes, which are told apart by their first word.
fn attribute_change(cursor: &mut Cursor<'_>) -> Result<AttributeChange> {
    let change = if cursor.take_words(&["add", "attribute"]) {
        AttributeChange::Add(attribute(cursor)?)
    } else if cursor.take_words(&["drop", "attribute"]) {
        let if_exists = cursor.take_words(&["if", "exists"]);
        AttributeChange::Drop { name: cursor.name()?, if_exists }
    } else {
        cursor.expect_words(&["alter", "attribute"])?;
        let name = cursor.name()?;
        if !cursor.take_words(&["set", "data", "type"]) {
            cursor.expect_words(&["type"])?;
        }
        AttributeChange::SetType(typed(cursor, name)?)
    };
    behaviour(cursor);
    Ok(change)
}

/// CASCADE reaches tables of a type, of which there are none.
fn behaviour(cursor: &mut Cursor<'_>) {
    if !cursor.take_word("cascade") {
        cursor.take_word("restrict");
    }
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
    } else if cursor.take_words(&["rename", "attribute"]) {
        let from = cursor.name()?;
        cursor.expect_words(&["to"])?;
        let to = cursor.name()?;
        behaviour(cursor);
        TypeChange::RenameAttribute { from, to }
    } else if ["add", "drop", "alter"].iter().any(|word| cursor.is_words(&[*word, "attribute"])) {
        TypeChange::Attributes(cursor.separated(attribute_change)?)
    } else if cursor.take_words(&["rename", "to"]) {
        TypeChange::Rename(cursor.name()?)
    } else if cursor.take_words(&["set", "schema"]) {
        TypeChange::SetSchema(cursor.name()?)
    } else if cursor.is_words(&["owner", "to"]) {
        return Err(refuse("ALTER TYPE OWNER TO", at)
            .with_hint("Everything belongs to the database's owner; leave the statement out."));
    } else if ["add", "drop", "alter", "rename", "set"].iter().any(|word| cursor.is_word(word)) {
        return Err(refuse("this form of ALTER TYPE", at)
            .with_hint("ALTER TYPE takes ADD and RENAME VALUE, ADD, DROP, ALTER and RENAME ATTRIBUTE, RENAME TO and SET SCHEMA."));
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
