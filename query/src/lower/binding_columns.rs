//! The columns that hold a binding in a relation, and expressions told over them instead of over the outside.
//!
//! Invariant: an expression is changed in nothing but the outer columns that are bound here, at every depth.

use crate::lower::tree::parts;
use base::Result;
use sql::bound::{
    AggregateCall, ColRef, CteId, Expr, Rel, SortKey, SubqueryKind, TypedCol, WindowCall, walk,
};
use std::collections::{BTreeMap, HashMap};

/// Where a relation holds the number of a binding and its values.
#[derive(Clone, Debug)]
pub(crate) struct BindingColumns {
    pub(crate) number: TypedCol,
    /// By outer column.
    pub(crate) values: BTreeMap<ColRef, TypedCol>,
}

impl BindingColumns {
    /// All columns: the values in the order of their outer columns, then the number.
    pub(crate) fn all(&self) -> Vec<TypedCol> {
        self.values.values().chain([&self.number]).cloned().collect()
    }

    /// The columns as items of a projection that passes them through.
    pub(crate) fn items(&self) -> impl Iterator<Item = (Expr, ColRef)> {
        self.all().into_iter().map(|c| {
            let col = c.col;
            (Expr::Column(c), col)
        })
    }

    /// Where the same columns are after `renamed`.
    pub(crate) fn mapped(&self, mut renamed: impl FnMut(&TypedCol) -> TypedCol) -> Self {
        let values = self.values.iter().map(|(outer, c)| (*outer, renamed(c))).collect();
        Self { number: renamed(&self.number), values }
    }

    /// An expression over the relation: bound outer columns become its columns.
    pub(crate) fn here(&self, expr: &Expr) -> Result<Expr> {
        let mut copy = expr.clone();
        self.tell(&mut copy)?;
        Ok(copy)
    }

    fn tell(&self, expr: &mut Expr) -> Result<()> {
        walk::rewrite(expr, &mut |node| match node {
            Expr::Outer(outer) => {
                if let Some(here) = self.values.get(&outer.col) {
                    *node = Expr::Column(here.clone());
                }
                Ok(true)
            }
            Expr::Subquery(subquery) => {
                match &mut subquery.kind {
                    SubqueryKind::Quantified { proc: _, all: _, arg } => self.tell(arg)?,
                    SubqueryKind::Row { quantifier: _, args, test: _ } => {
                        args.iter_mut().try_for_each(|(arg, _)| self.tell(arg))?;
                    }
                    SubqueryKind::Scalar | SubqueryKind::Exists | SubqueryKind::Array => {}
                }
                self.tell_inside(&mut subquery.rel)?;
                Ok(true)
            }
            _ => Ok(false),
        })
    }

    /// A relation beside the one that holds the binding, which it sees from inside: bound outer columns become outer
    /// columns of that relation.
    pub(crate) fn inside(&self, rel: &Rel) -> Result<Rel> {
        let mut copy = rel.clone();
        self.tell_inside(&mut copy)?;
        Ok(copy)
    }

    fn tell_inside(&self, rel: &mut Rel) -> Result<()> {
        walk::rel_children_mut(rel, &mut |expr| {
            walk::rewrite(expr, &mut |node| {
                if let Expr::Outer(outer) = node
                    && let Some(here) = self.values.get(&outer.col)
                {
                    *outer = here.clone();
                }
                Ok(false)
            })
        })
    }

    pub(crate) fn keys(&self, keys: &[SortKey]) -> Result<Vec<SortKey>> {
        keys.iter().map(|key| Ok(SortKey { expr: self.here(&key.expr)?, ..key.clone() })).collect()
    }

    pub(crate) fn aggregate(&self, call: &AggregateCall) -> Result<AggregateCall> {
        let mut call = call.clone();
        call.args.iter_mut().try_for_each(|arg| self.tell(arg))?;
        call.order_by = self.keys(&call.order_by)?;
        call.filter.as_deref_mut().map_or(Ok(()), |filter| self.tell(filter))?;
        Ok(call)
    }

    pub(crate) fn window(&self, call: &WindowCall) -> Result<WindowCall> {
        let mut call = call.clone();
        walk::window_mut(&mut call, &mut |expr| self.tell(expr))?;
        Ok(call)
    }
}

/// Whether a relation, or an aggregate over it, calls a function whose result differs from call to call.
pub(crate) fn is_volatile(rel: &Rel, calls: &[AggregateCall]) -> bool {
    let mut found = false;
    let mut look = |expr: &Expr| {
        if let Expr::Call { proc, .. } = expr {
            found |= catalog::builtin::proc(*proc).is_none_or(|row| row.volatility == 'v');
        }
    };
    walk::visit_rel(rel, &mut |expr| walk::visit(expr, &mut look));
    for expr in calls.iter().flat_map(parts) {
        walk::visit(expr, &mut look);
    }
    found
}

/// Whether a relation, its subqueries included, uses one of some common table expressions.
pub(crate) fn uses_any(rel: &Rel, ctes: &HashMap<CteId, CteId>) -> bool {
    if let Rel::CteRef { cte, .. } = rel
        && ctes.contains_key(cte)
    {
        return true;
    }
    crate::lower::tree::inputs(rel).into_iter().any(|input| uses_any(input, ctes))
        || crate::lower::tree::expressions(rel).into_iter().any(|expr| asks_any(expr, ctes))
}

/// Whether a subquery of an expression uses one of some common table expressions.
pub(crate) fn asks_any(expr: &Expr, ctes: &HashMap<CteId, CteId>) -> bool {
    crate::lower::tree::any(expr, &mut |e| match e {
        Expr::Subquery(subquery) => uses_any(&subquery.rel, ctes),
        _ => false,
    })
}
