//! One-dimensional arrays from and to text: `{1,NULL,"a b"}`.
//!
//! Arrays of more dimensions or with lower bounds other than 1 are refused, because a column cannot hold them.

use super::format::format_form;
use super::parse::parse_form;
use super::{IoSettings, is_space};
use crate::datum::Datum;
use crate::sql_type::{Form, SqlType, array_element, oid};
use base::id::Oid;
use base::{Error, ErrorKind, Result};

pub(crate) fn is_vector(oid: Oid) -> bool {
    matches!(oid, oid::INT2VECTOR | oid::OIDVECTOR)
}

pub(crate) fn write_list(
    oid: Oid,
    element: &Form,
    items: &[Datum],
    settings: &IoSettings,
    out: &mut String,
) -> Result<()> {
    let element_oid = array_element(oid).unwrap_or(oid::TEXT);
    let vector = is_vector(oid);
    if !vector {
        out.push('{');
    }
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(if vector { ' ' } else { ',' });
        }
        if item.is_null() {
            out.push_str("NULL");
            continue;
        }
        let start = out.len();
        format_form(element_oid, element, item, settings, out)?;
        quote_element(out, start);
    }
    if !vector {
        out.push('}');
    }
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
    let element = SqlType { oid: element_oid, typmod: ty.typmod, form: element.clone() };
    let items = if is_vector(ty.oid) {
        text.split(is_space).filter(|t| !t.is_empty()).map(|t| Some(t.to_owned())).collect()
    } else {
        split_list(text)?
    };
    let items = items.into_iter().map(|item| match item {
        Some(item) => parse_form(&element, &item, settings),
        None => Ok(Datum::Null),
    });
    items.collect::<Result<Vec<_>>>().map(Datum::List)
}

fn malformed(text: &str, detail: &str) -> Error {
    Error::new(ErrorKind::InvalidText, format!("malformed array literal: \"{text}\"")).with_detail(detail)
}

fn split_list(text: &str) -> Result<Vec<Option<String>>> {
    let trimmed = text.trim_matches(is_space);
    if trimmed.starts_with('[') {
        return Err(Error::unsupported("array bounds in a literal are not supported")
            .with_hint("arrays have one dimension that begins at 1"));
    }
    let Some(body) = trimmed.strip_prefix('{') else {
        return Err(malformed(text, "Array value must start with \"{\" or dimension information."));
    };
    let mut rest = body.chars().peekable();
    let mut items = Vec::new();
    while rest.next_if(|c| is_space(*c)).is_some() {}
    if rest.next_if_eq(&'}').is_some() {
        return end_of_list(text, rest, items);
    }
    loop {
        items.push(next_item(text, &mut rest)?);
        match rest.next() {
            Some(',') => {}
            Some('}') => return end_of_list(text, rest, items),
            _ => return Err(malformed(text, "Unexpected end of input.")),
        }
    }
}

fn end_of_list(
    text: &str,
    mut rest: impl Iterator<Item = char>,
    items: Vec<Option<String>>,
) -> Result<Vec<Option<String>>> {
    if rest.all(is_space) { Ok(items) } else { Err(malformed(text, "Junk after closing right brace.")) }
}

/// One element up to, not including, its comma or brace; `None` for NULL.
fn next_item(text: &str, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<String>> {
    while rest.next_if(|c| is_space(*c)).is_some() {}
    let mut item = String::new();
    let mut quoted = false;
    // Length up to the last character that white space behind it does not belong to.
    let mut kept = 0;
    loop {
        match rest.peek().copied() {
            None => return Err(malformed(text, "Unexpected end of input.")),
            Some(',' | '}') => break,
            Some('{') => {
                return Err(Error::unsupported("arrays of more than one dimension are not supported")
                    .with_hint("store the inner arrays in rows of their own"));
            }
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
