//! DROP TABLE, SEQUENCE, VIEW, SCHEMA and TYPE, and of columns: what goes with an object, and what depends on it.
//!
//! Invariants: a sequence goes with the column it belongs to; nothing that is left names what is gone.

use super::dependents::{Dependents, forbid_or_tell};
use super::drop_texts::{of_composites, of_domains, texts_of_types};
use super::names::Shown;
use super::table::command;
use crate::api::Execution;
use crate::kernel::quoting::quote_ident;
use crate::session::Core;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, SequenceId, TableId, ViewId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, CatalogState, ColumnDef, ForeignKeyDef, SequenceDef, TableDef, ViewDef};
use sql::bound::DroppedColumn;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::user_type::{array_element, array_of};

/// DROP TABLE. `notices` tell of tables that did not exist.
pub(crate) fn drop_tables(
    core: &mut Core,
    tables: &[TableId],
    cascade: bool,
    notices: &[String],
) -> Result<Execution> {
    let gone = Gone { tables: tables.iter().copied().collect(), ..Gone::default() };
    drop_objects(core, gone, &[], cascade, notices)?;
    Ok(command("DROP TABLE"))
}

/// DROP MATERIALIZED VIEW.
pub(crate) fn drop_materialized(
    core: &mut Core,
    tables: &[TableId],
    cascade: bool,
    notices: &[String],
) -> Result<Execution> {
    drop_tables(core, tables, cascade, notices)?;
    Ok(command("DROP MATERIALIZED VIEW"))
}

/// DROP SEQUENCE.
pub(crate) fn drop_sequences(
    core: &mut Core,
    sequences: &[SequenceId],
    cascade: bool,
    notices: &[String],
) -> Result<Execution> {
    let gone = Gone { sequences: sequences.iter().copied().collect(), ..Gone::default() };
    drop_objects(core, gone, &[], cascade, notices)?;
    Ok(command("DROP SEQUENCE"))
}

/// DROP VIEW.
pub(crate) fn drop_views(
    core: &mut Core,
    views: &[ViewId],
    cascade: bool,
    notices: &[String],
) -> Result<Execution> {
    let gone = Gone { views: views.iter().copied().collect(), ..Gone::default() };
    drop_objects(core, gone, &[], cascade, notices)?;
    Ok(command("DROP VIEW"))
}

/// DROP SCHEMA; with CASCADE its relations go first.
pub(crate) fn drop_schemas(
    core: &mut Core,
    schemas: &[SchemaId],
    domains: &[(Oid, Option<Oid>)],
    columns: &[(TableId, DroppedColumn)],
    cascade: bool,
    notices: &[String],
) -> Result<Execution> {
    let gone = Gone { schemas: schemas.to_vec(), domains: domains.to_vec(), ..Gone::default() };
    drop_objects(core, gone, columns, cascade, notices)?;
    Ok(command("DROP SCHEMA"))
}

/// DROP TYPE, with the columns of other objects that have them.
pub(crate) fn drop_types(
    core: &mut Core,
    types: &[(Oid, Option<Oid>)],
    domains: bool,
    columns: &[(TableId, DroppedColumn)],
    cascade: bool,
    notices: &[String],
) -> Result<Execution> {
    let (named, over): (Vec<_>, Vec<_>) = types.iter().copied().partition(|(_, below)| below.is_none());
    let types = named.into_iter().map(|(ty, _)| ty).collect();
    let gone = Gone { types, domains: over, ..Gone::default() };
    drop_objects(core, gone, columns, cascade, notices)?;
    Ok(command(if domains { "DROP DOMAIN" } else { "DROP TYPE" }))
}

/// What a statement drops.
#[derive(Debug, Default)]
pub(super) struct Gone {
    pub(super) schemas: Vec<SchemaId>,
    pub(super) tables: BTreeSet<TableId>,
    pub(super) sequences: BTreeSet<SequenceId>,
    pub(super) views: BTreeSet<ViewId>,
    pub(super) columns: BTreeSet<(TableId, ColumnId)>,
    pub(super) types: BTreeSet<Oid>,
    /// Domains that go with types, with what they are over.
    pub(super) domains: Vec<(Oid, Option<Oid>)>,
}

/// `columns` go with types, in the order in which they are told.
fn drop_objects(
    core: &mut Core,
    mut gone: Gone,
    columns: &[(TableId, DroppedColumn)],
    cascade: bool,
    notices: &[String],
) -> Result<()> {
    for notice in notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let shown = Shown::new(core, &catalog);
    let target = target(&catalog, &shown, &gone);
    let mut dependents = Dependents::default();
    within_schemas(&catalog, &shown, &mut gone, &mut dependents);
    gone.sequences.extend(gone.tables.iter().flat_map(|t| catalog.owned_sequences(*t)).map(|s| s.id));
    identities_stay(&catalog, &shown, &gone)?;
    for (domain, below) in std::mem::take(&mut gone.domains) {
        gone.types.insert(domain);
        let name = |ty: Oid| type_name(&catalog, &shown, ty).unwrap_or_default();
        dependents.described.push((name(domain), below.map(name).unwrap_or_default()));
    }
    for (table, dropped) in columns {
        let table = catalog.table(*table).ok_or_else(|| Error::internal("altering an unknown table"))?;
        let ty = table.column(dropped.column).and_then(|c| type_behind(&catalog, &shown, c, &gone));
        let column = column_name(&shown, table, dropped.column);
        dependents.described.push((column, ty.unwrap_or_default()));
        of_column(&catalog, &shown, table, dropped, &mut gone, &mut dependents);
        readers(&catalog, &shown, &mut gone, &mut dependents, &[]);
    }
    readers(&catalog, &shown, &mut gone, &mut dependents, &[]);
    texts_of_types(&catalog, &shown, &gone, &mut dependents);
    let types: Vec<Oid> = gone.types.iter().copied().collect();
    readers(&catalog, &shown, &mut gone, &mut dependents, &types);
    defaults(&catalog, &shown, &gone, &mut dependents);
    for table in gone.tables.iter().filter_map(|id| catalog.table(*id)) {
        let on = table_name(&shown, table);
        referring(&catalog, &shown, table, &mut dependents, |child, _| {
            (!gone.tables.contains(&child.id)).then(|| on.clone())
        });
    }
    of_domains(&catalog, &shown, &gone, &mut dependents, cascade)?;
    of_composites(&catalog, &shown, &gone, &mut dependents, cascade)?;
    forbid_or_tell(core, target.as_deref(), &dependents, cascade)?;
    let left: BTreeSet<(TableId, ColumnId)> =
        gone.columns.iter().filter(|(table, _)| !gone.tables.contains(table)).copied().collect();
    carry_out(core, &catalog, &gone, dependents)?;
    without_columns(core, &left)
}

/// A column of a table: drops the sequences that belong to it, and the views that read it where it cascades. The column
/// itself, those generated from it, and the columns returned, which lose their defaults, are the caller's.
pub(super) fn with_column(
    core: &mut Core,
    table: &TableDef,
    dropped: &DroppedColumn,
) -> Result<Vec<ColumnId>> {
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let shown = Shown::new(core, &catalog);
    let mut gone = Gone::default();
    let mut dependents = Dependents::default();
    of_column(&catalog, &shown, table, dropped, &mut gone, &mut dependents);
    readers(&catalog, &shown, &mut gone, &mut dependents, &[]);
    defaults(&catalog, &shown, &gone, &mut dependents);
    let named = column_name(&shown, table, dropped.column);
    forbid_or_tell(core, Some(&named), &dependents, dropped.cascade)?;
    let own = dependents.defaults.remove(&table.id).unwrap_or_default();
    carry_out(core, &catalog, &gone, dependents)?;
    Ok(own)
}

/// What goes with a column.
fn of_column(
    catalog: &CatalogState,
    shown: &Shown,
    table: &TableDef,
    dropped: &DroppedColumn,
    gone: &mut Gone,
    dependents: &mut Dependents,
) {
    let DroppedColumn { column, generated, views, materialized, cascade: _ } = dropped;
    let named = |id: ColumnId| column_name(shown, table, id);
    gone.columns.extend(std::iter::once(column).chain(generated).map(|id| (table.id, *id)));
    dependents.described.extend(generated.iter().map(|id| (named(*id), named(*column))));
    for (id, column) in views {
        if let Some(view) = catalog.view(*id).filter(|_| gone.views.insert(*id)) {
            dependents.described.push((view_name(shown, view), named(*column)));
        }
    }
    for (id, column) in materialized {
        if let Some(view) = catalog.table(*id).filter(|_| gone.tables.insert(*id)) {
            dependents.described.push((table_name(shown, view), named(*column)));
        }
    }
    let owned = catalog.owned_sequences(table.id);
    let owned = owned.filter(|s| s.owner.is_some_and(|o| gone.columns.contains(&(o.table, o.column))));
    gone.sequences.extend(owned.map(|s| s.id));
    referring(catalog, shown, table, dependents, |child, key| {
        let other = child.id != table.id;
        key.referenced
            .iter()
            .find(|id| other && gone.columns.contains(&(table.id, **id)))
            .map(|id| named(*id))
    });
}

/// Takes columns from their tables.
fn without_columns(core: &mut Core, columns: &BTreeSet<(TableId, ColumnId)>) -> Result<()> {
    let transaction = core.transaction.current()?;
    let tables: BTreeSet<TableId> = columns.iter().map(|(table, _)| *table).collect();
    for table in tables {
        let def = transaction.catalog().table(table);
        let def = def.ok_or_else(|| Error::internal("altering an unknown table"))?.as_ref().clone();
        let own = columns.iter().filter(|(of, _)| *of == table);
        let mut def = own.fold(def, |def, (_, column)| def.without_column(*column));
        def.schema_version = SchemaVersion(def.schema_version.0.saturating_add(1));
        tokio::task::block_in_place(|| transaction.edit_catalog(CatalogEdit::AlterTable(Box::new(def))))?;
    }
    Ok(())
}

/// A unique constraint of a table, by its index: drops the foreign keys of other tables that need it where it cascades; those
/// of the table itself, which are returned, are the caller's.
pub(super) fn with_key(core: &mut Core, table: &TableDef, index: Oid, cascade: bool) -> Result<Vec<Oid>> {
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let shown = Shown::new(core, &catalog);
    let Some(unique) = table.unique.iter().find(|unique| unique.oid == index) else { return Ok(Vec::new()) };
    let name = quote_ident(&unique.name);
    let mut dependents = Dependents::default();
    referring(&catalog, &shown, table, &mut dependents, |_, key| {
        let needs = table.key_of(&key.referenced).is_some_and(|key| key.index == index);
        needs.then(|| format!("index {name}"))
    });
    let target = match unique.constraint {
        true => format!("constraint {name} on {}", table_name(&shown, table)),
        false => format!("index {}", shown.relation(table.schema, &unique.name)),
    };
    forbid_or_tell(core, Some(&target), &dependents, cascade)?;
    let own = dependents.foreign_keys.remove(&table.id).unwrap_or_default();
    carry_out(core, &catalog, &Gone::default(), dependents)?;
    Ok(own)
}

/// Foreign keys to a table that go with something, and with what.
fn referring(
    catalog: &CatalogState,
    shown: &Shown,
    table: &TableDef,
    dependents: &mut Dependents,
    goes: impl Fn(&TableDef, &ForeignKeyDef) -> Option<String>,
) {
    for (child, key) in catalog.references_to(table.id) {
        if let Some(on) = goes(child, key) {
            let described = format!("constraint {} on {}", quote_ident(&key.name), table_name(shown, child));
            dependents.described.push((described, on));
            dependents.foreign_keys.entry(child.id).or_default().push(key.oid);
        }
    }
}

fn carry_out(core: &mut Core, catalog: &CatalogState, gone: &Gone, dependents: Dependents) -> Result<()> {
    let transaction = core.transaction.current()?;
    let Dependents { described: _, defaults, checks, foreign_keys } = dependents;
    let changed: BTreeSet<TableId> =
        defaults.keys().chain(checks.keys()).chain(foreign_keys.keys()).copied().collect();
    for table in changed {
        let Some(def) = catalog.table(table) else { continue };
        let mut def = def.as_ref().clone();
        let columns = defaults.get(&table).map(Vec::as_slice).unwrap_or_default();
        for column in def.columns.iter_mut().filter(|c| columns.contains(&c.id)) {
            column.default = None;
        }
        let lost = checks.get(&table).map(Vec::as_slice).unwrap_or_default();
        def.checks.retain(|check| !lost.contains(&check.oid));
        let keys = foreign_keys.get(&table).map(Vec::as_slice).unwrap_or_default();
        def.foreign_keys.retain(|key| !keys.contains(&key.oid));
        transaction.edit_catalog(CatalogEdit::AlterTable(Box::new(def)))?;
    }
    for view in &gone.views {
        transaction.edit_catalog(CatalogEdit::DropView(*view))?;
    }
    for sequence in &gone.sequences {
        transaction.edit_catalog(CatalogEdit::DropSequence(*sequence))?;
    }
    for table in &gone.tables {
        transaction.edit_catalog(CatalogEdit::DropTable(*table))?;
    }
    for ty in &gone.types {
        transaction.edit_catalog(CatalogEdit::DropType(*ty))?;
    }
    for schema in &gone.schemas {
        transaction.edit_catalog(CatalogEdit::DropSchema(*schema))?;
    }
    Ok(())
}

/// The one object that is named, in words; None when there are several.
fn target(catalog: &CatalogState, shown: &Shown, gone: &Gone) -> Option<String> {
    let Gone { schemas, tables, sequences, views, columns: _, types, domains: _ } = gone;
    let schemas = schemas.iter().map(|schema| format!("schema {}", shown.schema(*schema)));
    let tables = tables.iter().filter_map(|id| catalog.table(*id)).map(|t| table_name(shown, t));
    let sequences = sequences.iter().filter_map(|id| catalog.sequence(*id)).map(|s| sequence_name(shown, s));
    let views = views.iter().filter_map(|id| catalog.view(*id)).map(|v| view_name(shown, v));
    let types = types.iter().filter_map(|ty| type_name(catalog, shown, *ty));
    let mut all = schemas.chain(tables).chain(sequences).chain(views).chain(types);
    all.next().filter(|_| all.next().is_none())
}

pub(super) fn table_name(shown: &Shown, def: &TableDef) -> String {
    let kind = if shown.is_materialized(def.id) { "materialized view" } else { "table" };
    format!("{kind} {}", shown.relation(def.schema, &def.name))
}

pub(super) fn sequence_name(shown: &Shown, def: &SequenceDef) -> String {
    format!("sequence {}", shown.relation(def.schema, &def.name))
}

pub(super) fn column_name(shown: &Shown, table: &TableDef, column: ColumnId) -> String {
    let name = table.column(column).map(|c| quote_ident(&c.name)).unwrap_or_default();
    format!("column {name} of {}", table_name(shown, table))
}

/// A type, or that of arrays over it, in words, with its schema unless it is found without.
pub(super) fn type_name(catalog: &CatalogState, shown: &Shown, ty: Oid) -> Option<String> {
    let element = array_element(ty);
    let def = catalog.type_of(element.unwrap_or(ty))?;
    let array = if element.is_some() { "[]" } else { "" };
    Some(format!("type {}{array}", shown.user_type(def)))
}

/// The type that goes of a column, or in what it is computed from, in words.
fn type_behind(catalog: &CatalogState, shown: &Shown, column: &ColumnDef, gone: &Gone) -> Option<String> {
    let named = column.ty.named();
    if gone.types.contains(&array_element(named).unwrap_or(named)) {
        return type_name(catalog, shown, named);
    }
    let text = column.default.as_deref()?;
    let mut types = gone.types.iter().flat_map(|ty| [array_of(*ty), Some(*ty)]).flatten();
    let named = types.find(|ty| text.contains(&catalog::relation_name(*ty)))?;
    type_name(catalog, shown, named)
}

fn view_name(shown: &Shown, def: &ViewDef) -> String {
    format!("view {}", shown.relation(def.schema, &def.name))
}

/// What is in the schemas goes too; sequences of columns are not worth a word.
fn within_schemas(catalog: &CatalogState, shown: &Shown, gone: &mut Gone, dependents: &mut Dependents) {
    let mut described: Vec<(Oid, String, String)> = Vec::new();
    for schema in &gone.schemas {
        let owner = format!("schema {}", shown.schema(*schema));
        for table in catalog.tables_of(*schema) {
            gone.tables.insert(table.id);
            described.push((table.oid, table_name(shown, table), owner.clone()));
        }
        for sequence in catalog.sequences_of(*schema) {
            gone.sequences.insert(sequence.id);
            if sequence.owner.is_none() {
                described.push((sequence.oid, sequence_name(shown, sequence), owner.clone()));
            }
        }
        for view in catalog.views().filter(|v| v.schema == *schema) {
            gone.views.insert(view.id);
            described.push((view.oid, view_name(shown, view), owner.clone()));
        }
        for def in catalog.types().filter(|ty| ty.schema == *schema) {
            gone.types.insert(def.oid);
            let name = type_name(catalog, shown, def.oid).unwrap_or_default();
            described.push((def.oid, name, owner.clone()));
        }
    }
    described.sort();
    dependents.described.extend(described.into_iter().map(|(_, object, on)| (object, on)));
}

/// 2BP01 when the sequence of an identity column would go without the column.
fn identities_stay(catalog: &CatalogState, shown: &Shown, gone: &Gone) -> Result<()> {
    for sequence in gone.sequences.iter().filter_map(|id| catalog.sequence(*id)) {
        let Some(owner) = sequence.owner.filter(|o| o.identity && !gone.tables.contains(&o.table)) else {
            continue;
        };
        let Some(table) = catalog.table(owner.table) else { continue };
        let column = table.column(owner.column).map(|c| quote_ident(&c.name)).unwrap_or_default();
        let column = format!("column {column} of {}", table_name(shown, table));
        let message = format!("cannot drop {} because {column} requires it", sequence_name(shown, sequence));
        return Err(Error::new(ErrorKind::DependentObjects, message)
            .with_hint(format!("You can drop {column} instead.")));
    }
    Ok(())
}

/// Views that read what goes, and those that read them; also those that name some types.
fn readers(
    catalog: &CatalogState,
    shown: &Shown,
    gone: &mut Gone,
    dependents: &mut Dependents,
    types: &[Oid],
) {
    let mut names: BTreeMap<Oid, String> = BTreeMap::new();
    names.extend(types.iter().filter_map(|ty| Some((*ty, type_name(catalog, shown, *ty)?))));
    let tables = gone.tables.iter().filter_map(|id| catalog.table(*id));
    names.extend(tables.map(|t| (t.oid, table_name(shown, t))));
    let sequences = gone.sequences.iter().filter_map(|id| catalog.sequence(*id));
    names.extend(sequences.map(|s| (s.oid, sequence_name(shown, s))));
    let views = gone.views.iter().filter_map(|id| catalog.view(*id));
    names.extend(views.map(|v| (v.oid, view_name(shown, v))));
    loop {
        let before = (gone.views.len(), gone.tables.len());
        for (id, def) in catalog.materialized() {
            let read = def.uses.iter().find_map(|oid| names.get(oid).cloned());
            let Some(read) = read.filter(|_| !gone.tables.contains(&id)) else { continue };
            let Some(table) = catalog.table(id) else { continue };
            gone.tables.insert(id);
            names.insert(table.oid, table_name(shown, table));
            dependents.described.push((table_name(shown, table), read));
        }
        for view in catalog.views() {
            let read = view.uses.iter().find_map(|oid| names.get(oid).cloned());
            let Some(read) = read.filter(|_| !gone.views.contains(&view.id)) else { continue };
            gone.views.insert(view.id);
            names.insert(view.oid, view_name(shown, view));
            dependents.described.push((view_name(shown, view), read));
        }
        if (gone.views.len(), gone.tables.len()) == before {
            return;
        }
    }
}

/// Defaults of what is left that name what goes.
fn defaults(catalog: &CatalogState, shown: &Shown, gone: &Gone, dependents: &mut Dependents) {
    let sequences = gone.sequences.iter().filter_map(|id| catalog.sequence(*id));
    let sequences = sequences.map(|s| (s.oid, sequence_name(shown, s)));
    let tables = gone.tables.iter().filter_map(|id| catalog.table(*id));
    let tables = tables.map(|t| (t.oid, table_name(shown, t)));
    for (oid, name) in sequences.chain(tables) {
        let constant = catalog::relation_constant(oid);
        for table in catalog.tables().filter(|t| !gone.tables.contains(&t.id)) {
            let columns = table.columns.iter().filter(|c| !gone.columns.contains(&(table.id, c.id)));
            for column in columns {
                if column.default.as_ref().is_some_and(|text| text.contains(&constant)) {
                    let column_name = quote_ident(&column.name);
                    let described =
                        format!("default value for column {column_name} of {}", table_name(shown, table));
                    dependents.described.push((described, name.clone()));
                    dependents.defaults.entry(table.id).or_default().push(column.id);
                }
            }
        }
    }
}
