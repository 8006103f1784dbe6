//! Set-returning functions whose rows are parts of one value, in one column or several: each column is computed as a
//! list, and the lists are unnested together.
//!
//! Invariant: the lists of a row are equally long, or all null, when the row is not there.

use crate::kernel::json::set_columns;
use crate::lower::columns;
use crate::lower::scope::{Lowering, Scope, build, unsupported_function};
use base::id::Oid;
use base::{Error, Result};
use datafusion::common::{Column, NullHandling, UnnestOptions};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder};
use sql::bound::{Expr, TypedCol};
use types::sql_type::array_of;
use types::{Form, SqlType};

impl Lowering<'_> {
    /// The rows of a plan, each with every row of a set of parts of its columns.
    pub(crate) fn part_rows(
        &mut self,
        plan: LogicalPlan,
        left: &[TypedCol],
        proc: Oid,
        args: &[Expr],
        columns: &[TypedCol],
    ) -> Result<LogicalPlan> {
        let types: Vec<SqlType> = args.iter().map(Expr::ty).collect();
        let runs = set_columns(proc).filter(|runs| runs.len() == columns.len());
        let runs = runs.ok_or_else(|| unsupported_function(proc, &types))?;
        let mut scope = Scope::of(plan);
        let lowered = self.exprs(&mut scope, args)?;
        let mut exprs: Vec<PlanExpr> = left.iter().map(|c| columns::reference(c.col)).collect();
        for ((name, run), column) in runs.iter().zip(columns) {
            let list = list_of(&column.ty)?;
            let value = self.internal(self.kernel(name, *run, types.clone(), &list), lowered.clone())?;
            exprs.push(value.alias(columns::name(column.col)));
        }
        let listed = build(LogicalPlanBuilder::from(scope.finish()?).project(exprs))?;
        let options = UnnestOptions::new().with_null_handling(NullHandling::Drop);
        let names = columns.iter().map(|c| Column::new_unqualified(columns::name(c.col))).collect();
        build(LogicalPlanBuilder::from(listed).unnest_columns_with_options(names, options))
    }
}

fn list_of(element: &SqlType) -> Result<SqlType> {
    array_of(element.oid)
        .and_then(SqlType::of)
        .map(|ty| SqlType { form: Form::List(Box::new(element.form.clone())), ..ty })
        .ok_or_else(|| Error::unsupported("a set of values of this type is not supported"))
}
