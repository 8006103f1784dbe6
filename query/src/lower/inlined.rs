//! Common table expressions written into their uses, where a use stands in a subquery that the enclosing query is taken
//! apart for.
//!
//! Invariant: each use yields the rows of the query under the columns of the use.

use base::Result;
use sql::bound::{Cte, Expr, Rel, SubqueryKind, walk};

/// A relation, its subqueries included, with a query in the place of its uses.
pub(crate) fn inlined(rel: &Rel, cte: &Cte) -> Result<Rel> {
    let mut copy = rel.clone();
    write_into(&mut copy, cte)?;
    Ok(copy)
}

fn write_into(rel: &mut Rel, cte: &Cte) -> Result<()> {
    if let Rel::CteRef { cte: used, columns } = rel
        && *used == cte.id
    {
        let items = cte.columns.iter().zip(columns.iter());
        let items = items.map(|(from, to)| (Expr::Column(from.clone()), to.col)).collect();
        *rel = Rel::Project { input: Box::new(cte.rel.clone()), items };
        return Ok(());
    }
    for input in inputs_mut(rel) {
        write_into(input, cte)?;
    }
    // The walk comes to the expressions of the inputs, too; what was written into them has no more uses.
    walk::rel_children_mut(rel, &mut |expr| {
        walk::rewrite(expr, &mut |node| match node {
            Expr::Subquery(subquery) => {
                write_into(&mut subquery.rel, cte)?;
                Ok(matches!(subquery.kind, SubqueryKind::Scalar | SubqueryKind::Exists | SubqueryKind::Array))
            }
            _ => Ok(false),
        })
    })
}

fn inputs_mut(rel: &mut Rel) -> Vec<&mut Rel> {
    match rel {
        Rel::Unit
        | Rel::Empty { .. }
        | Rel::Scan(_)
        | Rel::System(_)
        | Rel::Changes(_)
        | Rel::Values { .. }
        | Rel::Constants { .. }
        | Rel::Function { .. }
        | Rel::CteRef { .. } => Vec::new(),
        Rel::Project { input, .. }
        | Rel::Filter { input, .. }
        | Rel::Aggregate { input, .. }
        | Rel::GroupingSets { input, .. }
        | Rel::ProjectSet { input, .. }
        | Rel::Window { input, .. }
        | Rel::Distinct { input }
        | Rel::Sort { input, .. }
        | Rel::Limit { input, .. } => vec![input],
        Rel::Join { left, right, .. } | Rel::SetOp { left, right, .. } => vec![left, right],
        Rel::Recursive { start, step, .. } => vec![start, step],
        Rel::With { ctes, body } => ctes.iter_mut().map(|cte| &mut cte.rel).chain([body.as_mut()]).collect(),
    }
}
