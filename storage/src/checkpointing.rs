//! Checkpoints: the state at one log position made durable, so that the log before it can go.
//!
//! Must not know the bytes of a checkpoint. Invariants: the image holds exactly the records before its position;
//! packs and segments that it names are durable before it; the log is cut only after CURRENT names the image.

use crate::core::Core;
use crate::delete_vector::{DeleteVector, PackIdentity, PackWriter};
use crate::format::{
    CheckpointImage, CheckpointNumber, Current, DeletePlace, MemtableImage, MemtableRow, NextIds,
    ReferenceImage, TabletImage, collect_checkpoints, encode_rows, write_checkpoint,
};
use crate::layout::Layout;
use crate::log::LogPosition;
use crate::memtable::Chunk;
use crate::past::Past;
use crate::state::{DatabaseState, stored_layouts};
use crate::tablet::{Reference, ReferenceMeta};
use base::fs::FileSystem;
use base::id::{CommitTs, CounterId, LogSeq, MemtableId, TableId, TabletId};
use base::plant::{Flaw, planted};
use base::sync::PoisonError;
use base::{Error, Result};
use catalog::{CatalogState, Position};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Where packs of delete vectors are.
pub(crate) const PACK_DIRECTORY: &str = "delete";

/// Memtables above this size are flushed rather than copied into the checkpoint.
const IMAGE_MEMTABLE_BYTES_MAX: usize = 4 << 20;

/// Path of a pack of delete vectors.
pub(crate) fn pack_path(pack: u64) -> String {
    format!("{PACK_DIRECTORY}/{pack:020}")
}

/// What flushes and checkpoints share; its lock lets one of them run at a time.
#[derive(Debug)]
pub(crate) struct Maintenance {
    /// What CURRENT says.
    pub(crate) current: Current,
    /// Number of the last checkpoint that this process wrote.
    pub(crate) written: u32,
}

/// The state at one log position, taken apart so that later changes do not reach it.
struct Capture {
    ts: CommitTs,
    next: LogSeq,
    catalog: Arc<CatalogState>,
    past: Arc<Past>,
    counters: Arc<BTreeMap<CounterId, Position>>,
    tablets: Vec<TabletCapture>,
}

struct TabletCapture {
    table: TableId,
    tablet: TabletId,
    oldest: CommitTs,
    dropped: CommitTs,
    layout: Arc<Layout>,
    references: Vec<(ReferenceMeta, DeleteVector)>,
    memtables: Vec<(MemtableId, Vec<Arc<Chunk>>)>,
}

impl Core {
    /// Writes a checkpoint of everything committed and drops the log before it.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        let mut maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let _job = self.jobs.start("checkpoint", None, 0, self.clock.wall_us());
        let state = self.newest();
        for tablet in state.tablets().filter(|t| t.memtable_bytes() > IMAGE_MEMTABLE_BYTES_MAX) {
            self.flush_under_maintenance(tablet.id())?;
        }
        let state = self.newest();
        for tablet in state.tablets() {
            let unneeded = self.keep_after(&state, tablet.table());
            tablet.references().iter().for_each(|r| r.forget_before(unneeded));
        }
        let bytes = self.sequencer.appended_bytes();
        let capture = self.quiesced(|next| self.sequencer.published(|p| capture(&p.state, p.ts, next)))?;
        let next = capture.next;
        let image = self.image(capture)?;
        if planted(Flaw::CutLogBeforeCurrent) {
            self.sequencer.log().truncate_before(next)?;
        }
        let counter =
            maintenance.written.checked_add(1).ok_or_else(|| Error::internal("checkpoints are used up"))?;
        let number = CheckpointNumber::new(self.epoch, counter);
        maintenance.written = counter;
        maintenance.current = write_checkpoint(self.fs.as_ref(), number, &image)?;
        self.sequencer.log_kept_from(bytes);
        self.sequencer.log().truncate_before(next)?;
        collect_checkpoints(self.fs.as_ref(), Some(&maintenance.current))?;
        collect_packs(self.fs.as_ref(), &image, &HashSet::new())
    }

    fn image(&self, capture: Capture) -> Result<CheckpointImage> {
        let position: LogPosition = self.sequencer.log().position_of(capture.next);
        let pack = self.ids.pack();
        let mut packed = PackWriter::new(PackIdentity { database: self.database, pack });
        let mut tablets = Vec::with_capacity(capture.tablets.len());
        for tablet in capture.tablets {
            let mut references = Vec::with_capacity(tablet.references.len());
            for (meta, vector) in &tablet.references {
                references.push(reference_image(meta, vector, pack, &mut packed)?);
            }
            let images = tablet
                .memtables
                .iter()
                .map(|(id, chunks)| memtable_image(*id, chunks, &tablet.layout, capture.ts));
            tablets.push(TabletImage {
                table: tablet.table,
                tablet: tablet.tablet,
                oldest: tablet.oldest,
                dropped: tablet.dropped,
                next_row_id: if tablet.layout.has_row_id() { self.ids.peek() } else { 0 },
                references,
                memtables: images.collect::<Result<_>>()?,
            });
        }
        if !packed.is_empty() {
            let file = self.fs.create(&pack_path(pack))?;
            packed.finish(file.as_ref())?;
            self.fs.sync_directory(PACK_DIRECTORY)?;
        }
        let next = self.ids.peek();
        let (uptime_us, samples) = self.running.image();
        Ok(CheckpointImage {
            database: self.database,
            epoch: self.epoch,
            log: position,
            last_commit: capture.ts,
            next_ids: NextIds { segment: next, reference: next, memtable: next, pack: next },
            catalog: capture.catalog.as_ref().clone(),
            past: capture.past.image(uptime_us, samples),
            counters: capture.counters.iter().map(|(id, position)| (*id, *position)).collect(),
            tablets,
        })
    }
}

fn capture(state: &DatabaseState, ts: CommitTs, next: LogSeq) -> Result<Capture> {
    let layouts = stored_layouts(state.layouts(), state.past())?;
    let mut tablets = Vec::new();
    for tablet in state.tablets() {
        let orphan = || Error::internal(format!("tablet {} belongs to no table", tablet.id()));
        let vector = |r: &Arc<Reference>| (*r.meta(), r.deletes());
        tablets.push(TabletCapture {
            table: tablet.table(),
            tablet: tablet.id(),
            oldest: tablet.oldest(),
            dropped: tablet.dropped_at(),
            layout: Arc::clone(layouts.get(&tablet.table()).ok_or_else(orphan)?),
            references: tablet.references().iter().map(vector).collect(),
            memtables: tablet.memtables().iter().map(|m| (m.id(), m.chunks())).collect(),
        });
    }
    tablets.sort_by_key(|t| t.tablet);
    let (catalog, past, counters) = (state.catalog(), state.past(), state.counters());
    Ok(Capture {
        ts,
        next,
        catalog: Arc::clone(catalog),
        past: Arc::clone(past),
        counters: Arc::clone(counters),
        tablets,
    })
}

fn reference_image(
    meta: &ReferenceMeta,
    vector: &DeleteVector,
    pack: u64,
    packed: &mut PackWriter,
) -> Result<ReferenceImage> {
    let deletes = if vector.is_empty() || planted(Flaw::DropDeleteVectorAtCheckpoint) {
        None
    } else {
        let (offset, bytes) = packed.add(vector)?;
        Some(DeletePlace { pack, offset, bytes })
    };
    Ok(ReferenceImage {
        reference: meta.id,
        segment: meta.segment,
        file_bytes: meta.file_bytes,
        rows: meta.rows,
        content_hash: meta.content_hash,
        attach_ts: meta.attach_ts,
        detach_ts: meta.detach_ts,
        lives: meta.lives,
        deletes,
    })
}

fn memtable_image(
    id: MemtableId,
    chunks: &[Arc<Chunk>],
    layout: &Layout,
    ts: CommitTs,
) -> Result<MemtableImage> {
    let mut rows = Vec::new();
    for chunk in chunks {
        let encoded = encode_rows(&layout.aligned(chunk.batch())?, &layout.forms())?;
        for ((version, key), row) in chunk.versions().zip(chunk.keys()).zip(encoded) {
            // Deaths after the capture belong to the log behind it.
            let ended = version.end <= ts.0 && !planted(Flaw::DropDeathsAtCheckpoint);
            let end = if ended { CommitTs(version.end) } else { CommitTs::MAX };
            rows.push(MemtableRow {
                schema_version: layout.def().schema_version,
                begin_ts: CommitTs(version.begin),
                end_ts: end,
                key: key.to_vec(),
                row,
                origin: version.origin,
            });
        }
    }
    Ok(MemtableImage { memtable: id, rows })
}

/// Removes packs that neither the image nor the log behind it names.
pub(crate) fn collect_packs(
    fs: &dyn FileSystem,
    image: &CheckpointImage,
    named_by_log: &HashSet<u64>,
) -> Result<()> {
    let references = image.tablets.iter().flat_map(|t| &t.references);
    let named = references.filter_map(|r| r.deletes.map(|d| d.pack)).chain(named_by_log.iter().copied());
    let named: HashSet<String> = named.map(pack_path).collect();
    for name in fs.list(PACK_DIRECTORY)? {
        let path = format!("{PACK_DIRECTORY}/{name}");
        if !named.contains(&path) {
            fs.remove(&path)?;
        }
    }
    Ok(())
}
