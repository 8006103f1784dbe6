//! What exists: schemas, tables, columns, keys, partitions, sequences, views, types and functions, as pure state plus edits.
//!
//! Must not know files, time, SQL text beyond stored default expressions, or rows.
//! Invariant: `CatalogState::apply` is the only way to change the state; the same edits give the same state.

pub mod builtin;
mod comment;
mod composite;
mod domain;
mod edit;
mod foreign_key;
mod function;
mod materialized;
mod partitions;
mod sequence;
mod state;
mod table;
mod unique;
mod user_type;
mod view;

pub use comment::{CommentKey, PG_CLASS, PG_CONSTRAINT, PG_DATABASE, PG_NAMESPACE, PG_PROC, PG_TYPE};
pub use composite::{AttributeDef, CompositeDef, has_domains, holds, with_form_of};
pub use domain::{DomainCheck, DomainDef, DomainUse};
pub use edit::CatalogEdit;
pub use foreign_key::{ForeignKeyAction, ForeignKeyDef, KeyOf};
pub use function::{
    FunctionBody, FunctionDef, FunctionTraits, Parallel, Parameter, ParameterMode, Volatility,
};
pub use materialized::MaterializedDef;
pub use partitions::{range_level, tablets, with_range_partition, without_range_partition};
pub use sequence::{Position, SequenceDef, SequenceOwner, relation_constant};
pub use state::{CatalogState, SchemaDef};
pub use table::{
    CheckDef, ColumnDef, ColumnKind, DistinctCount, HashLevel, Partitioning, RangeLevel, RangePartition,
    TableDef, TableOptions, TabletDef,
};
pub use unique::UniqueDef;
pub use user_type::{EnumLabel, Neighbour, TypeShape, UserTypeDef, array_name, labels_of, with_label};
pub use view::{
    CheckOption, ViewColumn, ViewDef, called_as, function_name, pieces as view_pieces, relation_name,
    relation_of_name,
};
