//! Transactions that meet.

use crate::rows;
use crate::world::World;
use base::ErrorKind;
use std::time::Duration;
use storage::InsertMode;

/// Adds one to the row of key 0 until it worked; waits for whoever has it.
fn add_one(world: &storage::Database, table: base::id::TableId) {
    loop {
        let mut txn = world.begin();
        let view = txn.view();
        let (key, (value, text), address) = rows::read(&view, table, None).pop().unwrap();
        let updated = txn.update(table, &[address], &rows::batch(&[(key, (value + 1, text))]));
        match updated.map(|()| {
            let blocked = txn.blocked_by();
            assert_eq!(blocked, None);
        }) {
            Ok(()) => {
                txn.commit().unwrap();
                return;
            }
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::LostRace, "{e}");
                let holder = txn.blocked_by();
                txn.rollback();
                if let Some(holder) = holder {
                    world.wait_for_end(holder, Duration::from_secs(10));
                }
            }
        }
    }
}

#[test]
fn concurrent_committers_on_one_key_lose_nothing() {
    let world = World::new(1);
    let mut txn = world.begin();
    txn.insert(world.table, &rows::batch(&[(0, (0, None))]), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|i| {
            let (database, table) = (world.database().clone(), world.table);
            base::spawn::thread(&format!("adder {i}"), move || {
                for round in 0..25 {
                    add_one(&database, table);
                    if i == 0 && round % 10 == 0 {
                        database.flush().unwrap();
                    }
                }
            })
            .unwrap()
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let rows = rows::read(&world.database().snapshot().view(), world.table, None);
    assert_eq!(rows.iter().map(|(k, (v, _), _)| (*k, *v)).collect::<Vec<_>>(), [(0, 100)]);
    assert_eq!(world.database().locked_keys(), 0);
}

#[test]
fn the_first_committer_wins() {
    lose_to_the_first();
}

pub(crate) fn lose_to_the_first() {
    let world = World::new(1);
    let table = world.table;
    let mut txn = world.begin();
    txn.insert(table, &rows::batch(&[(1, (0, None)), (2, (0, None))]), InsertMode::Error).unwrap();
    txn.commit().unwrap();

    let mut first = world.begin();
    let mut second = world.begin();
    let mut third = world.begin();
    let address = |txn: &storage::Transaction, key| rows::address_of(&txn.view(), table, key).unwrap();
    first.update(table, &[address(&first, 1)], &rows::batch(&[(1, (10, None))])).unwrap();
    let held = second.update(table, &[address(&second, 1)], &rows::batch(&[(1, (20, None))])).unwrap_err();
    assert_eq!((held.kind(), second.blocked_by()), (ErrorKind::LostRace, Some(first.id())));
    assert_eq!(second.commit().unwrap_err().kind(), ErrorKind::FailedTransaction);
    let before = address(&third, 1);
    first.commit().unwrap();
    world.database().flush().unwrap();
    let lost = third.update(table, &[before], &rows::batch(&[(1, (30, None))])).unwrap_err();
    assert_eq!((lost.kind(), third.blocked_by()), (ErrorKind::LostRace, None));
    drop(third);

    // A snapshot from before a flush still finds its rows where they are now.
    let mut late = world.begin();
    let address_2 = address(&late, 2);
    world.database().flush().unwrap();
    late.update(table, &[address_2], &rows::batch(&[(2, (40, None))])).unwrap();
    late.commit().unwrap();
    let rows = rows::read(&world.database().snapshot().view(), table, None);
    assert_eq!(rows.iter().map(|(k, (v, _), _)| (*k, *v)).collect::<Vec<_>>(), [(1, 10), (2, 40)]);
}
