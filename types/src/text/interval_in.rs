//! Intervals from text: PostgreSQL's words, and SQL's `1-2` and `3 04:05:06`; ISO 8601's form is `interval_iso`'s.
//!
//! Fractions go down as in PostgreSQL: of years into whole months, of months and weeks into days of 30 to a month, then
//! into microseconds. Invariant: every part stays in the range of its type at each step, as PostgreSQL's does.

use super::datetime_fields::{Field, SPAN_BYTES_MAX, Shape, fields};
use super::datetime_parts::{Clock, Refusal, fraction, leading_i32, leading_number, word};
use super::interval_iso::read_iso;
use super::interval_range::field;
use super::settings::IntervalStyle;
use crate::datum::Interval;
use base::{Error, ErrorKind, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
    /// Words that no number may stand before.
    Unused,
}

enum Word {
    Unit(Unit),
    Ago,
}

/// `range` are the fields of an `interval ..`, which say what the last number without a unit counts.
pub(crate) fn parse_interval(text: &str, style: IntervalStyle, range: i32) -> Result<Interval> {
    let words = fields(text, SPAN_BYTES_MAX, |name| word(name).is_some());
    let read = words.ok_or(Refusal::Syntax).and_then(|words| Reading::new(style, range, &words).read(&words));
    let sum = match read {
        Err(Refusal::Syntax) => read_iso(text),
        read => read,
    };
    sum.and_then(Sum::finish).map_err(|refusal| match refusal {
        Refusal::Field => Error::new(
            ErrorKind::IntervalFieldOverflow,
            format!("interval field value out of range: \"{text}\""),
        ),
        refusal => refusal.error("interval", text),
    })
}

/// Sums of the parts.
#[derive(Debug, Default)]
pub(super) struct Sum {
    years: i32,
    months: i32,
    days: i32,
    micros: i64,
}

impl Sum {
    fn finish(self) -> Result<Interval, Refusal> {
        let months = i64::from(self.years) * 12 + i64::from(self.months);
        let months = i32::try_from(months).map_err(|_| Refusal::Whole)?;
        Ok(Interval { months, days: self.days, micros: self.micros })
    }

    fn negated(self) -> Option<Self> {
        Some(Sum {
            years: self.years.checked_neg()?,
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            micros: self.micros.checked_neg()?,
        })
    }

    /// Years and parts of them, in whole months; `years` of each.
    pub(super) fn add_years(&mut self, whole: i64, fraction: f64, years: i32) -> Result<(), Refusal> {
        add(&mut self.years, whole, years)?;
        #[expect(clippy::cast_possible_truncation, reason = "less than 12,000 months")]
        let months = (fraction * f64::from(years) * 12.0).round_ties_even() as i64;
        add(&mut self.months, months, 1)
    }

    pub(super) fn add_months(&mut self, whole: i64, fraction: f64) -> Result<(), Refusal> {
        add(&mut self.months, whole, 1)?;
        self.add_part_of_days(fraction * 30.0)
    }

    pub(super) fn add_weeks(&mut self, whole: i64, fraction: f64) -> Result<(), Refusal> {
        add(&mut self.days, whole, 7)?;
        self.add_part_of_days(fraction * 7.0)
    }

    pub(super) fn add_days(&mut self, whole: i64, fraction: f64) -> Result<(), Refusal> {
        add(&mut self.days, whole, 1)?;
        self.add_part_of_micros(fraction, 86_400_000_000.0)
    }

    /// `unit` microseconds of each.
    pub(super) fn add_micros(&mut self, whole: i64, fraction: f64, unit: u32) -> Result<(), Refusal> {
        self.add_whole_micros(i128::from(whole) * i128::from(unit))?;
        self.add_part_of_micros(fraction, f64::from(unit))
    }

    fn add_whole_micros(&mut self, micros: i128) -> Result<(), Refusal> {
        self.micros = i64::try_from(i128::from(self.micros) + micros).map_err(|_| Refusal::Field)?;
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "less than a month")]
    fn add_part_of_days(&mut self, days: f64) -> Result<(), Refusal> {
        add(&mut self.days, days.trunc() as i64, 1)?;
        self.add_part_of_micros(days - days.trunc(), 86_400_000_000.0)
    }

    /// Halves of a microsecond go down.
    #[expect(clippy::cast_possible_truncation, reason = "a part of a unit")]
    fn add_part_of_micros(&mut self, fraction: f64, unit: f64) -> Result<(), Refusal> {
        let micros = fraction * unit;
        let whole = micros.trunc();
        let rest = micros - whole;
        let up = i64::from(rest > 0.5) - i64::from(rest < -0.5);
        self.add_whole_micros(i128::from(whole as i64 + up))
    }
}

fn add(slot: &mut i32, whole: i64, unit: i32) -> Result<(), Refusal> {
    let added = i32::try_from(whole).ok().and_then(|w| w.checked_mul(unit)).and_then(|w| slot.checked_add(w));
    *slot = added.ok_or(Refusal::Field)?;
    Ok(())
}

/// Bits of units that were given; one of them twice is refused.
mod given {
    pub(super) const MICROSECOND: u32 = 1;
    pub(super) const MILLISECOND: u32 = 1 << 1;
    pub(super) const SECOND: u32 = 1 << 2;
    pub(super) const SECONDS: u32 = MICROSECOND | MILLISECOND | SECOND;
    pub(super) const MINUTE: u32 = 1 << 3;
    pub(super) const HOUR: u32 = 1 << 4;
    pub(super) const CLOCK: u32 = SECONDS | MINUTE | HOUR;
    pub(super) const DAY: u32 = 1 << 5;
    pub(super) const WEEK: u32 = 1 << 6;
    pub(super) const MONTH: u32 = 1 << 7;
    pub(super) const YEAR: u32 = 1 << 8;
    pub(super) const DECADE: u32 = 1 << 9;
    pub(super) const CENTURY: u32 = 1 << 10;
    pub(super) const MILLENNIUM: u32 = 1 << 11;
}

#[derive(Debug)]
struct Reading {
    range: i32,
    /// One sign in front is that of every part.
    negative: bool,
    sum: Sum,
    given: u32,
    /// What the next number counts; `None` before the last one.
    unit: Option<Unit>,
    ago: bool,
}

impl Reading {
    fn new(style: IntervalStyle, range: i32, fields: &[Field]) -> Self {
        let mut signs = fields.iter().map(|field| field.text.starts_with(['+', '-']));
        let in_front = fields.first().is_some_and(|field| field.text.starts_with('-'));
        let negative = style == IntervalStyle::SqlStandard && in_front && !signs.by_ref().skip(1).any(|s| s);
        Reading { range, negative, sum: Sum::default(), given: 0, unit: None, ago: false }
    }

    /// From the end, because units stand behind their numbers.
    fn read(mut self, fields: &[Field]) -> Result<Sum, Refusal> {
        for field in fields.iter().rev() {
            let text = field.text.as_str();
            let given = match field.shape {
                Shape::Time => self.clock(text, false)?,
                Shape::Signed => match self.signed_clock(text)? {
                    Some(given) => given,
                    None => self.number(text)?,
                },
                Shape::Date | Shape::Number => self.number(text)?,
                Shape::Word | Shape::SignedWord => {
                    match word_of(text).ok_or(Refusal::Syntax)? {
                        Word::Unit(unit) => self.unit = Some(unit),
                        Word::Ago => {
                            self.ago = true;
                            self.unit = Some(Unit::Unused);
                        }
                    }
                    0
                }
            };
            if self.given & given != 0 {
                return Err(Refusal::Syntax);
            }
            self.given |= given;
        }
        if self.given == 0 {
            return Err(Refusal::Syntax);
        }
        if self.ago { self.sum.negated().ok_or(Refusal::Field) } else { Ok(self.sum) }
    }

    fn clock(&mut self, text: &str, minus: bool) -> Result<u32, Refusal> {
        let clock = Clock::read(text, self.range == field::MINUTE | field::SECOND)?;
        let sign = if minus || self.negative { -1 } else { 1 };
        // Parts of days that stand behind it are forgotten, as PostgreSQL does.
        // The sign comes afterwards there, so that the least interval cannot be said so.
        self.sum.micros = i64::try_from(clock.total_micros()).map_err(|_| Refusal::Field)? * sign;
        // A number in front of a time is a count of days.
        self.unit = Some(Unit::Day);
        Ok(given::CLOCK)
    }

    fn signed_clock(&mut self, text: &str) -> Result<Option<u32>, Refusal> {
        let body = text.get(1..).unwrap_or_default();
        if !body.contains(':') {
            return Ok(None);
        }
        // What is no time fails as a number.
        Ok(self.clock(body, text.starts_with('-')).ok())
    }

    fn number(&mut self, text: &str) -> Result<u32, Refusal> {
        let unit = self.unit.unwrap_or_else(|| least_unit(self.range));
        self.unit = Some(unit);
        let (mut whole, rest) = leading_number(text)?;
        let mut part = 0.0;
        if let Some(months) = rest.strip_prefix('-') {
            let (months, rest) = leading_i32(months)?;
            if !(0..12).contains(&months) {
                return Err(Refusal::Field);
            }
            if !rest.is_empty() {
                return Err(Refusal::Syntax);
            }
            self.unit = Some(Unit::Month);
            let months = if text.starts_with('-') { -months } else { months };
            whole = whole
                .checked_mul(12)
                .and_then(|years| years.checked_add(i64::from(months)))
                .ok_or(Refusal::Field)?;
        } else if rest.starts_with('.') {
            part = fraction(rest)?;
            if text.starts_with('-') {
                part = -part;
            }
        } else if !rest.is_empty() {
            return Err(Refusal::Syntax);
        }
        if self.negative {
            (whole, part) = (if whole > 0 { -whole } else { whole }, -part.abs());
        }
        self.add(whole, part)
    }

    fn add(&mut self, whole: i64, part: f64) -> Result<u32, Refusal> {
        let sum = &mut self.sum;
        Ok(match self.unit {
            Some(Unit::Microsecond) => {
                sum.add_micros(whole, part, 1)?;
                given::MICROSECOND
            }
            Some(Unit::Millisecond) => {
                sum.add_micros(whole, part, 1_000)?;
                given::MILLISECOND
            }
            Some(Unit::Second) => {
                sum.add_micros(whole, part, 1_000_000)?;
                if part == 0.0 { given::SECOND } else { given::SECONDS }
            }
            Some(Unit::Minute) => {
                sum.add_micros(whole, part, 60_000_000)?;
                given::MINUTE
            }
            Some(Unit::Hour) => {
                sum.add_micros(whole, part, 3_600_000_000)?;
                self.unit = Some(Unit::Day);
                given::HOUR
            }
            Some(Unit::Day) => {
                sum.add_days(whole, part)?;
                given::DAY
            }
            Some(Unit::Week) => {
                sum.add_weeks(whole, part)?;
                given::WEEK
            }
            Some(Unit::Month) => {
                sum.add_months(whole, part)?;
                given::MONTH
            }
            Some(Unit::Year) => {
                sum.add_years(whole, part, 1)?;
                given::YEAR
            }
            Some(Unit::Decade) => {
                sum.add_years(whole, part, 10)?;
                given::DECADE
            }
            Some(Unit::Century) => {
                sum.add_years(whole, part, 100)?;
                given::CENTURY
            }
            Some(Unit::Millennium) => {
                sum.add_years(whole, part, 1_000)?;
                given::MILLENNIUM
            }
            Some(Unit::Unused) | None => return Err(Refusal::Syntax),
        })
    }
}

/// The unit of the least field of a range.
fn least_unit(range: i32) -> Unit {
    let least = [
        (field::SECOND, Unit::Second),
        (field::MINUTE, Unit::Minute),
        (field::HOUR, Unit::Hour),
        (field::DAY, Unit::Day),
        (field::MONTH, Unit::Month),
        (field::YEAR, Unit::Year),
    ];
    least.into_iter().find(|(bit, _)| range & bit != 0).map_or(Unit::Second, |(_, unit)| unit)
}

/// Words count up to their tenth letter.
fn word_of(word: &str) -> Option<Word> {
    Some(Word::Unit(match word.get(..10).unwrap_or(word) {
        "ago" => return Some(Word::Ago),
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecon" => Unit::Microsecond,
        "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecon" => Unit::Millisecond,
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Year,
        "dec" | "decs" | "decade" | "decades" => Unit::Decade,
        "c" | "cent" | "century" | "centuries" => Unit::Century,
        "mil" | "mils" | "millennia" | "millennium" => Unit::Millennium,
        "qtr" | "quarter" | "timezone" | "timezone_h" | "timezone_m" => Unit::Unused,
        _ => return None,
    }))
}
