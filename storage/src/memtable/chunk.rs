//! A run of a memtable's rows: an immutable batch, the keys, and the stamps of each row's life.
//!
//! Must not know how chunks are found. Invariant: end stamps go from `NEVER` to a value once; nothing else changes.

use crate::layout::Key;
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use base::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
}

impl Chunk {
    pub(crate) fn new(first: u32, batch: RecordBatch, keys: Vec<Key>, begin: Vec<u64>, end: &[u64]) -> Self {
        Self { first, batch, keys, begin, end: end.iter().map(|e| AtomicU64::new(*e)).collect() }
    }

    /// Both chunks' rows in one; `second` continues `first`'s append numbers.
    pub(crate) fn merge(first: &Chunk, second: &Chunk) -> Result<Self> {
        let batch = concat_batches(&first.batch.schema(), [&first.batch, &second.batch])
            .map_err(|e| Error::internal(format!("join chunks: {e}")))?;
        let end = first.end.iter().chain(&second.end).map(|e| AtomicU64::new(e.load(Ordering::Acquire))).collect();
        Ok(Self {
            first: first.first,
            batch: compact(&batch)?,
            keys: first.keys.iter().chain(&second.keys).cloned().collect(),
            begin: first.begin.iter().chain(&second.begin).copied().collect(),
            end,
        })
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
        Version { row, begin, end }
    }

    pub(crate) fn version_at(&self, key: &[u8], stamp: u64) -> Option<Version> {
        let at = |i: usize| self.version(self.row(i));
        (0..self.len())
            .rev()
            .find(|i| self.lives_at(*i, stamp) && self.keys.get(*i).is_some_and(|k| k.as_ref() == key))
            .map(at)
    }

    pub(crate) fn key(&self, row: u32) -> Result<Key> {
        self.keys
            .get(self.index(row))
            .cloned()
            .ok_or_else(|| Error::internal(format!("memtable chunk has no row {row}")))
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

    /// Append number, begin and end of every row.
    pub(crate) fn versions(&self) -> impl Iterator<Item = Version> + '_ {
        (0..self.len()).map(|i| self.version(self.row(i)))
    }
}

/// Copies view columns together once they are spread over many buffers.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    use arrow::array::{Array, ArrayRef, AsArray};
    use arrow::datatypes::DataType;
    let columns = batch
        .columns()
        .iter()
        .map(|column| -> ArrayRef {
            match column.data_type() {
                DataType::Utf8View if column.as_string_view().data_buffers().len() > VIEW_BUFFERS_MAX => {
                    Arc::new(column.as_string_view().gc())
                }
                DataType::BinaryView if column.as_binary_view().data_buffers().len() > VIEW_BUFFERS_MAX => {
                    Arc::new(column.as_binary_view().gc())
                }
                _ => Arc::clone(column),
            }
        })
        .collect();
    RecordBatch::try_new(batch.schema(), columns).map_err(|e| Error::internal(format!("compact a chunk: {e}")))
}
