//! Checked sums of fixed-scale decimals and floats.
//!
//! Invariant: a sum that leaves its type's range is 22003, never a wrapped or infinite value.

use crate::failure::into_datafusion;
use crate::kernel::aggregate::groups::{argument, each_kept, rows_as_state};
use crate::kernel::{decimals, floats};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowNativeType, DataType, Decimal128Type, FieldRef, Float32Type, Float64Type};
use base::{Error, Result};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use std::fmt::Debug;
use std::sync::Arc;

/// sum() over a column of Decimal128, Float64 or Float32, of the same type.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct SumUdaf {
    signature: Signature,
}

impl SumUdaf {
    pub(crate) fn udaf() -> Arc<AggregateUDF> {
        Arc::new(AggregateUDF::new_from_impl(Self { signature: Signature::any(1, Volatility::Immutable) }))
    }
}

/// How values of a type are added.
trait Addend: ArrowPrimitiveType + Debug
where
    Self::Native: Default + Debug,
{
    /// What leaves every value as it is when added to it: for floats -0, because 0 + -0 is 0.
    const NOTHING: Self::Native;

    fn add(sum: Self::Native, value: Self::Native) -> Result<Self::Native>;
    /// Whether taking a value out again gives the sum without it.
    fn subtract(sum: Self::Native, value: Self::Native) -> Option<Result<Self::Native>>;

    /// At least the magnitude of any sum of these values, where that is known and small sums need no check.
    fn reach(_values: &[Self::Native]) -> Option<u128> {
        None
    }

    /// An addition that was found to need no check.
    fn add_unchecked(sum: Self::Native, value: Self::Native) -> Self::Native;
}

impl Addend for Decimal128Type {
    const NOTHING: i128 = 0;

    fn add(sum: i128, value: i128) -> Result<i128> {
        decimals::checked_decimal(sum.checked_add(value))
    }

    fn subtract(sum: i128, value: i128) -> Option<Result<i128>> {
        Some(decimals::checked_decimal(sum.checked_sub(value)))
    }

    fn reach(values: &[i128]) -> Option<u128> {
        /// The largest magnitude of 64 bits.
        const NARROW_MAX: u128 = 1 << 63;
        let rows = u128::try_from(values.len()).ok()?;
        decimals::all_narrow(values).then(|| NARROW_MAX.saturating_mul(rows))
    }

    fn add_unchecked(sum: i128, value: i128) -> i128 {
        sum.wrapping_add(value)
    }
}

impl Addend for Float64Type {
    const NOTHING: f64 = -0.0;

    fn add(sum: f64, value: f64) -> Result<f64> {
        floats::add(sum, value)
    }

    fn subtract(_sum: f64, _value: f64) -> Option<Result<f64>> {
        None
    }

    fn add_unchecked(sum: f64, value: f64) -> f64 {
        sum + value
    }
}

impl Addend for Float32Type {
    const NOTHING: f32 = -0.0;

    fn add(sum: f32, value: f32) -> Result<f32> {
        floats::add_real(sum, value)
    }

    fn subtract(_sum: f32, _value: f32) -> Option<Result<f32>> {
        None
    }

    fn add_unchecked(sum: f32, value: f32) -> f32 {
        sum + value
    }
}

impl AggregateUDFImpl for SumUdaf {
    fn name(&self) -> &'static str {
        "checked_sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> PlanResult<DataType> {
        args.first().cloned().ok_or_else(|| into_datafusion(Error::internal("sum without an argument")))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn Accumulator>> {
        let data_type = args.return_field.data_type().clone();
        Ok(match data_type {
            DataType::Decimal128(..) => Box::new(Sum::<Decimal128Type>::new(data_type)),
            DataType::Float64 => Box::new(Sum::<Float64Type>::new(data_type)),
            DataType::Float32 => Box::new(Sum::<Float32Type>::new(data_type)),
            other => return Err(into_datafusion(Error::internal(format!("a sum of {other}")))),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> PlanResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(args.return_field.as_ref().clone().with_name(format!("{}[sum]", args.name)))])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn GroupsAccumulator>> {
        let data_type = args.return_field.data_type().clone();
        Ok(match data_type {
            DataType::Decimal128(..) => Box::new(Sums::<Decimal128Type>::new(data_type)),
            DataType::Float64 => Box::new(Sums::<Float64Type>::new(data_type)),
            DataType::Float32 => Box::new(Sums::<Float32Type>::new(data_type)),
            other => return Err(into_datafusion(Error::internal(format!("a sum of {other}")))),
        })
    }
}

/// The sum of all rows.
#[derive(Debug)]
struct Sum<T: Addend>
where
    T::Native: Default + Debug,
{
    sum: T::Native,
    /// Values that are not null; none makes the sum null.
    values: u64,
    data_type: DataType,
}

impl<T: Addend> Sum<T>
where
    T::Native: Default + Debug,
{
    fn new(data_type: DataType) -> Self {
        Self { sum: T::NOTHING, values: 0, data_type }
    }
}

impl<T: Addend> Accumulator for Sum<T>
where
    T::Native: Default + Debug + ArrowNativeType,
{
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        for value in argument::<T>(values)?.iter().flatten() {
            self.sum = T::add(self.sum, value).map_err(into_datafusion)?;
            self.values += 1;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        self.update_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        for value in argument::<T>(values)?.iter().flatten() {
            self.sum = T::subtract(self.sum, value)
                .unwrap_or_else(|| {
                    Err(Error::unsupported("sum of floats over a moving window frame is not supported"))
                })
                .map_err(into_datafusion)?;
            self.values = self.values.saturating_sub(1);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        let value = (self.values > 0).then_some(self.sum);
        let array = PrimitiveArray::<T>::from_iter([value]).with_data_type(self.data_type.clone());
        ScalarValue::try_from_array(&array, 0)
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// One sum per group.
#[derive(Debug)]
struct Sums<T: Addend>
where
    T::Native: Default + Debug,
{
    sums: Vec<T::Native>,
    /// Whether a group has a value; without one its sum is null.
    seen: Vec<bool>,
    /// At least the magnitude of any sum so far; None when nothing is known.
    reach: Option<u128>,
    data_type: DataType,
}

impl<T: Addend> Sums<T>
where
    T::Native: Default + Debug,
{
    fn new(data_type: DataType) -> Self {
        Self { sums: Vec::new(), seen: Vec::new(), reach: Some(0), data_type }
    }

    /// Takes note of values to be added; whether they can be added without checks.
    fn needs_no_checks(&mut self, values: &[T::Native]) -> bool {
        let reach = self.reach.zip(T::reach(values)).map(|(so_far, more)| so_far.saturating_add(more));
        self.reach = reach;
        reach.is_some_and(|reach| reach < decimals::DECIMAL_BOUND.unsigned_abs())
    }

    fn add(&mut self, group: usize, value: T::Native) -> Result<()> {
        let (Some(sum), Some(seen)) = (self.sums.get_mut(group), self.seen.get_mut(group)) else {
            return Err(Error::internal("a group without a sum"));
        };
        *sum = T::add(*sum, value)?;
        *seen = true;
        Ok(())
    }

    /// Adds a value to each row's group, none of them null.
    fn add_all(&mut self, group_indices: &[usize], values: &[T::Native]) -> Result<()> {
        let unchecked = self.needs_no_checks(values);
        let pairs = group_indices.iter().zip(values);
        if !unchecked {
            return pairs.into_iter().try_for_each(|(group, value)| self.add(*group, *value));
        }
        for (group, value) in pairs {
            let (Some(sum), Some(seen)) = (self.sums.get_mut(*group), self.seen.get_mut(*group)) else {
                return Err(Error::internal("a group without a sum"));
            };
            *sum = T::add_unchecked(*sum, *value);
            *seen = true;
        }
        Ok(())
    }

    fn take(&mut self, emit_to: EmitTo) -> ArrayRef {
        let sums = emit_to.take_needed(&mut self.sums);
        let seen = emit_to.take_needed(&mut self.seen);
        let array = PrimitiveArray::<T>::new(sums.into(), Some(NullBuffer::from(seen)));
        Arc::new(array.with_data_type(self.data_type.clone()))
    }
}

impl<T: Addend> GroupsAccumulator for Sums<T>
where
    T::Native: Default + Debug + ArrowNativeType,
{
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> PlanResult<()> {
        let values = argument::<T>(values)?;
        self.sums.resize(total_num_groups, T::NOTHING);
        self.seen.resize(total_num_groups, false);
        if values.null_count() == 0 && opt_filter.is_none() {
            return self.add_all(group_indices, values.values()).map_err(into_datafusion);
        }
        self.needs_no_checks(values.values());
        each_kept(values, group_indices, opt_filter, |group, value| self.add(group, value))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> PlanResult<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> PlanResult<ArrayRef> {
        Ok(self.take(emit_to))
    }

    fn state(&mut self, emit_to: EmitTo) -> PlanResult<Vec<ArrayRef>> {
        Ok(vec![self.take(emit_to)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> PlanResult<Vec<ArrayRef>> {
        rows_as_state::<T>(values, opt_filter)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.seen.capacity()
    }
}
