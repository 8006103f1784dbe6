//! Window functions and aggregates over windows.
//!
//! Invariant: partitions and order go by keys. An aggregate whose frame begins further on with each row is DataFusion's only
//! where taking a row out again gives exactly what the others give.

use crate::failure::from_datafusion;
use crate::kernel::aggregate::{
    CollectUdaf, ExtremeUdaf, Extremity, Moment, MomentUdaf, NumericSumUdaf, SumUdaf,
};
use crate::kernel::framed::{Framed, Function};
use crate::kernel::framed_rows::{Edge, Spec};
use crate::kernel::numbers;
use crate::lower::aggregates::{Operands, collected};
use crate::lower::columns;
use crate::lower::comparisons::{Typed, widen};
use crate::lower::filtered::guarded_window;
use crate::lower::frames::{OwnFrame, is_moving, is_own, whole_partition, wide_order};
use crate::lower::literals;
use crate::lower::scope::{Lowering, Scope, build, unsupported_function};
use arrow::datatypes::DataType;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use datafusion::common::{Column, ScalarValue};
use datafusion::functions_aggregate::{bool_and_or, count, min_max, sum};
use datafusion::functions_window::{cume_dist, lead_lag, nth_value, ntile, rank, row_number};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    AggregateUDF, Cast, Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, SortExpr,
    WindowFrame as PlanFrame, WindowFunctionDefinition, WindowUDF, lit,
};
use sql::bound::{ColRef, Expr, FrameExclude, FrameUnit, Rel, TypedCol, WindowCall};
use std::sync::Arc;
use types::sql_type::oid;
use types::{Form, SqlType};

/// The window functions of pg_proc, by OID.
fn window_name(proc: Oid) -> Option<&'static str> {
    let row = catalog::builtin::proc(proc)?;
    (row.kind == catalog::builtin::ProcKind::Window).then_some(row.name)
}

/// Whether a window function can be run.
pub(crate) fn is_window_attached(proc: Oid) -> bool {
    window_name(proc).is_some()
}

/// One function over the window of its call.
#[derive(Clone, Debug)]
struct Over {
    partition_by: Vec<PlanExpr>,
    order_by: Vec<SortExpr>,
    /// That of all rows where there is an own one.
    frame: PlanFrame,
    own: Option<OwnFrame>,
    filter: Option<PlanExpr>,
}

impl Over {
    fn call(&self, fun: WindowFunctionDefinition, args: Vec<PlanExpr>) -> PlanExpr {
        PlanExpr::WindowFunction(Box::new(WindowFunction {
            fun,
            params: WindowFunctionParams {
                args,
                partition_by: self.partition_by.clone(),
                order_by: self.order_by.clone(),
                window_frame: self.frame.clone(),
                filter: self.filter.clone().map(Box::new),
                null_treatment: None,
                distinct: false,
            },
        }))
    }

    fn aggregate(&self, udaf: Arc<AggregateUDF>, args: Vec<PlanExpr>) -> PlanExpr {
        match &self.own {
            Some(own) => self.framed(own, Function::Aggregate(udaf), args),
            None => self.call(WindowFunctionDefinition::AggregateUDF(udaf), args),
        }
    }

    /// A function of the values in the frame, as DataFusion has it and as it is over an own frame.
    fn of_values(&self, udwf: Arc<WindowUDF>, function: Function, args: Vec<PlanExpr>) -> PlanExpr {
        match &self.own {
            Some(own) => self.framed(own, function, args),
            None => self.call(WindowFunctionDefinition::WindowUDF(udwf), args),
        }
    }

    /// A call that finds the rows of its frame.
    fn framed(&self, own: &OwnFrame, function: Function, mut args: Vec<PlanExpr>) -> PlanExpr {
        let udwf = Framed::udwf(function, args.len(), own.spec.clone(), self.filter.is_some());
        args.extend(own.args.iter().cloned().chain(self.filter.clone()));
        let plain = Self { filter: None, own: None, ..self.clone() };
        plain.call(WindowFunctionDefinition::WindowUDF(udwf), args)
    }

    /// A call that needs no frame.
    fn unframed(&self, function: Function, args: Vec<PlanExpr>) -> PlanExpr {
        let spec = Spec {
            unit: FrameUnit::Rows,
            start: Edge::Unbounded,
            end: Edge::Unbounded,
            exclude: FrameExclude::NoOthers,
            keys: 0,
            descending: false,
            nulls_first: false,
        };
        self.framed(&OwnFrame { spec, args: Vec::new() }, function, args)
    }
}

impl Lowering<'_> {
    pub(crate) fn window(&mut self, input: &Rel, calls: &[(WindowCall, ColRef)]) -> Result<LogicalPlan> {
        let columns = columns::of(input)?;
        let plan = self.rel(input)?;
        self.windowed(plan, &columns, calls)
    }

    /// The plan's `columns` and the calls.
    pub(crate) fn windowed(
        &mut self,
        plan: LogicalPlan,
        columns: &[TypedCol],
        calls: &[(WindowCall, ColRef)],
    ) -> Result<LogicalPlan> {
        let mut scope = Scope::of(plan);
        let mut operands = Operands::default();
        let mut exprs: Vec<PlanExpr> = Vec::new();
        let mut output: Vec<PlanExpr> = columns.iter().map(|c| columns::reference(c.col)).collect();
        for (call, col) in calls {
            let result = self.window_call(&mut scope, &mut operands, &mut exprs, &guarded_window(call))?;
            output.push(result.alias(columns::name(*col)));
        }
        let keep: Vec<ColRef> = columns.iter().map(|c| c.col).collect();
        let plan = operands.project(scope.finish()?, &keep)?;
        let windows = LogicalPlanBuilder::window_plan(plan, exprs).map_err(from_datafusion)?;
        build(LogicalPlanBuilder::from(windows).project(output))
    }

    fn window_call(
        &mut self,
        scope: &mut Scope,
        operands: &mut Operands,
        exprs: &mut Vec<PlanExpr>,
        call: &WindowCall,
    ) -> Result<PlanExpr> {
        let over = self.over(scope, operands, call)?;
        let mut add = |expr: PlanExpr| {
            if !exprs.contains(&expr) {
                exprs.push(expr.clone());
            }
            PlanExpr::Column(Column::new_unqualified(expr.schema_name().to_string()))
        };
        let cast = |expr: PlanExpr, to: DataType| PlanExpr::Cast(Cast::new(Box::new(expr), to));
        let types: Vec<SqlType> = call.args.iter().map(Expr::ty).collect();
        let Some(name) = window_name(call.proc) else {
            return self.aggregate_over(scope, operands, &mut add, call, &over);
        };
        if call.filter.is_some() {
            return Err(Error::unsupported("FILTER is not implemented for non-aggregate window functions"));
        }
        let udwf = |udwf: Arc<WindowUDF>| WindowFunctionDefinition::WindowUDF(udwf);
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            let lowered = self.expr(scope, arg)?;
            args.push(operands.column(lowered, self));
        }
        let ret = call.ty.form.arrow();
        Ok(match name {
            "row_number" => cast(add(over.call(udwf(row_number::row_number_udwf()), args)), ret),
            "rank" => cast(add(over.call(udwf(rank::rank_udwf()), args)), ret),
            "dense_rank" => cast(add(over.call(udwf(rank::dense_rank_udwf()), args)), ret),
            "percent_rank" => add(over.call(udwf(rank::percent_rank_udwf()), args)),
            "cume_dist" => add(over.call(udwf(cume_dist::cume_dist_udwf()), args)),
            "ntile" => {
                let buckets = positive(
                    args.first(),
                    ErrorKind::InvalidNtileArgument,
                    "argument of ntile must be greater than zero",
                )?;
                match buckets {
                    Some(buckets) => cast(add(over.call(udwf(ntile::ntile_udwf()), vec![lit(buckets)])), ret),
                    None => literals::null(&call.ty)?,
                }
            }
            "lag" | "lead" if varies(&args) => {
                add(over.unframed(if name == "lag" { Function::Lag } else { Function::Lead }, args))
            }
            "lag" => add(over.call(udwf(lead_lag::lag_udwf()), shifted(args))),
            "lead" => add(over.call(udwf(lead_lag::lead_udwf()), shifted(args))),
            "first_value" => add(over.of_values(nth_value::first_value_udwf(), Function::First, args)),
            "last_value" => add(over.of_values(nth_value::last_value_udwf(), Function::Last, args)),
            "nth_value" if over.own.is_some() => {
                add(over.of_values(nth_value::nth_value_udwf(), Function::Nth, args))
            }
            "nth_value" => match positive(
                args.get(1),
                ErrorKind::InvalidNthValueArgument,
                "argument of nth_value must be greater than zero",
            )? {
                Some(n) => {
                    let value =
                        args.into_iter().next().ok_or_else(|| Error::internal("nth_value of nothing"))?;
                    add(over.call(udwf(nth_value::nth_value_udwf()), vec![value, lit(n)]))
                }
                None => literals::null(&call.ty)?,
            },
            _ => return Err(unsupported_function(call.proc, &types)),
        })
    }

    fn over(&mut self, scope: &mut Scope, operands: &mut Operands, call: &WindowCall) -> Result<Over> {
        let mut partition_by = Vec::with_capacity(call.partition_by.len());
        for expr in &call.partition_by {
            let value = self.typed(scope, expr)?;
            let key = self.key(value)?;
            if !matches!(key, PlanExpr::Literal(..)) {
                partition_by.push(operands.column(key, self));
            }
        }
        let wide = wide_order(call);
        let mut order_by = Vec::with_capacity(call.order_by.len());
        for sort in self.sort_keys(scope, &call.order_by)? {
            if !matches!(sort.expr, PlanExpr::Literal(..)) {
                let expr = match (&wide, sort.expr) {
                    (Some(wide), expr) => widen(expr, wide.clone())?,
                    (None, expr) => expr,
                };
                let column = operands.column(expr, self);
                order_by.push(SortExpr::new(column, sort.asc, sort.nulls_first));
            }
        }
        let filter = match &call.filter {
            Some(filter) => {
                let filter = self.expr(scope, filter)?;
                Some(operands.column(filter, self))
            }
            None => None,
        };
        let (frame, own) = if is_own(call, order_by.len()) || is_computed_anew(call) {
            let keys = order_by.iter().map(|key| key.expr.clone()).collect();
            (whole_partition(), Some(self.own_frame(scope, operands, call, keys)?))
        } else {
            (self.frame(call, order_by.len())?, None)
        };
        Ok(Over { partition_by, order_by, frame, own, filter })
    }

    /// An aggregate over the window.
    fn aggregate_over(
        &mut self,
        scope: &mut Scope,
        operands: &mut Operands,
        add: &mut impl FnMut(PlanExpr) -> PlanExpr,
        call: &WindowCall,
        over: &Over,
    ) -> Result<PlanExpr> {
        let types: Vec<SqlType> = call.args.iter().map(Expr::ty).collect();
        let row = catalog::builtin::proc(call.proc).ok_or_else(|| unsupported_function(call.proc, &types))?;
        let Some(first) = call.args.first() else {
            return Ok(add(over.aggregate(count::count_udaf(), vec![lit(1_i64)])));
        };
        let arg = self.typed(scope, first)?;
        match (row.name, &arg.ty.form) {
            ("count", _) => {
                let column = operands.column(arg.expr, self);
                Ok(add(over.aggregate(count::count_udaf(), vec![column])))
            }
            ("sum", _) => {
                let (sum, ty) = self.sum_over(operands, add, arg, over)?;
                self.in_form(sum, &ty, &call.ty)
            }
            ("avg", Form::Float64) => {
                let column = operands.column(arg.expr, self);
                Ok(add(over.aggregate(MomentUdaf::udaf(Moment::Average), vec![column])))
            }
            ("avg", _) => {
                let counted = operands.column(arg.expr.clone(), self);
                let (sum, ty) = self.sum_over(operands, add, arg, over)?;
                let rows = add(over.aggregate(count::count_udaf(), vec![counted]));
                let int8 = SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64, domain: None };
                let kernel = self.kernel("average", numbers::average, vec![ty, int8], &call.ty);
                self.internal(kernel, vec![sum, rows])
            }
            ("min" | "max", _) if ExtremeUdaf::matters_for(&arg.ty) => {
                let wanted = if row.name == "max" { Extremity::Greatest } else { Extremity::Least };
                let extreme = ExtremeUdaf::udaf(wanted, &arg.ty, false);
                let column = operands.column(arg.expr, self);
                Ok(add(over.aggregate(extreme, vec![column])))
            }
            ("min" | "max", form) if form.arrow_order_is_sql_order() => {
                let column = operands.column(arg.expr, self);
                let function = if row.name == "max" { min_max::max_udaf() } else { min_max::min_udaf() };
                Ok(add(over.aggregate(function, vec![column])))
            }
            ("bool_and" | "every", _) => {
                let column = operands.column(arg.expr, self);
                Ok(add(over.aggregate(bool_and_or::bool_and_udaf(), vec![column])))
            }
            ("bool_or", _) => {
                let column = operands.column(arg.expr, self);
                Ok(add(over.aggregate(bool_and_or::bool_or_udaf(), vec![column])))
            }
            _ => match collected(call.proc) {
                Some(finish) => {
                    let mut columns = Vec::with_capacity(call.args.len());
                    let mut exprs = Vec::with_capacity(call.args.len());
                    for expr in &call.args {
                        columns.push(expr.ty());
                        let lowered = self.expr(scope, expr)?;
                        exprs.push(operands.column(lowered, self));
                    }
                    let collect = CollectUdaf::udaf(
                        finish,
                        columns,
                        Vec::new(),
                        false,
                        call.ty.clone(),
                        &self.context.statement.io,
                    );
                    Ok(add(over.aggregate(collect, exprs)))
                }
                None => Err(unsupported_function(call.proc, &types)
                    .with_hint("this aggregate is not supported as a window function")),
            },
        }
    }

    fn sum_over(
        &mut self,
        operands: &mut Operands,
        add: &mut impl FnMut(PlanExpr) -> PlanExpr,
        arg: Typed,
        over: &Over,
    ) -> Result<(PlanExpr, SqlType)> {
        let wide = |form: Form, oid: Oid| SqlType { oid, typmod: -1, form, domain: None };
        let (expr, ty, udaf) = match &arg.ty.form {
            Form::Int16 | Form::Int32 => {
                (widen(arg.expr, DataType::Int64)?, wide(Form::Int64, oid::INT8), sum::sum_udaf())
            }
            Form::Int64 => {
                let ty = wide(Form::Decimal128 { scale: 0 }, oid::NUMERIC);
                (widen(arg.expr, ty.form.arrow())?, ty, SumUdaf::udaf())
            }
            Form::Decimal128 { .. } => (arg.expr, arg.ty, SumUdaf::udaf()),
            Form::Float64 => (arg.expr, arg.ty, SumUdaf::udaf()),
            Form::PgNum => (arg.expr, arg.ty, NumericSumUdaf::udaf()),
            _ => {
                return Err(Error::unsupported("sum and avg of this type over a window are not supported")
                    .with_hint("Cast to double precision or numeric."));
            }
        };
        let column = operands.column(expr, self);
        Ok((add(over.aggregate(udaf, vec![column])), ty))
    }

    fn in_form(&mut self, value: PlanExpr, from: &SqlType, to: &SqlType) -> Result<PlanExpr> {
        if from.form == to.form {
            return Ok(value);
        }
        let kernel = numbers::reform(from, to, &self.context.statement);
        self.internal(kernel, vec![value])
    }
}

/// Whether a call finds its rows itself because its function cannot take a row out of what it has, or takes a number from
/// each row.
fn is_computed_anew(call: &WindowCall) -> bool {
    let Some(row) = catalog::builtin::proc(call.proc) else { return false };
    if row.kind == catalog::builtin::ProcKind::Window {
        return row.name == "nth_value"
            && !matches!(call.args.get(1), Some(Expr::Const(..) | Expr::Param { .. }));
    }
    let ty = call.args.first().map(Expr::ty);
    let retracts = match (row.name, &ty) {
        ("count", _) | (_, None) => true,
        ("sum" | "avg", Some(ty)) => {
            matches!(ty.form, Form::Int16 | Form::Int32 | Form::Int64 | Form::Decimal128 { .. })
        }
        ("min" | "max", Some(ty)) => !ExtremeUdaf::matters_for(ty) && ty.form.arrow_order_is_sql_order(),
        _ => false,
    };
    is_moving(&call.frame) && !retracts
}

/// A constant argument that must be above zero; None for null.
fn positive(arg: Option<&PlanExpr>, kind: ErrorKind, message: &str) -> Result<Option<i64>> {
    let value = match arg {
        Some(PlanExpr::Literal(ScalarValue::Int32(v), _)) => v.map(i64::from),
        Some(PlanExpr::Literal(ScalarValue::Int64(v), _)) => *v,
        _ => return Err(Error::unsupported("this argument of a window function must be a constant")),
    };
    match value {
        Some(value) if value <= 0 => Err(Error::new(kind, message)),
        other => Ok(other),
    }
}

/// Whether the offset of lag or lead, or what it gives where there is no row, may be another for each row. DataFusion's own
/// takes constants only.
fn varies(args: &[PlanExpr]) -> bool {
    let offset = args.get(1).is_some_and(|o| !matches!(o, PlanExpr::Literal(ScalarValue::Int32(Some(_)), _)));
    offset || args.get(2).is_some_and(|beyond| !matches!(beyond, PlanExpr::Literal(..)))
}

/// Arguments of lag and lead with the offset as DataFusion takes it.
fn shifted(mut args: Vec<PlanExpr>) -> Vec<PlanExpr> {
    if let Some(PlanExpr::Literal(offset, _)) = args.get_mut(1)
        && let ScalarValue::Int32(Some(rows)) = offset
    {
        *offset = ScalarValue::Int64(Some(i64::from(*rows)));
    }
    args
}
