//! Bytes that arrive in pieces to lines: line ends, quotes across lines, the end-of-data marker `\.`.
//!
//! Invariants: a byte is looked at once, however the pieces are cut; the kind of line end is fixed by the first line.

use crate::copy::text::Layout;
use base::{Error, ErrorKind, Result};

/// Longest line, in bytes: rows are bounded by their values and storage bounds those.
const LINE_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    Unknown,
    Newline,
    Return,
    ReturnNewline,
}

/// What `LineSplitter::next` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, without its end: the range of `LineSplitter::bytes`.
    Found { start: usize, end: usize },
    /// More bytes are needed.
    NeedMore,
    /// The data ended, by the marker or by `finish`.
    End,
}

/// Cuts a stream of bytes into lines.
#[derive(Debug)]
pub(crate) struct LineSplitter {
    csv: bool,
    quote: u8,
    /// None when it is the quote itself, which then simply toggles.
    escape: Option<u8>,
    line_end: LineEnd,
    buffer: Vec<u8>,
    /// Start of the current line.
    start: usize,
    /// First byte not looked at yet.
    scan: usize,
    in_quote: bool,
    last_was_escape: bool,
    /// The current line has its number already.
    in_line: bool,
    /// No more bytes come.
    finished: bool,
    ended: bool,
    /// Line number, from 1, of the line being read; lines inside quotes count.
    number: u64,
}

/// What to do at the byte in hand.
enum Step {
    Continue(usize),
    LineEnds { end: usize, next: usize },
    DataEnds { end: usize },
    NeedMore,
}

impl LineSplitter {
    pub(crate) fn new(layout: &Layout) -> Self {
        let options = layout.options();
        let csv = layout.is_csv();
        Self {
            csv,
            quote: options.quote,
            escape: (csv && options.escape != options.quote).then_some(options.escape),
            line_end: LineEnd::Unknown,
            buffer: Vec::new(),
            start: 0,
            scan: 0,
            in_quote: false,
            last_was_escape: false,
            in_line: false,
            finished: false,
            ended: false,
            number: 0,
        }
    }

    /// Takes more bytes. Ranges given out before are void afterwards.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.ended {
            // What follows the end-of-data marker is drained unread, as PostgreSQL does.
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scan -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// No more bytes come: what is left is the last line.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    /// The bytes from `start` to `end`, or to the last one that is there.
    pub(crate) fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.buffer.get(start..end.min(self.buffer.len())).unwrap_or_default()
    }

    /// Number of the line that `next` found last, or is reading.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line. Errors are about line ends and the marker (22P04).
    pub(crate) fn next(&mut self) -> Result<Line> {
        if self.ended {
            return Ok(Line::End);
        }
        if !self.in_line {
            self.in_line = true;
            self.number += 1;
        }
        loop {
            let Some(&byte) = self.buffer.get(self.scan) else {
                return self.out_of_bytes();
            };
            match self.step(byte)? {
                Step::Continue(next) => self.scan = next,
                Step::NeedMore => return self.need_more(),
                Step::LineEnds { end, next } => return Ok(self.line(end, next)),
                Step::DataEnds { end } => {
                    let start = self.start;
                    self.ended = true;
                    return Ok(if end > start { Line::Found { start, end } } else { Line::End });
                }
            }
        }
    }

    fn out_of_bytes(&mut self) -> Result<Line> {
        if !self.finished {
            return self.need_more();
        }
        let (start, end) = (self.start, self.scan);
        self.ended = true;
        if end > start {
            return Ok(Line::Found { start, end });
        }
        Ok(Line::End)
    }

    fn need_more(&self) -> Result<Line> {
        if self.buffer.len() - self.start > LINE_BYTES_MAX {
            let message = format!("a line is longer than {LINE_BYTES_MAX} bytes");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        Ok(Line::NeedMore)
    }

    fn line(&mut self, end: usize, next: usize) -> Line {
        let start = self.start;
        self.start = next;
        self.scan = next;
        self.in_line = false;
        self.last_was_escape = false;
        Line::Found { start, end }
    }

    fn step(&mut self, byte: u8) -> Result<Step> {
        let here = self.scan;
        if matches!(byte, b'\\' | b'\r') && self.lacks(here + 1) {
            // What follows decides; the quote state below must not change twice.
            return Ok(Step::NeedMore);
        }
        if self.csv {
            let before = (self.in_quote, self.last_was_escape, self.number);
            self.track_quote(byte);
            if self.in_quote {
                return Ok(Step::Continue(here + 1));
            }
            let step = self.line_end_or_marker(byte, here)?;
            if matches!(step, Step::NeedMore) {
                (self.in_quote, self.last_was_escape, self.number) = before;
            }
            return Ok(step);
        }
        self.line_end_or_marker(byte, here)
    }

    /// Whether the byte at `at` is not there yet but may come.
    fn lacks(&self, at: usize) -> bool {
        at >= self.buffer.len() && !self.finished
    }

    fn track_quote(&mut self, byte: u8) {
        let is_escape = self.escape == Some(byte);
        if self.in_quote && is_escape {
            self.last_was_escape = !self.last_was_escape;
        }
        if byte == self.quote && !self.last_was_escape {
            self.in_quote = !self.in_quote;
        }
        if !is_escape {
            self.last_was_escape = false;
        }
        let counted = if self.line_end == LineEnd::Newline { b'\n' } else { b'\r' };
        if self.in_quote && byte == counted {
            self.number += 1;
        }
    }

    fn line_end_or_marker(&mut self, byte: u8, here: usize) -> Result<Step> {
        match byte {
            b'\r' => self.carriage_return(here),
            b'\n' => {
                if matches!(self.line_end, LineEnd::Return | LineEnd::ReturnNewline) {
                    return Err(self.literal("newline", "\\n"));
                }
                self.line_end = LineEnd::Newline;
                Ok(Step::LineEnds { end: here, next: here + 1 })
            }
            b'\\' if !self.csv || here == self.start => self.backslash(here),
            _ => Ok(Step::Continue(here + 1)),
        }
    }

    fn carriage_return(&mut self, here: usize) -> Result<Step> {
        match self.line_end {
            LineEnd::Newline => Err(self.literal("carriage return", "\\r")),
            LineEnd::Return => Ok(Step::LineEnds { end: here, next: here + 1 }),
            LineEnd::Unknown | LineEnd::ReturnNewline if self.buffer.get(here + 1) == Some(&b'\n') => {
                self.line_end = LineEnd::ReturnNewline;
                Ok(Step::LineEnds { end: here, next: here + 2 })
            }
            LineEnd::ReturnNewline => Err(self.literal("carriage return", "\\r")),
            LineEnd::Unknown => {
                self.line_end = LineEnd::Return;
                Ok(Step::LineEnds { end: here, next: here + 1 })
            }
        }
    }

    fn literal(&self, what: &str, write_as: &str) -> Error {
        let (kind, hint) = if self.csv {
            ("unquoted", format!("Use quoted CSV field to represent {what}."))
        } else {
            ("literal", format!("Use \"{write_as}\" to represent {what}."))
        };
        Error::new(ErrorKind::BadCopyFormat, format!("{kind} {what} found in data")).with_hint(hint)
    }

    /// A backslash that may begin the end-of-data marker; in text it also protects the byte behind it.
    fn backslash(&mut self, here: usize) -> Result<Step> {
        match self.buffer.get(here + 1) {
            Some(b'.') => self.marker(here),
            Some(_) if self.csv => Ok(Step::Continue(here + 1)),
            Some(_) => Ok(Step::Continue(here + 2)),
            None => Ok(Step::Continue(here + 1)),
        }
    }

    /// `\.` at `here`: the marker when a line end of the style of this data follows.
    fn marker(&self, here: usize) -> Result<Step> {
        let not_marker = |message: &str| {
            if self.csv {
                Ok(Step::Continue(here + 1))
            } else {
                Err(Error::new(ErrorKind::BadCopyFormat, message))
            }
        };
        let mut behind = here + 2;
        if self.line_end == LineEnd::ReturnNewline {
            if self.lacks(behind + 1) {
                return Ok(Step::NeedMore);
            }
            match self.buffer.get(behind) {
                Some(b'\n') => return not_marker("end-of-copy marker does not match previous newline style"),
                Some(b'\r') => behind += 1,
                _ => return not_marker("end-of-copy marker corrupt"),
            }
        }
        if self.lacks(behind) {
            return Ok(Step::NeedMore);
        }
        let expected = match (self.line_end, self.buffer.get(behind)) {
            (LineEnd::Newline | LineEnd::ReturnNewline, Some(b'\n'))
            | (LineEnd::Return, Some(b'\r'))
            | (LineEnd::Unknown, Some(b'\n' | b'\r')) => true,
            (_, Some(b'\n' | b'\r')) => false,
            (_, _) => return not_marker("end-of-copy marker corrupt"),
        };
        if expected {
            Ok(Step::DataEnds { end: here })
        } else {
            Err(Error::new(
                ErrorKind::BadCopyFormat,
                "end-of-copy marker does not match previous newline style",
            ))
        }
    }
}
