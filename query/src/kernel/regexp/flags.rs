//! The options of a regular expression: letters of a flags argument and of `(?..)` at the start of a pattern.

use base::{Error, ErrorKind, Result};

/// How a pattern is read and matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Flags {
    /// ASCII letters of both cases are one.
    pub(crate) fold: bool,
    /// All matches, where a function knows about it.
    pub(crate) all: bool,
    /// Blanks and comments in the pattern do not count.
    pub(crate) expanded: bool,
    /// The pattern is plain text.
    pub(crate) literal: bool,
    /// `.` and `[^..]` do not match a newline.
    pub(crate) stop_at_newline: bool,
    /// `^` and `$` match at newlines.
    pub(crate) anchor_at_newline: bool,
}

impl Flags {
    pub(crate) const PLAIN: Flags = Flags {
        fold: false,
        all: false,
        expanded: false,
        literal: false,
        stop_at_newline: false,
        anchor_at_newline: false,
    };

    /// A flags argument.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut flags = Self::PLAIN;
        for letter in text.chars() {
            if letter == 'g' {
                flags.all = true;
            } else if !flags.set(letter)? {
                let message = format!("invalid regular expression option: \"{letter}\"");
                return Err(Error::new(ErrorKind::InvalidParameterValue, message));
            }
        }
        Ok(flags)
    }

    /// Sets an option that patterns can carry too; false for an unknown one.
    pub(crate) fn set(&mut self, letter: char) -> Result<bool> {
        match letter {
            'i' => self.fold = true,
            'c' => self.fold = false,
            'n' | 'm' => (self.stop_at_newline, self.anchor_at_newline) = (true, true),
            's' => (self.stop_at_newline, self.anchor_at_newline) = (false, false),
            'p' => (self.stop_at_newline, self.anchor_at_newline) = (true, false),
            'w' => (self.stop_at_newline, self.anchor_at_newline) = (false, true),
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'q' => self.literal = true,
            'b' | 'e' => {
                return Err(Error::unsupported(format!(
                    "the regular expression option {letter} is not supported"
                )));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
