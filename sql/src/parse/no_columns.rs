//! `SELECT` without a list, as a list of one name that no text can hold: sqlparser wants a list where no FROM follows.
//!
//! Must not know expressions. Invariant: only a SELECT that begins a query, in front of what cannot begin a list, gets the name.

use super::cursor::is_word;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// The name; a query string holds no such character.
pub(crate) const NO_COLUMNS: &str = "\0none";

/// Reserved words that stand behind a list.
const FOLLOWERS: &[&str] = &[
    "union",
    "intersect",
    "except",
    "where",
    "group",
    "having",
    "window",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
];

/// Puts the name in among the tokens of a statement.
pub(crate) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    let defines =
        tokens.first().is_some_and(|first| ["create", "prepare"].iter().any(|w| is_word(&first.token, w)));
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let span = token.span;
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        let begins = before.is_none_or(|before| begins_query(&before.token, defines));
        at += 1;
        if is_word(&token.token, "select") && begins && ends_list(tokens.get(at)) {
            let value = NO_COLUMNS.to_owned();
            let word = Token::Word(Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword });
            tokens.insert(at, TokenWithSpan { token: word, span });
        }
    }
}

/// Whether a SELECT behind a token begins a query; behind an expression it may be a name.
fn begins_query(before: &Token, defines: bool) -> bool {
    let words = ["union", "intersect", "except", "all", "distinct"];
    *before == Token::LParen
        || words.iter().any(|word| is_word(before, word))
        || (defines && is_word(before, "as"))
}

fn ends_list(token: Option<&TokenWithSpan>) -> bool {
    token.is_none_or(|token| {
        matches!(token.token, Token::RParen | Token::SemiColon | Token::EOF)
            || FOLLOWERS.iter().any(|word| is_word(&token.token, word))
    })
}
