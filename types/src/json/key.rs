//! The key of a jsonb: bytes in PostgreSQL's order of jsonb, from which the value is found again but for the scale of
//! its numbers.
//!
//! Invariant: no key is the beginning of another. null < string < number < boolean < array < object; of arrays and of
//! objects the shorter are less. A value that is not in anything counts as an array of one, below the true ones, which
//! makes an empty array less than any scalar, as in PostgreSQL.

use super::{DEPTH_MAX, Value, parse};
use crate::key::{corrupt, read_bytes, take, write_bytes};
use crate::pgnum::{PgNum, key_of as number_key};
use base::Result;

const NULL: u8 = 1;
const STRING: u8 = 2;
const NUMBER: u8 = 3;
const BOOL: u8 = 4;
const ARRAY: u8 = 5;
const OBJECT: u8 = 6;

const SCALAR_ALONE: u8 = 0;
const TRUE_ARRAY: u8 = 1;

/// The key of a canonical text.
pub fn key_of(text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() + 16);
    write_key(text, &mut out)?;
    Ok(out)
}

/// Appends the key of a canonical text.
pub fn write_key(text: &str, out: &mut Vec<u8>) -> Result<()> {
    let value = parse(text)?;
    if value.is_scalar() {
        out.push(ARRAY);
        out.extend_from_slice(&1_u32.to_be_bytes());
        out.push(SCALAR_ALONE);
    }
    write(&value, out);
    Ok(())
}

fn write(value: &Value, out: &mut Vec<u8>) {
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(v) => out.extend_from_slice(&[BOOL, u8::from(*v)]),
        Value::Number(v) => {
            out.push(NUMBER);
            out.extend_from_slice(number_key(&v.to_bytes()));
        }
        Value::String(v) => {
            out.push(STRING);
            write_bytes(v.as_bytes(), out);
        }
        Value::Array(items) => {
            out.push(ARRAY);
            out.extend_from_slice(&count(items.len()));
            out.push(TRUE_ARRAY);
            for item in items {
                write(item, out);
            }
        }
        Value::Object(pairs) => {
            out.push(OBJECT);
            out.extend_from_slice(&count(pairs.len()));
            for (key, value) in pairs {
                write_bytes(key.as_bytes(), out);
                write(value, out);
            }
        }
    }
}

/// Takes a key off the front; the canonical text of its value, numbers at the least scale that shows them.
pub fn read_key(rest: &mut &[u8]) -> Result<String> {
    read(rest, 0).map(|value| value.text())
}

fn read(rest: &mut &[u8], depth: usize) -> Result<Value> {
    if depth > DEPTH_MAX + 1 {
        return Err(corrupt());
    }
    Ok(match take::<1>(rest)? {
        [NULL] => Value::Null,
        [BOOL] => Value::Bool(take::<1>(rest)? != [0]),
        [NUMBER] => {
            let (number, used) = PgNum::read_key(rest)?;
            *rest = rest.get(used..).unwrap_or_default();
            Value::Number(number)
        }
        [STRING] => Value::String(string(rest)?),
        [ARRAY] => {
            let count = u32::from_be_bytes(take(rest)?);
            match take::<1>(rest)? {
                [SCALAR_ALONE] if count == 1 => read(rest, depth + 1)?,
                [TRUE_ARRAY] => {
                    Value::Array((0..count).map(|_| read(rest, depth + 1)).collect::<Result<_>>()?)
                }
                _ => return Err(corrupt()),
            }
        }
        [OBJECT] => {
            let count = u32::from_be_bytes(take(rest)?);
            let pairs = (0..count).map(|_| Ok((string(rest)?, read(rest, depth + 1)?)));
            Value::Object(pairs.collect::<Result<_>>()?)
        }
        _ => return Err(corrupt()),
    })
}

fn string(rest: &mut &[u8]) -> Result<String> {
    String::from_utf8(read_bytes(rest)?).map_err(|_| corrupt())
}
