//! The order of inner joins, and where among them semi and anti joins filter.
//!
//! A tree of joins becomes a graph: relations, equalities between them, other predicates. The cheapest tree over the
//! graph is found by dynamic programming over sets of relations (Moerkotte and Neumann, "Analysis of two existing and
//! one new dynamic programming algorithm", 2006, without its enumeration), or for many relations by joining the two
//! parts with the smallest result again and again (Fegaras, "A new heuristic for optimizing large queries", 1998).
//! Invariant: the rows are the same in any order; the columns come out as before.

use crate::optimizer::join_graph::{JoinGraph, RelationSet};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{JoinType, LogicalPlan, Projection};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::collections::HashMap;
use std::sync::Arc;

/// Relations up to which all trees are compared.
const EXHAUSTIVE_MAX: usize = 10;
/// What a row costs that is put into a hash table, in rows that look one up.
const BUILD_COST: f64 = 3.0;

#[derive(Debug)]
pub(super) struct JoinOrder;

impl OptimizerRule for JoinOrder {
    fn name(&self) -> &'static str {
        "join_order"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        None
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        reordered(plan)
    }
}

/// The plan with each tree of joins in it in the order chosen.
fn reordered(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let graph = if starts_tree(&plan) { JoinGraph::of(&plan)? } else { None };
    let Some(mut graph) = graph else { return plan.map_children(reordered) };
    let Some(tree) = cheapest(&graph) else { return plan.map_children(reordered) };
    graph.map_relations(|relation| Ok(reordered(relation)?.data))?;
    let schema = Arc::clone(plan.schema());
    let joined = graph.build(&tree)?;
    Ok(Transformed::yes(LogicalPlan::Projection(Projection::new_from_schema(Arc::new(joined), schema))))
}

fn starts_tree(plan: &LogicalPlan) -> bool {
    let kind = |plan: &LogicalPlan| match plan {
        LogicalPlan::Join(join) => Some(join.join_type),
        _ => None,
    };
    match plan {
        LogicalPlan::Join(join) => {
            matches!(join.join_type, JoinType::Inner | JoinType::LeftSemi | JoinType::LeftAnti)
        }
        LogicalPlan::Filter(filter) => kind(&filter.input) == Some(JoinType::Inner),
        _ => false,
    }
}

/// A tree of joins over relations of a graph.
#[derive(Clone, Debug)]
pub(super) struct JoinTree {
    pub(super) relations: RelationSet,
    pub(super) rows: f64,
    cost: f64,
    /// None for one relation. The left side is the one to be put into a hash table.
    pub(super) sides: Option<(Arc<JoinTree>, Arc<JoinTree>)>,
}

impl JoinTree {
    fn leaf(graph: &JoinGraph, index: usize) -> Self {
        Self { relations: RelationSet::one(index), rows: graph.rows(index), cost: 0.0, sides: None }
    }

    /// Two trees joined; None when that is not possible, or nothing connects them and that is asked for.
    fn joined(graph: &JoinGraph, a: &Arc<Self>, b: &Arc<Self>, connected: bool) -> Option<Self> {
        let part = graph.part_joined(a.relations, b.relations, connected)?;
        let half = graph.is_half(a.relations) || graph.is_half(b.relations);
        let rows = match half {
            true => (part * if graph.is_half(a.relations) { b.rows } else { a.rows }).max(1.0),
            false => (a.rows * b.rows * part).max(1.0),
        };
        let (small, large) = if a.rows <= b.rows { (a, b) } else { (b, a) };
        let (left, right) = match (graph.is_half(a.relations), graph.is_half(b.relations)) {
            (true, _) => (b, a),
            (_, true) => (a, b),
            _ => (small, large),
        };
        let cost = a.cost + b.cost + BUILD_COST * small.rows + large.rows + rows;
        let sides = Some((Arc::clone(left), Arc::clone(right)));
        Some(Self { relations: a.relations.union(b.relations), rows, cost, sides })
    }
}

fn cheapest(graph: &JoinGraph) -> Option<JoinTree> {
    match graph.len() {
        0 | 1 => None,
        few if few <= EXHAUSTIVE_MAX => exhaustive(graph),
        _ => greedy(graph),
    }
}

fn exhaustive(graph: &JoinGraph) -> Option<JoinTree> {
    let all = RelationSet::first(graph.len());
    let mut best: HashMap<RelationSet, Arc<JoinTree>> = HashMap::new();
    for index in 0..graph.len() {
        best.insert(RelationSet::one(index), Arc::new(JoinTree::leaf(graph, index)));
    }
    // In order of their numbers every subset of a set comes before the set.
    for set in all.subsets() {
        if set.len() < 2 {
            continue;
        }
        for connected in [true, false] {
            let mut found: Option<JoinTree> = None;
            for part in set.subsets().filter(|part| part.contains_first_of(set) && *part != set) {
                let (Some(a), Some(b)) = (best.get(&part), best.get(&set.without(part))) else { continue };
                if let Some(tree) = JoinTree::joined(graph, a, b, connected)
                    && found.as_ref().is_none_or(|known| tree.cost < known.cost)
                {
                    found = Some(tree);
                }
            }
            // Products only where the whole is not connected otherwise.
            if let Some(found) = found {
                best.insert(set, Arc::new(found));
                break;
            }
            if set != all {
                break;
            }
        }
    }
    best.remove(&all).map(Arc::unwrap_or_clone).or_else(|| greedy(graph))
}

fn greedy(graph: &JoinGraph) -> Option<JoinTree> {
    let mut parts: Vec<Arc<JoinTree>> =
        (0..graph.len()).map(|index| Arc::new(JoinTree::leaf(graph, index))).collect();
    while parts.len() > 1 {
        let mut found: Option<(usize, usize, JoinTree)> = None;
        for connected in [true, false] {
            for (i, a) in parts.iter().enumerate() {
                for (j, b) in parts.iter().enumerate().skip(i + 1) {
                    if let Some(tree) = JoinTree::joined(graph, a, b, connected)
                        && found.as_ref().is_none_or(|(_, _, known)| tree.rows < known.rows)
                    {
                        found = Some((i, j, tree));
                    }
                }
            }
            if found.is_some() {
                break;
            }
        }
        let (i, j, tree) = found?;
        parts.remove(j);
        parts.remove(i);
        parts.push(Arc::new(tree));
    }
    parts.pop().map(Arc::unwrap_or_clone)
}
