//! Rows of several segments in order of their keys, as batches for the segments that replace them.
//!
//! Must not know what becomes of the batches. Rows that live come out once per key; rows of the past with one key in
//! order of age. Nothing is spawned: inputs are read by whoever pulls.
//! Invariant: what comes out of one input is in order of its ordinals, so that the order of inputs says where each row went.

use super::Cancelled;
use crate::delete_vector::DeadRows;
use crate::format::Origin;
use crate::layout::Layout;
use crate::segment::{SegmentRows, SegmentScan};
use crate::tablet::Reference;
use crate::view::scan_columns;
use crate::wait::block_on;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, UInt8Array, UInt64Array};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{UInt8Type, UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommitTs};
use base::plant::{Flaw, planted};
use base::{Error, Result};
use futures::StreamExt;
use futures::stream::BoxStream;
use roaring::RoaringBitmap;
use std::cmp::Ordering as Order;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::key::encode_keys;

/// Rows of one batch.
const BATCH_ROWS: usize = 8_192;

/// Which rows come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    Live,
    Past,
}

/// What to take of one reference.
#[derive(Debug)]
pub(crate) struct Input {
    reference: Arc<Reference>,
    rows: Arc<RoaringBitmap>,
    /// Ends of rows that have them in the delete vector.
    ends: HashMap<u32, CommitTs>,
    /// In a segment of the past, rows that ended later.
    end_above: Option<CommitTs>,
}

impl Input {
    /// The rows of a reference that live at `ts`.
    pub(crate) fn live(reference: &Arc<Reference>, ts: CommitTs) -> Result<Self> {
        let mut rows = every_row(reference);
        if !planted(Flaw::DropDeleteVectorAtCompaction) {
            rows -= reference.dead_at(ts).set();
        }
        Ok(Self {
            reference: Arc::clone(reference),
            rows: Arc::new(rows),
            ends: HashMap::new(),
            end_above: None,
        })
    }

    /// The rows of a reference that ended after `unneeded`, up to and with `ts`.
    pub(crate) fn past(reference: &Arc<Reference>, ts: CommitTs, unneeded: CommitTs) -> Result<Self> {
        let reference = Arc::clone(reference);
        if reference.lives()?.history {
            let rows = Arc::new(every_row(&reference));
            return Ok(Self { reference, rows, ends: HashMap::new(), end_above: Some(unneeded) });
        }
        // What died when the reference was attached never lived in it.
        let deaths = reference.deaths_between(unneeded.max(reference.meta().attach_ts), ts);
        let rows = Arc::new(deaths.iter().map(|(_, ordinal)| *ordinal).collect());
        let ends = deaths.into_iter().map(|(ts, ordinal)| (ordinal, ts)).collect();
        Ok(Self { reference, rows, ends, end_above: None })
    }

    pub(crate) fn rows(&self) -> &Arc<RoaringBitmap> {
        &self.rows
    }
}

fn every_row(reference: &Reference) -> RoaringBitmap {
    let mut rows = RoaringBitmap::new();
    rows.insert_range(0..reference.meta().rows);
    rows
}

/// From the first row to the last.
fn rows_of(rows: &RoaringBitmap) -> std::ops::Range<u32> {
    rows.min().unwrap_or(0)..rows.max().map_or(0, |last| last.saturating_add(1))
}

/// Merged rows, pulled segment by segment.
#[derive(Clone, Debug)]
pub(crate) struct Merge {
    state: Arc<Mutex<State>>,
    rows: Rows,
}

#[derive(Debug)]
struct State {
    cursors: Vec<Cursor>,
    heap: BinaryHeap<Head>,
    /// Input of each row that came out; of live rows only.
    sources: Vec<u8>,
    started: bool,
}

/// The next row of a cursor; the heap's greatest is the least key, of one key the oldest row.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    key: Vec<u8>,
    begin: u64,
    cursor: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Order {
        let this = (&other.key, other.begin, other.cursor);
        this.cmp(&(&self.key, self.begin, self.cursor))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

/// Reads one input.
struct Cursor {
    reference: Arc<Reference>,
    batches: BoxStream<'static, Result<RecordBatch>>,
    ends: HashMap<u32, CommitTs>,
    columns: usize,
    layout: Arc<Layout>,
    rows: Rows,
    current: Option<Loaded>,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("reference", &self.reference.id()).finish_non_exhaustive()
    }
}

/// A batch of an input, and how far it was taken.
#[derive(Clone, Debug)]
struct Loaded {
    columns: RecordBatch,
    keys: Arc<BinaryArray>,
    begin: Arc<Vec<u64>>,
    end: Arc<Vec<u64>>,
    origins: Arc<Vec<u8>>,
    next: usize,
}

impl Loaded {
    fn key(&self, row: usize) -> &[u8] {
        if row < self.keys.len() { self.keys.value(row) } else { &[] }
    }

    fn head(&self, cursor: usize) -> Option<Head> {
        let begin = *self.begin.get(self.next)?;
        Some(Head { key: self.key(self.next).to_vec(), begin, cursor })
    }
}

impl Merge {
    pub(crate) fn new(layout: &Arc<Layout>, inputs: Vec<Input>, rows: Rows) -> Result<Self> {
        let inputs = inputs.into_iter().filter(|input| rows == Rows::Live || !input.rows.is_empty());
        let cursors = inputs.map(|input| Cursor::new(layout, input, rows)).collect::<Result<_>>()?;
        let state = State { cursors, heap: BinaryHeap::new(), sources: Vec::new(), started: false };
        Ok(Self { state: Arc::new(Mutex::new(state)), rows })
    }

    pub(crate) fn rows(&self) -> Rows {
        self.rows
    }

    pub(crate) fn is_done(&self) -> Result<bool> {
        let mut state = self.lock();
        state.start()?;
        Ok(state.heap.is_empty())
    }

    /// Input of each row that came out.
    pub(crate) fn sources(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().sources)
    }

    /// The next rows, at most `rows_max`; to be pulled before the next call. Ends with `Cancelled` once it is.
    pub(crate) fn next_segment(
        &self,
        rows_max: usize,
        progress: Arc<AtomicU64>,
        cancelled: &Cancelled,
    ) -> impl Iterator<Item = Result<SegmentRows>> + Send + 'static {
        let (merge, cancelled) = (self.clone(), Arc::clone(cancelled));
        let mut left = rows_max.max(1);
        std::iter::from_fn(move || {
            if cancelled() {
                return Some(Err(super::given_up()));
            }
            let rows = merge.lock().next(left.min(BATCH_ROWS), merge.rows).transpose()?;
            if let Ok(rows) = &rows {
                left -= rows.begin_ts.len();
                progress.fetch_add(u64::try_from(rows.begin_ts.len()).unwrap_or(0), Ordering::Relaxed);
            }
            Some(rows)
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn start(&mut self) -> Result<()> {
        if !self.started {
            self.started = true;
            for cursor in 0..self.cursors.len() {
                self.refill(cursor)?;
            }
        }
        Ok(())
    }

    /// Puts the next row of a cursor into the heap, reading on when its batch is used up.
    fn refill(&mut self, cursor: usize) -> Result<()> {
        let Some(held) = self.cursors.get_mut(cursor) else { return Ok(()) };
        if held.current.as_ref().is_none_or(|loaded| loaded.next >= loaded.begin.len()) {
            held.current = held.load()?;
        }
        self.heap.extend(held.current.as_ref().and_then(|loaded| loaded.head(cursor)));
        Ok(())
    }

    /// At most `rows_max` rows; None at the end.
    fn next(&mut self, rows_max: usize, rows: Rows) -> Result<Option<SegmentRows>> {
        self.start()?;
        let mut batches: Vec<Loaded> = Vec::new();
        // Position in `batches` of each cursor's current batch.
        let mut at: HashMap<usize, usize> = HashMap::new();
        let mut places: Vec<(usize, usize)> = Vec::with_capacity(rows_max);
        while places.len() < rows_max
            && let Some(head) = self.heap.pop()
        {
            let Some(loaded) = self.cursors.get_mut(head.cursor).and_then(|c| c.current.as_mut()) else {
                return Err(Error::internal("a merged row without its batch"));
            };
            let batch = *at.entry(head.cursor).or_insert_with(|| {
                batches.push(loaded.clone());
                batches.len() - 1
            });
            let first = loaded.next;
            // As long as no other input has a row before it, rows follow each other.
            let before_others = |row: usize| {
                self.heap.peek().is_none_or(|other| {
                    let begin = loaded.begin.get(row).copied().unwrap_or_default();
                    (loaded.key(row), begin, head.cursor) < (other.key.as_slice(), other.begin, other.cursor)
                })
            };
            let limit = loaded.begin.len().min(first + (rows_max - places.len()));
            let mut end = first + 1;
            while end < limit && before_others(end) {
                end += 1;
            }
            places.extend((first..end).map(|row| (batch, row)));
            if rows == Rows::Live {
                let source = u8::try_from(head.cursor).map_err(|_| Error::internal("too many inputs"))?;
                self.sources.resize(self.sources.len() + (end - first), source);
            }
            loaded.next = end;
            if end == loaded.begin.len() {
                at.remove(&head.cursor);
            }
            self.refill(head.cursor)?;
        }
        if places.is_empty() { Ok(None) } else { gather(&batches, &places, rows).map(Some) }
    }
}

fn gather(batches: &[Loaded], places: &[(usize, usize)], rows: Rows) -> Result<SegmentRows> {
    let columns: Vec<&RecordBatch> = batches.iter().map(|b| &b.columns).collect();
    let merged =
        interleave_record_batch(&columns, places).map_err(|e| Error::internal(format!("merge rows: {e}")))?;
    let of = |(batch, row): &(usize, usize)| batches.get(*batch).map(|b| (b, *row));
    let stamps = |pick: fn(&Loaded) -> &Vec<u64>| {
        let stamp =
            |place| of(place).and_then(|(batch, row)| pick(batch).get(row).copied()).unwrap_or_default();
        UInt64Array::from_iter_values(places.iter().map(stamp))
    };
    let origin =
        |place| of(place).and_then(|(batch, row)| batch.origins.get(row).copied()).unwrap_or_default();
    Ok(SegmentRows {
        columns: merged.columns().to_vec(),
        begin_ts: stamps(|b| &b.begin),
        end_ts: (rows == Rows::Past).then(|| stamps(|b| &b.end)),
        origins: Some(UInt8Array::from_iter_values(places.iter().map(origin))),
        keys: BinaryArray::from_iter_values(places.iter().filter_map(of).map(|(batch, row)| batch.key(row))),
    })
}

impl Cursor {
    fn new(layout: &Arc<Layout>, input: Input, rows: Rows) -> Result<Self> {
        let Input { reference, rows: wanted, ends, end_above } = input;
        let ids: Vec<ColumnId> = layout.columns().iter().map(|(id, _)| *id).collect();
        let mut excluded = every_row(&reference);
        excluded -= wanted.as_ref();
        let scan = SegmentScan {
            columns: scan_columns(layout, &ids)?,
            excluded: Some(Arc::new(DeadRows::from(excluded))),
            end_above,
            ordinal: true,
            lives: true,
            batch_rows: BATCH_ROWS,
            small_steps: true,
            ..SegmentScan::of_rows(rows_of(&wanted))
        };
        Ok(Self {
            batches: reference.segment()?.scan(&scan),
            reference,
            ends,
            columns: ids.len(),
            layout: Arc::clone(layout),
            rows,
            current: None,
        })
    }

    fn load(&mut self) -> Result<Option<Loaded>> {
        loop {
            let Some(batch) = block_on(self.batches.next()).transpose()? else { return Ok(None) };
            if batch.num_rows() > 0 {
                return self.loaded(&batch).map(Some);
            }
        }
    }

    fn loaded(&self, batch: &RecordBatch) -> Result<Loaded> {
        let missing = || Error::internal("a scan without the columns asked for");
        let stored = batch.project(&(0..self.columns).collect::<Vec<_>>());
        let stored = stored.map_err(|e| Error::internal(format!("choose columns: {e}")))?;
        let number = |at: usize| batch.columns().get(self.columns + at).ok_or_else(missing);
        let ordinals = number(0)?.as_primitive_opt::<UInt32Type>().ok_or_else(missing)?;
        let begin = number(1)?.as_primitive_opt::<UInt64Type>().ok_or_else(missing)?;
        let history = self.reference.lives()?.history;
        let end = match (self.rows, history) {
            (Rows::Live, _) => vec![u64::MAX; batch.num_rows()],
            (Rows::Past, true) => {
                number(2)?.as_primitive_opt::<UInt64Type>().ok_or_else(missing)?.values().to_vec()
            }
            (Rows::Past, false) => {
                let end = |ordinal| self.ends.get(ordinal).map(|ts| ts.0).ok_or_else(missing);
                ordinals.values().iter().map(end).collect::<Result<_>>()?
            }
        };
        let origins = number(if history { 3 } else { 2 })?;
        let origins = origins.as_primitive_opt::<UInt8Type>().ok_or_else(missing)?;
        let lives = begin.values().iter().zip(origins.values());
        let lives = lives.map(|(begin, origin)| Ok(self.reference.began(*begin, Origin::of(*origin)?)));
        let lives = lives.collect::<Result<Vec<_>>>()?;
        let columns = self.layout.key_columns().into_iter().map(|id| {
            let index = self.layout.columns().iter().position(|(held, _)| *held == id).ok_or_else(missing)?;
            let form = self.layout.form(id).cloned().ok_or_else(missing)?;
            Ok((form, Arc::clone(stored.columns().get(index).ok_or_else(missing)?)))
        });
        let columns: Vec<(types::Form, ArrayRef)> = columns.collect::<Result<_>>()?;
        let keys = encode_keys(&columns)?;
        Ok(Loaded {
            keys: Arc::new(BinaryArray::from_iter_values(keys.iter())),
            begin: Arc::new(lives.iter().map(|(begin, _)| begin.0).collect()),
            end: Arc::new(end),
            origins: Arc::new(lives.iter().map(|(_, origin)| origin.code()).collect()),
            columns: stored
                .with_schema(Arc::clone(self.layout.schema()))
                .map_err(|e| Error::internal(format!("stored rows do not fit their table: {e}")))?,
            next: 0,
        })
    }
}
