//! Sessions: one client's settings, transaction and the way of a statement from text to result.
//!
//! Must not know the protocol's messages.

mod activity;
mod block;
mod core;
mod face;
mod modifying;
mod parameters;
mod past;
mod plan;
mod prepare;
mod rows;
mod run;
mod sequences;
mod statements;
mod temporary;
mod transaction;
mod variable;

pub(crate) use self::core::Core;
pub(crate) use activity::{Activity, Sessions};
pub use face::Session;
pub(crate) use past::shown;
pub use prepare::{Parsed, Prepared};
pub(crate) use rows::{ahead, carry, ready_batches};
pub(crate) use statements::Kept;
pub(crate) use temporary::{TemporarySchemas, drop_leftovers};
pub(crate) use transaction::Block;
