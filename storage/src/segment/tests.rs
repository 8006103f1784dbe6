//! Segments: round trips, damage, predicates, lookups.

use super::*;
use crate::evaluate::{evaluate, may_match};
use crate::predicate::{CompareOp, Predicate};
use crate::segment::vortex::block_on;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, UInt64Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{Schema, UInt8Type, UInt32Type, i256};
use arrow::record_batch::RecordBatch;
use base::ErrorKind;
use base::fs::{FileSystem, SimulatedFileSystem};
use base::id::{ColumnId, CommitTs, DatabaseId, Oid, SchemaVersion, SegmentId, TableId};
use base::random::Random;
use futures::StreamExt;
use roaring::RoaringBitmap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use types::array::{array_of_lists, parts_of_array};
use types::datum::Interval;
use types::sql_type::RowField;
use types::{Datum, Dimension, Form, List, PgNum, SqlType, TimeTz};

const PATH: &str = "segment/1";

fn forms() -> Vec<Form> {
    vec![
        Form::Int64,
        Form::Enum,
        Form::Bool,
        Form::Int16,
        Form::Int32,
        Form::UInt32,
        Form::Float32,
        Form::Float64,
        Form::Decimal128 { scale: 2 },
        Form::Decimal256 { scale: 5 },
        Form::PgNum,
        Form::Text,
        Form::Bytes,
        Form::Uuid,
        Form::Date,
        Form::Timestamp,
        Form::TimestampTz,
        Form::Interval,
        Form::Array(Box::new(Form::Int32)),
        Form::Array(Box::new(Form::Text)),
        Form::Array(Box::new(Form::Timestamp)),
        Form::Jsonb,
        Form::Time,
        Form::TimeTz,
        Form::Array(Box::new(Form::Time)),
        Form::Array(Box::new(Form::TimeTz)),
        Form::Array(Box::new(Form::Jsonb)),
        Form::Array(Box::new(Form::Interval)),
        row(),
        Form::Array(Box::new(row())),
    ]
}

fn meta(forms: &[Form], history: bool) -> SegmentMeta {
    SegmentMeta {
        database: DatabaseId(7),
        segment: SegmentId(1),
        table: TableId(3),
        schema_version: SchemaVersion(1),
        columns: (1..).map(ColumnId).zip(forms.iter().cloned()).collect(),
        history,
        origins: true,
        bounds: forms.iter().any(|form| matches!(form, Form::Array(_))),
    }
}

/// A row of a number, an array and a row.
fn row() -> Form {
    let field = |name: &str, ty| RowField { name: name.to_owned(), ty };
    let of = |oid| SqlType::of(Oid(oid)).unwrap();
    let inner = SqlType::row(vec![field("a", of(1700)), field("b", of(25))]);
    let fields = vec![field("x", of(23)), field("y", of(1007)), field("z", inner)];
    SqlType::row(fields).form
}

/// A value out of a small range, or an extreme one, or null.
fn datum(form: &Form, random: &Random) -> Datum {
    if random.below(8) == 0 {
        return Datum::Null;
    }
    let extreme = random.below(16);
    let small = i64::try_from(random.below(40)).unwrap() - 20;
    let pick = |min: i64, max: i64| match extreme {
        0 => min,
        1 => max,
        _ => small,
    };
    let word = |n: i64| "wörd-".repeat(usize::try_from(n.unsigned_abs() % 20).unwrap()) + &n.to_string();
    match form {
        Form::Bool => Datum::Bool(small % 2 == 0),
        Form::Int16 => Datum::Int16(pick(i16::MIN.into(), i16::MAX.into()) as i16),
        Form::Int32 => Datum::Int32(pick(i32::MIN.into(), i32::MAX.into()) as i32),
        Form::Int64 | Form::Enum => Datum::Int64(pick(i64::MIN, i64::MAX)),
        Form::UInt32 => Datum::UInt32(pick(0, u32::MAX.into()).unsigned_abs() as u32),
        Form::Float32 => Datum::Float32(match extreme {
            0 => f32::NAN,
            1 => -0.0,
            2 => f32::NEG_INFINITY,
            3 => f32::MAX,
            4 => f32::MIN_POSITIVE / 2.0,
            _ => small as f32 / 4.0,
        }),
        Form::Float64 => Datum::Float64(match extreme {
            0 => f64::NAN,
            1 => -0.0,
            2 => f64::INFINITY,
            3 => f64::MIN,
            4 => f64::MIN_POSITIVE / 2.0,
            5 => -f64::NAN,
            _ => small as f64 / 3.0,
        }),
        Form::Decimal128 { .. } => Datum::Decimal128(match extreme {
            0 => 10_i128.pow(38) - 1,
            1 => -(10_i128.pow(38) - 1),
            _ => small.into(),
        }),
        Form::Decimal256 { .. } => Datum::Decimal256(match extreme {
            0 => i256::from_i128(10).wrapping_pow(76).wrapping_sub(i256::ONE),
            1 => i256::from_i128(10).wrapping_pow(76).wrapping_sub(i256::ONE).wrapping_neg(),
            _ => i256::from_i128(small.into()),
        }),
        Form::PgNum => {
            Datum::PgNum(PgNum::from_i128(small.into(), if extreme < 8 { 3 } else { 0 }).to_bytes())
        }
        Form::Text => Datum::Text(if extreme == 0 { String::new() } else { word(small) }),
        Form::Bytes => {
            Datum::Bytes(if extreme == 0 { Vec::new() } else { vec![small as u8; (small + 20) as usize] })
        }
        Form::Uuid => Datum::Uuid([small as u8; 16]),
        Form::Jsonb => Datum::Jsonb(format!("[{small}]")),
        Form::Time => Datum::Time(pick(0, 86_400_000_000).max(0)),
        Form::TimeTz => {
            Datum::TimeTz(TimeTz { micros: pick(0, 86_400_000_000).max(0), west: small as i32 * 1_800 })
        }
        Form::Date => Datum::Date(pick(i32::MIN.into(), i32::MAX.into()) as i32),
        Form::Timestamp => Datum::Timestamp(pick(i64::MIN, i64::MAX)),
        Form::TimestampTz => Datum::TimestampTz(pick(i64::MIN, i64::MAX)),
        Form::Interval => Datum::Interval(match extreme {
            0 => Interval { months: i32::MIN, days: i32::MAX, micros: i64::MAX },
            1 => Interval { months: i32::MAX, days: i32::MIN, micros: i64::MIN },
            _ => Interval { months: 0, days: small as i32, micros: 86_400_000_000 * small },
        }),
        Form::Row(fields) => Datum::Row(fields.iter().map(|field| datum(&field.ty.form, random)).collect()),
        Form::Array(element) => {
            let side = random.below(3);
            let items = (0..side * side).map(|_| datum(element, random)).collect();
            let length = i32::try_from(side).unwrap();
            let dimensions = match random.below(3) {
                0 => vec![Dimension { lower: 1, length: length * length }],
                1 => vec![Dimension { lower: -7, length: length * length }],
                _ => vec![Dimension { lower: 1, length }; 2],
            };
            Datum::List(List::with_dimensions(items, dimensions).unwrap())
        }
        Form::List(_) => unreachable!("no column is a list"),
    }
}

struct Table {
    meta: SegmentMeta,
    batch: RecordBatch,
    rows: Vec<SegmentRows>,
    keys: Vec<Vec<u8>>,
}

fn key(n: u64) -> Vec<u8> {
    let mut key = b"row".to_vec();
    key.extend_from_slice(&(n * 3 + 1).to_be_bytes());
    key
}

/// `rows` random rows, cut into batches of `batch_rows`.
fn table(forms: &[Form], rows: usize, batch_rows: usize, history: bool, random: &Random) -> Table {
    let meta = meta(forms, history);
    let arrays: Vec<ArrayRef> = forms
        .iter()
        .map(|form| {
            let data: Vec<Datum> = (0..rows).map(|_| datum(form, random)).collect();
            types::array::from_data(form, &data).unwrap()
        })
        .collect();
    let fields = meta.columns.iter().map(|(id, form)| types::array::field(&id.to_string(), form));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options).unwrap();
    let keys: Vec<Vec<u8>> = (0..rows as u64).map(key).collect();
    let cut = (0..rows).step_by(batch_rows).map(|at| {
        let len = batch_rows.min(rows - at);
        let part = batch.slice(at, len);
        let begin: UInt64Array = (at..at + len).map(|n| Some(1_000 + n as u64 / 10)).collect();
        let end: UInt64Array = (at..at + len).map(|n| Some(5_000 + n as u64)).collect();
        SegmentRows {
            columns: part.columns().to_vec(),
            begin_ts: begin,
            end_ts: history.then_some(end),
            origins: Some((at..at + len).map(|n| Some(1 + u8::from(n % 3 == 0))).collect()),
            keys: BinaryArray::from_iter_values(&keys[at..at + len]),
        }
    });
    Table { meta: meta.clone(), rows: cut.collect(), batch, keys }
}

fn file_system() -> SimulatedFileSystem {
    let fs = SimulatedFileSystem::new(1);
    fs.create_directory("segment").unwrap();
    fs
}

fn write(fs: &SimulatedFileSystem, table: &Table) -> WrittenSegment {
    let rows = table.rows.clone().into_iter().map(Ok);
    // Nobody can tell from what is read: half of the tests write it smaller.
    let compact = table.batch.num_rows().is_multiple_of(2);
    write_segment(fs, PATH, &table.meta, compact, rows).unwrap()
}

fn open(fs: &SimulatedFileSystem, table: &Table) -> Arc<Segment> {
    Segment::open(fs, PATH, table.meta.identity(), &cache()).unwrap()
}

/// Small, so that chunks come and go.
fn cache() -> Arc<ChunkCache> {
    Arc::new(ChunkCache::new(1 << 20))
}

fn wanted(meta: &SegmentMeta) -> Vec<ScanColumn> {
    let column =
        |(id, form): &(ColumnId, Form)| ScanColumn { id: *id, form: form.clone(), missing: Datum::Null };
    meta.columns.iter().map(column).collect()
}

fn whole(segment: &Segment) -> SegmentScan {
    SegmentScan { columns: wanted(segment.meta()), batch_rows: 1_000, ..SegmentScan::of_rows(0..u32::MAX) }
}

fn collect(segment: &Arc<Segment>, scan: &SegmentScan) -> base::Result<Vec<RecordBatch>> {
    let mut stream = segment.scan(scan);
    let mut out = Vec::new();
    while let Some(batch) = block_on(stream.next()) {
        let batch = batch?;
        assert!(batch.num_rows() > 0 && batch.num_rows() <= scan.batch_rows);
        out.push(batch);
    }
    Ok(out)
}

fn data(meta: &SegmentMeta, batches: &[RecordBatch]) -> Vec<Vec<Datum>> {
    let rows = batches.iter().flat_map(|batch| {
        (0..batch.num_rows()).map(|row| {
            let columns = meta.columns.iter().zip(batch.columns());
            columns.map(|((_, form), array)| types::array::get(form, array, row).unwrap()).collect()
        })
    });
    rows.collect()
}

/// Like `==`, but NaN equals NaN and -0 differs from 0.
fn same(a: &[Vec<Datum>], b: &[Vec<Datum>]) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

#[test]
fn every_form_comes_back_in_every_size() {
    let random = Random::from_seed(11);
    for (rows, batch_rows) in [(0, 1), (1, 1), (2, 1), (300, 70), (9_000, 1_111)] {
        for history in [false, true] {
            let fs = file_system();
            let table = table(&forms(), rows, batch_rows, history, &random);
            let written = write(&fs, &table);
            verify_segment(&fs, PATH, &table.meta, &written).unwrap();
            let segment = open(&fs, &table);
            assert_eq!(
                (format!("{:?}", segment.facts()), segment.rows() as usize),
                (format!("{written:?}"), rows)
            );
            let batches = collect(&segment, &whole(&segment)).unwrap();
            assert!(
                same(&data(&table.meta, &batches), &data(&table.meta, std::slice::from_ref(&table.batch))),
                "{rows} rows"
            );
            assert_eq!(written.file_bytes, fs.contents(PATH).unwrap().len() as u64);
        }
    }
}

#[test]
fn a_large_segment_comes_back() {
    let random = Random::from_seed(12);
    let fs = file_system();
    let table =
        table(&[Form::Int64, Form::Text, Form::Decimal128 { scale: 2 }], 100_000, 8_192, false, &random);
    let written = write(&fs, &table);
    verify_segment(&fs, PATH, &table.meta, &written).unwrap();
    let segment = open(&fs, &table);
    let batches = collect(&segment, &whole(&segment)).unwrap();
    let all = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(all.columns(), table.batch.columns());
}

#[test]
fn lives_and_ordinals_come_on_request() {
    let fs = file_system();
    let table = table(&[Form::Int32], 500, 500, true, &Random::from_seed(13));
    let written = write(&fs, &table);
    assert_eq!((written.begin_min, written.begin_max), (CommitTs(1_000), CommitTs(1_049)));
    assert_eq!((written.end_min, written.end_max), (CommitTs(5_000), CommitTs(5_499)));
    let segment = open(&fs, &table);
    let mut scan = whole(&segment);
    scan.ordinal = true;
    scan.lives = true;
    scan.begin_at_most = Some(CommitTs(1_020));
    scan.end_above = Some(CommitTs(5_099));
    let batches = collect(&segment, &scan).unwrap();
    let all = concat_batches(&batches[0].schema(), &batches).unwrap();
    let names: Vec<_> = all.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["1", "ordinal", "begin", "end", "origin"]);
    let ordinals: Vec<u32> = all.column(1).as_primitive::<UInt32Type>().values().to_vec();
    assert_eq!(ordinals, (100..210).collect::<Vec<u32>>());
    let origins: Vec<u8> = all.column(4).as_primitive::<UInt8Type>().values().to_vec();
    assert_eq!(origins, (100..210).map(|n| if n % 3 == 0 { 2 } else { 1 }).collect::<Vec<u8>>());
}

/// Those of header versions before 3 have no such column: all their arrays have one dimension that begins with 1.
#[test]
fn a_segment_that_has_no_bounds_of_arrays_is_read() {
    let fs = file_system();
    let mut table = table(&[Form::Array(Box::new(Form::Int32))], 40, 7, false, &Random::from_seed(31));
    let plain = |array: &ArrayRef| array_of_lists(parts_of_array(array).unwrap().0).unwrap();
    table.meta.bounds = false;
    table.rows.iter_mut().for_each(|rows| rows.columns[0] = plain(&rows.columns[0]));
    let written = write(&fs, &table);
    verify_segment(&fs, PATH, &table.meta, &written).unwrap();
    let segment = open(&fs, &table);
    let batches = collect(&segment, &whole(&segment)).unwrap();
    let all = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(all.column(0), &plain(table.batch.column(0)));
}

/// Those of header version 1 have no such column.
#[test]
fn a_segment_that_does_not_say_how_its_rows_came_about_is_read() {
    let fs = file_system();
    let mut table = table(&[Form::Int32], 20, 7, true, &Random::from_seed(24));
    table.meta.origins = false;
    table.rows.iter_mut().for_each(|rows| rows.origins = None);
    let written = write(&fs, &table);
    verify_segment(&fs, PATH, &table.meta, &written).unwrap();
    let segment = open(&fs, &table);
    let scan = SegmentScan { lives: true, ..whole(&segment) };
    let batches = collect(&segment, &scan).unwrap();
    let all = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(all.column(0), table.batch.column(0));
    assert_eq!(all.column_by_name("origin").unwrap().as_primitive::<UInt8Type>().values(), &[0; 20]);
}

#[test]
fn a_scan_without_columns_counts_rows() {
    let fs = file_system();
    let table = table(&[Form::Int32], 2_500, 2_500, false, &Random::from_seed(14));
    write(&fs, &table);
    let segment = open(&fs, &table);
    let mut scan = whole(&segment);
    scan.columns.clear();
    scan.excluded = Some(Arc::new((10..20).collect()));
    let rows: usize = collect(&segment, &scan).unwrap().iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 2_490);
}

#[test]
fn a_column_added_later_has_its_missing_value() {
    let fs = file_system();
    let table = table(&[Form::Int32], 10, 10, false, &Random::from_seed(15));
    write(&fs, &table);
    let segment = open(&fs, &table);
    let added = ScanColumn { id: ColumnId(9), form: Form::Text, missing: Datum::Text("new".to_owned()) };
    let mut scan = whole(&segment);
    scan.columns = vec![added.clone()];
    let is = |text: &str| Predicate::Compare {
        column: ColumnId(9),
        op: CompareOp::Equal,
        value: Datum::Text(text.to_owned()),
    };
    scan.predicate = Some(is("new"));
    let batches = collect(&segment, &scan).unwrap();
    assert_eq!(batches[0].column(0).as_string_view().iter().flatten().filter(|v| *v == "new").count(), 10);
    scan.columns = wanted(segment.meta());
    scan.filter_columns = vec![added];
    scan.predicate = Some(is("old"));
    assert!(collect(&segment, &scan).unwrap().is_empty());
    scan.predicate = Some(is("new"));
    assert_eq!(
        data(&table.meta, &collect(&segment, &scan).unwrap()),
        data(&table.meta, std::slice::from_ref(&table.batch))
    );
}

fn predicate(meta: &SegmentMeta, depth: u32, random: &Random) -> Predicate {
    let (column, form) = meta.columns[random.below(meta.columns.len() as u64) as usize].clone();
    let op = [
        CompareOp::Equal,
        CompareOp::NotEqual,
        CompareOp::Less,
        CompareOp::LessOrEqual,
        CompareOp::Greater,
        CompareOp::GreaterOrEqual,
    ][random.below(6) as usize];
    // Storage is not asked to compare these.
    let list = matches!(form, Form::Array(_) | Form::Row(_) | Form::Jsonb);
    match random.below(if depth == 0 { 4 } else { 8 }) {
        0 => Predicate::IsNull { column },
        1 => Predicate::IsNotNull { column },
        2 if !list => {
            let values = (0..random.below(6)).map(|_| datum(&form, random)).filter(|d| !d.is_null());
            Predicate::In { column, values: values.collect() }
        }
        _ if depth == 0 && !list => Predicate::Compare { column, op, value: datum(&form, random) },
        3 if !list => Predicate::Compare { column, op, value: datum(&form, random) },
        4 | 5 => Predicate::And((0..random.below(4)).map(|_| predicate(meta, depth - 1, random)).collect()),
        6 if depth > 0 => {
            Predicate::Or((0..random.below(4)).map(|_| predicate(meta, depth - 1, random)).collect())
        }
        7 if depth > 0 => Predicate::Not(Box::new(predicate(meta, depth - 1, random))),
        _ => Predicate::IsNotNull { column },
    }
}

#[test]
fn predicates_keep_what_naive_evaluation_keeps() {
    let seed = 16;
    println!("seed {seed}");
    let random = Random::from_seed(seed);
    let fs = file_system();
    let table = table(&forms(), 20_000, 4_000, false, &random);
    write(&fs, &table);
    let segment = open(&fs, &table);
    for round in 0..200 {
        let predicate = predicate(&table.meta, 2, &random);
        let truth = evaluate(&predicate, &table.batch).unwrap();
        let dead: RoaringBitmap = (0..random.below(3_000)).map(|_| random.below(20_000) as u32).collect();
        let (low, high) = (random.below(20_000) as u32, random.below(22_000) as u32);
        let expected: Vec<u32> = (0..20_000_u32)
            .filter(|n| truth.is_valid(*n as usize) && truth.value(*n as usize))
            .filter(|n| (low..high).contains(n) && !dead.contains(*n))
            .collect();
        let mut scan = whole(&segment);
        scan.columns = vec![wanted(segment.meta())[random.below(20) as usize].clone()];
        scan.filter_columns = wanted(segment.meta());
        scan.predicate = Some(predicate.clone());
        scan.excluded = Some(Arc::new(dead.into()));
        scan.rows = low..high;
        scan.ordinal = true;
        scan.batch_rows = 100_000;
        let batches = collect(&segment, &scan).unwrap();
        let found: Vec<u32> =
            batches.iter().flat_map(|b| b.column(1).as_primitive::<UInt32Type>().values().to_vec()).collect();
        assert_eq!(found, expected, "round {round}: {predicate:?}");
        if !segment.may_match(&predicate, &[]) {
            assert_eq!(truth.true_count(), 0, "round {round} pruned: {predicate:?}");
        }
    }
}

#[test]
fn bounds_never_prune_a_match() {
    let random = Random::from_seed(17);
    for round in 0..300 {
        let fs = file_system();
        let table = table(&forms(), 3, 3, false, &random);
        let stats: Vec<_> = table
            .meta
            .columns
            .iter()
            .zip(table.batch.columns())
            .map(|((id, form), array)| {
                let mut bounds = content::BoundsBuilder::new();
                bounds.update(form, array);
                (*id, bounds.finish())
            })
            .collect();
        drop(fs);
        let predicate = predicate(&table.meta, 2, &random);
        let may = may_match(&predicate, &|column| stats.iter().find(|(id, _)| *id == column).map(|(_, s)| s));
        let matches = evaluate(&predicate, &table.batch).unwrap().true_count();
        assert!(may || matches == 0, "round {round}: {predicate:?}");
    }
}

#[test]
fn zones_are_pruned() {
    let fs = file_system();
    let mut table = table(&[Form::Int64], 50_000, 50_000, false, &Random::from_seed(18));
    let sorted: Vec<Datum> = (0..50_000).map(Datum::Int64).collect();
    table.rows[0].columns = vec![types::array::from_data(&Form::Int64, &sorted).unwrap()];
    write(&fs, &table);
    let segment = open(&fs, &table);
    let mut scan = whole(&segment);
    scan.predicate =
        Some(Predicate::Compare { column: ColumnId(1), op: CompareOp::Equal, value: Datum::Int64(30_000) });
    let rows: usize = collect(&segment, &scan).unwrap().iter().map(RecordBatch::num_rows).sum();
    assert_eq!((rows, scan.metrics.rows_read.load(Ordering::Relaxed)), (1, 8_192));
}

#[test]
fn fetch_and_lookup_agree_with_the_rows() {
    let random = Random::from_seed(19);
    let fs = file_system();
    let table = table(&forms(), 30_000, 8_192, false, &random);
    write(&fs, &table);
    let segment = open(&fs, &table);
    for picks in [0, 1, 2, 50, 3_000] {
        let ordinals: RoaringBitmap = (0..picks).map(|_| random.below(30_000) as u32).collect();
        let ordinals: Vec<u32> = ordinals.iter().collect();
        let fetched = segment.fetch(&ordinals, &wanted(segment.meta())).unwrap();
        let expected =
            take_record_batch(&table.batch, &arrow::array::UInt32Array::from(ordinals.clone())).unwrap();
        assert!(same(&data(&table.meta, &[fetched]), &data(&table.meta, &[expected])));
        let keys: Vec<&[u8]> = ordinals.iter().map(|o| table.keys[*o as usize].as_slice()).collect();
        let found = segment.lookup_keys(&keys).unwrap();
        assert_eq!(found, ordinals.iter().map(|o| Some(*o)).collect::<Vec<_>>());
    }
    let absent = [b"".to_vec(), b"row".to_vec(), [key(5), vec![0]].concat(), b"s".to_vec()];
    let absent: Vec<&[u8]> = absent.iter().map(Vec::as_slice).collect();
    assert_eq!(segment.lookup_keys(&absent).unwrap(), [None; 4]);
    assert_eq!(segment.keys(120..400).unwrap(), table.keys[120..400]);
    assert_eq!(segment.fetch(&[3, 3], &[]).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(segment.fetch(&[30_000], &[]).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn the_newest_of_equal_keys_is_found() {
    let fs = file_system();
    let mut table = table(&[Form::Int32], 300, 300, false, &Random::from_seed(20));
    let keys = (0..300_u64).map(|n| key(n / 7));
    table.rows[0].keys = BinaryArray::from_iter_values(keys);
    write(&fs, &table);
    let segment = open(&fs, &table);
    let wanted: Vec<Vec<u8>> = (0..43).map(key).collect();
    let wanted: Vec<&[u8]> = wanted.iter().map(Vec::as_slice).collect();
    let expected: Vec<Option<u32>> = (0..43).map(|n| Some((n * 7 + 6).min(299))).collect();
    assert_eq!(segment.lookup_keys(&wanted).unwrap(), expected);
}

#[test]
fn splits_cover_the_segment() {
    let fs = file_system();
    let table = table(&[Form::Int32], 20_000, 20_000, false, &Random::from_seed(21));
    write(&fs, &table);
    let segment = open(&fs, &table);
    assert_eq!(segment.split_ranges(1), [0..8_192, 8_192..16_384, 16_384..20_000]);
    assert_eq!(segment.split_ranges(u32::MAX).as_slice(), std::slice::from_ref(&(0..20_000)));
}

#[test]
fn rows_out_of_order_are_refused() {
    let fs = file_system();
    let mut table = table(&[Form::Int32], 3, 3, false, &Random::from_seed(22));
    table.rows[0].keys = BinaryArray::from_iter_values([b"b", b"a", b"c"]);
    let error = write_segment(&fs, PATH, &table.meta, false, table.rows.into_iter().map(Ok)).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Internal, "rows of a segment are not sorted by key")
    );
}

#[test]
fn an_error_of_the_source_stops_the_write() {
    let fs = file_system();
    let table = table(&[Form::Int32], 3, 3, false, &Random::from_seed(23));
    let rows = table.rows.into_iter().map(Ok).chain([Err(base::Error::new(ErrorKind::Cancelled, "stop"))]);
    assert_eq!(write_segment(&fs, PATH, &table.meta, true, rows).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_full_disk_stops_the_write() {
    let fs = file_system();
    fs.set_capacity(10_000);
    let table = table(&forms(), 20_000, 20_000, false, &Random::from_seed(24));
    let error = write_segment(&fs, PATH, &table.meta, false, table.rows.into_iter().map(Ok)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DiskFull);
}

/// Everything that a reader can ask, as text.
fn answers(fs: &SimulatedFileSystem, table: &Table) -> base::Result<String> {
    let segment = Segment::open(fs, PATH, table.meta.identity(), &cache())?;
    let rows = data(&table.meta, &collect(&segment, &whole(&segment))?);
    let keys: Vec<&[u8]> = table.keys.iter().map(Vec::as_slice).collect();
    let found = segment.lookup_keys(&keys)?;
    let fetched = data(&table.meta, &[segment.fetch(&[1, 5, 6], &wanted(segment.meta()))?]);
    Ok(format!("{:?} {rows:?} {found:?} {fetched:?}", segment.meta()))
}

#[test]
fn every_flipped_byte_is_an_error_or_harmless() {
    let fs = file_system();
    let table = table(&[Form::Int32, Form::Text, Form::Float64], 40, 40, false, &Random::from_seed(25));
    write(&fs, &table);
    let expected = answers(&fs, &table).unwrap();
    let bytes = fs.contents(PATH).unwrap();
    let mut refused = 0;
    // Every byte outside of the header's padding, and some of that.
    for at in (0..bytes.len()).filter(|at| !(512..4_000).contains(at) || at % 97 == 0) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(fs.replace_contents(PATH, &damaged));
        match answers(&fs, &table) {
            Ok(answer) => assert_eq!(answer, expected, "byte {at}"),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Corruption), "byte {at}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 1_000);
}

#[test]
fn every_truncation_is_an_error() {
    let fs = file_system();
    let table = table(&[Form::Int32, Form::Text], 40, 40, false, &Random::from_seed(26));
    write(&fs, &table);
    let bytes = fs.contents(PATH).unwrap();
    for len in (0..bytes.len()).step_by(7).chain(bytes.len() - 200..bytes.len()) {
        assert!(fs.replace_contents(PATH, &bytes[..len]));
        assert_eq!(answers(&fs, &table).unwrap_err().kind(), ErrorKind::Corruption, "{len} bytes");
    }
    assert!(fs.replace_contents(PATH, &[bytes.as_slice(), b"more"].concat()));
    assert_eq!(answers(&fs, &table).unwrap_err().kind(), ErrorKind::Corruption);
}

#[test]
fn a_segment_under_another_name_is_refused() {
    let fs = file_system();
    let table = table(&[Form::Int32], 4, 4, false, &Random::from_seed(27));
    write(&fs, &table);
    let mut other = table.meta.identity();
    other.segment = SegmentId(2);
    assert_eq!(Segment::open(&fs, PATH, other, &cache()).unwrap_err().kind(), ErrorKind::Corruption);
}

#[test]
fn read_back_notices_other_rows() {
    let fs = file_system();
    let table_a = table(&[Form::Int32], 40, 40, false, &Random::from_seed(28));
    let mut written = write(&fs, &table_a);
    written.content_hashes[0] ^= 1;
    assert_eq!(verify_segment(&fs, PATH, &table_a.meta, &written).unwrap_err().kind(), ErrorKind::Corruption);
}

#[test]
fn content_hashes_do_not_depend_on_batches() {
    let random = Random::from_seed(29);
    let table = table(&forms(), 1_000, 1_000, false, &random);
    for array in table.batch.columns() {
        let (mut whole, mut cut) = (content::ContentHasher::default(), content::ContentHasher::default());
        whole.update(array).unwrap();
        for at in (0..1_000).step_by(77) {
            cut.update(&array.slice(at, 77.min(1_000 - at))).unwrap();
        }
        assert_eq!(whole.finish(), cut.finish());
        let mut other = content::ContentHasher::default();
        other.update(&array.slice(0, 999)).unwrap();
        assert_ne!(whole.finish(), other.finish());
    }
    let kept =
        filter_record_batch(&table.batch, &arrow::array::BooleanArray::from(vec![true; 1_000])).unwrap();
    assert_eq!(kept.num_rows(), 1_000);
}

#[test]
fn golden_bytes_of_the_header() {
    let meta = meta(&[Form::Int64, Form::Decimal128 { scale: 2 }], true);
    let mut expected = b"NYSEG\x02\0\0\0\x14vortex/core2026.08.3\x01".to_vec();
    expected.extend_from_slice(&7_u128.to_le_bytes());
    expected.extend_from_slice(&1_u64.to_le_bytes());
    expected.extend_from_slice(&3_u64.to_le_bytes());
    expected.extend_from_slice(&[1, 0, 0, 0, 3, 2, 0, 0, 0, 1, 0, 0, 0, 4, 2, 0, 0, 0, 8, 2]);
    assert_eq!(index::encode_header(&meta, vortex::FORMAT).unwrap(), expected);
    assert_eq!(index::decode_header(SegmentId(1), &expected, vortex::FORMAT).unwrap(), meta);
    let refused = |bytes: &[u8], format: &str, kind: ErrorKind, what: &str| {
        let error = index::decode_header(SegmentId(1), bytes, format).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.message().contains("segment/00000000000000000001") && error.message().contains(what),
            "{error}"
        );
    };
    refused(&expected, "other", ErrorKind::Unsupported, "newer version of Nyala (rows in format vortex/core");
    // Bounds of arrays need version 3.
    let bounds = SegmentMeta { bounds: true, ..meta.clone() };
    let newest = index::encode_header(&bounds, vortex::FORMAT).unwrap();
    assert_eq!((newest[5], newest[67]), (3, expected[67] | 4));
    assert_eq!(index::decode_header(SegmentId(1), &newest, vortex::FORMAT).unwrap(), bounds);
    // Version 1 did not know origins.
    let mut older = expected.clone();
    (older[5], older[67]) = (1, 1);
    let before = SegmentMeta { origins: false, ..meta.clone() };
    assert_eq!(index::decode_header(SegmentId(1), &older, vortex::FORMAT).unwrap(), before);
    older[67] = 3;
    let error = index::decode_header(SegmentId(1), &older, vortex::FORMAT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption);
    for (at, newer, what) in [(5, 4, "header 4, this"), (30, 2, "key encoding 2, this")] {
        let mut other = expected.clone();
        other[at] = newer;
        refused(&other, vortex::FORMAT, ErrorKind::Unsupported, what);
        other[at] = 0;
        assert_eq!(
            index::decode_header(SegmentId(1), &other, vortex::FORMAT).unwrap_err().kind(),
            ErrorKind::Corruption
        );
    }
}

#[test]
fn golden_bytes_of_a_key_run() {
    let mut writer = key_run::KeyRunWriter::default();
    for key in [b"a".as_slice(), b"ab", b"b"] {
        writer.push(key);
    }
    let (run, fences) = writer.finish();
    assert_eq!(run, b"\0\x01a\x01\x01b\0\x01b");
    assert_eq!(fences, b"\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01a");
}
