//! Damage to each byte of one small file of every kind: opening and reading everything is a named error or the right
//! answer, `check` finds what reading finds, and what is refused is left as it was.
//!
//! The short form tries a part that the seed chooses, the long one every bit, every length and every page.
//!
//! What no log can tell: whether its last record was ever synced, so that a damaged last record is taken for one that never
//! was. A page of zeroes may hide several last records in the same way, the loss of the whole last file all that it held.

use crate::rows::{self, Model, batch};
use crate::seeds;
use crate::world::{Outcome, World};
use base::random::Random;
use base::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use storage::{CompareOp, Database, InsertMode, Predicate, StorageSettings};
use types::Datum;

const PAGE: usize = 512;

fn files(world: &World) -> Vec<(String, Vec<u8>)> {
    let fs = world.disk.process();
    let mut files = vec!["CURRENT".to_owned()];
    for directory in ["checkpoint", "log", "segment", "delete"] {
        files.extend(fs.list(directory).unwrap().into_iter().map(|name| format!("{directory}/{name}")));
    }
    files.into_iter().map(|path| (path.clone(), world.disk.contents(&path).unwrap())).collect()
}

/// A closed database with some of everything.
struct Exhibit {
    world: World,
    files: Vec<(String, Vec<u8>)>,
    /// What was ever in files of one directory (or in CURRENT).
    siblings: BTreeMap<String, BTreeSet<Vec<u8>>>,
    /// The states after the commits behind the checkpoint, the newest last.
    states: Vec<Model>,
}

fn kind_of(path: &str) -> &str {
    path.split_once('/').map_or(path, |(directory, _)| directory)
}

impl Exhibit {
    /// Segments of live rows and of the past, dead rows in both, memtables in the checkpoint and behind it, some log files.
    fn new() -> Self {
        let settings = StorageSettings {
            background: false,
            log_file_bytes: 1 << 10,
            segment_rows_max: 4,
            segment_cache_bytes: 0,
            ..StorageSettings::default()
        };
        let mut exhibit = Self {
            world: World::with(1, settings),
            files: Vec::new(),
            siblings: BTreeMap::new(),
            states: Vec::new(),
        };
        let given: Vec<_> = (0..6).map(|k| (k, (i64::from(k), Some("x".repeat(20))))).collect();
        exhibit.insert(&given);
        exhibit.world.database().flush().unwrap();
        let reader = exhibit.world.database().snapshot();
        exhibit.remember();
        for (key, value) in [(0, 100), (1, 101), (0, 102)] {
            exhibit.update(key, value);
        }
        exhibit.world.database().flush().unwrap();
        exhibit.update(2, 103);
        exhibit.world.database().checkpoint().unwrap();
        exhibit.remember();
        exhibit.update(3, 104);
        exhibit.world.database().checkpoint().unwrap();
        drop(reader);
        exhibit.note();
        for key in 0..6 {
            exhibit.insert(&[(10 + key, (i64::from(key), Some("y".repeat(100))))]);
            exhibit.note();
        }
        for (key, value) in [(11, 200), (0, 201), (4, 202), (12, 203)] {
            exhibit.update(key, value);
            exhibit.note();
        }
        exhibit.remember();
        exhibit.world.drop_database();
        exhibit.files = files(&exhibit.world);
        for kind in ["CURRENT", "checkpoint", "log", "segment", "delete"] {
            assert!(exhibit.files.iter().any(|(path, _)| kind_of(path) == kind), "no {kind}");
        }
        exhibit
    }

    fn insert(&mut self, given: &[(i32, rows::Value)]) {
        let mut txn = self.world.begin();
        txn.insert(self.world.table, &batch(given), InsertMode::Error).unwrap();
        txn.commit().unwrap();
    }

    fn update(&mut self, key: i32, value: i64) {
        let mut txn = self.world.begin();
        let address = rows::address_of(&txn.view(), self.world.table, key).unwrap();
        txn.update(self.world.table, &[address], &batch(&[(key, (value, None))])).unwrap();
        txn.commit().unwrap();
    }

    fn note(&mut self) {
        self.states.push(rows::read_map(&self.world.database().snapshot().view(), self.world.table));
    }

    fn remember(&mut self) {
        for (path, bytes) in files(&self.world) {
            self.siblings.entry(kind_of(&path).to_owned()).or_default().insert(bytes);
        }
    }

    /// Damages a copy and looks at everything.
    fn try_damage(&self, path: &str, what: &Damage, original: &[u8]) {
        let damaged = what.of(original);
        if damaged == original {
            return;
        }
        let name = format!("{path}: {}", what.name());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut copy = self.world.duplicate();
            assert!(copy.disk.replace_contents(path, &damaged));
            let report = Database::check(copy.disk.process());
            let sound = report.as_ref().is_ok_and(|r| r.problems.is_empty());
            let outcome = open_and_read(&mut copy);
            if let Err(e) = &outcome {
                assert!(!sound, "the check finds nothing, but reading does: {e:?}");
                assert_named(e, path);
                if copy.database.is_none() {
                    let kept = copy.disk.contents(path).is_some_and(|bytes| bytes == damaged);
                    assert!(kept, "what was refused was changed");
                }
            }
            outcome.ok()
        }));
        let Ok(outcome) = outcome else { panic!("{name}") };
        let Some(found) = outcome else { return };
        let allowed = match (kind_of(path), what) {
            ("log", Damage::Zero(_)) => self.states.as_slice(),
            ("log", Damage::Flip(_)) => &self.states[self.states.len() - 2..],
            _ => &self.states[self.states.len() - 1..],
        };
        assert!(allowed.contains(&found), "{name}: a wrong answer: {found:?}");
    }
}

/// The error says which file, and what kind of thing is wrong with it.
fn assert_named(error: &Error, path: &str) {
    assert!(matches!(error.kind(), ErrorKind::Corruption | ErrorKind::Unsupported), "{error:?}");
    let name = path.rsplit('/').next().unwrap().trim_end_matches(".log").trim_start_matches('0');
    let named = format!("{error:?}");
    // A file that is taken for another one may be missed under its own name, or under that of who refers to it.
    let kinds = ["log file", "segment", "checkpoint", "delete vector pack", "CURRENT", "delete/"];
    assert!(named.contains(name) || kinds.iter().any(|k| named.contains(k)), "does not name {path}: {named}");
}

/// Opens, scans, counts, looks keys up and filters; all must agree.
fn open_and_read(world: &mut World) -> Result<Model> {
    world.open()?;
    let snapshot = world.database().snapshot();
    let view = snapshot.view();
    let found = rows::try_read(&view, world.table, None)?;
    let map = rows::map_of(found.clone());
    assert_eq!(view.row_count(world.table)?, map.len() as u64, "the count");
    snapshot.fingerprint(world.table)?;
    let some =
        Predicate::Compare { column: rows::V, op: CompareOp::GreaterOrEqual, value: Datum::Int64(100) };
    let filtered = rows::map_of(rows::try_read(&view, world.table, Some(some))?);
    let expected: Model = map.iter().filter(|(_, (v, _))| *v >= 100).map(|(k, v)| (*k, v.clone())).collect();
    assert_eq!(filtered, expected, "the filter");
    let keys: Vec<_> = (0..20).map(|k| (k, (0, None))).collect();
    let mut txn = world.begin();
    let outcome = txn.insert(world.table, &batch(&keys), InsertMode::Report)?;
    let known: Vec<i32> = outcome.conflicts.iter().map(|c| i32::try_from(c.row).unwrap()).collect();
    assert_eq!(known, map.keys().copied().collect::<Vec<_>>(), "the keys");
    Ok(map)
}

/// What happens to a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip(usize),
    Cut(usize),
    /// A page is zeroes.
    Zero(usize),
    Extend(Vec<u8>),
    /// It holds what another file of its kind holds, or held.
    Swap(Vec<u8>),
}

impl Damage {
    fn of(&self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        match self {
            Damage::Flip(bit) => bytes[bit / 8] ^= 1 << (bit % 8),
            Damage::Cut(len) => bytes.truncate(*len),
            Damage::Zero(page) => {
                let end = ((page + 1) * PAGE).min(bytes.len());
                bytes[page * PAGE..end].fill(0);
            }
            Damage::Extend(more) => bytes.extend(more),
            Damage::Swap(other) => bytes.clone_from(other),
        }
        bytes
    }

    fn name(&self) -> String {
        match self {
            Damage::Extend(more) => format!("longer by {} bytes", more.len()),
            Damage::Swap(other) => format!("replaced by another of {} bytes", other.len()),
            Damage::Flip(_) | Damage::Cut(_) | Damage::Zero(_) => format!("{self:?}"),
        }
    }
}

/// `budget` of `count` numbers, or all of them in the long form.
fn chosen(count: usize, budget: usize, random: &Random) -> Vec<usize> {
    if seeds::long() || count <= budget {
        return (0..count).collect();
    }
    (0..budget).map(|_| usize::try_from(random.below(count as u64)).unwrap()).collect()
}

/// Damages files of the kinds given; `budget` flips of each and fewer of the rest in the short form.
pub(crate) fn run(kinds: &[&str], budget: usize, seed: u64) {
    let exhibit = Exhibit::new();
    let random = Random::from_seed(seed);
    for (path, bytes) in exhibit.files.iter().filter(|(path, _)| kinds.contains(&kind_of(path))) {
        let mut damages: Vec<Damage> =
            chosen(bytes.len() * 8, budget, &random).into_iter().map(Damage::Flip).collect();
        damages.extend(chosen(bytes.len(), budget / 3, &random).into_iter().map(Damage::Cut));
        damages.extend(chosen(bytes.len().div_ceil(PAGE), budget / 4, &random).into_iter().map(Damage::Zero));
        let garbage = |len: usize| (0..len).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        damages.extend([vec![0], vec![0; PAGE], garbage(1), garbage(PAGE)].map(Damage::Extend));
        let siblings = &exhibit.siblings[kind_of(path)];
        damages.extend(siblings.iter().filter(|s| *s != bytes).cloned().map(Damage::Swap));
        for damage in damages {
            exhibit.try_damage(path, &damage, bytes);
        }
    }
}

#[test]
fn damage_to_segments_is_found_or_harmless() {
    run(&["segment"], 100, seeds::any());
}

#[test]
fn damage_to_the_log_is_found_or_harmless() {
    run(&["log"], 200, seeds::any());
}

#[test]
fn damage_to_checkpoints_and_what_they_name_is_found_or_harmless() {
    run(&["CURRENT", "checkpoint", "delete"], 400, seeds::any());
}

#[test]
fn a_sound_directory_passes_and_is_not_changed() {
    let mut world = World::new(5);
    for _ in 0..40 {
        assert_eq!(world.step(), Outcome::Done);
    }
    let open = Database::check(world.disk.process()).unwrap_err();
    assert_eq!(open.kind(), ErrorKind::ObjectInUse);
    world.drop_database();
    let before = files(&world);
    let report = Database::check(world.disk.process()).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.rows, world.model.len() as u64);
    assert!(files(&world) == before);
    world.open().unwrap();
    world.verify();
}

#[test]
fn a_missing_file_is_named() {
    let exhibit = Exhibit::new();
    let last_log = exhibit.files.iter().rfind(|(path, _)| kind_of(path) == "log").unwrap();
    for (path, _) in &exhibit.files {
        let mut world = exhibit.world.duplicate();
        world.disk.process().remove(path).unwrap();
        if *path == last_log.0 {
            // Nothing refers to the end of the log: what is left is a state of before.
            assert!(exhibit.states.contains(&open_and_read(&mut world).unwrap()));
            continue;
        }
        if path != "CURRENT" {
            let report = Database::check(world.disk.process()).unwrap();
            assert!(report.problems.iter().any(|p| p.contains(path)), "{path}: {:?}", report.problems);
        }
        let error = world.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption);
        assert!(error.message().contains(path), "{path}: {error}");
    }
}
