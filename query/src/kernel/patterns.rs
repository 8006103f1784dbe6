//! LIKE and regular expressions as kernels.
//!
//! A pattern that is constant is made ready once per batch. Case-insensitive matching folds ASCII letters only, as
//! the C locale does. Back-references and look-around, which PostgreSQL has, are refused.

use crate::kernel::call::{Arg, Call, Run, arg, map2, map3};
use crate::kernel::like::Like;
use crate::kernel::value::{Bool, Bytes, Input, Output, Text};
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use regex::{Regex, RegexBuilder};

/// Largest compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 4 << 20;

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
fn matched<T: Input, P>(
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

/// A regular expression of PostgreSQL's as one of the library's.
fn regex(pattern: &str, fold: bool) -> Result<Regex> {
    let (pattern, fold) = embedded_options(pattern, fold)?;
    refuse_references(pattern)?;
    RegexBuilder::new(&translated(pattern))
        .case_insensitive(fold)
        // Newlines are ordinary characters, and ^ and $ mean the ends of the text.
        .dot_matches_new_line(true)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|e| match e {
            regex::Error::CompiledTooBig(_) => Error::new(
                ErrorKind::InvalidRegularExpression,
                "invalid regular expression: regular expression is too complex",
            ),
            other => {
                let reason = other.to_string();
                let reason =
                    reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Error::new(
                    ErrorKind::InvalidRegularExpression,
                    format!("invalid regular expression: {reason}"),
                )
            }
        })
}

/// The regular expression of a jsonpath's like_regex, whose flags are some of ismq: without s a dot matches no newline,
/// with m ^ and $ stand at lines, with q nothing has a meaning.
pub(crate) fn regex_of_path(pattern: &str, flags: &str) -> Result<Regex> {
    let quoted = flags.contains('q');
    let text = if quoted {
        regex::escape(pattern)
    } else {
        refuse_references(pattern)?;
        translated(pattern)
    };
    RegexBuilder::new(&text)
        .case_insensitive(flags.contains('i'))
        .dot_matches_new_line(flags.contains('s'))
        .multi_line(flags.contains('m'))
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(invalid_regex)
}

fn invalid_regex(error: regex::Error) -> Error {
    let reason = match error {
        regex::Error::CompiledTooBig(_) => "regular expression is too complex".to_owned(),
        other => {
            let reason = other.to_string();
            reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    };
    Error::new(ErrorKind::InvalidRegularExpression, format!("invalid regular expression: {reason}"))
}

/// `***:`, `***=` and `(?i)` at the start of a pattern.
fn embedded_options(pattern: &str, fold: bool) -> Result<(&str, bool)> {
    if pattern.starts_with("***=") {
        return Err(Error::unsupported("regular expressions that begin with ***= are not supported"));
    }
    let pattern = pattern.strip_prefix("***:").unwrap_or(pattern);
    let Some(rest) = pattern.strip_prefix("(?") else { return Ok((pattern, fold)) };
    let Some((options, after)) = rest.split_once(')') else { return Ok((pattern, fold)) };
    if options.is_empty() || !options.bytes().all(|b| b.is_ascii_lowercase()) {
        return Ok((pattern, fold));
    }
    let mut fold = fold;
    for option in options.chars() {
        match option {
            'i' => fold = true,
            'c' => fold = false,
            's' | 't' => {}
            other => {
                return Err(Error::unsupported(format!(
                    "the regular expression option {other} is not supported"
                )));
            }
        }
    }
    Ok((after, fold))
}

fn refuse_references(pattern: &str) -> Result<()> {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next().is_some_and(|next| ('1'..='9').contains(&next)) {
            return Err(Error::unsupported("back-references in regular expressions are not supported"));
        }
    }
    for look in ["(?=", "(?!", "(?<=", "(?<!"] {
        if pattern.contains(look) {
            return Err(Error::unsupported("look-around in regular expressions is not supported"));
        }
    }
    Ok(())
}

/// Escapes that the library spells otherwise; the classes are ASCII's, as in the C locale.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('y') => out.push_str(r"(?-u:\b)"),
                Some('Y') => out.push_str(r"\B"),
                Some('m' | '<') => out.push_str(r"(?-u:\b{start})"),
                Some('M' | '>') => out.push_str(r"(?-u:\b{end})"),
                Some('A') => out.push_str(r"\A"),
                Some('Z') => out.push_str(r"\z"),
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('s') => out.push_str(r"[ \t\n\r\f\v]"),
                Some('S') => out.push_str(r"[^ \t\n\r\f\v]"),
                Some(escaped) if escaped.is_alphabetic() => {
                    out.push('\\');
                    out.push(escaped);
                }
                Some(escaped) => out.push_str(&regex::escape(&escaped.to_string())),
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                // A bracket that comes first is a member.
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str(r"\]");
                }
            }
            '[' if matches!(chars.peek(), Some(':')) => {
                out.push('[');
                for inner in chars.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            '[' => out.push_str(r"\["),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
    out
}

fn regex_with(call: &Call<'_>, args: &[Arg], fold: bool, negated: bool) -> Result<ArrayRef> {
    matched::<Text, Regex>(
        call,
        args,
        |pattern| regex(pattern, fold),
        |re, text| Ok(re.is_match(text) != negated),
    )
}

/// substring(text from pattern): the first group, or the whole match.
fn substring(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Text, Text, Text, _>(call, args, |text, pattern| {
        let re = regex(pattern, false)?;
        let found = re
            .captures(text)
            .and_then(|found| if re.captures_len() > 1 { found.get(1) } else { found.get(0) });
        Ok(found.map(|m| m.as_str().to_owned()))
    })
}

/// A replacement text: `\1` to `\9` and `\&` stand for parts of the match.
fn replacement(found: &regex::Captures<'_>, template: &str, out: &mut String) {
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('&') => out.push_str(found.get(0).map_or("", |m| m.as_str())),
            Some(digit @ '1'..='9') => {
                let group = digit.to_digit(10).and_then(|d| usize::try_from(d).ok()).unwrap_or(0);
                out.push_str(found.get(group).map_or("", |m| m.as_str()));
            }
            Some('\\') => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
}

fn replaced(text: &str, pattern: &str, template: &str, flags: &str) -> Result<String> {
    let (mut fold, mut all) = (false, false);
    for flag in flags.chars() {
        match flag {
            'g' => all = true,
            'i' => fold = true,
            'c' => fold = false,
            's' | 't' => {}
            'n' | 'm' | 'p' | 'w' | 'x' | 'q' | 'e' | 'b' => {
                return Err(Error::unsupported(format!(
                    "the regular expression option {flag} is not supported"
                )));
            }
            other => {
                return Err(Error::new(
                    ErrorKind::InvalidParameterValue,
                    format!("invalid regular expression option: \"{other}\""),
                ));
            }
        }
    }
    let re = regex(pattern, fold)?;
    let mut out = String::with_capacity(text.len());
    let (mut from, mut at) = (0, 0);
    // Behind a match PostgreSQL finds an empty one as well, which the library's own iteration passes over.
    while let Some(found) = re.captures_at(text, at) {
        let Some(whole) = found.get(0) else { break };
        let next_char =
            || text.get(whole.end()..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        at = if whole.is_empty() { whole.end() + next_char() } else { whole.end() };
        out.push_str(text.get(from..whole.start()).unwrap_or_default());
        replacement(&found, template, &mut out);
        from = whole.end();
        if out.len() > base::limits::VALUE_BYTES_MAX {
            return Err(Error::new(ErrorKind::LimitExceeded, "the result of regexp_replace is too long"));
        }
        if !all || at > text.len() {
            break;
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(out)
}

fn replace_with_flags(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let flags = arg(args, 3)?;
    if !flags.constant || call.rows == 0 {
        return Err(Error::unsupported("regexp_replace needs constant flags"));
    }
    let column = Text::column(flags.array.as_ref())?;
    if flags.is_null(0) {
        return Ok(arrow::array::new_null_array(&call.ret.form.arrow(), call.rows));
    }
    let flags = Text::value(&column, 0)?;
    map3::<Text, Text, Text, Text, _>(call, args, |text, pattern, to| replaced(text, pattern, to, flags))
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
    ("textregexeq", |c, a| regex_with(c, a, false, false)),
    ("textregexne", |c, a| regex_with(c, a, false, true)),
    ("texticregexeq", |c, a| regex_with(c, a, true, false)),
    ("texticregexne", |c, a| regex_with(c, a, true, true)),
    ("nameregexeq", |c, a| regex_with(c, a, false, false)),
    ("nameregexne", |c, a| regex_with(c, a, false, true)),
    ("nameicregexeq", |c, a| regex_with(c, a, true, false)),
    ("nameicregexne", |c, a| regex_with(c, a, true, true)),
    ("textregexsubstr", substring),
    ("textregexreplace_noopt", |c, a| {
        map3::<Text, Text, Text, Text, _>(c, a, |t, p, r| replaced(t, p, r, ""))
    }),
    ("textregexreplace", replace_with_flags),
    ("like_escape", like_escape),
];

/// A pattern with another escape character, told with the backslash.
fn like_escape(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Text, Text, Text, _>(call, args, |pattern, escape| {
        let mut escapes = escape.chars();
        let escape = escapes.next();
        if escapes.next().is_some() {
            return Err(Error::new(ErrorKind::InvalidEscape, "invalid escape string")
                .with_hint("Escape string must be empty or one character."));
        }
        let mut out = String::with_capacity(pattern.len());
        let mut after_escape = false;
        for c in pattern.chars() {
            if Some(c) == escape && !after_escape {
                out.push('\\');
                after_escape = true;
            } else if c == '\\' {
                out.push('\\');
                if !after_escape {
                    out.push('\\');
                }
                after_escape = false;
            } else {
                out.push(c);
                after_escape = false;
            }
        }
        Ok(out)
    })
}
