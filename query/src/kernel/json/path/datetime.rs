//! Dates and times that `.datetime()` reads, and their order.

use super::Failure;
use super::items::Item;
use crate::kernel::templates::told_strictly;
use base::{Error, ErrorKind, Result};
use std::cmp::Ordering;
use std::fmt::Write;
use types::IoSettings;
use types::datetime::{
    MICROS_PER_DAY, check_date, check_timestamp, date_to_timestamp, make_date, split_timestamp,
};
use types::json::Value;

const MICROS: i64 = 1_000_000;

/// Days and microseconds since 1970, or of a day; offsets in seconds east of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Date(i32),
    Time(i64),
    TimeTz(i64, i32),
    Timestamp(i64),
    /// An instant, and the offset that it was written with.
    TimestampTz(i64, i32),
}

impl Moment {
    /// The moment that a string tells.
    pub(super) fn of(item: &Item<'_>, template: Option<&str>, _io: &IoSettings) -> Result<Self, Failure> {
        let Some(Value::String(text)) = item.value() else {
            return Err(Failure::soft(
                ErrorKind::InvalidJsonDatetimeArgument,
                "jsonpath item method .datetime() can only be applied to a string",
            ));
        };
        if let Some(template) = template {
            return Self::told(text, template).map_err(|error| match error.kind() {
                ErrorKind::Unsupported | ErrorKind::LimitExceeded => Failure::Hard(error),
                _ => Failure::Soft(error),
            });
        }
        match read(text) {
            Some(moment) => moment.map_err(Failure::Soft),
            None => {
                let message = format!("datetime format is not recognized: \"{text}\"");
                let error = Error::new(ErrorKind::InvalidJsonDatetimeArgument, message);
                Err(Failure::Soft(
                    error.with_hint("Use a datetime template argument to specify the input data format."),
                ))
            }
        }
    }

    fn told(text: &str, template: &str) -> Result<Self> {
        let told = told_strictly(text, template)?;
        let stamp = |days: i64, micros: i64, offset: i32| {
            let instant = i128::from(days) * i128::from(MICROS_PER_DAY) + i128::from(micros);
            check_timestamp(instant - i128::from(offset) * i128::from(MICROS))
        };
        Ok(match (told.days, told.micros, told.zone) {
            (Some(days), Some(micros), Some(offset)) => {
                Moment::TimestampTz(stamp(days, micros, offset)?, offset)
            }
            (Some(days), Some(micros), None) => Moment::Timestamp(stamp(days, micros, 0)?),
            (Some(days), None, _) => Moment::Date(check_date(days)?),
            (None, Some(micros), Some(offset)) => Moment::TimeTz(micros, offset),
            (None, micros, _) => Moment::Time(micros.unwrap_or(0)),
        })
    }

    /// As `.type()` names it.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Moment::Date(_) => "date",
            Moment::Time(_) => "time without time zone",
            Moment::TimeTz(..) => "time with time zone",
            Moment::Timestamp(_) => "timestamp without time zone",
            Moment::TimestampTz(..) => "timestamp with time zone",
        }
    }

    fn short_name(self) -> &'static str {
        match self {
            Moment::Date(_) => "date",
            Moment::Time(_) => "time",
            Moment::TimeTz(..) => "timetz",
            Moment::Timestamp(_) => "timestamp",
            Moment::TimestampTz(..) => "timestamptz",
        }
    }

    /// ISO 8601.
    pub(super) fn text(self) -> String {
        match self {
            Moment::Date(days) => date_text(i64::from(days)),
            Moment::Time(micros) => time_text(micros),
            Moment::TimeTz(micros, offset) => format!("{}{}", time_text(micros), offset_text(offset)),
            Moment::Timestamp(micros) => stamp_text(micros),
            Moment::TimestampTz(micros, offset) => {
                format!("{}{}", stamp_text(micros + i64::from(offset) * MICROS), offset_text(offset))
            }
        }
    }

    /// None for what has no order. Some are compared by the session's time zone, which only some functions may look at.
    pub(super) fn compare(&self, other: &Self, zoned: bool, io: &IoSettings) -> Result<Option<Ordering>> {
        use Moment::{Date, Time, TimeTz, Timestamp, TimestampTz};
        Ok(Some(match (*self, *other) {
            (Date(a), Date(b)) => a.cmp(&b),
            (Time(a), Time(b)) | (Timestamp(a), Timestamp(b)) => a.cmp(&b),
            (TimestampTz(a, _), TimestampTz(b, _)) => a.cmp(&b),
            (TimeTz(a, x), TimeTz(b, y)) => order_of_times((a, x), (b, y)),
            (Date(a), Timestamp(b)) => start_of(a).cmp(&b),
            (Timestamp(a), Date(b)) => a.cmp(&start_of(b)),
            (Date(_) | Timestamp(_), TimestampTz(b, _)) => self.instant(other, zoned, io)?.cmp(&b),
            (TimestampTz(a, _), Date(_) | Timestamp(_)) => a.cmp(&other.instant(self, zoned, io)?),
            (Time(a), TimeTz(b, y)) => {
                self.check_zoned(other, zoned)?;
                order_of_times((a, session_offset(io)), (b, y))
            }
            (TimeTz(a, x), Time(b)) => {
                other.check_zoned(self, zoned)?;
                order_of_times((a, x), (b, session_offset(io)))
            }
            (Time(_) | TimeTz(..), Date(_) | Timestamp(_) | TimestampTz(..))
            | (Date(_) | Timestamp(_) | TimestampTz(..), Time(_) | TimeTz(..)) => return Ok(None),
        }))
    }

    fn check_zoned(&self, other: &Self, zoned: bool) -> Result<()> {
        if zoned {
            return Ok(());
        }
        let (from, to) = (self.short_name(), other.short_name());
        Err(Error::unsupported(format!("cannot convert value from {from} to {to} without time zone usage"))
            .with_hint("Use *_tz() function for time zone support."))
    }

    /// A date or timestamp as an instant in the session's zone.
    fn instant(&self, other: &Self, zoned: bool, io: &IoSettings) -> Result<i64> {
        self.check_zoned(other, zoned)?;
        let local = match *self {
            Moment::Date(days) => date_to_timestamp(days)?,
            Moment::Timestamp(micros) => micros,
            _ => return Err(Error::internal("an instant of a moment that has none")),
        };
        io.time_zone
            .to_utc(local)
            .ok_or_else(|| Error::new(ErrorKind::DatetimeOverflow, "timestamp out of range"))
    }
}

fn session_offset(io: &IoSettings) -> i32 {
    io.time_zone.offset_at(io.now.unwrap_or(0))
}

/// The first instant of a day; a day beyond all timestamps is beyond each of them.
fn start_of(days: i32) -> i64 {
    date_to_timestamp(days).unwrap_or(if days > 0 { i64::MAX } else { i64::MIN })
}

/// By the instant, then the larger offset to the west is more.
fn order_of_times((a, x): (i64, i32), (b, y): (i64, i32)) -> Ordering {
    let utc = |micros: i64, offset: i32| micros - i64::from(offset) * MICROS;
    utc(a, x).cmp(&utc(b, y)).then(y.cmp(&x))
}

fn date_text(days: i64) -> String {
    let date = types::datetime::civil_from_days(days);
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

fn time_text(micros: i64) -> String {
    let seconds = micros / MICROS;
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if micros % MICROS != 0 {
        text.push_str(format!(".{:06}", micros % MICROS).trim_end_matches('0'));
    }
    text
}

fn stamp_text(micros: i64) -> String {
    let (days, time) = split_timestamp(micros);
    format!("{}T{}", date_text(days), time_text(time))
}

fn offset_text(offset: i32) -> String {
    let size = offset.unsigned_abs();
    let sign = if offset < 0 { '-' } else { '+' };
    let mut text = format!("{sign}{:02}:{:02}", size / 3_600, size / 60 % 60);
    if !size.is_multiple_of(60) {
        let _ = write!(text, ":{:02}", size % 60);
    }
    text
}

/// Reads ISO 8601: a date, a time, or both with a blank or T between. None for anything else, an error
/// for what has the form and does not exist.
fn read(text: &str) -> Option<Result<Moment>> {
    let mut rest = text;
    if let Some(time) = time_of(&mut rest) {
        let offset = offset_of(&mut rest)?;
        if !rest.is_empty() {
            return None;
        }
        return Some(time.map(|micros| match offset {
            Some(offset) => Moment::TimeTz(micros, offset),
            None => Moment::Time(micros),
        }));
    }
    rest = text;
    let days = date_of(&mut rest)?;
    if rest.is_empty() {
        return Some(days.map(Moment::Date));
    }
    rest = rest.strip_prefix([' ', 'T'])?;
    let time = time_of(&mut rest)?;
    let offset = offset_of(&mut rest)?;
    rest.is_empty().then(|| {
        let local = i64::from(days?) * MICROS_PER_DAY + time?;
        Ok(match offset {
            Some(offset) => Moment::TimestampTz(local - i64::from(offset) * MICROS, offset),
            None => Moment::Timestamp(local),
        })
    })
}

/// A number of at most so many digits, at least one.
fn digits(rest: &mut &str, max: usize) -> Option<i32> {
    let count = rest.bytes().take(max).take_while(u8::is_ascii_digit).count();
    let (number, behind) = rest.split_at_checked(count).filter(|_| count > 0)?;
    *rest = behind;
    number.parse().ok()
}

fn take(rest: &mut &str, c: char) -> Option<()> {
    *rest = rest.strip_prefix(c)?;
    Some(())
}

fn out_of_range(text: &str) -> Error {
    Error::new(ErrorKind::DatetimeOverflow, format!("date/time field value out of range: \"{text}\""))
}

fn date_of(rest: &mut &str) -> Option<Result<i32>> {
    let text = *rest;
    let year = digits(rest, 7)?;
    take(rest, '-')?;
    let month = digits(rest, 2)?;
    take(rest, '-')?;
    let day = digits(rest, 2)?;
    Some(make_date(year, month, day).map_err(|_| out_of_range(text)))
}

fn time_of(rest: &mut &str) -> Option<Result<i64>> {
    let text = *rest;
    let mut scanned = *rest;
    let hour = digits(&mut scanned, 2)?;
    take(&mut scanned, ':')?;
    let minute = digits(&mut scanned, 2)?;
    take(&mut scanned, ':')?;
    let second = digits(&mut scanned, 2)?;
    let micros = match scanned.strip_prefix('.') {
        Some(fraction) => {
            scanned = fraction;
            let number = digits(&mut scanned, 6)?;
            i64::from(number) * 10_i64.pow(u32::try_from(6 - (fraction.len() - scanned.len())).unwrap_or(0))
        }
        None => 0,
    };
    *rest = scanned;
    if hour > 23 || minute > 59 || second > 59 {
        return Some(Err(out_of_range(text)));
    }
    Some(Ok((i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second)) * MICROS + micros))
}

/// `+hh` or `+hh:mm` as seconds; None inside for nothing there, None for something else.
fn offset_of(rest: &mut &str) -> Option<Option<i32>> {
    let blank = rest.trim_start_matches(' ');
    let Some(sign) = blank.chars().next() else { return Some(None) };
    let factor = match sign {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let mut scanned = blank.get(1..)?;
    let hours = digits(&mut scanned, 2)?;
    let minutes = match scanned.strip_prefix(':') {
        Some(behind) => {
            scanned = behind;
            digits(&mut scanned, 2)?
        }
        None => 0,
    };
    *rest = scanned;
    (hours < 16 && minutes < 60).then_some(Some(factor * (hours * 3_600 + minutes * 60)))
}
