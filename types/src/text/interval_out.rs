//! Intervals to text in PostgreSQL's own style.

use super::datetime_out::write_time;
use super::format::write_integer;
use crate::datum::Interval;

/// Appends an interval, such as `1 year 2 mons -3 days +04:05:06`.
pub(crate) fn write_interval(value: Interval, out: &mut String) {
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
