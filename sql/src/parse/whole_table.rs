//! `TABLE t` as `SELECT * FROM t`, which is how PostgreSQL's grammar defines it: sqlparser's own reading of TABLE drops
//! the word behind the name.
//!
//! Must not know expressions. Invariant: the words put in have the span of TABLE; what cannot follow `TABLE t` is a
//! syntax error, though it could follow `SELECT * FROM t`.

use super::cursor::is_word;
use super::tokens::{position, syntax, text_of};
use super::words::is_name;
use crate::text::Text;
use base::Result;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// First words of the statements that hold queries.
const WITH_QUERIES: &[&str] = &[
    "table", "select", "values", "with", "explain", "insert", "upsert", "update", "delete", "copy", "create",
    "merge", "prepare", "declare",
];

/// What can follow a query that is a table's name, beside a parenthesis and the end.
const FOLLOWERS: &[&str] = &[
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "union",
    "intersect",
    "except",
    // Behind the source of an INSERT.
    "on",
    "returning",
    // Behind the source of a CREATE TABLE AS.
    "with",
];

/// Rewrites each `TABLE t` among the tokens of a statement. Errors: 42601.
pub(crate) fn rewrite(text: &Text<'_>, tokens: &mut Vec<TokenWithSpan>) -> Result<()> {
    let holds_queries = tokens.first().is_some_and(|first| {
        first.token == Token::LParen || WITH_QUERIES.iter().any(|word| is_word(&first.token, word))
    });
    if !holds_queries || !tokens.iter().any(|t| is_word(&t.token, "table")) {
        return Ok(());
    }
    // Behind the AS of these a query stands, and a label nowhere in front of a name.
    let defines = tokens
        .first()
        .is_some_and(|first| ["create", "prepare"].iter().any(|word| is_word(&first.token, word)));
    let mut from = std::mem::take(tokens).into_iter().peekable();
    tokens.reserve(from.len() + 2);
    while let Some(mut token) = from.next() {
        if is_word(&token.token, "table")
            && follows_into(tokens)
            && from.peek().is_some_and(|next| begins_name(&next.token))
        {
            continue;
        }
        let begins = is_word(&token.token, "table")
            && !tokens.last().is_some_and(|before| {
                is_label_place(&before.token) && !(defines && is_word(&before.token, "as"))
            })
            && from.peek().is_some_and(|next| begins_name(&next.token));
        if !begins {
            take_meaning(&mut token.token);
            tokens.push(token);
            continue;
        }
        let span = token.span;
        let words = [word("SELECT", Keyword::SELECT), Token::Mul, word("FROM", Keyword::FROM)];
        tokens.extend(words.map(|token| TokenWithSpan { token, span }));
        if from.peek().is_some_and(|next| is_word(&next.token, "only")) {
            tokens.extend(from.next());
        }
        tokens.extend(from.next());
        while from.peek().is_some_and(|next| next.token == Token::Period) {
            tokens.extend(from.next());
            tokens.extend(from.next());
        }
        if let Some(next) = from.peek()
            && !follows(&next.token)
        {
            let message = format!("syntax error at or near \"{}\"", text_of(text, next.span));
            return Err(syntax(message, position(next.span.start)));
        }
    }
    Ok(())
}

fn word(text: &str, keyword: Keyword) -> Token {
    Token::Word(Word { value: text.to_owned(), quote_style: None, keyword })
}

/// A TABLE that begins no query must not begin one for sqlparser.
fn take_meaning(token: &mut Token) {
    if let Token::Word(word) = token
        && word.keyword == Keyword::TABLE
    {
        word.keyword = Keyword::NoKeyword;
    }
}

/// Whether TABLE is a label behind this, or names what a statement is about.
fn is_label_place(before: &Token) -> bool {
    const WORDS: &[&str] = &["as", "into", "create", "drop", "temp", "temporary", "unlogged", "foreign"];
    *before == Token::Period || WORDS.iter().any(|word| is_word(before, word))
}

/// Whether TABLE behind these is a word that says nothing: that of SELECT .. INTO [TEMPORARY] TABLE.
fn follows_into(tokens: &[TokenWithSpan]) -> bool {
    let is = |token: Option<&TokenWithSpan>, words: &[&str]| {
        token.is_some_and(|t| words.iter().any(|word| is_word(&t.token, word)))
    };
    let mut before = tokens.iter().rev().peekable();
    before.next_if(|t| is(Some(*t), &["temp", "temporary", "unlogged"]));
    is(before.next(), &["into"]) && !is(before.next(), &["insert", "upsert", "merge"])
}

fn begins_name(token: &Token) -> bool {
    matches!(token, Token::Word(word) if is_name(word)) || is_word(token, "only")
}

fn follows(token: &Token) -> bool {
    *token == Token::RParen || FOLLOWERS.iter().any(|word| is_word(token, word))
}
