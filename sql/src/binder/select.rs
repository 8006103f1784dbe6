//! One SELECT: from the select list and FROM to a projection, sorted and made distinct.
//!
//! Invariant: the parts are stacked in the order FROM, WHERE, groups, HAVING, windows, set-returning functions, select
//! list, DISTINCT, ORDER BY.

use super::distinct::{Distinct, OnPlace};
use super::grouping::Groups;
use super::level::Level;
use super::names::{fold, located};
use super::order::SortItem;
use super::outline::Clauses;
use super::output::Target;
use super::{Binder, Clause, Scope, Term};
use crate::bound::outline::QueryOutline;
use crate::bound::{ColRef, Expr, Rel, SortKey, TypedCol, walk};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;

/// A bound query or a part of one.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) rel: Rel,
    pub(super) columns: Vec<OutColumn>,
    pub(super) outline: Option<Box<QueryOutline>>,
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

/// Columns that an expression uses, and where.
type Uses = Vec<(ColRef, usize)>;

/// What a SELECT consists of, after the parts that are refused are gone.
struct Parts<'s> {
    distinct: Option<&'s ast::Distinct>,
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
        let keeps_records = std::mem::take(&mut self.keeps_records);
        let parts = self.checked_parts(select, order_by)?;
        let mut scope = Scope::inside(outer);
        let (bound, _) = self.with_level(Clause::Select, |b| {
            b.level().keeps_records = keeps_records;
            b.select_in(select, &parts, &mut scope, resolve)
        })?;
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
            projection,
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
            (!lateral_views.is_empty(), "LATERAL VIEW"),
            (prewhere.is_some(), "PREWHERE"),
            (!connect_by.is_empty(), "CONNECT BY"),
            (!cluster_by.is_empty() || !distribute_by.is_empty() || !sort_by.is_empty(), "CLUSTER BY"),
            (qualify.is_some(), "QUALIFY"),
            (value_table_mode.is_some(), "SELECT AS STRUCT"),
            (*flavor != ast::SelectFlavor::Standard, "FROM before SELECT"),
        ];
        if projection.is_empty() && matches!(distinct, Some(ast::Distinct::Distinct)) {
            let behind = self.text.from(at);
            let word = behind.split_whitespace().find(|word| word.eq_ignore_ascii_case("from"));
            let message = format!("syntax error at or near \"{}\"", word.unwrap_or("from"));
            let from = behind.find(word.unwrap_or("from")).and_then(|index| behind.get(..index));
            let skipped = from.map_or(0, |text| text.chars().count());
            return Err(located(Error::new(ErrorKind::Syntax, message), at + skipped));
        }
        if let Some(into) = into {
            let first = into.name.0.first().and_then(|part| part.as_ident());
            let error = Error::new(ErrorKind::Syntax, "SELECT ... INTO is not allowed here");
            return Err(located(error, first.map_or(0, |ident| self.at(ident.span))));
        }
        if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
            return Err(self.unsupported(what, at));
        }
        let group_by = match group_by {
            ast::GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => exprs,
            ast::GroupByExpr::Expressions(_, _) | ast::GroupByExpr::All(_) => {
                return Err(self.unsupported("this form of GROUP BY", at).with_hint("List the expressions."));
            }
        };
        Ok(Parts { distinct: distinct.as_ref(), group_by, order_by })
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
        self.level().columns = scope.tables.iter().flat_map(|t| &t.columns).map(|c| c.typed.col).collect();
        self.define_windows(&select.named_window)?;
        let mut targets = self.targets(&select.projection, scope)?;
        let mut filter = None;
        if let Some(condition) = &select.selection {
            let predicate = self.in_clause(Clause::Where, |b| {
                let term = b.expr(condition, scope)?;
                b.coerce_boolean(term, "WHERE")
            })?;
            filter = self.outlines.on.then(|| predicate.clone());
            rel = Rel::Filter { input: Box::new(rel), predicate };
        }
        self.take_uses();
        let mut having = self.having(select, scope)?;
        let all = matches!(parts.distinct, Some(ast::Distinct::Distinct));
        let mut sort = self.sort_items(parts.order_by, &mut targets, scope, all)?;
        let group = self.group_by(parts.group_by, &mut targets, scope)?;
        let mut distinct = match parts.distinct {
            None | Some(ast::Distinct::All) => Distinct::No,
            Some(ast::Distinct::Distinct) => {
                self.check_distinct(&mut targets)?;
                Distinct::All
            }
            Some(ast::Distinct::On(exprs)) => {
                Distinct::On(self.distinct_on(exprs, &mut targets, &sort, scope)?)
            }
        };
        if resolve {
            for target in &mut targets {
                target.term = self.resolve_unknown(target.term.clone())?;
            }
        }
        let windows = self.window_outlines(&select.named_window, scope)?;
        let mut level = std::mem::replace(self.level(), Level::new(Clause::Select));
        let clauses = Clauses {
            targets: &targets,
            sort: &sort,
            group: &group,
            distinct: &distinct,
            filter,
            having: having.as_ref().filter(|_| self.outlines.on).map(|(predicate, _)| predicate.clone()),
            windows,
        };
        let outline = self.select_outline(clauses, &level);
        if let (true, Some(at)) = (level.is_step, level.aggregate_at) {
            let message = "aggregate functions are not allowed in a recursive query's recursive term";
            return Err(located(Error::new(ErrorKind::InvalidRecursion, message), at));
        }
        let grouped = !level.aggregates.is_empty() || !level.groupings.is_empty();
        if grouped || !parts.group_by.is_empty() || having.is_some() {
            let groupings = std::mem::take(&mut level.groupings);
            let mut groups = Groups::new(self, group, groupings, scope);
            for (place, target) in targets.iter_mut().enumerate() {
                match groups.target(place) {
                    Some(key) => target.term.expr = key,
                    None => groups.rewrite(self, &mut target.term.expr, &target.uses, scope)?,
                }
            }
            if let Some((predicate, uses)) = &mut having {
                groups.rewrite(self, predicate, uses, scope)?;
            }
            for item in &mut sort {
                if let SortItem { hidden: Some((expr, uses)), .. } = item {
                    groups.rewrite(self, expr, uses, scope)?;
                }
            }
            if let Distinct::On(items) = &mut distinct {
                for item in items {
                    if let OnPlace::Hidden(expr, uses) = &mut item.place {
                        groups.rewrite(self, expr, uses, scope)?;
                    }
                }
            }
            for (call, _) in &mut level.calls {
                walk::window_mut(call, &mut |e| groups.rewrite(self, e, &[], scope))?;
            }
            for arg in level.sets.iter_mut().flat_map(|set| &mut set.call.args) {
                groups.rewrite(self, arg, &[], scope)?;
            }
            rel = groups.relation(rel, level.aggregates);
            if let Some((predicate, _)) = having {
                rel = Rel::Filter { input: Box::new(rel), predicate };
            }
        }
        if !level.calls.is_empty() {
            rel = Rel::Window { input: Box::new(rel), calls: level.calls };
        }
        rel = self.with_sets(rel, level.sets, &mut sort, distinct.is_all())?;
        Ok(Bound { outline, ..self.project(rel, targets, sort, distinct)? })
    }

    /// HAVING, and the columns it uses.
    fn having(&mut self, select: &ast::Select, scope: &Scope<'_>) -> Result<Option<(Expr, Uses)>> {
        let Some(condition) = &select.having else { return Ok(None) };
        let predicate = self.in_clause(Clause::Having, |b| {
            let term = b.expr(condition, scope)?;
            b.coerce_boolean(term, "HAVING")
        })?;
        Ok(Some((predicate, self.take_uses())))
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
    fn project(
        &mut self,
        input: Rel,
        targets: Vec<Target>,
        sort: Vec<SortItem>,
        distinct: Distinct,
    ) -> Result<Bound> {
        let mut items = Vec::with_capacity(targets.len());
        let mut columns = Vec::with_capacity(targets.len());
        for Target { name, term, origin, uses: _ } in targets {
            let typed = TypedCol { col: self.new_col(), ty: term.expr.ty() };
            let at = term.at;
            let open = super::coerce::is_unknown(&term.expr).then(|| term.clone());
            items.push((term.expr, typed.col));
            columns.push(OutColumn { name, typed, origin, open, at });
        }
        let mut keys: Vec<SortKey> = Vec::with_capacity(sort.len());
        let mut sorted: Vec<TypedCol> = Vec::with_capacity(sort.len());
        for SortItem { target, hidden, descending, nulls_first } in sort {
            let typed = match (target.and_then(|i: usize| columns.get(i)), hidden) {
                (Some(column), _) => column.typed.clone(),
                (None, Some((expr, _))) => {
                    let typed = TypedCol { col: self.new_col(), ty: expr.ty() };
                    items.push((expr, typed.col));
                    typed
                }
                (None, None) => return Err(Error::internal("a sort key that is none")),
            };
            sorted.push(typed.clone());
            keys.push(SortKey { expr: Expr::Column(typed), descending, nulls_first });
        }
        let mut rel = match distinct {
            Distinct::No => Rel::Project { input: Box::new(input), items },
            Distinct::All => {
                Rel::Distinct { input: Box::new(Rel::Project { input: Box::new(input), items }) }
            }
            Distinct::On(on) => {
                let mut cols = Vec::with_capacity(on.len());
                for item in on {
                    cols.extend(match item.place {
                        OnPlace::Target(index) => columns.get(index).map(|c| c.typed.clone()),
                        OnPlace::Sort(index) => sorted.get(index).cloned(),
                        OnPlace::Hidden(expr, _) => {
                            let typed = TypedCol { col: self.new_col(), ty: expr.ty() };
                            items.push((expr, typed.col));
                            Some(typed)
                        }
                    });
                }
                let projected = Rel::Project { input: Box::new(input), items };
                self.first_of_each(projected, cols, &keys)?
            }
        };
        if !keys.is_empty() {
            rel = Rel::Sort { input: Box::new(rel), keys };
        }
        Ok(Bound { rel, columns, outline: None })
    }
}
