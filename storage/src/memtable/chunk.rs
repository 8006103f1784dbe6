//! A run of a memtable's rows: an immutable batch, the keys, and the stamps of each row's life.
//!
//! Must not know how chunks are found. Invariant: end stamps go from `NEVER` to a value once; nothing else changes.

use crate::evaluate::ColumnStats;
use crate::format::Origin;
use crate::layout::{Key, Layout};
use crate::segment::BoundsBuilder;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::Buffer;
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use base::id::ColumnId;
use base::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::Version;

/// The end stamp of a row that lives.
pub(crate) const NEVER: u64 = u64::MAX;

/// Buffers of one view column above which a merged chunk's bytes are copied together.
const VIEW_BUFFERS_MAX: usize = 8;

#[derive(Debug)]
pub(crate) struct Chunk {
    first: u32,
    batch: RecordBatch,
    keys: Vec<Key>,
    begin: Vec<u64>,
    end: Vec<AtomicU64>,
    origin: Vec<Origin>,
    /// Of each column that the table had when somebody first asked.
    bounds: OnceLock<Vec<(ColumnId, ColumnStats)>>,
}

/// The lives of a batch's rows, one behind the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct LifeColumns {
    pub(crate) begin: Vec<u64>,
    /// `NEVER` while a row lives.
    pub(crate) end: Vec<u64>,
    pub(crate) origin: Vec<Origin>,
}

impl LifeColumns {
    /// Rows that begin at one stamp and live.
    pub(crate) fn begun(begin: u64, origin: &[Origin]) -> Self {
        let rows = origin.len();
        Self { begin: vec![begin; rows], end: vec![NEVER; rows], origin: origin.to_vec() }
    }

    pub(crate) fn are(&self, rows: usize) -> bool {
        [self.begin.len(), self.end.len(), self.origin.len()] == [rows; 3]
    }
}

impl FromIterator<Version> for LifeColumns {
    fn from_iter<T: IntoIterator<Item = Version>>(versions: T) -> Self {
        let mut lives = Self::default();
        for version in versions {
            lives.begin.push(version.begin);
            lives.end.push(version.end);
            lives.origin.push(version.origin);
        }
        lives
    }
}

impl Chunk {
    /// As many keys and lives as the batch has rows.
    pub(crate) fn new(first: u32, batch: RecordBatch, keys: Vec<Key>, lives: LifeColumns) -> Self {
        let LifeColumns { begin, end, origin } = lives;
        let end = end.into_iter().map(AtomicU64::new).collect();
        Self { first, batch, keys, begin, end, origin, bounds: OnceLock::new() }
    }

    /// The rows of several chunks of the same columns, one behind the other.
    pub(crate) fn joined<'a>(chunks: impl Iterator<Item = &'a Arc<Chunk>>) -> Result<RecordBatch> {
        let batches: Vec<&RecordBatch> = chunks.map(|chunk| &chunk.batch).collect();
        let first = batches.first().ok_or_else(|| Error::internal("no chunks to join"))?;
        let joined = concat_batches(first.schema_ref(), batches.iter().copied());
        compact(&joined.map_err(|e| Error::internal(format!("join chunks: {e}")))?)
    }

    /// Chunks that continue each other's append numbers in one, given their rows `joined`. None without any.
    pub(crate) fn merge(chunks: Vec<Arc<Chunk>>, batch: RecordBatch) -> Option<Self> {
        let first = chunks.first()?.first;
        let rows = batch.num_rows();
        let (mut keys, mut begin) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        let (mut end, mut origin) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for chunk in chunks {
            begin.extend_from_slice(&chunk.begin);
            origin.extend_from_slice(&chunk.origin);
            // What no reader holds is moved.
            match Arc::try_unwrap(chunk) {
                Ok(chunk) => {
                    keys.extend(chunk.keys);
                    end.extend(chunk.end);
                }
                Err(held) => {
                    keys.extend_from_slice(&held.keys);
                    end.extend(held.end.iter().map(|e| AtomicU64::new(e.load(Ordering::Acquire))));
                }
            }
        }
        Some(Self { first, batch, keys, begin, end, origin, bounds: OnceLock::new() })
    }

    /// Bounds of a column of `layout` over all rows, dead ones included; None when they were written without it.
    pub(crate) fn bounds(&self, layout: &Layout, column: ColumnId) -> Option<&ColumnStats> {
        let bounds = self.bounds.get_or_init(|| {
            let bounds = layout.columns().iter().filter_map(|(id, form)| {
                let array = self.batch.column_by_name(&id.to_string())?;
                if *array.data_type() != form.arrow() {
                    return None;
                }
                let mut builder = BoundsBuilder::new();
                builder.update(form, array);
                Some((*id, builder.finish()))
            });
            bounds.collect()
        });
        bounds.iter().find(|(id, _)| *id == column).map(|(_, stats)| stats)
    }

    /// Append number of the first row.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    pub(crate) fn len(&self) -> usize {
        self.begin.len()
    }

    pub(crate) fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(crate) fn contains(&self, row: u32) -> bool {
        row >= self.first && self.index(row) < self.len()
    }

    /// Position in the batch of an append number.
    pub(crate) fn index(&self, row: u32) -> usize {
        usize::try_from(row.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }

    /// Append number of a position in the batch.
    pub(crate) fn row(&self, index: usize) -> u32 {
        self.first.saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// False when the row has an end already.
    pub(crate) fn kill(&self, row: u32, end: u64) -> bool {
        self.end
            .get(self.index(row))
            .is_some_and(|e| e.compare_exchange(NEVER, end, Ordering::AcqRel, Ordering::Acquire).is_ok())
    }

    pub(crate) fn version(&self, row: u32) -> Version {
        let index = self.index(row);
        let begin = self.begin.get(index).copied().unwrap_or(NEVER);
        let end = self.end.get(index).map_or(0, |e| e.load(Ordering::Acquire));
        let origin = self.origin.get(index).copied().unwrap_or_default();
        Version { row, begin, end, origin }
    }

    pub(crate) fn version_at(&self, key: &[u8], stamp: u64) -> Option<Version> {
        let at = |i: usize| self.version(self.row(i));
        (0..self.len())
            .rev()
            .find(|i| self.lives_at(*i, stamp) && self.keys.get(*i).is_some_and(|k| k.as_ref() == key))
            .map(at)
    }

    /// Whether the row at a position lives at `stamp`.
    pub(crate) fn lives_at(&self, index: usize, stamp: u64) -> bool {
        match (self.begin.get(index), self.end.get(index)) {
            (Some(begin), Some(end)) => *begin <= stamp && stamp < end.load(Ordering::Acquire),
            _ => false,
        }
    }

    pub(crate) fn rows_at(&self, stamp: u64) -> u64 {
        let count = (0..self.len()).filter(|i| self.lives_at(*i, stamp)).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Append number and life of every row.
    pub(crate) fn versions(&self) -> impl Iterator<Item = Version> + '_ {
        (0..self.len()).map(|i| self.version(self.row(i)))
    }
}

/// Bytes that the values of a batch need, whatever larger buffers they are cut out of.
pub(crate) fn value_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|c| column_bytes(c.as_ref())).sum()
}

fn column_bytes(array: &dyn Array) -> usize {
    let views = |views: &[u128]| views.len() * 16 + referred(views);
    match array.data_type() {
        DataType::Utf8View => views(array.as_string_view().views()),
        DataType::BinaryView => views(array.as_binary_view().views()),
        other => {
            other.primitive_width().map_or_else(|| array.get_array_memory_size(), |width| width * array.len())
        }
    }
}

/// Bytes outside of the views themselves. A view's length is the lower part of its first word; up to 12 stand within.
fn referred(views: &[u128]) -> usize {
    let lengths = views.iter().map(|view| usize::try_from(view & 0xffff_ffff).unwrap_or(0));
    lengths.filter(|bytes| *bytes > 12).sum()
}

/// Copies view columns together when they are spread over many buffers or keep much more than they refer to.
pub(crate) fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let wasteful = |buffers: &[Buffer], views: &[u128]| {
        let held: usize = buffers.iter().map(Buffer::len).sum();
        buffers.len() > VIEW_BUFFERS_MAX || held > referred(views) * 2 + 4_096
    };
    let columns = batch
        .columns()
        .iter()
        .map(|column| -> ArrayRef {
            match column.data_type() {
                DataType::Utf8View => {
                    let array = column.as_string_view();
                    if wasteful(array.data_buffers(), array.views()) {
                        Arc::new(array.gc())
                    } else {
                        Arc::clone(column)
                    }
                }
                DataType::BinaryView => {
                    let array = column.as_binary_view();
                    if wasteful(array.data_buffers(), array.views()) {
                        Arc::new(array.gc())
                    } else {
                        Arc::clone(column)
                    }
                }
                _ => Arc::clone(column),
            }
        })
        .collect();
    RecordBatch::try_new(batch.schema(), columns)
        .map_err(|e| Error::internal(format!("compact a chunk: {e}")))
}
