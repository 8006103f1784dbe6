//! The container around a segment's parts: header, sections, block checksums, trailer.
//!
//! Owns how bytes become durable and how they are verified. Must not know what the sections hold.
//! Layout: body (header, then sections) | CRC32C of each 64 KiB block of the body | trailer of fixed length.
//! Invariant: no byte of the body leaves this module before the checksum of its block was compared; a checksum is
//! bound to database, segment and block number, so that a block of another file or place never passes.

use crate::format::{Reader, Writer};
use base::fs::File;
use base::id::{DatabaseId, SegmentId};
use base::plant::{Flaw, planted};
use base::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// Unit of checksums.
pub(crate) const BLOCK_BYTES: u64 = 64 << 10;
/// Bytes gathered before one write.
const WRITE_BYTES: usize = 1 << 20;
const TRAILER_MAGIC: &[u8; 8] = b"NYSEGEND";
const TRAILER_VERSION: u32 = 1;
/// Sections that a container can name.
const SECTIONS: usize = 4;
const TRAILER_BYTES: u64 = 8 + 4 + 16 + 8 + 8 + 8 * 2 * 4 + 4 + 4;

/// Whose bytes these are; part of every checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) database: DatabaseId,
    pub(crate) segment: SegmentId,
}

impl Identity {
    fn checksum(&self, block: u64, bytes: &[u8]) -> u32 {
        let mut seed = [0_u8; 32];
        let parts = self
            .database
            .0
            .to_le_bytes()
            .into_iter()
            .chain(self.segment.0.to_le_bytes())
            .chain(block.to_le_bytes());
        for (to, from) in seed.iter_mut().zip(parts) {
            *to = from;
        }
        crc32c::crc32c_append(crc32c::crc32c(&seed), bytes)
    }
}

/// Where a part lies in the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// The parts of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sections {
    pub(crate) header: Section,
    pub(crate) rows: Section,
    pub(crate) keys: Section,
    pub(crate) index: Section,
}

impl Sections {
    fn list(&self) -> [Section; SECTIONS] {
        [self.header, self.rows, self.keys, self.index]
    }
}

/// Writes a container front to back.
#[derive(Debug)]
pub(crate) struct ContainerWriter {
    file: Arc<dyn File>,
    identity: Identity,
    /// Given but not written; begins at a multiple of the block size.
    pending: Vec<u8>,
    /// Bytes of the body written.
    written: u64,
    checksums: Vec<u32>,
}

impl ContainerWriter {
    pub(crate) fn new(file: Arc<dyn File>, identity: Identity) -> Self {
        Self { file, identity, pending: Vec::new(), written: 0, checksums: Vec::new() }
    }

    /// Length of the body so far.
    pub(crate) fn position(&self) -> u64 {
        self.written.saturating_add(self.pending.len() as u64)
    }

    pub(crate) fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = WRITE_BYTES.saturating_sub(self.pending.len());
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == WRITE_BYTES {
                self.write_pending()?;
            }
        }
        Ok(())
    }

    /// Appends zeroes up to a multiple of `alignment`.
    pub(crate) fn align(&mut self, alignment: u64) -> Result<()> {
        let gap = self.position().next_multiple_of(alignment) - self.position();
        self.append(&vec![0; usize::try_from(gap).unwrap_or(0)])
    }

    fn write_pending(&mut self) -> Result<()> {
        let block_bytes = usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX);
        for block in self.pending.chunks(block_bytes) {
            let number = self.checksums.len() as u64;
            self.checksums.push(self.identity.checksum(number, block));
        }
        self.file.write_at(self.written, &self.pending)?;
        self.written = self.position();
        self.pending.clear();
        Ok(())
    }

    /// Writes checksums and trailer and makes the file's bytes durable. Returns the file's length.
    pub(crate) fn finish(mut self, sections: Sections) -> Result<u64> {
        self.write_pending()?;
        let body = self.written;
        let mut tail = Writer::new();
        for checksum in &self.checksums {
            tail.u32(*checksum);
        }
        let table_checksum = self.identity.checksum(u64::MAX, tail.as_slice());
        let mut trailer = Writer::new();
        trailer.raw(TRAILER_MAGIC);
        trailer.u32(TRAILER_VERSION);
        trailer.u128(self.identity.database.0);
        trailer.u64(self.identity.segment.0);
        trailer.u64(body);
        for section in sections.list() {
            trailer.u64(section.offset);
            trailer.u64(section.len);
        }
        trailer.u32(table_checksum);
        trailer.u32(self.identity.checksum(u64::MAX - 1, trailer.as_slice()));
        tail.raw(trailer.as_slice());
        self.file.write_at(body, tail.as_slice())?;
        if !planted(Flaw::SkipSegmentSync) {
            self.file.sync_data()?;
        }
        Ok(body + tail.len() as u64)
    }
}

/// Reads a container; hands out verified bytes only.
#[derive(Debug)]
pub(crate) struct CheckedFile {
    file: Arc<dyn File>,
    identity: Identity,
    body: u64,
    checksums: Vec<u32>,
    sections: Sections,
}

impl CheckedFile {
    /// Reads trailer and checksums. `Corruption` when they are not what was written for `identity`.
    pub(crate) fn open(file: Arc<dyn File>, identity: Identity) -> Result<Self> {
        let len = file.len()?;
        let damaged = |why: &str| damaged(identity.segment, why);
        let trailer_offset = len.checked_sub(TRAILER_BYTES).ok_or_else(|| damaged("it is too short"))?;
        let mut trailer = vec![0; usize::try_from(TRAILER_BYTES).unwrap_or(0)];
        file.read_at(trailer_offset, &mut trailer)?;
        let (signed, _) = trailer
            .split_at_checked(trailer.len().saturating_sub(4))
            .ok_or_else(|| damaged("it is too short"))?;
        let expected = identity.checksum(u64::MAX - 1, signed);
        let mut decoder = Reader::new(&trailer);
        if decoder.raw(8)? != TRAILER_MAGIC {
            return Err(damaged("it does not end in a trailer"));
        }
        let version = decoder.u32()?;
        let database = DatabaseId(decoder.u128()?);
        let segment = SegmentId(decoder.u64()?);
        let body = decoder.u64()?;
        let mut section =
            || -> Result<Section> { Ok(Section { offset: decoder.u64()?, len: decoder.u64()? }) };
        let sections = Sections { header: section()?, rows: section()?, keys: section()?, index: section()? };
        let table_checksum = decoder.u32()?;
        if decoder.u32()? != expected {
            return Err(damaged("its trailer does not match its checksum"));
        }
        check_version(identity.segment, "format", version, TRAILER_VERSION)?;
        if (Identity { database, segment }) != identity {
            return Err(damaged("it belongs to another database or segment"));
        }
        let blocks = body.div_ceil(BLOCK_BYTES);
        let table_bytes = trailer_offset.checked_sub(body).filter(|bytes| *bytes == blocks * 4);
        let table_bytes = table_bytes.ok_or_else(|| damaged("its length does not fit its trailer"))?;
        let inside = |s: &Section| s.offset.checked_add(s.len).is_some_and(|end| end <= body);
        if !sections.list().iter().all(inside) {
            return Err(damaged("a section lies outside of it"));
        }
        let mut table = vec![0; usize::try_from(table_bytes).map_err(|_| damaged("it is too large"))?];
        file.read_at(body, &mut table)?;
        if identity.checksum(u64::MAX, &table) != table_checksum {
            return Err(damaged("its table of checksums does not match its own"));
        }
        let checksums = table.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        Ok(Self { file, identity, body, checksums, sections })
    }

    pub(crate) fn sections(&self) -> &Sections {
        &self.sections
    }

    pub(crate) fn segment(&self) -> SegmentId {
        self.identity.segment
    }

    /// The whole blocks around a part of the body, clipped to its end.
    pub(crate) fn covering(&self, offset: u64, len: u64) -> Result<Range<u64>> {
        let end = offset.checked_add(len).filter(|end| *end <= self.body);
        let end = end.ok_or_else(|| damaged(self.identity.segment, "a part lies outside of it"))?;
        let start = offset - offset % BLOCK_BYTES;
        Ok(start..end.next_multiple_of(BLOCK_BYTES).min(self.body).max(start))
    }

    /// Fills `buffer` with the blocks of a range that `covering` gave, and verifies each.
    pub(crate) fn read_covering(&self, range: &Range<u64>, buffer: &mut [u8]) -> Result<()> {
        if buffer.is_empty() {
            return Ok(());
        }
        self.file.read_at(range.start, buffer)?;
        let block_bytes = usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX);
        for (number, block) in (range.start / BLOCK_BYTES..).zip(buffer.chunks(block_bytes)) {
            let expected = usize::try_from(number).ok().and_then(|n| self.checksums.get(n));
            let sound = expected == Some(&self.identity.checksum(number, block));
            if !sound && !planted(Flaw::IgnoreBlockChecksum) {
                return Err(damaged(
                    self.identity.segment,
                    &format!("block {number} does not match its checksum"),
                ));
            }
        }
        Ok(())
    }

    /// Verified bytes of a part of the body.
    pub(crate) fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let range = self.covering(offset, len)?;
        let too_large = |_| damaged(self.identity.segment, "a part is too large");
        let mut buffer = vec![0; usize::try_from(range.end - range.start).map_err(too_large)?];
        self.read_covering(&range, &mut buffer)?;
        buffer.drain(..usize::try_from(offset - range.start).map_err(too_large)?);
        buffer.truncate(usize::try_from(len).map_err(too_large)?);
        Ok(buffer)
    }

    /// Verified bytes of a whole block.
    pub(crate) fn block(&self, number: u64) -> Result<Vec<u8>> {
        let outside = || damaged(self.identity.segment, "a part lies outside of it");
        let start = number.checked_mul(BLOCK_BYTES).filter(|start| *start < self.body).ok_or_else(outside)?;
        self.read(start, BLOCK_BYTES.min(self.body - start))
    }

    /// Reads and verifies every block.
    pub(crate) fn verify(&self) -> Result<()> {
        let step = BLOCK_BYTES * 16;
        let mut offset = 0;
        while offset < self.body {
            let len = step.min(self.body - offset);
            self.read(offset, len)?;
            offset += len;
        }
        Ok(())
    }
}

/// Where segment files are.
pub(crate) const SEGMENT_DIRECTORY: &str = "segment";

/// Path of a segment file.
pub(crate) fn segment_path(segment: SegmentId) -> String {
    format!("{SEGMENT_DIRECTORY}/{:020}", segment.0)
}

/// The segment whose file has this name in the directory of segments.
pub(crate) fn segment_named(name: &str) -> Option<SegmentId> {
    let digits = name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit());
    name.parse().ok().filter(|_| digits).map(SegmentId)
}

pub(crate) fn damaged(segment: SegmentId, why: &str) -> Error {
    Error::corruption(format!("segment \"{}\" is damaged: {why}", segment_path(segment)))
}

/// The file holds something sound that this program does not know.
pub(crate) fn newer(segment: SegmentId, what: &str) -> Error {
    Error::newer_format(format_args!("segment \"{}\"", segment_path(segment)), what)
}

/// A version out of verified bytes must be the one that this program writes.
pub(crate) fn check_version(segment: SegmentId, what: &str, found: u32, known: u32) -> Result<()> {
    match found {
        _ if found == known => Ok(()),
        _ if found > known => {
            Err(newer(segment, &format!("{what} {found}, this program reads up to {known}")))
        }
        _ => Err(damaged(segment, &format!("{what} {found} was never written"))),
    }
}
