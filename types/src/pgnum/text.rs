//! Numerics from and to text.
//!
//! Must not know type modifiers: rounding to a column's scale is `convert`'s.

use super::{GROUP_DIGITS, PgNum, SCALE_MAX, WEIGHT_MAX};
use base::{Error, ErrorKind, Result};

impl PgNum {
    /// Reads PostgreSQL's numeric syntax: white space, sign, digits with a point, exponent, NaN, Infinity, inf.
    pub fn parse(text: &str) -> Result<Self> {
        let trimmed = text.trim_matches(crate::text::is_space);
        let (negative, body, signed) = match trimmed.as_bytes().first() {
            Some(b'-') => (true, trimmed.get(1..).unwrap_or_default(), true),
            Some(b'+') => (false, trimmed.get(1..).unwrap_or_default(), true),
            _ => (false, trimmed, false),
        };
        if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return special(negative, signed, body).ok_or_else(|| invalid(text));
        }
        let (mantissa, exponent) = match body.find(['e', 'E']) {
            Some(at) => (
                body.get(..at).unwrap_or_default(),
                parse_exponent(body.get(at + 1..).unwrap_or_default(), text)?,
            ),
            None => (body, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return Err(invalid(text));
        }
        let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX) - exponent;
        if scale > i64::from(SCALE_MAX) {
            return Err(overflow());
        }
        Self::from_decimal(negative, whole.bytes().chain(fraction.bytes()).map(|b| b - b'0'), scale)
    }

    /// Decimal digits (each 0 to 9), of which the last has exponent `-scale`.
    pub(crate) fn from_decimal(negative: bool, digits: impl Iterator<Item = u8>, scale: i64) -> Result<Self> {
        let mut digits: Vec<u8> = digits.skip_while(|d| *d == 0).collect();
        let shown = u16::try_from(scale.max(0)).map_err(|_| overflow())?;
        if digits.is_empty() {
            return Ok(Self::zero(shown));
        }
        let tail = usize::try_from((-scale).rem_euclid(4)).unwrap_or(0);
        digits.resize(digits.len() + tail, 0);
        let last_weight = (-scale).div_euclid(4);
        let groups: Vec<u16> =
            digits.rchunks(4).rev().map(|c| c.iter().fold(0, |sum, d| sum * 10 + u16::from(*d))).collect();
        let weight = last_weight + i64::try_from(groups.len()).unwrap_or(i64::MAX) - 1;
        let weight = i32::try_from(weight).map_err(|_| overflow())?;
        let value = Self::from_groups(negative, weight, shown, groups);
        value.checked()
    }

    /// Refuses what PostgreSQL's numeric cannot hold.
    pub fn checked(self) -> Result<Self> {
        if self.weight > WEIGHT_MAX || self.weight < -WEIGHT_MAX { Err(overflow()) } else { Ok(self) }
    }

    /// Appends the value as PostgreSQL prints it.
    pub fn format(&self, out: &mut String) {
        match self.class {
            super::Class::NaN => return out.push_str("NaN"),
            super::Class::Infinity => return out.push_str("Infinity"),
            super::Class::NegInfinity => return out.push_str("-Infinity"),
            super::Class::Negative => out.push('-'),
            super::Class::Positive => {}
        }
        if self.digits.is_empty() || self.weight < 0 {
            out.push('0');
        } else {
            push_digits(out, self.group_at(self.weight), true);
            for weight in (0..self.weight).rev() {
                push_digits(out, self.group_at(weight), false);
            }
        }
        if self.scale == 0 {
            return;
        }
        out.push('.');
        let end = out.len() + usize::from(self.scale);
        let mut weight = -1;
        while out.len() < end {
            push_digits(out, self.group_at(weight), false);
            weight -= 1;
        }
        out.truncate(end);
    }
}

impl std::fmt::Display for PgNum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.format(&mut text);
        f.write_str(&text)
    }
}

fn push_digits(out: &mut String, group: u16, first: bool) {
    let mut divisor = 10_u16.pow(GROUP_DIGITS.unsigned_abs() - 1);
    let mut shown = !first;
    while divisor > 0 {
        let digit = u8::try_from(group / divisor % 10).unwrap_or(0);
        shown |= digit != 0 || divisor == 1;
        if shown {
            out.push(char::from(b'0' + digit));
        }
        divisor /= 10;
    }
}

fn special(negative: bool, signed: bool, body: &str) -> Option<PgNum> {
    if body.eq_ignore_ascii_case("nan") {
        return (!signed).then_some(PgNum::NAN);
    }
    (body.eq_ignore_ascii_case("infinity") || body.eq_ignore_ascii_case("inf")).then_some(if negative {
        PgNum::NEG_INFINITY
    } else {
        PgNum::INFINITY
    })
}

fn parse_exponent(text: &str, whole: &str) -> Result<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !all_digits(digits) {
        return Err(invalid(whole));
    }
    let value: i64 = digits.parse().unwrap_or(i64::MAX);
    if value >= i64::from(i32::MAX / 2) {
        return Err(overflow());
    }
    Ok(if text.starts_with('-') { -value } else { value })
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn invalid(text: &str) -> Error {
    Error::new(ErrorKind::InvalidText, format!("invalid input syntax for type numeric: \"{text}\""))
}

pub(crate) fn overflow() -> Error {
    Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format")
}
