//! avg, variance and standard deviation of floats by PostgreSQL's algorithm (Youngs and Cramer).
//!
//! Invariant: finite values never give an infinite sum or sum of squares, which is 22003, for averages too.

use crate::failure::into_datafusion;
use crate::kernel::aggregate::groups::each_kept;
use crate::kernel::floats;
use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use base::{Error, Result};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use std::sync::Arc;

/// What is computed from the moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Moment {
    Average,
    /// Sample or population variance, or its root.
    Variance {
        sample: bool,
        root: bool,
    },
}

/// Number, sum, and sum of the squared distances from the average.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    values: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    pub(crate) fn add(&mut self, value: f64) -> Result<()> {
        let before = *self;
        self.values += 1.0;
        self.sum += value;
        if before.values == 0.0 {
            if !value.is_finite() {
                self.squares = f64::NAN;
            }
            return Ok(());
        }
        let distance = value * self.values - self.sum;
        self.squares += distance * distance / (self.values * before.values);
        if self.sum.is_infinite() || self.squares.is_infinite() {
            if !before.sum.is_infinite() && !value.is_infinite() {
                return Err(floats::overflow());
            }
            self.squares = f64::NAN;
        }
        Ok(())
    }

    fn merge(&mut self, other: Moments) -> Result<()> {
        if other.values == 0.0 {
            return Ok(());
        }
        if self.values == 0.0 {
            *self = other;
            return Ok(());
        }
        let values = self.values + other.values;
        let distance = self.sum / self.values - other.sum / other.values;
        let squares =
            self.squares + other.squares + self.values * other.values * distance * distance / values;
        if squares.is_infinite() && !self.squares.is_infinite() && !other.squares.is_infinite() {
            return Err(floats::overflow());
        }
        *self = Moments { values, sum: floats::add(self.sum, other.sum)?, squares };
        Ok(())
    }

    /// None over too few values.
    pub(crate) fn finish(&self, moment: Moment) -> Option<f64> {
        match moment {
            Moment::Average => (self.values > 0.0).then(|| self.sum / self.values),
            Moment::Variance { sample, root } => {
                let free = if sample { self.values - 1.0 } else { self.values };
                let variance = self.squares / free;
                (free > 0.0).then(|| if root { variance.sqrt() } else { variance })
            }
        }
    }
}

/// A moment of a column of Float64.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct MomentUdaf {
    moment: Moment,
    name: String,
    signature: Signature,
}

impl MomentUdaf {
    pub(crate) fn udaf(moment: Moment) -> Arc<AggregateUDF> {
        let signature = Signature::any(1, Volatility::Immutable);
        // A plan names columns by the call, so the name tells the moments apart.
        let name = format!("{moment:?} of floats");
        Arc::new(AggregateUDF::new_from_impl(Self { moment, name, signature }))
    }
}

impl AggregateUDFImpl for MomentUdaf {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> PlanResult<DataType> {
        Ok(DataType::Float64)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn Accumulator>> {
        Ok(Box::new(One { moment: self.moment, moments: Moments::default() }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> PlanResult<Vec<FieldRef>> {
        let field = |part| Arc::new(Field::new(format!("{}[{part}]", args.name), DataType::Float64, false));
        Ok(["values", "sum", "squares"].map(field).to_vec())
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> PlanResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups { moment: self.moment, moments: Vec::new() }))
    }
}

fn floats_of(arrays: &[ArrayRef], index: usize) -> Result<&Float64Array> {
    arrays
        .get(index)
        .and_then(|array| array.as_primitive_opt::<Float64Type>())
        .ok_or_else(|| Error::internal("an average of floats was given another type"))
}

/// The moments of each row of a state.
fn states_of(states: &[ArrayRef]) -> Result<impl Iterator<Item = Moments>> {
    let (values, sums, squares) = (floats_of(states, 0)?, floats_of(states, 1)?, floats_of(states, 2)?);
    let rows = values.values().iter().zip(sums.values()).zip(squares.values());
    Ok(rows.map(|((values, sum), squares)| Moments { values: *values, sum: *sum, squares: *squares }))
}

fn state_of(moments: &[Moments]) -> Vec<ArrayRef> {
    let column = |part: fn(&Moments) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(moments.iter().map(part)))
    };
    vec![column(|m| m.values), column(|m| m.sum), column(|m| m.squares)]
}

/// Over all rows.
#[derive(Debug)]
struct One {
    moment: Moment,
    moments: Moments,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        let values = floats_of(values, 0).map_err(into_datafusion)?;
        values.iter().flatten().try_for_each(|value| self.moments.add(value)).map_err(into_datafusion)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        let mut states = states_of(states).map_err(into_datafusion)?;
        states.try_for_each(|state| self.moments.merge(state)).map_err(into_datafusion)
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        Ok(ScalarValue::Float64(self.moments.finish(self.moment)))
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        let Moments { values, sum, squares } = self.moments;
        Ok([values, sum, squares].map(|part| ScalarValue::Float64(Some(part))).to_vec())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// By group.
#[derive(Debug)]
struct Groups {
    moment: Moment,
    moments: Vec<Moments>,
}

impl Groups {
    fn of(&mut self, group: usize) -> Result<&mut Moments> {
        self.moments.get_mut(group).ok_or_else(|| Error::internal("a group without moments"))
    }

    fn update(
        &mut self,
        values: &Float64Array,
        groups: &[usize],
        filter: Option<&BooleanArray>,
    ) -> PlanResult<()> {
        each_kept(values, groups, filter, |group, value| self.of(group)?.add(value))
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        for (state, group) in states_of(states)?.zip(groups) {
            self.of(*group)?.merge(state)?;
        }
        Ok(())
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> PlanResult<()> {
        self.moments.resize(total_num_groups, Moments::default());
        let values = floats_of(values, 0).map_err(into_datafusion)?;
        self.update(values, group_indices, opt_filter)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> PlanResult<()> {
        self.moments.resize(total_num_groups, Moments::default());
        self.merge(values, group_indices).map_err(into_datafusion)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> PlanResult<ArrayRef> {
        let emitted = emit_to.take_needed(&mut self.moments);
        Ok(Arc::new(emitted.iter().map(|m| m.finish(self.moment)).collect::<Float64Array>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> PlanResult<Vec<ArrayRef>> {
        Ok(state_of(&emit_to.take_needed(&mut self.moments)))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> PlanResult<Vec<ArrayRef>> {
        let rows = floats_of(values, 0).map_err(into_datafusion)?.len();
        let mut each = Groups { moment: self.moment, moments: vec![Moments::default(); rows] };
        let groups: Vec<usize> = (0..rows).collect();
        each.update_batch(values, &groups, opt_filter, rows)?;
        Ok(state_of(&each.moments))
    }

    fn size(&self) -> usize {
        self.moments.capacity() * size_of::<Moments>()
    }
}
