//! Arrays from and to text: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`, `[0:1]={1,2}`.
//!
//! Must not know types of elements but through their own text.

use super::format::format_form;
use super::parse::parse_form;
use super::{IoSettings, is_space};
use crate::datum::Datum;
use crate::list::{
    DIMENSIONS_MAX, Dimension, List, dimensions_of, too_large, too_many_dimensions, write_dimensions,
};
use crate::sql_type::{Form, SqlType, array_element, is_vector, oid};
use base::id::Oid;
use base::{Error, ErrorKind, Result};

/// The braces and delimiters around the elements of an array's text.
pub(crate) struct ArrayText {
    vector: bool,
    /// Elements in one unit of each dimension, outermost first.
    strides: Vec<usize>,
    written: usize,
}

impl ArrayText {
    /// Begins the text.
    pub(crate) fn new(oid: Oid, dimensions: &[Dimension], out: &mut String) -> Self {
        let vector = is_vector(oid);
        if !vector && dimensions.iter().any(|d| d.lower != 1) {
            write_dimensions(dimensions, out);
            out.push('=');
        }
        if !vector && dimensions.is_empty() {
            out.push('{');
        }
        let mut stride = 1_usize;
        let mut strides = Vec::with_capacity(dimensions.len());
        for dimension in dimensions.iter().rev() {
            stride = stride.saturating_mul(usize::try_from(dimension.length).unwrap_or(1));
            strides.push(stride);
        }
        strides.reverse();
        Self { vector, strides, written: 0 }
    }

    pub(crate) fn before_element(&self, out: &mut String) {
        if self.written > 0 {
            out.push(if self.vector { ' ' } else { ',' });
        }
        self.braces('{', self.written, out);
    }

    pub(crate) fn after_element(&mut self, out: &mut String) {
        self.written += 1;
        self.braces('}', self.written, out);
    }

    /// A brace for each dimension that begins or ends between two elements.
    fn braces(&self, brace: char, place: usize, out: &mut String) {
        if !self.vector {
            let turning = self.strides.iter().filter(|stride| place.is_multiple_of(**stride));
            out.extend(turning.map(|_| brace));
        }
    }

    pub(crate) fn finish(self, out: &mut String) {
        if !self.vector && self.strides.is_empty() {
            out.push('}');
        }
    }
}

pub(crate) fn write_list(
    oid: Oid,
    element: &Form,
    list: &List,
    settings: &IoSettings,
    out: &mut String,
) -> Result<()> {
    let element_oid = array_element(oid).unwrap_or(oid::TEXT);
    let mut shape = ArrayText::new(oid, &list.dimensions(), out);
    for item in list {
        shape.before_element(out);
        if item.is_null() {
            out.push_str("NULL");
        } else {
            let start = out.len();
            format_form(element_oid, element, item, settings, out)?;
            quote_element(out, start);
        }
        shape.after_element(out);
    }
    shape.finish(out);
    Ok(())
}

/// Quotes what was written from `start` if an array's text needs it.
pub(crate) fn quote_element(out: &mut String, start: usize) {
    let text = out.get(start..).unwrap_or_default();
    let special = |c: char| matches!(c, '"' | '\\' | '{' | '}' | ',') || is_space(c);
    if !text.is_empty() && !text.contains(special) && !text.eq_ignore_ascii_case("null") {
        return;
    }
    let plain = text.to_owned();
    out.truncate(start);
    out.push('"');
    for c in plain.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// Reads an array's text; `ty` is the array type.
pub(crate) fn parse_list(ty: &SqlType, element: &Form, text: &str, settings: &IoSettings) -> Result<Datum> {
    let element_oid = array_element(ty.oid).unwrap_or(oid::TEXT);
    let element = SqlType { oid: element_oid, typmod: ty.typmod, form: element.clone(), domain: None };
    let (items, dimensions) = if is_vector(ty.oid) {
        let items: Vec<_> =
            text.split(is_space).filter(|t| !t.is_empty()).map(|t| Some(t.to_owned())).collect();
        let dimensions = dimensions_of(&[], items.len());
        (items, dimensions)
    } else {
        split_array(text)?
    };
    let items = items.into_iter().map(|item| match item {
        Some(item) => parse_form(&element, &item, settings),
        None => Ok(Datum::Null),
    });
    let items = items.collect::<Result<Vec<_>>>()?;
    List::with_dimensions(items, dimensions).map(Datum::List)
}

fn malformed(text: &str, detail: &str) -> Error {
    Error::new(ErrorKind::InvalidText, format!("malformed array literal: \"{text}\"")).with_detail(detail)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Elements, `None` for NULL, and dimensions.
fn split_array(text: &str) -> Result<(Vec<Option<String>>, Vec<Dimension>)> {
    let mut rest: Chars<'_> = text.chars().peekable();
    skip_space(&mut rest);
    let given = read_dimensions(text, &mut rest)?;
    if given.is_empty() && rest.peek() != Some(&'{') {
        return Err(malformed(text, "Array value must start with \"{\" or dimension information."));
    }
    if !given.is_empty() {
        if rest.next_if_eq(&'=').is_none() {
            return Err(malformed(text, "Missing \"=\" after array dimensions."));
        }
        skip_space(&mut rest);
        if rest.peek() != Some(&'{') {
            return Err(malformed(text, "Array contents must start with \"{\"."));
        }
    }
    let (items, lengths) = read_contents(text, &mut rest)?;
    if given.is_empty() {
        let dimensions = lengths.into_iter().map(|length| Dimension { lower: 1, length });
        return Ok((items, dimensions.collect()));
    }
    if !given.iter().map(|d| d.length).eq(lengths) {
        return Err(malformed(text, "Specified array dimensions do not match array contents."));
    }
    Ok((items, given))
}

fn skip_space(rest: &mut Chars<'_>) {
    while rest.next_if(|c| is_space(*c)).is_some() {}
}

/// `[2:3][0:1]` in front of an array; `[3]` begins with 1.
fn read_dimensions(text: &str, rest: &mut Chars<'_>) -> Result<Vec<Dimension>> {
    let mut dimensions = Vec::new();
    while rest.next_if_eq(&'[').is_some() {
        if dimensions.len() >= DIMENSIONS_MAX {
            return Err(too_many_dimensions(dimensions.len() + 1));
        }
        let first = read_bound(rest)
            .ok_or_else(|| malformed(text, "\"[\" must introduce explicitly-specified array dimensions."))?;
        let (lower, upper) = match rest.next_if_eq(&':') {
            None => (1, first),
            Some(_) => {
                let upper =
                    read_bound(rest).ok_or_else(|| malformed(text, "Missing array dimension value."))?;
                (first, upper)
            }
        };
        if rest.next_if_eq(&']').is_none() {
            return Err(malformed(text, "Missing \"]\" after array dimensions."));
        }
        if upper < lower {
            let message = "upper bound cannot be less than lower bound";
            return Err(Error::new(ErrorKind::ArraySubscript, message));
        }
        let length = i64::from(upper) - i64::from(lower) + 1;
        let length = i32::try_from(length).map_err(|_| too_large())?;
        dimensions.push(Dimension { lower, length });
        skip_space(rest);
    }
    Ok(dimensions)
}

/// A number as C's atoi reads it of digits and signs: what is no number counts as 0, what is too large as the largest.
fn read_bound(rest: &mut Chars<'_>) -> Option<i32> {
    let mut digits = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || matches!(c, '-' | '+')) {
        digits.push(c);
    }
    if digits.is_empty() {
        return None;
    }
    let value = digits.parse::<i64>().unwrap_or(0);
    Some(i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX }))
}

/// What stood before a place in an array's text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    LevelStart,
    LevelEnd,
    Element,
    /// A comma behind an element or behind a level.
    AfterElement,
    AfterLevel,
}

/// A part of an array's text, white space aside.
enum Part {
    Open,
    Close,
    Comma,
    Item(Option<String>),
}

/// Elements and the length of each dimension, of a text that begins with a brace.
fn read_contents(text: &str, rest: &mut Chars<'_>) -> Result<(Vec<Option<String>>, Vec<i32>)> {
    let (parts, lengths) = read_parts(text, rest)?;
    let count = lengths.iter().try_fold(1_usize, |product, length| {
        product.checked_mul(usize::try_from(*length).ok()?).filter(|product| i32::try_from(*product).is_ok())
    });
    let given = parts.iter().filter(|part| matches!(part, Part::Item(_))).count();
    match count.ok_or_else(too_large)? {
        count if count == 0 || given == 0 => Ok((Vec::new(), Vec::new())),
        // Depths that differ can ask for any number of nulls.
        count if count > given => Err(Error::unsupported("an array's text with more places than elements")),
        count => Ok((placed(text, parts, &lengths, count)?, lengths)),
    }
}

/// The parts and the length of each dimension, none for an array without elements. As in PostgreSQL 15, an array may have
/// less or more depth than those beside it; the lengths are then what its counters happen to say.
fn read_parts(text: &str, rest: &mut Chars<'_>) -> Result<(Vec<Part>, Vec<i32>)> {
    let mut parts = Vec::new();
    // What has been counted in each level that is open, and the length of each level that was closed.
    let mut open: Vec<i32> = Vec::new();
    let mut closed: Vec<Option<i32>> = Vec::new();
    // What each level holds: levels within it, or elements in the deepest one.
    let mut lengths: Vec<i32> = Vec::new();
    let mut before = Before::Nothing;
    let unexpected = |c: char| malformed(text, &format!("Unexpected \"{c}\" character."));
    let count = |length: Option<&mut i32>| length.into_iter().for_each(|length| *length += 1);
    loop {
        skip_space(rest);
        match rest.peek().copied() {
            None => return Err(malformed(text, "Unexpected end of input.")),
            Some('{') => {
                if !matches!(before, Before::Nothing | Before::LevelStart | Before::AfterLevel) {
                    return Err(unexpected('{'));
                }
                if open.len() >= DIMENSIONS_MAX {
                    return Err(too_many_dimensions(open.len() + 1));
                }
                rest.next();
                match lengths.get_mut(open.len()) {
                    Some(length) => *length = 0,
                    None => lengths.push(0),
                }
                open.push(0);
                if closed.len() < open.len() {
                    closed.push(None);
                }
                parts.push(Part::Open);
                before = Before::LevelStart;
            }
            Some('}') => {
                let empty = before == Before::LevelStart && open.len() == 1;
                if !empty && !matches!(before, Before::Element | Before::LevelEnd) {
                    return Err(unexpected('}'));
                }
                rest.next();
                let held = open.pop().unwrap_or(0);
                if let Some(known) = closed.get_mut(open.len()) {
                    if known.is_some_and(|known| known != held) {
                        return Err(malformed(
                            text,
                            "Multidimensional arrays must have sub-arrays with matching dimensions.",
                        ));
                    }
                    *known = Some(held);
                }
                parts.push(Part::Close);
                before = Before::LevelEnd;
                let Some(outer) = open.last_mut() else { break };
                *outer += 1;
                count(open.len().checked_sub(1).and_then(|level| lengths.get_mut(level)));
            }
            Some(',') => {
                rest.next();
                before = match before {
                    Before::Element => Before::AfterElement,
                    Before::LevelEnd => Before::AfterLevel,
                    _ => return Err(unexpected(',')),
                };
                count(lengths.last_mut());
                parts.push(Part::Comma);
            }
            Some(_) => {
                if !matches!(before, Before::LevelStart | Before::AfterElement) {
                    return Err(malformed(text, "Unexpected array element."));
                }
                parts.push(Part::Item(next_item(text, rest)?));
                count(open.last_mut());
                before = Before::Element;
            }
        }
    }
    count(lengths.last_mut());
    if !rest.all(is_space) {
        return Err(malformed(text, "Junk after closing right brace."));
    }
    if !parts.iter().any(|part| matches!(part, Part::Item(_))) {
        lengths.clear();
    }
    Ok((parts, lengths))
}

/// The elements in their places, null where there is none.
fn placed(text: &str, parts: Vec<Part>, lengths: &[i32], count: usize) -> Result<Vec<Option<String>>> {
    let mut items = vec![None; count];
    // Where the next element stands in each dimension.
    let mut place = vec![0_i32; lengths.len()];
    let mut depth = 0_usize;
    for part in parts {
        match part {
            Part::Open => {
                if let Some(at) = place.get_mut(depth) {
                    *at = 0;
                }
                depth += 1;
            }
            Part::Close => {
                depth = depth.saturating_sub(1);
                if let Some(at) = place.get_mut(depth) {
                    *at = 0;
                }
                if let Some(at) = depth.checked_sub(1).and_then(|outer| place.get_mut(outer)) {
                    *at += 1;
                }
            }
            Part::Comma => {
                if let Some(at) = place.last_mut() {
                    *at += 1;
                }
            }
            Part::Item(item) => {
                let offset = place
                    .iter()
                    .zip(lengths)
                    .try_fold(0_i32, |offset, (at, length)| offset.checked_mul(*length)?.checked_add(*at));
                let slot = offset.and_then(|offset| items.get_mut(usize::try_from(offset).ok()?));
                let Some(slot) = slot else {
                    let message = format!("malformed array literal: \"{text}\"");
                    return Err(Error::new(ErrorKind::InvalidText, message));
                };
                *slot = item;
            }
        }
    }
    Ok(items)
}

/// One element up to, not including, its comma or brace; `None` for NULL.
fn next_item(text: &str, rest: &mut Chars<'_>) -> Result<Option<String>> {
    let mut item = String::new();
    let mut quoted = false;
    // Length up to the last character that white space behind it does not belong to.
    let mut kept = 0;
    loop {
        match rest.peek().copied() {
            None => return Err(malformed(text, "Unexpected end of input.")),
            Some(',' | '}') => break,
            Some('{') => return Err(malformed(text, "Unexpected \"{\" character.")),
            Some('"') => {
                if quoted || kept > 0 {
                    return Err(malformed(text, "Unexpected array element."));
                }
                rest.next();
                quoted = true;
                read_quoted(text, rest, &mut item)?;
                kept = item.len();
            }
            Some('\\') => {
                rest.next();
                item.push(rest.next().ok_or_else(|| malformed(text, "Unexpected end of input."))?);
                kept = item.len();
            }
            Some(c) => {
                rest.next();
                if quoted {
                    if !is_space(c) {
                        return Err(malformed(text, "Unexpected array element."));
                    }
                    continue;
                }
                item.push(c);
                if !is_space(c) {
                    kept = item.len();
                }
            }
        }
    }
    item.truncate(kept);
    if !quoted && item.is_empty() {
        let found = rest.peek().copied().unwrap_or('}');
        return Err(malformed(text, &format!("Unexpected \"{found}\" character.")));
    }
    Ok(if !quoted && item.eq_ignore_ascii_case("null") { None } else { Some(item) })
}

fn read_quoted(text: &str, rest: &mut impl Iterator<Item = char>, item: &mut String) -> Result<()> {
    loop {
        match rest.next() {
            Some('"') => return Ok(()),
            Some('\\') => item.push(rest.next().ok_or_else(|| malformed(text, "Unexpected end of input."))?),
            Some(c) => item.push(c),
            None => return Err(malformed(text, "Unexpected end of input.")),
        }
    }
}
