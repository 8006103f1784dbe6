//! Values of sequences: none twice, whatever ends the process and whenever; and their place in transactions.

use crate::world::World;
use base::ErrorKind;
use base::fs::Fault;
use base::id::{CounterId, Oid, SchemaId, SequenceId};
use base::random::Random;
use catalog::{CatalogEdit, CatalogState, Position, SequenceDef};
use std::collections::HashSet;
use std::sync::Arc;

fn sequence(catalog: &CatalogState, name: &str) -> SequenceDef {
    let id = catalog.next_id();
    SequenceDef {
        id: SequenceId(id),
        oid: catalog.next_oid(),
        schema: SchemaId(1),
        name: name.to_owned(),
        ty: Oid(20),
        start: 1,
        increment: 1,
        min: 1,
        max: i64::MAX,
        cache: 1,
        cycle: false,
        counter: CounterId(id + 1),
        owner: None,
    }
}

fn created(world: &World, name: &str) -> SequenceDef {
    let mut txn = world.begin();
    let def = sequence(txn.catalog(), name);
    txn.edit_catalog(CatalogEdit::CreateSequence(Box::new(def.clone()), def.first())).unwrap();
    txn.commit().unwrap();
    def
}

/// Takes values until the machine stops, again and again, at every call of the disk sooner or later; checkpoints and
/// other writes come between.
fn none_twice(seed: u64) {
    println!("SEED={seed}");
    let random = Random::from_seed(seed);
    let mut world = World::new(seed);
    let def = created(&world, "s");
    let mut given: HashSet<i64> = HashSet::new();
    for round in 0..12 {
        world.disk.fail_call(1 + random.below(60), None, Fault::Halt);
        for _ in 0..200 {
            let outcome = match random.below(12) {
                0 => world.database().checkpoint(),
                1 => world.database().flush(),
                _ => {
                    let count =
                        usize::try_from([1, 1, 2, 40][usize::try_from(random.below(4)).unwrap()]).unwrap();
                    world.database().next_values(&def, count).map(|values| {
                        for value in values {
                            assert!(given.insert(value), "round {round}: {value} was given out before");
                        }
                    })
                }
            };
            if outcome.is_err() {
                break;
            }
        }
        world.drop_database();
        match random.below(3) {
            0 => world.disk.process_kill(),
            _ => world.disk.power_cut(random.next_u64()),
        }
        world.disk.clear_faults();
        world.open().unwrap();
    }
    // An orderly end loses none.
    let before = world.database().next_values(&def, 1).unwrap();
    world.database().close().unwrap();
    world.drop_database();
    world.open().unwrap();
    assert_eq!(world.database().next_values(&def, 1).unwrap(), [before[0] + 1]);
    assert!(i64::try_from(given.len()).unwrap() <= before[0]);
}

#[test]
fn no_value_comes_twice_whatever_stops_the_machine() {
    for seed in crate::seeds::range(20) {
        none_twice(seed);
    }
}

#[test]
fn a_new_counter_belongs_to_its_transaction() {
    let mut world = World::new(1);
    let mut txn = world.begin();
    let def = sequence(txn.catalog(), "s");
    txn.edit_catalog(CatalogEdit::CreateSequence(Box::new(def.clone()), def.first())).unwrap();
    assert_eq!(world.database().next_values(&def, 3).unwrap(), [1, 2, 3]);
    txn.rollback();
    let gone = world.database().next_values(&def, 1).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::UndefinedTable);

    let mut txn = world.begin();
    txn.edit_catalog(CatalogEdit::CreateSequence(Box::new(def.clone()), def.first())).unwrap();
    assert_eq!(world.database().next_values(&def, 2).unwrap(), [1, 2]);
    txn.commit().unwrap();
    world.drop_database();
    world.disk.power_cut(1);
    world.open().unwrap();
    assert_eq!(world.database().next_values(&def, 1).unwrap(), [3]);

    // Another counter begins with the commit, and is forgotten with a rollback.
    let mut txn = world.begin();
    let again = SequenceDef { counter: CounterId(txn.catalog().next_id()), ..def.clone() };
    let at = Position { value: 100, called: false };
    txn.edit_catalog(CatalogEdit::AlterSequence(Box::new(again.clone()), Some(at))).unwrap();
    assert_eq!(world.database().next_values(&again, 1).unwrap(), [100]);
    txn.rollback();
    assert_eq!(world.database().next_values(&def, 1).unwrap(), [4]);
    let mut txn = world.begin();
    txn.edit_catalog(CatalogEdit::AlterSequence(Box::new(again.clone()), Some(at))).unwrap();
    txn.commit().unwrap();
    world.database().close().unwrap();
    world.drop_database();
    world.open().unwrap();
    let found = Arc::clone(world.database().snapshot().catalog().sequence(def.id).unwrap());
    assert_eq!(*found, again);
    assert_eq!(world.database().next_values(&found, 1).unwrap(), [100]);
}

/// Bounds of ahead: a step that changes makes what was logged ahead worthless.
#[test]
fn another_step_is_logged_anew() {
    let mut world = World::new(1);
    let def = created(&world, "s");
    assert_eq!(world.database().next_values(&def, 1).unwrap(), [1]);
    let mut txn = world.begin();
    let wide = SequenceDef { increment: 1_000, ..def };
    txn.edit_catalog(CatalogEdit::AlterSequence(Box::new(wide.clone()), None)).unwrap();
    txn.commit().unwrap();
    assert_eq!(world.database().next_values(&wide, 2).unwrap(), [1_001, 2_001]);
    world.drop_database();
    world.disk.power_cut(1);
    world.open().unwrap();
    assert!(world.database().next_values(&wide, 1).unwrap()[0] > 2_001);
    world.database().set_position(&wide, Position { value: 7, called: true }).unwrap();
    world.drop_database();
    world.disk.power_cut(2);
    world.open().unwrap();
    assert_eq!(world.database().next_values(&wide, 1).unwrap(), [1_007]);
    assert_eq!(world.database().position(&wide).unwrap(), Position { value: 1_007, called: true });
}
