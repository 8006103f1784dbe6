//! Parquet files to batches of a table's columns: columns by name, row groups one after another.
//!
//! Must not know transactions. Invariant: a file is refused before its first row when a column does not fit.

use crate::copy::parquet_form::{from_file_array, is_convertible};
use arrow::array::ArrayRef;
use arrow::datatypes::Schema;
use base::{Error, ErrorKind, Result};
use catalog::ColumnDef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use types::text::IoSettings;

const BATCH_ROWS: usize = 8_192;

/// One file being read.
pub(crate) struct ParquetFile {
    reader: ParquetRecordBatchReader,
    path: String,
    columns: Vec<ColumnDef>,
    /// Position among the columns read, one for each of `columns`.
    places: Vec<usize>,
    settings: IoSettings,
    /// Columns of the file that nobody asked for.
    pub(crate) ignored: Vec<String>,
}

impl ParquetFile {
    /// Opens a file for `columns`. 22P04 when it is not a whole Parquet file, 42703 for a missing column, 42804 for
    /// one of another type.
    pub(crate) fn open(
        path: String,
        file: File,
        columns: Vec<ColumnDef>,
        settings: IoSettings,
    ) -> Result<Self> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| unreadable(&path, &e))?;
        let schema = builder.schema().clone();
        let found: Vec<usize> =
            columns.iter().map(|column| find(&schema, column, &path)).collect::<Result<_>>()?;
        let ignored = schema
            .fields()
            .iter()
            .enumerate()
            .filter(|(index, _)| !found.contains(index))
            .map(|(_, field)| field.name().clone())
            .collect();
        // The reader yields the projected columns in the order of the file.
        let mut read = found.clone();
        read.sort_unstable();
        read.dedup();
        let places = found.iter().filter_map(|index| read.iter().position(|r| r == index)).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), read);
        let reader = builder
            .with_batch_size(BATCH_ROWS)
            .with_projection(mask)
            .build()
            .map_err(|e| unreadable(&path, &e))?;
        Ok(Self { reader, path, columns, places, settings, ignored })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The next rows: one array per column asked for, and how many rows. Blocks the thread.
    pub(crate) fn next(&mut self) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        let batch = match self.reader.next() {
            None => return Ok(None),
            Some(Err(e)) => return Err(unreadable(&self.path, &e)),
            Some(Ok(batch)) => batch,
        };
        let arrays = self
            .columns
            .iter()
            .zip(&self.places)
            .map(|(column, place)| {
                let array = batch
                    .columns()
                    .get(*place)
                    .ok_or_else(|| Error::internal("a Parquet reader lost a column"))?;
                from_file_array(array, &column.ty, &self.settings).map_err(|e| {
                    e.with_context(format!("column \"{}\" of file \"{}\"", column.name, self.path))
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Some((arrays, batch.num_rows())))
    }
}

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The file's column for a table's column: the same name, else the same name in another case when only one has it.
fn find(schema: &Schema, column: &ColumnDef, path: &str) -> Result<usize> {
    let exact = schema.fields().iter().position(|f| f.name() == &column.name);
    let index = match exact {
        Some(index) => index,
        None => {
            let folded = column.name.to_lowercase();
            let mut alike =
                schema.fields().iter().enumerate().filter(|(_, f)| f.name().to_lowercase() == folded);
            match (alike.next(), alike.next()) {
                (Some((index, _)), None) => index,
                (Some(_), Some(_)) => {
                    let message =
                        format!("column \"{}\" is ambiguous in Parquet file \"{path}\"", column.name);
                    return Err(Error::new(ErrorKind::AmbiguousColumn, message));
                }
                (None, _) => return Err(missing(schema, column, path)),
            }
        }
    };
    let field = schema.fields().get(index).ok_or_else(|| Error::internal("a field behind the last"))?;
    if !is_convertible(field.data_type(), &column.ty) {
        let message = format!(
            "column \"{}\" of Parquet file \"{path}\" is of type {}, which does not fit type {}",
            column.name,
            field.data_type(),
            type_name(column),
        );
        return Err(Error::new(ErrorKind::DatatypeMismatch, message));
    }
    Ok(index)
}

fn missing(schema: &Schema, column: &ColumnDef, path: &str) -> Error {
    let there: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let message = format!("column \"{}\" is missing in Parquet file \"{path}\"", column.name);
    Error::new(ErrorKind::UndefinedColumn, message)
        .with_detail(format!("The file has the columns {}.", there.join(", ")))
        .with_hint("list the columns to load behind the table's name, as in COPY t (a, b) FROM ..")
}

fn type_name(column: &ColumnDef) -> String {
    catalog::builtin::type_by_oid(column.ty.oid)
        .map_or_else(|| column.ty.oid.to_string(), |row| row.name.to_owned())
}

fn unreadable(path: &str, error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::BadCopyFormat, format!("could not read Parquet file \"{path}\": {error}"))
        .with_hint("the file is truncated, damaged or not a Parquet file")
}
