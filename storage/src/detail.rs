//! Values of rows in the words of error messages.

use arrow::array::Array;
use base::id::CommitTs;
use catalog::ColumnDef;
use types::sql_type::oid;
use types::{Datum, IoSettings, SqlType, format_text};

/// A value as PostgreSQL shows it in details of errors.
pub(crate) fn value_text(column: &ColumnDef, array: &dyn Array, row: usize) -> String {
    match types::array::get(&column.ty.form, array, row) {
        Ok(Datum::Null) => "null".to_owned(),
        Ok(datum) => {
            let mut text = String::new();
            match format_text(&column.ty, &datum, &IoSettings::default(), &mut text) {
                Ok(()) => text,
                Err(_) => "?".to_owned(),
            }
        }
        Err(_) => "?".to_owned(),
    }
}

/// A commit timestamp as a timestamp with time zone, in UTC.
pub(crate) fn time_text(ts: CommitTs) -> String {
    let mut text = String::new();
    let micros = i64::try_from(ts.0).unwrap_or(i64::MAX);
    let formatted = SqlType::of(oid::TIMESTAMPTZ)
        .map(|ty| format_text(&ty, &Datum::TimestampTz(micros), &IoSettings::default(), &mut text));
    if matches!(formatted, Some(Ok(()))) { text } else { ts.to_string() }
}
