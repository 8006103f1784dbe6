//! Workloads against a running server and against peers: TPC-H data, schema, answers, and the quickstart.
//!
//! Must not know anything of the server but what a client sees.
#![expect(
    clippy::disallowed_methods,
    reason = "a program at the outside: it owns its files, processes and clock"
)]

pub mod client;
pub mod quickstart;
pub mod tpch;
