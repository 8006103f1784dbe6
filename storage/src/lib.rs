//! A database without SQL: log, memtables, segments, delete vectors, transactions, recovery, flush.
//!
//! Must not know SQL text, DataFusion or sockets. Arrow batches go in and out.
//! Order of every commit: data durable, commit record durable, visible, acknowledged.

mod settings;
mod sieve;

mod format;
mod log;

mod delete_vector;
mod evaluate;
mod predicate;
mod segment;

mod ahead;
mod background;
mod checkpointing;
mod collection;
mod compaction;
mod conflict;
mod conversion;
mod core;
mod counters;
mod first_open;
mod flush;
mod ids;
mod jobs;
mod layout;
mod locks;
mod memtable;
mod packs;
mod past;
mod pins;
mod pressure;
mod recover;
mod retention;
mod runs;
mod sequencer;
mod state;
mod swap;
mod tablet;
mod tablets;
mod turn;

mod address;
mod fingerprint;
mod private;
mod routed;
mod routing;
mod scan;
mod split;
mod view;
mod wait;

mod checks;
mod commit;
mod detail;
mod load;
mod locking;
mod references;
mod tables;
mod transaction;
mod unique;
mod upsert;
mod write;

mod changes;
mod check;
mod database;
mod insert;
mod inspect;
mod invariants;

pub use changes::{Changes, ChangesSpec};
pub use conflict::{Conflict, InsertMode, InsertOutcome};
pub use database::{CheckReport, Database, Snapshot};
pub use inspect::{HistoryInfo, JobInfo, PinInfo, SegmentInfo, TabletInfo};
pub use predicate::{CompareOp, Predicate};
pub use references::{Left, Missing, key_text};
pub use scan::{ReadView, Scan, ScanMetrics, ScanSpec, ScanSplit};
pub use settings::StorageSettings;
pub use sieve::Sieve;
pub use transaction::Transaction;
pub use upsert::{Changed, Met, Upsert, Upserted};
