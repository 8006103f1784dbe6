//! What the fields of a date or time mean, by PostgreSQL's rules for their order.
//!
//! Invariant: each part (year, month, ..) is said once; what was said is a bit of `said`, and what is not said is 0.

use super::datetime_fields::{Field, Shape};
use super::datetime_parts::{
    Clock, Label, Refusal, Word, fraction, fraction_micros, leading_i32, offset, word,
};
use super::settings::{DateOrder, IoSettings};
use crate::datetime::{
    Civil, JULIAN_1970, MICROS_PER_DAY, civil_from_days, days_from_civil, days_in_month, split_timestamp,
};
use crate::zone::{Abbreviation, Zone};
use base::Error;

/// Bits of the parts that were said.
mod part {
    pub(super) const YEAR: u32 = 1;
    pub(super) const MONTH: u32 = 1 << 1;
    pub(super) const DAY: u32 = 1 << 2;
    pub(super) const DATE: u32 = YEAR | MONTH | DAY;
    pub(super) const HOUR: u32 = 1 << 3;
    pub(super) const MINUTE: u32 = 1 << 4;
    pub(super) const SECOND: u32 = 1 << 5;
    /// Parts of a second.
    pub(super) const FRACTION: u32 = 1 << 6;
    pub(super) const SECONDS: u32 = SECOND | FRACTION;
    pub(super) const TIME: u32 = HOUR | MINUTE | SECONDS;
    pub(super) const ZONE: u32 = 1 << 7;
    /// An abbreviation of summer, or `dst`.
    pub(super) const SUMMER: u32 = 1 << 8;
    pub(super) const SUMMER_MARK: u32 = 1 << 9;
    pub(super) const DAY_OF_YEAR: u32 = 1 << 10;
    pub(super) const WEEKDAY: u32 = 1 << 11;
    pub(super) const HALF_DAY: u32 = 1 << 12;
    pub(super) const ERA: u32 = 1 << 13;
    /// `epoch` and the infinities.
    pub(super) const SPECIAL: u32 = 1 << 14;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Infinity,
    NegInfinity,
    Epoch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HalfDay {
    Am,
    Pm,
}

/// Where the offset of a time is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Seconds east.
    Offset(i32),
    Zone(Zone),
}

/// A text that was understood.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) special: Option<Special>,
    /// Days since 1970-01-01; `None` if there is no date in the text.
    pub(super) days: Option<i64>,
    /// Of the day. Digits run together behind a date are not checked: more than a day is possible.
    pub(super) micros: i128,
    /// `None` if no zone is said.
    pub(super) place: Option<Place>,
}

/// Reads fields: of a day with a time, or, for `of_day`, of a time that a date may stand before.
pub(super) fn decode(fields: &[Field], settings: &IoSettings, of_day: bool) -> Result<Moment, Refusal> {
    let mut reading = Reading::new(settings, of_day);
    for (at, field) in fields.iter().enumerate() {
        let parts = match field.shape {
            Shape::Date => reading.date_like(fields, at)?,
            Shape::Time => reading.time(&field.text)?,
            Shape::Signed => {
                reading.place = Some(Place::Offset(offset(&field.text)?));
                part::ZONE
            }
            Shape::Number => reading.number_like(fields, at)?,
            Shape::Word | Shape::SignedWord => match reading.word(fields, at)? {
                Some(parts) => parts,
                None => continue,
            },
        };
        reading.say(parts)?;
    }
    reading.finish()
}

#[derive(Debug)]
struct Reading<'a> {
    settings: &'a IoSettings,
    of_day: bool,
    said: u32,
    year: i32,
    month: i32,
    day: i32,
    day_of_year: i32,
    clock: Clock,
    short_year: bool,
    month_is_word: bool,
    julian: bool,
    before_christ: bool,
    half_day: Option<HalfDay>,
    place: Option<Place>,
    special: Option<Special>,
    /// What the next number is.
    label: Option<Label>,
}

impl<'a> Reading<'a> {
    fn new(settings: &'a IoSettings, of_day: bool) -> Self {
        Self {
            settings,
            of_day,
            said: 0,
            year: 0,
            month: 0,
            day: 0,
            day_of_year: 0,
            clock: Clock::default(),
            short_year: false,
            month_is_word: false,
            julian: false,
            before_christ: false,
            half_day: None,
            place: None,
            special: None,
            label: None,
        }
    }

    fn say(&mut self, parts: u32) -> Result<(), Refusal> {
        if self.said & parts != 0 {
            return Err(Refusal::Syntax);
        }
        self.said |= parts;
        Ok(())
    }

    fn says(&self, parts: u32) -> bool {
        self.said & parts == parts
    }

    /// What is taken for said: a time of day needs no date.
    fn said_with_date(&self) -> u32 {
        if self.of_day { self.said | part::DATE } else { self.said }
    }

    /// A date, or the name of a zone, or a time run together with its offset.
    fn date_like(&mut self, fields: &[Field], at: usize) -> Result<u32, Refusal> {
        let Some(field) = fields.get(at) else { return Err(Refusal::Syntax) };
        let text = field.text.as_str();
        let digit = text.starts_with(|c: char| c.is_ascii_digit());
        if self.of_day {
            let last_is_date = fields.last().is_some_and(|last| last.shape == Shape::Date);
            let second_is_time = fields.get(1).is_some_and(|second| second.shape == Shape::Time);
            if at == 0 && fields.len() >= 2 && (last_is_date || second_is_time) {
                return self.date(text);
            }
            return if digit { self.time_and_offset(text) } else { self.zone_named(text) };
        }
        if self.label == Some(Label::Julian) {
            self.label = None;
            let (day, rest) = leading_i32(text)?;
            self.julian_day(day)?;
            self.place = Some(Place::Offset(offset(rest)?));
            return Ok(part::DATE | part::TIME | part::ZONE);
        }
        match self.label.take() {
            None if !self.says(part::MONTH | part::DAY) => self.date(text),
            None if !digit => self.zone_named(text),
            None | Some(Label::Time) => self.time_and_offset(text),
            Some(_) => Err(Refusal::Syntax),
        }
    }

    fn time_and_offset(&mut self, text: &str) -> Result<u32, Refusal> {
        if self.says(part::TIME) {
            return Err(Refusal::Syntax);
        }
        let (time, _) = text.split_once('-').ok_or(Refusal::Syntax)?;
        self.place = Some(Place::Offset(offset(text.get(time.len()..).unwrap_or_default())?));
        let parts = self.run_together(time, self.said_with_date())?;
        Ok(parts | part::ZONE)
    }

    fn zone_named(&mut self, name: &str) -> Result<u32, Refusal> {
        let zone = Zone::tabled(name).ok_or_else(|| Refusal::ZoneName(name.to_owned()))?;
        self.place = Some(Place::Zone(zone));
        Ok(part::ZONE)
    }

    fn time(&mut self, text: &str) -> Result<u32, Refusal> {
        if !self.of_day {
            match self.label.take() {
                None | Some(Label::Time) => {}
                Some(_) => return Err(Refusal::Syntax),
            }
        }
        self.clock = Clock::read(text, false)?;
        if !self.of_day && self.clock.is_beyond_day() {
            return Err(Refusal::Field);
        }
        Ok(part::TIME)
    }

    fn number_like(&mut self, fields: &[Field], at: usize) -> Result<u32, Refusal> {
        let Some(field) = fields.get(at) else { return Err(Refusal::Syntax) };
        let text = field.text.as_str();
        if let Some(label) = self.label.take() {
            return self.labelled(label, text);
        }
        let before_point = text.find('.');
        if self.of_day {
            let last_is_date = fields.last().is_some_and(|last| last.shape == Shape::Date);
            return match before_point {
                Some(_) if at == 0 && fields.len() >= 2 && last_is_date => self.date(text),
                Some(3..) => self.run_together(text, self.said_with_date()),
                Some(_) => Err(Refusal::Syntax),
                None if text.len() > 4 => self.run_together(text, self.said_with_date()),
                None => self.number(text, self.said_with_date()),
            };
        }
        match before_point {
            Some(_) if self.said & part::DATE == 0 => self.date(text),
            Some(3..) => self.run_together(text, self.said),
            _ if text.len() >= 6 && (self.said & part::DATE == 0 || self.said & part::TIME == 0) => {
                self.run_together(text, self.said)
            }
            _ => self.number(text, self.said),
        }
    }

    /// A number whose meaning the word before it says.
    fn labelled(&mut self, label: Label, text: &str) -> Result<u32, Refusal> {
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

    fn julian_day(&mut self, day: i32) -> Result<(), Refusal> {
        if day < 0 {
            return Err(Refusal::Field);
        }
        self.set_days(i64::from(day) - i64::from(JULIAN_1970));
        self.julian = true;
        Ok(())
    }

    fn set_days(&mut self, days: i64) {
        let Civil { year, month, day } = civil_from_days(days);
        (self.year, self.month, self.day) = (year, month, day);
    }

    /// Parts of a date with delimiters between them.
    fn date(&mut self, text: &str) -> Result<u32, Refusal> {
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
                Some(Word::Filler) => {}
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
    fn number(&mut self, text: &str, said: u32) -> Result<u32, Refusal> {
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
    fn run_together(&mut self, text: &str, said: u32) -> Result<u32, Refusal> {
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

    /// `None` for a word that says nothing.
    fn word(&mut self, fields: &[Field], at: usize) -> Result<Option<u32>, Refusal> {
        let Some(Field { text, .. }) = fields.get(at) else { return Err(Refusal::Syntax) };
        if let Some(abbreviation) = Abbreviation::of(text) {
            self.place = Some(match abbreviation {
                Abbreviation::Fixed { east, .. } => Place::Offset(east),
                Abbreviation::Dynamic(zone) => Place::Zone(zone),
            });
            let summer = matches!(abbreviation, Abbreviation::Fixed { summer: true, .. });
            return Ok(Some(if summer { part::ZONE | part::SUMMER } else { part::ZONE }));
        }
        let Some(word) = word(text) else {
            let zone = Zone::tabled(text).ok_or(Refusal::Syntax)?;
            self.place = Some(Place::Zone(zone));
            return Ok(Some(part::ZONE));
        };
        Ok(Some(match word {
            Word::Filler => return Ok(None),
            Word::Now | Word::Zulu => return self.now_or_zulu(word).map(Some),
            Word::Am | Word::Pm => {
                self.half_day = Some(if word == Word::Am { HalfDay::Am } else { HalfDay::Pm });
                part::HALF_DAY
            }
            Word::BeforeChrist | Word::AfterChrist => {
                self.before_christ = word == Word::BeforeChrist;
                part::ERA
            }
            Word::Summer => {
                if let Some(Place::Offset(east)) = &mut self.place {
                    *east += 3_600;
                }
                part::SUMMER_MARK | part::SUMMER
            }
            Word::Label(label) => {
                self.label = Some(label);
                0
            }
            Word::TimeMark => {
                let next = fields.get(at + 1).map(|field| field.shape);
                let fits = matches!(next, Some(Shape::Number | Shape::Time | Shape::Date));
                if !fits || !(self.of_day || self.says(part::DATE)) {
                    return Err(Refusal::Syntax);
                }
                self.label = Some(Label::Time);
                0
            }
            _ if self.of_day => return Err(Refusal::Syntax),
            Word::Weekday => part::WEEKDAY,
            Word::Month(month) => {
                // A number before it was taken for a month and was a day.
                let day = self.says(part::MONTH)
                    && !self.month_is_word
                    && self.said & part::DAY == 0
                    && (1..=31).contains(&self.month);
                if day {
                    self.day = self.month;
                }
                self.month_is_word = true;
                self.month = month;
                if day { part::DAY } else { part::MONTH }
            }
            Word::Day(by) => {
                let today = split_timestamp(self.local_now()?).0;
                self.set_days(today + i64::from(by));
                part::DATE
            }
            Word::Infinity => self.special(Special::Infinity),
            Word::NegInfinity => self.special(Special::NegInfinity),
            Word::Epoch => self.special(Special::Epoch),
        }))
    }

    fn special(&mut self, special: Special) -> u32 {
        self.special = Some(special);
        part::SPECIAL
    }

    fn now_or_zulu(&mut self, word: Word) -> Result<u32, Refusal> {
        if word == Word::Zulu {
            self.clock = Clock::default();
            self.place = Some(Place::Offset(0));
            return Ok(part::TIME | part::ZONE);
        }
        let instant = self.now()?;
        let (days, micros) = split_timestamp(self.local_now()?);
        self.clock = Clock::of_micros(micros);
        if self.of_day {
            return Ok(part::TIME);
        }
        self.set_days(days);
        self.place = Some(Place::Offset(self.settings.time_zone.offset_at(instant)));
        Ok(part::DATE | part::TIME | part::ZONE)
    }

    fn now(&self) -> Result<i64, Refusal> {
        self.settings.now.ok_or_else(|| {
            let error = Error::unsupported("the time of now is not known here");
            Refusal::Other(error.with_hint("use now() or a constant date"))
        })
    }

    fn local_now(&self) -> Result<i64, Refusal> {
        self.settings.time_zone.to_local(self.now()?).ok_or(Refusal::Field)
    }

    fn finish(mut self) -> Result<Moment, Refusal> {
        let days = self.days()?;
        self.apply_half_day()?;
        self.check_complete(days)?;
        Ok(Moment { special: self.special, days, micros: self.clock.total_micros(), place: self.place })
    }

    fn check_complete(&self, days: Option<i64>) -> Result<(), Refusal> {
        if self.special.is_some() {
            return Ok(());
        }
        if self.of_day && self.clock.is_beyond_day() {
            return Err(Refusal::Field);
        }
        let with_offset = matches!(self.place, Some(Place::Offset(_)));
        let complete = if self.of_day {
            // Where the offset hangs on the day, a date is said in full or not at all.
            self.says(part::TIME) && (with_offset || days.is_some() || self.said & part::DATE == 0)
        } else {
            days.is_some()
        };
        if !complete || self.says(part::SUMMER_MARK) && !with_offset {
            return Err(Refusal::Syntax);
        }
        Ok(())
    }

    /// Days since 1970-01-01 of a complete date.
    fn days(&mut self) -> Result<Option<i64>, Refusal> {
        if self.says(part::YEAR) && !self.julian {
            self.year = match self.year {
                year if self.before_christ && year > 0 => 1 - year,
                year @ 0..70 if self.short_year && !self.before_christ => year + 2_000,
                year @ 70..100 if self.short_year && !self.before_christ => year + 1_900,
                year if year > 0 => year,
                _ => return Err(Refusal::Field),
            };
        }
        if self.says(part::DAY_OF_YEAR) {
            let first = days_from_civil(Civil { year: self.year, month: 1, day: 1 });
            self.set_days(first + i64::from(self.day_of_year) - 1);
        }
        if self.says(part::MONTH) && !(1..=12).contains(&self.month)
            || self.says(part::DAY) && !(1..=31).contains(&self.day)
        {
            return Err(Refusal::Order);
        }
        if !self.says(part::DATE) {
            return Ok(None);
        }
        if self.day > days_in_month(self.year, self.month) {
            return Err(Refusal::Field);
        }
        Ok(Some(days_from_civil(Civil { year: self.year, month: self.month, day: self.day })))
    }

    fn apply_half_day(&mut self) -> Result<(), Refusal> {
        let hour = self.clock.hour;
        match self.half_day {
            None => {}
            Some(_) if hour > 12 => return Err(Refusal::Field),
            Some(HalfDay::Am) if hour == 12 => self.clock.hour = 0,
            Some(HalfDay::Pm) if hour != 12 => self.clock.hour += 12,
            Some(_) => {}
        }
        Ok(())
    }
}
