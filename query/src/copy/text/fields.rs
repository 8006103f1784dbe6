//! One line to its fields: delimiters, quotes, backslash sequences, the null marker.
//!
//! Invariant: a field handed out is valid UTF-8 without NUL.

use crate::copy::text::Layout;
use base::{Error, ErrorKind, Result};
use sql::bound::CopyText;
use std::ops::Range;

/// One field of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Null,
    Value(&'a str),
}

/// Reads lines into fields, keeping its memory from line to line.
#[derive(Debug)]
pub(crate) struct FieldReader {
    layout: Layout,
    /// Decoded fields, each with a NUL byte behind it, so that a character cannot reach across two fields.
    text: String,
    fields: Vec<Span>,
}

#[derive(Clone, Debug)]
struct Span {
    range: Range<usize>,
    is_null: bool,
}

impl FieldReader {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, text: String::new(), fields: Vec::new() }
    }

    /// Splits `line`, which `check_utf8` has passed; returns the number of fields. 22P04 for an open quote, 22021
    /// when backslash sequences make bytes that are not UTF-8.
    pub(crate) fn read(&mut self, line: &[u8]) -> Result<usize> {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        bytes.clear();
        self.fields.clear();
        match &self.layout {
            Layout::Text(options) => split_text(options, line, &mut bytes, &mut self.fields)?,
            Layout::Csv(options) => split_csv(options, line, &mut bytes, &mut self.fields)?,
        }
        self.text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            not_utf8(e.as_bytes().get(at..).unwrap_or_default())
        })?;
        Ok(self.fields.len())
    }

    pub(crate) fn null_marker(&self) -> &str {
        &self.layout.options().null
    }

    /// Field `index` of the line read last; FORCE_NULL and FORCE_NOT_NULL are applied. None behind the last.
    pub(crate) fn get(&self, index: usize) -> Option<Field<'_>> {
        let span = self.fields.get(index)?;
        let options = self.layout.options();
        let text = self.text.get(span.range.clone()).unwrap_or_default();
        if span.is_null {
            if options.force_not_null.contains(&index) {
                return Some(Field::Value(&options.null));
            }
            return Some(Field::Null);
        }
        if text == options.null && options.force_null.contains(&index) {
            return Some(Field::Null);
        }
        Some(Field::Value(text))
    }
}

/// 22021 when the first `length` bytes are not UTF-8 or hold a NUL; what follows them is only shown.
pub(crate) fn check_utf8(bytes: &[u8], length: usize) -> Result<()> {
    let line = bytes.get(..length).unwrap_or(bytes);
    let nul = line.iter().position(|b| *b == 0).unwrap_or(line.len());
    let bad = match std::str::from_utf8(line) {
        Ok(_) => nul,
        Err(error) => error.valid_up_to().min(nul),
    };
    if bad < line.len() { Err(not_utf8(bytes.get(bad..).unwrap_or_default())) } else { Ok(()) }
}

fn split_text(options: &CopyText, line: &[u8], out: &mut Vec<u8>, fields: &mut Vec<Span>) -> Result<()> {
    let mut at = 0;
    loop {
        let raw_start = at;
        let start = out.len();
        let mut found_delimiter = false;
        let mut raw_end = line.len();
        while let Some(&byte) = line.get(at) {
            at += 1;
            if byte == options.delimiter {
                found_delimiter = true;
                raw_end = at - 1;
                break;
            }
            if byte == b'\\' {
                at = match unescape(line, at, out) {
                    Ok(next) => next,
                    // The null marker means nothing else, even where it could not be read, such as `\0`.
                    Err(error) => {
                        let end = field_end(options, line, raw_start);
                        if line.get(raw_start..end) != Some(options.null.as_bytes()) {
                            return Err(error);
                        }
                        end
                    }
                };
            } else {
                out.push(byte);
            }
        }
        let raw = line.get(raw_start..raw_end).unwrap_or_default();
        let is_null = raw == options.null.as_bytes();
        if is_null {
            out.truncate(start);
        }
        fields.push(Span { range: start..out.len(), is_null });
        out.push(0);
        if !found_delimiter {
            return Ok(());
        }
    }
}

/// Where the field that begins at a place ends.
fn field_end(options: &CopyText, line: &[u8], mut at: usize) -> usize {
    while let Some(byte) = line.get(at).filter(|byte| **byte != options.delimiter) {
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    at.min(line.len())
}

/// Decodes what stands behind a backslash at `at - 1`; returns where to go on.
fn unescape(line: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize> {
    let Some(&byte) = line.get(at) else {
        // A backslash at the very end stands for nothing.
        return Ok(at);
    };
    let mut next = at + 1;
    let value = match byte {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'0'..=b'7' => {
            let mut value = u32::from(byte - b'0');
            while let Some(&digit @ b'0'..=b'7') = line.get(next).filter(|_| next < at + 3) {
                value = value * 8 + u32::from(digit - b'0');
                next += 1;
            }
            u8::try_from(value & 0xff).unwrap_or(0)
        }
        b'x' => match hexadecimal(line, next) {
            Some((value, behind)) => {
                next = behind;
                value
            }
            None => b'x',
        },
        other => other,
    };
    if value == 0 {
        return Err(not_utf8(&[0]));
    }
    out.push(value);
    Ok(next)
}

/// One or two hexadecimal digits at `at`.
fn hexadecimal(line: &[u8], at: usize) -> Option<(u8, usize)> {
    let digit =
        |at: usize| line.get(at).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let first = digit(at)?;
    Some(digit(at + 1).map_or((first, at + 1), |second| (first << 4 | second, at + 2)))
}

fn split_csv(options: &CopyText, line: &[u8], out: &mut Vec<u8>, fields: &mut Vec<Span>) -> Result<()> {
    let mut at = 0;
    loop {
        let raw_start = at;
        let start = out.len();
        let mut saw_quote = false;
        let mut found_delimiter = false;
        let mut raw_end = line.len();
        while let Some(&byte) = line.get(at) {
            at += 1;
            if byte == options.delimiter {
                found_delimiter = true;
                raw_end = at - 1;
                break;
            }
            if byte == options.quote {
                saw_quote = true;
                at = quoted(options, line, at, out)?;
            } else {
                out.push(byte);
            }
        }
        let raw = line.get(raw_start..raw_end).unwrap_or_default();
        let is_null = !saw_quote && raw == options.null.as_bytes();
        fields.push(Span { range: start..out.len(), is_null });
        out.push(0);
        if !found_delimiter {
            return Ok(());
        }
    }
}

/// Copies a quoted part that begins at `at`; returns where it ends, behind the closing quote.
fn quoted(options: &CopyText, line: &[u8], mut at: usize, out: &mut Vec<u8>) -> Result<usize> {
    while let Some(&byte) = line.get(at) {
        at += 1;
        if byte == options.escape
            && let Some(&next) = line.get(at)
            && (next == options.escape || next == options.quote)
        {
            out.push(next);
            at += 1;
            continue;
        }
        if byte == options.quote {
            return Ok(at);
        }
        out.push(byte);
    }
    Err(Error::new(ErrorKind::BadCopyFormat, "unterminated CSV quoted field"))
}

/// 22021 naming the first sequence of `bytes`.
fn not_utf8(bytes: &[u8]) -> Error {
    let length = match bytes.first() {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        _ => 1,
    };
    // The separator behind a field is not part of the data.
    let shown: Vec<String> = bytes
        .iter()
        .take(length)
        .enumerate()
        .take_while(|(i, b)| *i == 0 || **b != 0)
        .map(|(_, b)| format!("0x{b:02x}"))
        .collect();
    let message = format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" "));
    Error::new(ErrorKind::CharacterNotInRepertoire, message)
}
