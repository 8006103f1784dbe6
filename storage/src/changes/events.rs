//! Which row versions of a table began and ended in a window of time.
//!
//! Must not know what is made of them. Parts are passed over by the times that they say of themselves. Rows read on the
//! way are kept up to a limit of memory; the others are fetched again later.

use super::ChangesSpec;
use crate::layout::Layout;
use crate::memtable::{Chunk, Memtable};
use crate::segment::SegmentScan;
use crate::tablet::Reference;
use crate::view::{View, project, scan_columns};
use crate::wait::block_on;
use arrow::array::{AsArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommitTs};
use base::{Error, ErrorKind, Result};
use futures::StreamExt;
use roaring::RoaringBitmap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Rows read on the way that are kept, in bytes.
const KEPT_BYTES_MAX: usize = 256 << 20;
/// Events of one call; each takes some 50 bytes.
const EVENTS_MAX: usize = 100_000_000;

/// A version began, or ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) ts: CommitTs,
    /// Hash of the key.
    pub(super) key: u128,
    pub(super) end: bool,
    pub(super) source: usize,
    pub(super) row: u32,
}

/// Where the row of an event is.
#[derive(Debug)]
pub(super) enum Source {
    /// Rows of the projection that were kept.
    Kept(RecordBatch),
    Memtable(Arc<Memtable>),
    Reference(Arc<Reference>),
}

impl Source {
    /// The projection of some rows, in that order.
    pub(super) fn rows(&self, layout: &Layout, rows: &[u32], projection: &[ColumnId]) -> Result<RecordBatch> {
        match self {
            Source::Kept(batch) => take_record_batch(batch, &UInt32Array::from(rows.to_vec()))
                .map_err(|e| Error::internal(format!("gather changes: {e}"))),
            Source::Memtable(memtable) => project(layout, &memtable.fetch(rows)?, projection),
            Source::Reference(reference) => reference.fetch(rows, &scan_columns(layout, projection)?),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) events: Vec<Event>,
    pub(super) sources: Vec<Source>,
}

/// The events of all tablets that the table has or had in the window.
pub(super) fn find(view: &View, layout: &Arc<Layout>, spec: &ChangesSpec) -> Result<Events> {
    let mut finder = Finder { layout, spec, found: Events::default(), kept_bytes: 0 };
    for tablet in view.pinned.state.tablets() {
        if tablet.table() != spec.table || tablet.dropped_at() <= spec.after {
            continue;
        }
        for memtable in tablet.memtables() {
            finder.memtable(memtable)?;
        }
        for reference in tablet.references() {
            finder.reference(reference)?;
        }
    }
    Ok(finder.found)
}

struct Finder<'a> {
    layout: &'a Arc<Layout>,
    spec: &'a ChangesSpec,
    found: Events,
    kept_bytes: usize,
}

impl Finder<'_> {
    fn in_window(&self, ts: CommitTs) -> bool {
        self.spec.after < ts && ts <= self.spec.until
    }

    fn source(&mut self, source: Source) -> usize {
        self.found.sources.push(source);
        self.found.sources.len() - 1
    }

    fn push(&mut self, ts: CommitTs, key: u128, end: bool, source: usize, row: u32) -> Result<()> {
        if self.found.events.len() >= EVENTS_MAX {
            let message = format!("more than {EVENTS_MAX} changes in one call");
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .with_hint("read the changes of shorter spans of time, one after the other"));
        }
        self.found.events.push(Event { ts, key, end, source, row });
        Ok(())
    }

    /// Begin and end of one version; those in the window are events.
    fn version(&mut self, life: (CommitTs, CommitTs), key: u128, source: usize, row: u32) -> Result<()> {
        let (begin, end) = life;
        if begin >= end {
            return Ok(());
        }
        if self.in_window(begin) {
            self.push(begin, key, false, source, row)?;
        }
        if self.in_window(end) {
            self.push(end, key, true, source, row)?;
        }
        Ok(())
    }

    fn memtable(&mut self, memtable: &Arc<Memtable>) -> Result<()> {
        let chunks: Vec<Arc<Chunk>> = memtable.chunks();
        let source = self.source(Source::Memtable(Arc::clone(memtable)));
        for chunk in chunks {
            for (version, key) in chunk.versions().zip(chunk.keys()) {
                let life = (CommitTs(version.begin), CommitTs(version.end));
                if self.in_window(life.0) || self.in_window(life.1) {
                    self.version(life, xxh3_128(key), source, version.row)?;
                }
            }
        }
        Ok(())
    }

    fn reference(&mut self, reference: &Arc<Reference>) -> Result<()> {
        let meta = *reference.meta();
        let lives = reference.lives()?;
        if meta.attach_ts > self.spec.until || meta.detach_ts <= self.spec.after {
            return Ok(());
        }
        if lives.history {
            if lives.end_max > self.spec.after && lives.begin_min <= self.spec.until {
                self.scan(reference)?;
            }
            return Ok(());
        }
        let began = lives.begin_max.max(meta.attach_ts) > self.spec.after
            && lives.begin_min.max(meta.attach_ts) <= self.spec.until;
        if began {
            self.scan(reference)?;
        }
        self.ends(reference)
    }

    /// Ends of rows of a reference whose rows do not say themselves when they ended.
    fn ends(&mut self, reference: &Arc<Reference>) -> Result<()> {
        let meta = *reference.meta();
        // What died when the reference was attached never lived in it.
        let after = self.spec.after.max(meta.attach_ts);
        let mut ends = reference.deaths_between(after, self.spec.until);
        if self.in_window(meta.detach_ts) {
            let mut alive = RoaringBitmap::new();
            alive.insert_range(0..meta.rows);
            alive -= reference.dead_at(meta.detach_ts).as_ref();
            ends.extend(alive.iter().map(|ordinal| (meta.detach_ts, ordinal)));
        }
        if ends.is_empty() {
            return Ok(());
        }
        ends.sort_unstable_by_key(|(_, ordinal)| *ordinal);
        let source = self.source(Source::Reference(Arc::clone(reference)));
        let key_columns = scan_columns(self.layout, &self.layout.key_columns())?;
        for part in ends.chunks(65_536) {
            let ordinals: Vec<u32> = part.iter().map(|(_, ordinal)| *ordinal).collect();
            let keys = self.layout.keys_of(reference.fetch(&ordinals, &key_columns)?.columns())?;
            for ((ts, ordinal), key) in part.iter().zip(keys) {
                self.push(*ts, xxh3_128(&key), true, source, *ordinal)?;
            }
        }
        Ok(())
    }

    /// Reads the rows of a reference that began in the window, or, of the past, that lived in it.
    fn scan(&mut self, reference: &Arc<Reference>) -> Result<()> {
        let meta = *reference.meta();
        let lives = reference.lives()?;
        let keep = self.kept_bytes < KEPT_BYTES_MAX;
        let mut ids: Vec<ColumnId> = if keep { self.spec.projection.clone() } else { Vec::new() };
        let projected = ids.len();
        ids.extend(self.layout.key_columns());
        let all_began = meta.attach_ts > self.spec.after;
        let scan = SegmentScan {
            columns: scan_columns(self.layout, &ids)?,
            filter_columns: Vec::new(),
            predicate: None,
            sieve: None,
            // A row that died when its reference was attached never lived in it.
            excluded: (!lives.history).then(|| reference.dead_at(meta.attach_ts)),
            rows: 0..meta.rows,
            begin_at_most: Some(self.spec.until),
            begin_above: (!lives.history && !all_began).then_some(self.spec.after),
            end_above: Some(self.spec.after),
            ordinal: true,
            timestamps: true,
            batch_rows: 65_536,
            small_steps: false,
            metrics: Arc::default(),
        };
        let mut fetched = None;
        let mut batches = reference.segment()?.scan(&scan);
        while let Some(batch) = block_on(batches.next()).transpose()? {
            let missing = || Error::internal("a scan without the columns asked for");
            let number = |at: usize| batch.columns().get(ids.len() + at).ok_or_else(missing);
            let ordinals = number(0)?.as_primitive_opt::<UInt32Type>().ok_or_else(missing)?;
            let begins = number(1)?.as_primitive_opt::<UInt64Type>().ok_or_else(missing)?;
            let ends = batch.columns().get(ids.len() + 2).and_then(|c| c.as_primitive_opt::<UInt64Type>());
            let keys = self.layout.keys_of(batch.columns().get(projected..ids.len()).unwrap_or_default())?;
            let source = if keep {
                let kept = batch.project(&(0..projected).collect::<Vec<_>>());
                let kept = kept.map_err(|e| Error::internal(format!("choose columns: {e}")))?;
                self.kept_bytes = self.kept_bytes.saturating_add(kept.get_array_memory_size());
                self.source(Source::Kept(kept))
            } else {
                match fetched {
                    Some(source) => source,
                    None => *fetched.insert(self.source(Source::Reference(Arc::clone(reference)))),
                }
            };
            for (index, key) in keys.iter().enumerate() {
                let begin =
                    CommitTs(begins.values().get(index).copied().unwrap_or_default()).max(meta.attach_ts);
                let end = ends.and_then(|e| e.values().get(index)).copied().map_or(CommitTs::MAX, CommitTs);
                let row = if keep {
                    u32::try_from(index).map_err(|_| missing())?
                } else {
                    ordinals.values().get(index).copied().ok_or_else(missing)?
                };
                self.version((begin, end), xxh3_128(key), source, row)?;
            }
        }
        Ok(())
    }
}
