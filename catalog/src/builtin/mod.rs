//! Built-in rows of pg_catalog, generated from PostgreSQL 15 (`catalog/data/generate`): raw for those who serve
//! them as tables, typed for those who resolve types, functions, operators and casts.
//!
//! Must not know which functions have a kernel. Invariant: read once, never changed.

mod defaults;
mod functions;
mod keywords;
mod nyala;
mod relations;
mod roles;
mod rows;
mod types;
mod views;

pub use defaults::default_of;
pub use functions::{
    Aggregate, CastContext, CastMethod, CastRow, Operator, Proc, ProcKind, aggregate, all_operators, cast,
    casts, operators, proc, procs, procs_named,
};
pub use keywords::{Keyword, KeywordClass, keyword, keywords};
pub use relations::{
    SystemColumn, SystemRelation, function_relation, system_indexes, system_relation, system_relation_by_oid,
    system_relations,
};
pub use roles::{OWNER, is_member, role_name, role_named};
pub use rows::{Relation, RelationColumn, relation};
pub use types::{TypeRow, domain_named, type_by_oid, type_named, types};
pub use views::{view_definition, view_query};
