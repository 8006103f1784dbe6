//! What may stand behind an operand and sqlparser does not read there: COLLATE behind a cast or a subscript, `op ANY (..)` with
//! any operator, and the operator of `ORDER BY a USING op`.
//!
//! Must not know what they mean. Invariant: the operator of USING is in the prefix of the expression that it orders.

use super::cursor::is_word;
use super::forms::prefixed;
use super::in_list::{OPERAND_CHAIN_MAX, chain_of, is_query};
use sqlparser::ast::{BinaryOperator, Expr};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// Begins the prefix of an expression of ORDER BY, before the name of its operator; a query string holds no such character.
pub(crate) const USING: &str = "\0using ";
/// Weaker than any operator: it orders all that stands before it.
pub(super) const USING_PRECEDENCE: u8 = 1;

/// Reads what stands behind an operand; None for all else.
pub(super) fn parse(
    parser: &mut Parser,
    operand: &Expr,
    precedence: u8,
) -> Option<Result<Expr, ParserError>> {
    let read = if matches!(&parser.peek_token_ref().token, Token::Word(word) if word.keyword == Keyword::COLLATE)
    {
        collate
    } else if compares_with_all(parser) {
        quantified
    } else if is_using(parser) {
        using
    } else {
        return None;
    };
    if chain_of(operand) > OPERAND_CHAIN_MAX {
        return Some(Err(ParserError::RecursionLimitExceeded));
    }
    Some(read(parser, operand.clone(), precedence))
}

fn collate(parser: &mut Parser, operand: Expr, _precedence: u8) -> Result<Expr, ParserError> {
    parser.advance_token();
    Ok(Expr::Collate { expr: Box::new(operand), collation: parser.parse_object_name(false)? })
}

/// Whether USING and an operator follow.
pub(super) fn is_using(parser: &Parser) -> bool {
    is_word(&parser.peek_nth_token_ref(0).token, "using")
        && operator(&parser.peek_nth_token_ref(1).token).is_some()
}

fn using(parser: &mut Parser, operand: Expr, _precedence: u8) -> Result<Expr, ParserError> {
    let name = parser.peek_nth_token_ref(1).token.to_string();
    (0..2).for_each(|_| parser.advance_token());
    Ok(prefixed(&format!("{USING}{name}"), operand))
}

/// Whether an operator stands before ANY, SOME or ALL where sqlparser does not take it, or not what is compared with.
fn compares_with_all(parser: &Parser) -> bool {
    let is = |n, keyword| matches!(&parser.peek_nth_token_ref(n).token, Token::Word(word) if word.keyword == keyword);
    let Some(op) = operator(&parser.peek_nth_token_ref(0).token) else { return false };
    let quantified = [Keyword::ANY, Keyword::SOME, Keyword::ALL].iter().any(|word| is(1, *word))
        && parser.peek_nth_token_ref(2).token == Token::LParen;
    let known = is(3, Keyword::SELECT) || is(3, Keyword::WITH);
    quantified && (!is_read(&op) || !known && is_query(parser, parser.get_current_index() + 4) == Some(true))
}

fn quantified(parser: &mut Parser, operand: Expr, _precedence: u8) -> Result<Expr, ParserError> {
    let Some(compare_op) = operator(&parser.next_token().token) else {
        return parser.expected_ref("an operator", parser.peek_token_ref());
    };
    let word = parser.next_token().token;
    parser.expect_token(&Token::LParen)?;
    let right = match is_query(parser, parser.get_current_index() + 1) {
        Some(true) => Expr::Subquery(parser.parse_query()?),
        _ => parser.parse_expr()?,
    };
    parser.expect_token(&Token::RParen)?;
    let (left, right) = (Box::new(operand), Box::new(right));
    Ok(match is_word(&word, "all") {
        true => Expr::AllOp { left, compare_op, right },
        false => Expr::AnyOp { left, compare_op, right, is_some: is_word(&word, "some") },
    })
}

/// The operators that sqlparser reads before ANY and ALL.
fn is_read(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Gt
            | BinaryOperator::Lt
            | BinaryOperator::GtEq
            | BinaryOperator::LtEq
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
    )
}

fn operator(token: &Token) -> Option<BinaryOperator> {
    Some(match token {
        Token::Lt => BinaryOperator::Lt,
        Token::Gt => BinaryOperator::Gt,
        Token::LtEq => BinaryOperator::LtEq,
        Token::GtEq => BinaryOperator::GtEq,
        Token::Eq => BinaryOperator::Eq,
        Token::Neq => BinaryOperator::NotEq,
        Token::Plus => BinaryOperator::Plus,
        Token::Minus => BinaryOperator::Minus,
        Token::Mul => BinaryOperator::Multiply,
        Token::Div => BinaryOperator::Divide,
        Token::Mod => BinaryOperator::Modulo,
        Token::Caret => BinaryOperator::PGExp,
        Token::StringConcat => BinaryOperator::StringConcat,
        Token::Ampersand => BinaryOperator::BitwiseAnd,
        Token::Pipe => BinaryOperator::BitwiseOr,
        Token::Sharp => BinaryOperator::PGBitwiseXor,
        Token::Overlap => BinaryOperator::PGOverlap,
        Token::CaretAt => BinaryOperator::PGStartsWith,
        Token::AtArrow => BinaryOperator::AtArrow,
        Token::ArrowAt => BinaryOperator::ArrowAt,
        Token::CustomBinaryOperator(name) => BinaryOperator::Custom(name.clone()),
        _ => return None,
    })
}
