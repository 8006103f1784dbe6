//! Intervals to text in the four styles.

use super::datetime_out::{write_fraction, write_time};
use super::format::{write_integer, write_integer_padded};
use super::settings::IntervalStyle;
use crate::datum::Interval;

/// Appends an interval.
pub(crate) fn write_interval(value: Interval, style: IntervalStyle, out: &mut String) {
    match style {
        IntervalStyle::Postgres => write_postgres(value, out),
        IntervalStyle::PostgresVerbose => write_verbose(&Parts::of(value), out),
        IntervalStyle::SqlStandard => write_standard(&Parts::of(value), out),
        IntervalStyle::Iso8601 => write_iso(&Parts::of(value), out),
    }
}

/// The fields of an interval; all of them may be negative.
struct Parts {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    /// Of seconds below a minute.
    micros: i64,
}

impl Parts {
    fn of(value: Interval) -> Self {
        Self {
            years: i64::from(value.months / 12),
            months: i64::from(value.months % 12),
            days: i64::from(value.days),
            hours: value.micros / 3_600_000_000,
            minutes: value.micros / 60_000_000 % 60,
            micros: value.micros % 60_000_000,
        }
    }

    fn all(&self) -> [i64; 6] {
        [self.years, self.months, self.days, self.hours, self.minutes, self.micros]
    }
}

/// Appends the seconds without their sign, whole ones with at least `width` digits.
fn write_seconds(micros: i64, width: usize, out: &mut String) {
    write_integer_padded(micros.abs() / 1_000_000, width, out);
    write_fraction(micros.abs() % 1_000_000, out);
}

/// `1-2` or `3 4:05:06`; what SQL's two kinds of intervals cannot say gets every field and sign.
fn write_standard(parts: &Parts, out: &mut String) {
    let all = parts.all();
    let negative = all.iter().any(|v| *v < 0);
    let positive = all.iter().any(|v| *v > 0);
    let has_months = parts.years != 0 || parts.months != 0;
    let has_time = all.iter().skip(2).any(|v| *v != 0);
    if !negative && !positive {
        return out.push('0');
    }
    let time = |out: &mut String| {
        write_integer(parts.hours.abs(), out);
        out.push(':');
        write_integer_padded(parts.minutes.abs(), 2, out);
        out.push(':');
        write_seconds(parts.micros, 2, out);
    };
    let months = |out: &mut String| {
        write_integer(parts.years.abs(), out);
        out.push('-');
        write_integer(parts.months.abs(), out);
    };
    let sign = |below: bool| if below { '-' } else { '+' };
    if (negative && positive) || (has_months && has_time) {
        out.push(sign(parts.years < 0 || parts.months < 0));
        months(out);
        out.push(' ');
        out.push(sign(parts.days < 0));
        write_integer(parts.days.abs(), out);
        out.push(' ');
        out.push(sign(parts.hours < 0 || parts.minutes < 0 || parts.micros < 0));
        return time(out);
    }
    if negative {
        out.push('-');
    }
    if has_months {
        return months(out);
    }
    if parts.days != 0 {
        write_integer(parts.days.abs(), out);
        out.push(' ');
    }
    time(out);
}

/// `P1Y2M3DT4H5M6S`
fn write_iso(parts: &Parts, out: &mut String) {
    if parts.all() == [0; 6] {
        return out.push_str("PT0S");
    }
    let field = |value: i64, unit: char, out: &mut String| {
        if value != 0 {
            write_integer(value, out);
            out.push(unit);
        }
    };
    out.push('P');
    field(parts.years, 'Y', out);
    field(parts.months, 'M', out);
    field(parts.days, 'D', out);
    if parts.hours != 0 || parts.minutes != 0 || parts.micros != 0 {
        out.push('T');
    }
    field(parts.hours, 'H', out);
    field(parts.minutes, 'M', out);
    if parts.micros != 0 {
        if parts.micros < 0 {
            out.push('-');
        }
        write_seconds(parts.micros, 1, out);
        out.push('S');
    }
}

/// `@ 1 year 2 mons ago`: the first field's sign is told at the end, the others are relative to it.
fn write_verbose(parts: &Parts, out: &mut String) {
    out.push('@');
    let before = parts.all().into_iter().find(|v| *v != 0).is_some_and(|first| first < 0);
    let turned = |value: i64| if before { -value } else { value };
    let units = [
        (parts.years, "year"),
        (parts.months, "mon"),
        (parts.days, "day"),
        (parts.hours, "hour"),
        (parts.minutes, "min"),
    ];
    for (value, unit) in units {
        if value != 0 {
            out.push(' ');
            write_integer(turned(value), out);
            out.push(' ');
            out.push_str(unit);
            if turned(value) != 1 {
                out.push('s');
            }
        }
    }
    if parts.micros != 0 {
        out.push_str(if turned(parts.micros) < 0 { " -" } else { " " });
        write_seconds(parts.micros, 1, out);
        out.push_str(if parts.micros.abs() == 1_000_000 { " sec" } else { " secs" });
    }
    if parts.all() == [0; 6] {
        out.push_str(" 0");
    }
    if before {
        out.push_str(" ago");
    }
}

/// `1 year 2 mons -3 days +04:05:06`
fn write_postgres(value: Interval, out: &mut String) {
    let start = out.len();
    let mut before_negative = false;
    let parts = [(value.months / 12, "year"), (value.months % 12, "mon"), (value.days, "day")];
    for (number, unit) in parts {
        if number == 0 {
            continue;
        }
        if out.len() > start {
            out.push(' ');
        }
        if before_negative && number > 0 {
            out.push('+');
        }
        write_integer(i64::from(number), out);
        out.push(' ');
        out.push_str(unit);
        if number != 1 {
            out.push('s');
        }
        before_negative = number < 0;
    }
    if value.micros == 0 && out.len() > start {
        return;
    }
    if out.len() > start {
        out.push(' ');
    }
    if value.micros < 0 {
        out.push('-');
    } else if before_negative {
        out.push('+');
    }
    // The least value has no positive counterpart: its last digit is written from one above.
    write_time(value.micros.checked_abs().unwrap_or(i64::MAX), out);
    if value.micros == i64::MIN {
        out.pop();
        out.push('8');
    }
}
