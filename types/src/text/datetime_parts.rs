//! Parts of the text of a date or time that stand for themselves: numbers, clock readings, fractions, and the words that
//! dates know.
//!
//! Must not know the order in which they come.

use super::float::decimal_prefix;

/// Why a text was refused.
#[derive(Debug)]
pub(super) enum Refusal {
    Syntax,
    /// A field is out of its range.
    Field,
    /// A field that another order of day, month and year might allow.
    Order,
    /// An offset from UTC is.
    ZoneRange,
    /// The fields together are.
    Whole,
    /// A zone's name, which there is none of.
    ZoneName(String),
    Other(base::Error),
}

/// What a word says in a date or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Month(i32),
    Weekday,
    Am,
    Pm,
    BeforeChrist,
    AfterChrist,
    /// `on` and `at`.
    Filler,
    /// In summer, the clock is an hour ahead.
    Summer,
    Infinity,
    NegInfinity,
    Epoch,
    Now,
    /// Days from today.
    Day(i32),
    /// Midnight in Greenwich.
    Zulu,
    /// `t` in front of a time.
    TimeMark,
    Label(Label),
}

/// What the number behind a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Julian,
    Time,
    /// Words that may stand in front of a number of which there is no use.
    Unused,
}

pub(super) fn word(lower: &str) -> Option<Word> {
    Some(match lower {
        "jan" | "january" => Word::Month(1),
        "feb" | "february" => Word::Month(2),
        "mar" | "march" => Word::Month(3),
        "apr" | "april" => Word::Month(4),
        "may" => Word::Month(5),
        "jun" | "june" => Word::Month(6),
        "jul" | "july" => Word::Month(7),
        "aug" | "august" => Word::Month(8),
        "sep" | "sept" | "september" => Word::Month(9),
        "oct" | "october" => Word::Month(10),
        "nov" | "november" => Word::Month(11),
        "dec" | "december" => Word::Month(12),
        "sun" | "sunday" | "mon" | "monday" | "tue" | "tues" | "tuesday" | "wed" | "weds" | "wednesday"
        | "thu" | "thur" | "thurs" | "thursday" | "fri" | "friday" | "sat" | "saturday" => Word::Weekday,
        "am" => Word::Am,
        "pm" => Word::Pm,
        "bc" => Word::BeforeChrist,
        "ad" => Word::AfterChrist,
        "at" | "on" => Word::Filler,
        "dst" => Word::Summer,
        "infinity" => Word::Infinity,
        "-infinity" => Word::NegInfinity,
        "epoch" => Word::Epoch,
        "now" => Word::Now,
        "yesterday" => Word::Day(-1),
        "today" => Word::Day(0),
        "tomorrow" => Word::Day(1),
        "allballs" => Word::Zulu,
        "t" => Word::TimeMark,
        "y" => Word::Label(Label::Year),
        "m" => Word::Label(Label::Month),
        "d" => Word::Label(Label::Day),
        "h" => Word::Label(Label::Hour),
        "mm" => Word::Label(Label::Minute),
        "s" => Word::Label(Label::Second),
        "j" | "jd" | "julian" => Word::Label(Label::Julian),
        "dow" | "doy" | "isodow" | "isoyear" => Word::Label(Label::Unused),
        _ => return None,
    })
}

/// A signed number at the front of a text, and what is behind it. No digit is 0, as `strtol` has it.
pub(super) fn leading_number(text: &str) -> Result<(i64, &str), Refusal> {
    let signed = usize::from(text.starts_with(['+', '-']));
    let digits = text.bytes().skip(signed).take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Ok((0, text));
    }
    let (number, rest) = text.split_at(signed + digits);
    Ok((number.parse().map_err(|_| Refusal::Field)?, rest))
}

/// As `leading_number`, of 32 bits.
pub(super) fn leading_i32(text: &str) -> Result<(i32, &str), Refusal> {
    let (number, rest) = leading_number(text)?;
    Ok((i32::try_from(number).map_err(|_| Refusal::Field)?, rest))
}

/// The value of a point and the digits behind it, which end the text.
pub(super) fn fraction(text: &str) -> Result<f64, Refusal> {
    if text == "." {
        return Ok(0.0);
    }
    match decimal_prefix(text) {
        Some((value, "")) => Ok(value),
        _ => Err(Refusal::Syntax),
    }
}

/// Microseconds of a fraction of a second.
pub(super) fn fraction_micros(text: &str) -> Result<i64, Refusal> {
    #[expect(clippy::cast_possible_truncation, reason = "less than two seconds, or saturated and refused")]
    Ok((fraction(text)? * 1_000_000.0).round_ties_even() as i64)
}

/// What a clock shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) micros: i64,
}

impl Clock {
    /// `hh:mm[:ss[.f]]`, or `mm:ss.f`. `of_minutes` reads two numbers as minutes and seconds.
    pub(super) fn read(text: &str, of_minutes: bool) -> Result<Self, Refusal> {
        let (hour, rest) = leading_number(text)?;
        let (minute, rest) = leading_i32(rest.strip_prefix(':').ok_or(Refusal::Syntax)?)?;
        let minute = i64::from(minute);
        let clock = if rest.is_empty() && of_minutes {
            Clock { hour: 0, minute: hour, second: minute, micros: 0 }
        } else if rest.is_empty() {
            Clock { hour, minute, second: 0, micros: 0 }
        } else if rest.starts_with('.') {
            Clock { hour: 0, minute: hour, second: minute, micros: fraction_micros(rest)? }
        } else {
            let (second, rest) = leading_i32(rest.strip_prefix(':').ok_or(Refusal::Syntax)?)?;
            let micros = match rest {
                "" => 0,
                _ if rest.starts_with('.') => fraction_micros(rest)?,
                _ => return Err(Refusal::Syntax),
            };
            Clock { hour, minute, second: i64::from(second), micros }
        };
        let fits = clock.hour >= 0
            && (0..60).contains(&clock.minute)
            && (0..=60).contains(&clock.second)
            && (0..=1_000_000).contains(&clock.micros);
        if fits { Ok(clock) } else { Err(Refusal::Field) }
    }

    /// A time of day.
    pub(super) fn of_micros(micros: i64) -> Self {
        Clock {
            hour: micros / 3_600_000_000,
            minute: micros / 60_000_000 % 60,
            second: micros / 1_000_000 % 60,
            micros: micros % 1_000_000,
        }
    }

    pub(super) fn total_micros(&self) -> i128 {
        i128::from(self.hour) * 3_600_000_000
            + i128::from(self.minute) * 60_000_000
            + i128::from(self.second) * 1_000_000
            + i128::from(self.micros)
    }

    /// Whether it is later than a day's end.
    pub(super) fn is_beyond_day(&self) -> bool {
        !(0..=24).contains(&self.hour)
            || !(0..60).contains(&self.minute)
            || !(0..=60).contains(&self.second)
            || !(0..=1_000_000).contains(&self.micros)
            || self.total_micros() > i128::from(crate::datetime::MICROS_PER_DAY)
    }
}

/// Seconds east of UTC of `+hh`, `+hhmm`, `+hh:mm` or `+hh:mm:ss`.
pub(super) fn offset(text: &str) -> Result<i32, Refusal> {
    let wide = |_| Refusal::ZoneRange;
    let sign = match text.bytes().next() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(Refusal::Syntax),
    };
    let body = text.get(1..).unwrap_or_default();
    let (mut hours, mut rest) = leading_i32(body).map_err(wide)?;
    let (mut minutes, mut seconds) = (0, 0);
    if let Some(behind) = rest.strip_prefix(':') {
        (minutes, rest) = leading_i32(behind).map_err(wide)?;
        if let Some(behind) = rest.strip_prefix(':') {
            (seconds, rest) = leading_i32(behind).map_err(wide)?;
        }
    } else if rest.is_empty() && text.len() > 3 {
        (hours, minutes) = (hours / 100, hours % 100);
    }
    if !(0..=15).contains(&hours) || !(0..60).contains(&minutes) || !(0..60).contains(&seconds) {
        return Err(Refusal::ZoneRange);
    }
    if !rest.is_empty() {
        return Err(Refusal::Syntax);
    }
    Ok(sign * (hours * 3_600 + minutes * 60 + seconds))
}
