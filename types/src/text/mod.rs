//! Text input and output of every type, as PostgreSQL 15's input and output functions.
//!
//! Must not know arrays of Arrow (see `encode`) or the catalog: names behind reg* types are the binder's.

mod datetime_decode;
mod datetime_digits;
mod datetime_fields;
mod datetime_in;
mod datetime_iso;
mod datetime_out;
mod datetime_parts;
mod float;
mod format;
mod interval_in;
mod interval_iso;
mod interval_out;
pub mod interval_range;
mod list;
mod parse;
mod row;
mod settings;
#[cfg(test)]
mod tests;

pub use datetime_in::numeric_zone;
pub use format::format_text;
pub use parse::{apply_typmod, parse_text};
pub use settings::{ByteaOutput, DateOrder, DateStyle, IntervalStyle, IoSettings, ObjectNames};

pub(crate) use datetime_out::{write_date, write_time, write_timestamp, write_timestamptz, write_timetz};
pub(crate) use float::{write_f32, write_f64};
pub(crate) use format::{
    write_bool, write_bytea, write_decimal, write_decimal256, write_integer, write_integer_padded, write_oid,
    write_uuid,
};
pub(crate) use interval_out::write_interval;
pub(crate) use list::{ArrayText, quote_element};
pub(crate) use parse::{is_space, numeric_datum};
pub(crate) use row::quote_field;
