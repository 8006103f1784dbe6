//! The catalog at one instant: lookups by name and id, and `apply`.
//!
//! Invariants: names of relations and types, and of functions with their input types, are unique within a schema; every table's
//! schema exists; OIDs are unique and below
//! `next_oid`, those of types (`types::user_type`) by the numbers that they are made of.

use crate::comment::{CommentKey, PG_NAMESPACE, is_part};
use crate::edit::CatalogEdit;
use crate::foreign_key::ForeignKeyDef;
use crate::function::FunctionDef;
use crate::materialized::MaterializedDef;
use crate::sequence::SequenceDef;
use crate::table::TableDef;
use crate::unique::UniqueDef;
use crate::user_type::UserTypeDef;
use crate::view::ViewDef;
use base::id::{ColumnId, Oid, SchemaId, SequenceId, TableId, ViewId};
use base::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};
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
    pub(crate) schemas: BTreeMap<SchemaId, Arc<SchemaDef>>,
    pub(crate) tables: BTreeMap<TableId, Arc<TableDef>>,
    pub(crate) sequences: BTreeMap<SequenceId, Arc<SequenceDef>>,
    pub(crate) views: BTreeMap<ViewId, Arc<ViewDef>>,
    pub(crate) types: BTreeMap<Oid, Arc<UserTypeDef>>,
    pub(crate) functions: BTreeMap<Oid, Arc<FunctionDef>>,
    schema_names: BTreeMap<String, SchemaId>,
    pub(crate) table_names: BTreeMap<(SchemaId, String), TableId>,
    pub(crate) sequence_names: BTreeMap<(SchemaId, String), SequenceId>,
    pub(crate) view_names: BTreeMap<(SchemaId, String), ViewId>,
    pub(crate) type_names: BTreeMap<(SchemaId, String), Oid>,
    pub(crate) function_names: BTreeSet<(SchemaId, String, Oid)>,
    comments: BTreeMap<CommentKey, Arc<str>>,
    /// Of the tables that are materialized views.
    pub(crate) materialized: BTreeMap<TableId, Arc<MaterializedDef>>,
    /// Tables that foreign keys refer to, each with a table that has such a key; it follows from the tables.
    referring: BTreeSet<(TableId, TableId)>,
    /// Tables, and the indexes that keep their columns unique, by what clients see as their OID; it follows from the tables.
    table_oids: BTreeMap<Oid, TableId>,
    pub(crate) next_oid: Oid,
    pub(crate) next_id: u64,
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
            sequences: BTreeMap::new(),
            views: BTreeMap::new(),
            types: BTreeMap::new(),
            type_names: BTreeMap::new(),
            functions: BTreeMap::new(),
            function_names: BTreeSet::new(),
            table_names: BTreeMap::new(),
            sequence_names: BTreeMap::new(),
            view_names: BTreeMap::new(),
            comments: BTreeMap::new(),
            materialized: BTreeMap::new(),
            referring: BTreeSet::new(),
            table_oids: BTreeMap::new(),
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

    /// The first id no object has had. One number serves all kinds.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    pub fn schemas(&self) -> impl Iterator<Item = &Arc<SchemaDef>> {
        self.schemas.values()
    }

    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableDef>> {
        self.tables.values().filter(|table| !table.is_index())
    }

    /// The tables and the indexes that keep their columns unique.
    pub fn stored_tables(&self) -> impl Iterator<Item = &Arc<TableDef>> {
        self.tables.values()
    }

    /// The table, and which of its unique columns, that an index of a name is of.
    pub fn index_named(&self, schema: SchemaId, name: &str) -> Option<(&Arc<TableDef>, &UniqueDef)> {
        let mut all = self.tables_of(schema).flat_map(|t| t.unique.iter().map(move |u| (t, u)));
        all.find(|(_, unique)| unique.name == name)
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
        let id = self.table_names.get(&(schema, name.to_owned()))?;
        self.tables.get(id).filter(|table| !table.is_index())
    }

    /// The table with a row of that OID in pg_class.
    pub fn table_of_relation(&self, relation: Oid) -> Option<&Arc<TableDef>> {
        let id = self.table_oids.get(&relation)?;
        self.tables.get(id).filter(|table| !table.is_index())
    }

    /// The view with a row of that OID in pg_class.
    pub fn view_of_relation(&self, relation: Oid) -> Option<&Arc<ViewDef>> {
        self.views().find(|view| view.oid == relation)
    }

    /// Foreign keys that refer to a table, each with the table that has it, in order of their ids.
    pub fn references_to(&self, table: TableId) -> impl Iterator<Item = (&Arc<TableDef>, &ForeignKeyDef)> {
        let referring = self.referring.range((table, TableId(0))..=(table, TableId(u64::MAX)));
        let referring = referring.filter_map(|(_, child)| self.tables.get(child));
        referring
            .flat_map(move |child| child.foreign_keys.iter().map(move |key| (child, key)))
            .filter(move |(_, key)| key.table == table)
    }

    pub fn tables_of(&self, schema: SchemaId) -> impl Iterator<Item = &Arc<TableDef>> {
        self.tables().filter(move |t| t.schema == schema)
    }

    /// What is said about objects.
    pub fn comments(&self) -> impl Iterator<Item = (&CommentKey, &str)> {
        self.comments.iter().map(|(key, text)| (key, text.as_ref()))
    }

    pub fn comment(&self, key: &CommentKey) -> Option<&str> {
        self.comments.get(key).map(AsRef::as_ref)
    }

    /// The same state with other comments.
    #[must_use]
    pub fn with_comments(mut self, comments: Vec<(CommentKey, String)>) -> Self {
        self.comments = comments.into_iter().map(|(key, text)| (key, text.into())).collect();
        self
    }

    /// The state after `edit`; `self` is unchanged when the edit does not fit it.
    pub fn apply(&mut self, edit: &CatalogEdit) -> Result<()> {
        match edit {
            CatalogEdit::CreateSchema(def) => self.create_schema(def)?,
            CatalogEdit::DropSchema(id) => self.drop_schema(*id)?,
            CatalogEdit::CreateTable(def) => self.create_table(def)?,
            CatalogEdit::DropTable(id) => self.drop_table(*id)?,
            CatalogEdit::AlterTable(def) => self.alter_table(def)?,
            CatalogEdit::CreateSequence(def, _) => self.create_sequence(def)?,
            CatalogEdit::AlterSequence(def, _) => self.alter_sequence(def)?,
            CatalogEdit::DropSequence(id) => self.drop_sequence(*id)?,
            CatalogEdit::CreateView(def) => self.create_view(def)?,
            CatalogEdit::AlterView(def) => self.alter_view(def)?,
            CatalogEdit::DropView(id) => self.drop_view(*id)?,
            CatalogEdit::Materialize(id, def) => self.materialize(*id, def)?,
            CatalogEdit::CreateType(def) => self.create_type(def)?,
            CatalogEdit::AlterType(def) => self.alter_type(def)?,
            CatalogEdit::DropType(oid) => self.drop_type(*oid)?,
            CatalogEdit::CreateFunction(def) => self.create_function(def)?,
            CatalogEdit::AlterFunction(def) => self.alter_function(def)?,
            CatalogEdit::DropFunction(oid) => self.drop_function(*oid)?,
            CatalogEdit::Comment(key, Some(text)) => {
                self.comments.insert(*key, text.as_str().into());
            }
            CatalogEdit::Comment(key, None) => {
                self.comments.remove(key);
            }
        }
        self.version = self.version.saturating_add(1);
        Ok(())
    }

    fn create_schema(&mut self, def: &SchemaDef) -> Result<()> {
        if self.schema_names.contains_key(&def.name) {
            let message = format!("schema \"{}\" already exists", def.name);
            return Err(Error::new(ErrorKind::DuplicateSchema, message));
        }
        self.claim(def.oid, def.id.0);
        self.schema_names.insert(def.name.clone(), def.id);
        self.schemas.insert(def.id, Arc::new(def.clone()));
        Ok(())
    }

    fn drop_schema(&mut self, id: SchemaId) -> Result<()> {
        let used = [
            self.tables_of(id).next().is_some(),
            self.sequences_of(id).next().is_some(),
            self.views.values().any(|view| view.schema == id),
            self.types.values().any(|ty| ty.schema == id),
            self.functions.values().any(|function| function.schema == id),
        ];
        if used.contains(&true) {
            return Err(Error::internal("dropping a schema that still has relations, types or functions"));
        }
        let def = self.schemas.remove(&id).ok_or_else(|| Error::internal("dropping an unknown schema"))?;
        self.schema_names.remove(&def.name);
        self.forget_comments(PG_NAMESPACE, def.oid);
        Ok(())
    }

    fn create_table(&mut self, def: &TableDef) -> Result<()> {
        self.check_free(def.schema, &def.name)?;
        self.check_no_type(def.schema, &def.name)?;
        self.claim(def.oid, def.id.0);
        self.put_table(def);
        Ok(())
    }

    fn drop_table(&mut self, id: TableId) -> Result<()> {
        let def = self.tables.remove(&id).ok_or_else(|| Error::internal("dropping an unknown table"))?;
        self.table_names.remove(&(def.schema, def.name.clone()));
        self.table_oids.remove(&def.oid);
        self.comments.retain(|key, _| !is_part(key, &def));
        self.materialized.remove(&id);
        self.referring.retain(|(_, child)| *child != id);
        Ok(())
    }

    fn alter_table(&mut self, def: &TableDef) -> Result<()> {
        let before = self.tables.get(&def.id).cloned();
        let before = before.ok_or_else(|| Error::internal("altering an unknown table"))?;
        if before.oid != def.oid {
            return Err(Error::internal("altering a table must not change its OID"));
        }
        let old_name = (before.schema, before.name.clone());
        if (old_name.0, old_name.1.as_str()) != (def.schema, def.name.as_str()) {
            self.check_free(def.schema, &def.name)?;
            self.table_names.remove(&old_name);
        }
        self.comments.retain(|key, _| !is_part(key, &before) || is_part(key, def));
        if !before.foreign_keys.is_empty() {
            self.referring.retain(|(_, child)| *child != def.id);
        }
        self.put_table(def);
        Ok(())
    }

    pub(crate) fn forget_comments(&mut self, class: Oid, object: Oid) {
        self.comments.retain(|key, _| (key.class, key.object) != (class, object));
    }

    /// What is said of columns that are not among those that are kept.
    pub(crate) fn forget_columns(&mut self, class: Oid, object: Oid, kept: &[ColumnId]) {
        let stays = |column: &ColumnId| *column == ColumnId(0) || kept.contains(column);
        self.comments.retain(|key, _| (key.class, key.object) != (class, object) || stays(&key.column));
    }

    /// 42P07 when a relation has the name.
    pub(crate) fn check_free(&self, schema: SchemaId, name: &str) -> Result<()> {
        if !self.schemas.contains_key(&schema) {
            return Err(Error::internal("a relation in an unknown schema"));
        }
        let key = (schema, name.to_owned());
        let named = [
            self.table_names.contains_key(&key),
            self.sequence_names.contains_key(&key),
            self.view_names.contains_key(&key),
            self.composite_named(schema, name).is_some(),
        ];
        if named.contains(&true) {
            let message = format!("relation \"{name}\" already exists");
            return Err(Error::new(ErrorKind::DuplicateTable, message));
        }
        Ok(())
    }

    fn put_table(&mut self, def: &TableDef) {
        for tablet in &def.tablets {
            self.next_id = self.next_id.max(tablet.id.0.saturating_add(1));
        }
        for check in &def.checks {
            self.next_oid = self.next_oid.max(Oid(check.oid.0.saturating_add(1)));
        }
        for unique in &def.unique {
            self.next_id = self.next_id.max(unique.index.0.saturating_add(2));
            self.next_oid = self.next_oid.max(Oid(unique.oid.0.saturating_add(2)));
        }
        for key in &def.foreign_keys {
            self.next_oid = self.next_oid.max(Oid(key.oid.0.saturating_add(1)));
            self.referring.insert((key.table, def.id));
        }
        self.table_names.insert((def.schema, def.name.clone()), def.id);
        self.table_oids.insert(def.oid, def.id);
        self.tables.insert(def.id, Arc::new(def.clone()));
    }

    /// The first column of each table among some relations that there is not yet.
    pub(crate) fn first_unseen(&self, uses: &[Oid]) -> Vec<(Oid, ColumnId)> {
        let used = self.tables.values().filter(|table| uses.contains(&table.oid));
        used.map(|table| (table.oid, table.next_column)).collect()
    }

    pub(crate) fn claim(&mut self, oid: Oid, id: u64) {
        // A table with a key takes the OID after its own for the key's index and constraint.
        self.next_oid = self.next_oid.max(Oid(oid.0.saturating_add(3)));
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    /// Rebuilds a state from its parts, as a checkpoint keeps them.
    pub fn from_parts(
        schemas: Vec<SchemaDef>,
        tables: Vec<TableDef>,
        sequences: Vec<SequenceDef>,
        views: Vec<ViewDef>,
        next_oid: Oid,
        next_id: u64,
        version: u64,
    ) -> Self {
        let referred = |t: &TableDef| t.foreign_keys.iter().map(|k| (k.table, t.id)).collect::<Vec<_>>();
        let mut state = Self {
            referring: tables.iter().flat_map(referred).collect(),
            table_oids: tables.iter().map(|t| (t.oid, t.id)).collect(),
            schema_names: schemas.iter().map(|s| (s.name.clone(), s.id)).collect(),
            table_names: tables.iter().map(|t| ((t.schema, t.name.clone()), t.id)).collect(),
            sequence_names: sequences.iter().map(|s| ((s.schema, s.name.clone()), s.id)).collect(),
            view_names: BTreeMap::new(),
            views: BTreeMap::new(),
            types: BTreeMap::new(),
            type_names: BTreeMap::new(),
            functions: BTreeMap::new(),
            function_names: BTreeSet::new(),
            sequences: sequences.into_iter().map(|s| (s.id, Arc::new(s))).collect(),
            schemas: schemas.into_iter().map(|s| (s.id, Arc::new(s))).collect(),
            tables: tables.into_iter().map(|t| (t.id, Arc::new(t))).collect(),
            comments: BTreeMap::new(),
            materialized: BTreeMap::new(),
            next_oid,
            next_id,
            version,
        };
        views.iter().for_each(|view| state.put_view(view));
        state
    }
}

#[cfg(test)]
mod tests {
    use super::{CatalogState, SchemaDef};
    use crate::edit::CatalogEdit;
    use crate::table::{ColumnDef, ColumnKind, Partitioning, TableDef, TableOptions};
    use crate::unique::UniqueDef;
    use base::ErrorKind;
    use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId};
    use types::{Datum, SqlType};

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

    /// A table whose only column is unique.
    fn table(id: u64, oid: u32, name: &str) -> TableDef {
        let column = ColumnDef {
            id: ColumnId(1),
            name: "a".to_owned(),
            ty: SqlType::of(types::sql_type::oid::INT4).unwrap(),
            not_null: false,
            default: None,
            kind: ColumnKind::Plain,
            missing: Datum::Null,
        };
        let unique = UniqueDef {
            index: TableId(id + 2),
            oid: Oid(oid + 3),
            name: format!("{name}_a_key"),
            columns: vec![ColumnId(1)],
            constraint: true,
        };
        TableDef {
            id: TableId(id),
            oid: Oid(oid),
            schema: SchemaId(1),
            name: name.to_owned(),
            schema_version: SchemaVersion(1),
            columns: vec![column],
            next_column: ColumnId(2),
            primary_key: Vec::new(),
            primary_key_name: String::new(),
            partitioning: Partitioning::default(),
            tablets: Vec::new(),
            options: TableOptions::default(),
            distinct: Vec::new(),
            checks: Vec::new(),
            unique: vec![unique],
            foreign_keys: Vec::new(),
        }
    }

    /// A lookup finds what looking through all tables would, also after each edit and in a state from its parts.
    fn check_oids(state: &CatalogState) {
        let stored: Vec<TableDef> = state.stored_tables().map(|table| table.as_ref().clone()).collect();
        let (next_oid, next_id) = (state.next_oid(), state.next_id());
        let schemas = state.schemas().map(|schema| schema.as_ref().clone()).collect();
        let read =
            CatalogState::from_parts(schemas, stored, vec![], vec![], next_oid, next_id, state.version());
        assert_eq!(read, *state);
        for oid in (0..next_oid.0 + 5).map(Oid) {
            let found = state.tables().find(|table| table.oid == oid);
            assert_eq!(state.table_of_relation(oid), found);
        }
    }

    #[test]
    fn a_table_is_found_by_its_oid() {
        let mut state = CatalogState::initial();
        let (one, two) = (table(10, 16_400, "one"), table(20, 16_410, "two"));
        let renamed = TableDef { name: "three".to_owned(), ..one.clone() };
        let index = one.index(&one.unique[0]).unwrap();
        let edits = [
            CatalogEdit::CreateTable(Box::new(one.clone())),
            CatalogEdit::CreateTable(Box::new(index.clone())),
            CatalogEdit::CreateTable(Box::new(two)),
            CatalogEdit::AlterTable(Box::new(renamed)),
            CatalogEdit::DropTable(index.id),
            CatalogEdit::DropTable(one.id),
            CatalogEdit::CreateTable(Box::new(one)),
        ];
        for edit in edits {
            state.apply(&edit).unwrap();
            check_oids(&state);
        }
        assert_eq!(state.table_of_relation(Oid(16_400)).map(|table| table.name.as_str()), Some("one"));
    }
}
