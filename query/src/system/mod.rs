//! Rows of pg_catalog and information_schema: built-in rows of PostgreSQL 15 beside what exists in this database.
//!
//! Must not know how they are scanned. Invariant: every row is true of the catalog state it was made from.

mod attributes;
mod builtin;
mod default_text;
mod functions;
mod partitions;
mod relations;
mod sequences;
mod server;
mod storage;
mod table;
mod user_functions;
mod user_types;
mod views;

pub(crate) use builtin::SystemCatalog;
pub(crate) use default_text::{expression_text, in_parentheses};
pub(crate) use functions::has_rows;
pub(crate) use partitions::key_text;
pub(crate) use views::rule_oid;
