//! Exponential, logarithms and powers with any exponent.
//!
//! Invariant: a result is computed with more digits than it shows and rounded once, at the scale that PostgreSQL chooses:
//! at least 16 significant digits, and the scales of the arguments.

use super::arith::{division_by_zero, unit_at};
use super::text::overflow;
use super::{Class, GROUP_DIGITS, PgNum, SCALE_CHOSEN_MAX, SIGNIFICANT_MIN};
use base::{Error, ErrorKind, Result};

/// Decimal digits that a numeric result can have at most, as estimates of powers are held against.
const RESULT_DIGITS_MAX: f64 = 2_000.0;
/// log10(e)
#[expect(clippy::approx_constant, reason = "PostgreSQL's own, on which the number of digits depends")]
const LOG10_E: f64 = 0.434_294_481_903_252;
/// Digits that are computed beyond those that are shown.
const GUARD: i32 = 12;

fn logarithm_error(message: &str) -> Error {
    Error::new(ErrorKind::InvalidLogarithmArgument, message)
}

#[expect(clippy::cast_possible_truncation, reason = "cut towards zero; estimates are far from the limits")]
fn whole(value: f64) -> i32 {
    value as i32
}

fn shown(scale: i32) -> i32 {
    scale.clamp(0, SCALE_CHOSEN_MAX)
}

impl PgNum {
    /// e to the power of the value.
    pub fn exp(&self) -> Result<Self> {
        match self.class {
            Class::NaN | Class::Infinity => return Ok(self.clone()),
            Class::NegInfinity => return Ok(Self::zero(0)),
            Class::Positive | Class::Negative => {}
        }
        let estimate = (self.estimate() * LOG10_E).clamp(-RESULT_DIGITS_MAX, RESULT_DIGITS_MAX);
        let scale = shown((SIGNIFICANT_MIN - whole(estimate)).max(i32::from(self.scale)));
        self.exp_at(scale)
    }

    /// Natural logarithm; 2201E for zero and below.
    pub fn ln(&self) -> Result<Self> {
        if let Some(result) = self.logarithm_special()? {
            return Ok(result);
        }
        let scale = shown((SIGNIFICANT_MIN - self.ln_digits()).max(i32::from(self.scale)));
        self.ln_at(scale)
    }

    /// Logarithm of `other` to the base of the value.
    pub fn log(&self, other: &Self) -> Result<Self> {
        if self.is_nan() || other.is_nan() {
            return Ok(Self::NAN);
        }
        for value in [self, other] {
            value.check_positive()?;
        }
        match (self.is_infinite(), other.is_infinite()) {
            (true, true) => return Ok(Self::NAN),
            (true, false) => return Ok(Self::zero(0)),
            (false, true) => return Ok(Self::INFINITY),
            (false, false) => {}
        }
        let (base_digits, digits) = (self.ln_digits(), other.ln_digits());
        let result_digits = digits - base_digits;
        let scale = (SIGNIFICANT_MIN - result_digits).max(i32::from(self.scale)).max(i32::from(other.scale));
        let scale = shown(scale);
        let base = self.ln_at((scale + result_digits - base_digits + 8).max(0))?;
        let value = other.ln_at((scale + result_digits - digits + 8).max(0))?;
        if base.is_zero() {
            return Err(division_by_zero());
        }
        Ok(value.div_scaled(&base, scale))
    }

    /// A positive value, or not below zero, to a power that is no whole number of 32 bits.
    pub(crate) fn power_by_logarithm(&self, exponent: &Self) -> Result<Self> {
        if self.is_zero() {
            return Ok(Self::zero(u16::try_from(SIGNIFICANT_MIN).unwrap_or(0)));
        }
        let negative = self.is_negative() && exponent.group_at(0) % 2 == 1;
        let base = self.abs();
        let digits = base.ln_digits();
        let places = (8 - digits).max(0);
        let rough = base.ln_at(places)?.mul(exponent)?.round(places).estimate();
        if rough.abs() > RESULT_DIGITS_MAX * 3.01 {
            return if rough > 0.0 {
                Err(overflow())
            } else {
                Ok(Self::zero(u16::try_from(SCALE_CHOSEN_MAX).unwrap_or(0)))
            };
        }
        let size = whole(rough * LOG10_E);
        let scale = (SIGNIFICANT_MIN - size).max(i32::from(self.scale)).max(i32::from(exponent.scale));
        let scale = shown(scale);
        let significant = (scale + size).max(0) + whole(rough.abs().log10().max(0.0));
        let local = (significant - digits + GUARD).max(0) + exponent.weight.max(0) * GROUP_DIGITS;
        let product = base.ln_at(local)?.mul(exponent)?.round(local);
        let result = product.exp_at(scale)?;
        Ok(if negative { result.neg() } else { result })
    }

    fn check_positive(&self) -> Result<()> {
        match self.class {
            Class::Negative | Class::NegInfinity => {
                Err(logarithm_error("cannot take logarithm of a negative number"))
            }
            Class::Positive if self.digits.is_empty() => {
                Err(logarithm_error("cannot take logarithm of zero"))
            }
            Class::Positive | Class::Infinity | Class::NaN => Ok(()),
        }
    }

    fn logarithm_special(&self) -> Result<Option<Self>> {
        self.check_positive()?;
        Ok((!self.is_finite()).then(|| self.clone()))
    }

    /// The nearest float without complaint; infinite or zero beyond its range.
    fn estimate(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// About how many digits the whole part of the natural logarithm of a positive value has, negative for zeros
    /// behind the point.
    fn ln_digits(&self) -> i32 {
        let near = |text: &str| Self::parse(text).map(|bound| self.compare(&bound));
        let close = near("0.9").is_ok_and(std::cmp::Ordering::is_ge)
            && near("1.1").is_ok_and(std::cmp::Ordering::is_le);
        if close {
            let Ok(distance) = self.sub(&unit_at(0)) else { return 0 };
            return match distance.digits.first() {
                Some(first) => distance.weight * GROUP_DIGITS + whole(f64::from(*first).log10()),
                None => 0,
            };
        }
        let Some(first) = self.digits.first() else { return 0 };
        let (mut leading, mut power) = (f64::from(*first), self.weight * GROUP_DIGITS);
        if let Some(second) = self.digits.get(1) {
            leading = leading * 10_000.0 + f64::from(*second);
            power -= GROUP_DIGITS;
        }
        let estimate = leading.ln() + f64::from(power) * std::f64::consts::LN_10;
        whole(estimate.abs().log10())
    }

    /// e to the power of a finite value, rounded to `scale` digits.
    fn exp_at(&self, scale: i32) -> Result<Self> {
        let estimate = self.estimate();
        if estimate.abs() >= RESULT_DIGITS_MAX * 3.0 {
            return if estimate > 0.0 {
                Err(overflow())
            } else {
                Ok(Self::zero(u16::try_from(scale).unwrap_or(0)))
            };
        }
        // Halved until the series converges fast; squared as often afterwards.
        let mut halvings = 0;
        let mut size = estimate.abs();
        while size > 0.01 {
            size /= 2.0;
            halvings += 1;
        }
        let significant = (scale + whole(estimate * LOG10_E)).max(0) + GUARD + halvings;
        let mut x = self.clone();
        for _ in 0..halvings {
            x = x.mul(&Self::from_i128(5, 1))?;
        }
        let x = x.round(significant + halvings);
        let mut sum = unit_at(0).add(&x)?;
        let mut term = x.clone();
        let mut n = 1;
        loop {
            n += 1;
            term = term.mul(&x)?.div_scaled(&Self::from_i64(n), significant + halvings);
            if term.is_zero() {
                break;
            }
            sum = sum.add(&term)?;
        }
        for _ in 0..halvings {
            sum = sum.mul(&sum)?;
            // As many significant digits as before: fewer behind the point the larger the value.
            sum = sum.round((significant - sum.weight * GROUP_DIGITS).max(0));
        }
        let limit = i32::from(super::SCALE_MAX);
        sum.round(scale.min(limit)).checked()
    }

    /// Natural logarithm of a finite positive value, rounded to `scale` digits.
    fn ln_at(&self, scale: i32) -> Result<Self> {
        let limit = i32::from(super::SCALE_MAX);
        let mut local = (scale + GUARD + 8).min(limit);
        // Below one the inverse is taken, whose digits are in front of the point.
        let below = self.compare(&Self::from_i128(5, 1)).is_lt();
        let mut x = if below { unit_at(0).div_scaled(self, local) } else { self.clone() };
        let mut doublings = 0;
        let (low, high) = (Self::from_i128(9, 1), Self::from_i128(11, 1));
        while x.compare(&low).is_lt() || x.compare(&high).is_gt() {
            x = x.sqrt_at(local)?;
            doublings += 1;
        }
        local = (local + 1).min(limit);
        // ln x = 2 (z + z^3 / 3 + z^5 / 5 ..) for z = (x - 1) / (x + 1)
        let one = unit_at(0);
        let z = x.sub(&one)?.div_scaled(&x.add(&one)?, local);
        let square = z.mul(&z)?.round(local);
        let mut sum = z.clone();
        let mut power = z;
        let mut n = 1;
        loop {
            n += 2;
            power = power.mul(&square)?.round(local);
            let term = power.div_scaled(&Self::from_i64(n), local);
            if term.is_zero() {
                break;
            }
            sum = sum.add(&term)?;
        }
        for _ in 0..=doublings {
            sum = sum.add(&sum)?;
        }
        let result = sum.round(scale);
        Ok(if below { result.neg() } else { result })
    }
}

impl PgNum {
    /// Product of all whole numbers up to one; 22003 for a negative one and beyond the range.
    pub fn factorial(of: i64) -> Result<Self> {
        /// The largest one whose factorial fits.
        const ARGUMENT_MAX: i64 = 32_177;
        if of < 0 {
            let message = "factorial of a negative number is undefined";
            return Err(Error::new(ErrorKind::NumericOutOfRange, message));
        }
        if of > ARGUMENT_MAX {
            return Err(overflow());
        }
        let mut product = unit_at(0);
        // Factors are gathered as long as their product is small.
        let mut factor = 1_i64;
        for n in 2..=of {
            factor *= n;
            if factor > i64::from(u32::MAX) {
                product = product.mul(&Self::from_i64(factor))?;
                factor = 1;
            }
        }
        product.mul(&Self::from_i64(factor))
    }

    /// Greatest common divisor, never negative; the scale is the larger one.
    pub fn gcd(&self, other: &Self) -> Result<Self> {
        if !self.is_finite() || !other.is_finite() {
            return Ok(Self::NAN);
        }
        let scale = self.scale.max(other.scale);
        let (mut a, mut b) = (self.abs(), other.abs());
        while !b.is_zero() {
            let rest = a.rem(&b)?;
            (a, b) = (b, rest);
        }
        Ok(a.shown_at(scale))
    }

    /// Least common multiple, never negative; the scale is the larger one.
    pub fn lcm(&self, other: &Self) -> Result<Self> {
        if !self.is_finite() || !other.is_finite() {
            return Ok(Self::NAN);
        }
        let scale = self.scale.max(other.scale);
        if self.is_zero() || other.is_zero() {
            return Ok(Self::zero(scale));
        }
        let product = self.div_integer(&self.gcd(other)?)?.mul(other)?.abs();
        product.round(i32::from(scale)).shown_at(scale).checked()
    }
}
