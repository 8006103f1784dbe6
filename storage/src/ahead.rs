//! Log records read and taken apart by a thread of their own, ahead of the fold that applies them.
//!
//! Must not know the state: rows are decoded by the definitions that the catalog had when they were written, which the
//! records themselves say. Invariants: what comes out is in log order, and the log's end is told, never inferred from a
//! thread that is gone; all reading of files during the fold happens here, in log order, so that a simulation repeats itself;
//! the thread has ended when `Ahead` is dropped.

use crate::delete_vector::DeleteVector;
use crate::format::{
    AttachedSegment, CommitRecord, CountersRecord, ForgetRecord, LogRecord, SegmentDeletes, SwapRecord,
    TabletChange, decode_rows,
};
use crate::layout::{Key, Layout};
use crate::log::{Replay, ReplayedRecord};
use crate::packs::Packs;
use crate::state::{Layouts, NewRows, RowsEdit, SwapEdit, origins};
use crate::tablet::{Reference, ReferenceMeta, SegmentStore};
use base::id::{CommitTs, SchemaVersion, TableId};
use base::plant;
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, CatalogState};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Bytes of log that are taken apart and not yet folded; one record may go beyond. As much as the fold does while a log file
/// of 64 MiB is read.
const AHEAD_BYTES: u64 = 32 << 20;

/// A record, decoded as far as that needs no state.
#[derive(Debug)]
pub(crate) enum Decoded {
    /// With its changes taken out.
    Commit(CommitRecord, Vec<EncodedRows>),
    /// With the packs that it names.
    Swap(SwapEdit, Vec<u64>),
    Forget(ForgetRecord),
    Counters(CountersRecord),
}

/// Changes of a tablet's rows as a record has them. They are decoded by the fold, so that both threads have about as much to do.
#[derive(Debug)]
pub(crate) struct EncodedRows {
    layout: Arc<Layout>,
    change: TabletChange,
}

impl EncodedRows {
    pub(crate) fn decode(&self) -> Result<RowsEdit> {
        rows_edit(&self.layout, &self.change)
    }
}

/// The next record; None is the end of the log.
type Told = Option<Result<(ReplayedRecord, Decoded)>>;

/// The records of a log, decoded, in order, up to the first that fails.
#[derive(Debug)]
pub(crate) struct Ahead {
    from: Receiver<Told>,
    window: Arc<Window>,
    thread: Option<JoinHandle<()>>,
    ended: bool,
}

impl Ahead {
    /// `catalog` and `layouts` are those before the first record.
    pub(crate) fn start(
        replay: Replay,
        catalog: Arc<CatalogState>,
        layouts: Layouts,
        store: Arc<SegmentStore>,
    ) -> Result<Self> {
        let (to, from) = channel();
        let window = Arc::new(Window::default());
        let (decoder, ahead) = (Decoder { catalog, layouts, store }, Arc::clone(&window));
        let thread = base::spawn::thread("replay", plant::carried(move || decoder.run(replay, &ahead, &to)))?;
        Ok(Self { from, window, thread: Some(thread), ended: false })
    }
}

impl Iterator for Ahead {
    type Item = Result<(ReplayedRecord, Decoded)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let gone = || Some(Err(Error::internal("the thread that decodes the log has ended")));
        let told = self.from.recv().unwrap_or_else(|_| gone());
        match &told {
            Some(Ok((record, _))) => self.window.leave(record.frame_bytes()),
            Some(Err(_)) | None => self.ended = true,
        }
        told
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.window.close();
        if let Some(thread) = self.thread.take() {
            // Its panic was told by the missing end.
            let _ = thread.join();
        }
    }
}

/// How much of the log is decoded and not yet folded.
#[derive(Debug, Default)]
struct Window {
    state: Mutex<WindowState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WindowState {
    bytes: u64,
    closed: bool,
}

impl Window {
    /// Waits for room. False once nobody wants more.
    fn enter(&self, bytes: u64) -> bool {
        let full = |state: &mut WindowState| state.bytes >= AHEAD_BYTES && !state.closed;
        let waited = self.changed.wait_while(self.lock(), full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.bytes = state.bytes.saturating_add(bytes);
        !state.closed
    }

    fn leave(&self, bytes: u64) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        self.changed.notify_one();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, WindowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Decoder {
    catalog: Arc<CatalogState>,
    /// By the catalog before the record.
    layouts: Layouts,
    store: Arc<SegmentStore>,
}

impl Decoder {
    fn run(mut self, replay: Replay, window: &Window, to: &Sender<Told>) {
        for record in replay {
            let told = record.and_then(|record| {
                let decoded = self.decode(&record).map_err(|e| e.within(record.place()))?;
                Ok((record, decoded))
            });
            let bytes = told.as_ref().map_or(0, |(record, _)| record.frame_bytes());
            let failed = told.is_err();
            // Whoever dropped the other end knows why.
            if !window.enter(bytes) || to.send(Some(told)).is_err() || failed {
                return;
            }
        }
        let _ = to.send(None);
    }

    fn decode(&mut self, record: &ReplayedRecord) -> Result<Decoded> {
        match LogRecord::decode(record.record_type, &record.payload)? {
            LogRecord::Commit(mut commit) => {
                let changes = std::mem::take(&mut commit.changes);
                let after = self.after(&commit)?;
                let rows = changes.into_iter().map(|change| {
                    let layout = Arc::clone(self.layout(&change, &after)?);
                    check_version(&layout, change.schema_version)?;
                    Ok(EncodedRows { layout, change })
                });
                let rows = rows.collect::<Result<_>>()?;
                self.layouts.extend(after);
                Ok(Decoded::Commit(commit, rows))
            }
            LogRecord::Swap(swap) => {
                let packs = swap.deletes.iter().filter_map(|d| d.place.map(|p| p.pack)).collect();
                Ok(Decoded::Swap(swap_edit(&self.store, swap, record.commit_ts)?, packs))
            }
            LogRecord::Forget(forget) => Ok(Decoded::Forget(forget)),
            LogRecord::Counters(counters) => Ok(Decoded::Counters(counters)),
        }
    }

    /// The layouts of tables that a commit creates or alters.
    fn after(&mut self, commit: &CommitRecord) -> Result<Layouts> {
        for edit in &commit.catalog {
            Arc::make_mut(&mut self.catalog).apply(edit).map_err(|e| e.with_kind(ErrorKind::Corruption))?;
        }
        let edited = commit.catalog.iter().filter_map(|edit| match edit {
            CatalogEdit::CreateTable(def) | CatalogEdit::AlterTable(def) => self.catalog.table(def.id),
            CatalogEdit::CreateSchema(_)
            | CatalogEdit::DropSchema(_)
            | CatalogEdit::DropTable(_)
            | CatalogEdit::CreateSequence(..)
            | CatalogEdit::AlterSequence(..)
            | CatalogEdit::DropSequence(_)
            | CatalogEdit::CreateView(_)
            | CatalogEdit::AlterView(_)
            | CatalogEdit::DropView(_)
            | CatalogEdit::Materialize(..)
            | CatalogEdit::CreateType(_)
            | CatalogEdit::AlterType(_)
            | CatalogEdit::DropType(_)
            | CatalogEdit::CreateFunction(_)
            | CatalogEdit::AlterFunction(_)
            | CatalogEdit::DropFunction(_)
            | CatalogEdit::Comment(..) => None,
        });
        edited.map(|def| Ok((def.id, Arc::new(Layout::new(def)?)))).collect()
    }

    /// The layout that a change's rows were written with: that before the commit, unless the commit made it.
    fn layout<'a>(&'a self, change: &TabletChange, after: &'a Layouts) -> Result<&'a Arc<Layout>> {
        let unknown =
            |table: TableId| Error::corruption(format!("a log record changes unknown table {table}"));
        let before = self.layouts.get(&change.table);
        let fits = |layout: &&Arc<Layout>| layout.def().schema_version == change.schema_version;
        let layout = before.filter(fits).or(after.get(&change.table)).or(before);
        layout.ok_or_else(|| unknown(change.table))
    }
}

/// What a swap does, with the delete vectors that it names read from their packs.
fn swap_edit(store: &Arc<SegmentStore>, record: SwapRecord, ts: CommitTs) -> Result<SwapEdit> {
    let mut deletes: HashMap<_, _> = record.deletes.iter().map(|d| (d.reference, d)).collect();
    let mut packs = Packs::new(store);
    let mut attach = Vec::with_capacity(record.new_references.len());
    for attached in &record.new_references {
        let meta = meta_of(attached, attached.attach.resolve(ts));
        let vector = match deletes.remove(&attached.reference) {
            None => DeleteVector::default(),
            Some(SegmentDeletes { place: None, dead, .. }) => DeleteVector::decode(dead)?,
            Some(SegmentDeletes { place: Some(place), dead, .. }) => {
                let mut vector = packs.vector_at(place)?;
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

/// What a reference is, as a record that attaches it says.
pub(crate) fn meta_of(attached: &AttachedSegment, attach_ts: CommitTs) -> ReferenceMeta {
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

fn rows_edit(layout: &Layout, change: &TabletChange) -> Result<RowsEdit> {
    let mut dead: Vec<_> = change.rows.iter().filter_map(|r| r.dead).collect();
    dead.sort_unstable();
    let written = change.rows.iter().filter_map(|r| r.row.as_deref().map(|row| (row, r.key.clone())));
    let (rows, keys): (Vec<&[u8]>, Vec<Key>) = written.unzip();
    let rows = if rows.is_empty() {
        None
    } else {
        let batch = decode_rows(rows, &layout.forms(), layout.schema())?;
        Some(NewRows { batch, keys, origins: origins(&change.rows) })
    };
    Ok(RowsEdit { tablet: change.tablet, dead, memtable: change.memtable, rows })
}

/// `Unsupported` for rows that were written with another column list.
pub(crate) fn check_version(layout: &Layout, version: SchemaVersion) -> Result<()> {
    if version == layout.def().schema_version {
        return Ok(());
    }
    let message = format!("rows of table {} were written with column list {version}", layout.table());
    Err(Error::new(ErrorKind::Unsupported, message))
}
