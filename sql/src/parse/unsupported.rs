//! Statements of PostgreSQL that are refused, by their first words.
//!
//! Invariant: each entry names the statement and, where there is one, what to use instead.

use super::cursor::{Cursor, is_word};
use super::tokens::position;
use super::unnamed_columns::begins_columns;
use base::Error;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// 0A000 at a place.
pub(crate) fn refuse(what: &str, at: usize) -> Error {
    let plural = what.ends_with('s') && !what.ends_with("ss");
    let verb = if plural { "are" } else { "is" };
    Error::unsupported(format!("{what} {verb} not supported")).at(at)
}

/// The refusal of the weaker locks of rows, of COLLATION FOR, of `ROWS FROM (f(..) AS (a int))`, and of SEARCH and CYCLE
/// behind a query of WITH RECURSIVE, which sqlparser would take for mistakes or for names.
pub(super) fn refused_clause(tokens: &[TokenWithSpan]) -> Option<Error> {
    let is = |index: usize, word: &str| tokens.get(index).is_some_and(|t| is_word(&t.token, word));
    for (at, token) in tokens.iter().enumerate().filter(|(_, t)| is_word(&t.token, "for")) {
        let what = if is(at + 1, "no") && is(at + 2, "key") && is(at + 3, "update") {
            "FOR NO KEY UPDATE"
        } else if is(at + 1, "key") && is(at + 2, "share") {
            "FOR KEY SHARE"
        } else {
            continue;
        };
        return Some(refuse(what, position(token.span.start)));
    }
    for (at, token) in tokens.iter().enumerate() {
        let what = if is(at, "collation") && is(at + 1, "for") {
            "COLLATION FOR"
        } else if token.token == Token::RParen && begins_columns(tokens, at + 1) {
            "a list of columns behind a call in ROWS FROM"
        } else {
            continue;
        };
        return Some(refuse(what, position(token.span.start)));
    }
    if !tokens.iter().any(|t| is_word(&t.token, "recursive")) {
        return None;
    }
    tokens.iter().enumerate().find_map(|(index, token)| {
        if token.token != Token::RParen {
            return None;
        }
        let at = tokens.get(index + 1).map_or(0, |t| position(t.span.start));
        let search = is(index + 1, "search") && (is(index + 2, "depth") || is(index + 2, "breadth"));
        if search && is(index + 3, "first") {
            return Some(refuse("SEARCH", at).with_hint("Collect the path in an array, and sort by it."));
        }
        let listed = is(index + 3, "set") || tokens.get(index + 3).is_some_and(|t| t.token == Token::Comma);
        (is(index + 1, "cycle") && listed).then(|| {
            refuse("CYCLE", at).with_hint("Use UNION, or collect the path in an array and look into it.")
        })
    })
}

/// First words and what to use instead; longer entries stand before shorter ones.
const REFUSED: &[(&str, &str)] = &[
    ("alter system", "Write the setting into the settings file."),
    ("alter", ""),
    ("call", ""),
    ("close", "Portals of the extended protocol take the place of cursors."),
    ("cluster", "Tables are kept sorted by their key."),
    ("commit prepared", "Use COMMIT."),
    ("create aggregate", ""),
    ("create database", "A server has one database; use CREATE SCHEMA."),
    ("create extension", ""),
    ("create temporary", "Tables can be temporary."),
    ("create temp", "Tables can be temporary."),
    ("create unlogged table", "Create an ordinary table."),
    ("create foreign table", "Load the rows with COPY."),
    (
        "create index",
        "Rows are found by the primary key and by zone maps; choose the key's columns accordingly.",
    ),
    ("create or replace", ""),
    ("create recursive view", ""),
    ("create procedure", ""),
    ("create role", ""),
    ("create user", ""),
    ("create rule", ""),
    ("create trigger", ""),
    ("create", ""),
    ("declare", "Portals of the extended protocol take the place of cursors."),
    ("do", ""),
    ("drop", ""),
    ("fetch", "Portals of the extended protocol take the place of cursors."),
    ("grant", ""),
    ("import", ""),
    ("listen", ""),
    ("load", ""),
    ("lock", "Transactions see a snapshot and lock what they write."),
    ("move", "Portals of the extended protocol take the place of cursors."),
    ("notify", ""),
    ("prepare transaction", "Use COMMIT."),
    ("reassign", ""),
    ("reindex", "Tables have no indexes that could need it."),
    ("release", "Roll the whole transaction back, or split it."),
    ("revoke", ""),
    ("savepoint", "Roll the whole transaction back, or split it."),
    ("security", ""),
    ("unlisten", ""),
];

/// How many words name the object of CREATE, ALTER and DROP.
const TWO_WORDS: &[&str] =
    &["materialized", "foreign", "event", "access", "unique", "or", "temporary", "temp", "unlogged"];

/// The refusal of the statement that begins here; `None` when no statement of PostgreSQL begins so.
pub(crate) fn refused_statement(cursor: &Cursor<'_>) -> Option<Error> {
    let (words, hint) = REFUSED.iter().find(|(words, _)| {
        let words: Vec<&str> = words.split(' ').collect();
        cursor.is_words(&words)
    })?;
    let mut name = words.to_ascii_uppercase();
    if matches!(*words, "create" | "alter" | "drop") {
        let object = cursor.word_text(1)?;
        name.push(' ');
        name.push_str(&object.to_ascii_uppercase());
        if TWO_WORDS.contains(&object.to_ascii_lowercase().as_str())
            && let Some(second) = cursor.word_text(2)
        {
            name.push(' ');
            name.push_str(&second.to_ascii_uppercase());
        }
    }
    let error = Error::unsupported(format!("{name} is not supported")).at(cursor.at());
    Some(if hint.is_empty() { error } else { error.with_hint(*hint) })
}
