//! Whole queries: WITH, SELECT, VALUES, set operations, and what stands behind them.

use super::names::{fold, located};
use super::record::is_row;
use super::select::{Bound, OutColumn};
use super::type_name::held;
use super::{Binder, Clause, Scope, ScopeColumn, Term};
use crate::bound::outline::{BodyOutline, QueryOutline};
use crate::bound::{Expr, Rel, SetOp, TypedCol};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;
use types::SqlType;

impl Binder<'_> {
    /// Binds a query inside `outer`. With `resolve`, open literals in its output become text.
    pub(super) fn query(&mut self, query: &ast::Query, outer: &Scope<'_>, resolve: bool) -> Result<Bound> {
        let ast::Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if !locks.is_empty() {
            let at = self.at(ast::Spanned::span(query));
            return Err(self
                .unsupported("FOR UPDATE or FOR SHARE", at)
                .with_hint("Write the rows in the transaction: a lost race is reported as 40001."));
        }
        if for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty()
        {
            let at = self.at(ast::Spanned::span(query));
            return Err(self.unsupported("this clause behind a query", at));
        }
        let order_by = self.order_list(order_by.as_ref())?;
        let mut scope = Scope::inside(outer);
        let top = std::mem::take(&mut self.is_top);
        let mut ctes = match with {
            None => Vec::new(),
            Some(with) => self.with_clause(with, &mut scope, top)?,
        };
        // Parentheses around a statement change nothing.
        self.is_top = top && with.is_none() && matches!(body.as_ref(), ast::SetExpr::Query(_));
        let bound = self.body(body, order_by, &scope, resolve)?;
        let rel =
            self.limit(bound.rel, !order_by.is_empty(), limit_clause.as_ref(), fetch.as_ref(), &scope)?;
        let mut outline = bound.outline;
        if limit_clause.is_some() || fetch.is_some() {
            outline = outline.filter(|outline| outline.limit.is_none() && outline.offset.is_none());
            if let (Some(outline), Rel::Limit { input: _, count, offset, ties }) = (&mut outline, &rel) {
                (outline.limit, outline.offset) = (count.clone(), offset.clone());
                outline.ties = !ties.is_empty();
            }
        }
        let recursive = with.as_ref().is_some_and(|with| with.recursive);
        let outline = self.with_outlines(outline, recursive, &ctes);
        self.settle_ctes(&mut ctes);
        let rel = if ctes.is_empty() { rel } else { Rel::With { ctes, body: Box::new(rel) } };
        Ok(Bound { rel, columns: bound.columns, outline })
    }

    fn order_list<'q>(&self, order_by: Option<&'q ast::OrderBy>) -> Result<&'q [ast::OrderByExpr]> {
        match order_by {
            None => Ok(&[]),
            Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(items), interpolate: None }) => Ok(items),
            Some(_) => Err(Error::unsupported("this form of ORDER BY is not supported")),
        }
    }

    pub(super) fn body(
        &mut self,
        body: &ast::SetExpr,
        order_by: &[ast::OrderByExpr],
        scope: &Scope<'_>,
        resolve: bool,
    ) -> Result<Bound> {
        match body {
            ast::SetExpr::Select(select) => self.select(select, order_by, scope, resolve),
            ast::SetExpr::Query(query) => {
                let bound = self.query(query, scope, resolve)?;
                self.sort_output(bound, order_by)
            }
            ast::SetExpr::SetOperation { left: _, op: _, set_quantifier: _, right: _ } => {
                let bound = self.set_chain(body, scope)?;
                self.sort_output(bound, order_by)
            }
            ast::SetExpr::Values(values) => {
                let bound = self.values(values, scope)?;
                self.sort_output(bound, order_by)
            }
            ast::SetExpr::Table(_) => Err(Error::internal("TABLE was not rewritten")),
            ast::SetExpr::Insert(_)
            | ast::SetExpr::Update(_)
            | ast::SetExpr::Delete(_)
            | ast::SetExpr::Merge(_) => {
                Err(Error::unsupported("a data-modifying statement inside a query is not supported")
                    .with_hint("Run it as a statement of its own, in one transaction with the query."))
            }
        }
    }

    /// Gives the first columns the names of an alias's column list.
    pub(super) fn rename(
        &self,
        columns: &mut [ScopeColumn],
        names: &[ast::TableAliasColumnDef],
        table: &str,
        at: usize,
        what: &str,
    ) -> Result<()> {
        if let Some(typed) = names.iter().find(|name| name.data_type.is_some()) {
            let message = "a column definition list is only allowed for functions returning \"record\"";
            return Err(located(Error::new(ErrorKind::Syntax, message), self.at(typed.name.span)));
        }
        let available = columns.iter().filter(|column| !column.is_hidden()).count();
        if names.len() > available {
            let message = format!(
                "{what} \"{table}\" has {} columns available but {} columns specified",
                available,
                names.len()
            );
            return Err(located(Error::new(ErrorKind::InvalidColumnReference, message), at));
        }
        for (column, ast::TableAliasColumnDef { name, data_type: _ }) in columns.iter_mut().zip(names) {
            column.name = fold(name);
        }
        Ok(())
    }

    pub(super) fn values(&mut self, values: &ast::Values, outer: &Scope<'_>) -> Result<Bound> {
        let ast::Values { explicit_row, value_keyword, rows } = values;
        if *explicit_row || *value_keyword {
            return Err(Error::new(ErrorKind::Syntax, "VALUES takes rows in parentheses"));
        }
        let scope = Scope::inside(outer);
        let (bound, _) = self.with_level(Clause::Values, |b| {
            let mut bound: Vec<Vec<Term>> = Vec::with_capacity(rows.len());
            for row in rows {
                let terms = row.content.iter().map(|e| b.expr(e, &scope)).collect::<Result<Vec<_>>>()?;
                if bound.first().is_some_and(|first| first.len() != terms.len()) {
                    let at = terms.first().map_or(0, |t| t.at);
                    let error = Error::new(ErrorKind::Syntax, "VALUES lists must all be the same length");
                    return Err(located(error, at));
                }
                bound.push(terms);
            }
            Ok(bound)
        })?;
        self.values_of(bound)
    }

    /// Rows of one type per column, found by the rules for UNION.
    fn values_of(&mut self, rows: Vec<Vec<Term>>) -> Result<Bound> {
        let width = rows.first().map_or(0, Vec::len);
        let mut done: Vec<Vec<Expr>> = rows.iter().map(|_| Vec::with_capacity(width)).collect();
        let mut columns = Vec::with_capacity(width);
        for i in 0..width {
            let terms: Vec<Term> = rows.iter().filter_map(|r| r.get(i).cloned()).collect();
            let at = terms.first().map_or(0, |t| t.at);
            let common = self.common_type(&terms, "VALUES")?;
            let (exprs, ty) = self.unify(terms, common, "VALUES")?;
            for (row, expr) in done.iter_mut().zip(exprs) {
                row.push(expr);
            }
            let typed = TypedCol { col: self.new_col(), ty };
            let name = format!("column{}", i + 1);
            columns.push(OutColumn { name, typed, origin: (Oid(0), 0), open: None, at });
        }
        let typed = columns.iter().map(|c| c.typed.clone()).collect();
        let body = self.outlines.on.then(|| BodyOutline::Values { rows: done.clone() });
        let outline = body.map(|body| Box::new(QueryOutline::of(body)));
        Ok(Bound { rel: Rel::Values { rows: done, columns: typed }, columns, outline })
    }

    /// A chain of set operations that leans left, bound from its leftmost query on.
    fn set_chain(&mut self, body: &ast::SetExpr, scope: &Scope<'_>) -> Result<Bound> {
        let mut rest = Vec::new();
        let mut at = body;
        while let ast::SetExpr::SetOperation { left, op, set_quantifier, right } = at {
            rest.push((op, set_quantifier, right));
            at = left;
        }
        // What PostgreSQL cannot compute step by step names no recursive query.
        let counted = |op: &ast::SetOperator, quantifier: &ast::SetQuantifier| match (op, quantifier) {
            (ast::SetOperator::Intersect, ast::SetQuantifier::All) => Some("INTERSECT"),
            (ast::SetOperator::Except, ast::SetQuantifier::All) => Some("EXCEPT"),
            _ => None,
        };
        let above = rest.iter().find_map(|(op, quantifier, _)| counted(op, quantifier));
        let mut bound = match above {
            Some(place) => self.without_recursion(place, |b| b.body(at, &[], scope, false))?,
            None => self.body(at, &[], scope, false)?,
        };
        while let Some((op, quantifier, right)) = rest.pop() {
            let place =
                if *op == ast::SetOperator::Except { Some("EXCEPT") } else { counted(op, quantifier) };
            let right = match place.or(above) {
                Some(place) => self.without_recursion(place, |b| b.body(right, &[], scope, false))?,
                None => self.body(right, &[], scope, false)?,
            };
            bound = self.set_operation(*op, *quantifier, bound, right)?;
        }
        Ok(bound)
    }

    fn set_operation(
        &mut self,
        op: ast::SetOperator,
        quantifier: ast::SetQuantifier,
        left: Bound,
        right: Bound,
    ) -> Result<Bound> {
        let (op, name) = match op {
            ast::SetOperator::Union => (SetOp::Union, "UNION"),
            ast::SetOperator::Intersect => (SetOp::Intersect, "INTERSECT"),
            ast::SetOperator::Except => (SetOp::Except, "EXCEPT"),
            ast::SetOperator::Minus => return Err(Error::new(ErrorKind::Syntax, "MINUS is written EXCEPT")),
        };
        let all = match quantifier {
            ast::SetQuantifier::All => true,
            ast::SetQuantifier::Distinct | ast::SetQuantifier::None => false,
            ast::SetQuantifier::ByName
            | ast::SetQuantifier::AllByName
            | ast::SetQuantifier::DistinctByName => {
                return Err(Error::unsupported(format!("{name} BY NAME is not supported"))
                    .with_hint("Bring the columns of both sides into one order."));
            }
        };
        if left.columns.len() != right.columns.len() {
            let message = format!("each {name} query must have the same number of columns");
            let at = right.columns.first().map_or(0, |c| c.at);
            return Err(located(Error::new(ErrorKind::Syntax, message), at));
        }
        if left.columns.is_empty() {
            return self.without_columns(op, all, left.rel, right.rel);
        }
        let mut types: Vec<SqlType> = Vec::with_capacity(left.columns.len());
        for (l, r) in left.columns.iter().zip(&right.columns) {
            let pair = [(l.typed.ty.oid, l.at), (r.typed.ty.oid, r.at)];
            let common = super::coerce::common_oid(&pair, name)?;
            let target = self.common_target(common, &[self.column_term(l), self.column_term(r)])?;
            let exprs = vec![self.stand_in(l, &target, name)?, self.stand_in(r, &target, name)?];
            let (_, ty) = self.same_type(exprs, &target)?;
            if !all {
                super::comparable::check_equality(&ty, r.at)?;
            }
            types.push(ty);
        }
        let names: Vec<(String, usize)> = left.columns.iter().map(|c| (c.name.clone(), c.at)).collect();
        let left = self.with_types(left, &types)?;
        let right = self.with_types(right, &types)?;
        let cols = |b: &Bound| b.columns.iter().map(|c| c.typed.col).collect::<Vec<_>>();
        let outline = set_outline(op, all, left.outline.clone(), right.outline.clone());
        let columns: Vec<OutColumn> = names
            .into_iter()
            .zip(types)
            .map(|((name, at), ty)| {
                let typed = TypedCol { col: self.new_col(), ty };
                OutColumn { name, typed, origin: (Oid(0), 0), open: None, at }
            })
            .collect();
        let rel = Rel::SetOp {
            op,
            all,
            left_columns: cols(&left),
            right_columns: cols(&right),
            left: Box::new(left.rel),
            right: Box::new(right.rel),
            columns: columns.iter().map(|c| c.typed.clone()).collect(),
        };
        Ok(Bound { rel, columns, outline })
    }

    /// Rows without columns are all equal: a constant stands for each.
    fn without_columns(&mut self, op: SetOp, all: bool, left: Rel, right: Rel) -> Result<Bound> {
        let ty = held(types::sql_type::oid::INT4, -1)?;
        let mut side = |rel: Rel| {
            let col = self.new_col();
            let one = Expr::Const(types::Datum::Int32(1), ty.clone());
            (Box::new(Rel::Project { input: Box::new(rel), items: vec![(one, col)] }), vec![col])
        };
        let ((left, left_columns), (right, right_columns)) = (side(left), side(right));
        let columns = vec![TypedCol { col: self.new_col(), ty }];
        let both = Rel::SetOp { op, all, left, right, left_columns, right_columns, columns };
        let (rel, columns) = (Rel::Project { input: Box::new(both), items: Vec::new() }, Vec::new());
        Ok(Bound { rel, columns, outline: None })
    }

    /// A column as it is after coercion to the common type, to learn the stored form; not kept.
    fn stand_in(&mut self, column: &OutColumn, target: &SqlType, clause: &str) -> Result<Expr> {
        let common = target.oid;
        let term = self.column_term(column);
        let source = term.expr.ty().oid;
        if !super::coerce::can_coerce(source, common, catalog::builtin::CastContext::Implicit) {
            let (from, to) = (super::type_name::type_name(source), super::type_name::type_name(common));
            let message = format!("{clause} could not convert type {from} to {to}");
            return Err(located(Error::new(ErrorKind::CannotCoerce, message), column.at));
        }
        Ok(self.coerce(term, target, catalog::builtin::CastContext::Implicit)?.expr)
    }

    /// The open literal behind a column, or the column.
    fn column_term(&self, column: &OutColumn) -> Term {
        column
            .open
            .clone()
            .unwrap_or_else(|| Term { expr: Expr::Column(column.typed.clone()), at: column.at })
    }

    /// The query with its columns coerced to types, by one more projection where one differs.
    pub(super) fn with_types(&mut self, bound: Bound, types: &[SqlType]) -> Result<Bound> {
        if bound.columns.iter().zip(types).all(|(c, t)| c.typed.ty.oid == t.oid && c.typed.ty.form == t.form)
        {
            return Ok(bound);
        }
        let mut items = Vec::with_capacity(types.len());
        let mut columns = Vec::with_capacity(types.len());
        let mut outline = bound.outline;
        for (place, (column, ty)) in bound.columns.iter().zip(types).enumerate() {
            let term = self.column_term(column);
            let bare = if is_row(ty.oid) { ty.clone() } else { held(ty.oid, -1)? };
            let term = self.coerce(term, &bare, catalog::builtin::CastContext::Implicit)?;
            let expr = self.in_form(term.expr, ty)?;
            // What has a type stays as it is written.
            if let (Some(_), Some(outline)) = (&column.open, &mut outline)
                && let BodyOutline::Select(select) = &mut outline.body
                && let Some(target) = select.targets.get_mut(place)
            {
                target.0 = expr.clone();
            }
            let typed = TypedCol { col: self.new_col(), ty: ty.clone() };
            items.push((expr, typed.col));
            columns.push(OutColumn { typed, open: None, ..column.clone() });
        }
        Ok(Bound { rel: Rel::Project { input: Box::new(bound.rel), items }, columns, outline })
    }
}

/// The outline of a set operation.
pub(super) fn set_outline(
    op: SetOp,
    all: bool,
    left: Option<Box<QueryOutline>>,
    right: Option<Box<QueryOutline>>,
) -> Option<Box<QueryOutline>> {
    let body = BodyOutline::SetOp { op, all, left: left?, right: right? };
    Some(Box::new(QueryOutline::of(body)))
}
