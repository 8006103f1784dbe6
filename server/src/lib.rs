//! The PostgreSQL protocol: framing, start-up, sessions, encoding of results, cancellation.
//!
//! The only crate that names pgwire. Must not know segments, plans or DataFusion.

mod cancel;
mod copy;
mod describe;
mod extended;
mod frontend;
mod pipeline;
mod reply;
mod rows;
mod serve;
mod session;
mod simple;
mod sqlstate;
mod startup;
mod wire;

pub use serve::{Listening, listen, run};
pub use sqlstate::sqlstate;
