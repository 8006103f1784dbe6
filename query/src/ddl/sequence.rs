//! CREATE and ALTER SEQUENCE, and the sequences of columns.
//!
//! Invariant: a sequence that is restarted gets another counter, so that a rollback finds the old one as it was.

use super::names::{free_name, relation_exists};
use crate::api::Execution;
use crate::session::Core;
use base::id::{CounterId, Oid, SchemaId, SequenceId, TableId};
use base::{Error, ErrorKind, Result};
use catalog::{
    CatalogEdit, CatalogState, ColumnDef, ColumnKind, Position, SequenceDef, SequenceOwner, TableDef,
};
use sql::bound::{BoundAlterSequence, BoundCreateSequence, BoundCreateTable, SequenceShape};
use std::sync::Arc;

/// CREATE SEQUENCE.
pub(crate) fn create_sequence(core: &mut Core, create: &BoundCreateSequence) -> Result<Execution> {
    let transaction = core.transaction.current()?;
    let catalog = transaction.catalog();
    if relation_exists(catalog, create.schema, &create.name) {
        let message = format!("relation \"{}\" already exists", create.name);
        if !create.if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateTable, message));
        }
        core.notice("NOTICE", "42P07", format!("{message}, skipping"));
        return Ok(super::table::command("CREATE SEQUENCE"));
    }
    let ids = (catalog.next_id(), catalog.next_oid());
    let def = new_sequence(ids, create.schema, create.name.clone(), create.shape, create.owner);
    let first = def.first();
    transaction.edit_catalog(CatalogEdit::CreateSequence(Box::new(def), first))?;
    Ok(super::table::command("CREATE SEQUENCE"))
}

fn new_sequence(
    (id, oid): (u64, Oid),
    schema: SchemaId,
    name: String,
    shape: SequenceShape,
    owner: Option<SequenceOwner>,
) -> SequenceDef {
    let SequenceShape { ty, start, increment, min, max, cache, cycle } = shape;
    SequenceDef {
        id: SequenceId(id),
        oid,
        schema,
        name,
        ty,
        start,
        increment,
        min,
        max,
        cache,
        cycle,
        counter: CounterId(id.saturating_add(1)),
        owner,
    }
}

/// ALTER SEQUENCE.
pub(crate) fn alter_sequence(core: &mut Core, alter: &BoundAlterSequence) -> Result<Execution> {
    for notice in &alter.notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    let Some((def, restart)) = &alter.change else { return Ok(super::table::command(alter.command)) };
    let database = core.engine.database().clone();
    let transaction = core.transaction.current()?;
    let catalog = Arc::clone(transaction.catalog());
    let before = catalog.sequence(def.id).ok_or_else(|| Error::internal("altering an unknown sequence"))?;
    let renamed = (before.schema, &before.name) != (def.schema, &def.name);
    if renamed && relation_exists(&catalog, def.schema, &def.name) {
        let message = format!("relation \"{}\" already exists", def.name);
        return Err(Error::new(ErrorKind::DuplicateTable, message));
    }
    let value = match restart {
        Some(value) => *value,
        None => database.position(before)?.value,
    };
    let beyond = match () {
        () if value < def.min => Some(("less than MINVALUE", def.min)),
        () if value > def.max => Some(("greater than MAXVALUE", def.max)),
        () => None,
    };
    if let Some((what, bound)) = beyond {
        let message = format!("RESTART value ({value}) cannot be {what} ({bound})");
        return Err(Error::new(ErrorKind::InvalidParameterValue, message));
    }
    let mut def = def.clone();
    let position = restart.map(|value| {
        def.counter = CounterId(catalog.next_id());
        Position { value, called: false }
    });
    transaction.edit_catalog(CatalogEdit::AlterSequence(Box::new(def), position))?;
    Ok(super::table::command(alter.command))
}

/// TRUNCATE .. RESTART IDENTITY.
pub(super) fn restart_owned(core: &mut Core, table: TableId) -> Result<()> {
    let transaction = core.transaction.current()?;
    let owned: Vec<Arc<SequenceDef>> = transaction.catalog().owned_sequences(table).cloned().collect();
    for sequence in owned {
        let counter = CounterId(transaction.catalog().next_id());
        let def = SequenceDef { counter, ..sequence.as_ref().clone() };
        let first = def.first();
        transaction.edit_catalog(CatalogEdit::AlterSequence(Box::new(def), Some(first)))?;
    }
    Ok(())
}

/// The sequences of a new table's serial and identity columns; their columns get the next value as default. The first
/// unused id is that behind the table's.
pub(super) fn of_new_table(
    catalog: &CatalogState,
    create: &BoundCreateTable,
    table: &mut TableDef,
) -> Result<Vec<SequenceDef>> {
    let mut id = table.last_id().saturating_add(1);
    let mut oid = table.last_oid().0;
    let mut sequences: Vec<SequenceDef> = Vec::new();
    for (new, column) in create.columns.iter().zip(&mut table.columns) {
        let Some(shape) = new.sequence else { continue };
        oid = oid.saturating_add(3);
        let taken = |name: &str| {
            relation_exists(catalog, table.schema, name)
                || name == table.name
                || name == table.primary_key_name
                || table.unique.iter().any(|unique| unique.name == name)
                || sequences.iter().any(|s| s.name == name)
        };
        let name = free_name(&table.name, Some(&column.name), "seq", taken)?;
        let identity = matches!(column.kind, ColumnKind::Identity { .. });
        let owner = SequenceOwner { table: table.id, column: column.id, identity };
        column.default = Some(next_value(Oid(oid)));
        sequences.push(new_sequence((id, Oid(oid)), table.schema, name, shape, Some(owner)));
        id = id.saturating_add(2);
    }
    Ok(sequences)
}

/// The sequence of a serial or identity column that joins a table; the column gets its next value as default.
pub(super) fn of_new_column(
    core: &mut Core,
    table: &TableDef,
    column: &mut ColumnDef,
    shape: SequenceShape,
) -> Result<()> {
    let transaction = core.transaction.current()?;
    let catalog = Arc::clone(transaction.catalog());
    let taken = |name: &str| name == table.name || relation_exists(&catalog, table.schema, name);
    let name = free_name(&table.name, Some(&column.name), "seq", taken)?;
    let identity = matches!(column.kind, ColumnKind::Identity { .. });
    let owner = SequenceOwner { table: table.id, column: column.id, identity };
    let ids = (catalog.next_id(), catalog.next_oid());
    let def = new_sequence(ids, table.schema, name, shape, Some(owner));
    let first = def.first();
    column.default = Some(next_value(def.oid));
    transaction.edit_catalog(CatalogEdit::CreateSequence(Box::new(def), first))
}

/// The expression that takes a value of a sequence.
pub(super) fn next_value(sequence: Oid) -> String {
    format!("nextval({})", catalog::relation_constant(sequence))
}

/// The sequences of a clone: each goes on from where that of the source stands.
pub(super) fn of_clone(
    core: &mut Core,
    catalog: &CatalogState,
    of_then: &CatalogState,
    source: &TableDef,
    table: &mut TableDef,
) -> Result<Vec<(SequenceDef, Position)>> {
    let database = core.engine.database().clone();
    let mut id = table.last_id().saturating_add(1);
    let mut oid = table.last_oid().0;
    let mut sequences: Vec<(SequenceDef, Position)> = Vec::new();
    for owned in of_then.owned_sequences(source.id) {
        let Some(owner) = owned.owner else { continue };
        let column = table.columns.iter().find(|c| c.id == owner.column).map(|c| c.name.clone());
        oid = oid.saturating_add(3);
        let taken = |name: &str| {
            relation_exists(catalog, table.schema, name)
                || name == table.name
                || name == table.primary_key_name
                || table.unique.iter().any(|unique| unique.name == name)
                || sequences.iter().any(|(s, _)| s.name == name)
        };
        let name = free_name(&table.name, column.as_deref(), "seq", taken)?;
        let owner = SequenceOwner { table: table.id, ..owner };
        let (old, new) = (catalog::relation_constant(owned.oid), catalog::relation_constant(Oid(oid)));
        for text in table.columns.iter_mut().filter_map(|c| c.default.as_mut()) {
            *text = text.replace(&old, &new);
        }
        let shape = SequenceShape::of(owned);
        let def = new_sequence((id, Oid(oid)), table.schema, name, shape, Some(owner));
        sequences.push((def, database.position(owned)?));
        id = id.saturating_add(2);
    }
    Ok(sequences)
}
