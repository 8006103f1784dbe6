//! Scans of tables inside a DataFusion plan, over `storage::ScanSpec`.
//!
//! Must not know bound trees. Invariants: a predicate is either evaluated by storage or given to it as a sieve,
//! never both and never neither; DataFusion's own ways to change rows stay refused.

mod changes;
mod estimate;
mod exec;
mod leaf;
mod memory;
mod provider;
mod pushdown;
mod reader;
mod series;
mod sieve;
mod system;

pub(crate) use changes::{ChangesColumn, ChangesTable};
pub(crate) use estimate::{ColumnEstimate, RelationEstimate};
pub(crate) use exec::ScanExec;
pub(crate) use leaf::without_inputs;
pub(crate) use memory::MemoryTable;
pub(crate) use provider::{ScanColumn, StorageTable};
pub use reader::{OpenedScan, Split, TableReader};
pub(crate) use series::SeriesStream;
pub(crate) use system::LazyRelation;
