//! Intervals in ISO 8601's forms: `P1Y2M3DT4H5M6S`, and the alternative ones, `P0001-02-03T04:05:06` and
//! `P00010203T040506`.

use super::datetime_parts::Refusal;
use super::float::decimal_prefix;
use super::interval_in::Sum;

/// Numbers beyond are refused.
const NUMBER_MAX: f64 = 1e15;
const HOUR_US: u32 = 3_600_000_000;
const MINUTE_US: u32 = 60_000_000;
const SECOND_US: u32 = 1_000_000;

pub(super) fn read_iso(text: &str) -> Result<Sum, Refusal> {
    let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(Refusal::Syntax)?;
    let mut sum = Sum::default();
    // Whether a field with a unit was read in this part: the alternative forms have none.
    let mut any = false;
    let mut in_time = false;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('T') {
            (in_time, any, rest) = (true, false, behind);
            continue;
        }
        let (number, behind) = Number::read(rest)?;
        let unit = behind.chars().next();
        let width = digits(rest);
        let Number { whole, part } = number;
        match (in_time, unit) {
            (false, Some('Y')) => sum.add_years(whole, part, 1)?,
            (false, Some('M')) => sum.add_months(whole, part)?,
            (false, Some('W')) => sum.add_weeks(whole, part)?,
            (false, Some('D')) => sum.add_days(whole, part)?,
            (true, Some('H')) => sum.add_micros(whole, part, HOUR_US)?,
            (true, Some('M')) => sum.add_micros(whole, part, MINUTE_US)?,
            (true, Some('S')) => sum.add_micros(whole, part, SECOND_US)?,
            (false, None | Some('T' | '-')) if !any => {
                if width == 8 && unit != Some('-') {
                    sum.add_years(whole / 10_000, 0.0, 1)?;
                    sum.add_months(whole / 100 % 100, 0.0)?;
                    sum.add_days(whole % 100, part)?;
                    rest = behind;
                } else {
                    sum.add_years(whole, part, 1)?;
                    rest = months_and_days(behind, &mut sum)?;
                }
                if !(rest.is_empty() || rest.starts_with('T')) {
                    return Err(Refusal::Syntax);
                }
                continue;
            }
            (true, None | Some(':')) if !any => {
                if width == 6 && unit.is_none() {
                    sum.add_micros(whole / 10_000, 0.0, HOUR_US)?;
                    sum.add_micros(whole / 100 % 100, 0.0, MINUTE_US)?;
                    sum.add_micros(whole % 100, 0.0, SECOND_US)?;
                    sum.add_micros(0, part, 1)?;
                    return Ok(sum);
                }
                sum.add_micros(whole, part, HOUR_US)?;
                return minutes_and_seconds(behind, &mut sum).map(|()| sum);
            }
            _ => return Err(Refusal::Syntax),
        }
        any = true;
        rest = behind.get(1..).unwrap_or_default();
    }
    Ok(sum)
}

/// `-mm[-dd]` behind a year; gives what is behind.
fn months_and_days<'a>(text: &'a str, sum: &mut Sum) -> Result<&'a str, Refusal> {
    let Some(months) = text.strip_prefix('-') else { return Ok(text) };
    let (number, rest) = Number::read(months)?;
    sum.add_months(number.whole, number.part)?;
    let Some(days) = rest.strip_prefix('-') else { return Ok(rest) };
    let (number, rest) = Number::read(days)?;
    sum.add_days(number.whole, number.part)?;
    Ok(rest)
}

/// `:mm[:ss]` behind an hour, up to the end.
fn minutes_and_seconds(text: &str, sum: &mut Sum) -> Result<(), Refusal> {
    let mut rest = text;
    for unit in [MINUTE_US, SECOND_US] {
        let Some(behind) = rest.strip_prefix(':') else { break };
        let (number, behind) = Number::read(behind)?;
        sum.add_micros(number.whole, number.part, unit)?;
        rest = behind;
    }
    if rest.is_empty() { Ok(()) } else { Err(Refusal::Syntax) }
}

struct Number {
    whole: i64,
    part: f64,
}

impl Number {
    fn read(text: &str) -> Result<(Self, &str), Refusal> {
        if text.starts_with('+') {
            return Err(Refusal::Syntax);
        }
        let (value, rest) = decimal_prefix(text).ok_or(Refusal::Syntax)?;
        if !(-NUMBER_MAX..=NUMBER_MAX).contains(&value) {
            return Err(Refusal::Field);
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        let whole = value.trunc() as i64;
        Ok((Number { whole, part: value - value.trunc() }, rest))
    }
}

/// Digits in front, behind a sign.
fn digits(text: &str) -> usize {
    text.strip_prefix('-').unwrap_or(text).bytes().take_while(u8::is_ascii_digit).count()
}
