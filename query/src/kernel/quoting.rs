//! Names and literals in SQL's quotes, and names out of them.

use crate::kernel::call::{Arg, Call, Run, arg, map1, map2};
use crate::kernel::strings::cast_to_text;
use crate::kernel::value::{Bool, Input, Output, Text};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{KeywordClass, keyword};
use types::Datum;

/// A name as SQL text has it: in quotes where it would be folded or read as a keyword.
pub(crate) fn quote_ident(text: &str) -> String {
    let plain = text.bytes().enumerate().all(|(index, byte)| {
        byte == b'_' || byte.is_ascii_lowercase() || (index > 0 && byte.is_ascii_digit())
    });
    let reserved = || keyword(text).is_some_and(|k| k.class != KeywordClass::Unreserved);
    match plain && !text.is_empty() && !reserved() {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}

pub(crate) fn quote_literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''").replace('\\', "\\\\"));
    if text.contains('\\') { format!("E{quoted}") } else { quoted }
}

/// A value of any type as a literal; null as the word NULL when it is `nullable`.
fn literals(call: &Call<'_>, args: &[Arg], nullable: bool) -> Result<ArrayRef> {
    let mut out = Text::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        match cast_to_text(call, args, 0, row)? {
            Some(text) => Text::append(&mut out, quote_literal(&text))?,
            None if nullable => Text::append(&mut out, "NULL".to_owned())?,
            None => Text::append_null(&mut out),
        }
    }
    Text::finish(out)
}

fn bad_name(text: &str, detail: Option<&str>) -> Error {
    let message = format!("string is not a valid identifier: \"{text}\"");
    let error = Error::new(ErrorKind::InvalidParameterValue, message);
    match detail {
        Some(detail) => error.with_detail(detail),
        None => error,
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// The parts of a qualified name; what follows it is an error when `strict`.
pub(crate) fn parse_ident(text: &str, strict: bool) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut inner = quoted;
            loop {
                let Some((part, after)) = inner.split_once('"') else {
                    return Err(bad_name(text, Some("String has unclosed double quotes.")));
                };
                name.push_str(part);
                match after.strip_prefix('"') {
                    Some(more) => {
                        name.push('"');
                        inner = more;
                    }
                    None => {
                        rest = after;
                        break;
                    }
                }
            }
            if name.is_empty() {
                return Err(bad_name(text, Some("Quoted identifier must not be empty.")));
            }
            parts.push(name);
        } else {
            let starts = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
            if !rest.starts_with(starts) {
                return Err(match (rest.starts_with('.'), parts.is_empty()) {
                    (true, _) => bad_name(text, Some("No valid identifier before \".\".")),
                    (false, false) => bad_name(text, Some("No valid identifier after \".\".")),
                    (false, true) => bad_name(text, None),
                });
            }
            let end = rest.find(|c: char| !(starts(c) || c.is_ascii_digit() || c == '$'));
            let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
            parts.push(name.to_ascii_lowercase());
            rest = after;
        }
        rest = rest.trim_start_matches(is_blank);
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start_matches(is_blank),
            None if rest.is_empty() || !strict => return Ok(parts),
            None => return Err(bad_name(text, None)),
        }
    }
}

fn names(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let (text, strict) = (arg(args, 0)?, arg(args, 1)?);
    let (texts, stricts) = (Text::column(text.array.as_ref())?, Bool::column(strict.array.as_ref())?);
    let mut out = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if text.is_null(row) || strict.is_null(row) {
            out.push(Datum::Null);
            continue;
        }
        let strict = Bool::value(&stricts, strict.index(row))?;
        let parts = parse_ident(Text::value(&texts, text.index(row))?, strict)?;
        out.push(Datum::list(parts.into_iter().map(Datum::Text).collect()));
    }
    types::array::from_data(&call.ret.form, &out)
}

/// unistr(): backslash escapes of Unicode.
fn unescaped(text: &str) -> Result<String> {
    let bad_pair = || Error::new(ErrorKind::Syntax, "invalid Unicode surrogate pair");
    let mut out = String::with_capacity(text.len());
    let mut high: Option<u32> = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        if c != '\\' || after.starts_with('\\') {
            if high.is_some() {
                return Err(bad_pair());
            }
            out.push(c);
            rest = if c == '\\' { after.get(1..).unwrap_or_default() } else { after };
            continue;
        }
        let digits = |from: usize, count: usize| {
            let digits = after.get(from..from + count)?;
            if digits.bytes().all(|b| b.is_ascii_hexdigit()) { Some((digits, from + count)) } else { None }
        };
        let found = digits(0, 4).or_else(|| match after.chars().next() {
            Some('u') => digits(1, 4),
            Some('+') => digits(1, 6),
            Some('U') => digits(1, 8),
            _ => None,
        });
        let Some((digits, end)) = found else {
            return Err(Error::new(ErrorKind::Syntax, "invalid Unicode escape")
                .with_hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX."));
        };
        rest = after.get(end..).unwrap_or_default();
        let code = u32::from_str_radix(digits, 16).unwrap_or(u32::MAX);
        if !(1..=0x0010_ffff).contains(&code) {
            let message = format!("invalid Unicode code point: {code:04X}");
            return Err(Error::new(ErrorKind::InvalidParameterValue, message));
        }
        let code = match (high.take(), code) {
            (Some(high), 0xdc00..=0xdfff) => 0x10000 + ((high & 0x3ff) << 10) + (code & 0x3ff),
            (Some(_), _) | (None, 0xdc00..=0xdfff) => return Err(bad_pair()),
            (None, 0xd800..=0xdbff) => {
                high = Some(code);
                continue;
            }
            (None, code) => code,
        };
        out.push(char::from_u32(code).ok_or_else(bad_pair)?);
    }
    if high.is_some() { Err(bad_pair()) } else { Ok(out) }
}

fn normal_form(name: &str) -> Result<fn(&str) -> String> {
    use unicode_normalization::UnicodeNormalization as _;
    Ok(match name.to_ascii_lowercase().as_str() {
        "nfc" => |text| text.nfc().collect(),
        "nfd" => |text| text.nfd().collect(),
        "nfkc" => |text| text.nfkc().collect(),
        "nfkd" => |text| text.nfkd().collect(),
        _ => {
            let message = format!("invalid normalization form: {name}");
            return Err(Error::new(ErrorKind::InvalidParameterValue, message));
        }
    })
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("quote_ident", |c, a| map1::<Text, Text, _>(c, a, |s| Ok(quote_ident(s)))),
    ("quote_literal", |c, a| map1::<Text, Text, _>(c, a, |s| Ok(quote_literal(s)))),
    ("quote_nullable", |c, a| literals(c, a, true)),
    ("parse_ident", names),
    ("unistr", |c, a| map1::<Text, Text, _>(c, a, unescaped)),
    ("unicode_normalize_func", |c, a| {
        map2::<Text, Text, Text, _>(c, a, |s, form| {
            let text = normal_form(form)?(s);
            crate::kernel::strings::room(text.len())?;
            Ok(text)
        })
    }),
    ("unicode_is_normalized", |c, a| {
        map2::<Text, Text, Bool, _>(c, a, |s, form| Ok(normal_form(form)?(s) == s))
    }),
];

/// Functions that pg_proc has in SQL.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    // quote_literal(anyelement), quote_nullable(anyelement)
    (1285, |c, a| literals(c, a, false)),
    (1290, |c, a| literals(c, a, true)),
];
