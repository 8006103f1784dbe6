//! Functions of bytea: bits and bytes, encodings as text, digests, conversion between character sets.
//!
//! Invariant: positions count from 0 for bits and bytes, from 1 for OVERLAY, as in PostgreSQL.

use crate::kernel::call::{Arg, Call, Run, map1, map2, map3};
use crate::kernel::encodings::{self, Charset};
use crate::kernel::strings::room;
use crate::kernel::value::{Bytes, Int4, Int8, Text};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use sha2::Digest;

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidParameterValue, message)
}

/// The place of a byte or bit among `count` of them.
fn place(index: i64, count: usize) -> Result<usize> {
    usize::try_from(index).ok().filter(|i| *i < count).ok_or_else(|| {
        let last = i64::try_from(count).unwrap_or(i64::MAX) - 1;
        Error::new(ErrorKind::ArraySubscript, format!("index {index} out of valid range, 0..{last}"))
    })
}

fn get_byte(bytes: &[u8], index: i32) -> Result<i32> {
    let at = place(i64::from(index), bytes.len())?;
    Ok(bytes.get(at).map_or(0, |byte| i32::from(*byte)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low eight bits are meant")]
fn set_byte(bytes: &[u8], index: i32, value: i32) -> Result<Vec<u8>> {
    let at = place(i64::from(index), bytes.len())?;
    let mut changed = bytes.to_vec();
    if let Some(byte) = changed.get_mut(at) {
        *byte = value as u8;
    }
    Ok(changed)
}

fn get_bit(bytes: &[u8], index: i64) -> Result<i32> {
    let at = place(index, bytes.len().saturating_mul(8))?;
    Ok(bytes.get(at / 8).map_or(0, |byte| i32::from(byte >> (at % 8) & 1)))
}

fn set_bit(bytes: &[u8], index: i64, value: i32) -> Result<Vec<u8>> {
    let at = place(index, bytes.len().saturating_mul(8))?;
    if !matches!(value, 0 | 1) {
        return Err(invalid("new bit must be 0 or 1"));
    }
    let mut changed = bytes.to_vec();
    if let Some(byte) = changed.get_mut(at / 8) {
        let bit = 1 << (at % 8);
        *byte = if value == 1 { *byte | bit } else { *byte & !bit };
    }
    Ok(changed)
}

fn overlay(bytes: &[u8], new: &[u8], start: i32, len: i32) -> Result<Vec<u8>> {
    if start <= 0 {
        return Err(Error::new(ErrorKind::Substring, "negative substring length not allowed"));
    }
    let after = start
        .checked_add(len)
        .ok_or_else(|| Error::new(ErrorKind::NumericOutOfRange, "integer out of range"))?;
    let clamp = |v: i32| usize::try_from(v.max(1) - 1).unwrap_or(usize::MAX).min(bytes.len());
    let (front, back) = (bytes.get(..clamp(start)), bytes.get(clamp(after)..));
    let (front, back) = (front.unwrap_or_default(), back.unwrap_or_default());
    room(front.len() + new.len() + back.len())?;
    Ok([front, new, back].concat())
}

fn trim<'b>(mut bytes: &'b [u8], set: &[u8], front: bool, back: bool) -> &'b [u8] {
    while front && let Some((_, rest)) = bytes.split_first().filter(|(first, _)| set.contains(first)) {
        bytes = rest;
    }
    while back && let Some((_, rest)) = bytes.split_last().filter(|(last, _)| set.contains(last)) {
        bytes = rest;
    }
    bytes
}

fn trim_with(call: &Call<'_>, args: &[Arg], front: bool, back: bool) -> Result<ArrayRef> {
    map2::<Bytes, Bytes, Bytes, _>(call, args, |b, set| Ok(trim(b, set, front, back).to_vec()))
}

fn length(count: usize) -> Result<i32> {
    i32::try_from(count).map_err(|_| Error::new(ErrorKind::NumericOutOfRange, "integer out of range"))
}

fn digest<D: Digest>(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Bytes, Bytes, _>(call, args, |b| Ok(D::digest(b).to_vec()))
}

/// The character set of a name. Those that PostgreSQL knows and we do not are refused.
fn charset(name: &str, which: &str) -> Result<Charset> {
    match encodings::charset(name) {
        Some(Some(charset)) => Ok(charset),
        Some(None) => Err(Error::unsupported(format!("conversion of encoding \"{name}\" is not supported"))
            .with_hint("Convertible encodings are UTF8 and LATIN1.")),
        None => Err(invalid(format!("invalid {which} encoding name \"{name}\""))),
    }
}

fn convert(bytes: &[u8], from: &str, to: &str) -> Result<Vec<u8>> {
    let (from, to) = (charset(from, "source")?, charset(to, "destination")?);
    encodings::from_text(&encodings::to_text(bytes, from)?, to)
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("byteaGetByte", |c, a| map2::<Bytes, Int4, Int4, _>(c, a, get_byte)),
    ("byteaSetByte", |c, a| map3::<Bytes, Int4, Int4, Bytes, _>(c, a, set_byte)),
    ("byteaGetBit", |c, a| map2::<Bytes, Int8, Int4, _>(c, a, get_bit)),
    ("byteaSetBit", |c, a| map3::<Bytes, Int8, Int4, Bytes, _>(c, a, set_bit)),
    ("bytea_bit_count", |c, a| {
        map1::<Bytes, Int8, _>(c, a, |b| Ok(b.iter().map(|byte| i64::from(byte.count_ones())).sum::<i64>()))
    }),
    ("byteaoverlay_no_len", |c, a| {
        map3::<Bytes, Bytes, Int4, Bytes, _>(c, a, |b, n, s| overlay(b, n, s, length(n.len())?))
    }),
    ("byteaoverlay", |c, a| crate::kernel::call::map4::<Bytes, Bytes, Int4, Int4, Bytes, _>(c, a, overlay)),
    ("byteatrim", |c, a| trim_with(c, a, true, true)),
    ("bytealtrim", |c, a| trim_with(c, a, true, false)),
    ("byteartrim", |c, a| trim_with(c, a, false, true)),
    ("binary_encode", |c, a| map2::<Bytes, Text, Text, _>(c, a, encodings::encode)),
    ("binary_decode", |c, a| map2::<Text, Text, Bytes, _>(c, a, encodings::decode)),
    ("sha224_bytea", digest::<sha2::Sha224>),
    ("sha256_bytea", digest::<sha2::Sha256>),
    ("sha384_bytea", digest::<sha2::Sha384>),
    ("sha512_bytea", digest::<sha2::Sha512>),
    ("pg_convert_from", |c, a| {
        map2::<Bytes, Text, Text, _>(c, a, |b, from| encodings::to_text(b, charset(from, "source")?))
    }),
    ("pg_convert_to", |c, a| {
        map2::<Text, Text, Bytes, _>(c, a, |t, to| encodings::from_text(t, charset(to, "destination")?))
    }),
    ("pg_convert", |c, a| map3::<Bytes, Text, Text, Bytes, _>(c, a, convert)),
    ("PG_char_to_encoding", |c, a| map1::<Text, Int4, _>(c, a, |name| Ok(encodings::number(name)))),
    ("pg_encoding_max_length_sql", |c, a| {
        map1::<Int4, Int4, _>(c, a, |number| Ok(encodings::length_max(number)))
    }),
];

/// Functions that pg_proc has in SQL.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    // bit_length(bytea), bit_length(text)
    (1810, |c, a| map1::<Bytes, Int4, _>(c, a, |b| length(b.len().saturating_mul(8)))),
    (1811, |c, a| map1::<Text, Int4, _>(c, a, |s| length(s.len().saturating_mul(8)))),
];
