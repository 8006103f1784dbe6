//! The server over real sockets: raw messages, a client library, psql, and SIGKILL.
#![expect(
    clippy::disallowed_methods,
    reason = "a test driver: it owns its directories, processes and sockets"
)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod catalog;
mod client;
mod clients;
mod conversations;
mod directory;
mod full_disk;
mod hostile;
mod hostile_statements;
mod keywords;
mod kill;
mod lock_waits;
mod protocol;
mod psql;
mod psql_objects;
mod sessions;
mod upserts;
