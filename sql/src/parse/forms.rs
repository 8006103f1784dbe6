//! Forms of PostgreSQL's that sqlparser does not read: `((SELECT 1) UNION SELECT 2)` as a value, BETWEEN SYMMETRIC, GROUP BY
//! DISTINCT and ALL, grouping sets within grouping sets, VARIADIC before an argument, types such as `integer ARRAY[4]`.
//!
//! Must not know what they mean. Invariant: a word that the syntax tree has no place for stands as the prefix of the
//! expression behind it; the elements of GROUPING SETS are as they were written.

use super::clauses::WITH_TIES;
use super::cursor::is_word;
use super::in_list::{OPERAND_CHAIN_MAX, chain_of, is_query};
use sqlparser::ast::{ArrayElemTypeDef, DataType, Expr, Ident};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// Prefix of the lower bound of a BETWEEN SYMMETRIC.
pub(crate) const SYMMETRIC: &str = "symmetric";
/// Prefix of the first item of a GROUP BY DISTINCT.
pub(crate) const DISTINCT: &str = "distinct";

/// Prefix of an argument that is the array of a function's variadic ones.
pub(crate) const VARIADIC: &str = "variadic";
/// Prefix of the pair of a pattern and its escape, where this is no plain string.
pub(crate) const ESCAPE: &str = "escape";

/// Reads a form that begins an expression; None for all else.
pub(crate) fn prefix(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    let ties = matches!(&parser.peek_token_ref().token, Token::Word(word) if word.value == WITH_TIES);
    if ties {
        parser.advance_token();
        return Some(parser.parse_expr().map(|count| prefixed(WITH_TIES, count)));
    }
    let begins_argument = matches!(&parser.get_current_token().token, Token::LParen | Token::Comma);
    if begins_argument && is_word(&parser.peek_token_ref().token, VARIADIC) {
        parser.advance_token();
        return Some(parser.parse_expr().map(|array| prefixed(VARIADIC, array)));
    }
    if let Some(query) = subquery(parser) {
        return Some(query);
    }
    let is = |n, word| is_word(&parser.peek_nth_token_ref(n).token, word);
    if is(0, "grouping") && is(1, "sets") && parser.peek_nth_token_ref(2).token == Token::LParen {
        (0..3).for_each(|_| parser.advance_token());
        return Some(grouping_sets(parser));
    }
    let (all, distinct) = (is(0, "all"), is(0, "distinct"));
    if !all && !distinct {
        return None;
    }
    let is_keyword = |index: usize, keyword| matches!(&parser.token_at(index).token, Token::Word(word) if word.keyword == keyword);
    let by = parser.get_current_index();
    if !is_keyword(by, Keyword::BY) || !by.checked_sub(1).is_some_and(|at| is_keyword(at, Keyword::GROUP)) {
        return Some(parser.expected_ref("an expression", parser.peek_token_ref()));
    }
    parser.advance_token();
    let item = group_item(parser);
    Some(if all { item } else { item.map(|item| prefixed(DISTINCT, item)) })
}

/// A type; `integer ARRAY[4]` is `integer[4]`.
pub(super) fn data_type(parser: &mut Parser) -> Result<DataType, ParserError> {
    let ty = parser.parse_data_type()?;
    if !parser.parse_keyword(Keyword::ARRAY) {
        return Ok(ty);
    }
    let mut size = None;
    if parser.consume_token(&Token::LBracket) {
        size = Some(parser.parse_literal_uint()?);
        parser.expect_token(&Token::RBracket)?;
    }
    Ok(DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(ty), size)))
}

/// A query in parentheses that begins with a parenthesis or VALUES.
fn subquery(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    let token = |n| &parser.peek_nth_token_ref(n).token;
    if *token(0) != Token::LParen {
        return None;
    }
    let is_query = match token(1) {
        Token::LParen => is_query(parser, parser.get_current_index() + 2) == Some(true),
        Token::Word(word) => word.keyword == Keyword::VALUES && *token(2) == Token::LParen,
        _ => false,
    };
    if !is_query {
        return None;
    }
    parser.advance_token();
    let query = parser.parse_query();
    Some(query.and_then(|query| {
        parser.expect_token(&Token::RParen)?;
        Ok(Expr::Subquery(query))
    }))
}

pub(super) fn prefixed(word: &str, expr: Expr) -> Expr {
    Expr::Prefixed { prefix: Ident::new(word), value: Box::new(expr) }
}

/// Reads `[NOT] LIKE pattern ESCAPE escape` where the escape is more than a string; None for all else.
pub(crate) fn escaped(parser: &mut Parser, operand: &Expr) -> Option<Result<Expr, ParserError>> {
    let is = |n, word| is_word(&parser.peek_nth_token_ref(n).token, word);
    let negated = is(0, "not");
    let begin = usize::from(negated);
    let case = is(begin, "ilike");
    if !case && !is(begin, "like") || !has_computed_escape(parser, begin + 1) {
        return None;
    }
    if chain_of(operand) > OPERAND_CHAIN_MAX {
        return Some(Err(ParserError::RecursionLimitExceeded));
    }
    (0..=begin).for_each(|_| parser.advance_token());
    let expr = Box::new(operand.clone());
    Some(pattern_and_escape(parser).map(|pair| {
        let pattern = Box::new(prefixed(ESCAPE, pair));
        match case {
            true => Expr::ILike { negated, any: false, expr, pattern, escape_char: None },
            false => Expr::Like { negated, any: false, expr, pattern, escape_char: None },
        }
    }))
}

/// Whether an ESCAPE follows, outside of parentheses and before the expression ends, with more than one token behind it.
fn has_computed_escape(parser: &Parser, from: usize) -> bool {
    let mut depth = 0_usize;
    for n in from.. {
        let token = &parser.peek_nth_token_ref(n).token;
        match token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return false,
            Token::RParen => depth -= 1,
            Token::EOF => return false,
            Token::Comma if depth == 0 => return false,
            _ if depth == 0 && is_word(token, "escape") => {
                let string = matches!(parser.peek_nth_token_ref(n + 1).token, Token::SingleQuotedString(_));
                return !string || parser.peek_nth_token_ref(n + 2).token == Token::DoubleColon;
            }
            Token::Word(word) if depth == 0 && ends_pattern(word.keyword) => return false,
            _ => {}
        }
    }
    false
}

fn ends_pattern(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::AND
            | Keyword::OR
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::FROM
            | Keyword::WHERE
            | Keyword::AS
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::END
            | Keyword::GROUP
            | Keyword::ORDER
            | Keyword::LIMIT
            | Keyword::UNION
    )
}

fn pattern_and_escape(parser: &mut Parser) -> Result<Expr, ParserError> {
    let precedence = PostgreSqlDialect {}.prec_value(Precedence::Like);
    let pattern = parser.parse_subexpr(precedence)?;
    parser.expect_keyword_is(Keyword::ESCAPE)?;
    Ok(Expr::Tuple(vec![pattern, parser.parse_subexpr(precedence)?]))
}

fn group_item(parser: &mut Parser) -> Result<Expr, ParserError> {
    let empty = parser.peek_nth_token_ref(0).token == Token::LParen
        && parser.peek_nth_token_ref(1).token == Token::RParen;
    if empty {
        (0..2).for_each(|_| parser.advance_token());
        return Ok(Expr::Tuple(Vec::new()));
    }
    parser.parse_expr()
}

fn grouping_sets(parser: &mut Parser) -> Result<Expr, ParserError> {
    let sets = parser.parse_comma_separated(group_item)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::GroupingSets(sets.into_iter().map(|set| vec![set]).collect()))
}

/// Reads `[NOT] BETWEEN SYMMETRIC` or ASYMMETRIC behind an operand; None for all else.
pub(crate) fn between(parser: &mut Parser, operand: &Expr) -> Option<Result<Expr, ParserError>> {
    let is = |n, word| is_word(&parser.peek_nth_token_ref(n).token, word);
    let negated = is(0, "not");
    let begin = usize::from(negated);
    let symmetric = is(begin + 1, "symmetric");
    if !is(begin, "between") || !(symmetric || is(begin + 1, "asymmetric")) {
        return None;
    }
    if chain_of(operand) > OPERAND_CHAIN_MAX {
        return Some(Err(ParserError::RecursionLimitExceeded));
    }
    (0..begin + 2).for_each(|_| parser.advance_token());
    Some(bounds(parser).map(|(low, high)| {
        let low = if symmetric { prefixed(SYMMETRIC, low) } else { low };
        Expr::Between { expr: Box::new(operand.clone()), negated, low: Box::new(low), high: Box::new(high) }
    }))
}

fn bounds(parser: &mut Parser) -> Result<(Expr, Expr), ParserError> {
    let precedence = PostgreSqlDialect {}.prec_value(Precedence::Between);
    let low = parser.parse_subexpr(precedence)?;
    parser.expect_keyword_is(Keyword::AND)?;
    Ok((low, parser.parse_subexpr(precedence)?))
}
