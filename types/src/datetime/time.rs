//! Times of day: arithmetic that goes around the clock, and between them and other types.
//!
//! A time is microseconds since midnight, from 0 to 24:00 inclusive; only text and casts give 24:00.

use super::calendar::{MICROS_PER_DAY, check_timestamp, date_is_finite, date_to_timestamp, split_timestamp};
use crate::datum::{Interval, TimeTz};
use crate::zone::Zone;
use base::{Error, ErrorKind, Result};

/// The clock after an interval; its months and days do not count. A sum of more than 64 bits wraps, as PostgreSQL's does.
pub fn time_add(micros: i64, interval: Interval) -> i64 {
    around(i128::from(micros.wrapping_add(interval.micros)))
}

/// The clock before an interval, like `time_add`.
pub fn time_sub(micros: i64, interval: Interval) -> i64 {
    around(i128::from(micros.wrapping_sub(interval.micros)))
}

fn around(micros: i128) -> i64 {
    i64::try_from(micros.rem_euclid(i128::from(MICROS_PER_DAY))).unwrap_or(0)
}

/// The time part of an interval on the clock.
pub fn interval_time(interval: Interval) -> Result<i64> {
    if interval.micros <= i64::MIN + MICROS_PER_DAY {
        // PostgreSQL's sum wraps and gives a time that is on no clock.
        return Err(Error::unsupported("the time of day of an interval this long is not supported")
            .with_hint("add a day to the interval first"));
    }
    Ok(around(i128::from(interval.micros)))
}

/// What the clock shows at a timestamp; None for infinity.
pub fn timestamp_time(micros: i64) -> Option<i64> {
    super::timestamp_is_finite(micros).then(|| split_timestamp(micros).1)
}

/// The timestamp at a time of a day; infinite days stay.
pub fn date_time(days: i32, micros: i64) -> Result<i64> {
    let midnight = date_to_timestamp(days)?;
    if !date_is_finite(days) {
        return Ok(midnight);
    }
    check_timestamp(i128::from(midnight) + i128::from(micros))
}

/// The instant at a time with its offset on a day; infinite days stay.
pub fn date_timetz(days: i32, time: TimeTz) -> Result<i64> {
    let midnight = date_to_timestamp(days)?;
    if !date_is_finite(days) {
        return Ok(midnight);
    }
    check_timestamp(i128::from(midnight) + i128::from(time.micros) + i128::from(time.west) * 1_000_000)
}

/// A time with the offset that a zone has at that time of the day of `now`, an instant.
pub fn time_in_zone(micros: i64, zone: &Zone, now: i64) -> TimeTz {
    let today = split_timestamp(zone.to_local(now).unwrap_or(now)).0;
    let local = today.saturating_mul(MICROS_PER_DAY).saturating_add(micros);
    TimeTz { micros, west: -zone.offset_at_local(local) }
}

/// An instant on the clock of a zone; None for infinity.
pub fn timestamptz_timetz(micros: i64, zone: &Zone) -> Option<TimeTz> {
    let local = zone.to_local(micros).filter(|_| super::timestamp_is_finite(micros))?;
    Some(TimeTz { micros: split_timestamp(local).1, west: -zone.offset_at(micros) })
}

/// The same moment of the day at another offset, in seconds east of UTC.
pub fn timetz_at(time: TimeTz, east: i32) -> TimeTz {
    let moved = i128::from(time.micros) + (i128::from(time.west) + i128::from(east)) * 1_000_000;
    TimeTz { micros: around(moved), west: -east }
}

/// A time of hours, minutes and seconds; 22008 when they are not on the clock.
pub fn make_time(hours: i32, minutes: i32, seconds: f64) -> Result<i64> {
    let refused = || {
        let message = format!("time field value out of range: {hours}:{minutes:02}:{seconds:02}");
        Error::new(ErrorKind::DatetimeOverflow, message)
    };
    let micros = (seconds * 1_000_000.0).round_ties_even();
    if !(0..=24).contains(&hours) || !(0..=59).contains(&minutes) || !(0.0..=60_000_000.0).contains(&micros) {
        return Err(refused());
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most sixty million")]
    let micros = micros as i64;
    let total = i64::from(hours) * 3_600_000_000 + i64::from(minutes) * 60_000_000 + micros;
    if total > MICROS_PER_DAY { Err(refused()) } else { Ok(total) }
}
