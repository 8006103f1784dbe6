//! The traits of the seam. Paths are relative to the root of the file system object, use `/`, and may not leave it;
//! the empty path is the root.
//!
//! Contract: a file's bytes are durable after `sync_data` returns Ok; a created, renamed or removed
//! name is durable after `sync_directory` of its parent returns Ok. A failed sync is never retried.

use crate::Result;
use std::fmt;
use std::sync::Arc;

/// A directory tree.
pub trait FileSystem: Send + Sync + fmt::Debug {
    /// Creates a file that must not exist yet, open for reading and writing.
    fn create(&self, path: &str) -> Result<Arc<dyn File>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &str) -> Result<Arc<dyn File>>;
    fn exists(&self, path: &str) -> Result<bool>;
    /// Replaces `to` if it exists.
    fn rename(&self, from: &str, to: &str) -> Result<()>;
    fn remove(&self, path: &str) -> Result<()>;
    /// Creates a directory and its parents; existing ones are fine.
    fn create_directory(&self, path: &str) -> Result<()>;
    fn sync_directory(&self, path: &str) -> Result<()>;
    /// Names in a directory, sorted. For collection of garbage and first open only: truth is never read from a listing.
    fn list(&self, path: &str) -> Result<Vec<String>>;
    /// Takes the exclusive lock of the directory, held until the guard is dropped; `None` when another process has it.
    fn lock(&self, path: &str) -> Result<Option<Box<dyn Send + Sync>>>;
}

/// One open file. All calls are positional, so a file may be shared between threads.
#[expect(clippy::len_without_is_empty, reason = "a file is asked for its length, never whether it is empty")]
pub trait File: Send + Sync + fmt::Debug {
    fn len(&self) -> Result<u64>;
    /// Fills `buffer` from `offset` or fails; reading past the end is an error of kind `Corruption`.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Reserves space so that later writes below `len` cannot run out of it; extends the file to `len` with zeroes.
    fn preallocate(&self, len: u64) -> Result<()>;
    fn truncate(&self, len: u64) -> Result<()>;
    fn sync_data(&self) -> Result<()>;
}
