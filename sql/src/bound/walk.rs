//! Walks over expressions, into the relations of their subqueries too.
//!
//! Invariant: every kind of node is matched by name, so a new one cannot be forgotten here.

use super::{Expr, FrameBound, Rel, SortKey, SubqueryKind, TypedCol, WindowCall};
use base::Result;

/// Calls `look` on an expression and everything below it, parents first.
pub fn visit(expr: &Expr, look: &mut dyn FnMut(&Expr)) {
    look(expr);
    children(expr, &mut |child| visit(child, look));
}

/// `visit` that stops at subqueries: they are looked at, what is in them is not.
pub fn visit_own(expr: &Expr, look: &mut dyn FnMut(&Expr)) {
    look(expr);
    if !matches!(expr, Expr::Subquery(_)) {
        children(expr, &mut |child| visit_own(child, look));
    }
}

/// The columns that an expression looks at, those of its subqueries included; some of them may be made in there.
pub fn columns_of(expr: &Expr) -> Vec<TypedCol> {
    let mut columns = Vec::new();
    visit(expr, &mut |expr| {
        if let Expr::Column(column) | Expr::Outer(column) = expr {
            columns.push(column.clone());
        }
    });
    columns
}

/// Calls `change` on an expression and what is below it, parents first; below a node for which it gives true
/// nothing is changed.
pub fn rewrite(expr: &mut Expr, change: &mut dyn FnMut(&mut Expr) -> Result<bool>) -> Result<()> {
    if change(expr)? {
        return Ok(());
    }
    children_mut(expr, &mut |child| rewrite(child, change))
}

/// Calls `look` on every expression that stands directly in a relation or in the relations below it.
pub fn visit_rel(rel: &Rel, look: &mut dyn FnMut(&Expr)) {
    // One list of the places serves both walks; a copy is cheap next to planning the statement.
    let mut copy = rel.clone();
    let done = rel_children_mut(&mut copy, &mut |e| {
        look(e);
        Ok(())
    });
    debug_assert!(done.is_ok(), "looking at expressions does not fail");
}

fn children(expr: &Expr, look: &mut dyn FnMut(&Expr)) {
    let mut each = |list: &[Expr]| list.iter().for_each(&mut *look);
    match expr {
        Expr::Column(_) | Expr::Outer(_) | Expr::Const(_, _) | Expr::Param { index: _, ty: _ } => {}
        Expr::Call { proc: _, args, ty: _ } | Expr::Coalesce { args, ty: _ } => each(args),
        Expr::Extreme { greatest: _, less: _, args, ty: _ } => each(args),
        Expr::And(args) | Expr::Or(args) => each(args),
        Expr::Array { elements, ty: _ } => each(elements),
        Expr::ArrayPart { part: _, args, ty: _ } | Expr::Row { fields: args, ty: _ } => each(args),
        Expr::Field { row, index: _, ty: _ } => look(row),
        Expr::Cast { how: _, arg, ty: _ } | Expr::Domain { rules: _, arg, ty: _ } | Expr::Not(arg) => {
            look(arg)
        }
        Expr::IsNull { arg, negated: _ } | Expr::IsBool { arg, value: _, negated: _ } => look(arg),
        Expr::IsDistinct { equal: _, left, right, negated: _ }
        | Expr::NullIf { equal: _, left, right, ty: _ } => {
            look(left);
            look(right);
        }
        Expr::Case { whens, otherwise, ty: _ } => {
            for (test, result) in whens {
                look(test);
                look(result);
            }
            if let Some(otherwise) = otherwise {
                look(otherwise);
            }
        }
        Expr::InList { equal: _, arg, list, negated: _ } => {
            look(arg);
            list.iter().for_each(look);
        }
        Expr::ArrayCompare { proc: _, all: _, arg, array } => {
            look(arg);
            look(array);
        }
        Expr::Subquery(subquery) => {
            match &subquery.kind {
                SubqueryKind::Quantified { proc: _, all: _, arg } => look(arg),
                SubqueryKind::Row { quantifier: _, args, test: _ } => args.iter().for_each(|(e, _)| look(e)),
                SubqueryKind::Scalar | SubqueryKind::Exists | SubqueryKind::Array => {}
            }
            visit_rel(&subquery.rel, look);
        }
    }
}

type Change<'c> = &'c mut dyn FnMut(&mut Expr) -> Result<()>;

fn children_mut(expr: &mut Expr, change: Change<'_>) -> Result<()> {
    match expr {
        Expr::Column(_) | Expr::Outer(_) | Expr::Const(_, _) | Expr::Param { index: _, ty: _ } => Ok(()),
        Expr::Call { proc: _, args, ty: _ }
        | Expr::Coalesce { args, ty: _ }
        | Expr::Extreme { greatest: _, less: _, args, ty: _ }
        | Expr::And(args)
        | Expr::Or(args)
        | Expr::Array { elements: args, ty: _ }
        | Expr::Row { fields: args, ty: _ }
        | Expr::ArrayPart { part: _, args, ty: _ } => args.iter_mut().try_for_each(change),
        Expr::Field { row: arg, index: _, ty: _ }
        | Expr::Cast { how: _, arg, ty: _ }
        | Expr::Domain { rules: _, arg, ty: _ }
        | Expr::Not(arg)
        | Expr::IsNull { arg, negated: _ }
        | Expr::IsBool { arg, value: _, negated: _ } => change(arg),
        Expr::IsDistinct { equal: _, left, right, negated: _ }
        | Expr::NullIf { equal: _, left, right, ty: _ } => {
            change(left)?;
            change(right)
        }
        Expr::Case { whens, otherwise, ty: _ } => {
            for (test, result) in whens {
                change(test)?;
                change(result)?;
            }
            otherwise.as_deref_mut().map_or(Ok(()), change)
        }
        Expr::InList { equal: _, arg, list, negated: _ } => {
            change(arg)?;
            list.iter_mut().try_for_each(change)
        }
        Expr::ArrayCompare { proc: _, all: _, arg, array } => {
            change(arg)?;
            change(array)
        }
        Expr::Subquery(subquery) => {
            match &mut subquery.kind {
                SubqueryKind::Quantified { proc: _, all: _, arg } => change(arg)?,
                SubqueryKind::Row { quantifier: _, args, test: _ } => {
                    args.iter_mut().try_for_each(|(e, _)| change(e))?;
                }
                SubqueryKind::Scalar | SubqueryKind::Exists | SubqueryKind::Array => {}
            }
            rel_children_mut(&mut subquery.rel, change)
        }
    }
}

fn keys_mut(keys: &mut [SortKey], change: Change<'_>) -> Result<()> {
    keys.iter_mut().try_for_each(|SortKey { expr, descending: _, nulls_first: _ }| change(expr))
}

/// The expressions of a window call.
pub fn window_mut(call: &mut WindowCall, change: Change<'_>) -> Result<()> {
    let WindowCall { proc: _, args, filter, partition_by, order_by, frame, ty: _ } = call;
    args.iter_mut().try_for_each(&mut *change)?;
    filter.as_deref_mut().map_or(Ok(()), &mut *change)?;
    partition_by.iter_mut().try_for_each(&mut *change)?;
    keys_mut(order_by, change)?;
    for bound in [&mut frame.start, &mut frame.end] {
        match bound {
            FrameBound::Preceding(e) | FrameBound::Following(e) => change(e)?,
            FrameBound::UnboundedPreceding | FrameBound::CurrentRow | FrameBound::UnboundedFollowing => {}
        }
    }
    Ok(())
}

/// Calls `change` on every expression that stands directly in `rel` or in the relations below it.
pub fn rel_children_mut(rel: &mut Rel, change: Change<'_>) -> Result<()> {
    match rel {
        Rel::Unit
        | Rel::Empty { columns: _ }
        | Rel::Scan(_)
        | Rel::System(_)
        | Rel::Changes(_)
        | Rel::Constants { chunks: _, columns: _ }
        | Rel::CteRef { cte: _, columns: _ } => Ok(()),
        Rel::Values { rows, columns: _ } => rows.iter_mut().flatten().try_for_each(change),
        Rel::Function { proc: _, args, columns: _ } => args.iter_mut().try_for_each(change),
        Rel::Project { input, items } => {
            rel_children_mut(input, change)?;
            items.iter_mut().try_for_each(|(e, _)| change(e))
        }
        Rel::Filter { input, predicate } => {
            rel_children_mut(input, change)?;
            change(predicate)
        }
        Rel::Join { kind: _, left, right, on, lateral: _ } => {
            rel_children_mut(left, change)?;
            rel_children_mut(right, change)?;
            on.as_mut().map_or(Ok(()), change)
        }
        Rel::Aggregate { input, group, aggregates }
        | Rel::GroupingSets { input, set: _, sets: _, group, aggregates } => {
            rel_children_mut(input, change)?;
            group.iter_mut().try_for_each(|(e, _)| change(e))?;
            for (call, _) in aggregates {
                call.args.iter_mut().try_for_each(&mut *change)?;
                keys_mut(&mut call.order_by, change)?;
                call.filter.as_deref_mut().map_or(Ok(()), &mut *change)?;
            }
            Ok(())
        }
        Rel::ProjectSet { input, calls, ordinality: _ } => {
            rel_children_mut(input, change)?;
            calls.iter_mut().flat_map(|call| &mut call.args).try_for_each(change)
        }
        Rel::Window { input, calls } => {
            rel_children_mut(input, change)?;
            calls.iter_mut().try_for_each(|(call, _)| window_mut(call, change))
        }
        Rel::Distinct { input } => rel_children_mut(input, change),
        Rel::SetOp { op: _, all: _, left, right, left_columns: _, right_columns: _, columns: _ } => {
            rel_children_mut(left, change)?;
            rel_children_mut(right, change)
        }
        Rel::Sort { input, keys } => {
            rel_children_mut(input, change)?;
            keys_mut(keys, change)
        }
        Rel::Limit { input, count, offset, ties } => {
            rel_children_mut(input, change)?;
            count.as_mut().map_or(Ok(()), &mut *change)?;
            offset.as_mut().map_or(Ok(()), &mut *change)?;
            keys_mut(ties, change)
        }
        Rel::Recursive { working: _, all: _, start, step, start_columns: _, step_columns: _, columns: _ } => {
            rel_children_mut(start, change)?;
            rel_children_mut(step, change)
        }
        Rel::With { ctes, body } => {
            for cte in ctes {
                rel_children_mut(&mut cte.rel, change)?;
            }
            rel_children_mut(body, change)
        }
    }
}
