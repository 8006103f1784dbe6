//! Rows where they are compared or tested: `(a, b) = (c, d)`, `(a, b) IN (..)`, `ROW(..) IS NULL`.
//!
//! Must not know rows as values (`record`). Invariant: `<` and its like go by the first fields that differ, with
//! null where one of them is null; PostgreSQL calls no other operator for the fields behind.

use super::expr::boolean;
use super::names::located;
use super::operator::no_operator;
use super::resolve::Refused;
use super::select::Bound;
use super::type_name::type_name;
use super::{Binder, Scope, Term};
use crate::bound::outline::Spelling;
use crate::bound::{Expr, Quantifier, Subquery, SubqueryKind, TypedCol};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;
use types::Datum;
use types::sql_type::oid;

/// pg_type OID of rows without a name for their type.
const RECORD: Oid = Oid(2249);

/// The fields of a row constructor, `(a, b)` or `ROW(..)`; None for every other expression.
pub(super) fn row_fields(expr: &ast::Expr) -> Option<Vec<&ast::Expr>> {
    match expr {
        ast::Expr::Tuple(items) => Some(items.iter().collect()),
        ast::Expr::Nested(inner) => row_fields(inner),
        ast::Expr::Function(function) => {
            let field = |arg| match arg {
                &ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ref expr)) => Some(expr),
                _ => None,
            };
            row_arguments(function)?.iter().map(field).collect()
        }
        _ => None,
    }
}

/// The arguments of ROW(..); None for a call of something else.
pub(super) fn row_arguments(function: &ast::Function) -> Option<&[ast::FunctionArg]> {
    let ast::Function { name, args: ast::FunctionArguments::List(list), .. } = function else { return None };
    let [ast::ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return None };
    let is_row = ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("row");
    is_row.then_some(list.args.as_slice())
}

/// The comparison of rows whose fields are compared, for its text.
fn spelt_rows(name: &str, pairs: Vec<Expr>) -> Expr {
    let sides = pairs.into_iter().filter_map(|pair| match pair {
        Expr::Call { args, .. } => <[Expr; 2]>::try_from(args).ok().map(|[left, right]| (left, right)),
        _ => None,
    });
    let (left, right) = sides.unzip();
    let row = |fields| Expr::Row { fields, ty: boolean() };
    Spelling::Rows(name.to_owned()).around(Some(row(left)), row(right), boolean())
}

/// The query when the expression is one in parentheses.
fn query_of(expr: &ast::Expr) -> Option<&ast::Query> {
    match expr {
        ast::Expr::Nested(inner) => query_of(inner),
        ast::Expr::Subquery(query) => Some(query),
        _ => None,
    }
}

impl Binder<'_> {
    /// A comparison whose left operand is a row; None when it is none.
    pub(super) fn row_operation(
        &mut self,
        name: &str,
        left: &ast::Expr,
        right: &ast::Expr,
        scope: &Scope<'_>,
    ) -> Result<Option<Term>> {
        let Some(fields) = row_fields(left) else { return Ok(None) };
        if let Some(query) = query_of(right) {
            return self.row_subquery((left, &fields), name, query, Quantifier::One, scope).map(Some);
        }
        let at = self.operator_position(left).unwrap_or(0);
        let Some(others) = row_fields(right) else {
            let other = self.expr(right, scope)?;
            let ty = other.expr.ty().oid;
            if ty == RECORD || types::user_type::is_composite(ty) {
                let row = self.expr(left, scope)?;
                return self.operation(name, Some(row), other, Some(left)).map(Some);
            }
            return Err(located(no_operator(name, &[RECORD, ty], Refused::NotFound), at));
        };
        let expr = self.rows_compared(name, &fields, &others, at, scope)?;
        Ok(Some(Term { expr, at: self.start(left) }))
    }

    fn rows_compared(
        &mut self,
        name: &str,
        left: &[&ast::Expr],
        right: &[&ast::Expr],
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Expr> {
        self.check_lengths(left.len(), right.len(), at)?;
        let pairs: Vec<(&ast::Expr, &ast::Expr)> = left.iter().copied().zip(right.iter().copied()).collect();
        self.row_comparison(name, pairs.len(), at, &mut |b, index, operator| {
            let Some((left, right)) = pairs.get(index) else {
                return Err(Error::internal("a row lost a field"));
            };
            // Bound once per operator: a subquery in it must not give its columns twice.
            let first = b.expr(left, scope)?;
            let second = b.expr(right, scope)?;
            b.operation(operator, Some(first), second, None).map_err(|e| located(e, at))
        })
    }

    /// Two rows, each of which was made of its fields.
    pub(super) fn fields_compared(&mut self, name: &str, left: &Term, right: &Term) -> Result<Expr> {
        let at = left.at;
        let (Expr::Row { fields: first, ty: _ }, Expr::Row { fields: second, ty: _ }) =
            (&left.expr, &right.expr)
        else {
            return Err(Error::internal("a row that was made of fields has none"));
        };
        self.check_lengths(first.len(), second.len(), at)?;
        let right_position = right.at;
        let pairs: Vec<(&Expr, &Expr)> = first.iter().zip(second).collect();
        self.row_comparison(name, pairs.len(), at, &mut |b, index, operator| {
            let (left, right) = pairs.get(index).ok_or_else(|| Error::internal("a row lost a field"))?;
            let left = Term { expr: (*left).clone(), at };
            b.operation(operator, Some(left), Term { expr: (*right).clone(), at: right_position }, None)
        })
    }

    fn check_lengths(&self, left: usize, right: usize, at: usize) -> Result<()> {
        if left == right {
            return Ok(());
        }
        let message = "unequal number of entries in row expressions";
        Err(located(Error::new(ErrorKind::Syntax, message), at))
    }

    /// A comparison of rows of `count` fields; `pair` compares the fields at a place by an operator.
    fn row_comparison(
        &mut self,
        name: &str,
        count: usize,
        at: usize,
        pair: &mut dyn FnMut(&mut Self, usize, &str) -> Result<Term>,
    ) -> Result<Expr> {
        let Some(last) = count.checked_sub(1) else {
            return Err(located(Error::unsupported("cannot compare rows of zero length"), at));
        };
        let mut pairs = Vec::with_capacity(count);
        for index in 0..count {
            let term = pair(self, index, name)?;
            let ty = term.expr.ty();
            if ty != boolean() {
                let shown = type_name(ty.oid);
                let message = format!("row comparison operator must yield type boolean, not type {shown}");
                return Err(located(Error::new(ErrorKind::DatatypeMismatch, message), at));
            }
            pairs.push(term.expr);
        }
        match (name, pairs.len()) {
            (_, 1) => pairs.pop().ok_or_else(|| Error::internal("a row lost its field")),
            ("=", _) => Ok(Expr::And(pairs)),
            ("<>" | "!=", _) => Ok(Expr::Or(pairs)),
            ("<" | "<=" | ">" | ">=", _) => {
                if self.outlines.on {
                    return Ok(spelt_rows(name, pairs));
                }
                let strict = name.trim_end_matches('=');
                let mut expr = pairs.pop().ok_or_else(|| Error::internal("a row lost its fields"))?;
                for index in (0..last).rev() {
                    let less = pair(self, index, strict)?.expr;
                    let equal = pair(self, index, "=")?.expr;
                    expr = Expr::Or(vec![less, Expr::And(vec![equal, expr])]);
                }
                // What follows for the first fields alone can be looked up.
                let first = pair(self, 0, &format!("{strict}="))?.expr;
                Ok(Expr::And(vec![first, expr]))
            }
            _ => {
                let message = format!("could not determine interpretation of row comparison operator {name}");
                let error = Error::unsupported(message)
                    .with_hint("Row comparison operators must be associated with btree operator families.");
                Err(located(error, at))
            }
        }
    }

    /// `(a, b) [NOT] IN (list)`; None when the left side is no row.
    pub(super) fn row_in_list(
        &mut self,
        left: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Option<Term>> {
        let Some(fields) = row_fields(left) else { return Ok(None) };
        self.lose_outline();
        let name = if negated { "<>" } else { "=" };
        let at = self.operator_position(left).unwrap_or(0);
        let mut parts = Vec::with_capacity(list.len());
        for item in list {
            let Some(others) = row_fields(item) else {
                let ty = self.expr(item, scope)?.expr.ty().oid;
                return Err(located(no_operator(name, &[RECORD, ty], Refused::NotFound), at));
            };
            parts.push(self.rows_compared(name, &fields, &others, at, scope)?);
        }
        let expr = match (parts.len(), negated) {
            (1, _) => parts.pop().ok_or_else(|| Error::internal("IN without a list"))?,
            (_, true) => Expr::And(parts),
            (_, false) => Expr::Or(parts),
        };
        Ok(Some(Term { expr, at: self.start(left) }))
    }

    /// A row compared with the rows of a subquery.
    pub(super) fn row_subquery(
        &mut self,
        (left, fields): (&ast::Expr, &[&ast::Expr]),
        name: &str,
        query: &ast::Query,
        quantifier: Quantifier,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let at = self.operator_position(left).unwrap_or(0);
        let mut operands = Vec::with_capacity(fields.len());
        for field in fields {
            operands.push(self.expr(field, scope)?);
        }
        let Bound { rel, columns, outline } = self.subquery(query, scope)?;
        if columns.len() != fields.len() {
            let many = columns.len() > fields.len();
            let message = if many { "subquery has too many columns" } else { "subquery has too few columns" };
            return Err(located(Error::new(ErrorKind::Syntax, message), at));
        }
        let mut args: Vec<(Expr, TypedCol)> = Vec::with_capacity(fields.len());
        let test = self.row_comparison(name, fields.len(), at, &mut |b, index, operator| {
            let Some(column) = columns.get(index) else {
                return Err(Error::internal("a subquery lost a column"));
            };
            let value = Term { expr: Expr::Column(column.typed.clone()), at };
            if let Some((_, known)) = args.get(index) {
                let own = Term { expr: Expr::Outer(known.clone()), at };
                return b.operation(operator, Some(own), value, None).map_err(|e| located(e, at));
            }
            let Some(operand) = operands.get(index) else {
                return Err(Error::internal("a row lost a field"));
            };
            let mut compared =
                b.operation(operator, Some(operand.clone()), value, None).map_err(|e| located(e, at))?;
            if let Expr::Call { args: sides, .. } = &mut compared.expr
                && let Some(own) = sides.first_mut()
            {
                let typed = TypedCol { col: b.new_col(), ty: own.ty() };
                args.push((std::mem::replace(own, Expr::Outer(typed.clone())), typed));
            }
            Ok(compared)
        })?;
        let args = args.into_iter().map(|(expr, typed)| (expr, typed.col)).collect();
        let kind = SubqueryKind::Row { quantifier, args, test };
        let expr = Expr::Subquery(Box::new(Subquery { rel, column: None, kind }));
        let expr = self.spelt_query(outline, expr);
        Ok(Term { expr, at: self.start(left) })
    }

    /// `ROW(..) IS [NOT] NULL`: all fields are, or none is.
    pub(super) fn row_is_null(
        &mut self,
        fields: &[&ast::Expr],
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Expr> {
        self.lose_outline();
        let mut tests = Vec::with_capacity(fields.len());
        for field in fields {
            tests.push(match row_fields(field) {
                // A row within a row is not null, whatever its fields are.
                Some(_) => truth(negated),
                None => self.is_null(field, negated, scope)?.expr,
            });
        }
        Ok(match tests.len() {
            0 => truth(true),
            _ => Expr::And(tests),
        })
    }

    /// IS [NOT] DISTINCT FROM between rows; None when the left side is no row.
    pub(super) fn row_is_distinct(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Option<Term>> {
        let (Some(fields), Some(others)) = (row_fields(left), row_fields(right)) else { return Ok(None) };
        self.lose_outline();
        let at = self.operator_position(left).unwrap_or(0);
        self.check_lengths(fields.len(), others.len(), at)?;
        let mut parts = Vec::with_capacity(fields.len());
        for (left, right) in fields.into_iter().zip(others) {
            parts.push(self.is_distinct(left, right, false, scope)?.expr);
        }
        let distinct = match parts.len() {
            0 => truth(false),
            _ => Expr::Or(parts),
        };
        let expr = if negated { Expr::Not(Box::new(distinct)) } else { distinct };
        Ok(Some(Term { expr, at: self.start(left) }))
    }
}

fn truth(value: bool) -> Expr {
    debug_assert_eq!(boolean().oid, oid::BOOL, "tests are boolean");
    Expr::Const(Datum::Bool(value), boolean())
}
