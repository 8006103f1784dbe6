//! The engine end to end, embedded: SQL in, rows and tags out, over a real directory.

mod copy;
mod harness;
mod restart;
mod statements;
mod transactions;
