//! FILTER protects the arguments of an aggregate: they are not computed for the rows that it drops.
//!
//! Must not know how aggregates are lowered. Invariant: for the rows that are kept nothing changes.

use sql::bound::{AggregateCall, Expr, SortKey, WindowCall};

/// The call with its arguments and order guarded by its filter.
pub(crate) fn guarded_aggregate(call: &AggregateCall) -> AggregateCall {
    let mut call = call.clone();
    guard(call.filter.as_deref(), call.args.iter_mut(), call.order_by.iter_mut());
    call
}

/// The same for an aggregate over a window, whose order is not its own.
pub(crate) fn guarded_window(call: &WindowCall) -> WindowCall {
    let mut call = call.clone();
    guard(call.filter.as_deref(), call.args.iter_mut(), std::iter::empty());
    call
}

fn guard<'e>(
    filter: Option<&Expr>,
    args: impl Iterator<Item = &'e mut Expr>,
    order_by: impl Iterator<Item = &'e mut SortKey>,
) {
    let Some(filter) = filter else { return };
    for expr in args.chain(order_by.map(|key| &mut key.expr)) {
        // These cannot fail, and some arguments have to stay constants.
        if matches!(expr, Expr::Const(..) | Expr::Column(_) | Expr::Outer(_)) {
            continue;
        }
        let ty = expr.ty();
        let kept = std::mem::replace(expr, Expr::Not(Box::new(filter.clone())));
        *expr = Expr::Case { whens: vec![(filter.clone(), kept)], otherwise: None, ty };
    }
}
