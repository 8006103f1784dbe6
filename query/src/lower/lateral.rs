//! LATERAL: relations in FROM that see the columns before them, and set-returning functions of such columns.
//!
//! Invariant: a row of the left side meets exactly the rows that the right side has for its values.

use crate::lower::columns;
use crate::lower::comparisons::binary;
use crate::lower::correlation::from_outside;
use crate::lower::relations::join_type;
use crate::lower::scope::{Lowering, Scope, build, keep};
use crate::lower::subqueries::{peeled, substituted};
use base::{Error, Result};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, Operator, lit};
use sql::bound::{AggregateCall, ColRef, Expr, JoinKind, Rel, SetCall};
use std::collections::HashMap;
use types::Datum;

impl Lowering<'_> {
    /// `left JOIN LATERAL right`.
    pub(crate) fn lateral_join(
        &mut self,
        kind: JoinKind,
        left: &Rel,
        right: &Rel,
        on: Option<&Expr>,
    ) -> Result<LogicalPlan> {
        if !matches!(kind, JoinKind::Inner | JoinKind::Left) {
            return Err(Error::unsupported("LATERAL on the right of a RIGHT or FULL join is not supported"));
        }
        let plan = self.rel(left)?;
        // HAVING can take the one row away; for a LEFT join that is a row of nulls, as the aggregates are told then.
        let always = kind == JoinKind::Left || !has_condition(right);
        if always && let Some(plan) = self.lateral_aggregate(&plan, left, right, on)? {
            return Ok(plan);
        }
        let mut wanted = columns::of(left)?;
        wanted.extend(columns::of(right)?);
        if let (Some((calls, ordinality)), JoinKind::Inner) = (functions(right), kind) {
            let plan = self.with_sets(plan, &columns::of(left)?, &calls, ordinality)?;
            return match on {
                None => Ok(plan),
                Some(on) => self.filtered(plan, &wanted, &[], on),
            };
        }
        let mut scope = Scope::of(plan);
        let mut conditions = Vec::new();
        let right = match self.pull_up(right)? {
            Some((rel, predicates)) => {
                for predicate in predicates.iter().map(from_outside) {
                    conditions.push(self.expr(&mut Scope::without_plan(), &predicate)?);
                }
                self.rel(&rel)?
            }
            None => {
                let unnested = self.unnest(&mut scope, right, &[])?;
                let number = columns::reference(unnested.binding.number.col);
                conditions.push(binary(unnested.number, Operator::Eq, number));
                self.rel(&unnested.rel)?
            }
        };
        if let Some(on) = on {
            conditions.push(self.expr(&mut Scope::without_plan(), &from_outside(on))?);
        }
        if conditions.is_empty() {
            conditions.push(lit(true));
        }
        let plan = LogicalPlanBuilder::from(scope.finish()?);
        let joined = build(plan.join_on(right, join_type(kind), conditions))?;
        keep(joined, wanted.iter().map(|c| c.col))
    }

    /// A LATERAL subquery that is one row of aggregates; its row is there for every row of the left side.
    fn lateral_aggregate(
        &mut self,
        plan: &LogicalPlan,
        left: &Rel,
        right: &Rel,
        on: Option<&Expr>,
    ) -> Result<Option<LogicalPlan>> {
        let unconditional = match on {
            None => true,
            Some(Expr::Const(datum, _)) => *datum == Datum::Bool(true),
            Some(_) => false,
        };
        let columns = columns::of(right)?;
        if !unconditional || columns.is_empty() {
            return Ok(None);
        }
        let mut scope = Scope::of(plan.clone());
        let mut items: Vec<PlanExpr> = columns::of(left)?.iter().map(|c| columns::reference(c.col)).collect();
        for column in &columns {
            let Some((input, aggregates, value)) = peeled(right, column) else { return Ok(None) };
            let calls: Vec<AggregateCall> = aggregates.iter().map(|(call, _)| call.clone()).collect();
            let results = self.scalar_aggregate(&mut scope, input, &calls)?;
            let names: HashMap<String, PlanExpr> =
                aggregates.iter().map(|(_, col)| columns::name(*col)).zip(results).collect();
            let value = self.expr(&mut scope, &from_outside(&value))?;
            items.push(substituted(value, &names)?.alias(columns::name(column.col)));
        }
        build(LogicalPlanBuilder::from(scope.finish()?).project(items)).map(Some)
    }
}

/// Whether there is a condition above the aggregates of a relation.
fn has_condition(rel: &Rel) -> bool {
    match rel {
        Rel::Filter { .. } => true,
        Rel::Project { input, .. } | Rel::Sort { input, .. } => has_condition(input),
        _ => false,
    }
}

/// The set-returning functions that are all of a relation, seen from the left side.
fn functions(rel: &Rel) -> Option<(Vec<SetCall>, Option<ColRef>)> {
    let (mut calls, ordinality) = match rel {
        Rel::Function { proc, args, columns } => {
            (vec![SetCall { proc: *proc, args: args.clone(), columns: columns.clone() }], None)
        }
        Rel::ProjectSet { input, calls, ordinality } if **input == Rel::Unit => (calls.clone(), *ordinality),
        _ => return None,
    };
    for arg in calls.iter_mut().flat_map(|call| &mut call.args) {
        *arg = from_outside(arg);
    }
    Some((calls, ordinality))
}
