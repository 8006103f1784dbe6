//! Functions of dates, timestamps and intervals, on the calendar arithmetic of `types::datetime`.

use crate::kernel::call::{Arg, Call, Run, map0, map1, map2, map3};
use crate::kernel::udf::Kernel;
use crate::kernel::value::{Day, Double, Int4, Num, Span, Stamp, Text};
use crate::lower::StatementContext;
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use std::sync::Arc;
use types::datetime::{self, Extracted, Field};
use types::{Form, Interval, SqlType, Zone};

fn timestamp_out_of_range() -> Error {
    Error::new(ErrorKind::DatetimeOverflow, "timestamp out of range")
}

/// The kernel that turns a date or timestamp into a wider kind of timestamp, for comparisons.
pub(crate) fn reform(from: &SqlType, to: &SqlType, statement: &Arc<StatementContext>) -> Kernel {
    let run: Run = match (&from.form, &to.form) {
        (Form::Date, Form::Timestamp) => {
            |call, args| map1::<Day, Stamp, _>(call, args, |d| Ok(order_of_date(d)))
        }
        (Form::Date, _) => |call, args| {
            let zone = &call.statement.io.time_zone;
            map1::<Day, Stamp, _>(call, args, |d| Ok(order_in_utc(order_of_date(d), zone)))
        },
        _ => |call, args| {
            let zone = &call.statement.io.time_zone;
            map1::<Stamp, Stamp, _>(call, args, |t| Ok(order_in_utc(t, zone)))
        },
    };
    Kernel {
        name: "timestamp_form",
        oid: 0,
        run,
        args: vec![from.clone()],
        ret: to.clone(),
        volatile: false,
        statement: Arc::clone(statement),
    }
}

/// The timestamp as which a date is compared: one later than all timestamps stands before infinity.
fn order_of_date(days: i32) -> i64 {
    datetime::date_to_timestamp(days).unwrap_or(i64::MAX - 1)
}

/// The instant as which a timestamp of the session's clock is compared, which may lie outside of the calendar.
fn order_in_utc(micros: i64, zone: &Zone) -> i64 {
    if !datetime::timestamp_is_finite(micros) {
        return micros;
    }
    let offset = i64::from(zone.offset_at_local(micros)) * 1_000_000;
    micros.saturating_sub(offset).clamp(i64::MIN + 1, i64::MAX - 1)
}

pub(crate) fn to_utc(micros: i64, zone: &Zone) -> Result<i64> {
    if !datetime::timestamp_is_finite(micros) {
        return Ok(micros);
    }
    zone.to_utc(micros)
        .ok_or_else(timestamp_out_of_range)
        .and_then(|v| datetime::check_timestamp(i128::from(v)))
}

pub(crate) fn to_local(micros: i64, zone: &Zone) -> Result<i64> {
    if !datetime::timestamp_is_finite(micros) {
        return Ok(micros);
    }
    zone.to_local(micros)
        .ok_or_else(timestamp_out_of_range)
        .and_then(|v| datetime::check_timestamp(i128::from(v)))
}

fn date_timestamp(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map1::<Day, Stamp, _>(call, args, datetime::date_to_timestamp)
}

fn date_timestamptz(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map1::<Day, Stamp, _>(call, args, |d| to_utc(datetime::date_to_timestamp(d)?, zone))
}

fn timestamp_timestamptz(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map1::<Stamp, Stamp, _>(call, args, |t| to_utc(t, zone))
}

fn timestamptz_timestamp(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map1::<Stamp, Stamp, _>(call, args, |t| to_local(t, zone))
}

fn timestamptz_date(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map1::<Stamp, Day, _>(call, args, |t| Ok(datetime::timestamp_to_date(to_local(t, zone)?)))
}

pub(crate) fn zone_named(name: &str) -> Result<Zone> {
    Zone::parse(name).ok_or_else(|| {
        Error::new(ErrorKind::InvalidParameterValue, format!("time zone \"{name}\" not recognized"))
    })
}

/// Infinite timestamps come back as they are, before anything else about the call is looked at.
fn finite(micros: i64, f: impl FnOnce() -> Result<i64>) -> Result<i64> {
    if datetime::timestamp_is_finite(micros) { f() } else { Ok(micros) }
}

/// An interval as an offset east of UTC.
pub(crate) fn zone_of_interval(offset: Interval) -> Result<Zone> {
    if offset.months != 0 || offset.days != 0 {
        return Err(Error::new(
            ErrorKind::InvalidParameterValue,
            "interval time zone must not include months or days",
        ));
    }
    i32::try_from(offset.micros / 1_000_000).map(Zone::Fixed).map_err(|_| {
        // PostgreSQL takes the lowest 32 bits.
        Error::unsupported("an offset from UTC of more than 2147483647 seconds is not supported")
            .with_hint("offsets are of some hours")
    })
}

pub(crate) fn shifted_date(days: i32, by: i64) -> Result<i32> {
    match datetime::date_is_finite(days) {
        true => datetime::check_date(i64::from(days) + by),
        false => Ok(days),
    }
}

fn negated(interval: Interval) -> Result<Interval> {
    datetime::interval_neg(interval)
}

/// What is added to a time to take an interval away; infinite times do not look at it.
fn taken(is_finite: bool, interval: Interval) -> Result<Interval> {
    if is_finite { negated(interval).map_err(|_| timestamp_out_of_range()) } else { Ok(Interval::default()) }
}

fn unknown_field(name: &str, of: &str) -> Error {
    Error::new(
        ErrorKind::InvalidParameterValue,
        format!("unit \"{}\" not recognized for type {of}", name.to_ascii_lowercase()),
    )
}

pub(crate) fn field(name: &str, of: &str) -> Result<Field> {
    Field::parse(name).ok_or_else(|| unknown_field(name, of))
}

pub(crate) fn extracted(value: Extracted) -> Option<types::PgNum> {
    value.to_pgnum()
}

pub(crate) fn extracted_double(value: &Extracted) -> Result<Option<f64>> {
    value.to_pgnum().map(|v| v.to_f64()).transpose()
}

const TIMESTAMP: &str = "timestamp without time zone";
const TIMESTAMPTZ: &str = "timestamp with time zone";

fn extract_timestamptz(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map2::<Text, Stamp, Num, _>(call, args, |name, t| {
        Ok(extracted(datetime::extract_timestamptz(field(name, TIMESTAMPTZ)?, t, zone)?))
    })
}

fn timestamptz_part(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map2::<Text, Stamp, Double, _>(call, args, |name, t| {
        extracted_double(&datetime::extract_timestamptz(field(name, TIMESTAMPTZ)?, t, zone)?)
    })
}

fn timestamptz_trunc(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map2::<Text, Stamp, Stamp, _>(call, args, |name, t| {
        finite(t, || datetime::trunc_timestamptz(field(name, TIMESTAMPTZ)?, t, zone))
    })
}

fn timestamptz_plus(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map2::<Stamp, Span, Stamp, _>(call, args, |t, i| datetime::timestamptz_add(t, i, zone))
}

/// The interval in front.
fn interval_pl_timestamptz(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map2::<Span, Stamp, Stamp, _>(call, args, |i, t| datetime::timestamptz_add(t, i, zone))
}

fn timestamptz_minus(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map2::<Stamp, Span, Stamp, _>(call, args, |t, i| {
        datetime::timestamptz_add(t, taken(datetime::timestamp_is_finite(t), i)?, zone)
    })
}

fn timestamptz_age(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map2::<Stamp, Stamp, Span, _>(call, args, |a, b| datetime::timestamptz_age(a, b, zone))
}

fn transaction_start(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    map0::<Stamp>(call, || Ok(call.statement.transaction_us))
}

fn statement_start(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    map0::<Stamp>(call, || Ok(call.statement.statement_us))
}

fn wall_clock(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    map0::<Stamp>(call, || {
        i64::try_from(call.statement.clock.wall_us()).map_err(|_| timestamp_out_of_range())
    })
}

/// age(x): from x to midnight of today.
fn age_now(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    let today = datetime::timestamp_to_date(to_local(call.statement.transaction_us, zone)?);
    let midnight = datetime::date_to_timestamp(today)?;
    map1::<Stamp, Span, _>(call, args, |t| datetime::age(midnight, t))
}

fn age_now_tz(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    let today = datetime::timestamp_to_date(to_local(call.statement.transaction_us, zone)?);
    let midnight = to_utc(datetime::date_to_timestamp(today)?, zone)?;
    map1::<Stamp, Span, _>(call, args, |t| datetime::timestamptz_age(midnight, t, zone))
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("date_timestamp", date_timestamp),
    ("date_timestamptz", date_timestamptz),
    ("timestamp_timestamptz", timestamp_timestamptz),
    ("timestamptz_timestamp", timestamptz_timestamp),
    ("timestamp_date", |c, a| map1::<Stamp, Day, _>(c, a, |t| Ok(datetime::timestamp_to_date(t)))),
    ("timestamptz_date", timestamptz_date),
    ("date_pli", |c, a| map2::<Day, Int4, Day, _>(c, a, |d, n| shifted_date(d, i64::from(n)))),
    ("date_mii", |c, a| map2::<Day, Int4, Day, _>(c, a, |d, n| shifted_date(d, -i64::from(n)))),
    ("date_mi", |c, a| map2::<Day, Day, Int4, _>(c, a, datetime::date_minus)),
    ("date_pl_interval", |c, a| map2::<Day, Span, Stamp, _>(c, a, datetime::date_add_interval)),
    ("date_mi_interval", |c, a| {
        map2::<Day, Span, Stamp, _>(c, a, |d, i| {
            datetime::date_add_interval(d, taken(datetime::date_is_finite(d), i)?)
        })
    }),
    ("timestamp_pl_interval", |c, a| map2::<Stamp, Span, Stamp, _>(c, a, datetime::timestamp_add)),
    ("timestamp_mi_interval", |c, a| {
        map2::<Stamp, Span, Stamp, _>(c, a, |t, i| {
            datetime::timestamp_add(t, taken(datetime::timestamp_is_finite(t), i)?)
        })
    }),
    ("timestamptz_pl_interval", timestamptz_plus),
    ("timestamptz_mi_interval", timestamptz_minus),
    ("timestamp_mi", |c, a| map2::<Stamp, Stamp, Span, _>(c, a, datetime::timestamp_minus)),
    ("timestamp_age", |c, a| map2::<Stamp, Stamp, Span, _>(c, a, datetime::age)),
    ("timestamptz_age", timestamptz_age),
    ("interval_pl", |c, a| map2::<Span, Span, Span, _>(c, a, datetime::interval_add)),
    ("interval_mi", |c, a| map2::<Span, Span, Span, _>(c, a, datetime::interval_sub)),
    ("interval_um", |c, a| map1::<Span, Span, _>(c, a, negated)),
    ("interval_mul", |c, a| map2::<Span, Double, Span, _>(c, a, datetime::interval_mul)),
    ("mul_d_interval", |c, a| map2::<Double, Span, Span, _>(c, a, |f, i| datetime::interval_mul(i, f))),
    ("interval_div", |c, a| map2::<Span, Double, Span, _>(c, a, datetime::interval_div)),
    ("interval_justify_hours", |c, a| map1::<Span, Span, _>(c, a, datetime::justify_hours)),
    ("interval_justify_days", |c, a| map1::<Span, Span, _>(c, a, datetime::justify_days)),
    ("interval_justify_interval", |c, a| map1::<Span, Span, _>(c, a, datetime::justify_interval)),
    ("make_date", |c, a| map3::<Int4, Int4, Int4, Day, _>(c, a, datetime::make_date)),
    ("extract_date", |c, a| {
        map2::<Text, Day, Num, _>(c, a, |f, d| Ok(extracted(datetime::extract_date(field(f, "date")?, d)?)))
    }),
    ("extract_timestamp", |c, a| {
        map2::<Text, Stamp, Num, _>(c, a, |f, t| {
            Ok(extracted(datetime::extract_timestamp(field(f, TIMESTAMP)?, t)?))
        })
    }),
    ("extract_timestamptz", extract_timestamptz),
    ("extract_interval", |c, a| {
        map2::<Text, Span, Num, _>(c, a, |f, i| {
            Ok(extracted(datetime::extract_interval(field(f, "interval")?, i)?))
        })
    }),
    ("timestamp_part", |c, a| {
        map2::<Text, Stamp, Double, _>(c, a, |f, t| {
            extracted_double(&datetime::extract_timestamp(field(f, TIMESTAMP)?, t)?)
        })
    }),
    ("timestamptz_part", timestamptz_part),
    ("interval_part", |c, a| {
        map2::<Text, Span, Double, _>(c, a, |f, i| {
            extracted_double(&datetime::extract_interval(field(f, "interval")?, i)?)
        })
    }),
    ("timestamp_trunc", |c, a| {
        map2::<Text, Stamp, Stamp, _>(c, a, |f, t| {
            finite(t, || datetime::trunc_timestamp(field(f, TIMESTAMP)?, t))
        })
    }),
    ("timestamptz_trunc", timestamptz_trunc),
    ("timestamptz_trunc_zone", |c, a| {
        map3::<Text, Stamp, Text, Stamp, _>(c, a, |f, t, z| {
            finite(t, || datetime::trunc_timestamptz(field(f, TIMESTAMPTZ)?, t, &zone_named(z)?))
        })
    }),
    ("interval_trunc", |c, a| {
        map2::<Text, Span, Span, _>(c, a, |f, i| datetime::trunc_interval(field(f, "interval")?, i))
    }),
    ("timestamptz_zone", |c, a| {
        map2::<Text, Stamp, Stamp, _>(c, a, |z, t| finite(t, || to_local(t, &zone_named(z)?)))
    }),
    ("timestamp_zone", |c, a| {
        map2::<Text, Stamp, Stamp, _>(c, a, |z, t| finite(t, || to_utc(t, &zone_named(z)?)))
    }),
    ("timestamptz_izone", |c, a| {
        map2::<Span, Stamp, Stamp, _>(c, a, |z, t| finite(t, || to_local(t, &zone_of_interval(z)?)))
    }),
    ("timestamp_izone", |c, a| {
        map2::<Span, Stamp, Stamp, _>(c, a, |z, t| finite(t, || to_utc(t, &zone_of_interval(z)?)))
    }),
    ("now", transaction_start),
    ("statement_timestamp", statement_start),
    ("clock_timestamp", wall_clock),
];

/// Functions that pg_proc has in SQL.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    // date_part(text, date)
    (1384, |c, a| {
        map2::<Text, Day, Double, _>(c, a, |f, d| {
            let midnight = datetime::date_to_timestamp(d)?;
            extracted_double(&datetime::extract_timestamp(field(f, TIMESTAMP)?, midnight)?)
        })
    }),
    // interval + date, + timestamp, + timestamptz
    (2546, |c, a| map2::<Span, Day, Stamp, _>(c, a, |i, d| datetime::date_add_interval(d, i))),
    (2548, |c, a| map2::<Span, Stamp, Stamp, _>(c, a, |i, t| datetime::timestamp_add(t, i))),
    (2549, interval_pl_timestamptz),
    // age(timestamptz), age(timestamp)
    (1386, age_now_tz),
    (2059, age_now),
];
