//! Tokens of JSON text, and the errors that PostgreSQL 15 reports about them.
//!
//! Invariant: an error's detail and context are those of PostgreSQL's own reader at the same place.

use base::{Error, ErrorKind, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Comma,
    Colon,
    String,
    Number,
    True,
    False,
    Null,
    End,
}

/// The current token of a text.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    pub(super) token: Token,
    start: usize,
    end: usize,
    line: usize,
    line_start: usize,
    /// Whether strings are read as jsonb reads them, escapes resolved.
    resolve: bool,
    /// The current string with its escapes resolved, if they are.
    pub(super) string: String,
}

/// Characters of the context of an error before its place.
const CONTEXT_BYTES_MAX: usize = 50;

impl<'a> Lexer<'a> {
    /// At the first token.
    pub(super) fn new(text: &'a str, resolve: bool) -> Result<Self> {
        let mut lexer = Self {
            text,
            token: Token::End,
            start: 0,
            end: 0,
            line: 1,
            line_start: 0,
            resolve,
            string: String::new(),
        };
        lexer.advance()?;
        Ok(lexer)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Where the current token begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Where the current token ends.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// The current token as it is written.
    pub(super) fn written(&self) -> &'a str {
        self.text.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn advance(&mut self) -> Result<()> {
        let mut at = self.end;
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.byte(at) {
            at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = at;
            }
        }
        (self.start, self.end) = (at, at);
        let Some(byte) = self.byte(at) else {
            self.token = Token::End;
            return Ok(());
        };
        self.end = at + 1;
        self.token = match byte {
            b'{' => Token::ObjectStart,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayStart,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.read_string(),
            b'-' => return self.read_number(at + 1),
            b'0'..=b'9' => return self.read_number(at),
            _ => return self.read_word(),
        };
        Ok(())
    }

    fn read_word(&mut self) -> Result<()> {
        self.end = self.behind_word(self.start);
        if self.end == self.start {
            self.end += self.character_at(self.start);
            return Err(self.invalid_token());
        }
        self.token = match self.written() {
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            _ => return Err(self.invalid_token()),
        };
        Ok(())
    }

    /// The end of what looks like a word.
    fn behind_word(&self, from: usize) -> usize {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        from + self.text.as_bytes().iter().skip(from).take_while(|byte| is_word(byte)).count()
    }

    /// Bytes of the character at a place.
    fn character_at(&self, at: usize) -> usize {
        self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    }

    fn behind_digits(&self, from: usize) -> usize {
        from + self.text.as_bytes().iter().skip(from).take_while(|b| b.is_ascii_digit()).count()
    }

    fn read_number(&mut self, from: usize) -> Result<()> {
        let mut good = true;
        let mut at = match self.byte(from) {
            Some(b'0') => from + 1,
            _ => self.behind_digits(from),
        };
        good &= at > from;
        if self.byte(at) == Some(b'.') {
            let digits = at + 1;
            at = self.behind_digits(digits);
            good &= at > digits;
        }
        if matches!(self.byte(at), Some(b'e' | b'E')) {
            at += 1;
            if matches!(self.byte(at), Some(b'+' | b'-')) {
                at += 1;
            }
            let digits = at;
            at = self.behind_digits(digits);
            good &= at > digits;
        }
        self.end = self.behind_word(at);
        good &= self.end == at;
        self.token = Token::Number;
        if good { Ok(()) } else { Err(self.invalid_token()) }
    }

    fn read_string(&mut self) -> Result<()> {
        self.token = Token::String;
        self.string.clear();
        let mut at = self.start + 1;
        let mut high: Option<u32> = None;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let Some(c) = rest.chars().next() else {
                self.end = at;
                return Err(self.invalid_token());
            };
            if self.resolve && high.is_some() && !rest.starts_with("\\u") {
                self.end = at;
                return Err(self.low_surrogate());
            }
            match c {
                '"' => break,
                '\\' => at = self.read_escape(at + 1, &mut high)?,
                c if u32::from(c) < 32 => {
                    self.end = at;
                    let detail = format!("Character with value 0x{:02x} must be escaped.", u32::from(c));
                    return Err(self.error(&detail));
                }
                c => {
                    if self.resolve {
                        self.string.push(c);
                    }
                    at += c.len_utf8();
                }
            }
        }
        self.end = at + 1;
        Ok(())
    }

    /// Reads what follows a backslash; the place behind it.
    fn read_escape(&mut self, at: usize, high: &mut Option<u32>) -> Result<usize> {
        let Some(byte) = self.byte(at) else {
            self.end = at;
            return Err(self.invalid_token());
        };
        let resolved = match byte {
            b'u' => return self.read_unicode(at + 1, high),
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => {
                self.start = at;
                self.end = at + self.character_at(at);
                return Err(self.error(&format!("Escape sequence \"\\{}\" is invalid.", self.written())));
            }
        };
        if self.resolve {
            self.string.push(resolved);
        }
        Ok(at + 1)
    }

    fn read_unicode(&mut self, from: usize, high: &mut Option<u32>) -> Result<usize> {
        let mut code = 0;
        for at in from..from + 4 {
            let Some(byte) = self.byte(at) else {
                self.end = at;
                return Err(self.invalid_token());
            };
            let Some(digit) = char::from(byte).to_digit(16) else {
                self.end = at + self.character_at(at);
                return Err(self.error("\"\\u\" must be followed by four hexadecimal digits."));
            };
            code = code * 16 + digit;
        }
        let behind = from + 4;
        if !self.resolve {
            return Ok(behind);
        }
        self.end = behind;
        match (high.take(), code) {
            (None, 0xd800..=0xdbff) => *high = Some(code),
            (Some(_), 0xd800..=0xdbff) => {
                return Err(self.error("Unicode high surrogate must not follow a high surrogate."));
            }
            (None, 0xdc00..=0xdfff) => return Err(self.low_surrogate()),
            (Some(first), 0xdc00..=0xdfff) => {
                let code = 0x10000 + ((first & 0x3ff) << 10) + (code & 0x3ff);
                self.string.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (Some(_), _) => return Err(self.low_surrogate()),
            (None, 0) => {
                let error =
                    Error::new(ErrorKind::UntranslatableCharacter, "unsupported Unicode escape sequence");
                return Err(self.located(error.with_detail("\\u0000 cannot be converted to text.")));
            }
            (None, code) => self.string.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
        Ok(behind)
    }

    fn low_surrogate(&self) -> Error {
        self.error("Unicode low surrogate must follow a high surrogate.")
    }

    fn invalid_token(&self) -> Error {
        self.error(&format!("Token \"{}\" is invalid.", self.written()))
    }

    /// The current token is not what stands here.
    pub(super) fn unexpected(&self, expected: &str) -> Error {
        match self.token {
            Token::End => self.error("The input string ended unexpectedly."),
            _ => self.error(&format!("Expected {expected}, but found \"{}\".", self.written())),
        }
    }

    fn error(&self, detail: &str) -> Error {
        let error = Error::new(ErrorKind::InvalidText, "invalid input syntax for type json");
        self.located(error.with_detail(detail))
    }

    /// Says where, with the end of what was read of the line.
    fn located(&self, error: Error) -> Error {
        let mut from = self.line_start;
        while self.end.saturating_sub(from) >= CONTEXT_BYTES_MAX {
            from += self.character_at(from);
        }
        if from - self.line_start <= 3 {
            from = self.line_start;
        }
        let before = if from > self.line_start { "..." } else { "" };
        let read = self.text.get(from..self.end).unwrap_or_default();
        let goes_on = !matches!(self.byte(self.end), None | Some(b'\n' | b'\r'));
        let behind = if self.token != Token::End && goes_on { "..." } else { "" };
        error.with_context(format!("JSON data, line {}: {before}{read}{behind}", self.line))
    }
}
