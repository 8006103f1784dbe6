//! Catalog edits, definitions and the whole catalog as bytes, and single data inside them.
//!
//! Invariant: decoding an encoded catalog gives an equal one, counters and version included.

use super::codec::{Reader, Writer};
use super::kinds::{decode_kinds, decode_missing, encode_kinds, encode_missing};
use super::sequence::{decode_position, decode_sequence, encode_position, encode_sequence};
use super::view::{decode_view, decode_view_3, encode_view};
use arrow::datatypes::i256;
use base::Result;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, SequenceId, TableId, TabletId, ViewId};
use catalog::{
    CatalogEdit, CatalogState, CheckDef, ColumnDef, ColumnKind, DistinctCount, HashLevel, Partitioning,
    RangeLevel, RangePartition, SchemaDef, TableDef, TableOptions, TabletDef, ViewDef,
};
use types::list::{bounds_from_bytes, bounds_to_bytes};
use types::sql_type::RowField;
use types::{Datum, Form, Interval, List, SqlType, TimeTz};

/// Lists within lists in one datum or form; PostgreSQL's arrays need one.
const LIST_DEPTH_MAX: u8 = 4;

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
            writer.u8(15);
            encode_table(writer, def);
        }
        CatalogEdit::AlterTable(def) => {
            writer.u8(16);
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
            writer.u8(17);
            encode_view(writer, def);
        }
        CatalogEdit::AlterView(def) => {
            writer.u8(18);
            encode_view(writer, def);
        }
        CatalogEdit::DropView(id) => {
            writer.u8(14);
            writer.varint(id.0);
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
        15 => CatalogEdit::CreateTable(Box::new(decode_table(reader)?)),
        16 => CatalogEdit::AlterTable(Box::new(decode_table(reader)?)),
        17 => CatalogEdit::CreateView(Box::new(decode_view(reader)?)),
        18 => CatalogEdit::AlterView(Box::new(decode_view(reader)?)),
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
    writer.count(state.tables().count());
    for table in state.tables() {
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
}

/// `version` is that of the checkpoint's format.
pub(super) fn decode_state(reader: &mut Reader<'_>, version: u32) -> Result<CatalogState> {
    let (next_oid, next_id, edits) = (Oid(reader.u32()?), reader.varint()?, reader.varint()?);
    let schemas = reader.list(6, decode_schema)?;
    let tables = reader.list(16, table_decoder(version))?;
    let sequences = if version < 3 { Vec::new() } else { reader.list(57, decode_sequence)? };
    let views = if version < 3 { Vec::new() } else { reader.list(9, view_decoder(version))? };
    Ok(CatalogState::from_parts(schemas, tables, sequences, views, next_oid, next_id, edits))
}

/// What reads a table in a checkpoint of a version.
pub(super) fn table_decoder(version: u32) -> fn(&mut Reader<'_>) -> Result<TableDef> {
    match version {
        1 => decode_plain_table,
        2 => decode_table_2,
        3 => decode_table_3,
        _ => decode_table,
    }
}

/// What reads a view in a checkpoint of a version.
pub(super) fn view_decoder(version: u32) -> fn(&mut Reader<'_>) -> Result<ViewDef> {
    if version < 4 { decode_view_3 } else { decode_view }
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
        writer.u32(column.ty.oid.0);
        writer.i32(column.ty.typmod);
        encode_form(writer, &column.ty.form);
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
}

pub(super) fn decode_table(reader: &mut Reader<'_>) -> Result<TableDef> {
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
    })
}

fn decode_column(reader: &mut Reader<'_>) -> Result<ColumnDef> {
    Ok(ColumnDef {
        id: ColumnId(reader.u32()?),
        name: reader.string()?,
        ty: SqlType { oid: Oid(reader.u32()?), typmod: reader.i32()?, form: decode_form(reader)? },
        not_null: reader.bool()?,
        default: if reader.bool()? { Some(reader.string()?) } else { None },
        kind: ColumnKind::Plain,
        missing: Datum::Null,
    })
}

fn encode_columns(writer: &mut Writer, columns: &[ColumnId]) {
    writer.count(columns.len());
    for column in columns {
        writer.u32(column.0);
    }
}

fn decode_columns(reader: &mut Reader<'_>) -> Result<Vec<ColumnId>> {
    reader.list(4, |r| Ok(ColumnId(r.u32()?)))
}

fn encode_partitioning(writer: &mut Writer, partitioning: &Partitioning) {
    writer.count(partitioning.hash.len());
    for level in &partitioning.hash {
        encode_columns(writer, &level.columns);
        writer.u32(level.buckets);
    }
    writer.bool(partitioning.range.is_some());
    if let Some(range) = &partitioning.range {
        encode_columns(writer, &range.columns);
        writer.count(range.partitions.len());
        for partition in &range.partitions {
            writer.string(&partition.name);
            encode_data(writer, &partition.lower);
            encode_data(writer, &partition.upper);
        }
    }
}

fn decode_partitioning(reader: &mut Reader<'_>) -> Result<Partitioning> {
    let hash = reader.list(5, |r| Ok(HashLevel { columns: decode_columns(r)?, buckets: r.u32()? }))?;
    let range = if reader.bool()? {
        let columns = decode_columns(reader)?;
        let partitions = reader.list(3, |r| {
            Ok(RangePartition {
                name: r.string()?,
                lower: r.list(1, decode_datum)?,
                upper: r.list(1, decode_datum)?,
            })
        })?;
        Some(RangeLevel { columns, partitions })
    } else {
        None
    };
    Ok(Partitioning { hash, range })
}

pub(crate) fn encode_form(writer: &mut Writer, form: &Form) {
    match form {
        Form::Bool => writer.u8(1),
        Form::Int16 => writer.u8(2),
        Form::Int32 => writer.u8(3),
        Form::Int64 => writer.u8(4),
        Form::UInt32 => writer.u8(5),
        Form::Float32 => writer.u8(6),
        Form::Float64 => writer.u8(7),
        Form::Decimal128 { scale } => {
            writer.u8(8);
            writer.u8(*scale);
        }
        Form::Decimal256 { scale } => {
            writer.u8(9);
            writer.u8(*scale);
        }
        Form::PgNum => writer.u8(10),
        Form::Text => writer.u8(11),
        Form::Bytes => writer.u8(12),
        Form::Uuid => writer.u8(13),
        Form::Date => writer.u8(14),
        Form::Timestamp => writer.u8(15),
        Form::TimestampTz => writer.u8(16),
        Form::Interval => writer.u8(17),
        Form::Row(fields) => {
            writer.u8(23);
            writer.count(fields.len());
            for RowField { name, ty } in fields.iter() {
                writer.string(name);
                writer.u32(ty.oid.0);
                writer.i32(ty.typmod);
                encode_form(writer, &ty.form);
            }
        }
        Form::Array(element) | Form::List(element) => {
            writer.u8(18);
            encode_form(writer, element);
        }
        Form::Jsonb => writer.u8(19),
        Form::Time => writer.u8(20),
        Form::TimeTz => writer.u8(21),
    }
}

/// The inverse of `encode_form`.
pub(crate) fn decode_form(reader: &mut Reader<'_>) -> Result<Form> {
    decode_nested_form(reader, LIST_DEPTH_MAX)
}

fn decode_nested_form(reader: &mut Reader<'_>, depth: u8) -> Result<Form> {
    Ok(match reader.u8()? {
        1 => Form::Bool,
        2 => Form::Int16,
        3 => Form::Int32,
        4 => Form::Int64,
        5 => Form::UInt32,
        6 => Form::Float32,
        7 => Form::Float64,
        8 => Form::Decimal128 { scale: reader.u8()? },
        9 => Form::Decimal256 { scale: reader.u8()? },
        10 => Form::PgNum,
        11 => Form::Text,
        12 => Form::Bytes,
        13 => Form::Uuid,
        14 => Form::Date,
        15 => Form::Timestamp,
        16 => Form::TimestampTz,
        17 => Form::Interval,
        18 if depth > 0 => Form::Array(Box::new(decode_nested_form(reader, depth - 1)?)),
        19 => Form::Jsonb,
        20 => Form::Time,
        21 => Form::TimeTz,
        23 if depth > 0 => Form::Row(
            reader
                .list(10, |r| {
                    let (name, oid, typmod) = (r.string()?, Oid(r.u32()?), r.i32()?);
                    let form = decode_nested_form(r, depth - 1)?;
                    Ok(RowField { name, ty: SqlType { oid, typmod, form } })
                })?
                .into(),
        ),
        _ => return Err(reader.bad("unknown form of a type")),
    })
}

fn encode_data(writer: &mut Writer, data: &[Datum]) {
    writer.count(data.len());
    for datum in data {
        encode_datum(writer, datum);
    }
}

/// One value with a tag that says its form; tag 0 is null. Tags are those of forms.
pub(crate) fn encode_datum(writer: &mut Writer, datum: &Datum) {
    match datum {
        Datum::Null => writer.u8(0),
        Datum::Bool(v) => tagged(writer, 1, &[u8::from(*v)]),
        Datum::Int16(v) => tagged(writer, 2, &v.to_le_bytes()),
        Datum::Int32(v) => tagged(writer, 3, &v.to_le_bytes()),
        Datum::Int64(v) => tagged(writer, 4, &v.to_le_bytes()),
        Datum::UInt32(v) => tagged(writer, 5, &v.to_le_bytes()),
        Datum::Float32(v) => tagged(writer, 6, &v.to_bits().to_le_bytes()),
        Datum::Float64(v) => tagged(writer, 7, &v.to_bits().to_le_bytes()),
        Datum::Decimal128(v) => tagged(writer, 8, &v.to_le_bytes()),
        Datum::Decimal256(v) => tagged(writer, 9, &v.to_le_bytes()),
        Datum::PgNum(v) => tagged_bytes(writer, 10, v),
        Datum::Text(v) => tagged_bytes(writer, 11, v.as_bytes()),
        Datum::Bytes(v) => tagged_bytes(writer, 12, v),
        Datum::Uuid(v) => tagged(writer, 13, v),
        Datum::Date(v) => tagged(writer, 14, &v.to_le_bytes()),
        Datum::Timestamp(v) => tagged(writer, 15, &v.to_le_bytes()),
        Datum::TimestampTz(v) => tagged(writer, 16, &v.to_le_bytes()),
        Datum::Interval(v) => {
            tagged(writer, 17, &v.months.to_le_bytes());
            writer.raw(&v.days.to_le_bytes());
            writer.raw(&v.micros.to_le_bytes());
        }
        Datum::Row(values) => {
            writer.u8(23);
            encode_data(writer, values);
        }
        Datum::List(list) => {
            if list.bounds().is_empty() {
                writer.u8(18);
            } else {
                writer.u8(22);
                writer.bytes(&bounds_to_bytes(list.bounds()));
            }
            encode_data(writer, list);
        }
        Datum::Jsonb(v) => tagged_bytes(writer, 19, v.as_bytes()),
        Datum::Time(v) => tagged(writer, 20, &v.to_le_bytes()),
        Datum::TimeTz(v) => tagged(writer, 21, &v.to_bytes()),
    }
}

fn tagged(writer: &mut Writer, tag: u8, value: &[u8]) {
    writer.u8(tag);
    writer.raw(value);
}

fn tagged_bytes(writer: &mut Writer, tag: u8, value: &[u8]) {
    writer.u8(tag);
    writer.bytes(value);
}

pub(crate) fn decode_datum(reader: &mut Reader<'_>) -> Result<Datum> {
    decode_nested_datum(reader, LIST_DEPTH_MAX)
}

fn decode_nested_datum(reader: &mut Reader<'_>, depth: u8) -> Result<Datum> {
    Ok(match reader.u8()? {
        0 => Datum::Null,
        1 => Datum::Bool(reader.bool()?),
        2 => Datum::Int16(i16::from_le_bytes(reader.array()?)),
        3 => Datum::Int32(i32::from_le_bytes(reader.array()?)),
        4 => Datum::Int64(i64::from_le_bytes(reader.array()?)),
        5 => Datum::UInt32(reader.u32()?),
        6 => Datum::Float32(f32::from_bits(reader.u32()?)),
        7 => Datum::Float64(f64::from_bits(reader.u64()?)),
        8 => Datum::Decimal128(i128::from_le_bytes(reader.array()?)),
        9 => Datum::Decimal256(i256::from_le_bytes(reader.array()?)),
        10 => Datum::PgNum(reader.bytes()?.to_vec()),
        11 => Datum::Text(reader.string()?),
        12 => Datum::Bytes(reader.bytes()?.to_vec()),
        13 => Datum::Uuid(reader.array()?),
        14 => Datum::Date(i32::from_le_bytes(reader.array()?)),
        15 => Datum::Timestamp(i64::from_le_bytes(reader.array()?)),
        16 => Datum::TimestampTz(i64::from_le_bytes(reader.array()?)),
        17 => Datum::Interval(Interval {
            months: i32::from_le_bytes(reader.array()?),
            days: i32::from_le_bytes(reader.array()?),
            micros: i64::from_le_bytes(reader.array()?),
        }),
        18 if depth > 0 => Datum::list(reader.list(1, |r| decode_nested_datum(r, depth - 1))?),
        19 => Datum::Jsonb(reader.string()?),
        20 => Datum::Time(i64::from_le_bytes(reader.array()?)),
        21 => Datum::TimeTz(TimeTz::from_bytes(&reader.array::<{ TimeTz::BYTES }>()?)?),
        22 if depth > 0 => {
            let bounds = reader.bytes()?.to_vec();
            let items = reader.list(1, |r| decode_nested_datum(r, depth - 1))?;
            let bounds = bounds_from_bytes(&bounds, items.len()).map_err(|e| reader.bad(e.message()))?;
            Datum::List(List::with_dimensions(items, bounds)?)
        }
        23 if depth > 0 => Datum::Row(reader.list(1, |r| decode_nested_datum(r, depth - 1))?),
        _ => return Err(reader.bad("unknown form of a value")),
    })
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
pub(crate) mod tests;
