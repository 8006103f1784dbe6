//! The tests are tested: each planted flaw is found, by the test that docs/tests.md names, within so many seeds.

use crate::planted::{FOUND_BY, Finder};
use crate::{cuts, damage, faults, meetings, model, races};
use base::fs::{CallKind, Fault};
use base::plant::{self, Flaw};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

fn run(finder: Finder, seed: u64) {
    match finder {
        Finder::Model => model::run(seed, 60),
        Finder::Cuts => cuts::run(seed),
        Finder::FailedCalls => faults::sweep_all(None, Fault::Io, 1, 0),
        Finder::FailedSyncs => faults::sweep_all(Some(CallKind::SyncData), Fault::Io, 1, 0),
        Finder::DamagedSegments => damage::run(&["segment"], 24, seed),
        Finder::DamagedLog => damage::run(&["log"], 60, seed),
        Finder::DamagedCheckpoints => damage::run(&["CURRENT", "checkpoint", "delete"], 60, seed),
        Finder::Meetings => meetings::run(2, 0),
        Finder::Races => races::lose_to_the_first(),
        Finder::SharedFile => meetings::clones_share_files(seed),
        Finder::Shuttle => panic!("orders of threads are tried by storage/tests/shuttle"),
    }
}

/// Whether the test fails with the flaw.
fn finds(finder: Finder, flaw: Flaw, seed: u64) -> bool {
    catch_unwind(AssertUnwindSafe(|| plant::with(flaw, || run(finder, seed)))).is_err()
}

/// Every flaw of a finder is found by it.
fn prove(finder: Finder) {
    // What the failing runs print is no news.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let flaws = FOUND_BY.iter().filter(|(_, by)| *by == finder);
    let found: Vec<_> = flaws
        .map(|(flaw, _)| (*flaw, (1..=finder.seeds()).find(|seed| finds(finder, *flaw, *seed))))
        .collect();
    set_hook(hook);
    for (flaw, seed) in &found {
        println!("{flaw:?}: {} {seed:?}", finder.name());
    }
    let missed: Vec<_> = found.iter().filter(|(_, seed)| seed.is_none()).collect();
    assert!(missed.is_empty(), "{}: not found: {missed:?}", finder.name());
    assert!(!found.is_empty());
}

#[test]
fn the_model_finds_its_flaws() {
    prove(Finder::Model);
}

#[test]
fn power_cuts_find_their_flaws() {
    prove(Finder::Cuts);
}

#[test]
fn failed_calls_find_their_flaws() {
    prove(Finder::FailedCalls);
    prove(Finder::FailedSyncs);
}

#[test]
fn damage_finds_its_flaws() {
    prove(Finder::DamagedSegments);
    prove(Finder::DamagedLog);
    prove(Finder::DamagedCheckpoints);
}

#[test]
fn meetings_and_races_find_their_flaws() {
    prove(Finder::Meetings);
    prove(Finder::Races);
    prove(Finder::SharedFile);
}

#[test]
fn every_flaw_has_its_row_in_the_docs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tests.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<String> =
        FOUND_BY.iter().map(|(flaw, by)| format!("| {flaw:?} | {} | {} |", by.name(), by.seeds())).collect();
    let written: Vec<&str> = text.lines().skip_while(|l| !l.starts_with("| flaw |")).skip(2).collect();
    let written: Vec<&str> = written.into_iter().take_while(|l| l.starts_with('|')).collect();
    assert_eq!(written, rows, "docs/tests.md must hold:\n{}", rows.join("\n"));
    for flaw in Flaw::ALL {
        assert_eq!(FOUND_BY.iter().filter(|(f, _)| *f == flaw).count(), 1, "{flaw:?}");
    }
}
