//! Vocabulary that every other crate shares: identifiers, time, randomness, errors, limits and the
//! seams to the operating system (files, threads, locks).
//!
//! Must not know anything of the other crates, of SQL or of Arrow.

pub mod clock;
pub mod error;
pub mod fs;
pub mod id;
pub mod limits;
pub mod plant;
pub mod random;
pub mod spawn;
pub mod sync;

pub use error::{Error, ErrorKind, Result};
