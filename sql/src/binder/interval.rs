//! Interval literals with fields (`interval '90' day`): what the fields mean for the text and for the value.
//!
//! Invariant: a value of `interval year to month` has no days and no time, and so on.

use base::{Error, Result};
use types::sql_type::oid;
use types::text::{IoSettings, parse_text};
use types::{Datum, Interval, SqlType};

pub(super) const MONTH: i32 = 1 << 1;
pub(super) const YEAR: i32 = 1 << 2;
pub(super) const DAY: i32 = 1 << 3;
pub(super) const HOUR: i32 = 1 << 10;
pub(super) const MINUTE: i32 = 1 << 11;
pub(super) const SECOND: i32 = 1 << 12;
pub(super) const FULL_RANGE: i32 = 0x7fff;
pub(super) const FULL_PRECISION: i32 = 0xffff;

const HOUR_US: i64 = 3_600_000_000;
const MINUTE_US: i64 = 60_000_000;

/// Reads the text of an interval whose modifier is `typmod`.
pub(super) fn read(text: &str, typmod: i32, io: &IoSettings) -> Result<Datum> {
    let ty = SqlType { oid: oid::INTERVAL, typmod: -1, form: types::Form::Interval };
    if typmod == -1 {
        return parse_text(&ty, text, io);
    }
    let (range, precision) = ((typmod >> 16) & FULL_RANGE, typmod & FULL_PRECISION);
    // A number alone counts the last field.
    let number = text.trim();
    let is_number = number.parse::<f64>().is_ok_and(f64::is_finite);
    let written = match unit(range).filter(|_| is_number) {
        Some(unit) => format!("{number} {unit}"),
        None => text.to_owned(),
    };
    if range == MINUTE | SECOND && number.matches(':').count() == 1 {
        return Err(Error::unsupported("minutes and seconds in an interval without hours are not supported")
            .with_hint("Write the hours too, for example interval '0:10:30'."));
    }
    match parse_text(&ty, &written, io)? {
        Datum::Interval(value) => Ok(Datum::Interval(restricted(value, range, precision))),
        other => Ok(other),
    }
}

/// The unit of the least field of a range.
fn unit(range: i32) -> Option<&'static str> {
    [(SECOND, "second"), (MINUTE, "minute"), (HOUR, "hour"), (DAY, "day"), (MONTH, "month"), (YEAR, "year")]
        .into_iter()
        .find(|(bit, _)| range != FULL_RANGE && range & bit != 0)
        .map(|(_, unit)| unit)
}

/// Drops what is finer than the range, and rounds the seconds.
fn restricted(value: Interval, range: i32, precision: i32) -> Interval {
    let Interval { months, days, micros } = value;
    let none = Interval { months, days: 0, micros: 0 };
    let mut value = match range {
        YEAR => Interval { months: months - months % 12, ..none },
        r if r == MONTH || r == YEAR | MONTH => none,
        DAY => Interval { days, ..none },
        r if r == HOUR || r == DAY | HOUR => Interval { micros: micros - micros % HOUR_US, ..value },
        r if r == MINUTE || r == DAY | HOUR | MINUTE || r == HOUR | MINUTE => {
            Interval { micros: micros - micros % MINUTE_US, ..value }
        }
        _ => value,
    };
    if let Some(digits) = u32::try_from(precision).ok().filter(|p| *p < 6) {
        let step = 10_i64.pow(6 - digits);
        let half = if value.micros < 0 { -step / 2 } else { step / 2 };
        value.micros = value.micros.saturating_add(half) / step * step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::{DAY, FULL_PRECISION, MONTH, YEAR, read};
    use types::text::IoSettings;
    use types::{Datum, Interval};

    #[test]
    fn fields_give_the_unit_and_cut_the_rest() {
        let read = |text: &str, range: i32| {
            read(text, (range << 16) | FULL_PRECISION, &IoSettings::default()).unwrap()
        };
        assert_eq!(read("90", DAY), Datum::Interval(Interval { months: 0, days: 90, micros: 0 }));
        assert_eq!(read("1.5", DAY), Datum::Interval(Interval { months: 0, days: 1, micros: 0 }));
        assert_eq!(read("3", YEAR | MONTH), Datum::Interval(Interval { months: 3, days: 0, micros: 0 }));
        assert_eq!(
            read("1 year 2 months 3 days", YEAR),
            Datum::Interval(Interval { months: 12, days: 0, micros: 0 })
        );
    }
}
