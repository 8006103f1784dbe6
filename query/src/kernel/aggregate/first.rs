//! The value of a group's first row, null or not: what stands for values that are equal and yet may differ.
//!
//! Invariant: what is held grows with the rows that were the first of a group, not with the batches they came in.

use crate::failure::into_datafusion;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array, new_null_array};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use base::Error;
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use std::sync::Arc;

/// Any type in, the same out.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct FirstUdaf {
    signature: Signature,
}

impl FirstUdaf {
    pub(crate) fn udaf() -> Arc<AggregateUDF> {
        let signature = Signature::any(1, Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Self { signature }))
    }
}

impl AggregateUDFImpl for FirstUdaf {
    fn name(&self) -> &'static str {
        "first"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> PlanResult<DataType> {
        args.first().cloned().ok_or_else(|| internal("the first of nothing"))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn Accumulator>> {
        Ok(Box::new(First { values: Firsts::new(args.return_field.data_type()) }))
    }

    /// The value, and whether there was a row.
    fn state_fields(&self, args: StateFieldsArgs<'_>) -> PlanResult<Vec<FieldRef>> {
        let value = Field::new(format!("{}[first]", args.name), args.return_field.data_type().clone(), true);
        let seen = Field::new(format!("{}[seen]", args.name), DataType::Boolean, false);
        Ok(vec![Arc::new(value), Arc::new(seen)])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Firsts::new(args.return_field.data_type())))
    }
}

fn internal(message: &str) -> datafusion::common::DataFusionError {
    into_datafusion(Error::internal(message))
}

/// Chunk and row of the value of a group.
type Place = (usize, usize);

/// Where groups without a row are read.
const UNSEEN: Place = (0, 0);

/// The first values of groups.
#[derive(Debug)]
struct Firsts {
    /// The first one is a single null, of groups without a row; the others have the new values of one batch each.
    chunks: Vec<ArrayRef>,
    places: Vec<Place>,
}

impl Firsts {
    fn new(ty: &DataType) -> Self {
        Self { chunks: vec![new_null_array(ty, 1)], places: Vec::new() }
    }

    /// Takes the values of those rows that are kept and the first of their group.
    fn add(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        kept: impl Fn(usize) -> bool,
        total: usize,
    ) -> PlanResult<()> {
        let values = values.first().ok_or_else(|| internal("the first of nothing"))?;
        self.places.resize(total.max(self.places.len()), UNSEEN);
        let chunk = self.chunks.len();
        let mut rows = Vec::new();
        for (row, group) in groups.iter().enumerate() {
            let place = self.places.get_mut(*group).ok_or_else(|| internal("a group without a place"))?;
            if *place == UNSEEN && kept(row) {
                *place = (chunk, rows.len());
                rows.push(u32::try_from(row).map_err(|_| internal("a batch is too long"))?);
            }
        }
        if !rows.is_empty() {
            self.chunks.push(take(values, &UInt32Array::from(rows), None)?);
        }
        Ok(())
    }

    fn taken(&mut self, emit_to: EmitTo) -> PlanResult<(ArrayRef, BooleanArray)> {
        let places = emit_to.take_needed(&mut self.places);
        let chunks: Vec<&dyn Array> = self.chunks.iter().map(AsRef::as_ref).collect();
        let values = interleave(&chunks, &places)?;
        if self.places.is_empty() {
            self.chunks.truncate(1);
        }
        Ok((values, places.iter().map(|place| Some(*place != UNSEEN)).collect()))
    }

    fn bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.get_array_memory_size()).sum();
        chunks + self.places.capacity() * size_of::<Place>()
    }
}

fn kept(filter: Option<&BooleanArray>) -> impl Fn(usize) -> bool {
    move |row| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// The value and whether it is one of a state.
fn state_of(states: &[ArrayRef]) -> PlanResult<&BooleanArray> {
    states.get(1).and_then(|seen| seen.as_boolean_opt()).ok_or_else(|| internal("a state without its mark"))
}

impl GroupsAccumulator for Firsts {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> PlanResult<()> {
        self.add(values, group_indices, kept(opt_filter), total_num_groups)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> PlanResult<()> {
        self.add(states, group_indices, kept(Some(state_of(states)?)), total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> PlanResult<ArrayRef> {
        Ok(self.taken(emit_to)?.0)
    }

    fn state(&mut self, emit_to: EmitTo) -> PlanResult<Vec<ArrayRef>> {
        let (values, seen) = self.taken(emit_to)?;
        Ok(vec![values, Arc::new(seen)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> PlanResult<Vec<ArrayRef>> {
        let values = values.first().ok_or_else(|| internal("the first of nothing"))?;
        let seen: BooleanArray = (0..values.len()).map(|row| Some(kept(opt_filter)(row))).collect();
        Ok(vec![Arc::clone(values), Arc::new(seen)])
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// The first value of all rows.
#[derive(Debug)]
struct First {
    /// Of one group.
    values: Firsts,
}

impl First {
    fn one(&mut self) -> PlanResult<(ScalarValue, bool)> {
        let place = self.values.places.first().copied().unwrap_or(UNSEEN);
        let chunk = self.values.chunks.get(place.0).ok_or_else(|| internal("a place without a chunk"))?;
        Ok((ScalarValue::try_from_array(chunk, place.1)?, place != UNSEEN))
    }
}

impl Accumulator for First {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        if self.values.places.first().is_some_and(|place| *place != UNSEEN) {
            return Ok(());
        }
        let rows = values.first().map_or(0, |values| values.len());
        self.values.add(values, &vec![0; rows], |_| true, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        let seen = state_of(states)?;
        self.values.add(states, &vec![0; seen.len()], kept(Some(seen)), 1)
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        Ok(self.one()?.0)
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        let (value, seen) = self.one()?;
        Ok(vec![value, ScalarValue::Boolean(Some(seen))])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.values.bytes()
    }
}
