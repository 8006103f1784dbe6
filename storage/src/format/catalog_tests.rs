//! Catalog bytes: round trips, golden bytes, damage.

use super::{decode_edit, decode_state, encode_edit, encode_state, encode_table};
use crate::format::view::CHECK_OPTION_SINCE;
use crate::format::{Reader, Writer};
use arrow::datatypes::i256;
use base::id::{ColumnId, CounterId, Oid, SchemaId, SchemaVersion, SequenceId, TableId, TabletId, ViewId};
use catalog::{
    CatalogEdit, CatalogState, CheckDef, CheckOption, ColumnDef, ColumnKind, CommentKey, CompositeDef,
    DistinctCount, DomainCheck, DomainDef, EnumLabel, ForeignKeyAction, ForeignKeyDef, FunctionBody,
    FunctionDef, FunctionTraits, HashLevel, MaterializedDef, PG_CLASS, PG_NAMESPACE, Parallel, Parameter,
    ParameterMode, Partitioning, Position, RangeLevel, RangePartition, SchemaDef, SequenceDef, SequenceOwner,
    TableDef, TableOptions, TabletDef, TypeShape, UniqueDef, UserTypeDef, ViewColumn, ViewDef, Volatility,
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
        Form::Array(Box::new(Form::Int32)),
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
        Datum::list(vec![Datum::Int32(1), Datum::Null]),
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
            ty: SqlType { oid: Oid(id + 15), typmod: -1, form, domain: None },
            not_null: id % 2 == 0,
            default: (id % 3 == 0).then(|| "now()".to_owned()),
            kind: match id {
                1 => ColumnKind::Identity { always: false },
                2 => ColumnKind::Identity { always: true },
                3 => ColumnKind::Generated,
                _ => ColumnKind::Plain,
            },
            missing: if id == 4 { Datum::Int64(-7) } else { Datum::Null },
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
        checks: vec![CheckDef {
            oid: Oid(16_403),
            name: "t_check".to_owned(),
            text: "c1 > 0".to_owned(),
            columns: vec![ColumnId(1)],
        }],
        unique: vec![UniqueDef {
            index: TableId(13),
            oid: Oid(16_404),
            name: "t_c1_key".to_owned(),
            columns: vec![ColumnId(1)],
            constraint: true,
        }],
        foreign_keys: vec![ForeignKeyDef {
            oid: Oid(16_406),
            name: "t_c2_fkey".to_owned(),
            columns: vec![ColumnId(2)],
            table: TableId(9),
            referenced: vec![ColumnId(1)],
            on_delete: ForeignKeyAction::SetNull,
            on_update: ForeignKeyAction::Cascade,
            set_columns: vec![ColumnId(2)],
            full: true,
        }],
    }
}

fn view() -> ViewDef {
    let ty = SqlType { oid: Oid(23), typmod: -1, form: Form::Int32, domain: None };
    ViewDef {
        id: ViewId(30),
        oid: Oid(16_420),
        schema: SchemaId(1),
        name: "w".to_owned(),
        columns: vec![ViewColumn { name: "a".to_owned(), ty }],
        text: "SELECT 1".to_owned(),
        uses: vec![Oid(16_400)],
        unseen: vec![(Oid(16_400), ColumnId(12))],
        check: Some(CheckOption::Cascaded),
    }
}

fn sequence() -> SequenceDef {
    SequenceDef {
        id: SequenceId(20),
        oid: Oid(16_410),
        schema: SchemaId(1),
        name: "q".to_owned(),
        ty: Oid(23),
        start: 1,
        increment: -2,
        min: i64::MIN,
        max: 3,
        cache: 5,
        cycle: true,
        counter: CounterId(21),
        owner: Some(SequenceOwner { table: TableId(9), column: ColumnId(1), identity: true }),
    }
}

pub(crate) fn edits() -> Vec<CatalogEdit> {
    vec![
        CatalogEdit::CreateSchema(SchemaDef { id: SchemaId(2), oid: Oid(16_384), name: "s".to_owned() }),
        CatalogEdit::CreateTable(Box::new(table())),
        CatalogEdit::CreateSequence(Box::new(sequence()), Position { value: -1, called: true }),
        CatalogEdit::DropTable(TableId(300)),
        CatalogEdit::AlterTable(Box::new(table())),
        CatalogEdit::DropSchema(SchemaId(2)),
        CatalogEdit::AlterSequence(
            Box::new(SequenceDef { owner: None, ..sequence() }),
            Some(Position { value: 1, called: false }),
        ),
        CatalogEdit::AlterSequence(Box::new(sequence()), None),
        CatalogEdit::DropSequence(SequenceId(300)),
        CatalogEdit::CreateView(Box::new(view())),
        CatalogEdit::AlterView(Box::new(view())),
        CatalogEdit::DropView(ViewId(300)),
        CatalogEdit::Comment(CommentKey::of(PG_NAMESPACE, Oid(2200)), Some("c".to_owned())),
        CatalogEdit::Comment(CommentKey { class: PG_CLASS, object: Oid(7), column: ColumnId(2) }, None),
        CatalogEdit::Materialize(TableId(300), Box::new(materialized())),
        CatalogEdit::CreateType(Box::new(mood())),
        CatalogEdit::AlterType(Box::new(mood())),
        CatalogEdit::DropType(mood().oid),
        CatalogEdit::CreateFunction(Box::new(function())),
        CatalogEdit::AlterFunction(Box::new(function())),
        CatalogEdit::DropFunction(function().oid),
    ]
}

pub(in crate::format) fn materialized() -> MaterializedDef {
    MaterializedDef {
        text: "q".to_owned(),
        uses: vec![Oid(7)],
        unseen: vec![(Oid(7), ColumnId(2))],
        populated: true,
    }
}

/// An enum to which a label came later.
fn mood() -> UserTypeDef {
    let label = |oid, position, name: &str| EnumLabel { oid: Oid(oid), position, name: name.to_owned() };
    let labels = vec![label(16_501, 1 << 32, "a"), label(16_600, 3 << 31, "b"), label(16_502, 2 << 32, "c")];
    let oid = types::user_type::UserKind::Enum.oid(16_500).unwrap();
    UserTypeDef { oid, schema: SchemaId(2), name: "mood".to_owned(), shape: TypeShape::Enum(labels) }
}

/// A domain with all that one can have.
fn price() -> UserTypeDef {
    let check = |oid, text: &str, validated| DomainCheck {
        oid: Oid(oid),
        name: "c".to_owned(),
        text: text.to_owned(),
        validated,
    };
    let domain = DomainDef {
        base: SqlType::of(Oid(23)).unwrap(),
        not_null: true,
        default: Some("7".to_owned()),
        checks: vec![check(16_701, "value > 0", true)],
    };
    let oid = types::user_type::UserKind::Domain.oid(16_700).unwrap();
    UserTypeDef { oid, schema: SchemaId(2), name: "price".to_owned(), shape: TypeShape::Domain(domain) }
}

/// A composite type that lost an attribute.
fn pair() -> UserTypeDef {
    let numeric = SqlType::with_typmod(Oid(1700), SqlType::numeric_typmod(5, 2)).unwrap();
    let of = |ty| SqlType::of(Oid(ty)).unwrap();
    let attributes = [("a", of(23)), ("lost", of(25)), ("b", numeric)];
    let attributes = attributes.into_iter().map(|(name, ty)| (name.to_owned(), ty));
    let mut composite = CompositeDef::new(attributes.collect());
    composite.attributes.remove(1);
    let oid = types::user_type::UserKind::Composite.oid(16_800).unwrap();
    let shape = TypeShape::Composite(composite);
    UserTypeDef { oid, schema: SchemaId(2), name: "pair".to_owned(), shape }
}

/// A function with all kinds of parts.
pub(in crate::format) fn function() -> FunctionDef {
    let parameter = |mode, name: &str, default: Option<&str>| Parameter {
        mode,
        name: name.to_owned(),
        ty: Oid(23),
        default: default.map(str::to_owned),
    };
    FunctionDef {
        oid: Oid(16_700),
        schema: SchemaId(2),
        name: "f".to_owned(),
        parameters: vec![
            parameter(ParameterMode::In, "a", None),
            parameter(ParameterMode::InOut, "", Some("1")),
            parameter(ParameterMode::Out, "b", None),
        ],
        result: Oid(2249),
        rows_of: None,
        returns_set: true,
        traits: FunctionTraits {
            volatility: Volatility::Stable,
            strict: true,
            leakproof: false,
            parallel: Parallel::Safe,
            cost: 1.5,
            rows: 7.0,
        },
        body: FunctionBody::Atomic("q".to_owned()),
        uses: vec![Oid(16_400)],
        unseen: vec![(Oid(16_400), ColumnId(2))],
    }
}

/// A catalog with a schema, a table, a sequence, a view, a type and a function.
pub(crate) fn state() -> CatalogState {
    let mut state = CatalogState::initial();
    for edit in &edits()[..3] {
        state.apply(edit).unwrap();
    }
    state.apply(&CatalogEdit::CreateView(Box::new(view()))).unwrap();
    let comment = CommentKey::of(PG_NAMESPACE, Oid(2200));
    state.apply(&CatalogEdit::Comment(comment, Some("all may read".to_owned()))).unwrap();
    state.apply(&CatalogEdit::Materialize(table().id, Box::new(materialized()))).unwrap();
    state.apply(&CatalogEdit::CreateType(Box::new(mood()))).unwrap();
    state.apply(&CatalogEdit::CreateFunction(Box::new(function()))).unwrap();
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
        assert_eq!(decode_state(&mut reader, CHECK_OPTION_SINCE).unwrap(), state);
        reader.finish().unwrap();
    }
}

#[test]
fn golden_bytes_of_edits() {
    let mut writer = Writer::new();
    let all = edits();
    encode_edit(&mut writer, &all[0]);
    encode_edit(&mut writer, &all[3]);
    assert_eq!(writer.as_slice(), [1, 2, 0, 0x40, 0, 0, 1, b's', 4, 0xac, 2]);
    let mut writer = Writer::new();
    encode_edit(&mut writer, &all[1]);
    // The whole definition, every form and datum in it, as one number: a change of the format shows here.
    assert_eq!((writer.len(), crc32c::crc32c(writer.as_slice())), GOLDEN_TABLE);
}

#[test]
fn golden_bytes_of_sequences() {
    let mut writer = Writer::new();
    encode_edit(&mut writer, &edits()[2]);
    #[rustfmt::skip]
    let created = [
        9, 20, 26, 64, 0, 0, 1, 1, b'q', 23, 0, 0, 0, // id, OID, schema, name, type
        1, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255, // start, increment
        0, 0, 0, 0, 0, 0, 0, 128, 3, 0, 0, 0, 0, 0, 0, 0, // bounds
        5, 0, 0, 0, 0, 0, 0, 0, 1, 21, 1, 9, 1, 0, 0, 0, 1, // cache, cycle, counter, owner
        255, 255, 255, 255, 255, 255, 255, 255, 1, // position
    ];
    assert_eq!(writer.as_slice(), created);
    let mut writer = Writer::new();
    encode_edit(&mut writer, &edits()[8]);
    assert_eq!(writer.as_slice(), [11, 0xac, 2]);
}

#[test]
fn golden_bytes_of_comments() {
    let mut writer = Writer::new();
    edits()[12..14].iter().for_each(|edit| encode_edit(&mut writer, edit));
    #[rustfmt::skip]
    let comments = [
        20, 0x37, 0x0a, 0, 0, 0x98, 8, 0, 0, 0, 0, 0, 0, 1, 1, b'c', // on a schema
        20, 0xeb, 4, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, 0, // taken from a column
    ];
    assert_eq!(writer.as_slice(), comments);
}

#[test]
fn golden_bytes_of_materialized_views() {
    let mut writer = Writer::new();
    encode_edit(&mut writer, &edits()[14]);
    assert_eq!(writer.as_slice(), [21, 0xac, 2, 1, b'q', 1, 7, 0, 0, 0, 1, 7, 0, 0, 0, 2, 0, 0, 0, 1]);
}

#[test]
fn golden_bytes_of_types() {
    let mut writer = Writer::new();
    let all = edits();
    [&all[15], &all[17]].into_iter().for_each(|edit| encode_edit(&mut writer, edit));
    #[rustfmt::skip]
    let types = [
        24, 0xe8, 0x80, 0, 0x40, 2, 4, b'm', b'o', b'o', b'd', 1, 3, // OID, schema, name, an enum of three labels
        0x75, 0x40, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, b'a', // OID, position, name
        0xd8, 0x40, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, 1, b'b',
        0x76, 0x40, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, b'c',
        26, 0xe8, 0x80, 0, 0x40,
    ];
    assert_eq!(writer.as_slice(), types);
}

#[test]
fn golden_bytes_of_functions() {
    let mut writer = Writer::new();
    let all = edits();
    [&all[18], &all[20]].into_iter().for_each(|edit| encode_edit(&mut writer, edit));
    #[rustfmt::skip]
    let functions = [
        31, 0x3c, 0x41, 0, 0, 2, 1, b'f', 3, // OID, schema, name, three parameters
        1, 1, b'a', 23, 0, 0, 0, 0, 3, 0, 23, 0, 0, 0, 1, 1, b'1', 2, 1, b'b', 23, 0, 0, 0, 0,
        0xc9, 8, 0, 0, 0, 0, 0, 0, 2, 3, 5, 0, 0, 0xc0, 0x3f, 0, 0, 0xe0, 0x40, // result, traits
        3, 1, b'q', 1, 0x10, 0x40, 0, 0, 1, 0x10, 0x40, 0, 0, 2, 0, 0, 0, // body, uses, unseen
        33, 0x3c, 0x41, 0, 0,
    ];
    assert_eq!(writer.as_slice(), functions);
}

#[test]
fn golden_bytes_of_domains() {
    let edit = CatalogEdit::CreateType(Box::new(price()));
    let mut writer = Writer::new();
    encode_edit(&mut writer, &edit);
    crate::format::datum::encode_sql_type(&mut writer, &price().domain_type().unwrap());
    #[rustfmt::skip]
    let domain = [
        24, 0x78, 0x82, 0, 0x50, 2, 5, b'p', b'r', b'i', b'c', b'e', 2, // OID, schema, name, a domain
        23, 0, 0, 0, 255, 255, 255, 255, 3, 1, 1, 1, b'7', // what it is over, NOT NULL, default
        1, 0x3d, 0x41, 0, 0, 1, b'c', 9, b'v', b'a', b'l', b'u', b'e', b' ', b'>', b' ', b'0', 1, // checks
        23, 0, 0, 0, 255, 255, 255, 255, 25, 0x78, 0x82, 0, 0x50, 3, // the type of a column
    ];
    assert_eq!(writer.as_slice(), domain);
    let mut reader = Reader::new(writer.as_slice());
    assert_eq!(decode_edit(&mut reader).unwrap(), edit);
    let ty = crate::format::datum::decode_sql_type(&mut reader).unwrap();
    assert_eq!(Some(ty), price().domain_type());
    reader.finish().unwrap();
}

#[test]
fn golden_bytes_of_composite_types() {
    let edit = CatalogEdit::CreateType(Box::new(pair()));
    let mut writer = Writer::new();
    encode_edit(&mut writer, &edit);
    crate::format::datum::encode_sql_type(&mut writer, &pair().composite_type().unwrap());
    #[rustfmt::skip]
    let composite = [
        24, 0x40, 0x83, 0, 0x60, 2, 4, b'p', b'a', b'i', b'r', 3, // OID, schema, name, a composite type
        4, 0, 0, 0, 2, // the next number, two attributes
        1, 0, 0, 0, 1, b'a', 23, 0, 0, 0, 255, 255, 255, 255, 3, // number, name, type
        3, 0, 0, 0, 1, b'b', 164, 6, 0, 0, 6, 0, 5, 0, 10, // numeric(5,2) in the form of any numeric
        0x40, 0x83, 0, 0x60, 255, 255, 255, 255, 23, 2, // the type of a column: two fields
        1, b'a', 23, 0, 0, 0, 255, 255, 255, 255, 3,
        1, b'b', 164, 6, 0, 0, 6, 0, 5, 0, 10,
    ];
    assert_eq!(writer.as_slice(), composite);
    let mut reader = Reader::new(writer.as_slice());
    assert_eq!(decode_edit(&mut reader).unwrap(), edit);
    let ty = crate::format::datum::decode_sql_type(&mut reader).unwrap();
    assert_eq!(Some(ty), pair().composite_type());
    reader.finish().unwrap();
}

/// Format 2 had neither kinds of columns nor checks.
#[test]
fn tables_of_format_2_are_read() {
    let mut plain = table();
    plain.checks.clear();
    plain.unique.clear();
    plain.foreign_keys.clear();
    plain.columns.iter_mut().for_each(|c| (c.kind, c.missing) = (ColumnKind::Plain, Datum::Null));
    older_is_read(&CatalogEdit::CreateTable(Box::new(plain.clone())), 5, 5);
    older_is_read(&CatalogEdit::AlterTable(Box::new(plain)), 6, 5);
}

/// In format 3 no column came later than its table, and views saw all columns.
#[test]
fn tables_and_views_of_format_3_are_read() {
    let mut plain = table();
    plain.columns.iter_mut().for_each(|c| c.missing = Datum::Null);
    plain.unique.clear();
    plain.foreign_keys.clear();
    older_is_read(&CatalogEdit::CreateTable(Box::new(plain.clone())), 7, 3);
    older_is_read(&CatalogEdit::AlterTable(Box::new(plain.clone())), 8, 3);
    let view = ViewDef { unseen: Vec::new(), check: None, ..view() };
    older_is_read(&CatalogEdit::CreateView(Box::new(view.clone())), 12, 2);
    older_is_read(&CatalogEdit::AlterView(Box::new(view.clone())), 13, 2);
    // What a view does not see is filled in where its tables are known.
    let mut state = CatalogState::initial();
    state.apply(&CatalogEdit::CreateTable(Box::new(plain))).unwrap();
    state.apply(&CatalogEdit::CreateView(Box::new(view))).unwrap();
    let kept = state.views().next().unwrap();
    assert_eq!(kept.unseen, [(Oid(16_400), ColumnId(40))]);
    let mut writer = Writer::new();
    encode_state(&mut writer, &state);
    let mut bytes = writer.into_bytes();
    // The last list is the view's, with no check option behind it, and the table's lists of missing values, unique columns and
    // foreign keys stand before the counts of the others.
    bytes.truncate(bytes.len() - 12);
    let mut table = Writer::new();
    encode_table(&mut table, state.tables().next().unwrap());
    let at = bytes.windows(table.len()).position(|part| part == table.as_slice()).unwrap() + table.len() - 3;
    assert_eq!([bytes.remove(at), bytes.remove(at), bytes.remove(at)], [0, 0, 0]);
    assert_eq!(decode_state(&mut Reader::new(&bytes), 3).unwrap(), state);
}

/// In formats 4 to 12 views had no check option.
#[test]
fn views_of_format_4_are_read() {
    let view = ViewDef { check: None, ..view() };
    older_is_read(&CatalogEdit::CreateView(Box::new(view.clone())), 17, 1);
    older_is_read(&CatalogEdit::AlterView(Box::new(view)), 18, 1);
}

/// In formats 4 to 6 nothing but a key was unique.
#[test]
fn tables_of_format_4_are_read() {
    let mut plain = table();
    plain.unique.clear();
    plain.foreign_keys.clear();
    older_is_read(&CatalogEdit::CreateTable(Box::new(plain.clone())), 15, 2);
    older_is_read(&CatalogEdit::AlterTable(Box::new(plain)), 16, 2);
}

/// In formats 7 and 8 no table referred to another.
#[test]
fn tables_of_format_7_are_read() {
    let mut plain = table();
    plain.foreign_keys.clear();
    older_is_read(&CatalogEdit::CreateTable(Box::new(plain.clone())), 22, 1);
    older_is_read(&CatalogEdit::AlterTable(Box::new(plain)), 23, 1);
}

/// `empty` lists at the end of an edit's bytes were not there under an older tag.
fn older_is_read(edit: &CatalogEdit, tag: u8, empty: usize) {
    let mut writer = Writer::new();
    encode_edit(&mut writer, edit);
    let mut bytes = writer.into_bytes();
    bytes[0] = tag;
    assert_eq!(bytes.split_off(bytes.len() - empty), vec![0; empty]);
    let mut reader = Reader::new(&bytes);
    assert_eq!(decode_edit(&mut reader).unwrap(), *edit);
    reader.finish().unwrap();
}

const GOLDEN_TABLE: (usize, u32) = (822, 2_631_997_229);

#[test]
fn cut_and_flipped_definitions_never_panic() {
    let mut writer = Writer::new();
    encode_state(&mut writer, &state());
    let bytes = writer.into_bytes();
    for cut in 0..bytes.len() {
        assert!(decode_state(&mut Reader::new(&bytes[..cut]), CHECK_OPTION_SINCE).is_err(), "cut to {cut}");
    }
    let mut errors = 0;
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        errors += usize::from(decode_state(&mut Reader::new(&flipped), CHECK_OPTION_SINCE).is_err());
    }
    assert!(errors > 0);
    let nested = [18, 1].repeat(100);
    assert!(crate::format::datum::decode_datum(&mut Reader::new(&nested)).is_err(), "nesting is bounded");
}
