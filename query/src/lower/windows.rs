//! Window functions and aggregates over windows.
//!
//! Invariant: partitions and order go by keys. Frames that DataFusion does not compute as PostgreSQL are refused.

use crate::failure::from_datafusion;
use crate::kernel::aggregate::{
    CollectUdaf, ExtremeUdaf, Extremity, Moment, MomentUdaf, NumericSumUdaf, SumUdaf,
};
use crate::kernel::{floats, key, numbers};
use crate::lower::aggregates::{Operands, collected};
use crate::lower::columns;
use crate::lower::comparisons::{Typed, widen};
use crate::lower::filtered::guarded_window;
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
    Cast, Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, SortExpr, WindowFrame as PlanFrame,
    WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition, lit,
};
use sql::bound::{ColRef, Expr, FrameBound, FrameUnit, Rel, TypedCol, WindowCall, WindowFrame};
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

/// Digits of the sums of bigints.
const WIDE_DIGITS: u8 = 38;

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
    frame: PlanFrame,
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
        let udwf = |udwf: std::sync::Arc<datafusion::logical_expr::WindowUDF>| {
            WindowFunctionDefinition::WindowUDF(udwf)
        };
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
            "lag" => add(over.call(udwf(lead_lag::lag_udwf()), shifted(args)?)),
            "lead" => add(over.call(udwf(lead_lag::lead_udwf()), shifted(args)?)),
            "first_value" => add(over.call(udwf(nth_value::first_value_udwf()), args)),
            "last_value" => add(over.call(udwf(nth_value::last_value_udwf()), args)),
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
        let frame = self.frame(&call.frame, call, order_by.len())?;
        Ok(Over { partition_by, order_by, frame, filter })
    }

    fn frame(&mut self, frame: &WindowFrame, call: &WindowCall, keys: usize) -> Result<PlanFrame> {
        let whole = matches!(
            (&frame.start, &frame.end),
            (FrameBound::UnboundedPreceding, FrameBound::UnboundedFollowing)
        );
        let offset =
            |bound: &FrameBound| matches!(bound, FrameBound::Preceding(_) | FrameBound::Following(_));
        if keys == 0 && frame.unit != FrameUnit::Rows && (offset(&frame.start) || offset(&frame.end)) {
            return Err(Error::unsupported(
                "a frame offset by RANGE or GROUPS over a constant order is not supported",
            )
            .with_hint("Order by a column, or leave the offsets out."));
        }
        let units = match frame.unit {
            FrameUnit::Rows => WindowFrameUnits::Rows,
            // Without order all rows are peers, so every frame of peers is the whole partition.
            FrameUnit::Range | FrameUnit::Groups if keys == 0 || whole => {
                let all = ScalarValue::UInt64(None);
                return Ok(PlanFrame::new_bounds(
                    WindowFrameUnits::Rows,
                    WindowFrameBound::Preceding(all.clone()),
                    WindowFrameBound::Following(all),
                ));
            }
            FrameUnit::Range => WindowFrameUnits::Range,
            FrameUnit::Groups => WindowFrameUnits::Groups,
        };
        let start = self.bound(&frame.start, frame.unit, call, "starting")?;
        let end = self.bound(&frame.end, frame.unit, call, "ending")?;
        if ends_before_start(&start, &end) {
            let none = ScalarValue::UInt64(Some(BEYOND_ROWS));
            let bound = || WindowFrameBound::Following(none.clone());
            return Ok(PlanFrame::new_bounds(WindowFrameUnits::Rows, bound(), bound()));
        }
        Ok(PlanFrame::new_bounds(units, start, end))
    }

    fn bound(
        &mut self,
        bound: &FrameBound,
        unit: FrameUnit,
        call: &WindowCall,
        which: &str,
    ) -> Result<WindowFrameBound> {
        let ordered = call.order_by.first().map(|key| key.expr.ty());
        let unbounded = match (unit, &ordered) {
            (FrameUnit::Range, Some(_)) if wide_order(call).is_some() => {
                let wide = wide_order(call).unwrap_or(DataType::Int64);
                ScalarValue::try_from(&wide).map_err(from_datafusion)?
            }
            (FrameUnit::Range, Some(ty)) => {
                let data_type =
                    key::key_type(&ty.form).map_or_else(|| ty.form.arrow(), |key| key.form.arrow());
                ScalarValue::try_from(&data_type).map_err(from_datafusion)?
            }
            _ => ScalarValue::UInt64(None),
        };
        let (expr, preceding) = match bound {
            FrameBound::UnboundedPreceding => return Ok(WindowFrameBound::Preceding(unbounded)),
            FrameBound::CurrentRow => return Ok(WindowFrameBound::CurrentRow),
            FrameBound::UnboundedFollowing => return Ok(WindowFrameBound::Following(unbounded)),
            FrameBound::Preceding(expr) => (expr, true),
            FrameBound::Following(expr) => (expr, false),
        };
        let lowered = self.expr(&mut Scope::without_plan(), expr)?;
        let offset = match literals::datum_of(&lowered, &expr.ty().form) {
            Some(Datum::Int16(v)) => i64::from(v),
            Some(Datum::Int32(v)) => i64::from(v),
            Some(Datum::Int64(v)) => v,
            Some(Datum::Null) => {
                return Err(Error::new(
                    ErrorKind::NullNotAllowed,
                    format!("frame {which} offset must not be null"),
                ));
            }
            _ => {
                return Err(Error::unsupported("this frame offset is not supported")
                    .with_hint("use a constant integer, with RANGE over an integer column"));
            }
        };
        let Ok(rows) = u64::try_from(offset) else {
            return Err(Error::new(
                ErrorKind::InvalidFrameOffset,
                format!("frame {which} offset must not be negative"),
            ));
        };
        let value = match (unit, ordered.map(|ty| ty.form)) {
            (FrameUnit::Range, Some(Form::Int16 | Form::Int32)) => Some(ScalarValue::Int64(Some(offset))),
            (FrameUnit::Range, Some(Form::Int64)) => {
                Some(ScalarValue::Decimal128(Some(i128::from(offset)), WIDE_DIGITS, 0))
            }
            (FrameUnit::Range, _) => None,
            (FrameUnit::Rows | FrameUnit::Groups, _) => Some(ScalarValue::UInt64(Some(rows))),
        };
        let value = value.ok_or_else(|| {
            Error::unsupported("RANGE with an offset is supported over integer columns only")
        })?;
        Ok(if preceding { WindowFrameBound::Preceding(value) } else { WindowFrameBound::Following(value) })
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
        let udaf = WindowFunctionDefinition::AggregateUDF;
        let Some(first) = call.args.first() else {
            return Ok(add(over.call(udaf(count::count_udaf()), vec![lit(1_i64)])));
        };
        let arg = self.typed(scope, first)?;
        match (row.name, &arg.ty.form) {
            ("count", _) => {
                let column = operands.column(arg.expr, self);
                Ok(add(over.call(udaf(count::count_udaf()), vec![column])))
            }
            ("sum", _) => {
                let (sum, ty) = self.sum_over(operands, add, arg, over)?;
                self.in_form(sum, &ty, &call.ty)
            }
            ("avg", Form::Float64) if !is_moving(over) => {
                let column = operands.column(arg.expr, self);
                Ok(add(over.call(udaf(MomentUdaf::udaf(Moment::Average)), vec![column])))
            }
            ("avg", _) => {
                let counted = operands.column(arg.expr.clone(), self);
                let (sum, ty) = self.sum_over(operands, add, arg, over)?;
                let rows = add(over.call(udaf(count::count_udaf()), vec![counted]));
                let int8 = SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64 };
                let kernel = self.kernel("average", numbers::average, vec![ty, int8], &call.ty);
                self.internal(kernel, vec![sum, rows])
            }
            ("min" | "max", _) if ExtremeUdaf::matters_for(&arg.ty) && !is_moving(over) => {
                let wanted = if row.name == "max" { Extremity::Greatest } else { Extremity::Least };
                let extreme = ExtremeUdaf::udaf(wanted, &arg.ty, false);
                let column = operands.column(arg.expr, self);
                Ok(add(over.call(udaf(extreme), vec![column])))
            }
            ("min" | "max", form) if form.arrow_order_is_sql_order() => {
                let column = operands.column(arg.expr, self);
                let function = if row.name == "max" { min_max::max_udaf() } else { min_max::min_udaf() };
                Ok(add(over.call(udaf(function), vec![column])))
            }
            ("min" | "max", Form::Float32 | Form::Float64) => {
                let ty = arg.ty.clone();
                let key = self.key(arg)?;
                let column = operands.column(key, self);
                let function = if row.name == "max" { min_max::max_udaf() } else { min_max::min_udaf() };
                let found = add(over.call(udaf(function), vec![column]));
                let int8 = SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64 };
                let kernel = self.kernel("value_of_key", floats::of_key, vec![int8], &ty);
                self.internal(kernel, vec![found])
            }
            ("bool_and" | "every", _) => {
                let column = operands.column(arg.expr, self);
                Ok(add(over.call(udaf(bool_and_or::bool_and_udaf()), vec![column])))
            }
            ("bool_or", _) => {
                let column = operands.column(arg.expr, self);
                Ok(add(over.call(udaf(bool_and_or::bool_or_udaf()), vec![column])))
            }
            _ => match collected(call.proc) {
                Some(finish) if !is_moving(over) => {
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
                    Ok(add(over.call(udaf(collect), exprs)))
                }
                Some(_) => Err(Error::unsupported("this aggregate over this window frame is not supported")
                    .with_hint("begin the frame with UNBOUNDED PRECEDING")),
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
        let wide = |form: Form, oid: Oid| SqlType { oid, typmod: -1, form };
        let moving = is_moving(over);
        let (expr, ty, udaf) = match &arg.ty.form {
            Form::Int16 | Form::Int32 => {
                (widen(arg.expr, DataType::Int64)?, wide(Form::Int64, oid::INT8), sum::sum_udaf())
            }
            Form::Int64 => {
                let ty = wide(Form::Decimal128 { scale: 0 }, oid::NUMERIC);
                (widen(arg.expr, ty.form.arrow())?, ty, SumUdaf::udaf())
            }
            Form::Decimal128 { .. } => (arg.expr, arg.ty, SumUdaf::udaf()),
            // Taking a float out of a sum again does not give the sum of the others.
            Form::Float64 if !moving => (arg.expr, arg.ty, SumUdaf::udaf()),
            Form::PgNum if !moving => (arg.expr, arg.ty, NumericSumUdaf::udaf()),
            _ => {
                return Err(Error::unsupported(
                    "sum and avg of this type over this window frame are not supported",
                )
                .with_hint("begin the frame with UNBOUNDED PRECEDING, or cast to numeric(p, s)"));
            }
        };
        let column = operands.column(expr, self);
        Ok((add(over.call(WindowFunctionDefinition::AggregateUDF(udaf), vec![column])), ty))
    }

    fn in_form(&mut self, value: PlanExpr, from: &SqlType, to: &SqlType) -> Result<PlanExpr> {
        if from.form == to.form {
            return Ok(value);
        }
        let kernel = numbers::reform(from, to, &self.context.statement);
        self.internal(kernel, vec![value])
    }
}

/// More rows than a partition has.
const BEYOND_ROWS: u64 = 1 << 48;

/// Whether no row can lie between two bounds, which the engine would refuse.
fn ends_before_start(start: &WindowFrameBound, end: &WindowFrameBound) -> bool {
    match (start, end) {
        (WindowFrameBound::Following(start), WindowFrameBound::Following(end)) => {
            !start.is_null() && !end.is_null() && start > end
        }
        (WindowFrameBound::Preceding(start), WindowFrameBound::Preceding(end)) => {
            !start.is_null() && !end.is_null() && start < end
        }
        _ => false,
    }
}

/// The type of an order by integers that a RANGE adds offsets to: wide enough that no sum overflows.
fn wide_order(call: &WindowCall) -> Option<DataType> {
    let offset = |bound: &FrameBound| matches!(bound, FrameBound::Preceding(_) | FrameBound::Following(_));
    let added = call.frame.unit == FrameUnit::Range && (offset(&call.frame.start) || offset(&call.frame.end));
    match call.order_by.first().map(|key| key.expr.ty().form).filter(|_| added)? {
        Form::Int16 | Form::Int32 => Some(DataType::Int64),
        Form::Int64 => Some(DataType::Decimal128(WIDE_DIGITS, 0)),
        _ => None,
    }
}

/// Whether rows leave the frame as it goes on.
fn is_moving(over: &Over) -> bool {
    !matches!(&over.frame.start_bound, WindowFrameBound::Preceding(v) if v.is_null())
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

/// Arguments of lag and lead with the offset as DataFusion takes it.
fn shifted(mut args: Vec<PlanExpr>) -> Result<Vec<PlanExpr>> {
    if let Some(offset) = args.get_mut(1) {
        match offset {
            PlanExpr::Literal(ScalarValue::Int32(Some(v)), _) => *offset = lit(i64::from(*v)),
            _ => return Err(Error::unsupported("the offset of lag and lead must be a constant")),
        }
    }
    Ok(args)
}
