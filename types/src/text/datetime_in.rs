//! Dates, times and timestamps from text.
//!
//! Invariant: every type reads the same text by the same rules (`datetime_decode`), and checks only its own range.

use super::datetime_decode::{Moment, Place, Special, decode};
use super::datetime_fields::{MOMENT_BYTES_MAX, fields};
use super::datetime_iso;
use super::datetime_parts::{Refusal, offset, word};
use super::settings::IoSettings;
use crate::datetime::{
    DATE_INFINITY, DATE_NEG_INFINITY, MICROS_PER_DAY, TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY, check_date,
    check_timestamp, date_to_timestamp, split_timestamp,
};
use crate::datum::TimeTz;
use crate::zone::Zone;
use base::{Error, ErrorKind, Result};

impl Refusal {
    /// The error that shows the whole text.
    pub(super) fn error(self, type_name: &str, text: &str) -> Error {
        let field = || format!("date/time field value out of range: \"{text}\"");
        match self {
            Refusal::Syntax => Error::new(
                ErrorKind::InvalidDatetime,
                format!("invalid input syntax for type {type_name}: \"{text}\""),
            ),
            Refusal::Field => Error::new(ErrorKind::DatetimeOverflow, field()),
            Refusal::Order => Error::new(ErrorKind::DatetimeOverflow, field())
                .with_hint("Perhaps you need a different \"datestyle\" setting."),
            Refusal::ZoneRange => Error::new(
                ErrorKind::TimeZoneDisplacement,
                format!("time zone displacement out of range: \"{text}\""),
            ),
            Refusal::Whole => Error::new(ErrorKind::DatetimeOverflow, format!("{type_name} out of range")),
            Refusal::ZoneName(name) => {
                Error::new(ErrorKind::InvalidParameterValue, format!("time zone \"{name}\" not recognized"))
            }
            Refusal::Other(error) => error,
        }
    }
}

/// The zone of an offset that counts east (`+02`, `-0330`); `None` for a text of another form.
pub fn numeric_zone(text: &str) -> Result<Option<Zone>> {
    match offset(text) {
        Ok(east) => Ok(Some(Zone::Fixed(east))),
        Err(Refusal::ZoneRange) => Err(Error::new(
            ErrorKind::InvalidParameterValue,
            format!("numeric time zone \"{text}\" out of range"),
        )),
        Err(_) => Ok(None),
    }
}

fn read(text: &str, settings: &IoSettings, type_name: &str, of_day: bool) -> Result<Moment> {
    if !of_day && let Some(moment) = datetime_iso::read(text) {
        return Ok(moment);
    }
    fields(text, MOMENT_BYTES_MAX, |name| word(name).is_some())
        .ok_or(Refusal::Syntax)
        .and_then(|fields| decode(&fields, settings, of_day))
        .map_err(|refusal| refusal.error(type_name, text))
}

pub(crate) fn parse_date(text: &str, settings: &IoSettings) -> Result<i32> {
    let moment = read(text, settings, "date", false)?;
    match moment.special {
        Some(Special::Infinity) => Ok(DATE_INFINITY),
        Some(Special::NegInfinity) => Ok(DATE_NEG_INFINITY),
        Some(Special::Epoch) => Ok(0),
        None => check_date(moment.days.unwrap_or(i64::MAX))
            .map_err(|_| Error::new(ErrorKind::DatetimeOverflow, format!("date out of range: \"{text}\""))),
    }
}

pub(crate) fn parse_timestamp(text: &str, settings: &IoSettings) -> Result<i64> {
    let moment = read(text, settings, "timestamp", false)?;
    match of_special(&moment) {
        Some(value) => value,
        None => checked(local(&moment), text),
    }
}

pub(crate) fn parse_timestamptz(text: &str, settings: &IoSettings) -> Result<i64> {
    let moment = read(text, settings, "timestamp with time zone", false)?;
    if let Some(value) = of_special(&moment) {
        return value;
    }
    let local = local(&moment);
    let east = east(&moment, settings, local);
    checked(local - i128::from(east) * 1_000_000, text)
}

/// A time of day; a date before it is passed over, as is a zone that needs no date.
pub(crate) fn parse_time(text: &str, settings: &IoSettings) -> Result<i64> {
    let name = "time";
    let moment = read(text, settings, name, true)?;
    if needs_day(&moment) {
        return Err(Refusal::Syntax.error(name, text));
    }
    time_of_day(&moment)
}

/// A time of day with its offset: the one written, or that of the session's zone on the day written or today.
pub(crate) fn parse_timetz(text: &str, settings: &IoSettings) -> Result<TimeTz> {
    let name = "time with time zone";
    let moment = read(text, settings, name, true)?;
    if needs_day(&moment) {
        return Err(Refusal::Syntax.error(name, text));
    }
    let micros = time_of_day(&moment)?;
    let zone = match moment.place {
        Some(Place::Offset(east)) => Zone::Fixed(east),
        Some(Place::Zone(zone)) => zone,
        None => settings.time_zone,
    };
    let day = match (moment.days, zone) {
        (None, Zone::Fixed(_)) => 0,
        (None, _) => today(settings, text)?,
        (Some(day), _) => day,
    };
    let local = day.saturating_mul(MICROS_PER_DAY).saturating_add(micros);
    Ok(TimeTz { micros, west: -zone.offset_at_local(local) })
}

/// Whether the zone is one whose offset only a date tells. An abbreviation takes that of today.
fn needs_day(moment: &Moment) -> bool {
    match moment.place {
        Some(Place::Zone(Zone::Dynamic { .. }) | Place::Offset(_)) | None => false,
        Some(Place::Zone(zone)) => moment.days.is_none() && zone.constant().is_none(),
    }
}

fn time_of_day(moment: &Moment) -> Result<i64> {
    i64::try_from(moment.micros).map_err(|_| Error::internal("a time of day of more than a day"))
}

fn of_special(moment: &Moment) -> Option<Result<i64>> {
    Some(match moment.special? {
        Special::Infinity => Ok(TIMESTAMP_INFINITY),
        Special::NegInfinity => Ok(TIMESTAMP_NEG_INFINITY),
        Special::Epoch => date_to_timestamp(0),
    })
}

/// Microseconds of the local clock.
fn local(moment: &Moment) -> i128 {
    i128::from(moment.days.unwrap_or(0)) * i128::from(MICROS_PER_DAY) + moment.micros
}

/// Seconds east of UTC.
fn east(moment: &Moment, settings: &IoSettings, local: i128) -> i32 {
    let zone = match moment.place {
        Some(Place::Offset(east)) => return east,
        Some(Place::Zone(zone)) => zone,
        None => settings.time_zone,
    };
    // Beyond 64 bits there are no rules of zones.
    zone.offset_at_local(i64::try_from(local).unwrap_or(if local < 0 { i64::MIN } else { i64::MAX }))
}

fn checked(micros: i128, text: &str) -> Result<i64> {
    check_timestamp(micros).map_err(|error| match error.kind() {
        ErrorKind::Unsupported => error,
        _ => Error::new(ErrorKind::DatetimeOverflow, format!("timestamp out of range: \"{text}\"")),
    })
}

fn today(settings: &IoSettings, text: &str) -> Result<i64> {
    let now = settings.now.ok_or_else(|| {
        Error::unsupported(format!("\"{text}\" is not known here")).with_hint("use now() or a constant date")
    })?;
    let local = settings.time_zone.to_local(now);
    Ok(split_timestamp(local.ok_or_else(|| Error::internal("now is out of range"))?).0)
}
