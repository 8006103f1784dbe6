//! Files of queries that need more memory than they may have: sorts and aggregations put rows aside in them.
//!
//! Must not know what the bytes mean. Invariants: what is read was written by this process, into this file, at this
//! place, or the read is an error; all files together stay within their budget; none outlives the query that made it, and
//! what a crash leaves is removed at the next start.

mod file;

use crate::failure::into_datafusion;
use base::fs::FileSystem;
use base::{Error, ErrorKind, Result};
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::{SpillFile, TempFileFactory};
use file::ScratchFile;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ending of the names of these files.
const ENDING: &str = ".spill";

/// Makes the files of all queries of an engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SpillFiles {
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    files: Arc<dyn FileSystem>,
    bytes_max: u64,
    bytes: AtomicU64,
    /// Bytes that were ever written.
    written: AtomicU64,
    number: AtomicU64,
}

impl SpillFiles {
    /// Files in the root of `files`, which nothing else uses, of at most `bytes_max` bytes together. Removes what an
    /// earlier process left.
    pub fn open(files: Arc<dyn FileSystem>, bytes_max: u64) -> Result<Self> {
        for name in files.list("")?.iter().filter(|name| name.ends_with(ENDING)) {
            files.remove(name)?;
        }
        let counter = AtomicU64::default;
        let place = Place { files, bytes_max, bytes: counter(), written: counter(), number: counter() };
        Ok(Self { place: Arc::new(place) })
    }

    /// Bytes that queries have put aside since the start.
    pub fn bytes_written(&self) -> u64 {
        self.place.written.load(Ordering::Relaxed)
    }

    /// Bytes that files hold at the moment.
    pub fn bytes_held(&self) -> u64 {
        self.place.bytes.load(Ordering::Relaxed)
    }
}

impl Place {
    /// Takes room for `bytes` more; 53400 when there is none.
    fn take(&self, bytes: u64) -> Result<()> {
        let held = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if held > self.bytes_max {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            let message =
                format!("temporary files of queries exceed query_spill_bytes_max ({} bytes)", self.bytes_max);
            return Err(Error::new(ErrorKind::ConfigurationLimit, message).with_hint(
                "Read fewer rows at once, or raise query_memory_bytes or query_spill_bytes_max.",
            ));
        }
        self.written.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl TempFileFactory for SpillFiles {
    fn create_temp_file(&self, _description: &str) -> DataFusionResult<Arc<dyn SpillFile>> {
        let number = self.place.number.fetch_add(1, Ordering::Relaxed);
        let file = ScratchFile::create(Arc::clone(&self.place), number).map_err(into_datafusion)?;
        Ok(Arc::new(file))
    }
}
