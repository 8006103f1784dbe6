//! Temporary tables: ordinary ones in a schema of the session's own, which goes with the session.
//!
//! Must not know how tables are made. Invariants: no other session finds them by name; what a crash leaves is dropped
//! before the next session starts.

use crate::session::core::Core;
use base::id::{SchemaId, TableId};
use base::{ErrorKind, Result};
use catalog::{CatalogEdit, SchemaDef};
use sql::binder::is_temporary;
use sql::bound::OnCommit;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use storage::{Database, Transaction};

/// How often the end of a session waits for another change of the catalog, and how long each time.
const WAITS_MAX: u32 = 50;
const WAIT: Duration = Duration::from_millis(20);

/// Numbers of the sessions' schemas; given once per process.
#[derive(Debug, Default)]
pub(crate) struct TemporarySchemas {
    last: AtomicU64,
}

impl TemporarySchemas {
    fn next(&self) -> String {
        format!("pg_temp_{}", self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// What a session knows of its temporary tables.
#[derive(Debug, Default)]
pub(crate) struct Temporary {
    /// Given once; it is made with the first table.
    schema: Option<String>,
    on_commit: BTreeMap<TableId, OnCommit>,
}

impl Temporary {
    /// The schema, whether it has been made or not.
    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Takes note of a new table.
    pub(crate) fn add(&mut self, table: TableId, on_commit: OnCommit) {
        if on_commit != OnCommit::PreserveRows {
            self.on_commit.insert(table, on_commit);
        }
    }
}

impl Temporary {
    /// Whether a table loses its rows, or goes, with each commit.
    pub(crate) fn ends_at_commit(&self, table: TableId) -> bool {
        self.on_commit.contains_key(&table)
    }
}

impl Core {
    /// The schema of temporary tables in the running transaction; made when there is none.
    pub(crate) fn temporary_schema(&mut self) -> Result<SchemaId> {
        let name = match &self.temporary.schema {
            Some(name) => name.clone(),
            None => self.engine.shared.temporary.next(),
        };
        self.temporary.schema = Some(name.clone());
        let transaction = self.transaction.current()?;
        let catalog = transaction.catalog();
        if let Some(schema) = catalog.schema_named(&name) {
            return Ok(schema.id);
        }
        let schema = SchemaDef { id: SchemaId(catalog.next_id()), oid: catalog.next_oid(), name };
        let id = schema.id;
        transaction.edit_catalog(CatalogEdit::CreateSchema(schema))?;
        Ok(id)
    }

    /// ON COMMIT, right before the commit.
    pub(crate) fn finish_temporary(&mut self) -> Result<()> {
        let Some(storage) = self.transaction.storage() else { return Ok(()) };
        let known = |id: &TableId| storage.catalog().table(*id).is_some();
        let due: Vec<(TableId, OnCommit)> = self
            .temporary
            .on_commit
            .iter()
            .filter(|(id, _)| known(id))
            .map(|(id, what)| (*id, *what))
            .collect();
        if due.is_empty() || !storage.has_writes() {
            return Ok(());
        }
        let transaction = self.transaction.current()?;
        transaction.begin_command();
        for (table, what) in due {
            match what {
                OnCommit::PreserveRows => {}
                OnCommit::DeleteRows => transaction.truncate(table)?,
                OnCommit::Drop => drop_table(transaction, table)?,
            }
        }
        Ok(())
    }

    /// Drops all temporary tables, at the end of the session and where it asks for that. Blocks the thread.
    pub(crate) fn drop_temporary(&mut self) -> Result<()> {
        let Some(name) = self.temporary.schema.clone() else { return Ok(()) };
        self.temporary.on_commit.clear();
        drop_schema(self.engine.database(), &name)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.rollback();
        // What cannot be dropped now is dropped at the next start.
        let _ = self.drop_temporary();
    }
}

/// Drops what sessions of an earlier process left.
pub(crate) fn drop_leftovers(database: &Database) -> Result<()> {
    let catalog = std::sync::Arc::clone(database.snapshot().catalog());
    let mut left = catalog.schemas().filter(|schema| is_temporary(&schema.name));
    left.try_for_each(|schema| drop_schema(database, &schema.name))
}

fn drop_schema(database: &Database, name: &str) -> Result<()> {
    let mut waits = 0;
    loop {
        let mut transaction = database.begin_for("temporary tables");
        let outcome = empty_schema(&mut transaction, name);
        let blocker = transaction.blocked_by();
        let error = match outcome {
            Ok(false) => return Ok(()),
            Ok(true) => match transaction.commit() {
                Ok(_) => return Ok(()),
                Err(error) => error,
            },
            Err(error) => {
                transaction.rollback();
                error
            }
        };
        if error.kind() != ErrorKind::LostRace || waits >= WAITS_MAX {
            return Err(error);
        }
        waits += 1;
        if let Some(blocker) = blocker {
            database.wait_for_end(blocker, WAIT);
        }
    }
}

/// Drops a schema with all that is in it; false when there is none.
fn empty_schema(transaction: &mut Transaction, name: &str) -> Result<bool> {
    let catalog = std::sync::Arc::clone(transaction.catalog());
    let Some(schema) = catalog.schema_named(name) else { return Ok(false) };
    for table in catalog.tables_of(schema.id) {
        drop_table(transaction, table.id)?;
    }
    for sequence in catalog.sequences_of(schema.id).filter(|sequence| sequence.owner.is_none()) {
        transaction.edit_catalog(CatalogEdit::DropSequence(sequence.id))?;
    }
    transaction.edit_catalog(CatalogEdit::DropSchema(schema.id))?;
    Ok(true)
}

/// Drops a table with the sequences of its columns.
fn drop_table(transaction: &mut Transaction, table: TableId) -> Result<()> {
    let catalog = std::sync::Arc::clone(transaction.catalog());
    for sequence in catalog.owned_sequences(table) {
        transaction.edit_catalog(CatalogEdit::DropSequence(sequence.id))?;
    }
    transaction.edit_catalog(CatalogEdit::DropTable(table))
}
