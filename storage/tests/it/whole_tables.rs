//! Random changes of whole tables beside their model: clone, drop and undrop, partitions.

use crate::rows::{self, Model};
use crate::world::{Outcome, World, done, failed};
use base::id::{ColumnId, TableId, TabletId};
use base::{ErrorKind, Result};
use catalog::{CatalogEdit, CatalogState, Partitioning, RangeLevel, RangePartition, TableDef, TabletDef};
use storage::{Transaction, Upsert};
use types::Datum;

/// Keys from here on are in the second range partition of a table that has two.
pub(crate) const HIGH: i32 = 3;

/// The name of copies.
const COPY: &str = "copy";

/// The table with range partitions below and from `HIGH` on, or without the second one.
pub(crate) fn ranged(def: TableDef, both: bool, first_tablet: u64) -> TableDef {
    let partition = |name: &str, lower: Vec<Datum>, upper: Vec<Datum>| RangePartition {
        name: name.to_owned(),
        lower,
        upper,
    };
    let mut partitions = vec![partition("low", vec![], vec![Datum::Int32(HIGH)])];
    let mut tablets: Vec<TabletDef> = def.tablets.iter().filter(|t| t.range != Some(1)).cloned().collect();
    for tablet in &mut tablets {
        tablet.range = Some(0);
    }
    if both {
        partitions.push(partition("high", vec![Datum::Int32(HIGH)], vec![]));
        let high: Vec<TabletDef> = tablets
            .iter()
            .zip(first_tablet..)
            .map(|(t, id)| TabletDef { id: TabletId(id), buckets: t.buckets.clone(), range: Some(1) })
            .collect();
        tablets.extend(high);
    }
    let range = Some(RangeLevel { columns: vec![ColumnId(1)], partitions });
    TableDef { tablets, partitioning: Partitioning { range, ..def.partitioning.clone() }, ..def }
}

/// A definition of a copy, with ids of its own.
fn copy_of(catalog: &CatalogState, source: &TableDef) -> TableDef {
    let id = catalog.next_id();
    let tablets = source.tablets.iter().zip(id + 1..);
    let tablets = tablets.map(|(t, id)| TabletDef { id: TabletId(id), ..t.clone() }).collect();
    TableDef { id: TableId(id), oid: catalog.next_oid(), name: COPY.to_owned(), tablets, ..source.clone() }
}

impl World {
    /// A copy of now or of some time of the past has the rows of that time and is a table of its own.
    pub(crate) fn clone_and_change(&mut self) -> Outcome {
        let Some(moment) = self.timeline.any(&self.random).cloned() else { return Outcome::Done };
        let past = self.random.below(2) == 0;
        let expected = if past { moment.rows.clone().unwrap() } else { self.model.clone() };
        let at = past.then_some(moment.ts);
        let snapshot = self.database().snapshot_at(moment.ts).unwrap();
        let mut txn = self.begin();
        let catalog = if past { snapshot.catalog() } else { txn.catalog() };
        let Some(source) = catalog.table(self.table) else { return Outcome::Done };
        let def = copy_of(txn.catalog(), source);
        let copy = def.id;
        drop(snapshot);
        let made = txn.clone_table(def, self.table, at).and_then(|()| txn.commit());
        match made {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::SnapshotTooOld => {
                let oldest = self.database().history(self.table).unwrap().unwrap().oldest_readable;
                assert!(past && moment.ts < oldest, "{e}");
                return Outcome::Done;
            }
            Err(e) => return self.failed_or_unknown(&e),
        }
        let outcome = self.change_copy(copy, expected).and_then(|()| self.drop_copy());
        match outcome {
            Ok(()) => Outcome::Done,
            Err(e) => self.failed_or_unknown(&e),
        }
    }

    fn change_copy(&mut self, copy: TableId, mut expected: Model) -> Result<()> {
        for step in 0..3 {
            let view = self.database().snapshot().view();
            let found = rows::try_read(&view, copy, None)?;
            assert_eq!(rows::map_of(found.clone()), expected, "the copy, step {step}");
            assert_eq!(view.row_count(copy)?, expected.len() as u64);
            if self.random.below(2) == 0 {
                self.database().compact(copy, true, std::sync::Arc::new(|| false))?;
            }
            let mut txn = self.begin();
            txn.begin_command();
            if let Some((key, _, address)) = rows::try_read(&txn.view(), copy, None)?.pop() {
                assert_eq!(txn.delete(copy, &[address])?, 1);
                expected.remove(&key);
            }
            txn.upsert(copy, &rows::batch(&[(0, (step, None))]), Upsert::Replace)?;
            expected.insert(0, (step, None));
            txn.commit()?;
        }
        Ok(())
    }

    fn drop_copy(&self) -> Result<()> {
        let mut txn = self.begin();
        let copies: Vec<TableId> = txn.catalog().tables().filter(|t| t.name == COPY).map(|t| t.id).collect();
        for copy in copies {
            txn.edit_catalog(CatalogEdit::DropTable(copy))?;
        }
        if txn.has_writes() { txn.commit().map(|_| ()) } else { Ok(()) }
    }

    /// What is not about the table itself does not change the model, whatever becomes of it.
    fn failed_or_unknown(&self, error: &base::Error) -> Outcome {
        if error.kind() == ErrorKind::CommitUnknown {
            Outcome::Unknown(self.model.clone())
        } else {
            failed(error)
        }
    }

    /// Drops the table and has it back.
    pub(crate) fn drop_and_undrop(&mut self) -> Outcome {
        let mut txn = self.begin();
        let def = txn.catalog().table(self.table).unwrap().clone();
        txn.edit_catalog(CatalogEdit::DropTable(self.table)).unwrap();
        let dropped = txn.commit().unwrap();
        self.note(dropped, None, self.model.keys().copied().collect());
        assert!(self.database().snapshot().catalog().table(self.table).is_none());
        if self.settings.history_retention_us > 1_000_000 {
            let kept = match self.random.below(4) {
                0 => self.database().flush(),
                1 => self.database().checkpoint(),
                2 => self.database().collect(),
                _ => {
                    self.drop_database();
                    self.open()
                }
            };
            kept.unwrap();
        }
        let (found, _) = self.database().dropped_table(def.schema, &def.name).unwrap();
        assert_eq!(found, def);
        let mut txn = self.begin();
        txn.undrop_table(&found).unwrap();
        let back = txn.commit().unwrap();
        self.note(back, Some(self.model.clone()), self.model.keys().copied().collect());
        Outcome::Done
    }

    /// Drops the second range partition and adds it again, empty.
    pub(crate) fn drop_partition(&mut self) -> Outcome {
        let (next, first) = {
            let snapshot = self.database().snapshot();
            (snapshot.catalog().table(self.table).unwrap().as_ref().clone(), snapshot.catalog().next_id())
        };
        if next.partitioning.range.is_none() {
            return Outcome::Done;
        }
        let mut left = self.model.clone();
        left.retain(|key, _| *key < HIGH);
        let gone = self.model.keys().copied().filter(|key| *key >= HIGH).collect();
        match self.alter(ranged(next.clone(), false, first)) {
            Ok(ts) => {
                self.model = left;
                self.note(ts, Some(self.model.clone()), gone);
            }
            Err(e) if e.kind() == ErrorKind::CommitUnknown => return Outcome::Unknown(left),
            Err(e) => return failed(&e),
        }
        match self.alter(ranged(next, true, first)) {
            Ok(ts) => {
                self.note(ts, Some(self.model.clone()), Default::default());
                Outcome::Done
            }
            Err(e) => self.failed_or_unknown(&e),
        }
    }

    fn alter(&self, def: TableDef) -> Result<base::id::CommitTs> {
        let mut txn: Transaction = self.begin();
        txn.edit_catalog(CatalogEdit::AlterTable(Box::new(def)))?;
        txn.commit()
    }

    /// After a crash: what was found is what counts from now on; copies and missing partitions are put right.
    pub(crate) fn recovered(&mut self, found: Model) {
        if found != self.model {
            self.model = found;
            let ts = self.database().snapshot().commit_ts();
            self.push(ts, Some(self.model.clone()), None);
        }
        self.drop_copy().unwrap();
        let (def, first) = {
            let snapshot = self.database().snapshot();
            (snapshot.catalog().table(self.table).unwrap().as_ref().clone(), snapshot.catalog().next_id())
        };
        if def.partitioning.range.as_ref().is_some_and(|r| r.partitions.len() == 1) {
            let ts = self.alter(ranged(def, true, first)).unwrap();
            self.note(ts, Some(self.model.clone()), Default::default());
        }
    }

    /// Compacts all of the table, or what is due.
    pub(crate) fn compact(&self, full: bool) -> Outcome {
        if full {
            return done(self.database().compact(self.table, true, std::sync::Arc::new(|| false)));
        }
        done(self.database().compact_due().map(|_| ()))
    }
}
