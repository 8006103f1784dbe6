//! Functions whose rows are facts of this server: what their views and their callers read.
//!
//! Invariant: a function listed here has rows for any constant arguments.

use crate::engine::DATABASE_OID;
use crate::session::Activity;
use crate::system::SystemCatalog;
use crate::system::server;
use crate::system::table::{SystemTable, Value, flag, value, word};
use base::id::{CommitTs, Oid};
use catalog::builtin::{KeywordClass, keywords, proc};
use types::zone::Zone;
use types::{Datum, IoSettings};

/// By the name of PostgreSQL's implementation.
const FUNCTIONS: &[&str] = &[
    "show_all_settings",
    "pg_stat_get_activity",
    "pg_get_keywords",
    "pg_timezone_names",
    "pg_lock_status",
    "pg_prepared_xact",
    "pg_prepared_statement",
    "pg_available_extensions",
    "pg_available_extension_versions",
];

/// Whether a function of pg_proc is one of these.
pub(crate) fn has_rows(id: Oid) -> bool {
    proc(id).is_some_and(|row| FUNCTIONS.contains(&row.source))
}

/// Adds the rows of a function.
pub(super) fn rows(catalog: &SystemCatalog, out: &mut SystemTable, function: Oid, args: &[Datum]) {
    match proc(function).map_or("", |row| row.source) {
        "show_all_settings" => server::settings(catalog, out),
        "pg_stat_get_activity" => activity(catalog, out, args.first()),
        "pg_prepared_statement" => server::prepared_statements(catalog, out),
        "pg_get_keywords" => words(out),
        "pg_timezone_names" => zones(catalog, out),
        // There are no locks to show, no prepared transactions and no extensions.
        _ => {}
    }
}

fn activity(catalog: &SystemCatalog, out: &mut SystemTable, wanted: Option<&Datum>) {
    let wanted = match wanted {
        Some(Datum::Int32(process_id)) => Some(*process_id),
        _ => None,
    };
    for session in catalog.sessions.all() {
        if wanted.is_none_or(|process_id| process_id == session.process_id) {
            out.row(&session_row(&session));
        }
    }
}

fn session_row(session: &Activity) -> Vec<(&'static str, Value)> {
    let waiting = session.state != "active";
    vec![
        ("datid", value(DATABASE_OID)),
        ("pid", value(session.process_id)),
        ("usesysid", value(super::relations::OWNER)),
        ("application_name", value(&session.application)),
        ("state", word(session.state)),
        ("query", value(&session.query)),
        ("wait_event_type", if waiting { word("Client") } else { None }),
        ("wait_event", if waiting { word("ClientRead") } else { None }),
        ("xact_start", session.transaction_us.and_then(time)),
        ("query_start", session.query_us.and_then(time)),
        ("backend_start", time(session.started_us)),
        ("state_change", time(session.changed_us)),
        ("client_addr", session.client.and_then(|client| value(client.ip()))),
        ("client_port", session.client.and_then(|client| value(client.port()))),
        ("backend_type", word("client backend")),
        ("ssl", flag(false)),
        ("gss_auth", flag(false)),
        ("gss_enc", flag(false)),
    ]
}

/// A time as timestamptz is read.
fn time(micros: i64) -> Value {
    let ts = CommitTs(u64::try_from(micros).ok()?);
    value(crate::session::shown(ts, &IoSettings::default()))
}

fn words(out: &mut SystemTable) {
    let mut all: Vec<_> = keywords().collect();
    all.sort_unstable_by_key(|keyword| keyword.word);
    for keyword in all {
        let (code, meaning) = match keyword.class {
            KeywordClass::Unreserved => ("U", "unreserved"),
            KeywordClass::ColumnName => ("C", "unreserved (cannot be function or type name)"),
            KeywordClass::TypeOrFunctionName => ("T", "reserved (can be function or type name)"),
            KeywordClass::Reserved => ("R", "reserved"),
        };
        let label = if keyword.bare_label { "can be bare label" } else { "requires AS" };
        out.row(&[
            ("word", word(keyword.word)),
            ("catcode", word(code)),
            ("barelabel", flag(keyword.bare_label)),
            ("catdesc", word(meaning)),
            ("baredesc", word(label)),
        ]);
    }
}

fn zones(catalog: &SystemCatalog, out: &mut SystemTable) {
    for (name, zone) in Zone::all() {
        let offset = zone.offset_at(catalog.now_us);
        let (sign, seconds) = (if offset < 0 { "-" } else { "" }, offset.unsigned_abs());
        let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        out.row(&[
            ("name", word(name)),
            ("abbrev", value(zone.abbreviation(catalog.now_us))),
            ("utc_offset", value(format!("{sign}{hours:02}:{minutes:02}:{rest:02}"))),
            ("is_dst", flag(zone.is_daylight_saving(catalog.now_us))),
        ]);
    }
}
