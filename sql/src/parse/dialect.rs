//! The dialect that sqlparser reads: its PostgreSQL with what PostgreSQL 15 does not have switched off.
//!
//! Invariant: a method that sqlparser's PostgreSQL dialect overrides is delegated here; the rest keep their defaults.

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use std::any::TypeId;

const BASE: PostgreSqlDialect = PostgreSqlDialect {};

/// PostgreSQL 15 as sqlparser can read it.
#[derive(Debug)]
pub(crate) struct NyalaDialect;

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
    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        BASE.is_reserved_for_identifier(keyword)
    }
    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        BASE.get_next_precedence(parser)
    }
    fn prec_value(&self, precedence: Precedence) -> u8 {
        BASE.prec_value(precedence)
    }

    /// `IS [NOT] DISTINCT FROM` takes an operand that binds tighter than itself; sqlparser would give it everything
    /// that follows, AND included.
    fn parse_infix(
        &self,
        parser: &mut Parser,
        expr: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
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
