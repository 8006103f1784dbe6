//! Parts of a json as they are written.
//!
//! Invariant: a part is a slice of the text, from the first to the last byte of its value.

use super::lexer::{Lexer, Token};
use base::Result;

/// The value of a key, as written; of several the last. None when the text is no object or has no such key.
pub fn field<'t>(text: &'t str, key: &str) -> Result<Option<&'t str>> {
    let mut found = None;
    let mut lexer = Lexer::new(text, true)?;
    if lexer.token != Token::ObjectStart {
        return Ok(None);
    }
    lexer.advance()?;
    while lexer.token == Token::String {
        let matches = lexer.string == key;
        lexer.advance()?;
        lexer.advance()?;
        let value = skip(&mut lexer, text)?;
        if matches {
            found = Some(value);
        }
        if lexer.token == Token::Comma {
            lexer.advance()?;
        }
    }
    Ok(found)
}

/// The element of an array, as written, counted from 0 or from the end if negative. None when there is none.
pub fn element(text: &str, index: i64) -> Result<Option<&str>> {
    let mut lexer = Lexer::new(text, true)?;
    if lexer.token != Token::ArrayStart {
        return Ok(None);
    }
    lexer.advance()?;
    let mut items = Vec::new();
    while !matches!(lexer.token, Token::ArrayEnd | Token::End) {
        items.push(skip(&mut lexer, text)?);
        if lexer.token == Token::Comma {
            lexer.advance()?;
        }
    }
    let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(len) } else { index };
    Ok(usize::try_from(index).ok().and_then(|at| items.get(at).copied()))
}

/// The whole text without the blanks around it.
pub fn whole(text: &str) -> Result<&str> {
    skip(&mut Lexer::new(text, true)?, text)
}

/// What ->> gives of a value: strings without quotes and escapes, nothing of null.
pub fn plain(value: &str) -> Result<Option<String>> {
    let lexer = Lexer::new(value, true)?;
    Ok(match lexer.token {
        Token::Null => None,
        Token::String => Some(lexer.string),
        _ => Some(value.to_owned()),
    })
}

/// Passes over the value that begins at the current token.
fn skip<'t>(lexer: &mut Lexer<'_>, text: &'t str) -> Result<&'t str> {
    let start = lexer.start();
    let mut depth = 0_usize;
    loop {
        match lexer.token {
            Token::ObjectStart | Token::ArrayStart => depth += 1,
            Token::ObjectEnd | Token::ArrayEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        let (end, last) = (lexer.end(), depth == 0 || lexer.token == Token::End);
        lexer.advance()?;
        if last {
            return Ok(text.get(start..end).unwrap_or_default());
        }
    }
}
