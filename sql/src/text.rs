//! The query string, addressed by positions in characters.
//!
//! Must not know tokens. Invariant: a position counts characters from 1, and finding its place takes the same time
//! wherever it is.

/// Characters between two marks.
const STRIDE: usize = 256;

#[derive(Debug)]
pub(crate) struct Text<'a> {
    sql: &'a str,
    /// The byte at which every `STRIDE`-th character begins; none when each character is a byte.
    marks: Vec<usize>,
    chars: usize,
}

impl<'a> Text<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        if sql.is_ascii() {
            return Self { sql, marks: Vec::new(), chars: sql.len() };
        }
        let mut marks = Vec::with_capacity(sql.len() / STRIDE + 1);
        let mut chars = 0;
        for (byte, _) in sql.char_indices() {
            if chars % STRIDE == 0 {
                marks.push(byte);
            }
            chars += 1;
        }
        Self { sql, marks, chars }
    }

    pub(crate) fn sql(&self) -> &'a str {
        self.sql
    }

    /// The position behind the last character.
    pub(crate) fn end(&self) -> usize {
        self.chars + 1
    }

    /// The characters from position `start` up to, not including, `end`.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a str {
        let (from, to) = (self.byte(start), self.byte(end));
        self.sql.get(from..to.max(from)).unwrap_or("")
    }

    /// The characters from a position on.
    pub(crate) fn from(&self, start: usize) -> &'a str {
        self.sql.get(self.byte(start)..).unwrap_or("")
    }

    fn byte(&self, position: usize) -> usize {
        let chars = position.saturating_sub(1);
        if self.marks.is_empty() {
            return chars.min(self.sql.len());
        }
        let Some(mark) = self.marks.get(chars / STRIDE) else { return self.sql.len() };
        let rest = self.sql.get(*mark..).unwrap_or("");
        rest.char_indices().nth(chars % STRIDE).map_or(self.sql.len(), |(byte, _)| mark + byte)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn positions_count_characters() {
        let sql = "aé".repeat(400);
        let text = Text::new(&sql);
        assert_eq!(text.end(), 801);
        for position in 1..=800 {
            let expected = if position % 2 == 1 { "a" } else { "é" };
            assert_eq!(text.slice(position, position + 1), expected, "{position}");
        }
        assert_eq!((text.from(799), text.from(801), text.slice(900, 2)), ("aé", "", ""));
        let ascii = Text::new("select");
        assert_eq!((ascii.slice(2, 4), ascii.from(6), ascii.end()), ("el", "t", 7));
    }
}
