//! Time zones: fixed offsets, named zones of the tz database that is compiled in, zones that a text says in full.
//!
//! Must not know text layouts of timestamps. Offsets are seconds east of UTC, instants microseconds since 1970.
//! Beyond the years for which rules are tabled, a zone keeps the rules that it has in the last of them.

mod abbreviations;
mod posix;

pub use abbreviations::Abbreviation;
pub use posix::Posix;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{OffsetComponents, OffsetName, Tz};

/// A time zone of a session or of an AT TIME ZONE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Seconds east of UTC.
    Fixed(i32),
    Named(Tz),
    Posix(Posix),
    /// What an abbreviation meant in a zone: at each time the latest use of it until then.
    Dynamic {
        tz: Tz,
        abbreviation: &'static str,
    },
}

/// Hours of an offset that a zone can be set to.
const HOURS_MAX: f64 = 167.0;

impl Zone {
    pub const UTC: Zone = Zone::Fixed(0);

    /// A zone as AT TIME ZONE takes it: an abbreviation, a name of the tz database, or POSIX's text, where an offset
    /// counts west: `+02` is two hours west of UTC.
    pub fn parse(name: &str) -> Option<Self> {
        Abbreviation::of(name).map(Abbreviation::zone).or_else(|| Self::tabled(name))
    }

    /// As `parse`, but no abbreviation.
    pub fn tabled(name: &str) -> Option<Self> {
        let named = chrono_tz::TZ_VARIANTS.iter().find(|z| z.name().eq_ignore_ascii_case(name));
        if let Some(tz) = named {
            return Some(Zone::Named(*tz));
        }
        let posix = Posix::parse(name)?;
        Some(posix.constant().map_or(Zone::Posix(posix), Zone::Fixed))
    }

    /// The zone that the setting TimeZone names: as `tabled`, but a number alone counts hours east of UTC.
    pub fn of_setting(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("UTC") {
            return Some(Zone::UTC);
        }
        if let Ok(hours) = name.trim().parse::<f64>() {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the hours are few, parts of a second are cut"
            )]
            return (hours.abs() <= HOURS_MAX).then_some(Zone::Fixed((hours * 3_600.0) as i32));
        }
        let tabled = Self::tabled(name)?;
        // The name that is shown is the one that was given.
        Some(match tabled {
            Zone::Fixed(_) => Zone::Posix(Posix::parse(name)?),
            zone => zone,
        })
    }

    /// All zones of the tz database by their names, in the order of these.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        chrono_tz::TZ_VARIANTS.iter().map(|tz| (tz.name(), Zone::Named(*tz)))
    }

    /// Whether the clock is put forward at an instant.
    pub fn is_daylight_saving(&self, utc_micros: i64) -> bool {
        match self {
            Zone::Fixed(_) => false,
            Zone::Posix(posix) => posix.is_daylight_saving(utc_micros),
            Zone::Named(tz) | Zone::Dynamic { tz, .. } => {
                let offset = tz.offset_from_utc_datetime(&tabled(utc_micros));
                offset.dst_offset() != chrono::Duration::zero()
            }
        }
    }

    /// Seconds east of UTC, if they are the same at all times.
    pub fn constant(&self) -> Option<i32> {
        match self {
            Zone::Fixed(east) => Some(*east),
            Zone::Posix(posix) => posix.constant(),
            Zone::Named(tz) => {
                let always = tz.name().starts_with("Etc/")
                    || matches!(
                        tz.name(),
                        "UTC"
                            | "UCT"
                            | "GMT"
                            | "GMT0"
                            | "GMT+0"
                            | "GMT-0"
                            | "Greenwich"
                            | "Universal"
                            | "Zulu"
                    );
                always.then(|| self.offset_at(0))
            }
            Zone::Dynamic { .. } => None,
        }
    }

    /// Seconds east of UTC at an instant.
    pub fn offset_at(&self, utc_micros: i64) -> i32 {
        match self {
            Zone::Fixed(seconds) => *seconds,
            Zone::Named(tz) => tz.offset_from_utc_datetime(&tabled(utc_micros)).fix().local_minus_utc(),
            Zone::Posix(posix) => posix.offset_at(utc_micros),
            Zone::Dynamic { tz, abbreviation } => last_use(*tz, abbreviation, utc_micros)
                .unwrap_or_else(|| Zone::Named(*tz).offset_at(utc_micros)),
        }
    }

    /// Seconds east of UTC for a local time. Of two, the one of standard time, as PostgreSQL; a time that the clock
    /// skips is read with the offset before the gap.
    pub fn offset_at_local(&self, local_micros: i64) -> i32 {
        let before = || self.offset_at(local_micros.saturating_sub(86_400_000_000));
        let after = || self.offset_at(local_micros.saturating_add(86_400_000_000));
        match self {
            Zone::Fixed(seconds) => *seconds,
            Zone::Named(tz) => match tz.offset_from_local_datetime(&tabled(local_micros)) {
                chrono::LocalResult::Single(offset) => offset.fix().local_minus_utc(),
                chrono::LocalResult::Ambiguous(_, _) => after(),
                chrono::LocalResult::None => before(),
            },
            Zone::Posix(_) => {
                let (before, after) = (before(), after());
                let at = |east: i32| self.offset_at(local_micros.saturating_sub(i64::from(east) * 1_000_000));
                if at(after) == after { after } else { before }
            }
            Zone::Dynamic { tz, .. } => {
                let probable = i64::from(Zone::Named(*tz).offset_at_local(local_micros)) * 1_000_000;
                self.offset_at(local_micros.saturating_sub(probable))
            }
        }
    }

    /// Microseconds of the local clock at an instant; `None` beyond the range of 64 bits.
    pub fn to_local(&self, utc_micros: i64) -> Option<i64> {
        utc_micros.checked_add(i64::from(self.offset_at(utc_micros)) * 1_000_000)
    }

    /// The instant at which the local clock shows `local_micros`; `None` beyond the range of 64 bits.
    pub fn to_utc(&self, local_micros: i64) -> Option<i64> {
        local_micros.checked_sub(i64::from(self.offset_at_local(local_micros)) * 1_000_000)
    }

    /// The name that SHOW TIME ZONE gives.
    pub fn name(&self) -> String {
        match self {
            Zone::Fixed(0) => "UTC".to_owned(),
            Zone::Named(tz) | Zone::Dynamic { tz, .. } => tz.name().to_owned(),
            Zone::Posix(posix) => posix.text().to_owned(),
            Zone::Fixed(seconds) => {
                let mut text = String::from("<");
                write_offset(*seconds, &mut text);
                text.push('>');
                write_offset(-*seconds, &mut text);
                text
            }
        }
    }

    /// The abbreviation in force at an instant, such as CEST.
    pub fn abbreviation(&self, utc_micros: i64) -> String {
        match self {
            Zone::Posix(posix) => posix.abbreviation(utc_micros).to_owned(),
            Zone::Dynamic { abbreviation, .. } => (*abbreviation).to_owned(),
            Zone::Named(tz) => match tz.offset_from_utc_datetime(&tabled(utc_micros)).abbreviation() {
                Some(name) => name.to_owned(),
                // The tz database names such zones by their offsets.
                None => {
                    let offset = self.offset_at(utc_micros);
                    let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
                    let (hours, minutes) = (size / 3_600, size / 60 % 60);
                    match minutes {
                        0 => format!("{sign}{hours:02}"),
                        _ => format!("{sign}{hours:02}{minutes:02}"),
                    }
                }
            },
            Zone::Fixed(0) => "UTC".to_owned(),
            Zone::Fixed(seconds) => {
                let mut text = String::new();
                write_offset(*seconds, &mut text);
                text
            }
        }
    }
}

/// Appends `+hh[:mm[:ss]]`.
pub(crate) fn write_offset(seconds: i32, out: &mut String) {
    out.push(if seconds < 0 { '-' } else { '+' });
    let total = i64::from(seconds.unsigned_abs());
    crate::text::write_integer_padded(total / 3_600, 2, out);
    if total % 3_600 != 0 {
        out.push(':');
        crate::text::write_integer_padded(total / 60 % 60, 2, out);
    }
    if total % 60 != 0 {
        out.push(':');
        crate::text::write_integer_padded(total % 60, 2, out);
    }
}

/// Between the looks for an abbreviation: shorter than any time for which a zone has used one.
const LOOK_US: i64 = 60 * 86_400_000_000;
/// Where to look at all: the years 1900 to 2040.
const LOOKS_US: std::ops::Range<i64> = -2_208_988_800_000_000..2_208_988_800_000_000;

/// The offset with which a zone used an abbreviation last until an instant, else first after it; `None` if it never did.
fn last_use(tz: Tz, abbreviation: &str, utc_micros: i64) -> Option<i32> {
    let at = |micros: i64| {
        let offset = tz.offset_from_utc_datetime(&tabled(micros));
        (offset.abbreviation() == Some(abbreviation)).then(|| offset.fix().local_minus_utc())
    };
    let from = utc_micros.clamp(LOOKS_US.start, LOOKS_US.end);
    let looks = |step: i64| {
        std::iter::successors(Some(from), move |micros| micros.checked_add(step))
            .take_while(|micros| LOOKS_US.contains(micros))
    };
    at(utc_micros).or_else(|| looks(-LOOK_US).find_map(at)).or_else(|| looks(LOOK_US).find_map(at))
}

/// Instants beyond chrono's calendar are taken for its ends: no zone changes its offset there.
fn naive(micros: i64) -> NaiveDateTime {
    let end = if micros < 0 { NaiveDateTime::MIN } else { NaiveDateTime::MAX };
    DateTime::from_timestamp_micros(micros).map_or(end, |t| t.naive_utc())
}

/// From here on (the year 2100) the compiled-in tables hold no changes of offset.
const UNTABLED_US: i64 = 4_102_444_800_000_000;
/// Years whose changes follow the rules that hold for ever; among them the first of March is every day of the week.
const LIKE_ALL_LATER: std::ops::Range<i32> = 2089..2100;
/// The calendar repeats after 400 years, days of the week too.
const CYCLE_US: i64 = 146_097 * 86_400_000_000;
/// The year 2000.
const CYCLE_START_US: i64 = 946_684_800_000_000;

/// The instant to look up in the tables: of later years, the one in a tabled year with the same days of the week.
/// Years are counted from March, because that hides leap days; no zone changes its offset in January and February.
fn tabled(micros: i64) -> NaiveDateTime {
    if micros < UNTABLED_US {
        return naive(micros);
    }
    let moment = naive(CYCLE_START_US + (micros - CYCLE_START_US).rem_euclid(CYCLE_US));
    let march = |year| NaiveDate::from_ymd_opt(year, 3, 1);
    let shift = march(moment.year()).and_then(|own| {
        let alike = LIKE_ALL_LATER.filter_map(march).find(|other| other.weekday() == own.weekday())?;
        Some(own - alike)
    });
    shift.map_or(moment, |shift| moment - shift)
}

#[cfg(test)]
mod tests {
    use super::Zone;
    use crate::IoSettings;

    /// Offsets that PostgreSQL 15 gives, in seconds. Beyond 2099 the last change of the table held for ever once, so
    /// that half the zones of the world were in summer all year.
    #[test]
    fn rules_go_on_beyond_the_tables() {
        let zones = [
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "America/Santiago",
            "Africa/Casablanca",
            "Africa/Cairo",
        ];
        let cases: [(&str, [i32; 6]); 9] = [
            ("2100-03-28 00:59:59+00", [3_600, -14_400, 39_600, -10_800, 3_600, 7_200]),
            ("2100-03-28 01:00:00+00", [7_200, -14_400, 39_600, -10_800, 3_600, 7_200]),
            ("2104-02-29 12:00:00+00", [3_600, -18_000, 39_600, -10_800, 3_600, 7_200]),
            ("2399-10-31 00:59:59+00", [7_200, -14_400, 39_600, -10_800, 3_600, 7_200]),
            ("2399-10-31 01:00:00+00", [3_600, -14_400, 39_600, -10_800, 3_600, 7_200]),
            ("2400-02-29 23:00:00+00", [3_600, -18_000, 39_600, -10_800, 3_600, 7_200]),
            ("9999-07-01 00:00:00+00", [7_200, -14_400, 37_800, -14_400, 3_600, 10_800]),
            ("9999-12-31 23:59:59+00", [3_600, -18_000, 39_600, -10_800, 3_600, 7_200]),
            ("250000-06-30 00:00:00+00", [7_200, -14_400, 37_800, -14_400, 3_600, 10_800]),
        ];
        let timestamptz = crate::SqlType::of(crate::sql_type::oid::TIMESTAMPTZ).unwrap();
        for (text, offsets) in cases {
            let datum = crate::parse_text(&timestamptz, text, &IoSettings::default()).unwrap();
            let crate::Datum::TimestampTz(micros) = datum else { panic!("{datum:?}") };
            for (name, offset) in zones.iter().zip(offsets) {
                assert_eq!(Zone::parse(name).unwrap().offset_at(micros), offset, "{name} {text}");
            }
        }
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        // 02:30 on the days in 2500 on which the clock skips it and shows it twice.
        for local in [16_732_665_000, 16_751_413_800] {
            assert_eq!(berlin.offset_at_local(local * 1_000_000), 3_600, "{local}");
        }
    }
}
