//! Dates and timestamps from text: ISO 8601, dates by the session's order, month names, zones, special words.
//!
//! Invariant: text is read into `Fields` first and checked against the calendar once, so that every type gives the
//! same answer for the same text.

use super::datetime_parts::{is_offset, is_weekday, month_of, read_time_fields};
use super::settings::{DateOrder, IoSettings};
use crate::datetime::{
    Civil, DATE_INFINITY, DATE_NEG_INFINITY, JULIAN_1970, MICROS_PER_DAY, TIMESTAMP_INFINITY,
    TIMESTAMP_NEG_INFINITY, check_date, check_timestamp, date_to_timestamp, days_from_civil, days_in_month,
    split_timestamp,
};
use crate::datum::TimeTz;
use crate::zone::{Zone, parse_offset};
use base::{Error, ErrorKind, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    Infinity,
    NegInfinity,
    Epoch,
    Now,
    /// Days from today.
    Day(i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HalfDay {
    Am,
    Pm,
}

/// Year, month, day, and whether the year had at most two digits.
type DateParts = (i32, i32, i32, bool);

/// What a text said, unchecked.
#[derive(Debug, Default)]
struct Fields {
    special: Option<Special>,
    date: Option<DateParts>,
    julian: Option<i32>,
    time: Option<i64>,
    /// Whether a time of day is wanted, so that a date may be missing.
    of_day: bool,
    zone: Option<Zone>,
    /// Whether the zone was written as a name whose offset depends on the day.
    zone_has_rules: bool,
    half_day: Option<HalfDay>,
    before_christ: bool,
    month: Option<i32>,
    /// Numbers beside a month's name, with their count of digits.
    numbers: Vec<(i32, usize)>,
}

/// Why a text was refused; becomes PostgreSQL's message with the whole text.
enum Refusal {
    Syntax,
    Field,
    /// A field that another order of day, month and year might allow.
    Order,
    ZoneRange,
    ZoneName(String),
}

impl Refusal {
    fn error(self, type_name: &str, text: &str) -> Error {
        let field = format!("date/time field value out of range: \"{text}\"");
        match self {
            Refusal::Syntax => Error::new(
                ErrorKind::InvalidDatetime,
                format!("invalid input syntax for type {type_name}: \"{text}\""),
            ),
            Refusal::Field => Error::new(ErrorKind::DatetimeOverflow, field),
            Refusal::Order => Error::new(ErrorKind::DatetimeOverflow, field)
                .with_hint("Perhaps you need a different \"datestyle\" setting."),
            Refusal::ZoneRange => Error::new(
                ErrorKind::TimeZoneDisplacement,
                format!("time zone displacement out of range: \"{text}\""),
            ),
            Refusal::ZoneName(name) => {
                Error::new(ErrorKind::InvalidParameterValue, format!("time zone \"{name}\" not recognized"))
            }
        }
    }
}

pub(crate) fn parse_date(text: &str, settings: &IoSettings) -> Result<i32> {
    let fields = read(text, settings).map_err(|r| r.error("date", text))?;
    let day = match fields.special {
        Some(Special::Infinity) => return Ok(DATE_INFINITY),
        Some(Special::NegInfinity) => return Ok(DATE_NEG_INFINITY),
        Some(Special::Epoch) => 0,
        Some(Special::Now) => today(settings, text)?,
        Some(Special::Day(offset)) => today(settings, text)? + i64::from(offset),
        None => days_of(&fields).map_err(|r| r.error("date", text))?,
    };
    check_date(day)
        .map_err(|_| Error::new(ErrorKind::DatetimeOverflow, format!("date out of range: \"{text}\"")))
}

pub(crate) fn parse_timestamp(text: &str, settings: &IoSettings) -> Result<i64> {
    let fields = read(text, settings).map_err(|r| r.error("timestamp", text))?;
    local_micros(&fields, "timestamp", text, settings)
}

pub(crate) fn parse_timestamptz(text: &str, settings: &IoSettings) -> Result<i64> {
    let name = "timestamp with time zone";
    let fields = read(text, settings).map_err(|r| r.error(name, text))?;
    match fields.special {
        Some(Special::Now) => return now(settings, text),
        Some(Special::Epoch) => return Ok(0),
        _ => {}
    }
    let local = local_micros(&fields, name, text, settings)?;
    if !crate::datetime::timestamp_is_finite(local) {
        return Ok(local);
    }
    let zone = fields.zone.unwrap_or(settings.time_zone);
    check_timestamp(i128::from(local) - i128::from(zone.offset_at_local(local)) * 1_000_000)
        .map_err(|_| out_of_range(text))
}

/// A time of day; a date before it is passed over, as is a zone that needs no date.
pub(crate) fn parse_time(text: &str, settings: &IoSettings) -> Result<i64> {
    let name = "time";
    let fields = read_as(text, settings, true).map_err(|r| r.error(name, text))?;
    let refused = |r: Refusal| r.error(name, text);
    if fields.special == Some(Special::Now) {
        return Ok(split_timestamp(local_now(settings, text)?).1);
    }
    time_of_day(&fields).map_err(refused)
}

/// A time of day with its offset: the one written, or that of the session's zone on the day written or today.
pub(crate) fn parse_timetz(text: &str, settings: &IoSettings) -> Result<TimeTz> {
    let name = "time with time zone";
    let fields = read_as(text, settings, true).map_err(|r| r.error(name, text))?;
    if fields.special == Some(Special::Now) {
        let instant = now(settings, text)?;
        let west = -settings.time_zone.offset_at(instant);
        return Ok(TimeTz { micros: split_timestamp(local_now(settings, text)?).1, west });
    }
    let micros = time_of_day(&fields).map_err(|r| r.error(name, text))?;
    let zone = fields.zone.unwrap_or(settings.time_zone);
    let day = match (&fields.date, fields.julian, zone) {
        (None, None, Zone::Fixed(seconds)) => return Ok(TimeTz { micros, west: -seconds }),
        (None, None, Zone::Named(_)) => today(settings, text)?,
        _ => days_of(&fields).map_err(|r| r.error(name, text))?,
    };
    let local = day.saturating_mul(MICROS_PER_DAY).saturating_add(micros);
    Ok(TimeTz { micros, west: -zone.offset_at_local(local) })
}

fn time_of_day(fields: &Fields) -> Result<i64, Refusal> {
    let has_day = fields.date.is_some() || fields.julian.is_some();
    if fields.special.is_some()
        || fields.time.is_none()
        || fields.month.is_some() == fields.numbers.is_empty()
    {
        return Err(Refusal::Syntax);
    }
    // The rules of a zone depend on the day.
    if fields.zone_has_rules && !has_day && fields.month.is_none() {
        return Err(Refusal::Syntax);
    }
    if has_day || fields.month.is_some() {
        days_of(fields)?;
    }
    time_of(fields)
}

fn out_of_range(text: &str) -> Error {
    Error::new(ErrorKind::DatetimeOverflow, format!("timestamp out of range: \"{text}\""))
}

fn now(settings: &IoSettings, text: &str) -> Result<i64> {
    settings.now.ok_or_else(|| {
        Error::unsupported(format!("\"{text}\" is not known here")).with_hint("use now() or a constant date")
    })
}

fn local_now(settings: &IoSettings, text: &str) -> Result<i64> {
    settings.time_zone.to_local(now(settings, text)?).ok_or_else(|| out_of_range(text))
}

fn today(settings: &IoSettings, text: &str) -> Result<i64> {
    Ok(split_timestamp(local_now(settings, text)?).0)
}

fn local_micros(fields: &Fields, name: &str, text: &str, settings: &IoSettings) -> Result<i64> {
    let day = match fields.special {
        Some(Special::Infinity) => return Ok(TIMESTAMP_INFINITY),
        Some(Special::NegInfinity) => return Ok(TIMESTAMP_NEG_INFINITY),
        Some(Special::Epoch) => return date_to_timestamp(0),
        Some(Special::Now) => return local_now(settings, text),
        Some(Special::Day(offset)) => today(settings, text)? + i64::from(offset),
        None => days_of(fields).map_err(|r| r.error(name, text))?,
    };
    let time = time_of(fields).map_err(|r| r.error(name, text))?;
    check_timestamp(i128::from(day) * i128::from(MICROS_PER_DAY) + i128::from(time))
        .map_err(|_| out_of_range(text))
}

fn time_of(fields: &Fields) -> Result<i64, Refusal> {
    const HOUR: i64 = 3_600_000_000;
    let time = fields.time.unwrap_or(0);
    match fields.half_day {
        None => Ok(time),
        Some(_) if time >= 13 * HOUR => Err(Refusal::Field),
        Some(HalfDay::Am) => Ok(if time >= 12 * HOUR { time - 12 * HOUR } else { time }),
        Some(HalfDay::Pm) => Ok(if time < 12 * HOUR { time + 12 * HOUR } else { time }),
    }
}

fn days_of(fields: &Fields) -> Result<i64, Refusal> {
    if let Some(julian) = fields.julian {
        return Ok(i64::from(julian) - i64::from(JULIAN_1970));
    }
    let (year, month, day, short) = match (fields.date, fields.month) {
        (Some(date), _) => date,
        (None, Some(month)) => named_month(month, &fields.numbers)?,
        (None, None) => return Err(Refusal::Syntax),
    };
    let year = match year {
        0..=69 if short && !fields.before_christ => year + 2000,
        70..=99 if short && !fields.before_christ => year + 1900,
        _ => year,
    };
    if year <= 0 {
        return Err(Refusal::Field);
    }
    let year = if fields.before_christ { 1 - year } else { year };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(Refusal::Order);
    }
    if day > days_in_month(year, month) {
        return Err(Refusal::Field);
    }
    Ok(days_from_civil(Civil { year, month, day }))
}

/// Numbers around a month's name: the year is the one with more than two digits, else the last.
fn named_month(month: i32, numbers: &[(i32, usize)]) -> Result<DateParts, Refusal> {
    match numbers {
        [(year, width), (day, _)] if *width > 2 => Ok((*year, month, *day, false)),
        [(day, _), (year, width)] => Ok((*year, month, *day, *width <= 2)),
        _ => Err(Refusal::Syntax),
    }
}

fn read(text: &str, settings: &IoSettings) -> Result<Fields, Refusal> {
    read_as(text, settings, false)
}

/// `of_day` is for times of day, whose digits alone are a time, not a date.
fn read_as(text: &str, settings: &IoSettings, of_day: bool) -> Result<Fields, Refusal> {
    let mut fields = Fields { of_day, ..Fields::default() };
    let mut rest = text;
    let mut time_mark = false;
    while let Some(first) = rest.chars().next() {
        let used = match first {
            c if super::is_space(c) || c == ',' => 1,
            '0'..='9' => {
                let used = read_number(rest, &mut fields, settings, time_mark)?;
                time_mark = false;
                used
            }
            '+' | '-' => read_sign(rest, &mut fields)?,
            c if c.is_ascii_alphabetic() => read_word(rest, &mut fields, &mut time_mark)?,
            _ => return Err(Refusal::Syntax),
        };
        rest = rest.get(used..).unwrap_or_default();
    }
    let has_day = fields.date.is_some() || fields.julian.is_some() || fields.month.is_some();
    let alone = matches!(
        fields.special,
        Some(Special::Infinity | Special::NegInfinity | Special::Epoch | Special::Now)
    );
    if time_mark || (fields.special.is_some() && (has_day || (alone && fields.time.is_some()))) {
        return Err(Refusal::Syntax);
    }
    if fields.date.is_some() && (!fields.numbers.is_empty() || fields.month.is_some()) {
        return Err(Refusal::Syntax);
    }
    Ok(fields)
}

fn run(text: &str, accept: impl Fn(char) -> bool) -> usize {
    text.find(|c| !accept(c)).unwrap_or(text.len())
}

fn number(text: &str) -> Result<i32, Refusal> {
    text.parse()
        .map_err(|_| if text.bytes().all(|b| b.is_ascii_digit()) { Refusal::Field } else { Refusal::Syntax })
}

fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), Refusal> {
    if slot.replace(value).is_some() { Err(Refusal::Syntax) } else { Ok(()) }
}

fn read_sign(rest: &str, fields: &mut Fields) -> Result<usize, Refusal> {
    let body = rest.get(1..).unwrap_or_default();
    if body.starts_with(|c: char| c.is_ascii_digit()) && (fields.time.is_some() || fields.date.is_some()) {
        let used = 1 + run(body, |c| c.is_ascii_digit() || c == ':');
        let offset = parse_offset(rest.get(..used).unwrap_or_default()).ok_or(Refusal::ZoneRange)?;
        // An offset behind a zone's name (`UTC+3`) would be POSIX, with the opposite sign.
        if fields.zone.is_some() {
            return Err(Refusal::Syntax);
        }
        fields.zone = Some(Zone::Fixed(offset));
        return Ok(used);
    }
    if body.to_ascii_lowercase().starts_with("infinity") && fields.special.is_none() {
        fields.special = Some(if rest.starts_with('-') { Special::NegInfinity } else { Special::Infinity });
        return Ok(1 + "infinity".len());
    }
    // Between a month's name and a number.
    if rest.starts_with('-') && (fields.month.is_some() || !fields.numbers.is_empty()) {
        Ok(1)
    } else {
        Err(Refusal::Syntax)
    }
}

fn read_number(
    rest: &str,
    fields: &mut Fields,
    settings: &IoSettings,
    time_mark: bool,
) -> Result<usize, Refusal> {
    let digits = run(rest, |c| c.is_ascii_digit());
    let after = rest.get(digits..).unwrap_or_default();
    let behind = after.chars().nth(1);
    if after.starts_with(':') {
        let used = run(rest, |c| c.is_ascii_digit() || c == ':' || c == '.');
        set(&mut fields.time, read_time(rest.get(..used).unwrap_or_default())?)?;
        return Ok(used);
    }
    let has_date = fields.date.is_some() || fields.julian.is_some();
    if fields.of_day && !has_date && fields.time.is_none() && matches!(digits, 4 | 6) && is_offset(after) {
        fields.time = Some(read_packed_time(rest.get(..digits).unwrap_or_default())?);
        return Ok(digits);
    }
    let separated = after.starts_with(['-', '/', '.']) && behind.is_some_and(|c| c.is_ascii_alphanumeric());
    if separated && !has_date && !time_mark && fields.month.is_none() {
        let used = run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '.'));
        let (date, used) = read_date(rest.get(..used).unwrap_or_default(), settings)?;
        fields.date = Some(date);
        return Ok(used);
    }
    let text = rest.get(..digits).unwrap_or_default();
    if (time_mark || has_date || fields.of_day) && fields.time.is_none() && matches!(digits, 4 | 6) {
        let used = run(rest, |c| c.is_ascii_digit() || c == '.');
        fields.time = Some(read_packed_time(rest.get(..used).unwrap_or_default())?);
        return Ok(used);
    }
    if !has_date && fields.month.is_none() && matches!(digits, 6 | 8) {
        let (year, tail) = text.split_at(digits - 4);
        let (month, day) = tail.split_at(2);
        fields.date = Some((number(year)?, number(month)?, number(day)?, digits == 6));
        return Ok(digits);
    }
    let hour_of_half_day =
        after.trim_start().get(..2).is_some_and(|w| matches!(&*w.to_ascii_lowercase(), "am" | "pm"));
    if (has_date || fields.of_day) && hour_of_half_day && fields.time.is_none() {
        fields.time = Some(i64::from(number(text)?) * 3_600_000_000);
        return Ok(digits);
    }
    if has_date || time_mark {
        return Err(Refusal::Syntax);
    }
    fields.numbers.push((number(text)?, digits));
    Ok(digits)
}

/// `a-b-c` by the session's order; a `T` that begins a time ends it.
fn read_date(text: &str, settings: &IoSettings) -> Result<(DateParts, usize), Refusal> {
    let mut parts = Vec::with_capacity(3);
    let mut used = 0;
    let mut rest = text;
    while parts.len() < 3 {
        let alphabetic = rest.starts_with(|c: char| c.is_ascii_alphabetic());
        let len = run(rest, |c| if alphabetic { c.is_ascii_alphabetic() } else { c.is_ascii_digit() });
        let part = rest.get(..len).unwrap_or_default();
        if part.is_empty() {
            return Err(Refusal::Syntax);
        }
        parts.push(part);
        used += len;
        rest = rest.get(len..).unwrap_or_default();
        if parts.len() < 3 {
            rest = rest.strip_prefix(['-', '/', '.']).ok_or(Refusal::Syntax)?;
            used += 1;
        }
    }
    let [a, b, c] = parts.as_slice() else { return Err(Refusal::Syntax) };
    let short = |year: &str| year.len() <= 2;
    if let Some(month) = month_of(b) {
        let date = if short(a) {
            (number(c)?, month, number(a)?, short(c))
        } else {
            (number(a)?, month, number(c)?, false)
        };
        return Ok((date, used));
    }
    let (first, second, third) = (number(a)?, number(b)?, number(c)?);
    let date = match settings.date_order {
        _ if a.len() > 2 => (first, second, third, false),
        DateOrder::Ymd => (first, second, third, true),
        DateOrder::Mdy => (third, first, second, short(c)),
        DateOrder::Dmy => (third, second, first, short(c)),
    };
    Ok((date, used))
}

fn read_time(text: &str) -> Result<i64, Refusal> {
    let (hours, minutes, micros) = read_time_fields(text).ok_or(Refusal::Syntax)?;
    let total = hours * 3_600_000_000 + minutes * 60_000_000 + micros;
    if minutes > 59 || micros > 60_000_000 || total > MICROS_PER_DAY {
        Err(Refusal::Field)
    } else {
        Ok(total)
    }
}

fn read_packed_time(text: &str) -> Result<i64, Refusal> {
    let (hours, rest) = text.split_at(2);
    let (minutes, seconds) = rest.split_at(2);
    let seconds = if seconds.is_empty() { "0" } else { seconds };
    read_time(&format!("{hours}:{minutes}:{seconds}"))
}

fn read_word(rest: &str, fields: &mut Fields, time_mark: &mut bool) -> Result<usize, Refusal> {
    let letters = run(rest, |c| c.is_ascii_alphabetic());
    let word = rest.get(..letters).unwrap_or_default();
    let lower = word.to_ascii_lowercase();
    let digit_follows = rest.get(letters..).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    match lower.as_str() {
        "t" if fields.date.is_some() || digit_follows => *time_mark = true,
        "j" | "julian" if digit_follows => {
            let digits = run(rest.get(letters..).unwrap_or_default(), |c| c.is_ascii_digit());
            set(&mut fields.julian, number(rest.get(letters..letters + digits).unwrap_or_default())?)?;
            return Ok(letters + digits);
        }
        "am" => set(&mut fields.half_day, HalfDay::Am)?,
        "pm" => set(&mut fields.half_day, HalfDay::Pm)?,
        "bc" => fields.before_christ = true,
        "ad" | "at" | "on" => {}
        "infinity" => set(&mut fields.special, Special::Infinity)?,
        "epoch" => set(&mut fields.special, Special::Epoch)?,
        "now" => set(&mut fields.special, Special::Now)?,
        "today" => set(&mut fields.special, Special::Day(0))?,
        "tomorrow" => set(&mut fields.special, Special::Day(1))?,
        "yesterday" => set(&mut fields.special, Special::Day(-1))?,
        "allballs" => set(&mut fields.time, 0)?,
        _ if is_weekday(&lower) => {}
        _ => match month_of(word) {
            Some(month) => set(&mut fields.month, month)?,
            None => return read_zone(rest, fields),
        },
    }
    Ok(letters)
}

fn read_zone(rest: &str, fields: &mut Fields) -> Result<usize, Refusal> {
    let used = run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+'));
    let name = rest.get(..used).unwrap_or_default();
    if fields.date.is_none() && fields.time.is_none() && fields.numbers.is_empty() {
        return Err(Refusal::Syntax);
    }
    match Zone::named(name) {
        Some(zone) => {
            fields.zone_has_rules = matches!(zone, Zone::Named(_));
            set(&mut fields.zone, zone).map(|()| used)
        }
        None if name.contains('/') => Err(Refusal::ZoneName(name.to_ascii_lowercase())),
        None => Err(Refusal::Syntax),
    }
}
