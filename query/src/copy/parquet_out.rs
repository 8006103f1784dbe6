//! Rows to Parquet files.
//!
//! Invariant: `parquet_in` reads what is written here back as the same values.

use crate::copy::parquet_form::{file_field, to_file_array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::{Error, ErrorKind, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use sql::bound::{OutputColumn, ParquetCompression};
use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;
use types::SqlType;
use types::text::IoSettings;

/// Rows of one row group: enough to compress well, few enough for two writers in memory.
const ROW_GROUP_ROWS_MAX: usize = 256 * 1_024;

/// Columns and compression of the files of one COPY TO.
#[derive(Debug)]
pub(crate) struct ParquetShape {
    types: Vec<SqlType>,
    schema: SchemaRef,
    properties: WriterProperties,
    settings: IoSettings,
}

impl ParquetShape {
    /// 0A000 for a column whose type has no place in Parquet, 42701 for a name that stands twice.
    pub(crate) fn new(
        columns: &[OutputColumn],
        compression: ParquetCompression,
        settings: IoSettings,
    ) -> Result<Self> {
        let mut names = HashSet::new();
        for column in columns {
            if !names.insert(column.name.as_str()) {
                let message = format!("column \"{}\" specified more than once", column.name);
                return Err(Error::new(ErrorKind::DuplicateColumn, message)
                    .with_hint("columns of a Parquet file need different names; use AS"));
            }
        }
        let fields = columns.iter().map(|c| file_field(&c.name, &c.ty)).collect::<Result<Vec<_>>>()?;
        let compression = match compression {
            ParquetCompression::Uncompressed => Compression::UNCOMPRESSED,
            ParquetCompression::Snappy => Compression::SNAPPY,
            ParquetCompression::Lz4 => Compression::LZ4_RAW,
            ParquetCompression::Zstd => Compression::ZSTD(ZstdLevel::default()),
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
            .set_created_by(concat!("nyala ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        Ok(Self {
            types: columns.iter().map(|c| c.ty.clone()).collect(),
            schema: Arc::new(Schema::new(fields)),
            properties,
            settings,
        })
    }
}

/// One Parquet file being written.
#[derive(Debug)]
pub(crate) struct ParquetWriter {
    shape: Arc<ParquetShape>,
    writer: ArrowWriter<File>,
    path: String,
}

impl ParquetWriter {
    pub(crate) fn new(shape: &Arc<ParquetShape>, file: File, path: String) -> Result<Self> {
        let writer = ArrowWriter::try_new(file, Arc::clone(&shape.schema), Some(shape.properties.clone()))
            .map_err(|e| failed(&path, e))?;
        Ok(Self { shape: Arc::clone(shape), writer, path })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let arrays = self
            .shape
            .types
            .iter()
            .zip(batch.columns())
            .map(|(ty, array)| to_file_array(ty, array, &self.shape.settings))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.shape.schema), arrays, &options)
            .map_err(crate::failure::from_arrow)?;
        self.writer.write(&batch).map_err(|e| failed(&self.path, e))
    }

    /// Bytes written and waiting, roughly.
    pub(crate) fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    /// Writes the footer; the file is not synced yet.
    pub(crate) fn finish(self) -> Result<(File, String)> {
        let Self { writer, path, .. } = self;
        let file = writer.into_inner().map_err(|e| failed(&path, e))?;
        Ok((file, path))
    }
}

fn failed(path: &str, error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => Error::io(format_args!("write \"{path}\""), *io),
            Err(other) => Error::new(ErrorKind::Io, format!("could not write \"{path}\": {other}")),
        },
        other => Error::new(ErrorKind::Io, format!("could not write \"{path}\": {other}")),
    }
}
