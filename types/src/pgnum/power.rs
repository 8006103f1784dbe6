//! Square root and powers; those with fractional exponents go by logarithms.

use super::arith::unit_at;
use super::text::overflow;
use super::{Class, GROUP_DIGITS, PgNum, SCALE_CHOSEN_MAX, SIGNIFICANT_MIN};
use base::{Error, ErrorKind, Result};

impl PgNum {
    /// Square root with at least 16 significant digits; 2201F of a negative value.
    pub fn sqrt(&self) -> Result<Self> {
        match self.class {
            Class::NaN | Class::Infinity => return Ok(self.clone()),
            Class::Negative | Class::NegInfinity => {
                let message = "cannot take square root of a negative number";
                return Err(Error::new(ErrorKind::InvalidPowerArgument, message));
            }
            Class::Positive => {}
        }
        self.sqrt_at(self.root_scale())
    }

    /// Digits behind the point that a square root shows.
    fn root_scale(&self) -> i32 {
        let half_weight = if self.weight >= 0 { self.weight * 2 + 1 } else { 1 - (1 - self.weight * 4) / 2 };
        (SIGNIFICANT_MIN - half_weight).max(i32::from(self.scale)).clamp(0, SCALE_CHOSEN_MAX)
    }

    /// Square root of a finite value that is not negative, with `scale` digits behind the point.
    pub fn sqrt_at(&self, scale: i32) -> Result<Self> {
        if self.digits.is_empty() {
            return Ok(Self::zero(u16::try_from(scale).unwrap_or(0)));
        }
        let guard = scale + 2 * GROUP_DIGITS;
        let mut root = self.root_estimate()?;
        let half = Self::from_i128(5, 1);
        // Each step doubles the correct digits, of which the estimate has about 14.
        let mut correct = 12;
        while correct < guard + 4 * self.weight.abs() + 20 {
            let sum = root.add(&self.div_scaled(&root, guard))?;
            root = sum.mul(&half)?.round(guard);
            correct *= 2;
        }
        let rounded = root.round(scale);
        // A root just below the middle of two results may have been rounded to the middle by the guard digits.
        let Some(half) = u8::try_from(scale + 1).ok().map(|scale| Self::from_i128(5, scale)) else {
            return Ok(rounded);
        };
        let middle = rounded.sub(&half)?;
        let above = middle.mul(&middle)?.compare(self).is_gt();
        if above && !middle.is_negative() { Ok(middle.sub(&half)?.round(scale)) } else { Ok(rounded) }
    }

    fn root_estimate(&self) -> Result<Self> {
        let odd = self.weight.rem_euclid(2);
        let mantissa = Self { weight: odd, ..self.clone() };
        let root = Self::parse(&format!("{:.16e}", mantissa.to_f64()?.sqrt()))?;
        Ok(Self { weight: root.weight + (self.weight - odd) / 2, scale: super::SCALE_MAX, ..root })
    }

    /// `self` to the power of `exponent`.
    pub fn power(&self, exponent: &Self) -> Result<Self> {
        if let Some(result) = self.power_special(exponent)? {
            return Ok(result);
        }
        let times = match exponent.to_i32() {
            Ok(times) if exponent.trunc(0).same_value(exponent) => times,
            _ => return self.power_by_logarithm(exponent),
        };
        // Whole exponents give 16 digits behind the point, or more if an argument shows more.
        let shown = u16::try_from(SIGNIFICANT_MIN).unwrap_or(0).max(self.scale).max(exponent.scale);
        let scale = i32::from(shown).min(SCALE_CHOSEN_MAX);
        self.power_whole(times, scale)?.shown_at(u16::try_from(scale).unwrap_or(shown)).checked()
    }

    fn power_special(&self, exponent: &Self) -> Result<Option<Self>> {
        let one = unit_at(0);
        if self.is_nan() {
            return Ok(Some(if exponent.is_zero() { one } else { Self::NAN }));
        }
        if exponent.is_nan() {
            return Ok(Some(if self.same_value(&one) { one } else { Self::NAN }));
        }
        if self.is_zero() && exponent.is_negative() {
            return Err(Error::new(
                ErrorKind::InvalidPowerArgument,
                "zero raised to a negative power is undefined",
            ));
        }
        let whole = exponent.is_finite() && exponent.trunc(0).same_value(exponent);
        if self.is_negative() && exponent.is_finite() && !whole {
            return Err(Error::new(
                ErrorKind::InvalidPowerArgument,
                "a negative number raised to a non-integer power yields a complex result",
            ));
        }
        if self.is_finite() && exponent.is_finite() {
            if self.is_zero() && !exponent.is_zero() {
                return Ok(Some(Self::zero(u16::try_from(SIGNIFICANT_MIN).unwrap_or(0))));
            }
            return Ok(None);
        }
        Ok(Some(self.power_infinite(exponent, &one)))
    }

    /// Base or exponent is infinite, neither NaN, and the base is not zero with a negative exponent.
    fn power_infinite(&self, exponent: &Self, one: &Self) -> Self {
        if exponent.is_infinite() {
            return match self.abs().compare(one) {
                std::cmp::Ordering::Equal => one.clone(),
                std::cmp::Ordering::Greater if !exponent.is_negative() => Self::INFINITY,
                std::cmp::Ordering::Less if exponent.is_negative() => Self::INFINITY,
                _ => Self::zero(0),
            };
        }
        if exponent.is_zero() {
            return one.clone();
        }
        if exponent.is_negative() {
            return Self::zero(0);
        }
        let odd = exponent.group_at(0) % 2 == 1;
        if self.is_negative() && odd { Self::NEG_INFINITY } else { Self::INFINITY }
    }

    /// About the decimal digits before the point of `self` to the power of `times`, negative for small results.
    fn power_digits(&self, times: i32) -> f64 {
        let mut leading = 0.0;
        let mut power = (self.weight + 1) * GROUP_DIGITS;
        for group in self.digits.iter().take(4) {
            leading = leading * 10_000.0 + f64::from(*group);
            power -= GROUP_DIGITS;
        }
        f64::from(times) * (leading.log10() + f64::from(power))
    }

    /// A finite value to a whole power, rounded to `scale` digits behind the point: repeated squaring with the digits that
    /// count for the result, and some more.
    fn power_whole(&self, times: i32, scale: i32) -> Result<Self> {
        let shown = u16::try_from(scale).unwrap_or(0);
        match times {
            0 => return Ok(unit_at(0)),
            1 => return Ok(self.round(scale)),
            -1 => return Ok(unit_at(0).div_scaled(self, scale)),
            _ if self.digits.is_empty() => return Ok(Self::zero(shown)),
            _ => {}
        }
        let digits = self.power_digits(times);
        if digits > f64::from(3 * super::WEIGHT_MAX * GROUP_DIGITS) {
            return Err(overflow());
        }
        if digits + 1.0 < -f64::from(scale) {
            return Ok(Self::zero(shown));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        let significant = 1 + scale + digits as i32 + f64::from(times).abs().ln() as i32 + 8;
        let product = |a: &Self, b: &Self| -> Result<Option<Self>> {
            let keep = significant - (a.weight + b.weight) * GROUP_DIGITS;
            let keep = keep.min(i32::from(a.scale) + i32::from(b.scale)).max(0);
            let weight = a.weight + b.weight + 1;
            if weight > super::WEIGHT_MAX + 1 { Ok(None) } else { Ok(Some(a.times(b).round(keep))) }
        };
        let mut rest = times.unsigned_abs();
        let mut square = self.clone();
        let mut result = if rest & 1 == 1 { self.clone() } else { unit_at(0) };
        loop {
            rest >>= 1;
            if rest == 0 {
                break;
            }
            let squared = product(&square, &square)?;
            let multiplied = match &squared {
                Some(square) if rest & 1 == 1 => product(square, &result)?,
                Some(_) => Some(result),
                None => None,
            };
            match (squared, multiplied) {
                (Some(squared), Some(multiplied)) => (square, result) = (squared, multiplied),
                // The result is beyond the range, or its reciprocal is below it.
                _ if times > 0 => return Err(overflow()),
                _ => return Ok(Self::zero(shown)),
            }
        }
        if times < 0 { Ok(unit_at(0).div_scaled(&result, scale)) } else { Ok(result.round(scale)) }
    }
}
