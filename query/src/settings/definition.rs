//! The table of session variables: PostgreSQL's names, defaults and permitted values.
//!
//! Invariant: a variable is listed only when its value is honoured; values we cannot honour are refused by `check`.

use crate::settings::values::{encoding, lower_case};
use base::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    /// A whole number between the bounds; `unit_ms` values accept `5s`, `1min` and the like.
    Int {
        min: i64,
        max: i64,
        unit_ms: bool,
    },
    /// One of these words.
    Enum(&'static [&'static str]),
    Text,
    /// A comma-separated list of names.
    List,
    DateStyle,
    TimeZone,
    Encoding,
}

/// Who may change a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Told by the server, never set.
    Fixed,
    /// Set by SET.
    Session,
    /// Set within one transaction only (transaction_isolation and its like).
    Transaction,
}

/// One variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    /// As PostgreSQL spells it; compared without regard to case.
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    /// Told to the client when it changes (ParameterStatus).
    pub(crate) reported: bool,
    /// Values beside these are refused with 0A000; empty: all that `kind` permits are honoured.
    pub(crate) honoured: &'static [&'static str],
    pub(crate) description: &'static str,
}

const fn variable(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    description: &'static str,
) -> Definition {
    Definition { name, default, kind, scope: Scope::Session, reported: false, honoured: &[], description }
}

const fn fixed(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    description: &'static str,
) -> Definition {
    Definition { name, default, kind, scope: Scope::Fixed, reported: false, honoured: &[], description }
}

const fn reported(mut definition: Definition) -> Definition {
    definition.reported = true;
    definition
}

const fn only(mut definition: Definition, honoured: &'static [&'static str]) -> Definition {
    definition.honoured = honoured;
    definition
}

/// What the planner uses and cannot be told not to.
const fn planner(name: &'static str, description: &'static str) -> Definition {
    only(variable(name, "on", Kind::Bool, description), &["on"])
}

const fn transactional(mut definition: Definition) -> Definition {
    definition.scope = Scope::Transaction;
    definition
}

/// What PostgreSQL calls the release whose answers these are.
pub(crate) const SERVER_VERSION: &str = "15.18";

const MILLISECONDS: Kind = Kind::Int { min: 0, max: i32::MAX as i64, unit_ms: true };
const ISOLATION: Kind =
    Kind::Enum(&["serializable", "repeatable read", "read committed", "read uncommitted"]);
const TRUE_ISOLATION: &[&str] = &["repeatable read", "read committed", "read uncommitted"];
const MESSAGE_LEVELS: &[&str] =
    &["debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"];

/// Sorted by name without regard to case, as SHOW ALL lists them.
const DEFINITIONS: &[Definition] = &[
    reported(variable(
        "application_name",
        "",
        Kind::Text,
        "Sets the application name to be reported in statistics and logs.",
    )),
    only(variable("array_nulls", "on", Kind::Bool, "Enable input of NULL elements in arrays."), &["on"]),
    variable("bytea_output", "hex", Kind::Enum(&["escape", "hex"]), "Sets the output format for bytea."),
    only(
        reported(variable(
            "client_encoding",
            "UTF8",
            Kind::Encoding,
            "Sets the client's character set encoding.",
        )),
        &["UTF8"],
    ),
    variable(
        "client_min_messages",
        "notice",
        Kind::Enum(MESSAGE_LEVELS),
        "Sets the message levels that are sent to the client.",
    ),
    reported(variable(
        "DateStyle",
        "ISO, MDY",
        Kind::DateStyle,
        "Sets the display format for date and time values.",
    )),
    fixed(
        "default_table_access_method",
        "heap",
        Kind::Text,
        "Sets the default table access method for new tables.",
    ),
    only(
        variable(
            "default_transaction_deferrable",
            "off",
            Kind::Bool,
            "Sets the default deferrable status of new transactions.",
        ),
        &["off"],
    ),
    only(
        variable(
            "default_transaction_isolation",
            "read committed",
            ISOLATION,
            "Sets the transaction isolation level of each new transaction.",
        ),
        TRUE_ISOLATION,
    ),
    reported(variable(
        "default_transaction_read_only",
        "off",
        Kind::Bool,
        "Sets the default read-only status of new transactions.",
    )),
    planner("enable_hashagg", "Enables the planner's use of hashed aggregation plans."),
    planner("enable_hashjoin", "Enables the planner's use of hash join plans."),
    planner("enable_nestloop", "Enables the planner's use of nested-loop join plans."),
    planner("enable_seqscan", "Enables the planner's use of sequential-scan plans."),
    planner("enable_sort", "Enables the planner's use of explicit sort steps."),
    // There is nothing to warn of while standard_conforming_strings is on.
    variable(
        "escape_string_warning",
        "on",
        Kind::Bool,
        "Warn about backslash escapes in ordinary string literals.",
    ),
    variable(
        "extra_float_digits",
        "1",
        Kind::Int { min: -15, max: 3, unit_ms: false },
        "Sets the number of digits displayed for floating-point values.",
    ),
    only(
        variable(
            "idle_in_transaction_session_timeout",
            "0",
            MILLISECONDS,
            "Sets the maximum allowed idle time between queries, when in a transaction.",
        ),
        &["0"],
    ),
    only(
        variable(
            "idle_session_timeout",
            "0",
            MILLISECONDS,
            "Sets the maximum allowed idle time between queries, when not in a transaction.",
        ),
        &["0"],
    ),
    reported(fixed("in_hot_standby", "off", Kind::Bool, "Shows whether hot standby is currently active.")),
    reported(fixed("integer_datetimes", "on", Kind::Bool, "Shows whether datetimes are integer based.")),
    reported(variable(
        "IntervalStyle",
        "postgres",
        Kind::Enum(&["postgres", "postgres_verbose", "sql_standard", "iso_8601"]),
        "Sets the display format for interval values.",
    )),
    reported(fixed("is_superuser", "on", Kind::Bool, "Shows whether the current user is a superuser.")),
    fixed("lc_collate", "C", Kind::Text, "Shows the collation order locale."),
    fixed("lc_ctype", "C", Kind::Text, "Shows the character classification and case conversion locale."),
    only(
        variable("lc_messages", "C", Kind::Text, "Sets the language in which messages are displayed."),
        &["C", "POSIX"],
    ),
    only(
        variable("lc_monetary", "C", Kind::Text, "Sets the locale for formatting monetary amounts."),
        &["C", "POSIX"],
    ),
    only(variable("lc_numeric", "C", Kind::Text, "Sets the locale for formatting numbers."), &["C", "POSIX"]),
    only(
        variable("lc_time", "C", Kind::Text, "Sets the locale for formatting date and time values."),
        &["C", "POSIX"],
    ),
    variable("lock_timeout", "0", MILLISECONDS, "Sets the maximum allowed duration of any wait for a lock."),
    fixed(
        "max_identifier_length",
        "63",
        Kind::Int { min: 63, max: 63, unit_ms: false },
        "Shows the maximum identifier length.",
    ),
    fixed(
        "max_index_keys",
        "32",
        Kind::Int { min: 32, max: 32, unit_ms: false },
        "Shows the maximum number of index keys.",
    ),
    fixed(
        "max_prepared_transactions",
        "0",
        Kind::Int { min: 0, max: 262_143, unit_ms: false },
        "Sets the maximum number of simultaneously prepared transactions.",
    ),
    variable("nyala.as_of", "", Kind::Text, "Sets the time at which tables are read; empty for now."),
    only(variable("role", "none", Kind::Text, "Sets the current role."), &["none", "postgres"]),
    variable("row_security", "on", Kind::Bool, "Enable row security."),
    variable(
        "search_path",
        "\"$user\", public",
        Kind::List,
        "Sets the schema search order for names that are not schema-qualified.",
    ),
    reported(fixed(
        "server_encoding",
        "UTF8",
        Kind::Text,
        "Shows the server (database) character set encoding.",
    )),
    reported(fixed("server_version", SERVER_VERSION, Kind::Text, "Shows the server version.")),
    fixed(
        "server_version_num",
        "150018",
        Kind::Int { min: 150_018, max: 150_018, unit_ms: false },
        "Shows the server version as an integer.",
    ),
    only(
        reported(variable("session_authorization", "postgres", Kind::Text, "Sets the session user name.")),
        &["postgres"],
    ),
    only(
        reported(variable(
            "standard_conforming_strings",
            "on",
            Kind::Bool,
            "Causes '...' strings to treat backslashes literally.",
        )),
        &["on"],
    ),
    variable("statement_timeout", "0", MILLISECONDS, "Sets the maximum allowed duration of any statement."),
    variable("synchronize_seqscans", "on", Kind::Bool, "Enable synchronized sequential scans."),
    only(
        variable(
            "synchronous_commit",
            "on",
            Kind::Enum(&["local", "remote_write", "remote_apply", "on", "off"]),
            "Sets the current transaction's synchronization level.",
        ),
        &["on", "local", "remote_write", "remote_apply"],
    ),
    reported(variable(
        "TimeZone",
        "UTC",
        Kind::TimeZone,
        "Sets the time zone for displaying and interpreting time stamps.",
    )),
    transactional(only(
        variable(
            "transaction_deferrable",
            "off",
            Kind::Bool,
            "Whether to defer a read-only serializable transaction until it can be executed with no possible serialization failures.",
        ),
        &["off"],
    )),
    transactional(only(
        variable(
            "transaction_isolation",
            "read committed",
            ISOLATION,
            "Sets the current transaction's isolation level.",
        ),
        TRUE_ISOLATION,
    )),
    transactional(variable(
        "transaction_read_only",
        "off",
        Kind::Bool,
        "Sets the current transaction's read-only status.",
    )),
    only(
        variable("transform_null_equals", "off", Kind::Bool, "Treats \"expr=NULL\" as \"expr IS NULL\"."),
        &["off"],
    ),
];

/// All variables in the order of SHOW ALL.
pub(crate) fn definitions() -> &'static [Definition] {
    DEFINITIONS
}

/// The variable of that name, in any case.
pub(crate) fn definition(name: &str) -> Option<&'static Definition> {
    static BY_NAME: LazyLock<HashMap<String, &Definition>> =
        LazyLock::new(|| DEFINITIONS.iter().map(|d| (d.name.to_ascii_lowercase(), d)).collect());
    BY_NAME.get(&*lower_case(name)).copied()
}

impl Definition {
    /// The canonical spelling of `value`; 22023 when it is not one, 0A000 when we cannot honour it.
    pub(crate) fn check(&self, value: &str) -> Result<String> {
        let canonical = match self.kind {
            Kind::Bool => self.boolean(value)?,
            Kind::Int { min, max, unit_ms } => self.integer(value, min, max, unit_ms)?,
            Kind::Enum(words) => self.word(value, words)?,
            Kind::Text | Kind::List => value.to_owned(),
            Kind::DateStyle => date_style(value, self.default, self)?,
            Kind::TimeZone => self.time_zone(value)?,
            Kind::Encoding => encoding(value).ok_or_else(|| self.invalid(value))?.to_owned(),
        };
        if !self.honoured.is_empty() && !self.honoured.contains(&canonical.as_str()) {
            let message = format!("parameter \"{}\" cannot be set to \"{value}\"", self.name);
            return Err(
                Error::unsupported(message).with_hint(format!("supported: {}", self.honoured.join(", ")))
            );
        }
        Ok(canonical)
    }

    fn invalid(&self, value: &str) -> Error {
        let message = format!("invalid value for parameter \"{}\": \"{value}\"", self.name);
        Error::new(ErrorKind::InvalidParameterValue, message)
    }

    fn boolean(&self, value: &str) -> Result<String> {
        parse_bool(value).map(|on| if on { "on" } else { "off" }.to_owned()).ok_or_else(|| {
            let message = format!("parameter \"{}\" requires a Boolean value", self.name);
            Error::new(ErrorKind::InvalidParameterValue, message)
        })
    }

    fn word(&self, value: &str, words: &[&'static str]) -> Result<String> {
        // synchronous_commit also takes the words of a boolean.
        let as_bool = parse_bool(value).map(|on| if on { "on" } else { "off" });
        words
            .iter()
            .copied()
            .find(|word| word.eq_ignore_ascii_case(value))
            .or_else(|| as_bool.filter(|word| words.contains(word)))
            .map(str::to_owned)
            .ok_or_else(|| self.invalid(value).with_hint(format!("Available values: {}.", words.join(", "))))
    }

    fn integer(&self, value: &str, min: i64, max: i64, unit_ms: bool) -> Result<String> {
        let number = parse_int(value.trim(), unit_ms).ok_or_else(|| {
            let error = self.invalid(value);
            if unit_ms {
                error.with_hint(
                    "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".",
                )
            } else {
                error
            }
        })?;
        if number < min || number > max {
            let unit = if unit_ms { " ms" } else { "" };
            let message = format!(
                "{number}{unit} is outside the valid range for parameter \"{}\" ({min} .. {max})",
                self.name
            );
            return Err(Error::new(ErrorKind::InvalidParameterValue, message));
        }
        Ok(number.to_string())
    }

    fn time_zone(&self, value: &str) -> Result<String> {
        types::zone::Zone::of_setting(value).map(|zone| zone.name()).ok_or_else(|| self.invalid(value))
    }
}

/// PostgreSQL's words for a boolean, and their unambiguous beginnings.
pub(crate) fn parse_bool(value: &str) -> Option<bool> {
    let value = value.trim().to_ascii_lowercase();
    let begins = |word: &str, at_least: usize| value.len() >= at_least && word.starts_with(&value);
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || value == "1" {
        Some(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || value == "0" {
        Some(false)
    } else {
        None
    }
}

/// A whole number; with units, in milliseconds, rounded to the nearest.
fn parse_int(value: &str, unit_ms: bool) -> Option<i64> {
    let digits =
        value.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let factor = match unit.trim() {
        "" => 1.0,
        "us" if unit_ms => 0.001,
        "ms" if unit_ms => 1.0,
        "s" if unit_ms => 1_000.0,
        "min" if unit_ms => 60_000.0,
        "h" if unit_ms => 3_600_000.0,
        "d" if unit_ms => 86_400_000.0,
        _ => return None,
    };
    let scaled = number.parse::<f64>().ok()? * factor;
    // Far below 2^53, so that the conversion is exact.
    (scaled.abs() <= 1e15).then(|| scaled.round_ties_even() as i64)
}

/// A style and an order, as `ISO, MDY`, from words in any order; what they leave open stays as it is in `current`.
pub(super) fn date_style(value: &str, current: &str, definition: &Definition) -> Result<String> {
    let (mut style, mut order) = (None, None);
    let mut conflict = false;
    let mut implied = None;
    for word in value.split(',').map(str::trim) {
        let lower = word.to_ascii_lowercase();
        let mut style_is =
            |name: &'static str| conflict |= style.replace(name).is_some_and(|old| old != name);
        match lower.as_str() {
            "iso" => style_is("ISO"),
            "sql" => style_is("SQL"),
            "german" => {
                style_is("German");
                implied = Some("DMY");
            }
            postgres if postgres.starts_with("postgres") => style_is("Postgres"),
            "default" => {
                let (default_style, default_order) = halves(definition.default);
                style = style.or(Some(default_style));
                order = order.or(Some(default_order));
            }
            _ => {
                let named = order_of(&lower).ok_or_else(|| {
                    definition.invalid(value).with_detail(format!("Unrecognized key word: \"{lower}\"."))
                })?;
                conflict |= order.replace(named).is_some_and(|old| old != named);
            }
        }
    }
    if conflict {
        return Err(definition.invalid(value).with_detail("Conflicting \"datestyle\" specifications."));
    }
    let (current_style, current_order) = halves(current);
    let order = order.or(implied).unwrap_or(current_order);
    Ok(format!("{}, {order}", style.unwrap_or(current_style)))
}

fn halves(value: &str) -> (&str, &str) {
    value.split_once(", ").unwrap_or((value, "MDY"))
}

fn order_of(word: &str) -> Option<&'static str> {
    match word {
        "mdy" | "us" => Some("MDY"),
        "dmy" => Some("DMY"),
        "ymd" => Some("YMD"),
        word if word.starts_with("noneuro") => Some("MDY"),
        word if word.starts_with("euro") => Some("DMY"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{definition, definitions, parse_bool, parse_int};
    use base::ErrorKind;

    #[test]
    fn defaults_are_values_that_set_accepts() {
        for d in definitions() {
            assert_eq!(d.check(d.default).unwrap(), d.default, "{}", d.name);
        }
    }

    #[test]
    fn variables_are_listed_in_the_order_of_show_all() {
        let names: Vec<String> = definitions().iter().map(|d| d.name.to_ascii_lowercase()).collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted);
    }

    #[test]
    fn times_take_units() {
        assert_eq!(parse_int("1.5s", true), Some(1_500));
        assert_eq!(parse_int("2 min", true), Some(120_000));
        assert_eq!(parse_int("2 min", false), None);
        assert_eq!(parse_int("x", true), None);
        let error = definition("statement_timeout").unwrap().check("-1").unwrap_err();
        assert_eq!(
            error.message(),
            "-1 ms is outside the valid range for parameter \"statement_timeout\" (0 .. 2147483647)"
        );
    }

    #[test]
    fn booleans_take_beginnings_of_words() {
        assert_eq!(
            (parse_bool("T"), parse_bool("of"), parse_bool("o"), parse_bool("2")),
            (Some(true), Some(false), None, None)
        );
    }

    #[test]
    fn what_is_not_honoured_is_refused() {
        let refused = |name: &str, value: &str| definition(name).unwrap().check(value).unwrap_err().kind();
        assert_eq!(refused("client_encoding", "latin1"), ErrorKind::Unsupported);
        assert_eq!(refused("client_encoding", "klingon"), ErrorKind::InvalidParameterValue);
        assert_eq!(refused("standard_conforming_strings", "off"), ErrorKind::Unsupported);
        assert_eq!(refused("default_transaction_isolation", "serializable"), ErrorKind::Unsupported);
        assert_eq!(refused("DateStyle", "German, SQL"), ErrorKind::InvalidParameterValue);
        assert_eq!(definition("datestyle").unwrap().check("German").unwrap(), "German, DMY");
        assert_eq!(definition("datestyle").unwrap().check("sql, european").unwrap(), "SQL, DMY");
        assert_eq!(definition("datestyle").unwrap().check("dmy").unwrap(), "ISO, DMY");
        assert_eq!(definition("client_encoding").unwrap().check("utf-8").unwrap(), "UTF8");
    }
}
