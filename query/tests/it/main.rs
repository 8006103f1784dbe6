//! The engine end to end, embedded: SQL in, rows and tags out, over a real directory.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod copy;
mod correlated;
mod domains;
mod foreign_keys;
mod functions;
mod harness;
mod history;
mod long_rows;
mod maintenance;
mod materialized_past;
mod operator_matrix;
mod past_names;
mod psql;
mod restart;
mod spilling;
mod statements;
mod transactions;
