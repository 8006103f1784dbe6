//! Definitions over time: since when the current ones count, and those that count no more.
//!
//! Must not know rows. Invariant: of one object at most one definition counts at any time, and the catalog at a time
//! is a function of the current catalog, this, and the time.

use crate::format::{ForgetRecord, PastImage, RetiredImage};
use base::id::{CommitTs, SchemaId, TableId, TabletId};
use catalog::{CatalogEdit, CatalogState, SchemaDef, TableDef};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Top bit of the version of a catalog of the past, which no current one reaches.
const OF_THE_PAST: u64 = 1 << 63;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Past {
    /// Absent: since ever.
    tables_since: BTreeMap<TableId, CommitTs>,
    schemas_since: BTreeMap<SchemaId, CommitTs>,
    /// In order of their end.
    tables: Vec<Retired<TableDef>>,
    schemas: Vec<Retired<SchemaDef>>,
}

/// A definition that counted from `from` until `until`, this one excluded.
#[derive(Debug, PartialEq)]
pub(crate) struct Retired<T> {
    pub(crate) def: Arc<T>,
    pub(crate) from: CommitTs,
    pub(crate) until: CommitTs,
}

impl<T> Clone for Retired<T> {
    fn clone(&self) -> Self {
        Self { def: Arc::clone(&self.def), from: self.from, until: self.until }
    }
}

impl<T> Retired<T> {
    fn counts_at(&self, ts: CommitTs) -> bool {
        self.from <= ts && ts < self.until
    }
}

impl Past {
    /// Takes note of an edit at `ts`; `before` is the catalog without it.
    pub(crate) fn note(&mut self, before: &CatalogState, edit: &CatalogEdit, ts: CommitTs) {
        match edit {
            CatalogEdit::CreateSchema(def) => {
                self.schemas_since.insert(def.id, ts);
            }
            CatalogEdit::DropSchema(id) => {
                let from = self.schemas_since.remove(id).unwrap_or_default();
                if let Some(def) = before.schema(*id) {
                    self.schemas.push(Retired { def: Arc::clone(def), from, until: ts });
                }
            }
            CatalogEdit::CreateTable(def) => {
                self.tables_since.insert(def.id, ts);
            }
            CatalogEdit::DropTable(id) => self.retire(before, *id, ts),
            CatalogEdit::AlterTable(def) => {
                self.retire(before, def.id, ts);
                self.tables_since.insert(def.id, ts);
            }
        }
    }

    fn retire(&mut self, before: &CatalogState, id: TableId, ts: CommitTs) {
        let from = self.tables_since.remove(&id).unwrap_or_default();
        // Several edits of one commit: only the last definition counts.
        if let Some(def) = before.table(id).filter(|_| from < ts) {
            self.tables.push(Retired { def: Arc::clone(def), from, until: ts });
        }
    }

    /// The catalog as it was at `ts`.
    pub(crate) fn catalog_at(&self, current: &CatalogState, ts: CommitTs) -> CatalogState {
        let since = |since: Option<&CommitTs>| since.copied().unwrap_or_default() <= ts;
        let schemas = current.schemas().filter(|s| since(self.schemas_since.get(&s.id)));
        let retired = self.schemas.iter().filter(|r| r.counts_at(ts)).map(|r| &r.def);
        let schemas = schemas.chain(retired).map(|s| s.as_ref().clone()).collect();
        let tables = current.tables().filter(|t| since(self.tables_since.get(&t.id)));
        let retired = self.tables.iter().filter(|r| r.counts_at(ts)).map(|r| &r.def);
        let tables = tables.chain(retired).map(|t| t.as_ref().clone()).collect();
        let version = OF_THE_PAST | ts.0;
        CatalogState::from_parts(schemas, tables, current.next_oid(), current.next_id(), version)
    }

    /// Definitions of tables that count no more, in order of their end.
    pub(crate) fn tables(&self) -> &[Retired<TableDef>] {
        &self.tables
    }

    /// The newest definition of a table that was dropped.
    pub(crate) fn dropped(&self, current: &CatalogState, table: TableId) -> Option<&Retired<TableDef>> {
        let absent = current.table(table).is_none();
        self.tables.iter().rev().find(|r| absent && r.def.id == table)
    }

    /// The newest dropped table with a name.
    pub(crate) fn dropped_named(
        &self,
        current: &CatalogState,
        schema: SchemaId,
        name: &str,
    ) -> Option<&Retired<TableDef>> {
        let named = |r: &&Retired<TableDef>| r.def.schema == schema && r.def.name == name;
        self.tables.iter().rev().filter(named).find(|r| current.table(r.def.id).is_none())
    }

    /// Whether there are definitions of schemas that ended at `ts` or before.
    pub(crate) fn has_schemas_until(&self, ts: CommitTs) -> bool {
        self.schemas.iter().any(|r| r.until <= ts)
    }

    /// Forgets what a record says. Returns the tables that lost a definition, with the end of each.
    pub(crate) fn forget(&mut self, record: &ForgetRecord) -> Vec<(TableId, CommitTs)> {
        let gone = |r: &Retired<TableDef>| r.until <= record.until && record.tables.contains(&r.def.id);
        let lost = self.tables.iter().filter(|r| gone(r)).map(|r| (r.def.id, r.until)).collect();
        self.tables.retain(|r| !gone(r));
        self.schemas.retain(|r| r.until > record.until);
        lost
    }

    /// The definition that a dropped tablet belonged to last.
    pub(crate) fn definition_of(&self, tablet: TabletId) -> Option<&Arc<TableDef>> {
        let has = |r: &&Retired<TableDef>| r.def.tablets.iter().any(|t| t.id == tablet);
        self.tables.iter().rev().find(has).map(|r| &r.def)
    }

    /// The image of this for a checkpoint; running time and samples are the caller's.
    pub(crate) fn image(&self, uptime_us: u64, samples: Vec<(u64, CommitTs)>) -> PastImage {
        fn images<T: Clone>(retired: &[Retired<T>]) -> Vec<RetiredImage<T>> {
            let image = |r: &Retired<T>| RetiredImage { def: T::clone(&r.def), from: r.from, until: r.until };
            retired.iter().map(image).collect()
        }
        PastImage {
            tables_since: self.tables_since.iter().map(|(id, ts)| (*id, *ts)).collect(),
            schemas_since: self.schemas_since.iter().map(|(id, ts)| (*id, *ts)).collect(),
            tables: images(&self.tables),
            schemas: images(&self.schemas),
            uptime_us,
            samples,
        }
    }

    pub(crate) fn from_image(image: &PastImage) -> Self {
        fn retired<T: Clone>(images: &[RetiredImage<T>]) -> Vec<Retired<T>> {
            let one =
                |i: &RetiredImage<T>| Retired { def: Arc::new(i.def.clone()), from: i.from, until: i.until };
            images.iter().map(one).collect()
        }
        Self {
            tables_since: image.tables_since.iter().copied().collect(),
            schemas_since: image.schemas_since.iter().copied().collect(),
            tables: retired(&image.tables),
            schemas: retired(&image.schemas),
        }
    }
}
