//! Columns that are unique beside the key: an index says at every time what its table's rows say.

use crate::rows::{self, V, Value, batch};
use crate::world::World;
use base::ErrorKind;
use base::id::{Oid, TableId};
use base::random::Random;
use catalog::{CatalogEdit, UniqueDef};
use std::collections::BTreeMap;
use storage::{InsertMode, ScanSpec, Transaction, Upsert};

/// A table whose `v` is unique.
fn create(world: &World, name: &str, key: bool) -> TableId {
    let mut txn = world.begin();
    let mut def = rows::table(txn.catalog(), name, key, 3);
    let id = def.id;
    let (index, oid) = (TableId(def.last_id() + 1), Oid(def.last_oid().0 + 1));
    let name = format!("{name}_v_key");
    def.unique.push(UniqueDef { index, oid, name, columns: vec![V], constraint: true });
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def))).unwrap();
    txn.commit().unwrap();
    id
}

fn row(k: i32, v: i64) -> (i32, Value) {
    (k, (v, None))
}

/// Entries and rows of the newest state tell of the same values.
fn verify(world: &World, table: TableId) {
    let view = world.begin().view();
    let mut of_rows: Vec<i64> = rows::read(&view, table, None).iter().map(|(_, (v, _), _)| *v).collect();
    of_rows.sort_unstable();
    let index = view.catalog().table(table).unwrap().unique[0].index;
    let mut of_entries: Vec<i64> = entries(&view, index);
    of_entries.sort_unstable();
    assert_eq!(of_entries, of_rows);
    of_rows.dedup();
    assert_eq!(of_entries, of_rows);
}

fn entries(view: &storage::ReadView, index: TableId) -> Vec<i64> {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use futures::StreamExt;
    let spec =
        ScanSpec { table: index, projection: vec![V], predicate: None, sieve: None, row_address: false };
    let mut found = Vec::new();
    for split in view.scan(&spec).unwrap().splits {
        let mut batches = split.stream();
        while let Some(batch) = futures::executor::block_on(batches.next()) {
            found.extend_from_slice(batch.unwrap().column(0).as_primitive::<Int64Type>().values());
        }
    }
    found
}

fn address(txn: &Transaction, table: TableId, k: i32) -> Option<u64> {
    rows::read(&txn.view(), table, None).into_iter().find(|(found, ..)| *found == k).map(|(.., at)| at)
}

/// Writes of one kind each, within transactions that end or not, flushes and restarts between them.
#[test]
fn entries_follow_rows_through_everything() {
    for seed in 1..=12 {
        let mut world = World::new(seed);
        let table = create(&world, "u", seed % 2 == 0);
        let random = Random::from_seed(seed);
        let mut model: BTreeMap<i32, i64> = BTreeMap::new();
        for _ in 0..60 {
            let mut after = model.clone();
            let mut txn = world.begin();
            let mut fails = false;
            for _ in 0..=random.below(3) {
                txn.begin_command();
                let (k, v) = (random.below(8) as i32, random.below(10) as i64);
                let taken = after.iter().any(|(other, held)| *held == v && *other != k);
                let (expected, got) = match random.below(4) {
                    0 if !after.contains_key(&k) => {
                        (!taken, txn.insert(table, &batch(&[row(k, v)]), InsertMode::Error).map(drop))
                    }
                    1 if seed % 2 == 0 => {
                        (!taken, txn.upsert(table, &batch(&[row(k, v)]), Upsert::Replace).map(drop))
                    }
                    2 if after.contains_key(&k) => {
                        let at = address(&txn, table, k).unwrap();
                        (!taken, txn.update(table, &[at], &batch(&[row(k, v)])))
                    }
                    3 => {
                        let gone: Vec<u64> = address(&txn, table, k).into_iter().collect();
                        txn.delete(table, &gone).unwrap();
                        after.remove(&k);
                        continue;
                    }
                    _ => continue,
                };
                assert_eq!(got.is_ok(), expected, "seed {seed}: {k} {v} {got:?}");
                if let Err(error) = got {
                    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
                    assert_eq!(error.detail(), Some(format!("Key (v)=({v}) already exists.").as_str()));
                    fails = true;
                    break;
                }
                after.insert(k, v);
            }
            if !fails && random.below(5) > 0 {
                txn.commit().unwrap();
                model = after;
            } else {
                drop(txn);
            }
            match random.below(8) {
                0 => world.database().flush().unwrap(),
                1 => {
                    world.drop_database();
                    world.open().unwrap();
                }
                _ => {}
            }
            verify(&world, table);
        }
        let found = rows::read(&world.begin().view(), table, None);
        let found: BTreeMap<i32, i64> = found.into_iter().map(|(k, (v, _), _)| (k, v)).collect();
        assert_eq!(found, model, "seed {seed}");
    }
}

/// Two transactions that want the same value: the second one waits for the first, or fails once it has committed.
#[test]
fn of_two_transactions_one_gets_the_value() {
    let world = World::new(1);
    let table = create(&world, "u", true);
    let (mut first, mut second) = (world.begin(), world.begin());
    first.insert(table, &batch(&[row(1, 7)]), InsertMode::Error).unwrap();
    let lost = second.insert(table, &batch(&[row(2, 7)]), InsertMode::Error).unwrap_err();
    assert_eq!((lost.kind(), second.blocked_by()), (ErrorKind::LostRace, Some(first.id())));
    drop(second);
    let mut second = world.begin();
    first.commit().unwrap();
    let refused = second.insert(table, &batch(&[row(2, 7)]), InsertMode::Error).unwrap_err();
    assert_eq!(refused.message(), "duplicate key value violates unique constraint \"u_v_key\"");
    drop(second);
    verify(&world, table);
}

/// Conflicts are reported of what was asked for, in the order of rows: a refused row is in nobody's way.
#[test]
fn conflicts_are_reported_row_by_row() {
    let world = World::new(1);
    let table = create(&world, "u", true);
    let mut txn = world.begin();
    txn.insert(table, &batch(&[row(1, 1)]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    let mut txn = world.begin();
    // The second row meets the value of the first one's entry, so that the third one has its key for itself.
    let rows = batch(&[row(2, 1), row(2, 2), row(3, 2), row(4, 4)]);
    let outcome = txn.insert(table, &rows, InsertMode::Report).unwrap();
    let refused: Vec<usize> = outcome.conflicts.iter().map(|conflict| conflict.row).collect();
    assert_eq!((outcome.inserted, refused), (2, vec![0, 2]));
    txn.commit().unwrap();
    verify(&world, table);
    let of_key = world.begin().insert(table, &batch(&[row(9, 1)]), InsertMode::ReportOf(table));
    assert_eq!(of_key.unwrap_err().kind(), ErrorKind::UniqueViolation);
}

/// What is done to a whole table is done to its indexes.
#[test]
fn indexes_go_and_come_with_their_table() {
    let world = World::new(1);
    let table = create(&world, "u", true);
    let mut txn = world.begin();
    txn.insert(table, &batch(&[row(1, 1), row(2, 2)]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    let mut txn = world.begin();
    txn.truncate(table).unwrap();
    txn.begin_command();
    txn.insert(table, &batch(&[row(3, 1)]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    verify(&world, table);
    let def = world.begin().catalog().table(table).unwrap().as_ref().clone();
    let mut txn = world.begin();
    txn.edit_catalog(CatalogEdit::DropTable(table)).unwrap();
    assert!(txn.catalog().table(def.unique[0].index).is_none());
    txn.commit().unwrap();
    assert!(world.database().dropped_table(def.schema, "u_v_key").is_none());
    let mut txn = world.begin();
    txn.undrop_table(&def).unwrap();
    txn.commit().unwrap();
    verify(&world, table);
    let again = world.begin().insert(table, &batch(&[row(9, 1)]), InsertMode::Error).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::UniqueViolation);
    // A name of a column is that of its index too; without the constraint there is no index.
    let mut named = def.clone();
    named.columns.iter_mut().filter(|column| column.id == V).for_each(|column| column.name = "w".to_owned());
    let mut txn = world.begin();
    txn.edit_catalog(CatalogEdit::AlterTable(Box::new(named.clone()))).unwrap();
    txn.commit().unwrap();
    let again = world.begin().insert(table, &batch(&[row(9, 1)]), InsertMode::Error).unwrap_err();
    assert_eq!(again.detail(), Some("Key (w)=(1) already exists."));
    named.unique.clear();
    let mut txn = world.begin();
    txn.edit_catalog(CatalogEdit::AlterTable(Box::new(named))).unwrap();
    txn.begin_command();
    txn.insert(table, &batch(&[row(9, 1)]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    assert!(world.begin().catalog().table(def.unique[0].index).is_none());
}
