//! `type 'literal'` with types that sqlparser does not read there: any name, with its schema or without, and an interval
//! with a precision.
//!
//! Must not know which types exist. Invariant: nothing is consumed unless a string follows.

use super::cursor::string_of;
use super::words::{is_known_type, is_name, may_name_type};
use sqlparser::ast::{DataType, Expr, ObjectName, TypedString};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

pub(super) fn parse(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    let token = |n| &parser.peek_nth_token_ref(n).token;
    let is_string = |n| string_of(token(n)).is_some();
    let Token::Word(first) = token(0) else { return None };
    if first.keyword == Keyword::INTERVAL {
        let precision = match (token(1), token(2), token(3)) {
            (Token::LParen, Token::Number(digits, false), Token::RParen) if is_string(4) => {
                digits.parse().ok()?
            }
            _ => return None,
        };
        for _ in 0..4 {
            parser.advance_token();
        }
        return Some(literal(parser, DataType::Interval { fields: None, precision: Some(precision) }));
    }
    let alone = is_string(1) && may_name_type(first) && !is_known_type(first);
    let qualified = *token(1) == Token::Period && matches!(token(2), Token::Word(_)) && is_string(3);
    if !(alone || qualified && is_name(first)) {
        return None;
    }
    let name = match parser.parse_object_name(false) {
        Ok(ObjectName(parts)) => ObjectName(parts),
        Err(error) => return Some(Err(error)),
    };
    Some(literal(parser, DataType::Custom(name, Vec::new())))
}

fn literal(parser: &mut Parser, data_type: DataType) -> Result<Expr, ParserError> {
    let value = parser.parse_value()?;
    Ok(Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false }))
}
