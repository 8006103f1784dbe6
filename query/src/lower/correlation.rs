//! Correlation on the bound tree: which columns a relation takes from outside, and moving the predicates that do so
//! to the top, where they become a join condition. That is the fast form; what it cannot take goes to `unnesting`.
//!
//! Invariant: for every binding of the outer columns, the rows of the new relation that satisfy the predicates are
//! the rows of the old relation.

use crate::kernel::compare;
use crate::lower::columns;
use crate::lower::first_rows::Limits;
use crate::lower::relations::conjuncts;
use crate::lower::scope::Lowering;
use crate::lower::tree::{any, children, expressions, inputs, parts, replaced};
use base::Result;
use datafusion::logical_expr::Operator;
use sql::bound::{AggregateCall, ColRef, Expr, JoinKind, Rel, TypedCol};
use std::collections::{BTreeMap, BTreeSet};
use types::{Datum, SqlType};

/// A relation that takes nothing from outside, and predicates over its columns (`Column`) and the outside (`Outer`).
pub(crate) type Pulled = (Rel, Vec<Expr>);

/// An equality between outer columns and inner ones.
#[derive(Debug)]
pub(crate) struct Equality {
    /// Over outer columns, told as `Outer`.
    pub(crate) outer: Expr,
    /// Over columns of the relation.
    pub(crate) inner: Expr,
}

pub(crate) fn has_outer(expr: &Expr) -> bool {
    any(expr, &mut |e| matches!(e, Expr::Outer(_)))
}

fn has_column(expr: &Expr) -> bool {
    any(expr, &mut |e| matches!(e, Expr::Column(_)))
}

fn has_subquery(expr: &Expr) -> bool {
    any(expr, &mut |e| matches!(e, Expr::Subquery(_)))
}

/// Outer columns as columns: an expression seen from the enclosing query.
pub(crate) fn from_outside(expr: &Expr) -> Expr {
    replaced(expr, &|e| match e {
        Expr::Outer(col) => Some(Expr::Column(col.clone())),
        _ => None,
    })
}

/// Columns as outer columns: an expression taken into a subquery.
pub(crate) fn from_inside(expr: &Expr) -> Expr {
    replaced(expr, &|e| match e {
        Expr::Column(col) => Some(Expr::Outer(col.clone())),
        _ => None,
    })
}

/// The columns that a relation takes from outside, with their types.
pub(crate) fn outer_columns(rel: &Rel) -> BTreeMap<ColRef, SqlType> {
    outer_columns_of(rel, [])
}

/// The columns that a relation, and expressions over it, take from outside.
pub(crate) fn outer_columns_of<'e>(
    rel: &Rel,
    above: impl IntoIterator<Item = &'e Expr>,
) -> BTreeMap<ColRef, SqlType> {
    let (mut used, mut made) = (BTreeMap::new(), BTreeSet::new());
    collect(rel, &mut used, &mut made);
    for expr in above {
        collect_from(expr, &mut used, &mut made);
    }
    used.retain(|col, _| !made.contains(col));
    used
}

fn collect(rel: &Rel, used: &mut BTreeMap<ColRef, SqlType>, made: &mut BTreeSet<ColRef>) {
    for expr in expressions(rel) {
        collect_from(expr, used, made);
    }
    for input in inputs(rel) {
        collect(input, used, made);
    }
    if let Ok(columns) = columns::of(rel) {
        made.extend(columns.iter().map(|c| c.col));
    }
}

fn collect_from(expr: &Expr, used: &mut BTreeMap<ColRef, SqlType>, made: &mut BTreeSet<ColRef>) {
    match expr {
        Expr::Outer(col) => {
            used.insert(col.col, col.ty.clone());
        }
        Expr::Subquery(subquery) => collect(&subquery.rel, used, made),
        _ => {}
    }
    for child in children(expr) {
        collect_from(child, used, made);
    }
}

/// The two sides of an equality between the outside and the inside.
pub(crate) fn equality(predicate: &Expr) -> Option<Equality> {
    let Expr::Call { proc, args, .. } = predicate else { return None };
    let [left, right] = args.as_slice() else { return None };
    if compare::operator_of(*proc) != Some(Operator::Eq) || has_subquery(left) || has_subquery(right) {
        return None;
    }
    if !has_column(left) && !has_outer(right) {
        return Some(Equality { outer: left.clone(), inner: right.clone() });
    }
    if !has_column(right) && !has_outer(left) {
        return Some(Equality { outer: right.clone(), inner: left.clone() });
    }
    None
}

/// All predicates as equalities, or None when one is another condition.
pub(crate) fn equalities(predicates: &[Expr]) -> Option<Vec<Equality>> {
    predicates.iter().map(equality).collect()
}

impl Lowering<'_> {
    /// Moves the predicates that refer to the outside to the top. None when that is not enough to make the relation
    /// independent of the outside, or would change its rows.
    pub(crate) fn pull_up(&mut self, rel: &Rel) -> Result<Option<Pulled>> {
        if outer_columns(rel).is_empty() {
            return Ok(Some((rel.clone(), Vec::new())));
        }
        match rel {
            Rel::Filter { input, predicate } => self.pull_filter(input, predicate),
            Rel::Project { input, items } => {
                if items.iter().any(|(expr, _)| has_outer(expr) || !is_closed(expr, &[input])) {
                    return Ok(None);
                }
                self.pull_below(input, |input, predicates| {
                    let items = with_passed_through(items, predicates);
                    Some(Rel::Project { input: Box::new(input), items })
                })
            }
            Rel::Sort { input, keys } => {
                if keys.iter().any(|key| has_outer(&key.expr) || !is_closed(&key.expr, &[input])) {
                    return Ok(None);
                }
                self.pull_below(input, |input, _| {
                    Some(Rel::Sort { input: Box::new(input), keys: keys.clone() })
                })
            }
            Rel::Distinct { input } => self.pull_below(input, |input, predicates| {
                equalities(predicates).map(|_| Rel::Distinct { input: Box::new(input) })
            }),
            Rel::Join { kind, left, right, on, lateral: false } => {
                self.pull_join(*kind, left, right, on.as_ref())
            }
            Rel::Aggregate { input, group, aggregates } if !group.is_empty() => {
                self.pull_aggregate(input, group, aggregates)
            }
            Rel::Window { input, calls } => {
                if expressions(rel).into_iter().any(|expr| has_outer(expr) || !is_closed(expr, &[input])) {
                    return Ok(None);
                }
                self.pull_below(input, |input, predicates| {
                    let keys = equalities(predicates)?;
                    let mut calls = calls.clone();
                    for (call, _) in &mut calls {
                        call.partition_by.extend(keys.iter().map(|key| key.inner.clone()));
                    }
                    Some(Rel::Window { input: Box::new(input), calls })
                })
            }
            Rel::Limit { input, count, offset, ties } => {
                if [count, offset].into_iter().flatten().any(has_outer) {
                    return Ok(None);
                }
                let Some((input, predicates)) = self.pull_up(input)? else { return Ok(None) };
                let Some(keys) = equalities(&predicates) else { return Ok(None) };
                let partition = keys.into_iter().map(|key| key.inner).collect();
                let limits = Limits { count: count.as_ref(), offset: offset.as_ref(), ties };
                let first = self.first_rows(input, partition, &limits)?;
                Ok(Some((first, predicates)))
            }
            Rel::With { ctes, body } => {
                if ctes.iter().any(|cte| !outer_columns(&cte.rel).is_empty()) {
                    return Ok(None);
                }
                self.pull_below(body, |body, _| Some(Rel::With { ctes: ctes.clone(), body: Box::new(body) }))
            }
            Rel::Aggregate { .. }
            | Rel::SetOp { .. }
            | Rel::Join { .. }
            | Rel::Unit
            | Rel::Empty { .. }
            | Rel::Scan(_)
            | Rel::System(_)
            | Rel::Changes(_)
            | Rel::Values { .. }
            | Rel::Constants { .. }
            | Rel::Function { .. }
            | Rel::GroupingSets { .. }
            | Rel::ProjectSet { .. }
            | Rel::Recursive { .. }
            | Rel::CteRef { .. } => Ok(None),
        }
    }

    /// Pulls predicates out of an input and puts what stood above it on again.
    fn pull_below(
        &mut self,
        input: &Rel,
        above: impl FnOnce(Rel, &[Expr]) -> Option<Rel>,
    ) -> Result<Option<Pulled>> {
        let Some((input, predicates)) = self.pull_up(input)? else { return Ok(None) };
        Ok(above(input, &predicates).map(|rel| (rel, predicates)))
    }

    fn pull_filter(&mut self, input: &Rel, predicate: &Expr) -> Result<Option<Pulled>> {
        let mut kept = Vec::new();
        let mut moved = Vec::new();
        for part in conjuncts(predicate) {
            match (has_outer(part), has_subquery(part)) {
                (true, false) => moved.push(part.clone()),
                (false, _) if is_closed(part, &[input]) => kept.push(part.clone()),
                (true, true) | (false, _) => return Ok(None),
            }
        }
        let Some((input, mut predicates)) = self.pull_up(input)? else { return Ok(None) };
        predicates.extend(moved);
        let rel = match kept.is_empty() {
            true => input,
            false => Rel::Filter { input: Box::new(input), predicate: Expr::And(kept) },
        };
        Ok(Some((rel, predicates)))
    }

    fn pull_join(
        &mut self,
        kind: JoinKind,
        left: &Rel,
        right: &Rel,
        on: Option<&Expr>,
    ) -> Result<Option<Pulled>> {
        // A predicate may leave the preserved side of an outer join, and both sides of an inner one.
        let (from_left, from_right) = match kind {
            JoinKind::Inner => (true, true),
            JoinKind::Left => (true, false),
            JoinKind::Right => (false, true),
            JoinKind::Full => (false, false),
        };
        let (mut kept, mut predicates) = (Vec::new(), Vec::new());
        for part in on.map(conjuncts).unwrap_or_default() {
            match (has_outer(part), has_subquery(part)) {
                (true, false) if kind == JoinKind::Inner => predicates.push(part.clone()),
                (false, _) if is_closed(part, &[left, right]) => kept.push(part.clone()),
                (true, _) | (false, _) => return Ok(None),
            }
        }
        let Some((left, pulled_left)) = self.pull_up(left)? else { return Ok(None) };
        let Some((right, pulled_right)) = self.pull_up(right)? else { return Ok(None) };
        if !(from_left || pulled_left.is_empty()) || !(from_right || pulled_right.is_empty()) {
            return Ok(None);
        }
        predicates.extend(pulled_left);
        predicates.extend(pulled_right);
        let on = match (on.is_some(), kept.is_empty()) {
            (true, true) if kind != JoinKind::Inner => {
                Some(Expr::Const(Datum::Bool(true), crate::lower::expressions::boolean()))
            }
            (_, true) => None,
            (_, false) => Some(Expr::And(kept)),
        };
        let rel = Rel::Join { kind, left: Box::new(left), right: Box::new(right), on, lateral: false };
        Ok(Some((rel, predicates)))
    }

    fn pull_aggregate(
        &mut self,
        input: &Rel,
        group: &[(Expr, ColRef)],
        aggregates: &[(AggregateCall, ColRef)],
    ) -> Result<Option<Pulled>> {
        let keys = group.iter().map(|(expr, _)| expr);
        let mut own = keys.chain(aggregates.iter().flat_map(|(call, _)| parts(call)));
        if own.any(|expr| has_outer(expr) || !is_closed(expr, &[input])) {
            return Ok(None);
        }
        let Some((input, predicates)) = self.pull_up(input)? else { return Ok(None) };
        let mut group = group.to_vec();
        let mut above = Vec::with_capacity(predicates.len());
        for predicate in &predicates {
            let Some(found) = equality(predicate) else { return Ok(None) };
            let key = TypedCol { col: self.fresh(), ty: found.inner.ty() };
            group.push((found.inner.clone(), key.col));
            above.push(replaced(predicate, &|e| (*e == found.inner).then(|| Expr::Column(key.clone()))));
        }
        let rel = Rel::Aggregate { input: Box::new(input), group, aggregates: aggregates.to_vec() };
        Ok(Some((rel, above)))
    }
}

/// Whether the subqueries inside an expression take nothing from outside `inputs`.
fn is_closed(expr: &Expr, inputs: &[&Rel]) -> bool {
    let mut used = BTreeMap::new();
    any(expr, &mut |e| {
        if let Expr::Subquery(subquery) = e {
            used.extend(outer_columns(&subquery.rel));
        }
        false
    });
    let columns = inputs.iter().flat_map(|input| columns::of(input).unwrap_or_default());
    let made: BTreeSet<ColRef> = columns.map(|c| c.col).collect();
    used.keys().all(|col| made.contains(col))
}

/// Items of a projection and the columns that predicates above it need.
fn with_passed_through(items: &[(Expr, ColRef)], predicates: &[Expr]) -> Vec<(Expr, ColRef)> {
    let mut items = items.to_vec();
    for predicate in predicates {
        any(predicate, &mut |e| {
            if let Expr::Column(c) = e
                && !items.iter().any(|(_, col)| *col == c.col)
            {
                items.push((Expr::Column(c.clone()), c.col));
            }
            false
        });
    }
    items
}
