//! Where an operator ends: `5>-3` is a comparison with a negative number.
//!
//! Must not know which operators exist. Invariant: as in PostgreSQL's lexer an operator of several characters ends in
//! `+` or `-` only when one of ``~ ! @ # % ^ & | ` ?`` is among them.

use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

/// The operator and the signs behind it that a token is read as; None when it is one token.
pub(super) fn split(token: &TokenWithSpan) -> Option<Vec<TokenWithSpan>> {
    let Token::CustomBinaryOperator(text) = &token.token else { return None };
    let operator = match text.trim_end_matches(['+', '-']) {
        // Signs alone: each is one.
        "" => text.get(..1)?,
        operator => operator,
    };
    if operator.len() == text.len() || text.contains(is_special) {
        return None;
    }
    let signs = text.chars().skip(operator.len());
    let tokens = std::iter::once(named(operator))
        .chain(signs.map(|sign| if sign == '-' { Token::Minus } else { Token::Plus }));
    let mut start = token.span.start;
    let parts = tokens
        .map(|token| {
            let chars = u64::try_from(token.to_string().len()).unwrap_or(1);
            let end = Location { line: start.line, column: start.column + chars };
            let span = Span { start, end };
            start = end;
            TokenWithSpan { token, span }
        })
        .collect();
    Some(parts)
}

/// Puts a comparison behind a star that it touches together with it: `*<` is one operator.
pub(super) fn join(before: Option<&mut TokenWithSpan>, token: &TokenWithSpan) -> bool {
    let comparison = match token.token {
        Token::Lt => "*<",
        Token::Gt => "*>",
        Token::Eq => "*=",
        Token::LtEq => "*<=",
        Token::GtEq => "*>=",
        Token::Neq => "*<>",
        _ => return false,
    };
    match before {
        Some(star) if star.token == Token::Mul && star.span.end == token.span.start => {
            star.token = Token::CustomBinaryOperator(comparison.to_owned());
            star.span.end = token.span.end;
            true
        }
        _ => false,
    }
}

fn is_special(ch: char) -> bool {
    matches!(ch, '~' | '!' | '@' | '#' | '%' | '^' | '&' | '|' | '`' | '?')
}

fn named(operator: &str) -> Token {
    match operator {
        "<" => Token::Lt,
        ">" => Token::Gt,
        "=" => Token::Eq,
        "<=" => Token::LtEq,
        ">=" => Token::GtEq,
        "<>" => Token::Neq,
        "*" => Token::Mul,
        "/" => Token::Div,
        "+" => Token::Plus,
        "-" => Token::Minus,
        other => Token::CustomBinaryOperator(other.to_owned()),
    }
}
