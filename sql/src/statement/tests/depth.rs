//! Statements that nest or chain far: an answer or 54001, never an overflow of the stack.

use super::{catalog, outcome};
use crate::binder::BindContext;
use crate::parse::parse;
use crate::statement::bind_statement;
use base::limits::{NESTING_MAX, STACK_BYTES};
use base::spawn;

const TERMS: usize = 5_000;

/// Runs `body` as callers do.
fn on_big_stack<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    spawn::big_stack_thread("deep", STACK_BYTES, body).unwrap().join().unwrap()
}

fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    format!("select {}{inner}{}", open.repeat(levels), close.repeat(levels))
}

/// Parses, binds and drops; the kind of the error, if any.
fn kind(sql: String) -> Option<base::ErrorKind> {
    on_big_stack(move || {
        let catalog = catalog();
        let search_path = ["public".to_owned()];
        let context = BindContext::new(&sql, &catalog).with_search_path(&search_path);
        let bound = parse(&sql)
            .and_then(|all| all.iter().map(|s| bind_statement(&context, s)).collect::<Result<Vec<_>, _>>());
        bound.err().map(|e| e.kind())
    })
}

#[test]
fn chains_of_operators_get_an_answer() {
    let chain = |term: &str, operator: &str| format!("select {}", vec![term; TERMS].join(operator));
    for sql in [
        chain("1", " + "),
        chain("'a'", " || "),
        chain("true", " and "),
        chain("1 = 1", " or "),
        format!("select case {} else 0 end", "when 1 = 2 then 3 ".repeat(TERMS)),
        format!("select 1 in ({})", vec!["1"; TERMS].join(", ")),
        format!("values {}", vec!["(1)"; TERMS].join(", ")),
        format!("insert into u (x) values {}", vec!["(1)"; TERMS].join(", ")),
        format!("select 1{}", "::integer".repeat(TERMS)),
    ] {
        let start: String = sql.chars().take(40).collect();
        let kind = kind(sql);
        assert!(matches!(kind, None | Some(base::ErrorKind::TooComplex)), "{start}: {kind:?}");
    }
}

#[test]
fn chains_of_queries_and_nesting_beyond_the_limit_are_refused() {
    for sql in [
        vec!["select 1"; TERMS].join(" union "),
        format!("select * from u{}", " cross join u".repeat(TERMS)),
        nested("(", "1", ")", TERMS),
        nested("case when true then ", "1", " end", TERMS),
        nested("not ", "true", "", TERMS),
        nested("- ", "1", "", TERMS),
        nested("(select ", "1", ")", TERMS),
        nested("abs(", "1", ")", TERMS),
    ] {
        let start: String = sql.chars().take(40).collect();
        assert_eq!(kind(sql), Some(base::ErrorKind::TooComplex), "{start}");
    }
}

#[test]
fn nesting_up_to_the_limit_does_not_overflow() {
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("case when true then ", "1", " end"),
        ("(select ", "1", ")"),
        ("(select x from (", "select 1 as x", ") q limit 1)"),
        ("exists (select ", "1", ")"),
        ("not ", "true", ""),
        ("abs(", "1", ")"),
        ("coalesce(1, ", "1", ")"),
        ("1 in (", "1", ")"),
        ("cast(", "1", " as integer)"),
    ] {
        let levels = NESTING_MAX / open.matches(['(']).count().max(1) - 2;
        let kind = kind(nested(open, inner, close, levels));
        assert!(
            !matches!(kind, Some(base::ErrorKind::Internal | base::ErrorKind::Syntax)),
            "{open}: {kind:?}"
        );
    }
}

#[test]
fn arguments_of_nested_calls_are_parsed_once_each() {
    // Parsed twice each, this would take longer than the tests may.
    assert!(on_big_stack(|| parse(&nested("abs(", "1", ")", 200)).is_ok()));
}

#[test]
fn deep_trees_are_dropped_on_any_thread() {
    let parsed = on_big_stack(|| parse(&format!("select {}", vec!["1"; TERMS].join(" + "))).unwrap());
    let thread = spawn::thread("small", move || drop(parsed)).unwrap();
    assert!(thread.join().is_ok());
}

#[test]
fn a_statement_over_the_size_limit_is_refused() {
    let kind =
        on_big_stack(|| parse(&" ".repeat(base::limits::STATEMENT_BYTES_MAX + 1)).err().map(|e| e.kind()));
    assert_eq!(kind, Some(base::ErrorKind::LimitExceeded));
}

#[test]
fn an_empty_string_has_no_statements() {
    let counts = on_big_stack(|| {
        ["", "  ;; ", "-- nothing", "/* a /* b */ */;", "select 1;; select 2"]
            .map(|sql| parse(sql).map(|all| all.len()).ok())
    });
    assert_eq!(counts, [Some(0), Some(0), Some(0), Some(0), Some(2)]);
}

#[test]
fn positions_count_characters_of_the_whole_string() {
    let line = on_big_stack(|| outcome("select 'äöü';\n -- é\n insert into nosuch values (1)"));
    assert_eq!(line, "! UndefinedTable @34 relation \"nosuch\" does not exist");
}
