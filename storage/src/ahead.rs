//! Log records decoded by a thread of their own, ahead of the fold that applies them.
//!
//! Must not know the state: rows are decoded by the definitions that the catalog had when they were written, which the
//! records themselves say. Invariants: what comes out is in log order; how far is read ahead depends on the records alone, so
//! that a simulation repeats itself; of several errors the earliest comes first.

use crate::format::{
    CommitRecord, CountersRecord, ForgetRecord, LogRecord, SwapRecord, TabletChange, decode_rows,
};
use crate::layout::{Key, Layout};
use crate::log::{Replay, ReplayedRecord};
use crate::state::{Layouts, NewRows, RowsEdit, origins};
use base::id::{SchemaVersion, TableId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, CatalogState};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Bytes of log that are read and not yet folded.
const AHEAD_BYTES: u64 = 8 << 20;

/// A record, decoded as far as that needs no state.
#[derive(Debug)]
pub(crate) enum Decoded {
    /// With its changes taken out: they are the edits.
    Commit(CommitRecord, Vec<RowsEdit>),
    Swap(SwapRecord),
    Forget(ForgetRecord),
    Counters(CountersRecord),
}

/// The records of a log, decoded, in order.
#[derive(Debug)]
pub(crate) struct Ahead {
    replay: Replay,
    /// None once nothing more is to be decoded.
    to: Option<Sender<ReplayedRecord>>,
    from: Receiver<(ReplayedRecord, Result<Decoded>)>,
    waiting: usize,
    waiting_bytes: u64,
    /// Why no more could be read.
    failed: Option<Error>,
}

impl Ahead {
    /// `catalog` and `layouts` are those before the first record.
    pub(crate) fn start(replay: Replay, catalog: Arc<CatalogState>, layouts: Layouts) -> Result<Self> {
        let (to, records) = channel::<ReplayedRecord>();
        let (decoded, from) = channel();
        let mut decoder = Decoder { catalog, layouts };
        base::spawn::thread("replay", move || {
            for record in records {
                let outcome = decoder.decode(&record);
                if decoded.send((record, outcome)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { replay, to: Some(to), from, waiting: 0, waiting_bytes: 0, failed: None })
    }

    fn read_ahead(&mut self) {
        while let Some(to) = self.to.as_ref().filter(|_| self.waiting_bytes < AHEAD_BYTES) {
            match self.replay.next() {
                Some(Ok(record)) => {
                    self.waiting += 1;
                    self.waiting_bytes = self.waiting_bytes.saturating_add(record.frame_bytes());
                    // A thread that is gone shows when its answer is missing.
                    let _ = to.send(record);
                }
                Some(Err(e)) => {
                    self.failed = Some(e);
                    self.to = None;
                }
                None => self.to = None,
            }
        }
    }
}

impl Iterator for Ahead {
    type Item = Result<(ReplayedRecord, Decoded)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_ahead();
        if self.waiting == 0 {
            return self.failed.take().map(Err);
        }
        self.waiting -= 1;
        let Ok((record, outcome)) = self.from.recv() else {
            return Some(Err(Error::internal("the thread that decodes the log has ended")));
        };
        self.waiting_bytes = self.waiting_bytes.saturating_sub(record.frame_bytes());
        let outcome = outcome.map_err(|e| e.within(record.place()));
        Some(outcome.map(|decoded| (record, decoded)))
    }
}

#[derive(Debug)]
struct Decoder {
    catalog: Arc<CatalogState>,
    /// By the catalog before the record.
    layouts: Layouts,
}

impl Decoder {
    fn decode(&mut self, record: &ReplayedRecord) -> Result<Decoded> {
        match LogRecord::decode(record.record_type, &record.payload)? {
            LogRecord::Commit(mut commit) => {
                let changes = std::mem::take(&mut commit.changes);
                let after = self.after(&commit)?;
                let rows = changes.iter().map(|change| rows_edit(self.layout(change, &after)?, change));
                let rows = rows.collect::<Result<_>>()?;
                self.layouts.extend(after);
                Ok(Decoded::Commit(commit, rows))
            }
            LogRecord::Swap(swap) => Ok(Decoded::Swap(swap)),
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
    fn layout<'a>(&'a self, change: &TabletChange, after: &'a Layouts) -> Result<&'a Layout> {
        let unknown =
            |table: TableId| Error::corruption(format!("a log record changes unknown table {table}"));
        let before = self.layouts.get(&change.table);
        let fits = |layout: &&Arc<Layout>| layout.def().schema_version == change.schema_version;
        let layout = before.filter(fits).or(after.get(&change.table)).or(before);
        layout.map(AsRef::as_ref).ok_or_else(|| unknown(change.table))
    }
}

fn rows_edit(layout: &Layout, change: &TabletChange) -> Result<RowsEdit> {
    check_version(layout, change.schema_version)?;
    let mut dead: Vec<_> = change.rows.iter().filter_map(|r| r.dead).collect();
    dead.sort_unstable();
    let written = change.rows.iter().filter_map(|r| r.row.as_deref().map(|row| (row, r.key.as_slice())));
    let (rows, keys): (Vec<&[u8]>, Vec<Key>) = written.map(|(row, key)| (row, Key::from(key))).unzip();
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
