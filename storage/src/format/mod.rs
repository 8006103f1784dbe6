//! Durable formats: values to bytes and back.
//!
//! Must not know files being open, transactions or what a value is good for: only how it is written.
//! Invariants: decoding never panics and never allocates more than a small multiple of its input; what was encoded
//! decodes to an equal value; every byte layout here has a table in docs/format.md.

mod catalog;
mod checkpoint;
mod codec;
mod comment;
mod datum;
mod foreign_key;
mod function;
mod header;
mod image;
mod key_version;
mod kinds;
mod materialized;
mod origin;
mod partitioning;
mod record;
mod row;
mod sequence;
mod user_type;
mod view;

#[cfg(test)]
pub(crate) use catalog::tests;
pub(crate) use checkpoint::{
    CheckpointNumber, Current, advance_epoch, collect_checkpoints, is_of_older_format, read_checkpoint,
    read_current, write_checkpoint,
};
pub(crate) use codec::{Reader, Writer};
pub(crate) use datum::{decode_datum, decode_form, encode_datum, encode_form};
pub(crate) use header::{FileHeader, FileKind, HEADER_BYTES};
pub(crate) use image::{
    CheckpointImage, DeletePlace, MemtableImage, MemtableRow, NextIds, PastImage, ReferenceImage,
    RetiredImage, TabletImage,
};
pub(crate) use key_version::{decode_key_version, encode_key_version};
pub(crate) use origin::Origin;
pub(crate) use record::{
    Attach, AttachedSegment, CommitRecord, CountersRecord, ForgetRecord, Lives, LogRecord, RowAddress,
    RowChange, RowOp, SegmentDeletes, SwapRecord, TabletChange,
};
pub(crate) use row::{decode_rows, encode_rows};
