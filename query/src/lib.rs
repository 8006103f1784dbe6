//! From bound statements to rows: the only crate that names DataFusion.
//!
//! Must not know the protocol's messages, sockets or segment files.

pub mod api;
