//! Dates, timestamps and times of day to text, in the style and order of the session.

use super::settings::{DateOrder, DateStyle, IoSettings};
use crate::datetime::{
    Civil, DATE_INFINITY, DATE_NEG_INFINITY, TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY, civil_from_days,
    split_timestamp, weekday,
};
use crate::datum::TimeTz;
use crate::text::write_integer_padded;
use crate::zone::{Zone, write_offset};

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Appends a date of days since 1970-01-01.
pub(crate) fn write_date(days: i32, settings: &IoSettings, out: &mut String) {
    match days {
        DATE_INFINITY => out.push_str("infinity"),
        DATE_NEG_INFINITY => out.push_str("-infinity"),
        _ => {
            let date = civil_from_days(i64::from(days));
            match settings.date_style {
                DateStyle::Postgres => write_parts(&date, settings.date_order, '-', out),
                _ => write_day(&date, settings, out),
            }
            write_era(&date, out);
        }
    }
}

/// Appends a timestamp of microseconds since 1970-01-01.
pub(crate) fn write_timestamp(micros: i64, settings: &IoSettings, out: &mut String) {
    if !write_infinity(micros, out) {
        write_moment(micros, settings, None, out);
    }
}

/// Appends an instant in the session's zone.
pub(crate) fn write_timestamptz(micros: i64, settings: &IoSettings, out: &mut String) {
    if write_infinity(micros, out) {
        return;
    }
    let zone = &settings.time_zone;
    let offset = zone.offset_at(micros);
    let local = micros.saturating_add(i64::from(offset) * 1_000_000);
    write_moment(local, settings, Some((zone, offset, micros)), out);
}

/// Appends `hh:mm:ss[.ffffff]` and the offset.
pub(crate) fn write_timetz(time: TimeTz, out: &mut String) {
    write_time(time.micros, out);
    write_offset(time.west.saturating_neg(), out);
}

fn write_infinity(micros: i64, out: &mut String) -> bool {
    match micros {
        TIMESTAMP_INFINITY => out.push_str("infinity"),
        TIMESTAMP_NEG_INFINITY => out.push_str("-infinity"),
        _ => return false,
    }
    true
}

/// Appends what a clock shows; with a zone, its offset then and the instant, the zone as the style has it.
fn write_moment(local: i64, settings: &IoSettings, zone: Option<(&Zone, i32, i64)>, out: &mut String) {
    let (days, time) = split_timestamp(local);
    let date = civil_from_days(days);
    if settings.date_style == DateStyle::Postgres {
        let name = |names: &[&'static str], at: i32| {
            usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
        };
        out.push_str(name(&WEEKDAYS, weekday(days)));
        out.push(' ');
        let month = name(&MONTHS, date.month - 1);
        match settings.date_order {
            DateOrder::Dmy => {
                write_integer_padded(i64::from(date.day), 2, out);
                out.push(' ');
                out.push_str(month);
            }
            DateOrder::Mdy | DateOrder::Ymd => {
                out.push_str(month);
                out.push(' ');
                write_integer_padded(i64::from(date.day), 2, out);
            }
        }
        out.push(' ');
        write_time(time, out);
        out.push(' ');
        write_year(&date, out);
    } else {
        write_day(&date, settings, out);
        out.push(' ');
        write_time(time, out);
    }
    if let Some((zone, offset, instant)) = zone {
        if settings.date_style == DateStyle::Iso {
            write_offset(offset, out);
        } else {
            out.push(' ');
            out.push_str(&zone.abbreviation(instant));
        }
    }
    write_era(&date, out);
}

/// Years before Christ count from 1 there; their mark comes last of all.
fn write_year(date: &Civil, out: &mut String) {
    write_integer_padded(i64::from(if date.year <= 0 { 1 - date.year } else { date.year }), 4, out);
}

fn write_era(date: &Civil, out: &mut String) {
    if date.year <= 0 {
        out.push_str(" BC");
    }
}

/// A day in digits, as timestamps of every style but PostgreSQL's own have it.
fn write_day(date: &Civil, settings: &IoSettings, out: &mut String) {
    match settings.date_style {
        DateStyle::Iso => {
            write_year(date, out);
            out.push('-');
            write_integer_padded(i64::from(date.month), 2, out);
            out.push('-');
            write_integer_padded(i64::from(date.day), 2, out);
        }
        DateStyle::German => write_parts(date, DateOrder::Dmy, '.', out),
        DateStyle::Sql | DateStyle::Postgres => write_parts(date, settings.date_order, '/', out),
    }
}

fn write_parts(date: &Civil, order: DateOrder, separator: char, out: &mut String) {
    let (first, second) = match order {
        DateOrder::Dmy => (date.day, date.month),
        DateOrder::Mdy | DateOrder::Ymd => (date.month, date.day),
    };
    write_integer_padded(i64::from(first), 2, out);
    out.push(separator);
    write_integer_padded(i64::from(second), 2, out);
    out.push(separator);
    write_year(date, out);
}

/// Appends `hh:mm:ss[.ffffff]` of microseconds that are not negative; hours may have more digits.
pub(crate) fn write_time(micros: i64, out: &mut String) {
    let seconds = micros / 1_000_000;
    write_integer_padded(seconds / 3_600, 2, out);
    out.push(':');
    write_integer_padded(seconds / 60 % 60, 2, out);
    out.push(':');
    write_integer_padded(seconds % 60, 2, out);
    write_fraction(micros % 1_000_000, out);
}

/// Appends the digits behind a second's point that are not zeros at the end.
pub(super) fn write_fraction(micros: i64, out: &mut String) {
    if micros != 0 {
        out.push('.');
        write_integer_padded(micros, 6, out);
        while out.ends_with('0') {
            out.pop();
        }
    }
}
