//! One SQL value outside an array: constants, parameters, partition bounds.
//!
//! Invariant: a datum's variant is the one its type's `Form` names, or `Null`.

use arrow::datatypes::i256;

/// A value.
#[derive(Clone, Debug, PartialEq)]
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
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01, local.
    Timestamp(i64),
    /// Microseconds since 1970-01-01 UTC.
    TimestampTz(i64),
    Interval(Interval),
    List(Vec<Datum>),
}

/// PostgreSQL's interval: three parts that do not carry into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

impl Datum {
    pub fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }
}
