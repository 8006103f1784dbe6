//! An aggregate that keeps its rows and computes at the end: for DISTINCT, ORDER BY and whatever has no short state.
//!
//! Invariant: with sort keys the rows are in their order before `Finish` sees them, equal rows as they came.

use crate::failure::into_datafusion;
use crate::kernel::aggregate::finish::Finish;
use crate::kernel::list::key_bytes;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use base::{Error, Result};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use types::{Datum, Form, IoSettings, SqlType};

/// How one sort key of the call orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SortBy {
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

impl SortBy {
    /// Different for different orders.
    fn sign(self) -> &'static str {
        match (self.descending, self.nulls_first) {
            (false, false) => "+",
            (false, true) => "n+",
            (true, true) => "-",
            (true, false) => "-n",
        }
    }
}

/// The session's settings, which are one for all calls of a statement.
#[derive(Clone, Debug)]
struct Settings(IoSettings);

impl PartialEq for Settings {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Settings {}

impl Hash for Settings {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

/// The arguments come first, then the sort keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CollectUdaf {
    name: String,
    finish: Finish,
    columns: Vec<SqlType>,
    sorts: Vec<SortBy>,
    distinct: bool,
    ret: SqlType,
    settings: Settings,
    signature: Signature,
}

impl CollectUdaf {
    pub(crate) fn udaf(
        finish: Finish,
        columns: Vec<SqlType>,
        sorts: Vec<SortBy>,
        distinct: bool,
        ret: SqlType,
        io: &IoSettings,
    ) -> Arc<AggregateUDF> {
        let signature = Signature::any(columns.len(), Volatility::Immutable);
        // The name tells calls with the same arguments apart, because a plan names their columns by it.
        let order: String = sorts.iter().map(|sort| sort.sign()).collect();
        let name = format!("{finish:?}{}{order}", if distinct { " distinct " } else { "" });
        let settings = Settings(io.clone());
        let call = Self { name, finish, columns, sorts, distinct, ret, settings, signature };
        Arc::new(AggregateUDF::new_from_impl(call))
    }
}

impl AggregateUDFImpl for CollectUdaf {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> PlanResult<DataType> {
        Ok(self.ret.form.arrow())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> PlanResult<Box<dyn Accumulator>> {
        Ok(Box::new(Collector { call: self.clone(), rows: Vec::new(), bytes: 0 }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> PlanResult<Vec<FieldRef>> {
        let fields = self.columns.iter().enumerate().map(|(index, ty)| {
            let list = Form::List(Box::new(ty.form.clone()));
            Arc::new(Field::new(format!("{}[{index}]", args.name), list.arrow(), true))
        });
        Ok(fields.collect())
    }
}

#[derive(Debug)]
struct Collector {
    call: CollectUdaf,
    rows: Vec<Vec<Datum>>,
    bytes: usize,
}

impl Collector {
    fn push(&mut self, row: Vec<Datum>) {
        self.bytes += row.iter().map(size_of_datum).sum::<usize>() + size_of::<Vec<Datum>>();
        self.rows.push(row);
    }

    fn take(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let count = columns.first().map_or(0, |c| c.len());
        for index in 0..count {
            let mut row = Vec::with_capacity(columns.len());
            for (column, ty) in columns.iter().zip(&self.call.columns) {
                row.push(types::array::get(&ty.form, column, index)?);
            }
            if !self.call.finish.skips(&row) {
                self.push(row);
            }
        }
        Ok(())
    }

    fn finish(&self) -> Result<Datum> {
        let mut rows: Vec<&Vec<Datum>> = self.rows.iter().collect();
        let args = self.call.columns.len() - self.call.sorts.len();
        if self.call.distinct {
            let mut seen = HashSet::new();
            rows.retain(|row| seen.insert(key_bytes(row.get(..args).unwrap_or_default())));
            if self.call.sorts.is_empty() {
                // PostgreSQL finds duplicates by sorting, which shows in the result.
                let ascending = SortBy { descending: false, nulls_first: false };
                rows.sort_by(|a, b| {
                    let orders = (0..args).map(|index| compare(a.get(index), b.get(index), ascending));
                    orders.fold(Ordering::Equal, Ordering::then)
                });
            }
        }
        rows.sort_by(|a, b| {
            let keys = self.call.sorts.iter().enumerate();
            keys.map(|(index, sort)| compare(a.get(args + index), b.get(args + index), *sort))
                .find(|order| *order != Ordering::Equal)
                .unwrap_or(Ordering::Equal)
        });
        let types = self.call.columns.get(..args).unwrap_or_default();
        let io = &self.call.settings.0;
        self.call.finish.compute(types, &self.call.ret, &rows, io, &self.call.sorts)
    }
}

pub(super) fn compare(a: Option<&Datum>, b: Option<&Datum>, sort: SortBy) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return Ordering::Equal };
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if sort.nulls_first => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) if sort.nulls_first => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let order = key_bytes(std::slice::from_ref(a)).cmp(&key_bytes(std::slice::from_ref(b)));
            if sort.descending { order.reverse() } else { order }
        }
    }
}

fn size_of_datum(datum: &Datum) -> usize {
    let heap = match datum {
        Datum::Text(v) | Datum::Jsonb(v) => v.len(),
        Datum::Bytes(v) | Datum::PgNum(v) => v.len(),
        Datum::List(items) => items.iter().map(size_of_datum).sum(),
        Datum::Row(values) => values.iter().map(size_of_datum).sum(),
        _ => 0,
    };
    size_of::<Datum>() + heap
}

impl Accumulator for Collector {
    fn update_batch(&mut self, values: &[ArrayRef]) -> PlanResult<()> {
        self.take(values).map_err(into_datafusion)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> PlanResult<()> {
        let count = states.first().map_or(0, |c| c.len());
        for index in 0..count {
            let lists: Option<Vec<ArrayRef>> =
                states.iter().map(|s| s.as_list_opt::<i32>().map(|list| list.value(index))).collect();
            let lists = lists.ok_or_else(|| into_datafusion(Error::internal("a state that is no list")))?;
            self.take(&lists).map_err(into_datafusion)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> PlanResult<ScalarValue> {
        let datum = self.finish().map_err(into_datafusion)?;
        let array = types::array::from_data(&self.call.ret.form, &[datum]).map_err(into_datafusion)?;
        ScalarValue::try_from_array(&array, 0)
    }

    fn state(&mut self) -> PlanResult<Vec<ScalarValue>> {
        let mut state = Vec::with_capacity(self.call.columns.len());
        for (index, ty) in self.call.columns.iter().enumerate() {
            let column: Vec<Datum> = self.rows.iter().filter_map(|row| row.get(index).cloned()).collect();
            let list = Form::List(Box::new(ty.form.clone()));
            let array = types::array::from_data(&list, &[Datum::list(column)]).map_err(into_datafusion)?;
            state.push(ScalarValue::try_from_array(&array, 0)?);
        }
        Ok(state)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes
    }
}
