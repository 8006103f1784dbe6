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
