//! SQL text to a typed bound tree: parser wrapper, name and type resolution by PostgreSQL's rules.
//!
//! Must not know DataFusion, storage or the protocol. What it does not know it refuses with 0A000 at its position.

pub mod binder;
pub mod bound;
pub mod deparse;
mod limits;
pub mod parse;
pub mod statement;
mod text;
