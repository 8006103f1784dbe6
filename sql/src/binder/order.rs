//! ORDER BY, LIMIT and OFFSET.

use super::comparable::check_order;
use super::direction::sorted_by;
use super::names::{fold, located};
use super::output::Target;
use super::select::{Bound, OutColumn};
use super::type_name::{held, type_name};
use super::{Binder, Clause, Scope};
use crate::bound::outline::{BodyOutline, OrderKey};
use crate::bound::{ColRef, Expr, Rel, SortKey};
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use sqlparser::ast;
use types::sql_type::oid;

/// One key of ORDER BY: an item of the select list, or an expression beside it.
#[derive(Debug)]
pub(super) struct SortItem {
    pub(super) target: Option<usize>,
    pub(super) hidden: Option<(Expr, Vec<(ColRef, usize)>)>,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

/// The number when the expression is an integer literal, which may have a sign.
pub(super) fn ordinal(expr: &ast::Expr) -> Option<i64> {
    match expr {
        ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(text, false), span: _ }) => {
            text.parse().ok()
        }
        ast::Expr::Nested(inner) => ordinal(inner),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => {
            ordinal(expr).and_then(i64::checked_neg)
        }
        _ => None,
    }
}

/// Whether the expression is a bare literal, which cannot be grouped or sorted by.
pub(super) fn is_literal(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::Value(value) => !matches!(value.value, ast::Value::Placeholder(_)),
        ast::Expr::Nested(inner) => is_literal(inner),
        _ => false,
    }
}

impl Binder<'_> {
    pub(super) fn target_at(&self, n: i64, expr: &ast::Expr, clause: &str, count: usize) -> Result<usize> {
        let index = usize::try_from(n).ok().and_then(|n| n.checked_sub(1)).filter(|i| *i < count);
        index.ok_or_else(|| {
            let message = format!("{clause} position {n} is not in select list");
            located(Error::new(ErrorKind::InvalidColumnReference, message), self.start(expr))
        })
    }

    /// The item of the select list with that output name; 42702 when two different ones have it.
    pub(super) fn target_named(
        &self,
        ident: &ast::Ident,
        clause: &str,
        targets: &[Target],
    ) -> Result<Option<usize>> {
        let name = fold(ident);
        let mut found: Option<(usize, &Target)> = None;
        for (i, target) in targets.iter().enumerate().filter(|(_, t)| t.name == name) {
            match found {
                Some((_, other)) if other.term.expr != target.term.expr => {
                    let message = format!("{clause} \"{name}\" is ambiguous");
                    let at = self.at(ident.span);
                    return Err(located(Error::new(ErrorKind::AmbiguousColumn, message), at));
                }
                Some(_) => {}
                None => found = Some((i, target)),
            }
        }
        Ok(found.map(|(i, _)| i))
    }

    pub(super) fn sort_items(
        &mut self,
        items: &[ast::OrderByExpr],
        targets: &mut [Target],
        scope: &Scope<'_>,
        distinct: bool,
    ) -> Result<Vec<SortItem>> {
        let mut sort = Vec::with_capacity(items.len());
        for item in items {
            let ast::OrderByExpr { expr: _, options: ast::OrderByOptions { asc: _, nulls_first }, with_fill } =
                item;
            let (expr, _) = sorted_by(item);
            if with_fill.is_some() {
                let at = self.start(expr);
                return Err(self.unsupported("WITH FILL", at));
            }
            let by_target = match (ordinal(expr), expr) {
                (Some(n), _) => Some(self.target_at(n, expr, "ORDER BY", targets.len())?),
                (None, ast::Expr::Identifier(ident)) => self.target_named(ident, "ORDER BY", targets)?,
                _ => None,
            };
            self.take_uses();
            let (target, hidden) = match by_target {
                Some(i) => (Some(i), None),
                None => {
                    let term = self.in_clause(Clause::OrderBy, |b| b.expr(expr, scope))?;
                    if is_literal(expr) {
                        let message = "non-integer constant in ORDER BY";
                        return Err(located(Error::new(ErrorKind::Syntax, message), term.at));
                    }
                    let term = self.resolve_unknown(term)?;
                    match targets.iter().position(|t| t.term.expr == term.expr) {
                        Some(i) => (Some(i), None),
                        None if distinct => {
                            let message =
                                "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                            let error = Error::new(ErrorKind::InvalidColumnReference, message);
                            return Err(located(error, term.at));
                        }
                        None => {
                            let uses = self.take_uses();
                            check_order(&term.expr.ty(), term.at)?;
                            (None, Some((term.expr, uses)))
                        }
                    }
                }
            };
            if let Some(target) = target.and_then(|i| targets.get_mut(i)) {
                target.term = self.resolve_unknown(target.term.clone())?;
                check_order(&target.term.expr.ty(), target.term.at)?;
            }
            let key = match (&hidden, target.and_then(|i| targets.get(i))) {
                (Some((expr, _)), _) => expr.ty().oid,
                (None, Some(target)) => target.term.expr.ty().oid,
                (None, None) => return Err(Error::internal("a sort key is nowhere")),
            };
            let descending = self.descends(item, key, self.start(expr))?;
            sort.push(SortItem {
                target,
                hidden,
                descending,
                nulls_first: nulls_first.unwrap_or(descending),
            });
        }
        Ok(sort)
    }

    /// ORDER BY over VALUES or a set operation: ordinals and names of result columns only.
    pub(super) fn sort_output(&mut self, bound: Bound, items: &[ast::OrderByExpr]) -> Result<Bound> {
        if items.is_empty() {
            return Ok(bound);
        }
        let mut keys = Vec::with_capacity(items.len());
        let mut places = Vec::with_capacity(items.len());
        for item in items {
            let ast::OrderByExpr { expr: _, options: ast::OrderByOptions { asc: _, nulls_first }, with_fill } =
                item;
            let (expr, _) = sorted_by(item);
            let column = match (ordinal(expr), expr) {
                (Some(n), _) => {
                    bound.columns.get(self.target_at(n, expr, "ORDER BY", bound.columns.len())?)
                }
                (None, ast::Expr::Identifier(ident)) => {
                    let name = fold(ident);
                    let mut found = bound.columns.iter().filter(|c| c.name == name);
                    let first = found.next();
                    if first.is_none() {
                        let message = format!("column \"{name}\" does not exist");
                        return Err(located(
                            Error::new(ErrorKind::UndefinedColumn, message),
                            self.at(ident.span),
                        ));
                    }
                    if found.next().is_some() {
                        let message = format!("ORDER BY \"{name}\" is ambiguous");
                        return Err(located(
                            Error::new(ErrorKind::AmbiguousColumn, message),
                            self.at(ident.span),
                        ));
                    }
                    first
                }
                _ => None,
            };
            let Some(column) = column.filter(|_| with_fill.is_none()) else {
                let error = Error::unsupported("invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
                    .with_detail("Only result column names can be used, not expressions or functions.")
                    .with_hint(
                        "Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
                    );
                return Err(located(error, self.start(expr)));
            };
            check_order(&column.typed.ty, column.at)?;
            let descending = self.descends(item, column.typed.ty.oid, self.start(expr))?;
            let nulls_first = nulls_first.unwrap_or(descending);
            places.push(
                bound.columns.iter().position(|c| c.typed.col == column.typed.col).map_or(0, |i| i + 1),
            );
            keys.push(SortKey { expr: Expr::Column(column.typed.clone()), descending, nulls_first });
        }
        let Bound { rel, columns, outline } = bound;
        let outline = outline.filter(|outline| outline.is_bare()).map(|mut outline| {
            let keys = keys.iter().cloned().zip(places);
            outline.order_by = keys.map(|(key, place)| OrderKey { key, place: Some(place) }).collect();
            if !matches!(outline.body, BodyOutline::SetOp { .. }) {
                self.lose_outline();
            }
            outline
        });
        Ok(Bound { rel: Rel::Sort { input: Box::new(rel), keys }, columns, outline })
    }

    /// LIMIT, OFFSET and FETCH FIRST over a bound query.
    pub(super) fn limit(
        &mut self,
        rel: Rel,
        sorted: bool,
        limit: Option<&ast::LimitClause>,
        fetch: Option<&ast::Fetch>,
        scope: &Scope<'_>,
    ) -> Result<Rel> {
        let (mut count, offset) = match limit {
            None => (None, None),
            Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) => {
                if let Some(by) = limit_by.first() {
                    let at = self.start(by);
                    return Err(self.unsupported("LIMIT BY", at));
                }
                let offset = offset.as_ref().map(|ast::Offset { value, rows: _ }| value);
                (limit.as_ref(), offset)
            }
            Some(ast::LimitClause::OffsetCommaLimit { offset, limit: _ }) => {
                let error = Error::new(ErrorKind::Syntax, "LIMIT #,# syntax is not supported")
                    .with_hint("Use separate LIMIT and OFFSET clauses.");
                return Err(located(error, self.start(offset)));
            }
        };
        let mut one = None;
        let mut with_ties_asked = false;
        if let Some(ast::Expr::Prefixed { prefix, value }) = count
            && prefix.value == crate::parse::WITH_TIES
        {
            check_ties(sorted)?;
            with_ties_asked = true;
            count = Some(value);
        }
        if let Some(ast::Fetch { with_ties, percent, quantity }) = fetch {
            let at = quantity.as_ref().map_or(0, |q| self.start(q));
            if *percent {
                return Err(self.unsupported("FETCH FIRST .. PERCENT", at));
            }
            if *with_ties {
                check_ties(sorted)?;
            }
            with_ties_asked |= *with_ties;
            if count.is_some() {
                return Err(located(Error::new(ErrorKind::Syntax, "multiple LIMIT clauses not allowed"), at));
            }
            match quantity {
                Some(quantity) => count = Some(quantity),
                None => one = Some(Expr::Const(types::Datum::Int64(1), held(oid::INT8, -1)?)),
            }
        }
        let count = match count {
            Some(expr) => Some(self.row_count(expr, Clause::Limit, scope)?),
            None => one,
        };
        let offset = offset.map(|o| self.row_count(o, Clause::Offset, scope)).transpose()?;
        if count.is_none() && offset.is_none() {
            return Ok(rel);
        }
        let mut ties = Vec::new();
        if with_ties_asked {
            if matches!(count, Some(Expr::Const(types::Datum::Null, _))) {
                let message = "row count cannot be null in FETCH FIRST ... WITH TIES clause";
                return Err(Error::new(ErrorKind::InvalidRowCountInLimit, message));
            }
            if let Rel::Sort { input: _, keys } = &rel {
                ties.clone_from(keys);
            }
        }
        Ok(Rel::Limit { input: Box::new(rel), count, offset, ties })
    }

    fn row_count(&mut self, expr: &ast::Expr, clause: Clause, scope: &Scope<'_>) -> Result<Expr> {
        let inner = Scope::inside(scope);
        let (term, _) = self.with_level(clause, |b| b.expr(expr, &inner))?;
        let ty = term.expr.ty().oid;
        if !super::coerce::can_coerce(ty, oid::INT8, CastContext::Assignment) {
            let message =
                format!("argument of {} must be type bigint, not type {}", clause.phrase(), type_name(ty));
            return Err(located(Error::new(ErrorKind::DatatypeMismatch, message), term.at));
        }
        Ok(self.coerce(term, &held(oid::INT8, -1)?, CastContext::Assignment)?.expr)
    }
}

fn check_ties(sorted: bool) -> Result<()> {
    match sorted {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Syntax, "WITH TIES cannot be specified without ORDER BY clause")),
    }
}

/// Names and types of columns as another relation's columns.
pub(super) fn named(columns: &[OutColumn]) -> Vec<super::ScopeColumn> {
    columns
        .iter()
        .map(|c| super::ScopeColumn { name: c.name.clone(), typed: c.typed.clone(), origin: c.origin })
        .collect()
}
