//! UNION, INTERSECT and EXCEPT, and set-returning functions in FROM.
//!
//! Invariant: rows are equal when no column is distinct from the other's, null included.

use crate::failure::from_datafusion;
use crate::kernel::compare;
use crate::kernel::series;
use crate::lower::columns;
use crate::lower::comparisons::{Typed, binary};
use crate::lower::relations::rename;
use crate::lower::scope::{Lowering, Scope, build, keep, unsupported_function};
use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use base::id::Oid;
use base::{Error, Result};
use datafusion::logical_expr::{
    Expr as PlanExpr, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Union,
};
use sql::bound::{ColRef, Expr, FrameBound, FrameUnit, SetOp, TypedCol, WindowCall, WindowFrame};
use std::sync::Arc;
use types::sql_type::oid;
use types::{Form, SqlType};

/// pg_proc OID of row_number.
const ROW_NUMBER: Oid = Oid(3100);

/// Whether a set-returning function in FROM can be run.
pub(crate) fn is_table_function(proc: Oid) -> bool {
    series::table_function(proc).is_some()
}

impl Lowering<'_> {
    /// Both sides yield `columns`.
    pub(crate) fn set_operation(
        &mut self,
        op: SetOp,
        all: bool,
        left: LogicalPlan,
        right: LogicalPlan,
        columns: &[TypedCol],
    ) -> Result<LogicalPlan> {
        match (op, all) {
            (SetOp::Union, _) => {
                let union = Union::try_new(vec![Arc::new(left), Arc::new(right)]).map_err(from_datafusion)?;
                let union = LogicalPlan::Union(union);
                if all { Ok(union) } else { self.distinct(union, columns) }
            }
            (SetOp::Intersect, false) => {
                let left = self.distinct(left, columns)?;
                self.half_join(left, right, columns, None, JoinType::LeftSemi)
            }
            (SetOp::Except, false) => {
                let left = self.distinct(left, columns)?;
                self.half_join(left, right, columns, None, JoinType::LeftAnti)
            }
            // Equal rows are numbered on each side; the n-th of one side meets the n-th of the other.
            (SetOp::Intersect, true) => self.numbered_join(left, right, columns, JoinType::LeftSemi),
            (SetOp::Except, true) => self.numbered_join(left, right, columns, JoinType::LeftAnti),
        }
    }

    fn numbered_join(
        &mut self,
        left: LogicalPlan,
        right: LogicalPlan,
        columns: &[TypedCol],
        kind: JoinType,
    ) -> Result<LogicalPlan> {
        let (left_number, right_number) = (self.fresh(), self.fresh());
        let left = self.numbered(left, columns, left_number)?;
        let right = self.numbered(right, columns, right_number)?;
        let joined = self.half_join(left, right, columns, Some((left_number, right_number)), kind)?;
        keep(joined, columns.iter().map(|c| c.col))
    }

    /// The plan with the number of each row among its equals.
    fn numbered(&mut self, plan: LogicalPlan, columns: &[TypedCol], number: ColRef) -> Result<LogicalPlan> {
        let frame = WindowFrame {
            unit: FrameUnit::Rows,
            start: FrameBound::UnboundedPreceding,
            end: FrameBound::CurrentRow,
        };
        let call = WindowCall {
            proc: ROW_NUMBER,
            args: Vec::new(),
            filter: None,
            partition_by: columns.iter().map(|c| Expr::Column(c.clone())).collect(),
            order_by: Vec::new(),
            frame,
            ty: int8(),
        };
        self.windowed(plan, columns, &[(call, number)])
    }

    /// Rows of the left side that have, or have not, an equal one on the right.
    fn half_join(
        &mut self,
        left: LogicalPlan,
        right: LogicalPlan,
        columns: &[TypedCol],
        numbers: Option<(ColRef, ColRef)>,
        kind: JoinType,
    ) -> Result<LogicalPlan> {
        let fresh: Vec<TypedCol> =
            columns.iter().map(|c| TypedCol { col: self.fresh(), ty: c.ty.clone() }).collect();
        let mut from: Vec<ColRef> = columns.iter().map(|c| c.col).collect();
        let mut to = fresh.clone();
        if let Some((_, right_number)) = numbers {
            from.push(right_number);
            to.push(TypedCol { col: right_number, ty: int8() });
        }
        let right = rename(right, &from, &to)?;
        let mut on = Vec::with_capacity(columns.len() + 1);
        for (a, b) in columns.iter().zip(&fresh) {
            let a = Typed { expr: columns::reference(a.col), ty: a.ty.clone() };
            let b = Typed { expr: columns::reference(b.col), ty: b.ty.clone() };
            on.extend(self.same(a, b)?);
        }
        if let Some((a, b)) = numbers {
            // As null-safe as the others, so that one hash join takes all of them.
            on.push(binary(columns::reference(a), Operator::IsNotDistinctFrom, columns::reference(b)));
        }
        if on.is_empty() {
            on.push(datafusion::logical_expr::lit(true));
        }
        build(LogicalPlanBuilder::from(left).join_on(right, kind, on))
    }

    /// Not distinct.
    fn same(&self, a: Typed, b: Typed) -> Result<Vec<PlanExpr>> {
        let (a, b) = (self.key(a)?, self.key(b)?);
        Ok(vec![binary(a, Operator::IsNotDistinctFrom, b)])
    }

    /// A set-returning function of constants.
    pub(crate) fn table_function(
        &mut self,
        proc: Oid,
        args: &[Expr],
        columns: &[TypedCol],
    ) -> Result<LogicalPlan> {
        debug_assert!(compare::operator_of(proc).is_none(), "operators return no sets");
        let types: Vec<SqlType> = args.iter().map(Expr::ty).collect();
        let Some(function) = series::table_function(proc) else {
            return Err(unsupported_function(proc, &types));
        };
        let mut data = Vec::with_capacity(args.len());
        let mut scope = Scope::without_plan();
        for arg in args {
            let lowered = self.expr(&mut scope, arg)?;
            let datum = crate::lower::literals::datum_of(&lowered, &arg.ty().form).ok_or_else(|| {
                Error::unsupported("a set-returning function in FROM needs constant arguments")
            })?;
            data.push(datum);
        }
        let arrays: Vec<ArrayRef> = function(&types, &data, &self.context.statement.io)?;
        let rows = arrays.first().map_or(0, |a| a.len());
        let fields: Vec<Field> =
            columns.iter().map(|c| Field::new(columns::name(c.col), c.ty.form.arrow(), true)).collect();
        if fields.len() != arrays.len() {
            return Err(Error::internal("a table function yielded another number of columns"));
        }
        self.in_memory(fields, arrays, rows)
    }
}

fn int8() -> SqlType {
    SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64 }
}
