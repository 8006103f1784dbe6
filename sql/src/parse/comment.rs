//! The grammar of COMMENT.
//!
//! Must not know what names mean.

use super::ast::StatementAst;
use super::cursor::{Cursor, string_of};
use super::definition_ast::{CommentSpec, CommentTarget, RelationKind};
use super::unsupported::{hint_of_object, refuse};
use base::Result;

/// Kinds of objects that PostgreSQL has and we have not.
const OTHER_KINDS: &[&str] = &[
    "access",
    "aggregate",
    "cast",
    "collation",
    "conversion",
    "event",
    "extension",
    "foreign",
    "large",
    "language",
    "operator",
    "policy",
    "procedural",
    "procedure",
    "publication",
    "role",
    "routine",
    "rule",
    "server",
    "statistics",
    "subscription",
    "tablespace",
    "text",
    "transform",
    "trigger",
];

/// Behind COMMENT.
pub(crate) fn comment(cursor: &mut Cursor<'_>) -> Result<StatementAst> {
    cursor.expect_words(&["on"])?;
    let at = cursor.at();
    let relation = |kind, cursor: &mut Cursor<'_>| {
        Ok::<_, base::Error>(CommentTarget::Relation { kind, name: cursor.qualified_name()? })
    };
    let target = if cursor.take_word("table") {
        relation(RelationKind::Table, cursor)?
    } else if cursor.take_word("view") {
        relation(RelationKind::View, cursor)?
    } else if cursor.take_words(&["materialized", "view"]) {
        relation(RelationKind::MaterializedView, cursor)?
    } else if cursor.take_word("sequence") {
        relation(RelationKind::Sequence, cursor)?
    } else if cursor.take_word("index") {
        relation(RelationKind::Index, cursor)?
    } else if cursor.take_word("column") {
        CommentTarget::Column(cursor.dotted_name()?)
    } else if cursor.take_word("type") {
        CommentTarget::Type(cursor.qualified_name()?)
    } else if cursor.take_word("function") {
        CommentTarget::Function(Box::new(super::function::function_name(cursor)?))
    } else if cursor.take_word("domain") {
        CommentTarget::Domain(cursor.qualified_name()?)
    } else if cursor.take_word("schema") {
        CommentTarget::Schema(cursor.name()?)
    } else if cursor.take_word("database") {
        CommentTarget::Database(cursor.name()?)
    } else if cursor.take_word("constraint") {
        let name = cursor.name()?;
        cursor.expect_words(&["on"])?;
        match cursor.take_word("domain") {
            true => CommentTarget::DomainConstraint { name, domain: cursor.qualified_name()? },
            false => CommentTarget::Constraint { name, table: cursor.qualified_name()? },
        }
    } else if OTHER_KINDS.iter().any(|kind| cursor.is_word(kind)) {
        let kind = cursor.word_text(0).unwrap_or_default().to_ascii_uppercase();
        return Err(refuse(&format!("COMMENT ON {kind}"), at).with_hint(hint_of_object(&kind)));
    } else {
        return Err(cursor.syntax_error());
    };
    cursor.expect_words(&["is"])?;
    let text = match string_of(cursor.peek()) {
        Some(text) => {
            cursor.next();
            // An empty comment is none.
            Some(text).filter(|text| !text.is_empty())
        }
        None if cursor.take_word("null") => None,
        None => return Err(cursor.syntax_error()),
    };
    Ok(StatementAst::Comment(Box::new(CommentSpec { target, text })))
}
