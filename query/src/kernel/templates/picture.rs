//! Templates of numbers.

use super::nodes::{Node, Ordinal, cut};
use base::{Error, ErrorKind, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Comma,
    Point,
    Zero,
    Nine,
    Blank,
    LocalePoint,
    Exponent,
    Fill,
    Group,
    Currency,
    Minus,
    Plus,
    Brackets,
    Roman(Ordinal),
    EitherSign,
    Spelled,
    Sign,
    Nth(Ordinal),
    Shift,
    Ignored,
}

const KEYWORDS: &[(&str, Key)] = &[
    (",", Key::Comma),
    (".", Key::Point),
    ("0", Key::Zero),
    ("9", Key::Nine),
    ("B", Key::Blank),
    ("C", Key::Ignored),
    ("D", Key::LocalePoint),
    ("EEEE", Key::Exponent),
    ("FM", Key::Fill),
    ("G", Key::Group),
    ("L", Key::Currency),
    ("MI", Key::Minus),
    ("PL", Key::Plus),
    ("PR", Key::Brackets),
    ("RN", Key::Roman(Ordinal::Upper)),
    ("SG", Key::EitherSign),
    ("SP", Key::Spelled),
    ("S", Key::Sign),
    ("TH", Key::Nth(Ordinal::Upper)),
    ("V", Key::Shift),
    ("b", Key::Blank),
    ("c", Key::Ignored),
    ("d", Key::LocalePoint),
    ("eeee", Key::Exponent),
    ("fm", Key::Fill),
    ("g", Key::Group),
    ("l", Key::Currency),
    ("mi", Key::Minus),
    ("pl", Key::Plus),
    ("pr", Key::Brackets),
    ("rn", Key::Roman(Ordinal::Lower)),
    ("sg", Key::EitherSign),
    ("sp", Key::Spelled),
    ("s", Key::Sign),
    ("th", Key::Nth(Ordinal::Lower)),
    ("v", Key::Shift),
];

/// Where the sign of S stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SignPlace {
    #[default]
    Nowhere,
    Before,
    Behind,
}

/// What a template asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    pub(super) nodes: Vec<Node<Key>>,
    /// Digits before and behind the point, and behind V.
    pub(super) before: usize,
    pub(super) behind: usize,
    pub(super) shift: usize,
    /// From which digit on zeros are written (counted from 1, 0 for none), and up to which.
    pub(super) zero_start: usize,
    pub(super) zero_end: usize,
    pub(super) sign: SignPlace,
    /// Digits before S.
    pub(super) digits_before_sign: usize,
    pub(super) decimal: bool,
    pub(super) zero: bool,
    pub(super) blank: bool,
    pub(super) fill: bool,
    pub(super) locale_sign: bool,
    pub(super) brackets: bool,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) roman: bool,
    pub(super) shifted: bool,
    pub(super) exponent: bool,
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::Syntax, message)
}

impl Picture {
    pub(super) fn of(template: &str) -> Result<Self> {
        let mut picture = Picture { nodes: cut(template, KEYWORDS, false), ..Picture::default() };
        for node in picture.nodes.clone() {
            if let Node::Key(key, _) = node {
                picture.take(key)?;
            }
        }
        Ok(picture)
    }

    fn take(&mut self, key: Key) -> Result<()> {
        if self.exponent && key != Key::Exponent {
            return Err(wrong("\"EEEE\" must be the last pattern used"));
        }
        match key {
            Key::Nine if self.brackets => return Err(wrong("\"9\" must be ahead of \"PR\"")),
            Key::Nine if self.shifted => self.shift += 1,
            Key::Nine if self.decimal => self.behind += 1,
            Key::Nine => self.before += 1,
            Key::Zero if self.brackets => return Err(wrong("\"0\" must be ahead of \"PR\"")),
            Key::Zero => {
                if !self.zero && !self.decimal {
                    self.zero = true;
                    self.zero_start = self.before + 1;
                }
                if self.decimal {
                    self.behind += 1;
                } else {
                    self.before += 1;
                }
                self.zero_end = self.before + self.behind;
            }
            Key::Blank => self.blank |= self.before == 0 && self.behind == 0 && !self.zero,
            Key::Point | Key::LocalePoint => {
                if self.decimal {
                    return Err(wrong("multiple decimal points"));
                }
                if self.shifted {
                    return Err(wrong("cannot use \"V\" and decimal point together"));
                }
                self.decimal = true;
            }
            Key::Fill => self.fill = true,
            Key::Sign => self.take_sign()?,
            Key::Minus if self.locale_sign => return Err(wrong("cannot use \"S\" and \"MI\" together")),
            Key::Minus => self.minus = true,
            Key::Plus if self.locale_sign => return Err(wrong("cannot use \"S\" and \"PL\" together")),
            Key::Plus => self.plus = true,
            Key::EitherSign if self.locale_sign => {
                return Err(wrong("cannot use \"S\" and \"SG\" together"));
            }
            Key::EitherSign => (self.minus, self.plus) = (true, true),
            Key::Brackets if self.locale_sign || self.plus || self.minus => {
                return Err(wrong("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
            }
            Key::Brackets => self.brackets = true,
            Key::Roman(_) => self.roman = true,
            Key::Shift if self.decimal => {
                return Err(wrong("cannot use \"V\" and decimal point together"));
            }
            Key::Shift => self.shifted = true,
            Key::Exponent => {
                if self.exponent {
                    return Err(wrong("cannot use \"EEEE\" twice"));
                }
                let others = [self.blank, self.fill, self.locale_sign, self.brackets, self.minus];
                if others.contains(&true) || self.plus || self.roman || self.shifted {
                    return Err(wrong("\"EEEE\" is incompatible with other formats").with_detail(
                        "\"EEEE\" may only be used together with digit and decimal point patterns.",
                    ));
                }
                self.exponent = true;
            }
            Key::Comma | Key::Group | Key::Currency | Key::Nth(_) | Key::Spelled | Key::Ignored => {}
        }
        Ok(())
    }

    fn take_sign(&mut self) -> Result<()> {
        if self.locale_sign {
            return Err(wrong("cannot use \"S\" twice"));
        }
        if self.plus || self.minus || self.brackets {
            return Err(wrong("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
        }
        self.locale_sign = true;
        if self.decimal {
            self.sign = SignPlace::Behind;
        } else {
            self.sign = SignPlace::Before;
            self.digits_before_sign = self.before;
        }
        Ok(())
    }
}
