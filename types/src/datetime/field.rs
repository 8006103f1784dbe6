//! Fields of dates, timestamps and intervals: extract and date_trunc.

use super::calendar::{
    Civil, JULIAN_1970, MICROS_PER_DAY, check_timestamp, civil_from_days, date_is_finite, days_from_civil,
    iso_week, split_timestamp, timestamp_is_finite, weekday,
};
use crate::datum::{Interval, TimeTz};
use crate::pgnum::PgNum;
use crate::zone::Zone;
use base::{Error, ErrorKind, Result};

/// A field that extract, date_part and date_trunc name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    Epoch,
    Julian,
    IsoYear,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

impl Field {
    /// The field of a name in any case; `None` for an unknown one.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecond" | "microseconds" => {
                Field::Microseconds
            }
            "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecond" | "milliseconds" => {
                Field::Milliseconds
            }
            "s" | "sec" | "secs" | "second" | "seconds" => Field::Second,
            "m" | "min" | "mins" | "minute" | "minutes" => Field::Minute,
            "h" | "hr" | "hrs" | "hour" | "hours" => Field::Hour,
            "d" | "day" | "days" => Field::Day,
            "w" | "week" | "weeks" => Field::Week,
            "mon" | "mons" | "month" | "months" => Field::Month,
            "qtr" | "quarter" => Field::Quarter,
            "y" | "yr" | "yrs" | "year" | "years" => Field::Year,
            "dec" | "decs" | "decade" | "decades" => Field::Decade,
            "c" | "cent" | "century" | "centuries" => Field::Century,
            "mil" | "mils" | "millennia" | "millennium" => Field::Millennium,
            "epoch" => Field::Epoch,
            "j" | "jd" | "julian" => Field::Julian,
            "isoyear" => Field::IsoYear,
            "dow" => Field::DayOfWeek,
            "isodow" => Field::IsoDayOfWeek,
            "doy" => Field::DayOfYear,
            "timezone" => Field::Timezone,
            "timezone_h" | "timezone_hour" => Field::TimezoneHour,
            "timezone_m" | "timezone_minute" => Field::TimezoneMinute,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Field::Microseconds => "microseconds",
            Field::Milliseconds => "milliseconds",
            Field::Second => "second",
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::Day => "day",
            Field::Week => "week",
            Field::Month => "month",
            Field::Quarter => "quarter",
            Field::Year => "year",
            Field::Decade => "decade",
            Field::Century => "century",
            Field::Millennium => "millennium",
            Field::Epoch => "epoch",
            Field::Julian => "julian",
            Field::IsoYear => "isoyear",
            Field::DayOfWeek => "dow",
            Field::IsoDayOfWeek => "isodow",
            Field::DayOfYear => "doy",
            Field::Timezone => "timezone",
            Field::TimezoneHour => "timezone_hour",
            Field::TimezoneMinute => "timezone_minute",
        }
    }

    /// Fields that grow without end are infinite for an infinite time; the others are null.
    fn of_infinity(self, positive: bool) -> Extracted {
        match self {
            Field::Year
            | Field::Decade
            | Field::Century
            | Field::Millennium
            | Field::Julian
            | Field::IsoYear
            | Field::Epoch => {
                if positive {
                    Extracted::Infinity
                } else {
                    Extracted::NegInfinity
                }
            }
            _ => Extracted::Null,
        }
    }
}

fn unsupported(field: Field, type_name: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("unit \"{}\" not supported for type {type_name}", field.name()),
    )
}

/// A field's value: extract gives it as numeric, date_part as float8.
#[derive(Clone, Debug, PartialEq)]
pub enum Extracted {
    Null,
    Infinity,
    NegInfinity,
    /// `unscaled` times 10^-scale.
    Number {
        unscaled: i128,
        scale: u8,
    },
    /// A quotient that has no short decimal.
    Numeric(PgNum),
}

impl Extracted {
    fn whole(value: i64) -> Self {
        Extracted::Number { unscaled: i128::from(value), scale: 0 }
    }

    fn micros(unscaled: i128) -> Self {
        Extracted::Number { unscaled, scale: 6 }
    }

    /// The value as extract gives it; `None` for null.
    pub fn to_pgnum(&self) -> Option<PgNum> {
        Some(match self {
            Extracted::Null => return None,
            Extracted::Infinity => PgNum::INFINITY,
            Extracted::NegInfinity => PgNum::NEG_INFINITY,
            Extracted::Number { unscaled, scale } => PgNum::from_i128(*unscaled, *scale),
            Extracted::Numeric(value) => value.clone(),
        })
    }
}

/// Field of a date; units of time are refused as in PostgreSQL.
pub fn extract_date(field: Field, days: i32) -> Result<Extracted> {
    let time_like = matches!(
        field,
        Field::Microseconds
            | Field::Milliseconds
            | Field::Second
            | Field::Minute
            | Field::Hour
            | Field::Timezone
            | Field::TimezoneHour
            | Field::TimezoneMinute
    );
    if time_like {
        return Err(unsupported(field, "date"));
    }
    if !date_is_finite(days) {
        return Ok(field.of_infinity(days > 0));
    }
    Ok(match field {
        Field::Epoch => Extracted::whole(i64::from(days) * 86_400),
        Field::Julian => Extracted::whole(i64::from(days) + i64::from(JULIAN_1970)),
        _ => Extracted::whole(date_field(field, i64::from(days)).ok_or_else(|| unsupported(field, "date"))?),
    })
}

/// Field of a timestamp.
pub fn extract_timestamp(field: Field, micros: i64) -> Result<Extracted> {
    extract_local(field, micros, "timestamp without time zone")
}

fn extract_local(field: Field, micros: i64, type_name: &str) -> Result<Extracted> {
    if !timestamp_is_finite(micros) {
        return Ok(field.of_infinity(micros > 0));
    }
    let (days, time) = split_timestamp(micros);
    if let Some(value) = date_field(field, days) {
        return Ok(Extracted::whole(value));
    }
    match field {
        Field::Epoch => Ok(Extracted::micros(i128::from(micros))),
        Field::Julian => {
            let day = PgNum::from_i64(days + i64::from(JULIAN_1970));
            let part = PgNum::from_i64(time).div(&PgNum::from_i64(MICROS_PER_DAY))?;
            Ok(Extracted::Numeric(day.add(&part)?))
        }
        _ => time_field(field, time).ok_or_else(|| unsupported(field, type_name)),
    }
}

/// Field of an instant on the clock of `zone`.
pub fn extract_timestamptz(field: Field, micros: i64, zone: &Zone) -> Result<Extracted> {
    if !timestamp_is_finite(micros) {
        return Ok(field.of_infinity(micros > 0));
    }
    let offset = i64::from(zone.offset_at(micros));
    match field {
        Field::Epoch => Ok(Extracted::micros(i128::from(micros))),
        Field::Timezone => Ok(Extracted::whole(offset)),
        Field::TimezoneHour => Ok(Extracted::whole(offset / 3_600)),
        Field::TimezoneMinute => Ok(Extracted::whole(offset / 60 % 60)),
        _ => extract_local(field, micros.saturating_add(offset * 1_000_000), "timestamp with time zone"),
    }
}

/// Field of an interval.
pub fn extract_interval(field: Field, v: Interval) -> Result<Extracted> {
    let years = i64::from(v.months / 12);
    Ok(match field {
        Field::Year => Extracted::whole(years),
        Field::Month => Extracted::whole(i64::from(v.months % 12)),
        Field::Quarter => Extracted::whole(i64::from(v.months % 12) / 3 + 1),
        Field::Decade => Extracted::whole(years / 10),
        Field::Century => Extracted::whole(years / 100),
        Field::Millennium => Extracted::whole(years / 1_000),
        Field::Day => Extracted::whole(i64::from(v.days)),
        // A year counts 365.25 days, a month 30.
        Field::Epoch => {
            let quarter_days = i128::from(v.months / 12) * 1_461;
            let whole = (i128::from(v.months % 12) * 30 + i128::from(v.days)) * i128::from(MICROS_PER_DAY);
            Extracted::micros(quarter_days * i128::from(MICROS_PER_DAY / 4) + whole + i128::from(v.micros))
        }
        _ => time_field(field, v.micros).ok_or_else(|| unsupported(field, "interval"))?,
    })
}

/// Field of a time of day.
pub fn extract_time(field: Field, micros: i64) -> Result<Extracted> {
    match field {
        Field::Epoch => Ok(Extracted::micros(i128::from(micros))),
        _ => time_field(field, micros).ok_or_else(|| unsupported(field, "time without time zone")),
    }
}

/// Field of a time of day with its offset; the epoch is that of the time in UTC.
pub fn extract_timetz(field: Field, time: TimeTz) -> Result<Extracted> {
    let east = i64::from(time.west.saturating_neg());
    Ok(match field {
        Field::Epoch => Extracted::micros(i128::from(time.micros) - i128::from(east) * 1_000_000),
        Field::Timezone => Extracted::whole(east),
        Field::TimezoneHour => Extracted::whole(east / 3_600),
        Field::TimezoneMinute => Extracted::whole(east / 60 % 60),
        _ => time_field(field, time.micros).ok_or_else(|| unsupported(field, "time with time zone"))?,
    })
}

fn time_field(field: Field, micros: i64) -> Option<Extracted> {
    let in_minute = micros % 60_000_000;
    Some(match field {
        Field::Microseconds => Extracted::whole(in_minute),
        Field::Milliseconds => Extracted::Number { unscaled: i128::from(in_minute), scale: 3 },
        Field::Second => Extracted::micros(i128::from(in_minute)),
        Field::Minute => Extracted::whole(micros / 60_000_000 % 60),
        Field::Hour => Extracted::whole(micros / 3_600_000_000),
        _ => return None,
    })
}

/// Year without 0: 1 BC is -1.
fn shown_year(year: i32) -> i64 {
    i64::from(if year > 0 { year } else { year - 1 })
}

fn date_field(field: Field, days: i64) -> Option<i64> {
    let date = civil_from_days(days);
    let year = i64::from(date.year);
    Some(match field {
        Field::Day => i64::from(date.day),
        Field::Month => i64::from(date.month),
        Field::Quarter => (i64::from(date.month) - 1) / 3 + 1,
        Field::Year => shown_year(date.year),
        Field::Decade => year.div_euclid(10),
        Field::Century => {
            if year > 0 {
                (year + 99) / 100
            } else {
                -((99 - (year - 1)) / 100)
            }
        }
        Field::Millennium => {
            if year > 0 {
                (year + 999) / 1_000
            } else {
                -((999 - (year - 1)) / 1_000)
            }
        }
        Field::Week => i64::from(iso_week(days).1),
        Field::IsoYear => shown_year(iso_week(days).0),
        Field::DayOfWeek => i64::from(weekday(days)),
        Field::IsoDayOfWeek => i64::from(if weekday(days) == 0 { 7 } else { weekday(days) }),
        Field::DayOfYear => days - days_from_civil(Civil { year: date.year, month: 1, day: 1 }) + 1,
        _ => return None,
    })
}

/// date_trunc of a timestamp.
pub fn trunc_timestamp(field: Field, micros: i64) -> Result<i64> {
    trunc_local(field, micros, "timestamp without time zone")
}

fn trunc_local(field: Field, micros: i64, type_name: &str) -> Result<i64> {
    let (days, time) = split_timestamp(micros);
    let date = civil_from_days(days);
    let first = |year: i64, month: i32| {
        let year = i32::try_from(year).unwrap_or(i32::MIN);
        days_from_civil(Civil { year, month, day: 1 })
    };
    // The first year of a group of `length` that begins behind a multiple (centuries begin with 01).
    let group = |length: i64| (i64::from(date.year) - 1).div_euclid(length) * length + 1;
    let year = i64::from(date.year);
    let unit = |length: i64| Ok::<_, Error>((days, time - time % length));
    let (days, time) = match field {
        Field::Microseconds => unit(1)?,
        Field::Milliseconds => unit(1_000)?,
        Field::Second => unit(1_000_000)?,
        Field::Minute => unit(60_000_000)?,
        Field::Hour => unit(3_600_000_000)?,
        Field::Day => (days, 0),
        Field::Week => (days - (days + 3).rem_euclid(7), 0),
        Field::Month => (first(year, date.month), 0),
        Field::Quarter => (first(year, (date.month - 1) / 3 * 3 + 1), 0),
        Field::Year => (first(year, 1), 0),
        Field::Decade => (first(year.div_euclid(10) * 10, 1), 0),
        Field::Century => (first(group(100), 1), 0),
        Field::Millennium => (first(group(1_000), 1), 0),
        _ => return Err(unsupported(field, type_name)),
    };
    if !timestamp_is_finite(micros) {
        return Ok(micros);
    }
    check_timestamp(i128::from(days) * i128::from(MICROS_PER_DAY) + i128::from(time))
}

/// date_trunc of an instant on the clock of `zone`.
pub fn trunc_timestamptz(field: Field, micros: i64, zone: &Zone) -> Result<i64> {
    if !timestamp_is_finite(micros) {
        return trunc_local(field, micros, "timestamp with time zone");
    }
    let offset = i64::from(zone.offset_at(micros)) * 1_000_000;
    let local = check_timestamp(i128::from(micros) + i128::from(offset))?;
    let cut = trunc_local(field, local, "timestamp with time zone")?;
    // Units of a day and above may end where another offset is in force; smaller ones keep theirs.
    let small = matches!(
        field,
        Field::Microseconds | Field::Milliseconds | Field::Second | Field::Minute | Field::Hour
    );
    let back = if small { offset } else { i64::from(zone.offset_at_local(cut)) * 1_000_000 };
    check_timestamp(i128::from(cut) - i128::from(back))
}

/// date_trunc of an interval; weeks are refused, as months have no whole number of them.
pub fn trunc_interval(field: Field, v: Interval) -> Result<Interval> {
    let months = |length: i32| Interval { months: v.months / length * length, days: 0, micros: 0 };
    let time = |length: i64| Interval { micros: v.micros - v.micros % length, ..v };
    Ok(match field {
        Field::Microseconds => v,
        Field::Milliseconds => time(1_000),
        Field::Second => time(1_000_000),
        Field::Minute => time(60_000_000),
        Field::Hour => time(3_600_000_000),
        Field::Day => Interval { micros: 0, ..v },
        Field::Month => months(1),
        Field::Quarter => months(3),
        Field::Year => months(12),
        Field::Decade => months(120),
        Field::Century => months(1_200),
        Field::Millennium => months(12_000),
        _ => return Err(unsupported(field, "interval")),
    })
}
