//! The seam to the file system. Storage touches files only through these traits, so that tests can
//! lose power, fail the n-th call or flip a bit.
//!
//! `seam` has the traits and their contract, `local` a directory of the machine, `simulated` one in memory.

mod local;
mod seam;
mod simulated;

pub use local::LocalFileSystem;
pub use seam::{File, FileSystem};
pub use simulated::{CallKind, Fault, SimulatedFileSystem};

#[cfg(test)]
mod tests;
