//! One SELECT: from the select list and FROM to a projection, sorted and made distinct.
//!
//! Invariant: the parts are stacked in the order FROM, WHERE, groups, HAVING, windows, select list, DISTINCT,
//! ORDER BY.

use super::grouping::Groups;
use super::level::Level;
use super::names::{fold, located};
use super::order::SortItem;
use super::output::Target;
use super::{Binder, Clause, Scope, Term};
use crate::bound::{ColRef, Expr, Rel, SortKey, TypedCol, walk};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;

/// A bound query or a part of one.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) rel: Rel,
    pub(super) columns: Vec<OutColumn>,
}

#[derive(Clone, Debug)]
pub(super) struct OutColumn {
    pub(super) name: String,
    pub(super) typed: TypedCol,
    pub(super) origin: (Oid, i16),
    /// The literal or parameter behind a column whose type is still unknown.
    pub(super) open: Option<Term>,
    pub(super) at: usize,
}

/// What a SELECT consists of, after the parts that are refused are gone.
struct Parts<'s> {
    distinct: bool,
    group_by: &'s [ast::Expr],
    order_by: &'s [ast::OrderByExpr],
}

impl Binder<'_> {
    pub(super) fn select(
        &mut self,
        select: &ast::Select,
        order_by: &[ast::OrderByExpr],
        outer: &Scope<'_>,
        resolve: bool,
    ) -> Result<Bound> {
        let parts = self.checked_parts(select, order_by)?;
        let mut scope = Scope::inside(outer);
        let (bound, _) =
            self.with_level(Clause::Select, |b| b.select_in(select, &parts, &mut scope, resolve))?;
        Ok(bound)
    }

    fn checked_parts<'s>(
        &self,
        select: &'s ast::Select,
        order_by: &'s [ast::OrderByExpr],
    ) -> Result<Parts<'s>> {
        let ast::Select {
            select_token: ast::helpers::attached_token::AttachedToken(token),
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection: _,
            exclude,
            into,
            from: _,
            lateral_views,
            prewhere,
            selection: _,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having: _,
            named_window: _,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        let at = self.at(token.span);
        let refused = [
            (!optimizer_hints.is_empty(), "an optimizer hint"),
            (select_modifiers.is_some(), "a SELECT modifier"),
            (top.is_some(), "TOP"),
            (exclude.is_some(), "EXCLUDE"),
            (into.is_some(), "SELECT INTO"),
            (!lateral_views.is_empty(), "LATERAL VIEW"),
            (prewhere.is_some(), "PREWHERE"),
            (!connect_by.is_empty(), "CONNECT BY"),
            (!cluster_by.is_empty() || !distribute_by.is_empty() || !sort_by.is_empty(), "CLUSTER BY"),
            (qualify.is_some(), "QUALIFY"),
            (value_table_mode.is_some(), "SELECT AS STRUCT"),
            (*flavor != ast::SelectFlavor::Standard, "FROM before SELECT"),
        ];
        if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
            return Err(self.unsupported(what, at));
        }
        let distinct = match distinct {
            None | Some(ast::Distinct::All) => false,
            Some(ast::Distinct::Distinct) => true,
            Some(ast::Distinct::On(exprs)) => {
                let at = exprs.first().map_or(at, |e| self.start(e));
                return Err(self.unsupported("DISTINCT ON", at).with_hint(
                    "Number the rows with row_number() OVER (PARTITION BY ..) and keep the first.",
                ));
            }
        };
        let group_by = match group_by {
            ast::GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => exprs,
            ast::GroupByExpr::Expressions(_, _) | ast::GroupByExpr::All(_) => {
                return Err(self.unsupported("this form of GROUP BY", at).with_hint("List the expressions."));
            }
        };
        Ok(Parts { distinct, group_by, order_by })
    }

    fn select_in(
        &mut self,
        select: &ast::Select,
        parts: &Parts<'_>,
        scope: &mut Scope<'_>,
        resolve: bool,
    ) -> Result<Bound> {
        let mut rel = self.in_clause(Clause::JoinOn, |b| b.from(&select.from, scope))?;
        let scope = &*scope;
        self.define_windows(&select.named_window)?;
        let mut targets = self.targets(&select.projection, scope)?;
        if let Some(condition) = &select.selection {
            let predicate = self.in_clause(Clause::Where, |b| {
                let term = b.expr(condition, scope)?;
                b.coerce_boolean(term, "WHERE")
            })?;
            rel = Rel::Filter { input: Box::new(rel), predicate };
        }
        self.take_uses();
        let mut having = None;
        if let Some(condition) = &select.having {
            let predicate = self.in_clause(Clause::Having, |b| {
                let term = b.expr(condition, scope)?;
                b.coerce_boolean(term, "HAVING")
            })?;
            having = Some((predicate, self.take_uses()));
        }
        let mut sort = self.sort_items(parts.order_by, &mut targets, scope, parts.distinct)?;
        let keys = self.group_keys(parts.group_by, &mut targets, scope)?;
        if resolve {
            for target in &mut targets {
                target.term = self.resolve_unknown(target.term.clone())?;
            }
        }
        if parts.distinct {
            self.check_distinct(&targets)?;
        }
        let mut level = std::mem::replace(self.level(), Level::new(Clause::Select));
        if !level.aggregates.is_empty() || !parts.group_by.is_empty() || having.is_some() {
            let mut groups = Groups::new(self, keys, scope);
            for target in &mut targets {
                groups.rewrite(self, &mut target.term.expr, &target.uses, scope)?;
            }
            if let Some((predicate, uses)) = &mut having {
                groups.rewrite(self, predicate, uses, scope)?;
            }
            for item in &mut sort {
                if let SortItem { hidden: Some((expr, uses)), .. } = item {
                    groups.rewrite(self, expr, uses, scope)?;
                }
            }
            for (call, _) in &mut level.calls {
                walk::window_mut(call, &mut |e| groups.rewrite(self, e, &[], scope))?;
            }
            rel = Rel::Aggregate { input: Box::new(rel), group: groups.keys, aggregates: level.aggregates };
            if let Some((predicate, _)) = having {
                rel = Rel::Filter { input: Box::new(rel), predicate };
            }
        }
        if !level.calls.is_empty() {
            rel = Rel::Window { input: Box::new(rel), calls: level.calls };
        }
        Ok(self.project(rel, targets, sort, parts.distinct))
    }

    fn define_windows(&mut self, definitions: &[ast::NamedWindowDefinition]) -> Result<()> {
        for ast::NamedWindowDefinition(name, definition) in definitions {
            let folded = fold(name);
            let at = self.at(name.span);
            if self.level().windows.iter().any(|(n, _)| *n == folded) {
                let message = format!("window \"{folded}\" is already defined");
                return Err(located(Error::new(ErrorKind::Windowing, message), at));
            }
            let spec = match definition {
                ast::NamedWindowExpr::WindowSpec(spec) => self.based(spec, at)?,
                ast::NamedWindowExpr::NamedWindow(_) => {
                    return Err(self.unsupported("a window that is another one", at));
                }
            };
            self.level().windows.push((folded, spec));
        }
        Ok(())
    }

    /// The select list and hidden sort keys as a projection, then DISTINCT and ORDER BY over its columns.
    fn project(&mut self, input: Rel, targets: Vec<Target>, sort: Vec<SortItem>, distinct: bool) -> Bound {
        let mut items = Vec::with_capacity(targets.len());
        let mut columns = Vec::with_capacity(targets.len());
        for Target { name, term, origin, uses: _ } in targets {
            let typed = TypedCol { col: self.new_col(), ty: term.expr.ty() };
            let at = term.at;
            let open = super::coerce::is_unknown(&term.expr).then(|| term.clone());
            items.push((term.expr, typed.col));
            columns.push(OutColumn { name, typed, origin, open, at });
        }
        let mut keys = Vec::with_capacity(sort.len());
        for SortItem { target, hidden, descending, nulls_first } in sort {
            let typed = match (target.and_then(|i: usize| columns.get(i)), hidden) {
                (Some(column), _) => column.typed.clone(),
                (None, Some((expr, _))) => {
                    let typed = TypedCol { col: self.new_col(), ty: expr.ty() };
                    items.push((expr, typed.col));
                    typed
                }
                (None, None) => continue,
            };
            keys.push(SortKey { expr: Expr::Column(typed), descending, nulls_first });
        }
        let mut rel = Rel::Project { input: Box::new(input), items };
        if distinct {
            rel = Rel::Distinct { input: Box::new(rel) };
        }
        if !keys.is_empty() {
            rel = Rel::Sort { input: Box::new(rel), keys };
        }
        Bound { rel, columns }
    }

    fn check_distinct(&self, targets: &[Target]) -> Result<()> {
        for target in targets {
            let ty = target.term.expr.ty().oid;
            if super::resolve::operator("=", &[ty, ty]).is_err() {
                return Err(located(no_equality(ty), target.term.at));
            }
        }
        Ok(())
    }

    fn group_keys(
        &mut self,
        exprs: &[ast::Expr],
        targets: &mut [Target],
        scope: &Scope<'_>,
    ) -> Result<Vec<Expr>> {
        let mut keys = Vec::with_capacity(exprs.len());
        for expr in exprs {
            if let ast::Expr::Tuple(items) = expr
                && !items.is_empty()
            {
                keys.extend(self.group_keys(items, targets, scope)?);
                continue;
            }
            keys.push(self.group_key(expr, targets, scope)?);
        }
        Ok(keys)
    }

    fn group_key(&mut self, expr: &ast::Expr, targets: &mut [Target], scope: &Scope<'_>) -> Result<Expr> {
        let by_target = match super::order::ordinal(expr) {
            Some(n) => Some(self.target_at(n, expr, "GROUP BY", targets.len())?),
            None => match expr {
                // An input column hides an output name here.
                ast::Expr::Identifier(ident) if !scope.shown().any(|c| c.name == fold(ident)) => {
                    self.target_named(ident, "GROUP BY", targets)?
                }
                _ => None,
            },
        };
        let (key, at) = match by_target.and_then(|i| targets.get_mut(i)) {
            Some(target) => {
                target.term = self.resolve_unknown(target.term.clone())?;
                let level = self.level();
                let holds = |col: ColRef, cols: &[ColRef]| cols.contains(&col);
                let aggregates: Vec<ColRef> = level.aggregates.iter().map(|(_, c)| *c).collect();
                let calls: Vec<ColRef> = level.calls.iter().map(|(_, c)| *c).collect();
                let (mut aggregate, mut window) = (false, false);
                walk::visit(&target.term.expr, &mut |e| {
                    if let Expr::Column(c) = e {
                        aggregate |= holds(c.col, &aggregates);
                        window |= holds(c.col, &calls);
                    }
                });
                let at = target.term.at;
                if aggregate {
                    let message = "aggregate functions are not allowed in GROUP BY";
                    return Err(located(Error::new(ErrorKind::Grouping, message), at));
                }
                if window {
                    let message = "window functions are not allowed in GROUP BY";
                    return Err(located(Error::new(ErrorKind::Windowing, message), at));
                }
                (target.term.expr.clone(), at)
            }
            None => {
                let term = self.in_clause(Clause::GroupBy, |b| b.expr(expr, scope))?;
                if super::order::is_literal(expr) {
                    let message = "non-integer constant in GROUP BY";
                    return Err(located(Error::new(ErrorKind::Syntax, message), term.at));
                }
                let term = self.resolve_unknown(term)?;
                (term.expr, term.at)
            }
        };
        let ty = key.ty().oid;
        if super::resolve::operator("=", &[ty, ty]).is_err() {
            return Err(located(no_equality(ty), at));
        }
        Ok(key)
    }
}

fn no_equality(ty: Oid) -> Error {
    let shown = super::type_name::type_name(ty);
    Error::new(
        ErrorKind::UndefinedFunction,
        format!("could not identify an equality operator for type {shown}"),
    )
}
