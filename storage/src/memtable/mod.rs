//! Memtables: the rows of a tablet (or of a running transaction) that no segment holds yet.
//!
//! Must not know the log, files or transactions' rules. A row's life is given in stamps: commit timestamps in a
//! tablet's memtable, command numbers in a transaction's private one.
//! Invariants: an append number is given once and never changes; a row's begin stamp never changes and its end
//! stamp is set at most once; the key map names the newest version of each key.

mod chunk;
mod newest;

pub(crate) use chunk::{Chunk, LifeColumns, NEVER};

use chunk::{compact, value_bytes};
use newest::NewestRows;

use crate::format::Origin;
use crate::layout::Key;
use arrow::compute::interleave_record_batch;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::id::MemtableId;
use base::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use base::{Error, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Rows that a chunk grows to by merging with its neighbours.
const CHUNK_ROWS: usize = 8_192;

/// A chunk is merged with those behind it once they have so many times its rows.
const GROWTH: usize = 3;

/// What a row takes beside its values and the bytes of its key: the key's place and counters, the stamps, the origin, and
/// its share of the map of keys.
pub(crate) const ROW_BYTES: usize = 72;

/// A version of a row in a memtable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// Append number.
    pub(crate) row: u32,
    pub(crate) begin: u64,
    /// `NEVER` while it lives.
    pub(crate) end: u64,
    pub(crate) origin: Origin,
}

/// Rows in the order of their arrival with begin and end stamps and a map from key to newest version.
#[derive(Debug)]
pub(crate) struct Memtable {
    id: MemtableId,
    /// Held for moments only: readers copy the list of chunks and go on without it.
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    chunks: Vec<Arc<Chunk>>,
    rows: u32,
    bytes: usize,
    keys: NewestRows,
}

impl Inner {
    /// Makes the rows of the last chunk the newest of their keys.
    fn note_last(&mut self) {
        let Self { chunks, keys, .. } = self;
        let Some(last) = chunks.last() else { return };
        keys.reserve(last.len());
        for (index, key) in last.keys().iter().enumerate() {
            keys.insert(key, last.row(index), |row| key_of(chunks, row));
        }
    }
}

impl Memtable {
    pub(crate) fn new(id: MemtableId) -> Self {
        Self { id, inner: RwLock::default() }
    }

    pub(crate) fn id(&self) -> MemtableId {
        self.id
    }

    /// Appends rows that begin at `begin`. Returns the append number of the first.
    pub(crate) fn append(
        &self,
        batch: &RecordBatch,
        keys: Vec<Key>,
        origins: &[Origin],
        begin: u64,
    ) -> Result<u32> {
        self.append_versions(batch, keys, LifeColumns::begun(begin, origins))
    }

    /// Appends rows whose lives are known, as a checkpoint's image has them.
    pub(crate) fn append_versions(
        &self,
        batch: &RecordBatch,
        keys: Vec<Key>,
        lives: LifeColumns,
    ) -> Result<u32> {
        let rows = batch.num_rows();
        if keys.len() != rows || !lives.are(rows) {
            return Err(Error::internal("keys and lives do not match the rows of a memtable's batch"));
        }
        let batch = compact(batch)?;
        let mut inner = self.write();
        let first = inner.rows;
        let count = u32::try_from(rows).map_err(|_| Error::internal("too many rows in one batch"))?;
        let next =
            first.checked_add(count).ok_or_else(|| Error::internal("memtable is out of append numbers"))?;
        inner.bytes += value_bytes(&batch) + keys.iter().map(|k| k.len() + ROW_BYTES).sum::<usize>();
        inner.rows = next;
        inner.chunks.push(Arc::new(Chunk::new(first, batch, keys, lives)));
        inner.note_last();
        merge_tail(&mut inner.chunks)?;
        Ok(first)
    }

    /// Ends a row at `end`. A row that has an end already is a bug of the caller.
    pub(crate) fn kill(&self, row: u32, end: u64) -> Result<()> {
        let inner = self.write();
        let chunk = chunk_of(&inner.chunks, row)?;
        if !chunk.kill(row, end) {
            return Err(Error::internal(format!("row {row} of memtable {} dies twice", self.id)));
        }
        Ok(())
    }

    /// Ends every row that lives at `end`.
    pub(crate) fn kill_all(&self, end: u64) {
        let inner = self.write();
        for chunk in &inner.chunks {
            for index in 0..chunk.len() {
                chunk.kill(chunk.row(index), end);
            }
        }
    }

    pub(crate) fn version(&self, row: u32) -> Result<Version> {
        let inner = self.read();
        Ok(chunk_of(&inner.chunks, row)?.version(row))
    }

    /// The newest version of a key, alive or not.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<Version> {
        let inner = self.read();
        let row = inner.keys.get(key, |row| key_of(&inner.chunks, row))?;
        chunk_of(&inner.chunks, row).ok().map(|c| c.version(row))
    }

    /// The version of a key that lives at `stamp`.
    pub(crate) fn version_at(&self, key: &[u8], stamp: u64) -> Option<Version> {
        let newest = self.newest(key)?;
        if newest.begin <= stamp {
            return (stamp < newest.end).then_some(newest);
        }
        // An older version of a key that was written again: rare, found by looking at the rows before it.
        let chunks = self.chunks();
        chunks.iter().rev().find_map(|c| c.version_at(key, stamp))
    }

    /// The chunks as they are now. Rows appended and killed later have later stamps than any reader of now asks for.
    pub(crate) fn chunks(&self) -> Vec<Arc<Chunk>> {
        self.read().chunks.clone()
    }

    /// Rows appended, dead ones included.
    pub(crate) fn rows(&self) -> u64 {
        u64::from(self.read().rows)
    }

    /// Approximate memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.read().bytes
    }

    /// Of the rows at these append numbers, in that order, what `choose` takes of stored rows; it gives all of them the
    /// same columns.
    pub(crate) fn fetch(
        &self,
        rows: &[u32],
        choose: impl Fn(&RecordBatch) -> Result<RecordBatch>,
    ) -> Result<RecordBatch> {
        let chunks = self.chunks();
        let mut places = Vec::with_capacity(rows.len());
        let mut batches: Vec<RecordBatch> = Vec::new();
        // Which batch is of which chunk.
        let mut known: HashMap<usize, usize> = HashMap::new();
        for row in rows {
            let at = position_of(&chunks, *row).ok_or_else(|| missing(*row))?;
            let chunk = chunks.get(at).ok_or_else(|| missing(*row))?;
            let batch = match known.entry(at) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    batches.push(choose(chunk.batch())?);
                    *new.insert(batches.len() - 1)
                }
            };
            places.push((batch, chunk.index(*row)));
        }
        let failed = |e| Error::internal(format!("gather rows: {e}"));
        match batches.first() {
            Some(first) if first.num_columns() == 0 => {
                let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
                RecordBatch::try_new_with_options(first.schema(), Vec::new(), &options).map_err(failed)
            }
            _ => interleave_record_batch(&batches.iter().collect::<Vec<_>>(), &places).map_err(failed),
        }
    }

    /// Takes back the rows from append number `row` on; their numbers will be given again. Only for a transaction's
    /// private memtable, whose rows moved to a run.
    pub(crate) fn truncate(&self, row: u32) -> Result<()> {
        let mut inner = self.write();
        let kept: Vec<Arc<Chunk>> = std::mem::take(&mut *inner).chunks;
        drop(inner);
        for chunk in kept {
            let rows = chunk.index(row).min(chunk.len());
            if rows == 0 || chunk.first() >= row {
                break;
            }
            let keys = chunk.keys().get(..rows).unwrap_or_default().to_vec();
            let lives = chunk.versions().take(rows).collect();
            self.append_versions(&chunk.batch().slice(0, rows), keys, lives)?;
        }
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(row: u32) -> Error {
    Error::internal(format!("memtable has no row {row}"))
}

fn position_of(chunks: &[Arc<Chunk>], row: u32) -> Option<usize> {
    chunks.partition_point(|c| c.first() <= row).checked_sub(1)
}

fn chunk_of(chunks: &[Arc<Chunk>], row: u32) -> Result<&Arc<Chunk>> {
    position_of(chunks, row)
        .and_then(|at| chunks.get(at))
        .filter(|c| c.contains(row))
        .ok_or_else(|| missing(row))
}

fn key_of(chunks: &[Arc<Chunk>], row: u32) -> Option<&[u8]> {
    let chunk = chunks.get(position_of(chunks, row)?)?;
    chunk.keys().get(chunk.index(row)).map(AsRef::as_ref)
}

/// Merges the longest tail that has the rows of its first chunk several times over. So a row is copied once each time its
/// chunk grows fourfold, and the chunks that are left have at least as many rows as all but a few behind them.
fn merge_tail(chunks: &mut Vec<Arc<Chunk>>) -> Result<()> {
    let Some(last) = chunks.last().map(|last| last.batch().schema()) else { return Ok(()) };
    let (mut start, mut behind) = (None, 0);
    for (place, chunk) in chunks.iter().enumerate().rev() {
        let columns = chunk.batch().schema_ref();
        let alike = Arc::ptr_eq(columns, &last) || *columns == last;
        if !alike || behind + chunk.len() > CHUNK_ROWS {
            break;
        }
        if behind >= GROWTH * chunk.len() {
            start = Some(place);
        }
        behind += chunk.len();
    }
    let Some(start) = start else { return Ok(()) };
    let batch = Chunk::joined(chunks.iter().skip(start))?;
    let tail = chunks.split_off(start);
    chunks.extend(Chunk::merge(tail, batch).map(Arc::new));
    Ok(())
}

#[cfg(test)]
mod tests;
