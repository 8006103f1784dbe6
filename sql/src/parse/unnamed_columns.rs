//! `f(..) AS (a int, b text)` as `f(..) AS f(a int, b text)`: sqlparser takes columns only behind a name, and the name of a
//! call is its function's.
//!
//! Must not know functions. Invariant: a parenthesis behind AS that begins a statement stays what it is.

use super::cursor::is_word;
use super::rows_from::ROWS_FROM;
use super::words::is_name;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Rewrites the forms among the tokens of a statement.
pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    if !(0..tokens.len()).any(|at| begins_columns(tokens, at)) {
        return;
    }
    let written = std::mem::take(tokens);
    // The word in front of each open parenthesis, and in front of the one that was closed last.
    let mut open: Vec<Option<TokenWithSpan>> = Vec::new();
    let mut closed = None;
    let mut before: Option<&TokenWithSpan> = None;
    for (at, token) in written.iter().enumerate() {
        match &token.token {
            Token::LParen => open.push(before.and_then(named)),
            Token::RParen => closed = open.pop().flatten(),
            _ => {}
        }
        tokens.push(token.clone());
        let behind_call = before.is_some_and(|t| t.token == Token::RParen);
        if behind_call && begins_columns(&written, at) && !open.last().is_some_and(is_rows_from) {
            tokens.extend(closed.take());
        }
        before = Some(token);
    }
}

/// Whether what was opened is ROWS FROM, where a call has no name.
fn is_rows_from(opened: &Option<TokenWithSpan>) -> bool {
    opened.as_ref().is_some_and(|t| matches!(&t.token, Token::Word(word) if word.value == ROWS_FROM))
}

/// Whether AS stands at a place with a list of columns behind it.
pub(super) fn begins_columns(tokens: &[TokenWithSpan], at: usize) -> bool {
    let statements = ["insert", "upsert", "update", "delete", "merge", "values"];
    let token = |index: usize| tokens.get(index).map(|t| &t.token);
    token(at).is_some_and(|word| is_word(word, "as"))
        && token(at + 1) == Some(&Token::LParen)
        && token(at + 2).is_some_and(|first| {
            matches!(first, Token::Word(word) if is_name(word))
                && !statements.iter().any(|word| is_word(first, word))
        })
}

/// The word as the name that it is of what is called so.
fn named(token: &TokenWithSpan) -> Option<TokenWithSpan> {
    let Token::Word(Word { value, quote_style, keyword: _ }) = &token.token else { return None };
    let value = if quote_style.is_some() { value.clone() } else { value.to_lowercase() };
    let word = Word { value, quote_style: Some('"'), keyword: sqlparser::keywords::Keyword::NoKeyword };
    Some(TokenWithSpan { token: Token::Word(word), span: token.span })
}
