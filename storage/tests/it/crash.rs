//! Power cuts and kills at any call to the disk, also while recovering.

use crate::world::{Outcome, World};
use base::fs::{Fault, SimulatedFileSystem};
use base::random::Random;

/// Runs until the disk halts, then loses power (or only the process) and recovers; what was acknowledged is there,
/// what was not known may be.
pub(crate) fn run(seed: u64) {
    println!("SEED={seed}");
    let faults = Random::from_seed(seed ^ 0x5eed);
    let mut world = World::new(seed);
    for round in 0..4 {
        world.disk.fail_call(1 + faults.below(120), None, Fault::Halt);
        let unknown = loop {
            match world.step() {
                Outcome::Done => {}
                Outcome::Unknown(model) => break Some(model),
                Outcome::Failed => break None,
            }
        };
        world.drop_database();
        stop(&world.disk, &faults);
        recover(&mut world, &faults);
        let found = crate::rows::read_map(&world.database().snapshot().view(), world.table);
        if found != world.model {
            assert_eq!(
                Some(&found),
                unknown.as_ref(),
                "round {round}: neither the acknowledged nor the unknown state"
            );
        }
        world.recovered(found);
        world.verify();
        let first = world.fingerprint();
        world.drop_database();
        world.disk.power_cut(faults.next_u64());
        world.open().unwrap();
        assert_eq!(world.fingerprint(), first, "round {round}: recovered twice");
    }
}

fn stop(disk: &SimulatedFileSystem, faults: &Random) {
    if faults.below(3) == 0 {
        disk.process_kill();
    } else {
        disk.power_cut(faults.next_u64());
    }
}

/// Opens, dying on the way now and then.
fn recover(world: &mut World, faults: &Random) {
    for _ in 0..faults.below(3) {
        world.disk.fail_call(1 + faults.below(40), None, Fault::Halt);
        let opened = world.open();
        world.drop_database();
        drop(opened);
        stop(&world.disk, faults);
    }
    world.disk.clear_faults();
    world.open().unwrap();
}

#[test]
fn acknowledged_commits_survive() {
    for seed in crate::world::seeds(8) {
        run(seed);
    }
}
