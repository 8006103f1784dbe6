//! Packs: many delete vectors in one file: header, then each vector as payload and CRC32C bound to database, pack and
//! offset.
//!
//! Must not know what a vector means. Invariant: a vector is handed out only after its checksum was compared.

use super::DeleteVector;
use crate::format::{Reader, Writer};
use base::fs::File;
use base::id::DatabaseId;
use base::plant::{Flaw, planted};
use base::{Error, Result};

const PACK_MAGIC: &[u8; 8] = b"NYDELETE";
const PACK_VERSION: u32 = 1;
const PACK_HEADER_BYTES: usize = 8 + 4 + 16 + 8 + 4;

/// Which pack of which database; part of every checksum in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackIdentity {
    pub(crate) database: DatabaseId,
    pub(crate) pack: u64,
}

impl PackIdentity {
    fn checksum(&self, offset: u64, bytes: &[u8]) -> u32 {
        let mut seed = Writer::new();
        seed.u128(self.database.0);
        seed.u64(self.pack);
        seed.u64(offset);
        crc32c::crc32c_append(crc32c::crc32c(seed.as_slice()), bytes)
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(PACK_MAGIC);
        out.u32(PACK_VERSION);
        out.u128(self.database.0);
        out.u64(self.pack);
        out.u32(self.checksum(0, out.as_slice()));
        out.into_bytes()
    }
}

/// Collects vectors for one pack file.
#[derive(Debug)]
pub(crate) struct PackWriter {
    identity: PackIdentity,
    bytes: Vec<u8>,
}

impl PackWriter {
    pub(crate) fn new(identity: PackIdentity) -> Self {
        Self { bytes: identity.header(), identity }
    }

    /// Adds a vector; returns its offset in the pack and its length there, in bytes.
    pub(crate) fn add(&mut self, vector: &DeleteVector) -> Result<(u64, u32)> {
        let offset = self.bytes.len() as u64;
        let payload = vector.encode()?;
        let too_large = |_| Error::internal("a delete vector of more than 4 GiB");
        let len = u32::try_from(payload.len() + 4).map_err(too_large)?;
        self.bytes.extend_from_slice(&payload);
        self.bytes.extend_from_slice(&self.identity.checksum(offset, &payload).to_le_bytes());
        Ok((offset, len))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == PACK_HEADER_BYTES
    }

    /// Writes the pack into a new file and syncs its bytes; the caller syncs the directory.
    pub(crate) fn finish(self, file: &dyn File) -> Result<u64> {
        file.write_at(0, &self.bytes)?;
        if !planted(Flaw::SkipPackSync) {
            file.sync_data()?;
        }
        Ok(self.bytes.len() as u64)
    }
}

/// Checks the header of a pack file.
pub(crate) fn check_pack(file: &dyn File, identity: PackIdentity) -> Result<()> {
    let mut header = vec![0; PACK_HEADER_BYTES];
    file.read_at(0, &mut header)?;
    if header == identity.header() {
        return Ok(());
    }
    let mut reader = Reader::new(&header);
    let (magic, version) = (reader.raw(PACK_MAGIC.len())?, reader.u32()?);
    let (signed, checksum) = header.split_last_chunk::<4>().unwrap_or((&[], &[0; 4]));
    let sound = identity.checksum(0, signed) == u32::from_le_bytes(*checksum);
    if sound && magic == PACK_MAGIC && version > PACK_VERSION {
        let pack = format_args!("delete vector pack {}", identity.pack);
        return Err(Error::newer_format(pack, format_args!("format {version}")));
    }
    Err(Error::corruption(format!(
        "delete vector pack {} does not begin as one of this database and version",
        identity.pack
    )))
}

/// Reads the vector at a place that `PackWriter::add` gave.
pub(crate) fn read_vector(
    file: &dyn File,
    identity: PackIdentity,
    offset: u64,
    len: u32,
) -> Result<DeleteVector> {
    let damaged = |why: &str| {
        Error::corruption(format!("delete vector pack {} is damaged at {offset}: {why}", identity.pack))
    };
    let inside = offset
        .checked_add(u64::from(len))
        .is_some_and(|end| file.len().is_ok_and(|file_len| end <= file_len));
    if !inside {
        return Err(damaged("it ends too early"));
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| damaged("it is too large"))?];
    file.read_at(offset, &mut bytes)?;
    let Some((payload, checksum)) = bytes.split_last_chunk::<4>() else {
        return Err(damaged("it is too short"));
    };
    let sound = u32::from_le_bytes(*checksum) == identity.checksum(offset, payload);
    if !sound && !planted(Flaw::IgnorePackChecksum) {
        return Err(damaged("a vector does not match its checksum"));
    }
    DeleteVector::decode(payload)
}
