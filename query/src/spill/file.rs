//! One file of put-aside bytes: blocks behind each other, each with its length and a checksum over its bytes, its place
//! and the file's number.
//!
//! A block: length of its bytes (u32, little endian), CRC-32C (u32, little endian), the bytes. Blocks end where the writer
//! was full or was flushed. Nothing is synced: a file is of no use to another process.

use super::{ENDING, Place};
use crate::failure::into_datafusion;
use base::fs::File;
use base::{Error, Result};
use bytes::Bytes;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::{SpillFile, SpillWriter};
use futures::stream::{self, Stream};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a full block.
const BLOCK_BYTES: usize = 256 << 10;
/// Bytes of length and checksum in front of a block.
const HEAD_BYTES: usize = 8;

/// A file, removed when the last of its users is gone. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct ScratchFile {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Arc<Place>,
    file: Arc<dyn File>,
    number: u64,
    /// Bytes of whole blocks; they may be read while more are written.
    len: AtomicU64,
}

impl ScratchFile {
    pub(super) fn create(place: Arc<Place>, number: u64) -> Result<Self> {
        let file = place.files.create(&name(number))?;
        Ok(Self { inner: Arc::new(Inner { place, file, number, len: AtomicU64::new(0) }) })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.place.give_back(*self.len.get_mut());
        // What cannot be removed now is removed at the next start.
        let _left = self.place.files.remove(&name(self.number));
    }
}

fn name(number: u64) -> String {
    format!("{number}{ENDING}")
}

impl Inner {
    /// Writes a block behind the others.
    fn append(&self, bytes: &[u8]) -> Result<()> {
        let at = self.len.load(Ordering::Acquire);
        let len = u32::try_from(bytes.len()).map_err(|_| Error::internal("a block is too long"))?;
        let mut block = Vec::with_capacity(HEAD_BYTES + bytes.len());
        block.extend_from_slice(&len.to_le_bytes());
        block.extend_from_slice(&self.checksum(at, bytes).to_le_bytes());
        block.extend_from_slice(bytes);
        let written = u64::try_from(block.len()).unwrap_or(u64::MAX);
        self.place.take(written)?;
        if let Err(error) = self.file.write_at(at, &block) {
            self.place.give_back(written);
            return Err(error);
        }
        self.len.store(at.saturating_add(written), Ordering::Release);
        Ok(())
    }

    /// The block at `at` and where the next one begins; None at the end.
    fn read(&self, at: u64) -> Result<Option<(Bytes, u64)>> {
        let end = self.len.load(Ordering::Acquire);
        if at >= end {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        self.file.read_at(at, &mut head)?;
        let [a, b, c, d, checksum @ ..] = head;
        let len = u32::from_le_bytes([a, b, c, d]);
        let from = at.saturating_add(u64::try_from(HEAD_BYTES).unwrap_or_default());
        let next = from.saturating_add(u64::from(len));
        if next > end {
            return Err(self.damaged(at));
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| self.damaged(at))?];
        self.file.read_at(from, &mut bytes)?;
        if self.checksum(at, &bytes) != u32::from_le_bytes(checksum) {
            return Err(self.damaged(at));
        }
        Ok(Some((bytes.into(), next)))
    }

    fn checksum(&self, at: u64, bytes: &[u8]) -> u32 {
        let place = crc32c::crc32c_append(crc32c::crc32c(&self.number.to_le_bytes()), &at.to_le_bytes());
        crc32c::crc32c_append(place, bytes)
    }

    fn damaged(&self, at: u64) -> Error {
        let message = format!("temporary file \"{}\" is damaged at byte {at}", name(self.number));
        Error::corruption(message).with_hint("Check the disk; the query can be run again.")
    }
}

impl SpillFile for ScratchFile {
    fn size(&self) -> Option<u64> {
        Some(self.inner.len.load(Ordering::Acquire))
    }

    fn read_stream(&self) -> DataFusionResult<Pin<Box<dyn Stream<Item = DataFusionResult<Bytes>> + Send>>> {
        let blocks = stream::try_unfold((self.clone(), 0), |(file, at)| async move {
            let block = file.inner.read(at).map_err(into_datafusion)?;
            Ok(block.map(|(bytes, next)| (bytes, (file, next))))
        });
        Ok(Box::pin(blocks))
    }

    fn open_writer(&self) -> DataFusionResult<Box<dyn SpillWriter>> {
        Ok(Box::new(Writer { file: self.clone(), waiting: Vec::new() }))
    }
}

/// Gathers bytes to blocks.
#[derive(Debug)]
struct Writer {
    file: ScratchFile,
    waiting: Vec<u8>,
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.file.inner.append(&self.waiting).map_err(io::Error::other)?;
        self.waiting.clear();
        Ok(())
    }
}

impl SpillWriter for Writer {
    fn finish(&mut self) -> DataFusionResult<()> {
        Ok(io::Write::flush(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SpillFiles;
    use base::ErrorKind;
    use base::fs::{FileSystem, SimulatedFileSystem};
    use datafusion::execution::{SpillFile, TempFileFactory};
    use futures::TryStreamExt;
    use std::io::Write;
    use std::sync::Arc;

    fn files(bytes_max: u64) -> (Arc<dyn FileSystem>, SpillFiles) {
        let files: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
        let spill = SpillFiles::open(Arc::clone(&files), bytes_max).unwrap();
        (files, spill)
    }

    fn read(file: &dyn SpillFile) -> Result<Vec<u8>, base::Error> {
        let blocks = futures::executor::block_on(file.read_stream().unwrap().try_collect::<Vec<_>>());
        blocks.map(|blocks| blocks.concat()).map_err(crate::failure::from_datafusion)
    }

    #[test]
    fn bytes_come_back_in_order_also_while_more_are_written() {
        let (_, spill) = files(10 << 20);
        let file = spill.create_temp_file("test").unwrap();
        let mut writer = file.open_writer().unwrap();
        let mut expected = Vec::new();
        for n in 0..200_u32 {
            let piece: Vec<u8> = (0..n * 37).map(|i| (i * 31 + n) as u8).collect();
            writer.write_all(&piece).unwrap();
            expected.extend_from_slice(&piece);
            if n % 17 == 0 {
                writer.flush().unwrap();
                assert_eq!(read(file.as_ref()).unwrap(), expected, "behind piece {n}");
            }
        }
        writer.finish().unwrap();
        assert_eq!(read(file.as_ref()).unwrap(), expected);
        assert!(spill.bytes_held() > expected.len() as u64);
        drop(writer);
        drop(file);
        assert_eq!(spill.bytes_held(), 0);
    }

    #[test]
    fn every_flipped_bit_and_another_files_block_are_damage() {
        let (disk, spill) = files(1 << 20);
        let make = |text: &[u8]| {
            let file = spill.create_temp_file("test").unwrap();
            let mut writer = file.open_writer().unwrap();
            writer.write_all(text).unwrap();
            writer.finish().unwrap();
            file
        };
        let (one, two) = (make(b"first of two"), make(b"second, same"));
        let bytes = |name: &str| {
            let raw = disk.open(name).unwrap();
            let mut all = vec![0; usize::try_from(raw.len().unwrap()).unwrap()];
            raw.read_at(0, &mut all).unwrap();
            all
        };
        let whole = bytes("0.spill");
        let raw = disk.open("0.spill").unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            raw.write_at(0, &flipped).unwrap();
            let error = read(one.as_ref()).expect_err("a flipped bit was not seen");
            assert_eq!(error.kind(), ErrorKind::Corruption, "bit {bit}: {error}");
        }
        raw.write_at(0, &bytes("1.spill")).unwrap();
        assert_eq!(read(one.as_ref()).expect_err("the other file").kind(), ErrorKind::Corruption);
        raw.write_at(0, &whole).unwrap();
        assert_eq!(read(one.as_ref()).unwrap(), b"first of two");
        assert_eq!(read(two.as_ref()).unwrap(), b"second, same");
    }

    #[test]
    fn the_budget_holds_and_what_is_left_over_is_removed() {
        let (disk, spill) = files(100);
        let file = spill.create_temp_file("test").unwrap();
        let mut writer = file.open_writer().unwrap();
        writer.write_all(&[7; 200]).unwrap();
        let error = crate::failure::from_datafusion(writer.flush().expect_err("over the budget").into());
        assert_eq!(error.kind(), ErrorKind::ConfigurationLimit);
        assert_eq!(spill.bytes_held(), 0);
        disk.create("77.spill").unwrap();
        disk.create("other").unwrap();
        let _again = SpillFiles::open(Arc::clone(&disk), 100).unwrap();
        assert_eq!(disk.list("").unwrap(), ["other"]);
    }
}
