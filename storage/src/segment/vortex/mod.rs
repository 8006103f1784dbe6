//! The rows of a segment in Vortex format. The only module that names the `vortex` crate.
//!
//! Owns sessions, the pinned edition, how stored Arrow batches become Vortex bytes and back, and which predicates Vortex
//! evaluates. Must not know keys, containers' sections or Nyala's types beyond their forms.
//! Invariant: Vortex reads through `CheckedFile` only, so it never decodes a byte whose checksum was not compared; a
//! panic inside it becomes an error of kind `Internal`.

mod cache;
mod pushdown;
mod read;
mod write;

pub(crate) use cache::{Block, ChunkCache};
pub(crate) use pushdown::{Pushed, push};
pub(crate) use read::{Chosen, RowChoice, RowChooser, RowColumns, RowsReader, block_on};
pub(crate) use write::write_rows;

use ::vortex::VortexSessionDefault;
use ::vortex::editions::{CORE_2026_08_3, EditionSessionExt};
use ::vortex::error::VortexError;
use ::vortex::session::VortexSession;
use base::{Error, ErrorKind, Result};

/// Format tag of segments whose rows these are: the crate's name and the edition that it promises to read for ever.
pub(crate) const FORMAT: &str = "vortex/core2026.08.3";

/// A session that writes the pinned edition only.
fn session() -> Result<VortexSession> {
    let session = <VortexSession as VortexSessionDefault>::default();
    session.enable_edition(CORE_2026_08_3).map_err(|e| failed("choose the edition", &e))?;
    Ok(session)
}

fn failed(doing: &str, error: &VortexError) -> Error {
    // The first line only: the rest is a backtrace.
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    Error::new(ErrorKind::Internal, format!("could not {doing}: {line}"))
}

fn panicked(doing: &str, payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
    let text = text.lines().next().unwrap_or_default();
    Error::internal(format!("could not {doing}: panic: {text}"))
}
