//! The parts of a table that can tell something of a window of time, and the lives of their rows.
//!
//! Must not know what is made of them. Parts are passed over by the times that they say of themselves.
//! Invariant: of a reference only such rows come out as lived in it, with the begin that counts there.

use super::ChangesSpec;
use crate::format::{Lives, Origin};
use crate::layout::Layout;
use crate::memtable::{Memtable, Version};
use crate::segment::SegmentScan;
use crate::tablet::Reference;
use crate::view::{View, scan_columns};
use crate::wait::block_on;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{UInt8Type, UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use base::id::{ColumnId, CommitTs};
use base::{Error, Result};
use futures::StreamExt;
use roaring::RoaringBitmap;
use std::sync::Arc;

/// Commits after one time, up to and with another, of one table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    pub(super) layout: &'a Arc<Layout>,
    pub(super) spec: &'a ChangesSpec,
}

/// Which rows of a reference to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that began in the window.
    Begun,
    /// Those and, of the past, all that lived in it.
    Lived,
}

/// The life of one version and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// Append number or ordinal.
    pub(super) row: u32,
    pub(super) begin: CommitTs,
    /// `MAX` while it lives, or when its reference knows better.
    pub(super) end: CommitTs,
    pub(super) origin: Origin,
}

impl From<Version> for Life {
    fn from(version: Version) -> Self {
        let Version { row, begin, end, origin } = version;
        Self { row, begin: CommitTs(begin), end: CommitTs(end), origin }
    }
}

/// Rows of a reference: the columns asked for, and the life of each.
#[derive(Debug)]
pub(super) struct Lived {
    pub(super) columns: RecordBatch,
    pub(super) lives: Vec<Life>,
}

impl Window<'_> {
    pub(super) fn has(&self, ts: CommitTs) -> bool {
        self.spec.after < ts && ts <= self.spec.until
    }

    /// What may hold versions that began or ended in the window.
    pub(super) fn parts(&self, view: &View) -> (Vec<Arc<Memtable>>, Vec<Arc<Reference>>) {
        let (mut memtables, mut references) = (Vec::new(), Vec::new());
        for tablet in view.pinned.state.tablets() {
            if tablet.table() == self.spec.table && tablet.dropped_at() > self.spec.after {
                memtables.extend(tablet.memtables().iter().cloned());
                references.extend(tablet.references().iter().cloned());
            }
        }
        references.retain(|reference| {
            let meta = reference.meta();
            meta.attach_ts <= self.spec.until && meta.detach_ts > self.spec.after
        });
        (memtables, references)
    }

    /// Whether rows of a reference may have begun in the window.
    pub(super) fn may_begin(&self, reference: &Reference, lives: &Lives) -> bool {
        let attached = reference.meta().attach_ts;
        lives.begin_max.max(attached) > self.spec.after && lives.begin_min.max(attached) <= self.spec.until
    }

    /// Whether rows of a segment of the past may have ended in the window; others do not say when they end.
    pub(super) fn may_have_ended(&self, lives: &Lives) -> bool {
        lives.history && lives.end_max > self.spec.after && lives.begin_min <= self.spec.until
    }

    /// Deaths of a reference whose rows do not say themselves when they ended: time and ordinal.
    pub(super) fn deaths(&self, reference: &Reference) -> Vec<(CommitTs, u32)> {
        let meta = reference.meta();
        // What died when the reference was attached never lived in it.
        let after = self.spec.after.max(meta.attach_ts);
        let mut deaths = reference.deaths_between(after, self.spec.until);
        if self.has(meta.detach_ts) {
            let mut alive = RoaringBitmap::new();
            alive.insert_range(0..meta.rows);
            alive -= reference.dead_at(meta.detach_ts).set();
            deaths.extend(alive.iter().map(|ordinal| (meta.detach_ts, ordinal)));
        }
        deaths
    }

    /// Gives `take` rows of a reference with their lives.
    pub(super) fn read(
        &self,
        reference: &Reference,
        columns: &[ColumnId],
        which: Which,
        mut take: impl FnMut(Lived) -> Result<()>,
    ) -> Result<()> {
        let meta = reference.meta();
        let history = reference.lives()?.history;
        let all_began = meta.attach_ts > self.spec.after;
        let scan = SegmentScan {
            columns: scan_columns(self.layout, columns)?,
            // A row that died when its reference was attached never lived in it.
            excluded: (!history).then(|| reference.dead_at(meta.attach_ts)),
            begin_at_most: Some(self.spec.until),
            begin_above: ((!history || which == Which::Begun) && !all_began).then_some(self.spec.after),
            end_above: Some(self.spec.after),
            ordinal: true,
            lives: true,
            ..SegmentScan::of_rows(0..meta.rows)
        };
        let mut batches = reference.segment()?.scan(&scan);
        while let Some(batch) = block_on(batches.next()).transpose()? {
            let lives =
                lives_of(reference, history, batch.columns().get(columns.len()..).unwrap_or_default())?;
            let columns = batch.project(&(0..columns.len()).collect::<Vec<_>>());
            let columns = columns.map_err(|e| Error::internal(format!("choose columns: {e}")))?;
            take(Lived { columns, lives })?;
        }
        Ok(())
    }
}

/// Out of the columns ordinal, begin, end (of the past) and origin.
fn lives_of(reference: &Reference, history: bool, columns: &[ArrayRef]) -> Result<Vec<Life>> {
    let missing = || Error::internal("a scan without the columns asked for");
    let at = |index: usize| columns.get(index).ok_or_else(missing);
    let ordinals = at(0)?.as_primitive_opt::<UInt32Type>().ok_or_else(missing)?.values();
    let begins = at(1)?.as_primitive_opt::<UInt64Type>().ok_or_else(missing)?.values();
    let ends =
        if history { Some(at(2)?.as_primitive_opt::<UInt64Type>().ok_or_else(missing)?) } else { None };
    let origins = at(if history { 3 } else { 2 })?.as_primitive_opt::<UInt8Type>().ok_or_else(missing)?;
    let mut lives = Vec::with_capacity(ordinals.len());
    let rows = ordinals.iter().zip(begins).zip(origins.values()).enumerate();
    for (index, ((row, begin), origin)) in rows {
        let (begin, origin) = reference.began(*begin, Origin::of(*origin)?);
        let end = ends.and_then(|ends| ends.values().get(index)).copied().map_or(CommitTs::MAX, CommitTs);
        lives.push(Life { row: *row, begin, end, origin });
    }
    Ok(lives)
}
