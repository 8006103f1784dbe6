//! Walks over bound trees: the parts of an expression, the inputs and expressions of a relation.
//!
//! Must not know what the walks are for.

use sql::bound::{AggregateCall, Expr, Rel, SubqueryKind, TableScan};

/// Whether a node of an expression satisfies `test`; does not look into relations of subqueries.
pub(crate) fn any(expr: &Expr, test: &mut impl FnMut(&Expr) -> bool) -> bool {
    test(expr) || children(expr).into_iter().any(|child| any(child, test))
}

/// The direct parts of an expression.
pub(crate) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Column(_) | Expr::Outer(_) | Expr::Const(..) | Expr::Param { .. } => Vec::new(),
        Expr::Call { args, .. } | Expr::Coalesce { args, .. } | Expr::Extreme { args, .. } => {
            args.iter().collect()
        }
        Expr::And(parts) | Expr::Or(parts) => parts.iter().collect(),
        Expr::Not(arg)
        | Expr::Cast { arg, .. }
        | Expr::Domain { arg, .. }
        | Expr::IsNull { arg, .. }
        | Expr::IsBool { arg, .. } => vec![arg],
        Expr::IsDistinct { left, right, .. } | Expr::NullIf { left, right, .. } => vec![left, right],
        Expr::Case { whens, otherwise, .. } => {
            let branches = whens.iter().flat_map(|(when, then)| [when, then]);
            branches.chain(otherwise.as_deref()).collect()
        }
        Expr::InList { arg, list, .. } => std::iter::once(arg.as_ref()).chain(list).collect(),
        Expr::ArrayCompare { arg, array, .. } => vec![arg, array],
        Expr::Array { elements, .. } => elements.iter().collect(),
        Expr::ArrayPart { args, .. } | Expr::Row { fields: args, .. } => args.iter().collect(),
        Expr::Field { row, .. } => vec![row],
        Expr::Subquery(subquery) => match &subquery.kind {
            SubqueryKind::Quantified { arg, .. } => vec![arg],
            SubqueryKind::Row { args, .. } => args.iter().map(|(arg, _)| arg).collect(),
            SubqueryKind::Scalar | SubqueryKind::Exists | SubqueryKind::Array => Vec::new(),
        },
    }
}

/// An expression with some nodes replaced; relations of subqueries stay as they are.
pub(crate) fn replaced(expr: &Expr, replace: &impl Fn(&Expr) -> Option<Expr>) -> Expr {
    if let Some(new) = replace(expr) {
        return new;
    }
    let mut copy = expr.clone();
    let boxed = |e: &mut Box<Expr>| **e = replaced(e, replace);
    match &mut copy {
        Expr::Column(_) | Expr::Outer(_) | Expr::Const(..) | Expr::Param { .. } => {}
        Expr::Call { args: list, .. }
        | Expr::Coalesce { args: list, .. }
        | Expr::Extreme { args: list, .. }
        | Expr::And(list)
        | Expr::Or(list)
        | Expr::Array { elements: list, .. }
        | Expr::Row { fields: list, .. }
        | Expr::ArrayPart { args: list, .. } => {
            for item in list {
                *item = replaced(item, replace);
            }
        }
        Expr::Not(arg)
        | Expr::Field { row: arg, .. }
        | Expr::Cast { arg, .. }
        | Expr::Domain { arg, .. }
        | Expr::IsNull { arg, .. }
        | Expr::IsBool { arg, .. } => boxed(arg),
        Expr::IsDistinct { left: a, right: b, .. }
        | Expr::NullIf { left: a, right: b, .. }
        | Expr::ArrayCompare { arg: a, array: b, .. } => {
            boxed(a);
            boxed(b);
        }
        Expr::Case { whens, otherwise, .. } => {
            for (when, then) in whens {
                *when = replaced(when, replace);
                *then = replaced(then, replace);
            }
            if let Some(otherwise) = otherwise {
                boxed(otherwise);
            }
        }
        Expr::InList { arg, list, .. } => {
            boxed(arg);
            for item in list {
                *item = replaced(item, replace);
            }
        }
        Expr::Subquery(subquery) => match &mut subquery.kind {
            SubqueryKind::Quantified { arg, .. } => *arg = replaced(arg, replace),
            SubqueryKind::Row { args, .. } => {
                for (arg, _) in args {
                    *arg = replaced(arg, replace);
                }
            }
            SubqueryKind::Scalar | SubqueryKind::Exists | SubqueryKind::Array => {}
        },
    }
    copy
}

/// Whether the value of an expression depends on a parameter.
pub(crate) fn mentions_parameter(expr: &Expr) -> bool {
    any(expr, &mut |e| matches!(e, Expr::Param { .. }))
}

/// Visits the scans of a relation, those of its subqueries included.
pub(crate) fn scans(rel: &Rel, visit: &mut impl FnMut(&TableScan)) {
    if let Rel::Scan(scan) = rel {
        visit(scan);
    }
    for expr in expressions(rel) {
        let mut subqueries = Vec::new();
        let mut collect = |e: &Expr| {
            if let Expr::Subquery(subquery) = e {
                subqueries.push(subquery.rel.clone());
            }
            false
        };
        any(expr, &mut collect);
        for rel in &subqueries {
            scans(rel, visit);
        }
    }
    for input in inputs(rel) {
        scans(input, visit);
    }
}

/// The relations that a relation reads.
pub(crate) fn inputs(rel: &Rel) -> Vec<&Rel> {
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
        Rel::With { ctes, body } => ctes.iter().map(|cte| &cte.rel).chain([body.as_ref()]).collect(),
    }
}

/// The expressions that stand in a relation itself.
pub(crate) fn expressions(rel: &Rel) -> Vec<&Expr> {
    match rel {
        Rel::Unit
        | Rel::Empty { .. }
        | Rel::Scan(_)
        | Rel::System(_)
        | Rel::Changes(_)
        | Rel::Constants { .. }
        | Rel::CteRef { .. }
        | Rel::Distinct { .. }
        | Rel::SetOp { .. }
        | Rel::Recursive { .. }
        | Rel::With { .. } => Vec::new(),
        Rel::Values { rows, .. } => rows.iter().flatten().collect(),
        Rel::Function { args, .. } => args.iter().collect(),
        Rel::Project { items, .. } => items.iter().map(|(expr, _)| expr).collect(),
        Rel::Filter { predicate, .. } => vec![predicate],
        Rel::Join { on, .. } => on.iter().collect(),
        Rel::ProjectSet { calls, .. } => calls.iter().flat_map(|call| &call.args).collect(),
        Rel::Aggregate { group, aggregates, .. } | Rel::GroupingSets { group, aggregates, .. } => {
            let calls = aggregates.iter().flat_map(|(call, _)| parts(call));
            group.iter().map(|(expr, _)| expr).chain(calls).collect()
        }
        Rel::Window { calls, .. } => calls
            .iter()
            .flat_map(|(call, _)| {
                let sorts = call.order_by.iter().map(|key| &key.expr);
                call.args.iter().chain(&call.partition_by).chain(sorts).chain(call.filter.as_deref())
            })
            .collect(),
        Rel::Sort { keys, .. } => keys.iter().map(|key| &key.expr).collect(),
        Rel::Limit { count, offset, ties, .. } => {
            count.iter().chain(offset).chain(ties.iter().map(|key| &key.expr)).collect()
        }
    }
}

/// The expressions of an aggregate.
pub(crate) fn parts(call: &AggregateCall) -> impl Iterator<Item = &Expr> + Clone {
    let sorts = call.order_by.iter().map(|key| &key.expr);
    call.args.iter().chain(sorts).chain(call.filter.as_deref())
}
