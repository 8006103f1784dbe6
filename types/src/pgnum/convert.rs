//! Numerics from and to integers, floats and fixed-scale decimals, and the check against precision and scale.
//!
//! Invariant: rounding is half away from zero; what does not fit is 22003.

use super::{BASE, Class, PgNum};
use arrow::datatypes::i256;
use base::{Error, ErrorKind, Result};

/// Precision and scale of a numeric column: values have at most `precision` digits, `scale` of them
/// behind the point (a negative scale rounds before the point).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    pub precision: u16,
    pub scale: i16,
}

impl PgNum {
    pub fn from_i64(value: i64) -> Self {
        Self::from_i128(i128::from(value), 0)
    }

    /// `value` times 10^-scale, shown at `scale`.
    pub fn from_i128(value: i128, scale: u8) -> Self {
        let mut rest = value.unsigned_abs();
        let mut groups = Vec::with_capacity(10);
        let part = u32::from(scale % 4);
        if part != 0 {
            let cut = 10_u128.pow(part);
            groups.push(u16::try_from(rest % cut * 10_u128.pow(4 - part)).unwrap_or(0));
            rest /= cut;
        }
        while rest > 0 {
            groups.push(u16::try_from(rest % u128::from(BASE)).unwrap_or(0));
            rest /= u128::from(BASE);
        }
        groups.reverse();
        let weight = super::len_i32(&groups) - 1 - i32::from(scale).div_euclid(4) - i32::from(part != 0);
        Self::from_groups(value < 0, weight, u16::from(scale), groups)
    }

    /// `value` times 10^-scale, shown at `scale`.
    pub fn from_i256(value: i256, scale: u8) -> Result<Self> {
        if let Some(small) = value.to_i128() {
            return Ok(Self::from_i128(small, scale));
        }
        let text = value.to_string();
        let digits = text.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0');
        Self::from_decimal(text.starts_with('-'), digits, i64::from(scale))
    }

    /// As PostgreSQL casts float8: 15 significant digits.
    pub fn from_f64(value: f64) -> Result<Self> {
        if value.is_finite() { Self::parse(&general(&format!("{value:.14e}"))) } else { Ok(special(value)) }
    }

    /// As PostgreSQL casts float4: 6 significant digits.
    pub fn from_f32(value: f32) -> Result<Self> {
        if value.is_finite() {
            Self::parse(&general(&format!("{value:.5e}")))
        } else {
            Ok(special(f64::from(value)))
        }
    }

    /// The nearest float8; 22003 beyond its range.
    pub fn to_f64(&self) -> Result<f64> {
        match self.class {
            Class::NaN => return Ok(f64::NAN),
            Class::Infinity => return Ok(f64::INFINITY),
            Class::NegInfinity => return Ok(f64::NEG_INFINITY),
            Class::Positive | Class::Negative => {}
        }
        let text = self.to_string();
        let value: f64 =
            text.parse().map_err(|_| Error::internal(format!("numeric {text} is not a float")))?;
        if value.is_infinite() || (value == 0.0 && !self.is_zero()) {
            return Err(Error::new(
                ErrorKind::NumericOutOfRange,
                format!("\"{text}\" is out of range for type double precision"),
            ));
        }
        Ok(value)
    }

    /// The nearest float4; 22003 beyond its range.
    pub fn to_f32(&self) -> Result<f32> {
        match self.class {
            Class::NaN => return Ok(f32::NAN),
            Class::Infinity => return Ok(f32::INFINITY),
            Class::NegInfinity => return Ok(f32::NEG_INFINITY),
            Class::Positive | Class::Negative => {}
        }
        let text = self.to_string();
        let value: f32 =
            text.parse().map_err(|_| Error::internal(format!("numeric {text} is not a float")))?;
        if value.is_infinite() || (value == 0.0 && !self.is_zero()) {
            let message = format!("\"{text}\" is out of range for type real");
            return Err(Error::new(ErrorKind::NumericOutOfRange, message));
        }
        Ok(value)
    }

    pub fn to_i16(&self) -> Result<i16> {
        self.to_whole("smallint")
    }

    pub fn to_i32(&self) -> Result<i32> {
        self.to_whole("integer")
    }

    pub fn to_i64(&self) -> Result<i64> {
        self.to_whole("bigint")
    }

    fn to_whole<T: TryFrom<i128>>(&self, name: &str) -> Result<T> {
        let what = match self.class {
            Class::NaN => Some("NaN"),
            Class::Infinity | Class::NegInfinity => Some("infinity"),
            Class::Positive | Class::Negative => None,
        };
        if let Some(what) = what {
            return Err(Error::unsupported(format!("cannot convert {what} to {name}")));
        }
        self.unscaled_i128(0)
            .and_then(|v| T::try_from(v).ok())
            .ok_or_else(|| Error::new(ErrorKind::NumericOutOfRange, format!("{name} out of range")))
    }

    /// The value times 10^scale, rounded; `None` if it is not finite or does not fit.
    pub(crate) fn unscaled_i128(&self, scale: u8) -> Option<i128> {
        if !self.is_finite() {
            return None;
        }
        let rounded =
            if self.scale_min() > u16::from(scale) { self.round(i32::from(scale)) } else { self.clone() };
        let mut value = 0_i128;
        let fraction_groups = i32::from(scale).div_euclid(4);
        let mut weight = rounded.weight;
        while weight >= -fraction_groups && !rounded.digits.is_empty() {
            value = value.checked_mul(i128::from(BASE))?.checked_sub(i128::from(rounded.group_at(weight)))?;
            weight -= 1;
        }
        if rounded.weight < -fraction_groups {
            value = 0;
        }
        let part = u32::from(scale % 4);
        if part != 0 {
            let group = i128::from(rounded.group_at(-fraction_groups - 1)) / 10_i128.pow(4 - part);
            value = value.checked_mul(10_i128.pow(part))?.checked_sub(group)?;
        }
        // Summed below zero, where the range is larger by one.
        if self.is_negative() { Some(value) } else { value.checked_neg() }
    }

    /// The value times 10^scale, rounded; `None` if it is not finite or has more than 76 digits.
    pub(crate) fn unscaled_i256(&self, scale: u8) -> Option<i256> {
        if let Some(small) = self.unscaled_i128(scale) {
            return Some(i256::from_i128(small));
        }
        if !self.is_finite() || self.weight > 19 {
            return None;
        }
        let mut text = String::new();
        self.round(i32::from(scale)).format(&mut text);
        text.retain(|c| c != '.');
        if text.trim_start_matches(['-', '0']).len() > 76 {
            return None;
        }
        i256::from_string(&text)
    }

    /// The decimal of at most 38 digits at `fit.scale`, rounded; 22003 if it needs more than `fit.precision`.
    pub fn to_decimal128(&self, fit: Fit) -> Result<i128> {
        let rounded = self.fitted(fit)?;
        let scale = u8::try_from(fit.scale).ok();
        scale.and_then(|s| rounded.unscaled_i128(s)).ok_or_else(|| self.no_decimal(fit))
    }

    /// The decimal of at most 76 digits at `fit.scale`, rounded; 22003 if it needs more than `fit.precision`.
    pub fn to_decimal256(&self, fit: Fit) -> Result<i256> {
        let rounded = self.fitted(fit)?;
        let scale = u8::try_from(fit.scale).ok();
        scale.and_then(|s| rounded.unscaled_i256(s)).ok_or_else(|| self.no_decimal(fit))
    }

    fn no_decimal(&self, fit: Fit) -> Error {
        if self.is_nan() {
            return Error::unsupported(format!(
                "NaN cannot be stored in numeric({},{})",
                fit.precision, fit.scale
            ))
            .with_hint("use numeric without precision");
        }
        overflow(fit)
    }

    /// Rounded to the column's scale and checked against its precision, as PostgreSQL applies a modifier.
    pub fn fitted(&self, fit: Fit) -> Result<Self> {
        if self.is_nan() {
            return Ok(Self::NAN);
        }
        if self.is_infinite() {
            return Err(Error::new(ErrorKind::NumericOutOfRange, "numeric field overflow").with_detail(
                format!(
                    "A field with precision {}, scale {} cannot hold an infinite value.",
                    fit.precision, fit.scale
                ),
            ));
        }
        let scale = i32::from(fit.scale);
        let rounded = self.round(scale);
        if rounded.whole_digits() > i32::from(fit.precision) - scale {
            return Err(overflow(fit));
        }
        Ok(rounded.shown_at(u16::try_from(scale.max(0)).unwrap_or(0)))
    }

    /// Decimal digits before the point; negative for leading zeros behind it.
    fn whole_digits(&self) -> i32 {
        let Some(first) = self.digits.first() else { return i32::MIN };
        let digits = 1 + i32::try_from(first.ilog10()).unwrap_or(0);
        self.weight * super::GROUP_DIGITS + digits
    }
}

/// Refuses an unscaled decimal of more than `fit.precision` digits.
pub fn check_precision(value: i128, fit: Fit) -> Result<i128> {
    let limit = 10_u128.checked_pow(u32::from(fit.precision));
    if limit.is_none_or(|limit| value.unsigned_abs() < limit) { Ok(value) } else { Err(overflow(fit)) }
}

fn overflow(fit: Fit) -> Error {
    let whole = i32::from(fit.precision) - i32::from(fit.scale);
    let limit = if whole == 0 { "1".to_owned() } else { format!("10^{whole}") };
    Error::new(ErrorKind::NumericOutOfRange, "numeric field overflow").with_detail(format!(
        "A field with precision {}, scale {} must round to an absolute value less than {limit}.",
        fit.precision, fit.scale
    ))
}

fn special(value: f64) -> PgNum {
    if value.is_nan() {
        PgNum::NAN
    } else if value > 0.0 {
        PgNum::INFINITY
    } else {
        PgNum::NEG_INFINITY
    }
}

/// Removes trailing zeros of a mantissa written with exponent, which C's `%g` does not print.
fn general(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0') } else { mantissa };
    format!("{}e{exponent}", mantissa.trim_end_matches('.'))
}
