//! The frames of window functions: as DataFusion's where it computes them as PostgreSQL, else as arguments of a call that
//! finds its rows itself.
//!
//! Must not know functions. Invariant: a frame goes to DataFusion only with constant offsets, over integers for RANGE, and
//! without exclusion.

use crate::failure::from_datafusion;
use crate::kernel::frame_limits::{self, Side};
use crate::kernel::framed_rows::{Edge, Spec, null_offset};
use crate::kernel::udf::Kernel;
use crate::kernel::{attach, dates, key};
use crate::lower::aggregates::Operands;
use crate::lower::comparisons::{Typed, widen};
use crate::lower::literals;
use crate::lower::scope::{Lowering, Scope, unsupported_function};
use arrow::datatypes::DataType;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{
    Expr as PlanExpr, WindowFrame as PlanFrame, WindowFrameBound, WindowFrameUnits,
};
use sql::bound::{Expr, FrameBound, FrameExclude, FrameUnit, WindowCall, WindowFrame};
use std::sync::Arc;
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

/// Digits of the limits of bigints.
const WIDE_DIGITS: u8 = 38;
/// More rows than a partition has.
const BEYOND_ROWS: u64 = 1 << 48;

/// A frame whose rows the call finds, and the arguments that it needs for that.
#[derive(Clone, Debug)]
pub(crate) struct OwnFrame {
    pub(crate) spec: Spec,
    pub(crate) args: Vec<PlanExpr>,
}

fn offset_of(bound: &FrameBound) -> Option<&Expr> {
    match bound {
        FrameBound::Preceding(offset) | FrameBound::Following(offset) => Some(offset),
        FrameBound::UnboundedPreceding | FrameBound::CurrentRow | FrameBound::UnboundedFollowing => None,
    }
}

/// Whether rows leave the frame as it goes on.
pub(crate) fn is_moving(frame: &WindowFrame) -> bool {
    frame.start != FrameBound::UnboundedPreceding
}

/// The frame of all rows of a partition.
pub(crate) fn whole_partition() -> PlanFrame {
    let all = ScalarValue::UInt64(None);
    let (start, end) = (WindowFrameBound::Preceding(all.clone()), WindowFrameBound::Following(all));
    PlanFrame::new_bounds(WindowFrameUnits::Rows, start, end)
}

/// Whether DataFusion does not compute a frame as PostgreSQL; `keys` are those of the order that are no constants.
pub(crate) fn is_own(call: &WindowCall, keys: usize) -> bool {
    let WindowFrame { unit, start, end, exclude } = &call.frame;
    let constant = |offset: &Expr| matches!(offset, Expr::Const(Datum::Int64(_) | Datum::Null, _));
    let ordered = call.order_by.first().map(|key| key.expr.ty().form);
    let counts = match unit {
        FrameUnit::Rows => true,
        FrameUnit::Groups => keys > 0,
        FrameUnit::Range => keys > 0 && matches!(ordered, Some(Form::Int16 | Form::Int32 | Form::Int64)),
    };
    let mut offsets = [start, end].into_iter().filter_map(|bound| offset_of(bound));
    *exclude != FrameExclude::NoOthers || offsets.any(|offset| !constant(offset) || !counts)
}

/// The type of an order by integers that a RANGE adds offsets to: wide enough that no sum overflows.
pub(crate) fn wide_order(call: &WindowCall) -> Option<DataType> {
    let frame = &call.frame;
    let added = frame.unit == FrameUnit::Range
        && [&frame.start, &frame.end].into_iter().any(|bound| offset_of(bound).is_some());
    match call.order_by.first().map(|key| key.expr.ty().form).filter(|_| added)? {
        Form::Int16 | Form::Int32 => Some(DataType::Int64),
        Form::Int64 => Some(DataType::Decimal128(WIDE_DIGITS, 0)),
        _ => None,
    }
}

impl Lowering<'_> {
    /// DataFusion's frame.
    pub(crate) fn frame(&mut self, call: &WindowCall, keys: usize) -> Result<PlanFrame> {
        let frame = &call.frame;
        let whole = matches!(
            (&frame.start, &frame.end),
            (FrameBound::UnboundedPreceding, FrameBound::UnboundedFollowing)
        );
        let units = match frame.unit {
            FrameUnit::Rows => WindowFrameUnits::Rows,
            // Without order all rows are peers, so every frame of peers is the whole partition.
            FrameUnit::Range | FrameUnit::Groups if keys == 0 || whole => return Ok(whole_partition()),
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
            (FrameUnit::Range, Some(ty)) => {
                let own = || key::key_type(&ty.form).map_or_else(|| ty.form.arrow(), |key| key.form.arrow());
                ScalarValue::try_from(&wide_order(call).unwrap_or_else(own)).map_err(from_datafusion)?
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
        let offset = match expr.as_ref() {
            Expr::Const(Datum::Int64(offset), _) => *offset,
            Expr::Const(Datum::Null, _) => return Err(null_offset(which)),
            _ => return Err(Error::internal("a frame with an offset that is no number")),
        };
        let Ok(rows) = u64::try_from(offset) else {
            let message = match unit {
                FrameUnit::Range => "invalid preceding or following size in window function".to_owned(),
                FrameUnit::Rows | FrameUnit::Groups => {
                    format!("frame {which} offset must not be negative")
                }
            };
            return Err(Error::new(ErrorKind::InvalidFrameOffset, message));
        };
        let value = match (unit, ordered.map(|ty| ty.form)) {
            (FrameUnit::Range, Some(Form::Int64)) => {
                ScalarValue::Decimal128(Some(i128::from(offset)), WIDE_DIGITS, 0)
            }
            (FrameUnit::Range, _) => ScalarValue::Int64(Some(offset)),
            (FrameUnit::Rows | FrameUnit::Groups, _) => ScalarValue::UInt64(Some(rows)),
        };
        Ok(if preceding { WindowFrameBound::Preceding(value) } else { WindowFrameBound::Following(value) })
    }

    /// A frame that its call finds; `keys` are the columns that the partition is in the order of.
    pub(crate) fn own_frame(
        &mut self,
        scope: &mut Scope,
        operands: &mut Operands,
        call: &WindowCall,
        keys: Vec<PlanExpr>,
    ) -> Result<OwnFrame> {
        let frame = &call.frame;
        let edge = |bound: &FrameBound| match bound {
            FrameBound::UnboundedPreceding | FrameBound::UnboundedFollowing => Edge::Unbounded,
            FrameBound::CurrentRow => Edge::CurrentRow,
            FrameBound::Preceding(_) => Edge::Preceding,
            FrameBound::Following(_) => Edge::Following,
        };
        let first = call.order_by.first();
        let descending = first.is_some_and(|key| key.descending);
        let spec = Spec {
            unit: frame.unit,
            start: edge(&frame.start),
            end: edge(&frame.end),
            exclude: frame.exclude,
            keys: keys.len(),
            descending,
            nulls_first: first.is_some_and(|key| key.nulls_first),
        };
        let mut args = keys;
        let limits = first.filter(|_| spec.has_limits());
        if let Some(key) = limits {
            let value = self.limited(scope, &key.expr)?;
            args.push(operands.column(value, self));
        }
        for (bound, starts) in [(&frame.start, true), (&frame.end, false)] {
            let Some(offset) = offset_of(bound) else { continue };
            let arg = match limits {
                Some(key) => {
                    let subtracts = matches!(bound, FrameBound::Preceding(_)) != descending;
                    let lowest = starts != descending;
                    self.limit_of(scope, &key.expr, offset, Side { subtracts, lowest })?
                }
                None => self.expr(scope, offset)?,
            };
            args.push(operands.column(arg, self));
        }
        Ok(OwnFrame { spec, args })
    }

    /// The value of an order that limits are compared with.
    fn limited(&mut self, scope: &mut Scope, key: &Expr) -> Result<PlanExpr> {
        let Typed { expr, ty } = self.widest(scope, key)?;
        let (expr, ty) = match frame_limits::kernels(&ty.form, Side { subtracts: false, lowest: false }) {
            Some((form, same, _)) => {
                let ret = SqlType { form, ..ty.clone() };
                (self.internal(self.kernel("frame_value", same, vec![ty], &ret), vec![expr])?, ret)
            }
            None => (expr, ty),
        };
        self.key(Typed { expr, ty })
    }

    /// How far a frame goes from a value.
    fn limit_of(&mut self, scope: &mut Scope, key: &Expr, offset: &Expr, side: Side) -> Result<PlanExpr> {
        let Typed { expr, ty } = self.widest(scope, key)?;
        let distance = self.typed(scope, offset)?;
        if let Some((form, _, run)) = frame_limits::kernels(&ty.form, side) {
            let ret = SqlType { form, ..ty.clone() };
            let name = match side {
                Side { subtracts: true, lowest: true } => "lowest_below",
                Side { subtracts: true, lowest: false } => "highest_below",
                Side { subtracts: false, lowest: true } => "lowest_above",
                Side { subtracts: false, lowest: false } => "highest_above",
            };
            let kernel = self.kernel(name, run, vec![ty, distance.ty], &ret);
            let limit = self.internal(kernel, vec![expr, distance.expr])?;
            return self.key(Typed { expr: limit, ty: ret });
        }
        let procs = match ty.oid {
            oid::TIMESTAMP => (TIMESTAMP_PLUS, TIMESTAMP_MINUS),
            oid::TIMESTAMPTZ => (TIMESTAMPTZ_PLUS, TIMESTAMPTZ_MINUS),
            oid::INTERVAL => (INTERVAL_PLUS, INTERVAL_MINUS),
            _ => return Err(Error::internal("a RANGE over a type without limits")),
        };
        let checked =
            self.kernel("frame_offset", frame_limits::interval, vec![distance.ty.clone()], &distance.ty);
        let checked = self.internal(checked, vec![distance.expr])?;
        let proc = if side.subtracts { procs.1 } else { procs.0 };
        let types = vec![ty.clone(), distance.ty];
        let attached = attach::attached(proc).ok_or_else(|| unsupported_function(proc, &types))?;
        let kernel = Kernel {
            name: attached.name,
            oid: proc.0,
            run: attached.run,
            args: types,
            ret: ty.clone(),
            volatile: attached.volatile,
            statement: Arc::clone(&self.context.statement),
        };
        let limit = self.internal(kernel, vec![expr, checked])?;
        self.key(Typed { expr: limit, ty })
    }

    /// A value of an order in the type that offsets are added to.
    fn widest(&mut self, scope: &mut Scope, key: &Expr) -> Result<Typed> {
        let Typed { expr, ty } = self.typed(scope, key)?;
        let wide = |oid: Oid, form: Form| SqlType { oid, typmod: -1, form, domain: None };
        Ok(match &ty.form {
            Form::Int16 | Form::Int32 => {
                Typed { expr: widen(expr, DataType::Int64)?, ty: wide(oid::INT8, Form::Int64) }
            }
            Form::Float32 => {
                Typed { expr: widen(expr, DataType::Float64)?, ty: wide(oid::FLOAT8, Form::Float64) }
            }
            Form::Date => {
                let to = wide(oid::TIMESTAMP, Form::Timestamp);
                let expr = literals::call(dates::reform(&ty, &to, &self.context.statement), vec![expr])?;
                Typed { expr, ty: to }
            }
            _ => Typed { expr, ty },
        })
    }
}

/// pg_proc OIDs of what adds an interval and takes it away.
const TIMESTAMP_PLUS: Oid = Oid(2032);
const TIMESTAMP_MINUS: Oid = Oid(2033);
const TIMESTAMPTZ_PLUS: Oid = Oid(1189);
const TIMESTAMPTZ_MINUS: Oid = Oid(1190);
const INTERVAL_PLUS: Oid = Oid(1169);
const INTERVAL_MINUS: Oid = Oid(1170);

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
