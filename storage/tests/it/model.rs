//! Random commands against an ordered map, with flushes, checkpoints, restarts and old snapshots.

use crate::world::{Outcome, World};

pub(crate) fn run(seed: u64, steps: u64) {
    println!("SEED={seed}");
    let mut world = World::new(seed);
    for step in 0..steps {
        let outcome = if step % 30 == 17 { world.drop_and_undrop() } else { world.step() };
        assert_eq!(outcome, Outcome::Done, "step {step}");
        world.verify();
        if step % 20 == 19 {
            let before = world.fingerprint();
            world.drop_database();
            world.open().unwrap();
            assert_eq!(world.fingerprint(), before);
            world.verify();
        }
    }
}

#[test]
fn commands_do_what_a_map_does() {
    for seed in crate::world::seeds(6) {
        run(seed, 60);
    }
}

#[test]
fn staged_commands_do_what_a_map_does() {
    run(9, 60);
}
