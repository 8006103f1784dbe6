//! Arithmetic compared with answers of PostgreSQL 15.18.

use super::PgNum;
use base::{ErrorKind, Result};

fn number(text: &str) -> PgNum {
    PgNum::parse(text).unwrap()
}

fn shown(result: Result<PgNum>) -> String {
    show(result.map(|v| v.to_string()))
}

fn show(result: Result<String>) -> String {
    result.unwrap_or_else(|e| {
        let state = match e.kind() {
            ErrorKind::DivisionByZero => "22012",
            ErrorKind::NumericOutOfRange => "22003",
            ErrorKind::Unsupported => "0A000",
            ErrorKind::InvalidPowerArgument => "2201F",
            _ => "other",
        };
        format!("{state} {}", e.message())
    })
}

fn binary(a: &str, op: &str, b: &str) -> String {
    let (a, b) = (number(a), number(b));
    match op {
        "+" => shown(a.add(&b)),
        "-" => shown(a.sub(&b)),
        "*" => shown(a.mul(&b)),
        "/" => shown(a.div(&b)),
        "%" => shown(a.rem(&b)),
        _ => a.compare(&b).is_lt().to_string(),
    }
}

fn float<T>(value: Result<T>, write: fn(T, i32, &mut String)) -> String {
    show(value.map(|v| {
        let mut out = String::new();
        write(v, 1, &mut out);
        out
    }))
}

fn unary(function: &str, a: &str) -> String {
    let a = number(a);
    let power = |n: i64| shown(a.power(&PgNum::from_i64(n)));
    match function {
        "sqrt(%s)" => shown(a.sqrt()),
        "ceil(%s)" => shown(a.ceil()),
        "floor(%s)" => shown(a.floor()),
        "round(%s)" => a.round(0).to_string(),
        "round(%s,2)" => a.round(2).to_string(),
        "round(%s,-3)" => a.round(-3).to_string(),
        "trunc(%s,3)" => a.trunc(3).to_string(),
        "trunc(%s,-2)" => a.trunc(-2).to_string(),
        "power(%s,3)" => power(3),
        "power(%s,-2)" => power(-2),
        "power(%s,0)" => power(0),
        "power(%s,2)" => power(2),
        "power(%s,13)" => power(13),
        "%s::float8" => float(a.to_f64(), crate::text::write_f64),
        "%s::float4" => float(a.to_f32(), crate::text::write_f32),
        "%s::int2" => show(a.to_i16().map(|v| v.to_string())),
        "%s::int4" => show(a.to_i32().map(|v| v.to_string())),
        "%s::int8" => show(a.to_i64().map(|v| v.to_string())),
        "(%s::float8)::numeric" => shown(a.to_f64().and_then(PgNum::from_f64)),
        "(%s::float4)::numeric" => shown(a.to_f32().and_then(PgNum::from_f32)),
        "sign(%s)" => a.sign().to_string(),
        "trim_scale(%s)" => a.trim_scale().to_string(),
        other => panic!("no function {other}"),
    }
}

fn check(rows: &str, mut get: impl FnMut(&[&str]) -> String) {
    let mut wrong = Vec::new();
    for row in rows.lines() {
        let fields: Vec<&str> = row.split('\t').collect();
        let (expected, arguments) = fields.split_last().unwrap();
        let got = get(arguments);
        if got != *expected && !(*expected == "true" && got == "true") {
            wrong.push(format!("{arguments:?}: got {got}, expected {expected}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.into_iter().take(60).collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn operators_are_postgresqls() {
    check(include_str!("operators.tsv"), |f| binary(f[0], f[1], f[2]));
}

#[test]
fn functions_are_postgresqls() {
    check(include_str!("functions.tsv"), |f| unary(f[0], f[1]));
}

#[test]
fn bytes_are_golden() {
    let golden: [(&str, &[u8]); 6] = [
        ("0.00", &[2, 0, 2]),
        ("1.5", &[3, 0x80, 0, 0, 2, 0x13, 0x89, 0, 0, 0, 1]),
        ("-1", &[1, 0x7f, 0xff, 0xff, 0xfd, 0xff, 0xff, 0, 0]),
        ("NaN", &[5, 0, 0]),
        ("Infinity", &[4, 0, 0]),
        ("-Infinity", &[0, 0, 0]),
    ];
    for (text, bytes) in golden {
        assert_eq!(number(text).to_bytes(), bytes, "{text}");
        assert_eq!(PgNum::from_bytes(bytes).unwrap().to_string(), text);
    }
    assert!(PgNum::from_bytes(&[3, 0x80, 0]).is_err());
}

#[test]
fn keys_are_ordered_as_values_and_ignore_scale() {
    let texts = [
        "-Infinity",
        "-10000",
        "-1.5",
        "-1",
        "-0.0001",
        "0",
        "0.00002",
        "1",
        "1.0001",
        "1.5",
        "9999",
        "10000",
        "Infinity",
        "NaN",
    ];
    for (i, a) in texts.iter().enumerate() {
        for (j, b) in texts.iter().enumerate() {
            let (x, y) = (number(a).to_bytes(), number(b).to_bytes());
            assert_eq!(super::key_of(&x).cmp(super::key_of(&y)), i.cmp(&j), "{a} {b}");
        }
    }
    assert_eq!(super::key_of(&number("1.0").to_bytes()), super::key_of(&number("1.00").to_bytes()));
}

#[test]
fn integers_and_decimals_come_back() {
    for (value, scale) in
        [(0, 0), (15, 1), (-123_456, 3), (i128::MAX, 38), (i128::MIN, 0), (10_000, 4), (5, 7)]
    {
        let number = PgNum::from_i128(value, scale);
        assert_eq!(number.unscaled_i128(scale), Some(value), "{value} {scale}");
        let mut direct = String::new();
        crate::text::write_decimal(value, scale, &mut direct);
        assert_eq!(number.to_string(), direct);
    }
}
