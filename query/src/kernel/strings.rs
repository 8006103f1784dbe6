//! Functions of text and bytea. Case is that of the C locale: ASCII letters only.
//!
//! Invariant: a result that would be larger than a value may be is refused before it is built.

use crate::kernel::call::{Arg, Call, Run, arg, map1, map2, map3};
use crate::kernel::conversion::text_of;
use crate::kernel::list::each;
use crate::kernel::udf::Kernel;
use crate::kernel::value::{Bool, Bytes, Input, Int4, Output, Text};
use crate::lower::StatementContext;
use arrow::array::ArrayRef;
use base::limits::VALUE_BYTES_MAX;
use base::{Error, ErrorKind, Result};
use std::sync::Arc;
use types::{Datum, Form, SqlType};

/// The kernel that drops the trailing spaces of a char(n), which do not count in comparisons.
pub(crate) fn unpadded(ty: &SqlType, statement: &Arc<StatementContext>) -> Kernel {
    Kernel {
        name: "unpadded",
        oid: 0,
        run: without_padding,
        args: vec![ty.clone()],
        ret: ty.clone(),
        volatile: false,
        statement: Arc::clone(statement),
    }
}

fn without_padding(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let value = arg(args, 0)?;
    let column = Text::column(value.array.as_ref())?;
    // Most values have no padding; the array itself is the answer then.
    if !value.constant && !column.iter().flatten().any(|s| s.ends_with(' ')) {
        return Ok(Arc::clone(&value.array));
    }
    map1::<Text, Text, _>(call, args, |s| Ok(s.trim_end_matches(' ').to_owned()))
}

fn too_long() -> Error {
    Error::new(ErrorKind::LimitExceeded, "requested length too large")
        .with_hint(format!("a value holds at most {VALUE_BYTES_MAX} bytes"))
}

pub(crate) fn room(bytes: usize) -> Result<()> {
    if bytes > VALUE_BYTES_MAX { Err(too_long()) } else { Ok(()) }
}

fn count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

fn length(value: usize) -> Result<i32> {
    i32::try_from(value).map_err(|_| too_long())
}

/// The byte at which the n-th character (from 0) starts, or the end.
fn offset_of(text: &str, n: usize) -> usize {
    if text.is_ascii() {
        return n.min(text.len());
    }
    text.char_indices().nth(n).map_or(text.len(), |(offset, _)| offset)
}

/// Characters from position `start` (counted from 1, may lie before the text), `len` of them.
fn substring(text: &str, start: i32, len: Option<i32>) -> Result<String> {
    if len.is_some_and(|len| len < 0) {
        return Err(Error::new(ErrorKind::Substring, "negative substring length not allowed"));
    }
    let first = i64::from(start);
    let end = len.map(|len| first + i64::from(len));
    let skip = usize::try_from(first.max(1) - 1).unwrap_or(usize::MAX);
    let from = offset_of(text, skip);
    let to = match end {
        None => text.len(),
        Some(end) => offset_of(text, usize::try_from(end.max(1) - 1).unwrap_or(usize::MAX)),
    };
    Ok(text.get(from..to.max(from)).unwrap_or_default().to_owned())
}

fn bytes_substring(bytes: &[u8], start: i32, len: Option<i32>) -> Result<Vec<u8>> {
    if len.is_some_and(|len| len < 0) {
        return Err(Error::new(ErrorKind::Substring, "negative substring length not allowed"));
    }
    let first = i64::from(start);
    let clamp = |v: i64| usize::try_from(v.max(1) - 1).unwrap_or(usize::MAX).min(bytes.len());
    let from = clamp(first);
    let to = len.map_or(bytes.len(), |len| clamp(first + i64::from(len)));
    Ok(bytes.get(from..to.max(from)).unwrap_or_default().to_vec())
}

fn position(text: &str, wanted: &str) -> Result<i32> {
    match text.find(wanted) {
        Some(offset) => length(count(text.get(..offset).unwrap_or_default()) + 1),
        None => Ok(0),
    }
}

fn bytes_position(bytes: &[u8], wanted: &[u8]) -> Result<i32> {
    if wanted.is_empty() {
        return Ok(1);
    }
    match bytes.windows(wanted.len()).position(|w| w == wanted) {
        Some(offset) => length(offset + 1),
        None => Ok(0),
    }
}

fn replace(text: &str, from: &str, to: &str) -> Result<String> {
    if from.is_empty() {
        return Ok(text.to_owned());
    }
    if to.len() > from.len() {
        room(text.len() + text.matches(from).count() * (to.len() - from.len()))?;
    }
    Ok(text.replace(from, to))
}

fn translate(text: &str, from: &str, to: &str) -> Result<String> {
    let to: Vec<char> = to.chars().collect();
    let map: Vec<char> = from.chars().collect();
    Ok(text
        .chars()
        .filter_map(|c| match map.iter().position(|f| *f == c) {
            None => Some(c),
            Some(index) => to.get(index).copied(),
        })
        .collect())
}

/// The first n characters, or all but the last -n.
fn left(text: &str, n: i32) -> Result<String> {
    let n = match n {
        n if n >= 0 => usize::try_from(n).unwrap_or(0),
        n => count(text).saturating_sub(usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    Ok(text.get(..offset_of(text, n)).unwrap_or_default().to_owned())
}

/// The last n characters, or all but the first -n.
fn right(text: &str, n: i32) -> Result<String> {
    let skip = match n {
        n if n >= 0 => count(text).saturating_sub(usize::try_from(n).unwrap_or(0)),
        n => usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX),
    };
    Ok(text.get(offset_of(text, skip)..).unwrap_or_default().to_owned())
}

/// The text cut or filled up to a number of characters, on the left or on the right.
fn pad(text: &str, to: i32, fill: &str, on_left: bool) -> Result<String> {
    let wanted = usize::try_from(to).unwrap_or(0);
    let have = count(text);
    if have >= wanted || fill.is_empty() {
        return Ok(text.get(..offset_of(text, wanted)).unwrap_or_default().to_owned());
    }
    room(wanted)?;
    let padding: String = fill.chars().cycle().take(wanted - have).collect();
    room(padding.len() + text.len())?;
    Ok(if on_left { format!("{padding}{text}") } else { format!("{text}{padding}") })
}

fn repeat(text: &str, times: i32) -> Result<String> {
    let times = usize::try_from(times).unwrap_or(0);
    room(text.len().saturating_mul(times))?;
    Ok(text.repeat(times))
}

fn split_part(text: &str, delimiter: &str, field: i32) -> Result<String> {
    if field == 0 {
        return Err(Error::new(ErrorKind::InvalidParameterValue, "field position must not be zero"));
    }
    let index = usize::try_from(field.unsigned_abs()).unwrap_or(usize::MAX) - 1;
    if delimiter.is_empty() {
        return Ok(if index == 0 { text.to_owned() } else { String::new() });
    }
    let part = if field > 0 { text.split(delimiter).nth(index) } else { text.rsplit(delimiter).nth(index) };
    Ok(part.unwrap_or_default().to_owned())
}

fn chr(code: i32) -> Result<String> {
    if code == 0 {
        return Err(Error::new(ErrorKind::LimitExceeded, "null character not permitted"));
    }
    let negative = || Error::new(ErrorKind::InvalidParameterValue, "character number must be positive");
    let number = u32::try_from(code).map_err(|_| negative())?;
    let letter = char::from_u32(number).ok_or_else(|| {
        Error::new(
            ErrorKind::LimitExceeded,
            match number > 0x0010_ffff {
                true => format!("requested character too large for encoding: {code}"),
                false => format!("requested character not valid for encoding: {code}"),
            },
        )
    })?;
    Ok(letter.to_string())
}

fn initcap(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|c| {
            let cased = if start { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            start = !c.is_ascii_alphanumeric();
            cased
        })
        .collect()
}

fn trim<'t>(text: &'t str, set: &str, front: bool, back: bool) -> &'t str {
    let within = |c: char| set.contains(c);
    let text = if front { text.trim_start_matches(within) } else { text };
    if back { text.trim_end_matches(within) } else { text }
}

fn trim1(call: &Call<'_>, args: &[Arg], front: bool, back: bool) -> Result<ArrayRef> {
    map1::<Text, Text, _>(call, args, |s| Ok(trim(s, " ", front, back).to_owned()))
}

fn trim2(call: &Call<'_>, args: &[Arg], front: bool, back: bool) -> Result<ArrayRef> {
    map2::<Text, Text, Text, _>(call, args, |s, set| Ok(trim(s, set, front, back).to_owned()))
}

fn overlay(text: &str, new: &str, start: i32, len: i32) -> Result<String> {
    if start <= 0 {
        return Err(Error::new(ErrorKind::Substring, "negative substring length not allowed"));
    }
    let after = start
        .checked_add(len)
        .ok_or_else(|| Error::new(ErrorKind::NumericOutOfRange, "integer out of range"))?;
    let (front, back) = (substring(text, 1, Some(start - 1))?, substring(text, after, None)?);
    room(front.len() + new.len() + back.len())?;
    Ok(front + new + &back)
}

fn textcat(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Text, Text, Text, _>(call, args, |a, b| {
        room(a.len() + b.len())?;
        let mut joined = String::with_capacity(a.len() + b.len());
        joined.push_str(a);
        joined.push_str(b);
        Ok(joined)
    })
}

fn byteacat(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Bytes, Bytes, Bytes, _>(call, args, |a, b| {
        room(a.len() + b.len())?;
        Ok([a, b].concat())
    })
}

/// One argument of concat as text; None for null.
pub(crate) fn piece(call: &Call<'_>, args: &[Arg], index: usize, row: usize) -> Result<Option<String>> {
    let (value, ty) = (arg(args, index)?, call.arg(index)?);
    match types::array::get(&ty.form, &value.array, value.index(row))? {
        Datum::Null => Ok(None),
        datum if ty.form == Form::Bool => {
            Ok(Some(if datum == Datum::Bool(true) { "t" } else { "f" }.to_owned()))
        }
        datum => text_of(ty, &datum, call).map(Some),
    }
}

fn concat(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    joined(call, args, 0)
}

fn concat_ws(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    joined(call, args, 1)
}

/// The arguments from `first` on, without nulls, with the first argument between them when it is a separator.
fn joined(call: &Call<'_>, args: &[Arg], first: usize) -> Result<ArrayRef> {
    let mut out = Text::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        let separator = match first {
            0 => Some(String::new()),
            _ => piece(call, args, 0, row)?,
        };
        let Some(separator) = separator else {
            Text::append_null(&mut out);
            continue;
        };
        let mut text = String::new();
        let mut some = false;
        for index in first..args.len() {
            if let Some(part) = piece(call, args, index, row)? {
                if some {
                    text.push_str(&separator);
                }
                some = true;
                text.push_str(&part);
                room(text.len())?;
            }
        }
        Text::append(&mut out, text)?;
    }
    Text::finish(out)
}

/// One argument as a cast to text writes it; None for null.
pub(crate) fn cast_to_text(
    call: &Call<'_>,
    args: &[Arg],
    index: usize,
    row: usize,
) -> Result<Option<String>> {
    let (value, ty) = (arg(args, index)?, call.arg(index)?);
    match types::array::get(&ty.form, &value.array, value.index(row))? {
        Datum::Null => Ok(None),
        Datum::Bool(v) => Ok(Some(if v { "true" } else { "false" }.to_owned())),
        datum => text_of(ty, &datum, call).map(Some),
    }
}

/// string_to_array: the parts between delimiters, those equal to the third argument as nulls. Without a delimiter each
/// character is a part.
pub(crate) fn split(row: &[Datum]) -> Result<Datum> {
    let Some(Datum::Text(text)) = row.first() else { return Ok(Datum::Null) };
    let parts: Vec<&str> = match row.get(1) {
        _ if text.is_empty() => Vec::new(),
        Some(Datum::Text(delimiter)) if delimiter.is_empty() => vec![text],
        Some(Datum::Text(delimiter)) => text.split(delimiter.as_str()).collect(),
        _ => text.split("").filter(|part| !part.is_empty()).collect(),
    };
    let null = match row.get(2) {
        Some(Datum::Text(null)) => Some(null.as_str()),
        _ => None,
    };
    let datum = |part: &str| match Some(part) == null {
        true => Datum::Null,
        false => Datum::Text(part.to_owned()),
    };
    Ok(Datum::list(parts.into_iter().map(datum).collect()))
}

/// `text || anything` and the other way round.
fn cat_with_any(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let mut out = Text::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        match (cast_to_text(call, args, 0, row)?, cast_to_text(call, args, 1, row)?) {
            (Some(a), Some(b)) => {
                room(a.len() + b.len())?;
                Text::append(&mut out, a + &b)?;
            }
            _ => Text::append_null(&mut out),
        }
    }
    Text::finish(out)
}

fn md5_text(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Text, Text, _>(call, args, |s| Ok(digest(s.as_bytes())))
}

fn md5_bytes(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Bytes, Text, _>(call, args, |b| Ok(digest(b)))
}

fn digest(bytes: &[u8]) -> String {
    use md5::Digest;
    md5::Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn to_hex(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    match call.arg(0)?.form {
        Form::Int32 => map1::<Int4, Text, _>(call, args, |v| Ok(format!("{v:x}"))),
        _ => map1::<crate::kernel::value::Int8, Text, _>(call, args, |v| Ok(format!("{v:x}"))),
    }
}

fn same(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Text, Text, _>(call, args, |s| Ok(s.to_owned()))
}

/// A name: at most 63 bytes, cut at a character.
fn name(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Text, Text, _>(call, args, |s| Ok(cut_name(s).to_owned()))
}

fn unpadded_name(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Text, Text, _>(call, args, |s| Ok(cut_name(s).trim_end_matches(' ').to_owned()))
}

fn cut_name(text: &str) -> &str {
    let mut end = text.len().min(base::limits::IDENTIFIER_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("textlen", |c, a| map1::<Text, Int4, _>(c, a, |s| length(count(s)))),
    ("bpcharlen", |c, a| map1::<Text, Int4, _>(c, a, |s| length(count(s.trim_end_matches(' '))))),
    ("textoctetlen", |c, a| map1::<Text, Int4, _>(c, a, |s| length(s.len()))),
    ("bpcharoctetlen", |c, a| map1::<Text, Int4, _>(c, a, |s| length(s.len()))),
    ("byteaoctetlen", |c, a| map1::<Bytes, Int4, _>(c, a, |b| length(b.len()))),
    ("lower", |c, a| map1::<Text, Text, _>(c, a, |s| Ok(s.to_ascii_lowercase()))),
    ("upper", |c, a| map1::<Text, Text, _>(c, a, |s| Ok(s.to_ascii_uppercase()))),
    ("initcap", |c, a| map1::<Text, Text, _>(c, a, |s| Ok(initcap(s)))),
    ("text_substr", |c, a| map3::<Text, Int4, Int4, Text, _>(c, a, |s, f, n| substring(s, f, Some(n)))),
    ("text_substr_no_len", |c, a| map2::<Text, Int4, Text, _>(c, a, |s, f| substring(s, f, None))),
    ("bytea_substr", |c, a| {
        map3::<Bytes, Int4, Int4, Bytes, _>(c, a, |s, f, n| bytes_substring(s, f, Some(n)))
    }),
    ("bytea_substr_no_len", |c, a| map2::<Bytes, Int4, Bytes, _>(c, a, |s, f| bytes_substring(s, f, None))),
    ("textcat", textcat),
    ("byteacat", byteacat),
    ("textpos", |c, a| map2::<Text, Text, Int4, _>(c, a, position)),
    ("byteapos", |c, a| map2::<Bytes, Bytes, Int4, _>(c, a, bytes_position)),
    ("btrim", |c, a| trim2(c, a, true, true)),
    ("btrim1", |c, a| trim1(c, a, true, true)),
    ("ltrim", |c, a| trim2(c, a, true, false)),
    ("ltrim1", |c, a| trim1(c, a, true, false)),
    ("rtrim", |c, a| trim2(c, a, false, true)),
    ("rtrim1", |c, a| trim1(c, a, false, true)),
    ("replace_text", |c, a| map3::<Text, Text, Text, Text, _>(c, a, replace)),
    ("translate", |c, a| map3::<Text, Text, Text, Text, _>(c, a, translate)),
    ("text_left", |c, a| map2::<Text, Int4, Text, _>(c, a, left)),
    ("text_right", |c, a| map2::<Text, Int4, Text, _>(c, a, right)),
    ("lpad", |c, a| map3::<Text, Int4, Text, Text, _>(c, a, |s, n, f| pad(s, n, f, true))),
    ("rpad", |c, a| map3::<Text, Int4, Text, Text, _>(c, a, |s, n, f| pad(s, n, f, false))),
    ("repeat", |c, a| map2::<Text, Int4, Text, _>(c, a, repeat)),
    ("text_reverse", |c, a| map1::<Text, Text, _>(c, a, |s| Ok(s.chars().rev().collect::<String>()))),
    ("split_part", |c, a| map3::<Text, Text, Int4, Text, _>(c, a, split_part)),
    ("text_starts_with", |c, a| map2::<Text, Text, Bool, _>(c, a, |s, p| Ok(s.starts_with(p)))),
    ("text_concat", concat),
    ("text_concat_ws", concat_ws),
    ("chr", |c, a| map1::<Int4, Text, _>(c, a, chr)),
    ("ascii", |c, a| {
        map1::<Text, Int4, _>(c, a, |s| {
            Ok(s.chars().next().map_or(0, |c| i32::try_from(u32::from(c)).unwrap_or(0)))
        })
    }),
    ("md5_text", md5_text),
    ("md5_bytea", md5_bytes),
    ("to_hex32", to_hex),
    ("to_hex64", to_hex),
    ("textoverlay", |c, a| crate::kernel::call::map4::<Text, Text, Int4, Int4, Text, _>(c, a, overlay)),
    ("text_to_array", |c, a| each(c, a, |row| split(&row))),
    ("text_to_array_null", |c, a| each(c, a, |row| split(&row))),
    ("textoverlay_no_len", |c, a| {
        map3::<Text, Text, Int4, Text, _>(c, a, |s, n, f| overlay(s, n, f, length(count(n))?))
    }),
    ("name_text", same),
    ("char_text", same),
    ("text_name", name),
    ("bpchar_name", unpadded_name),
];

/// Functions that pg_proc has in SQL.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    // lpad(text, int4), rpad(text, int4)
    (879, |c, a| map2::<Text, Int4, Text, _>(c, a, |s, n| pad(s, n, " ", true))),
    (880, |c, a| map2::<Text, Int4, Text, _>(c, a, |s, n| pad(s, n, " ", false))),
    // text || anynonarray, anynonarray || text
    (2003, cat_with_any),
    (2004, cat_with_any),
];
