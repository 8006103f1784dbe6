//! GROUP BY: its keys, and the sets of keys that ROLLUP, CUBE and GROUPING SETS form.
//!
//! Invariant: every key is there once; a set names keys by their places. Where sets are formed, items of the select list that
//! say the same are keys of their own: `a AS b, a AS c .. GROUP BY b, ROLLUP (c)` has rows where only the second is null.

use super::level::Level;
use super::names::{fold, located};
use super::order::{is_literal, ordinal};
use super::output::Target;
use super::{Binder, Clause, Scope};
use crate::bound::outline::GroupItem;
use crate::bound::{ColRef, Expr, walk};
use base::{Error, ErrorKind, Result};
use sqlparser::ast;

/// Sets that one GROUP BY may form, as in PostgreSQL.
const SETS_MAX: usize = 4096;
/// Elements of one CUBE, as in PostgreSQL.
const CUBE_MAX: usize = 12;

/// What a query is grouped by.
#[derive(Debug, Default)]
pub(super) struct GroupBy {
    pub(super) keys: Vec<Key>,
    /// None: by all keys.
    pub(super) sets: Option<Vec<Vec<usize>>>,
    /// As it was written, when outlines are kept and sets are formed.
    pub(super) items: Vec<GroupItem>,
    pub(super) distinct: bool,
}

/// What rows are grouped by, and the first item of the select list that is it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) expr: Expr,
    pub(super) target: Option<usize>,
}

impl Key {
    fn is(&self, other: &Key) -> bool {
        self.expr == other.expr && self.target == other.target
    }
}

/// The form of an item of GROUP BY.
enum Item<'e> {
    /// One set of keys.
    Keys(Vec<&'e ast::Expr>),
    Rollup(Vec<&'e ast::Expr>),
    Cube(Vec<&'e ast::Expr>),
    Sets(Vec<&'e ast::Expr>),
}

fn item(expr: &ast::Expr) -> Item<'_> {
    match expr {
        ast::Expr::Nested(inner) => item(inner),
        ast::Expr::Tuple(items) => Item::Keys(items.iter().collect()),
        ast::Expr::GroupingSets(sets) => Item::Sets(sets.iter().flatten().collect()),
        ast::Expr::Function(ast::Function { name, args: ast::FunctionArguments::List(list), .. }) => {
            let word = match name.0.as_slice() {
                [ast::ObjectNamePart::Identifier(ident)] if ident.quote_style.is_none() => &ident.value,
                _ => return Item::Keys(vec![expr]),
            };
            let elements: Option<Vec<&ast::Expr>> = list
                .args
                .iter()
                .map(|arg| match arg {
                    ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => Some(expr),
                    _ => None,
                })
                .collect();
            match elements {
                Some(elements) if word.eq_ignore_ascii_case("rollup") => Item::Rollup(elements),
                Some(elements) if word.eq_ignore_ascii_case("cube") => Item::Cube(elements),
                _ => Item::Keys(vec![expr]),
            }
        }
        other => Item::Keys(vec![other]),
    }
}

impl Binder<'_> {
    pub(super) fn group_by(
        &mut self,
        exprs: &[ast::Expr],
        targets: &mut [Target],
        scope: &Scope<'_>,
    ) -> Result<GroupBy> {
        let mut group = GroupBy::default();
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        let (mut distinct, mut several) = (false, false);
        for expr in exprs {
            let expr = match expr {
                ast::Expr::Prefixed { prefix, value } if prefix.value == crate::parse::DISTINCT => {
                    distinct = true;
                    value
                }
                other => other,
            };
            if self.outlines.on {
                let item = self.group_item(expr, targets, scope)?;
                group.items.push(item);
            }
            several |= !matches!(item(expr), Item::Keys(keys) if !keys.is_empty());
            let found = self.sets_of(expr, &mut group.keys, targets, scope)?;
            if sets.len().saturating_mul(found.len()) > SETS_MAX {
                let message = format!("too many grouping sets present (maximum {SETS_MAX})");
                return Err(located(Error::new(ErrorKind::TooComplex, message), self.start(expr)));
            }
            sets = sets
                .iter()
                .flat_map(|left| found.iter().map(|right| union([left.as_slice(), right])))
                .collect();
        }
        group.distinct = distinct;
        if distinct {
            let mut known: Vec<Vec<usize>> = Vec::new();
            sets.retain(|set| {
                let mut sorted = set.clone();
                sorted.sort_unstable();
                let is_new = !known.contains(&sorted);
                known.push(sorted);
                is_new
            });
        }
        if several {
            group.sets = Some(sets);
        } else {
            let mut known: Vec<Expr> = Vec::with_capacity(group.keys.len());
            group.keys.retain(|key| {
                let is_new = !known.contains(&key.expr);
                known.push(key.expr.clone());
                is_new
            });
        }
        Ok(group)
    }

    /// An item as it was written.
    fn group_item(
        &mut self,
        expr: &ast::Expr,
        targets: &mut [Target],
        scope: &Scope<'_>,
    ) -> Result<GroupItem> {
        let elements = |b: &mut Self, exprs: Vec<&ast::Expr>, targets: &mut [Target]| {
            let element = |expr| Ok(GroupItem::Keys(b.spelt_keys(&[expr], targets, scope)?));
            exprs.into_iter().map(element).collect::<Result<Vec<_>>>()
        };
        Ok(match item(expr) {
            Item::Keys(exprs) => GroupItem::Keys(self.spelt_keys(&exprs, targets, scope)?),
            Item::Rollup(exprs) => GroupItem::Rollup(elements(self, exprs, targets)?),
            Item::Cube(exprs) => GroupItem::Cube(elements(self, exprs, targets)?),
            Item::Sets(exprs) => {
                let sets = exprs.into_iter().map(|expr| self.group_item(expr, targets, scope));
                GroupItem::Sets(sets.collect::<Result<Vec<_>>>()?)
            }
        })
    }

    fn spelt_keys(
        &mut self,
        exprs: &[&ast::Expr],
        targets: &mut [Target],
        scope: &Scope<'_>,
    ) -> Result<Vec<Expr>> {
        let mut keys = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let mut inner = *expr;
            while let ast::Expr::Nested(nested) = inner {
                inner = nested;
            }
            if let ast::Expr::Tuple(items) = inner {
                let items: Vec<&ast::Expr> = items.iter().collect();
                keys.extend(self.spelt_keys(&items, targets, scope)?);
            } else {
                keys.push(self.group_key(inner, targets, scope)?.expr);
            }
        }
        Ok(keys)
    }

    fn sets_of(
        &mut self,
        expr: &ast::Expr,
        keys: &mut Vec<Key>,
        targets: &mut [Target],
        scope: &Scope<'_>,
    ) -> Result<Vec<Vec<usize>>> {
        match item(expr) {
            Item::Keys(exprs) => Ok(vec![self.keys_of(&exprs, keys, targets, scope)?]),
            Item::Rollup(elements) => {
                let parts = self.elements(&elements, keys, targets, scope)?;
                Ok((0..=parts.len())
                    .rev()
                    .map(|count| union(parts.iter().take(count).map(Vec::as_slice)))
                    .collect())
            }
            Item::Cube(elements) => {
                if elements.len() > CUBE_MAX {
                    let message = format!("CUBE is limited to {CUBE_MAX} elements");
                    return Err(located(Error::new(ErrorKind::TooManyColumns, message), self.start(expr)));
                }
                let parts = self.elements(&elements, keys, targets, scope)?;
                let chosen = |mask: usize| {
                    let kept = parts.iter().enumerate().filter(move |(i, _)| mask >> i & 1 == 1);
                    union(kept.map(|(_, part)| part.as_slice()))
                };
                Ok((0..1_usize << parts.len()).rev().map(chosen).collect())
            }
            Item::Sets(elements) => {
                let mut sets = Vec::with_capacity(elements.len());
                for element in elements {
                    sets.extend(self.sets_of(element, keys, targets, scope)?);
                    if sets.len() > SETS_MAX {
                        let message = format!("too many grouping sets present (maximum {SETS_MAX})");
                        return Err(located(Error::new(ErrorKind::TooComplex, message), self.start(expr)));
                    }
                }
                Ok(sets)
            }
        }
    }

    fn elements(
        &mut self,
        exprs: &[&ast::Expr],
        keys: &mut Vec<Key>,
        targets: &mut [Target],
        scope: &Scope<'_>,
    ) -> Result<Vec<Vec<usize>>> {
        exprs.iter().map(|expr| self.keys_of(&[*expr], keys, targets, scope)).collect()
    }

    /// The places of keys, those of `(a, b)` one by one.
    fn keys_of(
        &mut self,
        exprs: &[&ast::Expr],
        keys: &mut Vec<Key>,
        targets: &mut [Target],
        scope: &Scope<'_>,
    ) -> Result<Vec<usize>> {
        let mut places = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let mut inner = *expr;
            while let ast::Expr::Nested(nested) = inner {
                inner = nested;
            }
            if let ast::Expr::Tuple(items) = inner {
                let items: Vec<&ast::Expr> = items.iter().collect();
                places.extend(self.keys_of(&items, keys, targets, scope)?);
                continue;
            }
            let key = self.group_key(inner, targets, scope)?;
            let known = keys.iter().position(|known| known.is(&key));
            places.push(known.unwrap_or(keys.len()));
            if known.is_none() {
                keys.push(key);
            }
        }
        Ok(union([places.as_slice()]))
    }

    fn group_key(&mut self, expr: &ast::Expr, targets: &mut [Target], scope: &Scope<'_>) -> Result<Key> {
        let by_target = match ordinal(expr) {
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
                let at = target.term.at;
                self.check_key(&target.term.expr, at)?;
                (target.term.expr.clone(), at)
            }
            None => {
                let term = self.in_clause(Clause::GroupBy, |b| b.expr(expr, scope))?;
                if is_literal(expr) {
                    let message = "non-integer constant in GROUP BY";
                    return Err(located(Error::new(ErrorKind::Syntax, message), term.at));
                }
                let term = self.resolve_unknown(term)?;
                (term.expr, term.at)
            }
        };
        super::comparable::check_equality(&key.ty(), at)?;
        let target = by_target.or_else(|| targets.iter().position(|target| target.term.expr == key));
        Ok(Key { expr: key, target })
    }

    /// An item of the select list that is grouped by is computed before the groups are there.
    fn check_key(&mut self, expr: &Expr, at: usize) -> Result<()> {
        let (mut aggregate, mut window, mut set) = (false, false, false);
        let Level { aggregates, calls, sets, .. } = self.level();
        let mut columns: Vec<ColRef> = Vec::new();
        walk::visit(expr, &mut |e| {
            if let Expr::Column(c) = e {
                columns.push(c.col);
            }
        });
        for col in columns {
            aggregate |= aggregates.iter().any(|(_, c)| *c == col);
            window |= calls.iter().any(|(_, c)| *c == col);
            set |= sets.iter().any(|s| s.call.columns.iter().any(|c| c.col == col));
        }
        if aggregate {
            let message = "aggregate functions are not allowed in GROUP BY";
            return Err(located(Error::new(ErrorKind::Grouping, message), at));
        }
        if window {
            let message = "window functions are not allowed in GROUP BY";
            return Err(located(Error::new(ErrorKind::Windowing, message), at));
        }
        if set {
            return Err(self
                .unsupported("a set-returning function in GROUP BY", at)
                .with_hint("Call it in a subquery in FROM."));
        }
        Ok(())
    }

    /// `GROUPING(..)`: which of some keys are not in a row's set.
    pub(super) fn grouping_call(
        &mut self,
        exprs: &[&ast::Expr],
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<super::Term> {
        let level = self.level();
        let grouping = |message: String| Err(located(Error::new(ErrorKind::Grouping, message), at));
        match level.clause {
            Clause::Select | Clause::OrderBy | Clause::Having if level.in_aggregate => {
                return grouping("aggregate function calls cannot be nested".to_owned());
            }
            Clause::Select | Clause::OrderBy | Clause::Having => {}
            Clause::WindowPartition | Clause::WindowOrder | Clause::WindowFrame => {}
            other => {
                return grouping(format!("grouping operations are not allowed in {}", other.phrase()));
            }
        }
        // One bit each.
        const ARGUMENTS_MAX: usize = 31;
        if exprs.len() > ARGUMENTS_MAX {
            let message = "GROUPING must have fewer than 32 arguments";
            return Err(located(Error::new(ErrorKind::TooManyArguments, message), at));
        }
        let before = std::mem::replace(&mut self.level().in_aggregate, true);
        let args: Result<Vec<super::Term>> = exprs.iter().map(|expr| self.expr(expr, scope)).collect();
        self.level().in_aggregate = before;
        let mut args = args?;
        let col = self.new_col();
        let ty = super::type_name::held(types::sql_type::oid::INT4, -1)?;
        let typed = crate::bound::TypedCol { col, ty };
        if let Some(level) = self.level_of(&args) {
            for arg in &mut args {
                super::aggregate::told_inside(&mut arg.expr, &level.columns)?;
            }
            level.groupings.push((args, col));
            return Ok(super::Term { expr: Expr::Outer(typed), at });
        }
        self.level().groupings.push((args, col));
        let ty = typed.ty;
        Ok(super::Term { expr: Expr::Column(crate::bound::TypedCol { col, ty }), at })
    }
}

impl Binder<'_> {
    /// The enclosing level whose columns are all that some terms use.
    fn level_of(&mut self, terms: &[super::Term]) -> Option<&mut Level> {
        let (mut own, mut outer) = (false, Vec::new());
        for term in terms {
            walk::visit(&term.expr, &mut |e| match e {
                Expr::Column(_) => own = true,
                Expr::Outer(c) => outer.push(c.col),
                _ => {}
            });
        }
        let enclosing = self.levels.len().saturating_sub(1);
        let holds = |level: &Level| outer.iter().any(|col| level.columns.contains(col));
        let found = self.levels.iter().take(enclosing).rposition(holds).filter(|_| !own)?;
        self.levels.get_mut(found)
    }
}

fn union<'s>(sets: impl IntoIterator<Item = &'s [usize]>) -> Vec<usize> {
    let mut all = Vec::new();
    for place in sets.into_iter().flatten() {
        if !all.contains(place) {
            all.push(*place);
        }
    }
    all
}
