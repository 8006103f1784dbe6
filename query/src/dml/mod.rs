//! INSERT, UPDATE, DELETE and MERGE: from the rows of a source to writes of a storage transaction.
//!
//! Must not know how a source is planned. Invariant: a source reads the state before its statement.

mod at_hand;
mod batch;
mod change;
mod foreign_keys;
mod insert;
mod keys;
mod merge;
mod on_conflict;
mod returning;
mod rules;

pub(crate) use batch::TableBatches;
pub(crate) use change::{delete, update};
pub(crate) use foreign_keys::settle;
pub(crate) use insert::insert;
pub(crate) use merge::merge;
pub(crate) use rules::Rules;
