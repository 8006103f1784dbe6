//! What the fields of a date or time mean, by PostgreSQL's rules for their order.
//!
//! Invariant: each part (year, month, ..) is said once; what was said is a bit of `said`, and what is not said is 0.

use super::datetime_fields::{Field, Shape};
use super::datetime_parts::{Clock, Label, Refusal, Word, leading_i32, offset, word};
use super::settings::IoSettings;
use crate::datetime::{Civil, days_from_civil, days_in_month, split_timestamp};
use crate::zone::{Abbreviation, Zone};
use base::Error;

/// Bits of the parts that were said.
pub(super) mod part {
    pub(in crate::text) const YEAR: u32 = 1;
    pub(in crate::text) const MONTH: u32 = 1 << 1;
    pub(in crate::text) const DAY: u32 = 1 << 2;
    pub(in crate::text) const DATE: u32 = YEAR | MONTH | DAY;
    pub(in crate::text) const HOUR: u32 = 1 << 3;
    pub(in crate::text) const MINUTE: u32 = 1 << 4;
    pub(in crate::text) const SECOND: u32 = 1 << 5;
    /// Parts of a second.
    pub(in crate::text) const FRACTION: u32 = 1 << 6;
    pub(in crate::text) const SECONDS: u32 = SECOND | FRACTION;
    pub(in crate::text) const TIME: u32 = HOUR | MINUTE | SECONDS;
    pub(in crate::text) const ZONE: u32 = 1 << 7;
    /// An abbreviation of summer, or `dst`.
    pub(in crate::text) const SUMMER: u32 = 1 << 8;
    pub(in crate::text) const SUMMER_MARK: u32 = 1 << 9;
    pub(in crate::text) const DAY_OF_YEAR: u32 = 1 << 10;
    pub(in crate::text) const WEEKDAY: u32 = 1 << 11;
    pub(in crate::text) const HALF_DAY: u32 = 1 << 12;
    pub(in crate::text) const ERA: u32 = 1 << 13;
    /// An abbreviation that a zone has used for different offsets.
    pub(in crate::text) const DYNAMIC: u32 = 1 << 15;
    /// `epoch` and the infinities.
    pub(in crate::text) const SPECIAL: u32 = 1 << 14;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Infinity,
    NegInfinity,
    Epoch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HalfDay {
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
pub(super) struct Reading<'a> {
    pub(super) settings: &'a IoSettings,
    pub(super) of_day: bool,
    pub(super) said: u32,
    pub(super) year: i32,
    pub(super) month: i32,
    pub(super) day: i32,
    pub(super) day_of_year: i32,
    pub(super) clock: Clock,
    pub(super) short_year: bool,
    pub(super) month_is_word: bool,
    pub(super) julian: bool,
    pub(super) before_christ: bool,
    pub(super) half_day: Option<HalfDay>,
    pub(super) place: Option<Place>,
    pub(super) special: Option<Special>,
    /// What the next number is.
    pub(super) label: Option<Label>,
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

    pub(super) fn says(&self, parts: u32) -> bool {
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

    /// `None` for a word that says nothing.
    fn word(&mut self, fields: &[Field], at: usize) -> Result<Option<u32>, Refusal> {
        let Some(Field { text, .. }) = fields.get(at) else { return Err(Refusal::Syntax) };
        if let Some(abbreviation) = Abbreviation::of(text) {
            self.place = Some(match abbreviation {
                Abbreviation::Fixed { east, .. } => Place::Offset(east),
                Abbreviation::Dynamic(zone) => Place::Zone(zone),
            });
            return Ok(Some(match abbreviation {
                Abbreviation::Fixed { summer: true, .. } => part::ZONE | part::SUMMER,
                Abbreviation::Fixed { summer: false, .. } => part::ZONE,
                Abbreviation::Dynamic(_) => part::ZONE | part::DYNAMIC,
            }));
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
