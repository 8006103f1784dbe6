//! COPY: between tables or queries and the client or files.
//!
//! Must not know the protocol's messages. Invariant: a COPY FROM writes all of its rows or none.

mod client;
mod convert;
mod files;
mod loader;
mod parquet_form;
mod parquet_in;
mod parquet_out;
mod run;
mod sink;
mod text;
mod text_out;

pub use client::CopyIn;
pub(crate) use client::finish;
pub(crate) use run::run;
