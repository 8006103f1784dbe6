//! Scans of tables inside a DataFusion plan, over `storage::ScanSpec`.
//!
//! Must not know bound trees. Invariants: a predicate is either evaluated by storage or kept above the scan, never
//! both and never neither; DataFusion's own ways to change rows stay refused.

mod exec;
mod memory;
mod provider;
mod pushdown;
mod reader;

pub(crate) use exec::ScanExec;
pub(crate) use memory::MemoryTable;
pub(crate) use provider::{ScanColumn, StorageTable};
pub use reader::{OpenedScan, Split, TableReader};
