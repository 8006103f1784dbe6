//! Functions of json and jsonb; jsonb's operators are in `kernel::jsonb`.
//!
//! Must not know bound trees. Invariant: what is written for jsonb is canonical text; what is written for json is what
//! PostgreSQL writes, blanks included.

mod build;
mod change;
mod get;
mod operators;
mod path;
mod populate;
mod record;
mod render;
mod sets;

pub(crate) use build::{Kind, aggregate_array, aggregate_object};
pub(crate) use populate::{is_populated_set, populate_each};
pub(crate) use record::{of_each, of_one, record_set};
pub(crate) use sets::{SetColumn, set_columns};

use crate::kernel::call::Run;

/// By the name of PostgreSQL's implementation.
pub(crate) fn kernels() -> impl Iterator<Item = (&'static str, Run)> {
    [operators::KERNELS, get::KERNELS, build::KERNELS, change::KERNELS, path::KERNELS, populate::KERNELS]
        .into_iter()
        .flatten()
        .copied()
}
