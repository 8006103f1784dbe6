//! Numbers read by a template.

use super::nodes::Node;
use super::picture::{Key, Picture};
use base::{Error, Result};

/// What was read: the sign or a blank, digits and point, and how many digits stand behind it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) text: String,
    pub(super) behind: usize,
}

struct Reader<'p> {
    picture: &'p Picture,
    input: Vec<char>,
    at: usize,
    sign: Option<char>,
    digits: String,
    before: usize,
    behind: usize,
    point: bool,
}

pub(super) fn read(text: &str, picture: &Picture) -> Result<Read> {
    if picture.exponent {
        return Err(Error::unsupported("\"EEEE\" not supported for input"));
    }
    if picture.roman {
        return Err(Error::unsupported("\"RN\" not supported for input"));
    }
    let input = text.chars().collect();
    let mut reader = Reader {
        picture,
        input,
        at: 0,
        sign: None,
        digits: String::new(),
        before: 0,
        behind: 0,
        point: false,
    };
    for node in &picture.nodes {
        if reader.at >= reader.input.len() {
            break;
        }
        match node {
            Node::Key(key, _) => reader.key(*key),
            // A letter of the template stands for any letter.
            Node::Separator(_) | Node::Blank(_) | Node::Plain(_) => reader.at += 1,
        }
    }
    let digits = reader.digits.strip_suffix('.').unwrap_or(&reader.digits);
    let sign = reader.sign.unwrap_or(' ');
    Ok(Read { text: format!("{sign}{digits}"), behind: reader.behind })
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    /// Passes over letters that cannot belong to a number.
    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            match self.peek() {
                Some(c) if !"0123456789.,+-".contains(c) => self.at += 1,
                _ => break,
            }
        }
    }

    fn key(&mut self, key: Key) {
        match key {
            Key::Nine | Key::Zero => self.digit(true),
            Key::Point | Key::LocalePoint => self.digit(false),
            Key::Comma | Key::Group => {
                // Nothing is a number yet while a template is read, so with FM the sign is not looked for.
                if !self.picture.fill && self.peek() == Some(',') {
                    self.at += 1;
                }
            }
            Key::Currency => self.skip(1),
            Key::Nth(_) if self.picture.decimal => {}
            Key::Nth(_) => self.skip(2),
            Key::Minus => self.sign_or_skip(&['-']),
            Key::Plus => self.sign_or_skip(&['+']),
            Key::EitherSign => self.sign_or_skip(&['-', '+']),
            Key::Blank
            | Key::Exponent
            | Key::Fill
            | Key::Brackets
            | Key::Roman(_)
            | Key::Spelled
            | Key::Sign
            | Key::Shift
            | Key::Ignored => {}
        }
    }

    fn sign_or_skip(&mut self, signs: &[char]) {
        match self.peek() {
            Some(c) if signs.contains(&c) => {
                self.sign = Some(c);
                self.at += 1;
            }
            _ => self.skip(1),
        }
    }

    fn digit(&mut self, may_have_sign: bool) {
        if self.peek() == Some(' ') {
            self.at += 1;
        }
        if self.sign.is_none() && may_have_sign && self.before + self.behind == 0 {
            match self.peek() {
                Some(c @ ('-' | '+')) => {
                    self.sign = Some(c);
                    self.at += 1;
                }
                Some('<') if self.picture.brackets => {
                    self.sign = Some('-');
                    self.at += 1;
                }
                _ => {}
            }
        }
        let mut read = false;
        match self.peek() {
            None => return,
            Some(c) if c.is_ascii_digit() => {
                if self.point && self.behind == self.picture.behind {
                    self.at += 1;
                    return;
                }
                self.digits.push(c);
                if self.point {
                    self.behind += 1;
                } else {
                    self.before += 1;
                }
                read = true;
            }
            Some('.') if self.picture.decimal && !self.point => {
                self.digits.push('.');
                self.point = true;
                read = true;
            }
            Some(_) => {}
        }
        if self.sign.is_none() && self.before + self.behind > 0 {
            self.sign_behind(read);
        }
        self.at += 1;
    }

    /// A sign behind the last digit.
    fn sign_behind(&mut self, read: bool) {
        let picture = self.picture;
        if picture.locale_sign {
            if let Some(c @ ('-' | '+')) = self.input.get(self.at + 1).copied().filter(|_| read) {
                self.sign = Some(c);
                self.at += 1;
            }
        } else if !read && let Some(c @ ('-' | '+')) = self.peek() {
            self.sign = Some(c);
        }
    }
}
