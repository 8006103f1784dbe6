//! A json's text taken apart: every part with the text as it was written, which is what functions of json give back.
//!
//! Invariant: strings and keys have their escapes resolved, so an escape that stands for no character is an error here
//! though the check of a json passes it.

use super::DEPTH_MAX;
use super::lexer::{Lexer, Token};
use base::{Error, ErrorKind, Result};

/// A value inside a json.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<'a> {
    pub written: &'a str,
    pub content: Content<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content<'a> {
    Null,
    Bool,
    Number,
    String(String),
    Array(Vec<Part<'a>>),
    /// Pairs as they were written; a key may be there more than once.
    Object(Vec<(String, Part<'a>)>),
}

impl<'a> Part<'a> {
    /// Takes the text of a json apart.
    pub fn read(text: &'a str) -> Result<Self> {
        let mut reader = Reader { text, lexer: Lexer::new(text, true)? };
        let part = reader.part(0)?;
        match reader.lexer.token {
            Token::End => Ok(part),
            _ => Err(reader.lexer.unexpected("end of input")),
        }
    }

    /// The last value of a key of an object.
    pub fn field(&self, key: &str) -> Option<&Part<'a>> {
        let Content::Object(pairs) = &self.content else { return None };
        pairs.iter().rev().find(|(found, _)| found == key).map(|(_, part)| part)
    }

    /// The element of an array, counted from 0, or from the end if negative.
    pub fn element(&self, index: i64) -> Option<&Part<'a>> {
        let Content::Array(items) = &self.content else { return None };
        let index = if index < 0 { i64::try_from(items.len()).ok()?.checked_add(index)? } else { index };
        items.get(usize::try_from(index).ok()?)
    }

    /// The part as text: strings without quotes; None for null.
    pub fn plain(&self) -> Option<&str> {
        match &self.content {
            Content::Null => None,
            Content::String(text) => Some(text),
            Content::Bool | Content::Number | Content::Array(_) | Content::Object(_) => Some(self.written),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
}

impl<'a> Reader<'a> {
    fn part(&mut self, depth: usize) -> Result<Part<'a>> {
        if depth > DEPTH_MAX {
            return Err(Error::new(ErrorKind::TooComplex, "stack depth limit exceeded")
                .with_hint(format!("At most {DEPTH_MAX} JSON values can be inside each other.")));
        }
        let start = self.lexer.start();
        let mut end = self.lexer.end();
        let content = match self.lexer.token {
            Token::ObjectStart => {
                let pairs = self.pairs(depth)?;
                end = self.lexer.end();
                Content::Object(pairs)
            }
            Token::ArrayStart => {
                let items = self.items(depth)?;
                end = self.lexer.end();
                Content::Array(items)
            }
            Token::String => Content::String(std::mem::take(&mut self.lexer.string)),
            Token::Number => Content::Number,
            Token::True | Token::False => Content::Bool,
            Token::Null => Content::Null,
            _ => return Err(self.lexer.unexpected("JSON value")),
        };
        self.lexer.advance()?;
        Ok(Part { written: self.text.get(start..end).unwrap_or_default(), content })
    }

    /// Up to the closing bracket, which is the current token then.
    fn items(&mut self, depth: usize) -> Result<Vec<Part<'a>>> {
        let mut items = Vec::new();
        self.lexer.advance()?;
        if self.lexer.token == Token::ArrayEnd {
            return Ok(items);
        }
        loop {
            items.push(self.part(depth + 1)?);
            match self.lexer.token {
                Token::Comma => self.lexer.advance()?,
                Token::ArrayEnd => return Ok(items),
                _ => return Err(self.lexer.unexpected("\",\" or \"]\"")),
            }
        }
    }

    /// Up to the closing brace, which is the current token then.
    fn pairs(&mut self, depth: usize) -> Result<Vec<(String, Part<'a>)>> {
        let mut pairs = Vec::new();
        self.lexer.advance()?;
        match self.lexer.token {
            Token::ObjectEnd => return Ok(pairs),
            Token::String => {}
            _ => return Err(self.lexer.unexpected("string or \"}\"")),
        }
        loop {
            if self.lexer.token != Token::String {
                return Err(self.lexer.unexpected("string"));
            }
            let key = std::mem::take(&mut self.lexer.string);
            self.lexer.advance()?;
            if self.lexer.token != Token::Colon {
                return Err(self.lexer.unexpected("\":\""));
            }
            self.lexer.advance()?;
            pairs.push((key, self.part(depth + 1)?));
            match self.lexer.token {
                Token::Comma => self.lexer.advance()?,
                Token::ObjectEnd => return Ok(pairs),
                _ => return Err(self.lexer.unexpected("\",\" or \"}\"")),
            }
        }
    }
}
