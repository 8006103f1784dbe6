//! Compaction: segments of a tablet give way to fewer and fuller ones, and dead rows to segments of the past.
//!
//! Must not know transactions. Steps: choose (`policy`), read the inputs merged by key (`merge`), write what lives and
//! what the past still needs, carry over the deaths that came meanwhile in rounds (`remap`), then one log record swaps
//! inputs and outputs under the latch that commits resolve addresses under.
//! Invariants: no row's life changes; the pin taken first keeps every death after it tellable until the swap.

mod merge;
mod policy;
mod remap;

use crate::checkpointing::{PACK_DIRECTORY, pack_path};
use crate::core::{Core, Pinned};
use crate::delete_vector::{DeleteVector, PackIdentity, PackWriter};
use crate::format::{DeletePlace, LogRecord};
use crate::jobs::Job;
use crate::layout::Layout;
use crate::runs::write_segment_of;
use crate::state::{DatabaseState, Edit};
use crate::swap::{Packed, Swap};
use crate::tablet::{Reference, TabletState};
use crate::turn::Turn;
use base::id::{CommitTs, ReferenceId, TabletId};
use base::plant::{Flaw, planted};
use base::{Error, ErrorKind, Result};
use merge::{Input, Merge, Rows};
pub(crate) use policy::{Candidate, choose};
use remap::Remap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Inputs of one compaction at most; a remap names them in a byte.
pub(crate) const INPUTS_MAX: usize = 128;
/// Deaths that may be left for the swap itself, where commits wait.
const LAST_ROUND_DEATHS: usize = 2_000;
/// Rounds of carrying over after which the swap comes, however many deaths are left.
const ROUNDS_MAX: usize = 16;

/// Asked now and then whether to give up.
pub(crate) type Cancelled = Arc<dyn Fn() -> bool + Send + Sync>;

fn given_up() -> Error {
    Error::new(ErrorKind::Cancelled, "compaction was cancelled")
}

/// A segment written by a compaction.
struct Output {
    reference: Arc<Reference>,
    /// Deaths of its rows since the compaction began to read.
    deaths: Vec<(CommitTs, u32)>,
}

impl Core {
    /// Compacts a tablet as the policy says; all of its segments when `full`. True when there was something to do.
    pub(crate) fn compact_tablet(&self, tablet: TabletId, full: bool, cancelled: &Cancelled) -> Result<bool> {
        let (stopping, asked) = (Arc::clone(&self.stopping), Arc::clone(cancelled));
        let cancelled: &Cancelled =
            &(Arc::new(move || stopping.load(Ordering::Relaxed) || asked()) as Cancelled);
        let _turn = self.turn_to_compact(tablet, cancelled)?;
        // Registered before anything is read: what dies from now on keeps its time.
        let pinned = self.pin_for(&Arc::from("compaction"));
        let state = Arc::clone(&pinned.state);
        let Some(tablet) = state.tablet(tablet) else { return Ok(false) };
        let unneeded = self.keep_after(&state, tablet.table());
        let candidates = Candidate::of(tablet, unneeded)?;
        let chosen =
            if full { policy::all(&candidates) } else { choose(&candidates, self.settings.segment_rows_max) };
        let mut worked = false;
        for inputs in chosen {
            worked |= self.compact(&pinned, tablet, &inputs, unneeded, cancelled)?;
        }
        Ok(worked)
    }

    /// The right to compact; `Cancelled` when the wait for it is given up. Who waits is among the jobs.
    fn turn_to_compact(&self, tablet: TabletId, cancelled: &Cancelled) -> Result<Turn<'_>> {
        if let Some(turn) = self.compacting.take() {
            return Ok(turn);
        }
        let _waits = self.jobs.start("waiting", Some(tablet), 0, self.clock.wall_us());
        self.compacting.wait(&|| cancelled()).ok_or_else(given_up)
    }

    /// How often to compact a tablet so that its segments were merged with each other: groups of them first.
    pub(crate) fn passes(&self, tablet: TabletId, full: bool) -> usize {
        let many = |t: &Arc<TabletState>| t.references().len() > INPUTS_MAX;
        if full && self.newest().tablet(tablet).is_some_and(many) { 2 } else { 1 }
    }

    /// Rewrites some references of a tablet. False when they changed meanwhile in a way that forbids the swap.
    fn compact(
        &self,
        pinned: &Pinned,
        tablet: &TabletState,
        inputs: &[ReferenceId],
        unneeded: CommitTs,
        cancelled: &Cancelled,
    ) -> Result<bool> {
        let Some(layout) = pinned.state.stored_layout(tablet.table())? else { return Ok(false) };
        let references = inputs.iter().map(|id| tablet.require(*id).cloned()).collect::<Result<Vec<_>>>()?;
        let rows: u64 = references.iter().map(|r| u64::from(r.meta().rows)).sum();
        let lost = references.iter().map(|r| newest_lost(r, unneeded)).collect::<Result<Vec<_>>>()?;
        let lost = lost.into_iter().max().unwrap_or_default();
        let job = self.jobs.start("compaction", Some(tablet.id()), rows, self.clock.wall_us());
        let mut outputs = Vec::new();
        let outcome = self
            .write_outputs(&layout, &references, pinned.ts(), unneeded, &job, cancelled, &mut outputs)
            .and_then(|remap| {
                self.swap_in(pinned.ts(), tablet.id(), &references, remap.as_ref(), lost, &mut outputs)
            });
        let unknown = outcome.as_ref().is_err_and(|e| e.kind() == ErrorKind::CommitUnknown);
        if !unknown && !matches!(outcome, Ok(true)) {
            outputs.iter().for_each(|output| output.reference.discard());
        }
        outcome
    }

    /// Writes the rows that live at `ts`, then those that ended after `unneeded`. None when the inputs hold only rows of
    /// the past.
    #[expect(clippy::too_many_arguments, reason = "one step of a pipeline, called once")]
    fn write_outputs(
        &self,
        layout: &Arc<Layout>,
        references: &[Arc<Reference>],
        ts: CommitTs,
        unneeded: CommitTs,
        job: &Job,
        cancelled: &Cancelled,
        outputs: &mut Vec<Output>,
    ) -> Result<Option<Remap>> {
        let mut live = Vec::new();
        let mut past = Vec::new();
        for reference in references {
            if reference.may_live()? {
                live.push(Input::live(reference, ts)?);
            }
            if !planted(Flaw::DropHistoryAtCompaction) {
                past.push(Input::past(reference, ts, unneeded)?);
            }
        }
        let remap = if live.is_empty() {
            None
        } else {
            let survivors = live.iter().map(|input| Arc::clone(input.rows())).collect();
            let merge = Merge::new(layout, live, Rows::Live)?;
            self.write_merged(layout, &merge, job, cancelled, outputs)?;
            Some(Remap::new(survivors, merge.sources(), self.settings.segment_rows_max))
        };
        let merge = Merge::new(layout, past, Rows::Past)?;
        self.write_merged(layout, &merge, job, cancelled, outputs)?;
        Ok(remap)
    }

    fn write_merged(
        &self,
        layout: &Arc<Layout>,
        merge: &Merge,
        job: &Job,
        cancelled: &Cancelled,
        outputs: &mut Vec<Output>,
    ) -> Result<()> {
        while !merge.is_done()? {
            let batches = merge.next_segment(self.settings.segment_rows_max, job.progress(), cancelled);
            let reference = write_segment_of(self, layout, merge.rows() == Rows::Past, batches)?;
            outputs.push(Output { reference, deaths: Vec::new() });
        }
        Ok(())
    }

    /// Carries deaths over in rounds, writes down those that are many, then swaps with the rest.
    fn swap_in(
        &self,
        ts: CommitTs,
        tablet: TabletId,
        inputs: &[Arc<Reference>],
        remap: Option<&Remap>,
        lost: CommitTs,
        outputs: &mut [Output],
    ) -> Result<bool> {
        let mut caught = self.sequencer.published(|p| p.ts);
        let many = carry_over(inputs, remap, ts, caught, outputs)? > LAST_ROUND_DEATHS;
        // A checkpoint removes packs that nothing names yet.
        let _maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let packed = if many { self.pack(outputs)? } else { vec![Packed::default(); outputs.len()] };
        for _ in 0..ROUNDS_MAX {
            let until = self.sequencer.published(|p| p.ts);
            let carried = carry_over(inputs, remap, caught, until, outputs)?;
            caught = until;
            if carried <= LAST_ROUND_DEATHS {
                break;
            }
        }
        self.swap(|state| {
            let Some(current) = state.tablet(tablet) else { return Ok(None) };
            if !are_unchanged(current, inputs) {
                return Ok(None);
            }
            carry_over(inputs, remap, caught, CommitTs::MAX, outputs)?;
            swap_of(current, inputs, outputs, &packed, lost).map(Some)
        })
    }

    /// Writes the deaths found so far into a pack, so that the swap's record names them only.
    fn pack(&self, outputs: &mut [Output]) -> Result<Vec<Packed>> {
        let pack = self.ids.pack();
        let mut writer = PackWriter::new(PackIdentity { database: self.database, pack });
        let mut packed = Vec::with_capacity(outputs.len());
        for output in outputs {
            output.deaths.sort_unstable();
            let mut vector = DeleteVector::default();
            vector.add_all(&std::mem::take(&mut output.deaths))?;
            let (offset, bytes) = writer.add(&vector)?;
            packed.push(Packed { vector, place: Some(DeletePlace { pack, offset, bytes }) });
        }
        let file = self.fs.create(&pack_path(pack))?;
        writer.finish(file.as_ref())?;
        self.fs.sync_directory(PACK_DIRECTORY)?;
        Ok(packed)
    }
}

/// When the last of a reference's rows ended that a compaction leaves out, or that are forgotten already; `ZERO` when
/// nothing is lost.
fn newest_lost(reference: &Reference, unneeded: CommitTs) -> Result<CommitTs> {
    let lives = reference.lives()?;
    if lives.history {
        let none = lives.end_min > unneeded;
        return Ok(if none { CommitTs::ZERO } else { lives.end_max.min(unneeded) });
    }
    // What died when the reference was attached never lived in it.
    let deaths = reference.deaths_between(reference.meta().attach_ts, unneeded);
    Ok(deaths.last().map_or(CommitTs::ZERO, |(ts, _)| *ts).max(reference.deletes_since()))
}

/// The inputs are still parts of the tablet, with their delete vectors still growing in the same place.
fn are_unchanged(tablet: &TabletState, inputs: &[Arc<Reference>]) -> bool {
    inputs.iter().all(|input| tablet.reference(input.id()).is_some_and(|held| Arc::ptr_eq(held, input)))
}

/// Finds deaths of the inputs' rows in the outputs. Returns how many.
fn carry_over(
    inputs: &[Arc<Reference>],
    remap: Option<&Remap>,
    after: CommitTs,
    until: CommitTs,
    outputs: &mut [Output],
) -> Result<usize> {
    let Some(remap) = remap.filter(|_| !planted(Flaw::LoseCatchUpDeletes)) else { return Ok(0) };
    let mut carried = 0;
    let mut live = 0;
    for input in inputs {
        if !input.may_live()? {
            continue;
        }
        for (ts, ordinal) in input.deaths_between(after, until) {
            let lost =
                || Error::internal(format!("row {ordinal} of segment {} has no place", input.meta().segment));
            let (output, place) = remap.place(live, ordinal).ok_or_else(lost)?;
            outputs.get_mut(output).ok_or_else(lost)?.deaths.push((ts, place));
            carried += 1;
        }
        live += 1;
    }
    Ok(carried)
}

fn swap_of(
    tablet: &TabletState,
    inputs: &[Arc<Reference>],
    outputs: &mut [Output],
    packed: &[Packed],
    lost: CommitTs,
) -> Result<(LogRecord, Edit)> {
    let mut swap = Swap::new(tablet, lost);
    swap.removed = inputs.iter().map(|input| input.id()).collect();
    for (output, packed) in outputs.iter_mut().zip(packed) {
        output.deaths.sort_unstable();
        swap.add_packed(&output.reference, packed, &output.deaths)?;
    }
    Ok(swap.finish())
}

/// Tablets of a state that the policy would compact, the most urgent first.
pub(crate) fn due(core: &Core, state: &DatabaseState) -> Result<Vec<TabletId>> {
    let mut due = Vec::new();
    for tablet in state.tablets() {
        let unneeded = core.keep_after(state, tablet.table());
        let candidates = Candidate::of(tablet, unneeded)?;
        let urgency = policy::urgency(&candidates, core.settings.segment_rows_max);
        if urgency > 0 {
            due.push((urgency, tablet.id()));
        }
    }
    due.sort_unstable_by(|a, b| b.cmp(a));
    Ok(due.into_iter().map(|(_, tablet)| tablet).collect())
}
