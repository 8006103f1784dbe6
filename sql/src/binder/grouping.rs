//! Grouped queries: expressions over the groups instead of over the input.
//!
//! Invariant: above an aggregation no expression uses a column of its input.

use super::names::located;
use super::{Binder, Scope};
use crate::bound::{ColRef, Expr, TypedCol, walk};
use base::{Error, ErrorKind, Result};
use std::collections::HashSet;

/// The groups of one query level.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) keys: Vec<(Expr, ColRef)>,
    /// Columns of the input.
    inputs: HashSet<ColRef>,
    /// Input columns that follow from a grouped primary key, and become keys when used.
    dependent: HashSet<ColRef>,
}

impl Groups {
    pub(super) fn new(binder: &mut Binder<'_>, exprs: Vec<Expr>, scope: &Scope<'_>) -> Self {
        let inputs = scope.tables.iter().flat_map(|t| &t.columns).map(|c| c.typed.col).collect();
        let mut keys: Vec<(Expr, ColRef)> = Vec::new();
        for expr in exprs {
            if !keys.iter().any(|(known, _)| *known == expr) {
                keys.push((expr, binder.new_col()));
            }
        }
        let dependent = dependent_columns(binder, &keys, scope);
        Self { keys, inputs, dependent }
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

    /// Groups by one more column, which the primary key determines, so that the groups stay the same.
    fn dependent_key(&mut self, binder: &mut Binder<'_>, used: TypedCol) -> Expr {
        let own = Expr::Column(used.clone());
        let known = self.keys.iter().find(|(key, _)| *key == own).map(|(_, col)| *col);
        let col = known.unwrap_or_else(|| {
            let col = binder.new_col();
            self.keys.push((own, col));
            col
        });
        Expr::Column(TypedCol { col, ty: used.ty })
    }
}

/// Columns of tables all of whose primary key columns are grouped.
fn dependent_columns(binder: &Binder<'_>, keys: &[(Expr, ColRef)], scope: &Scope<'_>) -> HashSet<ColRef> {
    let grouped: HashSet<ColRef> = keys
        .iter()
        .filter_map(|(e, _)| match e {
            Expr::Column(c) => Some(c.col),
            _ => None,
        })
        .collect();
    let mut dependent = HashSet::new();
    for entry in &scope.tables {
        let Some(origin) = entry.columns.iter().map(|c| c.origin.0).find(|o| o.0 != 0) else { continue };
        let Some(table) = binder.context.catalog.tables().find(|t| t.oid == origin) else { continue };
        let is_grouped = |id| {
            let index = table.column_index(id);
            entry.columns.iter().any(|c| {
                c.origin.0 == origin
                    && usize::try_from(c.origin.1).ok().and_then(|a| a.checked_sub(1)) == index
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
