//! Functions that tell of this server what statistics views and tools ask: counters, sessions, start time, locks.
//!
//! Invariant: what is not counted is 0 or null, as it is where PostgreSQL is told not to count.

use crate::engine::DATABASE_OID;
use crate::interrupt::CancelHandle;
use crate::kernel::call::{Arg, Call, Run, map0, map1, map2};
use crate::kernel::list::each;
use crate::kernel::system::table;
use crate::kernel::value::{Bool, Double, Id, Int4, Int8, Stamp, Text};
use crate::session::Activity;
use arrow::array::{ArrayRef, new_null_array};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::Proc;
use std::net::SocketAddr;
use std::time::Duration;
use types::sql_type::oid;
use types::{Datum, Form};

/// A counter that PostgreSQL keeps of relations, functions or the database, and this server does not; None for other
/// functions.
pub(crate) fn counter(proc: &Proc) -> Option<Run> {
    const COUNTERS: &[&str] =
        &["pg_stat_get_db_", "pg_stat_get_tuples_", "pg_stat_get_xact_", "pg_stat_get_function_"];
    const OTHERS: &[&str] = &[
        "pg_stat_get_numscans",
        "pg_stat_get_blocks_fetched",
        "pg_stat_get_blocks_hit",
        "pg_stat_get_dead_tuples",
        "pg_stat_get_mod_since_analyze",
        "pg_stat_get_ins_since_vacuum",
        "pg_stat_get_last_vacuum_time",
        "pg_stat_get_last_autovacuum_time",
        "pg_stat_get_last_analyze_time",
        "pg_stat_get_last_autoanalyze_time",
        "pg_stat_get_vacuum_count",
        "pg_stat_get_autovacuum_count",
        "pg_stat_get_analyze_count",
        "pg_stat_get_autoanalyze_count",
    ];
    let source = proc.source;
    let is_counter = OTHERS.contains(&source) || COUNTERS.iter().any(|start| source.starts_with(start));
    let of_function = source.contains("_function_");
    match proc.result {
        _ if !is_counter || proc.returns_set => None,
        // Of a function without calls nothing is known.
        oid::INT8 | oid::FLOAT8 if of_function => Some(nulls),
        oid::INT8 | oid::FLOAT8 => Some(zeros),
        oid::TIMESTAMPTZ => Some(nulls),
        _ => None,
    }
}

fn zeros(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    each(call, args, |row| {
        Ok(match (row.contains(&Datum::Null), &call.ret.form) {
            (true, _) => Datum::Null,
            (false, Form::Float64) => Datum::Float64(0.0),
            (false, _) => Datum::Int64(0),
        })
    })
}

fn nulls(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    Ok(new_null_array(&call.ret.form.arrow(), call.rows))
}

fn live_rows(call: &Call<'_>, id: u32) -> Result<i64> {
    match table(call, id) {
        Some(def) => Ok(i64::try_from(call.statement.sizes.rows(def.id)?).unwrap_or(i64::MAX)),
        None => Ok(0),
    }
}

/// The port at one end of the session's connection; null for one in this process.
fn port(call: &Call<'_>, end: fn(&Activity) -> Option<SocketAddr>) -> Result<ArrayRef> {
    let sessions = call.statement.sessions.all();
    let own = sessions.iter().find(|session| session.process_id == call.statement.process_id);
    match own.and_then(end) {
        Some(address) => map0::<Int4>(call, || Ok(i32::from(address.port()))),
        None => nulls(call, &[]),
    }
}

fn sessions(call: &Call<'_>, database: u32) -> i32 {
    let count = if database == DATABASE_OID.0 { call.statement.sessions.all().len() } else { 0 };
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The access list of an object that has none of its own, by what kind it is. XX000 for a kind that there is not.
fn default_access(kind: &str, owner: u32) -> Result<Vec<Datum>> {
    let (owner_has, all_have) = match kind {
        "c" => ("", ""),
        "r" => ("arwdDxt", ""),
        "s" => ("rwU", ""),
        "d" => ("CTc", "Tc"),
        "f" => ("X", "X"),
        "l" | "T" => ("U", "U"),
        "L" => ("rw", ""),
        "n" => ("UC", ""),
        "p" => ("sA", ""),
        "t" => ("C", ""),
        "F" | "S" => ("U", ""),
        _ => return Err(Error::internal(format!("unrecognized objtype abbreviation: {kind}"))),
    };
    let owner = catalog::builtin::role_name(Oid(owner)).map_or_else(|| owner.to_string(), str::to_owned);
    let everybody = (!all_have.is_empty()).then(|| format!("={all_have}/{owner}"));
    let own = (!owner_has.is_empty()).then(|| format!("{owner}={owner_has}/{owner}"));
    Ok(everybody.into_iter().chain(own).map(Datum::Text).collect())
}

/// Waits without holding up other statements; a cancelled one ends at once.
fn sleep(call: &Call<'_>, seconds: f64) -> Result<String> {
    let duration = match Duration::try_from_secs_f64(seconds.max(0.0)) {
        Ok(duration) => duration,
        Err(_) => Duration::MAX,
    };
    call.statement.interrupt.sleep(duration)?;
    Ok(String::new())
}

/// Whether there was a session of that process id to stop.
fn stop(call: &Call<'_>, process_id: i32, how: fn(&CancelHandle)) -> bool {
    let handles = call.statement.sessions.handles(process_id);
    handles.iter().for_each(how);
    !handles.is_empty()
}

/// pg_tablespace.oid of the tablespaces that every cluster has.
const DEFAULT_TABLESPACE: u32 = 1_663;
const GLOBAL_TABLESPACE: u32 = 1_664;

/// A name that an OID makes unique, cut so that both have room in a name.
fn name_with_oid(name: &str, id: u32) -> String {
    let behind = format!("_{id}");
    let room = base::limits::IDENTIFIER_BYTES_MAX.saturating_sub(behind.len());
    let cut = name.floor_char_boundary(room.min(name.len()));
    format!("{}{behind}", name.get(..cut).unwrap_or_default())
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("pg_stat_get_live_tuples", |c, a| map1::<Id, Int8, _>(c, a, |id| live_rows(c, id))),
    ("pg_stat_get_db_numbackends", |c, a| map1::<Id, Int4, _>(c, a, |id| Ok(sessions(c, id)))),
    ("inet_client_port", |c, _| port(c, |session| session.client)),
    ("inet_server_port", |c, _| port(c, |session| session.server)),
    ("pg_postmaster_start_time", |c, _| map0::<Stamp>(c, || Ok(c.statement.server_started_us))),
    ("pg_conf_load_time", |c, _| map0::<Stamp>(c, || Ok(c.statement.server_started_us))),
    ("acldefault_sql", |c, a| {
        each(c, a, |row| match row.as_slice() {
            [Datum::Text(kind), Datum::UInt32(owner)] => default_access(kind, *owner).map(Datum::list),
            _ => Ok(Datum::Null),
        })
    }),
    // Nothing waits for a lock that another session holds until it lets go.
    ("pg_blocking_pids", |c, a| {
        each(c, a, |row| Ok(if row.contains(&Datum::Null) { Datum::Null } else { Datum::list(Vec::new()) }))
    }),
    // Advisory locks cannot be taken, so that there is none to give back.
    ("pg_sleep", |c, a| map1::<Double, Text, _>(c, a, |seconds| sleep(c, seconds))),
    ("pg_cancel_backend", |c, a| map1::<Int4, Bool, _>(c, a, |id| Ok(stop(c, id, CancelHandle::cancel)))),
    ("pg_terminate_backend", |c, a| {
        map2::<Int4, Int8, Bool, _>(c, a, |id, timeout| match timeout {
            0 => Ok(stop(c, id, CancelHandle::end)),
            _ => Err(Error::unsupported("pg_terminate_backend() with a time to wait is not supported")),
        })
    }),
    ("pg_tablespace_size_oid", |c, a| {
        map1::<Id, Int8, _>(c, a, |id| match id {
            DEFAULT_TABLESPACE => crate::kernel::describe::database_bytes(c).map(Some),
            GLOBAL_TABLESPACE => Ok(Some(0)),
            _ => Ok(None),
        })
    }),
    ("pg_tablespace_size_name", |c, a| {
        map1::<Text, Int8, _>(c, a, |name| match name {
            "pg_default" => crate::kernel::describe::database_bytes(c),
            "pg_global" => Ok(0),
            _ => {
                let message = format!("tablespace \"{name}\" does not exist");
                Err(Error::new(ErrorKind::UndefinedObject, message))
            }
        })
    }),
    ("nameconcatoid", |c, a| map2::<Text, Id, Text, _>(c, a, |name, id| Ok(name_with_oid(name, id)))),
    ("pg_advisory_unlock_all", |c, _| map0::<Text>(c, || Ok(String::new()))),
    ("row_security_active", |c, a| map1::<Id, Bool, _>(c, a, |_| Ok(false))),
];
