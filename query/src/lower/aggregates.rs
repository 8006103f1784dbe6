//! GROUP BY and aggregates.
//!
//! Invariants: groups are formed by keys, so that 1.0 and 1.00, 0 and -0, NaN and NaN are one group; an aggregate is
//! DataFusion's own only where its result is PostgreSQL's for every input.

use crate::kernel::aggregate::{
    CollectUdaf, ExtremeUdaf, Extremity, Finish, FirstUdaf, Moment, MomentUdaf, NumericSumUdaf, OrderedSet,
    Regression, SortBy, SumUdaf,
};
use crate::kernel::compare::ANYENUM;
use crate::kernel::json::Kind;
use crate::kernel::numbers;
use crate::lower::columns;
use crate::lower::comparisons::{Typed, widen};
use crate::lower::filtered::guarded_aggregate;
use crate::lower::scope::{Lowering, Scope, build, unsupported_function};
use arrow::datatypes::DataType;
use base::id::Oid;
use base::{Error, Result};
use datafusion::common::Column;
use datafusion::functions_aggregate::{bool_and_or, count, min_max, sum};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{AggregateUDF, Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, lit};
use sql::bound::{AggregateCall, ColRef, Expr, Rel, SortKey};
use std::sync::Arc;
use types::sql_type::oid;
use types::{Form, SqlType};

/// Stands in `AggregateCall::proc` for "the value of some row", which SQL cannot name.
pub(crate) const FIRST: Oid = Oid(0);

/// What an aggregate of pg_proc is computed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    First,
    Count,
    Sum,
    Avg,
    Extreme(Extremity),
    BoolAnd,
    BoolOr,
    Collect(Finish),
}

/// What an aggregate that keeps its rows computes of them.
pub(crate) fn collected(proc: Oid) -> Option<Finish> {
    match method(proc)? {
        Method::Collect(finish) => Some(finish),
        _ => None,
    }
}

fn method(proc: Oid) -> Option<Method> {
    if proc == FIRST {
        return Some(Method::First);
    }
    let row = catalog::builtin::proc(proc)?;
    if row.kind != catalog::builtin::ProcKind::Aggregate {
        return None;
    }
    let argument = row.args.first().copied();
    let supported = argument.is_none_or(|ty| {
        matches!(ty, oid::ANY | oid::ANYELEMENT | oid::ANYARRAY | oid::ANYNONARRAY | ANYENUM)
            || SqlType::of(ty).is_some()
    });
    if !supported {
        return None;
    }
    if catalog::builtin::aggregate(proc).is_some_and(|a| a.kind != 'n') {
        return OrderedSet::named(row.name).map(|set| Method::Collect(Finish::OrderedSet(set)));
    }
    if let Some(regression) = Regression::named(row.name) {
        return Some(Method::Collect(Finish::Regression(regression)));
    }
    let integers = matches!(argument, Some(oid::INT2 | oid::INT4 | oid::INT8));
    let variance = |sample, root| Method::Collect(Finish::Variance { sample, root });
    Some(match row.name {
        "count" => Method::Count,
        "sum" => Method::Sum,
        "avg" => Method::Avg,
        "min" => Method::Extreme(Extremity::Least),
        "max" => Method::Extreme(Extremity::Greatest),
        "bool_and" | "every" => Method::BoolAnd,
        "bool_or" => Method::BoolOr,
        "array_agg" if matches!(argument, Some(oid::ANYNONARRAY | oid::ANYARRAY)) => {
            Method::Collect(Finish::ArrayAgg)
        }
        "json_agg" => Method::Collect(Finish::JsonArray(Kind::Json)),
        "jsonb_agg" => Method::Collect(Finish::JsonArray(Kind::Jsonb)),
        "json_object_agg" => Method::Collect(Finish::JsonObject(Kind::Json)),
        "jsonb_object_agg" => Method::Collect(Finish::JsonObject(Kind::Jsonb)),
        "string_agg" => Method::Collect(Finish::StringAgg),
        "stddev" | "stddev_samp" => variance(true, true),
        "stddev_pop" => variance(false, true),
        "variance" | "var_samp" => variance(true, false),
        "var_pop" => variance(false, false),
        "bit_and" if integers => Method::Collect(Finish::BitAnd),
        "bit_or" if integers => Method::Collect(Finish::BitOr),
        "bit_xor" if integers => Method::Collect(Finish::BitXor),
        _ => return None,
    })
}

/// Whether an aggregate can be run.
pub fn is_aggregate_attached(proc: Oid) -> bool {
    proc != FIRST && method(proc).is_some()
}

/// Whether a function is carried out by the lowering itself: aggregates, window and table functions.
pub(crate) fn is_lowered_function(proc: Oid) -> bool {
    is_aggregate_attached(proc)
        || crate::lower::windows::is_window_attached(proc)
        || crate::lower::set_operations::is_table_function(proc)
}

/// The columns that an aggregate or window node works on, computed below it.
#[derive(Debug, Default)]
pub(crate) struct Operands {
    items: Vec<(PlanExpr, String)>,
}

impl Operands {
    /// The column that holds an expression.
    pub(crate) fn column(&mut self, expr: PlanExpr, lowering: &mut Lowering<'_>) -> PlanExpr {
        // The name of a literal, which results are found by, does not tell timestamp from timestamptz.
        let zoned = matches!(&expr, PlanExpr::Literal(value, _)
            if matches!(value.data_type(), DataType::Timestamp(_, Some(_))));
        if matches!(expr, PlanExpr::Literal(..)) && !zoned {
            return expr;
        }
        if let Some((_, name)) = self.items.iter().find(|(known, _)| *known == expr) {
            return PlanExpr::Column(Column::new_unqualified(name.clone()));
        }
        let name = match &expr {
            PlanExpr::Column(column) => column.name.clone(),
            _ => columns::name(lowering.fresh()),
        };
        self.items.push((expr, name.clone()));
        PlanExpr::Column(Column::new_unqualified(name))
    }

    /// The plan with the columns added to those in `keep`.
    pub(crate) fn project(self, plan: LogicalPlan, keep: &[ColRef]) -> Result<LogicalPlan> {
        let mut exprs: Vec<PlanExpr> = keep.iter().map(|col| columns::reference(*col)).collect();
        exprs.extend(self.items.into_iter().filter_map(|(expr, name)| match &expr {
            PlanExpr::Column(_) if keep.iter().any(|col| columns::name(*col) == name) => None,
            PlanExpr::Column(_) => Some(expr),
            _ => Some(expr.alias(name)),
        }));
        if exprs.is_empty() {
            return Ok(plan);
        }
        build(LogicalPlanBuilder::from(plan).project(exprs))
    }
}

/// The aggregate functions of one node, each once.
#[derive(Debug, Default)]
struct Calls {
    exprs: Vec<PlanExpr>,
}

impl Calls {
    /// The column in which the node puts the call's result.
    fn result(&mut self, udaf: Arc<AggregateUDF>, args: Vec<PlanExpr>, call: &Common) -> PlanExpr {
        let filter = call.filter.clone().map(Box::new);
        let function = AggregateFunction::new_udf(udaf, args, call.distinct, filter, Vec::new(), None);
        let expr = PlanExpr::AggregateFunction(function);
        if !self.exprs.contains(&expr) {
            self.exprs.push(expr.clone());
        }
        PlanExpr::Column(Column::new_unqualified(expr.schema_name().to_string()))
    }
}

/// What all functions of one call share.
#[derive(Debug)]
struct Common {
    distinct: bool,
    filter: Option<PlanExpr>,
}

/// Whether a result shows the order that the rows come in.
fn shows_order(call: &AggregateCall) -> bool {
    let shows = matches!(
        collected(call.proc),
        Some(Finish::ArrayAgg | Finish::StringAgg | Finish::JsonArray(_) | Finish::JsonObject(_))
    );
    shows && call.order_by.is_empty() && !call.distinct
}

impl Lowering<'_> {
    pub(crate) fn aggregate(
        &mut self,
        input: &Rel,
        group: &[(Expr, ColRef)],
        aggregates: &[(AggregateCall, ColRef)],
    ) -> Result<LogicalPlan> {
        if !aggregates.iter().any(|(call, _)| shows_order(call)) {
            let plan = self.rel(input)?;
            return self.grouped(Scope::of(plan), group, aggregates);
        }
        let (input, order) = self.with_order(input);
        let plan = self.rel(&input)?;
        // Sorting by the aggregate keeps the order of its rows.
        let mut ordered = aggregates.to_vec();
        for (call, _) in ordered.iter_mut().filter(|(call, _)| shows_order(call)) {
            call.order_by.clone_from(&order);
        }
        self.grouped(Scope::of(plan), group, &ordered)
    }

    pub(crate) fn grouped(
        &mut self,
        mut scope: Scope,
        group: &[(Expr, ColRef)],
        aggregates: &[(AggregateCall, ColRef)],
    ) -> Result<LogicalPlan> {
        let mut operands = Operands::default();
        let mut calls = Calls::default();
        let mut keys = Vec::with_capacity(group.len());
        let mut output = Vec::with_capacity(group.len() + aggregates.len());
        for (expr, col) in group {
            let value = self.typed(&mut scope, expr)?;
            let own = Self::is_own_key(&value.ty);
            let key = self.key(value.clone())?;
            // Grouping by a constant is grouping by nothing, but then there would be a group without rows.
            let key = match key {
                PlanExpr::Literal(..) => PlanExpr::Column(self.constant_column(&mut operands, key)),
                other => operands.column(other, self),
            };
            let result = match own {
                true => key.clone(),
                false => {
                    let value = operands.column(value.expr, self);
                    let common = Common { distinct: false, filter: None };
                    calls.result(FirstUdaf::udaf(), vec![value], &common)
                }
            };
            if !keys.contains(&key) {
                keys.push(key);
            }
            output.push(result.alias(columns::name(*col)));
        }
        for (call, col) in aggregates {
            let result = self.call(&mut scope, &mut operands, &mut calls, &guarded_aggregate(call))?;
            output.push(result.alias(columns::name(*col)));
        }
        let plan = operands.project(scope.finish()?, &[])?;
        let builder = match (keys.is_empty(), calls.exprs.is_empty()) {
            // An aggregate without groups and calls is one row without columns.
            (true, true) => return build(Ok(LogicalPlanBuilder::empty(true))),
            _ => LogicalPlanBuilder::from(plan).aggregate(keys, calls.exprs),
        };
        build(builder.and_then(|b| b.project(output)))
    }

    fn constant_column(&mut self, operands: &mut Operands, constant: PlanExpr) -> Column {
        let name = columns::name(self.fresh());
        operands.items.push((constant, name.clone()));
        Column::new_unqualified(name)
    }

    fn call(
        &mut self,
        scope: &mut Scope,
        operands: &mut Operands,
        calls: &mut Calls,
        call: &AggregateCall,
    ) -> Result<PlanExpr> {
        let types: Vec<SqlType> = call.args.iter().map(Expr::ty).collect();
        let method = method(call.proc).ok_or_else(|| unsupported_function(call.proc, &types))?;
        let filter = match &call.filter {
            Some(filter) => {
                let filter = self.expr(scope, filter)?;
                Some(operands.column(filter, self))
            }
            None => None,
        };
        let common = Common { distinct: call.distinct, filter };
        let Some(first) = call.args.first() else {
            return match method {
                Method::Count => Ok(calls.result(count::count_udaf(), vec![lit(1_i64)], &common)),
                _ => Err(Error::internal("an aggregate without arguments")),
            };
        };
        // The order of equal values shows only in results that depend on order.
        let floats = matches!(first.ty().form, Form::Float32 | Form::Float64);
        let collected = match method {
            Method::Collect(Finish::Variance { .. }) if floats && !call.distinct => None,
            Method::Collect(finish) => Some(finish),
            _ => collected_instead(method, &types, call.distinct),
        };
        if let Some(finish) = collected {
            return self.collect(scope, operands, calls, call, finish, common);
        }
        let arg = self.typed(scope, first)?;
        match method {
            Method::First => {
                let arg = operands.column(arg.expr, self);
                Ok(calls.result(FirstUdaf::udaf(), vec![arg], &common))
            }
            Method::Count => {
                let arg = if call.distinct { self.key(arg)? } else { arg.expr };
                let arg = operands.column(arg, self);
                Ok(calls.result(count::count_udaf(), vec![arg], &common))
            }
            Method::Sum => {
                let (sum, ty) = self.sum(operands, calls, arg, &common)?;
                self.reform(sum, &ty, &call.ty)
            }
            Method::Avg => self.avg(operands, calls, arg, &call.ty, &common),
            Method::Extreme(wanted) => self.extreme_of(operands, calls, arg, wanted, &common),
            Method::BoolAnd => {
                let arg = operands.column(arg.expr, self);
                Ok(calls.result(bool_and_or::bool_and_udaf(), vec![arg], &common))
            }
            Method::BoolOr => {
                let arg = operands.column(arg.expr, self);
                Ok(calls.result(bool_and_or::bool_or_udaf(), vec![arg], &common))
            }
            Method::Collect(Finish::Variance { sample, root }) => {
                self.moment(operands, calls, arg, Moment::Variance { sample, root }, &common)
            }
            Method::Collect(_) => Err(Error::internal("a collected aggregate was not collected")),
        }
    }

    /// The sum of a column and its type, which holds every sum of that many rows.
    fn sum(
        &mut self,
        operands: &mut Operands,
        calls: &mut Calls,
        arg: Typed,
        common: &Common,
    ) -> Result<(PlanExpr, SqlType)> {
        let wide = |form: Form, oid: Oid| SqlType { oid, typmod: -1, form, domain: None };
        let (expr, ty, udaf) = match &arg.ty.form {
            // 2^32 values of 32 bits fit into 64; no table holds more rows than that sum could overflow with.
            Form::Int16 | Form::Int32 => {
                (widen(arg.expr, DataType::Int64)?, wide(Form::Int64, oid::INT8), sum::sum_udaf())
            }
            Form::Int64 => {
                let ty = wide(Form::Decimal128 { scale: 0 }, oid::NUMERIC);
                (widen(arg.expr, ty.form.arrow())?, ty, sum::sum_udaf())
            }
            Form::Decimal128 { .. } | Form::Float64 | Form::Float32 => (arg.expr, arg.ty, SumUdaf::udaf()),
            Form::PgNum => (arg.expr, arg.ty, NumericSumUdaf::udaf()),
            other => return Err(Error::internal(format!("a sum of form {other:?}"))),
        };
        let column = operands.column(expr, self);
        Ok((calls.result(udaf, vec![column], common), ty))
    }

    fn avg(
        &mut self,
        operands: &mut Operands,
        calls: &mut Calls,
        arg: Typed,
        ret: &SqlType,
        common: &Common,
    ) -> Result<PlanExpr> {
        if matches!(arg.ty.form, Form::Float32 | Form::Float64) {
            return self.moment(operands, calls, arg, Moment::Average, common);
        }
        let counted = operands.column(arg.expr.clone(), self);
        let (sum, ty) = self.sum(operands, calls, arg, common)?;
        let int8 = SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64, domain: None };
        let rows = calls.result(count::count_udaf(), vec![counted], common);
        let kernel = self.kernel("average", numbers::average, vec![ty, int8], ret);
        self.internal(kernel, vec![sum, rows])
    }

    /// A moment of floats.
    fn moment(
        &mut self,
        operands: &mut Operands,
        calls: &mut Calls,
        arg: Typed,
        moment: Moment,
        common: &Common,
    ) -> Result<PlanExpr> {
        let wide = match arg.ty.form {
            Form::Float32 => widen(arg.expr, DataType::Float64)?,
            _ => arg.expr,
        };
        let column = operands.column(wide, self);
        Ok(calls.result(MomentUdaf::udaf(moment), vec![column], common))
    }

    fn extreme_of(
        &mut self,
        operands: &mut Operands,
        calls: &mut Calls,
        arg: Typed,
        wanted: Extremity,
        common: &Common,
    ) -> Result<PlanExpr> {
        let column = operands.column(arg.expr, self);
        if !ExtremeUdaf::matters_for(&arg.ty) {
            let udaf = match wanted {
                Extremity::Least => min_max::min_udaf(),
                Extremity::Greatest => min_max::max_udaf(),
            };
            return Ok(calls.result(udaf, vec![column], common));
        }
        let udaf = ExtremeUdaf::udaf(wanted, &arg.ty, common.distinct);
        // A duplicate is no better than the value itself.
        let common = Common { distinct: false, filter: common.filter.clone() };
        Ok(calls.result(udaf, vec![column], &common))
    }

    /// An aggregate over collected rows: arguments and sort keys are its columns.
    fn collect(
        &mut self,
        scope: &mut Scope,
        operands: &mut Operands,
        calls: &mut Calls,
        call: &AggregateCall,
        finish: Finish,
        common: Common,
    ) -> Result<PlanExpr> {
        let mut columns = Vec::new();
        let mut exprs = Vec::new();
        let keys = call.order_by.iter().map(|SortKey { expr, .. }| expr);
        for expr in call.args.iter().chain(keys) {
            columns.push(expr.ty());
            let lowered = self.expr(scope, expr)?;
            exprs.push(operands.column(lowered, self));
        }
        let sorts = call
            .order_by
            .iter()
            .map(|key| SortBy { descending: key.descending, nulls_first: key.nulls_first })
            .collect();
        let udaf = CollectUdaf::udaf(
            finish,
            columns,
            sorts,
            call.distinct,
            call.ty.clone(),
            &self.context.statement.io,
        );
        // Duplicates are dropped by the aggregate itself.
        let common = Common { distinct: false, ..common };
        Ok(calls.result(udaf, exprs, &common))
    }

    /// A value in another form of the same type.
    fn reform(&mut self, value: PlanExpr, from: &SqlType, to: &SqlType) -> Result<PlanExpr> {
        if from.form == to.form {
            return Ok(value);
        }
        let kernel = numbers::reform(from, to, &self.context.statement);
        self.internal(kernel, vec![value])
    }
}

/// Aggregates that have a short state but not for these types, or not for distinct values.
fn collected_instead(method: Method, types: &[SqlType], distinct: bool) -> Option<Finish> {
    let form = types.first().map(|ty| &ty.form)?;
    let summed = matches!(
        form,
        Form::Int16
            | Form::Int32
            | Form::Int64
            | Form::Decimal128 { .. }
            | Form::PgNum
            | Form::Float64
            | Form::Float32
    );
    match method {
        Method::Sum if distinct || !summed => Some(Finish::Sum),
        Method::Avg if distinct || !summed => Some(Finish::Avg),
        _ => None,
    }
}
