//! The session settings that text conversion depends on.

use crate::zone::Zone;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use std::fmt::Debug;
use std::sync::Arc;

/// Which of day, month and year comes first where a date is ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DateOrder {
    #[default]
    Mdy,
    Dmy,
    Ymd,
}

/// How dates are written; input accepts every style.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DateStyle {
    #[default]
    Iso,
    /// `12/31/2024 01:02:03 PST`
    Sql,
    /// `Tue Dec 31 01:02:03 2024 PST`
    Postgres,
    /// `31.12.2024 01:02:03 PST`
    German,
}

/// How intervals are written; input accepts every style.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IntervalStyle {
    #[default]
    Postgres,
    PostgresVerbose,
    SqlStandard,
    Iso8601,
}

/// Names of the catalog's objects, which values of the reg* types stand for. The types here do not know the catalog:
/// who does gives them this.
pub trait ObjectNames: Debug + Send + Sync {
    /// How the output function of the type writes an object; None when there is none of that OID.
    fn name(&self, ty: Oid, object: Oid) -> Option<String>;
    /// The object that a text names, as the input function of the type reads it.
    fn object(&self, ty: Oid, text: &str) -> Result<Oid>;
    /// The label of an enum at a position; None when there is none there.
    fn enum_label(&self, ty: Oid, position: i64) -> Option<String>;
    /// The position of an enum's label; 22P02 when the enum has no such label, 55P04 when it may not be used yet.
    fn enum_position(&self, ty: Oid, label: &str) -> Result<i64>;
    /// 55P04 when the label at a position may not be used yet.
    fn check_label(&self, ty: Oid, position: i64) -> Result<()>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ByteaOutput {
    #[default]
    Hex,
    Escape,
}

/// What a session chose. `now` is the transaction's start in microseconds since 1970 UTC, which the inputs
/// `now`, `today`, `tomorrow` and `yesterday` need; without it they are refused.
#[derive(Clone, Debug)]
pub struct IoSettings {
    pub time_zone: Zone,
    pub date_style: DateStyle,
    pub date_order: DateOrder,
    /// PostgreSQL's setting: above 0 shortest exact digits, else 15 (float4: 6) plus this many.
    pub extra_float_digits: i32,
    pub bytea_output: ByteaOutput,
    pub interval_style: IntervalStyle,
    /// Without it values of the reg* types are numbers, and enums cannot be read or written.
    pub names: Option<Arc<dyn ObjectNames>>,
    pub now: Option<i64>,
}

impl IoSettings {
    /// How an enum's value is written.
    pub(crate) fn enum_label(&self, ty: Oid, position: i64) -> Result<String> {
        let names = self.names.as_ref();
        let names = names.ok_or_else(|| Error::internal("labels are written without a catalog"))?;
        names.enum_label(ty, position).ok_or_else(|| {
            Error::new(ErrorKind::UndefinedObject, format!("type with OID {ty} does not exist"))
                .with_hint("It was dropped; what its labels were is not kept for earlier times.")
        })
    }

    /// The value that a text of an enum means.
    pub(crate) fn enum_position(&self, ty: Oid, label: &str) -> Result<i64> {
        let names = self.names.as_ref();
        names.ok_or_else(|| Error::internal("labels are read without a catalog"))?.enum_position(ty, label)
    }
}

impl Default for IoSettings {
    fn default() -> Self {
        Self {
            time_zone: Zone::UTC,
            date_style: DateStyle::Iso,
            date_order: DateOrder::Mdy,
            extra_float_digits: 1,
            bytea_output: ByteaOutput::Hex,
            interval_style: IntervalStyle::Postgres,
            names: None,
            now: None,
        }
    }
}
