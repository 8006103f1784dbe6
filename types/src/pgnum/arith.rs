//! Arithmetic on numerics with PostgreSQL's result scales.
//!
//! Invariant: results are exact, or correctly rounded half away from zero at their scale.

#![expect(clippy::indexing_slicing, reason = "long arithmetic over groups whose bounds are computed beside")]

use super::text::overflow;
use super::{BASE, Class, GROUP_DIGITS, PgNum, SCALE_CHOSEN_MAX, SCALE_MAX, SIGNIFICANT_MIN, len_i32};
use base::{Error, ErrorKind, Result};
use std::cmp::Ordering;

impl PgNum {
    #[must_use]
    pub fn neg(&self) -> Self {
        let class = match self.class {
            Class::Positive if !self.digits.is_empty() => Class::Negative,
            Class::Positive | Class::Negative => Class::Positive,
            Class::Infinity => Class::NegInfinity,
            Class::NegInfinity => Class::Infinity,
            Class::NaN => Class::NaN,
        };
        Self { class, ..self.clone() }
    }

    #[must_use]
    pub fn abs(&self) -> Self {
        if self.is_negative() { self.neg() } else { self.clone() }
    }

    /// Sum; the scale is the larger one.
    pub fn add(&self, other: &Self) -> Result<Self> {
        match (self.class, other.class) {
            (Class::NaN, _) | (_, Class::NaN) => return Ok(Self::NAN),
            (Class::Infinity, Class::NegInfinity) | (Class::NegInfinity, Class::Infinity) => {
                return Ok(Self::NAN);
            }
            (Class::Infinity | Class::NegInfinity, _) => return Ok(self.clone()),
            (_, Class::Infinity | Class::NegInfinity) => return Ok(other.clone()),
            _ => {}
        }
        let scale = self.scale.max(other.scale);
        if self.class == other.class {
            return magnitude_sum(self, other, scale).checked();
        }
        match self.compare_magnitude(other) {
            Ordering::Equal => Ok(Self::zero(scale)),
            Ordering::Greater => Ok(magnitude_difference(self, other, scale)),
            Ordering::Less => Ok(magnitude_difference(other, self, scale)),
        }
    }

    /// Difference; the scale is the larger one.
    pub fn sub(&self, other: &Self) -> Result<Self> {
        self.add(&other.neg())
    }

    /// Product; the scale is the sum.
    pub fn mul(&self, other: &Self) -> Result<Self> {
        if self.is_nan() || other.is_nan() {
            return Ok(Self::NAN);
        }
        let negative = self.is_negative() != other.is_negative();
        if self.is_infinite() || other.is_infinite() {
            if self.is_zero() || other.is_zero() {
                return Ok(Self::NAN);
            }
            return Ok(if negative { Self::NEG_INFINITY } else { Self::INFINITY });
        }
        let product = self.times(other);
        let wide = i32::from(self.scale) + i32::from(other.scale) > i32::from(SCALE_MAX);
        if wide { product.round(i32::from(SCALE_MAX)).checked() } else { product.checked() }
    }

    /// Product of finite values, with all its digits. Its scale is cut to what a value can show.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let negative = self.is_negative() != other.is_negative();
        let scale = self.scale.saturating_add(other.scale).min(SCALE_MAX);
        let digits = magnitude_product(&self.digits, &other.digits);
        Self::from_groups(negative, self.weight + other.weight + 1, scale, digits)
    }

    /// Quotient at the scale that PostgreSQL chooses (at least 16 significant digits).
    pub fn div(&self, other: &Self) -> Result<Self> {
        match self.div_special(other)? {
            Some(result) => Ok(result),
            None => self.div_scaled(other, div_scale(self, other)).checked(),
        }
    }

    /// Integer part of the quotient, towards zero; scale 0.
    pub fn div_integer(&self, other: &Self) -> Result<Self> {
        match self.div_special(other)? {
            Some(result) => Ok(result),
            None => self.quotient(other, 0).0.checked(),
        }
    }

    fn div_special(&self, other: &Self) -> Result<Option<Self>> {
        if self.is_nan() || other.is_nan() {
            return Ok(Some(Self::NAN));
        }
        if self.is_infinite() {
            if other.is_infinite() {
                return Ok(Some(Self::NAN));
            }
            if other.is_zero() {
                return Err(division_by_zero());
            }
            let negative = self.is_negative() != other.is_negative();
            return Ok(Some(if negative { Self::NEG_INFINITY } else { Self::INFINITY }));
        }
        if other.is_infinite() {
            return Ok(Some(Self::zero(0)));
        }
        if other.is_zero() { Err(division_by_zero()) } else { Ok(None) }
    }

    /// Quotient of finite values rounded half away from zero to `scale` digits.
    pub(crate) fn div_scaled(&self, other: &Self, scale: i32) -> Self {
        let (quotient, up) = self.quotient(other, scale);
        if !up {
            return quotient;
        }
        let mut unit = unit_at(scale);
        unit.class =
            if self.is_negative() != other.is_negative() { Class::Negative } else { Class::Positive };
        let sum = if quotient.is_zero() { unit } else { magnitude_sum(&quotient, &unit, quotient.scale) };
        Self { scale: u16::try_from(scale).unwrap_or(0), ..sum }
    }

    /// Quotient cut at `scale` digits, and whether rounding half away from zero must add one unit.
    fn quotient(&self, other: &Self, scale: i32) -> (Self, bool) {
        let shown = u16::try_from(scale.max(0)).unwrap_or(SCALE_MAX);
        if self.digits.is_empty() {
            return (Self::zero(shown), false);
        }
        // Groups behind the point that hold `scale` digits, and one more to see the rounding digit.
        let fraction_groups = scale.div_euclid(GROUP_DIGITS) + 1;
        let shift = fraction_groups + self.last_weight() - other.last_weight();
        let mut dividend = self.digits.clone();
        if let Ok(zeros) = usize::try_from(shift) {
            dividend.resize(dividend.len() + zeros, 0);
        } else {
            let keep = dividend.len().saturating_sub(usize::try_from(-shift).unwrap_or(usize::MAX));
            dividend.truncate(keep);
        }
        let quotient = magnitude_quotient(&dividend, &other.digits);
        let weight = len_i32(&quotient) - 1 - fraction_groups;
        let negative = self.is_negative() != other.is_negative();
        let exact = Self::from_groups(negative, weight, SCALE_MAX, quotient);
        let cut = exact.trunc(scale);
        let next = exact.trunc(scale + 1);
        // The digit behind the cut decides; the remainder below it cannot change a half upwards away from zero.
        let rounding = magnitude_difference_or_zero(&next, &cut);
        let half = unit_at(scale + 1).times_small(5);
        let up = rounding.compare_magnitude(&half) != Ordering::Less;
        (Self { scale: shown, ..cut }, up)
    }

    pub(crate) fn times_small(&self, factor: u16) -> Self {
        let digits = magnitude_product(&self.digits, &[factor]);
        Self::from_groups(self.is_negative(), self.weight + 1, self.scale, digits)
    }

    /// The value times a power of ten, exactly, shown with the same scale.
    #[must_use]
    pub fn shifted(&self, exponent: i32) -> Self {
        if self.is_zero() || !self.is_finite() {
            return self.clone();
        }
        let within = 10_u16.pow(exponent.rem_euclid(GROUP_DIGITS).unsigned_abs());
        let value = self.times_small(within);
        Self { weight: value.weight + exponent.div_euclid(GROUP_DIGITS), ..value }
    }

    /// Remainder with the sign of `self`; the scale is the larger one.
    pub fn rem(&self, other: &Self) -> Result<Self> {
        if self.is_nan() || other.is_nan() {
            return Ok(Self::NAN);
        }
        if self.is_infinite() {
            return if other.is_zero() { Err(division_by_zero()) } else { Ok(Self::NAN) };
        }
        if other.is_infinite() {
            return Ok(self.clone());
        }
        if other.is_zero() {
            return Err(division_by_zero());
        }
        let (quotient, _) = self.quotient(other, 0);
        let back = Self { scale: other.scale, ..other.mul(&quotient)? };
        self.sub(&back)
    }

    /// Rounds half away from zero to `scale` digits behind the point (before it if negative).
    #[must_use]
    pub fn round(&self, scale: i32) -> Self {
        if !self.is_finite() {
            return self.clone();
        }
        let cut = self.trunc(scale);
        let next = self.trunc(scale.saturating_add(1));
        let rest = magnitude_difference_or_zero(&next, &cut);
        if rest.is_zero() || rest.compare_magnitude(&unit_at(scale.saturating_add(1)).times_small(5)).is_lt()
        {
            return cut;
        }
        let mut unit = Self { class: self.class, ..unit_at(scale) };
        unit.scale = unit.scale.min(SCALE_MAX);
        if cut.is_zero() {
            return Self { scale: cut.scale, ..unit };
        }
        let shown = cut.scale;
        magnitude_sum(&cut, &unit, shown)
    }

    /// Cuts digits behind `scale` digits after the point (before it if negative).
    #[must_use]
    pub fn trunc(&self, scale: i32) -> Self {
        if !self.is_finite() {
            return self.clone();
        }
        let scale = scale.clamp(-4 * (super::WEIGHT_MAX + 2), 4 * i32::from(SCALE_MAX));
        let shown = u16::try_from(scale.max(0)).unwrap_or(SCALE_MAX).min(SCALE_MAX);
        // Weight of the last group that keeps digits, and the unit of its last kept digit.
        let last = (-scale).div_euclid(GROUP_DIGITS);
        let unit = 10_u16.pow((-scale).rem_euclid(GROUP_DIGITS).unsigned_abs());
        let mut digits = self.digits.clone();
        let keep = usize::try_from(self.weight - last + 1).unwrap_or(0);
        if keep <= digits.len() {
            digits.truncate(keep);
            if let Some(group) = digits.last_mut() {
                *group -= *group % unit;
            }
        }
        Self::from_groups(self.is_negative(), self.weight, shown, digits)
    }

    /// Smallest whole number not below; scale 0.
    pub fn ceil(&self) -> Result<Self> {
        let cut = self.trunc(0);
        if self.is_finite() && !self.is_negative() && !cut.same_value(self) {
            return cut.add(&unit_at(0));
        }
        Ok(cut)
    }

    /// Largest whole number not above; scale 0.
    pub fn floor(&self) -> Result<Self> {
        let cut = self.trunc(0);
        if self.is_finite() && self.is_negative() && !cut.same_value(self) {
            return cut.sub(&unit_at(0));
        }
        Ok(cut)
    }

    /// -1, 0 or 1 (NaN for NaN).
    #[must_use]
    pub fn sign(&self) -> Self {
        match self.class {
            Class::NaN => Self::NAN,
            Class::Positive if self.digits.is_empty() => Self::zero(0),
            Class::Positive | Class::Infinity => unit_at(0),
            Class::Negative | Class::NegInfinity => unit_at(0).neg(),
        }
    }

    /// The same value shown without trailing zeros.
    #[must_use]
    pub fn trim_scale(&self) -> Self {
        Self { scale: self.scale_min(), ..self.clone() }
    }

    /// The same value shown with exactly `scale` digits, which must be at least its own.
    #[must_use]
    pub(crate) fn shown_at(&self, scale: u16) -> Self {
        Self { scale, ..self.clone() }
    }
}

/// 10^-scale.
pub(crate) fn unit_at(scale: i32) -> PgNum {
    let weight = (-scale).div_euclid(GROUP_DIGITS);
    let group = 10_u16.pow((-scale).rem_euclid(GROUP_DIGITS).unsigned_abs());
    PgNum::from_groups(false, weight, u16::try_from(scale.max(0)).unwrap_or(SCALE_MAX), vec![group])
}

fn div_scale(a: &PgNum, b: &PgNum) -> i32 {
    let first = |n: &PgNum| n.digits.first().copied().unwrap_or(0);
    let mut weight = a.weight - b.weight;
    if first(a) <= first(b) {
        weight -= 1;
    }
    (SIGNIFICANT_MIN - weight * GROUP_DIGITS)
        .max(i32::from(a.scale))
        .max(i32::from(b.scale))
        .clamp(0, SCALE_CHOSEN_MAX)
}

/// |a| + |b| with the sign of a.
fn magnitude_sum(a: &PgNum, b: &PgNum, scale: u16) -> PgNum {
    if b.digits.is_empty() {
        return PgNum { scale, ..a.clone() };
    }
    if a.digits.is_empty() {
        return PgNum { scale, ..b.clone() };
    }
    let top = a.weight.max(b.weight);
    let bottom = a.last_weight().min(b.last_weight());
    let mut digits = vec![0_u16; usize::try_from(top - bottom + 2).unwrap_or(0)];
    let mut carry = 0;
    for (slot, weight) in digits.iter_mut().rev().zip(bottom..) {
        let sum = a.group_at(weight) + b.group_at(weight) + carry;
        carry = sum / BASE;
        *slot = sum % BASE;
    }
    PgNum::from_groups(a.is_negative(), top + 1, scale, digits)
}

/// |a| - |b| with the sign of a; |a| must not be smaller.
fn magnitude_difference(a: &PgNum, b: &PgNum, scale: u16) -> PgNum {
    if b.digits.is_empty() {
        return PgNum { scale, ..a.clone() };
    }
    let bottom = a.last_weight().min(b.last_weight());
    let mut digits = vec![0_u16; usize::try_from(a.weight - bottom + 1).unwrap_or(0)];
    let mut borrow = 0;
    for (slot, weight) in digits.iter_mut().rev().zip(bottom..) {
        let high = a.group_at(weight) + BASE;
        let difference = high - b.group_at(weight) - borrow;
        borrow = u16::from(difference < BASE);
        *slot = difference % BASE;
    }
    PgNum::from_groups(a.is_negative(), a.weight, scale, digits)
}

fn magnitude_difference_or_zero(a: &PgNum, b: &PgNum) -> PgNum {
    if a.compare_magnitude(b).is_gt() { magnitude_difference(a, b, a.scale) } else { PgNum::zero(0) }
}

/// Product of two group strings; as long as both together.
pub(crate) fn magnitude_product(a: &[u16], b: &[u16]) -> Vec<u16> {
    let mut out = vec![0_u16; a.len() + b.len()];
    for (i, x) in a.iter().enumerate().rev() {
        let mut carry = 0_u32;
        for (j, y) in b.iter().enumerate().rev() {
            let sum = u32::from(*x) * u32::from(*y) + u32::from(out[i + j + 1]) + carry;
            carry = sum / u32::from(BASE);
            out[i + j + 1] = low_group(sum);
        }
        out[i] = low_group(carry);
    }
    out
}

fn low_group(value: u32) -> u16 {
    u16::try_from(value % u32::from(BASE)).unwrap_or(0)
}

/// Whole quotient of two group strings; the divisor's first group must not be zero.
fn magnitude_quotient(dividend: &[u16], divisor: &[u16]) -> Vec<u16> {
    if let [single] = divisor {
        let mut rest = 0_u32;
        return dividend
            .iter()
            .map(|d| {
                let value = rest * u32::from(BASE) + u32::from(*d);
                rest = value % u32::from(*single);
                u16::try_from(value / u32::from(*single)).unwrap_or(0)
            })
            .collect();
    }
    if dividend.len() < divisor.len() || divisor.is_empty() {
        return vec![0];
    }
    // Long division with a normalised divisor (first group at least half of the base), so that an
    // estimate from the leading groups is at most two too large.
    let base = i64::from(BASE);
    let factor = base / (i64::from(divisor[0]) + 1);
    let scaled = |groups: &[u16]| {
        let mut out = vec![0_i64; groups.len() + 1];
        let mut carry = 0;
        for (i, g) in groups.iter().enumerate().rev() {
            let value = i64::from(*g) * factor + carry;
            out[i + 1] = value % base;
            carry = value / base;
        }
        out[0] = carry;
        out
    };
    let mut rest = scaled(dividend);
    let divisor = scaled(divisor).split_off(1);
    let n = divisor.len();
    let mut quotient = vec![0_u16; rest.len() - n];
    for (j, slot) in quotient.iter_mut().enumerate() {
        let leading = rest[j] * base + rest[j + 1];
        let mut estimate = (leading / divisor[0]).min(base - 1);
        while divisor[1] * estimate > (leading - estimate * divisor[0]) * base + rest[j + 2] {
            estimate -= 1;
        }
        if subtract_multiple(&mut rest[j..=j + n], &divisor, estimate) {
            estimate -= 1;
            add_back(&mut rest[j..=j + n], &divisor);
        }
        *slot = u16::try_from(estimate).unwrap_or(0);
    }
    quotient
}

/// window -= divisor * factor; whether it went below zero (then one divisor must be added back).
fn subtract_multiple(window: &mut [i64], divisor: &[i64], factor: i64) -> bool {
    let base = i64::from(BASE);
    let mut borrow = 0;
    for (i, d) in divisor.iter().enumerate().rev() {
        let value = window[i + 1] - d * factor - borrow;
        window[i + 1] = value.rem_euclid(base);
        borrow = -value.div_euclid(base);
    }
    window[0] -= borrow;
    window[0] < 0
}

fn add_back(window: &mut [i64], divisor: &[i64]) {
    let base = i64::from(BASE);
    let mut carry = 0;
    for (i, d) in divisor.iter().enumerate().rev() {
        let value = window[i + 1] + d + carry;
        window[i + 1] = value % base;
        carry = value / base;
    }
    window[0] += carry;
}

pub(crate) fn division_by_zero() -> Error {
    Error::new(ErrorKind::DivisionByZero, "division by zero")
}

/// Sum of values by count, as avg gives it.
pub fn average(sum: &PgNum, count: i64) -> Result<PgNum> {
    if count == 0 { Err(overflow()) } else { sum.div(&PgNum::from_i64(count)) }
}
