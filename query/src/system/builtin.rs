//! Which rows a system relation has: those of PostgreSQL itself, read once, and those of this database.
//!
//! Invariant: batches have the columns of the relation in its order.

use crate::lower::SystemRelations;
use crate::session::{Kept, Sessions};
use crate::settings::Variables;
use crate::system::table::SystemTable;
use crate::system::{
    attributes, functions, partitions, relations, sequences, server, storage, user_functions, user_types,
    views,
};
use ::storage::{Database, ReadView};
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use base::id::Oid;
use base::{Error, Result};
use catalog::CatalogState;
use catalog::builtin::{SystemRelation, function_relation, relation, system_relation};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use types::Datum;

/// The system relations as one statement sees them.
#[derive(Debug)]
pub(crate) struct SystemCatalog {
    pub(crate) state: Arc<CatalogState>,
    pub(crate) view: ReadView,
    pub(crate) variables: Variables,
    pub(crate) database: Database,
    pub(crate) sessions: Arc<Sessions>,
    /// Microseconds since 1970-01-01 UTC.
    pub(crate) now_us: i64,
    pub(crate) statements: Arc<HashMap<String, Kept>>,
}

impl SystemCatalog {
    /// Adds the rows of this database.
    fn live_rows(&self, table: &mut SystemTable, schema: &str, name: &str, wanted: &[&str]) -> Result<()> {
        match (schema, name) {
            ("pg_catalog", "pg_namespace") => relations::namespaces(self, table),
            ("pg_catalog", "pg_class") => {
                relations::classes(self, table);
                relations::sequence_classes(self, table);
                views::classes(self, table);
                user_types::classes(self, table);
            }
            ("pg_catalog", "pg_type") => user_types::types(self, table),
            ("pg_catalog", "pg_proc") => user_functions::functions(self, table),
            ("pg_catalog", "pg_enum") => user_types::labels(self, table),
            ("pg_catalog", "pg_sequence") => sequences::sequences(self, table),
            ("pg_catalog", "pg_depend") => {
                sequences::dependencies(self, table);
                views::dependencies(self, table);
                relations::dependencies(self, table);
            }
            ("pg_catalog", "pg_rewrite") => views::rules(self, table),
            ("pg_catalog", "pg_index") => relations::indexes(self, table),
            ("pg_catalog", "pg_constraint") => relations::constraints(self, table),
            ("pg_catalog", "pg_attribute") => attributes::attributes(self, table),
            ("pg_catalog", "pg_attrdef") => attributes::defaults(self, table),
            ("pg_catalog", "pg_authid") => server::roles(table),
            ("pg_catalog", "pg_description") => relations::descriptions(self, table),
            ("pg_catalog", "pg_shdescription") => relations::shared_descriptions(self, table),
            ("nyala", "tables") => storage::tables(self, table, wanted)?,
            ("nyala", "tablets") => storage::tablets(self, table)?,
            ("nyala", "partitions") => partitions::partitions(self, table)?,
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

    fn function_rows(&self, function: Oid, args: &[Datum]) -> Result<RecordBatch> {
        let described = function_relation(function)
            .ok_or_else(|| Error::internal(format!("function {function} returns no records")))?;
        let mut table = SystemTable::new(described);
        functions::rows(self, &mut table, function, args);
        table.finish()
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
    let file = match described.schema {
        "pg_catalog" => described.name.to_owned(),
        schema => format!("{schema}.{}", described.name),
    };
    if let Some(raw) = relation(&file) {
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
