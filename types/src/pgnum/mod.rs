//! PostgreSQL's numeric with a display scale per value, NaN and infinities.
//!
//! Knows digits only: no Arrow, no type modifiers' encoding, no text settings.
//! Invariant: the digits of a `PgNum` have no zero group first or last, and zero has no digits,
//! weight 0 and no sign; a display scale is at most `SCALE_MAX`.

mod arith;
mod bytes;
mod convert;
mod logarithm;
mod power;
#[cfg(test)]
mod tests;
mod text;

pub use arith::average;
pub use bytes::{key_of, scale_of};
pub use convert::{Fit, check_precision};

/// Digits in one group.
pub(crate) const GROUP_DIGITS: i32 = 4;
/// Base of one group.
pub(crate) const BASE: u16 = 10_000;
/// Largest display scale that a value can carry.
pub const SCALE_MAX: u16 = 16_383;
/// Largest scale that division and roots choose.
pub(crate) const SCALE_CHOSEN_MAX: i32 = 1_000;
/// Significant digits that division and roots give at least.
pub(crate) const SIGNIFICANT_MIN: i32 = 16;
/// Largest weight: 131072 digits before the point.
pub(crate) const WEIGHT_MAX: i32 = 32_767;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    NegInfinity,
    Negative,
    /// Zero is positive.
    Positive,
    Infinity,
    NaN,
}

/// A numeric value. Equality is of value and scale; `Ord` and `same_value` are PostgreSQL's.
#[derive(Clone, Debug)]
pub struct PgNum {
    class: Class,
    /// Exponent of the first group: the value is sum of digits[i] * 10000^(weight - i).
    weight: i32,
    /// Decimal digits shown behind the point.
    scale: u16,
    digits: Vec<u16>,
}

impl PgNum {
    pub const NAN: PgNum = PgNum { class: Class::NaN, weight: 0, scale: 0, digits: Vec::new() };
    pub const INFINITY: PgNum = PgNum { class: Class::Infinity, weight: 0, scale: 0, digits: Vec::new() };
    pub const NEG_INFINITY: PgNum =
        PgNum { class: Class::NegInfinity, weight: 0, scale: 0, digits: Vec::new() };

    pub fn zero(scale: u16) -> Self {
        Self { class: Class::Positive, weight: 0, scale, digits: Vec::new() }
    }

    /// Strips zero groups; the digits must be below 10000.
    pub(crate) fn from_groups(negative: bool, weight: i32, scale: u16, mut digits: Vec<u16>) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let leading = digits.iter().take_while(|d| **d == 0).count();
        digits.drain(..leading);
        if digits.is_empty() {
            return Self::zero(scale);
        }
        let weight = weight - i32::try_from(leading).unwrap_or(i32::MAX);
        let class = if negative { Class::Negative } else { Class::Positive };
        Self { class, weight, scale, digits }
    }

    pub fn class(&self) -> Class {
        self.class
    }

    /// Digits shown behind the point.
    pub fn scale(&self) -> u16 {
        self.scale
    }

    /// Exponent, base 10000, of the first group.
    pub fn weight(&self) -> i32 {
        self.weight
    }

    /// Groups of four decimal digits, most significant first.
    pub fn groups(&self) -> &[u16] {
        &self.digits
    }

    pub fn is_nan(&self) -> bool {
        self.class == Class::NaN
    }

    pub fn is_infinite(&self) -> bool {
        matches!(self.class, Class::Infinity | Class::NegInfinity)
    }

    pub fn is_finite(&self) -> bool {
        !self.is_nan() && !self.is_infinite()
    }

    pub fn is_zero(&self) -> bool {
        self.is_finite() && self.digits.is_empty()
    }

    pub fn is_negative(&self) -> bool {
        matches!(self.class, Class::Negative | Class::NegInfinity)
    }

    /// The group of exponent `weight`, 0 outside of the stored ones.
    pub(crate) fn group_at(&self, weight: i32) -> u16 {
        usize::try_from(self.weight - weight).ok().and_then(|i| self.digits.get(i)).copied().unwrap_or(0)
    }

    /// Exponent of the last stored group.
    pub(crate) fn last_weight(&self) -> i32 {
        self.weight - len_i32(&self.digits) + 1
    }

    /// Equal in value; 1.0 is the same value as 1.00, NaN as NaN.
    pub fn same_value(&self, other: &Self) -> bool {
        self.compare(other).is_eq()
    }
}

pub(crate) fn len_i32<T>(items: &[T]) -> i32 {
    i32::try_from(items.len()).unwrap_or(i32::MAX)
}

impl PartialEq for PgNum {
    fn eq(&self, other: &Self) -> bool {
        self.scale == other.scale && self.same_value(other)
    }
}
