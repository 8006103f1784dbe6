//! LIKE as kernels, and the walk over rows that are tested against patterns.
//!
//! A pattern that is constant is made ready once per batch. Case-insensitive matching folds ASCII letters only, as
//! the C locale does.

use crate::kernel::call::{Arg, Call, Run, arg, map2};
use crate::kernel::like::Like;
use crate::kernel::regexp::{Flags, Pattern};
use crate::kernel::value::{Bool, Bytes, Input, Output, Text};
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use regex::Regex;

fn like_with(call: &Call<'_>, args: &[Arg], fold: bool, negated: bool) -> Result<ArrayRef> {
    matched::<Text, Like>(
        call,
        args,
        |pattern| Ok(Like::new(pattern.as_bytes(), fold, false)),
        |like, text| Ok(like.matches(text.as_bytes())? != negated),
    )
}

fn bytea_like(call: &Call<'_>, args: &[Arg], negated: bool) -> Result<ArrayRef> {
    matched::<Bytes, Like>(
        call,
        args,
        |pattern| Ok(Like::new(pattern, false, true)),
        |like, bytes| Ok(like.matches(bytes)? != negated),
    )
}

/// Tests every row against its pattern; a constant pattern is made ready once.
pub(crate) fn matched<T: Input, P>(
    call: &Call<'_>,
    args: &[Arg],
    compile: impl Fn(T::Value<'_>) -> Result<P>,
    test: impl Fn(&P, T::Value<'_>) -> Result<bool>,
) -> Result<ArrayRef> {
    let (value, pattern) = (arg(args, 0)?, arg(args, 1)?);
    let values = T::column(value.array.as_ref())?;
    let patterns = T::column(pattern.array.as_ref())?;
    let ready = match pattern.constant && !pattern.is_null(0) && call.rows > 0 {
        true => Some(compile(T::value(&patterns, 0)?)?),
        false => None,
    };
    let mut out = Bool::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if value.is_null(row) || pattern.is_null(row) {
            Bool::append_null(&mut out);
            continue;
        }
        let text = T::value(&values, value.index(row))?;
        let found = match &ready {
            Some(ready) => test(ready, text)?,
            None => test(&compile(T::value(&patterns, pattern.index(row))?)?, text)?,
        };
        Bool::append(&mut out, found)?;
    }
    Bool::finish(out)
}

/// The regular expression of a jsonpath's like_regex, whose flags are some of ismq: without s a dot matches no newline,
/// with m ^ and $ stand at lines, with q nothing has a meaning.
pub(crate) fn regex_of_path(pattern: &str, flags: &str) -> Result<Regex> {
    let flags = Flags {
        fold: flags.contains('i'),
        literal: flags.contains('q'),
        stop_at_newline: !flags.contains('s'),
        anchor_at_newline: flags.contains('m'),
        ..Flags::PLAIN
    };
    Pattern::regex(pattern, flags)
}

/// Whether a function of pg_proc is LIKE or ILIKE of text, and whether it is negated.
pub(crate) fn like(proc: u32) -> Option<bool> {
    let source = catalog::builtin::proc(Oid(proc))?.source;
    match source.strip_prefix("text").or_else(|| source.strip_prefix("name"))? {
        "like" | "iclike" => Some(false),
        "nlike" | "icnlike" => Some(true),
        _ => None,
    }
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("textlike", |c, a| like_with(c, a, false, false)),
    ("textnlike", |c, a| like_with(c, a, false, true)),
    ("namelike", |c, a| like_with(c, a, false, false)),
    ("namenlike", |c, a| like_with(c, a, false, true)),
    ("texticlike", |c, a| like_with(c, a, true, false)),
    ("texticnlike", |c, a| like_with(c, a, true, true)),
    ("nameiclike", |c, a| like_with(c, a, true, false)),
    ("nameicnlike", |c, a| like_with(c, a, true, true)),
    ("bytealike", |c, a| bytea_like(c, a, false)),
    ("byteanlike", |c, a| bytea_like(c, a, true)),
    ("like_escape", like_escape),
    ("like_escape_bytea", like_escape_bytea),
];

/// A pattern with another escape character, told with the backslash.
fn like_escape(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Text, Text, Text, _>(call, args, |pattern, escape| {
        let mut escapes = escape.chars();
        let escape = single(escapes.next(), escapes.next())?;
        Ok(with_backslashes(pattern.chars(), escape, '\\').into_iter().collect::<String>())
    })
}

fn like_escape_bytea(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Bytes, Bytes, Bytes, _>(call, args, |pattern, escape| {
        let mut escapes = escape.iter().copied();
        let escape = single(escapes.next(), escapes.next())?;
        Ok::<Vec<u8>, Error>(with_backslashes(pattern.iter().copied(), escape, b'\\'))
    })
}

fn single<C>(escape: Option<C>, more: Option<C>) -> Result<Option<C>> {
    match more {
        None => Ok(escape),
        Some(_) => Err(Error::new(ErrorKind::InvalidEscape, "invalid escape string")
            .with_hint("Escape string must be empty or one character.")),
    }
}

fn with_backslashes<C: Copy + PartialEq>(
    pattern: impl Iterator<Item = C>,
    escape: Option<C>,
    backslash: C,
) -> Vec<C> {
    let mut out = Vec::with_capacity(pattern.size_hint().0);
    let mut after_escape = false;
    for c in pattern {
        if Some(c) == escape && !after_escape {
            out.push(backslash);
            after_escape = true;
            continue;
        }
        if c == backslash {
            out.push(backslash);
        }
        if c != backslash || !after_escape {
            out.push(c);
        }
        after_escape = false;
    }
    out
}
