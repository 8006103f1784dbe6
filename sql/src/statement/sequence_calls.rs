//! Several calls for one sequence in a statement over rows: within one list of expressions they are made row by row, as
//! PostgreSQL makes them; between several places of a statement the order is not its own.
//!
//! Invariant: a statement that passes gives each row what PostgreSQL would give it.

use crate::binder::is_sequence_function;
use crate::bound::{BoundStatement, Expr, Rel, WithWork, walk};
use base::id::Oid;
use base::{Error, Result};
use types::Datum;

/// nextval and the forms of setval change what later calls give.
const CHANGES: [Oid; 3] = [Oid(1574), Oid(1576), Oid(1765)];

/// A call: the function, and the sequence when it is a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    proc: Oid,
    sequence: Option<u32>,
}

/// 0A000 when the order of calls would matter and is not kept.
pub(super) fn check(statement: &BoundStatement) -> Result<()> {
    match statement {
        BoundStatement::Explain { statement, .. } | BoundStatement::Given { statement, .. } => {
            check(statement)
        }
        BoundStatement::Modifying(modifying) => {
            for part in &modifying.parts {
                match &part.work {
                    WithWork::Rows(rel) => check_rel(rel)?,
                    WithWork::Write(write) => check(write)?,
                }
            }
            check(&modifying.main)
        }
        BoundStatement::Merge(merge) => check_rel(&merge.source),
        BoundStatement::Query(query) => check_rel(&query.rel),
        BoundStatement::Insert(insert) => check_rel(&insert.source),
        BoundStatement::CreateTableAs(create) => check_rel(&create.source),
        BoundStatement::CreateMaterialized(create) => check_rel(&create.table.source),
        BoundStatement::Refresh(refresh) => check_rel(&refresh.source),
        BoundStatement::Update(update) => check_rel(&update.source),
        BoundStatement::Delete(delete) => check_rel(&delete.source),
        _ => Ok(()),
    }
}

/// Whether expressions of one list must be computed row by row and from left to right: a call among them changes what
/// another one gives. Calls within subqueries do not count.
pub fn depend_on_order<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> bool {
    let mut calls = Vec::new();
    exprs.into_iter().for_each(|expr| walk::visit_own(expr, &mut |expr| calls.extend(call(expr))));
    let mut rest = calls.as_slice();
    while let [first, others @ ..] = rest {
        if others.iter().any(|other| disturbs(first, other)) {
            return true;
        }
        rest = others;
    }
    false
}

fn check_rel(rel: &Rel) -> Result<()> {
    let mut places = Vec::new();
    collect(rel, &mut places);
    let mut rest = places.as_slice();
    while let [first, others @ ..] = rest {
        let disturbed = |other: &Call| first.iter().any(|call| disturbs(call, other));
        if others.iter().flatten().any(disturbed) {
            let message = "calls for one sequence in several places of a statement are not supported";
            return Err(Error::unsupported(message).with_hint(
                "Make the calls in one list of expressions, in a statement of its own or in a column's default.",
            ));
        }
        rest = others;
    }
    Ok(())
}

/// The calls of each list of expressions in a relation.
fn collect(rel: &Rel, places: &mut Vec<Vec<Call>>) {
    let mut alone = |expr: &Expr| list([expr], places);
    match rel {
        Rel::Project { input, items } => {
            collect(input, places);
            list(items.iter().map(|(expr, _)| expr), places);
        }
        Rel::Values { rows, columns: _ } => list(rows.iter().flatten(), places),
        Rel::Filter { input, predicate } => {
            alone(predicate);
            collect(input, places);
        }
        Rel::Sort { input, keys } => {
            keys.iter().for_each(|key| alone(&key.expr));
            collect(input, places);
        }
        Rel::Limit { input, count, offset, ties: _ } => {
            count.iter().chain(offset).for_each(&mut alone);
            collect(input, places);
        }
        Rel::Distinct { input } => collect(input, places),
        Rel::With { ctes, body } => {
            ctes.iter().for_each(|cte| collect(&cte.rel, places));
            collect(body, places);
        }
        other => walk::visit_rel(other, &mut alone),
    }
}

/// One list of expressions is one place; each call in its subqueries is another.
fn list<'e>(exprs: impl IntoIterator<Item = &'e Expr>, places: &mut Vec<Vec<Call>>) {
    let (mut calls, mut inner) = (Vec::new(), Vec::new());
    exprs.into_iter().for_each(|expr| direct(expr, &mut calls, &mut inner));
    places.extend(inner.into_iter().map(|call| vec![call]));
    places.push(calls);
}

/// The calls of an expression, and apart from them those in its subqueries.
fn direct(expr: &Expr, calls: &mut Vec<Call>, inner: &mut Vec<Call>) {
    walk::visit_own(expr, &mut |expr| match expr {
        Expr::Subquery(_) => walk::visit(expr, &mut |expr| inner.extend(call(expr))),
        _ => calls.extend(call(expr)),
    });
}

fn call(expr: &Expr) -> Option<Call> {
    let Expr::Call { proc, args, ty: _ } = expr else { return None };
    let sequence = match args.first() {
        Some(Expr::Const(Datum::UInt32(id), _)) => Some(*id),
        _ => None,
    };
    is_sequence_function(*proc).then_some(Call { proc: *proc, sequence })
}

/// Whether one call changes what the other gives.
fn disturbs(a: &Call, b: &Call) -> bool {
    let same = a.sequence.is_none() || b.sequence.is_none() || a.sequence == b.sequence;
    same && (CHANGES.contains(&a.proc) || CHANGES.contains(&b.proc))
}
