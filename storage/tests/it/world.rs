//! A database on a simulated disk beside a model of it, and random commands to both.

use crate::rows::{self, Model, Value};
use crate::timeline::{Moment, Timeline};
use crate::whole_tables;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use base::clock::{Clock, ManualClock};
use base::fs::SimulatedFileSystem;
use base::id::{CommitTs, TableId};
use base::random::Random;
use base::{Error, ErrorKind, Result};
use catalog::CatalogEdit;
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::{Changed, Database, InsertMode, Met, Snapshot, StorageSettings, Transaction, Upsert};

/// Keys that the commands use: few, so that they meet.
const KEYS: u64 = 5;

/// Seeds from 1; as many as NYALA_SEEDS says for longer runs.
pub(crate) fn seeds(usual: u64) -> std::ops::RangeInclusive<u64> {
    1..=std::env::var("NYALA_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// What became of a command's commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The model is what the database must have.
    Done,
    /// The database has either the model or this.
    Unknown(Model),
    /// The disk failed before anything could have become durable.
    Failed,
}

pub(crate) struct World {
    pub(crate) disk: SimulatedFileSystem,
    pub(crate) database: Option<Database>,
    pub(crate) table: TableId,
    pub(crate) model: Model,
    pub(crate) old: Vec<(Snapshot, Model)>,
    pub(crate) timeline: Timeline,
    pub(crate) random: Arc<Random>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) settings: StorageSettings,
}

impl World {
    /// A world of small parts.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, Self::settings(seed))
    }

    pub(crate) fn settings(seed: u64) -> StorageSettings {
        StorageSettings {
            background: false,
            log_file_bytes: 16 << 10,
            batch_rows: 3,
            // Now and then every write is staged.
            transaction_buffer_bytes: if seed.is_multiple_of(3) { 1 } else { 1 << 20 },
            segment_rows_max: if seed.is_multiple_of(4) { 100 } else { 4 },
            // For ever, for some steps, or for nobody.
            history_retention_us: [1 << 60, 40, 0][usize::try_from(seed % 3).unwrap()],
            // Few enough that files are closed and opened again all the time.
            open_segments_max: 1 + usize::try_from(seed % 4).unwrap(),
            ..StorageSettings::default()
        }
    }

    pub(crate) fn with(seed: u64, settings: StorageSettings) -> Self {
        let mut world = Self {
            disk: SimulatedFileSystem::new(seed),
            database: None,
            table: TableId(0),
            model: Model::new(),
            old: Vec::new(),
            timeline: Timeline::default(),
            random: Arc::new(Random::from_seed(seed)),
            clock: Arc::new(ManualClock::new(1_000_000)),
            settings,
        };
        world.open().unwrap();
        let mut txn = world.begin();
        let mut def = rows::table(txn.catalog(), "t", true, 2);
        if seed.is_multiple_of(2) {
            let next = def.id.0 + 3;
            def = whole_tables::ranged(def, true, next);
        }
        world.table = def.id;
        txn.edit_catalog(CatalogEdit::CreateTable(Box::new(def))).unwrap();
        let ts = txn.commit().unwrap();
        world.note(ts, Some(Model::new()), BTreeSet::new());
        world
    }

    /// Remembers what the table is after a commit.
    pub(crate) fn note(&mut self, ts: CommitTs, rows: Option<Model>, touched: BTreeSet<i32>) {
        self.push(ts, rows, Some(touched));
    }

    pub(crate) fn push(&mut self, ts: CommitTs, rows: Option<Model>, touched: Option<BTreeSet<i32>>) {
        let clock_us = self.clock.wall_us();
        let snapshot = self.database().snapshot();
        let text = snapshot.catalog().table(self.table).map(|def| rows::text_column(def));
        self.timeline.push(Moment { ts, clock_us, rows, text, touched });
    }

    /// A closed world over a copy of the disk.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            disk: self.disk.duplicate(1),
            database: None,
            table: self.table,
            model: self.model.clone(),
            old: Vec::new(),
            timeline: self.timeline.clone(),
            random: self.random.clone(),
            clock: self.clock.clone(),
            settings: self.settings.clone(),
        }
    }

    pub(crate) fn open(&mut self) -> Result<()> {
        let database = Database::open(
            self.disk.process(),
            self.clock.clone(),
            self.random.clone(),
            self.settings.clone(),
        )?;
        self.database = Some(database);
        Ok(())
    }

    pub(crate) fn database(&self) -> &Database {
        self.database.as_ref().expect("the database is open")
    }

    pub(crate) fn begin(&self) -> Transaction {
        self.database().begin()
    }

    fn row(&self) -> (i32, Value) {
        let key = i32::try_from(self.random.below(KEYS)).unwrap();
        let value = i64::try_from(self.random.below(1_000)).unwrap();
        let text = match self.random.below(4) {
            0 => None,
            1 => Some("a text that is too long to stand within a view".to_owned()),
            n => Some(format!("text {n}")),
        };
        (key, (value, text))
    }

    /// One command within a transaction; `model` follows what the transaction sees, `touched` what it wrote.
    fn command(&self, txn: &mut Transaction, model: &mut Model, touched: &mut BTreeSet<i32>) -> Result<()> {
        txn.begin_command();
        let seen = rows::try_read(&txn.view(), self.table, None)?;
        assert_eq!(&rows::map_of(seen.clone()), model, "own writes");
        let (key, value) = self.row();
        match self.random.below(13) {
            12 => {
                // Another column takes the place of one: of the rows there are, nothing is written.
                let n = self.random.below(3);
                let missing = (n > 0).then(|| format!("missing {n}"));
                let def = txn.catalog().table(self.table).unwrap().as_ref().clone();
                let def = rows::with_text_column(&def, missing.clone());
                txn.edit_catalog(CatalogEdit::AlterTable(Box::new(def)))?;
                model.values_mut().for_each(|(_, s)| s.clone_from(&missing));
            }
            0 | 1 => {
                // Insert; a duplicate would end the transaction, so it is asked for only where there is none.
                if model.contains_key(&key) {
                    return Ok(());
                }
                let out = txn.insert(self.table, &rows::batch(&[(key, value.clone())]), InsertMode::Error)?;
                assert_eq!(out.inserted, 1);
                model.insert(key, value);
                touched.insert(key);
            }
            2 | 3 => {
                // Upsert of two rows.
                let other = (key + 1, value.clone());
                let given = [(key, value), other];
                let out = txn.insert(self.table, &rows::batch(&given), InsertMode::Report)?;
                for conflict in &out.conflicts {
                    let address = conflict.existing.expect("the row is older than the command");
                    assert_eq!(rows::address_in(&seen, given[conflict.row].0), Some(address));
                    txn.update(self.table, &[address], &rows::batch(&[given[conflict.row].clone()]))?;
                }
                assert_eq!(out.inserted + out.conflicts.len() as u64, 2);
                touched.extend(given.iter().map(|(key, _)| *key));
                model.extend(given);
            }
            4 => {
                // Rows that take the place of what is there.
                let given = [(key + 1, value.clone()), (key, value)];
                let done = txn.upsert(self.table, &rows::batch(&given), Upsert::Replace)?;
                let there = given.iter().filter(|(key, _)| model.contains_key(key)).count() as u64;
                assert_eq!((done.changed, done.inserted), (there, 2 - there));
                assert_eq!(done.rows, rows::batch(&given));
                touched.extend(given.iter().map(|(key, _)| *key));
                model.extend(given);
            }
            5 => self.add(txn, model, touched, (key, value))?,
            6 | 7 => {
                // Update, now and then to another key.
                let Some(address) = rows::address_in(&seen, key) else { return Ok(()) };
                let free = i32::try_from(KEYS + 1 + self.random.below(2)).unwrap();
                let target = if model.contains_key(&free) || self.random.below(2) == 0 { key } else { free };
                txn.update(self.table, &[address], &rows::batch(&[(target, value.clone())]))?;
                touched.extend([key, target]);
                model.remove(&key);
                model.insert(target, value);
            }
            8 => {
                txn.truncate(self.table)?;
                touched.extend(model.keys());
                model.clear();
            }
            _ => {
                let doomed: Vec<i32> = model.keys().copied().filter(|k| k % 2 == key % 2).collect();
                let addresses: Vec<u64> = doomed.iter().filter_map(|k| rows::address_in(&seen, *k)).collect();
                assert_eq!(txn.delete(self.table, &addresses)?, doomed.len() as u64);
                model.retain(|k, _| !doomed.contains(k));
                touched.extend(doomed);
            }
        }
        Ok(())
    }

    /// Rows whose `v` is added to the one that is there, unless the sum is odd; then a second proposal may come.
    fn add(
        &self,
        txn: &mut Transaction,
        model: &mut Model,
        touched: &mut BTreeSet<i32>,
        (key, (v, s)): (i32, Value),
    ) -> Result<()> {
        let mut given = vec![(key + 1, (v, s.clone())), (key, (v, s))];
        if model.get(&key).is_some_and(|(there, _)| (there + v) % 2 != 0) {
            given.push((key, (v + 1, None)));
        }
        let mut sums = Vec::new();
        let mut decide = |met: Met<'_>| {
            let there = met.existing[0].as_primitive::<Int64Type>();
            let flags = met.proposed.iter().zip(there.values()).map(|(row, there)| {
                let (key, (v, s)) = given[*row].clone();
                let even = (there + v) % 2 == 0;
                sums.extend(even.then_some((key, (there + v, s))));
                even
            });
            let flags = flags.collect();
            Ok(Changed { flags, rows: rows::batch(&sums) })
        };
        let upsert = Upsert::Decide { columns: &[rows::V], decide: &mut decide };
        let done = txn.upsert(self.table, &rows::batch(&given), upsert)?;
        let new: Vec<_> = given.iter().filter(|(key, _)| !model.contains_key(key)).cloned().collect();
        assert_eq!((done.inserted, done.changed), (new.len() as u64, sums.len() as u64));
        let written: Model = new.into_iter().chain(sums).collect();
        assert_eq!(done.rows.num_rows(), written.len());
        touched.extend(written.keys());
        model.extend(written);
        Ok(())
    }

    /// A transaction of some commands, committed or not.
    fn transaction(&mut self) -> Outcome {
        let mut txn = self.begin();
        let (mut model, mut touched) = (self.model.clone(), BTreeSet::new());
        for _ in 0..=self.random.below(3) {
            if let Err(e) = self.command(&mut txn, &mut model, &mut touched) {
                return failed(&e);
            }
            if self.random.below(4) == 0 {
                txn.refresh();
            }
        }
        if self.random.below(5) == 0 || !txn.has_writes() {
            txn.rollback();
            return Outcome::Done;
        }
        match txn.commit() {
            Ok(ts) => {
                self.model = model;
                self.note(ts, Some(self.model.clone()), touched);
                Outcome::Done
            }
            Err(e) if e.kind() == ErrorKind::CommitUnknown => Outcome::Unknown(model),
            Err(e) => failed(&e),
        }
    }

    /// One random step. Failures of the disk come back, everything else fails the test.
    pub(crate) fn step(&mut self) -> Outcome {
        self.clock.advance(self.random.below(3));
        match self.random.below(24) {
            0 | 1 => done(self.database().flush()),
            2 => done(self.database().checkpoint()),
            3 | 4 => {
                let snapshot = self.database().snapshot();
                self.old.push((snapshot, self.model.clone()));
                if self.old.len() > 3 {
                    let gone = self.random.below(3);
                    self.old.remove(usize::try_from(gone).unwrap());
                }
                Outcome::Done
            }
            5 => self.compact(true),
            6 | 7 => self.compact(false),
            8 => done(self.database().collect()),
            9 if self.random.below(2) == 0 => self.clone_and_change(),
            10 if self.random.below(2) == 0 => self.drop_partition(),
            _ => self.transaction(),
        }
    }

    /// Everything that can be read is what the model has.
    pub(crate) fn verify(&self) {
        let snapshot = self.database().snapshot();
        assert_eq!(rows::read_map(&snapshot.view(), self.table), self.model);
        assert_eq!(snapshot.view().row_count(self.table).unwrap(), self.model.len() as u64);
        for (snapshot, model) in &self.old {
            assert_eq!(&rows::read_map(&snapshot.view(), self.table), model, "at {}", snapshot.commit_ts());
        }
        assert_eq!(self.database().locked_keys(), 0);
        let oldest = self.database().history(self.table).unwrap().unwrap().oldest_readable;
        self.timeline.verify_retention(oldest, self.clock.wall_us(), self.settings.history_retention_us);
        self.timeline.verify(self.database(), self.table, &self.random);
    }

    pub(crate) fn fingerprint(&self) -> u128 {
        self.database().snapshot().fingerprint(self.table).unwrap()
    }

    /// Closes without a last checkpoint, as a process that ends.
    pub(crate) fn drop_database(&mut self) {
        self.old.clear();
        self.database = None;
    }
}

pub(crate) fn done(outcome: Result<()>) -> Outcome {
    outcome.map_or_else(|e| failed(&e), |()| Outcome::Done)
}

pub(crate) fn failed(error: &Error) -> Outcome {
    let disk = matches!(
        error.kind(),
        ErrorKind::Io
            | ErrorKind::DiskFull
            | ErrorKind::CommitUnknown
            | ErrorKind::Corruption
            | ErrorKind::FailedTransaction
    );
    assert!(disk, "{error} {:?}", error.kind());
    Outcome::Failed
}
