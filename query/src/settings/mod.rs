//! Session variables (`SET`, `SHOW`): which exist, their values, and how transactions undo them.
//!
//! Must not know the server's own settings (crate `config`) or what a variable is used for.

mod definition;
mod postgres;
mod values;

pub(crate) use definition::{Definition, Kind, SERVER_VERSION, Scope, definition, definitions};
pub(crate) use values::{Variables, is_hidden, unrecognized};
