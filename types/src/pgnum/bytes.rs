//! The bytes of a numeric in an array of `Form::PgNum`: an order-preserving key, then the scale.
//!
//! | bytes | meaning |
//! |---|---|
//! | 1 | class: 00 -Infinity, 01 negative, 02 zero, 03 positive, 04 Infinity, 05 NaN |
//! | 2 | weight + 32768, big endian (negative: complemented); only classes 01 and 03 |
//! | 2 each | group of four digits + 1, big endian (negative: complemented) |
//! | 2 | 0000 (negative: FFFF) ends the groups |
//! | 2 | display scale, big endian; not part of the key |
//!
//! Invariant: keys are prefix-free, equal exactly for equal values, and ordered by `memcmp` as the
//! values; so grouping, hashing and sorting need the key only and never decode.

use super::{Class, PgNum, SCALE_MAX};
use base::{Error, Result};
use std::cmp::Ordering;

const NEG_INFINITY: u8 = 0;
const NEGATIVE: u8 = 1;
const ZERO: u8 = 2;
const POSITIVE: u8 = 3;
const INFINITY: u8 = 4;
const NAN: u8 = 5;

/// The part of encoded `bytes` that is equal for equal values and ordered as they are.
pub fn key_of(bytes: &[u8]) -> &[u8] {
    bytes.split_last_chunk::<2>().map_or(&[], |(key, _)| key)
}

/// The display scale of encoded `bytes`.
pub fn scale_of(bytes: &[u8]) -> u16 {
    bytes.last_chunk::<2>().map_or(0, |b| u16::from_be_bytes(*b))
}

impl PgNum {
    /// The bytes kept in an array of `Form::PgNum`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(7 + 2 * self.digits.len());
        self.write_bytes(&mut out);
        out
    }

    /// Appends what `to_bytes` gives.
    pub fn write_bytes(&self, out: &mut Vec<u8>) {
        self.write_key(out);
        out.extend_from_slice(&self.scale.to_be_bytes());
    }

    /// Appends the normalised key.
    pub fn write_key(&self, out: &mut Vec<u8>) {
        let flip = match self.class {
            Class::NaN => return out.push(NAN),
            Class::Infinity => return out.push(INFINITY),
            Class::NegInfinity => return out.push(NEG_INFINITY),
            _ if self.digits.is_empty() => return out.push(ZERO),
            Class::Negative => {
                out.push(NEGATIVE);
                0xFFFF
            }
            Class::Positive => {
                out.push(POSITIVE);
                0
            }
        };
        let weight = u16::try_from(self.weight + 32_768).unwrap_or(u16::MAX);
        out.extend_from_slice(&(weight ^ flip).to_be_bytes());
        for digit in &self.digits {
            out.extend_from_slice(&((digit + 1) ^ flip).to_be_bytes());
        }
        out.extend_from_slice(&flip.to_be_bytes());
    }

    /// Reads what `to_bytes` gave; anything else is corruption.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (mut value, used) = Self::read_key(bytes)?;
        let rest = bytes.get(used..).unwrap_or_default();
        let scale: [u8; 2] = rest.try_into().map_err(|_| corrupt())?;
        value.scale = u16::from_be_bytes(scale);
        if value.scale > SCALE_MAX {
            return Err(corrupt());
        }
        Ok(value)
    }

    /// Reads a key from the front of `bytes`: the value at its least scale, and the bytes used.
    pub fn read_key(bytes: &[u8]) -> Result<(Self, usize)> {
        let (class, rest) = bytes.split_first().ok_or_else(corrupt)?;
        let flip = match *class {
            NEG_INFINITY => return Ok((Self::NEG_INFINITY, 1)),
            INFINITY => return Ok((Self::INFINITY, 1)),
            NAN => return Ok((Self::NAN, 1)),
            ZERO => return Ok((Self::zero(0), 1)),
            NEGATIVE => 0xFFFF,
            POSITIVE => 0,
            _ => return Err(corrupt()),
        };
        let mut words = rest.chunks_exact(2).map(|c| match c {
            [a, b] => u16::from_be_bytes([*a, *b]) ^ flip,
            _ => 0,
        });
        let weight = i32::from(words.next().ok_or_else(corrupt)?) - 32_768;
        let mut digits = Vec::with_capacity(rest.len() / 2);
        loop {
            match words.next() {
                None => return Err(corrupt()),
                Some(0) => break,
                Some(word) if word <= super::BASE => digits.push(word - 1),
                Some(_) => return Err(corrupt()),
            }
        }
        if digits.first().is_none_or(|d| *d == 0) || digits.last() == Some(&0) {
            return Err(corrupt());
        }
        let used = 5 + 2 * digits.len();
        let mut value = Self::from_groups(flip != 0, weight, 0, digits);
        value.scale = value.scale_min();
        Ok((value, used))
    }

    /// The least scale that shows every digit.
    pub fn scale_min(&self) -> u16 {
        let Some(last) = self.digits.last() else { return 0 };
        let mut scale = -self.last_weight() * super::GROUP_DIGITS;
        let mut group = *last;
        while group % 10 == 0 {
            group /= 10;
            scale -= 1;
        }
        u16::try_from(scale.max(0)).unwrap_or(SCALE_MAX)
    }

    /// PostgreSQL's order: -Infinity, numbers, Infinity, NaN; NaN is equal to itself.
    pub fn compare(&self, other: &Self) -> Ordering {
        let rank = |c: Class| match c {
            Class::NegInfinity => 0,
            Class::Negative => 1,
            Class::Positive => 2,
            Class::Infinity => 3,
            Class::NaN => 4,
        };
        rank(self.class).cmp(&rank(other.class)).then_with(|| match self.class {
            Class::Positive => self.compare_magnitude(other),
            Class::Negative => other.compare_magnitude(self),
            Class::NegInfinity | Class::Infinity | Class::NaN => Ordering::Equal,
        })
    }

    pub(crate) fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.weight.cmp(&other.weight).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

fn corrupt() -> Error {
    Error::corruption("a numeric whose bytes are not of its encoding")
}
