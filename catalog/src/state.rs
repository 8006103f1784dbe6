//! The catalog at one instant: lookups by name and id, and `apply`.
//!
//! Invariants: names are unique within a schema; every table's schema exists; OIDs are unique and below `next_oid`.

use crate::edit::CatalogEdit;
use crate::table::TableDef;
use base::id::{Oid, SchemaId, TableId};
use base::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A schema (namespace).
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaDef {
    pub id: SchemaId,
    /// What clients see as pg_namespace.oid.
    pub oid: Oid,
    pub name: String,
}

/// The catalog. Cheap to clone: definitions are shared.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogState {
    schemas: BTreeMap<SchemaId, Arc<SchemaDef>>,
    tables: BTreeMap<TableId, Arc<TableDef>>,
    schema_names: BTreeMap<String, SchemaId>,
    table_names: BTreeMap<(SchemaId, String), TableId>,
    next_oid: Oid,
    next_id: u64,
    version: u64,
}

/// The schema `public`, which every database starts with; OID as in PostgreSQL.
const PUBLIC: (SchemaId, Oid, &str) = (SchemaId(1), Oid(2200), "public");

impl CatalogState {
    /// A new database: the schema `public` and nothing else.
    pub fn initial() -> Self {
        let (id, oid, name) = PUBLIC;
        let public = SchemaDef { id, oid, name: name.to_owned() };
        Self {
            schema_names: BTreeMap::from([(public.name.clone(), id)]),
            schemas: BTreeMap::from([(id, Arc::new(public))]),
            tables: BTreeMap::new(),
            table_names: BTreeMap::new(),
            next_oid: Oid(16_384),
            next_id: 2,
            version: 0,
        }
    }

    /// Grows with every edit; part of the key of cached plans.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The first OID no object has had.
    pub fn next_oid(&self) -> Oid {
        self.next_oid
    }

    /// The first schema, table or tablet id no object has had. One counter serves all three.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    pub fn schemas(&self) -> impl Iterator<Item = &Arc<SchemaDef>> {
        self.schemas.values()
    }

    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableDef>> {
        self.tables.values()
    }

    pub fn schema(&self, id: SchemaId) -> Option<&Arc<SchemaDef>> {
        self.schemas.get(&id)
    }

    pub fn schema_named(&self, name: &str) -> Option<&Arc<SchemaDef>> {
        self.schema_names.get(name).and_then(|id| self.schemas.get(id))
    }

    pub fn table(&self, id: TableId) -> Option<&Arc<TableDef>> {
        self.tables.get(&id)
    }

    pub fn table_named(&self, schema: SchemaId, name: &str) -> Option<&Arc<TableDef>> {
        self.table_names.get(&(schema, name.to_owned())).and_then(|id| self.tables.get(id))
    }

    pub fn tables_of(&self, schema: SchemaId) -> impl Iterator<Item = &Arc<TableDef>> {
        self.tables.values().filter(move |t| t.schema == schema)
    }

    /// The state after `edit`; `self` is unchanged when the edit does not fit it.
    pub fn apply(&mut self, edit: &CatalogEdit) -> Result<()> {
        match edit {
            CatalogEdit::CreateSchema(def) => {
                if self.schema_names.contains_key(&def.name) {
                    let message = format!("schema \"{}\" already exists", def.name);
                    return Err(Error::new(ErrorKind::DuplicateSchema, message));
                }
                self.claim(def.oid, def.id.0);
                self.schema_names.insert(def.name.clone(), def.id);
                self.schemas.insert(def.id, Arc::new(def.clone()));
            }
            CatalogEdit::DropSchema(id) => {
                if self.tables_of(*id).next().is_some() {
                    return Err(Error::internal("dropping a schema that still has tables"));
                }
                let def =
                    self.schemas.remove(id).ok_or_else(|| Error::internal("dropping an unknown schema"))?;
                self.schema_names.remove(&def.name);
            }
            CatalogEdit::CreateTable(def) => {
                let key = (def.schema, def.name.clone());
                if !self.schemas.contains_key(&def.schema) {
                    return Err(Error::internal("creating a table in an unknown schema"));
                }
                if self.table_names.contains_key(&key) {
                    let message = format!("relation \"{}\" already exists", def.name);
                    return Err(Error::new(ErrorKind::DuplicateTable, message));
                }
                self.claim(def.oid, def.id.0);
                for tablet in &def.tablets {
                    self.next_id = self.next_id.max(tablet.id.0.saturating_add(1));
                }
                self.table_names.insert(key, def.id);
                self.tables.insert(def.id, Arc::new(def.as_ref().clone()));
            }
            CatalogEdit::DropTable(id) => {
                let def =
                    self.tables.remove(id).ok_or_else(|| Error::internal("dropping an unknown table"))?;
                self.table_names.remove(&(def.schema, def.name.clone()));
            }
            CatalogEdit::AlterTable(def) => {
                let before =
                    self.tables.get(&def.id).ok_or_else(|| Error::internal("altering an unknown table"))?;
                if (before.schema, &before.name, before.oid) != (def.schema, &def.name, def.oid) {
                    return Err(Error::internal("altering a table must not rename it"));
                }
                for tablet in &def.tablets {
                    self.next_id = self.next_id.max(tablet.id.0.saturating_add(1));
                }
                self.tables.insert(def.id, Arc::new(def.as_ref().clone()));
            }
        }
        self.version = self.version.saturating_add(1);
        Ok(())
    }

    fn claim(&mut self, oid: Oid, id: u64) {
        // A table with a key takes the OID after its own for the key's index and constraint.
        self.next_oid = self.next_oid.max(Oid(oid.0.saturating_add(3)));
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    /// Rebuilds a state from its parts, as a checkpoint keeps them.
    pub fn from_parts(
        schemas: Vec<SchemaDef>,
        tables: Vec<TableDef>,
        next_oid: Oid,
        next_id: u64,
        version: u64,
    ) -> Self {
        Self {
            schema_names: schemas.iter().map(|s| (s.name.clone(), s.id)).collect(),
            table_names: tables.iter().map(|t| ((t.schema, t.name.clone()), t.id)).collect(),
            schemas: schemas.into_iter().map(|s| (s.id, Arc::new(s))).collect(),
            tables: tables.into_iter().map(|t| (t.id, Arc::new(t))).collect(),
            next_oid,
            next_id,
            version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CatalogState, SchemaDef};
    use crate::edit::CatalogEdit;
    use base::ErrorKind;
    use base::id::{Oid, SchemaId};

    #[test]
    fn a_refused_edit_changes_nothing() {
        let mut state = CatalogState::initial();
        let schema = SchemaDef { id: SchemaId(2), oid: Oid(16_384), name: "s".to_owned() };
        state.apply(&CatalogEdit::CreateSchema(schema.clone())).unwrap();
        let before = state.clone();
        let again = state.apply(&CatalogEdit::CreateSchema(SchemaDef { id: SchemaId(3), ..schema }));
        assert_eq!(again.unwrap_err().kind(), ErrorKind::DuplicateSchema);
        assert_eq!(state, before);
        assert_eq!((state.next_id(), state.next_oid()), (3, Oid(16_387)));
    }
}
