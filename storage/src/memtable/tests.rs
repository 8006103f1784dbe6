//! Memtables: append numbers, versions and keys.

use super::{Memtable, NEVER};
use crate::format::Origin;
use crate::layout::Key;
use arrow::array::{ArrayRef, AsArray, Int32Array};
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use base::id::MemtableId;
use std::sync::Arc;

fn one(value: i32) -> (RecordBatch, Vec<Key>) {
    let column: ArrayRef = Arc::new(Int32Array::from(vec![value]));
    let key: Key = Arc::from(value.to_be_bytes().as_slice());
    (RecordBatch::try_from_iter([("1", column)]).unwrap(), vec![key])
}

#[test]
fn append_numbers_survive_merging_and_old_versions_stay_readable() {
    let memtable = Memtable::new(MemtableId(1));
    for i in 0..1_000_u32 {
        let (batch, keys) = one((i % 10).cast_signed());
        let old = memtable.newest(&keys[0]);
        if let Some(old) = old {
            memtable.kill(old.row, u64::from(i) + 1).unwrap();
        }
        let origin = Origin::replacing(old.is_some());
        assert_eq!(memtable.append(&batch, keys, &[origin], u64::from(i) + 1).unwrap(), i);
    }
    assert!(memtable.chunks().len() < 20, "{} chunks", memtable.chunks().len());
    let key = 3_i32.to_be_bytes();
    let newest = memtable.newest(&key).unwrap();
    assert_eq!((newest.row, newest.begin, newest.end), (993, 994, NEVER));
    assert_eq!((newest.origin, memtable.version(3).unwrap().origin), (Origin::Replacing, Origin::New));
    assert_eq!(memtable.version_at(&key, 100).unwrap().row, 93);
    assert_eq!(memtable.version_at(&key, 3), None);
    let rows_at = |stamp| memtable.chunks().iter().map(|c| c.rows_at(stamp)).sum::<u64>();
    assert_eq!((rows_at(5), rows_at(500), rows_at(NEVER - 1)), (5, 10, 10));
    let rows = memtable.fetch(&[993, 7, 500], |rows| Ok(rows.clone())).unwrap();
    assert_eq!(rows.column(0).as_primitive::<Int32Type>().values(), &[3, 7, 0]);
    assert!(memtable.kill(7, 9).is_err());
}
