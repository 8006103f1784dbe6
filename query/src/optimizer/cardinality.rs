//! Guesses of how many rows a logical plan yields, from the tables up.
//!
//! Invariant: guesses choose plans; no answer depends on one.

use crate::scan::{ColumnEstimate, RelationEstimate, StorageTable};
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Aggregate, Expr, Join, JoinType, LogicalPlan, TableScan};
use std::any::Any;
use std::collections::BTreeMap;

/// Rows of a relation of which nothing is known, such as a system view.
const ROWS_UNKNOWN: f64 = 1_000.0;
/// Part of the rows that groups are taken to be when the number of values is unknown.
const GROUPS_UNKNOWN: f64 = 0.1;
/// Values of a column of which nothing is known, as part of the rows.
const DISTINCT_UNKNOWN: f64 = 0.2;
/// Part of the rows that have a partner when nothing is known about the keys.
const PARTNERS_UNKNOWN: f64 = 0.5;

/// The columns of both sides that a join compares; None for what is not a column.
pub(super) type KeyPair<'a> = (Option<&'a str>, Option<&'a str>);

/// Guesses the rows of a plan.
pub(super) fn estimate(plan: &LogicalPlan) -> RelationEstimate {
    match plan {
        LogicalPlan::TableScan(scan) => table(scan),
        LogicalPlan::Filter(filter) => estimate(&filter.input).filtered(&filter.predicate),
        LogicalPlan::Projection(projection) => projected(estimate(&projection.input), &projection.expr),
        LogicalPlan::Aggregate(aggregate) => grouped(aggregate),
        LogicalPlan::Join(join) => joined(join),
        LogicalPlan::Limit(limit) => {
            let input = estimate(&limit.input);
            match limit.fetch.as_deref() {
                Some(Expr::Literal(ScalarValue::Int64(Some(fetch)), _)) => {
                    RelationEstimate { rows: input.rows.min(*fetch as f64), ..input }
                }
                _ => input,
            }
        }
        LogicalPlan::Union(union) => {
            let rows = union.inputs.iter().map(|input| estimate(input).rows).sum();
            RelationEstimate { rows, rows_unfiltered: rows, ..RelationEstimate::default() }
        }
        LogicalPlan::Values(values) => unknown(values.values.len() as f64),
        LogicalPlan::EmptyRelation(_) => unknown(1.0),
        other => match other.inputs().as_slice() {
            [input] => estimate(input),
            _ => unknown(ROWS_UNKNOWN),
        },
    }
}

fn unknown(rows: f64) -> RelationEstimate {
    RelationEstimate { rows, rows_unfiltered: rows, ..RelationEstimate::default() }
}

fn table(scan: &TableScan) -> RelationEstimate {
    let Ok(provider) = source_as_provider(&scan.source) else { return unknown(ROWS_UNKNOWN) };
    let table = (provider.as_ref() as &dyn Any).downcast_ref::<StorageTable>();
    let Some(known) = table.and_then(|table| table.estimate().ok()) else { return unknown(ROWS_UNKNOWN) };
    let known = known.clone();
    match scan.filters.iter().cloned().reduce(Expr::and) {
        Some(predicate) => known.filtered(&predicate),
        None => known,
    }
}

/// Columns that go through keep what is known of them, under their new names.
fn projected(input: RelationEstimate, exprs: &[Expr]) -> RelationEstimate {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for expr in exprs {
        if let Expr::Column(column) = expr.clone().unalias() {
            let name = expr.schema_name().to_string();
            let name = if matches!(expr, Expr::Column(_)) { column.name.clone() } else { name };
            if let Some((known, _)) = input.columns.get_key_value(&column.name) {
                names.insert(known, name);
            }
        }
    }
    let renamed = |known: &String| names.get(known.as_str()).cloned();
    let columns = input.columns.iter().filter_map(|(known, c)| Some((renamed(known)?, *c))).collect();
    let keys = input.keys.iter().filter_map(|key| key.iter().map(renamed).collect()).collect();
    RelationEstimate { rows: input.rows, rows_unfiltered: input.rows_unfiltered, columns, keys }
}

fn grouped(aggregate: &Aggregate) -> RelationEstimate {
    let input = estimate(&aggregate.input);
    if aggregate.group_expr.is_empty() {
        return unknown(1.0);
    }
    let mut groups = 1.0;
    let mut columns = BTreeMap::new();
    let mut key = Vec::new();
    for expr in &aggregate.group_expr {
        let name = match expr {
            Expr::Column(column) => column.name.clone(),
            other => other.schema_name().to_string(),
        };
        let known = input.columns.get(&name).copied().unwrap_or_default();
        groups *= known.distinct.unwrap_or(input.rows * GROUPS_UNKNOWN).max(1.0);
        columns.insert(name.clone(), known);
        key.push(name);
    }
    let rows = groups.min(input.rows).max(1.0);
    for column in columns.values_mut() {
        column.distinct = column.distinct.map(|d| d.min(rows));
    }
    RelationEstimate { rows, rows_unfiltered: rows, columns, keys: vec![key] }
}

fn joined(join: &Join) -> RelationEstimate {
    let (left, right) = (estimate(&join.left), estimate(&join.right));
    let pairs: Vec<KeyPair<'_>> = join.on.iter().map(|(l, r)| (column_name(l), column_name(r))).collect();
    let rest = if join.filter.is_some() { PARTNERS_UNKNOWN } else { 1.0 };
    match join.join_type {
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
            let part = part_with_partner(&left, &right, &pairs, join.join_type == JoinType::LeftAnti);
            let part = if join.join_type == JoinType::LeftMark { 1.0 } else { part };
            RelationEstimate { rows: (left.rows * part).max(1.0), ..left }
        }
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right,
        kind => {
            let inner = left.rows * right.rows * part_joined(&left, &right, &pairs) * rest;
            let rows = match kind {
                JoinType::Left => inner.max(left.rows),
                JoinType::Right => inner.max(right.rows),
                JoinType::Full => inner.max(left.rows + right.rows),
                _ => inner,
            };
            let mut columns = left.columns;
            columns.extend(right.columns);
            let rows = rows.max(1.0);
            RelationEstimate { rows, rows_unfiltered: rows, columns, keys: Vec::new() }
        }
    }
}

/// The name of a column, when that is all an expression is.
pub(super) fn column_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(Column { name, .. }) => Some(name),
        _ => None,
    }
}

/// The part of all pairs of rows that have equal keys; `pairs` names the columns of each key.
pub(super) fn part_joined(left: &RelationEstimate, right: &RelationEstimate, pairs: &[KeyPair<'_>]) -> f64 {
    if pairs.is_empty() {
        return 1.0;
    }
    let left_names: Vec<_> = pairs.iter().map(|(name, _)| *name).collect();
    let right_names: Vec<_> = pairs.iter().map(|(_, name)| *name).collect();
    // Each row of the other side finds at most the one row with that key.
    let values = match (holds_key(left, &left_names), holds_key(right, &right_names)) {
        (true, true) => f64::max(left.rows_unfiltered, right.rows_unfiltered),
        (true, false) => left.rows_unfiltered,
        (false, true) => right.rows_unfiltered,
        (false, false) => f64::max(distinct(left, &left_names), distinct(right, &right_names)),
    };
    1.0 / values.max(1.0)
}

/// The part of the left rows that have, or when `anti` have not, a partner.
pub(super) fn part_with_partner(
    left: &RelationEstimate,
    right: &RelationEstimate,
    pairs: &[KeyPair<'_>],
    anti: bool,
) -> f64 {
    let left_names: Vec<_> = pairs.iter().map(|(name, _)| *name).collect();
    let right_names: Vec<_> = pairs.iter().map(|(_, name)| *name).collect();
    let known = pairs.iter().all(|(l, _)| l.is_some_and(|n| column(left, n).distinct.is_some()));
    let part = match known && !pairs.is_empty() {
        true => {
            let values = distinct(right, &right_names).min(right.rows);
            (values / distinct(left, &left_names).max(1.0)).min(1.0)
        }
        false => PARTNERS_UNKNOWN,
    };
    let part = if anti { 1.0 - part } else { part };
    part.clamp(0.0001, 1.0)
}

fn column(relation: &RelationEstimate, name: &str) -> ColumnEstimate {
    relation.columns.get(name).copied().unwrap_or_default()
}

fn holds_key(relation: &RelationEstimate, names: &[Option<&str>]) -> bool {
    relation.keys.iter().any(|key| key.iter().all(|column| names.contains(&Some(column.as_str()))))
}

/// Values of some columns together.
fn distinct(relation: &RelationEstimate, names: &[Option<&str>]) -> f64 {
    let unknown = relation.rows_unfiltered * DISTINCT_UNKNOWN;
    let of = |name: &Option<&str>| name.and_then(|n| column(relation, n).distinct).unwrap_or(unknown);
    let all: f64 = names.iter().map(|name| of(name).max(1.0)).product();
    all.min(relation.rows_unfiltered)
}
