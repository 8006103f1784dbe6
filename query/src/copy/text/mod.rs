//! PostgreSQL's text and csv formats of COPY, without tables: bytes to fields, values to bytes.
//!
//! Must not know SQL, storage or how bytes travel.

mod fields;
mod lines;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use fields::{Field, FieldReader, check_utf8};
pub(crate) use lines::{Line, LineSplitter};
pub(crate) use writer::RowWriter;

use sql::bound::CopyText;

/// Which of the two formats, with its options.
#[derive(Clone, Debug)]
pub(crate) enum Layout {
    Text(CopyText),
    Csv(CopyText),
}

impl Layout {
    pub(crate) fn options(&self) -> &CopyText {
        match self {
            Layout::Text(options) | Layout::Csv(options) => options,
        }
    }

    pub(crate) fn is_csv(&self) -> bool {
        matches!(self, Layout::Csv(_))
    }
}
