//! A directory of the machine's file system.
//!
//! Must not know what the files hold. Invariant: no path reaches outside the root.

#![expect(clippy::disallowed_methods, reason = "this is the seam that everything else goes through")]

use super::seam::{File, FileSystem};
use crate::{Error, Result};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Name of the file whose lock is the lock of its directory.
const LOCK: &str = "LOCK";

/// A directory and everything below it.
#[derive(Clone, Debug)]
pub struct LocalFileSystem {
    root: PathBuf,
}

impl LocalFileSystem {
    /// Opens the directory, creating it and its parents when they do not exist. A new directory's name is durable
    /// on return.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        if !root.is_dir() {
            create_durable(&root)
                .map_err(|e| Error::io(format_args!("create directory \"{}\"", root.display()), e))?;
        }
        Ok(Self { root })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn resolve(&self, path: &str) -> Result<PathBuf> {
        let relative = Path::new(path);
        if relative.components().all(|c| matches!(c, Component::Normal(_))) {
            Ok(self.root.join(relative))
        } else {
            Err(Error::internal(format!("path \"{path}\" is not below its root")))
        }
    }

    fn open_file(&self, path: &str, options: &OpenOptions, doing: &str) -> Result<Arc<dyn File>> {
        let full = self.resolve(path)?;
        let file =
            options.open(&full).map_err(|e| Error::io(format_args!("{doing} \"{}\"", full.display()), e))?;
        Ok(Arc::new(LocalFile { path: full, file }))
    }
}

/// Creates a directory and what is missing above it, each name durable in its parent.
fn create_durable(directory: &Path) -> io::Result<()> {
    let parent = match directory.parent() {
        Some(p) if p.as_os_str().is_empty() => Path::new("."),
        Some(p) => p,
        None => return Ok(()),
    };
    if !parent.is_dir() {
        create_durable(parent)?;
    }
    match fs::create_dir(directory) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
        other => other?,
    }
    fs::File::open(parent)?.sync_all()
}

impl FileSystem for LocalFileSystem {
    fn create(&self, path: &str) -> Result<Arc<dyn File>> {
        self.open_file(path, OpenOptions::new().read(true).write(true).create_new(true), "create file")
    }

    fn open(&self, path: &str) -> Result<Arc<dyn File>> {
        self.open_file(path, OpenOptions::new().read(true).write(true), "open file")
    }

    fn exists(&self, path: &str) -> Result<bool> {
        let full = self.resolve(path)?;
        full.try_exists().map_err(|e| Error::io(format_args!("look for \"{}\"", full.display()), e))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.resolve(from)?, self.resolve(to)?);
        fs::rename(&from, &to)
            .map_err(|e| Error::io(format_args!("rename \"{}\" to \"{}\"", from.display(), to.display()), e))
    }

    fn remove(&self, path: &str) -> Result<()> {
        let full = self.resolve(path)?;
        fs::remove_file(&full).map_err(|e| Error::io(format_args!("remove file \"{}\"", full.display()), e))
    }

    fn create_directory(&self, path: &str) -> Result<()> {
        let full = self.resolve(path)?;
        fs::create_dir_all(&full)
            .map_err(|e| Error::io(format_args!("create directory \"{}\"", full.display()), e))
    }

    fn sync_directory(&self, path: &str) -> Result<()> {
        let full = self.resolve(path)?;
        fs::File::open(&full)
            .and_then(|d| d.sync_all())
            .map_err(|e| Error::io(format_args!("sync directory \"{}\"", full.display()), e))
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        let full = self.resolve(path)?;
        let failed = |e| Error::io(format_args!("list directory \"{}\"", full.display()), e);
        let mut names = Vec::new();
        for entry in fs::read_dir(&full).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.push(name.into_string().map_err(|name| {
                Error::corruption(format!(
                    "directory \"{}\" holds a name that is not text: {name:?}",
                    full.display()
                ))
            })?);
        }
        names.sort_unstable();
        Ok(names)
    }

    fn lock(&self, path: &str) -> Result<Option<Box<dyn Send + Sync>>> {
        let full = self.resolve(path)?.join(LOCK);
        let failed = |e| Error::io(format_args!("lock \"{}\"", full.display()), e);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&full)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(failed(e)),
        }
    }
}

#[derive(Debug)]
struct LocalFile {
    path: PathBuf,
    file: fs::File,
}

impl LocalFile {
    fn failed(&self, doing: &str, e: io::Error) -> Error {
        Error::io(format_args!("{doing} file \"{}\"", self.path.display()), e)
    }
}

impl File for LocalFile {
    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(|e| self.failed("read the length of", e))?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        match self.file.read_exact_at(buffer, offset) {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                let message = format!("file \"{}\" ends early", self.path.display());
                Err(Error::corruption(message)
                    .with_detail(format!("{} bytes at offset {offset}", buffer.len())))
            }
            other => other.map_err(|e| self.failed("read", e)),
        }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, offset).map_err(|e| self.failed("write", e))
    }

    fn preallocate(&self, len: u64) -> Result<()> {
        let present = self.len()?;
        if len <= present {
            return Ok(());
        }
        loop {
            match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
                Ok(()) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP) => return self.fill(present, len),
                Err(e) => return Err(self.failed("reserve space for", e.into())),
            }
        }
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.file.set_len(len).map_err(|e| self.failed("truncate", e))
    }

    fn sync_data(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| self.failed("sync", e))
    }
}

impl LocalFile {
    /// Reserves space by writing zeroes, where the file system knows no other way.
    fn fill(&self, from: u64, to: u64) -> Result<()> {
        const CHUNK: u64 = 1 << 20;
        let zeroes = vec![0; usize::try_from(CHUNK).unwrap_or(0)];
        let mut at = from;
        while at < to {
            let take = CHUNK.min(to - at);
            self.write_at(at, zeroes.get(..usize::try_from(take).unwrap_or(0)).unwrap_or_default())?;
            at += take;
        }
        Ok(())
    }
}
