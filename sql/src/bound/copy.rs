//! The bound form of COPY.
//!
//! Must not know files or formats. Invariant: columns are positions in the table.

use super::write::RowRules;
use super::{BoundQuery, Expr};
use base::id::TableId;

#[derive(Clone, Debug, PartialEq)]
pub struct BoundCopy {
    pub direction: CopyDirection,
    pub format: CopyFormat,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CopyDirection {
    /// Columns of the table that the input holds, by position in the table.
    /// `defaults` has an expression for each column of the table that the input does not hold.
    From {
        table: TableId,
        columns: Vec<usize>,
        defaults: Vec<(usize, Expr)>,
        rules: Option<Box<RowRules>>,
        source: CopyEnd,
    },
    To {
        query: BoundQuery,
        target: CopyEnd,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum CopyEnd {
    Client,
    Path(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum CopyFormat {
    Text(CopyText),
    Csv(CopyText),
    Parquet { compression: ParquetCompression },
}

/// Options of the text and csv formats; single-byte characters as PostgreSQL demands.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyText {
    pub delimiter: u8,
    pub null: String,
    pub header: CopyHeader,
    pub quote: u8,
    pub escape: u8,
    /// Positions in the copied column list.
    pub force_quote: Vec<usize>,
    pub force_not_null: Vec<usize>,
    pub force_null: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyHeader {
    None,
    Skip,
    Match,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParquetCompression {
    Uncompressed,
    Snappy,
    Lz4,
    Zstd,
}
