//! `x IN (..)` where two parentheses stand before a query: `x IN ((SELECT 1) + 1, 2)` is a list, `x IN ((SELECT 1))` a query.
//!
//! sqlparser reads a query first and, when that was wrong, everything again as a list: twice at each level of nesting.
//! Must not know what is compared. Invariant: here the tokens are looked at first, and then read once.

use sqlparser::ast::Expr;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// Longest chain of operators that may be the operand: it is copied, link by link.
pub(crate) const OPERAND_CHAIN_MAX: usize = 1_000;

/// Reads `[NOT] IN (..)` behind an operand when it is of this form; None for all else.
pub(crate) fn parse(parser: &mut Parser, operand: &Expr) -> Option<Result<Expr, ParserError>> {
    let next = parser.get_current_index() + 1;
    let negated = is_keyword(parser, next, Keyword::NOT);
    let open = next + usize::from(negated) + 1;
    let begins = is_keyword(parser, open - 1, Keyword::IN) && is_token(parser, open, &Token::LParen);
    if !begins || !is_token(parser, open + 1, &Token::LParen) {
        return None;
    }
    let query = is_query(parser, open + 1)?;
    if chain_of(operand) > OPERAND_CHAIN_MAX {
        return Some(Err(ParserError::RecursionLimitExceeded));
    }
    for _ in next..=open {
        parser.advance_token();
    }
    let expr = Box::new(operand.clone());
    let read = if query {
        parser.parse_query().map(|subquery| Expr::InSubquery { expr, subquery, negated })
    } else {
        parser.parse_comma_separated(Parser::parse_expr).map(|list| Expr::InList { expr, list, negated })
    };
    Some(read.and_then(|read| {
        parser.expect_token(&Token::RParen)?;
        Ok(read)
    }))
}

fn is_token(parser: &Parser, index: usize, token: &Token) -> bool {
    parser.token_at(index).token == *token
}

fn is_keyword(parser: &Parser, index: usize, keyword: Keyword) -> bool {
    matches!(&parser.token_at(index).token, Token::Word(word) if word.keyword == keyword)
}

/// Whether what begins at a parenthesis before a query is all a query; None when no query is there.
pub(crate) fn is_query(parser: &Parser, start: usize) -> Option<bool> {
    let mut index = start;
    while is_token(parser, index, &Token::LParen) {
        index += 1;
    }
    let queries = [Keyword::SELECT, Keyword::WITH, Keyword::VALUES, Keyword::TABLE];
    if !queries.iter().any(|word| is_keyword(parser, index, *word)) {
        return None;
    }
    let mut depth = index - start;
    let mut outermost = depth;
    loop {
        match parser.token_at(index).token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return Some(true),
            Token::RParen => {
                depth -= 1;
                // Behind the query's own parentheses it goes on or ends; else they were an operand's.
                if depth < outermost {
                    outermost = depth;
                    if !goes_on(parser, index + 1) {
                        return Some(false);
                    }
                }
            }
            Token::EOF => return Some(true),
            _ => {}
        }
        index += 1;
    }
}

/// Whether the token can stand behind a query in parentheses that is part of a query.
fn goes_on(parser: &Parser, index: usize) -> bool {
    const WORDS: &[Keyword] = &[
        Keyword::UNION,
        Keyword::INTERSECT,
        Keyword::EXCEPT,
        Keyword::ORDER,
        Keyword::LIMIT,
        Keyword::OFFSET,
        Keyword::FETCH,
        Keyword::FOR,
    ];
    is_token(parser, index, &Token::RParen) || WORDS.iter().any(|word| is_keyword(parser, index, *word))
}

/// The number of operators of which each is the first operand of the next.
pub(crate) fn chain_of(mut expr: &Expr) -> usize {
    let mut links = 0;
    while let Expr::BinaryOp { left: inner, .. }
    | Expr::Cast { expr: inner, .. }
    | Expr::Collate { expr: inner, .. }
    | Expr::AtTimeZone { timestamp: inner, .. }
    | Expr::InList { expr: inner, .. }
    | Expr::InSubquery { expr: inner, .. }
    | Expr::Between { expr: inner, .. }
    | Expr::Like { expr: inner, .. }
    | Expr::ILike { expr: inner, .. }
    | Expr::SimilarTo { expr: inner, .. } = expr
    {
        links += 1;
        expr = inner;
    }
    links
}
