//! What a column's values are, independent of encoding and batch boundaries: a content hash and bounds.
//!
//! Must not know files. Invariant: two runs over the same values in the same order give the same hash, however
//! they are cut into batches; a null hashes as null whatever lies under it; floats hash by their bits.

use crate::evaluate::{ColumnStats, compare, float_key};
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, PrimitiveArray, StructArray};
use arrow::compute::{
    is_null, max, max_binary_view, max_boolean, max_string_view, min, min_binary_view, min_boolean,
    min_string_view, nullif,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type,
    Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, ToByteSlice, UInt8Type,
    UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use base::{Error, Result};
use types::pgnum::key_of;
use types::{Datum, Form, Interval, TimeTz};
use xxhash_rust::xxh3::Xxh3;

/// Longest text or bytea kept as a bound, in bytes.
const BOUND_BYTES_MAX: usize = 64;

/// Hash over a column.
#[derive(Debug, Default)]
pub(crate) struct ContentHasher {
    values: Xxh3State,
    nulls: Xxh3State,
    elements: Option<Box<ContentHasher>>,
    /// Of arrays that are not ordinary, each with the number of its row.
    bounds: Option<Xxh3State>,
    /// Of rows.
    fields: Vec<ContentHasher>,
    rows: u64,
}

/// Xxh3 lacks Debug that is worth printing.
#[derive(Default)]
struct Xxh3State(Xxh3);

impl std::fmt::Debug for Xxh3State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Xxh3")
    }
}

impl ContentHasher {
    pub(crate) fn update(&mut self, array: &dyn Array) -> Result<()> {
        self.rows += array.len() as u64;
        let valid: Vec<u8> = match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => vec![1; array.len()],
            Some(nulls) => nulls.iter().map(u8::from).collect(),
        };
        self.nulls.0.update(&valid);
        match array.data_type() {
            DataType::Boolean => {
                let bytes: Vec<u8> =
                    array.as_boolean().iter().map(|v| u8::from(v.unwrap_or(false))).collect();
                self.values.0.update(&bytes);
            }
            DataType::Int16 => self.fixed::<Int16Type>(array),
            DataType::Int32 => self.fixed::<Int32Type>(array),
            DataType::Int64 => self.fixed::<Int64Type>(array),
            DataType::UInt8 => self.fixed::<UInt8Type>(array),
            DataType::UInt32 => self.fixed::<UInt32Type>(array),
            DataType::UInt64 => self.fixed::<UInt64Type>(array),
            DataType::Float32 => self.fixed::<Float32Type>(array),
            DataType::Float64 => self.fixed::<Float64Type>(array),
            DataType::Decimal128(..) => self.fixed::<Decimal128Type>(array),
            DataType::Decimal256(..) => self.fixed::<Decimal256Type>(array),
            DataType::Date32 => self.fixed::<Date32Type>(array),
            DataType::Time64(_) => self.fixed::<Time64MicrosecondType>(array),
            DataType::Timestamp(..) => self.fixed::<TimestampMicrosecondType>(array),
            DataType::FixedSizeBinary(_) => self.intervals(array.as_fixed_size_binary())?,
            DataType::Utf8View => self.variable(array.as_string_view().iter().map(|v| v.map(str::as_bytes))),
            DataType::BinaryView => self.variable(array.as_binary_view().iter()),
            DataType::List(_) => self.lists(array)?,
            DataType::Struct(parts) if parts.first().is_some_and(|part| part.name() == "elements") => {
                self.arrays(array)?;
            }
            DataType::Struct(_) => self.fields(array.as_struct())?,
            other => return Err(Error::internal(format!("no content hash for {other}"))),
        }
        Ok(())
    }

    fn fixed<T: ArrowPrimitiveType>(&mut self, array: &dyn Array)
    where
        T::Native: ToByteSlice,
    {
        let array: &PrimitiveArray<T> = array.as_primitive();
        if array.null_count() == 0 {
            self.values.0.update(array.values().to_byte_slice());
        } else {
            let values: Vec<T::Native> = array.iter().map(Option::unwrap_or_default).collect();
            self.values.0.update(values.to_byte_slice());
        }
    }

    /// Hashed as Arrow's intervals, whose time is in nanoseconds, because files have hashes from when columns were of these.
    /// A time of more than 292 years is hashed as it is.
    fn intervals(&mut self, array: &FixedSizeBinaryArray) -> Result<()> {
        let mut bytes = Vec::with_capacity(array.len() * Interval::BYTES);
        for value in array {
            let Interval { months, days, micros } =
                value.map_or(Ok(Interval::default()), Interval::from_bytes)?;
            let micros = micros.checked_mul(1_000).unwrap_or(micros);
            bytes.extend_from_slice(&Interval { months, days, micros }.to_bytes());
        }
        self.values.0.update(&bytes);
        Ok(())
    }

    fn variable<'a>(&mut self, values: impl Iterator<Item = Option<&'a [u8]>>) {
        let mut bytes = Vec::new();
        for value in values {
            let value = value.unwrap_or_default();
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
            bytes.extend_from_slice(value);
        }
        self.values.0.update(&bytes);
    }

    /// An ordinary array is hashed as its list alone, as it was when there were no others.
    fn arrays(&mut self, array: &dyn Array) -> Result<()> {
        let (lists, bounds) = types::array::parts_of_array(array)?;
        self.lists(&lists)?;
        let before = self.rows - array.len() as u64;
        for (at, bounds) in bounds.iter().enumerate() {
            let Some(bounds) = bounds.filter(|_| lists.is_valid(at)) else { continue };
            let state = &mut self.bounds.get_or_insert_default().0;
            state.update(&(before + at as u64).to_le_bytes());
            state.update(bounds);
        }
        Ok(())
    }

    /// What stands in the fields of a row that is null does not count.
    fn fields(&mut self, rows: &StructArray) -> Result<()> {
        let failed = |e: ArrowError| Error::internal("take the fields of rows").with_source(e);
        self.fields.resize_with(rows.num_columns(), ContentHasher::default);
        let absent = match rows.null_count() {
            0 => None,
            _ => Some(is_null(rows).map_err(failed)?),
        };
        for (hasher, column) in self.fields.iter_mut().zip(rows.columns()) {
            match &absent {
                None => hasher.update(column)?,
                Some(absent) => hasher.update(&nullif(column, absent).map_err(failed)?)?,
            }
        }
        Ok(())
    }

    fn lists(&mut self, array: &dyn Array) -> Result<()> {
        for items in array.as_list::<i32>().iter() {
            let len = items.as_ref().map_or(0, |items| items.len() as u64);
            self.values.0.update(&len.to_le_bytes());
            if let Some(items) = items {
                self.elements.get_or_insert_default().update(&items)?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&self) -> u128 {
        let mut all = Xxh3::new();
        all.update(&self.rows.to_le_bytes());
        all.update(&self.values.0.digest128().to_le_bytes());
        all.update(&self.nulls.0.digest128().to_le_bytes());
        if let Some(elements) = &self.elements {
            all.update(&elements.finish().to_le_bytes());
        }
        if let Some(bounds) = &self.bounds {
            all.update(&bounds.0.digest128().to_le_bytes());
        }
        for field in &self.fields {
            all.update(&field.finish().to_le_bytes());
        }
        all.digest128()
    }
}

/// Bounds over a column.
#[derive(Debug)]
pub(crate) struct BoundsBuilder {
    stats: ColumnStats,
    /// A value that had no bound was met, so the side is unknown.
    known: bool,
}

impl BoundsBuilder {
    pub(crate) fn new() -> Self {
        Self { stats: ColumnStats::default(), known: true }
    }

    pub(crate) fn update(&mut self, form: &Form, array: &ArrayRef) {
        self.stats.rows += array.len() as u64;
        self.stats.null_count += array.null_count() as u64;
        if array.null_count() == array.len() || !self.known {
            return;
        }
        let (Some(low), Some(high)) = bounds(form, array) else {
            self.known = false;
            return;
        };
        let lower = |min: &Datum| compare(&low, min).is_some_and(|o| o.is_lt());
        if self.stats.min.as_ref().is_none_or(lower) {
            self.stats.min = Some(low);
        }
        let higher = |max: &Datum| compare(&high, max).is_some_and(|o| o.is_gt());
        if self.stats.max.as_ref().is_none_or(higher) {
            self.stats.max = Some(high);
        }
    }

    /// The bounds; a text or bytea above the longest kept is shortened outwards.
    pub(crate) fn finish(self) -> ColumnStats {
        let mut stats = self.stats;
        if !self.known {
            stats.min = None;
            stats.max = None;
        }
        stats.min = stats.min.map(shorten_down);
        stats.max = stats.max.and_then(shorten_up);
        stats
    }
}

/// Smallest and largest value; `None` for forms that storage does not order.
fn bounds(form: &Form, array: &ArrayRef) -> (Option<Datum>, Option<Datum>) {
    macro_rules! native {
        ($arrow:ty, $variant:ident) => {{
            let array = array.as_primitive::<$arrow>();
            (min(array).map(Datum::$variant), max(array).map(Datum::$variant))
        }};
    }
    match form {
        Form::Bool => (
            min_boolean(array.as_boolean()).map(Datum::Bool),
            max_boolean(array.as_boolean()).map(Datum::Bool),
        ),
        Form::Int16 => native!(Int16Type, Int16),
        Form::Int32 => native!(Int32Type, Int32),
        Form::Int64 | Form::Enum => native!(Int64Type, Int64),
        Form::UInt32 => native!(UInt32Type, UInt32),
        Form::Decimal128 { .. } => native!(Decimal128Type, Decimal128),
        Form::Decimal256 { .. } => native!(Decimal256Type, Decimal256),
        Form::Date => native!(Date32Type, Date),
        Form::Timestamp => native!(TimestampMicrosecondType, Timestamp),
        Form::TimestampTz => native!(TimestampMicrosecondType, TimestampTz),
        Form::Time => native!(Time64MicrosecondType, Time),
        Form::Float32 => {
            let values = || array.as_primitive::<Float32Type>().iter().flatten();
            let low = values().min_by_key(|v| float_key(f64::from(*v)));
            let high = values().max_by_key(|v| float_key(f64::from(*v)));
            (low.map(Datum::Float32), high.map(Datum::Float32))
        }
        Form::Float64 => {
            let values = || array.as_primitive::<Float64Type>().iter().flatten();
            let low = values().min_by_key(|v| float_key(*v));
            let high = values().max_by_key(|v| float_key(*v));
            (low.map(Datum::Float64), high.map(Datum::Float64))
        }
        Form::Text => {
            let array = array.as_string_view();
            let text = |v: &str| Datum::Text(v.to_owned());
            (min_string_view(array).map(text), max_string_view(array).map(text))
        }
        Form::Bytes => {
            let array = array.as_binary_view();
            (
                min_binary_view(array).map(|v| Datum::Bytes(v.to_vec())),
                max_binary_view(array).map(|v| Datum::Bytes(v.to_vec())),
            )
        }
        Form::Uuid => {
            let array = array.as_binary_view();
            let uuid = |v: Option<&[u8]>| v.and_then(|v| v.try_into().ok()).map(Datum::Uuid);
            (uuid(min_binary_view(array)), uuid(max_binary_view(array)))
        }
        Form::PgNum => {
            let values = || array.as_binary_view().iter().flatten();
            let pgnum = |v: &[u8]| Datum::PgNum(v.to_vec());
            (values().min_by_key(|v| key_of(v)).map(pgnum), values().max_by_key(|v| key_of(v)).map(pgnum))
        }
        Form::TimeTz => {
            let array = array.as_binary_view();
            let time = |v: Option<&[u8]>| v.and_then(|v| TimeTz::from_bytes(v).ok()).map(Datum::TimeTz);
            (time(min_binary_view(array)), time(max_binary_view(array)))
        }
        Form::Jsonb | Form::Interval | Form::Array(_) | Form::Row(_) | Form::List(_) => (None, None),
    }
}

fn shorten_down(datum: Datum) -> Datum {
    match datum {
        Datum::Text(mut v) if v.len() > BOUND_BYTES_MAX => {
            v.truncate(v.floor_char_boundary(BOUND_BYTES_MAX));
            Datum::Text(v)
        }
        Datum::Bytes(mut v) if v.len() > BOUND_BYTES_MAX => {
            v.truncate(BOUND_BYTES_MAX);
            Datum::Bytes(v)
        }
        other => other,
    }
}

/// A bound not below `datum`; `None` when there is no short one.
fn shorten_up(datum: Datum) -> Option<Datum> {
    match datum {
        Datum::Text(mut v) if v.len() > BOUND_BYTES_MAX => {
            let cut = v.floor_char_boundary(BOUND_BYTES_MAX);
            if v.get(cut..)?.starts_with(char::MAX) {
                return None;
            }
            v.truncate(cut);
            v.push(char::MAX);
            Some(Datum::Text(v))
        }
        Datum::Bytes(mut v) if v.len() > BOUND_BYTES_MAX => {
            v.truncate(BOUND_BYTES_MAX);
            let last = v.last_mut()?;
            *last = last.checked_add(1)?;
            Some(Datum::Bytes(v))
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::ContentHasher;
    use arrow::array::IntervalMonthDayNanoArray;
    use arrow::datatypes::{IntervalMonthDayNano, IntervalMonthDayNanoType};
    use types::{Datum, Form, Interval};

    /// Segments have hashes from when columns of intervals were Arrow's, in nanoseconds.
    #[test]
    fn intervals_hash_as_when_they_were_arrows() {
        let spans = [(1, -2, 3), (0, 0, i64::MAX / 1_000), (i32::MIN, i32::MAX, i64::MIN / 1_000)];
        let arrows =
            spans.map(|(months, days, us)| Some(IntervalMonthDayNano::new(months, days, us * 1_000)));
        let arrows = IntervalMonthDayNanoArray::from([arrows.as_slice(), &[None]].concat());
        let mut before = ContentHasher { rows: arrows.len() as u64, ..ContentHasher::default() };
        before.nulls.0.update(&[1, 1, 1, 0]);
        before.fixed::<IntervalMonthDayNanoType>(&arrows);
        let now = |spans: &[(i32, i32, i64)]| {
            let data = spans.iter().map(|(months, days, micros)| {
                Datum::Interval(Interval { months: *months, days: *days, micros: *micros })
            });
            let data: Vec<Datum> = data.chain([Datum::Null]).collect();
            let mut hasher = ContentHasher::default();
            hasher.update(&types::array::from_data(&Form::Interval, &data).unwrap()).unwrap();
            hasher.finish()
        };
        assert_eq!(now(&spans), before.finish());
        assert_ne!(now(&[(0, 0, i64::MAX)]), now(&[(0, 0, i64::MAX - 1)]));
    }
}
