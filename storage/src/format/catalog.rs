//! Catalog edits, definitions and the whole catalog as bytes, and single data inside them.
//!
//! Invariant: decoding an encoded catalog gives an equal one, counters and version included.

use super::codec::{Reader, Writer};
use super::comment::{decode_key, encode_key};
use super::datum::{decode_sql_type, encode_sql_type};
use super::foreign_key::{decode_foreign_keys, encode_foreign_keys};
use super::function::{FUNCTIONS_SINCE, decode_function, encode_function};
use super::kinds::{decode_kinds, decode_missing, encode_kinds, encode_missing};
use super::materialized::{decode_materialized, encode_materialized};
use super::partitioning::{decode_partitioning, encode_partitioning};
use super::sequence::{decode_position, decode_sequence, encode_position, encode_sequence};
use super::user_type::{decode_type, encode_type};
use super::view::{CHECK_OPTION_SINCE, decode_view, decode_view_3, decode_view_4, encode_view};
use base::Result;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, SequenceId, TableId, TabletId, ViewId};
use catalog::{
    CatalogEdit, CatalogState, CheckDef, ColumnDef, ColumnKind, DistinctCount, SchemaDef, TableDef,
    TableOptions, TabletDef, UniqueDef, ViewDef,
};
use types::Datum;

/// The tag of an edit of a comment.
const COMMENT: u8 = 20;
/// That of an edit of a materialized view.
const MATERIALIZE: u8 = 21;
/// Those of edits of tables.
const CREATE_TABLE: u8 = 27;
const ALTER_TABLE: u8 = 28;
/// Those of edits of types.
const CREATE_TYPE: u8 = 24;
const ALTER_TYPE: u8 = 25;
const DROP_TYPE: u8 = 26;
/// Those of a view with its check option.
const CREATE_VIEW: u8 = 39;
const ALTER_VIEW: u8 = 40;
/// Those of edits of functions.
const CREATE_FUNCTION: u8 = 31;
const ALTER_FUNCTION: u8 = 32;
const DROP_FUNCTION: u8 = 33;

pub(super) fn encode_edit(writer: &mut Writer, edit: &CatalogEdit) {
    match edit {
        CatalogEdit::CreateSchema(def) => {
            writer.u8(1);
            encode_schema(writer, def);
        }
        CatalogEdit::DropSchema(id) => {
            writer.u8(2);
            writer.varint(id.0);
        }
        CatalogEdit::DropTable(id) => {
            writer.u8(4);
            writer.varint(id.0);
        }
        CatalogEdit::CreateTable(def) => {
            writer.u8(CREATE_TABLE);
            encode_table(writer, def);
        }
        CatalogEdit::AlterTable(def) => {
            writer.u8(ALTER_TABLE);
            encode_table(writer, def);
        }
        CatalogEdit::CreateSequence(def, position) => {
            writer.u8(9);
            encode_sequence(writer, def);
            encode_position(writer, *position);
        }
        CatalogEdit::AlterSequence(def, position) => {
            writer.u8(10);
            encode_sequence(writer, def);
            writer.bool(position.is_some());
            if let Some(position) = position {
                encode_position(writer, *position);
            }
        }
        CatalogEdit::DropSequence(id) => {
            writer.u8(11);
            writer.varint(id.0);
        }
        CatalogEdit::CreateView(def) => {
            writer.u8(CREATE_VIEW);
            encode_view(writer, def);
        }
        CatalogEdit::AlterView(def) => {
            writer.u8(ALTER_VIEW);
            encode_view(writer, def);
        }
        CatalogEdit::DropView(id) => {
            writer.u8(14);
            writer.varint(id.0);
        }
        CatalogEdit::Materialize(id, def) => {
            writer.u8(MATERIALIZE);
            writer.varint(id.0);
            encode_materialized(writer, def);
        }
        CatalogEdit::CreateType(def) => {
            writer.u8(CREATE_TYPE);
            encode_type(writer, def);
        }
        CatalogEdit::AlterType(def) => {
            writer.u8(ALTER_TYPE);
            encode_type(writer, def);
        }
        CatalogEdit::DropType(oid) => {
            writer.u8(DROP_TYPE);
            writer.u32(oid.0);
        }
        CatalogEdit::CreateFunction(def) => {
            writer.u8(CREATE_FUNCTION);
            encode_function(writer, def);
        }
        CatalogEdit::AlterFunction(def) => {
            writer.u8(ALTER_FUNCTION);
            encode_function(writer, def);
        }
        CatalogEdit::DropFunction(oid) => {
            writer.u8(DROP_FUNCTION);
            writer.u32(oid.0);
        }
        CatalogEdit::Comment(key, text) => {
            writer.u8(COMMENT);
            encode_key(writer, key);
            writer.bool(text.is_some());
            if let Some(text) = text {
                writer.string(text);
            }
        }
    }
}

pub(super) fn decode_edit(reader: &mut Reader<'_>) -> Result<CatalogEdit> {
    Ok(match reader.u8()? {
        1 => CatalogEdit::CreateSchema(decode_schema(reader)?),
        2 => CatalogEdit::DropSchema(SchemaId(reader.varint()?)),
        3 => CatalogEdit::CreateTable(Box::new(decode_plain_table(reader)?)),
        4 => CatalogEdit::DropTable(TableId(reader.varint()?)),
        5 => CatalogEdit::CreateTable(Box::new(decode_table_2(reader)?)),
        6 => CatalogEdit::AlterTable(Box::new(decode_table_2(reader)?)),
        7 => CatalogEdit::CreateTable(Box::new(decode_table_3(reader)?)),
        8 => CatalogEdit::AlterTable(Box::new(decode_table_3(reader)?)),
        9 => CatalogEdit::CreateSequence(Box::new(decode_sequence(reader)?), decode_position(reader)?),
        10 => {
            let def = Box::new(decode_sequence(reader)?);
            let position = if reader.bool()? { Some(decode_position(reader)?) } else { None };
            CatalogEdit::AlterSequence(def, position)
        }
        11 => CatalogEdit::DropSequence(SequenceId(reader.varint()?)),
        12 => CatalogEdit::CreateView(Box::new(decode_view_3(reader)?)),
        13 => CatalogEdit::AlterView(Box::new(decode_view_3(reader)?)),
        14 => CatalogEdit::DropView(ViewId(reader.varint()?)),
        15 => CatalogEdit::CreateTable(Box::new(decode_table_4(reader)?)),
        16 => CatalogEdit::AlterTable(Box::new(decode_table_4(reader)?)),
        22 => CatalogEdit::CreateTable(Box::new(decode_table_7(reader)?)),
        23 => CatalogEdit::AlterTable(Box::new(decode_table_7(reader)?)),
        CREATE_TABLE => CatalogEdit::CreateTable(Box::new(decode_table(reader)?)),
        ALTER_TABLE => CatalogEdit::AlterTable(Box::new(decode_table(reader)?)),
        17 => CatalogEdit::CreateView(Box::new(decode_view_4(reader)?)),
        18 => CatalogEdit::AlterView(Box::new(decode_view_4(reader)?)),
        CREATE_VIEW => CatalogEdit::CreateView(Box::new(decode_view(reader)?)),
        ALTER_VIEW => CatalogEdit::AlterView(Box::new(decode_view(reader)?)),
        MATERIALIZE => {
            let id = TableId(reader.varint()?);
            CatalogEdit::Materialize(id, Box::new(decode_materialized(reader)?))
        }
        COMMENT => {
            let key = decode_key(reader)?;
            CatalogEdit::Comment(key, if reader.bool()? { Some(reader.string()?) } else { None })
        }
        CREATE_TYPE => CatalogEdit::CreateType(Box::new(decode_type(reader)?)),
        ALTER_TYPE => CatalogEdit::AlterType(Box::new(decode_type(reader)?)),
        DROP_TYPE => CatalogEdit::DropType(Oid(reader.u32()?)),
        CREATE_FUNCTION => CatalogEdit::CreateFunction(Box::new(decode_function(reader)?)),
        ALTER_FUNCTION => CatalogEdit::AlterFunction(Box::new(decode_function(reader)?)),
        DROP_FUNCTION => CatalogEdit::DropFunction(Oid(reader.u32()?)),
        _ => return Err(reader.bad("unknown catalog edit")),
    })
}

pub(super) fn encode_state(writer: &mut Writer, state: &CatalogState) {
    writer.u32(state.next_oid().0);
    writer.varint(state.next_id());
    writer.varint(state.version());
    writer.count(state.schemas().count());
    for schema in state.schemas() {
        encode_schema(writer, schema);
    }
    writer.count(state.stored_tables().count());
    for table in state.stored_tables() {
        encode_table(writer, table);
    }
    writer.count(state.sequences().count());
    for sequence in state.sequences() {
        encode_sequence(writer, sequence);
    }
    writer.count(state.views().count());
    for view in state.views() {
        encode_view(writer, view);
    }
    writer.count(state.comments().count());
    for (key, text) in state.comments() {
        encode_key(writer, key);
        writer.string(text);
    }
    writer.count(state.materialized().count());
    for (id, def) in state.materialized() {
        writer.varint(id.0);
        encode_materialized(writer, def);
    }
    writer.count(state.types().count());
    for ty in state.types() {
        encode_type(writer, ty);
    }
    writer.count(state.functions().count());
    for function in state.functions() {
        encode_function(writer, function);
    }
}

/// `version` is that of the checkpoint's format.
pub(super) fn decode_state(reader: &mut Reader<'_>, version: u32) -> Result<CatalogState> {
    let (next_oid, next_id, edits) = (Oid(reader.u32()?), reader.varint()?, reader.varint()?);
    let schemas = reader.list(6, decode_schema)?;
    let tables = reader.list(16, table_decoder(version))?;
    let sequences = if version < 3 { Vec::new() } else { reader.list(57, decode_sequence)? };
    let views = if version < 3 { Vec::new() } else { reader.list(9, view_decoder(version))? };
    let comments =
        if version < 5 { Vec::new() } else { reader.list(13, |r| Ok((decode_key(r)?, r.string()?)))? };
    let state = CatalogState::from_parts(schemas, tables, sequences, views, next_oid, next_id, edits);
    let materialized = match version {
        0..6 => Vec::new(),
        _ => reader.list(4, |r| Ok((TableId(r.varint()?), decode_materialized(r)?)))?,
    };
    let types = if version < 8 { Vec::new() } else { reader.list(8, decode_type)? };
    let functions = if version < FUNCTIONS_SINCE { Vec::new() } else { reader.list(36, decode_function)? };
    let state = state.with_comments(comments).with_materialized(materialized);
    Ok(state.with_types(types).with_functions(functions))
}

/// What reads a table in a checkpoint of a version.
pub(super) fn table_decoder(version: u32) -> fn(&mut Reader<'_>) -> Result<TableDef> {
    match version {
        1 => decode_plain_table,
        2 => decode_table_2,
        3 => decode_table_3,
        4..7 => decode_table_4,
        7..9 => decode_table_7,
        _ => decode_table,
    }
}

/// What reads a view in a checkpoint of a version.
pub(super) fn view_decoder(version: u32) -> fn(&mut Reader<'_>) -> Result<ViewDef> {
    match version {
        ..4 => decode_view_3,
        4..CHECK_OPTION_SINCE => decode_view_4,
        _ => decode_view,
    }
}

pub(super) fn encode_schema(writer: &mut Writer, def: &SchemaDef) {
    writer.varint(def.id.0);
    writer.u32(def.oid.0);
    writer.string(&def.name);
}

pub(super) fn decode_schema(reader: &mut Reader<'_>) -> Result<SchemaDef> {
    Ok(SchemaDef { id: SchemaId(reader.varint()?), oid: Oid(reader.u32()?), name: reader.string()? })
}

pub(super) fn encode_table(writer: &mut Writer, def: &TableDef) {
    writer.varint(def.id.0);
    writer.u32(def.oid.0);
    writer.varint(def.schema.0);
    writer.string(&def.name);
    writer.u32(def.schema_version.0);
    writer.count(def.columns.len());
    for column in &def.columns {
        writer.u32(column.id.0);
        writer.string(&column.name);
        encode_sql_type(writer, &column.ty);
        writer.bool(column.not_null);
        writer.bool(column.default.is_some());
        if let Some(default) = &column.default {
            writer.string(default);
        }
    }
    writer.u32(def.next_column.0);
    encode_columns(writer, &def.primary_key);
    writer.string(&def.primary_key_name);
    encode_partitioning(writer, &def.partitioning);
    writer.count(def.tablets.len());
    for tablet in &def.tablets {
        writer.varint(tablet.id.0);
        writer.count(tablet.buckets.len());
        for bucket in &tablet.buckets {
            writer.u32(*bucket);
        }
        writer.bool(tablet.range.is_some());
        if let Some(range) = tablet.range {
            writer.u32(range);
        }
    }
    encode_options(writer, &def.options);
    writer.count(def.distinct.len());
    for count in &def.distinct {
        writer.u32(count.column.0);
        writer.varint(count.values);
    }
    encode_kinds(writer, &def.columns);
    writer.count(def.checks.len());
    for check in &def.checks {
        writer.u32(check.oid.0);
        writer.string(&check.name);
        writer.string(&check.text);
        encode_columns(writer, &check.columns);
    }
    encode_missing(writer, &def.columns);
    writer.count(def.unique.len());
    for unique in &def.unique {
        writer.varint(unique.index.0);
        writer.u32(unique.oid.0);
        writer.string(&unique.name);
        encode_columns(writer, &unique.columns);
        writer.bool(unique.constraint);
    }
    encode_foreign_keys(writer, &def.foreign_keys);
}

pub(super) fn decode_table(reader: &mut Reader<'_>) -> Result<TableDef> {
    let mut def = decode_table_7(reader)?;
    def.foreign_keys = decode_foreign_keys(reader)?;
    Ok(def)
}

/// A table of formats 7 and 8: it refers to no other.
fn decode_table_7(reader: &mut Reader<'_>) -> Result<TableDef> {
    let mut def = decode_table_4(reader)?;
    def.unique = reader.list(8, |r| {
        Ok(UniqueDef {
            index: TableId(r.varint()?),
            oid: Oid(r.u32()?),
            name: r.string()?,
            columns: decode_columns(r)?,
            constraint: r.bool()?,
        })
    })?;
    Ok(def)
}

/// A table of formats 4 to 6: nothing but its key is unique.
fn decode_table_4(reader: &mut Reader<'_>) -> Result<TableDef> {
    let mut def = decode_table_3(reader)?;
    decode_missing(reader, &mut def.columns)?;
    Ok(def)
}

/// A table of format 3: no column came later than its table.
fn decode_table_3(reader: &mut Reader<'_>) -> Result<TableDef> {
    let mut def = decode_table_2(reader)?;
    decode_kinds(reader, &mut def.columns)?;
    def.checks = reader.list(7, |r| {
        Ok(CheckDef { oid: Oid(r.u32()?), name: r.string()?, text: r.string()?, columns: decode_columns(r)? })
    })?;
    Ok(def)
}

/// A table of format 2: without kinds of columns and checks.
fn decode_table_2(reader: &mut Reader<'_>) -> Result<TableDef> {
    let mut def = decode_plain_table(reader)?;
    def.options = decode_options(reader)?;
    def.distinct =
        reader.list(5, |r| Ok(DistinctCount { column: ColumnId(r.u32()?), values: r.varint()? }))?;
    Ok(def)
}

fn encode_options(writer: &mut Writer, options: &TableOptions) {
    for bound in [options.history_retention_us, options.history_max_bytes] {
        writer.bool(bound.is_some());
        if let Some(bound) = bound {
            writer.varint(bound);
        }
    }
    writer.bool(options.compact);
}

fn decode_options(reader: &mut Reader<'_>) -> Result<TableOptions> {
    let mut bound = || if reader.bool()? { reader.varint().map(Some) } else { Ok(None) };
    let (history_retention_us, history_max_bytes) = (bound()?, bound()?);
    Ok(TableOptions { history_retention_us, history_max_bytes, compact: reader.bool()? })
}

/// A table without options, as format 1 has it.
fn decode_plain_table(reader: &mut Reader<'_>) -> Result<TableDef> {
    Ok(TableDef {
        id: TableId(reader.varint()?),
        oid: Oid(reader.u32()?),
        schema: SchemaId(reader.varint()?),
        name: reader.string()?,
        schema_version: SchemaVersion(reader.u32()?),
        columns: reader.list(16, decode_column)?,
        next_column: ColumnId(reader.u32()?),
        primary_key: decode_columns(reader)?,
        primary_key_name: reader.string()?,
        partitioning: decode_partitioning(reader)?,
        tablets: reader.list(3, |r| {
            Ok(TabletDef {
                id: TabletId(r.varint()?),
                buckets: r.list(4, Reader::u32)?,
                range: if r.bool()? { Some(r.u32()?) } else { None },
            })
        })?,
        options: TableOptions::default(),
        distinct: Vec::new(),
        checks: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
    })
}

fn decode_column(reader: &mut Reader<'_>) -> Result<ColumnDef> {
    Ok(ColumnDef {
        id: ColumnId(reader.u32()?),
        name: reader.string()?,
        ty: decode_sql_type(reader)?,
        not_null: reader.bool()?,
        default: if reader.bool()? { Some(reader.string()?) } else { None },
        kind: ColumnKind::Plain,
        missing: Datum::Null,
    })
}

pub(super) fn encode_columns(writer: &mut Writer, columns: &[ColumnId]) {
    writer.count(columns.len());
    for column in columns {
        writer.u32(column.0);
    }
}

pub(super) fn decode_columns(reader: &mut Reader<'_>) -> Result<Vec<ColumnId>> {
    reader.list(4, |r| Ok(ColumnId(r.u32()?)))
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
pub(crate) mod tests;
