//! Queries lowered and run over tables in memory.

use super::Memory;
use super::memory::ty;
use base::ErrorKind;
use types::SqlType;

fn numeric(precision: u16, scale: u16) -> SqlType {
    SqlType::with_typmod(types::sql_type::oid::NUMERIC, SqlType::numeric_typmod(precision, scale)).unwrap()
}

/// t(a int4, b text, f float8, n numeric, d numeric(10,2), day date) and u(a int4, c int8).
fn memory() -> Memory {
    let mut memory = Memory::new();
    let (int4, int8, text, float8, date) = (ty(23), ty(20), ty(25), ty(701), ty(1082));
    memory.table(
        "t",
        &[
            ("a", int4.clone()),
            ("b", text),
            ("f", float8),
            ("n", ty(1700)),
            ("d", numeric(10, 2)),
            ("day", date),
        ],
        &[
            &[Some("1"), Some("one"), Some("NaN"), Some("1.0"), Some("1.50"), Some("1994-01-01")],
            &[Some("2"), Some("two"), Some("-0"), Some("1.00"), Some("2.25"), Some("1994-06-01")],
            &[Some("3"), Some("three"), Some("0"), Some("2"), Some("-3.10"), Some("1995-01-01")],
            &[Some("4"), None, Some("NaN"), Some("NaN"), None, None],
            &[None, Some("none"), None, None, Some("0.05"), Some("1996-02-29")],
        ],
    );
    memory.table(
        "u",
        &[("a", int4), ("c", int8)],
        &[
            &[Some("1"), Some("10")],
            &[Some("1"), Some("11")],
            &[Some("3"), None],
            &[None, Some("13")],
            &[Some("5"), Some("9223372036854775807")],
        ],
    );
    memory
}

fn kind(memory: &Memory, sql: &str) -> ErrorKind {
    match memory.try_rows(sql) {
        Err(error) => error.kind(),
        Ok(rows) => panic!("{sql}: {rows:?}"),
    }
}

#[test]
fn projections_filters_and_order() {
    let m = memory();
    assert_eq!(m.rows("select a, b from t where a >= 2 order by a desc"), ["4|-", "3|three", "2|two"]);
    assert_eq!(m.rows("select a from t order by a"), ["1", "2", "3", "4", "-"]);
    assert_eq!(m.rows("select a from t order by a desc limit 2"), ["-", "4"]);
    assert_eq!(m.rows("select a from t order by a offset 3 limit 1"), ["4"]);
    assert_eq!(m.rows("select a + 1, a * 2.5, b || 'x' from t where a = 1"), ["2|2.5|onex"]);
    assert_eq!(m.rows("select 1 where true"), ["1"]);
    assert_eq!(m.rows("select a, a from t where a = 1"), ["1|1"]);
    assert_eq!(m.rows("select count(*) from t"), ["5"]);
    assert_eq!(m.rows("select f from t order by f, a"), ["-0", "0", "NaN", "NaN", "-"]);
    assert_eq!(kind(&m, "select a from t limit -1"), ErrorKind::InvalidRowCountInLimit);
}

#[test]
fn dates_and_decimals_meet_constants_of_wider_types() {
    let m = memory();
    let year = "select a from t where day >= date '1994-01-01' and day < date '1994-01-01' + interval '1 year' order by a";
    assert_eq!(m.rows(year), ["1", "2"]);
    assert_eq!(m.sorted("select a from t where d > 1.4999"), ["1", "2"]);
    assert_eq!(m.sorted("select a from t where d = 1.5"), ["1"]);
    assert_eq!(m.sorted("select a from t where d <> 1.501"), ["-", "1", "2", "3"]);
    let plan = m.explain(year).join("\n");
    assert!(plan.contains("pushed: t.day >= ") && !plan.contains("not pushed"), "{plan}");
    let plan = m.explain("select a from t where d > 1.4999 and b like 't%' and f = 0").join("\n");
    assert!(plan.contains(" pushed: t.d > 1.49") && plan.contains(" pushed: key(t.f) = 0"), "{plan}");
    let kept = "not pushed: textlike(t.b, \"t%\") (function textlike is evaluated on decoded columns)";
    assert!(plan.contains(kept), "{plan}");
}

#[test]
fn groups_and_aggregates() {
    let m = memory();
    assert_eq!(
        m.rows("select sum(n), avg(n), sum(n) filter (where a < 3) from t where a < 4"),
        ["4.00|1.3333333333333333|2.00"]
    );
    assert_eq!(m.rows("select sum(n) from t"), ["NaN"]);
    // Which of its equal values (-0 and 0, 1.0 and 1.00) stands for a group depends on which part of the plan was first.
    let groups = m.rows("select trim_scale(n), count(*) from t group by n order by n");
    assert_eq!(groups, ["1|2", "2|1", "NaN|1", "-|1"]);
    assert_eq!(m.rows("select f + 0, count(*) from t group by f order by f"), ["0|2", "NaN|2", "-|1"]);
    let distinct = m.rows("select trim_scale(n) from (select distinct n from t) s order by n");
    assert_eq!(distinct, ["1", "2", "NaN", "-"]);
    assert_eq!(
        m.rows("select sum(a), avg(a), min(a), max(a), count(a), sum(d), avg(d) from t"),
        ["10|2.5000000000000000|1|4|4|0.70|0.17500000000000000000"]
    );
    assert_eq!(m.rows("select sum(c) from u"), ["9223372036854775841"]);
    assert_eq!(m.rows("select sum(a) from t where a > 100"), ["-"]);
    assert_eq!(
        m.rows("select max(f), min(f) + 0, max(n), trim_scale(min(n)), max(b), max(day) from t"),
        ["NaN|0|NaN|1|two|1996-02-29"]
    );
    assert_eq!(m.rows("select count(distinct f), count(distinct n), sum(distinct a) from t"), ["2|3|10"]);
    assert_eq!(m.rows("select string_agg(b, ',' order by b desc) from t"), ["two,three,one,none"]);
    assert_eq!(m.rows("select array_agg(a order by a) from t"), ["{1,2,3,4,NULL}"]);
    assert_eq!(
        m.rows("select count(*) filter (where a > 2), bool_and(a > 0), bool_or(a > 3) from t"),
        ["2|t|t"]
    );
    assert_eq!(m.rows("select a % 2, sum(a) from t group by a % 2 order by 1"), ["0|6", "1|4", "-|-"]);
    assert_eq!(m.rows("select sum(a) from t having sum(a) > 100"), [] as [&str; 0]);
    assert_eq!(m.rows("select 1 from t group by 1"), ["1"]);
    assert_eq!(m.rows("select 1 from t where false group by 1"), [] as [&str; 0]);
    assert_eq!(
        m.rows("select stddev(a), variance(a::float8) from t"),
        ["1.2909944487358056|1.6666666666666667"]
    );
}

#[test]
fn joins() {
    let m = memory();
    assert_eq!(m.sorted("select t.a, c from t join u on t.a = u.a"), ["1|10", "1|11", "3|-"]);
    assert_eq!(
        m.sorted("select t.a, c from t left join u on t.a = u.a"),
        ["-|-", "1|10", "1|11", "2|-", "3|-", "4|-"]
    );
    assert_eq!(
        m.sorted("select t.a, u.a from t full join u on t.a = u.a where t.a is null"),
        ["-|-", "-|-", "-|5"]
    );
    assert_eq!(m.rows("select count(*) from t, u"), ["25"]);
    assert_eq!(m.sorted("select x.a, y.a from t x join t y on x.f = y.f and x.a < y.a"), ["1|4", "2|3"]);
    assert_eq!(m.sorted("select x.a, y.a from t x join t y on x.n = y.n and x.a < y.a"), ["1|2"]);
    assert_eq!(m.sorted("select t.a from t join u on t.a = u.c - 9"), ["1", "2", "4"]);
}

#[test]
fn subqueries() {
    let m = memory();
    let none: [&str; 0] = [];
    assert_eq!(m.sorted("select a from t where exists (select 1 from u where u.a = t.a)"), ["1", "3"]);
    assert_eq!(
        m.sorted("select a from t where not exists (select 1 from u where u.a = t.a)"),
        ["-", "2", "4"]
    );
    assert_eq!(m.sorted("select a from t where a in (select a from u)"), ["1", "3"]);
    assert_eq!(m.sorted("select a from t where a not in (select a from u)"), none);
    assert_eq!(m.sorted("select a from t where a not in (select a from u where a is not null)"), ["2", "4"]);
    assert_eq!(
        m.sorted("select a from t where a not in (select a from u where false)"),
        ["-", "1", "2", "3", "4"]
    );
    assert_eq!(m.sorted("select a from t where a = 4 or a in (select a from u)"), ["1", "3", "4"]);
    assert_eq!(
        m.sorted("select a, a in (select a from u), a in (select a from u where a is not null) from t"),
        ["-|-|-", "1|t|t", "2|-|f", "3|t|t", "4|-|f"]
    );
    assert_eq!(
        m.sorted("select a, (select max(c) from u where u.a = t.a) from t where a < 4"),
        ["1|11", "2|-", "3|-"]
    );
    assert_eq!(
        m.sorted("select a, (select count(*) from u where u.a = t.a), (select count(*) + 1 from u where u.a = t.a) from t"),
        ["-|0|1", "1|2|3", "2|0|1", "3|1|2", "4|0|1"]
    );
    assert_eq!(m.rows("select a from t where a = (select max(a) from t) "), ["4"]);
    assert_eq!(m.rows("select (select c from u where a = 100)"), ["-"]);
    assert_eq!(kind(&m, "select (select c from u)"), ErrorKind::Cardinality);
    assert_eq!(kind(&m, "select (select c from u where u.a = t.a) from t"), ErrorKind::Cardinality);
    assert_eq!(
        m.sorted("select a, (select c from u where u.a = t.a and c > 10) from t where a <= 2"),
        ["1|11", "2|-"]
    );
    assert_eq!(
        m.sorted("select a, (select c from u where u.a = t.a order by c desc limit 1) from t where a <= 2"),
        ["1|11", "2|-"]
    );
    assert_eq!(
        m.sorted("select a, exists (select 1 from u where u.a = t.a) from t"),
        ["-|f", "1|t", "2|f", "3|t", "4|f"]
    );
    assert_eq!(m.rows("select array(select a from u order by a desc)"), ["{NULL,5,3,1,1}"]);
    assert_eq!(m.rows("select array(select a from u where false)"), ["{}"]);
    assert_eq!(
        m.sorted(
            "select t.a, s.m from t, lateral (select max(c) as m from u where u.a = t.a) s where t.a < 3"
        ),
        ["1|11", "2|-"]
    );
    let sql = "select a from t where exists (select 1 from u where u.a = t.a and u.c <> 10 and u.c > t.a)";
    assert_eq!(m.sorted(sql), ["1"]);
}

#[test]
fn set_operations_and_ctes() {
    let m = memory();
    assert_eq!(m.sorted("select a from t union select a from u"), ["-", "1", "2", "3", "4", "5"]);
    assert_eq!(m.rows("select count(*) from (select a from t union all select a from u) s"), ["10"]);
    assert_eq!(m.sorted("select a from u intersect select a from t"), ["-", "1", "3"]);
    assert_eq!(m.sorted("select a from u intersect all select a from u"), ["-", "1", "1", "3", "5"]);
    assert_eq!(m.sorted("select a from u except all select 1"), ["-", "1", "3", "5"]);
    assert_eq!(m.sorted("select a from u except select a from t"), ["5"]);
    assert_eq!(
        m.sorted("with w as (select a from t where a < 3) select x.a, y.a from w x, w y where x.a < y.a"),
        ["1|2"]
    );
    assert_eq!(m.rows("select * from (values (1, 'a'), (2, null)) v(x, y) order by x"), ["1|a", "2|-"]);
    assert_eq!(m.rows("select x from generate_series(1, 5, 2) x"), ["1", "3", "5"]);
}

#[test]
fn windows() {
    let m = memory();
    assert_eq!(
        m.rows("select a, row_number() over (order by a desc nulls last), lag(a) over (order by a) from t where a is not null order by a"),
        ["1|4|-", "2|3|1", "3|2|2", "4|1|3"]
    );
    assert_eq!(
        m.rows("select a, sum(a) over (order by a), avg(a) over (order by a rows between 1 preceding and current row) from t where a < 4 order by a"),
        ["1|1|1.00000000000000000000", "2|3|1.5000000000000000", "3|6|2.5000000000000000"]
    );
    assert_eq!(
        m.rows("select n, rank() over (order by n) from t where a < 4 order by a"),
        ["1.0|1", "1.00|1", "2|3"]
    );
}

#[test]
fn nothing_unreached_is_evaluated() {
    let m = memory();
    assert_eq!(m.sorted("select case when a > 1 then 10 / (a - 1) end from t"), ["-", "-", "10", "3", "5"]);
    assert_eq!(m.sorted("select a from t where a <> 1 and 10 / (a - 1) > 4"), ["2", "3"]);
    assert_eq!(m.sorted("select a from t where a = 1 or 10 / (a - 1) > 4"), ["1", "2", "3"]);
    assert_eq!(
        m.sorted("select a from t where case when a = 1 then false else 10 / (a - 1) > 4 end"),
        ["2", "3"]
    );
    assert_eq!(kind(&m, "select a / 0 from t"), ErrorKind::DivisionByZero);
    assert_eq!(kind(&m, "select a + 2147483647 from t"), ErrorKind::NumericOutOfRange);
    assert_eq!(m.rows("select coalesce(null, 1, 1 / 0)"), ["1"]);
}

#[test]
fn casts_and_modifiers() {
    let m = memory();
    assert_eq!(
        m.rows("select 1.005::numeric(10,2), 2.5::int, (-2.5)::float8::int, 3.5::float8::int"),
        ["1.01|3|-2|4"]
    );
    assert_eq!(m.rows("select 'abcdef'::varchar(3), 12::text, '12'::int + 1, true::int"), ["abc|12|13|1"]);
    assert_eq!(
        m.rows("select d::int, d::text, d * 2, d / 3 from t where a = 1"),
        ["2|1.50|3.00|0.50000000000000000000"]
    );
    assert_eq!(kind(&m, "select 'x'::int from t"), ErrorKind::InvalidText);
    assert_eq!(kind(&m, "select a::text::date from t"), ErrorKind::InvalidDatetime);
    assert_eq!(kind(&m, "select 12345.6::numeric(4,1)"), ErrorKind::NumericOutOfRange);
    assert_eq!(
        kind(
            &m,
            "select d * 1000000000::numeric(20,0) * 99999999999999999999::numeric(20,0) * 1e10::numeric(20,0) from t"
        ),
        ErrorKind::NumericOutOfRange
    );
}

#[test]
fn lists_and_patterns() {
    let m = memory();
    assert_eq!(m.sorted("select a from t where a in (1, 3, null)"), ["1", "3"]);
    assert_eq!(m.sorted("select a from t where a not in (1, 3)"), ["2", "4"]);
    assert_eq!(m.sorted("select a from t where f in (0, 'NaN')"), ["1", "2", "3", "4"]);
    assert_eq!(m.sorted("select a from t where n in (1, 2.000)"), ["1", "2", "3"]);
    assert_eq!(m.sorted("select a from t where a = any (array[2, 3])"), ["2", "3"]);
    assert_eq!(m.sorted("select a from t where a <> all (array[2, 3])"), ["1", "4"]);
    assert_eq!(m.sorted("select a from t where a = any (array[a, 3])"), ["1", "2", "3", "4"]);
    assert_eq!(m.sorted("select b from t where b like 't%' or b ilike 'ON_'"), ["one", "three", "two"]);
    assert_eq!(m.sorted("select b from t where b not like '%o%'"), ["three"]);
    assert_eq!(m.sorted("select b from t where b ~ '^t.*e$'"), ["three"]);
    assert_eq!(
        m.rows("select greatest(1, null, 3), least('b', 'a'), nullif(1, 1), greatest(1.50, 1.5)"),
        ["3|a|-|1.50"]
    );
    assert_eq!(m.sorted("select a from t where n is distinct from 1"), ["-", "3", "4"]);
    assert_eq!(m.rows("select (array[10, 20, 30])[2], array_length(array[1, 2], 1)"), ["20|2"]);
}

#[test]
fn long_chains_neither_overflow_nor_take_long() {
    // On a stack like that of the threads that plan.
    let checked = base::spawn::big_stack_thread("chains", base::limits::STACK_BYTES, check_chains).unwrap();
    checked.join().unwrap();
}

fn check_chains() {
    let m = memory();
    let or: Vec<String> = (0..2_000).map(|i| format!("a = {i}")).collect();
    assert_eq!(m.rows(&format!("select count(*) from t where {}", or.join(" or "))), ["4"]);
    let plus = vec!["1"; 500].join(" + ");
    assert_eq!(m.rows(&format!("select {plus}")), ["500"]);
}

/// One column in two forms was one name in a plan once: joining on both failed.
#[test]
fn a_column_is_compared_in_several_forms_at_once() {
    let mut m = Memory::new();
    m.table(
        "w",
        &[("p", numeric(12, 4)), ("q", numeric(10, 2)), ("i", ty(23)), ("f", ty(700)), ("b", ty(16))],
        &[
            &[Some("2.0000"), Some("2.00"), Some("2"), Some("2"), Some("t")],
            &[Some("3.5000"), Some("3.50"), Some("3"), Some("3.5"), None],
            &[None, Some("1.00"), Some("1"), None, Some("f")],
        ],
    );
    assert_eq!(m.rows("select a.i, b.i from w a join w b on a.p = b.q and a.i = b.q"), ["2|2"]);
    assert_eq!(
        m.sorted(
            "select a.i from w a left join w b on a.p = b.q and a.i = b.q and a.f = b.f::float8 and b.f = a.f"
        ),
        ["1", "2", "3"]
    );
    // IS TRUE is never null, which DataFusion's physical expression for it does not know.
    assert_eq!(m.rows("select count(*), sum(i) filter (where b is true), sum(q) from w"), ["3|2|6.50"]);
}

/// A nested loop over large sides kept its thread for minutes after it was cancelled; four of them stopped a server.
#[test]
fn nested_loops_are_paced() {
    let m = memory();
    let sql = "select x.a, y.a from t x, t y where x.a + y.a = 3 order by 1";
    assert_eq!(m.rows(sql), ["1|2", "2|1"]);
    let plan = m.explain(sql).join("\n");
    assert!(plan.contains("NestedLoopJoinExec") && plan.contains("Pace: rows="), "{plan}");
}
