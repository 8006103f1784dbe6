//! EXISTS, IN and their negations in WHERE as semi and anti joins.
//!
//! Invariant: a row is kept exactly when the condition is true for it; unknown is as good as false.

use crate::lower::columns;
use crate::lower::comparisons::{Typed, binary};
use crate::lower::correlation::{from_outside, outer_columns};
use crate::lower::scope::{Lowering, Scope, build};
use crate::lower::subqueries::{column_of, existence, membership, told};
use base::Result;
use datafusion::logical_expr::{Expr as PlanExpr, JoinType, LogicalPlanBuilder, Operator, lit};
use sql::bound::{Expr, Quantifier, Rel, Subquery, SubqueryKind, TypedCol};

impl Lowering<'_> {
    /// Turns a conjunct of a filter into a semi or anti join. False when it is not of that kind.
    pub(crate) fn semi_join(&mut self, scope: &mut Scope, part: &Expr) -> Result<bool> {
        let (negated, subquery) = match part {
            Expr::Not(inner) => match inner.as_ref() {
                Expr::Subquery(subquery) => (true, subquery),
                _ => return Ok(false),
            },
            Expr::Subquery(subquery) => (false, subquery),
            _ => return Ok(false),
        };
        match &subquery.kind {
            SubqueryKind::Exists if !outer_columns(&subquery.rel).is_empty() => {
                self.join_half(scope, existence(&subquery.rel), None, negated)?;
                Ok(true)
            }
            SubqueryKind::Quantified { proc, all, arg } => {
                let anti = match membership(*proc, *all) {
                    Some(not_in) => not_in != negated,
                    None => return Ok(false),
                };
                let column = column_of(subquery)?;
                let value = self.typed(scope, arg)?;
                if anti {
                    self.keep_where_unequal_is_known(scope, subquery, &value, column)?;
                }
                self.join_half(scope, existence(&subquery.rel), Some((value, column.clone())), anti)?;
                Ok(true)
            }
            SubqueryKind::Row { quantifier, args, test } => {
                let test = told(test, args);
                let is = |value: bool, negated: bool| Expr::IsBool {
                    arg: Box::new(test.clone()),
                    value: Some(value),
                    negated,
                };
                let (predicate, anti) = match (quantifier, negated) {
                    (Quantifier::Any, false) => (test, false),
                    (Quantifier::Any, true) => (is(false, true), true),
                    (Quantifier::All, false) => (is(true, true), true),
                    (Quantifier::All, true) => (is(false, false), false),
                    (Quantifier::One, _) => return Ok(false),
                };
                let input = Box::new(existence(&subquery.rel).clone());
                self.join_half(scope, &Rel::Filter { input, predicate }, None, anti)?;
                Ok(true)
            }
            SubqueryKind::Exists | SubqueryKind::Scalar | SubqueryKind::Array => Ok(false),
        }
    }

    /// Keeps the rows of the scope that have, or have not, a partner.
    fn join_half(
        &mut self,
        scope: &mut Scope,
        rel: &Rel,
        equal: Option<(Typed, TypedCol)>,
        anti: bool,
    ) -> Result<()> {
        let mut on = Vec::new();
        let right = match self.pull_up(rel)? {
            Some((rel, predicates)) => {
                for predicate in &predicates {
                    on.push(self.expr(&mut Scope::without_plan(), &from_outside(predicate))?);
                }
                self.rel(&rel)?
            }
            None => {
                let unnested = self.unnest(scope, rel, &[])?;
                let number = columns::reference(unnested.binding.number.col);
                on.push(binary(unnested.number, Operator::Eq, number));
                self.rel(&unnested.rel)?
            }
        };
        if let Some((value, column)) = equal {
            let inner = Typed { expr: columns::reference(column.col), ty: column.ty };
            on.push(self.comparison(value, Operator::Eq, inner)?);
        }
        if on.is_empty() {
            on.push(lit(true));
        }
        let kind = if anti { JoinType::LeftAnti } else { JoinType::LeftSemi };
        let plan = scope.take()?;
        scope.put(build(LogicalPlanBuilder::from(plan).join_on(right, kind, on))?);
        Ok(())
    }

    /// NOT IN is true only where the comparison is known to be false for every row: keeps the rows for which the
    /// subquery is empty, or neither the value nor any row is null.
    fn keep_where_unequal_is_known(
        &mut self,
        scope: &mut Scope,
        subquery: &Subquery,
        value: &Typed,
        column: &TypedCol,
    ) -> Result<()> {
        let (rows, present) = self.counts(scope, &subquery.rel, column)?;
        let none = binary(rows.clone(), Operator::Eq, lit(0_i64));
        let all_present = binary(present, Operator::Eq, rows);
        let known = PlanExpr::IsNotNull(Box::new(value.expr.clone())).and(all_present);
        let plan = scope.take()?;
        scope.put(build(LogicalPlanBuilder::from(plan).filter(none.or(known)))?);
        Ok(())
    }
}
