//! The log: an ordered, checksummed sequence of opaque payloads with group commit.
//!
//! Must not know what a payload means. Invariants: a record is durable when `Log::sync_up_to` of its sequence
//! number returned Ok; record n+1 is never replayed without record n; a file exists under its name only after
//! every older file is durable to its last record; after a failed write or sync nothing is written any more.
//!
//! `files` knows names and headers, `frame` the bytes of a record, `replay` reading and recovery, `writer` the
//! sequencer and the syncs.

mod files;
mod frame;
mod replay;
mod writer;

pub(crate) use files::LogPosition;
pub(crate) use frame::LogEntry;
pub(crate) use replay::{Found, Replay, ReplayedRecord};
pub(crate) use writer::{Appended, Log, LogSettings};

#[cfg(test)]
mod tests;
