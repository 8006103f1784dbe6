//! format(): a template whose `%s`, `%I` and `%L` are filled with arguments.

use crate::kernel::call::{Arg, Call, Run, arg};
use crate::kernel::quoting::{quote_ident, quote_literal};
use crate::kernel::strings::{piece, room};
use crate::kernel::value::{Input, Output, Text};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};

/// One `%` of a template behind the sign.
#[derive(Debug, Default)]
struct Specifier {
    /// Number of the argument, from 1; the next one without.
    argument: Option<usize>,
    left: bool,
    width: Width,
    /// s, I or L.
    kind: char,
}

#[derive(Debug, Default)]
enum Width {
    #[default]
    None,
    Number(usize),
    /// That of an argument: of a number from 1, or the next one.
    Argument(Option<usize>),
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidParameterValue, message)
}

fn unterminated() -> Error {
    invalid("unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\".")
}

/// A template's letters that are still to be read.
struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn peek(&self) -> Result<char> {
        self.rest.chars().next().ok_or_else(unterminated)
    }

    fn skip(&mut self, c: char) {
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
    }

    /// Digits; None where there are none.
    fn number(&mut self) -> Result<Option<usize>> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        if digits.is_empty() {
            return Ok(None);
        }
        let value = digits.parse::<i32>().ok().and_then(|v| usize::try_from(v).ok());
        value.map(Some).ok_or_else(|| Error::new(ErrorKind::NumericOutOfRange, "number is out of range"))
    }

    fn argument_number(number: usize) -> Result<usize> {
        match number {
            0 => Err(invalid("format specifies argument 0, but arguments are numbered from 1")),
            number => Ok(number),
        }
    }

    fn specifier(&mut self) -> Result<Specifier> {
        let mut found = Specifier::default();
        if let Some(number) = self.number()? {
            if self.peek()? != '$' {
                found.width = Width::Number(number);
                return self.kind(found);
            }
            self.skip('$');
            found.argument = Some(Self::argument_number(number)?);
        }
        while self.peek()? == '-' {
            found.left = true;
            self.skip('-');
        }
        if self.peek()? == '*' {
            self.skip('*');
            found.width = match self.number()? {
                None => Width::Argument(None),
                Some(number) => {
                    if self.peek()? != '$' {
                        return Err(invalid("width argument position must be ended by \"$\""));
                    }
                    self.skip('$');
                    Width::Argument(Some(Self::argument_number(number)?))
                }
            };
        } else if let Some(number) = self.number()? {
            found.width = Width::Number(number);
        }
        self.kind(found)
    }

    fn kind(&mut self, mut found: Specifier) -> Result<Specifier> {
        let kind = self.peek()?;
        self.skip(kind);
        if !matches!(kind, 's' | 'I' | 'L') {
            let message = format!("unrecognized format() type specifier \"{kind}\"");
            return Err(invalid(message).with_hint("For a single \"%\" use \"%%\"."));
        }
        found.kind = kind;
        Ok(found)
    }
}

/// The arguments of one row; argument 0 is the template.
struct Arguments<'a> {
    call: &'a Call<'a>,
    args: &'a [Arg],
    row: usize,
    next: usize,
}

impl Arguments<'_> {
    /// The text of an argument, None for null; the one behind it is the next one.
    fn take(&mut self, number: Option<usize>) -> Result<Option<String>> {
        let number = number.unwrap_or(self.next);
        if number >= self.args.len() {
            return Err(invalid("too few arguments for format()"));
        }
        self.next = number + 1;
        piece(self.call, self.args, number, self.row)
    }

    /// The width that an argument gives, negative to align left.
    fn width(&mut self, number: Option<usize>) -> Result<i32> {
        match self.take(number)? {
            None => Ok(0),
            Some(text) => text.trim().parse().map_err(|_| {
                let message = format!("invalid input syntax for type integer: \"{text}\"");
                Error::new(ErrorKind::InvalidText, message)
            }),
        }
    }
}

fn written(kind: char, value: Option<String>) -> Result<String> {
    match (kind, value) {
        ('I', None) => {
            Err(Error::new(ErrorKind::NullNotAllowed, "null values cannot be formatted as an SQL identifier"))
        }
        ('L', None) => Ok("NULL".to_owned()),
        ('I', Some(text)) => Ok(quote_ident(&text)),
        ('L', Some(text)) => Ok(quote_literal(&text)),
        (_, value) => Ok(value.unwrap_or_default()),
    }
}

fn filled(template: &str, arguments: &mut Arguments<'_>) -> Result<String> {
    let mut out = String::with_capacity(template.len());
    let mut reader = Reader { rest: template };
    while let Some((before, rest)) = reader.rest.split_once('%') {
        out.push_str(before);
        reader.rest = rest;
        if reader.peek()? == '%' {
            out.push('%');
            reader.skip('%');
            continue;
        }
        let specifier = reader.specifier()?;
        let mut left = specifier.left;
        let width = match specifier.width {
            Width::None => 0,
            Width::Number(width) => width,
            Width::Argument(number) => {
                let width = arguments.width(number)?;
                left |= width < 0;
                usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX)
            }
        };
        let text = written(specifier.kind, arguments.take(specifier.argument)?)?;
        room(width)?;
        let blanks = " ".repeat(width.saturating_sub(text.chars().count()));
        out.push_str(if left { &text } else { &blanks });
        out.push_str(if left { &blanks } else { &text });
        room(out.len())?;
    }
    out.push_str(reader.rest);
    Ok(out)
}

fn format(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let template = arg(args, 0)?;
    let templates = Text::column(template.array.as_ref())?;
    let mut out = Text::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if template.is_null(row) {
            Text::append_null(&mut out);
            continue;
        }
        let mut arguments = Arguments { call, args, row, next: 1 };
        Text::append(&mut out, filled(Text::value(&templates, template.index(row))?, &mut arguments)?)?;
    }
    Text::finish(out)
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[("text_format", format), ("text_format_nv", format)];
