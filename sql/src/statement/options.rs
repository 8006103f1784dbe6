//! Storage parameters of tables: `WITH (history_retention = '7 days', ..)`, SET and RESET of ALTER TABLE.
//!
//! Must not know what they do. Invariant: a value that is accepted is stored exactly.

use crate::bound::OptionChanges;
use crate::parse::TableOption;
use base::{Error, ErrorKind, Result};
use types::sql_type::oid;
use types::{Datum, IoSettings, SqlType};

/// PostgreSQL's own, which say nothing about tables of ours.
const FOREIGN: &[&str] = &[
    "fillfactor",
    "parallel_workers",
    "toast_tuple_target",
    "user_catalog_table",
    "vacuum_index_cleanup",
    "vacuum_truncate",
    "log_autovacuum_min_duration",
];

const MICROS_PER_DAY: i128 = 86_400_000_000;

/// WITH and SET.
pub(super) fn set(options: &[TableOption], io: &IoSettings) -> Result<OptionChanges> {
    let mut changes = OptionChanges::default();
    for option in options {
        known(option)?;
        let value = option.value.as_deref();
        let again = match option.name.as_str() {
            "history_retention" => {
                changes.history_retention_us.replace(Some(retention(option, value, io)?)).is_some()
            }
            "history_max_bytes" => changes.history_max_bytes.replace(Some(bytes(option, value)?)).is_some(),
            _ => changes.compact.replace(is_compact(option, value)?).is_some(),
        };
        if again {
            return Err(twice(option));
        }
    }
    Ok(changes)
}

/// RESET.
pub(super) fn reset(options: &[TableOption]) -> Result<OptionChanges> {
    let mut changes = OptionChanges::default();
    for option in options {
        if option.value.is_some() {
            let message = "RESET must not include values for parameters";
            return Err(Error::new(ErrorKind::Syntax, message).at(option.at));
        }
        known(option)?;
        match option.name.as_str() {
            "history_retention" => changes.history_retention_us = Some(None),
            "history_max_bytes" => changes.history_max_bytes = Some(None),
            _ => changes.compact = Some(false),
        }
    }
    Ok(changes)
}

/// The option whose value SET and WITH must read; 22023 for one that does not exist.
fn known(option: &TableOption) -> Result<()> {
    const HINT: &str = "The parameters of a table are history_retention, history_max_bytes and compression.";
    let name = option.name.as_str();
    if matches!(name, "history_retention" | "history_max_bytes" | "compression") {
        return Ok(());
    }
    if FOREIGN.contains(&name) || name.starts_with("autovacuum_") || name.starts_with("toast.") {
        return Err(Error::unsupported(format!("parameter \"{name}\" is not supported"))
            .at(option.at)
            .with_hint("Leave it out: it says how PostgreSQL lays out its own files."));
    }
    let message = match name.split_once('.') {
        Some((namespace, _)) => format!("unrecognized parameter namespace \"{namespace}\""),
        None => format!("unrecognized parameter \"{name}\""),
    };
    Err(Error::new(ErrorKind::InvalidParameterValue, message).at(option.at).with_hint(HINT))
}

fn twice(option: &TableOption) -> Error {
    let message = format!("parameter \"{}\" specified more than once", option.name);
    Error::new(ErrorKind::InvalidParameterValue, message).at(option.at)
}

fn invalid(option: &TableOption, value: &str, hint: &str) -> Error {
    let message = format!("invalid value for parameter \"{}\": \"{value}\"", option.name);
    Error::new(ErrorKind::InvalidParameterValue, message).at(option.at).with_hint(hint.to_owned())
}

/// How long, in microseconds; a day has 24 hours. Months and years have no length, so they are refused.
fn retention(option: &TableOption, value: Option<&str>, io: &IoSettings) -> Result<u64> {
    const HINT: &str =
        "Give days, hours or shorter units, for example '7 days' or '36 hours'; 0 keeps no history.";
    let value = value.unwrap_or_default();
    // An interval would take it for seconds.
    if value.trim().parse::<f64>().is_ok_and(|number| number != 0.0) {
        return Err(invalid(option, value, HINT).with_detail("A number other than 0 needs a unit."));
    }
    let ty = SqlType::of(oid::INTERVAL).ok_or_else(|| Error::internal("interval has no form"))?;
    let Ok(Datum::Interval(interval)) = types::parse_text(&ty, value, io) else {
        return Err(invalid(option, value, HINT));
    };
    if interval.months != 0 {
        return Err(invalid(option, value, HINT)
            .with_detail("Months and years differ in length, so they say no span of time."));
    }
    let micros = i128::from(interval.days) * MICROS_PER_DAY + i128::from(interval.micros);
    u64::try_from(micros)
        .map_err(|_| invalid(option, value, HINT).with_detail("The span of time must not be negative."))
}

/// A number of bytes, with PostgreSQL's units of 1024 or without.
fn bytes(option: &TableOption, value: Option<&str>) -> Result<u64> {
    const HINT: &str = "Give a number of bytes, or one with a unit: kB, MB, GB or TB, for example '10 GB'.";
    let value = value.unwrap_or_default();
    let text = value.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" | "byte" | "bytes" => 0,
        "kb" => 10,
        "mb" => 20,
        "gb" => 30,
        "tb" => 40,
        "pb" => 50,
        _ => return Err(invalid(option, value, HINT)),
    };
    let whole = match number.split_once('.') {
        None => number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)),
        Some((whole, fraction)) if shift > 0 => scaled(whole, fraction, shift),
        Some(_) => None,
    };
    whole.ok_or_else(|| invalid(option, value, HINT))
}

/// `whole.fraction` times a power of two, rounded down.
fn scaled(whole: &str, fraction: &str, shift: u32) -> Option<u64> {
    let fraction = fraction.get(..fraction.len().min(15))?;
    let divisor = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    u64::try_from(digits.checked_mul(1 << shift)? / divisor).ok()
}

fn is_compact(option: &TableOption, value: Option<&str>) -> Result<bool> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        Some("compact") => Ok(true),
        Some("default") => Ok(false),
        _ => {
            let message =
                format!("invalid value for enum option \"compression\": {}", value.unwrap_or_default());
            Err(Error::new(ErrorKind::InvalidParameterValue, message)
                .at(option.at)
                .with_detail("Valid values are \"default\" and \"compact\"."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{reset, set};
    use crate::bound::OptionChanges;
    use crate::parse::TableOption;
    use base::ErrorKind;
    use types::IoSettings;

    fn option(name: &str, value: &str) -> TableOption {
        TableOption { name: name.to_owned(), at: 1, value: Some(value.to_owned()) }
    }

    fn one(name: &str, value: &str) -> base::Result<OptionChanges> {
        set(&[option(name, value)], &IoSettings::default())
    }

    #[test]
    fn spans_of_time() {
        let us = |value: &str| one("history_retention", value).unwrap().history_retention_us.flatten();
        assert_eq!(us("7 days"), Some(7 * 86_400_000_000));
        assert_eq!(us("0"), Some(0));
        assert_eq!(us("1 day -1 hour"), Some(23 * 3_600_000_000));
        assert_eq!(us("90 min"), Some(5_400_000_000));
        for bad in
            ["5", " 0.5 ", "1 month", "2 years", "-1 day", "1 hour -1 day", "soon", "", "1 month -30 days"]
        {
            let error = one("history_retention", bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidParameterValue, "{bad}");
            assert!(error.hint().is_some(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        let bytes = |value: &str| one("history_max_bytes", value).unwrap().history_max_bytes.flatten();
        assert_eq!(bytes("0"), Some(0));
        assert_eq!(bytes("1000"), Some(1_000));
        assert_eq!(bytes("10 GB"), Some(10 << 30));
        assert_eq!(bytes("1.5kB"), Some(1_536));
        assert_eq!(bytes(" 512 bytes "), Some(512));
        for bad in ["", "-1", "1.5", "ten", "1 XB", "99999999 TB", "18446744073709551616", "1..5 GB", "."] {
            assert_eq!(
                one("history_max_bytes", bad).unwrap_err().kind(),
                ErrorKind::InvalidParameterValue,
                "{bad}"
            );
        }
    }

    #[test]
    fn names_and_words() {
        assert_eq!(one("compression", "compact").unwrap().compact, Some(true));
        assert_eq!(one("compression", "Default").unwrap().compact, Some(false));
        let error = one("compression", "zstd").unwrap_err();
        assert_eq!(error.message(), "invalid value for enum option \"compression\": zstd");
        let error = one("nope", "1").unwrap_err();
        assert_eq!(error.message(), "unrecognized parameter \"nope\"");
        assert_eq!(one("x.nope", "1").unwrap_err().message(), "unrecognized parameter namespace \"x\"");
        assert_eq!(one("fillfactor", "70").unwrap_err().kind(), ErrorKind::Unsupported);
        let both = [option("compression", "compact"), option("compression", "default")];
        let error = set(&both, &IoSettings::default()).unwrap_err();
        assert_eq!(error.message(), "parameter \"compression\" specified more than once");
        assert_eq!(reset(&both).unwrap_err().kind(), ErrorKind::Syntax);
        let bare = TableOption { name: "history_max_bytes".to_owned(), at: 1, value: None };
        assert_eq!(reset(&[bare]).unwrap().history_max_bytes, Some(None));
    }
}
