//! What must hold for each row before it is stored: no null where none may be, and sizes within the limits.

use crate::detail::with_failing_row;
use crate::layout::{Key, Layout};
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use base::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use base::{Error, ErrorKind, Result};

/// `NotNullViolation` with PostgreSQL's words, `LimitExceeded` for a value that is too large.
pub(crate) fn check_rows(layout: &Layout, rows: &RecordBatch) -> Result<()> {
    let def = layout.def();
    for (column, array) in def.columns.iter().zip(rows.columns()) {
        let required = column.not_null || def.primary_key.contains(&column.id);
        if required && array.null_count() > 0 {
            let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0);
            let message = format!(
                "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                column.name, def.name
            );
            let error =
                Error::new(ErrorKind::NotNullViolation, message).about(def.subject(Some(&column.name), None));
            return Err(with_failing_row(error, def, rows.columns(), row));
        }
        if let Some(bytes) = longest(array.as_ref()).filter(|bytes| *bytes > VALUE_BYTES_MAX) {
            let message = format!("value of column \"{}\" is too large: {bytes} bytes", column.name);
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .with_detail(format!("The limit for one value is {VALUE_BYTES_MAX} bytes.")));
        }
    }
    Ok(())
}

/// `LimitExceeded` for a key that is too long.
pub(crate) fn check_keys(layout: &Layout, keys: &[Key]) -> Result<()> {
    match keys.iter().map(|k| k.len()).max() {
        Some(bytes) if bytes > KEY_BYTES_MAX => {
            let name = &layout.def().primary_key_name;
            let message =
                format!("index row size {bytes} exceeds maximum {KEY_BYTES_MAX} for index \"{name}\"");
            Err(Error::new(ErrorKind::LimitExceeded, message))
        }
        _ => Ok(()),
    }
}

/// Bytes of the longest text or binary value.
fn longest(array: &dyn Array) -> Option<usize> {
    // A view's length is the lower half of its first word.
    let view = |view: &u128| usize::try_from(view & 0xffff_ffff).unwrap_or(usize::MAX);
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().views().iter().map(view).max(),
        DataType::BinaryView => array.as_binary_view().views().iter().map(view).max(),
        // Elements share one buffer; it bounds each of them.
        DataType::Struct(_) => Some(array.get_buffer_memory_size()),
        _ => None,
    }
}
