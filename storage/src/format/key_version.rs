//! The version of the key encoding, as it stands in front of keys in logs, checkpoints and segments.
//!
//! Must not know how keys are encoded. Invariant: no key is compared before the version of its encoding was found to be
//! the one that this program writes.

use super::codec::{Reader, Writer};
use base::{Error, Result};
use std::fmt;
use types::key::KEY_VERSION;

pub(crate) fn encode_key_version(writer: &mut Writer) {
    writer.u8(KEY_VERSION);
}

/// `Unsupported` when a newer program encoded the keys in `place`, a file or record whose checksum was compared.
pub(crate) fn decode_key_version(reader: &mut Reader<'_>, place: impl fmt::Display) -> Result<()> {
    match reader.u8()? {
        KEY_VERSION => Ok(()),
        version if version > KEY_VERSION => {
            let what = format_args!("key encoding {version}, this program reads up to {KEY_VERSION}");
            Err(Error::newer_format(place, what))
        }
        _ => Err(reader.bad("key encoding that was never written")),
    }
}
