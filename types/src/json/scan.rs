//! Parts of a jsonb's canonical text, found without reading the values around them.
//!
//! Must not be given other text: what is no canonical text has no parts here, or wrong ones.

use super::{Value, parse, write_string};
use base::Result;
use std::borrow::Cow;

/// The text of the value of a key of an object; None where there is no object or no such key.
pub fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut wanted = String::with_capacity(key.len() + 2);
    write_string(key, &mut wanted);
    let mut rest = text.strip_prefix('{')?;
    while rest.starts_with('"') {
        let (found, behind) = split(rest)?;
        let (value, behind) = split(behind.strip_prefix(": ")?)?;
        if found == wanted {
            return Some(value);
        }
        rest = behind.strip_prefix(", ").unwrap_or_default();
    }
    None
}

/// The text of an element of an array, counted from 0, or from the end if negative.
pub fn element(text: &str, index: i64) -> Option<&str> {
    let index = match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => {
            let count = i64::try_from(elements(text).count()).ok()?;
            usize::try_from(count.checked_add(index)?).ok()?
        }
    };
    elements(text).nth(index)
}

/// The texts of the elements of an array; none of anything else.
pub fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.strip_prefix('[').filter(|rest| *rest != "]").unwrap_or_default();
    std::iter::from_fn(move || {
        let (value, behind) = split(rest)?;
        rest = behind.strip_prefix(", ").unwrap_or_default();
        Some(value)
    })
}

/// Whether the text is that of neither array nor object.
pub fn is_scalar(text: &str) -> bool {
    !text.starts_with(['{', '['])
}

/// The text without quotes and escapes if it is a string's; None of null.
pub fn plain(text: &str) -> Result<Option<Cow<'_, str>>> {
    if text == "null" {
        return Ok(None);
    }
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Ok(Some(Cow::Borrowed(text)));
    };
    if !inner.contains('\\') {
        return Ok(Some(Cow::Borrowed(inner)));
    }
    match parse(text)? {
        Value::String(text) => Ok(Some(Cow::Owned(text))),
        other => Ok(Some(Cow::Owned(other.text()))),
    }
}

/// The value that a text begins with, and what is behind it.
fn split(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let end = match bytes.first()? {
        b'"' => string_end(bytes)?,
        b'{' | b'[' => container_end(bytes)?,
        _ => bytes.iter().position(|b| matches!(b, b',' | b'}' | b']')).unwrap_or(bytes.len()),
    };
    text.split_at_checked(end)
}

/// Behind the quote that closes the one at the beginning.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += bytes.get(at..)?.iter().position(|b| matches!(b, b'"' | b'\\'))?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Behind the bracket that closes the one at the beginning.
fn container_end(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0_usize, 0_usize);
    loop {
        at += match bytes.get(at)? {
            b'"' => string_end(bytes.get(at..)?)?,
            b'{' | b'[' => {
                depth += 1;
                1
            }
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                1
            }
            _ => 1,
        };
    }
}
