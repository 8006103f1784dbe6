//! CREATE, ALTER and DROP: from bound statements to catalog edits.
//!
//! Invariant: ids and OIDs are minted here, from the transaction's own catalog, never twice within it.

mod alter;
mod alter_column;
mod comment;
mod dependents;
mod domain;
mod drop;
mod drop_texts;
mod foreign_key;
mod function;
mod materialized;
mod names;
mod sequence;
mod table;
mod unique;
mod user_type;
mod view;
mod viewed;

pub(crate) use alter::alter_table;
pub(crate) use comment::comment;
pub(crate) use domain::{alter_domain, create_domain};
pub(crate) use drop::{
    drop_functions, drop_materialized, drop_schemas, drop_sequences, drop_tables, drop_types, drop_views,
};
pub(crate) use function::function;
pub(crate) use materialized::{create_materialized, refresh};
pub(crate) use sequence::{alter_sequence, create_sequence};
pub(crate) use table::{clone_table, create_schema, create_table, create_table_as, truncate, undrop_table};
pub(crate) use unique::{create_index, drop_indexes};
pub(crate) use user_type::{alter_type, create_type};
pub(crate) use view::{alter_view, create_view};
