//! to_char, to_date, to_timestamp and to_number: templates of dates and numbers.
//!
//! Must not know SQL. Invariant: names of months and days are English, signs and separators those of the C locale. A
//! constant template is cut once per batch.

mod dates;
mod dates_in;
mod fields;
mod nodes;
mod number_in;
mod number_out;
mod numbers;
mod picture;

use crate::kernel::call::{Arg, Call, Run, arg};
use crate::kernel::dates::{to_local, to_utc};
use crate::kernel::list::each;
use crate::kernel::strings::room;
use crate::kernel::value::{Day, Double, Input, Int4, Int8, Num, Output, Real, Span, Stamp, Text};
use arrow::array::ArrayRef;
use base::{Error, ErrorKind, Result};
use dates::Moment;
use picture::Picture;
use std::sync::Arc;
use types::datetime;
use types::{Datum, Zone};

/// Longest template, in bytes: what a keyword writes is not much longer than itself.
const TEMPLATE_BYTES_MAX: usize = 1 << 16;

/// A value and a template of each row.
fn by_template<A: Input, R: Output, P>(
    call: &Call<'_>,
    args: &[Arg],
    ready: impl Fn(&str) -> Result<P>,
    f: impl Fn(A::Value<'_>, &P, bool) -> Result<Option<R::Value>>,
) -> Result<ArrayRef> {
    let (value, template) = (arg(args, 0)?, arg(args, 1)?);
    let (values, templates) = (A::column(value.array.as_ref())?, Text::column(template.array.as_ref())?);
    let mut last: Option<(String, Arc<P>)> = None;
    let mut out = R::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if value.is_null(row) || template.is_null(row) {
            R::append_null(&mut out);
            continue;
        }
        let text = Text::value(&templates, template.index(row))?;
        let known = last.as_ref().filter(|(known, _)| known == text).map(|(_, ready)| Arc::clone(ready));
        let template = match known {
            Some(ready) => ready,
            None => {
                if text.len() > TEMPLATE_BYTES_MAX {
                    return Err(Error::new(ErrorKind::LimitExceeded, "the template is too long"));
                }
                let ready = Arc::new(ready(text)?);
                last = Some((text.to_owned(), Arc::clone(&ready)));
                ready
            }
        };
        match f(A::value(&values, value.index(row))?, &template, text.is_empty())? {
            Some(result) => R::append(&mut out, result)?,
            None => R::append_null(&mut out),
        }
    }
    R::finish(out)
}

fn number_to_char<A: Input>(
    call: &Call<'_>,
    args: &[Arg],
    f: impl Fn(A::Value<'_>, &Picture) -> Result<String>,
) -> Result<ArrayRef> {
    by_template::<A, Text, Picture>(call, args, Picture::of, |value, picture, empty| {
        let text = if empty { String::new() } else { f(value, picture)? };
        room(text.len())?;
        Ok(Some(text))
    })
}

fn date_to_char<A: Input>(
    call: &Call<'_>,
    args: &[Arg],
    moment: impl Fn(A::Value<'_>) -> Result<Option<Moment>>,
) -> Result<ArrayRef> {
    let ready = |text: &str| Ok(dates::nodes(text));
    by_template::<A, Text, _>(call, args, ready, |value, nodes, empty| {
        if empty {
            return Ok(None);
        }
        moment(value)?.map(|moment| moment.written(nodes)).transpose()
    })
}

fn timestamptz_to_char(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = call.statement.io.time_zone;
    date_to_char::<Stamp>(call, args, |t| {
        if !datetime::timestamp_is_finite(t) {
            return Ok(None);
        }
        Ok(Some(Moment::of_instant(t, to_local(t, &zone)?, &zone)))
    })
}

fn to_date(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    by_template::<Text, Day, _>(
        call,
        args,
        |text| Ok(dates::nodes(text)),
        |text, nodes, _| {
            let parsed = dates_in::read(text, nodes)?;
            datetime::check_date(parsed.days).map(Some).map_err(|_| {
                Error::new(ErrorKind::DatetimeOverflow, format!("date out of range: \"{text}\""))
            })
        },
    )
}

fn to_timestamp(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let session = call.statement.io.time_zone;
    by_template::<Text, Stamp, _>(
        call,
        args,
        |text| Ok(dates::nodes(text)),
        |text, nodes, _| {
            let parsed = dates_in::read(text, nodes)?;
            let local =
                i128::from(parsed.days) * i128::from(datetime::MICROS_PER_DAY) + i128::from(parsed.micros);
            let zone = parsed.zone.map_or(session, Zone::Fixed);
            to_utc(datetime::check_timestamp(local)?, &zone).map(Some)
        },
    )
}

/// A moment that a text tells by a template, to the letter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// Days since 1970, if the template asks for a date.
    pub(crate) days: Option<i64>,
    /// Microseconds of the day, if it asks for a time.
    pub(crate) micros: Option<i64>,
    /// Seconds east of UTC, if it asks for a zone.
    pub(crate) zone: Option<i32>,
}

/// Reads a text by a template that it must follow to the letter. Errors: 22007 and 22008.
pub(crate) fn told_strictly(text: &str, template: &str) -> Result<Told> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(Error::new(ErrorKind::LimitExceeded, "the template is too long"));
    }
    let (parsed, asked) = dates_in::read_strictly(text, template)?;
    let zone = if asked.zone { Some(parsed.zone.unwrap_or(0)) } else { None };
    let wrong = |message: &str| Err(Error::new(ErrorKind::InvalidDatetime, message));
    match (asked.date, asked.time) {
        (true, false) if asked.zone => return wrong("datetime format is zoned but not timed"),
        (false, false) => return wrong("datetime format is not dated and not timed"),
        _ => {}
    }
    Ok(Told { days: asked.date.then_some(parsed.days), micros: asked.time.then_some(parsed.micros), zone })
}

fn to_number(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    by_template::<Text, Num, _>(call, args, Picture::of, |text, picture, empty| match empty {
        true => Ok(None),
        false => numbers::parsed(text, picture).map(Some),
    })
}

/// The clock as text, such as `Tue Feb 29 12:34:56.789000 2000 UTC`.
fn time_of_day(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let zone = call.statement.io.time_zone;
    let nodes = dates::nodes("Dy Mon DD HH24:MI:SS.US YYYY TZ");
    each(call, args, |_| {
        let now = i64::try_from(call.statement.clock.wall_us()).unwrap_or(i64::MAX);
        Moment::of_instant(now, to_local(now, &zone)?, &zone).written(&nodes).map(Datum::Text)
    })
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("timestamp_to_char", |c, a| {
        date_to_char::<Stamp>(c, a, |t| {
            Ok(datetime::timestamp_is_finite(t).then(|| Moment::of_timestamp(t, None)))
        })
    }),
    ("timestamptz_to_char", timestamptz_to_char),
    ("interval_to_char", |c, a| date_to_char::<Span>(c, a, |v| Ok(Some(Moment::of_interval(v))))),
    ("numeric_to_char", |c, a| number_to_char::<Num>(c, a, |v, p| numbers::numeric(&v, p))),
    ("int4_to_char", |c, a| number_to_char::<Int4>(c, a, |v, p| numbers::integer(i64::from(v), p, 32))),
    ("int8_to_char", |c, a| number_to_char::<Int8>(c, a, |v, p| numbers::integer(v, p, 64))),
    ("float4_to_char", |c, a| {
        number_to_char::<Real>(c, a, |v, p| numbers::float(f64::from(v), p, numbers::REAL_DIGITS))
    }),
    ("float8_to_char", |c, a| {
        number_to_char::<Double>(c, a, |v, p| numbers::float(v, p, numbers::DOUBLE_DIGITS))
    }),
    ("to_date", to_date),
    ("to_timestamp", to_timestamp),
    ("numeric_to_number", to_number),
    ("timeofday", time_of_day),
];
