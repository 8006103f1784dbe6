//! Rows to text: `(1,"a b",)`.

use super::format::format_form;
use super::{IoSettings, is_space};
use crate::datum::Datum;
use crate::sql_type::RowField;
use base::Result;

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
