//! Dates and times read by a template.
//!
//! Invariant: where a template does not fix the number of digits, as many are read as there are; punctuation and blanks
//! match each other, unless FX asks for the exact places.

use super::dates::{Case, DAYS, Key, MONTHS, ROMAN};
use super::fields::{self, Calendar, Fields};
use super::nodes::{Node, Suffix, is_separator};
use base::{Error, ErrorKind, Result};

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidDatetime, message)
}

fn set(slot: &mut i32, value: i32, word: &str) -> Result<()> {
    if *slot != 0 && *slot != value {
        return Err(invalid(format!("conflicting values for \"{word}\" field in formatting string"))
            .with_detail("This value contradicts a previous setting for the same field type."));
    }
    *slot = value;
    Ok(())
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    exact: bool,
    /// Whether every letter of the template must be there.
    strict: bool,
    /// Letters passed over beyond those of the template.
    extra: i64,
    fields: Fields,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn pass(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn pass_blanks(&mut self) {
        while self.peek().is_some_and(|c| c.is_ascii_whitespace() || c == '\u{b}') {
            self.pass();
            self.extra += 1;
        }
    }

    /// Reads up to the end of the text or of the template.
    fn run(&mut self, nodes: &[Node<Key>]) -> Result<()> {
        for (index, node) in nodes.iter().enumerate() {
            if self.rest().is_empty() {
                if self.strict {
                    return Err(invalid("input string is too short for datetime format"));
                }
                break;
            }
            let is_key = matches!(node, Node::Key(..));
            if !self.exact && !matches!(node, Node::Key(Key::Exact, _)) && (is_key || index == 0) {
                self.pass_blanks();
            }
            match node {
                Node::Separator(c) | Node::Blank(c) | Node::Plain(c) if self.strict => {
                    if self.peek() != Some(*c) {
                        let what = if matches!(node, Node::Plain(_)) { "character" } else { "separator" };
                        return Err(invalid(format!("unmatched format {what} \"{c}\"")));
                    }
                    self.pass();
                }
                Node::Separator(_) | Node::Blank(_) => {
                    if self.exact {
                        self.pass();
                    } else {
                        self.extra -= 1;
                        if self.peek().is_some_and(|c| c.is_ascii_whitespace() || is_separator(c)) {
                            self.pass();
                            self.extra += 1;
                        }
                    }
                }
                Node::Plain(_) if !self.exact && self.extra > 0 => self.extra -= 1,
                Node::Plain(_) => self.pass(),
                Node::Key(key, suffix) => {
                    let free = suffix.fill || suffix.ordinal.is_some() || ends_number(nodes.get(index + 1));
                    self.key(*key, *suffix, free)?;
                    if !self.exact {
                        self.extra = 0;
                        self.pass_blanks();
                    }
                }
            }
        }
        Ok(())
    }

    /// An integer of `width` digits, or of as many as there are; gives the letters read.
    fn number(&mut self, width: usize, free: bool, word: &str) -> Result<(i32, usize)> {
        let start = self.at;
        let blanks =
            self.rest().len() - self.rest().trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
        self.at += blanks;
        let rest = self.rest();
        let bad = |rest: &str, detail: String| {
            let shown: String = rest.chars().take(width).collect();
            invalid(format!("invalid value \"{shown}\" for \"{word}\"")).with_detail(detail)
        };
        let window = if free { rest } else { head(rest, width) };
        if !free && rest.len() < width {
            let message = format!("source string too short for \"{word}\" formatting field");
            return Err(invalid(message)
                .with_detail(format!("Field requires {width} characters, but only {} remain.", rest.len()))
                .with_hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
        }
        let inner = window.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let signed = inner.strip_prefix(['+', '-']).unwrap_or(inner);
        let digits = signed.find(|c: char| !c.is_ascii_digit()).unwrap_or(signed.len());
        let used = if digits == 0 { 0 } else { window.len() - signed.len() + digits };
        if !free && used > 0 && used < width {
            return Err(bad(
                rest,
                format!("Field requires {width} characters, but only {used} could be parsed."),
            )
            .with_hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
        }
        self.at += used;
        if used == 0 {
            return Err(bad(rest, "Value must be an integer.".to_owned()));
        }
        let text = inner.get(..inner.len() - signed.len() + digits).unwrap_or_default();
        let value = text.parse::<i32>().map_err(|_| {
            let message = format!("value for \"{word}\" in source string is out of range");
            Error::new(ErrorKind::DatetimeOverflow, message).with_detail(format!(
                "Value must be in the range {} to {}.",
                i32::MIN,
                i32::MAX
            ))
        })?;
        Ok((value, self.at - start))
    }

    /// The place in a list of the first name that the text begins with.
    fn name(&mut self, names: &[&str], letters: Option<usize>, word: &str) -> Result<i32> {
        let rest = self.rest();
        let found = names.iter().enumerate().find_map(|(index, name)| {
            let name = name.get(..letters.unwrap_or(name.len()))?;
            let begins = rest.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name));
            begins.then_some((index, name.len()))
        });
        match found {
            Some((index, length)) => {
                self.at += length;
                Ok(i32::try_from(index).unwrap_or(0))
            }
            None => {
                let shown: String = rest.chars().take_while(|c| !c.is_ascii_whitespace()).collect();
                Err(invalid(format!("invalid value \"{shown}\" for \"{word}\""))
                    .with_detail("The given value did not match any of the allowed values for this field."))
            }
        }
    }

    fn calendar(&mut self, key: Key) -> Result<()> {
        let calendar = match key {
            Key::IsoDayOfYear | Key::IsoDayOfWeek | Key::IsoWeek | Key::IsoYear(_) => Calendar::IsoWeek,
            Key::DayOfYear
            | Key::Day
            | Key::DayOfWeek
            | Key::Month
            | Key::MonthName(_)
            | Key::MonthShort(_)
            | Key::Roman(_)
            | Key::Week
            | Key::WeekOfMonth
            | Key::YearWithComma
            | Key::Year(_) => Calendar::Gregorian,
            _ => return Ok(()),
        };
        match self.fields.calendar {
            Some(known) if known != calendar => Err(invalid("invalid combination of date conventions")
                .with_hint("Do not mix Gregorian and ISO week date conventions in a formatting template.")),
            _ => {
                self.fields.calendar = Some(calendar);
                Ok(())
            }
        }
    }

    fn key(&mut self, key: Key, suffix: Suffix, free: bool) -> Result<()> {
        self.calendar(key)?;
        let word = suffix.word;
        // Digits of keywords that have no width of their own.
        let own = word.len();
        match key {
            Key::Exact => self.exact = true,
            Key::HalfDay(_, points) => {
                let names = if points { &["a.m.", "p.m."] } else { &["am", "pm"] };
                let value = self.name(names, None, word)?;
                set(&mut self.fields.afternoon, value, word)?;
                self.fields.half_clock = true;
            }
            Key::Era(_, points) => {
                let names = if points { &["a.d.", "b.c."] } else { &["ad", "bc"] };
                let value = self.name(names, None, word)?;
                set(&mut self.fields.before_christ, value, word)?;
            }
            Key::MonthName(_) | Key::MonthShort(_) => {
                let letters = matches!(key, Key::MonthShort(_)).then_some(3);
                let value = self.name(&MONTHS, letters, word)?;
                set(&mut self.fields.month, value + 1, word)?;
            }
            Key::DayName(_) | Key::DayShort(_) => {
                let letters = matches!(key, Key::DayShort(_)).then_some(3);
                let value = self.name(&DAYS, letters, word)?;
                set(&mut self.fields.weekday, value, word)?;
                self.fields.weekday += 1;
            }
            Key::Roman(_) => {
                // Longer names first, so that none hides another.
                const ORDER: [usize; 12] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0];
                let names = ORDER.map(|i| ROMAN.get(i).copied().unwrap_or_default());
                let value = self.name(&names, None, word)?;
                set(&mut self.fields.month, 12 - value, word)?;
            }
            Key::Zone(Case::Upper | Case::Capital | Case::Lower) | Key::Offset => {
                return Err(Error::unsupported(format!(
                    "formatting field \"{word}\" is only supported in to_char"
                )));
            }
            Key::ZoneHours | Key::ZoneMinutes => self.zone(key, free, word)?,
            Key::Hour12 => {
                self.take(2, free, word, |f| &mut f.hour)?;
                self.fields.half_clock = true;
            }
            Key::Hour24 => self.take(2, free, word, |f| &mut f.hour).map(drop)?,
            Key::Minute => self.take(2, free, word, |f| &mut f.minute).map(drop)?,
            Key::Second => self.take(2, free, word, |f| &mut f.second).map(drop)?,
            Key::Milliseconds => {
                let used = self.take(3, free, word, |f| &mut f.milliseconds)?;
                self.fields.milliseconds = self.fields.milliseconds.saturating_mul(scaled(used, 3));
            }
            Key::Microseconds => self.fraction(6, free, word)?,
            Key::Fraction(digits) => self.fraction(usize::try_from(digits).unwrap_or(6), free, word)?,
            Key::SecondOfDay => self.take(own, free, word, |f| &mut f.second_of_day).map(drop)?,
            Key::Month => self.take(2, free, word, |f| &mut f.month).map(drop)?,
            Key::DayOfYear | Key::IsoDayOfYear => {
                self.take(3, free, word, |f| &mut f.day_of_year).map(drop)?
            }
            Key::Day => self.take(2, free, word, |f| &mut f.day).map(drop)?,
            Key::DayOfWeek => self.take(own, free, word, |f| &mut f.weekday).map(drop)?,
            Key::IsoDayOfWeek => {
                self.take(1, free, word, |f| &mut f.weekday)?;
                self.fields.weekday += 1;
                if self.fields.weekday > 7 {
                    self.fields.weekday = 1;
                }
            }
            Key::Week | Key::IsoWeek => self.take(2, free, word, |f| &mut f.week).map(drop)?,
            Key::WeekOfMonth => self.take(own, free, word, |f| &mut f.week_of_month).map(drop)?,
            // Which day of the quarter would be meant is not known, so it does not count.
            Key::Quarter => self.number(own, free, word).map(drop)?,
            Key::Century => self.take(2, free, word, |f| &mut f.century).map(drop)?,
            Key::Julian => self.take(own, free, word, |f| &mut f.julian).map(drop)?,
            Key::YearWithComma => self.year_with_comma(word)?,
            Key::Year(digits) | Key::IsoYear(digits) => {
                let used = self.take(own, free, word, |f| &mut f.year)?;
                if digits < 4 && used < 4 {
                    self.fields.year = near_2020(self.fields.year);
                }
                self.fields.year_digits = digits;
            }
        }
        let takes_ordinal = !matches!(key, Key::ZoneHours | Key::ZoneMinutes | Key::Exact);
        if suffix.ordinal.is_some() && takes_ordinal {
            self.pass();
            self.pass();
        }
        Ok(())
    }

    fn zone(&mut self, key: Key, free: bool, word: &str) -> Result<()> {
        if key == Key::ZoneMinutes {
            if self.fields.zone_sign == 0 {
                self.fields.zone_sign = 1;
            }
            return self.take(2, free, word, |f| &mut f.zone_minutes).map(drop);
        }
        match self.peek() {
            Some(c @ ('+' | '-' | ' ')) => {
                self.fields.zone_sign = if c == '-' { -1 } else { 1 };
                self.pass();
            }
            _ => {
                // The minus may have been taken for punctuation.
                let before = self.text.get(..self.at).unwrap_or_default();
                let minus = self.extra > 0 && before.ends_with('-');
                self.fields.zone_sign = if minus { -1 } else { 1 };
            }
        }
        self.take(2, free, word, |f| &mut f.zone_hours).map(drop)
    }

    /// Reads a number into a field; gives the letters read.
    fn take(
        &mut self,
        width: usize,
        free: bool,
        word: &str,
        field: impl FnOnce(&mut Fields) -> &mut i32,
    ) -> Result<usize> {
        let (value, used) = self.number(width, free, word)?;
        set(field(&mut self.fields), value, word)?;
        Ok(used)
    }

    fn fraction(&mut self, digits: usize, free: bool, word: &str) -> Result<()> {
        let used = self.take(digits, free, word, |f| &mut f.micros)?;
        self.fields.micros = self.fields.micros.saturating_mul(scaled(used, 6));
        Ok(())
    }

    fn year_with_comma(&mut self, word: &str) -> Result<()> {
        let wrong = || invalid("invalid input string for \"Y,YYY\"");
        let rest = self.rest();
        let (thousands, behind) = rest.split_once(',').ok_or_else(wrong)?;
        let digits = behind.bytes().take(3).take_while(u8::is_ascii_digit).count();
        let years = behind.get(..digits).unwrap_or_default();
        let (thousands_value, years) = (thousands.trim_start().parse::<i32>(), years.parse::<i32>());
        let (Ok(many), Ok(years)) = (thousands_value, years) else { return Err(wrong()) };
        let year = many.checked_mul(1_000).and_then(|y| y.checked_add(years)).ok_or_else(|| {
            let message = "value for \"Y,YYY\" in source string is out of range";
            Error::new(ErrorKind::DatetimeOverflow, message)
        })?;
        set(&mut self.fields.year, year, word)?;
        self.fields.year_digits = 4;
        self.at += thousands.len() + 1 + digits;
        Ok(())
    }
}

fn head(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// What digits of a fraction are multiplied by to have a number of digits.
fn scaled(used: usize, digits: usize) -> i32 {
    10_i32.pow(u32::try_from(digits.saturating_sub(used)).unwrap_or(0))
}

/// Years of fewer than four digits are those nearest to 2020.
fn near_2020(year: i32) -> i32 {
    match year {
        y if y < 70 => y + 2_000,
        y if y < 100 => y + 1_900,
        y if y < 520 => y + 2_000,
        y if y < 1_000 => y + 1_000,
        y => y,
    }
}

/// Whether a number ends before the next part of the template, so that its digits need not be counted.
fn ends_number(next: Option<&Node<Key>>) -> bool {
    match next {
        None => true,
        Some(Node::Separator(c) | Node::Blank(c) | Node::Plain(c)) => !c.is_ascii_digit(),
        Some(Node::Key(key, _)) => matches!(
            key,
            Key::Era(..)
                | Key::HalfDay(..)
                | Key::DayName(_)
                | Key::DayShort(_)
                | Key::Exact
                | Key::MonthName(_)
                | Key::MonthShort(_)
                | Key::Offset
                | Key::Roman(_)
                | Key::Zone(_)
                | Key::ZoneHours
        ),
    }
}

/// A date and a time of the day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parsed {
    /// Days since 1970.
    pub(super) days: i64,
    pub(super) micros: i64,
    /// Seconds east of UTC.
    pub(super) zone: Option<i32>,
}

/// What a template asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) date: bool,
    pub(super) time: bool,
    pub(super) zone: bool,
}

impl Asked {
    fn of(nodes: &[Node<Key>]) -> Self {
        let mut asked = Self::default();
        for node in nodes {
            match node {
                Node::Key(key, _) => match key {
                    Key::Zone(_) | Key::Offset | Key::ZoneHours | Key::ZoneMinutes => asked.zone = true,
                    Key::HalfDay(..)
                    | Key::Hour12
                    | Key::Hour24
                    | Key::Minute
                    | Key::Second
                    | Key::Milliseconds
                    | Key::Microseconds
                    | Key::Fraction(_)
                    | Key::SecondOfDay => asked.time = true,
                    Key::Exact => {}
                    _ => asked.date = true,
                },
                Node::Separator(_) | Node::Blank(_) | Node::Plain(_) => {}
            }
        }
        asked
    }
}

/// As `read`, of a template that the text must follow to the letter, as jsonpath's `.datetime(template)` wants.
pub(super) fn read_strictly(text: &str, template: &str) -> Result<(Parsed, Asked)> {
    let unquoted: String = template.split('"').step_by(2).collect();
    for node in super::dates::nodes(&unquoted) {
        let wrong = match node {
            Node::Key(..) => None,
            Node::Separator(c) | Node::Blank(c) | Node::Plain(c) => {
                Some(c).filter(|c| !"-./,':; ".contains(*c))
            }
        };
        if let Some(c) = wrong {
            return Err(invalid(format!("invalid datetime format separator: \"{c}\"")));
        }
    }
    let nodes = super::dates::nodes(template);
    let mut reader = Reader { text, at: 0, exact: true, strict: true, extra: 0, fields: Fields::default() };
    reader.run(&nodes)?;
    reader.pass_blanks();
    if !reader.rest().is_empty() {
        return Err(invalid("trailing characters remain in input string after datetime format"));
    }
    Ok((parsed(&reader.fields, text)?, Asked::of(&nodes)))
}

/// A date and time by a template; what is not given is the first day of 1 BC at midnight.
pub(super) fn read(text: &str, nodes: &[Node<Key>]) -> Result<Parsed> {
    let mut reader = Reader { text, at: 0, exact: false, strict: false, extra: 0, fields: Fields::default() };
    reader.run(nodes)?;
    parsed(&reader.fields, text)
}

fn parsed(found: &Fields, text: &str) -> Result<Parsed> {
    let micros = fields::time(found, text)?;
    let days = fields::date(found, text)?;
    let zone = match found.zone_sign {
        0 => None,
        _ if !(0..=15).contains(&found.zone_hours) || !(0..60).contains(&found.zone_minutes) => {
            return Err(fields::overflow(text));
        }
        sign => Some(sign * (found.zone_hours * 3_600 + found.zone_minutes * 60)),
    };
    Ok(Parsed { days, micros, zone })
}
