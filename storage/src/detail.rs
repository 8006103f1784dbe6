//! Values of rows in the words of error messages.
//!
//! Must not know the settings of a session: an error has the values themselves beside its detail, and `in_settings` puts the
//! text that they have there in the place of the one that they have by default.

use arrow::array::{Array, ArrayRef};
use base::Error;
use base::id::{ColumnId, CommitTs};
use catalog::{ColumnDef, TableDef};
use std::fmt;
use types::sql_type::oid;
use types::{Datum, IoSettings, SqlType, format_text};

/// Bytes of a value that the detail of a failing row shows.
const SHOWN_BYTES_MAX: usize = 64;

/// A detail in which values stand between two texts; the source of its error.
#[derive(Debug)]
struct Detail {
    before: String,
    /// None: not readable.
    values: Vec<(SqlType, Option<Datum>)>,
    after: String,
    /// Longer values are cut there.
    bytes_max: usize,
}

impl Detail {
    fn text(&self, settings: &IoSettings) -> String {
        let shown: Vec<String> =
            self.values.iter().map(|(ty, value)| self.value(ty, value, settings)).collect();
        format!("{}{}{}", self.before, shown.join(", "), self.after)
    }

    fn value(&self, ty: &SqlType, value: &Option<Datum>, settings: &IoSettings) -> String {
        let mut text = String::new();
        match value {
            Some(Datum::Null) => return "null".to_owned(),
            Some(datum) if format_text(ty, datum, settings, &mut text).is_ok() => {}
            _ => return "?".to_owned(),
        }
        if text.len() > self.bytes_max {
            text.truncate(text.floor_char_boundary(self.bytes_max));
            text.push_str("...");
        }
        text
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&IoSettings::default()))
    }
}

impl std::error::Error for Detail {}

fn with_detail(error: Error, detail: Detail) -> Error {
    error.with_detail(detail.to_string()).with_source(detail)
}

fn value(column: &ColumnDef, array: &dyn Array, row: usize) -> (SqlType, Option<Datum>) {
    (column.ty.clone(), types::array::get(&column.ty.form, array, row).ok())
}

/// The error with `Key (a, b)=(1, x)` in its detail and what is said of it; of each column, all values and which is meant.
pub fn with_key<'a>(
    error: Error,
    table: &TableDef,
    values: impl IntoIterator<Item = (&'a ColumnId, &'a ArrayRef)>,
    row: usize,
    said: &str,
) -> Error {
    with_named(error, table, values, row, ["Key ", "=", said])
}

/// The same with other words before the names, between them and the values, and behind.
pub(crate) fn with_named<'a>(
    error: Error,
    table: &TableDef,
    values: impl IntoIterator<Item = (&'a ColumnId, &'a ArrayRef)>,
    row: usize,
    [before, between, after]: [&str; 3],
) -> Error {
    let columns = values.into_iter().filter_map(|(id, array)| Some((table.column(*id)?, array)));
    let (names, values): (Vec<&str>, Vec<_>) =
        columns.map(|(column, array)| (column.name.as_str(), value(column, array.as_ref(), row))).unzip();
    let before = format!("{before}({}){between}(", names.join(", "));
    with_detail(error, Detail { before, values, after: format!("){after}"), bytes_max: usize::MAX })
}

/// The error with all values of a row that a table refused in its detail.
pub fn with_failing_row(error: Error, table: &TableDef, columns: &[ArrayRef], row: usize) -> Error {
    let values = table.columns.iter().zip(columns).map(|(column, array)| value(column, array.as_ref(), row));
    let (before, after) = ("Failing row contains (".to_owned(), ").".to_owned());
    with_detail(error, Detail { before, values: values.collect(), after, bytes_max: SHOWN_BYTES_MAX })
}

/// The error with the values of its detail, if there are any, as a session shows them.
#[must_use]
pub fn in_settings(error: Error, settings: &IoSettings) -> Error {
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Detail>());
    match source.map(|detail| detail.text(settings)) {
        Some(detail) => error.with_detail(detail),
        None => error,
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
