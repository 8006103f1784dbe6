//! The proleptic Gregorian calendar over PostgreSQL's range.
//!
//! Years count astronomically: 0 is 1 BC, -1 is 2 BC.

use base::{Error, ErrorKind, Result};

pub const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's binary formats count from.
pub const EPOCH_2000_DAYS: i32 = 10_957;
pub const EPOCH_2000_MICROS: i64 = 946_684_800_000_000;
/// Julian day of 1970-01-01.
pub const JULIAN_1970: i32 = 2_440_588;
pub const DATE_INFINITY: i32 = i32::MAX;
pub const DATE_NEG_INFINITY: i32 = i32::MIN;
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;
pub const TIMESTAMP_NEG_INFINITY: i64 = i64::MIN;
/// 4714-11-24 BC.
pub const DATE_MIN: i32 = -JULIAN_1970;
/// 5874897-12-31.
pub const DATE_MAX: i32 = 2_145_042_905;
/// 4714-11-24 00:00:00 BC. The largest timestamp is what fits into 64 bits: 294247-01-10 04:00:54.775806.
pub const TIMESTAMP_MIN: i64 = DATE_MIN as i64 * MICROS_PER_DAY;

/// A date's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Astronomical: 0 is 1 BC.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day: i32,
}

/// Days since 1970-01-01 of a date whose month is 1 to 12; days beyond the month carry on.
pub fn days_from_civil(date: Civil) -> i64 {
    let shifted = i64::from(date.year) - i64::from(date.month <= 2);
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_from_march = i64::from((date.month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(date.day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a number of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> Civil {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let part = |v: i64| i32::try_from(v).unwrap_or(i32::MAX);
    Civil { year: part(year), month: part(month), day: part(day) }
}

pub fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// 0 is Sunday.
pub fn weekday(days: i64) -> i32 {
    i32::try_from((days + 4).rem_euclid(7)).unwrap_or(0)
}

/// ISO 8601 year (astronomical) and week.
pub fn iso_week(days: i64) -> (i32, i32) {
    // The week belongs to the year of its Thursday.
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let year = civil_from_days(thursday).year;
    let first = days_from_civil(Civil { year, month: 1, day: 1 });
    (year, i32::try_from((thursday - first) / 7 + 1).unwrap_or(1))
}

pub fn date_is_finite(days: i32) -> bool {
    days != DATE_INFINITY && days != DATE_NEG_INFINITY
}

pub fn timestamp_is_finite(micros: i64) -> bool {
    micros != TIMESTAMP_INFINITY && micros != TIMESTAMP_NEG_INFINITY
}

/// Days since 1970-01-01 and microseconds of the day.
pub fn split_timestamp(micros: i64) -> (i64, i64) {
    (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY))
}

/// Refuses finite days outside PostgreSQL's calendar.
pub fn check_date(days: i64) -> Result<i32> {
    i32::try_from(days)
        .ok()
        .filter(|d| (DATE_MIN..=DATE_MAX).contains(d))
        .ok_or_else(|| Error::new(ErrorKind::DatetimeOverflow, "date out of range"))
}

/// The end of the year 294276, where PostgreSQL's timestamps end.
const TIMESTAMP_END: i128 = 9_224_318_016_000_000_000;

/// Refuses finite microseconds outside the calendar (`i128` so that sums need no check before).
pub fn check_timestamp(micros: i128) -> Result<i64> {
    let stored = i64::try_from(micros).ok().filter(|m| (TIMESTAMP_MIN..TIMESTAMP_INFINITY).contains(m));
    stored.ok_or_else(|| match (i128::from(TIMESTAMP_INFINITY)..TIMESTAMP_END).contains(&micros) {
        true => Error::unsupported("timestamps after 294247-01-10 04:00:54.775806 are not supported"),
        false => Error::new(ErrorKind::DatetimeOverflow, "timestamp out of range"),
    })
}

/// Midnight of a date; infinities stay.
pub fn date_to_timestamp(days: i32) -> Result<i64> {
    match days {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_NEG_INFINITY => Ok(TIMESTAMP_NEG_INFINITY),
        _ => check_timestamp(i128::from(days) * i128::from(MICROS_PER_DAY))
            .map_err(|_| Error::new(ErrorKind::DatetimeOverflow, "date out of range for timestamp")),
    }
}

/// The date of a timestamp; infinities stay.
pub fn timestamp_to_date(micros: i64) -> i32 {
    match micros {
        TIMESTAMP_INFINITY => DATE_INFINITY,
        TIMESTAMP_NEG_INFINITY => DATE_NEG_INFINITY,
        _ => i32::try_from(split_timestamp(micros).0).unwrap_or(DATE_INFINITY),
    }
}
