//! A file system whose writes stay in memory, so that a directory can be recovered for a check without a change to it.
//!
//! Must not know what the files are. Invariant: nothing is ever written to, renamed or removed from the one below.

use base::fs::{File, FileSystem};
use base::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The file system below with what was written since on top.
#[derive(Debug)]
pub(crate) struct Overlay {
    below: Arc<dyn FileSystem>,
    /// Written files; `None` for removed ones.
    files: Mutex<BTreeMap<String, Option<Arc<MemoryFile>>>>,
}

/// A file in memory.
#[derive(Debug, Default)]
struct MemoryFile {
    bytes: Mutex<Vec<u8>>,
}

/// A file of the file system below that refuses writes.
#[derive(Debug)]
struct ReadOnly(Arc<dyn File>);

impl Overlay {
    pub(crate) fn new(below: Arc<dyn FileSystem>) -> Self {
        Self { below, files: Mutex::default() }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Option<Arc<MemoryFile>>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn missing(path: &str) -> Error {
        Error::new(ErrorKind::FileMissing, format!("file \"{path}\" does not exist"))
    }
}

impl FileSystem for Overlay {
    fn create(&self, path: &str) -> Result<Arc<dyn File>> {
        if self.exists(path)? {
            return Err(Error::new(ErrorKind::Io, format!("file \"{path}\" exists already")));
        }
        let file = Arc::new(MemoryFile::default());
        self.files().insert(path.to_owned(), Some(Arc::clone(&file)));
        Ok(file)
    }

    fn open(&self, path: &str) -> Result<Arc<dyn File>> {
        match self.files().get(path) {
            Some(Some(file)) => Ok(Arc::clone(file) as Arc<dyn File>),
            Some(None) => Err(Self::missing(path)),
            None => Ok(Arc::new(ReadOnly(self.below.open(path)?))),
        }
    }

    fn exists(&self, path: &str) -> Result<bool> {
        match self.files().get(path) {
            Some(file) => Ok(file.is_some()),
            None => self.below.exists(path),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut files = self.files();
        match files.insert(from.to_owned(), None) {
            Some(Some(file)) => {
                files.insert(to.to_owned(), Some(file));
                Ok(())
            }
            _ => Err(Error::internal(format!("a check renames file \"{from}\" that it has not written"))),
        }
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.files().insert(path.to_owned(), None);
        Ok(())
    }

    fn create_directory(&self, _path: &str) -> Result<()> {
        Ok(())
    }

    fn sync_directory(&self, _path: &str) -> Result<()> {
        Ok(())
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        let mut names = self.below.list(path)?;
        let prefix = format!("{path}/");
        for (file, kept) in self.files().iter() {
            if let Some(name) = file.strip_prefix(&prefix) {
                names.retain(|n| n != name);
                if kept.is_some() {
                    names.push(name.to_owned());
                }
            }
        }
        names.sort();
        Ok(names)
    }

    fn lock(&self, path: &str) -> Result<Option<Box<dyn Send + Sync>>> {
        self.below.lock(path)
    }
}

impl MemoryFile {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(bytes: u64) -> Result<usize> {
    usize::try_from(bytes)
        .map_err(|_| Error::new(ErrorKind::OutOfMemory, "a file is too large to be held in memory"))
}

impl File for MemoryFile {
    fn len(&self) -> Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let bytes = self.bytes();
        let start = size(offset)?;
        let end = start.saturating_add(buffer.len());
        let held = bytes.get(start..end).ok_or_else(|| Error::corruption("a file ends too early"))?;
        buffer.copy_from_slice(held);
        Ok(())
    }

    fn write_at(&self, offset: u64, given: &[u8]) -> Result<()> {
        let mut bytes = self.bytes();
        let start = size(offset)?;
        let end = start.saturating_add(given.len());
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        if let Some(place) = bytes.get_mut(start..end) {
            place.copy_from_slice(given);
        }
        Ok(())
    }

    fn preallocate(&self, len: u64) -> Result<()> {
        let len = size(len)?;
        let mut bytes = self.bytes();
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        Ok(())
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.bytes().resize(size(len)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }
}

fn refused() -> Error {
    Error::internal("a check writes to a file of the directory")
}

impl File for ReadOnly {
    fn len(&self) -> Result<u64> {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.0.read_at(offset, buffer)
    }

    fn write_at(&self, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Err(refused())
    }

    fn preallocate(&self, _len: u64) -> Result<()> {
        Err(refused())
    }

    fn truncate(&self, _len: u64) -> Result<()> {
        Err(refused())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }
}
