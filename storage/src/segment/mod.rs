//! Segment files: immutable rows of one tablet, sorted by encoded key, with their keys, bounds and checksums.
//!
//! Must not know tablets, transactions or which rows are dead. Only `vortex` names the crate of that name.
//! Writing: `write_segment` makes the file's bytes durable, the caller syncs the directory and then calls
//! `verify_segment` before it commits a reference. Reading: `Segment::open`, then `scan`, `fetch`, `lookup_keys`.

mod columns;
mod container;
mod content;
mod filter;
mod index;
mod key_run;
mod reader;
mod scan;
mod vortex;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use self::vortex::ChunkCache;
pub(crate) use columns::have_bounds;
pub(crate) use container::{Identity, SEGMENT_DIRECTORY, segment_named, segment_path};
pub(crate) use content::BoundsBuilder;
pub(crate) use reader::Segment;
pub(crate) use scan::{ScanColumn, SegmentScan};
pub(crate) use writer::{SegmentMeta, SegmentRows, WrittenSegment, verify_segment, write_segment};
