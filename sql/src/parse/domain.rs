//! The grammar of CREATE DOMAIN and ALTER DOMAIN.
//!
//! Must not know what names mean.
//! Invariant: what PostgreSQL has and we do not is refused with 0A000 at its word.

use super::ast::{ColumnConstraintKind, StatementAst};
use super::cursor::Cursor;
use super::definition_ast::{AlterDomainSpec, CheckSpec, CreateDomainSpec, DomainChange};
use super::table;
use super::tokens::position;
use super::unsupported::refuse;
use base::{Error, ErrorKind, Result};
use sqlparser::ast::{Expr, Ident, visit_expressions};
use sqlparser::tokenizer::{Location, Token};
use std::ops::ControlFlow;

/// Behind CREATE DOMAIN.
pub(crate) fn create(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let name = cursor.qualified_name()?;
    cursor.take_word("as");
    let type_at = cursor.at();
    let ty = cursor.sql(super::forms::data_type)?;
    let mut constraints = Vec::new();
    // Constraints of columns, of which most are not for domains.
    let column = Ident::new("value");
    while !cursor.at_end() {
        let constraint = table::column_constraint(cursor, &column)?;
        let kind = match constraint.kind {
            ColumnConstraintKind::Unique => "unique",
            ColumnConstraintKind::PrimaryKey => "primary key",
            ColumnConstraintKind::References(_) => "foreign key",
            ColumnConstraintKind::Generated(_) | ColumnConstraintKind::Identity { .. } => {
                return Err(refuse("GENERATED for a domain", constraint.at)
                    .with_hint("Columns are generated, whatever their types."));
            }
            ColumnConstraintKind::NotNull
            | ColumnConstraintKind::Null
            | ColumnConstraintKind::Default(_)
            | ColumnConstraintKind::Check(_) => {
                constraints.push(constraint);
                continue;
            }
        };
        let message = format!("{kind} constraints not possible for domains");
        return Err(Error::new(ErrorKind::Syntax, message));
    }
    Ok(StatementAst::CreateDomain(Box::new(CreateDomainSpec { name, ty, type_at, constraints })))
}

/// Behind ALTER DOMAIN.
pub(crate) fn alter(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    let name = cursor.qualified_name()?;
    let at = cursor.at();
    let change = if cursor.take_words(&["set", "default"]) {
        DomainChange::Default(Some(table::written(cursor, |parser| parser.parse_expr())?))
    } else if cursor.take_words(&["drop", "default"]) {
        DomainChange::Default(None)
    } else if cursor.take_words(&["set", "not", "null"]) {
        DomainChange::NotNull(true)
    } else if cursor.take_words(&["drop", "not", "null"]) {
        DomainChange::NotNull(false)
    } else if cursor.take_word("add") {
        added(cursor)?
    } else if cursor.take_words(&["drop", "constraint"]) {
        let if_exists = cursor.take_words(&["if", "exists"]);
        let name = cursor.name()?;
        // Nothing depends on a check of a domain.
        if !cursor.take_word("cascade") {
            cursor.take_word("restrict");
        }
        DomainChange::DropConstraint { name, if_exists }
    } else if cursor.take_words(&["validate", "constraint"]) {
        DomainChange::Validate(cursor.name()?)
    } else if cursor.take_words(&["rename", "constraint"]) {
        let from = cursor.name()?;
        cursor.expect_words(&["to"])?;
        DomainChange::RenameConstraint { from, to: cursor.name()? }
    } else if cursor.take_words(&["rename", "to"]) {
        DomainChange::Rename(cursor.name()?)
    } else if cursor.take_words(&["set", "schema"]) {
        DomainChange::SetSchema(cursor.name()?)
    } else if cursor.is_words(&["owner", "to"]) {
        return Err(refuse("ALTER DOMAIN OWNER TO", at)
            .with_hint("Everything belongs to the database's owner; leave the statement out."));
    } else {
        return Err(cursor.syntax_error());
    };
    Ok(StatementAst::AlterDomain(Box::new(AlterDomainSpec { name, change })))
}

/// Behind ADD.
fn added(cursor: &mut Cursor<'_>) -> Result<DomainChange> {
    let name = if cursor.take_word("constraint") { Some(cursor.name()?) } else { None };
    let at = cursor.at();
    let others = [
        (&["unique"] as &[&str], "unique"),
        (&["primary", "key"], "primary key"),
        (&["foreign", "key"], "foreign key"),
        (&["exclude"], "exclusion"),
    ];
    if let Some((_, kind)) = others.iter().find(|(words, _)| cursor.is_words(words)) {
        let message = format!("{kind} constraints not possible for domains");
        return Err(Error::new(ErrorKind::Syntax, message));
    }
    cursor.expect_words(&["check"])?;
    cursor.expect(&Token::LParen)?;
    let condition = table::written(cursor, |parser| parser.parse_expr())?;
    cursor.expect(&Token::RParen)?;
    let not_valid = cursor.take_words(&["not", "valid"]);
    if cursor.is_words(&["no", "inherit"]) {
        return Err(
            refuse("NO INHERIT", cursor.at()).with_hint("Domains have no children; leave the clause out.")
        );
    }
    Ok(DomainChange::AddCheck { check: CheckSpec { name, at, condition }, not_valid })
}

/// What a domain's checks call the value.
const VALUE: &str = "VALUE";

/// The text of a domain's check with the value's name in capitals, as PostgreSQL shows it.
pub fn with_value_in_capitals(text: &str) -> String {
    let Ok(expr) = super::parse_expression(text) else { return text.to_owned() };
    let mut places: Vec<Location> = Vec::new();
    let _whole: ControlFlow<()> = visit_expressions(&expr, |part| {
        if let Expr::Identifier(ident) = part
            && ident.value.eq_ignore_ascii_case(VALUE)
        {
            places.push(ident.span.start);
        }
        ControlFlow::Continue(())
    });
    let mut shown: Vec<char> = text.chars().collect();
    for place in places {
        let start = position(place).saturating_sub(1);
        let word = shown.get_mut(start..start.saturating_add(VALUE.len()));
        // A name that was written in quotes stays; the parser puts some words in quotes itself.
        if let Some(word) = word.filter(|word| word.iter().collect::<String>().eq_ignore_ascii_case(VALUE)) {
            word.iter_mut().zip(VALUE.chars()).for_each(|(old, new)| *old = new);
        }
    }
    shown.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::with_value_in_capitals;

    #[test]
    fn the_value_is_shown_in_capitals() {
        let cases = [
            ("value > 0", "VALUE > 0"),
            ("Value <> 'value'\n AND length(value) < 3", "VALUE <> 'value'\n AND length(VALUE) < 3"),
            ("\"value\" ~ '^value$'", "\"value\" ~ '^value$'"),
        ];
        for (text, shown) in cases {
            assert_eq!(with_value_in_capitals(text), shown);
        }
    }
}
