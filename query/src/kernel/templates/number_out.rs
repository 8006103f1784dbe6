//! Numbers as a template shows them.
//!
//! Must not know types: a number comes as its decimal digits and its sign.

use super::nodes::Node;
use super::picture::{Key, Picture, SignPlace};

/// Digits (with a point where the picture has places behind it) and sign of a number that fits the picture, or `#` for
/// one that does not.
#[derive(Debug)]
pub(super) struct Digits {
    pub(super) text: Vec<u8>,
    pub(super) negative: bool,
    /// Places of the picture before the first digit.
    pub(super) spare: usize,
}

impl Digits {
    /// From decimal text with `behind` digits behind the point.
    pub(super) fn of(text: &str, picture: &Picture, behind: usize) -> Self {
        let negative = text.starts_with('-');
        let text = text.strip_prefix('-').unwrap_or(text);
        let whole = text.find('.').unwrap_or(text.len());
        if whole > picture.before {
            let mut hashes = vec![b'#'; picture.before + behind + 1];
            if let Some(point) = hashes.get_mut(picture.before) {
                *point = b'.';
            }
            return Self { text: hashes, negative, spare: 0 };
        }
        Self { text: text.as_bytes().to_vec(), negative, spare: picture.before - whole }
    }
}

/// A number while it is written.
struct Writer<'p> {
    picture: &'p Picture,
    digits: &'p [u8],
    negative: bool,
    spare: usize,
    sign: SignPlace,
    brackets: bool,
    sign_written: bool,
    /// With FM, the last digit that is not a zero behind the point.
    last_relevant: Option<usize>,
    /// Places of digits altogether, less one.
    count: isize,
    /// Place of the picture, and of the digits.
    place: usize,
    at: usize,
    in_number: bool,
    zero_start: usize,
    out: String,
    /// Where the digits ended before the picture did: nothing is shown from there on.
    cut: Option<usize>,
}

/// A number by a picture; `behind` is how many digits stand behind the point.
pub(super) fn written(picture: &Picture, number: &Digits, behind: usize) -> String {
    let mut brackets = picture.brackets;
    let mut sign = picture.sign;
    let by_keyword = picture.plus || picture.minus;
    let sign_written = if by_keyword {
        !picture.plus || picture.minus
    } else {
        brackets &= number.negative || !picture.fill;
        if sign == SignPlace::Before && picture.before == picture.digits_before_sign {
            sign = SignPlace::Behind;
        }
        !number.negative && picture.fill && !picture.locale_sign
    };
    let mut count = (behind + picture.before).cast_signed() - 1;
    if !sign_written && number.spare == 0 {
        count += 1;
    }
    let last_relevant = (picture.fill && picture.decimal).then(|| last_relevant(picture, number)).flatten();
    let mut writer = Writer {
        picture,
        digits: &number.text,
        negative: number.negative,
        spare: number.spare,
        sign,
        brackets,
        sign_written,
        last_relevant,
        count,
        place: 0,
        at: 0,
        in_number: false,
        zero_start: picture.zero_start.saturating_sub(1),
        out: String::new(),
        cut: None,
    };
    for node in &picture.nodes {
        match node {
            Node::Key(key, _) => writer.key(*key, behind),
            Node::Separator(c) | Node::Blank(c) | Node::Plain(c) => writer.out.push(*c),
        }
    }
    if let Some(cut) = writer.cut {
        writer.out.truncate(cut);
    }
    writer.out
}

fn last_relevant(picture: &Picture, number: &Digits) -> Option<usize> {
    let point = number.text.iter().position(|b| *b == b'.')?;
    let behind = number.text.iter().enumerate().skip(point);
    let last = behind.filter(|(at, b)| *at == point || **b != b'0').map(|(at, _)| at).next_back()?;
    if picture.zero_end <= number.spare {
        return Some(last);
    }
    let wanted = (number.text.len() - 1).min(picture.zero_end - number.spare);
    Some(last.max(wanted))
}

impl Writer<'_> {
    fn key(&mut self, key: Key, behind: usize) {
        let fill = self.picture.fill;
        match key {
            Key::Nine | Key::Zero | Key::Point | Key::LocalePoint => self.digit(key == Key::Zero, behind),
            Key::Comma | Key::Group => match (self.in_number, fill) {
                (true, _) => self.out.push(','),
                (false, true) => {}
                (false, false) => self.out.push(' '),
            },
            Key::Currency => self.out.push(' '),
            Key::Nth(case) => {
                let hashes = self.digits.first() == Some(&b'#');
                if !hashes && !self.negative && !self.picture.decimal {
                    self.out.push_str(case.letters(&String::from_utf8_lossy(self.digits)));
                }
            }
            Key::Minus if self.negative => self.out.push('-'),
            Key::Plus if !self.negative => self.out.push('+'),
            Key::Minus | Key::Plus if fill => {}
            Key::Minus | Key::Plus => self.out.push(' '),
            Key::EitherSign => self.out.push(self.sign_letter()),
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

    fn sign_letter(&self) -> char {
        if self.negative { '-' } else { '+' }
    }

    /// Whether a zero stands before the point that is shown as a blank: `.5`, not `0.5`.
    fn is_bare_zero(&self, behind: usize) -> bool {
        !self.picture.zero && self.at == 0 && self.digits.first() == Some(&b'0') && behind != 0
    }

    fn ends_with_point(&self) -> bool {
        self.last_relevant.is_some_and(|last| self.digits.get(last) == Some(&b'.'))
    }

    fn digit(&mut self, is_zero: bool, behind: usize) {
        self.in_number = false;
        self.leading_sign(behind);
        let zeros = self.picture.zero && self.zero_start <= self.place;
        let fill = self.picture.fill;
        if self.place < self.spare && !zeros {
            if !fill {
                self.out.push(' ');
            }
        } else if self.place < self.spare {
            self.out.push('0');
            self.in_number = true;
        } else {
            match self.digits.get(self.at) {
                Some(b'.') => {
                    if fill || !self.ends_with_point() {
                        self.out.push('.');
                    }
                }
                Some(_) | None if !is_zero && self.last_relevant.is_some_and(|last| self.at > last) => {}
                _ if self.is_bare_zero(behind) => {
                    if !fill {
                        self.out.push(' ');
                    } else if self.ends_with_point() {
                        self.out.push('0');
                    }
                }
                Some(digit) => {
                    self.out.push(char::from(*digit));
                    self.in_number = true;
                }
                None => {
                    self.cut.get_or_insert(self.out.len());
                    self.in_number = true;
                }
            }
            if self.at < self.digits.len() {
                self.at += 1;
            }
        }
        let mut end = self.count + isize::from(self.spare > 0) + isize::from(self.picture.decimal);
        if self.last_relevant == Some(self.at) {
            end = self.place.cast_signed();
        }
        if self.place.cast_signed() + 1 == end {
            if self.sign_written && self.brackets {
                self.out.push(if self.negative { '>' } else { ' ' });
            } else if self.picture.locale_sign && self.sign == SignPlace::Behind {
                self.out.push(self.sign_letter());
            }
        }
        self.place += 1;
    }

    /// The sign in front of the first digit.
    fn leading_sign(&mut self, behind: usize) {
        let begun = self.place >= self.spare || (self.picture.zero && self.zero_start == self.place);
        if self.sign_written || !begun || (self.is_bare_zero(behind) && !self.ends_with_point()) {
            return;
        }
        if self.picture.locale_sign {
            if self.sign == SignPlace::Before {
                self.out.push(self.sign_letter());
                self.sign_written = true;
            }
            return;
        }
        self.sign_written = true;
        match (self.brackets, self.negative) {
            (true, true) => self.out.push('<'),
            (true, false) => self.out.push(' '),
            (false, true) => self.out.push('-'),
            (false, false) if !self.picture.fill => self.out.push(' '),
            (false, false) => {}
        }
    }
}

/// A Roman number by a picture: of 1 to 3999, others are `#`.
pub(super) fn roman(picture: &Picture, value: i64) -> String {
    const PARTS: [(i64, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut number = String::new();
    if (1..=3_999).contains(&value) {
        let mut rest = value;
        for (part, letters) in PARTS {
            while rest >= part {
                number.push_str(letters);
                rest -= part;
            }
        }
    } else {
        number = "#".repeat(15);
    }
    let mut out = String::new();
    for node in &picture.nodes {
        match node {
            Node::Key(Key::Roman(case), _) => {
                let cased = match case {
                    super::nodes::Ordinal::Upper => number.clone(),
                    super::nodes::Ordinal::Lower => number.to_ascii_lowercase(),
                };
                out.push_str(&if picture.fill { cased } else { format!("{cased:>15}") });
            }
            Node::Key(Key::Comma | Key::Group, _) if !picture.fill => out.push(' '),
            Node::Key(Key::Currency, _) => out.push(' '),
            Node::Key(Key::Minus | Key::Plus, _) if !picture.fill => out.push(' '),
            Node::Key(..) => {}
            Node::Separator(c) | Node::Blank(c) | Node::Plain(c) => out.push(*c),
        }
    }
    out
}
