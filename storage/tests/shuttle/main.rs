//! Storage under a scheduler that tries orders of threads: group commit, publication in log order, pins, flushes,
//! checkpoints and compactions against writers, deleters and readers.
//!
//! Run by `./test --long`: cargo nextest run --workspace --features storage/shuttle --test shuttle. Nothing else runs on
//! a build with that feature. Threads change places at locks and at calls to the disk. Reads of segments are one step.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its seed"
)]

#[expect(dead_code, reason = "the other tests use more of it")]
#[path = "../it/hooked.rs"]
mod hooked;
#[expect(dead_code, reason = "the other tests use more of it")]
#[path = "../it/planted.rs"]
mod planted;
#[expect(dead_code, reason = "the other tests use more of it")]
#[path = "../it/rows.rs"]
mod rows;

use base::ErrorKind;
use base::clock::ManualClock;
use base::fs::{CallKind, Fault, SimulatedFileSystem};
use base::id::{CommitTs, TableId};
use base::plant;
use base::random::Random;
use base::sync::shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use base::sync::shuttle::{Config, Runner, thread};
use catalog::CatalogEdit;
use hooked::{Hook, HookedFileSystem};
use planted::{FOUND_BY, Finder};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use storage::{Database, InsertMode, Snapshot, StorageSettings, Transaction};

/// Keys that hold an amount; transfers keep the sum.
const ACCOUNTS: i32 = 4;
const AMOUNT: i64 = 100;

struct Place {
    disk: SimulatedFileSystem,
    database: Database,
    table: TableId,
}

fn open(disk: &SimulatedFileSystem) -> Database {
    let hook = Hook::default();
    hook.set(|kind, path| {
        // Within a segment's bytes locks of the file format's library are held.
        if !path.starts_with("segment/") || kind == CallKind::Create {
            thread::yield_now();
        }
    });
    let settings = StorageSettings {
        background: false,
        log_file_bytes: 1 << 10,
        segment_rows_max: 3,
        read_back: false,
        ..StorageSettings::default()
    };
    let fs = Arc::new(HookedFileSystem { inner: disk.process(), hook });
    Database::open(fs, Arc::new(ManualClock::new(1_000_000)), Arc::new(Random::from_seed(1)), settings)
        .unwrap()
}

impl Place {
    fn new() -> Self {
        let disk = SimulatedFileSystem::new(1);
        let database = open(&disk);
        let mut txn = database.begin();
        let def = rows::table(txn.catalog(), "t", true, 1);
        let table = def.id;
        txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def))).unwrap();
        let accounts: Vec<_> = (0..ACCOUNTS).map(|k| (k, (AMOUNT, None))).collect();
        txn.insert(table, &rows::batch(&accounts), InsertMode::Error).unwrap();
        txn.commit().unwrap();
        Self { disk, database, table }
    }

    fn map(&self) -> rows::Model {
        rows::read_map(&self.database.snapshot().view(), self.table)
    }

    /// Loses power and opens again.
    fn restart(self) -> Self {
        drop(self.database);
        self.disk.power_cut(7);
        assert_eq!(Database::check(self.disk.process()).unwrap().problems, Vec::<String>::new());
        Self { database: open(&self.disk), ..self }
    }
}

/// Tries again while the race is lost.
fn until_won<T>(mut attempt: impl FnMut() -> base::Result<T>) -> base::Result<T> {
    loop {
        match attempt() {
            Err(e) if e.kind() == ErrorKind::LostRace => thread::yield_now(),
            other => return other,
        }
    }
}

fn row_of(txn: &Transaction, table: TableId, key: i32) -> (i64, u64) {
    let seen = rows::read(&txn.view(), table, None);
    let (_, (value, _), address) = seen.into_iter().find(|(k, _, _)| *k == key).unwrap();
    (value, address)
}

fn transfer(database: &Database, table: TableId, from: i32, to: i32) -> base::Result<CommitTs> {
    until_won(|| {
        let mut txn = database.begin();
        let ((a, address_a), (b, address_b)) = (row_of(&txn, table, from), row_of(&txn, table, to));
        let moved = [(from, (a - 1, None)), (to, (b + 1, None))];
        txn.update(table, &[address_a, address_b], &rows::batch(&moved))?;
        txn.commit()
    })
}

fn insert(database: &Database, table: TableId, key: i32, value: i64) -> base::Result<CommitTs> {
    until_won(|| {
        let mut txn = database.begin();
        txn.insert(table, &rows::batch(&[(key, (value, None))]), InsertMode::Error)?;
        txn.commit()
    })
}

/// A row goes and another one with its amount comes.
fn replace(database: &Database, table: TableId, key: i32, by: i32) -> base::Result<CommitTs> {
    until_won(|| {
        let mut txn = database.begin();
        let (value, address) = row_of(&txn, table, key);
        assert_eq!(txn.delete(table, &[address])?, 1);
        txn.insert(table, &rows::batch(&[(by, (value, None))]), InsertMode::Error)?;
        txn.commit()
    })
}

fn sum(map: &rows::Model) -> i64 {
    map.values().map(|(value, _)| value).sum()
}

/// Two looks at one snapshot see the same.
fn look(snapshot: &Snapshot, table: TableId, first: &mut Option<rows::Model>) {
    let map = rows::read_map(&snapshot.view(), table);
    assert_eq!(sum(&map), i64::from(ACCOUNTS) * AMOUNT, "at {}", snapshot.commit_ts());
    assert_eq!(snapshot.view().row_count(table).unwrap(), map.len() as u64);
    match first {
        Some(first) => assert_eq!(*first, map, "at {}", snapshot.commit_ts()),
        None => *first = Some(map),
    }
}

/// Writers and readers: a snapshot has exactly the commits up to its time, and what was acknowledged is seen.
fn group_commit() {
    let place = Place::new();
    let commits = Arc::new(Mutex::new(BTreeMap::new()));
    let table = place.table;
    let writers = (0..3).map(|writer| {
        let (database, commits) = (place.database.clone(), commits.clone());
        thread::spawn(move || {
            for n in 0..2 {
                let key = 10 + writer * 10 + n;
                let ts = insert(&database, table, key, 0).unwrap();
                assert!(commits.lock().unwrap().insert(ts, key).is_none(), "two commits at {ts}");
                let snapshot = database.snapshot();
                assert!(snapshot.commit_ts() >= ts);
                assert!(rows::read_map(&snapshot.view(), table).contains_key(&key), "an acknowledged row");
            }
        })
    });
    let mut threads: Vec<_> = writers.collect();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (database, looks) = (place.database.clone(), seen.clone());
    threads.push(thread::spawn(move || {
        for _ in 0..3 {
            let snapshot = database.snapshot();
            let map = rows::read_map(&snapshot.view(), table);
            looks.lock().unwrap().push((snapshot.commit_ts(), map));
            thread::yield_now();
        }
    }));
    for thread in threads {
        thread.join().unwrap();
    }
    let commits = commits.lock().unwrap().clone();
    for (ts, map) in seen.lock().unwrap().iter() {
        let expected: Vec<i32> = commits.range(..=*ts).map(|(_, key)| *key).collect();
        let mut found: Vec<i32> = map.keys().copied().filter(|k| *k >= 10).collect();
        found.sort_by_key(|key| commits.iter().find(|(_, k)| *k == key).map(|(ts, _)| *ts));
        assert_eq!(found, expected, "at {ts}");
    }
    let before = place.map();
    assert_eq!(before.len(), 10);
    assert_eq!(place.restart().map(), before);
}

/// A sync fails under some who wait for it: whoever was told that it worked finds the row after a power cut.
fn failed_group(nth: u64) {
    let place = Place::new();
    let table = place.table;
    place.disk.fail_call(nth, Some(CallKind::SyncData), Fault::Io);
    let done = Arc::new(Mutex::new(Vec::new()));
    let threads: Vec<_> = (0..3)
        .map(|writer| {
            let (database, done) = (place.database.clone(), done.clone());
            thread::spawn(move || {
                for n in 0..2 {
                    let key = 10 + writer * 10 + n;
                    match insert(&database, table, key, 0) {
                        Ok(_) => done.lock().unwrap().push(key),
                        Err(e) => {
                            assert!(matches!(e.kind(), ErrorKind::CommitUnknown | ErrorKind::Io), "{e:?}")
                        }
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    place.disk.clear_faults();
    let done = done.lock().unwrap().clone();
    let seen = place.map();
    assert!(done.iter().all(|key| seen.contains_key(key)), "{done:?} of {seen:?}");
    let after = place.restart().map();
    assert!(seen.keys().all(|key| after.contains_key(key)), "{seen:?} seen, {after:?} found");
}

/// Flush, checkpoint and compaction against writers, a deleter and readers.
fn maintenance() {
    let place = Place::new();
    let table = place.table;
    let spawn = |work: fn(&Database, TableId)| {
        let database = place.database.clone();
        thread::spawn(move || work(&database, table))
    };
    let threads = [
        spawn(|database, table| {
            transfer(database, table, 0, 1).unwrap();
            transfer(database, table, 1, 2).unwrap();
        }),
        spawn(|database, table| {
            replace(database, table, 3, 33).unwrap();
            replace(database, table, 33, 34).unwrap();
        }),
        spawn(|database, table| {
            let snapshot = database.snapshot();
            let mut first = None;
            for _ in 0..3 {
                look(&snapshot, table, &mut first);
                look(&database.snapshot_at(snapshot.commit_ts()).unwrap(), table, &mut first);
                look(&database.snapshot(), table, &mut None);
                thread::yield_now();
            }
        }),
        spawn(|database, _| {
            database.flush().unwrap();
            database.checkpoint().unwrap();
        }),
        spawn(|database, _| {
            database.checkpoint().unwrap();
            database.flush().unwrap();
        }),
        spawn(|database, table| {
            database.compact(table, true, Arc::new(|| false)).unwrap();
        }),
    ];
    for thread in threads {
        thread.join().unwrap();
    }
    let before = place.map();
    assert_eq!(sum(&before), i64::from(ACCOUNTS) * AMOUNT);
    assert_eq!(before.get(&34), Some(&(AMOUNT, None)));
    assert_eq!(before.get(&0), Some(&(AMOUNT - 1, None)));
    assert_eq!(place.database.locked_keys(), 0);
    assert_eq!(place.restart().map(), before);
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

fn run_with(scheduler: impl Scheduler + 'static, work: fn()) {
    let mut config = Config::new();
    config.stack_size = 4 << 20;
    Runner::new(scheduler, config).run(work);
}

/// Tries orders of threads: half of them at random, half with few changes of priority.
fn explore(work: fn(), usual: u64) {
    let seed = number("NYALA_SEED").unwrap_or_else(|| Random::from_system().unwrap().below(1 << 32));
    println!("SEED={seed}");
    let long = std::env::var_os("NYALA_TEST_LONG").is_some_and(|v| !v.is_empty());
    let orders = number("NYALA_SEEDS").unwrap_or(if long { usual * 20 } else { usual });
    let orders = usize::try_from(orders).unwrap();
    run_with(RandomScheduler::new_from_seed(seed, orders.div_ceil(2)), work);
    run_with(PctScheduler::new_from_seed(seed, 3, orders.div_ceil(2)), work);
}

#[test]
fn commits_in_groups_are_published_in_order() {
    explore(group_commit, 200);
}

#[test]
fn a_failed_sync_of_a_group_acknowledges_nobody() {
    explore(|| failed_group(1), 40);
    explore(|| failed_group(2), 40);
    explore(|| failed_group(3), 40);
}

#[test]
fn flushes_and_checkpoints_meet_writers_and_readers() {
    explore(maintenance, 150);
}

#[test]
fn planted_flaws_are_found() {
    for (flaw, finder) in FOUND_BY.iter().filter(|(_, by)| *by == Finder::Shuttle) {
        let orders = usize::try_from(finder.seeds()).unwrap();
        let found = catch_unwind(AssertUnwindSafe(|| {
            plant::with(*flaw, || {
                run_with(RandomScheduler::new_from_seed(1, orders), group_commit);
                run_with(RandomScheduler::new_from_seed(1, orders), maintenance);
            });
        }))
        .is_err();
        assert!(found, "{flaw:?} is not found");
    }
}
