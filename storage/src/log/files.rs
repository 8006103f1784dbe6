//! Names and headers of log files.
//!
//! Invariant: numbers are consecutive; `log/N.log` exists only when its header and all of file N-1 are durable.

use crate::format::{FileHeader, FileKind, HEADER_BYTES};
use base::fs::{File, FileSystem};
use base::id::{DatabaseId, Epoch, LogSeq};
use base::plant::{Flaw, planted};
use base::{Error, ErrorKind, Result};
use bytes::Bytes;
use std::sync::Arc;

pub(super) const DIRECTORY: &str = "log";

/// A place in the log: the file to start reading at and the first record there that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogPosition {
    pub(crate) file: u64,
    /// The next record to be read, or to be written when it does not exist yet.
    pub(crate) next: LogSeq,
}

impl LogPosition {
    /// Where the log of a new database begins.
    pub(crate) const START: LogPosition = LogPosition { file: 1, next: LogSeq(1) };
}

/// What all files of one log share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) database: DatabaseId,
    pub(super) epoch: Epoch,
}

pub(super) fn path(number: u64) -> String {
    format!("{DIRECTORY}/{number:012}.log")
}

/// Name of a file that is not part of the log yet.
pub(super) fn new_path(number: u64) -> String {
    format!("{DIRECTORY}/{number:012}.new")
}

/// Creates and preallocates a file under its temporary name. On failure nothing is left that matters.
pub(super) fn reserve(fs: &dyn FileSystem, number: u64, len: u64) -> Result<Arc<dyn File>> {
    let path = new_path(number);
    if fs.exists(&path)? {
        fs.remove(&path)?;
    }
    let file = fs.create(&path)?;
    if let Err(e) = file.preallocate(len) {
        drop(file);
        // Frees what was taken; when this fails too the next reservation removes the file.
        let _ = fs.remove(&path);
        return Err(e);
    }
    Ok(file)
}

/// Writes the header, makes the whole file durable and gives it its name.
pub(super) fn publish(
    fs: &dyn FileSystem,
    file: &dyn File,
    number: u64,
    identity: Identity,
    first: LogSeq,
) -> Result<()> {
    file.write_at(0, &header(number, identity, first, file.len()?))?;
    if !planted(Flaw::SkipLogFileSync) {
        file.sync_data()?;
    }
    fs.rename(&new_path(number), &path(number))?;
    if planted(Flaw::SkipLogDirectorySync) { Ok(()) } else { fs.sync_directory(DIRECTORY) }
}

pub(super) fn header(number: u64, identity: Identity, first: LogSeq, reserved: u64) -> [u8; HEADER_BYTES] {
    let Identity { database, epoch } = identity;
    FileHeader { kind: FileKind::Log, epoch, database, number, extra: first.0, reserved }.encode()
}

/// A log file read into memory. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) path: Arc<str>,
    pub(super) number: u64,
    pub(super) first: LogSeq,
    pub(super) epoch: Epoch,
    pub(super) bytes: Bytes,
}

pub(super) fn read(fs: &dyn FileSystem, number: u64, database: DatabaseId) -> Result<Contents> {
    let path = path(number);
    let file = open(fs, &path)?;
    let len = usize::try_from(file.len()?)
        .map_err(|_| Error::corruption(format!("log file \"{path}\" is too long")))?;
    let bytes = read_bytes(file.as_ref(), len)?;
    let header = FileHeader::decode(FileKind::Log, &bytes, &path)?;
    header.expect(database, number, &path)?;
    // A file gets its name after its whole length is durable: no crash leaves a shorter one.
    if (len as u64) < header.reserved {
        let message =
            format!("log file \"{path}\" is damaged: it was cut to {len} of {} bytes", header.reserved);
        return Err(Error::corruption(message));
    }
    let (path, bytes) = (path.into(), bytes.into());
    Ok(Contents { path, number, first: LogSeq(header.extra), epoch: header.epoch, bytes })
}

/// A file's bytes. Most of a file was never written: memory is not touched for the zeroes there.
fn read_bytes(file: &dyn File, len: usize) -> Result<Vec<u8>> {
    const CHUNK: usize = 64 << 10;
    static ZEROES: [u8; CHUNK] = [0; CHUNK];
    let mut bytes = vec![0; len];
    let mut chunk = vec![0; CHUNK.min(len)];
    let mut at = 0;
    for place in bytes.chunks_mut(CHUNK) {
        let Some(read) = chunk.get_mut(..place.len()) else { break };
        file.read_at(at, read)?;
        if !ZEROES.starts_with(read) {
            place.copy_from_slice(read);
        }
        at += place.len() as u64;
    }
    Ok(bytes)
}

/// The first record of a file, from its header.
pub(super) fn read_first(fs: &dyn FileSystem, number: u64, database: DatabaseId) -> Result<LogSeq> {
    let path = path(number);
    let mut bytes = [0; HEADER_BYTES];
    open(fs, &path)?.read_at(0, &mut bytes)?;
    let header = FileHeader::decode(FileKind::Log, &bytes, &path)?;
    header.expect(database, number, &path)?;
    Ok(LogSeq(header.extra))
}

/// Whether anything but zeroes follows the header.
pub(super) fn holds_records(fs: &dyn FileSystem, path: &str) -> Result<bool> {
    const CHUNK: u64 = 64 << 10;
    let file = fs.open(path)?;
    let len = file.len()?;
    let mut at = HEADER_BYTES as u64;
    let mut buffer = Vec::new();
    while at < len {
        let take = CHUNK.min(len - at);
        buffer.resize(usize::try_from(take).unwrap_or(0), 0);
        file.read_at(at, &mut buffer)?;
        if buffer.iter().any(|b| *b != 0) {
            return Ok(true);
        }
        at += take;
    }
    Ok(false)
}

/// The log ends with file `last`: a later one means that the one between is lost. A check, not a source of truth.
pub(super) fn check_none_behind(fs: &dyn FileSystem, last: u64) -> Result<()> {
    let last_path = path(last);
    for name in fs.list(DIRECTORY)? {
        let later = format!("{DIRECTORY}/{name}");
        if name.ends_with(".log") && later > last_path {
            let missing = path(last + 1);
            return Err(Error::corruption(format!(
                "log file \"{missing}\" is missing, but \"{later}\" exists"
            )));
        }
    }
    Ok(())
}

/// Opens a file that must exist.
fn open(fs: &dyn FileSystem, path: &str) -> Result<Arc<dyn File>> {
    fs.open(path).map_err(|e| {
        if e.kind() == ErrorKind::FileMissing {
            Error::corruption(format!("log file \"{path}\" is missing"))
        } else {
            e
        }
    })
}
