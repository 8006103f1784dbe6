//! The text of a date, time or interval cut into fields: what each one looks like, not yet what it means.
//!
//! Must not know the calendar. Letters are lower case in the fields; punctuation that belongs to no field parts fields.

/// What a field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Digits, perhaps with one point.
    Number,
    /// Parts with `-`, `/` or `.` between them: a date, the name of a zone, or a time with its offset.
    Date,
    /// Digits with colons.
    Time,
    /// A sign and digits: an offset, or a signed number.
    Signed,
    /// Letters.
    Word,
    /// A sign and letters.
    SignedWord,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) text: String,
    pub(super) shape: Shape,
}

/// Most fields of one text.
const FIELDS_MAX: usize = 25;
/// Most bytes of the fields of a date or time, with one more for each field.
pub(super) const MOMENT_BYTES_MAX: usize = 153;
/// The same of an interval.
pub(super) const SPAN_BYTES_MAX: usize = 256;

/// The fields of a text; `None` if it has characters that no field has, or too many. `is_word` says which words stand for
/// themselves in front of digits.
pub(super) fn fields(text: &str, bytes_max: usize, is_word: impl Fn(&str) -> bool) -> Option<Vec<Field>> {
    let mut rest = Rest(text);
    let mut found: Vec<Field> = Vec::new();
    let mut bytes = 0;
    while let Some(first) = rest.first() {
        if super::is_space(char::from(first)) {
            rest.skip();
            continue;
        }
        let follows_sign = matches!(first, b'+' | b'-');
        if first.is_ascii_punctuation() && !follows_sign && first != b'.' {
            rest.skip();
            continue;
        }
        let mut text = String::new();
        let shape = match first {
            b'0'..=b'9' => number(&mut rest, &mut text),
            b'.' => {
                rest.take(&mut text);
                rest.take_while(&mut text, |b| b.is_ascii_digit());
                Shape::Number
            }
            _ if follows_sign => signed(&mut rest, &mut text)?,
            _ if first.is_ascii_alphabetic() => word(&mut rest, &mut text, &is_word),
            _ => return None,
        };
        bytes += text.len() + 1;
        found.push(Field { text, shape });
        if found.len() > FIELDS_MAX || bytes > bytes_max {
            return None;
        }
    }
    Some(found)
}

/// What was not read yet.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn first(&self) -> Option<u8> {
        self.0.bytes().next()
    }

    /// Only for ASCII.
    fn skip(&mut self) {
        self.0 = self.0.get(1..).unwrap_or_default();
    }

    fn take(&mut self, into: &mut String) {
        if let Some(byte) = self.first() {
            into.push(char::from(byte.to_ascii_lowercase()));
            self.skip();
        }
    }

    fn take_while(&mut self, into: &mut String, accept: impl Fn(u8) -> bool) {
        while self.first().is_some_and(&accept) {
            self.take(into);
        }
    }
}

fn number(rest: &mut Rest<'_>, text: &mut String) -> Shape {
    rest.take_while(text, |b| b.is_ascii_digit());
    match rest.first() {
        Some(b':') => {
            rest.take_while(text, |b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
            Shape::Time
        }
        Some(delimiter @ (b'-' | b'/' | b'.')) => {
            rest.take(text);
            if !rest.first().is_some_and(|b| b.is_ascii_digit()) {
                rest.take_while(text, |b| b.is_ascii_alphanumeric() || b == delimiter);
                return Shape::Date;
            }
            rest.take_while(text, |b| b.is_ascii_digit());
            if rest.first() == Some(delimiter) {
                rest.take_while(text, |b| b.is_ascii_digit() || b == delimiter);
                Shape::Date
            } else if delimiter == b'.' {
                Shape::Number
            } else {
                Shape::Date
            }
        }
        _ => Shape::Number,
    }
}

fn word(rest: &mut Rest<'_>, text: &mut String, is_word: impl Fn(&str) -> bool) -> Shape {
    rest.take_while(text, |b| b.is_ascii_alphabetic());
    let goes_on = match rest.first() {
        Some(b'-' | b'/' | b'.') => true,
        Some(b) if b == b'+' || b.is_ascii_digit() => !is_word(text),
        _ => false,
    };
    if !goes_on {
        return Shape::Word;
    }
    rest.take_while(text, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'/' | b'_' | b'.' | b':')
    });
    Shape::Date
}

fn signed(rest: &mut Rest<'_>, text: &mut String) -> Option<Shape> {
    rest.take(text);
    while rest.first().is_some_and(|b| super::is_space(char::from(b))) {
        rest.skip();
    }
    let first = rest.first()?;
    if first.is_ascii_digit() {
        rest.take_while(text, |b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'-'));
        Some(Shape::Signed)
    } else if first.is_ascii_alphabetic() {
        rest.take_while(text, |b| b.is_ascii_alphabetic());
        Some(Shape::SignedWord)
    } else {
        None
    }
}
