//! TPC-H data as Parquet files, one per table, made by the crates tpchgen and tpchgen-arrow.

use crate::tpch::tables::{TABLES, Table};
use arrow::record_batch::RecordBatchReader;
use base::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow,
    SupplierArrow,
};

/// Rows of a row group: enough groups for a parallel load of a small scale.
const ROW_GROUP_ROWS: usize = 128 << 10;

/// The file of a table below `directory`.
pub fn path(directory: &Path, table: &str) -> PathBuf {
    directory.join(format!("{table}.parquet"))
}

/// Writes all tables at `scale`; returns rows per table in the order of `TABLES`. A file that stands complete is kept.
pub fn generate(directory: &Path, scale: f64) -> Result<Vec<(Table, u64)>> {
    std::fs::create_dir_all(directory)
        .map_err(|e| Error::io(format_args!("create directory {}", directory.display()), e))?;
    TABLES.into_iter().map(|table| Ok((table, write(directory, table.name, scale)?))).collect()
}

fn write(directory: &Path, table: &str, scale: f64) -> Result<u64> {
    match table {
        "region" => write_rows(directory, table, RegionArrow::new(RegionGenerator::new(scale, 1, 1))),
        "nation" => write_rows(directory, table, NationArrow::new(NationGenerator::new(scale, 1, 1))),
        "supplier" => write_rows(directory, table, SupplierArrow::new(SupplierGenerator::new(scale, 1, 1))),
        "customer" => write_rows(directory, table, CustomerArrow::new(CustomerGenerator::new(scale, 1, 1))),
        "part" => write_rows(directory, table, PartArrow::new(PartGenerator::new(scale, 1, 1))),
        "partsupp" => write_rows(directory, table, PartSuppArrow::new(PartSuppGenerator::new(scale, 1, 1))),
        "orders" => write_rows(directory, table, OrderArrow::new(OrderGenerator::new(scale, 1, 1))),
        "lineitem" => write_rows(directory, table, LineItemArrow::new(LineItemGenerator::new(scale, 1, 1))),
        other => Err(Error::internal(format!("no generator for table {other}"))),
    }
}

fn write_rows(directory: &Path, table: &str, batches: impl RecordBatchReader) -> Result<u64> {
    let path = path(directory, table);
    let doing = || format!("write {}", path.display());
    let file = File::create(&path).map_err(|e| Error::io(doing(), e))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let failed = |e: &dyn std::fmt::Display| Error::internal(format!("could not {}: {e}", doing()));
    let mut writer =
        ArrowWriter::try_new(file, batches.schema(), Some(properties)).map_err(|e| failed(&e))?;
    let mut rows = 0;
    for batch in batches {
        let batch = batch.map_err(|e| failed(&e))?;
        rows += u64::try_from(batch.num_rows()).unwrap_or(0);
        writer.write(&batch).map_err(|e| failed(&e))?;
    }
    writer.close().map_err(|e| failed(&e))?;
    Ok(rows)
}
