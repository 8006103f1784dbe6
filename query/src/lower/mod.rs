//! From the bound tree to DataFusion's plan, and its execution.
//!
//! Must not know SQL text, sessions or messages. Invariants: a `ColRef` n is the column `c<n>` of every plan it is
//! in; every expression has its exact type when it is built, so nothing is left to coercion; correlation is gone
//! before DataFusion sees a plan. What cannot be lowered truly is refused with 0A000.

mod aggregates;
mod binding_columns;
mod bindings;
mod boolean;
mod casts;
mod columns;
mod common_tables;
mod comparisons;
mod constants;
mod context;
mod correlation;
mod domain;
mod evaluate;
mod execute;
mod expressions;
mod filtered;
mod first_rows;
mod frames;
mod grouping_sets;
mod inlined;
mod kept_order;
mod lateral;
mod literals;
mod project_set;
mod recursion;
mod relations;
mod row_by_row;
mod scope;
mod semi_joins;
mod set_operations;
mod shared_rows;
mod subqueries;
#[cfg(test)]
pub(crate) mod tests;
mod tree;
mod unnested_unions;
mod unnesting;
mod windows;

pub use aggregates::is_aggregate_attached;
pub(crate) use aggregates::is_lowered_function;
pub(crate) use bindings::BindingsExec;
pub(crate) use boolean::can_fail;
pub(crate) use context::Noted;
pub use context::{
    ChangedRows, Parameters, PastView, PastViews, PlanNotes, QueryContext, Sequences, StatementContext,
    SystemRelations, TableSizes, WithRows,
};
pub use evaluate::{Evaluator, evaluate};
pub use execute::{execute, physical_plan, plan_query, run};
pub(crate) use row_by_row::RowByRowExec;
pub(crate) use shared_rows::SharedExec;
pub(crate) use tree::{mentions_parameter, scans};
