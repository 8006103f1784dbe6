//! Correlation on the bound tree: which columns a relation takes from outside, and moving the predicates that do so
//! to the top, where they become a join condition.
//!
//! Invariant: for every binding of the outer columns, the rows of the new relation that satisfy the predicates are
//! the rows of the old relation.

use crate::kernel::compare;
use crate::lower::columns;
use crate::lower::relations::conjuncts;
use crate::lower::scope::Lowering;
use crate::lower::tree::{any, children, expressions, inputs, replaced};
use base::id::Oid;
use base::{Error, Result};
use datafusion::logical_expr::Operator;
use sql::bound::{
    ColRef, Expr, FrameBound, FrameUnit, JoinKind, Rel, SortKey, TypedCol, WindowCall, WindowFrame,
};
use std::collections::BTreeSet;
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

/// pg_proc OIDs of what the rewriting adds.
const ROW_NUMBER: Oid = Oid(3100);
const INT8_LESS_OR_EQUAL: Oid = Oid(471);

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

/// The columns that a relation takes from outside.
pub(crate) fn outer_columns(rel: &Rel) -> BTreeSet<ColRef> {
    let (mut used, mut made) = (BTreeSet::new(), BTreeSet::new());
    collect(rel, &mut used, &mut made);
    used.retain(|col| !made.contains(col));
    used
}

fn collect(rel: &Rel, used: &mut BTreeSet<ColRef>, made: &mut BTreeSet<ColRef>) {
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

fn collect_from(expr: &Expr, used: &mut BTreeSet<ColRef>, made: &mut BTreeSet<ColRef>) {
    match expr {
        Expr::Outer(col) => {
            used.insert(col.col);
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

pub(crate) fn refused(what: &str) -> Error {
    Error::unsupported(format!("a correlated subquery with {what} is not supported"))
        .with_hint("correlate it by equality in WHERE, or write it as a join")
}

fn equalities(predicates: &[Expr], what: &str) -> Result<Vec<Equality>> {
    predicates
        .iter()
        .map(|p| equality(p).ok_or_else(|| refused(&format!("{what} and no equality"))))
        .collect()
}

impl Lowering<'_> {
    /// Moves the predicates that refer to the outside to the top. The relation that remains refers to nothing
    /// outside; the predicates are over its columns (`Column`) and the outside (`Outer`).
    pub(crate) fn pull_up(&mut self, rel: &Rel) -> Result<(Rel, Vec<Expr>)> {
        if outer_columns(rel).is_empty() {
            return Ok((rel.clone(), Vec::new()));
        }
        match rel {
            Rel::Filter { input, predicate } => self.pull_filter(input, predicate),
            Rel::Project { input, items } => {
                if items.iter().any(|(expr, _)| has_outer(expr) || !self.is_closed(expr, input)) {
                    return Err(refused("an outer column in its SELECT list"));
                }
                let (input, predicates) = self.pull_up(input)?;
                let items = with_passed_through(items, &predicates);
                Ok((Rel::Project { input: Box::new(input), items }, predicates))
            }
            Rel::Sort { input, keys } => {
                if keys.iter().any(|key| has_outer(&key.expr)) {
                    return Err(refused("an outer column in ORDER BY"));
                }
                let (input, predicates) = self.pull_up(input)?;
                Ok((Rel::Sort { input: Box::new(input), keys: keys.clone() }, predicates))
            }
            Rel::Distinct { input } => {
                let (input, predicates) = self.pull_up(input)?;
                equalities(&predicates, "DISTINCT")?;
                Ok((Rel::Distinct { input: Box::new(input) }, predicates))
            }
            Rel::Join { kind, left, right, on, lateral: false } => {
                self.pull_join(*kind, left, right, on.as_ref())
            }
            Rel::Aggregate { input, group, aggregates } if !group.is_empty() => {
                self.pull_aggregate(input, group, aggregates)
            }
            Rel::Window { input, calls } => {
                let (input, predicates) = self.pull_up(input)?;
                let keys = equalities(&predicates, "a window function")?;
                let mut calls = calls.clone();
                for (call, _) in &mut calls {
                    call.partition_by.extend(keys.iter().map(|key| key.inner.clone()));
                }
                Ok((Rel::Window { input: Box::new(input), calls }, predicates))
            }
            Rel::Limit { input, count: Some(count), offset: None } => self.pull_limit(input, count),
            Rel::With { ctes, body } => {
                if ctes.iter().any(|cte| !outer_columns(&cte.rel).is_empty()) {
                    return Err(refused("an outer column in WITH"));
                }
                let (body, predicates) = self.pull_up(body)?;
                Ok((Rel::With { ctes: ctes.clone(), body: Box::new(body) }, predicates))
            }
            Rel::Aggregate { .. } => Err(refused("an aggregate below its top")),
            Rel::SetOp { .. } => Err(refused("UNION, INTERSECT or EXCEPT")),
            Rel::Limit { .. } => Err(refused("OFFSET")),
            Rel::Join { .. } => Err(refused("LATERAL")),
            Rel::Unit
            | Rel::Empty { .. }
            | Rel::Scan(_)
            | Rel::System(_)
            | Rel::Values { .. }
            | Rel::Constants { .. }
            | Rel::Function { .. }
            | Rel::CteRef { .. } => Err(refused("an outer column in FROM")),
        }
    }

    /// Whether the subqueries inside an expression take nothing from outside `input`.
    fn is_closed(&self, expr: &Expr, input: &Rel) -> bool {
        let (mut used, mut made) = (BTreeSet::new(), BTreeSet::new());
        any(expr, &mut |e| {
            if let Expr::Subquery(subquery) = e {
                used.extend(outer_columns(&subquery.rel));
            }
            false
        });
        made.extend(columns::of(input).unwrap_or_default().iter().map(|c| c.col));
        used.is_subset(&made)
    }

    fn pull_filter(&mut self, input: &Rel, predicate: &Expr) -> Result<(Rel, Vec<Expr>)> {
        let mut kept = Vec::new();
        let mut moved = Vec::new();
        for part in conjuncts(predicate) {
            if has_outer(part) {
                if has_subquery(part) {
                    return Err(refused("an outer column beside another subquery"));
                }
                moved.push(part.clone());
            } else if self.is_closed(part, input) {
                kept.push(part.clone());
            } else {
                return Err(refused("a subquery that refers two levels up"));
            }
        }
        let (input, mut predicates) = self.pull_up(input)?;
        predicates.extend(moved);
        let rel = match kept.is_empty() {
            true => input,
            false => Rel::Filter { input: Box::new(input), predicate: Expr::And(kept) },
        };
        Ok((rel, predicates))
    }

    fn pull_join(
        &mut self,
        kind: JoinKind,
        left: &Rel,
        right: &Rel,
        on: Option<&Expr>,
    ) -> Result<(Rel, Vec<Expr>)> {
        // A predicate may leave the preserved side of an outer join, and both sides of an inner one.
        let (from_left, from_right) = match kind {
            JoinKind::Inner => (true, true),
            JoinKind::Left => (true, false),
            JoinKind::Right => (false, true),
            JoinKind::Full => (false, false),
        };
        let (mut kept, mut predicates) = (Vec::new(), Vec::new());
        for part in on.map(conjuncts).unwrap_or_default() {
            match has_outer(part) {
                true if kind == JoinKind::Inner && !has_subquery(part) => predicates.push(part.clone()),
                true => return Err(refused("an outer column in the condition of an outer join")),
                false => kept.push(part.clone()),
            }
        }
        let mut side = |rel: &Rel, allowed: bool| {
            let (rel, pulled) = self.pull_up(rel)?;
            match allowed || pulled.is_empty() {
                true => Ok((rel, pulled)),
                false => Err(refused("an outer column below an outer join")),
            }
        };
        let (left, pulled_left) = side(left, from_left)?;
        let (right, pulled_right) = side(right, from_right)?;
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
        Ok((rel, predicates))
    }

    fn pull_aggregate(
        &mut self,
        input: &Rel,
        group: &[(Expr, ColRef)],
        aggregates: &[(sql::bound::AggregateCall, ColRef)],
    ) -> Result<(Rel, Vec<Expr>)> {
        let (input, predicates) = self.pull_up(input)?;
        let mut group = group.to_vec();
        let mut above = Vec::with_capacity(predicates.len());
        for predicate in &predicates {
            let found = equality(predicate).ok_or_else(|| refused("GROUP BY and no equality"))?;
            let key = TypedCol { col: self.fresh(), ty: found.inner.ty() };
            group.push((found.inner.clone(), key.col));
            above.push(replaced(predicate, &|e| (*e == found.inner).then(|| Expr::Column(key.clone()))));
        }
        let rel = Rel::Aggregate { input: Box::new(input), group, aggregates: aggregates.to_vec() };
        Ok((rel, above))
    }

    /// The first rows of each binding: those that a row number within the binding's rows lets through.
    fn pull_limit(&mut self, input: &Rel, count: &Expr) -> Result<(Rel, Vec<Expr>)> {
        let (input, predicates) = self.pull_up(input)?;
        let keys = equalities(&predicates, "LIMIT")?;
        let (input, order_by): (Rel, Vec<SortKey>) = match input {
            Rel::Sort { input, keys } => (*input, keys),
            other => (other, Vec::new()),
        };
        let int8 = SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64 };
        let number = TypedCol { col: self.fresh(), ty: int8.clone() };
        let frame = WindowFrame {
            unit: FrameUnit::Rows,
            start: FrameBound::UnboundedPreceding,
            end: FrameBound::CurrentRow,
        };
        let call = WindowCall {
            proc: ROW_NUMBER,
            args: Vec::new(),
            filter: None,
            partition_by: keys.into_iter().map(|key| key.inner).collect(),
            order_by,
            frame,
            ty: int8,
        };
        let window = Rel::Window { input: Box::new(input), calls: vec![(call, number.col)] };
        let within = Expr::Call {
            proc: INT8_LESS_OR_EQUAL,
            args: vec![Expr::Column(number), count.clone()],
            ty: crate::lower::expressions::boolean(),
        };
        Ok((Rel::Filter { input: Box::new(window), predicate: within }, predicates))
    }
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
