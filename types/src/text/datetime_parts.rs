//! Parts of the text of a date or time that stand for themselves: clock readings, names of months and days, offsets.
//!
//! Must not know the order in which they come.

/// `hh:mm[:ss[.ffffff]]` in microseconds; 24:00:00 and a second of 60 carry over.
pub(super) fn read_time_fields(text: &str) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(':');
    let whole = |t: &str| {
        if t.is_empty() || t.len() > 9 || !t.bytes().all(|b| b.is_ascii_digit()) {
            None
        } else {
            t.parse().ok()
        }
    };
    let hours = whole(parts.next()?)?;
    let minutes = whole(parts.next()?)?;
    let micros = match parts.next() {
        None => 0,
        Some(seconds) => {
            let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            whole(seconds)? * 1_000_000 + fraction_micros(fraction)?
        }
    };
    if parts.next().is_some() { None } else { Some((hours, minutes, micros)) }
}

/// Microseconds of the digits behind a second's point, rounded.
fn fraction_micros(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let six = digits
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0, |sum, b| sum * 10 + i64::from(b - b'0'));
    let up = digits.as_bytes().get(6).is_some_and(|b| *b >= b'5');
    Some(six + i64::from(up))
}

pub(super) fn month_of(word: &str) -> Option<i32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let lower = word.to_ascii_lowercase();
    let at = MONTHS
        .iter()
        .position(|m| *m == lower || m.get(..3) == Some(&lower) || (lower == "sept" && *m == "september"))?;
    i32::try_from(at + 1).ok()
}

pub(super) fn is_weekday(lower: &str) -> bool {
    const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    DAYS.iter().any(|d| *d == lower || d.get(..3) == Some(lower))
        || matches!(lower, "tues" | "weds" | "thur" | "thurs")
}

/// Whether a text is a sign and an offset from UTC up to its end.
pub(super) fn is_offset(text: &str) -> bool {
    let offset = text.strip_prefix('-').unwrap_or_default();
    !offset.is_empty() && offset.chars().all(|c| c.is_ascii_digit() || c == ':')
}
