//! VACUUM and ANALYZE.
//!
//! Must not know how segments are rewritten. Invariant: counts of values choose plans, never answers.

mod analyze;
mod sketch;
mod vacuum;

pub(crate) use analyze::analyze;
pub(crate) use vacuum::vacuum;
