//! A tree of joins as a graph: relations, equalities between them, other predicates.
//!
//! Must not know costs. Invariant: `of` and `build` lose no predicate and add none; `build` applies each at the lowest
//! join that has all its columns.

use crate::optimizer::cardinality::{KeyPair, column_name, estimate, part_joined, part_with_partner};
use crate::optimizer::join_order::JoinTree;
use crate::scan::RelationEstimate;
use datafusion::common::{Column, DataFusionError, JoinConstraint, NullEquality, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, Join, JoinType, LogicalPlan};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Relations of one graph, at most 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RelationSet(u64);

impl RelationSet {
    const EMPTY: Self = Self(0);

    pub(super) fn one(index: usize) -> Self {
        Self(1 << index)
    }

    /// The relations below `count`.
    pub(super) fn first(count: usize) -> Self {
        Self(if count >= 64 { u64::MAX } else { (1 << count) - 1 })
    }

    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn is_in(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the lowest relation of `other` is among these.
    pub(super) fn contains_first_of(self, other: Self) -> bool {
        self.0 & (other.0 & other.0.wrapping_neg()) != 0
    }

    /// All subsets but the empty one, smaller numbers first.
    pub(super) fn subsets(self) -> impl Iterator<Item = Self> {
        let mut next = 0_u64;
        std::iter::from_fn(move || {
            next = next.wrapping_sub(self.0) & self.0;
            (next != 0).then_some(Self(next))
        })
    }

    fn index(self) -> Option<usize> {
        (self.len() == 1).then(|| self.0.trailing_zeros() as usize)
    }
}

/// A relation of the graph.
#[derive(Debug)]
struct Relation {
    plan: LogicalPlan,
    columns: HashSet<Column>,
    estimate: RelationEstimate,
    /// For the right side of a semi or anti join: its kind. It only filters what it is joined to.
    half: Option<Half>,
}

/// The right side of a semi or anti join.
#[derive(Clone, Debug)]
struct Half {
    kind: JoinType,
    on: Vec<(Expr, Expr)>,
    filter: Option<Expr>,
    /// The relations that `on` and `filter` read on the left side.
    reads: RelationSet,
}

/// An equality of two expressions over different relations.
#[derive(Debug)]
struct Equality {
    left: Expr,
    right: Expr,
    left_reads: RelationSet,
    right_reads: RelationSet,
}

#[derive(Debug, Default)]
pub(super) struct JoinGraph {
    relations: Vec<Relation>,
    equalities: Vec<Equality>,
    /// Other predicates over more than one relation.
    predicates: Vec<(Expr, RelationSet)>,
}

impl JoinGraph {
    /// None when there is nothing to choose or something that must stay as it is.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Option<Self>> {
        let mut parts = Parts::default();
        if !parts.flatten(plan) || parts.relations.len() < 2 || parts.relations.len() > 64 {
            return Ok(None);
        }
        let mut graph = Self::default();
        for (plan, half) in parts.relations {
            let columns = plan.schema().columns().into_iter().collect();
            graph.relations.push(Relation { estimate: estimate(&plan), plan, columns, half });
        }
        for (left, right) in parts.equalities {
            let (left_reads, right_reads) = (graph.reads(&left), graph.reads(&right));
            let (Some(left_reads), Some(right_reads)) = (left_reads, right_reads) else { return Ok(None) };
            match left_reads.without(right_reads) == left_reads
                && left_reads.len() > 0
                && right_reads.len() > 0
            {
                true => graph.equalities.push(Equality { left, right, left_reads, right_reads }),
                false => graph.predicates.push((left.eq(right), left_reads.union(right_reads))),
            }
        }
        for predicate in parts.predicates {
            let Some(reads) = graph.reads(&predicate) else { return Ok(None) };
            if predicate.is_volatile() || reads.len() == 0 {
                return Ok(None);
            }
            graph.predicates.push((predicate, reads));
        }
        for index in 0..graph.relations.len() {
            let Some(half) = graph.relations.get(index).and_then(|r| r.half.clone()) else { continue };
            let Some(reads) = graph.reads_of_half(index, &half) else { return Ok(None) };
            if let Some(relation) = graph.relations.get_mut(index) {
                relation.half = Some(Half { reads, ..half });
            }
        }
        Ok(Some(graph))
    }

    pub(super) fn len(&self) -> usize {
        self.relations.len()
    }

    pub(super) fn rows(&self, index: usize) -> f64 {
        self.relations.get(index).map_or(1.0, |r| r.estimate.rows)
    }

    /// Whether a set is the right side of a semi or anti join alone.
    pub(super) fn is_half(&self, set: RelationSet) -> bool {
        self.half(set).is_some()
    }

    fn half(&self, set: RelationSet) -> Option<(&Relation, &Half)> {
        let relation = self.relations.get(set.index()?)?;
        relation.half.as_ref().map(|half| (relation, half))
    }

    pub(super) fn map_relations(&mut self, f: impl Fn(LogicalPlan) -> Result<LogicalPlan>) -> Result<()> {
        for relation in &mut self.relations {
            relation.plan = f(relation.plan.clone())?;
        }
        Ok(())
    }

    /// The relations that an expression reads; None when a column is of none of them.
    fn reads(&self, expr: &Expr) -> Option<RelationSet> {
        let mut set = RelationSet::EMPTY;
        for column in expr.column_refs() {
            let index = self.relations.iter().position(|r| r.half.is_none() && r.columns.contains(column))?;
            set = set.union(RelationSet::one(index));
        }
        Some(set)
    }

    /// What the condition of a half join reads on its left side.
    fn reads_of_half(&self, index: usize, half: &Half) -> Option<RelationSet> {
        let own = &self.relations.get(index)?.columns;
        let mut set = RelationSet::EMPTY;
        let exprs = half.on.iter().map(|(left, _)| left).chain(&half.filter);
        for column in exprs.flat_map(Expr::column_refs).filter(|column| !own.contains(*column)) {
            set = set.union(self.reads(&Expr::Column(column.clone()))?);
        }
        Some(set)
    }

    /// The part of all pairs of rows of two sets that a join of them keeps; for a half join the part of the left
    /// rows. None when they cannot be joined, or when nothing `connected` them and that was asked for.
    pub(super) fn part_joined(&self, a: RelationSet, b: RelationSet, connected: bool) -> Option<f64> {
        match (self.half(a), self.half(b)) {
            (Some(_), Some(_)) => return None,
            (Some((relation, half)), None) => return self.part_of_half(b, relation, half),
            (None, Some((relation, half))) => return self.part_of_half(a, relation, half),
            (None, None) => {}
        }
        let mut pairs: BTreeMap<(usize, usize), Vec<KeyPair<'_>>> = BTreeMap::new();
        let mut part = 1.0;
        let mut found = false;
        for (left, right, left_reads, right_reads) in self.equalities_between(a, b) {
            found = true;
            match (left_reads.index(), right_reads.index()) {
                (Some(l), Some(r)) => {
                    pairs.entry((l, r)).or_default().push((column_name(left), column_name(right)));
                }
                _ => part *= 0.1,
            }
        }
        if connected && !found {
            return None;
        }
        for ((l, r), pairs) in pairs {
            if let (Some(l), Some(r)) = (self.relations.get(l), self.relations.get(r)) {
                part *= part_joined(&l.estimate, &r.estimate, &pairs);
            }
        }
        for (predicate, _) in self.predicates_completed_by(a, b) {
            part *= RelationEstimate::default().part_kept(predicate);
        }
        Some(part)
    }

    fn part_of_half(&self, left: RelationSet, right: &Relation, half: &Half) -> Option<f64> {
        if !half.reads.is_in(left) || half.reads.len() == 0 {
            return None;
        }
        let pairs: Vec<_> = half.on.iter().map(|(l, r)| (column_name(l), column_name(r))).collect();
        let anti = half.kind == JoinType::LeftAnti;
        let part = match half.reads.index().and_then(|index| self.relations.get(index)) {
            Some(relation) => part_with_partner(&relation.estimate, &right.estimate, &pairs, anti),
            None => 0.5,
        };
        // A further condition makes partners rarer.
        Some(if half.filter.is_some() { f64::midpoint(part, if anti { 1.0 } else { 0.0 }) } else { part })
    }

    /// Equalities between two sets, the side of `a` first.
    fn equalities_between(
        &self,
        a: RelationSet,
        b: RelationSet,
    ) -> impl Iterator<Item = (&Expr, &Expr, RelationSet, RelationSet)> {
        self.equalities.iter().filter_map(move |e| {
            if e.left_reads.is_in(a) && e.right_reads.is_in(b) {
                Some((&e.left, &e.right, e.left_reads, e.right_reads))
            } else if e.right_reads.is_in(a) && e.left_reads.is_in(b) {
                Some((&e.right, &e.left, e.right_reads, e.left_reads))
            } else {
                None
            }
        })
    }

    /// Predicates that can be told once two sets are joined, and not before.
    fn predicates_completed_by(
        &self,
        a: RelationSet,
        b: RelationSet,
    ) -> impl Iterator<Item = &(Expr, RelationSet)> {
        let both = a.union(b);
        self.predicates
            .iter()
            .filter(move |(_, reads)| reads.is_in(both) && !reads.is_in(a) && !reads.is_in(b))
    }

    /// The plan of a tree.
    pub(super) fn build(&self, tree: &JoinTree) -> Result<LogicalPlan> {
        let Some((left_tree, right_tree)) = &tree.sides else { return self.leaf(tree.relations) };
        let (a, b) = (left_tree.relations, right_tree.relations);
        let (left, right) = (Arc::new(self.build(left_tree)?), Arc::new(self.build(right_tree)?));
        let (kind, on, filter) = match self.half(b) {
            Some((_, half)) => (half.kind, half.on.clone(), half.filter.clone()),
            None => {
                let on = self.equalities_between(a, b).map(|(l, r, ..)| (l.clone(), r.clone())).collect();
                let mut rest: Vec<Expr> =
                    self.predicates_completed_by(a, b).map(|(expr, _)| expr.clone()).collect();
                rest.extend(self.straddling(a, b));
                (JoinType::Inner, on, conjunction(rest))
            }
        };
        let nulls = NullEquality::NullEqualsNothing;
        let constraint = JoinConstraint::On;
        Join::try_new(left, right, on, filter, kind, constraint, nulls, false).map(LogicalPlan::Join)
    }

    /// Equalities that both sides need both sets for.
    fn straddling(&self, a: RelationSet, b: RelationSet) -> impl Iterator<Item = Expr> {
        let both = a.union(b);
        self.equalities.iter().filter_map(move |e| {
            let reads = e.left_reads.union(e.right_reads);
            let completed = reads.is_in(both) && !reads.is_in(a) && !reads.is_in(b);
            let is_key = (e.left_reads.is_in(a) && e.right_reads.is_in(b))
                || (e.right_reads.is_in(a) && e.left_reads.is_in(b));
            (completed && !is_key).then(|| e.left.clone().eq(e.right.clone()))
        })
    }

    /// A relation with the predicates that read it alone.
    fn leaf(&self, set: RelationSet) -> Result<LogicalPlan> {
        let relation = set.index().and_then(|index| self.relations.get(index));
        let relation =
            relation.ok_or_else(|| DataFusionError::Internal("a join tree names no relation".to_owned()))?;
        let own = self.predicates.iter().filter(|(_, reads)| reads.is_in(set)).map(|(expr, _)| expr.clone());
        match conjunction(own) {
            Some(predicate) if relation.half.is_none() => {
                Ok(LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(relation.plan.clone()))?))
            }
            _ => Ok(relation.plan.clone()),
        }
    }
}

/// What a tree of joins is made of.
#[derive(Debug, Default)]
struct Parts {
    relations: Vec<(LogicalPlan, Option<Half>)>,
    equalities: Vec<(Expr, Expr)>,
    predicates: Vec<Expr>,
}

impl Parts {
    /// Takes a plan apart. False when it holds a join that must stay as it is.
    fn flatten(&mut self, plan: &LogicalPlan) -> bool {
        match plan {
            LogicalPlan::Join(join) if join.null_aware => false,
            LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
                if join.null_equality != NullEquality::NullEqualsNothing {
                    return false;
                }
                self.equalities.extend(join.on.iter().cloned());
                self.predicates.extend(join.filter.clone().map(split_conjunction_owned).unwrap_or_default());
                self.input(&join.left) && self.input(&join.right)
            }
            LogicalPlan::Join(join) if matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti) => {
                if join.null_equality != NullEquality::NullEqualsNothing || !self.input(&join.left) {
                    return false;
                }
                let (on, filter) = (join.on.clone(), join.filter.clone());
                let half = Half { kind: join.join_type, on, filter, reads: RelationSet::EMPTY };
                self.relations.push((join.right.as_ref().clone(), Some(half)));
                true
            }
            LogicalPlan::Filter(filter) => {
                self.predicates.extend(split_conjunction_owned(filter.predicate.clone()));
                self.input(&filter.input)
            }
            LogicalPlan::Projection(projection) => self.input(&projection.input),
            _ => false,
        }
    }

    /// A side of a join: taken apart when it is a tree of joins itself, else a relation.
    fn input(&mut self, plan: &LogicalPlan) -> bool {
        if is_tree(plan) {
            return self.flatten(plan);
        }
        self.relations.push((plan.clone(), None));
        true
    }
}

/// Whether a plan is a join that can be taken apart, perhaps under a choice of columns or a filter.
fn is_tree(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Join(join) => {
            matches!(join.join_type, JoinType::Inner | JoinType::LeftSemi | JoinType::LeftAnti)
                && join.null_equality == NullEquality::NullEqualsNothing
                && !join.null_aware
        }
        LogicalPlan::Projection(projection) => {
            projection.expr.iter().all(|e| matches!(e, Expr::Column(_))) && is_tree(&projection.input)
        }
        LogicalPlan::Filter(filter) => is_tree(&filter.input),
        _ => false,
    }
}
