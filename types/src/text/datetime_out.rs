//! Dates and timestamps to ISO text.

use crate::datetime::{
    DATE_INFINITY, DATE_NEG_INFINITY, TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY, civil_from_days,
    split_timestamp,
};
use crate::text::write_integer_padded;
use crate::zone::{Zone, write_offset};

/// Appends a date of days since 1970-01-01.
pub(crate) fn write_date(days: i32, out: &mut String) {
    match days {
        DATE_INFINITY => out.push_str("infinity"),
        DATE_NEG_INFINITY => out.push_str("-infinity"),
        _ => {
            if write_day(i64::from(days), out) {
                out.push_str(" BC");
            }
        }
    }
}

/// Appends year, month and day; whether the year is before Christ (its mark comes last of all).
fn write_day(days: i64, out: &mut String) -> bool {
    let date = civil_from_days(days);
    let before = date.year <= 0;
    write_integer_padded(i64::from(if before { 1 - date.year } else { date.year }), 4, out);
    out.push('-');
    write_integer_padded(i64::from(date.month), 2, out);
    out.push('-');
    write_integer_padded(i64::from(date.day), 2, out);
    before
}

/// Appends a timestamp of microseconds since 1970-01-01.
pub(crate) fn write_timestamp(micros: i64, out: &mut String) {
    if write_infinity(micros, out) {
        return;
    }
    if write_day_and_time(micros, out) {
        out.push_str(" BC");
    }
}

/// Appends an instant in the session's zone.
pub(crate) fn write_timestamptz(micros: i64, zone: &Zone, out: &mut String) {
    if write_infinity(micros, out) {
        return;
    }
    let offset = zone.offset_at(micros);
    let before = write_day_and_time(micros.saturating_add(i64::from(offset) * 1_000_000), out);
    write_offset(offset, out);
    if before {
        out.push_str(" BC");
    }
}

fn write_infinity(micros: i64, out: &mut String) -> bool {
    match micros {
        TIMESTAMP_INFINITY => out.push_str("infinity"),
        TIMESTAMP_NEG_INFINITY => out.push_str("-infinity"),
        _ => return false,
    }
    true
}

fn write_day_and_time(micros: i64, out: &mut String) -> bool {
    let (days, time) = split_timestamp(micros);
    let before = write_day(days, out);
    out.push(' ');
    write_time(time, out);
    before
}

/// Appends `hh:mm:ss[.ffffff]` of microseconds that are not negative; hours may have more digits.
pub(crate) fn write_time(micros: i64, out: &mut String) {
    let seconds = micros / 1_000_000;
    write_integer_padded(seconds / 3_600, 2, out);
    out.push(':');
    write_integer_padded(seconds / 60 % 60, 2, out);
    out.push(':');
    write_integer_padded(seconds % 60, 2, out);
    let fraction = micros % 1_000_000;
    if fraction != 0 {
        out.push('.');
        write_integer_padded(fraction, 6, out);
        while out.ends_with('0') {
            out.pop();
        }
    }
}
