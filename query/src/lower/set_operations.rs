//! UNION, INTERSECT and EXCEPT, and set-returning functions in FROM.
//!
//! Invariant: rows are equal when no column is distinct from the other's, null included.

use crate::failure::from_datafusion;
use crate::kernel::compare;
use crate::kernel::json::record_set;
use crate::kernel::record_sets::set_columns;
use crate::kernel::series::{self, SeriesRows};
use crate::lower::columns;
use crate::lower::comparisons::{Typed, binary};
use crate::lower::relations::rename;
use crate::lower::scope::{Lowering, Scope, build, keep, unsupported_function};
use crate::scan::SeriesStream;
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Field, Schema};
use base::id::Oid;
use base::{Error, Result};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::logical_expr::{
    Expr as PlanExpr, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Union,
};
use sql::bound::{
    ColRef, Expr, FrameBound, FrameExclude, FrameUnit, Rel, SetCall, SetOp, TypedCol, WindowCall, WindowFrame,
};
use std::sync::Arc;
use types::sql_type::oid;
use types::{Form, SqlType};

/// A longer series is made while it is read. A shorter one tells the planner its length.
const SERIES_IN_MEMORY_ROWS_MAX: usize = 65_536;

/// pg_proc OID of row_number.
const ROW_NUMBER: Oid = Oid(3100);

/// Whether a set-returning function in FROM can be run.
pub(crate) fn is_table_function(proc: Oid) -> bool {
    series::table_function(proc).is_some()
        || set_columns(proc).is_some()
        || record_set(proc).is_some()
        || crate::system::has_rows(proc)
}

/// A side of a set operation: `columns` of `rel`, in the order of the result's columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side<'r> {
    pub(crate) rel: &'r Rel,
    pub(crate) columns: &'r [ColRef],
}

impl<'r> Side<'r> {
    /// The sides of the set operation that this side is, when it keeps all its columns in their order.
    fn opened(&self) -> Option<(SetOp, bool, Side<'r>, Side<'r>)> {
        let Rel::SetOp { op, all, left, right, left_columns, right_columns, columns } = self.rel else {
            return None;
        };
        if !columns.iter().map(|c| c.col).eq(self.columns.iter().copied()) {
            return None;
        }
        let left = Side { rel: left, columns: left_columns };
        Some((*op, *all, left, Side { rel: right, columns: right_columns }))
    }
}

/// The sides of a union with those of the unions among them in their place: a chain becomes one flat union, because
/// the cost of planning grows with the square of the depth. UNION drops equal rows at the end, so it takes the sides
/// of every union; UNION ALL those of UNION ALL only.
fn union_sides<'r>(all: bool, left: Side<'r>, right: Side<'r>) -> Vec<Side<'r>> {
    let mut flat = Vec::new();
    let mut open = vec![right, left];
    while let Some(side) = open.pop() {
        match side.opened() {
            Some((SetOp::Union, inner_all, left, right)) if inner_all || !all => open.extend([right, left]),
            _ => flat.push(side),
        }
    }
    flat
}

/// The first side of a chain of EXCEPT, and the sides whose rows are taken from it.
fn except_sides<'r>(left: Side<'r>, right: Side<'r>) -> (Side<'r>, Vec<Side<'r>>) {
    let mut first = left;
    let mut rest = vec![right];
    while let Some((SetOp::Except, false, left, right)) = first.opened() {
        first = left;
        rest.push(right);
    }
    rest.reverse();
    (first, rest)
}

impl Lowering<'_> {
    /// A set operation of two sides, which becomes `columns`.
    pub(crate) fn set_operation(
        &mut self,
        op: SetOp,
        all: bool,
        left: Side<'_>,
        right: Side<'_>,
        columns: &[TypedCol],
    ) -> Result<LogicalPlan> {
        match (op, all) {
            (SetOp::Union, true) => self.union(union_sides(all, left, right), columns),
            (SetOp::Union, false) => {
                let union = self.union(union_sides(all, left, right), columns)?;
                self.distinct(union, columns)
            }
            (SetOp::Intersect, false) => {
                let (left, right) = (self.side(&left, columns)?, self.side(&right, columns)?);
                let left = self.distinct(left, columns)?;
                self.half_join(left, right, columns, None, JoinType::LeftSemi)
            }
            (SetOp::Except, false) => {
                let (first, rest) = except_sides(left, right);
                let left = self.side(&first, columns)?;
                let left = self.distinct(left, columns)?;
                let right = self.union(rest, columns)?;
                self.half_join(left, right, columns, None, JoinType::LeftAnti)
            }
            // Equal rows are numbered on each side; the n-th of one side meets the n-th of the other.
            (SetOp::Intersect | SetOp::Except, true) => {
                let kind = if op == SetOp::Intersect { JoinType::LeftSemi } else { JoinType::LeftAnti };
                let (left, right) = (self.side(&left, columns)?, self.side(&right, columns)?);
                self.numbered_join(left, right, columns, kind)
            }
        }
    }

    /// The rows of a side under the names of `columns`.
    fn side(&mut self, side: &Side<'_>, columns: &[TypedCol]) -> Result<LogicalPlan> {
        let plan = self.rel(side.rel)?;
        rename(plan, side.columns, columns)
    }

    /// All rows of all sides.
    fn union(&mut self, sides: Vec<Side<'_>>, columns: &[TypedCol]) -> Result<LogicalPlan> {
        let mut plans = Vec::with_capacity(sides.len());
        for side in &sides {
            plans.push(Arc::new(self.side(side, columns)?));
        }
        if let [_] = plans.as_slice()
            && let Some(only) = plans.pop()
        {
            return Ok(Arc::unwrap_or_clone(only));
        }
        Ok(LogicalPlan::Union(Union::try_new(plans).map_err(from_datafusion)?))
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
            exclude: FrameExclude::NoOthers,
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

    /// A set-returning function of what is known only when the query runs.
    pub(crate) fn function_rows(
        &mut self,
        proc: Oid,
        args: &[Expr],
        columns: &[TypedCol],
    ) -> Result<LogicalPlan> {
        let unit = build(Ok(LogicalPlanBuilder::empty(true)))?;
        let call = SetCall { proc, args: args.to_vec(), columns: columns.to_vec() };
        self.with_sets(unit, &[], &[call], None)
    }

    /// A set-returning function of constants.
    pub(crate) fn table_function(
        &mut self,
        proc: Oid,
        args: &[Expr],
        columns: &[TypedCol],
    ) -> Result<LogicalPlan> {
        debug_assert!(compare::operator_of(proc).is_none(), "operators return no sets");
        if crate::system::has_rows(proc) {
            return self.server_rows(proc, args, columns);
        }
        if set_columns(proc).is_some() || record_set(proc).is_some() {
            return self.function_rows(proc, args, columns);
        }
        let types: Vec<SqlType> = args.iter().map(Expr::ty).collect();
        if !is_table_function(proc) {
            return Err(unsupported_function(proc, &types));
        }
        let mut data = Vec::with_capacity(args.len());
        let mut scope = Scope::without_plan();
        for arg in args {
            let lowered = self.expr(&mut scope, arg)?;
            match crate::lower::literals::datum_of(&lowered, &arg.ty().form) {
                Some(datum) => data.push(datum),
                None => return self.function_rows(proc, args, columns),
            }
        }
        let io = &self.context.statement.io;
        let series = SeriesRows::of(proc, columns.len(), &types, &data, io)?
            .ok_or_else(|| unsupported_function(proc, &types))?;
        let field = |c: &TypedCol| Field::new(columns::name(c.col), c.ty.form.arrow(), true);
        let fields: Vec<Field> = columns.iter().map(field).collect();
        let first = series.clone().next(SERIES_IN_MEMORY_ROWS_MAX + 1)?;
        let empty = || columns.iter().map(|c| types::array::empty(&c.ty.form)).collect();
        let arrays: Vec<ArrayRef> = first.unwrap_or_else(empty);
        let rows = arrays.first().map_or(0, |array| array.len());
        if rows > SERIES_IN_MEMORY_ROWS_MAX {
            let schema = Arc::new(Schema::new(fields));
            let stream = Arc::new(SeriesStream::new(Arc::clone(&schema), series));
            let table = StreamingTable::try_new(schema, vec![stream]).map_err(from_datafusion)?;
            return self.provider(Arc::new(table));
        }
        self.in_memory(fields, arrays, rows)
    }
}

impl Lowering<'_> {
    /// The rows of a function that tells of the server; its arguments are constants.
    fn server_rows(&mut self, proc: Oid, args: &[Expr], columns: &[TypedCol]) -> Result<LogicalPlan> {
        let mut data = Vec::with_capacity(args.len());
        let mut scope = Scope::without_plan();
        for arg in args {
            let lowered = self.expr(&mut scope, arg)?;
            let datum = crate::lower::literals::datum_of(&lowered, &arg.ty().form);
            data.push(datum.ok_or_else(|| {
                Error::unsupported("a function of the server with arguments that are no constants")
            })?);
        }
        let rows = self.context.system.function_rows(proc, &data)?;
        let field = |c: &TypedCol| Field::new(columns::name(c.col), c.ty.form.arrow(), true);
        self.in_memory(columns.iter().map(field).collect(), rows.columns().to_vec(), rows.num_rows())
    }
}

fn int8() -> SqlType {
    SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64, domain: None }
}
