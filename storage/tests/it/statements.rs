//! What single writes and reads answer: errors in PostgreSQL's words, pruning, tables without key, large loads.

use crate::rows::{self, K, V, Value, batch};
use crate::world::World;
use base::ErrorKind;
use base::id::{TableId, TabletId};
use catalog::{CatalogEdit, Partitioning, RangeLevel, RangePartition, TabletDef};
use std::sync::atomic::Ordering;
use storage::{Changed, CompareOp, InsertMode, Met, Predicate, ScanSpec, StorageSettings, Upsert};
use types::Datum;

fn create(world: &World, name: &str, key: bool) -> TableId {
    let mut txn = world.begin();
    let def = rows::table(txn.catalog(), name, key, 3);
    let id = def.id;
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def))).unwrap();
    txn.insert(id, &batch(&[(1, (1, None))]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    id
}

#[test]
fn duplicates_are_named_wherever_the_first_one_is() {
    let world = World::new(1);
    let table = world.table;
    let mut txn = world.begin();
    let twice = txn.insert(table, &batch(&[(7, (1, None)), (7, (2, None))]), InsertMode::Error).unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::UniqueViolation);
    assert_eq!(twice.message(), "duplicate key value violates unique constraint \"t_pkey\"");
    assert_eq!(twice.detail(), Some("Key (k)=(7) already exists."));
    drop(txn);

    let mut txn = world.begin();
    txn.insert(table, &batch(&[(7, (1, None))]), InsertMode::Error).unwrap();
    let own = txn.insert(table, &batch(&[(7, (1, None)), (8, (1, None))]), InsertMode::Report).unwrap();
    assert_eq!((own.inserted, own.conflicts.len(), own.conflicts[0].existing), (1, 1, None));
    txn.commit().unwrap();
    for flushed in [false, true] {
        if flushed {
            world.database().flush().unwrap();
        }
        let mut txn = world.begin();
        let error = txn.insert(table, &batch(&[(8, (1, None))]), InsertMode::Error).unwrap_err();
        assert_eq!(error.detail(), Some("Key (k)=(8) already exists."), "flushed: {flushed}");
    }
}

#[test]
fn an_upsert_changes_a_row_once_per_command() {
    let world = World::new(1);
    let table = world.table;
    let mut txn = world.begin();
    txn.insert(table, &batch(&[(1, (1, None)), (2, (1, None))]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    for flushed in [false, true] {
        let again = [(2, (2, None)), (3, (2, None)), (2, (3, None))];
        let refused = world.begin().upsert(table, &batch(&again), Upsert::Replace).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Cardinality);
        let mut txn = world.begin();
        let done = txn.upsert(table, &batch(&again[..2]), Upsert::Replace).unwrap();
        let new = u64::from(!flushed);
        assert_eq!((done.inserted, done.changed), (new, 2 - new));
        txn.begin_command();
        let later = txn.upsert(table, &batch(&[(3, (5, None))]), Upsert::Replace).unwrap();
        assert_eq!((later.inserted, later.changed), (0, 1));
        txn.commit().unwrap();
        let expected = [(1, (1, None)), (2, (2, None)), (3, (5, None))];
        assert_eq!(rows::read_map(&world.database().snapshot().view(), table), expected.into());
        let mut txn = world.begin();
        txn.upsert(table, &batch(&[(3, (6, None))]), Upsert::Replace).unwrap();
        let own = txn.upsert(table, &batch(&[(3, (7, None))]), Upsert::Replace).unwrap_err();
        assert_eq!(own.kind(), ErrorKind::Cardinality);
        drop(txn);
        world.database().flush().unwrap();
    }
}

/// A key may stand twice among proposed rows as long as what comes first changes nothing; a new key may not.
#[test]
fn what_changes_nothing_does_not_count_as_the_first_time() {
    let world = World::new(2);
    let table = world.table;
    let mut txn = world.begin();
    txn.insert(table, &batch(&[(1, (1, Some("old".to_owned()))), (2, (1, None))]), InsertMode::Error)
        .unwrap();
    txn.commit().unwrap();
    let upsert = |given: &[(i32, Value)], flags: &[bool]| {
        let mut txn = world.begin();
        let mut decide = |met: Met<'_>| {
            assert_eq!((met.existing.len(), met.existing[0].len()), (2, met.proposed.len()));
            let chosen: Vec<_> = met.proposed.iter().zip(flags).filter(|(_, f)| **f).collect();
            let rows: Vec<_> = chosen.iter().map(|(row, _)| given[**row].clone()).collect();
            Ok(Changed { flags: flags.to_vec(), rows: batch(&rows) })
        };
        let upsert = Upsert::Decide { columns: &[rows::S, rows::V], decide: &mut decide };
        let done = txn.upsert(table, &batch(given), upsert);
        done.map(|done| {
            txn.commit().unwrap();
            (done.inserted, done.changed, done.rows.num_rows())
        })
        .map_err(|e| e.kind())
    };
    let twice = [(1, (2, None)), (9, (9, None)), (1, (3, None))];
    assert_eq!(upsert(&twice, &[true, true]), Err(ErrorKind::Cardinality));
    assert_eq!(upsert(&twice, &[true, false]), Err(ErrorKind::Cardinality));
    assert_eq!(upsert(&twice, &[false, false]), Ok((1, 0, 1)));
    world.database().flush().unwrap();
    assert_eq!(upsert(&twice[..1], &[false]), Ok((0, 0, 0)));
    let mixed = [(8, (8, None)), (1, (2, None)), (2, (7, None)), (1, (3, None))];
    assert_eq!(upsert(&mixed, &[false, true, true]), Ok((1, 2, 3)));
    assert_eq!(upsert(&[(5, (1, None)), (5, (2, None))], &[]), Err(ErrorKind::Cardinality));
    let expected = [(1, (3, None)), (2, (7, None)), (8, (8, None)), (9, (9, None))];
    assert_eq!(rows::read_map(&world.database().snapshot().view(), table), expected.into());
}

#[test]
fn rows_are_changed_once_per_command() {
    let world = World::new(1);
    let mut txn = world.begin();
    txn.insert(world.table, &batch(&[(1, (1, None))]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    let mut txn = world.begin();
    let address = rows::address_of(&txn.view(), world.table, 1).unwrap();
    let twice = txn.update(world.table, &[address, address], &batch(&[(1, (2, None)), (1, (3, None))]));
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Cardinality);
    drop(txn);
    let mut txn = world.begin();
    assert_eq!(txn.delete(world.table, &[address, address]).unwrap(), 1);
    assert_eq!(txn.delete(world.table, &[address]).unwrap(), 0);
    txn.insert(world.table, &batch(&[(1, (5, None))]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    assert_eq!(rows::read_map(&world.database().snapshot().view(), world.table)[&1], (5, None));
}

#[test]
fn a_table_without_key_takes_equal_rows() {
    let mut world = World::new(1);
    let table = create(&world, "bag", false);
    let mut txn = world.begin();
    txn.insert(table, &batch(&[(1, (1, None)), (1, (1, None)), (2, (2, None))]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    world.database().flush().unwrap();
    let mut txn = world.begin();
    let seen = rows::read(&txn.view(), table, None);
    assert_eq!(seen.len(), 4);
    txn.update(table, &[seen[0].2], &batch(&[(9, (9, None))])).unwrap();
    txn.delete(table, &[seen[3].2]).unwrap();
    let fetched = txn.fetch(table, &[seen[1].2, seen[0].2]).unwrap();
    assert_eq!((fetched.num_rows(), fetched.num_columns()), (2, 3));
    txn.commit().unwrap();
    let keys = |world: &World| -> Vec<i32> {
        rows::read(&world.database().snapshot().view(), table, None).into_iter().map(|(k, _, _)| k).collect()
    };
    assert_eq!(keys(&world), [1, 1, 9]);
    world.drop_database();
    world.open().unwrap();
    assert_eq!(keys(&world), [1, 1, 9]);
}

#[test]
fn a_dropped_table_is_gone_with_its_files() {
    let mut world = World::with(1, StorageSettings { history_retention_us: 0, ..World::settings(1) });
    let table = create(&world, "u", true);
    world.database().flush().unwrap();
    let files =
        |world: &World| base::fs::FileSystem::list(world.disk.process().as_ref(), "segment").unwrap().len();
    assert_eq!(files(&world), 1);
    let old = world.database().snapshot();
    let mut txn = world.begin();
    txn.edit_catalog(CatalogEdit::DropTable(table)).unwrap();
    txn.commit().unwrap();
    assert_eq!(rows::read_map(&old.view(), table).len(), 1);
    assert!(
        world
            .database()
            .snapshot()
            .view()
            .scan(&ScanSpec { table, projection: vec![K], predicate: None, sieve: None, row_address: false })
            .is_err()
    );
    // A reader has them, and as long as it does nothing can be collected.
    world.database().collect().unwrap();
    assert_eq!(files(&world), 1);
    drop(old);
    world.database().collect().unwrap();
    assert_eq!(files(&world), 0);
    assert!(world.database().tablets().unwrap().iter().all(|t| t.table != table));
    world.drop_database();
    world.open().unwrap();
    assert!(world.database().snapshot().catalog().table(table).is_none());
}

#[test]
fn scans_read_only_what_the_predicate_can_meet() {
    let world = World::new(1);
    let table = create(&world, "p", true);
    let rows: Vec<_> = (10..200).map(|k| (k, (i64::from(k), None))).collect();
    let mut txn = world.begin();
    txn.insert(table, &batch(&rows), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    for flushed in [false, true] {
        if flushed {
            world.database().flush().unwrap();
        }
        let view = world.database().snapshot().view();
        let key = Predicate::Compare { column: K, op: CompareOp::Equal, value: Datum::Int32(42) };
        let spec = ScanSpec {
            table,
            projection: vec![V],
            predicate: Some(key.clone()),
            sieve: None,
            row_address: false,
        };
        let scan = view.scan(&spec).unwrap();
        assert_eq!(scan.metrics.tablets_pruned.load(Ordering::Relaxed), 2);
        assert_eq!(rows::read(&view, table, Some(key)).len(), 1);
        let above = Predicate::Compare { column: V, op: CompareOp::Greater, value: Datum::Int64(500) };
        assert_eq!(rows::read(&view, table, Some(above.clone())), []);
        let spec = ScanSpec {
            table,
            projection: Vec::new(),
            predicate: Some(above),
            sieve: None,
            row_address: false,
        };
        let metrics = view.scan(&spec).unwrap().metrics;
        let (total, pruned) =
            (metrics.segments_total.load(Ordering::Relaxed), metrics.segments_pruned.load(Ordering::Relaxed));
        assert_eq!(total, pruned);
        assert_eq!(total > 0, flushed);
        assert_eq!(view.row_count(table).unwrap(), 191);
    }
}

#[test]
fn nulls_and_readers_of_a_long_load_are_refused_or_kept_apart() {
    let world = World::new(3);
    let table = world.table;
    let before = world.database().snapshot();
    let mut txn = world.begin();
    // Seed 3 stages after each batch.
    for start in 0..4 {
        let rows: Vec<_> = (0..10).map(|i| (start + 4 * i, (1, None))).collect();
        txn.insert(table, &batch(&rows), InsertMode::Error).unwrap();
    }
    assert_eq!(rows::read(&txn.view(), table, None).len(), 0);
    txn.begin_command();
    assert_eq!(rows::read(&txn.view(), table, None).len(), 40);
    let address = rows::address_of(&txn.view(), table, 17).unwrap();
    txn.delete(table, &[address]).unwrap();
    let again = txn.insert(table, &batch(&[(17, (2, None)), (18, (2, None))]), InsertMode::Report).unwrap();
    assert_eq!((again.inserted, again.conflicts.len()), (1, 1));
    txn.commit().unwrap();
    assert_eq!(rows::read_map(&before.view(), table).len(), 0);
    let now = rows::read_map(&world.database().snapshot().view(), table);
    assert_eq!((now.len(), now[&17].0, now[&18].0), (40, 2, 1));

    let mut txn = world.begin();
    txn.insert(table, &batch(&[(100, (1, None))]), InsertMode::Error).unwrap();
    let duplicate = txn.insert(table, &batch(&[(100, (1, None))]), InsertMode::Error).unwrap_err();
    assert_eq!(duplicate.kind(), ErrorKind::UniqueViolation);
    let files = || base::fs::FileSystem::list(world.disk.process().as_ref(), "segment").unwrap().len();
    let with_staged = files();
    txn.rollback();
    assert!(files() < with_staged, "an abort removes its runs");
}

#[test]
fn rows_outside_every_range_and_nulls_are_refused_in_postgresqls_words() {
    let world = World::new(1);
    let mut txn = world.begin();
    let mut def = rows::table(txn.catalog(), "r", true, 1);
    let partition = |name: &str, lower: i32, upper: i32| RangePartition {
        name: name.to_owned(),
        lower: vec![Datum::Int32(lower)],
        upper: vec![Datum::Int32(upper)],
    };
    def.partitioning = Partitioning {
        hash: Vec::new(),
        range: Some(RangeLevel {
            columns: vec![K],
            partitions: vec![partition("a", 0, 10), partition("b", 20, 30)],
        }),
    };
    let first = def.tablets[0].id.0;
    def.tablets = (0..2)
        .map(|i| TabletDef { id: TabletId(first + u64::from(i)), buckets: Vec::new(), range: Some(i) })
        .collect();
    let table = def.id;
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def))).unwrap();
    txn.insert(table, &batch(&[(0, (1, None)), (9, (1, None)), (20, (1, None))]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    for outside in [-1, 10, 19, 30] {
        let mut txn = world.begin();
        let error = txn
            .insert(table, &batch(&[(5, (1, None)), (outside, (1, None))]), InsertMode::Error)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CheckViolation);
        assert_eq!(error.message(), "no partition of relation \"r\" found for row");
        let detail = format!("Partition key of the failing row contains (k) = ({outside}).");
        assert_eq!(error.detail(), Some(detail.as_str()));
    }
    let view = world.database().snapshot().view();
    for (op, value, pruned) in
        [(CompareOp::GreaterOrEqual, 10, 1), (CompareOp::Less, 20, 1), (CompareOp::Greater, 8, 0)]
    {
        let predicate = Predicate::Compare { column: K, op, value: Datum::Int32(value) };
        let spec = ScanSpec {
            table,
            projection: vec![K],
            predicate: Some(predicate),
            sieve: None,
            row_address: false,
        };
        assert_eq!(
            view.scan(&spec).unwrap().metrics.tablets_pruned.load(Ordering::Relaxed),
            pruned,
            "{op:?} {value}"
        );
    }
    let nulls = arrow::array::Int64Array::from(vec![None]);
    let good = batch(&[(5, (1, None))]);
    let columns = vec![good.column(0).clone(), std::sync::Arc::new(nulls), good.column(2).clone()];
    let rows = arrow::record_batch::RecordBatch::try_new(good.schema(), columns).unwrap();
    let error = world.begin().insert(table, &rows, InsertMode::Error).unwrap_err();
    assert_eq!(error.message(), "null value in column \"v\" of relation \"r\" violates not-null constraint");
    assert_eq!(error.detail(), Some("Failing row contains (5, null, null)."));
}
