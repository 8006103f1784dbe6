//! jsonpath: its tree, read from text and written as PostgreSQL's output function writes it.
//!
//! Must not know how a path is carried out. Invariant: a path that was read is written to a text that reads as the same
//! path; that text is what a jsonpath is held as.

mod lexer;
mod parser;
mod print;
#[cfg(test)]
mod tests;
mod tree;

pub use parser::parse;
pub use tree::{Arithmetic, Comparison, Expr, JsonPath, Method, Step};

use base::Result;

/// Expressions inside each other, at most.
pub(crate) const DEPTH_MAX: usize = 200;

/// The canonical text of a jsonpath.
pub fn canonical(text: &str) -> Result<String> {
    Ok(parse(text)?.to_string())
}
