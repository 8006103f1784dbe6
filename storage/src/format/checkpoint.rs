//! Checkpoints: the state at one log position in an immutable numbered file, and CURRENT that names it.
//!
//! Must not know how the state came about. Invariants: a checkpoint file is durable before CURRENT names it; a
//! file that CURRENT names is never written again; a reader sees the old or the new checkpoint, never a mixture.

use super::codec::{Reader, Writer};
use super::header::{FileHeader, FileKind, HEADER_BYTES, version_of};
use super::image::{CheckpointImage, decode_image, encode_image};
use base::fs::FileSystem;
use base::id::{DatabaseId, Epoch};
use base::plant::{Flaw, planted};
use base::{Error, ErrorKind, Result};

const DIRECTORY: &str = "checkpoint";
const CURRENT: &str = "CURRENT";
const CURRENT_NEW: &str = "CURRENT.new";
const CURRENT_BYTES: usize = HEADER_BYTES + 8;

/// Number of a checkpoint file: the epoch of its writer in the upper half, a counter from 1 in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CheckpointNumber(pub(crate) u64);

impl CheckpointNumber {
    pub(crate) fn new(epoch: Epoch, counter: u32) -> Self {
        Self((u64::from(epoch.0) << 32) | u64::from(counter))
    }
}

/// What CURRENT says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) database: DatabaseId,
    /// The newest epoch any process has claimed.
    pub(crate) epoch: Epoch,
    pub(crate) checkpoint: CheckpointNumber,
    /// Length and checksum of the checkpoint file.
    pub(crate) checkpoint_bytes: u64,
    pub(crate) checkpoint_crc: u32,
}

/// Path of a checkpoint file.
pub(super) fn checkpoint_path(number: CheckpointNumber) -> String {
    format!("{DIRECTORY}/{:020}", number.0)
}

/// Makes `image` durable in a new file `number`, then makes it current. Returns what CURRENT now says.
pub(crate) fn write_checkpoint(
    fs: &dyn FileSystem,
    number: CheckpointNumber,
    image: &CheckpointImage,
) -> Result<Current> {
    let bytes = encode_file(number, image);
    fs.create_directory(DIRECTORY)?;
    let file = fs.create(&checkpoint_path(number))?;
    file.write_at(0, &bytes)?;
    if !planted(Flaw::SkipCheckpointSync) {
        file.sync_data()?;
    }
    fs.sync_directory(DIRECTORY)?;
    // The directory itself may be new.
    fs.sync_directory("")?;
    let current = Current {
        database: image.database,
        epoch: image.epoch,
        checkpoint: number,
        checkpoint_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        checkpoint_crc: crc32c::crc32c(&bytes),
    };
    write_current(fs, &current)?;
    Ok(current)
}

/// Claims the next epoch for this process; durable on return.
pub(crate) fn advance_epoch(fs: &dyn FileSystem, current: &Current) -> Result<Current> {
    let next = current.epoch.0.checked_add(1).ok_or_else(|| Error::internal("epochs are used up"))?;
    let claimed = Current { epoch: Epoch(next), ..current.clone() };
    write_current(fs, &claimed)?;
    Ok(claimed)
}

/// What CURRENT says; `None` in a directory where no database was ever completed. A directory with later
/// checkpoints but without CURRENT is `Corruption`.
pub(crate) fn read_current(fs: &dyn FileSystem) -> Result<Option<Current>> {
    if !fs.exists(CURRENT)? {
        let leftover = checkpoint_path(CheckpointNumber::new(Epoch(1), 1));
        let names = if fs.exists(DIRECTORY)? { fs.list(DIRECTORY)? } else { Vec::new() };
        return match names.iter().find(|name| format!("{DIRECTORY}/{name}") != leftover) {
            None => Ok(None),
            Some(name) => {
                let message =
                    format!("file \"{CURRENT}\" is missing, but checkpoint \"{DIRECTORY}/{name}\" exists");
                Err(Error::corruption(message))
            }
        };
    }
    let bytes = read_whole(fs, CURRENT)?;
    decode_current(&bytes).map(Some)
}

/// The checkpoint that CURRENT names.
pub(crate) fn read_checkpoint(fs: &dyn FileSystem, current: &Current) -> Result<CheckpointImage> {
    let path = checkpoint_path(current.checkpoint);
    let bytes = match read_whole(fs, &path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::FileMissing => {
            return Err(Error::corruption(format!(
                "checkpoint \"{path}\" is missing, but \"{CURRENT}\" names it"
            )));
        }
        Err(e) => return Err(e),
    };
    decode_file(current, &bytes, &path)
}

/// Whether the checkpoint that CURRENT names is of an older format than this program writes.
pub(crate) fn is_of_older_format(fs: &dyn FileSystem, current: &Current) -> Result<bool> {
    let mut header = [0; HEADER_BYTES];
    fs.open(&checkpoint_path(current.checkpoint))?.read_at(0, &mut header)?;
    Ok(version_of(&header) < FileKind::Checkpoint.version())
}

/// Removes checkpoint files that `current` does not name; leftovers of crashes and older checkpoints.
pub(crate) fn collect_checkpoints(fs: &dyn FileSystem, current: Option<&Current>) -> Result<()> {
    if !fs.exists(DIRECTORY)? {
        return Ok(());
    }
    let keep = current.map(|c| checkpoint_path(c.checkpoint));
    for name in fs.list(DIRECTORY)? {
        let path = format!("{DIRECTORY}/{name}");
        if Some(&path) != keep.as_ref() {
            fs.remove(&path)?;
        }
    }
    Ok(())
}

fn write_current(fs: &dyn FileSystem, current: &Current) -> Result<()> {
    if fs.exists(CURRENT_NEW)? {
        fs.remove(CURRENT_NEW)?;
    }
    let file = fs.create(CURRENT_NEW)?;
    file.write_at(0, &encode_current(current))?;
    file.sync_data()?;
    fs.rename(CURRENT_NEW, CURRENT)?;
    if planted(Flaw::SkipRootDirectorySync) { Ok(()) } else { fs.sync_directory("") }
}

fn read_whole(fs: &dyn FileSystem, path: &str) -> Result<Vec<u8>> {
    let file = fs.open(path)?;
    let len = usize::try_from(file.len()?)
        .map_err(|_| Error::corruption(format!("file \"{path}\" is too long")))?;
    let mut bytes = vec![0; len];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

fn encode_current(current: &Current) -> Vec<u8> {
    let header = FileHeader {
        kind: FileKind::Current,
        epoch: current.epoch,
        database: current.database,
        number: current.checkpoint.0,
        extra: current.checkpoint_bytes,
        reserved: 0,
    };
    let mut writer = Writer::new();
    writer.raw(&header.encode());
    writer.u32(current.checkpoint_crc);
    let crc = crc32c::crc32c(writer.as_slice());
    writer.u32(crc);
    writer.into_bytes()
}

fn decode_current(bytes: &[u8]) -> Result<Current> {
    let header = FileHeader::decode(FileKind::Current, bytes, CURRENT)?;
    let damaged = || Error::corruption(format!("checkpoint pointer \"{CURRENT}\" is damaged"));
    if bytes.len() != CURRENT_BYTES {
        return Err(
            damaged().with_detail(format!("it is {} bytes long instead of {CURRENT_BYTES}", bytes.len()))
        );
    }
    let mut reader = Reader::new(bytes.get(HEADER_BYTES..).unwrap_or_default());
    let checkpoint_crc = reader.u32()?;
    if reader.u32()? != crc32c::crc32c(bytes.get(..CURRENT_BYTES - 4).unwrap_or_default()) {
        return Err(damaged().with_detail("its checksum does not match"));
    }
    Ok(Current {
        database: header.database,
        epoch: header.epoch,
        checkpoint: CheckpointNumber(header.number),
        checkpoint_bytes: header.extra,
        checkpoint_crc,
    })
}

fn encode_file(number: CheckpointNumber, image: &CheckpointImage) -> Vec<u8> {
    let mut body = Writer::new();
    encode_image(&mut body, image);
    let header = FileHeader {
        kind: FileKind::Checkpoint,
        epoch: image.epoch,
        database: image.database,
        number: number.0,
        extra: u64::try_from(body.len()).unwrap_or(u64::MAX),
        reserved: 0,
    };
    let mut file = Writer::new();
    file.raw(&header.encode());
    file.raw(body.as_slice());
    let crc = crc32c::crc32c(file.as_slice());
    file.u32(crc);
    file.into_bytes()
}

fn decode_file(current: &Current, bytes: &[u8], path: &str) -> Result<CheckpointImage> {
    let header = FileHeader::decode(FileKind::Checkpoint, bytes, path)?;
    header.expect(current.database, current.checkpoint.0, path)?;
    let damaged = |what: String| Error::corruption(format!("checkpoint \"{path}\" is damaged: {what}"));
    if usize::try_from(current.checkpoint_bytes) != Ok(bytes.len()) {
        return Err(damaged(format!(
            "it is {} bytes long instead of {}",
            bytes.len(),
            current.checkpoint_bytes
        )));
    }
    let Some((covered, crc)) = bytes.split_last_chunk::<4>() else {
        return Err(damaged("it is too short".to_owned()));
    };
    let sound = u32::from_le_bytes(*crc) == crc32c::crc32c(covered)
        && current.checkpoint_crc == crc32c::crc32c(bytes);
    if !sound && !planted(Flaw::IgnoreCheckpointChecksum) {
        return Err(damaged("its checksum does not match".to_owned()));
    }
    let body = covered.get(HEADER_BYTES..).unwrap_or_default();
    if usize::try_from(header.extra) != Ok(body.len()) {
        return Err(damaged("its length is not the one in its header".to_owned()));
    }
    decode_image(&header, version_of(bytes), body, path).map_err(|e| match e.kind() {
        ErrorKind::Unsupported => e,
        _ => damaged(e.message().to_owned()),
    })
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
