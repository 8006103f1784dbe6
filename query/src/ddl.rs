//! CREATE and DROP of tables and schemas: from bound statements to catalog edits.
//!
//! Invariant: ids and OIDs are minted here, from the transaction's own catalog, never twice within it.

use crate::api::Execution;
use crate::session::Core;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId, TabletId};
use base::limits::{IDENTIFIER_BYTES_MAX, TABLETS_PER_TABLE_MAX};
use base::{Error, ErrorKind, Result};
use catalog::{
    CatalogEdit, CatalogState, ColumnDef, HashLevel, Partitioning, RangeLevel, SchemaDef, TableDef, TabletDef,
};
use sql::bound::BoundCreateTable;

/// CREATE TABLE.
pub(crate) fn create_table(core: &mut Core, create: &BoundCreateTable) -> Result<Execution> {
    let transaction = core.transaction.current()?;
    let catalog = transaction.catalog();
    if relation_exists(catalog, create.schema, &create.name) {
        let message = format!("relation \"{}\" already exists", create.name);
        if !create.if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateTable, message));
        }
        core.notice("NOTICE", "42P07", format!("{message}, skipping"));
        return Ok(command("CREATE TABLE"));
    }
    let table = new_table(catalog, create)?;
    transaction.edit_catalog(CatalogEdit::CreateTable(Box::new(table)))?;
    Ok(command("CREATE TABLE"))
}

/// DROP TABLE. `notices` tell of tables that did not exist.
pub(crate) fn drop_tables(core: &mut Core, tables: &[TableId], notices: &[String]) -> Result<Execution> {
    for notice in notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    let transaction = core.transaction.current()?;
    for table in tables {
        transaction.edit_catalog(CatalogEdit::DropTable(*table))?;
    }
    Ok(command("DROP TABLE"))
}

/// CREATE SCHEMA.
pub(crate) fn create_schema(core: &mut Core, name: &str, if_not_exists: bool) -> Result<Execution> {
    let transaction = core.transaction.current()?;
    let catalog = transaction.catalog();
    let is_built_in = matches!(name, "pg_catalog" | "information_schema" | "nyala");
    if catalog.schema_named(name).is_some() || is_built_in {
        let message = format!("schema \"{name}\" already exists");
        if !if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateSchema, message));
        }
        core.notice("NOTICE", "42P06", format!("{message}, skipping"));
        return Ok(command("CREATE SCHEMA"));
    }
    if name.starts_with("pg_") {
        return Err(Error::new(ErrorKind::ReservedName, format!("unacceptable schema name \"{name}\""))
            .with_detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    let schema =
        SchemaDef { id: SchemaId(catalog.next_id()), oid: catalog.next_oid(), name: name.to_owned() };
    transaction.edit_catalog(CatalogEdit::CreateSchema(schema))?;
    Ok(command("CREATE SCHEMA"))
}

/// DROP SCHEMA; with CASCADE its tables go first.
pub(crate) fn drop_schemas(
    core: &mut Core,
    schemas: &[SchemaId],
    cascade: bool,
    notices: &[String],
) -> Result<Execution> {
    for notice in notices {
        core.notice("NOTICE", "00000", notice.as_str());
    }
    let catalog = std::sync::Arc::clone(core.transaction.current()?.catalog());
    let tables: Vec<&TableDef> =
        schemas.iter().flat_map(|schema| catalog.tables_of(*schema)).map(AsRef::as_ref).collect();
    if !cascade && !tables.is_empty() {
        return Err(still_needed(&catalog, schemas, &tables));
    }
    match tables.as_slice() {
        [] => {}
        [table] => {
            core.notice("NOTICE", "00000", format!("drop cascades to table {}", shown_name(&catalog, table)));
        }
        many => {
            let detail: Vec<String> =
                many.iter().map(|t| format!("drop cascades to table {}", shown_name(&catalog, t))).collect();
            let message = format!("drop cascades to {} other objects", many.len());
            core.notice_with_detail("NOTICE", "00000", message, Some(detail.join("\n")));
        }
    }
    let transaction = core.transaction.current()?;
    for table in &tables {
        transaction.edit_catalog(CatalogEdit::DropTable(table.id))?;
    }
    for schema in schemas {
        transaction.edit_catalog(CatalogEdit::DropSchema(*schema))?;
    }
    Ok(command("DROP SCHEMA"))
}

fn command(tag: &str) -> Execution {
    Execution::Command(tag.to_owned())
}

fn still_needed(catalog: &CatalogState, schemas: &[SchemaId], tables: &[&TableDef]) -> Error {
    let name = |id: SchemaId| catalog.schema(id).map(|s| s.name.clone()).unwrap_or_default();
    let message = match schemas {
        [one] => format!("cannot drop schema {} because other objects depend on it", name(*one)),
        _ => "cannot drop desired object(s) because other objects depend on them".to_owned(),
    };
    let detail: Vec<String> = tables
        .iter()
        .map(|t| format!("table {} depends on schema {}", shown_name(catalog, t), name(t.schema)))
        .collect();
    Error::new(ErrorKind::DependentObjects, message)
        .with_detail(detail.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

/// The name with its schema, unless that is `public`.
fn shown_name(catalog: &CatalogState, table: &TableDef) -> String {
    match catalog.schema(table.schema) {
        Some(schema) if schema.name != "public" => format!("{}.{}", schema.name, table.name),
        _ => table.name.clone(),
    }
}

/// Tables and the indexes of their keys share one space of names within a schema.
fn relation_exists(catalog: &CatalogState, schema: SchemaId, name: &str) -> bool {
    catalog.table_named(schema, name).is_some()
        || catalog.tables_of(schema).any(|t| t.has_primary_key() && t.primary_key_name == name)
}

fn new_table(catalog: &CatalogState, create: &BoundCreateTable) -> Result<TableDef> {
    let column_id = |position: usize| {
        u32::try_from(position + 1).map(ColumnId).map_err(|_| Error::internal("a table has too many columns"))
    };
    let ids =
        |positions: &[usize]| positions.iter().map(|p| column_id(*p)).collect::<Result<Vec<ColumnId>>>();
    let columns = create
        .columns
        .iter()
        .enumerate()
        .map(|(position, column)| {
            Ok(ColumnDef {
                id: column_id(position)?,
                name: column.name.clone(),
                ty: column.ty.clone(),
                not_null: column.not_null || create.primary_key.contains(&position),
                default: column.default.clone(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let hash = create
        .hash
        .iter()
        .map(|(columns, buckets)| Ok(HashLevel { columns: ids(columns)?, buckets: *buckets }))
        .collect::<Result<Vec<_>>>()?;
    let range = create
        .range
        .as_ref()
        .map(|(columns, partitions)| -> Result<RangeLevel> {
            Ok(RangeLevel { columns: ids(columns)?, partitions: partitions.clone() })
        })
        .transpose()?;
    let partitioning = Partitioning { hash, range };
    let id = TableId(catalog.next_id());
    Ok(TableDef {
        id,
        oid: Oid(catalog.next_oid().0),
        schema: create.schema,
        name: create.name.clone(),
        schema_version: SchemaVersion(1),
        next_column: column_id(columns.len())?,
        columns,
        primary_key: ids(&create.primary_key)?,
        primary_key_name: key_name(catalog, create)?,
        tablets: tablets(&partitioning, id.0 + 1)?,
        options: catalog::TableOptions::default(),
        distinct: Vec::new(),
        partitioning,
    })
}

/// `<table>_pkey`, with a number when that is taken; empty without a key.
fn key_name(catalog: &CatalogState, create: &BoundCreateTable) -> Result<String> {
    if create.primary_key.is_empty() {
        return Ok(String::new());
    }
    let taken = |name: &str| name == create.name || relation_exists(catalog, create.schema, name);
    if let Some(name) = &create.primary_key_name {
        if taken(name) {
            let message = format!("relation \"{name}\" already exists");
            return Err(Error::new(ErrorKind::DuplicateTable, message));
        }
        return Ok(name.clone());
    }
    let numbered = |number: u32| {
        let suffix = if number == 0 { "_pkey".to_owned() } else { format!("_pkey{number}") };
        let mut stem = create.name.clone();
        while stem.len() + suffix.len() > IDENTIFIER_BYTES_MAX {
            stem.pop();
        }
        stem + &suffix
    };
    (0..=u32::MAX)
        .map(numbered)
        .find(|name| !taken(name))
        .ok_or_else(|| Error::internal("every name for a key is taken"))
}

/// One tablet for each combination of hash buckets and range partition; ids count up from `first_id`.
fn tablets(partitioning: &Partitioning, first_id: u64) -> Result<Vec<TabletDef>> {
    let ranges = partitioning.range.as_ref().map(|r| r.partitions.len());
    let count = partitioning
        .hash
        .iter()
        .try_fold(ranges.unwrap_or(1), |n, level| n.checked_mul(usize::try_from(level.buckets).ok()?))
        .filter(|n| *n <= TABLETS_PER_TABLE_MAX)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::LimitExceeded,
                format!("a table can have at most {TABLETS_PER_TABLE_MAX} tablets"),
            )
            .with_detail("The number of tablets is the product of all hash partitions and range partitions.")
        })?;
    let mut combinations: Vec<Vec<u32>> = vec![Vec::new()];
    for level in &partitioning.hash {
        combinations = combinations
            .iter()
            .flat_map(|buckets| {
                (0..level.buckets).map(move |bucket| {
                    let mut longer = buckets.clone();
                    longer.push(bucket);
                    longer
                })
            })
            .collect();
    }
    let parts: Vec<Option<u32>> = match ranges {
        None => vec![None],
        Some(n) => (0..u32::try_from(n).unwrap_or(u32::MAX)).map(Some).collect(),
    };
    let tablets: Vec<TabletDef> = combinations
        .iter()
        .flat_map(|buckets| parts.iter().map(move |range| (buckets.clone(), *range)))
        .zip(first_id..)
        .map(|((buckets, range), id)| TabletDef { id: TabletId(id), buckets, range })
        .collect();
    debug_assert_eq!(tablets.len(), count);
    Ok(tablets)
}

#[cfg(test)]
mod tests {
    use super::tablets;
    use base::ErrorKind;
    use base::id::{ColumnId, TabletId};
    use catalog::{HashLevel, Partitioning, RangeLevel, RangePartition};

    fn range(name: &str) -> RangePartition {
        RangePartition { name: name.to_owned(), lower: Vec::new(), upper: Vec::new() }
    }

    #[test]
    fn a_tablet_for_each_combination() {
        let hash = |buckets| HashLevel { columns: vec![ColumnId(1)], buckets };
        let level =
            RangeLevel { columns: vec![ColumnId(2)], partitions: vec![range("a"), range("b"), range("c")] };
        let made = tablets(&Partitioning { hash: vec![hash(2), hash(4)], range: Some(level) }, 10).unwrap();
        assert_eq!(made.len(), 24);
        assert_eq!(
            made.first().map(|t| (t.id, t.buckets.clone(), t.range)),
            Some((TabletId(10), vec![0, 0], Some(0)))
        );
        assert_eq!(
            made.last().map(|t| (t.id, t.buckets.clone(), t.range)),
            Some((TabletId(33), vec![1, 3], Some(2)))
        );
        assert_eq!(tablets(&Partitioning::default(), 1).unwrap().len(), 1);
        let error = tablets(&Partitioning { hash: vec![hash(4_097)], range: None }, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
}
