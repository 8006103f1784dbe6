//! A database without SQL: log, memtables, segments, delete vectors, transactions, recovery, flush.
//!
//! Must not know SQL text, DataFusion or sockets. Arrow batches go in and out.
//! Order of every commit: data durable, commit record durable, visible, acknowledged.

mod database;
mod format;
mod log;
mod predicate;
mod scan;
mod settings;
mod transaction;
mod delete_vector;
mod evaluate;
mod segment;

pub use database::{CheckReport, Database, Snapshot};
pub use predicate::{CompareOp, Predicate};
pub use scan::{ReadView, Scan, ScanMetrics, ScanSpec, ScanSplit};
pub use settings::StorageSettings;
pub use transaction::{Conflict, InsertMode, InsertOutcome, Transaction};
