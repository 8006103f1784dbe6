//! The text of a column's default as PostgreSQL shows it: constants in the form of their type.
//!
//! Invariant: the text has the default's value when it is read as SQL. What is no plain constant stays as it was
//! written.

use crate::kernel::system::format_type;
use base::id::Oid;
use catalog::{ColumnDef, ColumnKind};
use types::text::{IoSettings, format_text, parse_text};
use types::{SqlType, sql_type::oid};

/// The default of a column, or the expression of a generated one, with relations by their OIDs; None when it has none,
/// or one that is nothing but NULL.
pub(super) fn default_text(column: &ColumnDef) -> Option<String> {
    let written = column.default.as_deref()?.trim();
    match column.kind {
        ColumnKind::Identity { .. } => return None,
        ColumnKind::Generated => return Some(in_parentheses(written)),
        ColumnKind::Plain => {}
    }
    if written.eq_ignore_ascii_case("null") {
        return None;
    }
    Some(expression_text(written, &column.ty))
}

/// An expression that is kept for a value of a type.
pub(crate) fn expression_text(written: &str, ty: &SqlType) -> String {
    constant(written, ty).unwrap_or_else(|| match written.to_ascii_uppercase() {
        // Functions without parentheses are shown in capitals.
        word if is_value_function(&word) => word,
        _ => in_parentheses(written),
    })
}

/// Operations stand in parentheses.
pub(crate) fn in_parentheses(written: &str) -> String {
    if sql::parse::is_operation(written) { format!("({written})") } else { written.to_owned() }
}

fn is_value_function(word: &str) -> bool {
    matches!(
        word,
        "CURRENT_DATE"
            | "CURRENT_TIME"
            | "CURRENT_TIMESTAMP"
            | "LOCALTIME"
            | "LOCALTIMESTAMP"
            | "CURRENT_USER"
            | "SESSION_USER"
            | "CURRENT_ROLE"
            | "USER"
            | "CURRENT_CATALOG"
            | "CURRENT_SCHEMA"
    )
}

fn constant(written: &str, ty: &SqlType) -> Option<String> {
    if let Some(text) = quoted_text(written) {
        // Its modifier is applied when the default is used.
        return in_type(&text, ty.oid);
    }
    match written.to_ascii_lowercase().as_str() {
        word @ ("true" | "false") if ty.oid == oid::BOOL => return Some(word.to_owned()),
        _ => {}
    }
    let (negative, digits) = match written.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, written.strip_prefix('+').map_or(written, str::trim_start)),
    };
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.ends_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !is_number {
        return None;
    }
    // A number is of the narrowest of these types that holds it, whatever the column's type.
    let of = match digits.parse::<i64>() {
        Ok(value) if i32::try_from(value).is_ok() => oid::INT4,
        Ok(_) => oid::INT8,
        Err(_) => oid::NUMERIC,
    };
    in_type(&format!("{}{digits}", if negative { "-" } else { "" }), of)
}

/// The text of a string constant without escapes.
fn quoted_text(written: &str) -> Option<String> {
    let inner = written.strip_prefix('\'')?.strip_suffix('\'')?;
    let text = inner.replace("''", "\u{0}");
    (!text.contains('\'')).then(|| text.replace('\u{0}', "'"))
}

/// A constant as its type writes it.
fn in_type(text: &str, of: Oid) -> Option<String> {
    let ty = SqlType::of(of)?;
    let settings = IoSettings::default();
    let datum = parse_text(&ty, text, &settings).ok()?;
    let mut canonical = String::new();
    format_text(&ty, &datum, &settings, &mut canonical).ok()?;
    // Bare numbers are read as these types, so their name is left away.
    let bare = matches!(of, oid::INT4 | oid::NUMERIC) && canonical.starts_with(|c: char| c.is_ascii_digit());
    match of {
        oid::BOOL => return Some(if canonical == "t" { "true" } else { "false" }.to_owned()),
        _ if bare => return Some(canonical),
        _ => {}
    }
    // The name of char(n) without n must not be read as char(1).
    let name = if of == oid::BPCHAR { "bpchar".to_owned() } else { format_type(of.0, None) };
    Some(format!("'{}'::{name}", canonical.replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    use super::default_text;
    use base::id::ColumnId;
    use catalog::{ColumnDef, ColumnKind};
    use types::SqlType;
    use types::sql_type::oid;

    fn shown(ty: base::id::Oid, written: &str) -> Option<String> {
        let default = Some(written.to_owned());
        let ty = SqlType::of(ty).unwrap();
        let (id, name) = (ColumnId(1), "c".to_owned());
        default_text(&ColumnDef {
            id,
            name,
            ty,
            not_null: false,
            default,
            kind: ColumnKind::Plain,
            missing: types::Datum::Null,
        })
    }

    /// What a PostgreSQL 15 shows for the same defaults.
    #[test]
    fn constants_are_shown_in_the_form_of_their_type() {
        let cases = [
            (oid::INT4, "-1", "'-1'::integer"),
            (oid::INT8, "- 1", "'-1'::integer"),
            (oid::NUMERIC, "-1.5", "'-1.5'::numeric"),
            (oid::NUMERIC, "0.00", "0.00"),
            (oid::NUMERIC, "'1.50'", "1.50"),
            (oid::DATE, "'2024-1-2'", "'2024-01-02'::date"),
            (oid::TIMESTAMPTZ, "'2024-01-01'", "'2024-01-01 00:00:00+00'::timestamp with time zone"),
            (oid::TEXT, "'it''s'", "'it''s'::text"),
            (oid::VARCHAR, "'ab'", "'ab'::character varying"),
            (oid::BOOL, "'t'", "true"),
            (oid::BOOL, "FALSE", "false"),
            (oid::INT4, "'7'", "7"),
            (oid::BYTEA, "'\\x01'", "'\\x01'::bytea"),
            (oid::INTERVAL, "'1 day'", "'1 day'::interval"),
            (oid::FLOAT8, "'-2.5'", "'-2.5'::double precision"),
            (oid::FLOAT4, "1.5", "1.5"),
            (oid::INT8, "'5'", "'5'::bigint"),
            (oid::NUMERIC, "10000000000", "'10000000000'::bigint"),
            (oid::INT2, "-3", "'-3'::integer"),
            (oid::BPCHAR, "'x'", "'x'::bpchar"),
            (oid::TIMESTAMP, "current_timestamp", "CURRENT_TIMESTAMP"),
            (oid::TIMESTAMPTZ, "now()", "now()"),
        ];
        for (ty, written, expected) in cases {
            assert_eq!(shown(ty, written).as_deref(), Some(expected), "{written}");
        }
        assert_eq!(shown(oid::INT4, "NULL"), None);
    }
}
