//! Arithmetic compared with answers of PostgreSQL 15.18: operation, arguments, result.

use super::*;
use crate::datum::{Datum, Interval};
use crate::sql_type::{SqlType, oid};
use crate::text::{IoSettings, format_text, parse_text};
use crate::zone::Zone;
use base::Result;

fn timestamp(text: &str) -> i64 {
    match parse_text(&SqlType::of(oid::TIMESTAMP).unwrap(), text, &IoSettings::default()).unwrap() {
        Datum::Timestamp(v) => v,
        other => panic!("{other:?}"),
    }
}

fn interval(text: &str) -> Interval {
    match parse_text(&SqlType::of(oid::INTERVAL).unwrap(), text, &IoSettings::default()).unwrap() {
        Datum::Interval(v) => v,
        other => panic!("{other:?}"),
    }
}

fn show(ty: base::id::Oid, datum: Result<Datum>) -> String {
    let mut out = String::new();
    match datum {
        Ok(datum) => {
            format_text(&SqlType::of(ty).unwrap(), &datum, &IoSettings::default(), &mut out).unwrap()
        }
        Err(e) => out.push_str(e.message()),
    }
    out
}

fn number(value: Result<Extracted>) -> String {
    value.map_or_else(|e| e.message().to_owned(), |v| v.to_pgnum().unwrap().to_string())
}

fn answer(operation: &str, a: &str, b: &str) -> String {
    let stamp = |v: Result<i64>| show(oid::TIMESTAMP, v.map(Datum::Timestamp));
    let span = |v: Result<Interval>| show(oid::INTERVAL, v.map(Datum::Interval));
    let field = || Field::parse(b).unwrap();
    match operation {
        "add" => stamp(timestamp_add(timestamp(a), interval(b))),
        "age" => span(age(timestamp(a), timestamp(b))),
        "sub" => span(timestamp_minus(timestamp(a), timestamp(b))),
        "extract" => number(extract_timestamp(field(), timestamp(a))),
        "trunc" => stamp(trunc_timestamp(field(), timestamp(a))),
        "iextract" => number(extract_interval(field(), interval(a))),
        "itrunc" => span(trunc_interval(field(), interval(a))),
        "mul" => span(interval_mul(interval(a), b.parse().unwrap())),
        "div" => span(interval_div(interval(a), b.parse().unwrap())),
        "justify" => span(justify_interval(interval(a))),
        "hours" => span(justify_hours(interval(a))),
        "days" => span(justify_days(interval(a))),
        other => panic!("no operation {other}"),
    }
}

#[test]
fn arithmetic_is_postgresqls() {
    let mut wrong = Vec::new();
    for row in include_str!("answers.tsv").lines() {
        let fields: Vec<&str> = row.split('\t').collect();
        let got = answer(fields[0], fields[1], fields[2]);
        if got != fields[3] {
            wrong.push(format!("{fields:?}: got {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn calendar_goes_both_ways() {
    for days in [i64::from(DATE_MIN), -719_468, -1, 0, 59, 60, 11_016, i64::from(DATE_MAX)] {
        assert_eq!(days_from_civil(civil_from_days(days)), days);
    }
    assert_eq!(civil_from_days(i64::from(DATE_MIN)), Civil { year: -4713, month: 11, day: 24 });
    assert_eq!(civil_from_days(i64::from(DATE_MAX)), Civil { year: 5_874_897, month: 12, day: 31 });
    assert_eq!(iso_week(days_from_civil(Civil { year: 2021, month: 1, day: 3 })), (2020, 53));
}

#[test]
fn zones_move_days_on_the_local_clock() {
    let berlin = Zone::parse("europe/berlin").unwrap();
    let before = timestamp("2024-03-30 11:00:00");
    let day = timestamptz_add(before, interval("1 day"), &berlin).unwrap();
    assert_eq!(day, timestamp("2024-03-31 10:00:00"));
    let hours = timestamptz_add(before, interval("24:00:00"), &berlin).unwrap();
    assert_eq!(hours, timestamp("2024-03-31 11:00:00"));
    assert_eq!(Zone::parse("+02"), Some(Zone::Fixed(-7_200)));
    assert_eq!(Zone::parse("nowhere/land"), None);
}

#[test]
fn constructors_check_their_parts() {
    assert_eq!(make_date(2024, 2, 29).unwrap(), 19_782);
    let error = make_date(2023, 2, 29).unwrap_err();
    assert_eq!(error.message(), "date field value out of range: 2023-02-29");
    assert!(make_date(0, 1, 1).is_err());
    assert_eq!(make_interval([1, 2, 1, 3, 4, 5], 6.5).unwrap(), interval("14 mons 10 days 04:05:06.5"));
    assert_eq!(make_timestamp((2024, 1, 2), 3, 4, 5.5).unwrap(), timestamp("2024-01-02 03:04:05.5"));
    assert!(timestamp_minus(TIMESTAMP_INFINITY, 0).is_err());
}
