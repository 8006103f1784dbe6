//! TPC-H: tables, data, queries and their answers.

pub mod answers;
pub mod data;
pub mod plain;
pub mod tables;
