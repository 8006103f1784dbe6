//! The row codec over every form: round trips, golden bytes, damage.

use super::{decode_rows, encode_rows};
use crate::format::{Reader, Writer, decode_datum, encode_datum};
use arrow::array::Array;
use arrow::datatypes::{Schema, i256};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::ErrorKind;
use base::id::Oid;
use std::sync::Arc;
use types::sql_type::RowField;
use types::{Datum, Dimension, Form, Interval, List, SqlType, TimeTz};

/// One column of every form: three values, the second null.
fn columns() -> Vec<(Form, [Datum; 3])> {
    use Datum::Null;
    let timetz = |west| Datum::TimeTz(TimeTz { micros: 1, west });
    let interval = |months| Datum::Interval(Interval { months, days: -2, micros: i64::MAX / 1_000 });
    vec![
        (Form::Bool, [Datum::Bool(true), Null, Datum::Bool(false)]),
        (Form::Int16, [Datum::Int16(i16::MIN), Null, Datum::Int16(2)]),
        (Form::Int32, [Datum::Int32(i32::MAX), Null, Datum::Int32(-2)]),
        (Form::Int64, [Datum::Int64(1), Null, Datum::Int64(i64::MIN)]),
        (Form::UInt32, [Datum::UInt32(u32::MAX), Null, Datum::UInt32(0)]),
        (Form::Float32, [Datum::Float32(1.5), Null, Datum::Float32(f32::NEG_INFINITY)]),
        (Form::Float64, [Datum::Float64(-0.0), Null, Datum::Float64(f64::MAX)]),
        (Form::Decimal128 { scale: 2 }, [Datum::Decimal128(1), Null, Datum::Decimal128(-99)]),
        (
            Form::Decimal256 { scale: 50 },
            [Datum::Decimal256(i256::MINUS_ONE), Null, Datum::Decimal256(i256::ONE)],
        ),
        (Form::PgNum, [Datum::PgNum(vec![1]), Null, Datum::PgNum(vec![])]),
        (Form::Text, [Datum::Text("häuser und Gärten, lang".to_owned()), Null, Datum::Text(String::new())]),
        (Form::Bytes, [Datum::Bytes(vec![0; 300]), Null, Datum::Bytes(vec![255])]),
        (Form::Uuid, [Datum::Uuid([1; 16]), Null, Datum::Uuid([0xff; 16])]),
        (Form::Date, [Datum::Date(i32::MAX), Null, Datum::Date(0)]),
        (Form::Timestamp, [Datum::Timestamp(i64::MIN), Null, Datum::Timestamp(4)]),
        (Form::TimestampTz, [Datum::TimestampTz(i64::MAX), Null, Datum::TimestampTz(4)]),
        (Form::Interval, [interval(1), Null, interval(-1)]),
        (Form::Jsonb, [Datum::Jsonb("null".to_owned()), Null, Datum::Jsonb("[]".to_owned())]),
        (Form::Time, [Datum::Time(0), Null, Datum::Time(86_400_000_000)]),
        (Form::TimeTz, [timetz(-57_599), Null, timetz(57_599)]),
        (
            Form::Array(Box::new(Form::Text)),
            [Datum::list(vec![Datum::Text("a".to_owned()), Null]), Null, Datum::list(vec![])],
        ),
        (Form::Array(Box::new(Form::Int32)), [square(), Null, Datum::list(vec![Datum::Int32(1)])]),
        (pair(), [Datum::Row(vec![Datum::Int32(1), Null]), Null, Datum::Row(vec![Null, square()])]),
    ]
}

/// A row of an integer and an array.
fn pair() -> Form {
    let field = |name: &str, oid| RowField { name: name.to_owned(), ty: SqlType::of(Oid(oid)).unwrap() };
    SqlType::row(vec![field("a", 23), field("b", 1007)]).form
}

/// `[1:2][5:6]={{1,2},{3,NULL}}`
fn square() -> Datum {
    let items = vec![Datum::Int32(1), Datum::Int32(2), Datum::Int32(3), Datum::Null];
    let dimensions = vec![Dimension { lower: 1, length: 2 }, Dimension { lower: 5, length: 2 }];
    Datum::List(List::with_dimensions(items, dimensions).unwrap())
}

#[test]
fn golden_bytes_of_an_array_of_two_dimensions() {
    let mut writer = Writer::new();
    encode_datum(&mut writer, &square());
    let bytes = writer.into_bytes();
    let bounds = [1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0];
    let items = [4, 3, 1, 0, 0, 0, 3, 2, 0, 0, 0, 3, 3, 0, 0, 0, 0];
    assert_eq!(bytes, [[22, 16].as_slice(), &bounds, &items].concat());
    assert_eq!(decode_datum(&mut Reader::new(&bytes)).unwrap(), square());
    for wrong in [0, 3] {
        let mut damaged = bytes.clone();
        damaged[6] = wrong;
        assert_eq!(decode_datum(&mut Reader::new(&damaged)).unwrap_err().kind(), ErrorKind::Corruption);
    }
}

#[test]
fn golden_bytes_of_a_row_within_a_row() {
    let pair = Datum::Row(vec![Datum::Int32(1), Datum::Null]);
    let outer = Datum::Row(vec![pair, Datum::Bool(true)]);
    let mut writer = Writer::new();
    encode_datum(&mut writer, &outer);
    let bytes = writer.into_bytes();
    // A row, its number of values, each with its tag; null is 0.
    assert_eq!(bytes, [23, 2, 23, 2, 3, 1, 0, 0, 0, 0, 1, 1]);
    assert_eq!(decode_datum(&mut Reader::new(&bytes)).unwrap(), outer);
}

fn batch_of(columns: &[(Form, [Datum; 3])]) -> (RecordBatch, Vec<Form>) {
    let fields: Vec<_> =
        columns.iter().enumerate().map(|(i, (form, _))| types::array::field(&i.to_string(), form)).collect();
    let arrays = columns.iter().map(|(form, data)| types::array::from_data(form, data).unwrap()).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    (batch, columns.iter().map(|(form, _)| form.clone()).collect())
}

#[test]
fn rows_of_every_form_round_trip() {
    let (batch, forms) = batch_of(&columns());
    let rows = encode_rows(&batch, &forms).unwrap();
    let back = decode_rows(rows.iter().map(AsRef::as_ref), &forms, &batch.schema()).unwrap();
    assert_eq!(back, batch);
    // The bytes of a row do not depend on where in a batch it stands.
    assert_eq!(encode_rows(&batch.slice(2, 1), &forms).unwrap(), rows[2..]);
    let turned = decode_rows(rows.iter().rev().map(AsRef::as_ref), &forms, &batch.schema()).unwrap();
    assert_eq!(turned.slice(2, 1), batch.slice(0, 1));
    let none = decode_rows(std::iter::empty(), &forms, &batch.schema()).unwrap();
    assert_eq!((none.num_rows(), none.num_columns()), (0, forms.len()));
}

#[test]
fn golden_bytes_of_rows() {
    let all = columns();
    let (batch, forms) = batch_of(&[all[2].clone(), all[10].clone(), all[0].clone()]);
    let rows = encode_rows(&batch, &forms).unwrap();
    let mut first = vec![1, 0, 0xff, 0xff, 0xff, 0x7f, 25];
    first.extend_from_slice("häuser und Gärten, lang".as_bytes());
    first.push(1);
    assert_eq!(rows[0], first);
    assert_eq!(*rows[1], [1, 0b111]);
    assert_eq!(*rows[2], [1, 0, 0xfe, 0xff, 0xff, 0xff, 0, 0]);
    // All columns but the last two, which have golden bytes of their own.
    let (batch, forms) = batch_of(&all[..all.len() - 2]);
    let bytes = encode_rows(&batch, &forms).unwrap().concat();
    assert_eq!((bytes.len(), crc32c::crc32c(&bytes)), GOLDEN_ROWS);
}

const GOLDEN_ROWS: (usize, u32) = (664, 1_073_999_375);

#[test]
fn cut_and_flipped_rows_are_corruption_or_another_row() {
    let (batch, forms) = batch_of(&columns());
    for row in encode_rows(&batch, &forms).unwrap() {
        for cut in 0..row.len() {
            let error = decode_rows([&row[..cut]], &forms, &batch.schema()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption);
        }
        for bit in 0..row.len() * 8 {
            let mut flipped = row.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match decode_rows([flipped.as_slice()], &forms, &batch.schema()) {
                Ok(other) => assert_eq!(other.num_rows(), 1, "bit {bit}"),
                Err(e) => assert_eq!(e.kind(), ErrorKind::Corruption, "bit {bit}: {e}"),
            }
        }
    }
}

#[test]
fn a_table_without_columns_and_columns_of_other_forms() {
    let schema = Arc::new(Schema::empty());
    let options = RecordBatchOptions::new().with_row_count(Some(2));
    let batch = RecordBatch::try_new_with_options(schema.clone(), vec![], &options).unwrap();
    let rows = encode_rows(&batch, &[]).unwrap();
    assert_eq!(rows, [[1].as_slice(), &[1]]);
    assert_eq!(decode_rows(rows.iter().map(AsRef::as_ref), &[], &schema).unwrap().num_rows(), 2);
    let (batch, _) = batch_of(&columns()[..1]);
    assert_eq!(encode_rows(&batch, &[Form::Int32]).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(encode_rows(&batch, &[]).unwrap_err().kind(), ErrorKind::Internal);
    assert!(batch.column(0).is_null(1));
}
