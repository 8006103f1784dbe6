//! From bound statements to rows: the only crate that names DataFusion.
//!
//! Must not know the protocol's messages, sockets or segment files.

pub mod api;
mod copy;
mod ddl;
mod dml;
mod engine;
mod explain;
mod failure;
mod interrupt;
mod kernel;
pub mod lower;
mod maintenance;
mod names;
pub mod optimizer;
pub mod scan;
mod session;
mod settings;
mod sort;
mod spill;
mod system;
mod threads;

pub use kernel::is_attached;
