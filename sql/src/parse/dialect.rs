//! The dialect that sqlparser reads: its PostgreSQL with what PostgreSQL 15 does not have switched off.
//!
//! Invariants: a method that sqlparser's PostgreSQL dialect overrides is delegated here; the rest keep their defaults.
//! However often the parser tries one reading and then another, the time it takes stays in proportion to the tokens.

use super::forms;
use super::in_list;
use super::postfix;
use super::typed_literal;
use super::versions;
use super::words::{is_label, is_name};
use sqlparser::ast::{Expr, UnaryOperator};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};
use std::any::TypeId;
use std::cell::Cell;

const BASE: PostgreSqlDialect = PostgreSqlDialect {};

/// Operands that may be read for each token: one, were it not that a reading can be given up for another.
const READINGS_PER_TOKEN_MAX: usize = 64;

/// PostgreSQL 15 as sqlparser can read it.
#[derive(Debug, Default)]
pub(crate) struct NyalaDialect {
    /// Operands that may still be read.
    readings: Cell<usize>,
    /// Whether a table of the statement is read at an earlier time.
    versions: bool,
}

impl NyalaDialect {
    /// For parsing these tokens.
    pub(crate) fn for_tokens(tokens: &[TokenWithSpan]) -> Self {
        let readings =
            tokens.len().saturating_add(READINGS_PER_TOKEN_MAX).saturating_mul(READINGS_PER_TOKEN_MAX);
        Self { readings: Cell::new(readings), versions: versions::are_in(tokens) }
    }
}

macro_rules! delegate {
    ($($name:ident),* $(,)?) => {
        $(fn $name(&self) -> bool { BASE.$name() })*
    };
}

impl Dialect for NyalaDialect {
    /// The parser asks for the type to decide what is PostgreSQL's.
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        BASE.identifier_quote_style(identifier)
    }
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        BASE.is_delimited_identifier_start(ch)
    }
    fn is_identifier_start(&self, ch: char) -> bool {
        BASE.is_identifier_start(ch)
    }
    fn is_identifier_part(&self, ch: char) -> bool {
        BASE.is_identifier_part(ch)
    }
    fn is_custom_operator_part(&self, ch: char) -> bool {
        BASE.is_custom_operator_part(ch)
    }
    /// Words that are names here have lost their keyword; what has one is never tried as a name.
    fn is_reserved_for_identifier(&self, _keyword: Keyword) -> bool {
        true
    }
    fn is_select_item_alias(&self, explicit: bool, _keyword: &Keyword, parser: &mut Parser) -> bool {
        matches!(&parser.get_current_token().token, Token::Word(word) if is_label(explicit, word))
    }
    fn is_table_factor_alias(&self, _explicit: bool, _keyword: &Keyword, parser: &mut Parser) -> bool {
        matches!(&parser.get_current_token().token, Token::Word(word) if is_name(word))
    }
    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        match self.readings.get().checked_sub(1) {
            Some(left) => {
                self.readings.set(left);
                forms::prefix(parser)
                    .or_else(|| not_exists(parser, BASE.prec_value(Precedence::UnaryNot)))
                    .or_else(|| typed_literal::parse(parser))
            }
            None => Some(Err(ParserError::RecursionLimitExceeded)),
        }
    }
    fn parse_infix(
        &self,
        parser: &mut Parser,
        expr: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        in_list::parse(parser, expr)
            .or_else(|| forms::between(parser, expr))
            .or_else(|| forms::escaped(parser, expr))
            .or_else(|| distinct_from(parser, expr, precedence))
            .or_else(|| postfix::parse(parser, expr, precedence))
    }
    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        if postfix::is_using(parser) {
            return Some(Ok(postfix::USING_PRECEDENCE));
        }
        BASE.get_next_precedence(parser)
    }
    fn prec_value(&self, precedence: Precedence) -> u8 {
        BASE.prec_value(precedence)
    }

    delegate!(
        supports_unicode_string_literal,
        supports_filter_during_aggregation,
        supports_group_by_expr,
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_create_index_with_clause,
        supports_explain_with_utility_options,
        supports_listen_notify,
        supports_bitwise_shift_operators,
        supports_comment_on,
        supports_load_extension,
        supports_empty_projections,
        supports_nested_comments,
        supports_string_escape_constant,
        supports_array_typedef_with_brackets,
        supports_geometric_types,
        supports_set_names,
        supports_alter_column_type_using,
        supports_notnull_operator,
        supports_interval_options,
        supports_insert_table_alias,
        supports_create_table_like_parenthesized,
        supports_comma_separated_trim,
        supports_xml_expressions,
    );

    /// Only where it is asked for: sqlparser has more forms of versions, whose words are names in PostgreSQL.
    fn supports_table_versioning(&self) -> bool {
        self.versions
    }
    /// `abc!` left PostgreSQL with version 14.
    fn supports_factorial_operator(&self) -> bool {
        false
    }
    /// `1_000` came with version 16.
    fn supports_numeric_literal_underscores(&self) -> bool {
        false
    }
    /// Names of arguments are identifiers; trying an expression first would parse each argument of nested calls twice,
    /// two to the power of the nesting in all.
    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        false
    }
    /// `f(a: b)` belongs to the JSON constructors of version 16.
    fn supports_named_fn_args_with_colon_operator(&self) -> bool {
        false
    }
    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        true
    }
    /// `SELECT * AS x` is not PostgreSQL's.
    fn supports_select_wildcard_with_alias(&self) -> bool {
        false
    }
    /// Comments mean nothing.
    fn supports_comment_optimizer_hint(&self) -> bool {
        false
    }
}

/// `NOT EXISTS (..) IS NULL` is NOT of all that follows; sqlparser would end the operand of NOT with the parenthesis.
fn not_exists(parser: &mut Parser, precedence: u8) -> Option<Result<Expr, ParserError>> {
    let is = |n, keyword| matches!(&parser.peek_nth_token_ref(n).token, Token::Word(word) if word.keyword == keyword);
    if !(is(0, Keyword::NOT) && is(1, Keyword::EXISTS)) {
        return None;
    }
    parser.advance_token();
    let operand = parser.parse_subexpr(precedence);
    Some(operand.map(|expr| Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) }))
}

/// `IS [NOT] DISTINCT FROM` takes an operand that binds tighter than itself; sqlparser would give it everything that
/// follows, AND included.
fn distinct_from(parser: &mut Parser, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
    let negated = if parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM]) {
        false
    } else if parser.parse_keywords(&[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM]) {
        true
    } else {
        return None;
    };
    let left = Box::new(expr.clone());
    Some(parser.parse_subexpr(precedence).map(|right| match negated {
        false => Expr::IsDistinctFrom(left, Box::new(right)),
        true => Expr::IsNotDistinctFrom(left, Box::new(right)),
    }))
}
