//! Set-returning functions beside the rows of a relation: each function's rows as a list, the lists unnested together.
//!
//! Invariant: a row of the input is there once for each row of its longest list, with null where a list has ended; a
//! row whose lists are all empty is not there.

use crate::kernel::json::{of_each, of_one, record_set};
use crate::kernel::list::elements;
use crate::kernel::record_sets::set_columns;
use crate::kernel::series_rows::{RowSet, numbered, row_set};
use crate::lower::columns;
use crate::lower::literals;
use crate::lower::scope::{Lowering, Scope, build, unsupported_function};
use base::{Error, Result};
use datafusion::common::{Column, NullHandling, UnnestOptions};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder};
use sql::bound::{ColRef, Expr, Rel, SetCall, TypedCol};
use types::sql_type::{array_of, oid};
use types::{Form, SqlType};

impl Lowering<'_> {
    pub(crate) fn project_set(
        &mut self,
        input: &Rel,
        calls: &[SetCall],
        ordinality: Option<ColRef>,
    ) -> Result<LogicalPlan> {
        let left = columns::of(input)?;
        if let (Rel::Unit, [SetCall { proc, args, columns }], None) = (input, calls, ordinality) {
            return self.rel(&Rel::Function { proc: *proc, args: args.clone(), columns: columns.clone() });
        }
        let plan = self.rel(input)?;
        self.with_sets(plan, &left, calls, ordinality)
    }

    /// The rows of a plan, each with the rows of set-returning functions of its columns.
    pub(crate) fn with_sets(
        &mut self,
        plan: LogicalPlan,
        left: &[TypedCol],
        calls: &[SetCall],
        ordinality: Option<ColRef>,
    ) -> Result<LogicalPlan> {
        let mut scope = Scope::of(plan);
        let mut exprs: Vec<PlanExpr> = left.iter().map(|c| columns::reference(c.col)).collect();
        let mut lists: Vec<(ColRef, SqlType)> = Vec::with_capacity(calls.len());
        let calls: Vec<SetCall> = calls.iter().flat_map(one_by_one).collect();
        for call in &calls {
            let types: Vec<SqlType> = call.args.iter().map(Expr::ty).collect();
            if let Some(each) = record_set(call.proc) {
                let lowered = self.exprs(&mut scope, &call.args)?;
                // Behind the JSON stand the names of the columns.
                let names = lowered.iter().zip(&types).skip(1);
                for ((name, name_ty), column) in names.zip(&call.columns) {
                    let (json, json_ty) = first_of(&lowered, &types)?;
                    let list = list_of(&column.ty);
                    let target = literals::null(&column.ty)?;
                    let types = vec![json_ty, name_ty.clone(), column.ty.clone()];
                    let kernel = match each {
                        true => self.kernel("json_to_recordset", of_each, types, &list),
                        false => self.kernel("json_to_record", of_one, types, &list),
                    };
                    let value = self.internal(kernel, vec![json, name.clone(), target])?;
                    exprs.push(value.alias(columns::name(column.col)));
                    lists.push((column.col, list));
                }
                continue;
            }
            if let Some(parts) = set_columns(call.proc).filter(|parts| parts.len() == call.columns.len()) {
                let lowered = self.exprs(&mut scope, &call.args)?;
                for ((name, run), column) in parts.iter().zip(&call.columns) {
                    let list = list_of(&column.ty);
                    let kernel = self.kernel(name, *run, types.clone(), &list);
                    let value = self.internal(kernel, lowered.clone())?;
                    exprs.push(value.alias(columns::name(column.col)));
                    lists.push((column.col, list));
                }
                continue;
            }
            let (Some(rows), [column]) = (row_set(call.proc), call.columns.as_slice()) else {
                return Err(unsupported_function(call.proc, &types));
            };
            let list = list_of(&column.ty);
            let lowered = self.exprs(&mut scope, &call.args)?;
            let value = match rows {
                RowSet::Computed(run) => self.internal(self.kernel("row_set", run, types, &list), lowered)?,
                RowSet::Argument => {
                    self.internal(self.kernel("elements", elements, types, &list), lowered)?
                }
            };
            exprs.push(value.alias(columns::name(column.col)));
            lists.push((column.col, list));
        }
        let mut plan = build(LogicalPlanBuilder::from(scope.finish()?).project(exprs))?;
        if let Some(col) = ordinality {
            let ty = list_of(&SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64, domain: None });
            let types = lists.iter().map(|(_, ty)| ty.clone()).collect();
            let args = lists.iter().map(|(col, _)| columns::reference(*col)).collect();
            let numbers = self.internal(self.kernel("row_numbers", numbered, types, &ty), args)?;
            let kept = left.iter().map(|c| c.col).chain(lists.iter().map(|(col, _)| *col));
            let mut exprs: Vec<PlanExpr> = kept.map(columns::reference).collect();
            exprs.push(numbers.alias(columns::name(col)));
            plan = build(LogicalPlanBuilder::from(plan).project(exprs))?;
            lists.push((col, ty));
        }
        let options = UnnestOptions::new().with_null_handling(NullHandling::Drop);
        let names = lists.iter().map(|(col, _)| Column::new_unqualified(columns::name(*col))).collect();
        build(LogicalPlanBuilder::from(plan).unnest_columns_with_options(names, options))
    }
}

fn first_of(exprs: &[PlanExpr], types: &[SqlType]) -> Result<(PlanExpr, SqlType)> {
    let first = exprs.first().cloned().zip(types.first().cloned());
    first.ok_or_else(|| Error::internal("records of nothing"))
}

/// unnest of several arrays as a call for each.
fn one_by_one(call: &SetCall) -> Vec<SetCall> {
    let several = call.columns.len() > 1 && call.columns.len() == call.args.len();
    if !several || !matches!(row_set(call.proc), Some(RowSet::Argument)) {
        return vec![call.clone()];
    }
    let parts = call.args.iter().zip(&call.columns);
    let part = |(arg, column): (&Expr, &TypedCol)| SetCall {
        proc: call.proc,
        args: vec![arg.clone()],
        columns: vec![column.clone()],
    };
    parts.map(part).collect()
}

fn list_of(element: &SqlType) -> SqlType {
    // A list of arrays has no type of its own.
    let oid = array_of(element.oid).unwrap_or(types::sql_type::oid::ANYARRAY);
    SqlType { oid, typmod: -1, form: Form::List(Box::new(element.form.clone())), domain: None }
}
