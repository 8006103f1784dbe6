//! Times that statements name: what they mean, the snapshots taken for them, and reading those.
//!
//! Must not know SQL text. Invariant: a snapshot is held while the statement that named its time runs, not longer.

use crate::lower::{PastView, PastViews, QueryContext, evaluate, mentions_parameter};
use crate::session::core::Core;
use base::id::{CommitTs, TableId};
use base::{Error, ErrorKind, Result};
use catalog::CatalogState;
use sql::binder::{Now, Past};
use sql::bound::Expr;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::Snapshot;
use types::datetime::{interval_neg, timestamptz_add};
use types::sql_type::oid;
use types::{Datum, IoSettings, SqlType};

const FORMS_HINT: &str = "Give a timestamp with time zone, an interval before now, or a commit timestamp in microseconds since 1970.";

/// What one binding of a statement asks about other times.
#[derive(Debug)]
pub(crate) struct PastReads<'c> {
    core: &'c Core,
    /// None while they are not known.
    parameters: Option<&'c [Datum]>,
    transaction_us: i64,
    snapshots: RefCell<BTreeMap<CommitTs, Snapshot>>,
    asked: Cell<bool>,
    asked_now: Cell<bool>,
    now_us: Cell<i64>,
}

impl<'c> PastReads<'c> {
    pub(crate) fn new(core: &'c Core, parameters: Option<&'c [Datum]>, transaction_us: i64) -> Self {
        Self {
            core,
            parameters,
            transaction_us,
            snapshots: RefCell::default(),
            asked: Cell::new(false),
            asked_now: Cell::new(false),
            now_us: Cell::new(transaction_us),
        }
    }

    /// Whether the statement names a time: then what it means changes while nothing else does.
    pub(crate) fn asked(&self) -> bool {
        self.asked.get()
    }

    /// The time of now that constants of the statement stand for, if there are some.
    pub(crate) fn now_us(&self) -> Option<i64> {
        self.asked_now.get().then(|| self.now_us.get())
    }

    /// Constants stand for an earlier time, at which the statement was prepared.
    pub(crate) fn keep_now(&self, us: i64) {
        self.now_us.set(us);
    }

    /// The snapshots taken, to be read.
    pub(crate) fn into_views(self) -> PastViews {
        let io = self.core.io_settings();
        let views = self.snapshots.into_inner().into_iter();
        Arc::new(views.map(|(ts, snapshot)| (ts, past_view(&snapshot, &io))).collect())
    }

    fn context(&self, parameters: &[Datum]) -> QueryContext {
        let view = self.core.engine.database().snapshot().view();
        self.core.query_context_at(view, Arc::new(parameters.to_vec()), self.transaction_us)
    }
}

impl Now for PastReads<'_> {
    fn transaction_us(&self) -> i64 {
        self.asked_now.set(true);
        self.now_us.get()
    }
}

impl Past for PastReads<'_> {
    fn commit_ts(&self, time: &Expr) -> Result<Option<CommitTs>> {
        self.asked.set(true);
        let ty = time.ty();
        let meaning = Meaning { io: self.core.io_settings(), now_us: self.transaction_us };
        let datum = match (time, self.parameters) {
            (Expr::Const(datum, _), _) => datum.clone(),
            (time, None) if mentions_parameter(time) => return Ok(None),
            (time, parameters) => {
                let array = evaluate(&self.context(parameters.unwrap_or_default()), time, &[], 1)?;
                types::array::get(&ty.form, &array, 0)?
            }
        };
        match datum {
            Datum::Text(text) if ty.oid == oid::UNKNOWN => meaning.of_text(&text),
            datum => meaning.of(&datum),
        }
        .map(Some)
    }

    fn catalog(&self, ts: CommitTs) -> Result<Arc<CatalogState>> {
        let mut snapshots = self.snapshots.borrow_mut();
        if let Some(known) = snapshots.get(&ts) {
            return Ok(Arc::clone(known.catalog()));
        }
        let snapshot = self.core.snapshot_at(ts)?;
        let catalog = Arc::clone(snapshot.catalog());
        snapshots.insert(ts, snapshot);
        Ok(catalog)
    }

    fn collected(&self, ts: Option<CommitTs>, table: TableId) -> Result<Option<Error>> {
        let snapshot = match ts {
            Some(ts) => Some(self.core.snapshot_at(ts)?),
            None => self.core.as_of(self.transaction_us)?,
        };
        Ok(snapshot.and_then(|snapshot| snapshot.view().collected(table)))
    }
}

/// How values become times.
#[derive(Debug)]
struct Meaning {
    io: IoSettings,
    /// now().
    now_us: i64,
}

impl Meaning {
    fn of(&self, value: &Datum) -> Result<CommitTs> {
        let micros = match value {
            Datum::TimestampTz(micros) => match *micros {
                i64::MAX => return Err(to_come("infinity")),
                // Before every commit.
                micros => micros.max(0),
            },
            Datum::Interval(interval) => {
                let zone = &self.io.time_zone;
                let before = timestamptz_add(self.now_us, interval_neg(*interval)?, zone)?;
                let before = if before > self.now_us {
                    timestamptz_add(self.now_us, *interval, zone)?
                } else {
                    before
                };
                before.max(0)
            }
            Datum::Int64(micros) if *micros >= 0 => *micros,
            Datum::Int64(micros) => {
                let message = format!("commit timestamp {micros} is negative");
                return Err(Error::new(ErrorKind::InvalidParameterValue, message).with_hint(FORMS_HINT));
            }
            Datum::Null => {
                return Err(Error::new(
                    ErrorKind::InvalidParameterValue,
                    "the time to read at must not be null",
                )
                .with_hint(FORMS_HINT));
            }
            other => return Err(Error::internal(format!("{other:?} as a time"))),
        };
        Ok(CommitTs(u64::try_from(micros).unwrap_or(0)))
    }

    fn of_text(&self, text: &str) -> Result<CommitTs> {
        self.of(&self.read(text)?)
    }

    /// A text as timestamptz, else, when it is nothing but digits, as bigint, else as interval.
    fn read(&self, text: &str) -> Result<Datum> {
        let io = IoSettings { now: Some(self.now_us), ..self.io.clone() };
        let read = |ty| {
            let ty = SqlType::of(ty).ok_or_else(|| Error::internal("a type of times without form"))?;
            types::parse_text(&ty, text.trim(), &io)
        };
        let as_time = read(oid::TIMESTAMPTZ);
        let is_number = !text.trim().is_empty() && text.trim().bytes().all(|b| b.is_ascii_digit());
        let other = |error: Error| {
            let message = format!("invalid time to read at: \"{text}\"");
            if error.kind() == ErrorKind::Internal {
                return error;
            }
            Error::new(ErrorKind::InvalidDatetime, message).with_hint(FORMS_HINT)
        };
        match as_time {
            Ok(time) => Ok(time),
            Err(_) if is_number => read(oid::INT8).map_err(other),
            Err(_) => read(oid::INTERVAL).map_err(other),
        }
    }
}

impl Core {
    /// The time that nyala.as_of names, for a statement of a transaction that began at `transaction_us`.
    pub(crate) fn as_of(&self, transaction_us: i64) -> Result<Option<Snapshot>> {
        let text = self.variables.get("nyala.as_of");
        if text.is_empty() {
            return Ok(None);
        }
        let meaning = Meaning { io: self.io_settings(), now_us: transaction_us };
        let ts = meaning.of_text(text)?;
        self.snapshot_at(ts).map(Some)
    }

    /// Whether nyala.as_of is set.
    pub(crate) fn reads_past(&self) -> bool {
        !self.variables.get("nyala.as_of").is_empty()
    }

    fn snapshot_at(&self, ts: CommitTs) -> Result<Snapshot> {
        let (database, owner) = (self.engine.database(), self.transaction.owner());
        tokio::task::block_in_place(|| database.snapshot_at_for(ts, owner)).map_err(|error| {
            match error.kind() {
                ErrorKind::InvalidParameterValue => to_come(&shown(ts, &self.io_settings())),
                _ => error,
            }
        })
    }

    /// nyala.as_of as it is kept: a point in time does not move with the session's time zone.
    pub(crate) fn checked_as_of(&self, text: &str) -> Result<String> {
        if text.trim().is_empty() {
            return Ok(String::new());
        }
        let now_us = self.engine.now_us();
        let meaning = Meaning { io: self.io_settings(), now_us };
        let invalid = |error: Error| {
            let message = format!("invalid value for parameter \"nyala.as_of\": \"{text}\"");
            Error::new(ErrorKind::InvalidParameterValue, message)
                .with_detail(error.message().to_owned())
                .with_hint(FORMS_HINT)
        };
        let value = meaning.read(text).map_err(invalid)?;
        let ts = meaning.of(&value).map_err(invalid)?;
        if i64::try_from(ts.0).map_or(true, |us| us > now_us) {
            return Err(invalid(to_come(&shown(ts, &meaning.io))));
        }
        let ty = match value {
            Datum::TimestampTz(_) => oid::TIMESTAMPTZ,
            Datum::Int64(_) => oid::INT8,
            _ => oid::INTERVAL,
        };
        let ty = SqlType::of(ty).ok_or_else(|| Error::internal("a type of times without form"))?;
        let mut out = String::new();
        types::format_text(&ty, &value, &IoSettings::default(), &mut out)?;
        Ok(out)
    }
}

fn to_come(time: &str) -> Error {
    let message = format!("cannot read at {time}: that time has not come yet");
    Error::new(ErrorKind::InvalidParameterValue, message)
}

/// A commit timestamp as timestamptz shows it.
pub(crate) fn shown(ts: CommitTs, io: &IoSettings) -> String {
    let mut out = String::new();
    let value = i64::try_from(ts.0).ok().map(Datum::TimestampTz);
    let written = SqlType::of(oid::TIMESTAMPTZ)
        .zip(value)
        .map(|(ty, value)| types::format_text(&ty, &value, io, &mut out));
    match written {
        Some(Ok(())) => out,
        _ => ts.to_string(),
    }
}

/// A snapshot of the past as statements read it.
pub(crate) fn past_view(snapshot: &Snapshot, io: &IoSettings) -> Arc<PastView> {
    let catalog = Arc::clone(snapshot.catalog());
    let time = shown(snapshot.commit_ts(), io);
    Arc::new(PastView { reader: Arc::new(snapshot.view()), catalog, time })
}

#[cfg(test)]
mod tests {
    use super::Meaning;
    use base::ErrorKind;
    use base::id::CommitTs;
    use types::{Datum, Interval, IoSettings};

    const NOW: i64 = 1_700_000_000_000_000;

    fn meaning() -> Meaning {
        Meaning { io: IoSettings::default(), now_us: NOW }
    }

    #[test]
    fn texts() {
        let of = |text: &str| meaning().of_text(text).map(|ts| ts.0);
        assert_eq!(of("2023-11-14 22:13:20+00").unwrap(), 1_700_000_000_000_000);
        assert_eq!(of("2023-11-14 22:13:20").unwrap(), 1_700_000_000_000_000);
        assert_eq!(of("now").unwrap(), 1_700_000_000_000_000);
        assert_eq!(of("1 hour").unwrap(), 1_699_996_400_000_000);
        assert_eq!(of("-1 hour").unwrap(), 1_699_996_400_000_000);
        assert_eq!(of("-1h").unwrap(), 1_699_996_400_000_000);
        assert_eq!(of("1699999999999999").unwrap(), 1_699_999_999_999_999);
        assert_eq!(of("20231114").unwrap(), 1_699_920_000_000_000);
        assert_eq!(of("-infinity").unwrap(), 0);
        assert_eq!(of("0 seconds").unwrap(), 1_700_000_000_000_000);
        for bad in ["", "yesteryear", "99999999999999999999999"] {
            assert_eq!(of(bad).unwrap_err().kind(), ErrorKind::InvalidDatetime, "{bad}");
        }
        assert_eq!(of("infinity").unwrap_err().kind(), ErrorKind::InvalidParameterValue);
    }

    #[test]
    fn values() {
        let month = Interval { months: 1, days: 0, micros: 0 };
        // 2023-10-14, in the calendar.
        assert_eq!(meaning().of(&Datum::Interval(month)).unwrap(), CommitTs(1_697_321_600_000_000));
        for bad in [Datum::Null, Datum::Int64(-1), Datum::TimestampTz(i64::MAX)] {
            let error = meaning().of(&bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidParameterValue, "{bad:?}");
        }
    }
}
