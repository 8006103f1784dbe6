//! Behaviour of SQL, told in .slt files and run against the engine in several ways.
//!
//! Must not know anything below the faces of `query` and `server`.
#![expect(clippy::disallowed_methods, reason = "a test driver: it owns its directories and sockets")]

pub mod database;
pub mod embedded;
pub mod failure;
pub mod postgres;
pub mod process;
pub mod raw;
pub mod volume;
pub mod wire;
