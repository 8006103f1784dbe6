//! What the digits of a date or time mean: by the word before them, by their number, and by what was said before.
//!
//! Invariant: a year of one or two digits is marked as such; what it is short for is decided when all is read.

use super::datetime_decode::{Reading, part};
use super::datetime_parts::{Clock, Label, Refusal, Word, fraction, fraction_micros, leading_i32, word};
use super::settings::DateOrder;
use crate::datetime::{Civil, JULIAN_1970, MICROS_PER_DAY, civil_from_days};

impl Reading<'_> {
    /// A number whose meaning the word before it says.
    pub(super) fn labelled(&mut self, label: Label, text: &str) -> Result<u32, Refusal> {
        let (value, rest) = leading_i32(text)?;
        let with_point = rest.starts_with('.');
        let may_have_point = matches!(label, Label::Julian | Label::Time | Label::Second);
        if !(rest.is_empty() || with_point && may_have_point) {
            return Err(Refusal::Syntax);
        }
        Ok(match label {
            Label::Year => {
                self.year = value;
                part::YEAR
            }
            Label::Month if self.says(part::MONTH) && self.says(part::HOUR) => {
                self.clock.minute = i64::from(value);
                part::MINUTE
            }
            Label::Month => {
                self.month = value;
                part::MONTH
            }
            Label::Day => {
                self.day = value;
                part::DAY
            }
            Label::Hour => {
                self.clock.hour = i64::from(value);
                part::HOUR
            }
            Label::Minute => {
                self.clock.minute = i64::from(value);
                part::MINUTE
            }
            Label::Second => {
                self.clock.second = i64::from(value);
                if with_point {
                    self.clock.micros = fraction_micros(rest)?;
                    part::SECONDS
                } else {
                    part::SECOND
                }
            }
            Label::Julian => {
                self.julian_day(value)?;
                if with_point {
                    #[expect(clippy::cast_possible_truncation, reason = "less than a day")]
                    #[expect(clippy::cast_precision_loss, reason = "less than 2^53")]
                    let micros = (fraction(rest)? * MICROS_PER_DAY as f64) as i64;
                    self.clock = Clock::of_micros(micros);
                    part::DATE | part::TIME
                } else {
                    part::DATE
                }
            }
            Label::Time => match self.run_together(text, self.said | part::DATE)? {
                part::TIME => part::TIME,
                _ => return Err(Refusal::Syntax),
            },
            Label::Unused => return Err(Refusal::Syntax),
        })
    }

    pub(super) fn julian_day(&mut self, day: i32) -> Result<(), Refusal> {
        if day < 0 {
            return Err(Refusal::Field);
        }
        self.set_days(i64::from(day) - i64::from(JULIAN_1970));
        self.julian = true;
        Ok(())
    }

    pub(super) fn set_days(&mut self, days: i64) {
        let Civil { year, month, day } = civil_from_days(days);
        (self.year, self.month, self.day) = (year, month, day);
    }

    /// Parts of a date with delimiters between them.
    pub(super) fn date(&mut self, text: &str) -> Result<u32, Refusal> {
        let mut numbers = Vec::new();
        let mut parts = 0;
        let mut rest = text;
        while !rest.is_empty() {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let digits = rest.starts_with(|c: char| c.is_ascii_digit());
            let len = rest
                .find(|c: char| if digits { !c.is_ascii_digit() } else { !c.is_ascii_alphabetic() })
                .unwrap_or(rest.len());
            let (piece, behind) = rest.split_at(len);
            // One character behind each piece is a delimiter, whatever it is.
            rest = behind.get(1..).unwrap_or_default();
            if digits {
                numbers.push(piece);
                continue;
            }
            match word(piece) {
                Some(Word::Month(month)) if (self.said | parts) & part::MONTH == 0 => {
                    self.month = month;
                    self.month_is_word = true;
                    parts |= part::MONTH;
                }
                _ => return Err(Refusal::Syntax),
            }
        }
        for piece in numbers {
            let new = self.number(piece, self.said | parts)?;
            if (self.said | parts) & new != 0 {
                return Err(Refusal::Syntax);
            }
            parts |= new;
        }
        let all = (self.said | parts) & !(part::DAY_OF_YEAR | part::ZONE);
        if all == part::DATE { Ok(parts) } else { Err(Refusal::Syntax) }
    }

    /// One number, by what was said before it.
    pub(super) fn number(&mut self, text: &str, said: u32) -> Result<u32, Refusal> {
        let (value, rest) = leading_i32(text)?;
        if rest.starts_with('.') {
            if text.len() - rest.len() > 2 {
                return self.run_together(text, said | part::DATE);
            }
            self.clock.micros = fraction_micros(rest)?;
        } else if !rest.is_empty() || text.is_empty() {
            return Err(Refusal::Syntax);
        }
        let date = said & part::DATE;
        if text.len() == 3 && date == part::YEAR && (1..=366).contains(&value) {
            self.day_of_year = value;
            return Ok(part::DAY_OF_YEAR | part::MONTH | part::DAY);
        }
        let wide = text.len() >= 3;
        let order = self.settings.date_order;
        let new = match date {
            0 if wide || order == DateOrder::Ymd => part::YEAR,
            0 if order == DateOrder::Dmy => part::DAY,
            0 => part::MONTH,
            part::MONTH if self.month_is_word && (wide || order == DateOrder::Ymd) => part::YEAR,
            // The first number was taken for a year and was a day.
            _ if date == part::YEAR | part::MONTH && self.month_is_word && wide && self.short_year => {
                (self.day, self.year) = (self.year, value);
                self.short_year = false;
                return Ok(part::DAY);
            }
            part::YEAR | part::DAY => part::MONTH,
            part::MONTH => part::DAY,
            _ if date == part::YEAR | part::MONTH => part::DAY,
            _ if date == part::MONTH | part::DAY => part::YEAR,
            part::DATE => return self.run_together(text, said),
            _ => return Err(Refusal::Syntax),
        };
        match new {
            part::YEAR => {
                self.year = value;
                self.short_year = text.len() <= 2;
            }
            part::MONTH => self.month = value,
            _ => self.day = value,
        }
        Ok(new)
    }

    /// Digits run together: `yyyymmdd` while there is no date, then `hhmmss` or `hhmm`.
    pub(super) fn run_together(&mut self, text: &str, said: u32) -> Result<u32, Refusal> {
        let (digits, point) = text.split_at(text.find('.').unwrap_or(text.len()));
        let two = |at: usize| -> Result<i32, Refusal> {
            Ok(leading_i32(digits.get(at..at + 2).unwrap_or_default())?.0)
        };
        let len = digits.len();
        if !point.is_empty() {
            self.clock.micros = fraction_micros(point)?;
        } else if said & part::DATE != part::DATE && len >= 6 {
            (self.day, self.month) = (two(len - 2)?, two(len - 4)?);
            self.year = leading_i32(digits.get(..len - 4).unwrap_or_default())?.0;
            self.short_year |= len == 6;
            return Ok(part::DATE);
        }
        if said & part::TIME == part::TIME || !matches!(len, 4 | 6) {
            return Err(Refusal::Syntax);
        }
        let second = if len == 6 { two(4)? } else { 0 };
        let micros = self.clock.micros;
        self.clock = Clock { hour: two(0)?.into(), minute: two(2)?.into(), second: second.into(), micros };
        Ok(part::TIME)
    }
}
