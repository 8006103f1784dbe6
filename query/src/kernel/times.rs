//! Functions of times of day, on the arithmetic of `types::datetime`.

use crate::kernel::call::{Arg, Call, Run, map1, map2, map3};
use crate::kernel::dates::{extracted, extracted_double, field, zone_named, zone_of_interval};
use crate::kernel::value::{Clock, ClockZone, Day, Double, Int4, Num, Span, Stamp, Text};
use arrow::array::ArrayRef;
use base::Result;
use types::datetime;
use types::{Interval, TimeTz};

const TIME: &str = "time without time zone";
const TIMETZ: &str = "time with time zone";

fn span(micros: i64) -> Interval {
    Interval { months: 0, days: 0, micros }
}

/// In the session's zone, with its offset today.
fn time_timetz(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    let now = call.statement.transaction_us;
    map1::<Clock, ClockZone, _>(call, args, |t| Ok(datetime::time_in_zone(t, zone, now)))
}

fn timestamptz_time(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map1::<Stamp, Clock, _>(call, args, |t| Ok(datetime::timestamptz_timetz(t, zone).map(|time| time.micros)))
}

fn timestamptz_timetz(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = &call.statement.io.time_zone;
    map1::<Stamp, ClockZone, _>(call, args, |t| Ok(datetime::timestamptz_timetz(t, zone)))
}

/// AT TIME ZONE: a named zone has the offset that it has now.
fn timetz_zone(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let now = call.statement.transaction_us;
    map2::<Text, ClockZone, ClockZone, _>(call, args, |zone, t| {
        Ok(datetime::timetz_at(t, zone_named(zone)?.offset_at(now)))
    })
}

fn timetz_izone(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    map2::<Span, ClockZone, ClockZone, _>(call, args, |zone, t| {
        Ok(datetime::timetz_at(t, zone_of_interval(zone)?.offset_at(0)))
    })
}

fn moved(time: TimeTz, micros: i64) -> TimeTz {
    TimeTz { micros, ..time }
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("time_pl_interval", |c, a| map2::<Clock, Span, Clock, _>(c, a, |t, i| Ok(datetime::time_add(t, i)))),
    ("time_mi_interval", |c, a| map2::<Clock, Span, Clock, _>(c, a, |t, i| Ok(datetime::time_sub(t, i)))),
    ("time_mi_time", |c, a| map2::<Clock, Clock, Span, _>(c, a, |x, y| Ok(span(x - y)))),
    ("timetz_pl_interval", |c, a| {
        map2::<ClockZone, Span, ClockZone, _>(c, a, |t, i| Ok(moved(t, datetime::time_add(t.micros, i))))
    }),
    ("timetz_mi_interval", |c, a| {
        map2::<ClockZone, Span, ClockZone, _>(c, a, |t, i| Ok(moved(t, datetime::time_sub(t.micros, i))))
    }),
    ("datetime_timestamp", |c, a| map2::<Day, Clock, Stamp, _>(c, a, datetime::date_time)),
    ("datetimetz_timestamptz", |c, a| map2::<Day, ClockZone, Stamp, _>(c, a, datetime::date_timetz)),
    ("timestamp_time", |c, a| map1::<Stamp, Clock, _>(c, a, |t| Ok(datetime::timestamp_time(t)))),
    ("timestamptz_time", timestamptz_time),
    ("timestamptz_timetz", timestamptz_timetz),
    ("time_timetz", time_timetz),
    ("timetz_time", |c, a| map1::<ClockZone, Clock, _>(c, a, |t| Ok(t.micros))),
    ("time_interval", |c, a| map1::<Clock, Span, _>(c, a, |t| Ok(span(t)))),
    ("interval_time", |c, a| map1::<Span, Clock, _>(c, a, datetime::interval_time)),
    ("timetz_zone", timetz_zone),
    ("timetz_izone", timetz_izone),
    ("extract_time", |c, a| {
        map2::<Text, Clock, Num, _>(c, a, |f, t| Ok(extracted(datetime::extract_time(field(f, TIME)?, t)?)))
    }),
    ("extract_timetz", |c, a| {
        map2::<Text, ClockZone, Num, _>(c, a, |f, t| {
            Ok(extracted(datetime::extract_timetz(field(f, TIMETZ)?, t)?))
        })
    }),
    ("time_part", |c, a| {
        map2::<Text, Clock, Double, _>(c, a, |f, t| {
            extracted_double(&datetime::extract_time(field(f, TIME)?, t)?)
        })
    }),
    ("timetz_part", |c, a| {
        map2::<Text, ClockZone, Double, _>(c, a, |f, t| {
            extracted_double(&datetime::extract_timetz(field(f, TIMETZ)?, t)?)
        })
    }),
    ("make_time", |c, a| map3::<Int4, Int4, Double, Clock, _>(c, a, datetime::make_time)),
];

/// Functions that pg_proc has in SQL.
pub(crate) const BY_OID: &[(u32, Run)] = &[
    // time + date, timetz + date
    (1296, |c, a| map2::<Clock, Day, Stamp, _>(c, a, |t, d| datetime::date_time(d, t))),
    (1298, |c, a| map2::<ClockZone, Day, Stamp, _>(c, a, |t, d| datetime::date_timetz(d, t))),
    // interval + time, + timetz
    (1848, |c, a| map2::<Span, Clock, Clock, _>(c, a, |i, t| Ok(datetime::time_add(t, i)))),
    (2547, |c, a| {
        map2::<Span, ClockZone, ClockZone, _>(c, a, |i, t| Ok(moved(t, datetime::time_add(t.micros, i))))
    }),
];
