//! Edge values of the types, as the texts their input functions read, and literals made of them.

use base::id::Oid;
use types::sql_type::oid;

const TEXTS: &[&str] = &["", "a", "A%", "héllo", " x ", "\\", "_", "12", "-1.5", "hello world"];
const STAMPS: &[&str] = &[
    "0001-01-01 00:00:00",
    "1970-01-01 00:00:00",
    "2000-02-29 12:34:56.789",
    "1999-12-31 23:59:59.999999",
    "9999-12-31 23:59:59.999999",
    "0044-03-15 01:02:03 BC",
    "infinity",
    "-infinity",
];

/// Name in SQL and edge values of a type; None for a type that the matrix does not know.
pub(crate) fn edges(ty: Oid) -> Option<(&'static str, &'static [&'static str])> {
    Some(match ty {
        oid::BOOL => ("boolean", &["t", "f"]),
        oid::INT2 => ("smallint", &["-32768", "32767", "-1", "0", "1", "7"]),
        oid::INT4 => ("integer", &["-2147483648", "2147483647", "-1", "0", "1", "2", "7"]),
        oid::INT8 => {
            ("bigint", &["-9223372036854775808", "9223372036854775807", "-1", "0", "1", "7", "1000000"])
        }
        oid::OID => ("oid", &["0", "1", "4294967295"]),
        oid::XID => ("xid", &["0", "7", "4294967295"]),
        oid::OIDVECTOR => ("oidvector", &["", "1", "1 2", "2"]),
        oid::FLOAT4 => (
            "real",
            &["NaN", "Infinity", "-Infinity", "-0", "0", "1e-45", "1e20", "0.1", "3.4028235e38", "-1.5", "2"],
        ),
        oid::FLOAT8 => (
            "double precision",
            &[
                "NaN",
                "Infinity",
                "-Infinity",
                "-0",
                "0",
                "5e-324",
                "1e20",
                "0.1",
                "1.7976931348623157e308",
                "-1.5",
                "2",
                "0.5",
            ],
        ),
        oid::NUMERIC => (
            "numeric",
            &[
                "0",
                "0.00",
                "1.50",
                "-1.5",
                "99999999999999999999.99",
                "1e-10",
                "NaN",
                "Infinity",
                "-Infinity",
                "7",
                "0.5",
            ],
        ),
        oid::TEXT => ("text", TEXTS),
        oid::VARCHAR => ("varchar", TEXTS),
        oid::BPCHAR => ("bpchar", &["", "a", "a  ", "A%", " x ", "héllo"]),
        oid::NAME => ("name", &["", "a", "pg_class", "A%"]),
        oid::CHAR => ("\"char\"", &["", "a", "1"]),
        oid::BYTEA => ("bytea", &["", "\\x00", "\\x61", "\\xff00", "abc"]),
        oid::UUID => (
            "uuid",
            &[
                "00000000-0000-0000-0000-000000000000",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ],
        ),
        oid::DATE => (
            "date",
            &[
                "0001-01-01",
                "1970-01-01",
                "2000-02-29",
                "1999-12-31",
                "9999-12-31",
                "0044-03-15 BC",
                "infinity",
                "-infinity",
            ],
        ),
        oid::TIMESTAMP => ("timestamp", STAMPS),
        oid::TIMESTAMPTZ => ("timestamptz", STAMPS),
        oid::INTERVAL => (
            "interval",
            &[
                "1 mon",
                "-1 mon",
                "1 day",
                "25:00:00",
                "0",
                "1 year -1 day 00:00:00.000001",
                "-13 mons -40 days -30:00:00.5",
                "178956970 years 7 mons 2147483647 days 2562047788:00:54.775807",
                "-178956970 years -8 mons -2147483648 days -9223372036854775808 us",
                "2562047788:00:54.775807",
                "-9223372036854775808 us",
            ],
        ),
        oid::TIME => ("time", &["00:00", "24:00", "12:34:56.789012", "23:59:59.999999", "01:00"]),
        oid::TIMETZ => (
            "timetz",
            &["00:00+00", "24:00-15:59:59", "12:00+01", "12:00+02", "11:00+00", "23:59:59.999999-03:30"],
        ),
        oid::JSON => ("json", &["null", "{\"a\" : 1}", "[1,  2]", "\"a\""]),
        oid::JSONB => (
            "jsonb",
            &[
                "null",
                "true",
                "\"a\"",
                "12",
                "-1.50",
                "[]",
                "{}",
                "[1, \"a\", null, [2]]",
                "{\"a\": 1, \"b\": {\"a\": [1, 2]}}",
                "[\"a\"]",
                "1e40",
            ],
        ),
        oid::JSONPATH => (
            "jsonpath",
            &[
                "$",
                "$.a",
                "strict $.a",
                "$[*]",
                "$.** ? (@ > 1)",
                "$ > 1",
                "$.keyvalue()",
                "$.type()",
                "-$.a",
                "$x",
            ],
        ),
        oid::BIT => ("bit(4)", &["0000", "1010", "1111", "0001"]),
        oid::VARBIT => ("varbit", &["", "1", "01", "10101010101", "1111"]),
        oid::INT2_ARRAY => ("smallint[]", &["{}", "{1,NULL,2}"]),
        oid::INT4_ARRAY => ("integer[]", &["{}", "{1,NULL,2}", "{7}", "{{1,2},{3,NULL}}", "[0:1]={1,2}"]),
        oid::INT8_ARRAY => ("bigint[]", &["{}", "{1,NULL,2}"]),
        oid::TEXT_ARRAY => (
            "text[]",
            &["{}", "{a,NULL,b}", "{a,b}", "{0}", "{\"\",\"x y\"}", "{{a,b},{NULL,c}}", "[2:3]={a,b}"],
        ),
        oid::FLOAT8_ARRAY => ("double precision[]", &["{}", "{NaN,NULL,-0}"]),
        oid::NUMERIC_ARRAY => ("numeric[]", &["{}", "{1.50,NULL,NaN}"]),
        oid::BOOL_ARRAY => ("boolean[]", &["{}", "{t,NULL}"]),
        _ => return None,
    })
}

/// Numerics that fit every fixed scale in use.
pub(crate) const FIXED_NUMERICS: &[&str] =
    &["0", "0.00", "1.50", "-1.5", "99999999999999999999.99", "7", "0.5"];

/// The scalar types that constructs and casts are crossed over.
pub(crate) const SCALARS: &[Oid] = &[
    oid::BOOL,
    oid::INT2,
    oid::INT4,
    oid::INT8,
    oid::OID,
    oid::FLOAT4,
    oid::FLOAT8,
    oid::NUMERIC,
    oid::TEXT,
    oid::VARCHAR,
    oid::BPCHAR,
    oid::NAME,
    oid::CHAR,
    oid::BYTEA,
    oid::UUID,
    oid::JSON,
    oid::JSONB,
    oid::DATE,
    oid::TIMESTAMP,
    oid::TIMESTAMPTZ,
    oid::INTERVAL,
    oid::TIME,
    oid::TIMETZ,
    oid::BIT,
    oid::VARBIT,
];

/// Texts that an argument of a function understands, where the plain edges would only be errors.
pub(crate) fn special(function: &str, index: usize) -> Option<&'static [&'static str]> {
    match (function, index) {
        ("date_trunc" | "date_part" | "extract", 0) => Some(&[
            "microseconds",
            "milliseconds",
            "second",
            "minute",
            "HOUR",
            "day",
            "week",
            "month",
            "quarter",
            "year",
            "decade",
            "century",
            "millennium",
            "epoch",
            "dow",
            "isodow",
            "doy",
            "isoyear",
            "julian",
            "timezone",
            "timezone_hour",
            "timezone_minute",
            "nonsense",
            "",
        ]),
        ("timezone", 0) | ("date_trunc", 2) => {
            Some(&["UTC", "Europe/Berlin", "America/New_York", "+03", "EST", "nowhere", ""])
        }
        ("encode" | "decode", 1) => Some(&["hex", "base64", "escape", "HEX", "nonsense"]),
        ("decode", 0) => Some(&["", "6162", "YWI=", "\\000a", "6", "zz"]),
        ("to_char", 1) => Some(&[
            "YYYY-MM-DD",
            "HH24:MI:SS.US AM",
            "FMDay FMDDth FMMonth, Q CC WW W DDD",
            "Y,YYY YYY Y BC Mon RM SSSS HH12 MS FF2",
            "IYYY-IW-ID IDDD J TZH:TZM OF",
            "999.99",
            "FM999.90",
            "S9,999",
            "9999PR",
            "0009MI",
            "FMRN",
            "9.99EEEE",
            "9V9",
            "\"x\"9th",
            "9.9.9",
            "",
        ]),
        ("to_number", 0) => Some(&["12,454.8-", "-1.5", "<12>", "+3", "", "$ 12", "1.2.3"]),
        ("to_number", 1) => Some(&["99G999D9S", "S9.9", "999PR", "9999", "", "9V99", "RN", "L99"]),
        ("to_date" | "to_timestamp", 0) => Some(&[
            "2000-02-29",
            "2001-02-29",
            "",
            "x",
            "29 Feb 2000",
            "20000229123456.789",
            "12:34 PM",
            "2000-060",
            "44-03-15 BC",
            "2000-09-2",
        ]),
        ("to_date" | "to_timestamp", 1) => Some(&[
            "YYYY-MM-DD",
            "DD Mon YYYY",
            "",
            "YYYYMMDDHH24MISS.MS",
            "HH12:MI AM",
            "YYYY-DDD",
            "YYYY-MM-DD BC",
            "IYYY-IW-ID",
            "FXYYYY/MM/DD",
            "J",
        ]),
        ("format", 0) => Some(&[
            "%s",
            "%I %L",
            "%2$s %1$s",
            "%5s|",
            "%-5s|",
            "%%",
            "%",
            "%*s",
            "abc",
            "%3$s",
            "%x",
            "%0$s",
        ]),
        ("unistr", 0) => Some(&[
            "\\0441",
            "\\\\",
            "\\u0061",
            "\\+000061",
            "\\U00000061",
            "\\d83d\\de00",
            "\\d83d",
            "\\zz",
            "abc",
        ]),
        ("normalize" | "is_normalized", 0) => Some(&["e\u{301}", "\u{e9}", "\u{fb01}", "", "abc"]),
        ("normalize" | "is_normalized", 1) => Some(&["NFC", "nfd", "NFKC", "NFKD", "x"]),
        ("parse_ident", 0) => {
            Some(&["a.b", "\"A\".b", "a b", "", "a.", "\"x", "1a", ".a", "a.\"b\"\"c\"", "A_1$"])
        }
        ("make_timestamp" | "make_timestamptz", 0) => Some(&["2000", "-44", "0"]),
        ("make_timestamp" | "make_timestamptz", 1) => Some(&["2", "12"]),
        ("make_timestamp" | "make_timestamptz", 2) => Some(&["29", "31"]),
        ("make_timestamp" | "make_timestamptz", 3) => Some(&["0", "23", "24"]),
        ("make_timestamp" | "make_timestamptz", 4) => Some(&["0", "59"]),
        ("make_timestamp" | "make_timestamptz", 5) => Some(&["0", "59.5", "60"]),
        ("make_timestamptz", 6) => Some(&["UTC", "Europe/Berlin", "+2", "nowhere", "2"]),
        ("convert_from" | "convert_to" | "convert", 1 | 2) | ("pg_char_to_encoding", 0) => {
            Some(&["UTF8", "latin1", "SQL_ASCII", "nonsense"])
        }
        ("string_to_array", 1) => Some(&[",", "", "l", " "]),
        ("similar_escape" | "similar_to_escape", 0) => {
            Some(&["a%b", "[a-z]_", "(a|b)+", "x#\"y#\"z", "a\\%", "^.$"])
        }
        ("similar_escape" | "similar_to_escape", 1) => Some(&["\\", "#", "", "ab"]),
        ("substring", 2) => Some(&["\\", "#", "ab"]),
        (
            "~"
            | "~*"
            | "!~"
            | "!~*"
            | "regexp_replace"
            | "substring"
            | "regexp_match"
            | "regexp_count"
            | "regexp_instr"
            | "regexp_like"
            | "regexp_split_to_array"
            | "regexp_substr",
            1,
        ) => Some(&[
            "a",
            "^h",
            ".",
            "[a-z]+",
            "\\d",
            "h(.)l",
            "",
            "(",
            "x*",
            "^$",
            "(?i)A",
            "l|lo|ll",
            "(l+)(o?)",
            "l+?",
            "[[:alpha:]]+",
            "a{2",
            "\\mw",
            "(h|he)(l|llo)",
            "[^l]",
            "o\\s*w",
        ]),
        ("regexp_replace", 3) => Some(&["", "g", "i", "gi", "?"]),
        ("regexp_match" | "regexp_like" | "regexp_split_to_array", 2)
        | ("regexp_count", 3)
        | ("regexp_substr", 4)
        | ("regexp_instr", 5)
        | ("regexp_replace", 5) => Some(&["", "g", "i", "n", "x", "q", "?"]),
        ("regexp_replace", 2) => Some(&["", "<\\&>", "\\1", "z"]),
        ("~~" | "!~~" | "~~*" | "!~~*" | "like" | "notlike", 1) => {
            Some(&["", "%", "_", "A%", "%l%", "h_llo", "\\%", "a\\", "\\", "% _ %", "%o"])
        }
        ("->" | "->>" | "?" | "-" | "jsonb_delete", 1) => Some(&["a", "b", ""]),
        ("#>" | "#>>" | "#-", 1) => Some(&["{}", "{a}", "{b,a,-1}", "{3,0}", "{NULL}", "{-1}"]),
        ("?|" | "?&", 1) => Some(&["{}", "{a,b}", "{a,NULL}", "{x}"]),
        ("current_setting", 0) => Some(&["TimeZone", "DateStyle", "nonsense", "my.nonsense"]),
        ("pg_encoding_to_char", 0) => Some(&["6", "0", "-1"]),
        ("format_type", 0) => {
            Some(&["23", "25", "1043", "1700", "1042", "1114", "1184", "1186", "1007", "0", "1", "18"])
        }
        ("format_type", 1) => Some(&["-1"]),
        _ => None,
    }
}

/// A typed literal; None is NULL.
pub(crate) fn literal(value: Option<&str>, ty: &str) -> String {
    match value {
        None => format!("NULL::{ty}"),
        Some(text) => format!("'{}'::{ty}", text.replace('\'', "''")),
    }
}
