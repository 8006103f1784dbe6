//! Every call to the disk fails once: the command says so, nothing acknowledged is lost, a restart heals.

use crate::rows::{self, Model};
use crate::world::World;
use base::fs::{CallKind, Fault};
use base::{ErrorKind, Result};
use storage::InsertMode;

/// A small script; what it acknowledged goes to `done`.
fn script(world: &World, done: &mut Model, maybe: &mut Model) -> Result<()> {
    for key in 0..3 {
        let row = (key, (i64::from(key), Some("x".to_owned())));
        let mut txn = world.begin();
        txn.insert(world.table, &rows::batch(std::slice::from_ref(&row)), InsertMode::Error)?;
        maybe.insert(row.0, row.1.clone());
        txn.commit()?;
        done.insert(row.0, row.1);
        if key == 1 {
            world.database().flush()?;
            world.database().checkpoint()?;
        }
    }
    Ok(())
}

fn sweep(kind: Option<CallKind>, fault: Fault, step: usize) {
    for n in (1..).step_by(step) {
        let mut world = World::new(2);
        let calls = world.disk.calls(kind);
        world.disk.fail_call(n, kind, fault);
        let (mut done, mut maybe) = (Model::new(), Model::new());
        let outcome = script(&world, &mut done, &mut maybe);
        let struck = world.disk.calls(kind) - calls >= n;
        world.disk.clear_faults();
        if let Err(e) = &outcome {
            let told = [ErrorKind::Io, ErrorKind::DiskFull, ErrorKind::CommitUnknown, ErrorKind::Corruption];
            assert!(told.contains(&e.kind()), "call {n}: {e}");
        }
        // Reads go on whatever happened.
        let seen = rows::read_map(&world.database().snapshot().view(), world.table);
        assert_eq!(seen, done, "call {n}");
        world.drop_database();
        world.disk.power_cut(n);
        world.open().unwrap();
        let found = rows::read_map(&world.database().snapshot().view(), world.table);
        assert!(found == done || found == maybe, "call {n}: {found:?} of {done:?} or {maybe:?}");
        if !struck {
            assert!(outcome.is_ok());
            return;
        }
    }
}

#[test]
fn every_failed_sync_is_told() {
    sweep(Some(CallKind::SyncData), Fault::Io, 1);
}

#[test]
fn every_failed_call_is_told() {
    sweep(None, Fault::Io, 3);
}

#[test]
fn a_full_disk_loses_nothing() {
    sweep(Some(CallKind::Preallocate), Fault::NoSpace, 1);
    sweep(Some(CallKind::Write), Fault::NoSpace, 2);
}
