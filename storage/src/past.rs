//! Definitions over time: since when the current ones count, and those that count no more.
//!
//! Must not know rows. Invariant: of one object at most one definition counts at any time, and the catalog at a time
//! is a function of the current catalog, this, and the time.

use crate::format::{ForgetRecord, PastImage, RetiredImage};
use base::id::{CommitTs, Oid, SchemaId, SequenceId, TableId, TabletId, ViewId};
use catalog::{
    CatalogEdit, CatalogState, FunctionDef, MaterializedDef, SchemaDef, SequenceDef, TableDef, ViewDef,
};
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
    sequences_since: BTreeMap<SequenceId, CommitTs>,
    sequences: Vec<Retired<SequenceDef>>,
    views_since: BTreeMap<ViewId, CommitTs>,
    views: Vec<Retired<ViewDef>>,
    materialized_since: BTreeMap<TableId, CommitTs>,
    materialized: Vec<Retired<(TableId, MaterializedDef)>>,
    functions_since: BTreeMap<Oid, CommitTs>,
    functions: Vec<Retired<FunctionDef>>,
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
            CatalogEdit::DropTable(id) => {
                self.retire(before, *id, ts);
                self.retire_materialized(before, *id, ts);
            }
            CatalogEdit::AlterTable(def) => {
                self.retire(before, def.id, ts);
                self.tables_since.insert(def.id, ts);
            }
            CatalogEdit::CreateSequence(def, _) => {
                self.sequences_since.insert(def.id, ts);
            }
            CatalogEdit::DropSequence(id) => self.retire_sequence(before, *id, ts),
            CatalogEdit::AlterSequence(def, _) => {
                self.retire_sequence(before, def.id, ts);
                self.sequences_since.insert(def.id, ts);
            }
            CatalogEdit::CreateView(def) => {
                self.views_since.insert(def.id, ts);
            }
            CatalogEdit::DropView(id) => self.retire_view(before, *id, ts),
            CatalogEdit::AlterView(def) => {
                self.retire_view(before, def.id, ts);
                self.views_since.insert(def.id, ts);
            }
            // Positions of labels never change, so those of now say what was meant then. Types that were dropped are
            // not kept: columns that had them can be read at earlier times by their positions only, which has no text.
            CatalogEdit::CreateType(_) | CatalogEdit::AlterType(_) | CatalogEdit::DropType(_) => {}
            CatalogEdit::CreateFunction(def) => {
                self.functions_since.insert(def.oid, ts);
            }
            CatalogEdit::DropFunction(oid) => self.retire_function(before, *oid, ts),
            CatalogEdit::AlterFunction(def) => {
                self.retire_function(before, def.oid, ts);
                self.functions_since.insert(def.oid, ts);
            }
            CatalogEdit::Materialize(id, _) => {
                self.retire_materialized(before, *id, ts);
                self.materialized_since.insert(*id, ts);
            }
            // What was said of objects at other times is not kept.
            CatalogEdit::Comment(..) => {}
        }
    }

    fn retire_materialized(&mut self, before: &CatalogState, id: TableId, ts: CommitTs) {
        let from = self.materialized_since.remove(&id).unwrap_or_default();
        if let Some(def) = before.materialized_view(id).filter(|_| from < ts) {
            let def = Arc::new((id, def.as_ref().clone()));
            self.materialized.push(Retired { def, from, until: ts });
        }
    }

    fn retire_view(&mut self, before: &CatalogState, id: ViewId, ts: CommitTs) {
        let from = self.views_since.remove(&id).unwrap_or_default();
        if let Some(def) = before.view(id).filter(|_| from < ts) {
            self.views.push(Retired { def: Arc::clone(def), from, until: ts });
        }
    }

    fn retire_function(&mut self, before: &CatalogState, oid: Oid, ts: CommitTs) {
        let from = self.functions_since.remove(&oid).unwrap_or_default();
        if let Some(def) = before.function(oid).filter(|_| from < ts) {
            self.functions.push(Retired { def: Arc::clone(def), from, until: ts });
        }
    }

    fn retire_sequence(&mut self, before: &CatalogState, id: SequenceId, ts: CommitTs) {
        let from = self.sequences_since.remove(&id).unwrap_or_default();
        if let Some(def) = before.sequence(id).filter(|_| from < ts) {
            self.sequences.push(Retired { def: Arc::clone(def), from, until: ts });
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
        let tables = current.stored_tables().filter(|t| since(self.tables_since.get(&t.id)));
        let retired = self.tables.iter().filter(|r| r.counts_at(ts)).map(|r| &r.def);
        let tables = tables.chain(retired).map(|t| t.as_ref().clone()).collect();
        let sequences = current.sequences().filter(|s| since(self.sequences_since.get(&s.id)));
        let retired = self.sequences.iter().filter(|r| r.counts_at(ts)).map(|r| &r.def);
        let sequences = sequences.chain(retired).map(|s| s.as_ref().clone()).collect();
        let views = current.views().filter(|v| since(self.views_since.get(&v.id)));
        let retired = self.views.iter().filter(|r| r.counts_at(ts)).map(|r| &r.def);
        let views = views.chain(retired).map(|v| v.as_ref().clone()).collect();
        let materialized = current.materialized().filter(|(id, _)| since(self.materialized_since.get(id)));
        let materialized = materialized.map(|(id, def)| (id, def.as_ref().clone()));
        let retired = self.materialized.iter().filter(|r| r.counts_at(ts)).map(|r| r.def.as_ref().clone());
        let materialized = materialized.chain(retired).collect();
        let functions = current.functions().filter(|f| since(self.functions_since.get(&f.oid)));
        let retired = self.functions.iter().filter(|r| r.counts_at(ts)).map(|r| &r.def);
        let functions = functions.chain(retired).map(|f| f.as_ref().clone()).collect();
        let version = OF_THE_PAST | ts.0;
        CatalogState::from_parts(
            schemas,
            tables,
            sequences,
            views,
            current.next_oid(),
            current.next_id(),
            version,
        )
        .with_materialized(materialized)
        .with_types(current.types().map(|ty| ty.as_ref().clone()).collect())
        .with_functions(functions)
    }

    /// Definitions of tables that count no more, in order of their end.
    pub(crate) fn tables(&self) -> &[Retired<TableDef>] {
        &self.tables
    }

    /// Definitions of sequences that count no more, in order of their end.
    pub(crate) fn sequences(&self) -> &[Retired<SequenceDef>] {
        &self.sequences
    }

    /// Tables that were materialized views, each as often as its definition changed, in order of their end.
    pub(crate) fn materialized(&self) -> &[Retired<(TableId, MaterializedDef)>] {
        &self.materialized
    }

    /// What made a dropped table a materialized view, when it was one.
    pub(crate) fn dropped_materialized(&self, dropped: &Retired<TableDef>) -> Option<&MaterializedDef> {
        let its =
            |r: &&Retired<(TableId, MaterializedDef)>| r.def.0 == dropped.def.id && r.until == dropped.until;
        self.materialized.iter().rev().find(its).map(|r| &r.def.1)
    }

    /// The newest definition of a table that was dropped.
    pub(crate) fn dropped(&self, current: &CatalogState, table: TableId) -> Option<&Retired<TableDef>> {
        let absent = current.table(table).is_none();
        self.tables.iter().rev().find(|r| absent && r.def.id == table)
    }

    /// The newest dropped table with a name; that of a schema which is gone counts for the one that has its name now.
    pub(crate) fn dropped_named(
        &self,
        current: &CatalogState,
        schema: SchemaId,
        name: &str,
    ) -> Option<&Retired<TableDef>> {
        let schema_name = current.schema(schema).map(|schema| schema.name.as_str());
        let in_schema = |id: SchemaId| {
            let gone = || self.schemas.iter().rev().find(|r| r.def.id == id && current.schema(id).is_none());
            id == schema || gone().is_some_and(|r| Some(r.def.name.as_str()) == schema_name)
        };
        let named =
            |r: &&Retired<TableDef>| r.def.name == name && !r.def.is_index() && in_schema(r.def.schema);
        self.tables.iter().rev().filter(named).find(|r| current.table(r.def.id).is_none())
    }

    /// Whether there are definitions of schemas or sequences to forget that ended at `ts` or before.
    pub(crate) fn has_others_until(&self, ts: CommitTs) -> bool {
        self.schemas.iter().any(|r| r.until <= ts)
            || self.views.iter().any(|r| r.until <= ts)
            || self.materialized.iter().any(|r| r.until <= ts)
            || self.functions.iter().any(|r| r.until <= ts)
            || self.sequences.iter().any(|r| self.is_over(r, ts))
    }

    /// Whether a sequence is to be forgotten: one that belongs to a table comes back with it.
    fn is_over(&self, sequence: &Retired<SequenceDef>, ts: CommitTs) -> bool {
        let owner = sequence.def.owner.map(|owner| owner.table);
        sequence.until <= ts && !self.tables.iter().any(|t| Some(t.def.id) == owner)
    }

    /// Forgets what a record says. Returns the tables that lost a definition, with the end of each.
    pub(crate) fn forget(&mut self, record: &ForgetRecord) -> Vec<(TableId, CommitTs)> {
        let gone = |r: &Retired<TableDef>| r.until <= record.until && record.tables.contains(&r.def.id);
        let lost = self.tables.iter().filter(|r| gone(r)).map(|r| (r.def.id, r.until)).collect();
        self.tables.retain(|r| !gone(r));
        self.schemas.retain(|r| r.until > record.until);
        self.views.retain(|r| r.until > record.until);
        self.materialized.retain(|r| r.until > record.until);
        self.functions.retain(|r| r.until > record.until);
        let over: Vec<_> = self.sequences.iter().map(|r| self.is_over(r, record.until)).collect();
        let mut over = over.into_iter();
        self.sequences.retain(|_| over.next() != Some(true));
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
            sequences_since: self.sequences_since.iter().map(|(id, ts)| (*id, *ts)).collect(),
            sequences: images(&self.sequences),
            views_since: self.views_since.iter().map(|(id, ts)| (*id, *ts)).collect(),
            views: images(&self.views),
            materialized_since: self.materialized_since.iter().map(|(id, ts)| (*id, *ts)).collect(),
            materialized: images(&self.materialized),
            functions_since: self.functions_since.iter().map(|(oid, ts)| (*oid, *ts)).collect(),
            functions: images(&self.functions),
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
            sequences_since: image.sequences_since.iter().copied().collect(),
            sequences: retired(&image.sequences),
            views_since: image.views_since.iter().copied().collect(),
            views: retired(&image.views),
            materialized_since: image.materialized_since.iter().copied().collect(),
            materialized: retired(&image.materialized),
            functions_since: image.functions_since.iter().copied().collect(),
            functions: retired(&image.functions),
        }
    }
}

#[cfg(test)]
#[path = "past_tests.rs"]
mod tests;
