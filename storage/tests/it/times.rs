//! What a table held after each commit, and that the database says so of every time that can still be read.

use crate::rows::{self, K, Model, S, V};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type};
use base::id::{CommitTs, TableId};
use base::{Error, ErrorKind};
use storage::{ChangesSpec, Database};

/// The rows of a time are gone, or the definition that they had.
fn is_gone(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::SnapshotTooOld | ErrorKind::UndefinedTable)
}

#[derive(Clone, Debug)]
pub(crate) struct Times {
    table: TableId,
    states: Vec<(CommitTs, Model)>,
}

impl Times {
    pub(crate) fn new(table: TableId) -> Self {
        Self { table, states: Vec::new() }
    }

    /// The table is this since a commit at `ts`.
    pub(crate) fn note(&mut self, ts: CommitTs, model: &Model) {
        assert!(self.states.last().is_none_or(|(last, _)| *last <= ts), "commits in order");
        self.states.retain(|(at, _)| *at < ts);
        self.states.push((ts, model.clone()));
    }

    /// Reads every time, and the changes from the first to the last and between the middle ones. `kept`: all of it must
    /// be there; otherwise a time may be too old, but never wrong.
    pub(crate) fn verify(&self, database: &Database, kept: bool, what: &str) {
        for (ts, model) in &self.states {
            let read = database.snapshot_at(*ts).and_then(|s| rows::try_read(&s.view(), self.table, None));
            match read {
                Ok(rows) => assert_eq!(&rows::map_of(rows), model, "{what}: as of {ts}"),
                Err(e) => {
                    assert!(!kept && is_gone(&e), "{what}: as of {ts}: {e:?}")
                }
            }
        }
        let middle = self.states.len() / 2;
        if let ([first, .., last], Some([one, two])) =
            (self.states.as_slice(), self.states.windows(2).nth(middle.saturating_sub(1)))
        {
            self.changes(database, first, last, kept, what);
            self.changes(database, one, two, kept, what);
        }
    }

    fn changes(
        &self,
        database: &Database,
        from: &(CommitTs, Model),
        to: &(CommitTs, Model),
        kept: bool,
        what: &str,
    ) {
        let what = format!("{what}: changes from {} to {}", from.0, to.0);
        let column = |ts| {
            let snapshot = database.snapshot_at(ts).unwrap();
            snapshot.catalog().table(self.table).map(|def| rows::text_column(def))
        };
        let (before, now) = (column(from.0), column(to.0));
        let projection = vec![K, V, now.as_ref().map_or(S, |(id, _)| *id)];
        let spec =
            ChangesSpec { table: self.table, projection, after: from.0, until: to.0, old_images: false };
        let view = database.snapshot_at(to.0).unwrap().view();
        let batches = view.changes(&spec).and_then(|c| c.collect::<base::Result<Vec<_>>>());
        let batches = match batches {
            Ok(batches) => batches,
            Err(e) => {
                assert!(!kept && is_gone(&e), "{what}: {e:?}");
                return;
            }
        };
        let mut model = from.1.clone();
        if let (Some((then, _)), Some((id, missing))) = (before, now)
            && then != id
        {
            model.values_mut().for_each(|(_, s)| s.clone_from(&missing));
        }
        let mut last = from.0.0;
        for batch in batches {
            let (k, v) =
                (batch.column(0).as_primitive::<Int32Type>(), batch.column(1).as_primitive::<Int64Type>());
            let (s, operation) = (batch.column(2).as_string_view(), batch.column(3).as_string_view());
            let commit = batch.column(4).as_primitive::<Int64Type>();
            for i in 0..batch.num_rows() {
                let row = (v.value(i), s.is_valid(i).then(|| s.value(i).to_owned()));
                let at = u64::try_from(commit.value(i)).unwrap();
                assert!(at >= last && at > from.0.0 && at <= to.0.0, "{what}: {at} after {last}");
                last = at;
                let key = k.value(i);
                match operation.value(i) {
                    "insert" => assert_eq!(model.insert(key, row), None, "{what}: insert of {key}"),
                    "update" => assert!(model.insert(key, row).is_some(), "{what}: update of {key}"),
                    "delete" => assert_eq!(model.remove(&key), Some(row), "{what}: delete of {key}"),
                    other => panic!("{what}: {other}"),
                }
            }
        }
        assert_eq!(model, to.1, "{what}");
    }
}
