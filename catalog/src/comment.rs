//! What users say about objects.
//!
//! Invariant: a comment goes with its object; a column is named by its id, so that it keeps its comment whatever stands
//! beside it.

use crate::table::TableDef;
use base::id::{ColumnId, Oid};

/// Relations of pg_catalog that hold what can be commented on.
pub const PG_CLASS: Oid = Oid(1259);
pub const PG_CONSTRAINT: Oid = Oid(2606);
pub const PG_DATABASE: Oid = Oid(1262);
pub const PG_NAMESPACE: Oid = Oid(2615);
pub const PG_PROC: Oid = Oid(1255);
pub const PG_TYPE: Oid = Oid(1247);

/// What a comment is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommentKey {
    /// The relation of pg_catalog that holds the object.
    pub class: Oid,
    pub object: Oid,
    /// As pg_attribute.attnum; column 0 is the object itself. Views have no ids of columns: theirs are their positions
    /// from 1.
    pub column: ColumnId,
}

impl CommentKey {
    pub fn of(class: Oid, object: Oid) -> Self {
        Self { class, object, column: ColumnId(0) }
    }
}

/// Whether something is, or is a part of, a table that is defined so.
pub(crate) fn is_part(key: &CommentKey, table: &TableDef) -> bool {
    let keyed =
        |behind: u32| table.has_primary_key() && key.object == Oid(table.oid.0.saturating_add(behind));
    match key.class {
        PG_CLASS if key.object == table.oid => {
            key.column == ColumnId(0) || table.columns.iter().any(|c| c.id == key.column)
        }
        PG_CLASS => keyed(1) || table.unique.iter().any(|unique| unique.oid == key.object),
        PG_CONSTRAINT => {
            keyed(2)
                || table.unique.iter().any(|unique| unique.constraint_oid() == key.object)
                || table.checks.iter().any(|check| check.oid == key.object)
                || table.foreign_keys.iter().any(|foreign| foreign.oid == key.object)
        }
        _ => false,
    }
}
