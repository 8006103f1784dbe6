//! Flush: a memtable gives way to segments sorted by key.
//!
//! Must not know transactions. Steps: seal (new rows go to another memtable), write what lives and what readers
//! still need, read it back, then one log record swaps memtable and segments, with the deaths that came meanwhile.
//! Invariant: no row's life changes by a flush.

use crate::core::Core;
use crate::delete_vector::DeleteVector;
use crate::format::LogRecord;
use crate::invariants::{key_map_names_newest, lives_are_ordered};
use crate::memtable::Memtable;
use crate::runs::Run;
use crate::state::{DatabaseState, Edit};
use crate::swap::Swap;
use crate::tablet::{Reference, TabletState};
use base::Result;
use base::id::{CommitTs, TabletId};
use base::plant::{Flaw, planted};
use base::sync::PoisonError;
use std::sync::Arc;

impl Core {
    /// Flushes all memtables.
    pub(crate) fn flush_all(&self) -> Result<()> {
        let tablets: Vec<TabletId> = self.newest().tablets().map(|t| t.id()).collect();
        tablets.into_iter().try_for_each(|tablet| self.flush_tablet(tablet))
    }

    /// Flushes the memtables of a tablet that has them now.
    pub(crate) fn flush_tablet(&self, tablet: TabletId) -> Result<()> {
        let _maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        self.flush_under_maintenance(tablet)
    }

    /// The caller holds `maintenance`.
    pub(crate) fn flush_under_maintenance(&self, tablet: TabletId) -> Result<()> {
        let state = self.newest();
        let Some(tablet) = state.tablet(tablet) else { return Ok(()) };
        tablet.memtables().iter().try_for_each(|memtable| self.flush_memtable(&state, tablet, memtable))
    }

    fn flush_memtable(
        &self,
        state: &DatabaseState,
        tablet: &TabletState,
        memtable: &Arc<Memtable>,
    ) -> Result<()> {
        self.seal(tablet.id(), memtable.id())?;
        // The memtable gets no more rows, only deaths: what its rows were written with is known by now.
        let Some(layout) = self.newest().stored_layout(tablet.table())? else { return Ok(()) };
        let newest = self.sequencer.published(|p| p.ts);
        let unneeded = self.keep_after(state, tablet.table());
        debug_assert_eq!(lives_are_ordered(memtable, newest, true), None);
        debug_assert_eq!(key_map_names_newest(memtable), None);
        let chunks = Arc::new(memtable.chunks());
        let live = Run::new(&chunks, |chunk, i| chunk.version(chunk.row(i)).end > newest.0);
        let history = Run::new(&chunks, |chunk, i| {
            let end = chunk.version(chunk.row(i)).end;
            unneeded.0 < end && end <= newest.0 && !planted(Flaw::DropHistoryAtFlush)
        });
        let lost = chunks.iter().flat_map(|c| c.versions()).filter(|v| v.end <= unneeded.0).map(|v| v.end);
        let oldest = lost.max().map_or(CommitTs::ZERO, CommitTs);
        let _job = self.jobs.start("flush", Some(tablet.id()), memtable.rows(), self.clock.wall_us());
        let mut written = Vec::new();
        let outcome = self.write_runs(&layout, live, history, &mut written).and_then(|()| {
            self.swap(|state| {
                let held = state.tablet(tablet.id()).and_then(|t| t.memtable(memtable.id()));
                if held.is_none() {
                    // The table was dropped meanwhile.
                    return Ok(None);
                }
                swap_of(tablet, memtable, &written, oldest).map(Some)
            })
        });
        let unknown = outcome.as_ref().is_err_and(|e| e.kind() == base::ErrorKind::CommitUnknown);
        if !unknown && !matches!(outcome, Ok(true)) {
            written.iter().for_each(|(reference, _)| reference.discard());
        }
        outcome.map(|_| ())
    }

    fn write_runs(
        &self,
        layout: &crate::layout::Layout,
        live: Run,
        history: Run,
        written: &mut Vec<(Arc<Reference>, Option<Run>)>,
    ) -> Result<()> {
        for run in live.split(self.settings.segment_rows_max) {
            written.push((run.clone().write(self, layout, false)?, Some(run)));
        }
        for run in history.split(self.settings.segment_rows_max) {
            written.push((run.write(self, layout, true)?, None));
        }
        Ok(())
    }
}

/// The swap of a memtable and the references written from it, with the deaths up to now.
fn swap_of(
    tablet: &TabletState,
    memtable: &Memtable,
    written: &[(Arc<Reference>, Option<Run>)],
    oldest: CommitTs,
) -> Result<(LogRecord, Edit)> {
    let mut swap = Swap::new(tablet, oldest);
    swap.memtable = Some(memtable.id());
    for (reference, run) in written {
        let run = run.as_ref().filter(|_| !planted(Flaw::SkipCarryingDeaths));
        swap.add(reference, run.map_or_else(|| Ok(DeleteVector::default()), deaths)?)?;
    }
    Ok(swap.finish())
}

fn deaths(run: &Run) -> Result<DeleteVector> {
    let mut vector = DeleteVector::default();
    vector.add_all(&run.deaths())?;
    Ok(vector)
}
