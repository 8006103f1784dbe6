//! Delete vectors against a model, their bytes, and damage to packs.

use super::*;
use base::ErrorKind;
use base::fs::{FileSystem, SimulatedFileSystem};
use base::id::DatabaseId;
use base::random::Random;
use std::collections::BTreeMap;

fn set(ordinals: &[u32]) -> RoaringBitmap {
    ordinals.iter().copied().collect()
}

fn vector() -> DeleteVector {
    let mut vector = DeleteVector::new(CommitTs(10), set(&[1]));
    vector.add(CommitTs(20), &[6, 5]).unwrap();
    vector.add(CommitTs(30), &[u32::MAX]).unwrap();
    vector
}

#[test]
fn each_reader_sees_its_time() {
    let vector = vector();
    for _ in 0..2 {
        assert_eq!(*vector.dead_at(CommitTs(30)).set(), set(&[1, 5, 6, u32::MAX]));
        assert_eq!(*vector.dead_at(CommitTs(29)).set(), set(&[1, 5, 6]));
        assert_eq!(*vector.dead_at(CommitTs(19)).set(), set(&[1]));
    }
    assert_eq!((vector.len(), vector.last_ts(), vector.base_ts()), (4, CommitTs(30), CommitTs(10)));
    assert_eq!(vector.deaths_between(CommitTs(20), CommitTs(30)), [(CommitTs(30), u32::MAX)]);
    assert_eq!(vector.deaths_between(CommitTs(0), CommitTs(29)), [(CommitTs(20), 5), (CommitTs(20), 6)]);
    assert!(DeleteVector::default().is_empty() && DeleteVector::default().dead_newest().is_empty());
}

#[test]
fn golden_bytes() {
    let bytes = DeleteVector::new(CommitTs(9), RoaringBitmap::new()).encode().unwrap();
    assert_eq!(bytes, b"\x02\0\0\0\x09\0\0\0\0\0\0\0\x08\x3a\x30\0\0\0\0\0\0\0");
    let mut vector = DeleteVector::default();
    vector.add(CommitTs(20), &[5, 300]).unwrap();
    vector.add(CommitTs(21), &[6]).unwrap();
    let bytes = vector.encode().unwrap();
    assert_eq!(bytes[21..], [2, 20, 2, 5, 0xa7, 2, 1, 1, 6]);
    // As version 1 wrote a vector: one row dead at 20.
    let mut old = Writer::new();
    old.u32(1);
    old.u64(9);
    old.bytes(&encode_ordinals(&set(&[1])).unwrap());
    old.count(1);
    old.u64(20);
    old.bytes(&encode_ordinals(&set(&[5, 6])).unwrap());
    let mut expected = DeleteVector::new(CommitTs(9), set(&[1]));
    expected.add(CommitTs(20), &[5, 6]).unwrap();
    assert_eq!(DeleteVector::decode(old.as_slice()).unwrap(), expected);
}

#[test]
fn time_does_not_run_backwards_and_nobody_dies_twice() {
    for (ts, ordinals) in [(29, vec![9]), (30, vec![5]), (31, vec![8, 8])] {
        let mut vector = vector();
        assert_eq!(vector.add(CommitTs(ts), &ordinals).unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(vector, self::vector());
    }
}

#[test]
fn a_clone_keeps_what_it_had() {
    let mut vector = vector();
    let (before, seen) = (vector.clone(), vector.dead_at(CommitTs::MAX));
    vector.add(CommitTs(40), &[100]).unwrap();
    assert_eq!(*before.dead_newest().set(), set(&[1, 5, 6, u32::MAX]));
    assert_eq!(*seen.set(), set(&[1, 5, 6, u32::MAX]));
    assert_eq!(*vector.dead_newest().set(), set(&[1, 5, 6, 100, u32::MAX]));
}

#[test]
fn random_histories_agree_with_a_model() {
    let random = Random::from_seed(5);
    let mut model: BTreeMap<u32, CommitTs> = BTreeMap::new();
    let mut vector = DeleteVector::new(CommitTs(1), RoaringBitmap::new());
    for ts in (2..3_000).map(CommitTs) {
        let mut dead: Vec<u32> = (0..random.below(5)).map(|_| random.below(40_000) as u32 * 10).collect();
        dead.sort_unstable();
        dead.dedup();
        dead.retain(|o| !model.contains_key(o));
        model.extend(dead.iter().map(|o| (*o, ts)));
        vector.add(ts, &dead).unwrap();
        if ts.0.is_multiple_of(7) {
            let at = CommitTs(1 + random.below(ts.0 + 5));
            let expected: RoaringBitmap = model.iter().filter(|(_, t)| **t <= at).map(|(o, _)| *o).collect();
            assert_eq!(*vector.dead_at(at).set(), expected);
            let between = vector.deaths_between(at, CommitTs(at.0 + 9));
            let mut wanted: Vec<_> =
                model.iter().filter(|(_, t)| at < **t && t.0 <= at.0 + 9).map(|(o, t)| (*t, *o)).collect();
            wanted.sort_unstable();
            assert_eq!(between, wanted);
        }
    }
    assert_eq!(DeleteVector::decode(&vector.encode().unwrap()).unwrap(), vector);
    let mut forgotten = vector.clone();
    forgotten.forget_before(CommitTs(1_500));
    assert_eq!(forgotten.len(), vector.len());
    // No later than what was forgotten: between that and 1,500 nothing died.
    assert_eq!(Some(forgotten.base_ts()), model.values().filter(|ts| ts.0 <= 1_500).max().copied());
    let mut again = forgotten.clone();
    again.forget_before(CommitTs(1_500));
    assert_eq!(again, forgotten);
    for at in (1_500..3_010).step_by(13).map(CommitTs) {
        assert_eq!(forgotten.dead_at(at), vector.dead_at(at));
    }
    assert_eq!(DeleteVector::decode(&forgotten.encode().unwrap()).unwrap(), forgotten);
}

#[test]
fn packs_come_back_and_damage_is_noticed() {
    let fs = SimulatedFileSystem::new(2);
    let identity = PackIdentity { database: DatabaseId(3), pack: 4 };
    let mut pack = PackWriter::new(identity);
    assert!(pack.is_empty());
    let first = pack.add(&vector()).unwrap();
    let second = pack.add(&DeleteVector::default()).unwrap();
    let file = fs.create("4").unwrap();
    pack.finish(file.as_ref()).unwrap();
    check_pack(file.as_ref(), identity).unwrap();
    assert_eq!(read_vector(file.as_ref(), identity, first.0, first.1).unwrap(), vector());
    assert!(read_vector(file.as_ref(), identity, second.0, second.1).unwrap().is_empty());
    let other = PackIdentity { database: DatabaseId(3), pack: 5 };
    assert_eq!(
        read_vector(file.as_ref(), other, first.0, first.1).unwrap_err().kind(),
        ErrorKind::Corruption
    );
    let bytes = fs.contents("4").unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        assert!(fs.replace_contents("4", &damaged));
        let header = check_pack(file.as_ref(), identity).is_err();
        let one = read_vector(file.as_ref(), identity, first.0, first.1).is_err();
        let two = read_vector(file.as_ref(), identity, second.0, second.1).is_err();
        assert!(header || one || two, "byte {at}");
    }
    assert_eq!(
        read_vector(file.as_ref(), identity, first.0, u32::MAX).unwrap_err().kind(),
        ErrorKind::Corruption
    );
}
