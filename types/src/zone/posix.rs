//! Zones that a text says in full, as POSIX has them: `EST5EDT,M3.2.0,M11.1.0`, `<+03>-03`. Offsets in the text count
//! west.
//!
//! Invariant: a zone is a small value without heap, because every session and many calls carry one.

use crate::datetime::{Civil, civil_from_days, days_from_civil, days_in_month, split_timestamp, weekday};
use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

/// Hours of an offset that a zone can be set to.
const HOURS_MAX: i32 = 167;
/// Most bytes of the text.
const TEXT_MAX: usize = 48;
/// The zone whose changes a text without rules follows.
const USUAL: Tz = Tz::America__New_York;
const USUAL_STANDARD: i32 = -5 * 3_600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posix {
    text: [u8; TEXT_MAX],
    len: u8,
    /// Where the name of standard time stands in the text.
    name: Name,
    /// Seconds east of UTC.
    east: i32,
    summer: Option<Summer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summer {
    name: Name,
    east: i32,
    changes: Changes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changes {
    Usual,
    Every { start: Rule, end: Rule },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    at: u8,
    len: u8,
}

/// A day of every year and the second of it, of the clock before the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    day: RuleDay,
    second: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RuleDay {
    /// 1 to 365; there is no 29 February.
    WithoutLeapDay(i32),
    /// 0 to 365.
    OfYear(i32),
    /// Of a month the first to fourth or (5) the last such day of the week.
    OfMonth { month: i32, week: i32, weekday: i32 },
}

impl Posix {
    /// `None` if the text is not of this form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_uppercase();
        let mut bytes = [0; TEXT_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        let len = u8::try_from(text.len()).ok()?;
        let mut rest = Rest { text: &text, at: 0 };
        let name = rest.name()?;
        let east = rest.offset()?.checked_neg()?;
        if rest.is_empty() {
            return Some(Self { text: bytes, len, name, east, summer: None });
        }
        let summer_name = rest.name().filter(|name| name.len > 0)?;
        let summer_east = match rest.first() {
            None | Some(',' | ';') => east + 3_600,
            Some(_) => rest.offset()?.checked_neg()?,
        };
        let changes = if rest.is_empty() {
            Changes::Usual
        } else {
            if !rest.skip(',') && !rest.skip(';') {
                return None;
            }
            let start = rest.rule()?;
            if !rest.skip(',') {
                return None;
            }
            Changes::Every { start, end: rest.rule()? }
        };
        if !rest.is_empty() {
            return None;
        }
        let summer = Some(Summer { name: summer_name, east: summer_east, changes });
        Some(Self { text: bytes, len, name, east, summer })
    }

    /// The zone as it was written, in upper case.
    pub(super) fn text(&self) -> &str {
        let bytes = self.text.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Seconds east, if they never change.
    pub(super) fn constant(&self) -> Option<i32> {
        if self.summer.is_none() { Some(self.east) } else { None }
    }

    pub(super) fn is_daylight_saving(&self, utc_micros: i64) -> bool {
        self.summer.is_some_and(|summer| self.is_summer(&summer, utc_micros))
    }

    pub(super) fn offset_at(&self, utc_micros: i64) -> i32 {
        match self.summer.filter(|summer| self.is_summer(summer, utc_micros)) {
            Some(summer) => summer.east,
            None => self.east,
        }
    }

    pub(super) fn abbreviation(&self, utc_micros: i64) -> &str {
        let name = match self.summer.filter(|summer| self.is_summer(summer, utc_micros)) {
            Some(summer) => summer.name,
            None => self.name,
        };
        let at = usize::from(name.at);
        self.text().get(at..at + usize::from(name.len)).unwrap_or_default()
    }

    fn is_summer(&self, summer: &Summer, utc_micros: i64) -> bool {
        let utc = utc_micros.div_euclid(1_000_000);
        match summer.changes {
            Changes::Usual => {
                // The change comes when the clock shows the same as that of the usual zone.
                let instant = utc + i64::from(self.east - USUAL_STANDARD);
                let Some(instant) = DateTime::from_timestamp(instant, 0) else { return false };
                let usual = USUAL.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc();
                usual == USUAL_STANDARD + 3_600
            }
            Changes::Every { start, end } => {
                let local = utc_micros.saturating_add(i64::from(self.east) * 1_000_000);
                let year = civil_from_days(split_timestamp(local).0).year;
                let start = start.second_in(year) - i64::from(self.east);
                let end = end.second_in(year) - i64::from(summer.east);
                if start <= end { (start..end).contains(&utc) } else { !(end..start).contains(&utc) }
            }
        }
    }
}

impl Rule {
    /// Seconds since 1970 of the clock before the change, in a year.
    fn second_in(self, year: i32) -> i64 {
        let first = |month| days_from_civil(Civil { year, month, day: 1 });
        let day = match self.day {
            RuleDay::OfYear(day) => first(1) + i64::from(day),
            RuleDay::WithoutLeapDay(day) => {
                let leap = days_in_month(year, 2) == 29 && day >= 60;
                first(1) + i64::from(day) - 1 + i64::from(leap)
            }
            RuleDay::OfMonth { month, week, weekday: wanted } => {
                let first = first(month);
                let mut day = (wanted - weekday(first)).rem_euclid(7) + (week - 1) * 7;
                if day >= days_in_month(year, month) {
                    day -= 7;
                }
                first + i64::from(day)
            }
        };
        day * 86_400 + i64::from(self.second)
    }
}

/// What was not read yet.
struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl Rest<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    fn first(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, wanted: char) -> bool {
        let found = self.first() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// `<..>`, or what is up to a digit, sign or comma.
    fn name(&mut self) -> Option<Name> {
        let quoted = self.skip('<');
        let ends = |c: char| match quoted {
            true => c == '>',
            false => c.is_ascii_digit() || matches!(c, ',' | '-' | '+'),
        };
        let len = self.rest().find(ends).unwrap_or(self.rest().len());
        let name = Name { at: u8::try_from(self.at).ok()?, len: u8::try_from(len).ok()? };
        self.at += len;
        if quoted && !self.skip('>') {
            return None;
        }
        Some(name)
    }

    fn number(&mut self, min: i32, max: i32) -> Option<i32> {
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let value = self.rest().get(..digits)?.parse().ok()?;
        self.at += digits;
        (min..=max).contains(&value).then_some(value)
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    fn offset(&mut self) -> Option<i32> {
        let negative = self.skip('-');
        if !negative {
            self.skip('+');
        }
        let mut seconds = self.number(0, HOURS_MAX)? * 3_600;
        for unit in [60, 1] {
            if !self.skip(':') {
                break;
            }
            seconds += self.number(0, if unit == 1 { 60 } else { 59 })? * unit;
        }
        Some(if negative { -seconds } else { seconds })
    }

    fn rule(&mut self) -> Option<Rule> {
        let day = if self.skip('J') {
            RuleDay::WithoutLeapDay(self.number(1, 365)?)
        } else if self.skip('M') {
            let month = self.number(1, 12)?;
            let week = if self.skip('.') { self.number(1, 5)? } else { return None };
            let weekday = if self.skip('.') { self.number(0, 6)? } else { return None };
            RuleDay::OfMonth { month, week, weekday }
        } else {
            RuleDay::OfYear(self.number(0, 365)?)
        };
        let second = if self.skip('/') { self.offset()? } else { 2 * 3_600 };
        Some(Rule { day, second })
    }
}
