//! Verification of a whole data directory that no process has open.
//!
//! Must not change anything: it stops where recovery has read everything. Each problem is one sentence that names the
//! invariant, the file or the tablet; the check goes on after a problem as far as it can.

use crate::checkpointing::PACK_DIRECTORY;
use crate::database::CheckReport;
use crate::format::read_current;
use crate::invariants::{
    LiveKeys, deletes_are_in_bounds, key_map_names_newest, lives_are_ordered, parts_are_distinct,
    within_bounds,
};
use crate::layout::Layout;
use crate::memtable::Memtable;
use crate::recover::Recovered;
use crate::routing::Router;
use crate::runs::content_hash;
use crate::segment::SegmentScan;
use crate::state::DatabaseState;
use crate::tablet::{Reference, TabletState, segment_path};
use crate::view::scan_columns;
use crate::wait::block_on;
use arrow::record_batch::RecordBatch;
use base::fs::FileSystem;
use base::id::{ColumnId, CommitTs};
use base::{Error, ErrorKind, Result};
use futures::StreamExt;
use std::sync::Arc;

/// Checks the directory in `fs`. Fails when it holds no database or a process has it open; damage is in the report.
pub(crate) fn check(fs: &Arc<dyn FileSystem>) -> Result<CheckReport> {
    let in_use = || Error::new(ErrorKind::ObjectInUse, "data directory is in use by another process");
    let _directory = fs.lock("")?.ok_or_else(in_use)?;
    let mut report = CheckReport::default();
    let recovered = match recover(fs, &mut report) {
        Ok(Some(recovered)) => recovered,
        Ok(None) => return Err(Error::new(ErrorKind::FileMissing, "the directory holds no database")),
        Err(e) => {
            report.problems.push(e.to_string());
            return Ok(report);
        }
    };
    for directory in ["log", PACK_DIRECTORY] {
        report.files = report.files.saturating_add(fs.list(directory)?.len() as u64);
    }
    let mut tablets: Vec<_> = recovered.state.tablets().cloned().collect();
    tablets.sort_by_key(|t| t.id());
    for tablet in tablets {
        match layout_of(&recovered.state, &tablet)? {
            Some(layout) => check_tablet(&layout, &tablet, recovered.ts, &mut report),
            None => report.problems.push(format!("tablet {} belongs to no table", tablet.id())),
        }
    }
    Ok(report)
}

/// The layout that the tablet's rows are routed by: of a dropped one, the last that it had.
fn layout_of(state: &DatabaseState, tablet: &TabletState) -> Result<Option<Arc<Layout>>> {
    if tablet.dropped_at() != CommitTs::MAX
        && let Some(def) = state.past().definition_of(tablet.id())
    {
        return Layout::new(def).map(|layout| Some(Arc::new(layout)));
    }
    Ok(state.layout(tablet.table()).cloned())
}

/// The directory as recovery reads it.
fn recover(fs: &Arc<dyn FileSystem>, report: &mut CheckReport) -> Result<Option<Recovered>> {
    let Some(current) = read_current(fs.as_ref())? else { return Ok(None) };
    // CURRENT and the checkpoint.
    report.files = 2;
    Recovered::read(fs, &current, 0, 1).map(Some)
}

fn check_tablet(layout: &Arc<Layout>, tablet: &TabletState, newest: CommitTs, report: &mut CheckReport) {
    report.problems.extend(parts_are_distinct(tablet));
    let mut keys = LiveKeys::default();
    for memtable in tablet.memtables() {
        report.problems.extend(lives_are_ordered(memtable, newest, false));
        report.problems.extend(key_map_names_newest(memtable));
        if let Err(e) = check_memtable(layout, tablet, memtable, &mut keys, report) {
            report.problems.push(format!("memtable {}: {e}", memtable.id()));
        }
    }
    for reference in tablet.references() {
        report.files = report.files.saturating_add(1);
        report.problems.extend(deletes_are_in_bounds(reference, newest));
        if let Err(e) = check_reference(layout, tablet, reference, &mut keys, report) {
            let path = segment_path(reference.meta().segment);
            report.problems.push(format!("file \"{path}\" of \"{}\": {e}", layout.def().name));
        }
    }
}

fn check_memtable(
    layout: &Arc<Layout>,
    tablet: &TabletState,
    memtable: &Memtable,
    keys: &mut LiveKeys,
    report: &mut CheckReport,
) -> Result<()> {
    for chunk in memtable.chunks() {
        check_batch(layout, tablet, &layout.aligned(chunk.batch())?, report)?;
        for (version, key) in chunk.versions().zip(chunk.keys()) {
            if version.end == crate::memtable::NEVER {
                report.rows = report.rows.saturating_add(1);
                report.problems.extend(keys.add(tablet, key));
            }
        }
    }
    Ok(())
}

/// I7: rows are in the tablet that the partitioning says.
fn check_batch(
    layout: &Arc<Layout>,
    tablet: &TabletState,
    batch: &RecordBatch,
    report: &mut CheckReport,
) -> Result<()> {
    let strays = Router::new(layout)?.route(batch)?.into_iter().filter(|t| *t != tablet.id()).count();
    if strays > 0 {
        report.problems.push(format!("I7: {strays} rows of tablet {} belong to other tablets", tablet.id()));
    }
    Ok(())
}

fn check_reference(
    layout: &Arc<Layout>,
    tablet: &TabletState,
    reference: &Reference,
    keys: &mut LiveKeys,
    report: &mut CheckReport,
) -> Result<()> {
    let segment = reference.segment()?;
    segment.verify()?;
    if content_hash(segment.facts()) != reference.meta().content_hash {
        report.problems.push(format!("segment {} is not the one that was attached", segment.id()));
    }
    let columns: Vec<ColumnId> = layout.columns().iter().map(|(id, _)| *id).collect();
    let scan = SegmentScan {
        columns: scan_columns(layout, &columns)?,
        batch_rows: 8_192,
        ..SegmentScan::of_rows(0..segment.rows())
    };
    let dead = reference.dead_at(CommitTs::MAX);
    let may_live = reference.may_live()?;
    let mut batches = segment.scan(&scan);
    let mut ordinal = 0_u32;
    while let Some(batch) = block_on(batches.next()) {
        let batch = batch?;
        check_batch(layout, tablet, &batch, report)?;
        for (id, form) in layout.columns() {
            // Bounds are in the form of the file.
            let stats = segment.stats(*id).filter(|_| segment.form(*id) == Some(form));
            if let Some(stats) = stats {
                let problem = within_bounds(*id, form, stats, &batch)?;
                report.problems.extend(problem.map(|p| format!("{p} in segment {}", segment.id())));
            }
        }
        for key in layout.keys(&batch)? {
            if may_live && !dead.contains(ordinal) {
                report.rows = report.rows.saturating_add(1);
                report.problems.extend(keys.add(tablet, &key));
            }
            ordinal = ordinal.saturating_add(1);
        }
    }
    Ok(())
}
