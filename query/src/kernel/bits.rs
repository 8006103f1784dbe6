//! Functions of bit strings, which are held as text of the digits 0 and 1.
//!
//! Invariant: results hold no other characters.

use crate::kernel::call::{Arg, Call, Run, map1, map2, map3};
use crate::kernel::value::{Int4, Int8, Text};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};

/// Two bit strings digit by digit; 22026 when their lengths differ.
fn combine(call: &Call<'_>, args: &[Arg], verb: &str, one: fn(bool, bool) -> bool) -> Result<ArrayRef> {
    map2::<Text, Text, Text, _>(call, args, |a, b| {
        if a.len() != b.len() {
            let message = format!("cannot {verb} bit strings of different sizes");
            return Err(Error::new(ErrorKind::StringLengthMismatch, message));
        }
        let digits = a.bytes().zip(b.bytes());
        Ok(digits.map(|(a, b)| digit(one(a == b'1', b == b'1'))).collect::<String>())
    })
}

fn digit(one: bool) -> char {
    if one { '1' } else { '0' }
}

/// Bits pushed to the left, or to the right for a negative number; zeros come in.
fn shifted(bits: &str, by: i64) -> String {
    let len = bits.len();
    let zeros = usize::try_from(by.unsigned_abs()).unwrap_or(len).min(len);
    let fill = std::iter::repeat_n('0', zeros);
    if by >= 0 {
        bits.chars().skip(zeros).chain(fill).collect()
    } else {
        fill.chain(bits.chars().take(len - zeros)).collect()
    }
}

/// A substring as SQL defines it: places before the first count, and hold nothing.
fn part(bits: &str, from: i32, length: Option<i32>) -> Result<String> {
    let start = i64::from(from);
    let end = match length {
        Some(length) if length < 0 => {
            return Err(Error::new(ErrorKind::Substring, "negative substring length not allowed"));
        }
        Some(length) => start + i64::from(length),
        None => i64::MAX,
    };
    let first = usize::try_from(start.max(1) - 1).unwrap_or(usize::MAX).min(bits.len());
    let last = usize::try_from((end - 1).max(0)).unwrap_or(usize::MAX).min(bits.len());
    Ok(bits.get(first..last.max(first)).unwrap_or_default().to_owned())
}

/// The lowest bits of an integer, with its sign in front where there are more places than it has bits; without a
/// length (a cast gives that of its type, the function takes it) one bit, as bit is bit(1).
fn of_integer(value: i64, length: i32) -> Result<String> {
    const LENGTH_MAX: i32 = 83_886_080;
    let length = match length {
        1..=LENGTH_MAX => length,
        _ => 1,
    };
    let bit = |at: i32| digit(value >> at.min(63) & 1 == 1);
    Ok((0..length).rev().map(bit).collect())
}

fn to_integer(bits: &str, width: usize, name: &str) -> Result<u64> {
    if bits.len() > width {
        return Err(Error::new(ErrorKind::NumericOutOfRange, format!("{name} out of range")));
    }
    Ok(bits.bytes().fold(0_u64, |sum, b| sum << 1 | u64::from(b == b'1')))
}

fn count(value: usize) -> Result<i32> {
    i32::try_from(value).map_err(|_| Error::internal("a bit string of more than 31 bits of length"))
}

fn position_of(bits: &str, wanted: &str) -> Result<i32> {
    match bits.find(wanted) {
        _ if bits.is_empty() => Ok(0),
        Some(at) => count(at + 1),
        None => Ok(0),
    }
}

fn place(bits: &str, index: i32) -> Result<usize> {
    usize::try_from(index).ok().filter(|at| *at < bits.len()).ok_or_else(|| {
        let last = i64::try_from(bits.len()).unwrap_or(i64::MAX) - 1;
        let message = format!("bit index {index} out of valid range (0..{last})");
        Error::new(ErrorKind::ArraySubscript, message)
    })
}

fn set_bit(bits: &str, index: i32, value: i32) -> Result<String> {
    let at = place(bits, index)?;
    if !matches!(value, 0 | 1) {
        return Err(Error::new(ErrorKind::InvalidParameterValue, "new bit must be 0 or 1"));
    }
    let set = bits.chars().enumerate().map(|(i, c)| if i == at { digit(value == 1) } else { c });
    Ok(set.collect())
}

fn overlaid(bits: &str, with: &str, from: i32, length: Option<i32>) -> Result<String> {
    let length = match length {
        Some(length) => length,
        None => count(with.len())?,
    };
    if from <= 0 {
        return Err(Error::new(ErrorKind::Substring, "negative substring length not allowed"));
    }
    let behind = from
        .checked_add(length)
        .ok_or_else(|| Error::new(ErrorKind::NumericOutOfRange, "integer out of range"))?;
    Ok(format!("{}{with}{}", part(bits, 1, Some(from - 1))?, part(bits, behind, None)?))
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("bit_and", |c, a| combine(c, a, "AND", |x, y| x && y)),
    ("bit_or", |c, a| combine(c, a, "OR", |x, y| x || y)),
    ("bitxor", |c, a| combine(c, a, "XOR", |x, y| x != y)),
    ("bitnot", |c, a| {
        map1::<Text, Text, _>(c, a, |v| Ok(v.bytes().map(|b| digit(b != b'1')).collect::<String>()))
    }),
    ("bitshiftleft", |c, a| map2::<Text, Int4, Text, _>(c, a, |v, n| Ok(shifted(v, i64::from(n))))),
    ("bitshiftright", |c, a| map2::<Text, Int4, Text, _>(c, a, |v, n| Ok(shifted(v, -i64::from(n))))),
    ("bitcat", |c, a| map2::<Text, Text, Text, _>(c, a, |x, y| Ok(format!("{x}{y}")))),
    ("bitsubstr", |c, a| map3::<Text, Int4, Int4, Text, _>(c, a, |v, from, n| part(v, from, Some(n)))),
    ("bitsubstr_no_len", |c, a| map2::<Text, Int4, Text, _>(c, a, |v, from| part(v, from, None))),
    ("bitlength", |c, a| map1::<Text, Int4, _>(c, a, |v| count(v.len()))),
    ("bitoctetlength", |c, a| map1::<Text, Int4, _>(c, a, |v| count(v.len().div_ceil(8)))),
    ("bitposition", |c, a| map2::<Text, Text, Int4, _>(c, a, position_of)),
    ("bitgetbit", |c, a| {
        map2::<Text, Int4, Int4, _>(c, a, |v, n| {
            let at = place(v, n)?;
            Ok(i32::from(v.as_bytes().get(at) == Some(&b'1')))
        })
    }),
    ("bitsetbit", |c, a| map3::<Text, Int4, Int4, Text, _>(c, a, set_bit)),
    ("bitoverlay_no_len", |c, a| map3::<Text, Text, Int4, Text, _>(c, a, |v, w, n| overlaid(v, w, n, None))),
    ("bit_bit_count", |c, a| {
        map1::<Text, Int8, _>(c, a, |v| Ok(v.bytes().map(|b| i64::from(b == b'1')).sum::<i64>()))
    }),
    ("bitfromint4", |c, a| match a {
        [_, _] => map2::<Int4, Int4, Text, _>(c, a, |v, n| of_integer(i64::from(v), n)),
        _ => map1::<Int4, Text, _>(c, a, |v| of_integer(i64::from(v), c.ret.typmod)),
    }),
    ("bitfromint8", |c, a| match a {
        [_, _] => map2::<Int8, Int4, Text, _>(c, a, of_integer),
        _ => map1::<Int8, Text, _>(c, a, |v| of_integer(v, c.ret.typmod)),
    }),
    ("bittoint4", |c, a| {
        map1::<Text, Int4, _>(c, a, |v| {
            let bits = u32::try_from(to_integer(v, 32, "integer")?).unwrap_or_default();
            Ok(bits.cast_signed())
        })
    }),
    ("bittoint8", |c, a| map1::<Text, Int8, _>(c, a, |v| to_integer(v, 64, "bigint").map(u64::cast_signed))),
];

/// Functions that pg_proc has in SQL.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    // bit_length(bit)
    (1812, |c, a| map1::<Text, Int4, _>(c, a, |v| count(v.len()))),
];
