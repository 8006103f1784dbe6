//! What a table was after each commit, and what must be read of the past by it.

use crate::rows::{self, Model, Value};
use crate::seeds;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type};
use base::ErrorKind;
use base::id::{ColumnId, CommitTs, TableId};
use base::random::Random;
use std::collections::BTreeSet;
use storage::{ChangesSpec, Database};

/// The table after one commit.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) ts: CommitTs,
    /// When it was, by the clock.
    pub(crate) clock_us: u64,
    /// None while the table is dropped.
    pub(crate) rows: Option<Model>,
    /// The text column that the table had, with what rows have in it that are older.
    pub(crate) text: Option<(ColumnId, Option<String>)>,
    /// Keys that the commit wrote or deleted; None when nobody knows what it did.
    pub(crate) touched: Option<BTreeSet<i32>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    moments: Vec<Moment>,
}

/// One change: commit, operation, key, row.
type Change = (CommitTs, String, i32, Value);

impl Timeline {
    pub(crate) fn push(&mut self, moment: Moment) {
        self.moments.push(moment);
    }

    /// A moment at which the table was there.
    pub(crate) fn any(&self, random: &Random) -> Option<&Moment> {
        let there: Vec<&Moment> = self.moments.iter().filter(|m| m.rows.is_some()).collect();
        let at = usize::try_from(random.below(there.len().max(1) as u64)).unwrap();
        there.get(at).copied()
    }

    /// The past reads as it was, as far back as the table says; further back it is right or refused.
    pub(crate) fn verify(&self, database: &Database, table: TableId, random: &Random) {
        let Some(info) = database.history(table).unwrap() else { return };
        let tries = if seeds::long() { self.moments.len() } else { 2 };
        for n in 0..tries {
            let at = if seeds::long() { n } else { self.index(random) };
            self.verify_rows(database, table, at, info.oldest_readable, random);
            let (one, two) = (self.index(random), self.index(random));
            self.verify_changes(database, table, one.min(two), one.max(two), info.oldest_readable, random);
        }
    }

    fn index(&self, random: &Random) -> usize {
        usize::try_from(random.below(self.moments.len() as u64)).unwrap()
    }

    fn verify_rows(&self, database: &Database, table: TableId, at: usize, oldest: CommitTs, random: &Random) {
        let moment = &self.moments[at];
        let next = self.moments.get(at + 1).map_or(moment.ts.0 + 1, |m| m.ts.0);
        let ts = CommitTs(moment.ts.0 + random.below(next - moment.ts.0));
        let snapshot = database.snapshot_at(ts).unwrap();
        let Some(expected) = &moment.rows else {
            assert!(snapshot.catalog().table(table).is_none(), "at {ts}");
            return;
        };
        match rows::try_read(&snapshot.view(), table, None) {
            Ok(found) => {
                assert_eq!(&rows::map_of(found), expected, "at {ts}");
                assert_eq!(snapshot.view().row_count(table).unwrap(), expected.len() as u64, "at {ts}");
            }
            Err(e) => {
                let gone = matches!(e.kind(), ErrorKind::SnapshotTooOld | ErrorKind::UndefinedTable);
                assert!(gone && ts < oldest, "at {ts}, oldest {oldest}: {e}");
            }
        }
    }

    fn verify_changes(
        &self,
        database: &Database,
        table: TableId,
        from: usize,
        to: usize,
        oldest: CommitTs,
        random: &Random,
    ) {
        let (first, last) = (&self.moments[from], &self.moments[to]);
        let snapshot = database.snapshot_at(last.ts).unwrap();
        if last.rows.is_none() || snapshot.catalog().table(table).is_none() {
            return;
        }
        let old_images = random.below(2) == 0;
        let spec = ChangesSpec {
            table,
            projection: vec![rows::K, rows::V, last.text.as_ref().map_or(rows::S, |(id, _)| *id)],
            after: first.ts,
            until: last.ts,
            old_images,
        };
        let found = match snapshot.view().changes(&spec) {
            Ok(changes) => found(changes),
            Err(e) => {
                let gone = e.kind() == ErrorKind::SnapshotTooOld;
                assert!(gone && first.ts < oldest, "from {}, oldest {oldest}: {e}", first.ts);
                return;
            }
        };
        assert!(found.is_sorted_by_key(|(ts, ..)| *ts));
        if let Some(mut expected) = self.expected(from, to, old_images) {
            let mut found = found;
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "from {} to {}", first.ts, last.ts);
        }
    }

    /// What the commits after one moment up to another changed.
    fn expected(&self, from: usize, to: usize, old_images: bool) -> Option<Vec<Change>> {
        let mut changes = Vec::new();
        let (column, missing) = self.moments[to].text.clone()?;
        for pair in self.moments[from..=to].windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            // Columns are those at the end: what was written before they were there has what is missing.
            let of = |moment: &Moment, key: &i32| {
                let (v, s) = moment.rows.as_ref()?.get(key)?.clone();
                let has = moment.text.as_ref().is_some_and(|(id, _)| *id == column);
                Some((v, if has { s } else { missing.clone() }))
            };
            for key in after.touched.as_ref()? {
                let mut change = |operation: &str, value| {
                    changes.push((after.ts, operation.to_owned(), *key, value));
                };
                match (of(before, key), of(after, key)) {
                    (None, None) => {}
                    (None, Some(new)) => change("insert", new),
                    (Some(old), None) => change("delete", old),
                    (Some(old), Some(new)) => {
                        if old_images {
                            change("update_old", old);
                        }
                        change("update", new);
                    }
                }
            }
        }
        Some(changes)
    }

    /// Nothing younger than this, by the clock, has gone; `retention_us` of it at least is kept.
    pub(crate) fn verify_retention(&self, oldest: CommitTs, now_us: u64, retention_us: u64) {
        let kept = self.moments.iter().find(|m| m.clock_us.saturating_add(retention_us) > now_us);
        let kept = kept.map_or(CommitTs(u64::MAX), |m| m.ts);
        assert!(oldest < kept, "{oldest} is the oldest readable time, {kept} is not old enough to go");
    }
}

fn found(changes: storage::Changes) -> Vec<Change> {
    let mut found = Vec::new();
    for batch in changes {
        let batch = batch.unwrap();
        let k = batch.column(0).as_primitive::<Int32Type>();
        let v = batch.column(1).as_primitive::<Int64Type>();
        let s = batch.column(2).as_string_view();
        let operation = batch.column(3).as_string_view();
        let ts = batch.column(4).as_primitive::<Int64Type>();
        for i in 0..batch.num_rows() {
            let text = s.is_valid(i).then(|| s.value(i).to_owned());
            let ts = CommitTs(ts.value(i).try_into().unwrap());
            found.push((ts, operation.value(i).to_owned(), k.value(i), (v.value(i), text)));
        }
    }
    found
}
