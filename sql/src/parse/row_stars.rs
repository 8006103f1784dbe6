//! `(row).*` as the access to a field that no text can name: sqlparser reads a star behind names only.
//!
//! Must not know rows. Invariant: only a star behind a parenthesis and a dot is one.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// The name of the field; a query string holds no such character.
pub(crate) const ROW_STAR: &str = "\0*";

/// Rewrites the stars among the tokens of a statement.
pub(crate) fn rewrite(tokens: &mut [TokenWithSpan]) {
    let is = |token: Option<&TokenWithSpan>, wanted: &Token| token.is_some_and(|t| t.token == *wanted);
    for at in 2..tokens.len() {
        let behind_row = is(tokens.get(at - 2), &Token::RParen) && is(tokens.get(at - 1), &Token::Period);
        if let Some(star) = tokens.get_mut(at).filter(|token| behind_row && token.token == Token::Mul) {
            let value = ROW_STAR.to_owned();
            star.token = Token::Word(Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword });
        }
    }
}
