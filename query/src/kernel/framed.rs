//! Functions over window frames that DataFusion has no frames for: those that leave rows out, those whose offsets are
//! computed or are no integers, and aggregates that cannot take a row out again when a frame moves on.
//!
//! Must not know bound trees. Invariants: a call sees one partition in its order; each row's frame is found from the
//! partition alone; an aggregate is computed anew for every other frame, so that nothing depends on the frames before.

use crate::failure::{from_arrow, into_datafusion};
use crate::kernel::framed_rows::{Frames, Spec};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, UInt64Array, new_empty_array};
use arrow::compute::{concat, filter, prep_null_mask_filter, take};
use arrow::datatypes::{Field, FieldRef, Int64Type, Schema};
use base::{Error, ErrorKind, Result};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;
use std::ops::Range;
use std::sync::Arc;

/// What is computed over a frame. The arguments that it takes come first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Function {
    Aggregate(Arc<AggregateUDF>),
    First,
    Last,
    /// The value and its number.
    Nth,
    /// The value, how many rows before, and what there is beyond the partition.
    Lag,
    Lead,
}

/// A call: the function's arguments, then those of the frame, then the filter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Framed {
    name: String,
    function: Function,
    args: usize,
    spec: Spec,
    filtered: bool,
    signature: Signature,
}

impl Framed {
    /// A function of so many arguments, and whether a filter stands behind those of the frame.
    pub(crate) fn udwf(function: Function, args: usize, spec: Spec, filtered: bool) -> Arc<WindowUDF> {
        // A plan names columns by it.
        let of = match &function {
            Function::Aggregate(udaf) => udaf.name().to_owned(),
            other => format!("{other:?}"),
        };
        let name = format!("framed {of} {spec:?} {filtered}");
        let count = args + spec.args() + usize::from(filtered);
        let signature = Signature::any(count, Volatility::Immutable);
        Arc::new(WindowUDF::from(Self { name, function, args, spec, filtered, signature }))
    }
}

impl WindowUDFImpl for Framed {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs<'_>,
    ) -> PlanResult<Box<dyn PartitionEvaluator>> {
        let fields: Vec<FieldRef> = args.input_fields().iter().take(self.args).cloned().collect();
        let exprs = args.input_exprs().iter().take(self.args).cloned().collect();
        let aggregate = match &self.function {
            Function::Aggregate(udaf) => Some(Aggregate {
                udaf: Arc::clone(udaf),
                ret: udaf.return_field(&fields)?,
                schema: Schema::new(fields.iter().map(|field| field.as_ref().clone()).collect::<Vec<_>>()),
                fields,
                exprs,
            }),
            _ => None,
        };
        Ok(Box::new(Evaluator { call: self.clone(), aggregate }))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> PlanResult<FieldRef> {
        let fields: Vec<FieldRef> = args.input_fields().iter().take(self.args).cloned().collect();
        let data_type = match &self.function {
            Function::Aggregate(udaf) => udaf.return_field(&fields)?.data_type().clone(),
            _ => fields.first().ok_or_else(missing)?.data_type().clone(),
        };
        Ok(Arc::new(Field::new(args.name(), data_type, true)))
    }
}

fn missing() -> datafusion::common::DataFusionError {
    into_datafusion(Error::internal("a framed call misses an argument"))
}

/// What makes accumulators.
#[derive(Debug)]
struct Aggregate {
    udaf: Arc<AggregateUDF>,
    ret: FieldRef,
    schema: Schema,
    fields: Vec<FieldRef>,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
}

impl Aggregate {
    fn accumulator(&self) -> PlanResult<Box<dyn Accumulator>> {
        self.udaf.accumulator(AccumulatorArgs {
            return_field: Arc::clone(&self.ret),
            schema: &self.schema,
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: self.udaf.name(),
            is_distinct: false,
            exprs: &self.exprs,
            expr_fields: &self.fields,
        })
    }

    /// The aggregate over the frame of each row.
    fn over(&self, args: &[ArrayRef], kept: Option<&BooleanArray>, frames: &Frames) -> PlanResult<ArrayRef> {
        let kept = kept.map(Kept::of);
        let args: Vec<ArrayRef> = match &kept {
            Some(kept) => args
                .iter()
                .map(|arg| filter(arg, &kept.mask))
                .collect::<std::result::Result<_, _>>()
                .map_err(|error| into_datafusion(from_arrow(error)))?,
            None => args.to_vec(),
        };
        let mut values: Vec<ScalarValue> = Vec::with_capacity(frames.rows());
        let mut before: Option<[Range<usize>; 3]> = None;
        for row in 0..frames.rows() {
            let ranges = frames.of_row(row).map(|range| match &kept {
                Some(kept) => kept.place(range.start)..kept.place(range.end),
                None => range,
            });
            if let (Some(known), Some(value)) = (&before, values.last())
                && *known == ranges
            {
                values.push(value.clone());
                continue;
            }
            let mut accumulator = self.accumulator()?;
            for range in ranges.iter().filter(|range| !range.is_empty()) {
                let slices: Vec<ArrayRef> =
                    args.iter().map(|arg| arg.slice(range.start, range.len())).collect();
                accumulator.update_batch(&slices)?;
            }
            values.push(accumulator.evaluate()?);
            before = Some(ranges);
        }
        ScalarValue::iter_to_array(values)
    }
}

/// The rows that a filter keeps, and how many of them are before each row.
struct Kept {
    mask: BooleanArray,
    before: Vec<usize>,
}

impl Kept {
    fn of(mask: &BooleanArray) -> Self {
        let mask = if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() };
        let mut count = 0;
        let mut before = vec![0];
        for is_kept in mask.values() {
            count += usize::from(is_kept);
            before.push(count);
        }
        Self { mask, before }
    }

    fn place(&self, row: usize) -> usize {
        self.before.get(row).copied().unwrap_or_default()
    }
}

#[derive(Debug)]
struct Evaluator {
    call: Framed,
    aggregate: Option<Aggregate>,
}

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> PlanResult<ArrayRef> {
        let own = values.get(..self.call.args).ok_or_else(missing)?;
        let behind = self.call.args + self.call.spec.args();
        let of_frame = values.get(self.call.args..behind).ok_or_else(missing)?;
        if num_rows == 0 {
            let ret = self.aggregate.as_ref().map(|a| a.ret.data_type().clone());
            let data_type = ret.or_else(|| own.first().map(|arg| arg.data_type().clone()));
            return Ok(new_empty_array(&data_type.ok_or_else(missing)?));
        }
        let frames = || Frames::of(&self.call.spec, of_frame, num_rows).map_err(into_datafusion);
        if let Some(aggregate) = &self.aggregate {
            let kept = match self.call.filtered {
                true => Some(values.get(behind).and_then(|v| v.as_boolean_opt()).ok_or_else(missing)?),
                false => None,
            };
            return aggregate.over(own, kept, &frames()?);
        }
        let found = match self.call.function {
            Function::Lag | Function::Lead => {
                return shifted(&self.call.function, own, num_rows).map_err(into_datafusion);
            }
            _ => frames()?,
        };
        let first = own.first().ok_or_else(missing)?;
        let places = places(&self.call.function, own, &found).map_err(into_datafusion)?;
        take(first, &places, None).map_err(|error| into_datafusion(from_arrow(error)))
    }
}

/// The row that each row's value is taken from.
fn places(function: &Function, args: &[ArrayRef], frames: &Frames) -> Result<UInt64Array> {
    let numbers = match function {
        Function::Nth => Some(integers(args.get(1))?),
        _ => None,
    };
    let mut places = Vec::with_capacity(frames.rows());
    for row in 0..frames.rows() {
        let ranges = frames.of_row(row);
        let place = match (function, &numbers) {
            (Function::First, _) => nth(&ranges, 0),
            (Function::Last, _) => ranges.iter().rev().find(|r| !r.is_empty()).map(|r| r.end - 1),
            (_, Some(numbers)) if numbers.is_null(row) => None,
            (_, Some(numbers)) => match usize::try_from(numbers.value(row)) {
                Ok(number @ 1..) => nth(&ranges, number - 1),
                _ => {
                    let message = "argument of nth_value must be greater than zero";
                    return Err(Error::new(ErrorKind::InvalidNthValueArgument, message));
                }
            },
            (_, None) => None,
        };
        places.push(place.and_then(|place| u64::try_from(place).ok()));
    }
    Ok(UInt64Array::from(places))
}

fn nth(ranges: &[Range<usize>], mut number: usize) -> Option<usize> {
    for range in ranges {
        if number < range.len() {
            return Some(range.start + number);
        }
        number -= range.len();
    }
    None
}

/// lag and lead, whose rows are those of the partition.
fn shifted(function: &Function, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let value = args.first().ok_or_else(|| Error::internal("lag of nothing"))?;
    let offsets = integers(args.get(1))?;
    let beyond = args.get(2);
    let mut places = Vec::with_capacity(rows);
    for row in 0..rows {
        let place = match offsets.is_null(row) {
            true => None,
            false => {
                let offset = i128::from(offsets.value(row));
                let here = i128::try_from(row).unwrap_or(i128::MAX);
                let wanted = if *function == Function::Lag { here - offset } else { here + offset };
                match usize::try_from(wanted) {
                    Ok(place) if place < rows => Some(place),
                    _ => beyond.map(|_| rows + row),
                }
            }
        };
        places.push(place.and_then(|place| u64::try_from(place).ok()));
    }
    let from = match beyond {
        Some(beyond) => concat(&[value.as_ref(), beyond.as_ref()]).map_err(from_arrow)?,
        None => Arc::clone(value),
    };
    take(&from, &UInt64Array::from(places), None).map_err(from_arrow)
}

fn integers(array: Option<&ArrayRef>) -> Result<PrimitiveArray<Int64Type>> {
    let array = array.ok_or_else(|| Error::internal("a framed call misses an argument"))?;
    let wide = arrow::compute::cast(array, &arrow::datatypes::DataType::Int64).map_err(from_arrow)?;
    wide.as_primitive_opt::<Int64Type>()
        .cloned()
        .ok_or_else(|| Error::internal("a cast to bigint that is none"))
}
