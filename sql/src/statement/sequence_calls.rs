//! Several calls for one sequence in a statement over rows: PostgreSQL makes them row by row, we column by column.
//!
//! Invariant: a statement that passes gives each row what PostgreSQL would give it.

use crate::binder::is_sequence_function;
use crate::bound::{BoundStatement, Expr, Rel, walk};
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

/// 0A000 when the order of calls would matter.
pub(super) fn check(statement: &BoundStatement) -> Result<()> {
    match statement {
        BoundStatement::Explain { statement, .. } => check(statement),
        BoundStatement::Query(query) => check_rel(&query.rel),
        BoundStatement::Insert(insert) => check_rel(&insert.source),
        BoundStatement::CreateTableAs(create) => check_rel(&create.source),
        BoundStatement::Update(update) => check_rel(&update.source),
        BoundStatement::Delete(delete) => check_rel(&delete.source),
        _ => Ok(()),
    }
}

fn check_rel(rel: &Rel) -> Result<()> {
    match rel {
        // One row: its expressions are evaluated in order.
        Rel::Project { input, .. } if **input == Rel::Unit => Ok(()),
        Rel::Values { rows, .. } if rows.len() == 1 => Ok(()),
        Rel::Values { rows, .. } => rows.iter().try_for_each(|row| {
            let mut calls = Vec::new();
            row.iter().for_each(|expr| walk::visit(expr, &mut |expr| calls.extend(call(expr))));
            refuse(&calls)
        }),
        _ => {
            let mut calls = Vec::new();
            walk::visit_rel(rel, &mut |expr| walk::visit(expr, &mut |expr| calls.extend(call(expr))));
            refuse(&calls)
        }
    }
}

fn call(expr: &Expr) -> Option<Call> {
    let Expr::Call { proc, args, ty: _ } = expr else { return None };
    let sequence = match args.first() {
        Some(Expr::Const(Datum::UInt32(id), _)) => Some(*id),
        _ => None,
    };
    is_sequence_function(*proc).then_some(Call { proc: *proc, sequence })
}

fn refuse(calls: &[Call]) -> Result<()> {
    let disturbs = |a: &Call, b: &Call| {
        let same = a.sequence.is_none() || b.sequence.is_none() || a.sequence == b.sequence;
        same && (CHANGES.contains(&a.proc) || CHANGES.contains(&b.proc))
    };
    let mut rest = calls;
    while let [first, others @ ..] = rest {
        if others.iter().any(|other| disturbs(first, other)) {
            let message =
                "several calls for one sequence in a statement over more than one row are not supported";
            return Err(Error::unsupported(message).with_hint(
                "Call nextval once per row, in a statement of its own or in a column's default.",
            ));
        }
        rest = others;
    }
    Ok(())
}
