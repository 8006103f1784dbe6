//! Rows to DataRow messages: an encoder per column and batch, written straight into the output buffer.
//!
//! Invariant: a row is in the buffer whole or not at all.

use crate::frontend::Format;
use crate::wire::Wire;
use arrow::record_batch::RecordBatch;
use base::{Error, ErrorKind, Result};
use futures::StreamExt;
use futures::stream::BoxStream;
use query::api::TagFor;
use sql::bound::OutputColumn;
use types::{BinaryEncoder, IoSettings, TextEncoder};

/// A result being sent, possibly in several steps (portal with a row limit).
pub(crate) struct Cursor {
    columns: Vec<OutputColumn>,
    formats: Vec<Format>,
    rows: BoxStream<'static, Result<RecordBatch>>,
    tag: TagFor,
    io: IoSettings,
    /// The batch being sent and its next row.
    batch: Option<(RecordBatch, usize)>,
    /// Rows of this step.
    sent: u64,
    /// There was a step before this one.
    resumed: bool,
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The row limit was reached; rows may remain.
    Suspended,
    Finished,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor")
            .field("columns", &self.columns)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl Cursor {
    pub(crate) fn new(
        columns: Vec<OutputColumn>,
        formats: Vec<Format>,
        rows: BoxStream<'static, Result<RecordBatch>>,
        tag: TagFor,
        io: IoSettings,
    ) -> Self {
        Self { columns, formats, rows, tag, io, batch: None, sent: 0, resumed: false }
    }

    /// The command tag, once all rows were sent. Like PostgreSQL it counts the rows of the last step.
    pub(crate) fn tag(&self) -> String {
        match &self.tag {
            TagFor::Select => format!("SELECT {}", self.sent),
            TagFor::Fixed(tag) => match tag.rsplit_once(' ') {
                Some((command, count)) if self.resumed && count.parse::<u64>().is_ok() => {
                    format!("{command} {}", self.sent)
                }
                _ => tag.clone(),
            },
        }
    }

    /// Whether it is a query that changes nothing.
    pub(crate) fn is_query(&self) -> bool {
        matches!(self.tag, TagFor::Select)
    }

    /// Sends at most `rows_max` rows (0: all).
    pub(crate) async fn step(&mut self, wire: &mut Wire, rows_max: usize) -> Result<Progress> {
        let mut left = if rows_max == 0 { usize::MAX } else { rows_max };
        self.resumed |= self.sent > 0;
        self.sent = 0;
        loop {
            let (batch, from) = match self.batch.take() {
                Some(unfinished) => unfinished,
                None => match self.next_batch(wire).await? {
                    None => return Ok(Progress::Finished),
                    Some(batch) => (batch, 0),
                },
            };
            let to = batch.num_rows().min(from.saturating_add(left));
            self.send(wire, &batch, from, to).await?;
            left -= to - from;
            self.sent += u64::try_from(to - from).unwrap_or(u64::MAX);
            if to < batch.num_rows() {
                self.batch = Some((batch, to));
            }
            if left == 0 {
                return Ok(Progress::Suspended);
            }
        }
    }

    /// Waits for rows; a client that closes its side meanwhile ends the statement.
    async fn next_batch(&mut self, wire: &mut Wire) -> Result<Option<RecordBatch>> {
        tokio::select! {
            biased;
            batch = self.rows.next() => batch.transpose(),
            () = Wire::closed(wire.reader()) => {
                self.rows = futures::stream::empty().boxed();
                Err(Error::new(ErrorKind::Cancelled, "the client has closed the connection"))
            }
        }
    }

    async fn send(&mut self, wire: &mut Wire, batch: &RecordBatch, from: usize, to: usize) -> Result<()> {
        let encoders = self.encoders(batch)?;
        for row in from..to {
            data_row(wire.output(), &encoders, row)?;
            wire.relieve().await?;
        }
        Ok(())
    }

    fn encoders(&self, batch: &RecordBatch) -> Result<Vec<Encoder>> {
        if batch.num_columns() != self.columns.len() {
            return Err(Error::internal("a result has another number of columns than was described"));
        }
        batch
            .columns()
            .iter()
            .zip(&self.columns)
            .zip(&self.formats)
            .map(|((array, column), format)| match format {
                Format::Text => Ok(Encoder::Text(TextEncoder::new(&column.ty, array, &self.io)?)),
                Format::Binary => Ok(Encoder::Binary(BinaryEncoder::new(&column.ty, array, &self.io)?)),
            })
            .collect()
    }
}

#[derive(Debug)]
enum Encoder {
    Text(TextEncoder),
    Binary(BinaryEncoder),
}

impl Encoder {
    fn is_null(&self, row: usize) -> bool {
        match self {
            Encoder::Text(e) => e.is_null(row),
            Encoder::Binary(e) => e.is_null(row),
        }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Encoder::Text(e) => e.write(row, out),
            Encoder::Binary(e) => e.write(row, out),
        }
    }
}

/// Appends one DataRow message: 'D', length, column count, then length and bytes per value (-1 for null).
fn data_row(out: &mut Vec<u8>, encoders: &[Encoder], row: usize) -> Result<()> {
    let start = out.len();
    out.push(b'D');
    out.extend_from_slice(&[0; 4]);
    let count = i16::try_from(encoders.len()).map_err(|_| too_large("columns"))?;
    out.extend_from_slice(&count.to_be_bytes());
    for encoder in encoders {
        if encoder.is_null(row) {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            continue;
        }
        let place = out.len();
        out.extend_from_slice(&[0; 4]);
        if let Err(error) = encoder.write(row, out) {
            out.truncate(start);
            return Err(error);
        }
        let len = i32::try_from(out.len() - place - 4);
        let Ok(len) = len else {
            out.truncate(start);
            return Err(too_large("bytes in a value"));
        };
        patch(out, place, len);
    }
    match i32::try_from(out.len() - start - 1) {
        Ok(len) => patch(out, start + 1, len),
        Err(_) => {
            out.truncate(start);
            return Err(too_large("bytes in a row"));
        }
    }
    Ok(())
}

fn patch(out: &mut [u8], place: usize, value: i32) {
    if let Some(bytes) = out.get_mut(place..place + 4) {
        bytes.copy_from_slice(&value.to_be_bytes());
    }
}

fn too_large(what: &str) -> Error {
    Error::new(ErrorKind::LimitExceeded, format!("too many {what} for the protocol"))
}
