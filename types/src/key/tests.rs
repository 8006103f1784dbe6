//! Golden bytes and order of keys.

use super::{encode_key_data, encode_keys};
use crate::datum::{Datum, Interval};
use crate::list::{Dimension, List};
use crate::pgnum::PgNum;
use crate::sql_type::{Form, RowField, SqlType};
use arrow::datatypes::i256;

fn ordered() -> Vec<(Form, Vec<Datum>)> {
    let text = |t: &str| Datum::Text(t.to_owned());
    let numeric = |t: &str| Datum::PgNum(PgNum::parse(t).unwrap().to_bytes());
    vec![
        (Form::Bool, vec![Datum::Bool(false), Datum::Bool(true)]),
        (Form::Int16, [i16::MIN, -1, 0, 1, i16::MAX].map(Datum::Int16).to_vec()),
        (Form::Int32, [i32::MIN, -1, 0, 1, i32::MAX].map(Datum::Int32).to_vec()),
        (Form::Int64, [i64::MIN, -1, 0, 1, i64::MAX].map(Datum::Int64).to_vec()),
        (Form::UInt32, [0, 1, u32::MAX].map(Datum::UInt32).to_vec()),
        (
            Form::Float64,
            [f64::NEG_INFINITY, -1.5, -1e-300, 0.0, 1e-300, 2.0, f64::INFINITY].map(Datum::Float64).to_vec(),
        ),
        (Form::Float32, [f32::NEG_INFINITY, -1.5, 0.0, 2.0, f32::INFINITY].map(Datum::Float32).to_vec()),
        (Form::Decimal128 { scale: 2 }, [i128::MIN, -1, 0, 1, i128::MAX].map(Datum::Decimal128).to_vec()),
        (Form::Decimal256 { scale: 2 }, [-7, 0, 7].map(|v| Datum::Decimal256(i256::from_i128(v))).to_vec()),
        (Form::PgNum, ["-Infinity", "-2", "-1.5", "0", "1", "1.5", "10000", "NaN"].map(numeric).to_vec()),
        (Form::Text, ["", "\0", "\0a", "a", "a\0", "a\0b", "a\u{1}", "ab", "b"].map(text).to_vec()),
        (
            Form::Bytes,
            vec![
                Datum::Bytes(vec![]),
                Datum::Bytes(vec![0]),
                Datum::Bytes(vec![0, 255]),
                Datum::Bytes(vec![1]),
            ],
        ),
        (Form::Uuid, vec![Datum::Uuid([0; 16]), Datum::Uuid([9; 16])]),
        (Form::Date, [i32::MIN, 0, i32::MAX].map(Datum::Date).to_vec()),
        (Form::TimestampTz, [i64::MIN, 0, i64::MAX].map(Datum::TimestampTz).to_vec()),
        (Form::Interval, spans()),
        (Form::Array(Box::new(Form::Text)), arrays()),
        (row(), rows()),
    ]
}

fn spans() -> Vec<Datum> {
    let spans = [
        (i32::MIN, i32::MIN, i64::MIN),
        (0, -1, 0),
        (0, 0, -1),
        (0, 0, 0),
        (0, 0, 1),
        (0, 1, 0),
        (0, 29, 86_399_999_999),
        (1, 0, 0),
        (1, 0, 1),
        (i32::MAX, i32::MAX, i64::MAX),
    ];
    let datum = |(months, days, micros)| Datum::Interval(Interval { months, days, micros });
    spans.map(datum).to_vec()
}

/// Elements first, null last; then their number, then how they are arranged.
fn arrays() -> Vec<Datum> {
    let text = |t: &str| Datum::Text(t.to_owned());
    let plain = |items: &[Datum]| Datum::List(List::from(items.to_vec()));
    let arranged = |items: &[Datum], dimensions: &[(i32, i32)]| {
        let dimensions =
            dimensions.iter().map(|(lower, length)| Dimension { lower: *lower, length: *length });
        Datum::List(List::with_dimensions(items.to_vec(), dimensions.collect()).unwrap())
    };
    let ab = [text("a"), text("b")];
    vec![
        plain(&[]),
        plain(&[text("")]),
        plain(&[text("a")]),
        arranged(&ab, &[(-1, 2)]),
        plain(&ab),
        arranged(&ab, &[(2, 2)]),
        arranged(&ab, &[(5, 1), (1, 2)]),
        arranged(&ab, &[(1, 2), (1, 1)]),
        plain(&[text("a"), text("b"), text("")]),
        plain(&[text("a"), Datum::Null]),
        plain(&[text("aa")]),
        plain(&[Datum::Null]),
        plain(&[Datum::Null, Datum::Null]),
    ]
}

fn row() -> Form {
    let field = |name: &str, form| {
        let ty = SqlType { oid: crate::sql_type::oid::TEXT, typmod: -1, form, domain: None };
        RowField { name: name.to_owned(), ty }
    };
    Form::Row(vec![field("a", Form::Int16), field("b", Form::Array(Box::new(Form::Interval)))].into())
}

fn rows() -> Vec<Datum> {
    let row = |a, b| Datum::Row(vec![a, b]);
    let list = |items: Vec<Datum>| Datum::List(List::from(items));
    let day = Datum::Interval(Interval { months: 0, days: 1, micros: 0 });
    vec![
        row(Datum::Int16(-1), Datum::Null),
        row(Datum::Int16(1), list(vec![])),
        row(Datum::Int16(1), list(vec![day.clone()])),
        row(Datum::Int16(1), list(vec![day, Datum::Null])),
        row(Datum::Int16(1), Datum::Null),
        row(Datum::Null, list(vec![])),
        row(Datum::Null, Datum::Null),
    ]
}

#[test]
fn keys_are_ordered_and_agree_with_columns() {
    for (form, values) in ordered() {
        let tail = (Form::Int16, Datum::Int16(-3));
        let keys: Vec<Vec<u8>> = values
            .iter()
            .map(|v| encode_key_data(&[(form.clone(), v.clone()), tail.clone()]).unwrap())
            .collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{form:?}");
        let column = crate::array::from_data(&form, &values).unwrap();
        let tails = crate::array::from_data(&Form::Int16, &vec![Datum::Int16(-3); values.len()]).unwrap();
        let buffer = encode_keys(&[(form.clone(), column), (Form::Int16, tails)]).unwrap();
        assert!(buffer.iter().eq(keys.iter().map(Vec::as_slice)));
    }
}

#[test]
fn bytes_are_golden() {
    let key = encode_key_data(&[
        (Form::Int32, Datum::Int32(-2)),
        (Form::Text, Datum::Text("a\0b".to_owned())),
        (Form::Float64, Datum::Float64(-0.0)),
    ])
    .unwrap();
    assert_eq!(key, [0x7f, 0xff, 0xff, 0xfe, b'a', 0, 0xff, b'b', 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn equal_floats_have_one_key_and_nulls_have_none() {
    let key = |v: f64| encode_key_data(&[(Form::Float64, Datum::Float64(v))]).unwrap();
    assert_eq!(key(0.0), key(-0.0));
    assert_eq!(key(f64::NAN), key(-f64::NAN));
    assert!(key(f64::NAN) > key(f64::INFINITY));
    assert!(encode_key_data(&[(Form::Int32, Datum::Null)]).is_err());
    assert!(
        encode_keys(&[(Form::Int32, crate::array::from_data(&Form::Int32, &[Datum::Null]).unwrap())])
            .is_err()
    );
}

#[test]
fn equal_spans_have_one_key_also_within_arrays_and_rows() {
    let span = |months, days, micros| Datum::Interval(Interval { months, days, micros });
    let key = |form: &Form, v: Datum| encode_key_data(&[(form.clone(), v)]).unwrap();
    let (month, days, hours) = (span(1, 0, 0), span(0, 30, 0), span(0, 0, 720 * 3_600_000_000));
    assert_eq!(key(&Form::Interval, month.clone()), key(&Form::Interval, days.clone()));
    assert_eq!(key(&Form::Interval, month.clone()), key(&Form::Interval, hours.clone()));
    let list = |v: &Datum| Datum::List(List::from(vec![v.clone()]));
    assert_eq!(
        key(&row(), Datum::Row(vec![Datum::Null, list(&month)])),
        key(&row(), Datum::Row(vec![Datum::Null, list(&hours)]))
    );
    let spans = Form::Array(Box::new(Form::Interval));
    assert_eq!(key(&spans, list(&days)), key(&spans, list(&hours)));
}

#[test]
fn golden_bytes_of_what_has_parts() {
    let list = Datum::List(List::from(vec![Datum::Int16(2), Datum::Null]));
    let key = encode_key_data(&[(Form::Array(Box::new(Form::Int16)), list)]).unwrap();
    assert_eq!(key, [1, 0x80, 2, 2, 0, 1, 0x80, 0, 0, 2, 0x80, 0, 0, 1]);
    let key = encode_key_data(&[(row(), Datum::Row(vec![Datum::Int16(-1), Datum::Null]))]).unwrap();
    assert_eq!(key, [1, 0x7f, 0xff, 2]);
    let day = Datum::Interval(Interval { months: 0, days: 1, micros: 1 });
    let mut expected = [0_u8; 16];
    expected[0] = 0x80;
    expected[8..].copy_from_slice(&86_400_000_001_u64.to_be_bytes());
    assert_eq!(encode_key_data(&[(Form::Interval, day)]).unwrap(), expected);
}
