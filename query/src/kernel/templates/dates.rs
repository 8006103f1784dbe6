//! Templates of dates and times, and to_char by them.

use super::nodes::{Node, Suffix, cut};
use base::{Error, ErrorKind, Result};
use types::datetime::{self, Civil};
use types::{Interval, Zone};

/// Case in which a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Capital,
    Lower,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// AD or BC, with points or without.
    Era(Case, bool),
    /// AM or PM, with points or without.
    HalfDay(Case, bool),
    Century,
    DayName(Case),
    DayShort(Case),
    DayOfYear,
    Day,
    DayOfWeek,
    /// Digits of the fraction of a second.
    Fraction(u32),
    Exact,
    Hour24,
    Hour12,
    IsoDayOfYear,
    IsoDayOfWeek,
    IsoWeek,
    /// Digits of the year.
    IsoYear(u32),
    Year(u32),
    YearWithComma,
    Julian,
    Minute,
    Month,
    MonthName(Case),
    MonthShort(Case),
    Milliseconds,
    Offset,
    Quarter,
    Roman(Case),
    SecondOfDay,
    Second,
    ZoneHours,
    ZoneMinutes,
    Zone(Case),
    Microseconds,
    Week,
    WeekOfMonth,
}

use Case::{Capital, Lower, Upper};

const KEYWORDS: &[(&str, Key)] = &[
    ("A.D.", Key::Era(Upper, true)),
    ("A.M.", Key::HalfDay(Upper, true)),
    ("AD", Key::Era(Upper, false)),
    ("AM", Key::HalfDay(Upper, false)),
    ("B.C.", Key::Era(Upper, true)),
    ("BC", Key::Era(Upper, false)),
    ("CC", Key::Century),
    ("DAY", Key::DayName(Upper)),
    ("DDD", Key::DayOfYear),
    ("DD", Key::Day),
    ("DY", Key::DayShort(Upper)),
    ("Day", Key::DayName(Capital)),
    ("Dy", Key::DayShort(Capital)),
    ("D", Key::DayOfWeek),
    ("FF1", Key::Fraction(1)),
    ("FF2", Key::Fraction(2)),
    ("FF3", Key::Fraction(3)),
    ("FF4", Key::Fraction(4)),
    ("FF5", Key::Fraction(5)),
    ("FF6", Key::Fraction(6)),
    ("FX", Key::Exact),
    ("HH24", Key::Hour24),
    ("HH12", Key::Hour12),
    ("HH", Key::Hour12),
    ("IDDD", Key::IsoDayOfYear),
    ("ID", Key::IsoDayOfWeek),
    ("IW", Key::IsoWeek),
    ("IYYY", Key::IsoYear(4)),
    ("IYY", Key::IsoYear(3)),
    ("IY", Key::IsoYear(2)),
    ("I", Key::IsoYear(1)),
    ("J", Key::Julian),
    ("MI", Key::Minute),
    ("MM", Key::Month),
    ("MONTH", Key::MonthName(Upper)),
    ("MON", Key::MonthShort(Upper)),
    ("MS", Key::Milliseconds),
    ("Month", Key::MonthName(Capital)),
    ("Mon", Key::MonthShort(Capital)),
    ("OF", Key::Offset),
    ("P.M.", Key::HalfDay(Upper, true)),
    ("PM", Key::HalfDay(Upper, false)),
    ("Q", Key::Quarter),
    ("RM", Key::Roman(Upper)),
    ("SSSSS", Key::SecondOfDay),
    ("SSSS", Key::SecondOfDay),
    ("SS", Key::Second),
    ("TZH", Key::ZoneHours),
    ("TZM", Key::ZoneMinutes),
    ("TZ", Key::Zone(Upper)),
    ("US", Key::Microseconds),
    ("WW", Key::Week),
    ("W", Key::WeekOfMonth),
    ("Y,YYY", Key::YearWithComma),
    ("YYYY", Key::Year(4)),
    ("YYY", Key::Year(3)),
    ("YY", Key::Year(2)),
    ("Y", Key::Year(1)),
    ("a.d.", Key::Era(Lower, true)),
    ("a.m.", Key::HalfDay(Lower, true)),
    ("ad", Key::Era(Lower, false)),
    ("am", Key::HalfDay(Lower, false)),
    ("b.c.", Key::Era(Lower, true)),
    ("bc", Key::Era(Lower, false)),
    ("cc", Key::Century),
    ("day", Key::DayName(Lower)),
    ("ddd", Key::DayOfYear),
    ("dd", Key::Day),
    ("dy", Key::DayShort(Lower)),
    ("d", Key::DayOfWeek),
    ("ff1", Key::Fraction(1)),
    ("ff2", Key::Fraction(2)),
    ("ff3", Key::Fraction(3)),
    ("ff4", Key::Fraction(4)),
    ("ff5", Key::Fraction(5)),
    ("ff6", Key::Fraction(6)),
    ("fx", Key::Exact),
    ("hh24", Key::Hour24),
    ("hh12", Key::Hour12),
    ("hh", Key::Hour12),
    ("iddd", Key::IsoDayOfYear),
    ("id", Key::IsoDayOfWeek),
    ("iw", Key::IsoWeek),
    ("iyyy", Key::IsoYear(4)),
    ("iyy", Key::IsoYear(3)),
    ("iy", Key::IsoYear(2)),
    ("i", Key::IsoYear(1)),
    ("j", Key::Julian),
    ("mi", Key::Minute),
    ("mm", Key::Month),
    ("month", Key::MonthName(Lower)),
    ("mon", Key::MonthShort(Lower)),
    ("ms", Key::Milliseconds),
    ("of", Key::Offset),
    ("p.m.", Key::HalfDay(Lower, true)),
    ("pm", Key::HalfDay(Lower, false)),
    ("q", Key::Quarter),
    ("rm", Key::Roman(Lower)),
    ("sssss", Key::SecondOfDay),
    ("ssss", Key::SecondOfDay),
    ("ss", Key::Second),
    ("tzh", Key::ZoneHours),
    ("tzm", Key::ZoneMinutes),
    ("tz", Key::Zone(Lower)),
    ("us", Key::Microseconds),
    ("ww", Key::Week),
    ("w", Key::WeekOfMonth),
    ("y,yyy", Key::YearWithComma),
    ("yyyy", Key::Year(4)),
    ("yyy", Key::Year(3)),
    ("yy", Key::Year(2)),
    ("y", Key::Year(1)),
];

pub(super) fn nodes(template: &str) -> Vec<Node<Key>> {
    cut(template, KEYWORDS, true)
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
pub(super) const ROMAN: [&str; 12] =
    ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// A moment, or the parts of an interval, as templates name them.
#[derive(Clone, Debug, Default)]
pub(super) struct Moment {
    /// Astronomical: 0 is 1 BC. Of an interval, its whole years.
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    day_of_year: i64,
    /// Days since 1970.
    days: i64,
    /// Seconds east of UTC, and the name of the zone.
    zone: Option<(i32, String)>,
    is_interval: bool,
}

impl Moment {
    /// A local time that is finite.
    pub(super) fn of_timestamp(micros: i64, zone: Option<(i32, String)>) -> Self {
        let (days, time) = datetime::split_timestamp(micros);
        let date = datetime::civil_from_days(days);
        let new_year = datetime::days_from_civil(Civil { year: date.year, month: 1, day: 1 });
        Self {
            year: i64::from(date.year),
            month: i64::from(date.month),
            day: i64::from(date.day),
            day_of_year: days - new_year + 1,
            days,
            zone,
            ..Self::of_time(time)
        }
    }

    fn of_time(micros: i64) -> Self {
        let seconds = micros / 1_000_000;
        Self {
            hour: seconds / 3_600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            micros: micros % 1_000_000,
            ..Self::default()
        }
    }

    pub(super) fn of_instant(micros: i64, local: i64, zone: &Zone) -> Self {
        let name = match zone {
            Zone::Fixed(0) => "UTC".to_owned(),
            zone => zone.abbreviation(micros),
        };
        Self::of_timestamp(local, Some((zone.offset_at(micros), name)))
    }

    pub(super) fn of_interval(value: Interval) -> Self {
        let (year, month) = (i64::from(value.months / 12), i64::from(value.months % 12));
        let day = i64::from(value.days);
        let day_of_year = (year * 12 + month) * 30 + day;
        // As if it were a date, which a few keywords show.
        let (years, months) = if month > 2 { (year + 4_800, month + 1) } else { (year + 4_799, month + 13) };
        let century = years / 100;
        let julian = years * 365 - 32_167 + years / 4 - century + century / 4 + 7_834 * months / 256 + day;
        let days = julian - i64::from(datetime::JULIAN_1970);
        Self { year, month, day, day_of_year, days, is_interval: true, ..Self::of_time(value.micros) }
    }

    /// The year as it is shown: before Christ counted from 1.
    fn shown(&self, year: i64) -> i64 {
        if self.is_interval || year > 0 { year } else { 1 - year }
    }

    fn iso_year(&self) -> i64 {
        i64::from(datetime::iso_week(self.days).0)
    }

    fn iso_day_of_year(&self) -> i64 {
        let year = datetime::iso_week(self.days).0;
        // The week of January the fourth is the first one.
        let fourth = datetime::days_from_civil(Civil { year, month: 1, day: 4 });
        let monday = fourth - (fourth + 3).rem_euclid(7);
        self.days - monday + 1
    }

    /// The moment by a template.
    pub(super) fn written(&self, nodes: &[Node<Key>]) -> Result<String> {
        let mut out = String::new();
        for node in nodes {
            match node {
                Node::Key(key, suffix) => self.key(*key, *suffix, &mut out)?,
                Node::Separator(c) | Node::Blank(c) | Node::Plain(c) => out.push(*c),
            }
        }
        Ok(out)
    }

    fn no_interval(&self) -> Result<()> {
        if !self.is_interval {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidDatetime, "invalid format specification for an interval value")
            .with_hint("Intervals are not tied to specific calendar dates."))
    }

    fn key(&self, key: Key, suffix: Suffix, out: &mut String) -> Result<()> {
        if let Some(number) = self.number(key, suffix)? {
            out.push_str(&number);
            if let Some(ordinal) = suffix.ordinal {
                out.push_str(ordinal.letters(&number));
            }
            return Ok(());
        }
        match key {
            Key::HalfDay(case, points) => {
                let name = if self.hour % 24 >= 12 { "pm" } else { "am" };
                out.push_str(&marked(name, case, points));
            }
            Key::Era(case, points) => {
                self.no_interval()?;
                out.push_str(&marked(if self.year <= 0 { "bc" } else { "ad" }, case, points));
            }
            Key::MonthName(case) | Key::MonthShort(case) => {
                self.no_interval()?;
                let short = matches!(key, Key::MonthShort(_));
                out.push_str(&named(&MONTHS, self.month - 1, case, short, suffix));
            }
            Key::DayName(case) | Key::DayShort(case) => {
                self.no_interval()?;
                let short = matches!(key, Key::DayShort(_));
                out.push_str(&named(&DAYS, i64::from(datetime::weekday(self.days)), case, short, suffix));
            }
            Key::Roman(case) => self.roman(case, suffix, out),
            Key::Zone(case) => {
                self.no_interval()?;
                if let Some((_, name)) = &self.zone {
                    out.push_str(&if case == Lower { name.to_ascii_lowercase() } else { name.clone() });
                }
            }
            Key::ZoneHours | Key::ZoneMinutes | Key::Offset => {
                self.no_interval()?;
                self.offset(key, suffix, out);
            }
            _ => {}
        }
        Ok(())
    }

    fn offset(&self, key: Key, suffix: Suffix, out: &mut String) {
        let offset = self.zone.as_ref().map_or(0, |(offset, _)| *offset);
        let (hours, minutes) = (offset.abs() / 3_600, offset.abs() % 3_600 / 60);
        let sign = if offset < 0 { '-' } else { '+' };
        match key {
            Key::ZoneHours => out.push_str(&format!("{sign}{hours:02}")),
            Key::ZoneMinutes => out.push_str(&format!("{minutes:02}")),
            _ => {
                let hours = if suffix.fill { hours.to_string() } else { format!("{hours:02}") };
                out.push_str(&format!("{sign}{hours}"));
                if minutes != 0 {
                    out.push_str(&format!(":{minutes:02}"));
                }
            }
        }
    }

    fn roman(&self, case: Case, suffix: Suffix, out: &mut String) {
        let index = match self.month {
            0 if self.is_interval && self.year == 0 => return,
            0 if self.year >= 0 => 11,
            0 => 0,
            // Negative months count back from the end of the year.
            m if m < 0 => 12 + m,
            m => m - 1,
        };
        let name = usize::try_from(index).ok().and_then(|i| ROMAN.get(i)).copied().unwrap_or_default();
        let name = if case == Lower { name.to_ascii_lowercase() } else { name.to_owned() };
        out.push_str(&if suffix.fill { name } else { format!("{name:<4}") });
    }

    /// What a keyword of a number gives; None for other keywords.
    fn number(&self, key: Key, suffix: Suffix) -> Result<Option<String>> {
        // Padded to a width of digits, one more with a sign.
        let padded = |value: i64, width: usize| match suffix.fill {
            true => value.to_string(),
            false if value < 0 => format!("{value:0w$}", w = width + 1),
            false => format!("{value:0width$}"),
        };
        let year_digits = |year: i64, digits: u32| {
            let year = self.shown(year);
            let width = usize::try_from(digits).unwrap_or(4);
            match digits {
                4 => padded(year, 4),
                1 => (year % 10).to_string(),
                digits => padded(year % 10_i64.pow(digits), width),
            }
        };
        Ok(Some(match key {
            Key::Hour12 => {
                let hour = if self.hour % 12 == 0 { 12 } else { self.hour % 12 };
                if self.hour < 0 && !suffix.fill { format!("{hour:03}") } else { padded(hour, 2) }
            }
            Key::Hour24 => padded(self.hour, 2),
            Key::Minute => padded(self.minute, 2),
            Key::Second => padded(self.second, 2),
            Key::Fraction(digits) => {
                let value = self.micros / 10_i64.pow(6 - digits);
                format!("{value:0w$}", w = usize::try_from(digits).unwrap_or(6))
            }
            Key::Milliseconds => format!("{:03}", self.micros / 1_000),
            Key::Microseconds => format!("{:06}", self.micros),
            Key::SecondOfDay => (self.hour * 3_600 + self.minute * 60 + self.second).to_string(),
            Key::Month => padded(self.month, 2),
            Key::DayOfYear => format_wide(self.day_of_year, 3, suffix),
            Key::IsoDayOfYear => format_wide(self.iso_day_of_year(), 3, suffix),
            Key::Day => format_wide(self.day, 2, suffix),
            Key::DayOfWeek => {
                self.no_interval()?;
                (datetime::weekday(self.days) + 1).to_string()
            }
            Key::IsoDayOfWeek => {
                self.no_interval()?;
                (if datetime::weekday(self.days) == 0 { 7 } else { datetime::weekday(self.days) }).to_string()
            }
            Key::Week => format_wide((self.day_of_year - 1) / 7 + 1, 2, suffix),
            Key::IsoWeek => format_wide(i64::from(datetime::iso_week(self.days).1), 2, suffix),
            Key::WeekOfMonth => ((self.day - 1) / 7 + 1).to_string(),
            Key::Quarter if self.month == 0 => return Ok(None),
            Key::Quarter => ((self.month - 1) / 3 + 1).to_string(),
            Key::Century => {
                let century = match self.year {
                    year if self.is_interval => year / 100,
                    year if year > 0 => (year - 1) / 100 + 1,
                    year => year / 100 - 1,
                };
                if century.abs() <= 99 { padded(century, 2) } else { century.to_string() }
            }
            Key::YearWithComma => {
                let year = self.shown(self.year);
                format!("{},{:03}", year / 1_000, year % 1_000)
            }
            Key::Year(digits) => year_digits(self.year, digits),
            Key::IsoYear(digits) => year_digits(self.iso_year(), digits),
            Key::Julian => (self.days + i64::from(datetime::JULIAN_1970)).to_string(),
            _ => return Ok(None),
        }))
    }
}

/// A number padded with zeros to a width that a sign counts for.
fn format_wide(value: i64, width: usize, suffix: Suffix) -> String {
    if suffix.fill { value.to_string() } else { format!("{value:0width$}") }
}

/// ad, bc, am or pm.
fn marked(name: &str, case: Case, points: bool) -> String {
    let name = if case == Lower { name.to_owned() } else { name.to_ascii_uppercase() };
    if points { name.chars().flat_map(|c| [c, '.']).collect() } else { name }
}

/// A name of a list, padded to nine letters unless it is short.
fn named(names: &[&str], index: i64, case: Case, short: bool, suffix: Suffix) -> String {
    let name = usize::try_from(index).ok().and_then(|i| names.get(i)).copied().unwrap_or_default();
    let name = if short { name.get(..3).unwrap_or_default() } else { name };
    let name = match case {
        Upper => name.to_ascii_uppercase(),
        Capital => name.to_owned(),
        Lower => name.to_ascii_lowercase(),
    };
    if short || suffix.fill || suffix.translated { name } else { format!("{name:<9}") }
}
