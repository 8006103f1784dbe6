//! Which row versions of a table began and ended in a window of time: as changes where the commit is told, else as
//! events with the hashes of their keys.
//!
//! Must not know how events are paired. Rows read on the way are kept up to a limit of memory; the others are fetched
//! again later.

use super::tally::{Tally, Told};
use super::window::{Life, Lived, Which, Window};
use super::{Change, ChangesSpec, Operation};
use crate::format::Origin;
use crate::layout::Layout;
use crate::memtable::Memtable;
use crate::tablet::Reference;
use crate::view::{View, scan_columns};
use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommitTs};
use base::{Error, ErrorKind, Result};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Rows read on the way that are kept, in bytes.
const KEPT_BYTES_MAX: usize = 256 << 20;
/// Changes and events of one call; each takes some 50 bytes.
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
            Source::Kept(batch) => taken(batch, rows),
            Source::Memtable(memtable) => memtable.fetch(rows, |held| layout.project(held, projection)),
            Source::Reference(reference) => reference.fetch(rows, &scan_columns(layout, projection)?),
        }
    }
}

/// Rows of a batch; those that follow each other without a copy.
fn taken(batch: &RecordBatch, rows: &[u32]) -> Result<RecordBatch> {
    if let Some(first) = rows.first()
        && rows.iter().zip(*first..).all(|(row, next)| *row == next)
        && let Some(first) = usize::try_from(*first).ok().filter(|f| f + rows.len() <= batch.num_rows())
    {
        return Ok(batch.slice(first, rows.len()));
    }
    take_record_batch(batch, &UInt32Array::from(rows.to_vec()))
        .map_err(|e| Error::internal(format!("gather changes: {e}")))
}

#[derive(Debug, Default)]
pub(super) struct Found {
    /// Changes of commits that are told without keys.
    pub(super) settled: Vec<Change>,
    /// Of the other commits.
    pub(super) open: Vec<Event>,
    pub(super) sources: Vec<Source>,
}

/// What happened in all tablets that the table has or had in the window.
pub(super) fn find(view: &View, layout: &Arc<Layout>, spec: &ChangesSpec) -> Result<Found> {
    let window = Window { layout, spec };
    let tally = Tally::of(&window, view)?;
    let (memtables, references) = window.parts(view);
    let mut finder = Finder {
        window,
        needs_keys: tally.needs_keys(),
        needs_ends: tally.needs_ends(),
        tally,
        found: Found::default(),
        kept_bytes: 0,
    };
    memtables.iter().try_for_each(|memtable| finder.memtable(memtable))?;
    references.iter().try_for_each(|reference| finder.reference(reference))?;
    Ok(finder.found)
}

struct Finder<'a> {
    window: Window<'a>,
    tally: Tally,
    needs_keys: bool,
    needs_ends: bool,
    found: Found,
    kept_bytes: usize,
}

/// Where a version is, and what its key hashes to; nobody looks at the hash where no commit needs keys.
#[derive(Clone, Copy, Debug)]
struct Place {
    source: usize,
    row: u32,
    key: u128,
}

impl Finder<'_> {
    fn source(&mut self, source: Source) -> usize {
        self.found.sources.push(source);
        self.found.sources.len() - 1
    }

    /// Begin and end of one version; those in the window count.
    fn version(&mut self, life: &Life, place: Place) -> Result<()> {
        if life.begin >= life.end {
            return Ok(());
        }
        if self.window.has(life.begin) {
            self.began(life, place)?;
        }
        if self.window.has(life.end) { self.ended(life.end, place) } else { Ok(()) }
    }

    fn began(&mut self, life: &Life, place: Place) -> Result<()> {
        let operation = match (self.tally.told(life.begin), life.origin) {
            (Told::Inserts, _) | (Told::ByOrigin, Origin::New | Origin::Unknown) => Operation::Insert,
            (Told::ByOrigin, Origin::Replacing) => Operation::Update,
            (Told::ByKey | Told::Deletes, _) => return self.event(life.begin, false, place),
        };
        self.change(operation, life.begin, place)
    }

    fn ended(&mut self, ts: CommitTs, place: Place) -> Result<()> {
        match self.tally.told(ts) {
            Told::Deletes => self.change(Operation::Delete, ts, place),
            Told::ByKey => self.event(ts, true, place),
            Told::Inserts | Told::ByOrigin => Ok(()),
        }
    }

    fn change(&mut self, operation: Operation, ts: CommitTs, place: Place) -> Result<()> {
        self.check_room()?;
        self.found.settled.push(Change { operation, ts, source: place.source, row: place.row });
        Ok(())
    }

    fn event(&mut self, ts: CommitTs, end: bool, place: Place) -> Result<()> {
        self.check_room()?;
        self.found.open.push(Event { ts, key: place.key, end, source: place.source, row: place.row });
        Ok(())
    }

    fn check_room(&self) -> Result<()> {
        if self.found.settled.len() + self.found.open.len() < EVENTS_MAX {
            return Ok(());
        }
        let message = format!("more than {EVENTS_MAX} changes in one call");
        Err(Error::new(ErrorKind::LimitExceeded, message)
            .with_hint("read the changes of shorter spans of time, one after the other"))
    }

    fn memtable(&mut self, memtable: &Arc<Memtable>) -> Result<()> {
        let source = self.source(Source::Memtable(Arc::clone(memtable)));
        for chunk in memtable.chunks() {
            for (version, key) in chunk.versions().zip(chunk.keys()) {
                let life = Life::from(version);
                if self.window.has(life.begin) || self.window.has(life.end) {
                    let key = if self.needs_keys { xxh3_128(key) } else { 0 };
                    self.version(&life, Place { source, row: life.row, key })?;
                }
            }
        }
        Ok(())
    }

    fn reference(&mut self, reference: &Arc<Reference>) -> Result<()> {
        let lives = reference.lives()?;
        let ended = self.needs_ends && self.window.may_have_ended(&lives);
        if self.window.may_begin(reference, &lives) || ended {
            self.read(reference)?;
        }
        if self.needs_ends && !lives.history { self.ends(reference) } else { Ok(()) }
    }

    /// Ends of rows of a reference whose rows do not say themselves when they ended.
    fn ends(&mut self, reference: &Arc<Reference>) -> Result<()> {
        let mut ends = self.window.deaths(reference);
        ends.retain(|(ts, _)| matches!(self.tally.told(*ts), Told::ByKey | Told::Deletes));
        if ends.is_empty() {
            return Ok(());
        }
        ends.sort_unstable_by_key(|(_, ordinal)| *ordinal);
        let source = self.source(Source::Reference(Arc::clone(reference)));
        let key_columns = scan_columns(self.window.layout, &self.window.layout.key_columns())?;
        for part in ends.chunks(65_536) {
            let keys = if self.needs_keys {
                let ordinals: Vec<u32> = part.iter().map(|(_, ordinal)| *ordinal).collect();
                self.window.layout.keys_of(reference.fetch(&ordinals, &key_columns)?.columns())?
            } else {
                Vec::new()
            };
            for (index, (ts, row)) in part.iter().enumerate() {
                let key = keys.get(index).map_or(0, |key| xxh3_128(key));
                self.ended(*ts, Place { source, row: *row, key })?;
            }
        }
        Ok(())
    }

    /// Reads the rows of a reference that began in the window, or, of the past, lived in it.
    fn read(&mut self, reference: &Arc<Reference>) -> Result<()> {
        let keep = self.kept_bytes < KEPT_BYTES_MAX;
        let window = self.window;
        let mut ids: Vec<ColumnId> = if keep { window.spec.projection.clone() } else { Vec::new() };
        let projected = ids.len();
        if self.needs_keys {
            ids.extend(window.layout.key_columns());
        }
        let mut fetched = None;
        let which = if self.needs_ends { Which::Lived } else { Which::Begun };
        window.read(reference, &ids, which, |Lived { columns, lives }| {
            let keys = if self.needs_keys {
                window.layout.keys_of(columns.columns().get(projected..).unwrap_or_default())?
            } else {
                Vec::new()
            };
            let source = if keep {
                let kept = columns.project(&(0..projected).collect::<Vec<_>>());
                let kept = kept.map_err(|e| Error::internal(format!("choose columns: {e}")))?;
                self.kept_bytes = self.kept_bytes.saturating_add(kept.get_array_memory_size());
                self.source(Source::Kept(kept))
            } else {
                *fetched.get_or_insert_with(|| self.source(Source::Reference(Arc::clone(reference))))
            };
            for ((index, life), number) in lives.iter().enumerate().zip(0_u32..) {
                let row = if keep { number } else { life.row };
                let key = keys.get(index).map_or(0, |key| xxh3_128(key));
                self.version(life, Place { source, row, key })?;
            }
            Ok(())
        })
    }
}
