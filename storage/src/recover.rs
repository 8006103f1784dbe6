//! Opening a data directory: the checkpoint, the fold of the log behind it, and what is left to collect.
//!
//! Must not know transactions. Invariants: everything is read before anything is written, so that a directory which is
//! refused is left as it was; nothing replayed is handed out, and no file removed, before what was read is durable;
//! segments are asked for after the fold, so that files which a later record dropped are not needed; truth is never read
//! from a directory listing, which serves only to find garbage and to notice missing files early.

use crate::checkpointing::{Maintenance, PACK_DIRECTORY, collect_packs, pack_path};
use crate::core::{Core, CoreParts};
use crate::delete_vector::{DeleteVector, PackIdentity, check_pack, decode_ordinals, read_vector};
use crate::first_open;
use crate::format::{
    AttachedSegment, CheckpointImage, CheckpointNumber, CommitRecord, Current, DeletePlace, LogRecord,
    MemtableImage, NextIds, PastImage, ReferenceImage, SegmentDeletes, SwapRecord, TabletChange, TabletImage,
    advance_epoch, collect_checkpoints, decode_rows, read_checkpoint, read_current, write_checkpoint,
};
use crate::ids::IdSource;
use crate::layout::{Key, Layout};
use crate::log::{Found, Log, LogPosition, LogSettings, ReplayedRecord};
use crate::memtable::Memtable;
use crate::past::Past;
use crate::retention::RunningTime;
use crate::sequencer::{Published, Sequencer};
use crate::settings::StorageSettings;
use crate::state::{AttachEdit, CommitEdit, DatabaseState, DeletesEdit, Edit, RowsEdit, SwapEdit};
use crate::tablet::{Reference, ReferenceMeta, SEGMENT_DIRECTORY, SegmentStore, TabletState, segment_path};
use base::clock::{Clock, HybridClock};
use base::fs::FileSystem;
use base::id::{CommitTs, DatabaseId, Epoch, SchemaVersion, TableId};
use base::plant::{Flaw, planted};
use base::random::Random;
use base::{Error, ErrorKind, Result};
use catalog::CatalogState;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Opens or creates the database in `fs`.
pub(crate) fn open(
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    random: &Random,
    settings: StorageSettings,
) -> Result<Core> {
    if read_current(fs.as_ref())?.is_none() {
        // Before anything is made here, the lock's file included.
        first_open::check(fs.as_ref())?;
    }
    let locked = fs.lock("")?;
    let directory = locked
        .ok_or_else(|| Error::new(ErrorKind::ObjectInUse, "data directory is in use by another process"))?;
    let clock = Arc::new(HybridClock::new(clock));
    let log_settings = LogSettings { log_file_bytes: settings.log_file_bytes };
    let current = match read_current(fs.as_ref())? {
        Some(current) => current,
        None => create(&fs, DatabaseId(random.next_u128()), log_settings)?,
    };
    let Recovered { image, log, replayed, packs, store, state, ts } =
        Recovered::read(&fs, &current, settings.segment_cache_bytes)?;
    segments_exist(fs.as_ref(), &state)?;
    probe_newest(&state)?;
    let current = advance_epoch(fs.as_ref(), &current)?;
    let log = Log::resume(log, current.epoch, log_settings)?;
    store.remove_discarded();
    clock.observe(ts);
    collect(fs.as_ref(), &state, &current, &image, &packs)?;
    Ok(Core::new(CoreParts {
        ids: IdSource::new(current.epoch),
        running: RunningTime::new(Arc::clone(&clock), image.past.uptime_us, image.past.samples.clone()),
        sequencer: Sequencer::new(log, Arc::clone(&clock), Published { ts, state }, replayed),
        fs,
        clock,
        settings,
        database: current.database,
        epoch: current.epoch,
        store,
        maintenance: Maintenance { current, written: 0 },
        directory,
    }))
}

/// The first files of a database. CURRENT comes last: without it the directory holds no database yet.
fn create(fs: &Arc<dyn FileSystem>, database: DatabaseId, settings: LogSettings) -> Result<Current> {
    for directory in [SEGMENT_DIRECTORY, PACK_DIRECTORY] {
        fs.create_directory(directory)?;
    }
    fs.sync_directory("")?;
    let epoch = Epoch(1);
    drop(Log::create(Arc::clone(fs), database, epoch, settings)?);
    collect_checkpoints(fs.as_ref(), None)?;
    let image = CheckpointImage {
        database,
        epoch,
        log: LogPosition::START,
        last_commit: CommitTs::ZERO,
        next_ids: NextIds::default(),
        catalog: CatalogState::initial(),
        past: PastImage::default(),
        tablets: Vec::new(),
    };
    write_checkpoint(fs.as_ref(), CheckpointNumber::new(epoch, 1), &image)
}

/// A directory as it was read; nothing in it was changed.
pub(crate) struct Recovered {
    pub(crate) image: CheckpointImage,
    pub(crate) log: Found,
    /// Bytes of log behind the checkpoint.
    pub(crate) replayed: u64,
    /// Packs of delete vectors that the log names.
    pub(crate) packs: HashSet<u64>,
    pub(crate) store: Arc<SegmentStore>,
    pub(crate) state: Arc<DatabaseState>,
    /// Of the newest record in the state.
    pub(crate) ts: CommitTs,
}

impl Recovered {
    /// The checkpoint that `current` names with the log behind it. Segments keep `cache_bytes` in memory.
    pub(crate) fn read(fs: &Arc<dyn FileSystem>, current: &Current, cache_bytes: u64) -> Result<Self> {
        let image = read_checkpoint(fs.as_ref(), current)?;
        let store = Arc::new(SegmentStore::new(Arc::clone(fs), current.database, cache_bytes));
        let (log, replay) = Log::read(Arc::clone(fs), current.database, image.log)?;
        let state = state_of(&image, &store)?;
        let mut recovered =
            Self { ts: image.last_commit, image, log, replayed: 0, packs: HashSet::new(), store, state };
        for record in replay {
            let record = record?;
            recovered.replayed = recovered.replayed.saturating_add(record.frame_bytes());
            recovered.fold(&record).map_err(|e| {
                e.within(format_args!("log file \"{}\", record {}", record.path, record.seq.0))
            })?;
        }
        Ok(recovered)
    }

    /// Applies a record.
    fn fold(&mut self, record: &ReplayedRecord) -> Result<()> {
        let ts = record.commit_ts;
        let edit = match LogRecord::decode(record.record_type, &record.payload)? {
            LogRecord::Commit(commit) => Edit::Commit(commit_edit(&self.state, &self.store, commit)?),
            LogRecord::Swap(swap) => {
                self.packs.extend(swap.deletes.iter().filter_map(|d| d.place.map(|p| p.pack)));
                Edit::Swap(swap_edit(&self.store, swap, ts)?)
            }
            LogRecord::Forget(forget) => Edit::Forget(forget),
        };
        // A durable record that does not fit is damage, not a bug of this run.
        self.state = self.state.apply(&edit, ts).map_err(|e| e.with_kind(ErrorKind::Corruption))?;
        self.ts = ts;
        Ok(())
    }
}

/// Segments whose header, index and footer are read at the start: enough for any but the largest databases, and those a
/// newer program would have written last.
const PROBED_MAX: usize = 1_000;

/// Reads what the newest segments say of themselves, so that damage and newer formats show before anything is changed.
fn probe_newest(state: &DatabaseState) -> Result<()> {
    let mut references: Vec<_> = state.tablets().flat_map(|t| t.references()).collect();
    references.sort_unstable_by_key(|r| std::cmp::Reverse(r.meta().segment));
    references.iter().take(PROBED_MAX).try_for_each(|r| r.probe())
}

/// Every segment that the state names must be there. The listing is a check, not a source of truth; what is inside of the
/// files shows when they are read.
fn segments_exist(fs: &dyn FileSystem, state: &DatabaseState) -> Result<()> {
    let names: HashSet<String> = fs.list(SEGMENT_DIRECTORY)?.into_iter().collect();
    for reference in state.tablets().flat_map(|t| t.references()) {
        let path = segment_path(reference.meta().segment);
        let name = path.rsplit('/').next().unwrap_or_default();
        if !names.contains(name) {
            let message = format!("segment \"{path}\" is missing, but the database refers to it");
            return Err(Error::corruption(message));
        }
    }
    Ok(())
}

/// The state that a checkpoint holds.
fn state_of(image: &CheckpointImage, store: &Arc<SegmentStore>) -> Result<Arc<DatabaseState>> {
    let catalog = Arc::new(image.catalog.clone());
    let past = Past::from_image(&image.past);
    let mut layouts = HashMap::new();
    for def in past.tables().iter().map(|r| &r.def).chain(catalog.tables()) {
        layouts.insert(def.id, Layout::new(def)?);
    }
    let mut packs = HashSet::new();
    let mut tablets = HashMap::new();
    for tablet in &image.tablets {
        let orphan = || Error::corruption(format!("the checkpoint has tablet {} of no table", tablet.tablet));
        let layout = layouts.get(&tablet.table).ok_or_else(orphan)?;
        tablets.insert(tablet.tablet, Arc::new(tablet_of(tablet, layout, store, &mut packs)?));
    }
    DatabaseState::new(catalog, past, tablets).map(Arc::new)
}

fn tablet_of(
    image: &TabletImage,
    layout: &Layout,
    store: &Arc<SegmentStore>,
    packs: &mut HashSet<u64>,
) -> Result<TabletState> {
    let memtables = image.memtables.iter().map(|m| memtable_of(m, layout).map(Arc::new));
    let references = image.references.iter().map(|r| reference_of(r, store, packs).map(Arc::new));
    let (memtables, references) = (memtables.collect::<Result<_>>()?, references.collect::<Result<_>>()?);
    let tablet = TabletState::new(image.table, image.tablet, memtables, references);
    Ok(tablet.bounded(image.oldest, image.dropped))
}

fn memtable_of(image: &MemtableImage, layout: &Layout) -> Result<Memtable> {
    let memtable = Memtable::new(image.memtable);
    for rows in image.rows.chunks(8_192) {
        for row in rows {
            check_version(layout, row.schema_version)?;
        }
        let batch = decode_rows(rows.iter().map(|r| r.row.as_slice()), &layout.forms(), layout.schema())?;
        let keys: Vec<Key> = rows.iter().map(|r| Key::from(r.key.as_slice())).collect();
        let begin = rows.iter().map(|r| r.begin_ts.0).collect();
        let end = rows.iter().map(|r| r.end_ts.0).collect();
        memtable.append_versions(&batch, &keys, begin, end)?;
    }
    Ok(memtable)
}

fn check_version(layout: &Layout, version: SchemaVersion) -> Result<()> {
    if version == layout.def().schema_version {
        return Ok(());
    }
    let message = format!("rows of table {} were written with column list {version}", layout.table());
    Err(Error::new(ErrorKind::Unsupported, message))
}

fn reference_of(
    image: &ReferenceImage,
    store: &Arc<SegmentStore>,
    packs: &mut HashSet<u64>,
) -> Result<Reference> {
    let deletes = match &image.deletes {
        None => DeleteVector::default(),
        Some(place) => vector_at(place, store, packs)?,
    };
    let meta = ReferenceMeta {
        id: image.reference,
        segment: image.segment,
        file_bytes: image.file_bytes,
        rows: image.rows,
        content_hash: image.content_hash,
        attach_ts: image.attach_ts,
        detach_ts: image.detach_ts,
        lives: image.lives,
    };
    Ok(Reference::new(meta, store.file(image.segment), deletes))
}

/// A delete vector out of a pack; each pack's header is checked once.
fn vector_at(
    place: &DeletePlace,
    store: &Arc<SegmentStore>,
    packs: &mut HashSet<u64>,
) -> Result<DeleteVector> {
    let path = pack_path(place.pack);
    let identity = PackIdentity { database: store.database(), pack: place.pack };
    let file = store.fs().open(&path).map_err(|e| match e.kind() {
        ErrorKind::FileMissing => {
            Error::corruption(format!("file \"{path}\" is missing, but the database refers to it"))
        }
        _ => e,
    })?;
    let checked = if packs.insert(place.pack) { check_pack(file.as_ref(), identity) } else { Ok(()) };
    let vector = checked.and_then(|()| read_vector(file.as_ref(), identity, place.offset, place.bytes));
    vector.map_err(|e| e.within(format_args!("file \"{path}\"")))
}

fn commit_edit(state: &DatabaseState, store: &Arc<SegmentStore>, record: CommitRecord) -> Result<CommitEdit> {
    let mut catalog = state.catalog().as_ref().clone();
    for edit in &record.catalog {
        catalog.apply(edit).map_err(|e| e.with_kind(ErrorKind::Corruption))?;
    }
    let mut layouts: HashMap<TableId, Arc<Layout>> = HashMap::new();
    let mut rows = Vec::with_capacity(record.changes.len());
    for change in record.changes {
        let layout = match (layouts.get(&change.table), state.layout(change.table)) {
            (Some(layout), _) | (None, Some(layout)) => Arc::clone(layout),
            (None, None) => {
                let unknown =
                    || Error::corruption(format!("a log record changes unknown table {}", change.table));
                let layout = Arc::new(Layout::new(catalog.table(change.table).ok_or_else(unknown)?)?);
                layouts.insert(change.table, Arc::clone(&layout));
                layout
            }
        };
        rows.push(rows_edit(&layout, &change)?);
    }
    let attach = record.attached.iter().map(|attached| {
        let meta = meta_of(attached, CommitTs::ZERO);
        let reference = Arc::new(Reference::new(meta, store.file(attached.segment), DeleteVector::default()));
        AttachEdit { tablet: attached.tablet, reference, attach: attached.attach }
    });
    let deletes = record.deletes.iter().map(|delete| {
        let ordinals = decode_ordinals(&delete.dead)?.into_iter().collect();
        Ok(DeletesEdit { reference: delete.reference, ordinals })
    });
    Ok(CommitEdit {
        catalog: record.catalog,
        truncated: record.truncated,
        rows,
        attach: attach.collect(),
        deletes: deletes.collect::<Result<_>>()?,
    })
}

fn rows_edit(layout: &Layout, change: &TabletChange) -> Result<RowsEdit> {
    check_version(layout, change.schema_version)?;
    let mut dead: Vec<_> = change.rows.iter().filter_map(|r| r.dead).collect();
    dead.sort_unstable();
    let written: Vec<(&[u8], Key)> = change
        .rows
        .iter()
        .filter_map(|r| r.row.as_deref().map(|row| (row, Key::from(r.key.as_slice()))))
        .collect();
    let rows = if written.is_empty() {
        None
    } else {
        let batch = decode_rows(written.iter().map(|(row, _)| *row), &layout.forms(), layout.schema())?;
        Some((batch, written.into_iter().map(|(_, key)| key).collect()))
    };
    Ok(RowsEdit { tablet: change.tablet, dead, memtable: change.memtable, rows })
}

fn swap_edit(store: &Arc<SegmentStore>, record: SwapRecord, ts: CommitTs) -> Result<SwapEdit> {
    let mut deletes: HashMap<_, _> = record.deletes.iter().map(|d| (d.reference, d)).collect();
    let mut attach = Vec::with_capacity(record.new_references.len());
    for attached in &record.new_references {
        let meta = meta_of(attached, attached.attach.resolve(ts));
        let vector = match deletes.remove(&attached.reference) {
            None => DeleteVector::default(),
            Some(SegmentDeletes { place: None, dead, .. }) => DeleteVector::decode(dead)?,
            Some(SegmentDeletes { place: Some(place), dead, .. }) => {
                let mut vector = vector_at(place, store, &mut HashSet::new())?;
                let rest: Vec<_> = DeleteVector::decode(dead)?.deaths().collect();
                vector.add_all(&rest).map_err(|e| e.with_kind(ErrorKind::Corruption))?;
                vector
            }
        };
        attach.push(Arc::new(Reference::new(meta, store.file(attached.segment), vector)));
    }
    let SwapRecord { tablet, memtable, removed, oldest, .. } = record;
    Ok(SwapEdit { tablet, memtable, removed, attach, oldest })
}

fn meta_of(attached: &AttachedSegment, attach_ts: CommitTs) -> ReferenceMeta {
    ReferenceMeta {
        id: attached.reference,
        segment: attached.segment,
        file_bytes: attached.file_bytes,
        rows: attached.rows,
        content_hash: attached.content_hash,
        attach_ts,
        detach_ts: CommitTs::MAX,
        lives: attached.lives,
    }
}

/// Removes what crashes left: files that the recovered state does not refer to.
fn collect(
    fs: &dyn FileSystem,
    state: &DatabaseState,
    current: &Current,
    image: &CheckpointImage,
    packs: &HashSet<u64>,
) -> Result<()> {
    let references = state.tablets().flat_map(|t| t.references());
    let named: HashSet<String> = references.map(|r| segment_path(r.meta().segment)).collect();
    for name in fs.list(SEGMENT_DIRECTORY)? {
        let path = format!("{SEGMENT_DIRECTORY}/{name}");
        if !named.contains(&path) || planted(Flaw::CollectNamedFile) {
            fs.remove(&path)?;
        }
    }
    collect_packs(fs, image, packs)?;
    collect_checkpoints(fs, Some(current))
}
