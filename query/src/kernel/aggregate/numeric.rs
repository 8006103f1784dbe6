//! The sum of numerics that carry their own scale.
//!
//! Invariant: the state is one encoded numeric, null over no values; a NaN or infinity stays in the sum.

use crate::failure::into_datafusion;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, FieldRef};
use base::{Error, Result};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use std::sync::Arc;
use types::PgNum;

/// sum() over a column of encoded numerics.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct NumericSumUdaf {
    signature: Signature,
}

impl NumericSumUdaf {
    pub(crate) fn udaf() -> Arc<AggregateUDF> {
        Arc::new(AggregateUDF::new_from_impl(Self { signature: Signature::any(1, Volatility::Immutable) }))
    }
}

impl AggregateUDFImpl for NumericSumUdaf {
    fn name(&self) -> &'static str {
        "numeric_sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> PlanResult<DataType> {
        Ok(DataType::BinaryView)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn Accumulator>> {
        Ok(Box::new(NumericSum { sum: None }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> PlanResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(args.return_field.as_ref().clone().with_name(format!("{}[sum]", args.name)))])
    }
}

#[derive(Debug)]
struct NumericSum {
    sum: Option<PgNum>,
}

impl NumericSum {
    fn add(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values.first().and_then(|array| array.as_binary_view_opt());
        let values = values.ok_or_else(|| Error::internal("a sum of numerics in another form"))?;
        for bytes in values.iter().flatten() {
            let value = PgNum::from_bytes(bytes)?;
            self.sum = Some(match &self.sum {
                None => value,
                Some(sum) => sum.add(&value)?,
            });
        }
        Ok(())
    }
}

impl Accumulator for NumericSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        self.add(values).map_err(into_datafusion)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        self.add(states).map_err(into_datafusion)
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        Ok(ScalarValue::BinaryView(self.sum.as_ref().map(PgNum::to_bytes)))
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sum.as_ref().map_or(0, |sum| 2 * sum.groups().len())
    }
}
