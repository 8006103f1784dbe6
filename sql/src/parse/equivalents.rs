//! Forms of PostgreSQL's that sqlparser reads only when they are written otherwise: `ORDER BY a USING <` is ASC, `USING >`
//! is DESC; `substring(a SIMILAR b ESCAPE c)` is a call with three arguments; `LIKE ALL (..)`, `NOT ILIKE ANY (..)` and so on are
//! the operators `~~`, `!~~`, `~~*`, `!~~*`.
//!
//! Must not know expressions. Invariant: spans stay, so that errors point at what was written.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Rewrites the forms among the tokens of a statement.
pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    if tokens.iter().any(|token| keyword(token) == Keyword::SUBSTRING) {
        similar(tokens);
    }
    let mut pairs = tokens.iter().zip(tokens.iter().skip(1));
    if !pairs.any(|(token, next)| form(token, next).is_some()) {
        return;
    }
    let mut written = std::mem::take(tokens).into_iter().peekable();
    while let Some(mut token) = written.next() {
        match written.peek().and_then(|next| form(&token, next)) {
            Some(Form::Direction(direction)) => {
                token.token = direction;
                token.span.end = written.next().map_or(token.span.end, |sign| sign.span.end);
            }
            Some(Form::Match { plain, negated }) => {
                match tokens.pop_if(|before| keyword(before) == Keyword::NOT) {
                    Some(not) => (token.token, token.span.start) = (negated, not.span.start),
                    None => token.token = plain,
                }
            }
            None => {}
        }
        tokens.push(token);
    }
}

/// Commas between the arguments of `substring(a SIMILAR b ESCAPE c)`.
fn similar(tokens: &mut [TokenWithSpan]) {
    // Of each open parenthesis: whether it is that of a SUBSTRING, and whether SIMILAR was found in it.
    let mut open: Vec<(bool, bool)> = Vec::new();
    let mut of_substring = false;
    let mut commas = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let to = tokens.get(at + 1).is_some_and(|next| keyword(next) == Keyword::TO);
        match (&token.token, keyword(token), open.last_mut()) {
            (Token::LParen, _, _) => open.push((of_substring, false)),
            (Token::RParen, _, _) => {
                open.pop();
            }
            (_, Keyword::SIMILAR, Some((true, similar @ false))) if !to => {
                *similar = true;
                commas.push(at);
            }
            (_, Keyword::ESCAPE, Some((true, true))) => commas.push(at),
            _ => {}
        }
        of_substring = keyword(token) == Keyword::SUBSTRING;
    }
    for at in commas {
        if let Some(token) = tokens.get_mut(at) {
            token.token = Token::Comma;
        }
    }
}

enum Form {
    /// In the place of both tokens.
    Direction(Token),
    /// In the place of the first token, and of NOT before it.
    Match { plain: Token, negated: Token },
}

fn form(token: &TokenWithSpan, next: &TokenWithSpan) -> Option<Form> {
    let direction = |value: &str, keyword| {
        Form::Direction(Token::Word(Word { value: value.to_owned(), quote_style: None, keyword }))
    };
    let quantified = matches!(keyword(next), Keyword::ANY | Keyword::ALL | Keyword::SOME);
    match (keyword(token), &next.token) {
        (Keyword::USING, Token::Lt) => Some(direction("ASC", Keyword::ASC)),
        (Keyword::USING, Token::Gt) => Some(direction("DESC", Keyword::DESC)),
        (Keyword::LIKE, _) if quantified => {
            Some(Form::Match { plain: Token::DoubleTilde, negated: Token::ExclamationMarkDoubleTilde })
        }
        (Keyword::ILIKE, _) if quantified => Some(Form::Match {
            plain: Token::DoubleTildeAsterisk,
            negated: Token::ExclamationMarkDoubleTildeAsterisk,
        }),
        _ => None,
    }
}

fn keyword(token: &TokenWithSpan) -> Keyword {
    match &token.token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}
