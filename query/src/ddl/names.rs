//! Names of relations: which are free, and how messages show them.

use crate::kernel::quoting::quote_ident;
use crate::session::Core;
use base::id::SchemaId;
use base::limits::IDENTIFIER_BYTES_MAX;
use base::{Error, Result};
use catalog::{CatalogState, FunctionDef, UserTypeDef};
use std::sync::Arc;

/// Tables, sequences, views and the indexes of keys share one space of names within a schema.
pub(super) fn relation_exists(catalog: &CatalogState, schema: SchemaId, name: &str) -> bool {
    catalog.table_named(schema, name).is_some()
        || catalog.sequence_named(schema, name).is_some()
        || catalog.view_named(schema, name).is_some()
        || catalog.tables_of(schema).any(|t| t.has_primary_key() && t.primary_key_name == name)
        || catalog.index_named(schema, name).is_some()
}

/// Constraints, too, share one within a schema.
pub(super) fn constraint_exists(catalog: &CatalogState, schema: SchemaId, name: &str) -> bool {
    let mut domains = catalog.types().filter(|def| def.schema == schema).filter_map(|def| def.domain());
    if domains.any(|domain| domain.checks.iter().any(|check| check.name == name)) {
        return true;
    }
    catalog.tables_of(schema).any(|t| {
        t.has_primary_key() && t.primary_key_name == name
            || t.checks.iter().any(|check| check.name == name)
            || t.unique.iter().any(|unique| unique.constraint && unique.name == name)
            || t.foreign_keys.iter().any(|key| key.name == name)
    })
}

/// `<table>_<column>_<label>`, with a number when that is taken; the longer names are cut where all is too long.
pub(super) fn free_name(
    table: &str,
    column: Option<&str>,
    label: &str,
    taken: impl Fn(&str) -> bool,
) -> Result<String> {
    let numbered = |number: u32| {
        let label = if number == 0 { label.to_owned() } else { format!("{label}{number}") };
        let (mut table, mut column) = (table.to_owned(), column.map(str::to_owned));
        loop {
            let name = match &column {
                Some(column) => format!("{table}_{column}_{label}"),
                None => format!("{table}_{label}"),
            };
            if name.len() <= IDENTIFIER_BYTES_MAX {
                return name;
            }
            match &mut column {
                Some(column) if column.len() >= table.len() => column.pop(),
                _ => table.pop(),
            };
        }
    };
    (0..=u32::MAX)
        .map(numbered)
        .find(|name| !taken(name))
        .ok_or_else(|| Error::internal("every name is taken"))
}

/// How messages name relations.
#[derive(Debug)]
pub(super) struct Shown {
    catalog: Arc<CatalogState>,
    search_path: Vec<String>,
}

impl Shown {
    pub(super) fn is_materialized(&self, table: base::id::TableId) -> bool {
        self.catalog.materialized_view(table).is_some()
    }

    pub(super) fn new(core: &Core, catalog: &Arc<CatalogState>) -> Self {
        Self { catalog: Arc::clone(catalog), search_path: core.search_path(catalog) }
    }

    /// The name with its schema, unless it is found without.
    pub(super) fn relation(&self, schema: SchemaId, name: &str) -> String {
        let mut path = self.search_path.iter().filter_map(|name| self.catalog.schema_named(name));
        let found = path.find(|s| relation_exists(&self.catalog, s.id, name));
        match self.catalog.schema(schema) {
            Some(def) if found.is_none_or(|found| found.id != schema) => {
                format!("{}.{}", quote_ident(&def.name), quote_ident(name))
            }
            _ => quote_ident(name),
        }
    }

    /// The same for a type.
    pub(super) fn user_type(&self, def: &UserTypeDef) -> String {
        crate::names::user_type(&self.catalog, &self.search_path, def.oid).unwrap_or_default()
    }

    /// A function with the types of its inputs.
    pub(super) fn function(&self, def: &FunctionDef) -> String {
        crate::names::function_signature(&self.catalog, &self.search_path, def, ",")
    }

    pub(super) fn schema(&self, schema: SchemaId) -> String {
        self.catalog.schema(schema).map(|s| quote_ident(&s.name)).unwrap_or_default()
    }
}
