//! The usual form of dates and timestamps, ISO 8601's, read in one pass.
//!
//! Invariant: what is read here is read the same by the general rules (`datetime_decode`), under every setting; whatever
//! looks unusual is left to them.

use super::datetime_decode::{Moment, Place};
use crate::datetime::{Civil, days_from_civil, days_in_month};

/// `yyyy-mm-dd`, perhaps with ` hh:mm:ss`, a fraction of up to six digits, and an offset of hours and minutes.
pub(super) fn read(text: &str) -> Option<Moment> {
    let mut rest = text.as_bytes();
    let year = number(&mut rest, 4).filter(|year| *year > 0)?;
    byte(&mut rest, b"-")?;
    let month = number(&mut rest, 2).filter(|month| (1..=12).contains(month))?;
    byte(&mut rest, b"-")?;
    let day = number(&mut rest, 2).filter(|day| (1..=days_in_month(year, month)).contains(day))?;
    let days = days_from_civil(Civil { year, month, day });
    let mut moment = Moment { special: None, days: Some(days), micros: 0, place: None };
    if rest.is_empty() {
        return Some(moment);
    }
    byte(&mut rest, b" T")?;
    let hour = number(&mut rest, 2).filter(|hour| *hour < 24)?;
    byte(&mut rest, b":")?;
    let minute = number(&mut rest, 2).filter(|minute| *minute < 60)?;
    byte(&mut rest, b":")?;
    let second = number(&mut rest, 2).filter(|second| *second < 60)?;
    moment.micros = (i128::from(hour) * 3_600 + i128::from(minute) * 60 + i128::from(second)) * 1_000_000;
    if byte(&mut rest, b".").is_some() {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let places = u32::try_from(digits).ok().filter(|places| (1..=6).contains(places))?;
        moment.micros += i128::from(number(&mut rest, digits)?) * 10_i128.pow(6 - places);
    }
    if rest.is_empty() {
        return Some(moment);
    }
    let east = byte(&mut rest, b"+-")? == b'+';
    let hours = number(&mut rest, 2).filter(|hours| *hours < 16)?;
    let minutes = match byte(&mut rest, b":") {
        Some(_) => number(&mut rest, 2).filter(|minutes| *minutes < 60)?,
        None => 0,
    };
    let offset = hours * 3_600 + minutes * 60;
    moment.place = Some(Place::Offset(if east { offset } else { -offset }));
    rest.is_empty().then_some(moment)
}

/// A number of so many digits.
fn number(rest: &mut &[u8], digits: usize) -> Option<i32> {
    let (number, behind) = rest.split_at_checked(digits)?;
    let mut value = 0;
    for digit in number {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i32::from(digit - b'0');
    }
    *rest = behind;
    Some(value)
}

/// One of some bytes.
fn byte(rest: &mut &[u8], wanted: &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    if !wanted.contains(first) {
        return None;
    }
    *rest = behind;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::text::datetime_decode::decode;
    use crate::text::datetime_fields::{MOMENT_BYTES_MAX, fields};
    use crate::text::datetime_parts::word;
    use crate::text::{DateOrder, IoSettings};

    #[test]
    fn the_usual_form_says_what_the_general_rules_say() {
        let texts = [
            "2024-02-29",
            "0001-01-01",
            "9999-12-31 23:59:59.999999",
            "2024-02-29T01:02:03",
            "2024-02-29 01:02:03.4",
            "1999-12-31 23:59:00-08",
            "1999-12-31 23:59:00.120+05:45",
            "2000-01-01 00:00:00+00",
        ];
        for order in [DateOrder::Mdy, DateOrder::Dmy, DateOrder::Ymd] {
            let settings = IoSettings { date_order: order, ..IoSettings::default() };
            for text in texts {
                let usual = read(text).unwrap();
                let fields = fields(text, MOMENT_BYTES_MAX, |name| word(name).is_some()).unwrap();
                let general = decode(&fields, &settings, false).unwrap();
                assert_eq!(format!("{usual:?}"), format!("{general:?}"), "{text}");
            }
        }
        for unusual in [
            "2023-02-29",
            "0000-01-01",
            "2024-1-01",
            "2024-01-01 24:00:00",
            "2024-01-01 1:02:03",
            " 2024-01-01",
        ] {
            assert!(read(unusual).is_none(), "{unusual}");
        }
    }
}
