//! Columns that come and go: rows written before are read by column id, from memtables, segments and logs.

use crate::rows::{self, K, V, batch, read_map, text_column, with_text_column};
use crate::world::World;
use arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array};
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use base::id::{ColumnId, TableId};
use catalog::{CatalogEdit, TableDef};
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use storage::{CompareOp, Database, InsertMode, Predicate, ScanSpec, StorageSettings};
use types::Datum;
use types::sql_type::oid;

/// A world that keeps all history, or as much as is said.
fn world(history_retention_us: u64) -> World {
    let settings = StorageSettings { history_retention_us, segment_rows_max: 100_000, ..World::settings(1) };
    World::with(1, settings)
}

fn insert(world: &World, rows: &[(i32, rows::Value)]) {
    let mut txn = world.begin();
    txn.insert(world.table, &batch(rows), InsertMode::Error).unwrap();
    txn.commit().unwrap();
}

fn alter(world: &World, change: impl Fn(&TableDef) -> TableDef) {
    let mut txn = world.begin();
    let def = change(txn.catalog().table(world.table).unwrap());
    txn.edit_catalog(CatalogEdit::AlterTable(Box::new(def))).unwrap();
    txn.commit().unwrap();
}

fn compact(world: &World) {
    world.database().compact(world.table, true, Arc::new(|| false)).unwrap();
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A flush that took the definition before it sealed its memtable would lose what commits in between wrote into a new
/// column: here such rows lie in one memtable with older ones.
#[test]
fn one_memtable_holds_rows_of_several_definitions() {
    let mut world = world(1 << 60);
    insert(&world, &[(1, (10, text("old")))]);
    alter(&world, |def| with_text_column(def, text("missing")));
    insert(&world, &[(2, (20, text("new")))]);
    let expected = rows::Model::from([(1, (10, text("missing"))), (2, (20, text("new")))]);
    let check = |world: &World, what: &str| {
        let view = world.database().snapshot().view();
        assert_eq!(read_map(&view, world.table), expected, "{what}");
        let (column, _) = text_column(view.catalog().table(world.table).unwrap());
        let like = |value| Predicate::Compare { column, op: CompareOp::Equal, value: Datum::Text(value) };
        for (key, value) in [(1, "missing"), (2, "new")] {
            let found = rows::read(&view, world.table, Some(like(value.to_owned())));
            assert_eq!(found.iter().map(|(k, ..)| *k).collect::<Vec<_>>(), [key], "{what}");
        }
    };
    check(&world, "in the memtable");
    let before = world.fingerprint();
    world.drop_database();
    world.open().unwrap();
    check(&world, "from the log");
    world.database().checkpoint().unwrap();
    world.drop_database();
    world.open().unwrap();
    check(&world, "from a checkpoint");
    world.database().flush().unwrap();
    check(&world, "flushed");
    compact(&world);
    check(&world, "compacted");
    assert_eq!(world.fingerprint(), before);
    world.drop_database();
    assert_eq!(Database::check(world.disk.process()).unwrap().problems, Vec::<String>::new());
}

#[test]
fn segments_without_a_column_are_passed_over_by_what_they_lack() {
    let world = world(1 << 60);
    insert(&world, &[(1, (10, None)), (2, (20, None))]);
    world.database().flush().unwrap();
    alter(&world, |def| with_text_column(def, text("missing")));
    let view = world.database().snapshot().view();
    let (column, _) = text_column(view.catalog().table(world.table).unwrap());
    let compare = |op, value: &str| Predicate::Compare { column, op, value: Datum::Text(value.to_owned()) };
    let cases = [
        (compare(CompareOp::Equal, "missing"), 2),
        (compare(CompareOp::Equal, "other"), 0),
        (compare(CompareOp::Greater, "missing"), 0),
        (Predicate::IsNull { column }, 0),
        (Predicate::IsNotNull { column }, 2),
    ];
    for (predicate, rows) in cases {
        let table = world.table;
        let spec = ScanSpec {
            table,
            projection: vec![K, V],
            predicate: Some(predicate.clone()),
            sieve: None,
            row_address: false,
        };
        let scan = view.scan(&spec).unwrap();
        assert_eq!(scan.splits.is_empty(), rows == 0, "{predicate:?}");
        assert_eq!(scan.metrics.segments_pruned.load(Ordering::Relaxed) > 0, rows == 0, "{predicate:?}");
        assert_eq!(rows::read(&view, table, Some(predicate)).len(), rows);
    }
}

/// A dropped column can be read at every time that had it, however its rows were moved since; then its room is given back.
#[test]
fn a_dropped_column_stays_as_long_as_a_time_needs_it() {
    let world = world(100);
    let long = |n: i32| Some(format!("{n}-").repeat(500 + usize::try_from(n).unwrap()));
    let all: Vec<(i32, rows::Value)> = (0..200).map(|n| (n, (0, long(n)))).collect();
    insert(&world, &all);
    let before = world.database().snapshot().commit_ts();
    let had = read_map(&world.database().snapshot().view(), world.table);
    world.database().flush().unwrap();
    world.clock.advance(10);
    alter(&world, |def| with_text_column(def, None));
    let bytes = |world: &World| {
        compact(world);
        world.database().snapshot().view().stored_bytes(world.table).unwrap()
    };
    insert(&world, &[(1_000, (1, None))]);
    world.database().flush().unwrap();
    let kept = bytes(&world);
    let then = world.database().snapshot_at(before).unwrap();
    assert_eq!(read_map(&then.view(), world.table), had);
    drop(then);
    assert_eq!(read_map(&world.database().snapshot().view(), world.table)[&7], (0, None));
    world.clock.advance(1_000);
    world.database().checkpoint().unwrap();
    world.database().collect().unwrap();
    // A second row, so that there is something to compact.
    insert(&world, &[(1_001, (1, None))]);
    world.database().flush().unwrap();
    let left = bytes(&world);
    assert!(left < kept, "{left} bytes of {kept} are left");
    let gone = world.database().snapshot_at(before).unwrap();
    assert!(rows::try_read(&gone.view(), world.table, None).is_err(), "{before} can be read no more");
}

/// A copy of an earlier time would once have given the id of a column that its source got later to another one, whose
/// values would have been those of the shared segments.
#[test]
fn a_copy_of_an_earlier_time_gives_no_id_again() {
    let world = world(1 << 60);
    insert(&world, &[(1, (10, text("then")))]);
    let then = world.database().snapshot().commit_ts();
    world.clock.advance(10);
    alter(&world, |def| with_text_column(def, text("later")));
    insert(&world, &[(2, (20, text("later still")))]);
    world.database().flush().unwrap();
    compact(&world);
    let snapshot = world.database().snapshot_at(then).unwrap();
    let source = snapshot.catalog().table(world.table).unwrap().as_ref().clone();
    drop(snapshot);
    let mut txn = world.begin();
    let id = txn.catalog().next_id();
    let tablets = source.tablets.iter().zip(id + 1..);
    let tablets =
        tablets.map(|(t, id)| catalog::TabletDef { id: base::id::TabletId(id), ..t.clone() }).collect();
    let copy = TableDef {
        id: TableId(id),
        oid: txn.catalog().next_oid(),
        name: "copy".to_owned(),
        tablets,
        ..source
    };
    txn.clone_table(copy, world.table, Some(then)).unwrap();
    txn.commit().unwrap();
    let mut txn = world.begin();
    let def = txn.catalog().table(TableId(id)).unwrap().as_ref().clone();
    assert_eq!(def.next_column, ColumnId(5));
    txn.edit_catalog(CatalogEdit::AlterTable(Box::new(with_text_column(&def, text("mine"))))).unwrap();
    txn.commit().unwrap();
    let found = read_map(&world.database().snapshot().view(), TableId(id));
    assert_eq!(found, rows::Model::from([(1, (10, text("mine")))]));
}

/// A wider type reads what a narrower one stored, and an earlier time what was rewritten since, values that it has not seen
/// among it.
#[test]
fn a_column_becomes_wider() {
    let mut world = world(1 << 60);
    // The table's `v` is an int8: begin with a narrower one of another name.
    let narrow = ColumnId(4);
    let column = |ty| catalog::ColumnDef {
        id: narrow,
        name: "n".to_owned(),
        ty: types::SqlType::of(ty).unwrap(),
        not_null: false,
        default: None,
        kind: catalog::ColumnKind::Plain,
        missing: if ty == oid::INT4 { Datum::Int32(7) } else { Datum::Int64(7) },
    };
    let with = |def: &TableDef, ty| {
        let mut def = def.clone();
        def.columns.retain(|c| c.id != narrow);
        def.columns.push(column(ty));
        def.next_column = ColumnId(5);
        def.schema_version = base::id::SchemaVersion(def.schema_version.0 + 1);
        def
    };
    let write = |world: &World, key: i32, n: ArrayRef| {
        let mut txn = world.begin();
        let rows = batch(&[(key, (0, None))]);
        let rows = rows.columns().iter().cloned().chain([n]).zip(["k", "v", "s", "n"]);
        let rows = RecordBatch::try_from_iter_with_nullable(rows.map(|(c, name)| (name, c, true))).unwrap();
        txn.insert(world.table, &rows, InsertMode::Error).unwrap();
        txn.commit().unwrap();
    };
    let read = |view: &storage::ReadView, table| {
        let spec =
            ScanSpec { table, projection: vec![K, narrow], predicate: None, sieve: None, row_address: false };
        let mut found: Vec<(i32, String)> = Vec::new();
        for split in view.scan(&spec).unwrap().splits {
            let batches = futures::executor::block_on(split.stream().collect::<Vec<_>>());
            for batch in batches.into_iter().map(Result::unwrap) {
                let keys = batch.column(0).as_primitive::<Int32Type>();
                for (i, key) in keys.values().iter().enumerate() {
                    found.push((*key, array_value_to_string(batch.column(1), i).unwrap()));
                }
            }
        }
        found.sort();
        found
    };
    let rows = |rows: &[(i32, &str)]| rows.iter().map(|(k, n)| (*k, (*n).to_owned())).collect::<Vec<_>>();
    insert(&world, &[(1, (10, None))]);
    alter(&world, |def| with(def, oid::INT4));
    write(&world, 2, Arc::new(Int32Array::from(vec![20])));
    world.database().flush().unwrap();
    write(&world, 3, Arc::new(Int32Array::from(vec![30])));
    let before = world.database().snapshot().commit_ts();
    world.clock.advance(10);
    alter(&world, |def| with(def, oid::INT8));
    write(&world, 4, Arc::new(Int64Array::from(vec![1 << 40])));
    let now = rows(&[(1, "7"), (2, "20"), (3, "30"), (4, "1099511627776")]);
    for step in 0..4 {
        match step {
            0 => {}
            1 => {
                world.database().checkpoint().unwrap();
                world.drop_database();
                world.open().unwrap();
            }
            2 => world.database().flush().unwrap(),
            _ => compact(&world),
        }
        assert_eq!(read(&world.database().snapshot().view(), world.table), now, "step {step}");
        let then = world.database().snapshot_at(before).unwrap();
        assert_eq!(read(&then.view(), world.table), now[..3], "step {step}");
    }
    world.drop_database();
    assert_eq!(Database::check(world.disk.process()).unwrap().problems, Vec::<String>::new());
}

/// Rows that a transaction wrote before it changed the columns are committed as the last definition has them.
#[test]
fn a_transaction_writes_before_and_after_it_changes_the_columns() {
    for staged in [false, true] {
        let buffer = if staged { 1 } else { 1 << 20 };
        let settings = StorageSettings { transaction_buffer_bytes: buffer, ..World::settings(1) };
        let mut world = World::with(1, settings);
        insert(&world, &[(1, (10, text("a")))]);
        let mut txn = world.begin();
        txn.insert(world.table, &batch(&[(2, (20, text("b")))]), InsertMode::Error).unwrap();
        txn.begin_command();
        let def = with_text_column(txn.catalog().table(world.table).unwrap(), text("m"));
        txn.edit_catalog(CatalogEdit::AlterTable(Box::new(def))).unwrap();
        txn.begin_command();
        txn.insert(world.table, &batch(&[(3, (30, text("c")))]), InsertMode::Error).unwrap();
        let address = rows::address_of(&txn.view(), world.table, 1).unwrap();
        txn.update(world.table, &[address], &batch(&[(1, (11, text("d")))])).unwrap();
        txn.begin_command();
        let expected = rows::Model::from([(1, (11, text("d"))), (2, (20, text("m"))), (3, (30, text("c")))]);
        assert_eq!(read_map(&txn.view(), world.table), expected, "staged: {staged}");
        txn.commit().unwrap();
        assert_eq!(read_map(&world.database().snapshot().view(), world.table), expected);
        world.drop_database();
        world.open().unwrap();
        assert_eq!(read_map(&world.database().snapshot().view(), world.table), expected);
    }
}

/// A checkpoint would once have said of such rows that they are of a definition that counted at no time, and nobody could open it.
#[test]
fn a_table_that_is_altered_and_dropped_at_once_stays_readable() {
    let mut world = world(1 << 60);
    insert(&world, &[(1, (10, text("old")))]);
    let before = world.database().snapshot().commit_ts();
    let had = read_map(&world.database().snapshot().view(), world.table);
    let mut txn = world.begin();
    let def = with_text_column(txn.catalog().table(world.table).unwrap(), None);
    txn.edit_catalog(CatalogEdit::AlterTable(Box::new(def))).unwrap();
    txn.edit_catalog(CatalogEdit::DropTable(world.table)).unwrap();
    txn.commit().unwrap();
    world.database().checkpoint().unwrap();
    world.drop_database();
    world.open().unwrap();
    let then = world.database().snapshot_at(before).unwrap();
    assert_eq!(read_map(&then.view(), world.table), had);
}
