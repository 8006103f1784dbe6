//! Catalog bytes: round trips, golden bytes, damage.

use super::{decode_edit, decode_state, encode_edit, encode_state};
use crate::format::{Reader, Writer};
use arrow::datatypes::i256;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId, TabletId};
use catalog::{
    CatalogEdit, CatalogState, ColumnDef, DistinctCount, HashLevel, Partitioning, RangeLevel, RangePartition,
    SchemaDef, TableDef, TableOptions, TabletDef,
};
use types::{Datum, Form, Interval, SqlType, TimeTz};

/// Every form and every kind of datum.
fn forms() -> Vec<Form> {
    vec![
        Form::Bool,
        Form::Int16,
        Form::Int32,
        Form::Int64,
        Form::UInt32,
        Form::Float32,
        Form::Float64,
        Form::Decimal128 { scale: 2 },
        Form::Decimal256 { scale: 40 },
        Form::PgNum,
        Form::Text,
        Form::Bytes,
        Form::Uuid,
        Form::Date,
        Form::Timestamp,
        Form::TimestampTz,
        Form::Interval,
        Form::List(Box::new(Form::Int32)),
        Form::Jsonb,
        Form::Time,
        Form::TimeTz,
    ]
}

fn data() -> Vec<Datum> {
    vec![
        Datum::Null,
        Datum::Bool(true),
        Datum::Int16(-3),
        Datum::Int32(i32::MIN),
        Datum::Int64(i64::MAX),
        Datum::UInt32(7),
        Datum::Float32(-1.5),
        Datum::Float64(f64::INFINITY),
        Datum::Decimal128(-12_345),
        Datum::Decimal256(i256::from_i128(99)),
        Datum::PgNum(vec![1, 2, 3]),
        Datum::Text("grün".to_owned()),
        Datum::Bytes(vec![0, 255]),
        Datum::Uuid([9; 16]),
        Datum::Date(-1),
        Datum::Timestamp(5),
        Datum::TimestampTz(-5),
        Datum::Interval(Interval { months: 1, days: -2, micros: 3 }),
        Datum::List(vec![Datum::Int32(1), Datum::Null]),
        Datum::Jsonb("{}".to_owned()),
        Datum::Time(1),
        Datum::TimeTz(TimeTz { micros: 86_400_000_000, west: -7_200 }),
    ]
}

fn table() -> TableDef {
    let columns = forms()
        .into_iter()
        .zip(1..)
        .map(|(form, id)| ColumnDef {
            id: ColumnId(id),
            name: format!("c{id}"),
            ty: SqlType { oid: Oid(id + 15), typmod: -1, form },
            not_null: id % 2 == 0,
            default: (id % 3 == 0).then(|| "now()".to_owned()),
        })
        .collect();
    TableDef {
        id: TableId(9),
        oid: Oid(16_400),
        schema: SchemaId(1),
        name: "t".to_owned(),
        schema_version: SchemaVersion(3),
        columns,
        next_column: ColumnId(40),
        primary_key: vec![ColumnId(3), ColumnId(1)],
        primary_key_name: "t_pkey".to_owned(),
        partitioning: Partitioning {
            hash: vec![HashLevel { columns: vec![ColumnId(3)], buckets: 4 }],
            range: Some(RangeLevel {
                columns: vec![ColumnId(14)],
                partitions: vec![RangePartition { name: "p".to_owned(), lower: data(), upper: vec![] }],
            }),
        },
        tablets: vec![
            TabletDef { id: TabletId(11), buckets: vec![0], range: Some(0) },
            TabletDef { id: TabletId(12), buckets: vec![], range: None },
        ],
        options: TableOptions { history_retention_us: Some(7), history_max_bytes: None, compact: true },
        distinct: vec![DistinctCount { column: ColumnId(3), values: 300 }],
    }
}

pub(crate) fn edits() -> Vec<CatalogEdit> {
    vec![
        CatalogEdit::CreateSchema(SchemaDef { id: SchemaId(2), oid: Oid(16_384), name: "s".to_owned() }),
        CatalogEdit::CreateTable(Box::new(table())),
        CatalogEdit::DropTable(TableId(300)),
        CatalogEdit::AlterTable(Box::new(table())),
        CatalogEdit::DropSchema(SchemaId(2)),
    ]
}

/// A catalog with a schema and a table.
pub(crate) fn state() -> CatalogState {
    let mut state = CatalogState::initial();
    for edit in &edits()[..2] {
        state.apply(edit).unwrap();
    }
    state
}

#[test]
fn edits_and_states_round_trip() {
    for edit in edits() {
        let mut writer = Writer::new();
        encode_edit(&mut writer, &edit);
        let mut reader = Reader::new(writer.as_slice());
        assert_eq!(decode_edit(&mut reader).unwrap(), edit);
        reader.finish().unwrap();
    }
    for state in [state(), CatalogState::initial()] {
        let mut writer = Writer::new();
        encode_state(&mut writer, &state);
        let mut reader = Reader::new(writer.as_slice());
        assert_eq!(decode_state(&mut reader, 2).unwrap(), state);
        reader.finish().unwrap();
    }
}

#[test]
fn golden_bytes_of_edits() {
    let mut writer = Writer::new();
    let all = edits();
    encode_edit(&mut writer, &all[0]);
    encode_edit(&mut writer, &all[2]);
    assert_eq!(writer.as_slice(), [1, 2, 0, 0x40, 0, 0, 1, b's', 4, 0xac, 2]);
    let mut writer = Writer::new();
    encode_edit(&mut writer, &all[1]);
    // The whole definition, every form and datum in it, as one number: a change of the format shows here.
    assert_eq!((writer.len(), crc32c::crc32c(writer.as_slice())), GOLDEN_TABLE);
}

const GOLDEN_TABLE: (usize, u32) = (623, 301_721_878);

#[test]
fn cut_and_flipped_definitions_never_panic() {
    let mut writer = Writer::new();
    encode_state(&mut writer, &state());
    let bytes = writer.into_bytes();
    for cut in 0..bytes.len() {
        assert!(decode_state(&mut Reader::new(&bytes[..cut]), 2).is_err(), "cut to {cut}");
    }
    let mut errors = 0;
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        errors += usize::from(decode_state(&mut Reader::new(&flipped), 2).is_err());
    }
    assert!(errors > 0);
    let nested = [18, 1].repeat(100);
    assert!(super::decode_datum(&mut Reader::new(&nested)).is_err(), "nesting is bounded");
}
