//! Dates, timestamps and intervals made of numbers, put into bins, and compared as periods.

use crate::kernel::call::{Arg, Call, Run, map1, map2, map3};
use crate::kernel::dates::to_utc;
use crate::kernel::list::each;
use crate::kernel::value::{Bool, Day, Double, Int4, Span, Stamp};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use types::datetime::{
    self, EPOCH_2000_MICROS, MICROS_PER_DAY, TIMESTAMP_INFINITY, TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY,
};
use types::{Datum, Interval, Zone};

fn overflow(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::DatetimeOverflow, message)
}

/// The start of the bin of a stride's length, counted from an origin, in which a timestamp lies.
fn bin(stride: Interval, micros: i64, origin: i64) -> Result<i64> {
    if !datetime::timestamp_is_finite(micros) {
        return Ok(micros);
    }
    if !datetime::timestamp_is_finite(origin) {
        return Err(overflow("origin out of range"));
    }
    if stride.months != 0 {
        return Err(Error::unsupported(
            "timestamps cannot be binned into intervals containing months or years",
        ));
    }
    let length = i128::from(stride.days) * i128::from(MICROS_PER_DAY) + i128::from(stride.micros);
    let length = i64::try_from(length).map_err(|_| overflow("interval out of range"))?;
    if length <= 0 {
        return Err(overflow("stride must be greater than zero"));
    }
    let distance = micros.checked_sub(origin).ok_or_else(|| overflow("interval out of range"))?;
    let bins = i128::from(distance.div_euclid(length)) * i128::from(length);
    datetime::check_timestamp(i128::from(origin) + bins)
}

/// The integers of a row's first arguments, then the seconds; None where any is null.
fn parts(row: &[Datum]) -> Option<(Vec<i32>, f64)> {
    let mut whole = Vec::with_capacity(6);
    for datum in row {
        match datum {
            Datum::Int32(value) => whole.push(*value),
            Datum::Float64(seconds) => return Some((whole, *seconds)),
            _ => return None,
        }
    }
    None
}

fn local_timestamp(row: &[Datum]) -> Result<Option<i64>> {
    let Some((whole, seconds)) = parts(row) else { return Ok(None) };
    let [year, month, day, hour, minute] = whole.as_slice() else {
        return Err(Error::internal("a timestamp of another number of parts"));
    };
    datetime::make_timestamp((*year, *month, *day), *hour, *minute, seconds).map(Some)
}

/// A zone as make_timestamptz takes it: an offset counts east.
fn zone(name: &str) -> Result<Zone> {
    let unknown = || {
        let message = format!("time zone \"{name}\" not recognized");
        Error::new(ErrorKind::InvalidParameterValue, message)
    };
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("invalid input syntax for type numeric time zone: \"{name}\"");
        return Err(Error::new(ErrorKind::InvalidParameterValue, message)
            .with_hint("Numeric time zones must have \"-\" or \"+\" as first character."));
    }
    match types::text::numeric_zone(name)? {
        Some(zone) => Ok(zone),
        None => Zone::parse(name).ok_or_else(unknown),
    }
}

fn make_interval(row: &[Datum]) -> Result<Datum> {
    let Some((whole, seconds)) = parts(row) else { return Ok(Datum::Null) };
    let whole = <[i32; 6]>::try_from(whole).map_err(|_| Error::internal("an interval of other parts"))?;
    datetime::make_interval(whole, seconds).map(Datum::Interval)
}

/// to_timestamp(seconds since 1970)
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "checked to be in range")]
fn of_seconds(seconds: f64) -> Result<i64> {
    if seconds.is_nan() {
        return Err(overflow("timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { TIMESTAMP_INFINITY } else { TIMESTAMP_NEG_INFINITY });
    }
    let wrong = || overflow(format!("timestamp out of range: \"{seconds}\""));
    // The end of the year 294276, where timestamps that count from 2000 end.
    if seconds < TIMESTAMP_MIN as f64 / 1e6 || seconds >= 9_224_318_016_000.0 {
        return Err(wrong());
    }
    // Rounded as a count from 2000.
    let since_2000 = ((seconds - (EPOCH_2000_MICROS / 1_000_000) as f64) * 1e6).round_ties_even();
    datetime::check_timestamp(i128::from(since_2000 as i64) + i128::from(EPOCH_2000_MICROS))
        .map_err(|_| wrong())
}

/// A period by its ends, in order: the one that is known first.
fn period(start: Option<i64>, end: Option<i64>) -> Option<(i64, Option<i64>)> {
    match (start, end) {
        (Some(a), Some(b)) => Some((a.min(b), Some(a.max(b)))),
        (Some(a), None) | (None, Some(a)) => Some((a, None)),
        (None, None) => None,
    }
}

/// OVERLAPS of two periods; None is unknown.
fn overlap(a: (Option<i64>, Option<i64>), b: (Option<i64>, Option<i64>)) -> Option<bool> {
    let (first, second) = (period(a.0, a.1)?, period(b.0, b.1)?);
    if first.0 == second.0 {
        return first.1.and(second.1).map(|_| true);
    }
    let (earlier, later) = if first.0 < second.0 { (first, second) } else { (second, first) };
    if later.0 < earlier.1? { Some(true) } else { later.1.map(|_| false) }
}

fn stamp(datum: &Datum) -> Option<i64> {
    match datum {
        Datum::Timestamp(value) | Datum::TimestampTz(value) => Some(*value),
        _ => None,
    }
}

/// overlaps(..) of two pairs, whose second one may be a length.
fn overlaps(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    each(call, args, |row| {
        let [a, b, c, d] = row.as_slice() else { return Err(Error::internal("overlaps takes four values")) };
        let end = |start: &Datum, end: &Datum| -> Result<Option<i64>> {
            Ok(match (start, end) {
                (Datum::Timestamp(start), Datum::Interval(length)) => {
                    Some(datetime::timestamp_add(*start, *length)?)
                }
                (Datum::TimestampTz(start), Datum::Interval(length)) => {
                    Some(datetime::timestamptz_add(*start, *length, zone)?)
                }
                (_, end) => stamp(end),
            })
        };
        let known = overlap((stamp(a), end(a, b)?), (stamp(c), end(c, d)?));
        Ok(known.map_or(Datum::Null, Datum::Bool))
    })
}

fn with_zone(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    each(call, args, |row| match row.as_slice() {
        [parts @ .., Datum::Text(name)] => match local_timestamp(parts)? {
            Some(local) => Ok(Datum::TimestampTz(to_utc(local, &zone(name)?)?)),
            None => Ok(Datum::Null),
        },
        _ => Ok(Datum::Null),
    })
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("timestamp_bin", |c, a| map3::<Span, Stamp, Stamp, Stamp, _>(c, a, bin)),
    ("timestamptz_bin", |c, a| map3::<Span, Stamp, Stamp, Stamp, _>(c, a, bin)),
    ("make_timestamp", |c, a| {
        each(c, a, |row| Ok(local_timestamp(&row)?.map_or(Datum::Null, Datum::Timestamp)))
    }),
    ("make_timestamptz", |c, a| {
        let zone = c.statement.io.time_zone;
        each(c, a, |row| match local_timestamp(&row)? {
            Some(local) => Ok(Datum::TimestampTz(to_utc(local, &zone)?)),
            None => Ok(Datum::Null),
        })
    }),
    ("make_timestamptz_at_timezone", with_zone),
    ("make_interval", |c, a| each(c, a, |row| make_interval(&row))),
    ("float8_timestamptz", |c, a| map1::<Double, Stamp, _>(c, a, of_seconds)),
    ("date_finite", |c, a| map1::<Day, Bool, _>(c, a, |d| Ok(datetime::date_is_finite(d)))),
    ("timestamp_finite", |c, a| map1::<Stamp, Bool, _>(c, a, |t| Ok(datetime::timestamp_is_finite(t)))),
    ("interval_finite", |c, a| map1::<Span, Bool, _>(c, a, |_| Ok(true))),
    ("overlaps_timestamp", overlaps),
];

/// Functions that pg_proc has in SQL.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    // overlaps with lengths, of timestamptz and of timestamp
    (1305, overlaps),
    (1306, overlaps),
    (1307, overlaps),
    (2042, overlaps),
    (2043, overlaps),
    (2044, overlaps),
    // integer + date
    (2550, |c, a| {
        map2::<Int4, Day, Day, _>(c, a, |n, d| crate::kernel::dates::shifted_date(d, i64::from(n)))
    }),
];
