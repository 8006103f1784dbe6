//! Subqueries in expressions: scalar, EXISTS, IN and ANY or ALL, ARRAY.
//!
//! Invariant: columns of enclosing queries appear in them as `Expr::Outer`.

use super::expr::boolean;
use super::names::located;
use super::select::Bound;
use super::{Binder, Clause, Scope, Term};
use crate::bound::{Expr, Quantifier, Rel, Subquery, SubqueryKind, TypedCol, array_of_values};
use base::{Error, ErrorKind, Result};
use catalog::ColumnDef;
use sqlparser::ast;

impl Binder<'_> {
    pub(super) fn exists(&mut self, query: &ast::Query, negated: bool, scope: &Scope<'_>) -> Result<Term> {
        let bound = self.subquery(query, scope)?;
        let exists =
            Expr::Subquery(Box::new(Subquery { rel: bound.rel, column: None, kind: SubqueryKind::Exists }));
        let exists = self.spelt_query(bound.outline, exists);
        Ok(Term { expr: if negated { Expr::Not(Box::new(exists)) } else { exists }, at: 0 })
    }

    pub(super) fn scalar_subquery(&mut self, query: &ast::Query, scope: &Scope<'_>) -> Result<Term> {
        let bound = self.subquery(query, scope)?;
        let column = self.only_column(&bound, "subquery must return only one column", query)?;
        let subquery = Subquery { rel: bound.rel, column: Some(column), kind: SubqueryKind::Scalar };
        let expr = self.spelt_query(bound.outline, Expr::Subquery(Box::new(subquery)));
        Ok(Term { expr, at: 0 })
    }

    /// The one row of a subquery as values for columns: a subquery for each of them.
    pub(crate) fn assigned_row(
        &mut self,
        query: &ast::Query,
        scope: &Scope<'_>,
        targets: &[&ColumnDef],
        at: usize,
    ) -> Result<Vec<Expr>> {
        let mut values = Vec::with_capacity(targets.len());
        for (index, target) in targets.iter().enumerate() {
            let (bound, _) = self.with_level(Clause::UpdateSet, |b| b.subquery(query, scope))?;
            let Bound { rel, mut columns, outline: _ } = bound;
            if columns.len() != targets.len() {
                let message = "number of columns does not match number of values";
                return Err(located(Error::new(ErrorKind::Syntax, message), at));
            }
            let column = columns.swap_remove(index);
            let own = Term { expr: Expr::Column(column.typed), at: column.at };
            let value = self.assign(column.open.unwrap_or(own), target)?;
            let typed = TypedCol { col: self.new_col(), ty: value.ty() };
            let rel = Rel::Project { input: Box::new(rel), items: vec![(value, typed.col)] };
            let subquery = Subquery { rel, column: Some(typed), kind: SubqueryKind::Scalar };
            values.push(Expr::Subquery(Box::new(subquery)));
        }
        Ok(values)
    }

    pub(super) fn array_subquery(
        &mut self,
        query: &ast::Query,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let bound = self.subquery(query, scope)?;
        let column = self.only_column(&bound, "subquery must return only one column", query)?;
        if types::sql_type::array_element(array_of_values(&column.ty).oid).is_none() {
            let shown = super::type_name::type_name(column.ty.oid);
            let message = format!("could not find array type for data type {shown}");
            return Err(located(Error::new(ErrorKind::UndefinedObject, message), at));
        }
        let subquery = Subquery { rel: bound.rel, column: Some(column), kind: SubqueryKind::Array };
        let expr = self.spelt_query(bound.outline, Expr::Subquery(Box::new(subquery)));
        Ok(Term { expr, at })
    }

    pub(super) fn in_subquery(
        &mut self,
        expr: &ast::Expr,
        query: &ast::Query,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        if self.outlines.on && negated {
            let found = self.quantified_subquery(expr, "=", query, false, scope)?;
            return Ok(Term { expr: Expr::Not(Box::new(found.expr)), at: found.at });
        }
        // NOT IN is <> ALL, as the bound tree wants it; the operator is found as = and turned round.
        self.quantified_subquery(expr, if negated { "<>" } else { "=" }, query, negated, scope)
    }

    pub(super) fn quantified_subquery(
        &mut self,
        left: &ast::Expr,
        operator: &str,
        query: &ast::Query,
        all: bool,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        if let Some(fields) = super::row::row_fields(left) {
            let quantifier = if all { Quantifier::All } else { Quantifier::Any };
            return self.row_subquery((left, &fields), operator, query, quantifier, scope);
        }
        let arg = self.expr(left, scope)?;
        let at = arg.at;
        let mut bound = self.subquery(query, scope)?;
        if bound.columns.len() != 1 {
            let what = if bound.columns.len() > 1 {
                "subquery has too many columns"
            } else {
                "subquery has too few columns"
            };
            let at = self.operator_position(left).unwrap_or(0);
            return Err(located(Error::new(ErrorKind::Syntax, what), at));
        }
        let column = self.only_column(&bound, "subquery has too many columns", query)?;
        let column_term = Term { expr: Expr::Column(column.clone()), at: 0 };
        let (proc, arg, value) = self.comparison(operator, arg, column_term, Some(left))?;
        let column = match value {
            Expr::Column(column) => column,
            changed => {
                // The subquery's column needs a cast: one more projection.
                let typed = TypedCol { col: self.new_col(), ty: changed.ty() };
                let items = vec![(changed, typed.col)];
                bound.rel = Rel::Project { input: Box::new(bound.rel), items };
                typed
            }
        };
        let kind = SubqueryKind::Quantified { proc, all, arg };
        let subquery = Subquery { rel: bound.rel, column: Some(column), kind };
        let expr = Expr::Subquery(Box::new(subquery));
        debug_assert_eq!(expr.ty(), boolean(), "a quantified comparison is boolean");
        let expr = self.spelt_query(bound.outline, expr);
        Ok(Term { expr, at })
    }

    pub(super) fn subquery(&mut self, query: &ast::Query, scope: &Scope<'_>) -> Result<Bound> {
        self.without_recursion("a subquery", |b| b.query(query, scope, true))
    }

    fn only_column(&self, bound: &Bound, message: &str, query: &ast::Query) -> Result<TypedCol> {
        match bound.columns.as_slice() {
            [one] => Ok(one.typed.clone()),
            _ => {
                let at = self.at(ast::Spanned::span(query));
                Err(located(Error::new(ErrorKind::Syntax, message), at.saturating_sub(1)))
            }
        }
    }
}
