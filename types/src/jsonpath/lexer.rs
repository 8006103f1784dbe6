//! Tokens of a jsonpath's text.
//!
//! Invariant: an error names the text of the token at which PostgreSQL's own reader stops.

use base::{Error, ErrorKind, Result};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word without quotes; keywords are words, too.
    Word(String),
    String(String),
    Variable(String),
    Integer(String),
    Number(String),
    /// `&&`, `||`, `!`, `**`, comparisons, and single characters.
    Sign(&'static str),
    End,
}

#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    start: usize,
    pub(super) token: Token,
}

const SIGNS: [&str; 30] = [
    "&&", "||", "**", "<=", "==", "<>", "!=", ">=", "!", "<", ">", "?", "%", "$", ".", "[", "]", "{", "}",
    "(", ")", "@", "#", ",", "*", ":", "-", "+", "/", "|",
];
const LONE_SIGNS: [&str; 2] = ["&", "="];

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

fn is_special(c: char) -> bool {
    "?%$.[]{}()|&!=<>@#,*:-+/".contains(c)
}

/// Characters that words are made of.
fn is_other(c: char) -> bool {
    !is_blank(c) && !is_special(c) && c != '\\' && c != '"'
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self> {
        let mut lexer = Self { text, at: 0, start: 0, token: Token::End };
        lexer.advance()?;
        Ok(lexer)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.bump();
        }
    }

    pub(super) fn error(&self, what: &str) -> Error {
        let near = self.text.get(self.start..self.at).unwrap_or_default();
        let message = match near.is_empty() {
            true => format!("{what} at end of jsonpath input"),
            false => format!("{what} at or near \"{near}\" of jsonpath input"),
        };
        Error::new(ErrorKind::Syntax, message)
    }

    pub(super) fn advance(&mut self) -> Result<()> {
        loop {
            self.skip(is_blank);
            self.start = self.at;
            if !self.rest().starts_with("/*") {
                break;
            }
            match self.rest().find("*/") {
                Some(end) => self.at += end + 2,
                None => {
                    self.at = self.text.len();
                    self.start = self.at;
                    return Err(self.error("unexpected end of comment"));
                }
            }
        }
        let rest = self.rest();
        let mut chars = rest.chars();
        let (first, second) = (chars.next(), chars.next());
        self.token = match first {
            None => Token::End,
            Some('"') => {
                self.bump();
                Token::String(self.quoted()?)
            }
            Some('$') if second == Some('"') => {
                self.at += 2;
                Token::Variable(self.quoted()?)
            }
            Some('$') if second.is_some_and(|c| is_other(c) || c == '\\') => {
                self.bump();
                Token::Variable(self.word()?)
            }
            Some('0'..='9') => self.number()?,
            Some('.') if second.is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            Some(c) if is_other(c) || c == '\\' => Token::Word(self.word()?),
            Some(_) => {
                let sign = SIGNS.iter().chain(&LONE_SIGNS).copied().find(|sign| rest.starts_with(*sign));
                let sign = sign.ok_or_else(|| self.error("syntax error"))?;
                self.at += sign.len();
                Token::Sign(sign)
            }
        };
        Ok(())
    }

    fn word(&mut self) -> Result<String> {
        let mut out = String::new();
        loop {
            match self.peek() {
                Some('\\') => {
                    self.bump();
                    self.escape(&mut out)?;
                }
                Some(c) if is_other(c) => {
                    out.push(c);
                    self.bump();
                }
                _ => return Ok(out),
            }
        }
    }

    /// Behind the opening quote, up to behind the closing one.
    fn quoted(&mut self) -> Result<String> {
        let mut out = String::new();
        loop {
            match self.bump() {
                None => {
                    self.start = self.at;
                    return Err(self.error("unterminated quoted string"));
                }
                Some('"') => return Ok(out),
                Some('\\') => self.escape(&mut out)?,
                Some(c) => out.push(c),
            }
        }
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest().get(..digits)?;
        let code =
            text.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(text, 16).ok())??;
        self.at += digits;
        Some(code)
    }

    /// Four digits, or digits in braces, of a Unicode escape.
    fn unicode(&mut self) -> Option<u32> {
        if self.peek() != Some('{') {
            return self.hex(4);
        }
        let digits = self.rest().get(1..)?.find('}')?;
        if digits == 0 || digits > 6 {
            return None;
        }
        self.at += 1;
        let code = self.hex(digits)?;
        self.at += 1;
        Some(code)
    }

    /// Behind a backslash.
    fn escape(&mut self, out: &mut String) -> Result<()> {
        let c = match self.bump() {
            None => {
                self.start = self.at;
                return Err(self.error("unexpected end after backslash"));
            }
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some('x') => {
                let code = self.hex(2).ok_or_else(|| self.error("invalid hexadecimal character sequence"))?;
                return self.push_code(code, out);
            }
            Some('u') => {
                let code = self.unicode().ok_or_else(|| self.error("invalid Unicode escape sequence"))?;
                if !(0xd800..0xdc00).contains(&code) {
                    return self.push_code(code, out);
                }
                let low = match self.rest().starts_with("\\u") {
                    true => {
                        self.at += 2;
                        self.unicode()
                    }
                    false => None,
                };
                return match low {
                    Some(low @ 0xdc00..=0xdfff) => {
                        self.push_code(0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff), out)
                    }
                    Some(0xd800..=0xdbff) => {
                        Err(surrogate("Unicode high surrogate must not follow a high surrogate."))
                    }
                    _ => Err(surrogate("Unicode low surrogate must follow a high surrogate.")),
                };
            }
            Some(other) => other,
        };
        out.push(c);
        Ok(())
    }

    fn push_code(&self, code: u32, out: &mut String) -> Result<()> {
        if code == 0 {
            let message = "unsupported Unicode escape sequence";
            return Err(Error::new(ErrorKind::UntranslatableCharacter, message)
                .with_detail("\\u0000 cannot be converted to text."));
        }
        match char::from_u32(code) {
            Some(c) => out.push(c),
            None if (0xdc00..0xe000).contains(&code) => {
                return Err(surrogate("Unicode low surrogate must follow a high surrogate."));
            }
            None => return Err(self.error("invalid Unicode escape sequence")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Token> {
        let digit = |c: char| c.is_ascii_digit();
        let start = self.at;
        let mut whole = true;
        if self.peek() == Some('0') {
            self.bump();
        } else {
            self.skip(digit);
        }
        if self.peek() == Some('.') {
            whole = false;
            self.bump();
            self.skip(digit);
        }
        let behind = self.at;
        if matches!(self.peek(), Some('e' | 'E')) {
            self.bump();
            if matches!(self.peek(), Some('+' | '-')) {
                self.bump();
            }
            let digits = self.at;
            self.skip(digit);
            if self.at == digits {
                // An exponent without digits is junk, or a failure once it has a sign.
                let signed = digits - behind == 2;
                if !signed {
                    self.at = behind + 1;
                }
                let what =
                    if signed { "invalid numeric literal" } else { "trailing junk after numeric literal" };
                return Err(self.error(what));
            }
            whole = false;
        }
        if self.peek().is_some_and(is_other) {
            self.bump();
            return Err(self.error("trailing junk after numeric literal"));
        }
        let text = self.text.get(start..self.at).unwrap_or_default().to_owned();
        Ok(if whole { Token::Integer(text) } else { Token::Number(text) })
    }
}

fn surrogate(detail: &str) -> Error {
    Error::new(ErrorKind::InvalidText, "invalid input syntax for type jsonpath").with_detail(detail)
}
