//! `U&'d\0061t'` and `U&"d\0061t"`, with UESCAPE behind them or not: strings and names with Unicode escapes.
//!
//! sqlparser knows the first with a backslash only. So the text that it reads has `N'` and `"` in these places, and what
//! they say is read here from the text as it was written.
//! Invariant: the text that is read has its characters in the same places.

use super::cursor::is_word;
use super::pieces::plain_at;
use super::tokens::{position, syntax, text_of};
use crate::text::Text;
use base::{Error, ErrorKind, Result};
use sqlparser::tokenizer::{Token, TokenWithSpan};
use std::borrow::Cow;

/// The text with other characters where such strings and names begin.
pub(super) fn masked(sql: &str) -> Cow<'_, str> {
    let bytes = sql.as_bytes();
    let begins = |at: &usize| {
        matches!(bytes.get(at + 1), Some(b'&'))
            && matches!(bytes.get(at + 2), Some(b'\'' | b'"'))
            && matches!(bytes.get(*at), Some(b'u' | b'U'))
    };
    let among = |at: &usize| {
        begins(at) && !at.checked_sub(1).and_then(|b| bytes.get(b)).is_some_and(|b| is_word_byte(*b))
    };
    let found: Vec<usize> = bytes
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| matches!(pair, [b'&', b'\'' | b'"']))
        .filter_map(|(at, _)| at.checked_sub(1))
        .filter(among)
        .collect();
    if found.is_empty() {
        return Cow::Borrowed(sql);
    }
    let mut text = sql.to_owned();
    for at in plain_at(sql, &found) {
        let string = bytes.get(at + 2) == Some(&b'\'');
        text.replace_range(at..at + 2, if string { " N" } else { "  " });
    }
    Cow::Owned(text)
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// Reads the masked strings and names among the tokens of a statement. Errors: 42601.
pub(super) fn rewrite(text: &Text<'_>, tokens: &mut Vec<TokenWithSpan>) -> Result<()> {
    if !tokens.iter().any(|token| written(text, token).is_some()) {
        return Ok(());
    }
    let mut rest = std::mem::take(tokens).into_iter().peekable();
    while let Some(mut token) = rest.next() {
        let Some(start) = written(text, &token) else {
            tokens.push(token);
            continue;
        };
        let mut escape = '\\';
        let inner = text_of(text, token.span).to_owned();
        let end = position(token.span.end);
        if rest.peek().is_some_and(|next| is_word(&next.token, "uescape")) {
            rest.next();
            let Some(string) = rest.next() else {
                return Err(syntax(
                    "UESCAPE must be followed by a simple string literal at end of input".to_owned(),
                    end,
                ));
            };
            let at = position(string.span.start);
            let shown = text_of(text, string.span);
            let Token::SingleQuotedString(given) = &string.token else {
                let message =
                    format!("UESCAPE must be followed by a simple string literal at or near \"{shown}\"");
                return Err(syntax(message, at));
            };
            let mut given = given.chars();
            escape = match (given.next(), given.next()) {
                (Some(escape), None) if may_escape(escape) => escape,
                _ => {
                    return Err(syntax(
                        format!("invalid Unicode escape character at or near \"{shown}\""),
                        at,
                    ));
                }
            };
        }
        match &mut token.token {
            Token::Word(word) => {
                let quoted = inner.strip_prefix('"').and_then(|i| i.strip_suffix('"')).unwrap_or(&inner);
                word.value = unescaped(&quoted.replace("\"\"", "\""), escape, start)?;
            }
            other => {
                let body = inner.trim_start_matches([' ', 'n', 'N', 'u', 'U', '&']);
                let quoted = body.strip_prefix('\'').and_then(|i| i.strip_suffix('\'')).unwrap_or(body);
                *other = Token::UnicodeStringLiteral(unescaped(&quoted.replace("''", "'"), escape, start)?);
            }
        }
        tokens.push(token);
    }
    Ok(())
}

/// Where a token begins that was masked.
fn written(text: &Text<'_>, token: &TokenWithSpan) -> Option<usize> {
    let quote = match &token.token {
        Token::NationalStringLiteral(_) => '\'',
        Token::Word(word) if word.quote_style.is_some() => '"',
        _ => return None,
    };
    let start = position(token.span.start);
    // A string's token begins at the N in the place of `&`.
    let start = start.checked_sub(if quote == '"' { 2 } else { 1 })?;
    let mark = text.from(start).get(..3)?;
    (start > 0 && mark.starts_with(['u', 'U']) && mark.ends_with(quote) && mark.contains('&'))
        .then_some(start)
}

fn may_escape(ch: char) -> bool {
    !(ch.is_ascii_hexdigit() || matches!(ch, '+' | '\'' | '"') || ch.is_ascii_whitespace())
}

/// The text with its escapes read: four digits, `+` and six digits, or the escape character itself.
fn unescaped(text: &str, escape: char, at: usize) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut high: Option<u32> = None;
    while let Some(ch) = rest.chars().next() {
        rest = rest.get(ch.len_utf8()..).unwrap_or_default();
        if ch != escape || rest.starts_with(escape) {
            if high.is_some() {
                return Err(pair(at));
            }
            rest = if ch == escape { rest.get(escape.len_utf8()..).unwrap_or_default() } else { rest };
            out.push(ch);
            continue;
        }
        let (skip, digits) = if rest.starts_with('+') { (1, 6) } else { (0, 4) };
        let number = rest
            .get(skip..skip + digits)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| {
                let error = syntax("invalid Unicode escape".to_owned(), at);
                error.with_hint("Unicode escapes must be \\XXXX or \\+XXXXXX.")
            })?;
        rest = rest.get(skip + digits..).unwrap_or_default();
        let number = match (high.take(), number) {
            (None, 0xd800..0xdc00) => {
                high = Some(number);
                continue;
            }
            (Some(high), 0xdc00..0xe000) => 0x1_0000 + ((high - 0xd800) << 10) + (number - 0xdc00),
            (Some(_), _) | (None, 0xdc00..0xe000) => return Err(pair(at)),
            (None, number) => number,
        };
        match char::from_u32(number).filter(|ch| *ch != '\0') {
            Some(ch) => out.push(ch),
            None => return Err(syntax("invalid Unicode escape value".to_owned(), at)),
        }
    }
    if high.is_some() { Err(pair(at)) } else { Ok(out) }
}

/// What is wrong with the Unicode escapes of a string that begins with `E'`; None if nothing is.
pub(super) fn escape_error(text: &str, at: usize) -> Option<Error> {
    let body = text.get(2..)?;
    let mut chars = body.char_indices();
    let mut high = false;
    while let Some((place, ch)) = chars.next() {
        let mark = if ch == '\\' { chars.next().map(|(_, mark)| mark) } else { None };
        let digits = match mark {
            Some('u') => 4,
            Some('U') => 8,
            _ => 0,
        };
        let near = |bytes: usize| body.get(place..place + bytes).unwrap_or_default();
        let refused = |what: &str, near: &str| {
            Some(syntax(format!("invalid Unicode {what} at or near \"{near}\""), at))
        };
        if digits == 0 {
            match ch {
                _ if high => return refused("surrogate pair", near(ch.len_utf8())),
                '\'' => return None,
                _ => continue,
            }
        }
        let escape = near(2 + digits);
        let hex = escape.get(2..).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(number) = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()) else {
            let error = Error::new(ErrorKind::InvalidEscape, "invalid Unicode escape").at(at);
            return Some(error.with_hint("Unicode escapes must be \\uXXXX or \\UXXXXXXXX."));
        };
        match number {
            0xdc00..0xe000 if !high => return refused("surrogate pair", escape),
            0xdc00..0xe000 => high = false,
            _ if high => return refused("surrogate pair", escape),
            0xd800..0xdc00 => high = true,
            0 | 0x11_0000.. => return refused("escape value", escape),
            _ => {}
        }
        for _ in 0..digits {
            chars.next();
        }
    }
    None
}

fn pair(at: usize) -> Error {
    syntax("invalid Unicode surrogate pair".to_owned(), at)
}
