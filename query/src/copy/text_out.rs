//! Batches to lines of the text and csv formats.
//!
//! Invariant: one line per row, in the order of the rows.

use crate::copy::text::{Layout, RowWriter};
use arrow::record_batch::RecordBatch;
use base::{Error, Result};
use bytes::Bytes;
use sql::bound::{CopyHeader, OutputColumn};
use types::SqlType;
use types::encode::TextEncoder;
use types::text::IoSettings;

/// Writes the rows of one COPY TO.
#[derive(Debug)]
pub(crate) struct LineWriter {
    rows: RowWriter,
    types: Vec<SqlType>,
    names: Vec<String>,
    has_header: bool,
    settings: IoSettings,
}

impl LineWriter {
    pub(crate) fn new(layout: Layout, columns: &[OutputColumn], settings: IoSettings) -> Self {
        Self {
            has_header: layout.options().header != CopyHeader::None,
            rows: RowWriter::new(layout, columns.len()),
            types: columns.iter().map(|c| c.ty.clone()).collect(),
            names: columns.iter().map(|c| c.name.clone()).collect(),
            settings,
        }
    }

    /// The header line, when one was asked for.
    pub(crate) fn header(&self) -> Option<Vec<u8>> {
        self.has_header.then(|| {
            let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
            let mut line = Vec::new();
            self.rows.header(&names, &mut line);
            line
        })
    }

    /// Calls `each` with every row's line, its end included.
    pub(crate) fn lines(&self, batch: &RecordBatch, mut each: impl FnMut(&[u8])) -> Result<()> {
        let encoders = self
            .types
            .iter()
            .zip(batch.columns())
            .map(|(ty, array)| TextEncoder::new(ty, array, &self.settings))
            .collect::<Result<Vec<_>>>()?;
        let mut line = Vec::new();
        let mut value = Vec::new();
        for row in 0..batch.num_rows() {
            line.clear();
            for (index, encoder) in encoders.iter().enumerate() {
                if encoder.is_null(row) {
                    self.rows.field(index, None, &mut line);
                    continue;
                }
                value.clear();
                encoder.write(row, &mut value)?;
                let text = std::str::from_utf8(&value)
                    .map_err(|_| Error::internal("a value's text is not UTF-8"))?;
                self.rows.field(index, Some(text), &mut line);
            }
            self.rows.end_row(&mut line);
            each(&line);
        }
        Ok(())
    }

    /// One payload per row.
    pub(crate) fn payloads(&self, batch: &RecordBatch) -> Result<Vec<Bytes>> {
        let mut payloads = Vec::with_capacity(batch.num_rows());
        self.lines(batch, |line| payloads.push(Bytes::copy_from_slice(line)))?;
        Ok(payloads)
    }
}
