//! The grammar of JSON, once for checking and once for values.

use super::lexer::{Lexer, Token};
use super::{DEPTH_MAX, Value};
use crate::pgnum::PgNum;
use base::{Error, ErrorKind, Result};

/// Checks the text of a json, which is kept as it is. Escapes are not resolved, so `\u0000` passes.
pub fn check(text: &str) -> Result<()> {
    read(text, false).map(drop)
}

/// The value of a jsonb's text.
pub fn parse(text: &str) -> Result<Value> {
    read(text, true)
}

fn read(text: &str, keep: bool) -> Result<Value> {
    let mut parser = Parser { lexer: Lexer::new(text, keep)?, keep };
    let value = parser.value(0)?;
    match parser.lexer.token {
        Token::End => Ok(value),
        _ => Err(parser.lexer.unexpected("end of input")),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// Whether values are built; a check builds none.
    keep: bool,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Value> {
        if depth > DEPTH_MAX {
            return Err(Error::new(ErrorKind::TooComplex, "stack depth limit exceeded")
                .with_hint(format!("At most {DEPTH_MAX} JSON values can be inside each other.")));
        }
        let value = match self.lexer.token {
            Token::ObjectStart => return self.object(depth),
            Token::ArrayStart => return self.array(depth),
            Token::String => Value::String(std::mem::take(&mut self.lexer.string)),
            Token::Number if self.keep => Value::Number(PgNum::parse(self.lexer.written())?),
            Token::Number | Token::Null => Value::Null,
            Token::True => Value::Bool(true),
            Token::False => Value::Bool(false),
            _ => return Err(self.lexer.unexpected("JSON value")),
        };
        self.lexer.advance()?;
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Value> {
        let mut items = Vec::new();
        self.lexer.advance()?;
        if self.lexer.token != Token::ArrayEnd {
            loop {
                let item = self.value(depth + 1)?;
                if self.keep {
                    items.push(item);
                }
                match self.lexer.token {
                    Token::Comma => self.lexer.advance()?,
                    Token::ArrayEnd => break,
                    _ => return Err(self.lexer.unexpected("\",\" or \"]\"")),
                }
            }
        }
        self.lexer.advance()?;
        Ok(Value::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value> {
        let mut pairs = Vec::new();
        self.lexer.advance()?;
        match self.lexer.token {
            Token::ObjectEnd => {}
            Token::String => loop {
                let pair = self.pair(depth)?;
                if self.keep {
                    pairs.push(pair);
                }
                match self.lexer.token {
                    Token::Comma => self.lexer.advance()?,
                    Token::ObjectEnd => break,
                    _ => return Err(self.lexer.unexpected("\",\" or \"}\"")),
                }
            },
            _ => return Err(self.lexer.unexpected("string or \"}\"")),
        }
        self.lexer.advance()?;
        Ok(Value::object(pairs))
    }

    fn pair(&mut self, depth: usize) -> Result<(String, Value)> {
        if self.lexer.token != Token::String {
            return Err(self.lexer.unexpected("string"));
        }
        let key = std::mem::take(&mut self.lexer.string);
        self.lexer.advance()?;
        if self.lexer.token != Token::Colon {
            return Err(self.lexer.unexpected("\":\""));
        }
        self.lexer.advance()?;
        Ok((key, self.value(depth + 1)?))
    }
}
