//! The session settings that text conversion depends on.

use crate::zone::Zone;

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
    pub now: Option<i64>,
}

impl Default for IoSettings {
    fn default() -> Self {
        Self {
            time_zone: Zone::UTC,
            date_style: DateStyle::Iso,
            date_order: DateOrder::Mdy,
            extra_float_digits: 1,
            bytea_output: ByteaOutput::Hex,
            now: None,
        }
    }
}
