//! to_char of numbers: from values to the digits that a picture shows.

use super::nodes::Node;
use super::number_out::{Digits, roman, written};
use super::picture::{Key, Picture};
use crate::kernel::numbers::out_of_range;
use base::{Error, ErrorKind, Result};
use types::PgNum;
use types::pgnum::Fit;

/// Significant digits of real and double precision.
pub(super) const REAL_DIGITS: usize = 6;
pub(super) const DOUBLE_DIGITS: usize = 15;

/// Refuses `TH` behind no digit at all, as PostgreSQL does.
fn check_nth(picture: &Picture, text: &str) -> Result<()> {
    let asks = |node: &Node<Key>| matches!(node, Node::Key(Key::Nth(_), _));
    if picture.before == 0 && !picture.decimal && !text.starts_with('-') && picture.nodes.iter().any(asks) {
        return Err(Error::new(ErrorKind::InvalidText, "\".\" is not a number"));
    }
    Ok(())
}

fn shown(picture: &Picture, text: &str, shift: usize) -> Result<String> {
    let mut picture = picture.clone();
    picture.before += shift;
    let behind = picture.behind;
    check_nth(&picture, text)?;
    Ok(written(&picture, &Digits::of(text, &picture, behind), behind))
}

/// The `#` for a number that has no exponent.
fn no_exponent(picture: &Picture) -> String {
    let mut out = "#".repeat(picture.before + picture.behind + 6);
    out.replace_range(0..1, " ");
    let point = picture.before + 1;
    if out.len() > point {
        out.replace_range(point..=point, ".");
    }
    out
}

/// `text` as C prints exponents, with a blank for a plus.
fn with_exponent(value: f64, behind: usize) -> String {
    let text = format!("{value:.behind$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    let blank = if mantissa.starts_with('-') { "" } else { " " };
    format!("{blank}{mantissa}e{sign}{digits:0>2}")
}

fn power_of_ten(exponent: usize) -> Option<i64> {
    10_i64.checked_pow(u32::try_from(exponent).ok()?)
}

#[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
fn low_word(value: i64) -> i32 {
    value as i32
}

/// An integer; `bits` is the width of its type, which V does not leave.
pub(super) fn integer(value: i64, picture: &Picture, bits: u32) -> Result<String> {
    if picture.roman {
        i32::try_from(value).map_err(|_| out_of_range("integer"))?;
        return Ok(roman(picture, value));
    }
    if picture.exponent {
        return match bits {
            #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
            32 => Ok(with_exponent(value as f64, picture.behind)),
            _ => Ok(scientific(&PgNum::from_i64(value), picture.behind)),
        };
    }
    let mut value = value;
    if picture.shifted {
        let factor = power_of_ten(picture.shift).filter(|f| bits == 64 || i32::try_from(*f).is_ok());
        value = match (factor, bits) {
            // A product of 32 bits wraps around.
            (Some(factor), 32) => i64::from(low_word(value.wrapping_mul(factor))),
            (Some(factor), _) => value.checked_mul(factor).ok_or_else(|| out_of_range("bigint"))?,
            (None, 32) => return Err(Error::unsupported("so many digits behind V are not supported")),
            (None, _) => return Err(out_of_range("bigint")),
        };
    }
    let mut text = value.to_string();
    if picture.behind > 0 {
        text.push('.');
        text.push_str(&"0".repeat(picture.behind));
    }
    shown(picture, &text, if picture.shifted { picture.shift } else { 0 })
}

/// A numeric with an exponent of at least two digits.
fn scientific(value: &PgNum, behind: usize) -> String {
    let mut exponent = 0;
    if let Some(first) = value.groups().first() {
        exponent = value.weight() * 4 + i32::try_from(first.ilog10()).unwrap_or(0);
    }
    let places = i32::try_from(behind).unwrap_or(0);
    // Rounding up may give two digits in front of the point, as in PostgreSQL.
    let mantissa = value.shifted(-exponent).round(places);
    let sign = if exponent < 0 { '-' } else { '+' };
    let blank = if value.is_negative() { "" } else { " " };
    format!("{blank}{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

pub(super) fn numeric(value: &PgNum, picture: &Picture) -> Result<String> {
    if picture.roman {
        return Ok(roman(picture, i64::from(value.round(0).to_i32()?)));
    }
    if picture.exponent {
        let finite = value.is_finite();
        return Ok(if finite { scientific(value, picture.behind) } else { no_exponent(picture) });
    }
    let mut value = value.clone();
    let mut shift = 0;
    if picture.shifted {
        shift = picture.shift;
        value = value.mul(&PgNum::parse(&format!("1e{shift}"))?)?;
    }
    let rounded = value.round(i32::try_from(picture.behind).unwrap_or(0));
    shown(picture, &rounded.to_string(), shift)
}

#[expect(clippy::cast_possible_truncation, reason = "checked; as C computes it")]
pub(super) fn float(value: f64, picture: &Picture, digits_max: usize) -> Result<String> {
    if picture.roman {
        let whole = value.round_ties_even();
        let small = (-2_147_483_648.0..2_147_483_648.0).contains(&whole);
        return Ok(roman(picture, if small { whole as i64 } else { 0 }));
    }
    if picture.exponent {
        return Ok(match value.is_finite() {
            true => with_exponent(value, picture.behind),
            false => no_exponent(picture),
        });
    }
    let mut picture = picture.clone();
    let mut value = value;
    if picture.shifted {
        let factor = 10_f64.powi(i32::try_from(picture.shift).unwrap_or(i32::MAX));
        value =
            if digits_max == REAL_DIGITS { f64::from(value as f32 * factor as f32) } else { value * factor };
        picture.before += picture.shift;
    }
    let text = |value: f64, places: usize| match value {
        v if v.is_nan() => "NaN".to_owned(),
        v if v.is_infinite() => if v > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        v => format!("{v:.places$}"),
    };
    let whole = text(value.abs(), 0).len();
    if whole >= digits_max {
        picture.behind = 0;
    } else if whole + picture.behind > digits_max {
        picture.behind = digits_max - whole;
    }
    let behind = picture.behind;
    let text = text(value, behind);
    check_nth(&picture, &text)?;
    Ok(written(&picture, &Digits::of(&text, &picture, behind), behind))
}

/// to_number: the numeric that a text shows by a picture.
pub(super) fn parsed(text: &str, picture: &Picture) -> Result<PgNum> {
    let digits = super::number_in::read(text, picture)?;
    let value = PgNum::parse(digits.text.trim()).map_err(|error| match error.kind() {
        ErrorKind::InvalidText => {
            let message = format!("invalid input syntax for type numeric: \"{}\"", digits.text);
            Error::new(ErrorKind::InvalidText, message)
        }
        _ => error,
    })?;
    let precision = picture.before + picture.shift + digits.behind;
    let fit = |v: usize| u16::try_from(v).ok();
    let (Some(precision), Some(scale)) = (fit(precision), i16::try_from(digits.behind).ok()) else {
        return Err(Error::new(ErrorKind::NumericOutOfRange, "numeric field overflow"));
    };
    let value = value.fitted(Fit { precision, scale })?;
    match picture.shifted {
        false => Ok(value),
        true => {
            let shift = i64::try_from(picture.shift).unwrap_or(0);
            value.mul(&PgNum::from_i64(10).power(&PgNum::from_i64(-shift))?)
        }
    }
}
