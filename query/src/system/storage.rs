//! The relations of schema `nyala`: what storage knows of the user's tables, and the parameters of tables.
//!
//! Invariant: rows and fingerprints are of the statement's snapshot; all else is of the moment it is asked.

use crate::lower::TableSizes;
use crate::system::SystemCatalog;
use crate::system::partitions::bounds;
use crate::system::relations::schema_name;
use crate::system::table::{SystemTable, Value, value, word};
use ::storage::ReadView;
use base::id::{CommitTs, TableId, TabletId};
use base::{ErrorKind, Result};
use catalog::TableDef;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::sql_type::oid;
use types::{Datum, Interval, IoSettings, SqlType};

const MICROS_PER_DAY: u64 = 86_400_000_000;

impl TableSizes for ReadView {
    fn bytes(&self, table: TableId) -> Result<u64> {
        self.stored_bytes(table)
    }

    fn rows(&self, table: TableId) -> Result<u64> {
        self.row_count(table)
    }
}

/// `nyala.tables`. Reads every table once for its fingerprint, when that is wanted. Counts and fingerprints of a time that a
/// table cannot be read at are null.
pub(super) fn tables(catalog: &SystemCatalog, out: &mut SystemTable, wanted: &[&str]) -> Result<()> {
    let needs = |columns: &[&str]| columns.iter().any(|column| wanted.contains(column));
    let with_history = needs(&["oldest_readable", "live_bytes", "history_bytes"]);
    for table in catalog.state.tables() {
        let history = if with_history { catalog.database.history(table.id)? } else { None };
        let mut rows = None;
        if needs(&["row_count"]) {
            rows = if_kept(catalog.view.row_count(table.id))?;
        }
        let mut fingerprint = None;
        if needs(&["fingerprint"]) {
            fingerprint = if_kept(catalog.view.fingerprint(table.id))?;
        }
        let options = &table.options;
        out.row(&[
            ("schema_name", value(schema_name(catalog, table))),
            ("table_name", value(&table.name)),
            ("row_count", rows.and_then(value)),
            ("fingerprint", fingerprint.and_then(|print| value(format!("{print:032x}")))),
            ("history_retention", options.history_retention_us.and_then(|us| value(retention_text(us)))),
            ("history_max_bytes", options.history_max_bytes.and_then(value)),
            ("compression", word(if options.compact { "compact" } else { "default" })),
            ("oldest_readable", history.and_then(|h| since(h.oldest_readable))),
            ("live_bytes", history.and_then(|h| value(h.live_bytes))),
            ("history_bytes", history.and_then(|h| value(h.history_bytes))),
            ("distinct_values", distinct(table)),
        ]);
    }
    Ok(())
}

/// None when the rows of the statement's time are gone.
fn if_kept<T>(told: Result<T>) -> Result<Option<T>> {
    match told {
        Ok(told) => Ok(Some(told)),
        Err(error) if error.kind() == ErrorKind::SnapshotTooOld => Ok(None),
        Err(error) => Err(error),
    }
}

/// `nyala.tablets`.
pub(super) fn tablets(catalog: &SystemCatalog, out: &mut SystemTable) -> Result<()> {
    let tablets = catalog.database.tablets()?;
    let places = Places::of(catalog, tablets.iter().map(|t| (t.table, t.tablet)));
    for tablet in tablets {
        let held = tablet.memtable_rows + tablet.live_segments + tablet.history_segments;
        if tablet.dropped.is_some() && held == 0 {
            continue;
        }
        let def = places.definition(tablet.tablet);
        let own = def.and_then(|d| d.tablets.iter().find(|t| t.id == tablet.tablet));
        let buckets = own
            .filter(|t| !t.buckets.is_empty())
            .and_then(|t| value(t.buckets.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")));
        let partition = own.and_then(|t| {
            let range = usize::try_from(t.range?).ok()?;
            let level = def?.partitioning.range.as_ref()?;
            Some((level, level.partitions.get(range)?))
        });
        let bounds = match (def, partition) {
            (Some(def), Some((level, partition))) => match bounds(catalog, def, level, partition) {
                // Of a table that was dropped, and then the type.
                Err(error) if error.kind() == ErrorKind::UndefinedObject => None,
                bounds => Some(bounds?),
            },
            _ => None,
        };
        let (lower, upper) = bounds.unzip();
        let [schema, table, index] = places.names(catalog, tablet.tablet);
        out.row(&[
            ("schema_name", schema),
            ("table_name", table),
            ("index_name", index),
            ("table_id", value(tablet.table)),
            ("tablet_id", value(tablet.tablet)),
            ("buckets", buckets),
            ("partition", partition.and_then(|(_, partition)| value(&partition.name))),
            ("lower_bound", lower.and_then(value)),
            ("upper_bound", upper.and_then(value)),
            ("dropped_at", tablet.dropped.and_then(time)),
            ("memtables", value(tablet.memtables)),
            ("memtable_rows", value(tablet.memtable_rows)),
            ("memtable_bytes", value(tablet.memtable_bytes)),
            ("live_segments", value(tablet.live_segments)),
            ("live_segment_rows", value(tablet.live_segment_rows)),
            ("dead_rows", value(tablet.dead_rows)),
            ("live_segment_bytes", value(tablet.live_segment_bytes)),
            ("history_segments", value(tablet.history_segments)),
            ("history_segment_bytes", value(tablet.history_segment_bytes)),
            ("oldest_readable", since(tablet.oldest_readable)),
        ]);
    }
    Ok(())
}

/// `nyala.segments`: one row per attachment of a segment.
pub(super) fn segments(catalog: &SystemCatalog, out: &mut SystemTable) -> Result<()> {
    let segments = catalog.database.segments()?;
    let places = Places::of(catalog, segments.iter().map(|s| (s.table, s.tablet)));
    for segment in segments {
        let [schema, table, index] = places.names(catalog, segment.tablet);
        out.row(&[
            ("schema_name", schema),
            ("table_name", table),
            ("index_name", index),
            ("table_id", value(segment.table)),
            ("tablet_id", value(segment.tablet)),
            ("reference_id", value(segment.reference)),
            ("segment_id", value(segment.segment)),
            ("kind", word(if segment.history || segment.detach_ts.is_some() { "history" } else { "live" })),
            ("rows", value(segment.rows)),
            ("dead_rows", value(segment.dead_rows)),
            ("file_bytes", value(segment.file_bytes)),
            // Rows that were written and not attached count from their own begin.
            ("attached_at", Some(segment.attach_ts).filter(|ts| *ts != CommitTs::ZERO).and_then(time)),
            ("detached_at", segment.detach_ts.and_then(time)),
            ("first_begin", time(segment.begin_min)),
            ("last_begin", time(segment.begin_max)),
        ]);
    }
    Ok(())
}

/// `nyala.pins`.
pub(super) fn pins(catalog: &SystemCatalog, out: &mut SystemTable) {
    for pin in catalog.database.pins() {
        out.row(&[
            ("owner", value(&pin.owner)),
            ("reads_at", time(pin.commit_ts)),
            ("commit_ts", value(pin.commit_ts)),
            ("readers", value(pin.count)),
        ]);
    }
}

/// `nyala.jobs`.
pub(super) fn jobs(catalog: &SystemCatalog, out: &mut SystemTable) {
    let jobs = catalog.database.jobs();
    let tablets = jobs.iter().filter_map(|job| Some((table_of(catalog, job.tablet?)?, job.tablet?)));
    let places = Places::of(catalog, tablets);
    for job in &jobs {
        let [schema, table, index] = job.tablet.map(|t| places.names(catalog, t)).unwrap_or_default();
        out.row(&[
            ("job_id", value(job.id)),
            ("kind", word(job.kind)),
            ("schema_name", schema),
            ("table_name", table),
            ("index_name", index),
            ("tablet_id", job.tablet.and_then(value)),
            ("started_at", time(CommitTs(job.started_us))),
            ("rows_done", value(job.rows_done)),
            ("rows_total", Some(job.rows_total).filter(|rows| *rows > 0).and_then(value)),
        ]);
    }
}

/// What tablets belong to.
struct Places {
    /// Definitions that have the tablet: that of now, else the last one that had it.
    definitions: BTreeMap<TabletId, Arc<TableDef>>,
    /// The tables that have indexes, by these.
    owners: BTreeMap<TableId, Arc<TableDef>>,
}

impl Places {
    fn of(catalog: &SystemCatalog, tablets: impl Iterator<Item = (TableId, TabletId)>) -> Self {
        let definition = |(table, tablet): (TableId, TabletId)| {
            let has = |def: &&Arc<TableDef>| def.tablets.iter().any(|t| t.id == tablet);
            let current = catalog.state.table(table).filter(has).cloned();
            let dropped = || catalog.database.dropped_definition(tablet);
            // At an earlier time the table may lack the tablet.
            Some((tablet, current.or_else(dropped).or_else(|| catalog.state.table(table).cloned())?))
        };
        let definitions: BTreeMap<_, _> = tablets.filter_map(definition).collect();
        let tables = definitions.values().filter(|def| !def.is_index()).chain(catalog.state.tables());
        let indexes =
            tables.flat_map(|def| def.unique.iter().map(move |unique| (unique.index, Arc::clone(def))));
        let owners = indexes.collect();
        Self { definitions, owners }
    }

    fn definition(&self, tablet: TabletId) -> Option<&TableDef> {
        self.definitions.get(&tablet).map(AsRef::as_ref)
    }

    /// Schema, table and index; the index is null for rows of the table itself.
    fn names(&self, catalog: &SystemCatalog, tablet: TabletId) -> [Value; 3] {
        let Some(def) = self.definition(tablet) else { return <[Value; 3]>::default() };
        let schema = catalog.state.schema(def.schema).and_then(|schema| value(&schema.name));
        match def.is_index() {
            true => [schema, self.owners.get(&def.id).and_then(|table| value(&table.name)), value(&def.name)],
            false => [schema, value(&def.name), None],
        }
    }
}

fn table_of(catalog: &SystemCatalog, tablet: TabletId) -> Option<TableId> {
    let mut tables = catalog.state.stored_tables();
    tables.find(|def| def.tablets.iter().any(|t| t.id == tablet)).map(|def| def.id)
}

/// pg_class.reloptions: the parameters that a table has of its own.
pub(super) fn options(table: &TableDef) -> Value {
    let options = &table.options;
    let mut parts = Vec::new();
    if let Some(us) = options.history_retention_us {
        parts.push(format!("\"history_retention={}\"", retention_text(us)));
    }
    if let Some(bytes) = options.history_max_bytes {
        parts.push(format!("history_max_bytes={bytes}"));
    }
    if options.compact {
        parts.push("compression=compact".to_owned());
    }
    if parts.is_empty() { None } else { value(format!("{{{}}}", parts.join(","))) }
}

/// A span of time as an interval shows it, in days of 24 hours; 0 as it is written.
fn retention_text(us: u64) -> String {
    if us == 0 {
        return "0".to_owned();
    }
    let interval = Interval {
        months: 0,
        days: i32::try_from(us / MICROS_PER_DAY).unwrap_or(i32::MAX),
        micros: i64::try_from(us % MICROS_PER_DAY).unwrap_or(0),
    };
    let mut out = String::new();
    let written = SqlType::of(oid::INTERVAL)
        .map(|ty| types::format_text(&ty, &Datum::Interval(interval), &IoSettings::default(), &mut out));
    match written {
        Some(Ok(())) => out,
        _ => format!("{us} us"),
    }
}

/// `column=count, ..` of the columns that ANALYZE counted.
fn distinct(table: &TableDef) -> Value {
    let counts: Vec<String> = table
        .distinct
        .iter()
        .filter_map(|count| Some(format!("{}={}", table.column(count.column)?.name, count.values)))
        .collect();
    if counts.is_empty() { None } else { value(counts.join(", ")) }
}

/// A time from which on something counts; of what was never lost, since ever.
fn since(ts: CommitTs) -> Value {
    if ts == CommitTs::ZERO { word("-infinity") } else { time(ts) }
}

/// A commit timestamp as timestamptz is read.
fn time(ts: CommitTs) -> Value {
    value(crate::session::shown(ts, &IoSettings::default()))
}
