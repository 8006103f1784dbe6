//! Intervals of some fields (`interval year to month`, `interval second(2)`): what the fields mean for the text and for
//! the value.
//!
//! Invariant: a value of `interval year to month` has no days and no time, and so on.

use super::IoSettings;
use super::interval_in::parse_interval;
use crate::datum::Interval;
use base::{Error, Result};

/// Bits of a modifier's upper half.
pub mod field {
    pub const MONTH: i32 = 1 << 1;
    pub const YEAR: i32 = 1 << 2;
    pub const DAY: i32 = 1 << 3;
    pub const HOUR: i32 = 1 << 10;
    pub const MINUTE: i32 = 1 << 11;
    pub const SECOND: i32 = 1 << 12;
    /// No restriction.
    pub const ALL: i32 = 0x7fff;
}

/// A modifier's lower half when it restricts no digits.
pub const FULL_PRECISION: i32 = 0xffff;

use field::{DAY, HOUR, MINUTE, MONTH, YEAR};

const HOUR_US: i64 = 3_600_000_000;
const MINUTE_US: i64 = 60_000_000;

/// Fields and digits of a modifier that is not -1.
fn parts(typmod: i32) -> (i32, i32) {
    ((typmod >> 16) & field::ALL, typmod & FULL_PRECISION)
}

/// Reads the text of an interval of a modifier, which is not applied yet: it says what a number without unit counts.
pub(crate) fn read_interval(text: &str, typmod: i32, io: &IoSettings) -> Result<Interval> {
    let range = if typmod < 0 { field::ALL } else { parts(typmod).0 };
    parse_interval(text, io.interval_style, range)
}

/// Drops what is finer than the modifier's fields, and rounds the seconds.
pub(crate) fn restricted(value: Interval, typmod: i32) -> Result<Interval> {
    if typmod < 0 {
        return Ok(value);
    }
    let (range, precision) = parts(typmod);
    let Interval { months, days: _, micros } = value;
    let none = Interval { months, days: 0, micros: 0 };
    let mut value = match range {
        YEAR => Interval { months: months - months % 12, ..none },
        r if r == MONTH || r == YEAR | MONTH => none,
        DAY => Interval { micros: 0, ..value },
        r if r == HOUR || r == DAY | HOUR => Interval { micros: micros - micros % HOUR_US, ..value },
        r if r == MINUTE || r == DAY | HOUR | MINUTE || r == HOUR | MINUTE => {
            Interval { micros: micros - micros % MINUTE_US, ..value }
        }
        _ => value,
    };
    if (0..6).contains(&precision) {
        // PostgreSQL first adds half of a unit in 64 bits, where the sum of the longest intervals wraps around.
        let half = 10_i64.pow(6 - precision.unsigned_abs()) / 2;
        if value.micros.checked_abs().and_then(|length| length.checked_add(half)).is_none() {
            return Err(Error::unsupported("rounding an interval this long is not supported"));
        }
        value.micros = i64::try_from(super::parse::round_to(value.micros, precision))
            .map_err(|_| Error::internal("an interval rounded beyond its half unit"))?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::field::{ALL, DAY, MINUTE, MONTH, SECOND, YEAR};
    use super::{FULL_PRECISION, read_interval, restricted};
    use crate::datum::Interval;
    use crate::text::IoSettings;

    #[test]
    fn fields_give_the_unit_and_cut_the_rest() {
        let read = |text: &str, range: i32| {
            let typmod = (range << 16) | FULL_PRECISION;
            restricted(read_interval(text, typmod, &IoSettings::default()).unwrap(), typmod).unwrap()
        };
        let interval = |months, days, micros| Interval { months, days, micros };
        assert_eq!(read("90", DAY), interval(0, 90, 0));
        assert_eq!(read("1.5", DAY), interval(0, 1, 0));
        assert_eq!(read("3", YEAR | MONTH), interval(3, 0, 0));
        assert_eq!(read("1 year 2 months 3 days", YEAR), interval(12, 0, 0));
        assert_eq!(read("3 -10:30.5", MINUTE | SECOND), interval(0, 3, -630_500_000));
        assert_eq!(read("5", ALL), interval(0, 0, 5_000_000));
    }

    #[test]
    fn seconds_are_rounded() {
        let half = Interval { months: 0, days: 0, micros: -1_567_000 };
        assert_eq!(restricted(half, (ALL << 16) | 2).unwrap().micros, -1_570_000);
    }
}
