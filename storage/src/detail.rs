//! Values of rows in the words of error messages.

use arrow::array::Array;
use catalog::ColumnDef;
use types::{Datum, IoSettings, format_text};

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
