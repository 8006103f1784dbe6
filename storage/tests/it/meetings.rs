//! A transaction within a flush, a compaction or a checkpoint, before each of its calls to the disk in turn: what it changed
//! is there afterwards, for old readers and past times it is not, and a restart finds the same.
//!
//! All on one thread: the calls that write files are where the work holds no lock that a commit needs.

use crate::hooked::{Hook, HookedFileSystem};
use crate::rows::{self, Model, batch};
use crate::seeds;
use crate::times::Times;
use crate::world::World;
use base::Result;
use base::fs::{CallKind, SimulatedFileSystem};
use base::id::{CommitTs, TableId};
use catalog::CatalogEdit;
use std::sync::{Arc, Mutex};
use storage::{Database, InsertMode, Snapshot, StorageSettings};

/// Background work, and the files during whose calls a commit can run.
struct Work {
    name: &'static str,
    files: &'static [&'static str],
    run: fn(&Database, TableId) -> Result<()>,
}

const WORKS: [Work; 3] = [
    Work { name: "flush", files: &["segment"], run: |database, _| database.flush() },
    Work { name: "compaction", files: &["segment"], run: compact },
    Work {
        name: "checkpoint",
        files: &["checkpoint", "delete", "CURRENT"],
        run: |database, _| database.checkpoint(),
    },
];

/// Calls that reading does not make: within a read a part of the file may be locked.
const CALLS: [CallKind; 5] =
    [CallKind::Create, CallKind::Write, CallKind::SyncData, CallKind::SyncDirectory, CallKind::Rename];

fn compact(database: &Database, table: TableId) -> Result<()> {
    database.compact(table, true, Arc::new(|| false))
}

/// Everything is kept, or only what readers need.
fn settings(kept: bool) -> StorageSettings {
    let settings = StorageSettings::default();
    StorageSettings {
        background: false,
        log_file_bytes: 2 << 10,
        batch_rows: 3,
        segment_rows_max: 3,
        segment_cache_bytes: 0,
        history_retention_us: if kept { settings.history_retention_us } else { 0 },
        ..settings
    }
}

fn value(v: i64) -> rows::Value {
    (v, Some(format!("value {v} of a row that was changed in the meantime")))
}

/// A table, what it must hold and held, and its readers.
struct Scene {
    table: TableId,
    model: Model,
    past: Times,
    readers: Vec<(Snapshot, Model)>,
    steps: i32,
}

impl Scene {
    fn look(&mut self, database: &Database) {
        let snapshot = database.snapshot();
        assert_eq!(rows::read_map(&snapshot.view(), self.table), self.model);
        self.readers.push((snapshot, self.model.clone()));
    }

    fn committed(&mut self, ts: CommitTs, model: Model) {
        self.past.note(ts, &model);
        self.model = model;
    }

    /// Deletes one key, updates one, inserts one.
    fn change(&mut self, database: &Database) {
        self.steps += 1;
        let mut txn = database.begin();
        let mut model = self.model.clone();
        let seen = rows::read(&txn.view(), self.table, None);
        let keys: Vec<i32> = model.keys().copied().collect();
        let (deleted, updated) = (keys[0], keys[keys.len() / 2]);
        let address = |key| rows::address_in(&seen, key).unwrap();
        assert_eq!(txn.delete(self.table, &[address(deleted)]).unwrap(), 1);
        let row = value(i64::from(self.steps));
        txn.update(self.table, &[address(updated)], &batch(&[(updated, row.clone())])).unwrap();
        let fresh = (100 + self.steps, value(0));
        txn.insert(self.table, &batch(std::slice::from_ref(&fresh)), InsertMode::Error).unwrap();
        let ts = txn.commit().unwrap();
        model.remove(&deleted);
        model.insert(updated, row);
        model.insert(fresh.0, fresh.1);
        self.committed(ts, model);
    }

    /// Another text column takes the place of the one there is; a row with it comes.
    fn columns(&mut self, database: &Database) {
        self.steps += 1;
        let mut txn = database.begin();
        let missing = (self.steps % 2 == 0).then(|| format!("missing {}", self.steps));
        let def = rows::with_text_column(txn.catalog().table(self.table).unwrap(), missing.clone());
        txn.edit_catalog(CatalogEdit::AlterTable(Box::new(def))).unwrap();
        txn.begin_command();
        let fresh = (100 + self.steps, value(0));
        txn.insert(self.table, &batch(std::slice::from_ref(&fresh)), InsertMode::Error).unwrap();
        let ts = txn.commit().unwrap();
        let mut model = self.model.clone();
        model.values_mut().for_each(|(_, s)| s.clone_from(&missing));
        model.insert(fresh.0, fresh.1);
        self.committed(ts, model);
    }

    /// All rows go, others come, some of them with keys that were there.
    fn truncate(&mut self, database: &Database) {
        self.steps += 1;
        let mut txn = database.begin();
        txn.truncate(self.table).unwrap();
        txn.begin_command();
        let given: Vec<_> = (3..9).map(|k| (k * 2, value(i64::from(self.steps)))).collect();
        txn.insert(self.table, &batch(&given), InsertMode::Error).unwrap();
        let ts = txn.commit().unwrap();
        self.committed(ts, given.into_iter().collect());
    }

    fn verify(&self, database: &Database, what: &str) {
        let snapshot = database.snapshot();
        assert_eq!(rows::read_map(&snapshot.view(), self.table), self.model, "{what}");
        assert_eq!(snapshot.view().row_count(self.table).unwrap(), self.model.len() as u64, "{what}");
        for (snapshot, model) in &self.readers {
            let found = rows::read_map(&snapshot.view(), self.table);
            assert_eq!(&found, model, "{what}: reader at {}", snapshot.commit_ts());
            // The newest state, read at a pinned time.
            let again = database.snapshot_at(snapshot.commit_ts()).unwrap();
            assert_eq!(&rows::read_map(&again.view(), self.table), model, "{what}: as of a reader's time");
        }
    }
}

fn open(disk: &SimulatedFileSystem, world: &World, hook: &Hook, kept: bool) -> Database {
    let fs = Arc::new(HookedFileSystem { inner: disk.process(), hook: hook.clone() });
    Database::open(fs, world.clock.clone(), world.random.clone(), settings(kept)).unwrap()
}

/// Runs `work` with transactions before its `n`-th call. False when there are fewer calls.
fn meet(disk: &SimulatedFileSystem, world: &World, work: &Work, n: u64, kept: bool) -> bool {
    let what = format!("{} met before call {n}, kept: {kept}", work.name);
    let hook = Hook::default();
    let database = open(disk, world, &hook, kept);
    let past = Times::new(world.table);
    let (table, model) = (world.table, world.model.clone());
    let mut scene = Scene { table, model, past, readers: Vec::new(), steps: 0 };
    scene.past.note(database.snapshot().commit_ts(), &scene.model);
    // Deaths and rows in memtables beside what is in segments, and readers of different times.
    scene.look(&database);
    scene.change(&database);
    scene.look(&database);
    scene.change(&database);
    let shared = Arc::new(Mutex::new((scene, 0_u64)));
    let (inside, met, files) = (database.clone(), shared.clone(), work.files);
    hook.set(move |kind, path| {
        if !CALLS.contains(&kind) || !files.iter().any(|f| path.starts_with(f)) {
            return;
        }
        let mut met = met.lock().unwrap();
        met.1 += 1;
        if met.1 == n {
            let scene = &mut met.0;
            scene.look(&inside);
            match (n + n / 9) % 3 {
                0 => scene.truncate(&inside),
                1 => scene.columns(&inside),
                _ => scene.change(&inside),
            }
            scene.look(&inside);
            scene.change(&inside);
        }
    });
    (work.run)(&database, table).unwrap();
    hook.clear();
    // The hook's handles go with it.
    let (mut scene, calls) = Arc::into_inner(shared).unwrap().into_inner().unwrap();
    scene.verify(&database, &what);
    scene.change(&database);
    scene.verify(&database, &what);
    database.flush().unwrap();
    database.checkpoint().unwrap();
    scene.verify(&database, &what);
    scene.past.verify(&database, kept, &what);
    scene.readers.truncate(1);
    scene.change(&database);
    compact(&database, table).unwrap();
    scene.verify(&database, &what);
    scene.readers.clear();
    scene.change(&database);
    drop(database);
    disk.power_cut(n);
    assert_eq!(Database::check(disk.process()).unwrap().problems, Vec::<String>::new(), "{what}");
    let database = open(disk, world, &hook, kept);
    scene.verify(&database, &what);
    // Nobody reads any more: what is not kept goes now.
    compact(&database, table).unwrap();
    scene.verify(&database, &what);
    scene.past.verify(&database, kept, &what);
    calls >= n
}

fn world(seed: u64) -> World {
    // An odd seed: a table without ranges.
    let mut world = World::with(seed | 1, settings(true));
    let given: Vec<_> = (0..12).map(|k| (k, value(i64::from(k)))).collect();
    for part in [&given[..9], &given[9..]] {
        let mut txn = world.begin();
        txn.insert(world.table, &batch(part), InsertMode::Error).unwrap();
        txn.commit().unwrap();
        if part.len() == 9 {
            world.database().flush().unwrap();
        }
    }
    world.model = given.into_iter().collect();
    world
}

/// Meets each kind of work at every `step`-th call.
pub(crate) fn run(step: u64, seed: u64) {
    let mut world = world(seed);
    world.drop_database();
    let step = if seeds::long() { 1 } else { step };
    for (work, kept) in WORKS.iter().flat_map(|work| [(work, true), (work, false)]) {
        for n in (1 + seed % step..).step_by(usize::try_from(step).unwrap()) {
            let disk = world.disk.duplicate(n);
            if !meet(&disk, &world, work, n, kept) {
                break;
            }
        }
    }
}

/// A clone shares files with its source: each goes on without the other.
pub(crate) fn clones_share_files(seed: u64) {
    let mut world = world(seed);
    world.settings.history_retention_us = 0;
    world.drop_database();
    world.open().unwrap();
    let mut txn = world.begin();
    let def = rows::table(txn.catalog(), "c", true, 2);
    let clone = def.id;
    txn.clone_table(def, world.table, None).unwrap();
    txn.commit().unwrap();
    let source = world.table;
    for (table, other) in [(source, clone), (clone, source)] {
        compact(world.database(), table).unwrap();
        let mut copy = world.duplicate();
        copy.open().unwrap();
        let mut txn = copy.begin();
        txn.edit_catalog(CatalogEdit::DropTable(table)).unwrap();
        txn.commit().unwrap();
        copy.database().collect().unwrap();
        assert_eq!(rows::read_map(&copy.database().snapshot().view(), other), world.model);
        copy.drop_database();
        assert_eq!(Database::check(copy.disk.process()).unwrap().problems, Vec::<String>::new());
    }
    assert_eq!(rows::read_map(&world.database().snapshot().view(), clone), world.model);
}

#[test]
fn transactions_within_background_work_are_kept() {
    run(9, seeds::any());
}

/// A table that is dropped while a reader has it: the reader goes on, also in segments that it had not opened.
#[test]
fn a_reader_of_a_dropped_table_goes_on() {
    let mut world = world(1);
    world.settings.history_retention_us = 0;
    world.drop_database();
    world.open().unwrap();
    let reader = world.database().snapshot();
    let mut txn = world.begin();
    txn.edit_catalog(CatalogEdit::DropTable(world.table)).unwrap();
    txn.commit().unwrap();
    world.database().checkpoint().unwrap();
    world.database().collect().unwrap();
    assert_eq!(rows::read_map(&reader.view(), world.table), world.model);
    drop(reader);
    world.database().collect().unwrap();
    assert_eq!(world.disk.process().list("segment").unwrap(), Vec::<String>::new());
    world.drop_database();
    assert_eq!(Database::check(world.disk.process()).unwrap().problems, Vec::<String>::new());
    world.open().unwrap();
}

#[test]
fn a_clone_and_its_source_outlive_each_other() {
    clones_share_files(1);
}
