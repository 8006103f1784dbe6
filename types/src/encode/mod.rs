//! Columns to the text and binary formats of the protocol and of COPY, and single binary values back.
//!
//! Invariant: an array is downcast once, when its encoder is made; writing a cell of a plain type allocates nothing.

mod binary;
mod column;
mod decode;
#[cfg(test)]
mod tests;
mod text;

pub use binary::BinaryEncoder;
pub use decode::decode_binary;
pub use text::TextEncoder;

pub(crate) use column::Column;
