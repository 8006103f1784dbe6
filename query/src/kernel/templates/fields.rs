//! What templates read of a date and time, and the date and time that it means.
//!
//! Invariant: a date that is not in the calendar is refused (22008).

use base::{Error, ErrorKind, Result};
use types::datetime::{self, Civil, JULIAN_1970};

/// Which calendar the fields of a template belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calendar {
    Gregorian,
    IsoWeek,
}

/// What was read; zero stands for nothing.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) calendar: Option<Calendar>,
    pub(super) hour: i32,
    pub(super) half_clock: bool,
    pub(super) afternoon: i32,
    pub(super) minute: i32,
    pub(super) second: i32,
    pub(super) second_of_day: i32,
    pub(super) milliseconds: i32,
    pub(super) micros: i32,
    /// 1 is Sunday.
    pub(super) weekday: i32,
    pub(super) day: i32,
    pub(super) day_of_year: i32,
    pub(super) month: i32,
    pub(super) year: i32,
    pub(super) year_digits: u32,
    pub(super) before_christ: i32,
    pub(super) week: i32,
    pub(super) week_of_month: i32,
    pub(super) century: i32,
    pub(super) julian: i32,
    pub(super) zone_sign: i32,
    pub(super) zone_hours: i32,
    pub(super) zone_minutes: i32,
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidDatetime, message)
}

fn julian_of(year: i32, month: i32, day: i32) -> i64 {
    datetime::days_from_civil(Civil { year, month, day })
}

/// Monday of a week, in days since 1970.
fn monday_of_week(year: i32, week: i32) -> i64 {
    let fourth = julian_of(year, 1, 4);
    fourth - (fourth + 3).rem_euclid(7) + (i64::from(week) - 1) * 7
}

/// The fields of a date with which of them are known.
struct Date {
    date: Civil,
    year: bool,
    month: bool,
    day: bool,
}

impl Date {
    fn whole(&mut self, days: i64) {
        self.date = datetime::civil_from_days(days);
        (self.year, self.month, self.day) = (true, true, true);
    }
}

pub(super) fn overflow(text: &str) -> Error {
    Error::new(ErrorKind::DatetimeOverflow, format!("date/time field value out of range: \"{text}\""))
}

/// Microseconds of the day.
pub(super) fn time(fields: &Fields, text: &str) -> Result<i64> {
    let of_day = fields.second_of_day;
    let pick = |given: i32, otherwise: i32| if given != 0 { given } else { otherwise };
    let mut hour = pick(fields.hour, of_day / 3_600);
    let minute = pick(fields.minute, of_day % 3_600 / 60);
    let second = pick(fields.second, of_day % 60);
    if fields.half_clock {
        if !(1..=12).contains(&hour) {
            return Err(invalid(format!("hour \"{hour}\" is invalid for the 12-hour clock"))
                .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
        }
        if fields.afternoon != 0 && hour < 12 {
            hour += 12;
        } else if fields.afternoon == 0 && hour == 12 {
            hour = 0;
        }
    }
    let fraction = i64::from(fields.milliseconds) * 1_000 + i64::from(fields.micros);
    let fine = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    if !fine || !(0..1_000_000).contains(&fraction) {
        return Err(overflow(text));
    }
    Ok(i64::from(hour * 3_600 + minute * 60 + second) * 1_000_000 + fraction)
}

fn year(fields: &Fields) -> Option<i32> {
    let century = if fields.before_christ != 0 { -fields.century } else { fields.century };
    if fields.year != 0 && century != 0 && fields.year_digits <= 2 {
        let within = fields.year % 100;
        return Some(match (within, century) {
            (0, century) => century * 100 + i32::from(century < 0),
            (within, century) if century >= 0 => within + (century - 1) * 100,
            (within, century) => (century + 1) * 100 - within + 1,
        });
    }
    if fields.year != 0 {
        let year = if fields.before_christ != 0 { fields.year.saturating_neg() } else { fields.year };
        return Some(if year < 0 { year + 1 } else { year });
    }
    (century != 0).then(|| if century >= 0 { (century - 1) * 100 + 1 } else { century * 100 + 1 })
}

/// Days since 1970; what is not given is the first day of 1 BC.
pub(super) fn date(fields: &Fields, text: &str) -> Result<i64> {
    let iso = fields.calendar == Some(Calendar::IsoWeek);
    let found = year(fields);
    let first = Civil { year: found.unwrap_or(0), month: 1, day: 1 };
    let mut known = Date { date: first, year: found.is_some(), month: false, day: false };
    let mut day_of_year = fields.day_of_year;
    if fields.julian != 0 {
        known.whole(i64::from(fields.julian) - i64::from(JULIAN_1970));
    }
    if fields.week != 0 {
        if iso {
            let monday = monday_of_week(known.date.year, fields.week);
            known.whole(match fields.weekday {
                0 => monday,
                1 => monday + 6,
                day => monday + i64::from(day) - 2,
            });
        } else {
            day_of_year = (fields.week.saturating_sub(1)).saturating_mul(7).saturating_add(1);
        }
    }
    let day = match fields.week_of_month {
        0 => fields.day,
        week => week.saturating_sub(1).saturating_mul(7).saturating_add(1),
    };
    if day != 0 {
        (known.date.day, known.day) = (day, true);
    }
    if fields.month != 0 {
        (known.date.month, known.month) = (fields.month, true);
    }
    if day_of_year != 0 && (known.date.month <= 1 || known.date.day <= 1) {
        if known.date.year == 0 && fields.before_christ == 0 {
            return Err(invalid("cannot calculate day of year without year information"));
        }
        if iso {
            known.whole(monday_of_week(known.date.year, 1) - 1 + i64::from(day_of_year));
        } else {
            within_year(&mut known, day_of_year);
        }
    }
    let Date { date, .. } = known;
    let wrong = (known.month && !(1..=12).contains(&date.month))
        || (known.day && !(1..=31).contains(&date.day))
        || (known.year
            && known.month
            && known.day
            && date.day > datetime::days_in_month(date.year, date.month));
    if wrong {
        return Err(overflow(text));
    }
    Ok(datetime::days_from_civil(date))
}

/// Month and day from the day of the year, as far as they are not given.
fn within_year(known: &mut Date, day_of_year: i32) {
    let year = known.date.year;
    let (mut month, mut before) = (1, 0);
    while month <= 12 && day_of_year > before + datetime::days_in_month(year, month) {
        before += datetime::days_in_month(year, month);
        month += 1;
    }
    if known.date.month <= 1 {
        known.date.month = month;
    }
    if known.date.day <= 1 {
        known.date.day = day_of_year - before;
    }
    (known.month, known.day) = (true, true);
}
