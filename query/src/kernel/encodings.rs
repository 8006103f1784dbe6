//! Bytes as text: hex, base64 and escape, and the character sets that text is converted from and to.
//!
//! Must not know arrays.

use crate::kernel::strings::room;
use base::{Error, ErrorKind, Result};

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidParameterValue, message)
}

fn unrecognized(name: &str) -> Error {
    invalid(format!("unrecognized encoding: \"{name}\""))
}

/// encode(bytea, text)
pub(crate) fn encode(bytes: &[u8], name: &str) -> Result<String> {
    room(bytes.len().saturating_mul(2))?;
    match name.to_ascii_lowercase().as_str() {
        "hex" => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        "base64" => Ok(base64(bytes)),
        "escape" => Ok(escaped(bytes)),
        _ => Err(unrecognized(name)),
    }
}

/// decode(text, text)
pub(crate) fn decode(text: &str, name: &str) -> Result<Vec<u8>> {
    match name.to_ascii_lowercase().as_str() {
        "hex" => from_hex(text),
        "base64" => from_base64(text),
        "escape" => from_escaped(text.as_bytes()),
        _ => Err(unrecognized(name)),
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Letters in a line of base64.
const BASE64_LINE: usize = 76;

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() / 3 * 4 + 8);
    let mut line = 0;
    for chunk in bytes.chunks(3) {
        if line == BASE64_LINE {
            out.push('\n');
            line = 0;
        }
        let word = (0..3).fold(0_u32, |word, i| word << 8 | chunk.get(i).map_or(0, |b| u32::from(*b)));
        for i in 0..4_usize {
            let index = usize::try_from(word >> (18 - 6 * i) & 63).unwrap_or(0);
            let letter = BASE64.get(index).map_or('=', |b| char::from(*b));
            out.push(if i <= chunk.len() { letter } else { '=' });
        }
        line += 4;
    }
    out
}

fn from_base64(text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut held, mut padding) = (0_u32, 0, 0);
    for c in text.chars() {
        let value = match c {
            ' ' | '\t' | '\n' | '\r' => continue,
            '=' => {
                if padding == 0 {
                    padding = match held {
                        2 => 1,
                        3 => 2,
                        _ => return Err(invalid("unexpected \"=\" while decoding base64 sequence")),
                    };
                }
                0
            }
            c => BASE64
                .iter()
                .position(|b| char::from(*b) == c)
                .and_then(|i| u32::try_from(i).ok())
                .ok_or_else(|| {
                    invalid(format!("invalid symbol \"{c}\" found while decoding base64 sequence"))
                })?,
        };
        word = word << 6 | value;
        held += 1;
        if held == 4 {
            let [_, first, second, third] = word.to_be_bytes();
            out.push(first);
            if padding != 1 {
                out.push(second);
            }
            if padding == 0 {
                out.push(third);
            }
            (word, held) = (0, 0);
        }
    }
    match held {
        0 => Ok(out),
        _ => Err(invalid("invalid base64 end sequence")
            .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted.")),
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut chars = text.chars();
    let digit = |c: char| {
        let value = c.to_digit(16).and_then(|d| u8::try_from(d).ok());
        value.ok_or_else(|| invalid(format!("invalid hexadecimal digit: \"{c}\"")))
    };
    while let Some(c) = chars.next() {
        if matches!(c, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let high = digit(c)?;
        let low = chars.next().ok_or_else(|| invalid("invalid hexadecimal data: odd number of digits"))?;
        out.push(high << 4 | digit(low)?);
    }
    Ok(out)
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            0 | 0x80.. => out.push_str(&format!("\\{byte:03o}")),
            plain => out.push(char::from(*plain)),
        }
    }
    out
}

fn from_escaped(text: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Ok(out),
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            [b'\\', b'\\', after @ ..] => {
                out.push(b'\\');
                after
            }
            [b'\\', ..] => {
                return Err(Error::new(ErrorKind::InvalidText, "invalid input syntax for type bytea"));
            }
            [plain, after @ ..] => {
                out.push(*plain);
                after
            }
        };
    }
}

/// A character set that text can be converted from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Latin1,
}

/// PostgreSQL's encodings by their numbers, with the bytes of their longest character.
const ENCODINGS: [(&str, i32); 42] = [
    ("sqlascii", 1),
    ("eucjp", 3),
    ("euccn", 3),
    ("euckr", 3),
    ("euctw", 4),
    ("eucjis2004", 3),
    ("utf8", 4),
    ("muleinternal", 4),
    ("latin1", 1),
    ("latin2", 1),
    ("latin3", 1),
    ("latin4", 1),
    ("latin5", 1),
    ("latin6", 1),
    ("latin7", 1),
    ("latin8", 1),
    ("latin9", 1),
    ("latin10", 1),
    ("win1256", 1),
    ("win1258", 1),
    ("win866", 1),
    ("win874", 1),
    ("koi8r", 1),
    ("win1251", 1),
    ("win1252", 1),
    ("iso88595", 1),
    ("iso88596", 1),
    ("iso88597", 1),
    ("iso88598", 1),
    ("win1250", 1),
    ("win1253", 1),
    ("win1254", 1),
    ("win1255", 1),
    ("win1257", 1),
    ("koi8u", 1),
    ("sjis", 2),
    ("big5", 2),
    ("gbk", 2),
    ("uhc", 2),
    ("gb18030", 4),
    ("johab", 3),
    ("shiftjis2004", 2),
];

/// Other names of encodings.
const ALIASES: [(&str, &str); 27] = [
    ("unicode", "utf8"),
    ("iso88591", "latin1"),
    ("iso88592", "latin2"),
    ("iso88593", "latin3"),
    ("iso88594", "latin4"),
    ("iso88599", "latin5"),
    ("iso885910", "latin6"),
    ("iso885913", "latin7"),
    ("iso885914", "latin8"),
    ("iso885915", "latin9"),
    ("iso885916", "latin10"),
    ("abc", "win1258"),
    ("tcvn", "win1258"),
    ("tcvn5712", "win1258"),
    ("vscii", "win1258"),
    ("alt", "win866"),
    ("win", "win1251"),
    ("windows1251", "win1251"),
    ("koi8", "koi8r"),
    ("mskanji", "sjis"),
    ("shiftjis", "sjis"),
    ("windows932", "sjis"),
    ("windows949", "uhc"),
    ("windows950", "big5"),
    ("windows936", "gbk"),
    ("windows1252", "win1252"),
    ("windows1250", "win1250"),
];

/// Letters and digits of a name, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The number of an encoding by name; -1 for an unknown one.
pub(crate) fn number(name: &str) -> i32 {
    let name = plain(name);
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name.as_str(), |(_, own)| own);
    let found = ENCODINGS.iter().position(|(known, _)| *known == name);
    found.and_then(|i| i32::try_from(i).ok()).unwrap_or(-1)
}

/// Bytes of the longest character of an encoding by number; None for an unknown one.
pub(crate) fn length_max(number: i32) -> Option<i32> {
    usize::try_from(number).ok().and_then(|i| ENCODINGS.get(i)).map(|(_, bytes)| *bytes)
}

/// None for a name of no encoding, Some(None) for one that is not converted.
pub(crate) fn charset(name: &str) -> Option<Option<Charset>> {
    match number(name) {
        -1 => None,
        6 => Some(Some(Charset::Utf8)),
        8 => Some(Some(Charset::Latin1)),
        _ => Some(None),
    }
}

pub(crate) fn to_text(bytes: &[u8], from: Charset) -> Result<String> {
    let refused = |shown: &[u8], name: &str| {
        let shown = shown.iter().map(|b| format!("0x{b:02x}")).collect::<Vec<_>>().join(" ");
        let message = format!("invalid byte sequence for encoding \"{name}\": {shown}");
        Error::new(ErrorKind::CharacterNotInRepertoire, message)
    };
    match from {
        Charset::Latin1 if bytes.contains(&0) => Err(refused(&[0], "LATIN1")),
        Charset::Latin1 => {
            let text: String = bytes.iter().map(|b| char::from(*b)).collect();
            room(text.len())?;
            Ok(text)
        }
        Charset::Utf8 => match std::str::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Err(refused(&[0], "UTF8")),
            Ok(text) => Ok(text.to_owned()),
            Err(error) => {
                let rest = bytes.get(error.valid_up_to()..).unwrap_or_default();
                // As many bytes as the first one announces.
                let announced = match rest.first() {
                    Some(0xc0..=0xdf) => 2,
                    Some(0xe0..=0xef) => 3,
                    Some(0xf0..=0xf7) => 4,
                    _ => 1,
                };
                Err(refused(rest.get(..announced.min(rest.len())).unwrap_or_default(), "UTF8"))
            }
        },
    }
}

pub(crate) fn from_text(text: &str, to: Charset) -> Result<Vec<u8>> {
    match to {
        Charset::Utf8 => Ok(text.as_bytes().to_vec()),
        Charset::Latin1 => text
            .chars()
            .map(|c| {
                u8::try_from(u32::from(c)).map_err(|_| {
                    let mut buffer = [0; 4];
                    let shown = c.encode_utf8(&mut buffer).bytes().map(|b| format!("0x{b:02x}"));
                    let shown = shown.collect::<Vec<_>>().join(" ");
                    let message = format!(
                        "character with byte sequence {shown} in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\""
                    );
                    Error::new(ErrorKind::UntranslatableCharacter, message)
                })
            })
            .collect(),
    }
}
