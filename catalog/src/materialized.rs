//! Materialized views: tables that hold the rows of a query.
//!
//! Must not know what a query means.

use crate::state::CatalogState;
use base::id::{ColumnId, Oid, TableId};
use base::{Error, Result};
use std::sync::Arc;

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

impl CatalogState {
    /// The tables that are materialized views.
    pub fn materialized(&self) -> impl Iterator<Item = (TableId, &Arc<MaterializedDef>)> {
        self.materialized.iter().map(|(id, def)| (*id, def))
    }

    pub fn materialized_view(&self, table: TableId) -> Option<&Arc<MaterializedDef>> {
        self.materialized.get(&table)
    }

    /// The same state with other materialized views.
    #[must_use]
    pub fn with_materialized(mut self, views: Vec<(TableId, MaterializedDef)>) -> Self {
        self.materialized = views.into_iter().map(|(id, def)| (id, Arc::new(def))).collect();
        self
    }

    pub(crate) fn materialize(&mut self, id: TableId, def: &MaterializedDef) -> Result<()> {
        if !self.tables.contains_key(&id) {
            return Err(Error::internal("a materialized view without a table"));
        }
        let mut def = def.clone();
        if def.unseen.is_empty() {
            def.unseen = self.first_unseen(&def.uses);
        }
        self.materialized.insert(id, Arc::new(def));
        Ok(())
    }
}
