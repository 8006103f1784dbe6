//! Rows to text and back: `(1,"a b",)`.
//!
//! Invariant: a field that is empty is null, and one that is text of no length is quoted.

use super::format::format_form;
use super::parse::parse_form;
use super::{IoSettings, is_space};
use crate::datum::Datum;
use crate::sql_type::{RowField, SqlType, oid};
use base::{Error, ErrorKind, Result};
use std::iter::Peekable;
use std::str::Chars;

pub(crate) fn write_row(
    fields: &[RowField],
    values: &[Datum],
    settings: &IoSettings,
    out: &mut String,
) -> Result<()> {
    out.push('(');
    for (place, (field, value)) in fields.iter().zip(values).enumerate() {
        if place > 0 {
            out.push(',');
        }
        if !value.is_null() {
            let start = out.len();
            format_form(field.ty.oid, &field.ty.form, value, settings, out)?;
            quote_field(out, start);
        }
    }
    out.push(')');
    Ok(())
}

/// Quotes what was written from `start` if a row's text needs it.
pub(crate) fn quote_field(out: &mut String, start: usize) {
    let text = out.get(start..).unwrap_or_default();
    let special = |c: char| matches!(c, '"' | '\\' | '(' | ')' | ',') || is_space(c);
    if !text.is_empty() && !text.contains(special) {
        return;
    }
    let plain = text.to_owned();
    out.truncate(start);
    out.push('"');
    for c in plain.chars() {
        if matches!(c, '"' | '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('"');
}

/// Reads the text of a row of a type with a name: each field as the input of its type does, in their order.
pub(super) fn parse_row(
    ty: &SqlType,
    fields: &[RowField],
    text: &str,
    settings: &IoSettings,
) -> Result<Datum> {
    if ty.oid == oid::RECORD {
        return Err(Error::unsupported("input of anonymous composite types is not implemented"));
    }
    let mut rest = text.chars().peekable();
    while rest.next_if(|c| is_space(*c)).is_some() {}
    if rest.next() != Some('(') {
        return Err(malformed(text, "Missing left parenthesis."));
    }
    let mut values = Vec::with_capacity(fields.len());
    for (place, field) in fields.iter().enumerate() {
        if place > 0 && rest.next_if_eq(&',').is_none() {
            return Err(malformed(text, "Too few columns."));
        }
        values.push(match rest.peek() {
            Some(',' | ')') => Datum::Null,
            _ => parse_form(&field.ty, &field_text(text, &mut rest)?, settings)?,
        });
    }
    if rest.next() != Some(')') {
        return Err(malformed(text, "Too many columns."));
    }
    if !rest.all(is_space) {
        return Err(malformed(text, "Junk after right parenthesis."));
    }
    Ok(Datum::Row(values))
}

/// A field up to the comma or parenthesis behind it, without its quotes.
fn field_text(text: &str, rest: &mut Peekable<Chars<'_>>) -> Result<String> {
    let end = || malformed(text, "Unexpected end of input.");
    let mut field = String::new();
    let mut quoted = false;
    while quoted || !matches!(rest.peek(), Some(',' | ')')) {
        match rest.next().ok_or_else(end)? {
            '\\' => field.push(rest.next().ok_or_else(end)?),
            '"' if !quoted => quoted = true,
            '"' if rest.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = false,
            c => field.push(c),
        }
    }
    Ok(field)
}

fn malformed(text: &str, detail: &str) -> Error {
    Error::new(ErrorKind::InvalidText, format!("malformed record literal: \"{text}\"")).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::{RowField, SqlType, oid, parse_row, write_row};
    use crate::datum::Datum;
    use crate::text::IoSettings;
    use crate::user_type::UserKind;
    use base::Result;

    fn pair() -> SqlType {
        let field = |name: &str, ty| RowField { name: name.to_owned(), ty: SqlType::of(ty).unwrap() };
        let fields = vec![field("a", oid::INT4), field("b", oid::TEXT)];
        SqlType::composite(UserKind::Composite.oid(1).unwrap(), fields)
    }

    fn read(text: &str) -> Result<Datum> {
        let ty = pair();
        parse_row(&ty, ty.fields().unwrap(), text, &IoSettings::default())
    }

    /// Answers of PostgreSQL 15.
    #[test]
    fn rows_are_read_as_they_are_written() {
        for (text, written) in [
            ("(1,x)", "(1,x)"),
            (" ( 1 , x ) ", "(1,\" x \")"),
            ("(,)", "(,)"),
            ("(,\"\")", "(,\"\")"),
            ("(\"1\",\"a\"\"b\\\\c\")", "(1,\"a\"\"b\\\\c\")"),
            ("(1,a\"b,)\"c)", "(1,\"ab,)c\")"),
            ("(1,\\,)", "(1,\",\")"),
        ] {
            let ty = pair();
            let Datum::Row(values) = read(text).unwrap() else { panic!("{text} is no row") };
            let mut out = String::new();
            write_row(ty.fields().unwrap(), &values, &IoSettings::default(), &mut out).unwrap();
            assert_eq!(out, written, "{text}");
        }
    }

    #[test]
    fn what_is_no_row_says_why() {
        for (text, detail) in [
            ("1,x)", "Missing left parenthesis."),
            ("", "Missing left parenthesis."),
            ("(1)", "Too few columns."),
            ("(1,x,)", "Too many columns."),
            ("(1,x", "Unexpected end of input."),
            ("(1,\"x)", "Unexpected end of input."),
            ("(1,x\\", "Unexpected end of input."),
            ("(1,x) y", "Junk after right parenthesis."),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.message(), format!("malformed record literal: \"{text}\""));
            assert_eq!(error.detail(), Some(detail), "{text}");
        }
        // A field that is no value is told of before what is wrong behind it.
        assert!(read("(x,y").unwrap_err().message().starts_with("invalid input syntax for type integer"));
    }
}
