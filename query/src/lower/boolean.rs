//! AND, OR and CASE such that nothing is evaluated which PostgreSQL's order of evaluation would have spared.
//!
//! DataFusion evaluates both sides of AND and OR on all rows, and rewrites a boolean CASE into them. Parts that can
//! fail therefore go into a CASE of int2 values. Invariant: the value is that of plain AND, OR or CASE.

use crate::kernel::like::Like;
use crate::kernel::patterns;
use crate::kernel::udf::{Kernel, KernelUdf};
use crate::lower::comparisons::{binary, widen};
use crate::lower::expressions::plain_case;
use crate::lower::scope::{Lowering, Scope};
use arrow::datatypes::DataType;
use base::Result;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr as PlanExpr, Operator};
use sql::bound::Expr;
use types::{Form, SqlType};

impl Lowering<'_> {
    pub(crate) fn all_of(&mut self, scope: &mut Scope, parts: &[Expr]) -> Result<PlanExpr> {
        let parts = self.exprs(scope, parts)?;
        guarded(parts, Operator::And)
    }

    pub(crate) fn any_of(&mut self, scope: &mut Scope, parts: &[Expr]) -> Result<PlanExpr> {
        let parts = self.exprs(scope, parts)?;
        guarded(parts, Operator::Or)
    }

    /// CASE; of booleans through numbers when a branch can fail.
    pub(crate) fn lazy_case(
        &self,
        branches: Vec<(PlanExpr, PlanExpr)>,
        otherwise: PlanExpr,
        ty: &SqlType,
    ) -> Result<PlanExpr> {
        let fails =
            branches.iter().any(|(when, then)| can_fail(when) || can_fail(then)) || can_fail(&otherwise);
        if ty.form != Form::Bool || !fails {
            return Ok(plain_case(branches, otherwise));
        }
        let branches: Result<Vec<_>> =
            branches.into_iter().map(|(when, then)| Ok((when, boxed(then)?))).collect();
        Ok(unboxed(plain_case(branches?, boxed(otherwise)?)))
    }
}

/// Parts joined by AND or OR, those that can fail behind those that cannot.
pub(crate) fn guarded(parts: Vec<PlanExpr>, op: Operator) -> Result<PlanExpr> {
    let and = op == Operator::And;
    let (fallible, safe): (Vec<_>, Vec<_>) = parts.into_iter().partition(can_fail);
    // The value that decides the whole: false for AND, true for OR.
    let decided = PlanExpr::Literal(ScalarValue::Boolean(Some(!and)), None);
    let undecided = |expr: PlanExpr| match and {
        true => PlanExpr::IsNotFalse(Box::new(expr)),
        false => PlanExpr::IsNotTrue(Box::new(expr)),
    };
    let mut rest: Option<PlanExpr> = None;
    for part in fallible.into_iter().rev() {
        rest = Some(match rest {
            None => part,
            Some(later) => {
                let both = binary(part.clone(), op, later);
                unboxed(plain_case(vec![(undecided(part), boxed(both)?)], boxed(decided.clone())?))
            }
        });
    }
    Ok(match (balanced(safe, op), rest) {
        (Some(safe), Some(rest)) => {
            let later = plain_case(vec![(undecided(safe.clone()), boxed(rest)?)], boxed(decided)?);
            binary(safe, op, unboxed(later))
        }
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => PlanExpr::Literal(ScalarValue::Boolean(Some(and)), None),
    })
}

/// A tree of one operator whose depth is the logarithm of the number of its parts, so that long chains do not
/// exhaust the stack.
pub(crate) fn balanced(mut parts: Vec<PlanExpr>, op: Operator) -> Option<PlanExpr> {
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut items = parts.into_iter();
        while let Some(left) = items.next() {
            next.push(match items.next() {
                Some(right) => binary(left, op, right),
                None => left,
            });
        }
        parts = next;
    }
    parts.pop()
}

/// Whether evaluating an expression can raise an error.
pub(crate) fn can_fail(expr: &PlanExpr) -> bool {
    let mut found = false;
    let walked = expr.apply(|node| {
        if let PlanExpr::ScalarFunction(call) = node {
            let kernel = call.func.inner().downcast_ref::<KernelUdf>().map(KernelUdf::kernel);
            found |= !kernel.is_some_and(|k| k.never_fails() || never_fails_for(k, &call.args));
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || walked.is_err()
}

/// Whether a call cannot fail because of its constant arguments.
fn never_fails_for(kernel: &Kernel, args: &[PlanExpr]) -> bool {
    match args {
        // substring fails for a negative length only.
        [_, _, PlanExpr::Literal(ScalarValue::Int32(Some(0..)), _)] => {
            matches!(kernel.name, "substring" | "substr")
        }
        [_, PlanExpr::Literal(ScalarValue::Utf8View(Some(pattern)), _)] => {
            patterns::like(kernel.oid).is_some() && Like::new(pattern.as_bytes(), false, false).never_fails()
        }
        _ => false,
    }
}

fn boxed(expr: PlanExpr) -> Result<PlanExpr> {
    widen(expr, DataType::Int16)
}

fn unboxed(expr: PlanExpr) -> PlanExpr {
    binary(expr, Operator::Eq, PlanExpr::Literal(ScalarValue::Int16(Some(1)), None))
}
