//! Calendar and interval arithmetic on plain values, by PostgreSQL's rules.
//!
//! Dates are days and timestamps microseconds since 1970-01-01; `MIN` and `MAX` of the integers are the infinities.
//! Must not know arrays or text. Results outside PostgreSQL's calendar are 22008.

mod arithmetic;
mod calendar;
mod field;
#[cfg(test)]
mod tests;
mod time;

pub use arithmetic::{
    age, date_add_interval, date_minus, interval_add, interval_div, interval_mul, interval_neg,
    interval_order, interval_sub, justify_days, justify_hours, justify_interval, make_date, make_interval,
    make_timestamp, timestamp_add, timestamp_minus, timestamptz_add, timestamptz_age,
};
pub use calendar::{
    Civil, DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEG_INFINITY, EPOCH_2000_DAYS, EPOCH_2000_MICROS,
    JULIAN_1970, MICROS_PER_DAY, TIMESTAMP_INFINITY, TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY, check_date,
    check_timestamp, civil_from_days, date_is_finite, date_to_timestamp, days_from_civil, days_in_month,
    iso_week, split_timestamp, timestamp_is_finite, timestamp_to_date, weekday,
};
pub use field::{
    Extracted, Field, extract_date, extract_interval, extract_time, extract_timestamp, extract_timestamptz,
    extract_timetz, trunc_interval, trunc_timestamp, trunc_timestamptz,
};
pub use time::{
    date_time, date_timetz, interval_time, make_time, time_add, time_in_zone, time_sub, timestamp_time,
    timestamptz_timetz, timetz_at,
};
