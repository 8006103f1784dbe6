//! Which rows a system relation has: those of PostgreSQL itself, read once, and those of this database.
//!
//! Invariant: batches have the columns of the relation in its order.

use crate::lower::SystemRelations;
use crate::settings::Variables;
use crate::system::table::SystemTable;
use crate::system::{attributes, information_schema, relations, sequences, server, storage, views};
use ::storage::{Database, ReadView};
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use base::{Error, Result};
use catalog::CatalogState;
use catalog::builtin::{SystemRelation, relation, system_relation};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The system relations as one statement sees them.
#[derive(Debug)]
pub(crate) struct SystemCatalog {
    pub(crate) state: Arc<CatalogState>,
    pub(crate) view: ReadView,
    pub(crate) variables: Variables,
    pub(crate) database: Database,
}

impl SystemCatalog {
    pub(crate) fn new(view: ReadView, variables: Variables, database: Database) -> Self {
        Self { state: Arc::clone(view.catalog()), view, variables, database }
    }

    /// Adds the rows of this database.
    fn live_rows(&self, table: &mut SystemTable, schema: &str, name: &str, wanted: &[&str]) -> Result<()> {
        match (schema, name) {
            ("pg_catalog", "pg_namespace") => relations::namespaces(self, table),
            ("pg_catalog", "pg_class") => {
                relations::classes(self, table);
                relations::sequence_classes(self, table);
                views::classes(self, table);
            }
            ("pg_catalog", "pg_views") => views::view(self, table),
            ("information_schema", "views") => views::standard_view(self, table),
            ("pg_catalog", "pg_sequence") => sequences::sequences(self, table),
            ("pg_catalog", "pg_sequences") => sequences::view(self, table)?,
            ("pg_catalog", "pg_depend") => sequences::dependencies(self, table),
            ("information_schema", "sequences") => sequences::standard_view(self, table),
            ("information_schema", "check_constraints") => information_schema::check_constraints(self, table),
            ("pg_catalog", "pg_index") => relations::indexes(self, table),
            ("pg_catalog", "pg_constraint") => relations::constraints(self, table),
            ("pg_catalog", "pg_tables") => relations::tables_view(self, table),
            ("pg_catalog", "pg_indexes") => relations::indexes_view(self, table),
            ("pg_catalog", "pg_attribute") => attributes::attributes(self, table),
            ("pg_catalog", "pg_attrdef") => attributes::defaults(self, table),
            ("pg_catalog", "pg_authid" | "pg_roles" | "pg_user" | "pg_shadow") => {
                server::roles(self, table, name)
            }
            ("pg_catalog", "pg_settings") => server::settings(self, table),
            ("information_schema", "schemata") => information_schema::schemata(self, table),
            ("information_schema", "tables") => information_schema::tables(self, table),
            ("information_schema", "columns") => information_schema::columns(self, table),
            ("information_schema", "table_constraints") => information_schema::table_constraints(self, table),
            ("information_schema", "key_column_usage") => information_schema::key_column_usage(self, table),
            ("nyala", "tables") => storage::tables(self, table, wanted)?,
            ("nyala", "tablets") => storage::tablets(self, table)?,
            ("nyala", "segments") => storage::segments(self, table)?,
            ("nyala", "pins") => storage::pins(self, table),
            ("nyala", "jobs") => storage::jobs(self, table),
            // All others are empty here, or hold nothing but built-in rows.
            _ => {}
        }
        Ok(())
    }
}

impl SystemRelations for SystemCatalog {
    fn rows(&self, schema: &str, name: &str, wanted: &[usize]) -> Result<RecordBatch> {
        let described = system_relation(schema, name)
            .ok_or_else(|| Error::internal(format!("relation {schema}.{name} is not a system relation")))?;
        let fixed = fixed_rows(described)?;
        let mut live = SystemTable::new(described);
        let wanted: Vec<&str> =
            wanted.iter().filter_map(|place| described.columns.get(*place)).map(|c| c.name).collect();
        self.live_rows(&mut live, schema, name, &wanted)?;
        let live = live.finish()?;
        if live.num_rows() == 0 {
            return Ok(fixed);
        }
        concat_batches(&fixed.schema(), [&fixed, &live]).map_err(crate::failure::from_arrow)
    }
}

/// PostgreSQL's own rows, converted once per process. Guards only the map.
fn fixed_rows(described: &'static SystemRelation) -> Result<RecordBatch> {
    type Cache = Mutex<HashMap<(&'static str, &'static str), RecordBatch>>;
    static CACHE: OnceLock<Cache> = OnceLock::new();
    let cache = CACHE.get_or_init(Mutex::default);
    let key = (described.schema, described.name);
    if let Some(batch) = cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(batch.clone());
    }
    let mut table = SystemTable::new(described);
    if described.schema == "pg_catalog"
        && let Some(raw) = relation(described.name)
    {
        let places: Vec<Option<usize>> = described.columns.iter().map(|c| raw.column(c.name)).collect();
        for row in &raw.rows {
            // Schemas that a database can hold itself are live rows.
            let is_live = described.name == "pg_namespace"
                && row.get(1).is_some_and(|n| n.as_deref() == Some("public"));
            if !is_live {
                table.whole_row(
                    places.iter().map(|p| p.and_then(|p| row.get(p)).cloned().flatten()).collect(),
                );
            }
        }
    }
    let batch = table.finish()?;
    cache.lock().unwrap_or_else(PoisonError::into_inner).insert(key, batch.clone());
    Ok(batch)
}
