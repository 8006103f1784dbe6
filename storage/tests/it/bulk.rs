//! Transactions beyond what is kept row by row: more locks than are kept for keys, more killed keys than a record names.

use crate::rows::{self, batch};
use crate::world::World;
use arrow::array::{ArrayRef, AsArray, Int64Array, StringViewArray};
use arrow::datatypes::{Int64Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use base::ErrorKind;
use base::fs::Fault;
use base::id::{ColumnId, TableId};
use catalog::{CatalogEdit, ColumnDef};
use futures::StreamExt;
use futures::executor::block_on;
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{Database, InsertMode, ReadView, ScanSpec, StorageSettings, Transaction};
use types::SqlType;
use types::sql_type::oid;

fn settings() -> StorageSettings {
    StorageSettings { background: false, log_file_bytes: 1 << 20, ..StorageSettings::default() }
}

fn insert(txn: &mut Transaction, table: TableId, keys: std::ops::Range<i32>) -> base::Result<()> {
    let rows: Vec<_> = keys.map(|k| (k, (i64::from(k), None))).collect();
    txn.insert(table, &batch(&rows), InsertMode::Error).map(|_| ())
}

/// More keys than are locked one by one: the table is locked instead, nobody else writes to it, and everything is
/// given back at the end.
#[test]
fn many_locks_on_keys_become_one_on_the_table() {
    let world = World::with(1, settings());
    let (database, table) = (world.database(), world.table);
    let mut many = database.begin();
    insert(&mut many, table, 0..60_000).unwrap();
    assert_eq!(database.locked_keys(), 60_000);
    let mut few = database.begin();
    insert(&mut few, table, 500_000..500_001).unwrap();

    // A second writer is in the way; the transaction that lost can only be rolled back.
    let held = insert(&mut many, table, 60_000..110_000).unwrap_err();
    assert_eq!((held.kind(), many.blocked_by()), (ErrorKind::LostRace, Some(few.id())));
    many.rollback();
    assert_eq!(database.locked_keys(), 1);
    few.commit().unwrap();

    let mut many = database.begin();
    insert(&mut many, table, 0..60_000).unwrap();
    insert(&mut many, table, 60_000..110_000).unwrap();
    assert_eq!(database.locked_keys(), 0, "the table is locked instead");
    let mut few = database.begin();
    let held = insert(&mut few, table, 500_001..500_002).unwrap_err();
    assert_eq!((held.kind(), few.blocked_by()), (ErrorKind::LostRace, Some(many.id())));
    few.rollback();
    // Own rows go on to be seen and changed under the lock on the table.
    let twice = many.insert(table, &batch(&[(7, (1, None))]), InsertMode::Report).unwrap();
    assert_eq!((twice.inserted, twice.conflicts.len()), (0, 1));
    many.commit().unwrap();

    let mut few = database.begin();
    insert(&mut few, table, 500_001..500_002).unwrap();
    few.commit().unwrap();
    assert_eq!(database.snapshot().view().row_count(table).unwrap(), 110_002);

    // Given back by a rollback as well.
    let mut many = database.begin();
    let addresses: Vec<u64> = rows::read(&many.view(), table, None).into_iter().map(|(_, _, a)| a).collect();
    assert_eq!(many.delete(table, &addresses).unwrap(), 110_002);
    many.rollback();
    let mut few = database.begin();
    insert(&mut few, table, 500_002..500_003).unwrap();
    few.commit().unwrap();
    assert_eq!(database.snapshot().view().row_count(table).unwrap(), 110_003);
    assert_eq!(database.locked_keys(), 0);
}

const KEY: ColumnId = ColumnId(1);
const VALUE: ColumnId = ColumnId(2);
/// Rows with long keys: together more than the 4 MiB of killed keys that a record names one by one.
const ROWS: usize = 220;

fn long_key(n: usize) -> String {
    format!("{n:06}{}", "k".repeat(20_000))
}

/// Values by the number at the front of the key.
type Content = BTreeMap<usize, i64>;

/// A table `(k text primary key, v int8)` of two tablets by hash.
fn create(world: &World) -> TableId {
    let mut txn = world.begin();
    let mut def = rows::table(txn.catalog(), "long", true, 2);
    let column = |id, name: &str, ty| ColumnDef {
        id,
        name: name.to_owned(),
        ty: SqlType::of(ty).unwrap(),
        not_null: true,
        default: None,
        kind: catalog::ColumnKind::Plain,
        missing: types::Datum::Null,
    };
    def.columns = vec![column(KEY, "k", oid::TEXT), column(VALUE, "v", oid::INT8)];
    let table = def.id;
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def))).unwrap();
    txn.commit().unwrap();
    table
}

fn long_rows(rows: impl Iterator<Item = (usize, i64)> + Clone) -> RecordBatch {
    let k: ArrayRef = Arc::new(rows.clone().map(|(n, _)| Some(long_key(n))).collect::<StringViewArray>());
    let v: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.map(|(_, v)| v)));
    RecordBatch::try_from_iter_with_nullable([("k", k, true), ("v", v, true)]).unwrap()
}

fn read(view: &ReadView, table: TableId) -> Vec<(usize, i64, u64)> {
    let spec =
        ScanSpec { table, projection: vec![KEY, VALUE], predicate: None, sieve: None, row_address: true };
    let mut found = Vec::new();
    for split in view.scan(&spec).unwrap().splits {
        let mut batches = split.stream();
        while let Some(batch) = block_on(batches.next()) {
            let batch = batch.unwrap();
            let (k, v) = (batch.column(0).as_string_view(), batch.column(1).as_primitive::<Int64Type>());
            let addresses = batch.column(2).as_primitive::<UInt64Type>();
            for i in 0..batch.num_rows() {
                assert_eq!(k.value(i).len(), 20_006);
                found.push((k.value(i)[..6].parse().unwrap(), v.value(i), addresses.value(i)));
            }
        }
    }
    found.sort_unstable();
    found
}

fn content(database: &Database, table: TableId) -> Content {
    let rows = read(&database.snapshot().view(), table);
    let count = rows.len();
    let content: Content = rows.into_iter().map(|(n, v, _)| (n, v)).collect();
    assert_eq!(content.len(), count, "a key is alive twice");
    content
}

/// The table with its rows; a part of them in segments, the others in memtables.
fn filled(flushed: usize) -> (World, TableId) {
    // Reading back is tested elsewhere; here it only takes time.
    let world = World::with(1, StorageSettings { read_back: false, ..settings() });
    let table = create(&world);
    for range in [0..flushed, flushed..ROWS] {
        if !range.is_empty() {
            let mut txn = world.begin();
            txn.insert(table, &long_rows(range.map(|n| (n, 1))), InsertMode::Error).unwrap();
            txn.commit().unwrap();
        }
        if flushed > 0 && content(world.database(), table).len() == flushed {
            world.database().flush().unwrap();
        }
    }
    (world, table)
}

/// Deletes all rows but every twentieth, and changes those.
fn change_most(txn: &mut Transaction, table: TableId) {
    let rows = read(&txn.view(), table);
    let (kept, gone): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(n, _, _)| n % 20 == 0);
    let gone: Vec<u64> = gone.into_iter().map(|(_, _, address)| address).collect();
    assert_eq!(txn.delete(table, &gone).unwrap(), gone.len() as u64);
    let addresses: Vec<u64> = kept.iter().map(|(_, _, address)| *address).collect();
    txn.update(table, &addresses, &long_rows(kept.iter().map(|(n, _, _)| (*n, 2)))).unwrap();
}

fn before() -> Content {
    (0..ROWS).map(|n| (n, 1)).collect()
}

fn after() -> Content {
    (0..ROWS).step_by(20).map(|n| (n, 2)).collect()
}

#[test]
fn more_killed_keys_than_a_record_names_are_killed() {
    for flushed in [0, ROWS / 2, ROWS] {
        let (mut world, table) = filled(flushed);
        assert_eq!(content(world.database(), table), before());
        let old = world.database().snapshot();
        let mut txn = world.begin();
        change_most(&mut txn, table);
        if flushed == ROWS / 2 {
            // Rows move while the transaction has them.
            world.database().flush().unwrap();
        }
        txn.commit().unwrap();
        assert_eq!(content(world.database(), table), after(), "{flushed} flushed");
        assert_eq!(read(&old.view(), table).len(), ROWS, "an older snapshot keeps its rows");
        drop(old);
        let fingerprint = world.database().snapshot().fingerprint(table).unwrap();

        // A deleted key is free again, a changed one is not.
        let mut txn = world.begin();
        let taken =
            txn.insert(table, &long_rows([(1, 3), (100, 3)].into_iter()), InsertMode::Report).unwrap();
        assert_eq!((taken.inserted, taken.conflicts.len(), taken.conflicts[0].row), (1, 1, 1));
        txn.rollback();

        for checkpoint in [false, true] {
            if checkpoint {
                world.database().checkpoint().unwrap();
            }
            world.drop_database();
            assert_eq!(Database::check(world.disk.process()).unwrap().problems, Vec::<String>::new());
            world.open().unwrap();
            assert_eq!(world.database().snapshot().fingerprint(table).unwrap(), fingerprint);
        }
        assert_eq!(content(world.database(), table), after());
    }
}

/// Power cut at the calls of such a commit: all of it or nothing, and recovering again finds the same.
#[test]
fn a_bulky_commit_is_whole_or_not_there_after_a_power_cut() {
    let (mut world, table) = filled(ROWS / 2);
    world.drop_database();
    let (mut lost, mut kept) = (0, 0);
    for call in (1..).step_by(11) {
        let mut world = world.duplicate();
        world.open().unwrap();
        let mut txn = world.begin();
        change_most(&mut txn, table);
        world.disk.fail_call(call, None, Fault::Halt);
        let outcome = txn.commit();
        world.drop_database();
        world.disk.power_cut(call);
        world.disk.clear_faults();
        world.open().unwrap();
        let found = content(world.database(), table);
        assert!(found == after() || (outcome.is_err() && found == before()), "call {call}: {outcome:?}");
        if found == before() {
            lost += 1
        } else {
            kept += 1
        }
        world.drop_database();
        assert_eq!(Database::check(world.disk.process()).unwrap().problems, Vec::<String>::new());
        world.disk.power_cut(call);
        world.open().unwrap();
        assert_eq!(content(world.database(), table), found, "call {call}: recovered twice");
        if outcome.is_ok() {
            break;
        }
    }
    assert!(lost > 3 && kept > 0, "{lost} lost, {kept} kept");
}
