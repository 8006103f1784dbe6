//! SIMILAR TO: its patterns as regular expressions.
//!
//! Must not know how these are matched. Invariant: the text is PostgreSQL's, character by character.

use crate::kernel::call::{Arg, Call, Run, map1, map2};
use crate::kernel::value::Text;
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] =
    &[("similar_to_escape_1", usual), ("similar_to_escape_2", escaped)];

fn usual(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Text, Text, _>(call, args, |pattern| expression(pattern, Some('\\')))
}

fn escaped(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Text, Text, Text, _>(call, args, |pattern, escape| {
        let mut chars = escape.chars();
        let escape = chars.next();
        if chars.next().is_some() {
            return Err(Error::new(ErrorKind::InvalidEscape, "invalid escape string")
                .with_hint("Escape string must be empty or one character."));
        }
        expression(pattern, escape)
    })
}

/// Where in a pattern a character stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Plain,
    Escaped,
    Class,
}

fn expression(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 6);
    out.push_str("^(?:");
    let mut place = Place::Plain;
    let mut in_class = false;
    let mut separators = 0;
    for c in pattern.chars() {
        match place {
            Place::Escaped => {
                match c {
                    // The parts of SUBSTRING .. SIMILAR.
                    '"' if !in_class => {
                        out.push_str(match separators {
                            0 => "){1,1}?(",
                            1 => "){1,1}(?:",
                            _ => return Err(too_many_separators()),
                        });
                        separators += 1;
                    }
                    other => {
                        out.push('\\');
                        out.push(other);
                    }
                }
                place = if in_class { Place::Class } else { Place::Plain };
            }
            _ if Some(c) == escape => place = Place::Escaped,
            Place::Class => {
                if c == '\\' {
                    out.push('\\');
                }
                out.push(c);
                if c == ']' {
                    in_class = false;
                    place = Place::Plain;
                }
            }
            Place::Plain => match c {
                '[' => {
                    out.push('[');
                    in_class = true;
                    place = Place::Class;
                }
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => {
                    out.push('\\');
                    out.push(c);
                }
                other => out.push(other),
            },
        }
    }
    out.push_str(")$");
    Ok(out)
}

fn too_many_separators() -> Error {
    Error::unsupported("SQL regular expression may not contain more than two escape-double-quote separators")
}
