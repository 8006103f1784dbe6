//! Rows of the text and csv formats into a table: headers, numbers of columns, conversion, batches.
//!
//! Must not know where the bytes come from. Invariant: of all errors in the data the first one, by line and then by
//! column, is reported, with the place where PostgreSQL sees it.

use crate::copy::convert::{TextColumn, shortened};
use crate::copy::text::{Field, FieldReader, Layout, Line, LineSplitter, check_utf8};
use crate::dml::{Rules, TableBatches};
use crate::interrupt::Interrupt;
use crate::lower::{Evaluator, QueryContext};
use arrow::array::{Array, ArrayRef};
use arrow::record_batch::RecordBatch;
use base::{Error, ErrorKind, Result};
use catalog::ColumnDef;
use sql::bound::{CopyHeader, DomainInput, Expr, RowRules};
use std::sync::Arc;
use storage::{InsertMode, Transaction};
use types::text::IoSettings;

/// A batch is written when it has this many rows or bytes of text.
const BATCH_ROWS_MAX: usize = 8_192;
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Which columns of a table come from the data and how the others are filled in.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) batches: TableBatches,
    /// Position in the table of each column of the data.
    pub(crate) columns: Vec<usize>,
    /// Positions of the other columns and their values.
    default_columns: Vec<usize>,
    defaults: Evaluator,
    pub(crate) rules: Option<Rules>,
    /// What makes columns of the data those of domains, by place.
    domains: Vec<(usize, Evaluator)>,
}

impl Target {
    pub(crate) fn new(
        batches: TableBatches,
        columns: &[usize],
        defaults: &[(usize, Expr)],
        rules: Option<&RowRules>,
        context: &QueryContext,
    ) -> Result<Self> {
        let (default_columns, exprs): (Vec<usize>, Vec<Expr>) = defaults.iter().cloned().unzip();
        let defaults = Evaluator::new(context, &exprs, &[])?;
        let rules = Rules::new(rules, context)?;
        Ok(Self { batches, columns: columns.to_vec(), default_columns, defaults, rules, domains: Vec::new() })
    }

    /// Columns of the data that are of domains.
    pub(crate) fn take_domains(&mut self, domains: &[DomainInput], context: &QueryContext) -> Result<()> {
        for DomainInput { place, value, checked } in domains {
            let of = std::slice::from_ref(value);
            self.domains.push((*place, Evaluator::new(context, std::slice::from_ref(checked), of)?));
        }
        Ok(())
    }

    /// The first row of a column of the data that its domain does not take, and the error.
    pub(crate) fn refused(&self, place: usize, array: &ArrayRef) -> Option<(usize, Error)> {
        let (_, domain) = self.domains.iter().find(|(own, _)| *own == place)?;
        let all = domain.evaluate(vec![Arc::clone(array)], array.len()).err()?;
        let one = |row: usize| domain.evaluate(vec![array.slice(row, 1)], 1).err().map(|error| (row, error));
        (0..array.len()).find_map(one).or(Some((0, all)))
    }

    pub(crate) fn column(&self, index: usize) -> Result<&ColumnDef> {
        self.columns
            .get(index)
            .and_then(|position| self.batches.table.columns.get(*position))
            .ok_or_else(|| Error::internal("a column of COPY is not part of its table"))
    }

    /// Whole rows from the arrays of the data's columns.
    pub(crate) fn whole_rows(&self, data: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let width = self.batches.table.columns.len();
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; width];
        let defaults = self.defaults.evaluate(Vec::new(), rows)?;
        let places = self.columns.iter().chain(&self.default_columns);
        for (place, array) in places.zip(data.into_iter().chain(defaults)) {
            if let Some(slot) = arrays.get_mut(*place) {
                *slot = Some(array);
            }
        }
        let arrays: Option<Vec<ArrayRef>> = arrays.into_iter().collect();
        let arrays = arrays.ok_or_else(|| Error::internal("COPY leaves a column without a value"))?;
        let rows = self.batches.batch(arrays, rows)?;
        match &self.rules {
            Some(rules) => rules.completed(&self.batches, rows),
            None => Ok(rows),
        }
    }
}

/// Loads a stream of bytes.
#[derive(Debug)]
pub(crate) struct TextLoader {
    target: Target,
    settings: IoSettings,
    splitter: LineSplitter,
    reader: FieldReader,
    header: CopyHeader,
    columns: Vec<TextColumn>,
    /// Line number of each row of the batch.
    lines: Vec<u64>,
    bytes: usize,
    loaded: u64,
    interrupt: Interrupt,
}

impl TextLoader {
    pub(crate) fn new(target: Target, layout: Layout, settings: IoSettings, interrupt: Interrupt) -> Self {
        let columns = target.columns.iter().map(|_| TextColumn::default()).collect();
        Self {
            splitter: LineSplitter::new(&layout),
            header: layout.options().header,
            reader: FieldReader::new(layout),
            target,
            settings,
            columns,
            lines: Vec::new(),
            bytes: 0,
            loaded: 0,
            interrupt,
        }
    }

    /// Takes bytes and writes the batches that they complete. Blocks the thread.
    pub(crate) fn push(&mut self, bytes: &[u8], transaction: &mut Transaction) -> Result<()> {
        self.splitter.push(bytes);
        self.drain(transaction)
    }

    /// The data is complete; returns the number of rows. Blocks the thread.
    pub(crate) fn finish(&mut self, transaction: &mut Transaction) -> Result<u64> {
        self.splitter.finish();
        self.drain(transaction)?;
        self.flush(transaction)?;
        Ok(self.loaded)
    }

    /// The target, for the next file.
    pub(crate) fn into_target(self) -> Target {
        self.target
    }

    fn drain(&mut self, transaction: &mut Transaction) -> Result<()> {
        loop {
            match self.splitter.next() {
                Ok(Line::Found { start, end }) => {
                    if let Err(error) = self.row(start, end) {
                        return Err(self.first_of(transaction, error));
                    }
                }
                Ok(Line::NeedMore | Line::End) => return Ok(()),
                Err(error) => {
                    let error = error.with_context(self.place(self.splitter.number()));
                    return Err(self.first_of(transaction, error));
                }
            }
            if self.lines.len() >= BATCH_ROWS_MAX || self.bytes >= BATCH_BYTES_MAX {
                self.interrupt.check()?;
                self.flush(transaction)?;
            }
        }
    }

    /// An error in the rows before comes first.
    fn first_of(&mut self, transaction: &mut Transaction, error: Error) -> Error {
        match self.flush(transaction) {
            Ok(()) => error,
            Err(earlier) => earlier,
        }
    }

    /// `COPY t, line 3`.
    fn place(&self, line: u64) -> String {
        format!("COPY {}, line {line}", self.target.batches.table.name)
    }

    /// `COPY t, line 3: "the line"`.
    fn place_with_line(&self, start: usize, end: usize) -> String {
        let line = String::from_utf8_lossy(self.splitter.bytes(start, end));
        format!("{}: \"{}\"", self.place(self.splitter.number()), shortened(&line))
    }

    fn row(&mut self, start: usize, end: usize) -> Result<()> {
        // Bytes that are not text cannot be shown.
        check_utf8(self.splitter.bytes(start, usize::MAX), end - start)
            .map_err(|e| e.with_context(self.place(self.splitter.number())))?;
        if self.header != CopyHeader::None {
            let header = std::mem::replace(&mut self.header, CopyHeader::None);
            return match header {
                CopyHeader::Match => self.match_header(start, end),
                CopyHeader::Skip | CopyHeader::None => Ok(()),
            };
        }
        let found = self
            .reader
            .read(self.splitter.bytes(start, end))
            .map_err(|e| e.with_context(self.place_with_line(start, end)))?;
        let expected = self.columns.len();
        if found > expected && !(expected == 0 && start == end) {
            return Err(
                bad("extra data after last expected column").with_context(self.place_with_line(start, end))
            );
        }
        if found < expected {
            let name = &self.target.column(found)?.name;
            let error = bad(format!("missing data for column \"{name}\""));
            return Err(error.with_context(self.place_with_line(start, end)));
        }
        for (index, column) in self.columns.iter_mut().enumerate() {
            match self.reader.get(index) {
                Some(Field::Value(text)) => column.push(Some(text)),
                Some(Field::Null) | None => column.push(None),
            }
        }
        self.bytes += end - start;
        self.lines.push(self.splitter.number());
        Ok(())
    }

    /// Checks and writes rows; how many.
    fn insert(&self, batch: &RecordBatch, transaction: &mut Transaction) -> Result<u64> {
        self.check_rules(batch)?;
        self.check_not_null(batch)?;
        let outcome = transaction.insert(self.target.batches.table.id, batch, InsertMode::Error);
        outcome.map(|outcome| outcome.inserted).map_err(|e| self.not_inserted(e))
    }

    /// HEADER MATCH.
    fn match_header(&mut self, start: usize, end: usize) -> Result<()> {
        let found = self
            .reader
            .read(self.splitter.bytes(start, end))
            .map_err(|e| e.with_context(self.place_with_line(start, end)))?;
        let fail = |message: String| Err(bad(message).with_context(self.place_with_line(start, end)));
        if found != self.columns.len() {
            return fail(format!(
                "wrong number of fields in header line: got {found}, expected {}",
                self.columns.len()
            ));
        }
        for index in 0..found {
            let name = &self.target.column(index)?.name;
            let number = index + 1;
            match self.reader.get(index) {
                Some(Field::Value(text)) if text == name => {}
                Some(Field::Value(text)) => {
                    return fail(format!(
                        "column name mismatch in header line field {number}: got \"{text}\", expected \"{name}\""
                    ));
                }
                Some(Field::Null) | None => {
                    return fail(format!(
                        "column name mismatch in header line field {number}: got null value (\"{}\"), expected \"{name}\"",
                        self.reader.null_marker()
                    ));
                }
            }
        }
        Ok(())
    }

    /// Converts and writes the batch.
    fn flush(&mut self, transaction: &mut Transaction) -> Result<()> {
        let rows = self.lines.len();
        if rows == 0 {
            return Ok(());
        }
        let mut arrays = Vec::with_capacity(self.columns.len());
        let mut first: Option<(usize, usize, Error)> = None;
        for (index, column) in self.columns.iter().enumerate() {
            match column.convert(&self.target.column(index)?.ty, &self.settings) {
                Ok(array) => {
                    let refused = self.target.refused(index, &array);
                    arrays.push(array);
                    let Some((row, error)) = refused else { continue };
                    if first.as_ref().is_none_or(|(earliest, _, _)| row < *earliest) {
                        first = Some((row, index, error));
                    }
                }
                Err((row, error)) => {
                    if first.as_ref().is_none_or(|(earliest, _, _)| row < *earliest) {
                        first = Some((row, index, error));
                    }
                }
            }
        }
        if let Some((row, index, error)) = first {
            return Err(self.unconvertible(row, index, error));
        }
        let batch = self.target.whole_rows(arrays, rows)?;
        let inserted = self.insert(&batch, transaction);
        self.loaded += inserted.map_err(|e| storage::in_settings(e, &self.settings))?;
        self.columns.iter_mut().for_each(TextColumn::clear);
        self.lines.clear();
        self.bytes = 0;
        Ok(())
    }

    fn unconvertible(&self, row: usize, index: usize, error: Error) -> Error {
        let line = self.lines.get(row).copied().unwrap_or_default();
        let name = self.target.column(index).map(|c| c.name.clone()).unwrap_or_default();
        let value = match self.columns.get(index).and_then(|c| c.get(row)) {
            Some(text) => format!("\"{}\"", shortened(text)),
            None => "null input".to_owned(),
        };
        error.with_context(format!("{}, column {name}: {value}", self.place(line)))
    }

    /// 23502 at the first row with a null where none may be.
    fn check_not_null(&self, batch: &RecordBatch) -> Result<()> {
        let table = &self.target.batches.table;
        let first = table
            .columns
            .iter()
            .zip(batch.columns())
            .filter(|(column, array)| column.not_null && array.null_count() > 0)
            .filter_map(|(column, array)| {
                (0..array.len()).find(|row| array.is_null(*row)).map(|row| (row, column))
            })
            .min_by_key(|(row, _)| *row);
        let Some((row, column)) = first else { return Ok(()) };
        let message = format!(
            "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
            column.name, table.name
        );
        let line = self.lines.get(row).copied().unwrap_or_default();
        let error = Error::new(ErrorKind::NotNullViolation, message)
            .about(table.subject(Some(&column.name), None))
            .with_context(self.place(line));
        Err(storage::with_failing_row(error, table, batch.columns(), row))
    }

    /// 23514 at the first row that breaks a check, unless a null comes before.
    fn check_rules(&self, batch: &RecordBatch) -> Result<()> {
        let Some(rules) = &self.target.rules else { return Ok(()) };
        let Some((row, error)) = rules.broken(&self.target.batches.table, batch)? else { return Ok(()) };
        let line = self.lines.get(row).copied().unwrap_or_default();
        Err(error.with_context(self.place(line)))
    }

    /// Storage knows the row but not its line.
    fn not_inserted(&self, error: Error) -> Error {
        let name = &self.target.batches.table.name;
        match (self.lines.first(), self.lines.last()) {
            (Some(first), Some(last)) if first != last => {
                error.with_context(format!("COPY {name}, lines {first} to {last}"))
            }
            (Some(first), _) => error.with_context(format!("COPY {name}, line {first}")),
            _ => error,
        }
    }
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BadCopyFormat, message)
}
