//! Calls of aggregates and window functions.
//!
//! Invariant: such a call stands in an expression as a column; the call itself is kept in the level.

use super::direction::sorted_by;
use super::function::{Extras, no_function};
use super::level::Level;
use super::names::located;
use super::record::result_type;
use super::resolve::{self, Chosen};
use super::{Binder, Clause, Scope, Term};
use crate::bound::{AggregateCall, ColRef, Expr, Rel, SortKey, TypedCol, WindowCall};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{self, ProcKind};
use sqlparser::ast;
use types::SqlType;

/// The parts of one call: function, arguments, result, order and filter.
pub(super) type Parts = (Chosen, Vec<Expr>, SqlType, Vec<SortKey>, Option<Expr>);

impl Binder<'_> {
    pub(super) fn aggregate_or_window(
        &mut self,
        name: &str,
        exprs: &[&ast::Expr],
        extras: &Extras<'_>,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let at = extras.at;
        let windowed = extras.over.is_some();
        // With WITHIN GROUP a window function's name is that of an aggregate.
        let placed = if extras.within.is_empty() { name } else { "" };
        if let Err(error) = check_place(self.level(), windowed, placed, at)
            && (windowed || exprs.is_empty() || !self.is_outer_call(exprs, scope))
        {
            return Err(error);
        }
        let before = {
            let level = self.level();
            let before = (level.in_aggregate, level.in_window);
            level.in_aggregate = before.0 || !windowed;
            level.in_window = windowed;
            before
        };
        let bound = self.call_parts(name, exprs, extras, scope);
        let level = self.level();
        (level.in_aggregate, level.in_window) = before;
        let (chosen, args, ty, order_by, filter) = bound?;
        match extras.over {
            None if chosen.proc.kind == ProcKind::Aggregate => {
                let call = AggregateCall {
                    proc: chosen.proc.oid,
                    args,
                    distinct: extras.distinct,
                    order_by,
                    filter: filter.map(Box::new),
                    ty,
                };
                if only_outer(parts(&call)) || self.asks_only_outside(parts(&call)) {
                    return self.aggregate_outside(call, name, at);
                }
                self.level().aggregate_at.get_or_insert(at);
                Ok(Term { expr: self.aggregate_column(call), at })
            }
            None => {
                let message = format!("window function {name} requires an OVER clause");
                Err(located(Error::new(ErrorKind::WrongObjectType, message), at))
            }
            Some(over) => {
                if !matches!(chosen.proc.kind, ProcKind::Aggregate | ProcKind::Window) {
                    let message = format!(
                        "OVER specified, but {name} is not a window function nor an aggregate function"
                    );
                    return Err(located(Error::new(ErrorKind::WrongObjectType, message), at));
                }
                if extras.distinct || !order_by.is_empty() {
                    let what = if extras.distinct { "DISTINCT" } else { "aggregate ORDER BY" };
                    let message = format!("{what} is not implemented for window functions");
                    return Err(located(Error::unsupported(message), at));
                }
                let level = self.level();
                let was = std::mem::replace(&mut level.in_window, true);
                let window = self.window(over, at, scope);
                self.level().in_window = was;
                let (partition_by, order_by, frame) = window?;
                let filter = filter.map(Box::new);
                let call =
                    WindowCall { proc: chosen.proc.oid, args, filter, partition_by, order_by, frame, ty };
                let column = self.window_column(call);
                self.note_over(&column, over);
                Ok(Term { expr: column, at })
            }
        }
    }

    /// Whether the arguments use nothing but columns of enclosing queries.
    fn is_outer_call(&mut self, exprs: &[&ast::Expr], scope: &Scope<'_>) -> bool {
        let args: Result<Vec<Expr>> = exprs.iter().map(|e| Ok(self.expr(e, scope)?.expr)).collect();
        args.is_ok_and(|args| only_outer(&args))
    }

    /// Whether subqueries in the arguments use columns of enclosing queries, and nothing there is of this one.
    fn asks_only_outside<'e>(&mut self, args: impl IntoIterator<Item = &'e Expr>) -> bool {
        let mut used: Vec<ColRef> = Vec::new();
        let mut asks = false;
        for arg in args {
            crate::bound::walk::visit(arg, &mut |e| match e {
                Expr::Column(c) | Expr::Outer(c) => used.push(c.col),
                Expr::Subquery(subquery) => {
                    asks = true;
                    columns_below(&subquery.rel, &mut used);
                }
                _ => {}
            });
        }
        let enclosing = self.levels.len().saturating_sub(1);
        let among =
            |levels: &[Level]| levels.iter().any(|level| used.iter().any(|col| level.columns.contains(col)));
        let (outside, own) = self.levels.split_at(enclosing);
        asks && among(outside) && !among(own)
    }

    /// An aggregate over columns of enclosing queries is one of the innermost of these.
    fn aggregate_outside(&mut self, mut call: AggregateCall, name: &str, at: usize) -> Result<Term> {
        let mut used: Vec<ColRef> = Vec::new();
        let (mut own, mut nested) = (false, false);
        for expr in parts(&call) {
            crate::bound::walk::visit(expr, &mut |e| match e {
                Expr::Outer(c) => used.push(c.col),
                Expr::Column(_) => own = true,
                Expr::Subquery(_) => nested = true,
                _ => {}
            });
        }
        let holds = |level: &Level| used.iter().any(|col| level.columns.contains(col));
        let enclosing = self.levels.len().saturating_sub(1);
        let found = self.levels.iter().take(enclosing).rposition(holds).filter(|_| !own && !nested);
        let col = self.new_col();
        let joins = |level: &&Level| level.clause == Clause::JoinOn;
        if let (None, Some(level)) = (found, self.levels.iter().take(enclosing).rfind(joins)) {
            check_place(level, false, name, at)?;
        }
        let Some(level) = found.and_then(|index| self.levels.get_mut(index)) else {
            return Err(self.unsupported("an aggregate over columns of this outer query", at));
        };
        check_place(level, false, name, at)?;
        let mut inside = |e: &mut Expr| told_inside(e, &level.columns);
        call.args.iter_mut().try_for_each(&mut inside)?;
        call.order_by.iter_mut().try_for_each(|key| inside(&mut key.expr))?;
        call.filter.as_deref_mut().map_or(Ok(()), inside)?;
        let ty = call.ty.clone();
        level.aggregate_at.get_or_insert(at);
        let known = level.aggregates.iter().find(|(known, _)| *known == call).map(|(_, col)| *col);
        let col = known.unwrap_or_else(|| {
            level.aggregates.push((call, col));
            col
        });
        Ok(Term { expr: Expr::Outer(TypedCol { col, ty }), at })
    }

    fn call_parts(
        &mut self,
        name: &str,
        exprs: &[&ast::Expr],
        extras: &Extras<'_>,
        scope: &Scope<'_>,
    ) -> Result<Parts> {
        let at = extras.at;
        if !extras.within.is_empty() {
            return self.ordered_set_parts(name, exprs, extras, scope);
        }
        let mut terms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            terms.push(self.expr(expr, scope)?);
        }
        let actual: Vec<Oid> = terms.iter().map(|t| t.expr.ty().oid).collect();
        let chosen =
            resolve::function(name, &actual).map_err(|why| located(no_function(name, &actual, why), at))?;
        if extras.star && !chosen.args.is_empty()
            || extras.star && name != "count" && chosen.proc.kind == ProcKind::Function
        {
            let message = format!("{name}(*) specified, but {name} is not an aggregate function");
            return Err(located(Error::new(ErrorKind::WrongObjectType, message), at));
        }
        if !extras.star && terms.is_empty() && chosen.proc.kind == ProcKind::Aggregate {
            let message = format!("{name}(*) must be used to call a parameterless aggregate function");
            return Err(located(Error::new(ErrorKind::WrongObjectType, message), at));
        }
        if builtin::aggregate(chosen.proc.oid).is_some_and(|a| a.kind != 'n') {
            let message = format!("WITHIN GROUP is required for ordered-set aggregate {name}");
            return Err(located(Error::new(ErrorKind::WrongObjectType, message), at));
        }
        let given: Vec<Expr> = terms.iter().map(|term| term.expr.clone()).collect();
        let args = self.coerce_arguments(terms, &chosen)?;
        let ty = result_type(chosen.result, &args).map_err(|e| located(e, at))?;
        let (args, ty) = self.numeric_call(chosen.proc, args, ty)?;
        super::comparable::check_searched(chosen.proc, &given, at)?;
        if extras.distinct {
            args.iter().try_for_each(|arg| super::comparable::check_distinct_argument(&arg.ty(), at))?;
        }
        let mut order_by = Vec::with_capacity(extras.order_by.len());
        for item in extras.order_by {
            let mut key = self.inner_sort_key(item, scope)?;
            if extras.distinct {
                // As it was written: what the argument became by an implicit cast does not matter.
                let same = given.iter().position(|arg| *arg == key.expr);
                let Some(arg) = same.and_then(|place| args.get(place)) else {
                    let message =
                        "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list";
                    let error = Error::new(ErrorKind::InvalidColumnReference, message);
                    return Err(located(error, self.start(sorted_by(item).0)));
                };
                key.expr = arg.clone();
            }
            order_by.push(key);
        }
        let filter = self.aggregate_filter(extras, scope)?;
        Ok((chosen, args, ty, order_by, filter))
    }

    pub(super) fn aggregate_filter(
        &mut self,
        extras: &Extras<'_>,
        scope: &Scope<'_>,
    ) -> Result<Option<Expr>> {
        let Some(filter) = extras.filter else { return Ok(None) };
        let bound = self.in_clause(Clause::Filter, |b| {
            let term = b.expr(filter, scope)?;
            b.coerce_boolean(term, "FILTER")
        })?;
        Ok(Some(bound))
    }

    pub(super) fn inner_sort_key(&mut self, item: &ast::OrderByExpr, scope: &Scope<'_>) -> Result<SortKey> {
        let ast::OrderByExpr { expr: _, options: ast::OrderByOptions { asc: _, nulls_first }, with_fill } =
            item;
        let term = self.expr(sorted_by(item).0, scope)?;
        if with_fill.is_some() {
            return Err(self.unsupported("WITH FILL", term.at));
        }
        let term = self.resolve_unknown(term)?;
        super::comparable::check_order(&term.expr.ty(), term.at)?;
        let descending = self.descends(item, term.expr.ty().oid, term.at)?;
        Ok(SortKey { expr: term.expr, descending, nulls_first: nulls_first.unwrap_or(descending) })
    }

    fn aggregate_column(&mut self, call: AggregateCall) -> Expr {
        let ty = call.ty.clone();
        if let Some((_, col)) = self.level().aggregates.iter().find(|(known, _)| *known == call) {
            return Expr::Column(TypedCol { col: *col, ty });
        }
        let col = self.new_col();
        self.level().aggregates.push((call, col));
        Expr::Column(TypedCol { col, ty })
    }

    fn window_column(&mut self, call: WindowCall) -> Expr {
        let ty = call.ty.clone();
        if let Some((_, col)) = self.level().calls.iter().find(|(known, _)| *known == call) {
            return Expr::Column(TypedCol { col: *col, ty });
        }
        let col = self.new_col();
        self.level().calls.push((call, col));
        Expr::Column(TypedCol { col, ty })
    }
}

/// Tells an expression from the level that some of its outer columns belong to.
pub(super) fn told_inside(expr: &mut Expr, columns: &[ColRef]) -> Result<()> {
    crate::bound::walk::rewrite(expr, &mut |node| {
        if let Expr::Outer(c) = node
            && columns.contains(&c.col)
        {
            *node = Expr::Column(c.clone());
        }
        Ok(false)
    })
}

/// The expressions of an aggregate.
fn parts(call: &AggregateCall) -> impl Iterator<Item = &Expr> {
    let keys = call.order_by.iter().map(|key| &key.expr);
    call.args.iter().chain(keys).chain(call.filter.as_deref())
}

/// Whether arguments use columns of enclosing queries but none of their own: PostgreSQL then computes the
/// aggregate in the enclosing query.
fn only_outer<'e>(args: impl IntoIterator<Item = &'e Expr>) -> bool {
    let (mut own, mut outer) = (false, false);
    for arg in args {
        crate::bound::walk::visit(arg, &mut |e| match e {
            Expr::Column(_) => own = true,
            Expr::Outer(_) => outer = true,
            _ => {}
        });
    }
    outer && !own
}

/// The columns that the expressions of a relation use, those of its subqueries too.
fn columns_below(rel: &Rel, used: &mut Vec<ColRef>) {
    crate::bound::walk::visit_rel(rel, &mut |expr| {
        crate::bound::walk::visit(expr, &mut |e| match e {
            Expr::Column(c) | Expr::Outer(c) => used.push(c.col),
            Expr::Subquery(subquery) => columns_below(&subquery.rel, used),
            _ => {}
        });
    });
}

/// Whether an aggregate or window function may stand where a level is.
fn check_place(level: &Level, windowed: bool, name: &str, at: usize) -> Result<()> {
    let clause = level.clause;
    let (in_aggregate, in_window) = (level.in_aggregate, level.in_window);
    let grouping = |message: String| Err(located(Error::new(ErrorKind::Grouping, message), at));
    let windowing = |message: String| Err(located(Error::new(ErrorKind::Windowing, message), at));
    let is_window = windowed || builtin::procs_named(name).any(|p| p.kind == ProcKind::Window);
    if is_window {
        return match clause {
            _ if in_aggregate => {
                grouping("aggregate function calls cannot contain window function calls".to_owned())
            }
            _ if in_window => windowing("window function calls cannot be nested".to_owned()),
            Clause::Select | Clause::OrderBy => Ok(()),
            Clause::WindowPartition | Clause::WindowOrder | Clause::WindowFrame => {
                windowing("window functions are not allowed in window definitions".to_owned())
            }
            other => windowing(format!("window functions are not allowed in {}", other.phrase())),
        };
    }
    match clause {
        _ if in_aggregate => grouping("aggregate function calls cannot be nested".to_owned()),
        Clause::Select
        | Clause::OrderBy
        | Clause::Having
        | Clause::WindowPartition
        | Clause::WindowOrder
        | Clause::WindowFrame => Ok(()),
        other => grouping(format!("aggregate functions are not allowed in {}", other.phrase())),
    }
}
