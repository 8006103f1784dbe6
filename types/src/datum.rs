//! One SQL value outside an array: constants, parameters, partition bounds.
//!
//! Invariant: a datum's variant is the one its type's `Form` names, or `Null`.

use crate::list::List;
use arrow::datatypes::i256;
use base::{Error, Result};

/// A value.
///
/// Two are the same when nothing can tell them apart, so NaN is NaN, and -0 is not 0: SQL's equality is
/// that of kernels and keys.
#[derive(Clone, Debug)]
pub enum Datum {
    Null,
    Bool(bool),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    UInt32(u32),
    Float32(f32),
    Float64(f64),
    /// Value times 10^scale of the form.
    Decimal128(i128),
    Decimal256(i256),
    /// Encoded by `types::pgnum`.
    PgNum(Vec<u8>),
    Text(String),
    Bytes(Vec<u8>),
    Uuid([u8; 16]),
    /// The canonical text of `types::json`.
    Jsonb(String),
    /// Microseconds since midnight.
    Time(i64),
    TimeTz(TimeTz),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01, local.
    Timestamp(i64),
    /// Microseconds since 1970-01-01 UTC.
    TimestampTz(i64),
    Interval(Interval),
    List(List),
    /// The fields of a row.
    Row(Vec<Datum>),
}

impl PartialEq for Datum {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int16(a), Self::Int16(b)) => a == b,
            (Self::Int32(a), Self::Int32(b)) | (Self::Date(a), Self::Date(b)) => a == b,
            (Self::Int64(a), Self::Int64(b))
            | (Self::Time(a), Self::Time(b))
            | (Self::Timestamp(a), Self::Timestamp(b))
            | (Self::TimestampTz(a), Self::TimestampTz(b)) => a == b,
            (Self::UInt32(a), Self::UInt32(b)) => a == b,
            (Self::Float32(a), Self::Float32(b)) => a.to_bits() == b.to_bits(),
            (Self::Float64(a), Self::Float64(b)) => a.to_bits() == b.to_bits(),
            (Self::Decimal128(a), Self::Decimal128(b)) => a == b,
            (Self::Decimal256(a), Self::Decimal256(b)) => a == b,
            (Self::PgNum(a), Self::PgNum(b)) | (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Text(a), Self::Text(b)) | (Self::Jsonb(a), Self::Jsonb(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::TimeTz(a), Self::TimeTz(b)) => a == b,
            (Self::Interval(a), Self::Interval(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Row(a), Self::Row(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Datum {}

/// PostgreSQL's interval: three parts that do not carry into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

impl Interval {
    pub const BYTES: usize = 16;

    /// Its months, days and microseconds, little endian: as columns and files hold it. The order of these bytes means nothing.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let [m0, m1, m2, m3] = self.months.to_le_bytes();
        let [d0, d1, d2, d3] = self.days.to_le_bytes();
        let [u0, u1, u2, u3, u4, u5, u6, u7] = self.micros.to_le_bytes();
        [m0, m1, m2, m3, d0, d1, d2, d3, u0, u1, u2, u3, u4, u5, u6, u7]
    }

    /// The inverse of `to_bytes`; other bytes are corruption.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = || Error::corruption("an interval that is not 16 bytes long");
        let (months, rest) = bytes.split_first_chunk().ok_or_else(wrong)?;
        let (days, micros) = rest.split_first_chunk().ok_or_else(wrong)?;
        Ok(Self {
            months: i32::from_le_bytes(*months),
            days: i32::from_le_bytes(*days),
            micros: i64::from_le_bytes(micros.try_into().map_err(|_| wrong())?),
        })
    }
}

/// A time of day with its offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeTz {
    /// Microseconds since midnight of the clock at that offset.
    pub micros: i64,
    /// Seconds west of UTC, as PostgreSQL counts here.
    pub west: i32,
}

impl TimeTz {
    pub const BYTES: usize = 12;

    /// Bytes whose order is PostgreSQL's: the time in UTC (not brought into one day), then the offset; both big endian
    /// with the sign inverted.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let utc = self.micros.saturating_add(i64::from(self.west) * 1_000_000);
        let [a, b, c, d, e, f, g, h] = (utc ^ i64::MIN).to_be_bytes();
        let [i, j, k, l] = (self.west ^ i32::MIN).to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// The inverse of `to_bytes`; other bytes are corruption.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = || Error::corruption("a time with time zone that is not 12 bytes long");
        let (utc, west) = bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
        let west = i32::from_be_bytes(west.try_into().map_err(|_| wrong())?) ^ i32::MIN;
        let utc = i64::from_be_bytes(*utc) ^ i64::MIN;
        Ok(Self { micros: utc.saturating_sub(i64::from(west) * 1_000_000), west })
    }
}

impl Datum {
    /// An array of one dimension that begins with 1.
    pub fn list(items: Vec<Datum>) -> Self {
        Datum::List(List::from(items))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }
}
