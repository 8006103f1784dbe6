//! A file system in memory that loses power, fails calls and flips bits on demand, all from seeds.
//!
//! `disk` has bytes and names, `faults` the plan of failures, `handle` the seam's traits over both.

mod disk;
mod faults;
mod handle;

pub use faults::{CallKind, Fault};
pub use handle::SimulatedFileSystem;
