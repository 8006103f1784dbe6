//! LATERAL: relations in FROM that see the columns before them, and set-returning functions of such columns.
//!
//! Invariant: a row of the left side meets exactly the rows that the right side has for its values.

use crate::kernel::json::set_columns;
use crate::kernel::series_rows::{RowSet, row_set};
use crate::lower::columns;
use crate::lower::comparisons::binary;
use crate::lower::correlation::from_outside;
use crate::lower::relations::join_type;
use crate::lower::scope::{Lowering, Scope, build, keep, unsupported_function};
use crate::lower::subqueries::{peeled, substituted};
use base::id::Oid;
use base::{Error, Result};
use datafusion::common::{Column, NullHandling, UnnestOptions};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, Operator, lit};
use sql::bound::{AggregateCall, Expr, JoinKind, Rel, TypedCol};
use std::collections::HashMap;
use types::sql_type::array_of;
use types::{Datum, SqlType};

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
        if let Some(plan) = self.lateral_aggregate(&plan, left, right, on)? {
            return Ok(plan);
        }
        let mut wanted = columns::of(left)?;
        wanted.extend(columns::of(right)?);
        if let (Rel::Function { proc, args, columns }, JoinKind::Inner) = (right, kind) {
            let args: Vec<Expr> = args.iter().map(from_outside).collect();
            let plan = self.function_rows(plan, &columns::of(left)?, *proc, &args, columns)?;
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

    /// The rows of a plan, each with every row of a set-returning function of its columns.
    pub(crate) fn function_rows(
        &mut self,
        plan: LogicalPlan,
        left: &[TypedCol],
        proc: Oid,
        args: &[Expr],
        columns: &[TypedCol],
    ) -> Result<LogicalPlan> {
        if set_columns(proc).is_some() {
            return self.part_rows(plan, left, proc, args, columns);
        }
        let types: Vec<SqlType> = args.iter().map(Expr::ty).collect();
        let (Some(rows), [column]) = (row_set(proc), columns) else {
            return Err(unsupported_function(proc, &types)
                .with_hint("a set-returning function of columns is supported for one column only"));
        };
        let list = array_of(column.ty.oid)
            .and_then(SqlType::of)
            .map(|ty| SqlType { form: types::Form::List(Box::new(column.ty.form.clone())), ..ty })
            .ok_or_else(|| Error::unsupported("a set of values of this type is not supported"))?;
        let mut scope = Scope::of(plan);
        let lowered = self.exprs(&mut scope, args)?;
        let value = match rows {
            RowSet::Computed(run) => self.internal(self.kernel("row_set", run, types, &list), lowered)?,
            RowSet::Argument => {
                lowered.into_iter().next().ok_or_else(|| Error::internal("unnest of nothing"))?
            }
        };
        let name = columns::name(column.col);
        let mut exprs: Vec<PlanExpr> = left.iter().map(|c| columns::reference(c.col)).collect();
        exprs.push(value.alias(name.clone()));
        let listed = build(LogicalPlanBuilder::from(scope.finish()?).project(exprs))?;
        let options = UnnestOptions::new().with_null_handling(NullHandling::Drop);
        let unnested = LogicalPlanBuilder::from(listed)
            .unnest_column_with_options(Column::new_unqualified(name), options);
        build(unnested)
    }
}
