//! min and max of types in which values can be equal and yet differ: -0 and 0, 1.0 and 1.00, 30 days and a month.
//!
//! Invariant: of equal values the last one to arrive is the result, as in PostgreSQL; with DISTINCT, and of char(n), the
//! first.

use crate::failure::into_datafusion;
use crate::kernel::aggregate::groups::{argument, each_kept, rows_as_state};
use crate::kernel::key::key_type;
use crate::kernel::list::order_key;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, BooleanBufferBuilder, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, FieldRef, Float32Type, Float64Type};
use base::{Error, Result};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use std::cmp::Ordering;
use std::fmt::Debug;
use std::sync::Arc;
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

/// Which value is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Extremity {
    Least,
    Greatest,
}

/// min or max over a column of a type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ExtremeUdaf {
    wanted: Extremity,
    /// Whether the first of equal values is kept.
    first: bool,
    ty: SqlType,
    signature: Signature,
}

impl ExtremeUdaf {
    /// Whether the choice among equal values shows.
    pub(crate) fn matters_for(ty: &SqlType) -> bool {
        let by_key = key_type(&ty.form).is_some();
        by_key || ty.form == Form::TimeTz || ty.oid == oid::BPCHAR
    }

    pub(crate) fn udaf(wanted: Extremity, ty: &SqlType, distinct: bool) -> Arc<AggregateUDF> {
        let first = distinct || ty.oid == oid::BPCHAR;
        let signature = Signature::any(1, Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Self { wanted, first, ty: ty.clone(), signature }))
    }

    /// Whether a later value takes the place of the best so far, by their order.
    fn replaces(&self, order: Ordering) -> bool {
        match order {
            Ordering::Equal => !self.first,
            Ordering::Less => self.wanted == Extremity::Least,
            Ordering::Greater => self.wanted == Extremity::Greatest,
        }
    }
}

impl AggregateUDFImpl for ExtremeUdaf {
    fn name(&self) -> &'static str {
        match (self.wanted, self.first) {
            (Extremity::Least, false) => "last_min",
            (Extremity::Least, true) => "first_min",
            (Extremity::Greatest, false) => "last_max",
            (Extremity::Greatest, true) => "first_max",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> PlanResult<DataType> {
        Ok(self.ty.form.arrow())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn Accumulator>> {
        Ok(Box::new(Extreme { call: self.clone(), best: None }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> PlanResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(args.return_field.as_ref().clone().with_name(format!("{}[best]", args.name)))])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        matches!(self.ty.form, Form::Float32 | Form::Float64)
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> PlanResult<Box<dyn GroupsAccumulator>> {
        Ok(match self.ty.form {
            Form::Float32 => Box::new(Extremes::<Float32Type>::new(self.clone())),
            Form::Float64 => Box::new(Extremes::<Float64Type>::new(self.clone())),
            _ => return Err(into_datafusion(Error::internal("extremes of groups are for floats"))),
        })
    }
}

/// The best value of all rows.
#[derive(Debug)]
struct Extreme {
    call: ExtremeUdaf,
    /// With its key.
    best: Option<(Vec<u8>, Datum)>,
}

impl Extreme {
    fn add(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Err(Error::internal("an extreme of nothing")) };
        for row in 0..values.len() {
            let datum = types::array::get(&self.call.ty.form, values, row)?;
            if datum.is_null() {
                continue;
            }
            let key = order_key(&self.call.ty, &datum);
            if self.best.as_ref().is_none_or(|(best, _)| self.call.replaces(key.cmp(best))) {
                self.best = Some((key, datum));
            }
        }
        Ok(())
    }
}

impl Accumulator for Extreme {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        self.add(values).map_err(into_datafusion)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        self.add(states).map_err(into_datafusion)
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        let datum = self.best.as_ref().map_or(Datum::Null, |(_, datum)| datum.clone());
        let array = types::array::from_data(&self.call.ty.form, &[datum]).map_err(into_datafusion)?;
        ScalarValue::try_from_array(&array, 0)
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        // The datum is about as long as its key.
        size_of::<Self>() + self.best.as_ref().map_or(0, |(key, _)| 2 * key.capacity())
    }
}

/// Floats, which order with NaN above all.
trait Float: ArrowPrimitiveType + Debug {
    fn order(a: Self::Native, b: Self::Native) -> Ordering;
}

impl Float for Float32Type {
    fn order(a: f32, b: f32) -> Ordering {
        a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
    }
}

impl Float for Float64Type {
    fn order(a: f64, b: f64) -> Ordering {
        a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
    }
}

/// The best value of each group.
#[derive(Debug)]
struct Extremes<T: Float>
where
    T::Native: Debug,
{
    call: ExtremeUdaf,
    best: Vec<T::Native>,
    seen: BooleanBufferBuilder,
}

impl<T: Float> Extremes<T>
where
    T::Native: Debug,
{
    fn new(call: ExtremeUdaf) -> Self {
        Self { call, best: Vec::new(), seen: BooleanBufferBuilder::new(0) }
    }

    fn add(&mut self, group: usize, value: T::Native) -> Result<()> {
        let best = self.best.get_mut(group).ok_or_else(|| Error::internal("a group without an extreme"))?;
        if !self.seen.get_bit(group) {
            self.seen.set_bit(group, true);
            *best = value;
        } else if self.call.replaces(T::order(value, *best)) {
            *best = value;
        }
        Ok(())
    }

    fn take(&mut self, emit_to: EmitTo) -> ArrayRef {
        let best = emit_to.take_needed(&mut self.best);
        let seen = self.seen.finish();
        let (emitted, kept) = (seen.slice(0, best.len()), seen.slice(best.len(), seen.len() - best.len()));
        self.seen.append_buffer(&kept);
        Arc::new(PrimitiveArray::<T>::new(best.into(), Some(NullBuffer::new(emitted))))
    }
}

impl<T: Float> GroupsAccumulator for Extremes<T>
where
    T::Native: Debug,
{
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> PlanResult<()> {
        self.best.resize(total_num_groups, T::Native::default());
        if self.seen.len() < total_num_groups {
            self.seen.append_n(total_num_groups - self.seen.len(), false);
        }
        each_kept(argument::<T>(values)?, group_indices, opt_filter, |group, value| self.add(group, value))
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
        self.best.capacity() * size_of::<T::Native>() + self.seen.capacity() / 8
    }
}
