//! Golden hashes: a change here makes every stored tablet unreadable.

use super::{bucket, fingerprint_rows, hash_data, hash_rows};
use crate::array::from_data;
use crate::datum::Datum;
use crate::sql_type::{Form, SqlType, oid};

#[test]
fn hash_of_rows_is_that_of_the_values() {
    let values = [Datum::Int64(1), Datum::Int64(-7)];
    let rows = hash_rows(&[(Form::Int64, from_data(&Form::Int64, &values).unwrap())]).unwrap();
    let single: Vec<u64> = values.iter().map(|v| hash_data(&[(Form::Int64, v.clone())]).unwrap()).collect();
    assert_eq!(rows, single);
    assert_eq!(single[0], HASH_OF_ONE);
}

const HASH_OF_ONE: u64 = 14_870_368_949_768_183_057;

/// A null adds nothing, so the other columns still spread the rows; of nulls alone the hash is 0.
#[test]
fn nulls_are_left_out_of_the_hash() {
    let forms = [Form::Int64, Form::Text, Form::Int16];
    let (one, a, two) = (Datum::Int64(1), Datum::Text("a".to_owned()), Datum::Int16(2));
    let rows = [
        ([one.clone(), Datum::Null, Datum::Null], HASH_OF_ONE),
        ([Datum::Null, a.clone(), Datum::Null], HASH_OF_A),
        ([one, Datum::Null, two], HASH_OF_ONE_AND_TWO),
        ([Datum::Null, Datum::Null, Datum::Null], 0),
    ];
    let columns: Vec<_> = (0..3)
        .map(|c| {
            let values: Vec<Datum> = rows.iter().map(|(row, _)| row[c].clone()).collect();
            (forms[c].clone(), from_data(&forms[c], &values).unwrap())
        })
        .collect();
    let expected: Vec<u64> = rows.iter().map(|(_, hash)| *hash).collect();
    assert_eq!(hash_rows(&columns).unwrap(), expected);
    for (row, hash) in &rows {
        let row: Vec<_> = forms.iter().cloned().zip(row.iter().cloned()).collect();
        assert_eq!(hash_data(&row).unwrap(), *hash);
    }
    let empty = hash_data(&[(Form::Text, Datum::Text(String::new()))]).unwrap();
    assert_ne!(empty, 0, "an empty text is not null");
}

/// XXH3-64 of `61 00 01`.
const HASH_OF_A: u64 = 3_490_339_720_791_146_938;
/// XXH3-64 of `80 00 00 00 00 00 00 01 80 02`.
const HASH_OF_ONE_AND_TWO: u64 = 14_202_278_644_810_814_600;

#[test]
fn buckets_cover_their_range() {
    assert_eq!(bucket(0, 4), 0);
    assert_eq!(bucket(u64::MAX, 4), 3);
    assert_eq!(bucket(1 << 63, 4), 2);
}

#[test]
fn fingerprint_ignores_order_and_tells_null_from_empty() {
    let print = |values: &[Datum]| {
        let ty = SqlType::of(oid::TEXT).unwrap();
        fingerprint_rows(&[(ty, from_data(&Form::Text, values).unwrap())]).unwrap()
    };
    let (a, empty) = (Datum::Text("a".to_owned()), Datum::Text(String::new()));
    assert_eq!(print(&[a.clone(), Datum::Null]), print(&[Datum::Null, a.clone()]));
    assert_ne!(print(&[Datum::Null]), print(&[empty]));
    assert_eq!(print(&[]), 0);
}
