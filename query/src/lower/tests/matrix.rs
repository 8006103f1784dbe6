//! The operator matrix: every attached function over crossed edge values, against a PostgreSQL 15 of our own.
//!
//! Each call runs on constants of exactly the function's argument types; value (as text) or SQLSTATE must be the
//! same. Skipped, with a word, when PostgreSQL 15 is not installed.

use super::Memory;
use super::memory::text_of;
use crate::kernel::{attach, compare};
use crate::lower::{QueryContext, evaluate};
use arrow::array::ArrayRef;
use base::ErrorKind;
use catalog::builtin::{Proc, ProcKind};
use sql::bound::{ColRef, Expr, TypedCol};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use types::sql_type::oid;
use types::{Datum, Form, IoSettings, SqlType};

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// Edge values of a type, as its input function reads them.
fn edges(ty: &SqlType) -> Vec<&'static str> {
    match ty.oid {
        oid::BOOL => vec!["t", "f"],
        oid::INT2 => vec!["-32768", "-7", "-1", "0", "1", "2", "32767"],
        oid::INT4 => vec!["-2147483648", "-7", "-1", "0", "1", "2", "3", "65", "2147483647"],
        oid::INT8 => vec!["-9223372036854775808", "-3000000000", "-1", "0", "1", "7", "9223372036854775807"],
        oid::FLOAT4 => vec![
            "-Infinity",
            "-3.4e38",
            "-1.5",
            "-0",
            "0",
            "0.5",
            "1",
            "2.5",
            "1e-45",
            "3.4e38",
            "Infinity",
            "NaN",
        ],
        oid::FLOAT8 => vec![
            "-Infinity",
            "-1.7e308",
            "-2.5",
            "-1",
            "-0",
            "0",
            "0.5",
            "1.5",
            "2.5",
            "3",
            "5e-324",
            "1e10",
            "1.7e308",
            "Infinity",
            "NaN",
        ],
        oid::NUMERIC => vec![
            "-Infinity",
            "-12345678901234567890.12345",
            "-2.5",
            "-1",
            "0",
            "0.00",
            "0.5",
            "1",
            "1.50",
            "2.5",
            "7",
            "99999999999999999999999999999999999999.9",
            "1e-20",
            "Infinity",
            "NaN",
        ],
        oid::TEXT | oid::VARCHAR | oid::NAME => {
            vec!["", "a", "abc", "AbC", "a_c", "%b%", "a.c", "  x ", "\u{e4}\u{f6}z\u{1F600}", "12", "b", "c"]
        }
        oid::BPCHAR => vec!["", "a", "a  ", "abc", " b"],
        oid::CHAR => vec!["", "a", "z"],
        oid::BYTEA => vec!["", "\\x00", "\\x61", "\\x6162", "\\xff00ff"],
        oid::UUID => vec!["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
        oid::DATE => vec![
            "-infinity",
            "0001-01-01 BC",
            "1969-12-31",
            "1970-01-01",
            "2000-02-29",
            "2024-12-31",
            "infinity",
        ],
        oid::TIMESTAMP => vec![
            "-infinity",
            "0044-03-15 12:00:00 BC",
            "1969-12-31 23:59:59.999999",
            "2000-02-29 00:00:00",
            "2024-12-31 13:14:15.678901",
            "infinity",
        ],
        oid::TIMESTAMPTZ => vec![
            "-infinity",
            "1969-12-31 23:59:59.999999+00",
            "2000-02-29 00:00:00+00",
            "2024-12-31 13:14:15.678901+00",
            "infinity",
        ],
        oid::INTERVAL => vec![
            "0",
            "1 mon",
            "-1 mon",
            "30 days",
            "1 day -01:00:00",
            "1 year 2 mons 3 days 04:05:06.789012",
            "-00:00:00.000001",
            "-9223372036854775808 us",
            "2147483647 mons 2147483647 days 2562047788:00:54.775807",
        ],
        oid::OID => vec!["0", "23", "1700", "4294967295"],
        oid::INT4_ARRAY => vec!["{}", "{1}", "{1,NULL,3}", "{2,1}"],
        oid::TEXT_ARRAY => vec!["{}", "{a}", "{a,NULL,\"b c\"}"],
        _ => Vec::new(),
    }
}

/// Text arguments that mean something to a function, in place of the general ones.
fn meant(proc: &Proc, index: usize) -> Option<Vec<&'static str>> {
    let fields = vec![
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "milliseconds",
        "microseconds",
        "epoch",
        "dow",
        "isodow",
        "doy",
        "week",
        "quarter",
        "decade",
        "century",
        "millennium",
        "isoyear",
        "julian",
        "timezone",
        "nonsense",
    ];
    match (proc.name, index) {
        ("date_part" | "extract" | "date_trunc", 0) => Some(fields),
        ("date_trunc", 2) | ("timezone", 0) if proc.args[index] == oid::TEXT => {
            Some(vec!["UTC", "Europe/Berlin", "America/New_York", "no/where"])
        }
        ("repeat" | "lpad" | "rpad", 1) => Some(vec!["-1", "0", "1", "3", "7"]),
        ("round" | "trunc", 1) => Some(vec!["-3", "-1", "0", "1", "3", "25"]),
        ("regexp_replace", 1) => Some(vec!["b", "(a)(b)", "[a-c]+", "^a", "x*", "("]),
        ("to_char", 1) => Some(vec!["FM999.0", "YYYY-MM-DD", "S99", "HH24:MI", "9.99EEEE", "Dy"]),
        ("regexp_replace", 2) if proc.args[index] == oid::TEXT => Some(vec!["", "X", "\\2\\1", "<\\&>"]),
        ("regexp_replace", 3) if proc.args[index] == oid::TEXT => Some(vec!["", "g", "gi", "y"]),
        _ if matches!(
            proc.source,
            "textregexeq" | "textregexne" | "texticregexeq" | "texticregexne" | "textregexsubstr"
        ) && index == 1 =>
        {
            Some(vec![
                "",
                "b",
                "^a.c$",
                "[a-c]+",
                "A(b)?",
                "\\d+",
                "x{2}",
                "(",
                "[[:alpha:]]",
                "\\mab",
                "a|c",
                ".",
            ])
        }
        _ => None,
    }
}

/// Functions whose value is no function of their arguments alone, or whose answer is the server's own.
fn is_own(proc: &Proc) -> bool {
    proc.args.is_empty()
        || proc.volatility == 'v'
        // PostgreSQL 15 computes with the infinities' numbers where we refuse (22008).
        || proc.name == "age"
        || proc.name.starts_with("pg_")
        || proc.name.starts_with("has_")
        || proc.name.starts_with("to_reg")
        || matches!(proc.name, "current_setting" | "current_schemas" | "obj_description" | "col_description" | "shobj_description" | "format_type")
}

/// One call: types and texts of its arguments.
struct Case {
    proc: &'static Proc,
    args: Vec<(SqlType, String)>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let attached = catalog::builtin::procs()
        .iter()
        .filter(|p| p.kind == ProcKind::Function && p.namespace.0 == 11 && !p.returns_set && !is_own(p))
        .filter(|p| attach::attached(p.oid).is_some() || compare::operator_of(p.oid).is_some());
    for proc in attached {
        let types: Option<Vec<SqlType>> = proc.args.iter().map(|ty| SqlType::of(concrete(*ty))).collect();
        let Some(types) = types else { continue };
        let values: Vec<Vec<&str>> = types
            .iter()
            .enumerate()
            .map(|(index, ty)| meant(proc, index).unwrap_or_else(|| edges(ty)))
            .map(|values| {
                // All combinations are tried, so that many arguments leave few values for each.
                let most = match types.len() {
                    0..=2 => values.len(),
                    3 => 7,
                    4 => 4,
                    5 => 3,
                    _ => 2,
                };
                values.into_iter().take(most).collect()
            })
            .collect();
        let mut rows: Vec<Vec<(SqlType, String)>> = vec![Vec::new()];
        for (ty, values) in types.iter().zip(values) {
            let longer = |row: Vec<(SqlType, String)>| {
                let extended = values
                    .iter()
                    .map(move |value| [row.clone(), vec![(ty.clone(), (*value).to_owned())]].concat());
                extended.collect::<Vec<_>>()
            };
            rows = rows.into_iter().flat_map(longer).collect();
        }
        cases.extend(rows.into_iter().map(|args| Case { proc, args }));
    }
    cases
}

/// A type to try for a polymorphic one.
fn concrete(ty: base::id::Oid) -> base::id::Oid {
    match ty {
        oid::ANY | oid::ANYELEMENT | oid::ANYNONARRAY | oid::ANYCOMPATIBLE => oid::INT4,
        oid::ANYARRAY => oid::INT4_ARRAY,
        base::id::Oid(5078) => oid::INT4_ARRAY,
        other => other,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn type_name(ty: &SqlType) -> String {
    let row = catalog::builtin::type_by_oid(ty.oid).unwrap();
    format!("pg_catalog.\"{}\"", row.name)
}

fn call_in_sql(case: &Case) -> String {
    let args: Vec<String> =
        case.args.iter().map(|(ty, text)| format!("{}::{}", quoted(text), type_name(ty))).collect();
    format!("pg_catalog.\"{}\"({})", case.proc.name, args.join(", "))
}

/// The type of the result, numerics in the form that holds all.
fn result_type(proc: &Proc) -> SqlType {
    SqlType::of(concrete(proc.result)).unwrap()
}

fn sqlstate(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NumericOutOfRange => "22003",
        ErrorKind::DivisionByZero => "22012",
        ErrorKind::InvalidText => "22P02",
        ErrorKind::InvalidDatetime => "22007",
        ErrorKind::DatetimeOverflow => "22008",
        ErrorKind::StringTooLong => "22001",
        ErrorKind::InvalidParameterValue => "22023",
        ErrorKind::InvalidLogarithmArgument => "2201E",
        ErrorKind::InvalidPowerArgument => "2201F",
        ErrorKind::Substring => "22011",
        ErrorKind::Syntax => "42601",
        ErrorKind::ArraySubscript => "2202E",
        ErrorKind::NullNotAllowed => "22004",
        ErrorKind::InvalidWidthBucketArgument => "2201G",
        ErrorKind::CharacterNotInRepertoire => "22021",
        ErrorKind::UntranslatableCharacter => "22P05",
        ErrorKind::InvalidUseOfEscape => "2200C",
        ErrorKind::InvalidEscape => "22025",
        ErrorKind::InvalidRegularExpression => "2201B",
        ErrorKind::Unsupported => "0A000",
        ErrorKind::LimitExceeded => "54000",
        ErrorKind::UndefinedTable => "42P01",
        ErrorKind::Internal => "XX000",
        _ => "?",
    }
}

/// Functions that are called with null and refuse it.
fn null_is_refused(name: &str) -> bool {
    name == "array_fill"
}

fn ours(context: &QueryContext, case: &Case) -> String {
    let io = IoSettings::default();
    let mut columns: Vec<(TypedCol, ArrayRef)> = Vec::new();
    let mut args = Vec::new();
    for (index, (ty, text)) in case.args.iter().enumerate() {
        let datum =
            types::parse_text(ty, text, &io).unwrap_or_else(|e| panic!("{}: {text}: {e}", case.proc.name));
        // As a column, so that nothing is folded; a second row of nulls checks the null path.
        let second = if null_is_refused(case.proc.name) { datum.clone() } else { Datum::Null };
        let array = types::array::from_data(&ty.form, &[datum.clone(), second]).unwrap();
        let column = TypedCol { col: ColRef(u32::try_from(index).unwrap()), ty: ty.clone() };
        // Flags are constants by their nature.
        args.push(match (case.proc.name, index) {
            ("regexp_replace", 3) if ty.oid == oid::TEXT => Expr::Const(datum, ty.clone()),
            _ => Expr::Column(column.clone()),
        });
        columns.push((column, array));
    }
    let ty = result_type(case.proc);
    let expr = Expr::Call { proc: case.proc.oid, args, ty: ty.clone() };
    match evaluate(context, &expr, &columns, 2) {
        Ok(array) => {
            let datum = types::array::get(&ty.form, &array, 0).unwrap();
            text_of(&ty, &datum).unwrap().map_or_else(|| "null".to_owned(), |text| format!("={text}"))
        }
        Err(error) => format!("!{} {}", sqlstate(error.kind()), error.message()),
    }
}

/// What PostgreSQL answers to each call: `=text`, `null`, or `!SQLSTATE message`.
fn theirs(cases: &[Case]) -> Option<Vec<String>> {
    if !Path::new(PROGRAMS).join("initdb").exists() {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_str().unwrap().to_owned();
    let mut script = String::from(
        "create function try(call text) returns text language plpgsql as $$ declare r text; begin \
         execute 'select case when x is null then null else format(''%s'', x) end from (select ' || call || ' as x) s' into r; \
         return case when r is null then 'null' else '=' || replace(replace(r, E'\\n', '\\n'), E'\\r', '\\r') end; \
         exception when others then return '!' || sqlstate || ' ' || replace(sqlerrm, E'\\n', ' '); end $$;\n",
    );
    for case in cases {
        script.push_str(&format!("select try({});\n", quoted(&call_in_sql(case))));
    }
    // initdb refuses to run as root.
    let commands = format!(
        "set -e; cd {place}; PATH={PROGRAMS}:$PATH; initdb -D {place}/data -E UTF8 --locale=C -U postgres >{place}/log 2>&1; \
         pg_ctl -D {place}/data -o '-k {place} -c listen_addresses= -c timezone=UTC -c fsync=off' -l {place}/log -w start >{place}/out 2>&1; \
         psql -X -q -At -h {place} -U postgres -f - postgres || true; \
         pg_ctl -D {place}/data -m immediate stop >{place}/out 2>&1"
    );
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    let mut command = match root {
        true => {
            Command::new("chown").args(["postgres", &place]).status().unwrap();
            let mut command = Command::new("su");
            command.args(["postgres", "-s", "/bin/bash", "-c", &commands]);
            command
        }
        false => {
            let mut command = Command::new("bash");
            command.args(["-c", &commands]);
            command
        }
    };
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = base::spawn::thread("matrix script", move || {
        input.write_all(script.as_bytes()).unwrap();
    })
    .unwrap();
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), cases.len(), "PostgreSQL answered every call");
    Some(answers)
}

/// Differences that are decided: what we refuse with 0A000.
fn is_decided(ours: &str, theirs: &str) -> bool {
    let code = |answer: &str| answer.get(1..6).map(str::to_owned);
    match (ours.starts_with('!'), theirs.starts_with('!')) {
        (true, true) => {
            let (ours, theirs) = (code(ours), code(theirs));
            ours == theirs || ours.as_deref() == Some("0A000")
        }
        (true, false) => code(ours).as_deref() == Some("0A000"),
        _ => false,
    }
}

#[test]
fn every_attached_function_answers_as_postgresql() {
    let cases = cases();
    let Some(theirs) = theirs(&cases) else {
        eprintln!("skipped: PostgreSQL 15 is not installed in {PROGRAMS}");
        return;
    };
    let memory = Memory::new();
    let context = memory.context();
    let mut different: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut functions = std::collections::BTreeSet::new();
    for (case, theirs) in cases.iter().zip(&theirs) {
        functions.insert(case.proc.oid);
        let ours = ours(&context, case).replace('\n', "\\n").replace('\r', "\\r");
        if ours != *theirs && !is_decided(&ours, theirs) {
            let name = format!("{} {} {}", case.proc.oid, case.proc.name, case.proc.source);
            different.entry(name).or_default().push(format!("{}: {ours} but {theirs}", call_in_sql(case)));
        }
    }
    let count: usize = different.values().map(Vec::len).sum();
    let mut report = String::new();
    for (name, lines) in &different {
        report.push_str(&format!("{name}: {}\n", lines.len()));
        for line in lines.iter().take(4) {
            report.push_str(&format!("    {line}\n"));
        }
    }
    assert!(functions.len() > 300, "only {} functions were compared", functions.len());
    assert_eq!(count, 0, "of {} calls of {} functions:\n{report}", cases.len(), functions.len());
}

#[test]
fn forms_of_numeric_agree() {
    let memory = Memory::new();
    let context = memory.context();
    let wide = SqlType::of(oid::NUMERIC).unwrap();
    let values = ["-2.50", "-1.00", "0.00", "0.01", "1.50", "99.99"];
    let operators = [("numeric_add", 1724, 2), ("numeric_sub", 1725, 2), ("numeric_mul", 1726, 4)];
    for (name, proc, scale) in operators {
        for a in values {
            for b in values {
                let narrow = SqlType::numeric_at_scale(2);
                let exact = SqlType { form: Form::Decimal128 { scale }, ..wide.clone() };
                let run = |ty: &SqlType, ret: &SqlType| {
                    let io = IoSettings::default();
                    let args = [a, b].map(|text| {
                        let parsed = types::parse_text(&wide, text, &io).unwrap();
                        let Datum::PgNum(bytes) = &parsed else { panic!("{parsed:?}") };
                        let number = types::PgNum::from_bytes(bytes).unwrap();
                        let fit = types::pgnum::Fit { precision: 38, scale: 2 };
                        let datum = if ty.form == Form::PgNum {
                            parsed
                        } else {
                            Datum::Decimal128(number.to_decimal128(fit).unwrap())
                        };
                        Expr::Const(datum, ty.clone())
                    });
                    let call = Expr::Call { proc: base::id::Oid(proc), args: args.to_vec(), ty: ret.clone() };
                    let array = evaluate(&context, &call, &[], 1).unwrap();
                    text_of(ret, &types::array::get(&ret.form, &array, 0).unwrap()).unwrap()
                };
                assert_eq!(run(&narrow, &exact), run(&wide, &wide), "{name}({a}, {b})");
            }
        }
    }
}
