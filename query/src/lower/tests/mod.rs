//! Queries from text to rows over tables in memory, without sessions and storage.

mod matrix;
mod memory;
mod queries;

pub(crate) use memory::Memory;
