//! Sums and differences of dates, timestamps and intervals.

use super::calendar::{
    Civil, MICROS_PER_DAY, check_date, check_timestamp, civil_from_days, date_is_finite, date_to_timestamp,
    days_from_civil, days_in_month, split_timestamp, timestamp_is_finite,
};
use crate::datum::Interval;
use crate::zone::Zone;
use base::{Error, ErrorKind, Result};

fn interval_out_of_range() -> Error {
    Error::new(ErrorKind::DatetimeOverflow, "interval out of range")
}

fn timestamp_out_of_range() -> Error {
    Error::new(ErrorKind::DatetimeOverflow, "timestamp out of range")
}

/// date - date in days; infinities are refused (22008).
pub fn date_minus(a: i32, b: i32) -> Result<i32> {
    if !date_is_finite(a) || !date_is_finite(b) {
        return Err(Error::new(ErrorKind::DatetimeOverflow, "cannot subtract infinite dates"));
    }
    a.checked_sub(b).ok_or_else(|| Error::new(ErrorKind::DatetimeOverflow, "date out of range"))
}

/// date + interval as a timestamp.
pub fn date_add_interval(days: i32, interval: Interval) -> Result<i64> {
    timestamp_add(date_to_timestamp(days)?, interval)
}

/// timestamp + interval: months first (the day clamped to the month's end), then days, then time.
pub fn timestamp_add(micros: i64, interval: Interval) -> Result<i64> {
    if !timestamp_is_finite(micros) {
        return Ok(micros);
    }
    let (days, time) = split_timestamp(micros);
    let days = add_months(days, interval.months)? + i64::from(interval.days);
    check_timestamp(
        i128::from(days) * i128::from(MICROS_PER_DAY) + i128::from(time) + i128::from(interval.micros),
    )
}

fn add_months(days: i64, months: i32) -> Result<i64> {
    if months == 0 {
        return Ok(days);
    }
    let date = civil_from_days(days);
    let total = i64::from(date.year) * 12 + i64::from(date.month) - 1 + i64::from(months);
    let year = i32::try_from(total.div_euclid(12)).map_err(|_| timestamp_out_of_range())?;
    let month = i32::try_from(total.rem_euclid(12)).unwrap_or(0) + 1;
    Ok(days_from_civil(Civil { year, month, day: date.day.min(days_in_month(year, month)) }))
}

/// timestamptz + interval: months and days on the local clock of `zone`, time on the absolute one.
pub fn timestamptz_add(micros: i64, interval: Interval, zone: &Zone) -> Result<i64> {
    if !timestamp_is_finite(micros) {
        return Ok(micros);
    }
    let mut instant = micros;
    if interval.months != 0 || interval.days != 0 {
        let local = zone.to_local(instant).ok_or_else(timestamp_out_of_range)?;
        let moved = timestamp_add(local, Interval { micros: 0, ..interval })?;
        instant = zone.to_utc(moved).ok_or_else(timestamp_out_of_range)?;
    }
    check_timestamp(i128::from(instant) + i128::from(interval.micros))
}

/// timestamp - timestamp: days of 24 hours and the rest; infinities are refused (22008).
pub fn timestamp_minus(a: i64, b: i64) -> Result<Interval> {
    if !timestamp_is_finite(a) || !timestamp_is_finite(b) {
        return Err(Error::new(ErrorKind::DatetimeOverflow, "cannot subtract infinite timestamps"));
    }
    let micros = a.checked_sub(b).ok_or_else(interval_out_of_range)?;
    justify_hours(Interval { months: 0, days: 0, micros })
}

pub fn interval_neg(v: Interval) -> Result<Interval> {
    interval_sub(Interval::default(), v)
}

pub fn interval_add(a: Interval, b: Interval) -> Result<Interval> {
    let sum = || {
        Some(Interval {
            months: a.months.checked_add(b.months)?,
            days: a.days.checked_add(b.days)?,
            micros: a.micros.checked_add(b.micros)?,
        })
    };
    sum().ok_or_else(interval_out_of_range)
}

pub fn interval_sub(a: Interval, b: Interval) -> Result<Interval> {
    let difference = || {
        Some(Interval {
            months: a.months.checked_sub(b.months)?,
            days: a.days.checked_sub(b.days)?,
            micros: a.micros.checked_sub(b.micros)?,
        })
    };
    difference().ok_or_else(interval_out_of_range)
}

/// interval * number: fractions of months go down to days of 30 to a month, of days to time.
pub fn interval_mul(v: Interval, factor: f64) -> Result<Interval> {
    scale(v, |x| x * factor)
}

/// interval / number; 22012 for zero.
pub fn interval_div(v: Interval, divisor: f64) -> Result<Interval> {
    if divisor == 0.0 {
        return Err(Error::new(ErrorKind::DivisionByZero, "division by zero"));
    }
    scale(v, |x| x / divisor)
}

#[expect(clippy::cast_possible_truncation, reason = "ranges are checked before each cast")]
#[expect(clippy::cast_precision_loss, reason = "PostgreSQL computes with floats here")]
fn scale(v: Interval, by: impl Fn(f64) -> f64) -> Result<Interval> {
    let small = |x: f64| {
        if !(-2_147_483_648.0..2_147_483_648.0).contains(&x) {
            Err(interval_out_of_range())
        } else {
            Ok(x as i32)
        }
    };
    // To the microsecond, so that 0.1 + 0.2 does not leave a day short by a rounding error.
    let clean = |x: f64| (x * 1_000_000.0).round_ties_even() / 1_000_000.0;
    let months_exact = by(f64::from(v.months));
    let months = small(months_exact)?;
    let days_exact = by(f64::from(v.days));
    let mut days = small(days_exact)?;
    let month_days = clean((months_exact - f64::from(months)) * 30.0);
    let mut rest = clean((days_exact - f64::from(days) + month_days - month_days.trunc()) * 86_400.0);
    if rest.abs() >= 86_400.0 {
        days = days.checked_add((rest / 86_400.0) as i32).ok_or_else(interval_out_of_range)?;
        rest -= f64::from((rest / 86_400.0) as i32) * 86_400.0;
    }
    let days = days.checked_add(small(month_days)?).ok_or_else(interval_out_of_range)?;
    let micros = (by(v.micros as f64) + rest * 1_000_000.0).round_ties_even();
    if micros.is_nan() || !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&micros) {
        return Err(interval_out_of_range());
    }
    Ok(Interval { months, days, micros: micros as i64 })
}

/// The number by which intervals are compared: microseconds with months of 30 days and days of 24 hours.
pub fn interval_order(v: Interval) -> i128 {
    (i128::from(v.months) * 30 + i128::from(v.days)) * i128::from(MICROS_PER_DAY) + i128::from(v.micros)
}

/// Days of 24 hours out of the time; signs of days and time then agree.
pub fn justify_hours(v: Interval) -> Result<Interval> {
    let carried = i32::try_from(v.micros / MICROS_PER_DAY).map_err(|_| interval_out_of_range())?;
    let mut days = v.days.checked_add(carried).ok_or_else(interval_out_of_range)?;
    let mut micros = v.micros % MICROS_PER_DAY;
    if days > 0 && micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    } else if days < 0 && micros > 0 {
        micros -= MICROS_PER_DAY;
        days += 1;
    }
    Ok(Interval { months: v.months, days, micros })
}

/// Months of 30 days out of the days; signs of months and days then agree.
pub fn justify_days(v: Interval) -> Result<Interval> {
    let mut months = v.months.checked_add(v.days / 30).ok_or_else(interval_out_of_range)?;
    let mut days = v.days % 30;
    if months > 0 && days < 0 {
        days += 30;
        months -= 1;
    } else if months < 0 && days > 0 {
        days -= 30;
        months += 1;
    }
    Ok(Interval { months, days, micros: v.micros })
}

/// Both carries, with one sign for all three parts.
pub fn justify_interval(v: Interval) -> Result<Interval> {
    let day = i128::from(MICROS_PER_DAY);
    let (mut months, mut days, mut micros) = (i128::from(v.months), i128::from(v.days), i128::from(v.micros));
    days += micros / day;
    micros %= day;
    months += days / 30;
    days %= 30;
    if months > 0 && (days < 0 || (days == 0 && micros < 0)) {
        days += 30;
        months -= 1;
    } else if months < 0 && (days > 0 || (days == 0 && micros > 0)) {
        days -= 30;
        months += 1;
    }
    if days > 0 && micros < 0 {
        micros += day;
        days -= 1;
    } else if days < 0 && micros > 0 {
        micros -= day;
        days += 1;
    }
    let part = |x: i128| i32::try_from(x).map_err(|_| interval_out_of_range());
    let micros = i64::try_from(micros).map_err(|_| interval_out_of_range())?;
    Ok(Interval { months: part(months)?, days: part(days)?, micros })
}

/// The calendar difference of two timestamps in years, months, days and time.
pub fn age(a: i64, b: i64) -> Result<Interval> {
    if !timestamp_is_finite(a) || !timestamp_is_finite(b) {
        // PostgreSQL 15 counts from the numbers that stand for the infinities.
        return Err(Error::unsupported("age of an infinite timestamp is not supported"));
    }
    let (later, earlier, negative) = if a < b { (b, a, true) } else { (a, b, false) };
    let ((later_days, later_time), (earlier_days, earlier_time)) =
        (split_timestamp(later), split_timestamp(earlier));
    let (to, from) = (civil_from_days(later_days), civil_from_days(earlier_days));
    let mut micros = later_time - earlier_time;
    let mut days = to.day - from.day;
    let mut months = (to.year - from.year) * 12 + to.month - from.month;
    if micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    }
    while days < 0 {
        // The month that is borrowed is the earlier one's, whichever way is counted.
        days += days_in_month(from.year, from.month);
        months -= 1;
    }
    let span = Interval { months, days, micros };
    if negative { interval_neg(span) } else { Ok(span) }
}

/// `age` on the local clock of `zone`.
pub fn timestamptz_age(a: i64, b: i64, zone: &Zone) -> Result<Interval> {
    if !timestamp_is_finite(a) || !timestamp_is_finite(b) {
        return age(a, b);
    }
    let local = |t| zone.to_local(t).ok_or_else(timestamp_out_of_range);
    age(local(a)?, local(b)?)
}

/// Years, months, weeks, days, hours, minutes and seconds as one interval.
pub fn make_interval(parts: [i32; 6], seconds: f64) -> Result<Interval> {
    let [years, months, weeks, days, hours, minutes] = parts.map(i64::from);
    if !seconds.is_finite() {
        return Err(interval_out_of_range());
    }
    // Sums wrap around in PostgreSQL.
    let too_long = || Error::unsupported("intervals so long are not supported");
    let fraction = (seconds * 1_000_000.0).round_ties_even();
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&fraction) {
        return Err(too_long());
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    let fraction = fraction as i64;
    let clock = hours * 3_600_000_000 + minutes * 60_000_000;
    Ok(Interval {
        months: i32::try_from(years * 12 + months).map_err(|_| too_long())?,
        days: i32::try_from(weeks * 7 + days).map_err(|_| too_long())?,
        micros: clock.checked_add(fraction).ok_or_else(too_long)?,
    })
}

/// A date of year (negative: before Christ), month and day; 22008 if there is none.
pub fn make_date(year: i32, month: i32, day: i32) -> Result<i32> {
    let wrong = || {
        let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
        Error::new(ErrorKind::DatetimeOverflow, message)
    };
    let astronomical = if year < 0 { year.checked_add(1).ok_or_else(wrong)? } else { year };
    if year == 0 || !(1..=12).contains(&month) || day < 1 || day > days_in_month(astronomical, month) {
        return Err(wrong());
    }
    check_date(days_from_civil(Civil { year: astronomical, month, day })).map_err(|_| {
        Error::new(ErrorKind::DatetimeOverflow, format!("date out of range: {year}-{month:02}-{day:02}"))
    })
}

/// A timestamp of date and time; hour 24 only with nothing behind it.
pub fn make_timestamp(date: (i32, i32, i32), hour: i32, minute: i32, seconds: f64) -> Result<i64> {
    let days = make_date(date.0, date.1, date.2)?;
    let wrong = || {
        let message = format!("time field value out of range: {hour}:{minute:02}:{seconds:02}");
        Error::new(ErrorKind::DatetimeOverflow, message)
    };
    if !(0..=24).contains(&hour) || !(0..=59).contains(&minute) || !(0.0..=60.0).contains(&seconds) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a minute")]
    let fraction = (seconds * 1_000_000.0).round_ties_even() as i64;
    let time = i64::from(hour) * 3_600_000_000 + i64::from(minute) * 60_000_000 + fraction;
    if time > MICROS_PER_DAY {
        return Err(wrong());
    }
    check_timestamp(i128::from(days) * i128::from(MICROS_PER_DAY) + i128::from(time))
}
