//! The engine end to end, embedded: SQL in, rows and tags out, over a real directory.

mod copy;
mod harness;
mod operator_matrix;
mod psql;
mod restart;
mod statements;
mod transactions;
