//! A transaction within a flush or a checkpoint, before each of its calls to the disk in turn: what it changed is there
//! afterwards, for old readers it is not, and a restart finds the same.
//!
//! All on one thread: the calls on the files that the work writes are where it holds no lock that a commit needs.

use crate::hooked::{Hook, HookedFileSystem};
use crate::rows::{self, Model, batch};
use crate::seeds;
use crate::world::World;
use base::Result;
use base::fs::SimulatedFileSystem;
use base::id::TableId;
use std::sync::{Arc, Mutex};
use storage::{Database, InsertMode, Snapshot, StorageSettings};

/// Background work, and the files during whose calls a commit can run.
struct Work {
    name: &'static str,
    files: &'static [&'static str],
    run: fn(&Database, TableId) -> Result<()>,
}

const WORKS: [Work; 2] = [
    Work { name: "flush", files: &["segment"], run: |database, _| database.flush() },
    Work {
        name: "checkpoint",
        files: &["checkpoint", "delete", "CURRENT"],
        run: |database, _| database.checkpoint(),
    },
];

fn settings() -> StorageSettings {
    StorageSettings {
        background: false,
        log_file_bytes: 2 << 10,
        batch_rows: 3,
        segment_rows_max: 3,
        segment_cache_bytes: 0,
        ..StorageSettings::default()
    }
}

fn value(v: i64) -> rows::Value {
    (v, Some(format!("value {v} of a row that was changed in the meantime")))
}

/// A reader and what it must go on seeing.
type Reader = (Snapshot, Model);

fn now(database: &Database, table: TableId, model: &Model) -> Reader {
    let snapshot = database.snapshot();
    assert_eq!(&rows::read_map(&snapshot.view(), table), model);
    (snapshot, model.clone())
}

/// Deletes one key, updates one, inserts one.
fn change(database: &Database, table: TableId, model: &mut Model, step: i32) {
    let mut txn = database.begin();
    let seen = rows::read(&txn.view(), table, None);
    let keys: Vec<i32> = model.keys().copied().collect();
    let (deleted, updated) = (keys[0], keys[keys.len() / 2]);
    let address = |key| rows::address_in(&seen, key).unwrap();
    assert_eq!(txn.delete(table, &[address(deleted)]).unwrap(), 1);
    txn.update(table, &[address(updated)], &batch(&[(updated, value(i64::from(step)))])).unwrap();
    let fresh = (100 + step, value(0));
    txn.insert(table, &batch(std::slice::from_ref(&fresh)), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    model.remove(&deleted);
    model.insert(updated, value(i64::from(step)));
    model.insert(fresh.0, fresh.1);
}

fn verify(database: &Database, table: TableId, model: &Model, readers: &[Reader], what: &str) {
    let snapshot = database.snapshot();
    assert_eq!(&rows::read_map(&snapshot.view(), table), model, "{what}");
    assert_eq!(snapshot.view().row_count(table).unwrap(), model.len() as u64, "{what}");
    for (snapshot, model) in readers {
        assert_eq!(&rows::read_map(&snapshot.view(), table), model, "{what} at {}", snapshot.commit_ts());
    }
}

/// Runs `work` with a transaction before its `n`-th call. False when there are fewer calls.
fn meet(disk: &SimulatedFileSystem, world: &World, work: &Work, n: u64) -> bool {
    let what = format!("{} met before call {n}", work.name);
    let (hook, table) = (Hook::default(), world.table);
    let open = |disk: &SimulatedFileSystem| {
        let fs = Arc::new(HookedFileSystem { inner: disk.process(), hook: hook.clone() });
        Database::open(fs, world.clock.clone(), world.random.clone(), settings()).unwrap()
    };
    let database = open(disk);
    let mut model = world.model.clone();
    // Deaths and rows in memtables beside what is in segments, and readers of different times.
    let mut readers = vec![now(&database, table, &model)];
    change(&database, table, &mut model, 1);
    readers.push(now(&database, table, &model));
    change(&database, table, &mut model, 2);
    let shared = Arc::new(Mutex::new((model, readers, 0_u64)));
    let (inside, met) = (database.clone(), shared.clone());
    let files = work.files;
    hook.set(move |_, path| {
        if !files.iter().any(|f| path.starts_with(f)) {
            return;
        }
        let mut met = met.lock().unwrap();
        met.2 += 1;
        if met.2 == n {
            let (model, readers, _) = &mut *met;
            readers.push(now(&inside, table, model));
            change(&inside, table, model, 3);
            readers.push(now(&inside, table, model));
            change(&inside, table, model, 4);
        }
    });
    (work.run)(&database, table).unwrap();
    hook.clear();
    let (mut model, mut readers, calls) = std::mem::take(&mut *shared.lock().unwrap());
    verify(&database, table, &model, &readers, &what);
    change(&database, table, &mut model, 5);
    verify(&database, table, &model, &readers, &what);
    database.flush().unwrap();
    database.checkpoint().unwrap();
    verify(&database, table, &model, &readers, &what);
    readers.truncate(1);
    change(&database, table, &mut model, 6);
    (work.run)(&database, table).unwrap();
    verify(&database, table, &model, &readers, &what);
    readers.clear();
    drop(database);
    disk.power_cut(n);
    assert_eq!(Database::check(disk.process()).unwrap().problems, Vec::<String>::new(), "{what}");
    verify(&open(disk), table, &model, &[], &what);
    calls >= n
}

/// Meets each kind of work at every `step`-th call.
pub(crate) fn run(step: u64, seed: u64) {
    let mut world = World::with(seed, settings());
    let given: Vec<_> = (0..12).map(|k| (k, value(i64::from(k)))).collect();
    let mut txn = world.begin();
    txn.insert(world.table, &batch(&given[..9]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    world.database().flush().unwrap();
    let mut txn = world.begin();
    txn.insert(world.table, &batch(&given[9..]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    world.model = given.into_iter().collect();
    world.drop_database();
    let step = if seeds::long() { 1 } else { step };
    for work in &WORKS {
        for n in (1 + seed % step..).step_by(usize::try_from(step).unwrap()) {
            let disk = world.disk.duplicate(n);
            if !meet(&disk, &world, work, n) {
                break;
            }
        }
    }
}

/// A table that is dropped while a reader has it: the reader goes on, also in segments that it had not opened.
pub(crate) fn read_what_is_dropped(seed: u64) {
    let mut world = World::with(seed, settings());
    let given: Vec<_> = (0..9).map(|k| (k, value(i64::from(k)))).collect();
    let mut txn = world.begin();
    txn.insert(world.table, &batch(&given), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    world.database().flush().unwrap();
    let reader = world.database().snapshot();
    let mut txn = world.begin();
    txn.edit_catalog(catalog::CatalogEdit::DropTable(world.table)).unwrap();
    txn.commit().unwrap();
    world.database().checkpoint().unwrap();
    assert_eq!(rows::read_map(&reader.view(), world.table), given.into_iter().collect());
    drop(reader);
    world.drop_database();
    assert_eq!(Database::check(world.disk.process()).unwrap().problems, Vec::<String>::new());
    world.open().unwrap();
}

#[test]
fn transactions_within_flushes_and_checkpoints_are_kept() {
    run(5, seeds::any());
}

#[test]
fn a_reader_of_a_dropped_table_goes_on() {
    read_what_is_dropped(1);
}
