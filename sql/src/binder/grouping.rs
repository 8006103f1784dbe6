//! Grouped queries: expressions over the groups instead of over the input.
//!
//! Invariant: above an aggregation no expression uses a column of its input.

use super::expr::boolean;
use super::grouping_sets::{GroupBy, Key};
use super::names::located;
use super::type_name::held;
use super::{Binder, Scope, Term};
use crate::bound::{AggregateCall, ColRef, Expr, Rel, TypedCol, walk};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use std::collections::HashSet;
use types::Datum;
use types::sql_type::oid;

/// pg_proc OID of the equality of bigints.
const INT8_EQUAL: Oid = Oid(467);

/// The groups of one query level.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) keys: Vec<(Expr, ColRef)>,
    /// The items of the select list that are keys.
    targets: Vec<(usize, TypedCol)>,
    /// Columns of the input.
    inputs: HashSet<ColRef>,
    /// Input columns that follow from a grouped primary key, and become keys when used.
    dependent: HashSet<ColRef>,
    /// The column with the place of a row's set, and the sets, when there are several.
    pub(super) sets: Option<(ColRef, Vec<Vec<usize>>)>,
    /// Arguments of GROUPING by the column that stands for the call.
    groupings: Vec<(Vec<Term>, ColRef)>,
}

impl Groups {
    pub(super) fn new(
        binder: &mut Binder<'_>,
        group: GroupBy,
        groupings: Vec<(Vec<Term>, ColRef)>,
        scope: &Scope<'_>,
    ) -> Self {
        let GroupBy { keys: items, sets, items: _, distinct: _ } = group;
        let inputs = scope.tables.iter().flat_map(|t| &t.columns).map(|c| c.typed.col).collect();
        let (mut keys, mut targets) = (Vec::with_capacity(items.len()), Vec::new());
        for Key { expr, target } in items {
            let col = binder.new_col();
            targets.extend(target.map(|target| (target, TypedCol { col, ty: expr.ty() })));
            keys.push((expr, col));
        }
        let in_all = |place: &usize| sets.iter().flatten().all(|set| set.contains(place));
        let common = keys.iter().enumerate().filter(|(place, _)| in_all(place)).map(|(_, (key, _))| key);
        let dependent = dependent_columns(binder, common, scope);
        let sets = match sets {
            // All rows are in the only set.
            None => None,
            Some(sets) if sets.len() == 1 => None,
            Some(sets) => Some((binder.new_col(), sets)),
        };
        Self { keys, targets, inputs, dependent, sets, groupings }
    }

    /// The groups of a relation with aggregates over them.
    pub(super) fn relation(self, input: Rel, aggregates: Vec<(AggregateCall, ColRef)>) -> Rel {
        let (input, group) = (Box::new(input), self.keys);
        match self.sets {
            None => Rel::Aggregate { input, group, aggregates },
            Some((set, sets)) => Rel::GroupingSets { input, set, sets, group, aggregates },
        }
    }

    /// The key that an item of the select list is.
    pub(super) fn target(&self, place: usize) -> Option<Expr> {
        let found = self.targets.iter().find(|(target, _)| *target == place);
        found.map(|(_, column)| Expr::Column(column.clone()))
    }

    /// Rewrites an expression of the select list, HAVING, ORDER BY or a window to use the groups.
    pub(super) fn rewrite(
        &mut self,
        binder: &mut Binder<'_>,
        expr: &mut Expr,
        uses: &[(ColRef, usize)],
        scope: &Scope<'_>,
    ) -> Result<()> {
        walk::rewrite(expr, &mut |node| self.replace(binder, node, uses, scope))
    }

    fn replace(
        &mut self,
        binder: &mut Binder<'_>,
        node: &mut Expr,
        uses: &[(ColRef, usize)],
        scope: &Scope<'_>,
    ) -> Result<bool> {
        if let Some((key, col)) = self.keys.iter().find(|(key, _)| key == node) {
            *node = Expr::Column(TypedCol { col: *col, ty: key.ty() });
            return Ok(true);
        }
        match node {
            Expr::Column(used) if self.groupings.iter().any(|(_, col)| *col == used.col) => {
                *node = self.grouping(used.col)?;
                Ok(true)
            }
            Expr::Outer(used) if self.groupings.iter().any(|(_, col)| *col == used.col) => {
                *node = self.grouping(used.col)?;
                // In a subquery, the set of this level is outside.
                let set = self.sets.as_ref().map(|(set, _)| *set);
                walk::rewrite(node, &mut |inner| {
                    if let Expr::Column(c) = inner
                        && Some(c.col) == set
                    {
                        *inner = Expr::Outer(c.clone());
                    }
                    Ok(false)
                })?;
                Ok(true)
            }
            Expr::Column(used) if self.inputs.contains(&used.col) => {
                if !self.dependent.contains(&used.col) {
                    return Err(ungrouped(binder, used.col, uses, scope, false));
                }
                *node = self.dependent_key(binder, used.clone());
                Ok(true)
            }
            // In a subquery, a column of this level is an outer one.
            Expr::Outer(used) if self.inputs.contains(&used.col) => {
                let own = Expr::Column(used.clone());
                let known = self.keys.iter().find(|(key, _)| *key == own).map(|(key, col)| (key.ty(), *col));
                if let Some((ty, col)) = known {
                    *node = Expr::Outer(TypedCol { col, ty });
                } else if self.dependent.contains(&used.col) {
                    if let Expr::Column(typed) = self.dependent_key(binder, used.clone()) {
                        *node = Expr::Outer(typed);
                    }
                } else {
                    return Err(ungrouped(binder, used.col, uses, scope, true));
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The value of a GROUPING by the row's set.
    fn grouping(&self, col: ColRef) -> Result<Expr> {
        let args = self.groupings.iter().find(|(_, c)| *c == col).map(|(args, _)| args.as_slice());
        let mut places = Vec::new();
        for Term { expr, at } in args.unwrap_or_default() {
            let place = self.keys.iter().position(|(key, _)| key == expr).ok_or_else(|| {
                let message =
                    "arguments to GROUPING must be grouping expressions of the associated query level";
                located(Error::new(ErrorKind::Grouping, message), *at)
            })?;
            places.push(place);
        }
        let (int4, int8) = (held(oid::INT4, -1)?, held(oid::INT8, -1)?);
        let constant = |value: i32| Expr::Const(Datum::Int32(value), int4.clone());
        let Some((set, sets)) = &self.sets else { return Ok(constant(0)) };
        let mut whens = Vec::with_capacity(sets.len());
        for (number, keys) in sets.iter().enumerate() {
            let number = Expr::Const(Datum::Int64(i64::try_from(number).unwrap_or(i64::MAX)), int8.clone());
            let args = vec![Expr::Column(TypedCol { col: *set, ty: int8.clone() }), number];
            let is_this = Expr::Call { proc: INT8_EQUAL, args, ty: boolean() };
            whens.push((is_this, constant(mask(&places, keys))));
        }
        Ok(Expr::Case { whens, otherwise: None, ty: int4 })
    }

    /// Groups by one more column, which the primary key determines, so that the groups stay the same.
    fn dependent_key(&mut self, binder: &mut Binder<'_>, used: TypedCol) -> Expr {
        let own = Expr::Column(used.clone());
        let known = self.keys.iter().find(|(key, _)| *key == own).map(|(_, col)| *col);
        let col = known.unwrap_or_else(|| {
            let col = binder.new_col();
            for set in self.sets.iter_mut().flat_map(|(_, sets)| sets) {
                set.push(self.keys.len());
            }
            self.keys.push((own, col));
            col
        });
        Expr::Column(TypedCol { col, ty: used.ty })
    }
}

/// A number with one bit per argument of GROUPING, the last one lowest: whether it is not in the set.
fn mask(places: &[usize], set: &[usize]) -> i32 {
    places.iter().fold(0, |mask, place| mask << 1 | i32::from(!set.contains(place)))
}

/// Columns of tables all of whose primary key columns are grouped.
fn dependent_columns<'k>(
    binder: &Binder<'_>,
    keys: impl Iterator<Item = &'k Expr>,
    scope: &Scope<'_>,
) -> HashSet<ColRef> {
    let grouped: HashSet<ColRef> = keys
        .filter_map(|e| match e {
            Expr::Column(c) => Some(c.col),
            _ => None,
        })
        .collect();
    let mut dependent = HashSet::new();
    for entry in &scope.tables {
        let Some(origin) = entry.columns.iter().map(|c| c.origin.0).find(|o| o.0 != 0) else { continue };
        let Some(table) = binder.context.catalog.table_of_relation(origin) else { continue };
        let is_grouped = |id: base::id::ColumnId| {
            entry.columns.iter().any(|c| {
                c.origin.0 == origin
                    && u32::try_from(c.origin.1).is_ok_and(|number| number == id.0)
                    && grouped.contains(&c.typed.col)
            })
        };
        if table.has_primary_key() && table.primary_key.iter().all(|id| is_grouped(*id)) {
            dependent.extend(entry.columns.iter().filter(|c| c.origin.0 == origin).map(|c| c.typed.col));
        }
    }
    dependent
}

fn ungrouped(
    binder: &Binder<'_>,
    col: ColRef,
    uses: &[(ColRef, usize)],
    scope: &Scope<'_>,
    in_subquery: bool,
) -> Error {
    let entry = scope.tables.iter().find_map(|t| {
        t.columns.iter().find(|c| c.typed.col == col).map(|c| (t.name.as_str(), c.name.as_str()))
    });
    let shown = entry.map_or_else(String::new, |(table, column)| {
        if table.is_empty() { column.to_owned() } else { format!("{table}.{column}") }
    });
    let message = if in_subquery {
        format!("subquery uses ungrouped column \"{shown}\" from outer query")
    } else {
        format!("column \"{shown}\" must appear in the GROUP BY clause or be used in an aggregate function")
    };
    let at = uses.iter().find(|(c, _)| *c == col).map(|(_, at)| *at);
    let at = at.or_else(|| binder.uses.get(&col).map(|(at, _)| *at)).unwrap_or(0);
    located(Error::new(ErrorKind::Grouping, message), at)
}
