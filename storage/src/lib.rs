//! A database without SQL: log, memtables, segments, delete vectors, transactions, recovery, flush.
//!
//! Must not know SQL text, DataFusion or sockets. Arrow batches go in and out.
//! Order of every commit: data durable, commit record durable, visible, acknowledged.

mod settings;

mod format;
mod log;

mod predicate;
mod evaluate;
mod delete_vector;
mod segment;

mod ids;
mod layout;
mod memtable;
mod tablet;
mod state;
mod sequencer;
mod pins;
mod locks;
mod core;
mod recover;
mod runs;
mod flush;
mod checkpointing;
mod background;

mod address;
mod private;
mod routing;
mod view;
mod scan;
mod split;
mod fingerprint;
mod wait;

mod checks;
mod detail;
mod transaction;
mod locking;
mod write;
mod load;
mod commit;

mod invariants;
mod overlay;
mod check;
mod database;

pub use database::{CheckReport, Database, Snapshot};
pub use predicate::{CompareOp, Predicate};
pub use scan::{ReadView, Scan, ScanMetrics, ScanSpec, ScanSplit};
pub use settings::StorageSettings;
pub use transaction::{Conflict, InsertMode, InsertOutcome, Transaction};
