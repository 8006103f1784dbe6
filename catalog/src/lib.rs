//! What exists: schemas, tables, columns, keys and partitions, as pure state plus edits.
//!
//! Must not know files, time, SQL text beyond stored default expressions, or rows.
//! Invariant: `CatalogState::apply` is the only way to change the state; the same edits give the same state.

pub mod builtin;
mod edit;
mod partitions;
mod state;
mod table;

pub use edit::CatalogEdit;
pub use partitions::{range_level, tablets, with_range_partition, without_range_partition};
pub use state::{CatalogState, SchemaDef};
pub use table::{
    ColumnDef, DistinctCount, HashLevel, Partitioning, RangeLevel, RangePartition, TableDef, TableOptions,
    TabletDef,
};
