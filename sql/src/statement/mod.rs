//! Statements to their bound form: what each means, with names, types and defaults resolved.
//!
//! Expressions and queries are the binder's; here is what writes, defines, copies and sets.
//! Must not know how a statement is executed. Call on threads with `base::limits::STACK_BYTES` of stack.
//! Invariant: a bound write names every column of its table, in table order, in the column's type.

mod alter_column;
mod alter_table;
mod bind;
mod comment;
mod composite;
mod copy;
mod copy_options;
mod create_table;
mod delete;
mod domain;
mod foreign_key;
mod function;
mod function_names;
mod index;
mod insert;
mod kept;
mod maintenance;
mod materialized;
mod merge;
mod new_column;
mod on_conflict;
mod options;
mod part;
mod partitioning;
mod prepared;
mod row;
mod rules;
mod schema;
mod sequence;
mod sequence_calls;
#[cfg(test)]
mod tests;
mod unique;
mod update;
mod user_type;
mod view;

pub use alter_column::{bind_referring, bind_refill};
pub(crate) use bind::bind_write;
pub use bind::{Binding, bind_statement};
pub use sequence_calls::depend_on_order;
