//! Opening a data directory: the checkpoint, the fold of the log behind it, and what is left to collect.
//!
//! Must not know transactions. Invariants: everything is read before anything is written, so that a directory which is
//! refused is left as it was; nothing replayed is handed out, and no file removed, before what was read is durable;
//! segments are asked for after the fold, so that files which a later record dropped are not needed; truth is never read
//! from a directory listing, which serves only to find garbage and to notice missing files early.

use crate::ahead::{Ahead, Decoded, EncodedRows, check_version, meta_of};
use crate::checkpointing::{Maintenance, PACK_DIRECTORY, collect_packs};
use crate::core::{Core, CoreParts};
use crate::delete_vector::{DeleteVector, decode_ordinals};
use crate::first_open;
use crate::format::{
    CheckpointImage, CheckpointNumber, CommitRecord, Current, MemtableImage, NextIds, PastImage,
    ReferenceImage, SegmentDeletes, TabletImage, advance_epoch, collect_checkpoints, decode_rows,
    is_of_older_format, read_checkpoint, read_current, write_checkpoint,
};
use crate::ids::IdSource;
use crate::layout::{Key, Layout};
use crate::log::{Found, Log, LogPosition, LogSettings};
use crate::memtable::{LifeColumns, Memtable};
use crate::packs::Packs;
use crate::past::Past;
use crate::retention::RunningTime;
use crate::sequencer::{Published, Sequencer};
use crate::settings::StorageSettings;
use crate::state::{
    AttachEdit, CommitEdit, DatabaseState, DeletesEdit, Edit, RowsEdit, newest_layouts, stored_layouts,
};
use crate::tablet::{
    Reference, ReferenceMeta, SEGMENT_DIRECTORY, SegmentStore, TabletState, segment_named, segment_path,
};
use crate::tablets::Tablets;
use base::clock::{Clock, HybridClock};
use base::fs::FileSystem;
use base::id::{CommitTs, DatabaseId, Epoch, SegmentId, TableId};
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
        Recovered::read(&fs, &current, settings.segment_cache_bytes, settings.open_segments_max)?;
    let listed = Listed::read(fs.as_ref())?;
    listed.has_all_of(&state)?;
    probe_newest(&state)?;
    let older = is_of_older_format(fs.as_ref(), &current)?;
    let current = advance_epoch(fs.as_ref(), &current)?;
    let log = Log::resume(log, current.epoch, log_settings)?;
    store.remove_discarded();
    clock.observe(ts);
    listed.remove_garbage(fs.as_ref(), &state)?;
    collect_packs(fs.as_ref(), &image, &packs)?;
    collect_checkpoints(fs.as_ref(), Some(&current))?;
    let core = Core::new(CoreParts {
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
    });
    if older {
        // The program before takes what this one adds to the log for damage; a newer checkpoint tells it what this is.
        core.checkpoint()?;
    }
    Ok(core)
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
        counters: Vec::new(),
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
    /// The checkpoint that `current` names with the log behind it. Segments keep `cache_bytes` in memory and `open_max`
    /// files open.
    pub(crate) fn read(
        fs: &Arc<dyn FileSystem>,
        current: &Current,
        cache_bytes: u64,
        open_max: usize,
    ) -> Result<Self> {
        let image = read_checkpoint(fs.as_ref(), current)?;
        let store = Arc::new(SegmentStore::new(Arc::clone(fs), current.database, cache_bytes, open_max));
        let (log, replay) = Log::read(Arc::clone(fs), current.database, image.log)?;
        let state = state_of(&image, &store)?;
        let mut recovered =
            Self { ts: image.last_commit, image, log, replayed: 0, packs: HashSet::new(), store, state };
        let (catalog, layouts) = (Arc::clone(recovered.state.catalog()), recovered.state.layouts().clone());
        for record in Ahead::start(replay, catalog, layouts, Arc::clone(&recovered.store))? {
            let (record, decoded) = record?;
            recovered.replayed = recovered.replayed.saturating_add(record.frame_bytes());
            recovered.fold(decoded, record.commit_ts).map_err(|e| e.within(record.place()))?;
        }
        Ok(recovered)
    }

    /// Applies a record.
    fn fold(&mut self, decoded: Decoded, ts: CommitTs) -> Result<()> {
        let edit = match decoded {
            Decoded::Commit(commit, rows) => {
                let rows = rows.iter().map(EncodedRows::decode).collect::<Result<_>>()?;
                Edit::Commit(commit_edit(&self.state, &self.store, commit, rows)?)
            }
            Decoded::Swap(swap, packs) => {
                self.packs.extend(packs);
                Edit::Swap(swap)
            }
            Decoded::Forget(forget) => Edit::Forget(forget),
            Decoded::Counters(counters) => Edit::Counters(counters),
        };
        // A durable record that does not fit is damage, not a bug of this run.
        self.state = self.state.apply(edit, ts).map_err(|e| e.with_kind(ErrorKind::Corruption))?;
        self.ts = ts;
        Ok(())
    }
}

/// Segments whose header, index and footer are read at the start: enough for any but the largest databases, and those a
/// newer program would have written last.
const PROBED_MAX: usize = 1_000;

/// Reads what the newest segments say of themselves, so that damage and newer formats show before anything is changed.
fn probe_newest(state: &DatabaseState) -> Result<()> {
    let of_tablet = |t: &'_ Arc<TabletState>| {
        t.references().iter().map(|r| (t.table(), Arc::clone(r))).collect::<Vec<_>>()
    };
    let mut references: Vec<_> = state.tablets().flat_map(of_tablet).collect();
    references.sort_unstable_by_key(|(_, r)| std::cmp::Reverse(r.meta().segment));
    let mut newest = references.iter().take(PROBED_MAX);
    newest.try_for_each(|(table, r)| r.probe().map_err(|e| holding_rows_of(state, *table, e)))
}

/// An error about a segment, which says whose rows are in it.
fn holding_rows_of(state: &DatabaseState, table: TableId, error: Error) -> Error {
    let Some(def) = state.layout(table).map(|layout| layout.def()) else { return error };
    let schema =
        state.catalog().schema(def.schema).map(|schema| format!("{}.", schema.name)).unwrap_or_default();
    let what = if def.is_index() { "entries of index" } else { "rows of table" };
    error.with_detail(format!("The segment holds {what} \"{schema}{}\".", def.name))
}

/// What the directory of segments holds. The listing is a check and tells garbage, it is no source of truth; what is
/// inside of the files shows when they are read.
struct Listed {
    segments: HashSet<SegmentId>,
    /// Names that no segment has.
    others: Vec<String>,
}

impl Listed {
    fn read(fs: &dyn FileSystem) -> Result<Self> {
        let mut listed = Self { segments: HashSet::new(), others: Vec::new() };
        for name in fs.list(SEGMENT_DIRECTORY)? {
            match segment_named(&name) {
                Some(segment) => drop(listed.segments.insert(segment)),
                None => listed.others.push(name),
            }
        }
        Ok(listed)
    }

    /// Every segment that the state names must be there.
    fn has_all_of(&self, state: &DatabaseState) -> Result<()> {
        for tablet in state.tablets() {
            let mut named = tablet.references().iter().map(|r| r.meta().segment);
            if let Some(segment) = named.find(|segment| !self.segments.contains(segment)) {
                let path = segment_path(segment);
                let message = format!("segment \"{path}\" is missing, but the database refers to it");
                return Err(holding_rows_of(state, tablet.table(), Error::corruption(message)));
            }
        }
        Ok(())
    }

    /// Removes what crashes left: files that the state does not refer to.
    fn remove_garbage(mut self, fs: &dyn FileSystem, state: &DatabaseState) -> Result<()> {
        for reference in state.tablets().flat_map(|t| t.references()) {
            if !planted(Flaw::CollectNamedFile) {
                self.segments.remove(&reference.meta().segment);
            }
        }
        let mut garbage: Vec<String> = self.segments.into_iter().map(segment_path).collect();
        garbage.extend(self.others.iter().map(|name| format!("{SEGMENT_DIRECTORY}/{name}")));
        // In an order that a simulation repeats.
        garbage.sort_unstable();
        garbage.iter().try_for_each(|path| fs.remove(path))
    }
}

/// The state that a checkpoint holds.
fn state_of(image: &CheckpointImage, store: &Arc<SegmentStore>) -> Result<Arc<DatabaseState>> {
    let catalog = Arc::new(image.catalog.clone());
    let past = Past::from_image(&image.past);
    let layouts = newest_layouts(&catalog, &past)?;
    let stored = stored_layouts(&layouts, &past)?;
    let mut packs = Packs::new(store);
    let mut tablets = Tablets::default();
    for tablet in &image.tablets {
        let orphan = || Error::corruption(format!("the checkpoint has tablet {} of no table", tablet.tablet));
        let layout = stored.get(&tablet.table).ok_or_else(orphan)?;
        tablets.insert(Arc::new(tablet_of(tablet, layout, &mut packs)?));
    }
    let counters = image.counters.iter().copied().collect();
    Ok(Arc::new(DatabaseState::new(catalog, past, layouts, tablets, counters)))
}

fn tablet_of(image: &TabletImage, layout: &Layout, packs: &mut Packs<'_>) -> Result<TabletState> {
    let memtables = image.memtables.iter().map(|m| memtable_of(m, layout).map(Arc::new));
    let references = image.references.iter().map(|r| reference_of(r, packs).map(Arc::new));
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
        let batch = decode_rows(rows.iter().map(|r| r.row.as_ref()), &layout.forms(), layout.schema())?;
        let keys: Vec<Key> = rows.iter().map(|r| Key::from(r.key.as_slice())).collect();
        let lives = LifeColumns {
            begin: rows.iter().map(|r| r.begin_ts.0).collect(),
            end: rows.iter().map(|r| r.end_ts.0).collect(),
            origin: rows.iter().map(|r| r.origin).collect(),
        };
        memtable.append_versions(&batch, keys, lives)?;
    }
    Ok(memtable)
}

fn reference_of(image: &ReferenceImage, packs: &mut Packs<'_>) -> Result<Reference> {
    let deletes = match &image.deletes {
        None => DeleteVector::default(),
        Some(place) => packs.vector_at(place)?,
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
    Ok(Reference::new(meta, packs.segments().file(image.segment), deletes))
}

fn commit_edit(
    state: &DatabaseState,
    store: &Arc<SegmentStore>,
    record: CommitRecord,
    rows: Vec<RowsEdit>,
) -> Result<CommitEdit> {
    let attach = record.attached.iter().map(|attached| {
        let meta = meta_of(attached, CommitTs::ZERO);
        let reference = Arc::new(Reference::new(meta, store.file(attached.segment), DeleteVector::default()));
        AttachEdit { tablet: attached.tablet, reference, attach: attached.attach }
    });
    let mut tablets = match record.deletes.as_slice() {
        [] => HashMap::new(),
        deletes => state.tablets_with(&deletes.iter().map(|d| d.reference).collect()),
    };
    tablets.extend(record.attached.iter().map(|a| (a.reference, a.tablet)));
    let deletes = record.deletes.iter().map(|SegmentDeletes { reference, dead, .. }| {
        let missing =
            || Error::corruption(format!("a log record changes reference {reference}, which does not exist"));
        let tablet = *tablets.get(reference).ok_or_else(missing)?;
        let ordinals = decode_ordinals(dead)?.into_iter().collect();
        Ok(DeletesEdit { tablet, reference: *reference, ordinals })
    });
    Ok(CommitEdit {
        catalog: record.catalog,
        truncated: record.truncated,
        rows,
        attach: attach.collect(),
        deletes: deletes.collect::<Result<_>>()?,
    })
}
