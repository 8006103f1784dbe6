//! CREATE, ALTER and DROP: from bound statements to catalog edits.
//!
//! Invariant: ids and OIDs are minted here, from the transaction's own catalog, never twice within it.

mod alter;
mod alter_column;
mod comment;
mod define;
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
pub(crate) use define::define;
pub(crate) use domain::alter_domain;
pub(crate) use materialized::{create_materialized, refresh};
pub(crate) use table::create_table_as;
pub(crate) use unique::{create_index, drop_indexes};
