//! Power cuts over the smallest parts: log files of a record or two, segments of one row, every write staged or none, with
//! readers open and a check of the directory after each.

use crate::rows;
use crate::seeds;
use crate::world::{Outcome, World};
use base::fs::Fault;
use base::random::Random;
use storage::{Database, StorageSettings};

fn settings(random: &Random) -> StorageSettings {
    let small = |max| usize::try_from(1 + random.below(max)).unwrap();
    StorageSettings {
        background: false,
        log_file_bytes: 200 << random.below(4),
        batch_rows: small(4),
        transaction_buffer_bytes: if random.below(3) == 0 { 1 } else { 1 << 20 },
        segment_rows_max: small(4),
        segment_cache_bytes: 0,
        history_retention_us: [1 << 60, 40, 0][usize::try_from(random.below(3)).unwrap()],
        ..StorageSettings::default()
    }
}

/// Some rounds of work, each ended by a machine that stops at some call.
pub(crate) fn run(seed: u64) {
    println!("SEED={seed}");
    let random = Random::from_seed(seed ^ 0xc075);
    let mut world = World::with(seed, settings(&random));
    for round in 0..4 {
        world.disk.fail_call(1 + random.below(150), None, Fault::Halt);
        let mut unknown = loop {
            match world.step() {
                Outcome::Done => {}
                Outcome::Unknown(model) => break Some(model),
                Outcome::Failed => break None,
            }
        };
        world.drop_database();
        if random.below(4) == 0 {
            // Seen from the cache first, then perhaps lost: it may not go backwards.
            world.disk.process_kill();
            world.open().unwrap();
            settle(&mut world, unknown.take().as_ref(), round);
            world.drop_database();
            world.disk.power_cut(random.next_u64());
        } else {
            world.disk.power_cut(random.next_u64());
        }
        let problems = Database::check(world.disk.process()).unwrap().problems;
        assert_eq!(problems, Vec::<String>::new(), "round {round}");
        world.open().unwrap();
        settle(&mut world, unknown.as_ref(), round);
        world.verify();
    }
}

/// What is found is what is known, or may be; from now on it is known.
fn settle(world: &mut World, unknown: Option<&rows::Model>, round: u32) {
    let found = rows::read_map(&world.database().snapshot().view(), world.table);
    if found != world.model {
        assert_eq!(Some(&found), unknown, "round {round}: neither the acknowledged nor the unknown state");
    }
    world.recovered(found);
}

#[test]
fn small_parts_survive_power_cuts() {
    for seed in seeds::range(6) {
        run(seed);
    }
}
