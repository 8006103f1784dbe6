//! Columns of text fields to arrays.
//!
//! Invariant: a column's values stay in the order of their rows.

use arrow::array::{ArrayRef, Float64Builder, Int16Builder, Int32Builder, Int64Builder, StringViewBuilder};
use base::{Error, Result};
use std::sync::Arc;
use types::text::{IoSettings, parse_text};
use types::{Datum, Form, SqlType};

/// Longest value shown in a message, in bytes.
const SHOWN_BYTES_MAX: usize = 100;

/// The fields of one column of a batch.
#[derive(Debug, Default)]
pub(crate) struct TextColumn {
    text: String,
    /// End of each field in `text`; None for null.
    ends: Vec<Option<usize>>,
    /// Where the next field begins.
    starts: Vec<usize>,
}

impl TextColumn {
    pub(crate) fn push(&mut self, field: Option<&str>) {
        self.starts.push(self.text.len());
        if let Some(field) = field {
            self.text.push_str(field);
        }
        self.ends.push(field.map(|_| self.text.len()));
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.starts.clear();
    }

    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let start = *self.starts.get(row)?;
        let end = (*self.ends.get(row)?)?;
        self.text.get(start..end)
    }

    fn fields(&self) -> impl Iterator<Item = Option<&str>> {
        self.starts.iter().zip(&self.ends).map(|(start, end)| end.and_then(|end| self.text.get(*start..end)))
    }

    /// The array of the column; or the first row that is not a value of `ty`, and why.
    pub(crate) fn convert(&self, ty: &SqlType, settings: &IoSettings) -> Result<ArrayRef, (usize, Error)> {
        macro_rules! numbers {
            ($builder:ty, $variant:ident) => {{
                let mut builder = <$builder>::with_capacity(self.ends.len());
                for (row, field) in self.fields().enumerate() {
                    match field {
                        None => builder.append_null(),
                        Some(text) => match parse_text(ty, text, settings).map_err(|e| (row, e))? {
                            Datum::$variant(value) => builder.append_value(value),
                            other => return Err((row, unexpected(&other))),
                        },
                    }
                }
                Ok(Arc::new(builder.finish()))
            }};
        }
        match &ty.form {
            Form::Int16 => numbers!(Int16Builder, Int16),
            Form::Int32 => numbers!(Int32Builder, Int32),
            Form::Int64 => numbers!(Int64Builder, Int64),
            Form::Float64 => numbers!(Float64Builder, Float64),
            Form::Text if ty.oid == types::sql_type::oid::TEXT => {
                let mut builder = StringViewBuilder::with_capacity(self.ends.len());
                self.fields().for_each(|field| builder.append_option(field));
                Ok(Arc::new(builder.finish()))
            }
            form => {
                let data = self
                    .fields()
                    .enumerate()
                    .map(|(row, field)| match field {
                        None => Ok(Datum::Null),
                        Some(text) => parse_text(ty, text, settings).map_err(|e| (row, e)),
                    })
                    .collect::<Result<Vec<Datum>, _>>()?;
                types::array::from_data(form, &data).map_err(|e| (0, e))
            }
        }
    }
}

fn unexpected(datum: &Datum) -> Error {
    Error::internal(format!("text was read as {datum:?}"))
}

/// A value as messages show it: cut to a hundred bytes.
pub(crate) fn shortened(value: &str) -> String {
    if value.len() <= SHOWN_BYTES_MAX {
        return value.to_owned();
    }
    let end = value.floor_char_boundary(SHOWN_BYTES_MAX);
    format!("{}...", value.get(..end).unwrap_or_default())
}
