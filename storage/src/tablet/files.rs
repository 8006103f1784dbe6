//! The segment files of a database.
//!
//! Must not know tablets. Invariants: a file is removed only when no reference of the newest state names it, and its last
//! reader is gone; beside those that somebody reads at the moment, at most `open_max` are open.

use crate::segment::{ChunkCache, Identity, Segment, segment_path};
use base::fs::FileSystem;
use base::id::{DatabaseId, SegmentId};
use base::plant::{Flaw, planted};
use base::sync::{Mutex, PoisonError, RwLock};
use base::{Error, Result};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// The segment files of a database.
#[derive(Debug)]
pub(crate) struct SegmentStore {
    fs: Arc<dyn FileSystem>,
    database: DatabaseId,
    cache: Arc<ChunkCache>,
    /// Set once the log is durable: until then a record that drops a file may still be lost.
    removes: AtomicBool,
    /// Files that somebody has; references to one segment share its file. A leaf in the order of locks.
    files: Mutex<HashMap<SegmentId, Weak<SegmentFile>>>,
    open_max: usize,
    /// Files that are open, in the order in which they are looked at when one has to be closed. A leaf too.
    open: Mutex<VecDeque<Weak<SegmentFile>>>,
}

/// A segment file; opened when it is read, shared by all references to it.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    store: Arc<SegmentStore>,
    segment: SegmentId,
    opened: RwLock<Option<Arc<Segment>>>,
    /// Guards the opening.
    opening: Mutex<()>,
    /// Whether it was read since it was looked at.
    used: AtomicBool,
    /// References of the newest state, and whether there ever was one.
    attached: AtomicUsize,
    entered: AtomicBool,
    discarded: AtomicBool,
}

impl SegmentStore {
    /// Keeps at most `cache_bytes` of the files in memory and `open_max` files open.
    pub(crate) fn new(
        fs: Arc<dyn FileSystem>,
        database: DatabaseId,
        cache_bytes: u64,
        open_max: usize,
    ) -> Self {
        let cache = Arc::new(ChunkCache::new(cache_bytes));
        let (removes, files, open) = (AtomicBool::new(false), Mutex::default(), Mutex::default());
        Self { fs, database, cache, removes, files, open_max, open }
    }

    /// From now on discarded files are removed; those discarded before are garbage for the collection of the open.
    pub(crate) fn remove_discarded(&self) {
        self.removes.store(true, Ordering::Release);
    }

    pub(crate) fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    pub(crate) fn database(&self) -> DatabaseId {
        self.database
    }

    /// A file that a log record or checkpoint names.
    pub(crate) fn file(self: &Arc<Self>, segment: SegmentId) -> Arc<SegmentFile> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&segment).and_then(Weak::upgrade) {
            return file;
        }
        let file = Arc::new(SegmentFile {
            store: Arc::clone(self),
            segment,
            opened: RwLock::new(None),
            opening: Mutex::new(()),
            used: AtomicBool::new(false),
            attached: AtomicUsize::new(0),
            entered: AtomicBool::new(false),
            discarded: AtomicBool::new(false),
        });
        files.insert(segment, Arc::downgrade(&file));
        file
    }

    /// `file` was opened. Closes others for it, as long as there are too many: those that were not read for a round.
    fn note_open(&self, file: &Arc<SegmentFile>) {
        // Let go after the lock: the last one who has a file removes it from `files`.
        let (mut kept, mut closed) = (Vec::new(), Vec::new());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(Arc::downgrade(file));
        let mut looks = open.len() * 2;
        while open.len() > self.open_max.max(1) && looks > 0 {
            looks -= 1;
            match open.pop_front().as_ref().and_then(Weak::upgrade) {
                Some(other) if other.used.swap(false, Ordering::Relaxed) => {
                    open.push_back(Arc::downgrade(&other));
                    kept.push(other);
                }
                Some(other) => closed.push(other),
                None => {}
            }
        }
        drop(open);
        closed.iter().for_each(|other| other.close());
    }
}

impl SegmentFile {
    pub(super) fn enter(&self) {
        self.attached.fetch_add(1, Ordering::AcqRel);
        self.entered.store(true, Ordering::Release);
    }

    pub(super) fn leave(&self) {
        let before = self.attached.fetch_sub(1, Ordering::AcqRel);
        debug_assert!(before > 0, "segment {} left more often than it entered", self.segment);
    }

    pub(super) fn discard(&self) {
        self.discarded.store(true, Ordering::Release);
    }

    /// Removes the file now; only a planted flaw does that.
    pub(super) fn remove(&self) {
        let _ = self.store.fs.remove(&segment_path(self.segment));
    }

    /// Whether no state to come names the file.
    fn is_garbage(&self) -> bool {
        let left = self.entered.load(Ordering::Acquire) || self.discarded.load(Ordering::Acquire);
        left && (self.attached.load(Ordering::Acquire) == 0 || planted(Flaw::RemoveSharedFile))
    }

    /// The segment, opened for this caller alone.
    pub(super) fn probe(&self) -> Result<Arc<Segment>> {
        let identity = Identity { database: self.store.database, segment: self.segment };
        let path = segment_path(self.segment);
        Segment::open(self.store.fs.as_ref(), &path, identity, &self.store.cache)
            .map_err(|e| name_missing(e, &path))
    }

    /// The segment. Blocks when the file is not open.
    pub(super) fn open(self: &Arc<Self>) -> Result<Arc<Segment>> {
        if let Some(segment) = self.opened() {
            return Ok(segment);
        }
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = self.opened() {
            return Ok(segment);
        }
        let segment = self.probe()?;
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&segment));
        self.used.store(true, Ordering::Relaxed);
        self.store.note_open(self);
        Ok(segment)
    }

    fn opened(&self) -> Option<Arc<Segment>> {
        let segment = self.opened.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        // Written only when it changes: many threads read here.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        Some(segment)
    }

    /// Who reads it at the moment goes on.
    fn close(&self) {
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A file that the log or a checkpoint names must be there.
fn name_missing(error: Error, path: &str) -> Error {
    if error.kind() == base::ErrorKind::FileMissing {
        return Error::corruption(format!("segment \"{path}\" is missing, but the database refers to it"));
    }
    error
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        let mut files = self.store.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.get(&self.segment).is_some_and(|file| file.strong_count() == 0) {
            files.remove(&self.segment);
        }
        drop(files);
        if self.is_garbage() && self.store.removes.load(Ordering::Acquire) {
            // Left behind it is garbage, which the next open collects.
            let _ = self.store.fs.remove(&segment_path(self.segment));
        }
    }
}
