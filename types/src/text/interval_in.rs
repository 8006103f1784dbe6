//! Intervals from text: PostgreSQL's words, SQL's `1-2` and `3 04:05:06`, ISO 8601's `P1Y2M3DT4H5M6S`.
//!
//! Fractions go down as in PostgreSQL: of years into whole months, of months and weeks into days of 30 to a month,
//! then into microseconds.

use super::datetime_parts::read_time_fields;
use super::is_space;
use super::settings::IntervalStyle;
use crate::datum::Interval;
use base::{Error, ErrorKind, Result};

enum Refusal {
    Syntax,
    /// A field is out of its range.
    Field,
    /// The fields together are.
    Whole,
}

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
}

pub(crate) fn parse_interval(text: &str, style: IntervalStyle) -> Result<Interval> {
    let trimmed = text.trim_matches(is_space);
    let read = if trimmed.starts_with(['P', 'p']) { read_iso(trimmed) } else { read_words(trimmed) };
    let signs = trimmed.split(is_space).skip(1).any(|field| field.starts_with(['+', '-']));
    // In SQL's own style one sign in front is that of every field.
    let negate = style == IntervalStyle::SqlStandard && trimmed.starts_with('-') && !signs;
    read.map(|value| if negate { negative(value) } else { value }).map_err(|refusal| match refusal {
        Refusal::Syntax => Error::new(
            ErrorKind::InvalidDatetime,
            format!("invalid input syntax for type interval: \"{text}\""),
        ),
        Refusal::Field => Error::new(
            ErrorKind::IntervalFieldOverflow,
            format!("interval field value out of range: \"{text}\""),
        ),
        Refusal::Whole => Error::new(ErrorKind::DatetimeOverflow, "interval out of range"),
    })
}

fn negative(value: Interval) -> Interval {
    Interval {
        months: if value.months > 0 { -value.months } else { value.months },
        days: if value.days > 0 { -value.days } else { value.days },
        micros: if value.micros > 0 { -value.micros } else { value.micros },
    }
}

/// Sums of the parts; wide, so that only the end needs a check.
#[derive(Debug, Default)]
struct Sum {
    years: i128,
    months: i128,
    days: i128,
    micros: i128,
}

impl Sum {
    fn finish(self, negate: bool) -> Result<Interval, Refusal> {
        let sign = if negate { -1 } else { 1 };
        let field = |value: i128| i32::try_from(value * sign).map_err(|_| Refusal::Field);
        let (years, months) = (field(self.years)?, field(self.months)?);
        let (days, micros) =
            (field(self.days)?, i64::try_from(self.micros * sign).map_err(|_| Refusal::Field)?);
        let months = i64::from(years) * 12 + i64::from(months);
        Ok(Interval { months: i32::try_from(months).map_err(|_| Refusal::Whole)?, days, micros })
    }

    fn add(&mut self, amount: &Amount, unit: Unit) {
        let whole = i128::from(amount.whole);
        match unit {
            Unit::Microsecond => self.micros += whole + round(amount.fraction),
            Unit::Millisecond => self.add_micros(amount, 1_000),
            Unit::Second => self.add_micros(amount, 1_000_000),
            Unit::Minute => self.add_micros(amount, 60_000_000),
            Unit::Hour => self.add_micros(amount, 3_600_000_000),
            Unit::Day => {
                self.days += whole;
                self.micros += round(amount.fraction * 86_400_000_000.0);
            }
            Unit::Week => {
                self.days += whole * 7;
                self.add_day_fraction(amount.fraction * 7.0);
            }
            Unit::Month => {
                self.months += whole;
                self.add_day_fraction(amount.fraction * 30.0);
            }
            Unit::Year => self.add_years(amount, 1),
            Unit::Decade => self.add_years(amount, 10),
            Unit::Century => self.add_years(amount, 100),
            Unit::Millennium => self.add_years(amount, 1_000),
        }
    }

    fn add_micros(&mut self, amount: &Amount, unit: u32) {
        self.micros += i128::from(amount.whole) * i128::from(unit) + round(amount.fraction * f64::from(unit));
    }

    fn add_years(&mut self, amount: &Amount, unit: i32) {
        self.years += i128::from(amount.whole) * i128::from(unit);
        self.months += round(amount.fraction * f64::from(unit) * 12.0);
    }

    fn add_day_fraction(&mut self, days: f64) {
        self.days += round(days.trunc());
        self.micros += round(days.fract() * 86_400_000_000.0);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "fractions of one unit are far inside the range")]
fn round(value: f64) -> i128 {
    value.round_ties_even() as i128
}

/// A signed decimal number.
#[derive(Clone, Copy, Debug)]
struct Amount {
    whole: i64,
    fraction: f64,
}

/// Reads `[+-]digits[.digits]` and gives what was used.
fn read_amount(text: &str) -> Result<(Amount, usize), Refusal> {
    let negative = text.starts_with('-');
    let signed = usize::from(text.starts_with(['+', '-']));
    let body = text.get(signed..).unwrap_or_default();
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    let whole_text = body.get(..digits).unwrap_or_default();
    let mut used = signed + digits;
    let mut fraction = 0.0;
    let mut fraction_digits = 0;
    if let Some(behind) = body.get(digits..).and_then(|b| b.strip_prefix('.')) {
        fraction_digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        let shown = behind.get(..fraction_digits).unwrap_or_default();
        fraction = format!("0.{shown}0").parse().map_err(|_| Refusal::Syntax)?;
        used += 1 + fraction_digits;
    }
    if digits + fraction_digits == 0 {
        return Err(Refusal::Syntax);
    }
    let whole: i64 = if digits == 0 { 0 } else { whole_text.parse().map_err(|_| Refusal::Field)? };
    let amount =
        if negative { Amount { whole: -whole, fraction: -fraction } } else { Amount { whole, fraction } };
    Ok((amount, used))
}

fn read_words(text: &str) -> Result<Interval, Refusal> {
    let mut sum = Sum::default();
    let mut rest = text.trim_start_matches('@');
    let mut ago = false;
    let mut any = false;
    let mut pending: Option<Amount> = None;
    loop {
        rest = rest.trim_start_matches(is_space);
        let Some(first) = rest.chars().next() else { break };
        if ago {
            return Err(Refusal::Syntax);
        }
        if first.is_ascii_alphabetic() {
            let len = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let word = rest.get(..len).unwrap_or_default().to_ascii_lowercase();
            rest = rest.get(len..).unwrap_or_default();
            match (word.as_str(), pending.take()) {
                ("ago", None) if any => ago = true,
                (_, Some(amount)) => sum.add(&amount, unit_of(&word).ok_or(Refusal::Syntax)?),
                _ => return Err(Refusal::Syntax),
            }
            continue;
        }
        any = true;
        let token_len = rest.find(|c: char| is_space(c) || c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let token = rest.get(..token_len).unwrap_or_default();
        if token.contains(':') {
            // A number in front of a time is a count of days.
            if let Some(days) = pending.take() {
                sum.add(&days, Unit::Day);
            }
            sum.micros += clock(token)?;
            rest = rest.get(token_len..).unwrap_or_default();
        } else if let Some(months) = year_and_month(token)? {
            if pending.is_some() {
                return Err(Refusal::Syntax);
            }
            sum.months += months;
            rest = rest.get(token_len..).unwrap_or_default();
        } else {
            if pending.is_some() {
                return Err(Refusal::Syntax);
            }
            let (amount, used) = read_amount(token)?;
            pending = Some(amount);
            rest = rest.get(used..).unwrap_or_default();
        }
    }
    if let Some(seconds) = pending {
        sum.add(&seconds, Unit::Second);
    }
    if !any {
        return Err(Refusal::Syntax);
    }
    sum.finish(ago)
}

/// `[+-]hh:mm[:ss.f]`; `mm:ss.f` where the second part has a fraction.
fn clock(token: &str) -> Result<i128, Refusal> {
    let negative = token.starts_with('-');
    let body = token.strip_prefix(['+', '-']).unwrap_or(token);
    let (hours, minutes, micros) = if body.matches(':').count() == 1 && body.contains('.') {
        read_time_fields(&format!("0:{body}")).ok_or(Refusal::Syntax)?
    } else {
        read_time_fields(body).ok_or(Refusal::Syntax)?
    };
    if minutes > 59 || micros > 60_000_000 {
        return Err(Refusal::Field);
    }
    let total = i128::from(hours) * 3_600_000_000 + i128::from(minutes) * 60_000_000 + i128::from(micros);
    Ok(if negative { -total } else { total })
}

/// `[+-]years-months`, in months; `None` if the token is not of this form.
fn year_and_month(token: &str) -> Result<Option<i128>, Refusal> {
    let body = token.strip_prefix(['+', '-']).unwrap_or(token);
    let Some((years, months)) = body.split_once('-') else { return Ok(None) };
    let number =
        |t: &str| -> Result<i128, Refusal> { t.parse::<u32>().map(i128::from).map_err(|_| Refusal::Syntax) };
    let (years, months) = (number(years)?, number(months)?);
    if months > 11 {
        return Err(Refusal::Field);
    }
    let total = years * 12 + months;
    Ok(Some(if token.starts_with('-') { -total } else { total }))
}

fn unit_of(word: &str) -> Option<Unit> {
    Some(match word {
        "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecond" | "microseconds" | "microsecon" => {
            Unit::Microsecond
        }
        "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecond" | "milliseconds" | "millisecon" => {
            Unit::Millisecond
        }
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
        _ => return None,
    })
}

fn read_iso(text: &str) -> Result<Interval, Refusal> {
    let mut sum = Sum::default();
    let mut rest = text.get(1..).unwrap_or_default();
    let mut in_time = false;
    if rest.is_empty() {
        return Err(Refusal::Syntax);
    }
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(['T', 't']) {
            if in_time || behind.is_empty() {
                return Err(Refusal::Syntax);
            }
            in_time = true;
            rest = behind;
            if let Some(time) = alternative_time(rest)? {
                sum.micros += time;
                break;
            }
            continue;
        }
        if !in_time && let Some((date, used)) = alternative_date(rest)? {
            sum.months += date.0;
            sum.days += date.1;
            rest = rest.get(used..).unwrap_or_default();
            continue;
        }
        let (amount, used) = read_amount(rest)?;
        let unit = match (
            rest.get(used..).and_then(|r| r.chars().next()).map(|c| c.to_ascii_uppercase()),
            in_time,
        ) {
            (Some('Y'), false) => Unit::Year,
            (Some('M'), false) => Unit::Month,
            (Some('W'), false) => Unit::Week,
            (Some('D'), false) => Unit::Day,
            (Some('H'), true) => Unit::Hour,
            (Some('M'), true) => Unit::Minute,
            (Some('S'), true) => Unit::Second,
            _ => return Err(Refusal::Syntax),
        };
        sum.add(&amount, unit);
        rest = rest.get(used + 1..).unwrap_or_default();
    }
    sum.finish(false)
}

type MonthsAndDays = (i128, i128);

/// `yyyy-mm-dd` of ISO's alternative format.
fn alternative_date(text: &str) -> Result<Option<(MonthsAndDays, usize)>, Refusal> {
    let used = text.find(['T', 't']).unwrap_or(text.len());
    let part = text.get(..used).unwrap_or_default();
    if !part.get(1..).unwrap_or_default().contains('-') || part.contains(|c: char| c.is_ascii_alphabetic()) {
        return Ok(None);
    }
    let mut numbers = part.split('-').map(|t| t.parse::<u32>().map(i128::from).map_err(|_| Refusal::Syntax));
    let mut next = || numbers.next().unwrap_or(Ok(0));
    let (years, months, days) = (next()?, next()?, next()?);
    if numbers.next().is_some() {
        return Err(Refusal::Syntax);
    }
    Ok(Some(((years * 12 + months, days), used)))
}

/// `hh:mm:ss` of ISO's alternative format.
fn alternative_time(text: &str) -> Result<Option<i128>, Refusal> {
    if text.contains(':') { clock(text).map(Some) } else { Ok(None) }
}
