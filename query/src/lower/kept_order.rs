//! The order that the rows of a relation come in, where what is made of them shows it: arrays, JSON, strings.
//!
//! Must not know how rows are sorted. Invariant: an order is told over columns that the relation yields.

use crate::lower::scope::Lowering;
use sql::bound::{Expr, Rel, SortKey, TypedCol};

/// The order of a relation's rows when it has one, told over its own columns.
pub(crate) fn order_of(rel: &Rel) -> Vec<SortKey> {
    match rel {
        Rel::Sort { keys, .. } => keys.clone(),
        Rel::Filter { input, .. } | Rel::Limit { input, .. } => order_of(input),
        Rel::Project { input, items } => {
            let kept = |key: &SortKey| {
                let inner = &key.expr;
                let found = items.iter().find(|(expr, _)| expr == inner);
                found.map(|(expr, col)| SortKey {
                    expr: Expr::Column(TypedCol { col: *col, ty: expr.ty() }),
                    ..key.clone()
                })
            };
            order_of(input).iter().map_while(kept).collect()
        }
        _ => Vec::new(),
    }
}

impl Lowering<'_> {
    /// A relation with what its rows are ordered by among its columns, and that order.
    pub(super) fn with_order(&mut self, rel: &Rel) -> (Rel, Vec<SortKey>) {
        match rel {
            Rel::Sort { keys, .. } => (rel.clone(), keys.clone()),
            Rel::Filter { input, predicate } => {
                let (input, keys) = self.with_order(input);
                (Rel::Filter { input: Box::new(input), predicate: predicate.clone() }, keys)
            }
            Rel::Limit { input, count, offset, ties } => {
                let (input, keys) = self.with_order(input);
                let (count, offset, ties) = (count.clone(), offset.clone(), ties.clone());
                (Rel::Limit { input: Box::new(input), count, offset, ties }, keys)
            }
            Rel::With { ctes, body } => {
                let (body, keys) = self.with_order(body);
                (Rel::With { ctes: ctes.clone(), body: Box::new(body) }, keys)
            }
            Rel::Join { kind, left, right, on: None, lateral: true } if is_one_row(left) => {
                let (right, keys) = self.with_order(right);
                let (left, right) = (left.clone(), Box::new(right));
                (Rel::Join { kind: *kind, left, right, on: None, lateral: true }, keys)
            }
            Rel::Project { input, items } => {
                let (input, inner) = self.with_order(input);
                let mut items = items.clone();
                let mut keys = Vec::with_capacity(inner.len());
                for key in inner {
                    let known = items.iter().find(|(expr, _)| *expr == key.expr).map(|(_, col)| *col);
                    let col = match (known, &key.expr) {
                        (Some(col), _) => col,
                        (None, Expr::Column(_)) => {
                            let col = self.fresh();
                            items.push((key.expr.clone(), col));
                            col
                        }
                        // Computed once more it may have another value.
                        (None, _) => break,
                    };
                    keys.push(SortKey { expr: Expr::Column(TypedCol { col, ty: key.expr.ty() }), ..key });
                }
                (Rel::Project { input: Box::new(input), items }, keys)
            }
            other => (other.clone(), Vec::new()),
        }
    }
}

/// Whether a relation is one row that needs no other: the arguments of a call.
fn is_one_row(rel: &Rel) -> bool {
    match rel {
        Rel::Unit => true,
        Rel::Project { input, .. } => is_one_row(input),
        _ => false,
    }
}
