//! Roles, settings and prepared statements: pg_authid, pg_show_all_settings(), pg_prepared_statement().
//!
//! Invariant: pg_settings tells the values that SHOW tells.

use crate::session::{Kept, shown};
use crate::settings::{Definition, Kind, Scope, definitions, is_hidden};
use crate::system::builtin::SystemCatalog;
use crate::system::relations::{OWNER, OWNER_NAME};
use crate::system::table::{SystemTable, Value, array, flag, value, word};
use base::id::CommitTs;
use catalog::builtin::{Relation, relation};
use types::IoSettings;

pub(super) fn roles(out: &mut SystemTable) {
    let yes = || flag(true);
    out.row(&[
        ("oid", value(OWNER)),
        ("rolname", word(OWNER_NAME)),
        ("rolsuper", yes()),
        ("rolinherit", yes()),
        ("rolcreaterole", yes()),
        ("rolcreatedb", yes()),
        ("rolcanlogin", yes()),
        ("rolreplication", yes()),
        ("rolbypassrls", yes()),
        ("rolconnlimit", word("-1")),
    ]);
}

/// What PostgreSQL's documentation of a parameter says, by the column of pg_settings.
fn described(name: &str, column: &str) -> Value {
    let parameters: &'static Relation = relation("parameters")?;
    let (own, place) = (parameters.column("name")?, parameters.column(column)?);
    let row = parameters.rows.iter().find(|row| row.get(own).is_some_and(|v| v.as_deref() == Some(name)))?;
    row.get(place)?.clone()
}

/// Statements are planned with the values of their parameters, each time anew.
pub(super) fn prepared_statements(catalog: &SystemCatalog, out: &mut SystemTable) {
    let mut names: Vec<&String> = catalog.statements.keys().filter(|name| !name.is_empty()).collect();
    names.sort();
    for name in names {
        let Some(Kept { statement: Some(prepared), from_sql, at_us }) = catalog.statements.get(name) else {
            continue;
        };
        let ts = CommitTs(u64::try_from(*at_us).unwrap_or(0));
        // Without parameters every plan is a general one.
        let (generic, custom) = match prepared.parameter_types.is_empty() {
            true => (prepared.executions(), 0),
            false => (0, prepared.executions()),
        };
        out.row(&[
            ("name", value(name)),
            ("statement", value(prepared.text())),
            ("prepare_time", value(shown(ts, &IoSettings::default()))),
            ("parameter_types", array(prepared.parameter_types.iter().map(types::SqlType::named))),
            ("from_sql", flag(*from_sql)),
            ("generic_plans", value(generic)),
            ("custom_plans", value(custom)),
        ]);
    }
}

pub(super) fn settings(catalog: &SystemCatalog, out: &mut SystemTable) {
    for d in definitions().iter().filter(|d| !is_hidden(d.name)) {
        let setting = catalog.variables.get(d.name).to_owned();
        let source = if setting == d.default { "default" } else { "session" };
        let (kind, unit, bounds, words) = kind_of(d);
        let (min, max) = bounds.map_or((None, None), |(min, max)| (value(min), value(max)));
        out.row(&[
            ("name", word(d.name)),
            ("setting", value(setting)),
            ("unit", unit),
            ("category", described(d.name, "category").or(word("Customized Options"))),
            ("short_desc", word(d.description)),
            ("extra_desc", described(d.name, "extra_desc")),
            ("context", word(if d.scope == Scope::Fixed { "internal" } else { "user" })),
            ("vartype", word(kind)),
            ("source", word(source)),
            ("min_val", min),
            ("max_val", max),
            ("enumvals", words),
            ("boot_val", word(d.default)),
            ("reset_val", word(d.default)),
            ("pending_restart", flag(false)),
        ]);
    }
}

type KindRow = (&'static str, Value, Option<(i64, i64)>, Value);

fn kind_of(d: &Definition) -> KindRow {
    match d.kind {
        Kind::Bool => ("bool", None, None, None),
        Kind::Int { min, max, unit_ms } => {
            ("integer", unit_ms.then_some("ms".into()), Some((min, max)), None)
        }
        Kind::Enum(words) => ("enum", None, None, value(format!("{{{}}}", quoted_words(words)))),
        Kind::Text | Kind::List | Kind::DateStyle | Kind::TimeZone | Kind::Encoding => {
            ("string", None, None, None)
        }
    }
}

fn quoted_words(words: &[&str]) -> String {
    words
        .iter()
        .map(|w| if w.contains(' ') { format!("\"{w}\"") } else { (*w).to_owned() })
        .collect::<Vec<_>>()
        .join(",")
}
