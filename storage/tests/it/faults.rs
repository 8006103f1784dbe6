//! Every call to the disk fails once, for every kind of work: the work says so, reads go on, nothing acknowledged is lost,
//! what was refused is not there, writes go on where they can, and a restart heals.
//!
//! The short form tries every n-th call from a place that the seed chooses; the long one tries all.

use crate::rows::{self, Model};
use crate::seeds;
use crate::world::World;
use base::fs::{CallKind, Fault};
use base::id::TableId;
use base::{Error, ErrorKind, Result};
use catalog::CatalogEdit;
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{Database, InsertMode, StorageSettings, Transaction};

/// The rows of all tables by name.
type State = BTreeMap<String, Model>;

/// What must be there.
#[derive(Clone, Debug)]
struct Story {
    done: State,
    /// What may be there instead: the outcome of a commit is not known.
    unknown: Option<State>,
}

impl Story {
    fn commit(&mut self, txn: Transaction, next: State) -> Result<()> {
        match txn.commit() {
            Ok(_) => {
                self.done = next;
                Ok(())
            }
            Err(e) => {
                if e.kind() == ErrorKind::CommitUnknown {
                    self.unknown = Some(next);
                }
                Err(e)
            }
        }
    }
}

/// A kind of work.
#[derive(Clone, Copy)]
struct Script {
    name: &'static str,
    /// Bytes of a transaction kept in memory.
    buffer: usize,
    work: fn(&World, &mut Story) -> Result<()>,
}

const MEMORY: usize = 1 << 20;

const SCRIPTS: [Script; 18] = [
    Script { name: "insert", buffer: MEMORY, work: insert },
    Script { name: "two tables in one transaction", buffer: MEMORY, work: two_tables },
    Script { name: "update", buffer: MEMORY, work: update },
    Script { name: "delete", buffer: MEMORY, work: delete },
    Script { name: "upsert", buffer: MEMORY, work: upsert },
    Script { name: "staged load", buffer: 1, work: load },
    Script { name: "commits over log files", buffer: MEMORY, work: commits },
    Script { name: "create table", buffer: MEMORY, work: create },
    Script { name: "drop table", buffer: MEMORY, work: drop_table },
    Script { name: "flush", buffer: MEMORY, work: |world, _| world.database().flush() },
    Script { name: "checkpoint", buffer: MEMORY, work: |world, _| world.database().checkpoint() },
    Script { name: "compaction", buffer: MEMORY, work: compact },
    Script { name: "collection", buffer: MEMORY, work: collect },
    Script { name: "truncate", buffer: MEMORY, work: truncate },
    Script { name: "clone", buffer: MEMORY, work: clone },
    Script { name: "undrop", buffer: MEMORY, work: undrop },
    Script { name: "close", buffer: MEMORY, work: |world, _| world.database().close() },
    Script {
        name: "read",
        buffer: MEMORY,
        work: |world, story| {
            assert_eq!(state(world.database())?, story.done);
            Ok(())
        },
    },
];

fn value(v: i64) -> rows::Value {
    (v, Some(format!("the text of row {v}, too long to stand in a view")))
}

fn id(world: &World, name: &str) -> TableId {
    let snapshot = world.database().snapshot();
    let id = snapshot.catalog().tables().find(|t| t.name == name).map(|t| t.id);
    id.unwrap()
}

fn insert_into(txn: &mut Transaction, table: TableId, next: &mut Model, given: &[(i32, i64)]) -> Result<()> {
    let given: Vec<_> = given.iter().map(|(k, v)| (*k, value(*v))).collect();
    let outcome = txn.insert(table, &rows::batch(&given), InsertMode::Error)?;
    assert_eq!(outcome.inserted, given.len() as u64);
    next.extend(given);
    Ok(())
}

fn insert(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    insert_into(&mut txn, id(world, "t"), next.get_mut("t").unwrap(), &[(20, 1), (21, 2)])?;
    story.commit(txn, next)
}

fn two_tables(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    insert_into(&mut txn, id(world, "t"), next.get_mut("t").unwrap(), &[(20, 1)])?;
    txn.begin_command();
    insert_into(&mut txn, id(world, "u"), next.get_mut("u").unwrap(), &[(20, 1), (21, 1)])?;
    story.commit(txn, next)
}

fn update(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    let seen = rows::try_read(&txn.view(), id(world, "t"), None)?;
    let chosen: Vec<_> = seen.iter().filter(|(k, _, _)| k % 2 == 0).collect();
    let addresses: Vec<u64> = chosen.iter().map(|(_, _, address)| *address).collect();
    let given: Vec<_> = chosen.iter().map(|(k, _, _)| (*k, value(77))).collect();
    txn.update(id(world, "t"), &addresses, &rows::batch(&given))?;
    next.get_mut("t").unwrap().extend(given);
    story.commit(txn, next)
}

fn delete(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    let seen = rows::try_read(&txn.view(), id(world, "t"), None)?;
    let addresses: Vec<u64> = seen.iter().filter(|(k, _, _)| k % 3 == 0).map(|(_, _, a)| *a).collect();
    assert_eq!(txn.delete(id(world, "t"), &addresses)?, addresses.len() as u64);
    next.get_mut("t").unwrap().retain(|k, _| k % 3 != 0);
    story.commit(txn, next)
}

fn upsert(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    let given: Vec<_> = (4..8).map(|k| (k, value(55))).collect();
    let outcome = txn.insert(id(world, "t"), &rows::batch(&given), InsertMode::Report)?;
    for conflict in &outcome.conflicts {
        let row = rows::batch(std::slice::from_ref(&given[conflict.row]));
        txn.update(id(world, "t"), &[conflict.existing.unwrap()], &row)?;
    }
    next.get_mut("t").unwrap().extend(given);
    story.commit(txn, next)
}

fn load(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    for first in [20, 24] {
        let given: Vec<_> = (first..first + 4).map(|k| (k, i64::from(k))).collect();
        insert_into(&mut txn, id(world, "t"), next.get_mut("t").unwrap(), &given)?;
    }
    story.commit(txn, next)
}

fn commits(world: &World, story: &mut Story) -> Result<()> {
    insert_from(world, story, 20)
}

/// Enough commits for some log files.
fn insert_from(world: &World, story: &mut Story, first: i32) -> Result<()> {
    for key in first..first + 8 {
        let (mut txn, mut next) = (world.begin(), story.done.clone());
        insert_into(&mut txn, id(world, "t"), next.get_mut("t").unwrap(), &[(key, 1), (key + 20, 2)])?;
        story.commit(txn, next)?;
    }
    Ok(())
}

fn create(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    let def = rows::table(txn.catalog(), "w", true, 1);
    let table = def.id;
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def)))?;
    let mut model = Model::new();
    insert_into(&mut txn, table, &mut model, &[(1, 1)])?;
    next.insert("w".to_owned(), model);
    story.commit(txn, next)
}

fn drop_table(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    txn.edit_catalog(CatalogEdit::DropTable(id(world, "u")))?;
    next.remove("u");
    story.commit(txn, next)
}

fn compact(world: &World, _: &mut Story) -> Result<()> {
    world.database().compact(id(world, "t"), true, Arc::new(|| false))
}

/// Something is there to go: what the truncate leaves.
fn collect(world: &World, story: &mut Story) -> Result<()> {
    truncate(world, story)?;
    world.database().collect()
}

fn truncate(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    txn.truncate(id(world, "t"))?;
    txn.begin_command();
    let model = next.get_mut("t").unwrap();
    model.clear();
    insert_into(&mut txn, id(world, "t"), model, &[(3, 33), (30, 30)])?;
    story.commit(txn, next)
}

fn clone(world: &World, story: &mut Story) -> Result<()> {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    let def = rows::table(txn.catalog(), "c", true, 2);
    txn.clone_table(def, id(world, "t"), None)?;
    next.insert("c".to_owned(), next["t"].clone());
    story.commit(txn, next)
}

fn undrop(world: &World, story: &mut Story) -> Result<()> {
    let before = story.done.clone();
    let schema = world.begin().catalog().table(id(world, "u")).unwrap().schema;
    drop_table(world, story)?;
    let (def, _) = world.database().dropped_table(schema, "u").unwrap();
    let mut txn = world.begin();
    txn.undrop_table(&def)?;
    story.commit(txn, before)
}

fn settings(buffer: usize) -> StorageSettings {
    StorageSettings {
        background: false,
        log_file_bytes: 1 << 10,
        batch_rows: 3,
        transaction_buffer_bytes: buffer,
        segment_rows_max: 2,
        segment_cache_bytes: 0,
        ..StorageSettings::default()
    }
}

/// Everything that can be read. A row count that differs fails the test.
fn state(database: &Database) -> Result<State> {
    let snapshot = database.snapshot();
    let view = snapshot.view();
    let mut state = State::new();
    for table in snapshot.catalog().tables() {
        let map = rows::map_of(rows::try_read(&view, table.id, None)?);
        assert_eq!(view.row_count(table.id)?, map.len() as u64);
        state.insert(table.name.clone(), map);
    }
    Ok(state)
}

/// A closed database with some of everything: segments, dead rows in them, memtables in the checkpoint and in the log.
fn prepared() -> (World, State) {
    let world = World::with(1, settings(MEMORY));
    let mut story = Story { done: State::from([("t".to_owned(), Model::new())]), unknown: None };
    let mut txn = world.begin();
    let def = rows::table(txn.catalog(), "u", true, 1);
    let (t, u) = (world.table, def.id);
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def))).unwrap();
    let mut next = story.done.clone();
    next.insert("u".to_owned(), Model::new());
    insert_into(&mut txn, u, next.get_mut("u").unwrap(), &[(1, 1), (2, 2)]).unwrap();
    insert_into(&mut txn, t, next.get_mut("t").unwrap(), &[(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]).unwrap();
    story.commit(txn, next).unwrap();
    world.database().flush().unwrap();
    delete(&world, &mut story).unwrap();
    world.database().checkpoint().unwrap();
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    insert_into(&mut txn, t, next.get_mut("t").unwrap(), &[(5, 5), (6, 6)]).unwrap();
    story.commit(txn, next).unwrap();
    assert_eq!(state(world.database()).unwrap(), story.done);
    (world, story.done)
}

/// The calls to try: all, or every `step`-th.
fn numbers(step: u64, seed: u64) -> impl Iterator<Item = u64> {
    let step = if seeds::long() { 1 } else { step };
    (1 + seed % step..).step_by(usize::try_from(step).unwrap())
}

fn assert_told(error: &Error, what: &str) {
    let told = [ErrorKind::Io, ErrorKind::DiskFull, ErrorKind::CommitUnknown, ErrorKind::Corruption];
    assert!(told.contains(&error.kind()), "{what}: {error:?}");
}

/// Whether writes go on: they must, unless the log may have lost something.
fn write_on(world: &World, story: &mut Story, outcome: &Result<()>, what: &str) {
    let (mut txn, mut next) = (world.begin(), story.done.clone());
    let written = insert_into(&mut txn, id(world, "t"), next.get_mut("t").unwrap(), &[(99, 9)])
        .and_then(|()| story.commit(txn, next));
    let Err(error) = written else { return };
    // A poisoned log says so until a restart.
    assert!(outcome.is_err(), "{what}: writes do not go on: {error:?}");
    assert_eq!(error.kind(), ErrorKind::Io, "{what}: {error:?}");
    assert!(error.message().contains("cannot be written any more"), "{what}: {error:?}");
}

/// Fails calls of a script one by one.
fn sweep(
    prepared: &(World, State),
    script: &Script,
    kind: Option<CallKind>,
    fault: Fault,
    step: u64,
    seed: u64,
) {
    for n in numbers(step, seed) {
        let what = format!("{}: call {n} of {kind:?} with {fault:?}", script.name);
        let mut world = prepared.0.duplicate();
        world.settings = settings(script.buffer);
        world.open().unwrap();
        let mut story = Story { done: prepared.1.clone(), unknown: None };
        let before = world.disk.calls(kind);
        world.disk.fail_call(n, kind, fault);
        let outcome = (script.work)(&world, &mut story);
        let struck = world.disk.calls(kind) - before >= n;
        world.disk.clear_faults();
        if let Err(error) = &outcome {
            assert_told(error, &what);
        }
        assert!(struck || outcome.is_ok(), "{what}: {outcome:?}");
        // Reads go on whatever happened, and nothing half done is seen.
        assert_eq!(state(world.database()).unwrap(), story.done, "{what}");
        assert_eq!(world.database().locked_keys(), 0, "{what}");
        write_on(&world, &mut story, &outcome, &what);
        world.drop_database();
        world.disk.power_cut(n);
        restart(&mut world, &story, &what);
        if !struck {
            return;
        }
    }
}

fn restart(world: &mut World, story: &Story, what: &str) {
    assert_eq!(Database::check(world.disk.process()).unwrap().problems, Vec::<String>::new(), "{what}");
    world.open().unwrap();
    let found = state(world.database()).unwrap();
    let known = found == story.done || Some(&found) == story.unknown.as_ref();
    assert!(known, "{what}: found {found:?}\nof {story:?}");
    let mut after = Story { done: found, unknown: None };
    insert_from(world, &mut after, 50).unwrap();
    assert_eq!(state(world.database()).unwrap(), after.done, "{what}");
}

/// Every script against one kind of failure.
pub(crate) fn sweep_all(kind: Option<CallKind>, fault: Fault, step: u64, seed: u64) {
    let prepared = prepared();
    for (script, number) in SCRIPTS.iter().zip(0..) {
        sweep(&prepared, script, kind, fault, step, seed + number);
    }
}

/// Opening fails at each call, then opens.
fn sweep_open(disk: impl Fn() -> World, expected: Option<&State>, fault: Fault, step: u64, seed: u64) {
    for n in numbers(step, seed) {
        let what = format!("open: call {n} with {fault:?}");
        let mut world = disk();
        let before = world.disk.calls(None);
        world.disk.fail_call(n, None, fault);
        let outcome = world.open();
        let struck = world.disk.calls(None) - before >= n;
        world.disk.clear_faults();
        match &outcome {
            Ok(()) => {
                let found = state(world.database()).unwrap();
                assert!(expected.is_none_or(|e| *e == found), "{what}: {found:?}");
            }
            Err(error) => assert_told(error, &what),
        }
        assert!(struck || outcome.is_ok(), "{what}: {outcome:?}");
        world.drop_database();
        world.disk.power_cut(n);
        world.open().unwrap_or_else(|e| panic!("{what}: the next open: {e:?}"));
        let found = state(world.database()).unwrap();
        assert!(expected.is_none_or(|e| *e == found), "{what}: {found:?}");
        if !struck {
            return;
        }
    }
}

/// Opening an existing database, and making a new one.
pub(crate) fn sweep_opens(fault: Fault, step: u64, seed: u64) {
    let (world, expected) = prepared();
    sweep_open(|| world.duplicate(), Some(&expected), fault, step, seed);
    let empty = || {
        let mut fresh = world.duplicate();
        fresh.disk = base::fs::SimulatedFileSystem::new(seed);
        fresh
    };
    sweep_open(empty, None, fault, step, seed);
}

#[test]
fn every_failed_call_is_told() {
    sweep_all(None, Fault::Io, 13, seeds::any());
}

#[test]
fn every_failed_sync_is_told() {
    let seed = seeds::any();
    sweep_all(Some(CallKind::SyncData), Fault::Io, 3, seed);
    sweep_all(Some(CallKind::SyncDirectory), Fault::Io, 3, seed);
}

#[test]
fn a_full_disk_loses_nothing() {
    let seed = seeds::any();
    for kind in [CallKind::Create, CallKind::Preallocate, CallKind::Write] {
        sweep_all(Some(kind), Fault::NoSpace, 3, seed);
    }
}

#[test]
fn a_disk_that_dies_loses_nothing() {
    sweep_all(None, Fault::Halt, 7, seeds::any());
}

#[test]
fn every_failed_call_of_an_open_is_told() {
    let seed = seeds::any();
    for fault in [Fault::Io, Fault::NoSpace, Fault::Halt] {
        sweep_opens(fault, 5, seed);
    }
}

/// What a transaction reads between two commands (rows that it killed and a flush has moved) may fail. Its next command
/// once said that the transaction is aborted and never why.
#[test]
fn a_failed_read_between_commands_is_told() {
    let (mut world, _) = prepared();
    world.drop_database();
    world.open().unwrap();
    let table = id(&world, "t");
    let mut txn = world.begin();
    let address = rows::address_of(&txn.view(), table, 5).unwrap();
    assert_eq!(txn.delete(table, &[address]).unwrap(), 1);
    world.database().flush().unwrap();
    world.disk.fail_call(1, Some(CallKind::Read), Fault::Io);
    txn.refresh();
    txn.begin_command();
    let error = txn.insert(table, &rows::batch(&[(70, value(1))]), InsertMode::Error).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error:?}");
    assert_eq!(txn.commit().unwrap_err().kind(), ErrorKind::Io);
}
