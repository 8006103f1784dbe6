//! Which tablet a row belongs to, and which tablets a predicate can meet.
//!
//! Must not know what tablets hold. Invariants: a row belongs to one tablet or to none (outside every range); a
//! tablet that `prune` leaves out holds no row for which the predicate is true.

use crate::detail::with_named;
use crate::evaluate::{ColumnStats, may_match};
use crate::layout::{Key, Layout};
use crate::predicate::{CompareOp, Predicate};
use arrow::array::{Array, ArrayRef};
use arrow::compute::filter;
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, TabletId};
use base::{Error, ErrorKind, Result};
use std::collections::{HashMap, HashSet};
use types::key::{encode_key_data, encode_keys};
use types::{Datum, Form, bucket, hash_data, hash_rows};

/// Lower and upper bound of a range partition as encoded keys; None is open.
type EncodedBounds = (Option<Vec<u8>>, Option<Vec<u8>>);
/// Columns to encode as keys, with their forms.
type KeyColumns = Vec<(Form, ArrayRef)>;

/// A table's partitioning, ready to route rows.
#[derive(Debug)]
pub(crate) struct Router<'a> {
    layout: &'a Layout,
    /// Per hash level: positions of its columns and the number of buckets.
    levels: Vec<(Vec<usize>, u32)>,
    range: Option<Range>,
    /// Tablet by buckets and range partition.
    tablets: HashMap<(Vec<u32>, Option<u32>), TabletId>,
}

#[derive(Debug)]
struct Range {
    columns: Vec<usize>,
    /// Encoded bounds, lower inclusive, upper exclusive; `None` is open. In order.
    bounds: Vec<EncodedBounds>,
}

impl<'a> Router<'a> {
    pub(crate) fn new(layout: &'a Layout) -> Result<Self> {
        let def = layout.def();
        let position = |id: &ColumnId| {
            def.column_index(*id).ok_or_else(|| {
                Error::internal(format!("table {} is partitioned by an unknown column", def.id))
            })
        };
        let positions = |ids: &[ColumnId]| ids.iter().map(position).collect::<Result<Vec<_>>>();
        let hash = def.partitioning.hash.iter();
        let levels =
            hash.map(|level| Ok((positions(&level.columns)?, level.buckets))).collect::<Result<Vec<_>>>()?;
        let range = match &def.partitioning.range {
            None => None,
            Some(range) => {
                let bound = |values: &[Datum]| -> Result<Option<Vec<u8>>> {
                    if values.is_empty() {
                        return Ok(None);
                    }
                    let forms = range.columns.iter().filter_map(|id| layout.form(*id).cloned());
                    encode_key_data(&forms.zip(values.iter().cloned()).collect::<Vec<_>>()).map(Some)
                };
                let bounds = range.partitions.iter().map(|p| Ok((bound(&p.lower)?, bound(&p.upper)?)));
                Some(Range { columns: positions(&range.columns)?, bounds: bounds.collect::<Result<_>>()? })
            }
        };
        let tablets = def.tablets.iter().map(|t| ((t.buckets.clone(), t.range), t.id)).collect();
        Ok(Self { layout, levels, range, tablets })
    }

    /// The tablet of each row. `CheckViolation` names the first row outside every range.
    pub(crate) fn route(&self, rows: &RecordBatch) -> Result<Vec<TabletId>> {
        if self.levels.is_empty() && self.range.is_none() {
            let only = self.tablet(&(Vec::new(), None))?;
            return Ok(vec![only; rows.num_rows()]);
        }
        let mut buckets = vec![Vec::with_capacity(self.levels.len()); rows.num_rows()];
        for (columns, count) in &self.levels {
            let hashes = hash_rows(&self.columns(rows, columns))?;
            for (row, hash) in buckets.iter_mut().zip(hashes) {
                row.push(bucket(hash, *count));
            }
        }
        let ranges = self.ranges(rows)?;
        buckets.into_iter().zip(ranges).map(|place| self.tablet(&place)).collect()
    }

    fn tablet(&self, place: &(Vec<u32>, Option<u32>)) -> Result<TabletId> {
        let missing =
            || Error::internal(format!("table {} has no tablet for {place:?}", self.layout.table()));
        self.tablets.get(place).copied().ok_or_else(missing)
    }

    fn columns(&self, rows: &RecordBatch, columns: &[usize]) -> KeyColumns {
        let forms =
            columns.iter().filter_map(|i| self.layout.columns().get(*i)).map(|(_, form)| form.clone());
        forms.zip(columns.iter().map(|i| rows.column(*i).clone())).collect()
    }

    /// Columns without the rows where one of them is null, and which rows are left.
    fn present(&self, rows: &RecordBatch, columns: &[usize]) -> Result<(KeyColumns, Vec<bool>)> {
        let columns = self.columns(rows, columns);
        let present: Vec<bool> =
            (0..rows.num_rows()).map(|row| columns.iter().all(|(_, a)| a.is_valid(row))).collect();
        let mask = arrow::array::BooleanArray::from(present.clone());
        let kept = columns.into_iter().map(|(form, array)| {
            if mask.true_count() == array.len() {
                return Ok((form, array));
            }
            let kept = filter(&array, &mask).map_err(|e| Error::internal(format!("filter rows: {e}")))?;
            Ok((form, kept))
        });
        Ok((kept.collect::<Result<_>>()?, present))
    }

    fn ranges(&self, rows: &RecordBatch) -> Result<Vec<Option<u32>>> {
        let Some(range) = &self.range else {
            return Ok(vec![None; rows.num_rows()]);
        };
        let (columns, present) = self.present(rows, &range.columns)?;
        let keys = encode_keys(&columns)?;
        let mut keys = keys.iter();
        let mut found = Vec::with_capacity(rows.num_rows());
        for (row, present) in present.into_iter().enumerate() {
            let key = if present { keys.next() } else { None };
            match key.and_then(|key| range.find(key)) {
                Some(partition) => found.push(Some(partition)),
                None => return Err(self.outside(rows, row)),
            }
        }
        Ok(found)
    }

    fn outside(&self, rows: &RecordBatch, row: usize) -> Error {
        let def = self.layout.def();
        let columns = def.partitioning.range.as_ref().map_or(&[][..], |r| r.columns.as_slice());
        let message = format!("no partition of relation \"{}\" found for row", def.name);
        let error = Error::new(ErrorKind::CheckViolation, message).about(def.subject(None, None));
        let error = error.with_hint("ALTER TABLE .. ADD RANGE PARTITION makes one.");
        let words = ["Partition key of the failing row contains ", " = ", "."];
        with_named(error, def, self.layout.values_of(columns, rows), row, words)
    }

    /// Tablets that can hold rows for which the predicate is true.
    pub(crate) fn prune(&self, predicate: Option<&Predicate>) -> Result<HashSet<TabletId>> {
        let def = self.layout.def();
        let all = def.tablets.iter();
        let Some(predicate) = predicate else {
            return Ok(all.map(|t| t.id).collect());
        };
        let bound = equalities(predicate);
        let mut wanted: Vec<Option<HashSet<u32>>> = Vec::new();
        for level in &def.partitioning.hash {
            wanted.push(self.wanted_buckets(&level.columns, level.buckets, &bound)?);
        }
        let kept = all.filter(|tablet| {
            let mut levels = wanted.iter().zip(&tablet.buckets);
            levels.all(|(wanted, bucket)| wanted.as_ref().is_none_or(|w| w.contains(bucket)))
                && self.range_may_match(tablet.range, predicate)
        });
        Ok(kept.map(|t| t.id).collect())
    }

    /// Buckets that rows with the given values fall in; `None` when not every column is given.
    fn wanted_buckets(
        &self,
        columns: &[ColumnId],
        buckets: u32,
        bound: &HashMap<ColumnId, Vec<Datum>>,
    ) -> Result<Option<HashSet<u32>>> {
        let mut combinations: Vec<Vec<(Form, Datum)>> = vec![Vec::new()];
        for column in columns {
            let (Some(values), Some(form)) = (bound.get(column), self.layout.form(*column)) else {
                return Ok(None);
            };
            // Many combinations meet most buckets anyway.
            if combinations.len().saturating_mul(values.len()) > 256 {
                return Ok(None);
            }
            let extend = |head: &Vec<(Form, Datum)>| {
                let head = head.clone();
                values
                    .iter()
                    .map(move |v| {
                        let mut whole = head.clone();
                        whole.push((form.clone(), v.clone()));
                        whole
                    })
                    .collect::<Vec<_>>()
            };
            combinations = combinations.iter().flat_map(extend).collect();
        }
        let hashes = combinations.iter().map(|values| hash_data(values).map(|h| bucket(h, buckets)));
        hashes.collect::<Result<HashSet<_>>>().map(Some)
    }

    /// Whether rows of a range partition can make the predicate true, by the bounds of the first column.
    fn range_may_match(&self, partition: Option<u32>, predicate: &Predicate) -> bool {
        let level = self.layout.def().partitioning.range.as_ref();
        let index = partition.and_then(|p| usize::try_from(p).ok());
        let (Some(level), Some(index)) = (level, index) else { return true };
        let (Some(partition), Some(column)) = (level.partitions.get(index), level.columns.first()) else {
            return true;
        };
        let upper = partition.upper.first().cloned();
        let max = if level.columns.len() == 1 { upper.map(before) } else { upper };
        let extreme = |form: Option<&Form>, low| form.and_then(|f| extreme(f, low));
        let form = self.layout.form(*column);
        let min = partition.lower.first().cloned().or_else(|| extreme(form, true));
        let max = max.or_else(|| extreme(form, false));
        // A row of a range partition has no null among its range columns.
        let stats = ColumnStats { min, max, null_count: 0, rows: 1 };
        may_match(predicate, &|id| (id == *column).then_some(&stats))
    }
}

impl Range {
    fn find(&self, key: &[u8]) -> Option<u32> {
        let above = |lower: &Option<Vec<u8>>| lower.as_deref().is_none_or(|l| l <= key);
        let index = self.bounds.partition_point(|(lower, _)| above(lower)).checked_sub(1)?;
        let (_, upper) = self.bounds.get(index)?;
        upper.as_deref().is_none_or(|u| key < u).then(|| u32::try_from(index).ok()).flatten()
    }
}

/// The largest value below a bound, where the type has one; else the bound itself, which is wider.
fn before(bound: Datum) -> Datum {
    match bound {
        Datum::Int16(v) => Datum::Int16(v.saturating_sub(1)),
        Datum::Int32(v) => Datum::Int32(v.saturating_sub(1)),
        Datum::Int64(v) => Datum::Int64(v.saturating_sub(1)),
        Datum::Date(v) => Datum::Date(v.saturating_sub(1)),
        Datum::Timestamp(v) => Datum::Timestamp(v.saturating_sub(1)),
        Datum::TimestampTz(v) => Datum::TimestampTz(v.saturating_sub(1)),
        Datum::Time(v) => Datum::Time(v.saturating_sub(1)),
        other => other,
    }
}

/// The least or greatest value of an integer-like form, for open bounds.
fn extreme(form: &Form, low: bool) -> Option<Datum> {
    let pick16 = if low { i16::MIN } else { i16::MAX };
    let pick32 = if low { i32::MIN } else { i32::MAX };
    let pick64 = if low { i64::MIN } else { i64::MAX };
    match form {
        Form::Int16 => Some(Datum::Int16(pick16)),
        Form::Int32 => Some(Datum::Int32(pick32)),
        Form::Int64 | Form::Enum => Some(Datum::Int64(pick64)),
        Form::Date => Some(Datum::Date(pick32)),
        Form::Timestamp => Some(Datum::Timestamp(pick64)),
        Form::TimestampTz => Some(Datum::TimestampTz(pick64)),
        Form::Time => Some(Datum::Time(pick64)),
        _ => None,
    }
}

/// Columns that must have one of some values for the predicate to be true.
fn equalities(predicate: &Predicate) -> HashMap<ColumnId, Vec<Datum>> {
    let mut bound = HashMap::new();
    collect(predicate, &mut bound);
    bound
}

fn collect(predicate: &Predicate, bound: &mut HashMap<ColumnId, Vec<Datum>>) {
    match predicate {
        Predicate::Compare { column, op: CompareOp::Equal, value } if !value.is_null() => {
            bound.entry(*column).or_insert_with(|| vec![value.clone()]);
        }
        Predicate::In { column, values } => {
            bound.entry(*column).or_insert_with(|| values.clone());
        }
        Predicate::And(parts) => parts.iter().for_each(|part| collect(part, bound)),
        Predicate::Compare { .. }
        | Predicate::IsNull { .. }
        | Predicate::IsNotNull { .. }
        | Predicate::Or(_)
        | Predicate::Not(_) => {}
    }
}

/// The key that a row must have for the predicate to be true, when it gives every key column one value.
pub(crate) fn exact_key(layout: &Layout, predicate: &Predicate) -> Option<Result<Key>> {
    let bound = equalities(predicate);
    let mut values = Vec::new();
    for column in layout.key_columns() {
        match (bound.get(&column).map(Vec::as_slice), layout.form(column)) {
            (Some([value]), Some(form)) => values.push((form.clone(), value.clone())),
            _ => return None,
        }
    }
    Some(encode_key_data(&values).map(Key::from))
}
