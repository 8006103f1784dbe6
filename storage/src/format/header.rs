//! The header that every file kind of ours begins with.
//!
//! Invariant: magic, version and checksum keep their places in all versions to come, so that an older
//! program can tell a newer file from a damaged one.

use base::id::{DatabaseId, Epoch};
use base::{Error, Result};

/// Length of a header.
pub(crate) const HEADER_BYTES: usize = 64;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Log,
    Checkpoint,
    Current,
}

impl FileKind {
    fn magic(self) -> [u8; 8] {
        match self {
            FileKind::Log => *b"NYLOG\0\0\0",
            FileKind::Checkpoint => *b"NYCHECK\0",
            FileKind::Current => *b"NYCURR\0\0",
        }
    }

    /// The version that this program writes, and the newest that it reads.
    pub(crate) fn version(self) -> u32 {
        match self {
            FileKind::Checkpoint => super::user_type::COMPOSITES_SINCE,
            FileKind::Log | FileKind::Current => 1,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            FileKind::Log => "log file",
            FileKind::Checkpoint => "checkpoint",
            FileKind::Current => "checkpoint pointer",
        }
    }
}

/// The first 64 bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) kind: FileKind,
    /// Of the process that wrote the file.
    pub(crate) epoch: Epoch,
    pub(crate) database: DatabaseId,
    /// Number of the file among its kind.
    pub(crate) number: u64,
    /// Meaning depends on the kind: first sequence number, length.
    pub(crate) extra: u64,
    /// A log file has at least so many bytes; 0 for other kinds.
    pub(crate) reserved: u64,
}

/// The version that a header says, of bytes that `FileHeader::decode` took.
pub(crate) fn version_of(bytes: &[u8]) -> u32 {
    bytes.get(8..).and_then(|b| b.first_chunk::<4>()).map_or(0, |b| u32::from_le_bytes(*b))
}

impl FileHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0_u8; HEADER_BYTES];
        let mut fields = Vec::with_capacity(HEADER_BYTES);
        fields.extend_from_slice(&self.kind.magic());
        fields.extend_from_slice(&self.kind.version().to_le_bytes());
        fields.extend_from_slice(&self.epoch.0.to_le_bytes());
        fields.extend_from_slice(&self.database.0.to_le_bytes());
        fields.extend_from_slice(&self.number.to_le_bytes());
        fields.extend_from_slice(&self.extra.to_le_bytes());
        fields.extend_from_slice(&self.reserved.to_le_bytes());
        fields.resize(HEADER_BYTES - 4, 0);
        fields.extend_from_slice(&crc32c::crc32c(&fields).to_le_bytes());
        bytes.copy_from_slice(&fields);
        bytes
    }

    /// Checks and reads a header; `path` is for the messages.
    pub(crate) fn decode(kind: FileKind, bytes: &[u8], path: &str) -> Result<Self> {
        let damaged =
            |what: &str| Error::corruption(format!("{} \"{path}\" is damaged: {what}", kind.noun()));
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(damaged("it is shorter than its header"));
        };
        let mut reader = super::codec::Reader::new(header);
        if reader.array::<8>()? != kind.magic() {
            return Err(damaged("it does not begin as such a file does"));
        }
        let version = reader.u32()?;
        let (epoch, database) = (Epoch(reader.u32()?), DatabaseId(reader.u128()?));
        let (number, extra, reserved) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let padding = reader.array::<4>()?;
        let covered = header.get(..HEADER_BYTES - 4).unwrap_or_default();
        if reader.u32()? != crc32c::crc32c(covered) {
            return Err(damaged("the checksum of its header does not match"));
        }
        if version > kind.version() {
            let what = format_args!("format {version}, this program reads up to {}", kind.version());
            return Err(Error::newer_format(format_args!("{} \"{path}\"", kind.noun()), what));
        }
        if version == 0 || padding != [0; 4] {
            return Err(damaged("its header holds values that are never written"));
        }
        Ok(Self { kind, epoch, database, number, extra, reserved })
    }

    /// The file must be of this database and have this number.
    pub(crate) fn expect(&self, database: DatabaseId, number: u64, path: &str) -> Result<()> {
        if self.database != database {
            return Err(Error::corruption(format!(
                "{} \"{path}\" belongs to another database",
                self.kind.noun()
            )));
        }
        if self.number != number {
            let message =
                format!("{} \"{path}\" holds the contents of number {}", self.kind.noun(), self.number);
            return Err(Error::corruption(message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{FileHeader, FileKind, HEADER_BYTES};
    use base::ErrorKind;
    use base::id::{DatabaseId, Epoch};

    fn sample() -> FileHeader {
        FileHeader {
            kind: FileKind::Log,
            epoch: Epoch(3),
            database: DatabaseId(0x0102),
            number: 7,
            extra: 9,
            reserved: 11,
        }
    }

    #[test]
    fn golden_bytes_of_a_header() {
        let bytes = sample().encode();
        let mut expected = b"NYLOG\0\0\0\x01\0\0\0\x03\0\0\0\x02\x01".to_vec();
        expected.resize(32, 0);
        expected.extend_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 11]);
        expected.resize(60, 0);
        expected.extend_from_slice(&crc32c::crc32c(&expected).to_le_bytes());
        assert_eq!(bytes.as_slice(), expected);
        assert_eq!(FileHeader::decode(FileKind::Log, &bytes, "f").unwrap(), sample());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_corruption_with_the_files_name() {
        let bytes = sample().encode();
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = FileHeader::decode(FileKind::Log, &flipped, "log/1").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption);
            assert!(error.message().contains("log/1"));
        }
        for cut in 0..HEADER_BYTES {
            assert!(FileHeader::decode(FileKind::Log, &bytes[..cut], "log/1").is_err());
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut bytes = sample().encode();
        bytes[8] = 2;
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        let error = FileHeader::decode(FileKind::Log, &bytes, "log/1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("written by a newer version of Nyala"));
    }
}
