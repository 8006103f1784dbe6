//! The background thread flushes and checkpoints while writers and a reader work, on real threads.

use crate::rows::{self, Model, batch};
use crate::world::World;
use base::fs::FileSystem;
use base::id::TableId;
use base::random::Random;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage::{Database, InsertMode, StorageSettings};

const WRITERS: i32 = 4;
/// Each key of a writer has a twin with the same value, `TWIN` above it; both change in one transaction.
const KEYS: u64 = 20;
const TWIN: i32 = 1_000;
/// Transactions of a writer, at most, until the background thread has done its share.
const TRANSACTIONS_MAX: u32 = 4_000;

fn settings() -> StorageSettings {
    StorageSettings {
        memtable_flush_bytes: 256 << 10,
        memtable_bytes_max: 512 << 10,
        log_file_bytes: 256 << 10,
        checkpoint_log_bytes: 1 << 20,
        segment_rows_max: 2_000,
        batch_rows: 64,
        ..StorageSettings::default()
    }
}

/// Whether there were some checkpoints and some flushes.
fn has_worked(fs: &dyn FileSystem) -> bool {
    let checkpoints = fs.list("checkpoint").unwrap();
    // The number of a checkpoint is its epoch and, in the lower half, how many came before it.
    let counter = checkpoints.last().and_then(|name| name.parse::<u64>().ok()).unwrap_or(0) & 0xffff_ffff;
    counter >= 3 && fs.list("segment").unwrap().len() >= 4
}

/// One transaction of writer `writer`; `model` has its keys only.
fn change(database: &Database, table: TableId, writer: i32, model: &mut Model, random: &Random) {
    let key = writer + WRITERS * i32::try_from(random.below(KEYS)).unwrap();
    let value = i64::try_from(random.below(1_000_000)).unwrap();
    let text = "x".repeat(usize::try_from(500 + random.below(3_000)).unwrap());
    let twins = [(key, (value, Some(text.clone()))), (key + TWIN, (value, Some(text)))];
    let mut txn = database.begin();
    if model.contains_key(&key) {
        let seen = rows::read(&txn.view(), table, None);
        let addresses = [key, key + TWIN].map(|k| rows::address_in(&seen, k).unwrap());
        if random.below(4) == 0 {
            assert_eq!(txn.delete(table, &addresses).unwrap(), 2);
            model.retain(|k, _| *k != key && *k != key + TWIN);
        } else {
            txn.update(table, &addresses, &batch(&twins)).unwrap();
            model.extend(twins);
        }
    } else {
        txn.insert(table, &batch(&twins), InsertMode::Error).unwrap();
        model.extend(twins);
    }
    txn.commit().unwrap();
}

/// Every key has its twin, in every snapshot.
fn audit(database: &Database, table: TableId) {
    let snapshot = database.snapshot();
    let map = rows::read_map(&snapshot.view(), table);
    assert_eq!(snapshot.view().row_count(table).unwrap(), map.len() as u64);
    for (key, value) in map.iter().filter(|(key, _)| **key < TWIN) {
        assert_eq!(map.get(&(key + TWIN)), Some(value), "key {key} at {}", snapshot.commit_ts());
    }
    assert_eq!(map.len() % 2, 0);
}

#[test]
fn flushes_and_checkpoints_under_load_change_nothing() {
    let seed = Random::from_system().unwrap().next_u64();
    println!("SEED={seed}");
    let mut world = World::with(seed, settings());
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, models) = std::sync::mpsc::channel();
    let mut threads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (database, table, stop) = (world.database().clone(), world.table, stop.clone());
            let (disk, sender) = (world.disk.process(), sender.clone());
            let random = Random::from_seed(seed ^ u64::try_from(writer).unwrap());
            base::spawn::thread(&format!("writer {writer}"), move || {
                let mut model = Model::new();
                for n in 0..TRANSACTIONS_MAX {
                    change(&database, table, writer, &mut model, &random);
                    if stop.load(Ordering::Relaxed) || (n % 16 == 0 && has_worked(disk.as_ref())) {
                        stop.store(true, Ordering::Relaxed);
                        break;
                    }
                }
                sender.send(model).unwrap();
            })
            .unwrap()
        })
        .collect();
    let (database, table, stopped) = (world.database().clone(), world.table, stop.clone());
    let auditor = base::spawn::thread("auditor", move || {
        while !stopped.load(Ordering::Relaxed) {
            audit(&database, table);
        }
    });
    threads.push(auditor.unwrap());
    drop(sender);
    for model in models {
        world.model.extend(model);
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    let fs = world.disk.process();
    let left = (fs.list("checkpoint").unwrap(), fs.list("segment").unwrap());
    assert!(
        has_worked(fs.as_ref()),
        "the background thread did not keep up: {left:?} {:?}",
        world.database().background_failure()
    );
    assert_eq!(world.database().background_failure(), None);
    world.verify();
    let fingerprint = world.fingerprint();

    // The process ends in the middle of it all; then once more in order.
    world.drop_database();
    world.disk.power_cut(seed);
    world.open().unwrap();
    world.verify();
    assert_eq!(world.fingerprint(), fingerprint);
    world.database().close().unwrap();
    world.drop_database();
    assert_eq!(Database::check(world.disk.process()).unwrap().problems, Vec::<String>::new());
    world.open().unwrap();
    world.verify();
    assert_eq!(world.fingerprint(), fingerprint);
}
