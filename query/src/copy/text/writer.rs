//! Values to lines of the text and csv formats.
//!
//! Invariant: what is written here is read back by `FieldReader` as the same values.

use crate::copy::text::Layout;
use sql::bound::CopyText;

/// Builds one line after another in a buffer of the caller.
#[derive(Debug)]
pub(crate) struct RowWriter {
    layout: Layout,
    columns: usize,
}

impl RowWriter {
    pub(crate) fn new(layout: Layout, columns: usize) -> Self {
        Self { layout, columns }
    }

    /// The header line.
    pub(crate) fn header(&self, names: &[&str], out: &mut Vec<u8>) {
        for (index, name) in names.iter().enumerate() {
            self.delimiter(index, out);
            match &self.layout {
                Layout::Text(options) => write_text(options, name, out),
                Layout::Csv(options) => write_csv(options, name, false, self.columns == 1, out),
            }
        }
        out.push(b'\n');
    }

    /// Field `index` of the row being written; None is null.
    pub(crate) fn field(&self, index: usize, value: Option<&str>, out: &mut Vec<u8>) {
        self.delimiter(index, out);
        let options = self.layout.options();
        match (value, &self.layout) {
            (None, _) => out.extend_from_slice(options.null.as_bytes()),
            (Some(value), Layout::Text(_)) => write_text(options, value, out),
            (Some(value), Layout::Csv(_)) => {
                write_csv(options, value, options.force_quote.contains(&index), self.columns == 1, out);
            }
        }
    }

    pub(crate) fn end_row(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }

    fn delimiter(&self, index: usize, out: &mut Vec<u8>) {
        if index > 0 {
            out.push(self.layout.options().delimiter);
        }
    }
}

fn write_text(options: &CopyText, value: &str, out: &mut Vec<u8>) {
    for &byte in value.as_bytes() {
        let letter = match byte {
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            11 => b'v',
            b'\\' => b'\\',
            other if other == options.delimiter => other,
            other => {
                out.push(other);
                continue;
            }
        };
        out.push(b'\\');
        out.push(letter);
    }
}

fn write_csv(options: &CopyText, value: &str, force: bool, only_column: bool, out: &mut Vec<u8>) {
    let bytes = value.as_bytes();
    let quote = force
        || value == options.null
        // Alone on a line it would end the data.
        || (only_column && value == "\\.")
        || bytes.iter().any(|b| *b == options.delimiter || *b == options.quote || matches!(b, b'\n' | b'\r'));
    if !quote {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(options.quote);
    for &byte in bytes {
        if byte == options.quote || byte == options.escape {
            out.push(options.escape);
        }
        out.push(byte);
    }
    out.push(options.quote);
}
