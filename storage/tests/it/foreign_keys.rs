//! Foreign keys: what a row refers to stays, whoever comes first; at every commit no row refers to none.

use crate::rows::{self, K, V, batch};
use crate::world::World;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::Int32Type;
use base::id::{Oid, TableId};
use base::random::Random;
use base::{ErrorKind, Result};
use catalog::{CatalogEdit, ForeignKeyAction, ForeignKeyDef, TableDef, UniqueDef};
use std::collections::BTreeSet;
use storage::{InsertMode, Transaction, Upsert};

/// A parent, referred to by its key or by its unique `v`, and a child, with a key or without, whose `v` refers to it.
fn family(world: &World, unique: bool, keyed: bool) -> (TableId, TableId) {
    let mut txn = world.begin();
    let mut parent = rows::table(txn.catalog(), "p", true, 2);
    if unique {
        let (index, oid) = (TableId(parent.last_id() + 1), Oid(parent.last_oid().0 + 1));
        let name = "p_v_key".to_owned();
        parent.unique.push(UniqueDef { index, oid, name, columns: vec![V], constraint: true });
    }
    let id = parent.id;
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(parent))).unwrap();
    let mut child = rows::table(txn.catalog(), "c", keyed, 3);
    let key = key(&child, id, unique);
    child.foreign_keys.push(key);
    let child_id = child.id;
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(child))).unwrap();
    txn.commit().unwrap();
    (id, child_id)
}

fn key(child: &TableDef, parent: TableId, unique: bool) -> ForeignKeyDef {
    ForeignKeyDef {
        oid: Oid(child.last_oid().0 + 1),
        name: "c_v_fkey".to_owned(),
        columns: vec![V],
        table: parent,
        referenced: vec![if unique { V } else { K }],
        on_delete: ForeignKeyAction::NoAction,
        on_update: ForeignKeyAction::NoAction,
        set_columns: Vec::new(),
        full: false,
    }
}

/// Ends a statement as a session does it, where nothing is done about rows that refer to what went: whether none does.
fn settle(txn: &mut Transaction, child: TableId) -> Result<bool> {
    let mut refers = false;
    for left in txn.take_left() {
        let there = txn.has_keys(left.table, &left.columns, &left.old)?;
        let view = txn.newest_view()?;
        let held: BTreeSet<i64> = rows::read(&view, child, None).iter().map(|(_, (v, _), _)| *v).collect();
        for (row, there) in there.iter().enumerate() {
            let value = integer(&left.old[0], row);
            refers |= !there && held.contains(&value);
        }
    }
    txn.settle_references()?;
    Ok(!refers)
}

fn integer(values: &ArrayRef, row: usize) -> i64 {
    match values.as_primitive_opt::<Int32Type>() {
        Some(values) => i64::from(values.value(row)),
        None => values.as_primitive::<arrow::datatypes::Int64Type>().value(row),
    }
}

fn insert(txn: &mut Transaction, table: TableId, k: i32, v: i64) -> Result<()> {
    txn.insert(table, &batch(&[(k, (v, None))]), InsertMode::Error).map(drop)
}

fn delete(txn: &mut Transaction, table: TableId, k: i32) -> Result<()> {
    let at: Vec<u64> = rows::address_of(&txn.view(), table, k).into_iter().collect();
    txn.delete(table, &at).map(drop)
}

fn with_parent(seed: u64, unique: bool) -> (World, TableId, TableId) {
    let world = World::new(seed);
    let (parent, child) = family(&world, unique, true);
    let mut txn = world.begin();
    insert(&mut txn, parent, 1, 1).unwrap();
    insert(&mut txn, parent, 2, 2).unwrap();
    txn.commit().unwrap();
    (world, parent, child)
}

#[test]
fn a_child_keeps_its_parent_from_going() {
    for unique in [false, true] {
        let (world, parent, child) = with_parent(1, unique);
        let mut inserter = world.begin();
        insert(&mut inserter, child, 10, 1).unwrap();
        assert!(settle(&mut inserter, child).unwrap());
        // Another child of the same parent is not in the way, a deletion of it is.
        let mut other = world.begin();
        insert(&mut other, child, 11, 1).unwrap();
        assert!(settle(&mut other, child).unwrap());
        let mut deleter = world.begin();
        let refused = delete(&mut deleter, parent, 1).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::LostRace);
        assert!(deleter.blocked_by().is_some_and(|by| by == inserter.id() || by == other.id()));
        drop(deleter);
        other.commit().unwrap();
        inserter.commit().unwrap();
        // A snapshot from before does not hide the child.
        let mut deleter = world.begin();
        delete(&mut deleter, parent, 1).unwrap();
        assert!(!settle(&mut deleter, child).unwrap());
        drop(deleter);
        assert_eq!(world.database().locked_keys(), 0);
    }
}

#[test]
fn an_older_snapshot_sees_a_child_that_came_later() {
    let (world, parent, child) = with_parent(2, false);
    let mut deleter = world.begin();
    let mut inserter = world.begin();
    insert(&mut inserter, child, 10, 1).unwrap();
    assert!(settle(&mut inserter, child).unwrap());
    inserter.commit().unwrap();
    // Its own snapshot has no child.
    assert!(rows::read(&deleter.view(), child, None).is_empty());
    delete(&mut deleter, parent, 1).unwrap();
    assert!(!settle(&mut deleter, child).unwrap());
}

#[test]
fn a_parent_that_goes_keeps_children_out() {
    for unique in [false, true] {
        let (world, parent, child) = with_parent(3, unique);
        let mut inserter = world.begin();
        let mut deleter = world.begin();
        delete(&mut deleter, parent, 1).unwrap();
        assert!(settle(&mut deleter, child).unwrap());
        let refused = insert(&mut inserter, child, 10, 1).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::LostRace);
        assert_eq!(inserter.blocked_by(), Some(deleter.id()));
        drop(inserter);
        // Under a snapshot from before the deletion, too.
        let mut later = world.begin();
        deleter.commit().unwrap();
        insert(&mut later, child, 10, 1).unwrap();
        let missing = settle(&mut later, child).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::ForeignKeyViolation);
        assert_eq!(missing.detail(), Some("Key (v)=(1) is not present in table \"p\"."));
        drop(later);
        assert_eq!(world.database().locked_keys(), 0);
    }
}

#[test]
fn nothing_is_committed_before_it_was_looked_at() {
    let (world, parent, child) = with_parent(4, false);
    let mut txn = world.begin();
    delete(&mut txn, parent, 1).unwrap();
    assert!(txn.is_unsettled());
    assert_eq!(txn.commit().unwrap_err().kind(), ErrorKind::Internal);
    let mut txn = world.begin();
    insert(&mut txn, child, 1, 9).unwrap();
    assert_eq!(txn.commit().unwrap_err().kind(), ErrorKind::Internal);
}

/// Whoever knew a table before something referred to it writes to it no more.
#[test]
fn a_writer_from_before_a_foreign_key_loses() {
    let world = World::new(5);
    let mut txn = world.begin();
    let parent = rows::table(txn.catalog(), "p", true, 2);
    let id = parent.id;
    txn.edit_catalog(CatalogEdit::CreateTable(Box::new(parent))).unwrap();
    insert(&mut txn, id, 1, 1).unwrap();
    txn.commit().unwrap();
    let mut before = world.begin();
    let mut txn = world.begin();
    let mut child = rows::table(txn.catalog(), "c", true, 3);
    let key = key(&child, id, false);
    child.foreign_keys.push(key);
    let edit = CatalogEdit::CreateTable(Box::new(child.clone()));
    // Nor does the key come while somebody writes.
    let mut writer = world.begin();
    insert(&mut writer, id, 2, 2).unwrap();
    assert_eq!(txn.edit_catalog(edit.clone()).unwrap_err().kind(), ErrorKind::LostRace);
    drop(txn);
    writer.commit().unwrap();
    let mut txn = world.begin();
    txn.edit_catalog(edit).unwrap();
    insert(&mut txn, child.id, 1, 1).unwrap();
    txn.settle_references().unwrap();
    txn.commit().unwrap();
    assert_eq!(delete(&mut before, id, 1).unwrap_err().kind(), ErrorKind::LostRace);
}

/// More keys than are locked one by one: the table of the parents is locked, against its writers alone.
#[test]
fn many_children_keep_the_table_of_their_parents() {
    let world = World::with(6, storage::StorageSettings { background: false, ..Default::default() });
    let (parent, child) = family(&world, false, false);
    let all: Vec<(i32, rows::Value)> = (0..100_500).map(|k| (k, (i64::from(k), None))).collect();
    let mut txn = world.begin();
    txn.insert(parent, &batch(&all), InsertMode::Error).unwrap();
    txn.commit().unwrap();
    let mut many = world.begin();
    many.insert(child, &batch(&all), InsertMode::Error).unwrap();
    assert!(settle(&mut many, child).unwrap());
    let mut one = world.begin();
    insert(&mut one, child, 200_000, 5).unwrap();
    assert!(settle(&mut one, child).unwrap());
    let mut writer = world.begin();
    assert_eq!(insert(&mut writer, parent, 200_000, 5).unwrap_err().kind(), ErrorKind::LostRace);
    drop((one, writer));
    many.commit().unwrap();
    assert_eq!(world.database().locked_keys(), 0);
}

/// Sessions that write to parents and children in turn, statement by statement, under both isolation levels.
#[test]
fn no_commit_leaves_a_child_without_parent() {
    let mut outcomes = [0; 3];
    for seed in 1..=12 {
        let mut world = World::new(seed);
        let (parent, child) = family(&world, seed % 2 == 0, true);
        let random = Random::from_seed(seed);
        let mut sessions: Vec<Option<Transaction>> = vec![None, None, None];
        for _ in 0..80 {
            let place = random.below(3) as usize;
            let mut txn = match sessions[place].take() {
                Some(mut txn) => {
                    if place > 0 {
                        txn.refresh();
                    }
                    txn.begin_command();
                    txn
                }
                None => world.begin(),
            };
            let (k, v) = (random.below(6) as i32, random.below(6) as i64);
            let new = batch(&[(k, (v, None))]);
            let table = if random.below(2) == 0 { parent } else { child };
            let outcome = match random.below(5) {
                0 | 1 => txn.upsert(table, &new, Upsert::Replace).map(drop),
                2 => txn.insert(table, &new, InsertMode::Error).map(drop),
                3 => match rows::address_of(&txn.view(), table, k) {
                    Some(at) => txn.update(table, &[at], &batch(&[(v as i32, (v, None))])),
                    None => Ok(()),
                },
                _ => delete(&mut txn, table, k),
            };
            match outcome.and_then(|()| settle(&mut txn, child)) {
                Ok(true) if random.below(2) == 0 => {
                    let committed = txn.commit().map(drop).map_err(|e| e.kind());
                    assert!(matches!(committed, Ok(()) | Err(ErrorKind::LostRace)), "{committed:?}");
                    outcomes[0] += 1;
                }
                Ok(true) => sessions[place] = Some(txn),
                Ok(false) => {
                    drop(txn);
                    outcomes[1] += 1;
                }
                Err(error) => {
                    drop(txn);
                    let known = [
                        ErrorKind::LostRace,
                        ErrorKind::UniqueViolation,
                        ErrorKind::ForeignKeyViolation,
                        ErrorKind::Cardinality,
                    ];
                    assert!(known.contains(&error.kind()), "seed {seed}: {error:?}");
                    outcomes[2] += usize::from(error.kind() == ErrorKind::ForeignKeyViolation);
                }
            }
            if random.below(10) == 0 {
                world.database().flush().unwrap();
            }
            if random.below(25) == 0 {
                sessions.iter_mut().for_each(|session| *session = None);
                assert_eq!(world.database().locked_keys(), 0, "seed {seed}");
                world.drop_database();
                world.open().unwrap();
            }
            verify(&world, parent, child, seed % 2 == 0, seed);
        }
    }
    assert!(outcomes.iter().all(|count| *count > 20), "{outcomes:?}");
}

fn verify(world: &World, parent: TableId, child: TableId, unique: bool, seed: u64) {
    let view = world.begin().view();
    let parents = rows::read(&view, parent, None).into_iter();
    let parents: BTreeSet<i64> =
        parents.map(|(k, (v, _), _)| if unique { v } else { i64::from(k) }).collect();
    for (k, (v, _), _) in rows::read(&view, child, None) {
        assert!(parents.contains(&v), "seed {seed}: child {k} refers to {v}, there is {parents:?}");
    }
}
