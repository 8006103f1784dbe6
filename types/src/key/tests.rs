//! Golden bytes and order of keys.

use super::{decode_key, encode_key_data, encode_keys};
use crate::datum::Datum;
use crate::pgnum::PgNum;
use crate::sql_type::Form;
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
    ]
}

#[test]
fn keys_are_ordered_come_back_and_agree_with_columns() {
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
        for (key, value) in keys.iter().zip(&values) {
            let back = decode_key(&[form.clone(), Form::Int16], key).unwrap();
            assert_eq!(back, vec![value.clone(), Datum::Int16(-3)]);
        }
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
    assert!(decode_key(&[Form::Text], b"abc").is_err());
}
