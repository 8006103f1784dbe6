//! The check of a directory: sound ones pass, damaged ones are named, neither is changed.

use crate::rows::{self, batch};
use crate::world::{Outcome, World};
use base::ErrorKind;
use storage::{Database, InsertMode};

fn files(world: &World) -> Vec<(String, Vec<u8>)> {
    let fs = world.disk.process();
    let mut files = vec!["CURRENT".to_owned()];
    for directory in ["checkpoint", "log", "segment", "delete"] {
        files.extend(fs.list(directory).unwrap().into_iter().map(|name| format!("{directory}/{name}")));
    }
    files.into_iter().map(|path| (path.clone(), world.disk.contents(&path).unwrap())).collect()
}

/// Some of everything: segments, delete vectors, a memtable image, a log behind the checkpoint.
fn varied() -> World {
    let world = World::new(1);
    let rows: Vec<_> = (0..6).map(|k| (k, (i64::from(k), Some("x".to_owned())))).collect();
    let mut txn = world.begin();
    txn.insert(world.table, &batch(&rows), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    world.database().flush().unwrap();
    for key in [1, 2] {
        let mut txn = world.begin();
        let address = rows::address_of(&txn.view(), world.table, key).unwrap();
        txn.update(world.table, &[address], &batch(&[(key, (9, None))])).unwrap();
        txn.commit().unwrap();
        if key == 1 {
            world.database().checkpoint().unwrap();
        }
    }
    world
}

#[test]
fn a_sound_directory_passes_and_is_not_changed() {
    let mut world = World::new(5);
    for _ in 0..40 {
        assert_eq!(world.step(), Outcome::Done);
    }
    let open = Database::check(world.disk.process()).unwrap_err();
    assert_eq!(open.kind(), ErrorKind::ObjectInUse);
    world.drop_database();
    let before = files(&world);
    let report = Database::check(world.disk.process()).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.rows, world.model.len() as u64);
    assert!(files(&world) == before);
    world.open().unwrap();
    world.verify();
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let mut world = varied();
    let expected = rows::read_map(&world.database().snapshot().view(), world.table);
    world.drop_database();
    for (path, bytes) in files(&world) {
        let step = (bytes.len() * 8 / 12).max(1);
        for bit in (0..bytes.len() * 8).step_by(step) {
            assert!(world.disk.flip_bit(&path, bit));
            let report = Database::check(world.disk.process()).unwrap();
            if report.problems.is_empty() {
                let mut copy = world.duplicate();
                copy.open().unwrap();
                let found = rows::read_map(&copy.database().snapshot().view(), copy.table);
                // What is left of a log may lack its last record, whose sync the log cannot prove.
                let without_last = found.iter().filter(|(k, v)| expected.get(k) != Some(v)).count() <= 1;
                assert!(found == expected || (path.starts_with("log/") && without_last), "{path} bit {bit}");
            }
            assert!(world.disk.flip_bit(&path, bit));
        }
    }
    assert_eq!(Database::check(world.disk.process()).unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_missing_file_is_named() {
    let mut world = varied();
    world.drop_database();
    let fs = world.disk.process();
    let name = fs.list("segment").unwrap().remove(0);
    fs.remove(&format!("segment/{name}")).unwrap();
    let report = Database::check(world.disk.process()).unwrap();
    assert!(report.problems.iter().any(|p| p.contains(&name)), "{:?}", report.problems);
    let error = world.open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption);
    assert!(error.message().contains(&name), "{error}");
}
