//! The operators and functions of regular expressions.
//!
//! A pattern is made ready when it differs from that of the row before.

use crate::kernel::call::{Arg, Call, Run, map1, map2};
use crate::kernel::list::each;
use crate::kernel::patterns::matched;
use crate::kernel::regexp::similar::similar_escape;
use crate::kernel::regexp::{Flags, Pattern, Span, after};
use crate::kernel::strings::room;
use crate::kernel::value::Text;
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use regex::Regex;
use std::cell::RefCell;
use std::rc::Rc;
use types::Datum;

fn tested(call: &Call<'_>, args: &[Arg], fold: bool, negated: bool) -> Result<ArrayRef> {
    let flags = Flags { fold, ..Flags::PLAIN };
    matched::<Text, Regex>(
        call,
        args,
        |pattern| Pattern::regex(pattern, flags),
        |re, text| Ok(re.is_match(text) != negated),
    )
}

/// The last pattern of a column of them.
#[derive(Default)]
struct Recent {
    last: RefCell<Option<(String, Flags, Rc<Pattern>)>>,
}

impl Recent {
    fn pattern(&self, text: &str, flags: Flags) -> Result<Rc<Pattern>> {
        if let Some((known, as_flags, pattern)) = self.last.borrow().as_ref()
            && known == text
            && *as_flags == flags
        {
            return Ok(Rc::clone(pattern));
        }
        let pattern = Rc::new(Pattern::new(text, flags)?);
        *self.last.borrow_mut() = Some((text.to_owned(), flags, Rc::clone(&pattern)));
        Ok(pattern)
    }
}

/// The arguments of one call, after the text and the pattern.
struct Matching<'r> {
    text: &'r str,
    source: &'r str,
    flags: Flags,
    rest: &'r [Datum],
    recent: &'r Recent,
}

impl Matching<'_> {
    /// The pattern, which is looked at after the other arguments were.
    fn pattern(&self) -> Result<Rc<Pattern>> {
        self.recent.pattern(self.source, self.flags)
    }

    /// A number among the further arguments.
    fn number(&self, index: usize, otherwise: i32) -> i32 {
        match self.rest.get(index) {
            Some(Datum::Int32(value)) => *value,
            _ => otherwise,
        }
    }

    /// The byte at which the search starts: a character's number among the further arguments, counted from 1. Behind
    /// the end there is nothing to find.
    fn start(&self, index: usize) -> Result<usize> {
        let start = self.number(index, 1);
        let skip =
            usize::try_from(start).ok().and_then(|n| n.checked_sub(1)).ok_or_else(|| bad("start", start))?;
        let mut places = self.text.char_indices().map(|(at, _)| at).chain([self.text.len()]);
        Ok(places.nth(skip).unwrap_or(usize::MAX))
    }

    fn refuse_all(&self, name: &str, instead: Option<&str>) -> Result<()> {
        if !self.flags.all {
            return Ok(());
        }
        let message = format!("{name}() does not support the \"global\" option");
        let error = Error::new(ErrorKind::InvalidParameterValue, message);
        Err(match instead {
            Some(other) => error.with_hint(format!("Use the {other} function instead.")),
            None => error,
        })
    }

    /// The n-th match from a byte on, counted from 1, with its groups.
    fn nth(&self, start: usize, n: i32, groups: bool) -> Result<Option<Vec<Option<Span>>>> {
        let pattern = self.pattern()?;
        let mut from = start;
        let mut left = n;
        loop {
            let found = match groups && left == 1 {
                true => pattern.captures(self.text, from)?,
                false => pattern.find(self.text, from)?.map(|span| vec![Some(span)]),
            };
            let Some(found) = found else { return Ok(None) };
            left -= 1;
            if left <= 0 {
                return Ok(Some(found));
            }
            if let Some(Some(span)) = found.first() {
                from = after(self.text, *span);
            }
        }
    }

    fn part(&self, span: Option<Span>) -> Datum {
        let part = span.and_then(|(start, end)| self.text.get(start..end));
        part.map_or(Datum::Null, |text| Datum::Text(text.to_owned()))
    }

    /// The groups of a match, or the match where there are none.
    fn groups(&self, found: &[Option<Span>]) -> Datum {
        let skip = usize::from(found.len() > 1);
        Datum::list(found.iter().skip(skip).map(|span| self.part(*span)).collect())
    }

    /// The character's number at a byte, from 1.
    fn position(&self, at: usize) -> Result<Datum> {
        let before = self.text.get(..at).unwrap_or_default().chars().count();
        i32::try_from(before + 1)
            .map(Datum::Int32)
            .map_err(|_| Error::new(ErrorKind::NumericOutOfRange, "integer out of range"))
    }
}

fn bad(name: &str, value: i32) -> Error {
    let message = format!("invalid value for parameter \"{name}\": {value}");
    Error::new(ErrorKind::InvalidParameterValue, message)
}

/// Computes each row without nulls; `flags` is the place of the flags behind text and pattern.
fn rows(
    call: &Call<'_>,
    args: &[Arg],
    flags: Option<usize>,
    f: impl Fn(&Matching<'_>) -> Result<Datum>,
) -> Result<ArrayRef> {
    let recent = Recent::default();
    each(call, args, |row| match row.as_slice() {
        [Datum::Text(text), Datum::Text(pattern), rest @ ..] if !rest.contains(&Datum::Null) => {
            let flags = match flags.and_then(|index| rest.get(index)) {
                Some(Datum::Text(text)) => Flags::parse(text)?,
                _ => Flags::PLAIN,
            };
            f(&Matching { text, source: pattern, flags, rest, recent: &recent })
        }
        _ => Ok(Datum::Null),
    })
}

fn count(m: &Matching<'_>) -> Result<Datum> {
    m.refuse_all("regexp_count", None)?;
    let mut from = m.start(0)?;
    let pattern = m.pattern()?;
    let mut count = 0;
    while let Some(span) = pattern.find(m.text, from)? {
        count += 1;
        from = after(m.text, span);
    }
    Ok(Datum::Int32(count))
}

/// The group that an argument wants of the n-th match; None where there is no such match or group.
fn wanted(m: &Matching<'_>, n: i32, group: i32) -> Result<Option<Span>> {
    let start = m.start(0)?;
    if n <= 0 {
        return Err(bad("n", n));
    }
    let Ok(group) = usize::try_from(group) else { return Err(bad("subexpr", group)) };
    // Without groups, the match is the first one.
    let group = if m.pattern()?.groups() == 0 && group == 1 { 0 } else { group };
    if group > m.pattern()?.groups() {
        return Ok(None);
    }
    let found = m.nth(start, n, group > 0)?;
    Ok(found.and_then(|spans| spans.get(group).copied().flatten()))
}

fn instr(m: &Matching<'_>) -> Result<Datum> {
    let (n, end, group) = (m.number(1, 1), m.number(2, 0), m.number(4, 0));
    m.start(0)?;
    if n <= 0 {
        return Err(bad("n", n));
    }
    if !matches!(end, 0 | 1) {
        return Err(bad("endoption", end));
    }
    if group < 0 {
        return Err(bad("subexpr", group));
    }
    m.refuse_all("regexp_instr", None)?;
    match wanted(m, n, group)? {
        None => Ok(Datum::Int32(0)),
        Some((start, stop)) => m.position(if end == 1 { stop } else { start }),
    }
}

fn substr(m: &Matching<'_>) -> Result<Datum> {
    let (n, group) = (m.number(1, 1), m.number(3, 0));
    m.start(0)?;
    if n <= 0 {
        return Err(bad("n", n));
    }
    if group < 0 {
        return Err(bad("subexpr", group));
    }
    m.refuse_all("regexp_substr", None)?;
    Ok(m.part(wanted(m, n, group)?))
}

fn like(m: &Matching<'_>) -> Result<Datum> {
    m.refuse_all("regexp_like", None)?;
    Ok(Datum::Bool(m.pattern()?.matches(m.text)))
}

fn first_match(m: &Matching<'_>) -> Result<Datum> {
    m.refuse_all("regexp_match", Some("regexp_matches"))?;
    Ok(m.pattern()?.captures(m.text, 0)?.map_or(Datum::Null, |found| m.groups(&found)))
}

/// All matches with the flag g, else the first: one array for each.
fn matches(m: &Matching<'_>) -> Result<Datum> {
    let pattern = m.pattern()?;
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(found) = pattern.captures(m.text, from)? {
        out.push(m.groups(&found));
        match found.first().copied().flatten() {
            Some(span) if m.flags.all => from = after(m.text, span),
            _ => break,
        }
    }
    Ok(Datum::list(out))
}

/// What lies between the matches. Empty matches at the ends and behind another match do not divide.
fn split(m: &Matching<'_>, name: &str) -> Result<Datum> {
    m.refuse_all(name, None)?;
    let pattern = m.pattern()?;
    let mut out = Vec::new();
    let (mut from, mut last, mut kept) = (0, 0, 0);
    while let Some((start, end)) = pattern.find(m.text, from)? {
        if start < m.text.len() && end > last {
            out.push(m.part(Some((kept, start))));
            kept = end;
        }
        last = end;
        from = after(m.text, (start, end));
    }
    out.push(m.part(Some((kept, m.text.len()))));
    Ok(Datum::list(out))
}

/// A replacement text: `\1` to `\9` and `\&` stand for parts of the match.
fn expand(m: &Matching<'_>, found: &[Option<Span>], template: &str, out: &mut String) {
    let push = |index: usize, out: &mut String| {
        let span = found.get(index).copied().flatten();
        out.push_str(span.and_then(|(start, end)| m.text.get(start..end)).unwrap_or_default());
    };
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('&') => push(0, out),
            Some(digit @ '1'..='9') => {
                push(digit.to_digit(10).and_then(|d| usize::try_from(d).ok()).unwrap_or(0), out);
            }
            Some('\\') | None => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
        }
    }
}

/// Whether a replacement names a group.
fn names_group(template: &str) -> bool {
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next().is_some_and(|next| ('1'..='9').contains(&next)) {
            return true;
        }
    }
    false
}

/// Replaces the n-th match from a byte on, or all of them for 0.
fn replace(m: &Matching<'_>, template: &str, start: usize, n: i32) -> Result<Datum> {
    let pattern = m.pattern()?;
    let groups = names_group(template);
    let mut out = String::with_capacity(m.text.len());
    let (mut copied, mut from, mut seen) = (0, start, 0);
    loop {
        let found = match groups {
            true => pattern.captures(m.text, from)?,
            false => pattern.find(m.text, from)?.map(|span| vec![Some(span)]),
        };
        let Some(found) = found else { break };
        let Some(span) = found.first().copied().flatten() else { break };
        seen += 1;
        from = after(m.text, span);
        if n == 0 || seen == n {
            out.push_str(m.text.get(copied..span.0).unwrap_or_default());
            expand(m, &found, template, &mut out);
            copied = span.1;
            room(out.len())?;
        }
        if seen == n {
            break;
        }
    }
    out.push_str(m.text.get(copied..).unwrap_or_default());
    room(out.len())?;
    Ok(Datum::Text(out))
}

/// regexp_replace; further arguments are the replacement and what `n` makes of the rest.
fn replaced(
    call: &Call<'_>,
    args: &[Arg],
    flags: Option<usize>,
    n: impl Fn(&Matching<'_>) -> Result<i32>,
    start: Option<usize>,
) -> Result<ArrayRef> {
    rows(call, args, flags, |m| {
        let Some(Datum::Text(template)) = m.rest.first() else { return Ok(Datum::Null) };
        let from = start.map_or(Ok(0), |index| m.start(index))?;
        replace(m, template, from, n(m)?)
    })
}

fn not_negative(n: i32) -> Result<i32> {
    if n < 0 { Err(bad("n", n)) } else { Ok(n) }
}

/// What a function in FROM makes of text, pattern and flags: a list of its rows, null where an argument is.
fn listed(row: &[Datum], f: impl Fn(&Matching<'_>) -> Result<Datum>) -> Result<Datum> {
    let (text, source, flags) = match row {
        [Datum::Text(text), Datum::Text(pattern)] => (text, pattern, Flags::PLAIN),
        [Datum::Text(text), Datum::Text(pattern), Datum::Text(flags)] => {
            (text, pattern, Flags::parse(flags)?)
        }
        _ => return Ok(Datum::Null),
    };
    f(&Matching { text, source, flags, rest: &[], recent: &Recent::default() })
}

/// regexp_matches: an array for each match.
pub(crate) fn match_list(row: &[Datum]) -> Result<Datum> {
    listed(row, matches)
}

/// regexp_split_to_table
pub(crate) fn part_list(row: &[Datum]) -> Result<Datum> {
    listed(row, |m| split(m, "regexp_split_to_table"))
}

/// substring(text from pattern): the first group, or the whole match.
fn substring(m: &Matching<'_>) -> Result<Datum> {
    let found = m.pattern()?.captures(m.text, 0)?;
    Ok(found.map_or(Datum::Null, |spans| m.part(spans.get(usize::from(spans.len() > 1)).copied().flatten())))
}

/// substring(text similar pattern escape character)
fn substring_similar(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let recent = Recent::default();
    each(call, args, |row| match row.as_slice() {
        [Datum::Text(text), Datum::Text(pattern), Datum::Text(escape)] => {
            let source = similar_escape(pattern, Some(escape))?;
            substring(&Matching { text, source: &source, flags: Flags::PLAIN, rest: &[], recent: &recent })
        }
        _ => Ok(Datum::Null),
    })
}

/// similar_escape, which takes a null escape for the backslash.
fn lenient_escape(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    each(call, args, |row| match row.as_slice() {
        [Datum::Text(pattern), Datum::Text(escape)] => similar_escape(pattern, Some(escape)).map(Datum::Text),
        [Datum::Text(pattern), Datum::Null] => similar_escape(pattern, None).map(Datum::Text),
        _ => Ok(Datum::Null),
    })
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("textregexeq", |c, a| tested(c, a, false, false)),
    ("textregexne", |c, a| tested(c, a, false, true)),
    ("texticregexeq", |c, a| tested(c, a, true, false)),
    ("texticregexne", |c, a| tested(c, a, true, true)),
    ("nameregexeq", |c, a| tested(c, a, false, false)),
    ("nameregexne", |c, a| tested(c, a, false, true)),
    ("nameicregexeq", |c, a| tested(c, a, true, false)),
    ("nameicregexne", |c, a| tested(c, a, true, true)),
    ("textregexsubstr", |c, a| rows(c, a, None, substring)),
    ("textregexreplace_noopt", |c, a| replaced(c, a, None, |_| Ok(1), None)),
    ("textregexreplace", |c, a| replaced(c, a, Some(1), |m| Ok(i32::from(!m.flags.all)), None)),
    ("textregexreplace_extended_no_n", |c, a| replaced(c, a, None, |_| Ok(1), Some(1))),
    ("textregexreplace_extended_no_flags", |c, a| {
        replaced(c, a, None, |m| not_negative(m.number(2, 1)), Some(1))
    }),
    ("textregexreplace_extended", |c, a| replaced(c, a, Some(3), |m| not_negative(m.number(2, 1)), Some(1))),
    ("regexp_count_no_start", |c, a| rows(c, a, None, count)),
    ("regexp_count_no_flags", |c, a| rows(c, a, None, count)),
    ("regexp_count", |c, a| rows(c, a, Some(1), count)),
    ("regexp_instr_no_start", |c, a| rows(c, a, None, instr)),
    ("regexp_instr_no_n", |c, a| rows(c, a, None, instr)),
    ("regexp_instr_no_endoption", |c, a| rows(c, a, None, instr)),
    ("regexp_instr_no_flags", |c, a| rows(c, a, None, instr)),
    ("regexp_instr_no_subexpr", |c, a| rows(c, a, Some(3), instr)),
    ("regexp_instr", |c, a| rows(c, a, Some(3), instr)),
    ("regexp_like_no_flags", |c, a| rows(c, a, None, like)),
    ("regexp_like", |c, a| rows(c, a, Some(0), like)),
    ("regexp_match_no_flags", |c, a| rows(c, a, None, first_match)),
    ("regexp_match", |c, a| rows(c, a, Some(0), first_match)),
    ("regexp_split_to_array_no_flags", |c, a| rows(c, a, None, |m| split(m, "regexp_split_to_array"))),
    ("regexp_split_to_array", |c, a| rows(c, a, Some(0), |m| split(m, "regexp_split_to_array"))),
    ("regexp_substr_no_start", |c, a| rows(c, a, None, substr)),
    ("regexp_substr_no_n", |c, a| rows(c, a, None, substr)),
    ("regexp_substr_no_flags", |c, a| rows(c, a, None, substr)),
    ("regexp_substr_no_subexpr", |c, a| rows(c, a, Some(2), substr)),
    ("regexp_substr", |c, a| rows(c, a, Some(2), substr)),
    ("similar_escape", lenient_escape),
    ("similar_to_escape_1", |c, a| map1::<Text, Text, _>(c, a, |p| similar_escape(p, None))),
    ("similar_to_escape_2", |c, a| map2::<Text, Text, Text, _>(c, a, |p, e| similar_escape(p, Some(e)))),
];

/// Functions that pg_proc has in SQL.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    // substring(text similar text escape text)
    (2074, substring_similar),
];
