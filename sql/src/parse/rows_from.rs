//! `ROWS FROM (f(..), g(..))` as a call of a function that no text can name: sqlparser does not know the form.
//!
//! Must not know functions. Invariant: the words are a form only where an entry of FROM can begin and a call stands
//! behind the parenthesis; ROWS is a name elsewhere.

use super::cursor::is_word;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// The name of the function; a query string holds no such character.
pub(crate) const ROWS_FROM: &str = "\0rows from";

/// Rewrites the forms among the tokens of a statement.
pub(crate) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    if !(0..tokens.len()).any(|at| is_call(tokens, at)) {
        return;
    }
    let written = std::mem::take(tokens);
    // Whether FROM was the last of SELECT and FROM, by depth of parentheses.
    let mut in_from = vec![false];
    let mut at = 0;
    while let Some(token) = written.get(at) {
        let begins = match at.checked_sub(1).and_then(|before| written.get(before)).map(|t| &t.token) {
            Some(Token::Comma) => in_from.last() == Some(&true),
            Some(before) => ["from", "join", "lateral"].iter().any(|word| is_word(before, word)),
            None => false,
        };
        let mut token = token.clone();
        match &token.token {
            Token::LParen => in_from.push(false),
            Token::RParen => {
                in_from.pop();
            }
            word if is_word(word, "from") || is_word(word, "select") => {
                let from = is_word(word, "from");
                if let Some(last) = in_from.last_mut() {
                    *last = from;
                }
            }
            _ => {}
        }
        at += 1;
        if begins && is_call(&written, at - 1) {
            let value = ROWS_FROM.to_owned();
            token.token = Token::Word(Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword });
            at += 1;
        }
        tokens.push(token);
    }
}

/// Whether `ROWS FROM (name (` is at a place.
fn is_call(tokens: &[TokenWithSpan], at: usize) -> bool {
    let is = |index: usize, word| tokens.get(index).is_some_and(|t| is_word(&t.token, word));
    let token = |index: usize| tokens.get(index).map(|t| &t.token);
    if !(is(at, "rows") && is(at + 1, "from") && token(at + 2) == Some(&Token::LParen)) {
        return false;
    }
    let mut name = at + 3;
    while token(name + 1) == Some(&Token::Period) {
        name += 2;
    }
    matches!(token(name), Some(Token::Word(_))) && token(name + 1) == Some(&Token::LParen)
}
