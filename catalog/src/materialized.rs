//! Materialized views: tables that hold the rows of a query.
//!
//! Must not know what a query means.

use base::id::{ColumnId, Oid};

/// What makes a table a materialized view.
#[derive(Clone, Debug, PartialEq)]
pub struct MaterializedDef {
    /// Source text of the query, as that of a view.
    pub text: String,
    /// OIDs of the relations in it.
    pub uses: Vec<Oid>,
    /// As of a view: the first column of each relation that the query does not see.
    pub unseen: Vec<(Oid, ColumnId)>,
    /// Whether it holds the query's rows; else it cannot be read.
    pub populated: bool,
}
