//! What may yield another value each time it is computed.
//!
//! Must not know where that matters. A call that is not built in counts as volatile.

use crate::bound::{Expr, Rel, walk};
use catalog::builtin;

pub(crate) fn is_volatile(expr: &Expr) -> bool {
    let mut found = false;
    walk::visit(expr, &mut |e| {
        if let Expr::Call { proc, .. } = e {
            found |= builtin::proc(*proc).is_none_or(|row| row.volatility == 'v');
        }
    });
    found
}

/// Whether an expression anywhere in a relation is volatile.
pub(crate) fn computes_volatile(rel: &Rel) -> bool {
    let mut found = false;
    walk::visit_rel(rel, &mut |expr| found |= is_volatile(expr));
    found
}
