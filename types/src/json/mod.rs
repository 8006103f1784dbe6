//! JSON: the check of json's text, jsonb's canonical text, values, and the key that orders jsonb.
//!
//! Must not know columns. Invariants: a jsonb is stored as its canonical text, which PostgreSQL's output function would
//! print: keys of an object in order of length, then bytes, each once; numbers as numerics with their scale. Equal
//! jsonb may differ in the scale of numbers, so they are compared and hashed by their key.

mod document;
mod key;
mod lexer;
mod parser;
pub mod raw;
pub mod scan;
#[cfg(test)]
mod tests;
mod value;

pub use document::{Content, Part};
pub use key::{key_of, read_key, write_key};
pub use parser::{check, parse};
pub use value::{Value, write_string};

use base::Result;

/// Values inside each other, at most: what reads them calls itself for each.
pub(crate) const DEPTH_MAX: usize = 1_000;

/// The canonical text of a jsonb's text; 22P02 with PostgreSQL's detail when it is no JSON.
pub fn canonical(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    parse(text)?.write(&mut out);
    Ok(out)
}
